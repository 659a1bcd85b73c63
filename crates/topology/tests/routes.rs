//! Laws of routing, over random small machines.

use base::route::Empty;
use base::{Class, Head, LinkIdx, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx};
use proptest::prelude::*;
use topology::describe::{
    Cable, Description, FabricForm, Graph, GraphRouting, Grid, PerSwitch, SwitchPlanes, UpRouting,
};
use topology::names::Named;
use topology::spec::{End, Fabric, MachineSpec};
use topology::{ErrorKind, check};

/// A machine of any fabric whose routers run on the clock `die` and whose links are wires.
fn machine(fabric: FabricForm, vcs_per_class: u8) -> Description {
    let mut d = Description::mesh8x8();
    d.fabric = fabric;
    d.router.vcs_per_class = vcs_per_class;
    d
}

fn grid(dims: &[u32], local_links: u32) -> Grid {
    let FabricForm::Mesh(mut grid) = Description::mesh8x8().fabric else { unreachable!("a mesh") };
    grid.dims = dims.to_vec();
    grid.local_links = local_links;
    grid
}

fn planes(accelerators: u32, each: &[u32]) -> FabricForm {
    FabricForm::SwitchPlanes(SwitchPlanes {
        accelerators,
        switches: u32::try_from(each.len()).expect("few"),
        links_per_pair: PerSwitch::Each(each.to_vec()),
        link: "wire".to_owned(),
        length: None,
        clock: "die".to_owned(),
        spray: UpRouting::default(),
    })
}

/// Routers in a random tree with random chords, nodes hung on them at random.
fn graph(
    routers: usize,
    parents: &[usize],
    chords: &[(usize, usize)],
    homes: &[usize],
) -> FabricForm {
    let cable = |from: String, to: String, count| Cable {
        from,
        to,
        link: "wire".to_owned(),
        length: None,
        count,
    };
    let r = |i: usize| format!("r{}", i % routers);
    let mut links = Vec::new();
    for (i, parent) in parents.iter().enumerate().take(routers).skip(1) {
        links.push(cable(r(i), r(parent % i), 1 + u32::from(parent.is_multiple_of(3))));
    }
    for (a, b) in chords.iter().filter(|(a, b)| a % routers != b % routers) {
        links.push(cable(r(*a), r(*b), 1));
    }
    for (n, home) in homes.iter().enumerate() {
        links.push(cable(format!("n{n}"), r(*home), 1));
        links.push(cable(r(home + n), format!("n{n}"), 1));
    }
    FabricForm::Graph(Graph {
        nodes: (0..homes.len()).map(|n| format!("n{n}")).collect(),
        routers: Named((0..routers).map(|i| (r(i), "die".to_owned())).collect()),
        links,
        routing: GraphRouting::default(),
    })
}

/// A step of a route: the link taken, and the VCs that were allowed on it.
type Taken = (LinkIdx, u64);

/// Follows a packet, on the lowest or the highest VC allowed, until it reaches a node.
fn follow(f: &Fabric, head: &Head, high: bool) -> Vec<Taken> {
    let mut head = *head;
    let hop = f.routing.inject(&mut head, &Empty);
    let mut taken = vec![(f.node_ports[head.src.at()][hop.port.at()], hop.vcs)];
    loop {
        let (link, vcs) = *taken.last().expect("never empty");
        let vc = if high { vcs.ilog2() } else { vcs.trailing_zeros() };
        let vc = VcIdx(u8::try_from(vc).expect("a bit of 64"));
        match f.links[link.at()].to {
            End::Node(n, _) => {
                assert_eq!(n, head.dst, "delivered to another");
                return taken;
            }
            End::Router(at, in_port) => {
                let hop = f.routing.route(at, in_port, vc, &mut head, &Empty);
                taken.push((f.routers[at.at()].ports[hop.port.at()], hop.vcs));
            }
        }
        assert!(taken.len() < 100, "going in circles: {taken:?}");
    }
}

/// Links from node to node by breadth-first search that knows nothing of the routing.
fn links_between(f: &Fabric, src: NodeIdx) -> Vec<usize> {
    let mut of_node = vec![usize::MAX; f.node_ports.len()];
    let mut of_router = vec![usize::MAX; f.routers.len()];
    let mut front: Vec<(LinkIdx, usize)> = f.node_ports[src.at()].iter().map(|l| (*l, 1)).collect();
    let mut at = 0;
    while let Some(&(link, far)) = front.get(at) {
        at += 1;
        match f.links[link.at()].to {
            End::Node(n, _) => of_node[n.at()] = of_node[n.at()].min(far),
            End::Router(r, _) if of_router[r.at()] == usize::MAX => {
                of_router[r.at()] = far;
                front.extend(f.routers[r.at()].ports.iter().map(|l| (*l, far + 1)));
            }
            End::Router(..) => {}
        }
    }
    of_node
}

/// Every route is minimal, ends at its destination and stays on the VCs of its class.
fn routes_are_minimal_and_keep_their_class(spec: &MachineSpec, flows: &[u32]) {
    let f = &spec.fabric;
    let per_class = spec.router.vcs_per_class;
    for src in (0..f.node_ports.len()).map(NodeIdx::new) {
        let far = links_between(f, src);
        for dst in (0..f.node_ports.len()).map(NodeIdx::new) {
            for (i, flow) in flows.iter().enumerate() {
                let class = Class::ALL[i % Class::ALL.len()];
                let head = Head { src, dst, flow: *flow, class, state: 0 };
                let own = base::route::class_vcs(class, per_class);
                let taken = follow(f, &head, i % 2 == 1);
                assert_eq!(taken.len(), far[dst.at()], "{src} to {dst}: {taken:?}");
                assert!(taken.iter().all(|(_, vcs)| *vcs != 0 && vcs & !own == 0), "{taken:?}");
            }
        }
    }
}

/// On every ring of a torus, once on the upper VCs, never again on the lower ones.
fn dateline_is_never_uncrossed(spec: &MachineSpec, dims: &[u32], flows: &[u32]) {
    let f = &spec.fabric;
    let per_class = u32::from(spec.router.vcs_per_class);
    let dimension = |l: LinkIdx| match (f.links[l.at()].from, f.links[l.at()].to) {
        (End::Router(a, _), End::Router(b, _)) => {
            let mut stride = 1;
            dims.iter().position(|k| {
                let k = *k as usize;
                let differs = a.at() / stride % k != b.at() / stride % k;
                stride *= k;
                differs
            })
        }
        _ => None,
    };
    for (src, dst, flow) in (0..f.node_ports.len())
        .flat_map(|s| (0..f.node_ports.len()).map(move |d| (s, d)))
        .flat_map(|(s, d)| flows.iter().map(move |flow| (s, d, *flow)))
    {
        let head = Head {
            src: NodeIdx::new(src),
            dst: NodeIdx::new(dst),
            flow,
            class: Class::RspUp,
            state: 0,
        };
        for high in [false, true] {
            let (mut last, mut upper) = (None, false);
            for (link, vcs) in follow(f, &head, high) {
                let dim = dimension(link);
                upper &= dim == last;
                last = dim;
                let vc = if high { vcs.ilog2() } else { vcs.trailing_zeros() };
                let now = vc % per_class >= per_class / 2;
                assert!(dim.is_none() || now || !upper, "back below the dateline: {head:?}");
                upper = dim.is_some() && now;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..Default::default()
    })]

    #[test]
    fn meshes(dims in proptest::collection::vec(1_u32..5, 1..4), locals in 1_u32..3, flow: u32) {
        prop_assume!(dims.iter().product::<u32>() > 1);
        let spec = machine(FabricForm::Mesh(grid(&dims, locals)), 1).elaborate().expect("right");
        check(&spec).expect("free of deadlock");
        routes_are_minimal_and_keep_their_class(&spec, &[0, flow, flow ^ 1]);
    }

    #[test]
    fn tori(
        dims in proptest::collection::vec(1_u32..6, 1..4),
        vcs in 2_u8..5,
        locals in 1_u32..3,
        flow: u32,
    ) {
        let nodes = dims.iter().product::<u32>();
        prop_assume!(nodes > 1 && nodes <= 64);
        let spec = machine(FabricForm::Torus(grid(&dims, locals)), vcs).elaborate().expect("right");
        check(&spec).expect("free of deadlock");
        routes_are_minimal_and_keep_their_class(&spec, &[0, flow, flow ^ 1]);
        dateline_is_never_uncrossed(&spec, &dims, &[flow, !flow]);
    }

    #[test]
    fn switch_planes(
        nodes in 2_u32..10,
        each in proptest::collection::vec(1_u32..4, 1..5),
        flow: u32,
    ) {
        let spec = machine(planes(nodes, &each), 2).elaborate().expect("right");
        check(&spec).expect("free of deadlock");
        routes_are_minimal_and_keep_their_class(&spec, &[0, flow, flow ^ 1, !flow]);
    }

    #[test]
    fn connected_graphs(
        routers in 1_usize..8,
        parents in proptest::collection::vec(0_usize..100, 8),
        chords in proptest::collection::vec((0_usize..8, 0_usize..8), 0..5),
        homes in proptest::collection::vec(0_usize..8, 2..7),
        flow: u32,
    ) {
        let spec = machine(graph(routers, &parents, &chords, &homes), 2).elaborate().expect("right");
        routes_are_minimal_and_keep_their_class(&spec, &[0, flow, flow ^ 1, !flow]);
        // Chords may close rings that deadlock; nothing else may be wrong.
        if let Err(error) = check(&spec) {
            prop_assert_eq!(error.kind(), ErrorKind::Deadlock);
            prop_assert!(!chords.is_empty(), "a tree cannot deadlock: {}", error);
        }
    }
}

#[test]
fn flows_spread_evenly_over_all_links_of_nvl72() {
    let spec = Description::nvl72().elaborate().expect("right");
    let mut count = vec![0_u32; 18];
    for flow in 0..18_000 {
        let head = Head { src: NodeIdx(3), dst: NodeIdx(50), flow, class: Class::Req, state: 0 };
        count[spec.fabric.routing.inject(&mut head.clone(), &Empty).port.at()] += 1;
    }
    assert!(count.iter().all(|n| (900..1_100).contains(n)), "{count:?}");
}

#[test]
fn choices_at_successive_routers_are_independent() {
    // Leaves with two ports up, spines with two parallel links down: all four ways are used alike.
    let cable = |from: &str, to: &str, count| Cable {
        from: from.to_owned(),
        to: to.to_owned(),
        link: "wire".to_owned(),
        length: None,
        count,
    };
    let fabric = FabricForm::Graph(Graph {
        nodes: vec!["a".to_owned(), "b".to_owned()],
        routers: Named(["l0", "l1", "s0", "s1"].map(|r| (r.to_owned(), "die".to_owned())).to_vec()),
        links: vec![
            cable("a", "l0", 1),
            cable("b", "l1", 1),
            cable("l0", "s0", 1),
            cable("l0", "s1", 1),
            cable("s0", "l1", 2),
            cable("s1", "l1", 2),
        ],
        routing: GraphRouting::default(),
    });
    let spec = machine(fabric, 1).elaborate().expect("right");
    check(&spec).expect("two tiers cannot deadlock");
    let mut count = std::collections::BTreeMap::new();
    for flow in 0..4_000 {
        let head = Head { src: NodeIdx(0), dst: NodeIdx(1), flow, class: Class::Ack, state: 0 };
        *count.entry(follow(&spec.fabric, &head, false)[2].0).or_insert(0) += 1;
    }
    assert_eq!(count.len(), 4);
    assert!(count.values().all(|n| (850..1_150).contains(n)), "{count:?}");
}

#[test]
fn ties_on_a_ring_are_split_both_ways() {
    let mut d = machine(FabricForm::Torus(grid(&[4], 1)), 2);
    d.name = "ring".to_owned();
    let spec = d.elaborate().expect("right");
    let mut count = [0; 3];
    for flow in 0..1_000 {
        let head = Head { src: NodeIdx(0), dst: NodeIdx(2), flow, class: Class::Fwd, state: 0 };
        count[spec
            .fabric
            .routing
            .route(RouterIdx(0), PortIdx(0), VcIdx(2), &mut head.clone(), &Empty)
            .port
            .at()] += 1;
    }
    assert_eq!(count[0], 0);
    assert!(count[1].min(count[2]) > 400, "{count:?}");
}

#[test]
fn a_switch_of_radix_256_is_routed() {
    let spec = machine(planes(256, &[1]), 1).elaborate().expect("right");
    let report = check(&spec).expect("right");
    assert_eq!((report.radix, report.nodes, report.diameter), (256, 256, 1));
    let head = Head { src: NodeIdx(0), dst: NodeIdx(255), flow: 9, class: Class::Req, state: 0 };
    assert_eq!(follow(&spec.fabric, &head, false).len(), 2);
}

#[test]
fn what_was_changed_after_elaboration_is_checked_again() {
    let spec = Description::nvl8().elaborate().expect("right");
    let mut broken = spec.clone();
    broken.fabric.links.swap(0, 2);
    assert_eq!(check(&broken).expect_err("swapped").kind(), ErrorKind::Structure);
    let mut broken = spec.clone();
    broken.fabric.node_ports[1].pop();
    assert_eq!(check(&broken).expect_err("unplugged").kind(), ErrorKind::Structure);
    let mut broken = spec.clone();
    broken.router.vcs_per_class = 3;
    assert_eq!(check(&broken).expect_err("other VCs").kind(), ErrorKind::Structure);
    let mut broken = spec.clone();
    broken.fabric.routing = Description::nvl72().elaborate().expect("right").fabric.routing;
    assert_eq!(check(&broken).expect_err("other routing").kind(), ErrorKind::Structure);
    let mesh = |locals| machine(FabricForm::Mesh(grid(&[3, 3], locals)), 2).elaborate();
    let mut crossed = mesh(3).expect("right");
    crossed.fabric.routing = mesh(1).expect("right").fabric.routing;
    assert_eq!(check(&crossed).expect_err("other ports").kind(), ErrorKind::Structure);
    let mut broken = spec;
    broken.accelerator.window = 0;
    assert_eq!(check(&broken).expect_err("no window").key(), "accelerator.window");
}
