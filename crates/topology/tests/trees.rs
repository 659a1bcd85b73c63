//! Trees of switches: shapes in closed form, and the laws of nearest-common-ancestor routing.

mod support;

use base::route::Empty;
use base::{PortIdx, RouterIdx, RoutingFunction, VcIdx, View};
use proptest::prelude::*;
use support::{Noise, follow, head, routers};
use topology::check;
use topology::describe::{Clos, Description, FabricForm, FatTree, PerDim, UpRouting};
use topology::spec::MachineSpec;

const ALL: [UpRouting; 3] = [UpRouting::Random, UpRouting::Hash, UpRouting::Adaptive];

fn machine(fabric: FabricForm) -> MachineSpec {
    let mut d = Description::mesh8x8();
    d.fabric = fabric;
    d.elaborate().unwrap_or_else(|e| panic!("{e}"))
}

fn fat_tree(arity: u32, levels: u32, routing: UpRouting) -> FatTree {
    FatTree {
        arity,
        levels,
        local: "wire".to_owned(),
        local_length: None,
        local_links: 1,
        link: PerDim::Same("wire".to_owned()),
        length: None,
        links_per_pair: PerDim::Same(1),
        clock: "die".to_owned(),
        routing,
    }
}

fn clos([planes, leaves, nodes_per_leaf, spines]: [u32; 4], routing: UpRouting) -> Clos {
    Clos {
        planes,
        leaves,
        nodes_per_leaf,
        spines,
        local: "wire".to_owned(),
        local_length: None,
        local_links: 1,
        link: "wire".to_owned(),
        length: None,
        links_per_pair: 1,
        clock: "die".to_owned(),
        spine_clock: None,
        routing,
    }
}

/// The level of the lowest subtree that holds both nodes.
fn ancestor(k: usize, a: usize, b: usize) -> usize {
    let (mut a, mut b, mut level) = (a / k, b / k, 0);
    while a != b {
        (a, b, level) = (a / k, b / k, level + 1);
    }
    level
}

/// Every pair, over several flows: up to a nearest common ancestor, level by level, and down.
fn every_pair_goes_up_then_down(spec: &MachineSpec, k: usize, flows: &[u32]) {
    let f = &spec.fabric;
    let wide = f.node_ports.len() / k;
    for (src, dst) in pairs(f.node_ports.len()) {
        let top = ancestor(k, src, dst);
        let expected: Vec<usize> = (0..=top).chain((0..top).rev()).collect();
        for flow in flows {
            let route = follow(f, &head(src, dst, *flow), &Noise(u64::from(*flow)));
            let levels: Vec<usize> = routers(f, &route).iter().map(|r| r / wide).collect();
            assert_eq!(levels, expected, "{src} to {dst}");
        }
    }
}

fn pairs(nodes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..nodes).flat_map(move |src| (0..nodes).map(move |dst| (src, dst)))
}

#[test]
fn fat_trees_have_the_switches_and_links_of_k_ary_n_trees() {
    for (k, n) in [(2_u32, 1_u32), (2, 4), (3, 3), (4, 3), (8, 2), (32, 2)] {
        let spec = machine(FabricForm::FatTree(fat_tree(k, n, UpRouting::Random)));
        let report = check(&spec).expect("free of deadlock");
        let wide = k.pow(n - 1) as usize;
        assert_eq!((report.nodes, report.routers), (wide * k as usize, wide * n as usize));
        // As many links below each level as nodes.
        assert_eq!(report.links / 2, report.nodes * n as usize);
        assert_eq!(report.diameter, u64::from(2 * n - 1));
        let radixes: Vec<_> = spec.fabric.routers.iter().map(|r| r.ports.len()).collect();
        let top = radixes.len() - wide;
        assert!(radixes[..top].iter().all(|r| *r == 2 * k as usize), "{radixes:?}");
        assert!(radixes[top..].iter().all(|r| *r == k as usize), "{radixes:?}");
    }
}

#[test]
fn a_packet_of_the_4_ary_3_tree_visits_4_375_routers_on_average() {
    let spec = Description::shipped("fattree4x3").expect("shipped").elaborate().expect("right");
    let f = &spec.fabric;
    let visited: usize =
        pairs(64).map(|(src, dst)| routers(f, &follow(f, &head(src, dst, 5), &Empty)).len()).sum();
    // 4 of 64 under the same switch, itself among them, 12 under the same tree of two levels.
    assert_eq!(visited, 64 * (4 + 12 * 3 + 48 * 5));
    assert_eq!(visited * 1_000, 4_375 * 64 * 64);
}

#[test]
fn random_ways_up_are_used_evenly_at_every_level() {
    let spec = Description::shipped("fattree4x3").expect("shipped").elaborate().expect("right");
    let f = &spec.fabric;
    let mut tops = [0_u32; 16];
    for flow in 0..16_000 {
        let route = routers(f, &follow(f, &head(3, 60, flow), &Empty));
        tops[route[2] - 32] += 1;
    }
    // All 16 roots are ancestors; 1000 each, with a deviation of 31.
    assert!(tops.iter().all(|n| (850..1_150).contains(n)), "{tops:?}");
}

#[test]
fn by_destination_no_shift_of_all_nodes_uses_a_link_twice() {
    for (k, n) in [(2, 4), (4, 3), (3, 3)] {
        let spec = machine(FabricForm::FatTree(fat_tree(k, n, UpRouting::Hash)));
        let f = &spec.fabric;
        let nodes = f.node_ports.len();
        for shift in 0..nodes {
            let mut used = vec![false; f.links.len()];
            for src in 0..nodes {
                let packet = head(src, (src + shift) % nodes, u32::try_from(src).expect("small"));
                for (link, _) in follow(f, &packet, &Empty) {
                    let again = core::mem::replace(&mut used[link.at()], true);
                    assert!(!again, "{link} twice when all nodes send {shift} further");
                }
            }
        }
    }
}

#[test]
fn random_ways_up_do_meet_in_a_shift_of_all_nodes() {
    let spec = machine(FabricForm::FatTree(fat_tree(4, 3, UpRouting::Random)));
    let f = &spec.fabric;
    let mut used = vec![0; f.links.len()];
    for src in 0..64_u32 {
        let dst = (src as usize + 16) % 64;
        let route = follow(f, &head(src as usize, dst, src.wrapping_mul(77)), &Empty);
        for (link, _) in route {
            used[link.at()] += 1;
        }
    }
    assert!(used.iter().any(|n| *n > 1), "the law above would hold for any choice");
}

/// One port is idle, on all others something waits.
struct IdleAt(usize);

impl View for IdleAt {
    fn used(&self, port: PortIdx, _: u64) -> u32 {
        u32::from(port.at() != self.0) * 3
    }
    fn free(&self, _: PortIdx, vcs: u64) -> u64 {
        vcs
    }
    fn used_at(&self, _: RouterIdx, port: PortIdx, vcs: u64) -> u32 {
        self.used(port, vcs)
    }
}

#[test]
fn adaptive_packets_go_up_by_the_idler_of_two_ports_and_are_split_evenly_where_all_are() {
    let spec = machine(FabricForm::FatTree(fat_tree(4, 3, UpRouting::Adaptive)));
    let routing = &spec.fabric.routing;
    assert!(!routing.adaptive() && routing.weighs(), "they choose once");
    let up = |flow, idle| {
        let mut packet = head(0, 63, flow);
        let vc = VcIdx(packet.class as u8 * 2);
        routing.route(RouterIdx(0), PortIdx(0), vc, &mut packet, &IdleAt(idle)).port.at()
    };
    let ports = |idle| {
        let mut ports = [0; 8];
        (0..8_000).for_each(|flow| ports[up(flow, idle)] += 1);
        ports
    };
    for idle in 4..8 {
        // One of two draws hits it: 1 - (3/4)^2.
        let ports = ports(idle);
        assert!((3_300..3_700).contains(&ports[idle]), "{ports:?}");
    }
    let even = ports(99);
    assert!(even[..4] == [0; 4] && even[4..].iter().all(|n| (1_800..2_200).contains(n)));
}

#[test]
fn a_machine_sprays_over_planes_as_it_is_told() {
    let mut d = Description::nvl8();
    for spray in ALL {
        if let FabricForm::SwitchPlanes(planes) = &mut d.fabric {
            planes.spray = spray;
        }
        let spec = d.elaborate().expect("right");
        check(&spec).expect("free of deadlock");
        let f = &spec.fabric;
        let mut ports = [0; 18];
        for flow in 0..1_800 {
            let route = follow(f, &head(1, 6, flow), &Empty);
            let first = f.node_ports[1].iter().position(|l| *l == route[0].0).expect("a port");
            ports[first] += 1;
            assert_eq!(route.len(), 2);
        }
        match spray {
            UpRouting::Hash => assert_eq!(ports[7], 1_800, "one way from 1 to 6: {ports:?}"),
            _ => assert!(ports.iter().all(|n| (60..140).contains(n)), "{ports:?}"),
        }
        let mut packet = head(1, 6, 3);
        let port = f.routing.inject(&mut packet, &IdleAt(11)).port.at();
        assert!(spray != UpRouting::Adaptive || port == 11, "not where nothing waits");
    }
}

#[test]
fn levels_may_have_links_of_their_own() {
    let mut f = fat_tree(2, 3, UpRouting::Random);
    f.links_per_pair = PerDim::Each(vec![1, 3]);
    f.local_links = 2;
    let spec = machine(FabricForm::FatTree(f));
    assert_eq!(spec.fabric.links.len() / 2, 8 * (2 + 1 + 3));
    check(&spec).expect("free of deadlock");
    every_pair_goes_up_then_down(&spec, 2, &[1, 2, 3]);
}

#[test]
fn wrong_trees_are_refused_with_place_key_and_mend() {
    let cases = [
        ("fattree4x3", "arity: 4", "arity: 1", "fabric.arity", "too small"),
        ("fattree4x3", "levels: 3", "levels: 0", "fabric.levels", "too small"),
        ("fattree4x3", "levels: 3", "levels: 14", "fabric.levels", "too many"),
        ("fattree4x3", "arity: 4", "arity: 64", "fabric.levels", "262144 accelerators"),
        ("fattree4x3", "link: \"wire\"", "link: [\"wire\"]", "fabric.link", "between 3 levels"),
        ("fattree4x3", "link: \"wire\"", "link: [\"wire\", \"ware\"]", "fabric.link[1]", "`ware`"),
        (
            "fattree4x3",
            "link: \"wire\"",
            "link: \"wire\", links_per_pair: [1, 0]",
            "fabric.links_per_pair[1]",
            "too small",
        ),
        ("clos64", "leaves: 8", "leaves: 0", "fabric.leaves", "too small"),
        ("clos64", "leaves: 8", "leaves: 256, planes: 256", "fabric.leaves", "routers"),
        ("clos64", "local_length: \"1 m\", ", "", "fabric.local", "needs a length"),
        ("clos64", "links_per_pair: 2", "links_per_pair: 64", "fabric.links_per_pair", "256 ports"),
        (
            "clos64",
            "clock: \"switch\",",
            "clock: \"switch\", spine_clock: \"x\",",
            "fabric.spine_clock",
            "`x`",
        ),
        (
            "hierarchy_racks",
            "switches: 1",
            "switches: 0",
            "fabric.inner.inner.switches",
            "too small",
        ),
        ("hierarchy_racks", "dims: [8]", "dims: [9]", "fabric.outer", "9 nodes for 8"),
    ];
    for (name, find, put, key, message) in cases {
        let (_, text) = topology::SHIPPED.iter().find(|(n, _)| *n == name).expect("shipped");
        let fabric = text.find("fabric:").expect("a fabric");
        let broken = format!("{}{}", &text[..fabric], text[fabric..].replacen(find, put, 1));
        let error = topology::parse(name, &broken).map(|spec| spec.name).expect_err(put);
        assert_eq!(error.key(), key, "{error}");
        assert!(error.message().contains(message) && !error.mend().is_empty(), "{error}");
        assert!(error.line().is_some_and(|l| l > 20), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..Default::default()
    })]

    #[test]
    fn fat_trees(
        (k, n) in (2_u32..5, 1_u32..5).prop_filter("small", |(k, n)| k.pow(*n) <= 64),
        routing in proptest::sample::select(&ALL[..]),
        parallel in 1_u32..3,
        flow: u32,
    ) {
        let mut f = fat_tree(k, n, routing);
        f.links_per_pair = PerDim::Same(parallel);
        f.local_links = 3 - parallel;
        let spec = machine(FabricForm::FatTree(f));
        check(&spec).expect("free of deadlock");
        every_pair_goes_up_then_down(&spec, k as usize, &[flow, !flow]);
    }

    #[test]
    fn clos_networks(
        size in [1_u32..4, 1_u32..5, 1_u32..5, 1_u32..4],
        routing in proptest::sample::select(&ALL[..]),
        parallel in 1_u32..3,
        flow: u32,
    ) {
        let [planes, leaves, under, spines] = size;
        prop_assume!(leaves * under > 1);
        let mut f = clos(size, routing);
        f.links_per_pair = parallel;
        f.local_links = 3 - parallel;
        let spec = machine(FabricForm::Clos(f));
        let report = check(&spec).expect("free of deadlock");
        let cables = leaves * under * (3 - parallel) + leaves * spines * parallel;
        prop_assert_eq!(report.links, (2 * planes * cables) as usize);
        prop_assert_eq!(report.routers, (planes * (leaves + spines)) as usize);
        let f = &spec.fabric;
        for (src, dst) in pairs(f.node_ports.len()) {
            let route = routers(f, &follow(f, &head(src, dst, flow), &Noise(u64::from(flow))));
            let same = src / under as usize == dst / under as usize;
            prop_assert_eq!(route.len(), if same { 1 } else { 3 });
            let plane = |r: &usize| r / (leaves + spines) as usize;
            prop_assert!(route.iter().all(|r| plane(r) == plane(&route[0])));
        }
    }
}
