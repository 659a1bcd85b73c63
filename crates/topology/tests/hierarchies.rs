//! Hierarchies: any fabric of any fabrics, through gateways.

mod support;

use proptest::prelude::*;
use support::{Noise, Route, follow, head, routers};
use topology::describe::{
    Clos, Description, FabricForm, FatTree, FullMesh, FullMeshRouting, GatewayChoice, Grid,
    GridRouting, Hierarchy, PerDim, PerSwitch, SwitchPlanes, UpRouting,
};
use topology::spec::{Fabric, MachineSpec};
use topology::{ErrorKind, TopologyError, check};

fn wire() -> String {
    "wire".to_owned()
}

fn die() -> String {
    "die".to_owned()
}

fn grid(dims: &[u32]) -> Grid {
    let FabricForm::Mesh(mut grid) = Description::mesh8x8().fabric else { unreachable!("a mesh") };
    grid.dims = dims.to_vec();
    grid
}

fn mesh(dims: &[u32]) -> FabricForm {
    FabricForm::Mesh(grid(dims))
}

fn torus(dims: &[u32]) -> FabricForm {
    FabricForm::Torus(grid(dims))
}

fn full(accelerators: u32) -> FabricForm {
    FabricForm::FullMesh(FullMesh {
        accelerators,
        links_per_pair: 1,
        local: wire(),
        local_links: 1,
        link: wire(),
        length: None,
        clock: die(),
        routing: FullMeshRouting::default(),
    })
}

fn star(accelerators: u32, switches: u32, spray: UpRouting) -> FabricForm {
    FabricForm::SwitchPlanes(SwitchPlanes {
        accelerators,
        switches,
        links_per_pair: PerSwitch::Same(1),
        link: wire(),
        length: None,
        clock: die(),
        spray,
    })
}

fn tree(arity: u32, levels: u32) -> FabricForm {
    FabricForm::FatTree(FatTree {
        arity,
        levels,
        local: wire(),
        local_length: None,
        local_links: 1,
        link: PerDim::Same(wire()),
        length: None,
        links_per_pair: PerDim::Same(1),
        clock: die(),
        routing: UpRouting::Adaptive,
    })
}

fn clos(leaves: u32, nodes_per_leaf: u32) -> FabricForm {
    FabricForm::Clos(Clos {
        planes: 2,
        leaves,
        nodes_per_leaf,
        spines: 2,
        local: wire(),
        local_length: None,
        local_links: 1,
        link: wire(),
        length: None,
        links_per_pair: 1,
        clock: die(),
        spine_clock: None,
        routing: UpRouting::Random,
    })
}

fn of(inner: FabricForm, copies: u32, gateways: &[u32], outer: FabricForm) -> Hierarchy {
    Hierarchy {
        inner: Box::new(inner),
        copies,
        gateways: gateways.to_vec(),
        outer: Box::new(outer),
        gateway_choice: GatewayChoice::Nearest,
        separate_vcs: true,
    }
}

fn built(h: Hierarchy, vcs: u8) -> Result<MachineSpec, TopologyError> {
    let mut d = Description::mesh8x8();
    d.router.vcs_per_class = vcs;
    d.fabric = FabricForm::Hierarchy(h);
    let spec = d.elaborate()?;
    check(&spec).map(|_| spec)
}

/// Where a router is: in a copy, or (last) in the outer fabric.
fn copy_of(f: &Fabric, router: usize, copies: usize) -> usize {
    let name = &f.routers[router].name;
    let copy = name.strip_prefix("copy").and_then(|rest| rest.split_once('/'));
    copy.map_or(copies, |(copy, _)| copy.parse().expect("a number"))
}

/// A packet stays in its copy, or passes its own, the outer fabric and its destination's once each;
/// inner links are taken on the lower half of the VCs on the way up, on the upper half otherwise.
fn route_is_up_across_and_down(spec: &MachineSpec, copies: usize, flow: u32, separate: bool) {
    let f = &spec.fabric;
    let nodes = f.node_ports.len() / copies;
    let all = (1_u64 << spec.router.vcs_per_class) - 1;
    for (src, dst) in (0..nodes * copies).flat_map(|s| (0..nodes * copies).map(move |d| (s, d))) {
        let route: Route = follow(f, &head(src, dst, flow), &Noise(u64::from(flow)));
        let passed: Vec<usize> =
            routers(f, &route).iter().map(|r| copy_of(f, *r, copies)).collect();
        let mut places = passed.clone();
        places.dedup();
        let (from, to) = (src / nodes, dst / nodes);
        if from == to {
            assert_eq!(places, [from], "{src} to {dst}");
        } else {
            assert_eq!(places, [from, copies, to], "{src} to {dst}");
        }
        if !separate {
            continue;
        }
        // The first link leads from the node into the first router.
        let upper = all & !(all >> (spec.router.vcs_per_class / 2));
        let ups = passed.iter().take_while(|c| **c == from && from != to).count();
        let downs = passed.iter().rev().take_while(|c| **c == to).count();
        assert!(route[..ups].iter().all(|(_, vcs)| vcs & upper == 0), "{route:?}");
        assert!(route[route.len() - downs..].iter().all(|(_, vcs)| vcs & !upper == 0), "{route:?}");
    }
}

#[test]
fn any_fabric_of_any_fabrics_is_routed_and_free_of_deadlock() {
    let cases = [
        (of(mesh(&[2, 3]), 6, &[0], torus(&[3, 2])), 2),
        (of(mesh(&[3, 3]), 4, &[0, 8], torus(&[4, 2])), 2),
        (of(torus(&[4]), 5, &[1], torus(&[5])), 4),
        (of(full(4), 3, &[0, 1, 2, 3], star(12, 3, UpRouting::Adaptive)), 2),
        (of(star(3, 1, UpRouting::Random), 4, &[0], full(4)), 2),
        (of(tree(2, 3), 4, &[0, 3], clos(4, 2)), 2),
        (of(clos(3, 2), 2, &[], full(2)), 2),
    ];
    for (mut h, vcs) in cases {
        let copies = h.copies as usize;
        if h.gateways.is_empty() {
            // Nodes of a Clos network of two planes hang on two leaves: there is no gateway.
            h.gateways.push(0);
            let error = built(h, vcs).expect_err("no proxy");
            assert_eq!(error.key(), "fabric.gateways[0]", "{error}");
            continue;
        }
        for choice in [GatewayChoice::Nearest, GatewayChoice::Hash] {
            h.gateway_choice = choice;
            let spec = built(h.clone(), vcs).unwrap_or_else(|e| panic!("{e}"));
            (0..4).for_each(|flow| route_is_up_across_and_down(&spec, copies, 91 * flow, true));
        }
    }
}

#[test]
fn parts_of_several_legs_and_with_escapes_are_composed_too() {
    let routed = |dims: &[u32], routing| {
        let mut grid = grid(dims);
        grid.routing = routing;
        grid
    };
    let valiant = |dims: &[u32]| FabricForm::Mesh(routed(dims, GridRouting::Valiant));
    let adaptive = |dims: &[u32]| FabricForm::Mesh(routed(dims, GridRouting::MinimalAdaptive));
    let odd_even = |dims: &[u32]| FabricForm::Mesh(routed(dims, GridRouting::OddEven));
    let cases = [
        (of(valiant(&[3, 2]), 4, &[0], valiant(&[2, 2])), 4),
        (of(adaptive(&[3, 3]), 4, &[4], adaptive(&[2, 2])), 4),
        (of(odd_even(&[3, 4]), 4, &[0, 11], valiant(&[4, 2])), 2),
        (of(adaptive(&[2, 2]), 4, &[0], star(4, 2, UpRouting::Adaptive)), 5),
    ];
    for (h, vcs) in cases {
        let copies = h.copies as usize;
        let mut d = Description::mesh8x8();
        d.router.vcs_per_class = vcs;
        // Escapes count on VCs that hold one packet at a time.
        d.router.vc_reuse = base::arch::VcReuse::Empty;
        d.fabric = FabricForm::Hierarchy(h);
        let spec = d.elaborate().unwrap_or_else(|e| panic!("{e}"));
        check(&spec).unwrap_or_else(|e| panic!("{e}"));
        (0..6).for_each(|flow| route_is_up_across_and_down(&spec, copies, 91 * flow, vcs != 5));
    }
}

#[test]
fn a_hierarchy_of_hierarchies_is_routed_and_free_of_deadlock() {
    let inner = of(mesh(&[2, 2]), 2, &[0], full(2));
    let two = of(FabricForm::Hierarchy(inner.clone()), 3, &[1, 6], full(6));
    let spec = built(two, 4).expect("four groups");
    (0..3).for_each(|flow| route_is_up_across_and_down(&spec, 3, 7 * flow, true));
    let outer = of(FabricForm::Hierarchy(inner), 2, &[3], full(2));
    let as_outer = of(star(2, 1, UpRouting::Random), 16, &[0], FabricForm::Hierarchy(outer));
    let spec = built(as_outer, 4).expect("four groups");
    (0..3).for_each(|flow| route_is_up_across_and_down(&spec, 16, 7 * flow, true));
}

#[test]
fn the_hierarchies_that_ship_are_routed() {
    for (name, copies) in [("hierarchy_mesh_torus", 8), ("hierarchy_racks", 4)] {
        let d = Description::shipped(name).expect("shipped");
        let spec = d.elaborate().expect("right");
        route_is_up_across_and_down(&spec, copies, 12_345, true);
    }
}

#[test]
fn a_switch_needs_no_separate_vcs_and_a_line_between_gateways_does() {
    let mut stars = of(star(3, 1, UpRouting::Random), 4, &[0], full(4));
    stars.separate_vcs = false;
    let spec = built(stars, 1).expect("a switch's links up and down differ");
    assert_eq!(spec.fabric.routing.groups(), 1);
    route_is_up_across_and_down(&spec, 4, 3, false);
    // Through one end of a line and out of the other.
    let mut meshes = of(mesh(&[3]), 3, &[0, 2], full(6));
    meshes.separate_vcs = false;
    meshes.gateway_choice = GatewayChoice::Hash;
    let error = built(meshes, 1).expect_err("up and down share the line's links");
    assert_eq!(error.kind(), ErrorKind::Deadlock);
    assert!(error.message().contains("copy0/r("), "{error}");
}

#[test]
fn packets_use_the_nearest_gateway_or_any() {
    let mut h = of(mesh(&[6]), 2, &[0, 5], full(4));
    for choice in [GatewayChoice::Nearest, GatewayChoice::Hash] {
        h.gateway_choice = choice;
        let spec = built(h.clone(), 2).expect("right");
        let f = &spec.fabric;
        // Node 1 is one hop from gateway 0 and four from gateway 1: 2 or 5 routers; then two of the
        // outer fabric; node 7 is as far from those of its copy.
        let mut seen = std::collections::BTreeMap::new();
        for flow in 0..400 {
            let route = routers(f, &follow(f, &head(1, 7, flow), &Noise(3)));
            *seen.entry(route.len()).or_insert(0) += 1;
        }
        let range = (*seen.keys().next().expect("some"), *seen.keys().last().expect("some"));
        match choice {
            GatewayChoice::Nearest => assert_eq!((seen.len(), range), (1, (6, 6)), "{seen:?}"),
            GatewayChoice::Hash => {
                assert_eq!((seen.len(), range), (3, (6, 12)), "{seen:?}");
                assert!(seen[&6] > 60 && seen[&9] > 140 && seen[&12] > 60, "{seen:?}");
            }
        }
    }
}

#[test]
fn wrong_hierarchies_name_the_key_and_the_mend() {
    let deep = |h: Hierarchy| of(FabricForm::Hierarchy(h), 2, &[0], full(2));
    let base = || of(mesh(&[2, 2]), 2, &[0], full(2));
    let mut grid = grid(&[2, 0]);
    let cases = [
        (of(mesh(&[2, 2]), 1, &[0], full(2)), "fabric.copies", "too small"),
        (of(mesh(&[2, 2]), 2, &[], full(2)), "fabric.gateways", "none"),
        (of(mesh(&[2, 2]), 2, &[4], full(2)), "fabric.gateways[0]", "too large"),
        (of(mesh(&[2, 2]), 2, &[1, 1], full(4)), "fabric.gateways[1]", "twice"),
        (of(mesh(&[2, 2]), 2, &[0], full(3)), "fabric.outer", "3 nodes for 2 gateways"),
        (of(tree(2, 2), 2, &[2], full(2)), "fabric.gateways[0]", "`level1.0` alone"),
        (of(FabricForm::Mesh(grid.clone()), 2, &[0], full(2)), "fabric.inner.dims[1]", "too small"),
        (of(mesh(&[2]), 2, &[0], FabricForm::Mesh(grid.clone())), "fabric.outer.dims[1]", "small"),
        (of(mesh(&[4000]), 5, &[0], full(5)), "fabric.copies", "20000 accelerators"),
        (of(torus(&[5]), 2, &[0], full(2)), "router.vcs_per_class", "half of the VCs"),
        (deep(base()), "router.vcs_per_class", "half of the VCs"),
        (deep(deep(deep(base()))), "fabric", "more than 3 levels"),
    ];
    for (h, key, message) in cases {
        let error = built(h, 2).expect_err(message);
        assert_eq!(error.key(), key, "{error}");
        assert!(error.message().contains(message) && !error.mend().is_empty(), "{error}");
    }
    grid.dims = vec![2, 2];
    grid.routing = GridRouting::Table;
    built(of(FabricForm::Mesh(grid), 2, &[0], full(2)), 2).expect_err("an unsound part");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..Default::default()
    })]

    #[test]
    fn hierarchies(
        inner in 0_usize..5,
        outer in 0_usize..5,
        copies in 2_u32..5,
        two: bool,
        spread: bool,
        flow: u32,
    ) {
        let gateways: &[u32] = if two && inner != 1 { &[0, 2] } else { &[0] };
        let nodes = copies * u32::try_from(gateways.len()).expect("few");
        let inner = [mesh(&[2, 2]), star(3, 1, UpRouting::Hash), torus(&[4]), full(3), tree(2, 3)]
            [inner].clone();
        let outer = [mesh(&[nodes]), star(nodes, 2, UpRouting::Adaptive), torus(&[nodes]),
            full(nodes), clos(nodes, 1)][outer].clone();
        let mut h = of(inner, copies, gateways, outer);
        if spread {
            h.gateway_choice = GatewayChoice::Hash;
        }
        let spec = built(h, 4).expect("free of deadlock");
        route_is_up_across_and_down(&spec, copies as usize, flow, true);
    }
}
