//! What each routing function does on its own account.

use base::route::Empty;
use base::{Class, Head, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx, View};
use topology::describe::{Datelines, Grid, GridRouting};
use topology::spec::{End, Fabric, MachineSpec};
use topology::{ErrorKind, check};

use super::harness::{Dependencies, all_arrive, follow};
use super::{Form, describe, grid, machine, twisted};

fn head(src: usize, dst: usize, flow: u32) -> Head {
    let (src, dst) = (NodeIdx::new(src), NodeIdx::new(dst));
    Head { src, dst, flow, class: Class::Req, state: 0 }
}

/// The routers of a route.
fn routers(f: &Fabric, head: &Head) -> Vec<usize> {
    let taken = follow(f, head, u64::from(head.flow));
    let to = |l: &base::LinkIdx| match f.links[l.at()].to {
        End::Router(r, _) => Some(r.at()),
        End::Node(..) => None,
    };
    taken.iter().filter_map(to).collect()
}

/// A hop from router 0 of a packet just injected, as ways.
fn first(f: &Fabric, head: &Head, view: &impl View) -> (usize, u64) {
    let hop = f.routing.route(RouterIdx(0), PortIdx(0), VcIdx(0), &mut head.clone(), view);
    let End::Router(to, _) = f.links[f.routers[0].ports[hop.port.at()].at()].to else {
        panic!("at the destination")
    };
    (to.at(), hop.vcs)
}

/// More waits on the port to one router than on any other.
struct Loaded {
    port: PortIdx,
}

impl View for Loaded {
    fn used(&self, port: PortIdx, vcs: u64) -> u32 {
        if port == self.port { vcs.count_ones() } else { 0 }
    }
    fn free(&self, port: PortIdx, vcs: u64) -> u64 {
        if port == self.port { 0 } else { vcs }
    }
    fn used_at(&self, _: RouterIdx, _: PortIdx, _: u64) -> u32 {
        0
    }
}

/// Nothing is free anywhere.
struct Full;
impl View for Full {
    fn used(&self, _: PortIdx, _: u64) -> u32 {
        8
    }
    fn free(&self, _: PortIdx, _: u64) -> u64 {
        0
    }
    fn used_at(&self, _: RouterIdx, _: PortIdx, _: u64) -> u32 {
        8
    }
}

fn port_to(f: &Fabric, to: usize) -> PortIdx {
    let leads = |l: &base::LinkIdx| matches!(f.links[l.at()].to, End::Router(r, _) if r.at() == to);
    PortIdx::new(f.routers[0].ports.iter().position(leads).expect("a neighbour"))
}

#[test]
fn xy_goes_along_the_row_first_and_yx_along_the_column() {
    for (routing, order, route) in [
        (GridRouting::Xy, None, [0, 1, 2, 5, 8]),
        (GridRouting::Yx, None, [0, 3, 6, 7, 8]),
        (GridRouting::DimensionOrder, Some(vec![1, 0]), [0, 3, 6, 7, 8]),
    ] {
        let spec = machine(Form::Mesh, Grid { order, ..grid(&[3, 3], routing) }, 1);
        check(&spec).expect("free of deadlock");
        assert_eq!(routers(&spec.fabric, &head(0, 8, 5)), route, "{routing:?}");
    }
}

#[test]
fn o1turn_takes_either_order_for_half_of_the_flows_on_half_of_the_vcs() {
    let spec = machine(Form::Mesh, grid(&[3, 3], GridRouting::O1Turn), 4);
    check(&spec).expect("free of deadlock");
    let mut xy = 0;
    for flow in 0..2_000 {
        match first(&spec.fabric, &head(0, 8, flow), &Empty) {
            (1, 0b0011) => xy += 1,
            (3, 0b1100) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!((900..1_100).contains(&xy), "{xy}");
}

#[test]
fn adaptive_xy_yx_avoids_the_loaded_link_and_else_splits() {
    let spec = machine(Form::Mesh, grid(&[3, 3], GridRouting::AdaptiveXyYx), 2);
    check(&spec).expect("free of deadlock");
    let f = &spec.fabric;
    let mut along = [0; 4];
    for flow in 0..1_000 {
        let head = head(0, 8, flow);
        assert_eq!(first(f, &head, &Loaded { port: port_to(f, 1) }), (3, 0b10));
        assert_eq!(first(f, &head, &Loaded { port: port_to(f, 3) }), (1, 0b01));
        along[first(f, &head, &Empty).0] += 1;
    }
    assert!(along[1].min(along[3]) > 430, "{along:?}");
}

/// The groups (0 lower, 1 upper, both) on each link between routers from `src` to `dst`.
fn sides(spec: &MachineSpec, src: usize, dst: usize) -> Vec<u64> {
    let f = &spec.fabric;
    let mut head = head(src, dst, 1);
    let mut link = f.node_ports[src][f.routing.inject(&mut head, &Empty).port.at()];
    let (mut vc, mut all) = (VcIdx(0), Vec::new());
    while let End::Router(at, port) = f.links[link.at()].to {
        let hop = f.routing.route(at, port, vc, &mut head, &Empty);
        link = f.routers[at.at()].ports[hop.port.at()];
        vc = VcIdx(u8::try_from(hop.vcs.trailing_zeros()).expect("a bit"));
        all.push(hop.vcs);
    }
    all.pop();
    all
}

#[test]
fn datelines_split_the_vcs_as_documented() {
    let ring = |datelines| {
        let grid = grid(&[8], GridRouting::DimensionOrder);
        let spec = machine(Form::Torus, Grid { datelines, ..grid }, 2);
        check(&spec).expect("free of deadlock");
        spec
    };
    let (balanced, strict) = (ring(Datelines::Balanced), ring(Datelines::Strict));
    // Up across the dateline, down across it, and up and down without.
    assert_eq!(sides(&balanced, 6, 1), [0b01, 0b01, 0b10]);
    assert_eq!(sides(&balanced, 1, 6), [0b01, 0b01, 0b10]);
    assert_eq!(sides(&balanced, 1, 4), [0b11, 0b11, 0b11]);
    assert_eq!(sides(&strict, 6, 1), [0b10; 3]);
    assert_eq!(sides(&strict, 1, 6), [0b01; 3]);
    assert_eq!(sides(&strict, 1, 4), [0b01; 3]);
    assert_eq!(sides(&strict, 4, 1), [0b10; 3]);
}

#[test]
fn valiant_with_early_exit_goes_by_way_of_every_router_alike_and_leaves_at_its_destination() {
    let grid = Grid { early_exit: true, ..grid(&[3, 3], GridRouting::Valiant) };
    let spec = machine(Form::Mesh, grid, 2);
    let flows = 9_000;
    let (mut links, mut direct) = (0, 0);
    for flow in 0..flows {
        let route = routers(&spec.fabric, &head(0, 1, flow));
        assert!(!route[..route.len() - 1].contains(&1), "passed by: {route:?}");
        links += route.len() - 1;
        direct += usize::from(route.len() == 2);
    }
    // Way points 0, 1, 2, 4, 5, 7 and 8 lead through router 1 at once; 3 costs 2 more, 6 costs 4.
    assert!((6_800..7_200).contains(&direct), "{direct}");
    let mean = links as f64 / f64::from(flows);
    assert!((mean - (7.0 + 3.0 + 5.0) / 9.0).abs() < 0.05, "{mean}");
}

#[test]
fn valiant_is_twice_as_long_on_average() {
    let grid = Grid { early_exit: true, ..grid(&[5, 5], GridRouting::Valiant) };
    let spec = machine(Form::Torus, grid, 4);
    let (mut sum, mut pairs) = (0, 0);
    all_arrive(&spec, &[1, 2, 3, 4, 5, 6], |_, _, taken, _| {
        sum += taken.len() - 2;
        pairs += 1;
    });
    // A ring of 5 is 6/5 links long on average over all pairs; two dimensions, two legs: 4.8, less
    // what those save that leave on the way.
    let mean = f64::from(u32::try_from(sum).expect("few")) / f64::from(pairs);
    assert!((4.0..4.8).contains(&mean), "{mean}");
}

#[test]
fn valiant_without_early_exit_always_goes_by_its_router() {
    let grid = Grid { early_exit: false, ..grid(&[4, 4], GridRouting::Valiant) };
    let spec = machine(Form::Mesh, grid, 2);
    check(&spec).expect("free of deadlock");
    let flows: Vec<u32> = (0..40).collect();
    let (mut sum, mut routes) = (0, 0);
    all_arrive(&spec, &flows, |_, _, taken, _| {
        sum += taken.len() - 2;
        routes += 1;
    });
    // Two legs of 2 * (4 - 1/4) / 3 links on average.
    let mean = f64::from(u32::try_from(sum).expect("few")) / f64::from(routes);
    assert!((mean / 5.0 - 1.0).abs() < 0.02, "{mean}");
}

#[test]
fn romm_uses_shortest_routes_off_dimension_order() {
    let spec = machine(Form::Mesh, grid(&[3, 3], GridRouting::Romm), 2);
    let mut seen = std::collections::BTreeSet::new();
    for flow in 0..2_000 {
        let route = routers(&spec.fabric, &head(0, 8, flow));
        assert_eq!(route.len(), 5);
        seen.insert(route);
    }
    // Of the 6 shortest routes those with at most one turn from Y to X: all but 0 3 4 7 8's like,
    // which turn twice.
    assert!(seen.contains(&vec![0, 3, 6, 7, 8]) && seen.contains(&vec![0, 1, 4, 5, 8]), "{seen:?}");
    assert_eq!(seen.len(), 6 - usize::from(!seen.contains(&vec![0, 3, 4, 7, 8])), "{seen:?}");
}

#[test]
fn minimal_adaptive_takes_free_links_and_escapes_where_there_are_none() {
    let spec = machine(Form::Torus, grid(&[5, 5], GridRouting::MinimalAdaptive), 4);
    let f = &spec.fabric;
    for flow in 0..100 {
        let head = head(0, 12, flow);
        assert_eq!(first(f, &head, &Loaded { port: port_to(f, 1) }), (5, 0b1100));
        assert_eq!(first(f, &head, &Loaded { port: port_to(f, 5) }), (1, 0b1100));
        // Dimension order does not cross the dateline from (0, 0) to (2, 2): the upper side.
        assert_eq!(first(f, &head, &Full), (1, 0b10));
    }
    let along: Vec<usize> = (0..1_000).map(|flow| first(f, &head(0, 12, flow), &Empty).0).collect();
    assert!((400..600).contains(&along.iter().filter(|r| **r == 1).count()));
}

#[test]
fn odd_even_turns_only_where_the_model_allows() {
    let spec = machine(Form::Mesh, grid(&[6, 5], GridRouting::OddEven), 1);
    check(&spec).expect("free of deadlock");
    let f = &spec.fabric;
    let mut turned = [false; 2];
    for (src, dst, flow) in
        (0..30).flat_map(|s| (0..30).flat_map(move |d| (0..6).map(move |f| (s, d, f))))
    {
        for at in routers(f, &head(src, dst, flow)).windows(3) {
            let [a, b, c] = [at[0], at[1], at[2]];
            let odd = b % 6 % 2 == 1;
            let east_then_upright = b == a + 1 && b.abs_diff(c) == 6;
            let upright_then_west = a.abs_diff(b) == 6 && c + 1 == b;
            assert!(!east_then_upright || odd, "{at:?}");
            assert!(!upright_then_west || !odd, "{at:?}");
            turned[0] |= east_then_upright;
            turned[1] |= upright_then_west;
        }
    }
    assert_eq!(turned, [true; 2], "both turns are made where they are allowed");
}

#[test]
fn flows_use_the_ways_of_a_twisted_torus_alike() {
    let form = twisted(&[3, 3, 6], GridRouting::DimensionOrder, &[(0, 2, 3), (1, 2, 3)]);
    let spec = machine(Form::Torus, form, 2);
    let mut load = vec![0_u32; spec.fabric.links.len()];
    all_arrive(&spec, &[1, 2, 3, 4, 5, 6, 7, 8], |src, dst, taken, far| {
        assert_eq!(taken.len(), far, "{src} to {dst}");
        for link in taken {
            load[link.at()] += 1;
        }
    });
    let between = (0..load.len()).filter(|l| {
        matches!(spec.fabric.links[*l].from, End::Router(..))
            && matches!(spec.fabric.links[*l].to, End::Router(..))
    });
    let load: Vec<u32> = between.map(|l| load[l]).collect();
    // Links come dimension by dimension, 54 cables each, up first.
    let of = |d: usize, down: usize| -> u32 {
        load[108 * d..108 * (d + 1)].iter().skip(down).step_by(2).sum()
    };
    for d in 0..3 {
        let (up, down) = (f64::from(of(d, 0)), f64::from(of(d, 1)));
        assert!((up / down - 1.0).abs() < 0.05, "dimension {d}: {up} up, {down} down");
    }
}

#[test]
fn two_twists_of_one_dimension_are_adaptive_safely() {
    let twists = [(0, 2, 2), (1, 2, 2)];
    let spec = machine(Form::Torus, twisted(&[2, 2, 4], GridRouting::MinimalAdaptive, &twists), 3);
    assert!(Dependencies::of(&spec).acyclic());
}

#[test]
fn twists_that_make_escapes_unsafe_are_refused() {
    let adaptive = |dims: &[u32], twist, order| {
        let grid = twisted(dims, GridRouting::MinimalAdaptive, &[twist]);
        let grid = Grid { order: Some(order), ..grid };
        describe(Form::Torus, grid, 3).elaborate().map_err(|e| (e.kind(), e.key().to_owned()))
    };
    assert!(adaptive(&[8, 4], (1, 0, 4), vec![1, 0]).is_ok());
    let refused = adaptive(&[8, 4], (1, 0, 4), vec![0, 1]).expect_err("shifted after its turn");
    assert_eq!(refused, (ErrorKind::Deadlock, "fabric.order".to_owned()));
    // 6 to the right is 6 links, or 4 up: twice around the column of 2.
    let refused = adaptive(&[15, 2], (1, 0, 3), vec![1, 0]).expect_err("around twice");
    assert_eq!(refused, (ErrorKind::Deadlock, "fabric.routing".to_owned()));
}

#[test]
fn a_twisted_torus_without_datelines_could_deadlock() {
    // The proof is worth something only if it can fail: shortest paths by table on the same links.
    let twist = [(1, 0, 4)];
    let safe = machine(Form::Torus, twisted(&[8, 4], GridRouting::DimensionOrder, &twist), 2);
    assert!(Dependencies::of(&safe).acyclic());
    let unsafe_ = machine(Form::Torus, twisted(&[8, 4], GridRouting::Table, &twist), 2);
    assert!(!Dependencies::of(&unsafe_).acyclic());
}
