//! Direct networks of high radix: shapes and routes by closed form, freedom from deadlock by search.

mod walk;

use base::route::Empty;
use base::{Class, Head, LinkIdx, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx, View};
use proptest::prelude::*;
use topology::check;
use topology::routing::Step;
use topology::spec::{End, Fabric, MachineSpec};
use walk::{all_pairs, deadlock_free, deadlock_free_with, follow};

const FLOWS: [u32; 6] = [0, 1, 0x1234_5678, 0x9abc_def0, 0x0f0f_7777, u32::MAX];

fn machine(fabric: &str, vcs: u8) -> MachineSpec {
    walk::machine(fabric, vcs).unwrap_or_else(|e| panic!("{e}"))
}

/// Free of deadlock by the search here and by the one that every machine passes.
fn sound(spec: &MachineSpec) {
    let name = spec.fabric.routing.way().name();
    assert!(deadlock_free(spec), "{name}");
    check(spec).unwrap_or_else(|e| panic!("{name}: {e}"));
}

fn hyperx(dims: &str, rest: &str) -> MachineSpec {
    let fixed = r#"local: "wire", link: "wire", clock: "die""#;
    machine(&format!("HyperX(dims: {dims}, {fixed}, {rest})"), 2)
}

fn dragonfly(shape: &str, routing: &str) -> MachineSpec {
    let fixed = r#"local: "wire", link: "wire", global_link: "wire", clock: "die""#;
    machine(&format!("Dragonfly({shape}, {fixed}, routing: {routing})"), 3)
}

fn slimfly(q: u32, nodes: u32, routing: &str) -> MachineSpec {
    let fixed = r#"local: "wire", link: "wire", clock: "die""#;
    machine(&format!("SlimFly(q: {q}, nodes_per_router: {nodes}, {fixed}, routing: {routing})"), 4)
}

/// Routers, cables between routers, and the radix.
fn shape(spec: &MachineSpec) -> (usize, usize, usize) {
    let f = &spec.fabric;
    let between = |end: &End| matches!(end, End::Router(..));
    let cables = f.links.iter().filter(|l| between(&l.from) && between(&l.to)).count() / 2;
    let radix = f.routers.iter().map(|r| r.ports.len()).max().expect("there are routers");
    (f.routers.len(), cables, radix)
}

/// The routers that a packet visits.
fn routers(f: &Fabric, links: &[LinkIdx]) -> Vec<usize> {
    let into = |l: &LinkIdx| match f.links[l.at()].to {
        End::Router(r, _) => Some(r.at()),
        End::Node(..) => None,
    };
    links.iter().filter_map(into).collect()
}

/// Hops between routers on the routes of an idle network, averaged over all pairs of routers, with
/// one node on each.
fn mean_hops(spec: &MachineSpec) -> f64 {
    let (mut sum, mut count) = (0, 0);
    all_pairs(spec, &FLOWS[..1], |_, links| {
        sum += links.len() - 2;
        count += 1;
    });
    sum as f64 / f64::from(count)
}

fn same(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9, "{a} is not {b}");
}

/// The coordinates of a router in a 4 by 3 by 2 grid.
fn coordinates(r: usize) -> [usize; 3] {
    [r % 4, r / 4 % 3, r / 12]
}

fn apart(a: usize, b: usize) -> usize {
    coordinates(a).iter().zip(coordinates(b)).filter(|(a, b)| **a != *b).count()
}

#[test]
fn a_hyperx_links_every_pair_of_routers_that_differ_in_one_coordinate() {
    let spec = hyperx("[4, 3, 2]", "nodes_per_router: 2, links_per_pair: [1, 2, 3]");
    // 24 routers with 3 * 1 + 2 * 2 + 1 * 3 links to others and 2 nodes.
    assert_eq!(shape(&spec), (24, 24 * 10 / 2, 12));
    let mut between = vec![[0; 24]; 24];
    for link in &spec.fabric.links {
        if let (End::Router(a, _), End::Router(b, _)) = (link.from, link.to) {
            between[a.at()][b.at()] += 1;
        }
    }
    for (a, b) in (0..24 * 24).map(|i| (i / 24, i % 24)) {
        let differ = (0..3).find(|d| coordinates(a)[*d] != coordinates(b)[*d]);
        let links = if apart(a, b) == 1 { 1 + differ.expect("in one") } else { 0 };
        assert_eq!(between[a][b], links, "{a} to {b}");
    }
}

#[test]
fn minimal_routes_of_a_hyperx_have_a_hop_for_each_coordinate_that_differs() {
    for routing in ["DimensionOrder", "Adaptive"] {
        let rest = format!("nodes_per_router: 2, links_per_pair: [2, 1, 1], routing: {routing}");
        let spec = hyperx("[4, 3, 2]", &rest);
        all_pairs(&spec, &FLOWS, |head, links| {
            let hops = apart(head.src.at() / 2, head.dst.at() / 2);
            assert_eq!(links.len(), hops + 2, "{routing}: {head:?}");
        });
        sound(&spec);
    }
    // Each of k coordinates is as likely: it differs in 1 - 1/k of all pairs.
    same(mean_hops(&hyperx("[4, 3, 2]", "")), 3.0 / 4.0 + 2.0 / 3.0 + 1.0 / 2.0);
}

#[test]
fn dal_goes_out_of_its_way_at_most_once_in_a_dimension_and_only_where_it_pays() {
    let spec = hyperx("[4, 3, 2]", "nodes_per_router: 2, routing: Dal");
    let mut longer = 0;
    all_pairs(&spec, &FLOWS, |head, links| {
        let path = routers(&spec.fabric, links);
        let dst = head.dst.at() / 2;
        let mut hops = [0; 3];
        for hop in path.windows(2) {
            let d = (0..3).find(|d| coordinates(hop[0])[*d] != coordinates(hop[1])[*d]);
            hops[d.expect("a hop goes somewhere")] += 1;
        }
        for (d, hops) in hops.into_iter().enumerate() {
            let differs = coordinates(path[0])[d] != coordinates(dst)[d];
            assert!(hops <= if differs { 2 } else { 0 }, "{head:?}: {path:?}");
        }
        longer += usize::from(path.len() > 1 + apart(path[0], dst));
    });
    assert!(longer > 1_000, "{longer} detours");
    // Nothing waits: nothing is gained.
    same(mean_hops(&hyperx("[4, 3, 2]", "routing: Dal")), 23.0 / 12.0);
    sound(&spec);
}

#[test]
fn valiant_and_ugal_on_a_hyperx_meet_a_third_router() {
    for routing in ["Valiant", "Ugal"] {
        let spec = hyperx("[4, 3, 2]", &format!("links_per_pair: [2, 1, 1], routing: {routing}"));
        let mut longer = 0;
        all_pairs(&spec, &FLOWS, |head, links| {
            let path = routers(&spec.fabric, links);
            let hops = apart(head.src.at(), head.dst.at());
            assert!((hops..=6).contains(&(path.len() - 1)), "{path:?}");
            assert!(hops > 0 || path.len() == 1, "{path:?}");
            longer += usize::from(path.len() > 1 + hops);
        });
        assert!(longer > 300, "{routing}: {longer} detours");
        sound(&spec);
    }
    same(mean_hops(&hyperx("[4, 3, 2]", "routing: Ugal")), 23.0 / 12.0);
}

#[test]
fn other_names_of_a_hyperx_are_the_same_fabric() {
    let rest = r#"(dims: [3, 3], local: "wire", link: "wire", clock: "die")"#;
    let links = |name| machine(&format!("{name}{rest}"), 1).fabric.links;
    assert_eq!(links("HyperX"), links("FlattenedButterfly"));
    assert_eq!(links("HyperX"), links("NdFullMesh"));
}

fn full_mesh(nodes: u32) -> MachineSpec {
    let fixed = r#"local: "wire", link: "wire", clock: "die", links_per_pair: 2, local_links: 2"#;
    machine(&format!("FullMesh(accelerators: {nodes}, {fixed}, routing: Detour)"), 2)
}

#[test]
fn a_full_mesh_makes_one_detour_where_the_queues_say_so() {
    let spec = full_mesh(6);
    let (mut direct, mut detours) = (0, 0);
    all_pairs(&spec, &FLOWS, |head, links| match links.len() - 2 {
        0 => assert_eq!(head.src, head.dst),
        1 => direct += 1,
        2 => detours += 1,
        more => panic!("{more} hops: {head:?}"),
    });
    assert!(direct > 50 && detours > 20, "{direct} direct, {detours} not");
    sound(&spec);
    same(mean_hops(&spec), 5.0 / 6.0);
    sound(&full_mesh(2));
}

/// Queues of the same length at some ports.
#[derive(Debug)]
struct Queues {
    flits: u32,
    ports: Vec<u16>,
    /// Whose ports: another router's where given.
    of: Option<usize>,
}

impl View for Queues {
    fn used(&self, port: PortIdx, _: u64) -> u32 {
        if self.of.is_none() && self.ports.contains(&port.0) { self.flits } else { 0 }
    }

    fn free(&self, _: PortIdx, vcs: u64) -> u64 {
        vcs
    }

    fn used_at(&self, router: RouterIdx, port: PortIdx, _: u64) -> u32 {
        let there = self.of == Some(router.at()) && self.ports.contains(&port.0);
        if there { self.flits } else { 0 }
    }
}

#[test]
fn a_detour_takes_the_upper_group_on_its_second_leg() {
    let spec = full_mesh(4);
    let mut head = Head { src: NodeIdx(0), dst: NodeIdx(3), flow: 5, class: Class::Fwd, state: 0 };
    // Ports 0, 1: the node; 2, 3: router 1; 4, 5: router 2; 6, 7: router 3. All but router 2 wait.
    let view = Queues { flits: 1, ports: vec![2, 3, 6, 7], of: None };
    let r = &spec.fabric.routing;
    let first = r.route(RouterIdx(0), PortIdx(0), VcIdx(2), &mut head, &view);
    assert!([4, 5].contains(&first.port.0) && first.vcs == 0b0100, "{first:?}");
    let second = r.route(RouterIdx(2), PortIdx(2), VcIdx(2), &mut head, &view);
    assert!([6, 7].contains(&second.port.0) && second.vcs == 0b1000, "{second:?}");
    let last = r.route(RouterIdx(3), PortIdx(4), VcIdx(3), &mut head, &view);
    assert!([0, 1].contains(&last.port.0) && last.vcs == 0b1100, "{last:?}");
}

#[test]
fn a_dragonfly_has_a_link_for_each_pair_of_groups() {
    // (p, a, h, groups): links of each pair.
    for (a, h, g, each) in [(4, 2, 9, 1), (4, 2, 5, 2), (4, 2, 2, 8), (3, 2, 4, 2), (4, 3, 6, 2)] {
        for arrangement in ["Palmtree", "Consecutive"] {
            let shaped = format!(
                "nodes_per_router: 2, routers_per_group: {a}, globals_per_router: {h}, groups: {g}, \
                 arrangement: {arrangement}"
            );
            let spec = dragonfly(&shaped, "Minimal");
            let pairs = g * (g - 1) / 2;
            let (routers, cables, radix) = shape(&spec);
            assert_eq!((routers, cables), (a * g, g * a * (a - 1) / 2 + pairs * each), "{shaped}");
            assert_eq!(radix, 2 + a - 1 + h, "{shaped}");
            let mut between = vec![vec![0; g]; g];
            for link in &spec.fabric.links {
                if let (End::Router(r, _), End::Router(s, _)) = (link.from, link.to) {
                    between[r.at() / a][s.at() / a] += 1;
                }
            }
            for (i, j) in (0..g * g).map(|n| (n / g, n % g)).filter(|(i, j)| i != j) {
                assert_eq!(between[i][j], each, "{i} to {j} of {shaped}");
            }
        }
    }
}

const BALANCED: &str = "nodes_per_router: 1, routers_per_group: 4, globals_per_router: 2";

#[test]
fn minimal_routes_of_a_dragonfly_take_one_global_link() {
    for arrangement in ["Palmtree", "Consecutive"] {
        let spec = dragonfly(&format!("{BALANCED}, arrangement: {arrangement}"), "Minimal");
        all_pairs(&spec, &FLOWS, |head, links| {
            let groups: Vec<_> = routers(&spec.fabric, links).iter().map(|r| r / 4).collect();
            let global = groups.windows(2).filter(|w| w[0] != w[1]).count();
            assert_eq!(global, usize::from(head.src.at() / 4 != head.dst.at() / 4), "{groups:?}");
            assert!(groups.len() <= 4, "{groups:?}");
        });
        sound(&spec);
        // 3 of 36 are in the own group; to others one global link and 3/4 of a local one on each
        // side.
        same(mean_hops(&spec), 3.0 / 36.0 + 32.0 / 36.0 * (1.0 + 2.0 * 3.0 / 4.0));
    }
}

#[test]
fn indirect_routes_of_a_dragonfly_take_two_global_links_at_most() {
    for shaped in [BALANCED.to_owned(), format!("{BALANCED}, groups: 4")] {
        for routing in ["Valiant", "UgalL", "UgalG"] {
            let spec = dragonfly(&shaped, routing);
            assert_eq!(spec.fabric.routing.global(), routing == "UgalG");
            let mut globals = [0; 3];
            all_pairs(&spec, &FLOWS, |_, links| {
                let groups: Vec<_> = routers(&spec.fabric, links).iter().map(|r| r / 4).collect();
                globals[groups.windows(2).filter(|w| w[0] != w[1]).count()] += 1;
                assert!(groups.len() <= 6, "{groups:?}");
            });
            assert!(globals[2] > 100, "{routing}: {globals:?}");
            assert_eq!(globals[1] == 0, routing == "Valiant", "{globals:?}");
            sound(&spec);
        }
    }
    sound(&dragonfly(&format!("{BALANCED}, groups: 2"), "Valiant"));
    sound(&dragonfly(&format!("{BALANCED}, groups: 1"), "UgalL"));
}

#[test]
fn ugal_g_sees_the_queue_of_a_global_link_on_another_router_and_ugal_l_does_not() {
    // Router 0 owns the links 0 and 1 of group 0, to groups 1 and 2; group 8 is met by link 7, on
    // router 3, whose ports are node, 3 peers, links 6 and 7.
    let blocked = Queues { flits: 100, ports: vec![5], of: Some(3) };
    for (routing, seen) in [("UgalL", false), ("UgalG", true)] {
        let spec = dragonfly(BALANCED, routing);
        let head = Head { src: NodeIdx(0), dst: NodeIdx(35), flow: 0, class: Class::Req, state: 0 };
        let to_3 = |flow: u32| {
            let mut head = Head { flow, ..head };
            let r = &spec.fabric.routing;
            let hop = r.route(RouterIdx(0), PortIdx(0), VcIdx(0), &mut head, &blocked);
            let next = r.route(RouterIdx(3), PortIdx(1), VcIdx(0), &mut head, &Empty);
            hop.port == PortIdx(3) && next.port == PortIdx(5)
        };
        assert_eq!((0..100).all(to_3), !seen, "{routing}");
        assert_eq!((0..100).any(to_3), !seen, "{routing}");
    }
}

#[test]
fn a_slim_fly_has_the_degree_and_diameter_of_its_graph() {
    // (3q - d)/2 links to others; at distance 1 that many, all others at 2.
    for (q, degree) in [(3, 5), (5, 7), (7, 11)] {
        let spec = slimfly(q, 1, "Minimal");
        let routers = 2 * (q * q) as usize;
        assert_eq!(shape(&spec), (routers, routers * degree / 2, 1 + degree));
        let far = routers - 1 - degree;
        same(mean_hops(&spec), (degree + 2 * far) as f64 / routers as f64);
    }
}

#[test]
fn routes_of_a_slim_fly_take_two_hops_or_four() {
    for (routing, most) in [("Minimal", 2), ("Valiant", 4), ("Ugal", 4)] {
        let spec = slimfly(5, 1, routing);
        let mut hops = [0; 5];
        all_pairs(&spec, &FLOWS, |_, links| hops[links.len() - 2] += 1);
        assert!(hops[..=most].iter().all(|n| *n > 0 || routing == "Valiant"), "{hops:?}");
        assert!(hops[most + 1..].iter().all(|n| *n == 0), "{hops:?}");
        assert_eq!(hops[0], 50 * FLOWS.len(), "{hops:?}");
    }
    for routing in ["Minimal", "Valiant", "Ugal"] {
        sound(&slimfly(3, 2, routing));
    }
}

#[test]
fn routes_without_their_vc_groups_are_found_to_deadlock() {
    let flat = |s: Step| Step { groups: 1, ..s };
    for spec in [
        hyperx("[3, 3]", "routing: Valiant"),
        hyperx("[3, 3]", "routing: Adaptive"),
        full_mesh(4),
        dragonfly(BALANCED, "Minimal"),
        dragonfly(BALANCED, "Valiant"),
        slimfly(3, 1, "Minimal"),
    ] {
        sound(&spec);
        let waited_for = |s: Step| flat(Step { escape: true, ..s });
        assert!(!deadlock_free_with(&spec, waited_for), "{}", spec.fabric.routing.way().name());
    }
    // Adaptive VCs that are waited for are no help either.
    let dal = hyperx("[3, 3]", "routing: Dal");
    assert!(!deadlock_free_with(&dal, |s| Step { escape: true, ..s }));
}

#[test]
fn parallel_links_are_used_alike() {
    let spec = hyperx("[2, 2]", "links_per_pair: [4, 1], local_links: 2");
    let mut count = [0; 2 + 4 + 1];
    for flow in 0..4_000 {
        let head = Head { src: NodeIdx(0), dst: NodeIdx(1), flow, class: Class::Ack, state: 0 };
        let (link, _) = follow(&spec.fabric, &head, None, false)[1];
        let End::Router(_, port) = spec.fabric.links[link.at()].from else { panic!("a router") };
        count[port.at()] += 1;
    }
    assert!(count[2..6].iter().all(|n| (900..1_100).contains(n)), "{count:?}");
}

/// Nothing has room but what is not asked about: adaptive VCs are full.
#[derive(Debug)]
struct Full;

impl View for Full {
    fn used(&self, _: PortIdx, _: u64) -> u32 {
        9
    }

    fn free(&self, _: PortIdx, _: u64) -> u64 {
        0
    }

    fn used_at(&self, _: RouterIdx, _: PortIdx, _: u64) -> u32 {
        9
    }
}

#[test]
fn without_room_on_adaptive_vcs_a_packet_is_offered_the_escape_and_then_may_leave_it() {
    let spec = hyperx("[4, 4]", "routing: Dal");
    let r = &spec.fabric.routing;
    let mut head = Head { src: NodeIdx(0), dst: NodeIdx(15), flow: 5, class: Class::Req, state: 0 };
    // Ports: node; x = 1, 2, 3; y = 1, 2, 3. The escape is to x = 3 on VC 0.
    let stuck = r.route(RouterIdx(0), PortIdx(0), VcIdx(0), &mut head, &Full);
    assert_eq!((stuck.port, stuck.vcs), (PortIdx(3), 0b01));
    let free = r.route(RouterIdx(0), PortIdx(0), VcIdx(0), &mut head, &Empty);
    assert!([PortIdx(3), PortIdx(6)].contains(&free.port) && free.vcs == 0b10, "{free:?}");
    assert!(r.adaptive());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..Default::default()
    })]

    #[test]
    fn any_small_hyperx_is_sound(
        dims in proptest::collection::vec(1_u32..5, 1..4),
        nodes in 1_u32..3,
        links in 1_u32..3,
        routing in 0_usize..5,
        flow: u32,
    ) {
        let routers = dims.iter().product::<u32>();
        prop_assume!(routers * nodes > 1 && routers <= 24);
        let routing = ["DimensionOrder", "Adaptive", "Dal", "Valiant", "Ugal"][routing];
        let rest =
            format!("nodes_per_router: {nodes}, links_per_pair: {links}, routing: {routing}");
        let spec = hyperx(&format!("{dims:?}"), &rest);
        sound(&spec);
        all_pairs(&spec, &[flow, !flow, flow ^ 7], |_, links| {
            assert!(links.len() <= 2 + 2 * dims.len(), "{links:?}");
        });
    }

    #[test]
    fn any_small_dragonfly_is_sound(
        nodes in 1_u32..3,
        a in 1_u32..5,
        h in 1_u32..4,
        groups in 1_u32..9,
        consecutive: bool,
        routing in 0_usize..4,
        flow: u32,
    ) {
        let groups = groups.min(a * h + 1);
        prop_assume!(nodes * a * groups > 1);
        let routing = ["Minimal", "Valiant", "UgalL", "UgalG"][routing];
        let arrangement = if consecutive { "Consecutive" } else { "Palmtree" };
        let shaped = format!(
            "nodes_per_router: {nodes}, routers_per_group: {a}, globals_per_router: {h}, \
             groups: {groups}, arrangement: {arrangement}"
        );
        let spec = dragonfly(&shaped, routing);
        sound(&spec);
        all_pairs(&spec, &[flow, !flow, flow ^ 7], |_, links| {
            assert!(links.len() <= if routing == "Minimal" { 5 } else { 7 }, "{links:?}");
        });
    }
}
