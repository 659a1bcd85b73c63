//! The two ways to step a network, by lists and router by router: whoever watches gets the second.

use topology::Description;
use topology::describe::{DragonflyRouting, FabricForm, GridRouting, LinkForm, UpRouting};
use topology::spec::MachineSpec;
use traffic::synthetic::{Exchange, TrafficSpec};

use super::run;
use crate::sweep::{Measured, Options};

/// What a run comes to, watched or not.
fn told(spec: &MachineSpec, options: &Options, stats: bool) -> Measured {
    let run = run(spec, &Options { stats, ..options.clone() });
    Measured { load: None, ..run }
}

fn same(spec: &MachineSpec, options: &Options, what: &str) {
    let (lists, routers) = (told(spec, options, false), told(spec, options, true));
    assert_eq!(format!("{lists:?}"), format!("{routers:?}"), "{what}");
}

fn options(rate: f64, flits: &str, seed: u64) -> Options {
    let exchange = Exchange::OneWay(flits.parse().unwrap());
    let traffic = TrafficSpec { rate, exchange, seed, ..TrafficSpec::default() };
    Options { traffic, warmup_cycles: Some(100), measured_cycles: 400, ..Options::default() }
}

/// Dimension order, tables, trees up by chance and by what waits, UGAL, datelines, slow links, nodes of
/// several ports and crossings of one flit in several cycles.
#[test]
fn lists_and_routers_make_the_same_run_on_every_kind_of_network() {
    let machines = [
        "mesh8x8",
        "torus8x8",
        "torus4x4x4",
        "ring16",
        "cmesh4x4x4",
        "fattree4x3",
        "dragonfly72",
        "slimfly50",
        "flatbutterfly4x4c4",
        "ub-mesh-rack",
        "hierarchy_mesh_torus",
        "hierarchy_racks",
        "hyperx4x4x4",
        "clos64",
        "nvl8",
        "nvl72",
        "mi300x-8",
        "fullmesh8",
    ];
    for name in machines {
        let Some(machine) = Description::shipped(name) else { panic!("{name} is not shipped") };
        on_all_loads(&machine, name);
    }
}

/// A tree whose switches look at their ports.
fn adaptive_tree() -> Description {
    let mut tree = Description::shipped("fattree4x3").expect("it is shipped");
    if let FabricForm::FatTree(tree) = &mut tree.fabric {
        tree.routing = UpRouting::Adaptive;
    }
    tree
}

/// Functions that look at ports at every hop, once a packet, or never though their kind may, with routers that look ahead
/// and others.
#[test]
fn lists_and_routers_make_the_same_run_whenever_ports_are_looked_at() {
    let shipped = |name| Description::shipped(name).expect("it is shipped");
    let mesh = |routing: GridRouting| {
        let mut mesh = shipped("mesh8x8");
        if let FabricForm::Mesh(grid) = &mut mesh.fabric {
            grid.routing = routing;
        }
        mesh
    };
    let dragonfly = |routing: DragonflyRouting| {
        let mut dragonfly = shipped("dragonfly72");
        if let FabricForm::Dragonfly(form) = &mut dragonfly.fabric {
            form.routing = routing;
        }
        dragonfly
    };
    let machines = [
        ("O1TURN", mesh(GridRouting::O1Turn)),
        ("XY-YX by load", mesh(GridRouting::AdaptiveXyYx)),
        ("minimal dragonfly", dragonfly(DragonflyRouting::Minimal)),
        ("Valiant dragonfly", dragonfly(DragonflyRouting::Valiant)),
        ("UGAL-L", dragonfly(DragonflyRouting::UgalL)),
        ("UGAL-G", dragonfly(DragonflyRouting::UgalG)),
        ("UGAL on a Slim Fly", shipped("slimfly50")),
        ("UGAL on a HyperX", shipped("flatbutterfly4x4c4")),
        ("odd-even", mesh(GridRouting::OddEven)),
        ("adaptive tree", adaptive_tree()),
    ];
    for (name, mut machine) in machines {
        for rc in [0, 1, 3] {
            machine.router.rc_cycles = rc;
            on_all_loads(&machine, &format!("{name}, RC {rc}"));
        }
    }
}

fn on_all_loads(machine: &Description, name: &str) {
    let spec = machine.elaborate().unwrap();
    for (rate, flits) in [(0.05, "1"), (0.3, "1:0.5,5:0.5"), (0.9, "3")] {
        same(&spec, &options(rate, flits, 5), &format!("{name} {rate} {flits}"));
    }
}

/// Where several requests arrive at a node at once, it matters which of them is answered first.
#[test]
fn lists_and_routers_answer_requests_in_the_same_order() {
    for name in ["mesh8x8", "fullmesh8", "nvl8", "twisted_torus_4x4x8"] {
        let Some(machine) = Description::shipped(name) else { panic!("{name} is not shipped") };
        let spec = machine.elaborate().unwrap();
        let exchange = Exchange::RequestReply { request_flits: 1, reply_flits: 5 };
        let traffic = TrafficSpec { rate: 0.4, exchange, seed: 3, ..TrafficSpec::default() };
        let options = Options { traffic, ..options(0.4, "1", 3) };
        same(&spec, &options, name);
    }
}

#[test]
fn lists_and_routers_make_the_same_run_with_any_delays_vcs_and_buffers() {
    for (stages, vcs, buffer_flits, latency) in [
        ([0, 1, 1, 1, 1], 4, 8, 1),
        ([1, 1, 1, 2, 0], 1, 1, 1),
        ([2, 1, 1, 1, 3], 2, 3, 4),
        ([3, 1, 1, 3, 1], 3, 2, 7),
        ([1, 1, 1, 1, 1], 8, 16, 2),
        // As many credits as it takes for one more to count at once, one less, and one more.
        ([1, 1, 1, 1, 1], 1, 3, 1),
        ([1, 1, 1, 1, 1], 1, 4, 1),
        ([1, 1, 1, 1, 1], 2, 5, 1),
        // Further ahead than there are lists, and marks, of what is to come.
        ([1, 1, 1, 1, 1], 4, 8, 40),
        ([1, 1, 1, 1, 1], 2, 4, 90),
        ([40, 1, 1, 1, 1], 4, 8, 1),
    ] {
        let mut mesh = Description::mesh8x8();
        let [rc, va, sa, st, credit] = stages;
        let router = &mut mesh.router;
        (router.rc_cycles, router.va_cycles, router.sa_cycles) = (rc, va, sa);
        (router.st_cycles, router.credit_cycles, router.vcs_per_class) = (st, credit, vcs);
        if let Some(LinkForm::OnDie { latency_cycles, buffer_flits: flits, .. }) =
            mesh.links.get_mut("wire")
        {
            (*latency_cycles, *flits) = (latency, buffer_flits);
        }
        let spec = mesh.elaborate().unwrap();
        for (rate, flits) in [(0.1, "1"), (0.4, "1"), (0.9, "2:0.5,7:0.5")] {
            same(&spec, &options(rate, flits, 9), &format!("{stages:?} {vcs} {rate} {flits}"));
        }
    }
}
