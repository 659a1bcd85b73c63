//! Laws over random grids: packets arrive along enumerated steps, minimal functions on shortest
//! routes, and channels do not wait for each other in a circle.

use base::arch::VcReuse;
use proptest::prelude::*;
use topology::check;
use topology::describe::{Datelines, Grid, GridRouting};

use super::harness::{Dependencies, all_arrive};
use super::{Form, describe, grid, machine, twisted};

const ROUTINGS: [GridRouting; 9] = [
    GridRouting::DimensionOrder,
    GridRouting::Valiant,
    GridRouting::Romm,
    GridRouting::MinimalAdaptive,
    GridRouting::Xy,
    GridRouting::Yx,
    GridRouting::O1Turn,
    GridRouting::AdaptiveXyYx,
    GridRouting::OddEven,
];

fn holds(form: Form, grid: &Grid, vcs: u8, flow: u32) {
    let mut spec = machine(form, grid.clone(), vcs);
    // What escapes need: a VC holds one packet at a time.
    spec.router.arch.vc_reuse = VcReuse::Empty;
    let minimal = grid.routing != GridRouting::Valiant;
    all_arrive(&spec, &[flow, !flow], |src, dst, taken, far| {
        let detour = !minimal && taken.len() > far;
        assert!(taken.len() == far || detour, "{src} to {dst}: {taken:?} for {far} in {grid:?}");
    });
    assert!(Dependencies::of(&spec).acyclic(), "{form:?} {grid:?} can deadlock");
    check(&spec).unwrap_or_else(|e| panic!("{form:?} {grid:?}: {e}"));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        max_shrink_iters: 200,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..Default::default()
    })]

    #[test]
    fn routes_arrive_and_cannot_deadlock(
        dims in proptest::collection::vec(1_u32..6, 1..4),
        nodes_per_router in 1_u32..3,
        local_links in 1_u32..3,
        routing in proptest::sample::select(&ROUTINGS[..]),
        torus: bool,
        strict: bool,
        turned in 0_usize..3,
        vcs in 4_u8..7,
        flow: u32,
    ) {
        let mut dims = dims;
        if ROUTINGS[4..].contains(&routing) {
            dims.resize(2, 3);
        }
        let torus = torus && routing != GridRouting::OddEven;
        let routers: u32 = dims.iter().product();
        prop_assume!(routers > 1 && routers * nodes_per_router <= 36);
        let mut grid = grid(&dims, routing);
        (grid.nodes_per_router, grid.local_links) = (nodes_per_router, local_links);
        grid.early_exit = local_links == 1;
        grid.datelines = if strict { Datelines::Strict } else { Datelines::Balanced };
        if !ROUTINGS[4..].contains(&routing) {
            let mut order: Vec<u32> = (0..dims.len()).map(|d| u32::try_from(d).expect("few")).collect();
            order.rotate_left(turned % dims.len());
            grid.order = Some(order);
        }
        holds(if torus { Form::Torus } else { Form::Mesh }, &grid, vcs, flow);
    }

    #[test]
    fn twisted_routes_arrive_and_cannot_deadlock(
        dims in proptest::collection::vec(1_u32..6, 2..4),
        routing in proptest::sample::select(&ROUTINGS[..4]),
        wrap in 0_usize..3,
        further in 1_usize..3,
        by in 1_u32..6,
        flow: u32,
    ) {
        let routers: u32 = dims.iter().product();
        prop_assume!(routers <= 24);
        let wrap = wrap % dims.len();
        let shifts = (wrap + 1 + further % (dims.len() - 1)) % dims.len();
        prop_assume!(dims[wrap] > 1 && dims[shifts] > 1);
        let by = 1 + by % (dims[shifts] - 1);
        let at = |d: usize| u32::try_from(d).expect("few");
        let mut grid = twisted(&dims, routing, &[(at(wrap), at(shifts), by)]);
        if routing == GridRouting::MinimalAdaptive {
            // Dimensions that wrap with a twist come before those that they shift.
            let rest = (0..dims.len()).filter(|d| *d != wrap && *d != shifts);
            grid.order = Some([wrap].into_iter().chain(rest).chain([shifts]).map(at).collect());
            let refused = describe(Form::Torus, grid.clone(), 4).elaborate().err();
            prop_assume!(refused.is_none_or(|e| !e.message().contains("twice")));
        }
        holds(Form::Torus, &grid, 4, flow);
    }
}
