//! Sound routings are proved; broken ones have their cycle named.

mod brute;
mod duato;
mod legs;

use std::sync::Arc;

use base::{LinkIdx, NodeIdx, PortIdx, RouterIdx};

use super::*;
use crate::describe::{Datelines, Description, FabricForm};
use crate::error::ErrorKind;
use crate::routing::mock::Mock;
use crate::routing::{DimensionOrder, Goal, Routing, Step, Way};
use crate::spec::{End, Fabric};

fn torus(dims: &[u32]) -> (MachineSpec, DimensionOrder) {
    let mut d = Description::torus4x4x4();
    if let FabricForm::Torus(grid) = &mut d.fabric {
        grid.dims = dims.to_vec();
        grid.local_links = 1;
    }
    let spec = d.elaborate().expect("right");
    let Way::DimensionOrder(order) = spec.fabric.routing.way().clone() else {
        panic!("a torus is routed by dimension order")
    };
    (spec, order)
}

fn mesh(dims: &[u32], vcs_per_class: u8) -> MachineSpec {
    let mut d = Description::mesh8x8();
    if let FabricForm::Mesh(grid) = &mut d.fabric {
        grid.dims = dims.to_vec();
    }
    d.router.vcs_per_class = vcs_per_class;
    d.elaborate().expect("right")
}

/// The links of a fabric, for mocks to find their way by.
#[derive(Clone, Debug)]
struct Map(Arc<Fabric>);

impl Map {
    fn of(spec: &MachineSpec) -> Self {
        Self(Arc::new(spec.fabric.clone()))
    }

    /// The port from one router to its neighbour.
    fn port(&self, from: usize, to: usize) -> PortIdx {
        let leads =
            |l: &LinkIdx| matches!(self.0.links[l.at()].to, End::Router(r, _) if r.at() == to);
        PortIdx::new(self.0.routers[from].ports.iter().position(leads).expect("neighbours"))
    }

    /// The router at the other end of a port, if it is one.
    fn beyond(&self, at: RouterIdx, port: PortIdx) -> Option<usize> {
        match self.0.links[self.0.routers[at.at()].ports[port.at()].at()].to {
            End::Router(r, _) => Some(r.at()),
            End::Node(..) => None,
        }
    }

    fn mock(&self, groups: usize, adaptive: bool, goals: Vec<Goal>) -> Mock {
        Mock {
            groups,
            size: (self.0.routers.len(), self.0.node_ports.len()),
            adaptive,
            goals,
            inject: Arc::new(move |_, goal| vec![step(PortIdx(0), (1 << groups) - 1, true, goal)]),
            route: Arc::new(|_, _, _, _| Vec::new()),
        }
    }
}

/// The destinations of a machine.
fn nodes(spec: &MachineSpec) -> Vec<Goal> {
    (0..spec.fabric.node_ports.len()).map(|n| Goal::node(NodeIdx::new(n))).collect()
}

const fn step(port: PortIdx, groups: u8, escape: bool, goal: Goal) -> Step {
    Step { port, groups, escape, goal }
}

fn with(spec: &MachineSpec, mock: Mock) -> MachineSpec {
    let mut spec = spec.clone();
    spec.fabric.routing = Routing::new(Way::Mock(mock), spec.router.vcs_per_class);
    spec
}

fn refusal(spec: &MachineSpec) -> String {
    let problem = prove(spec).expect_err("not sound");
    assert_eq!(problem.kind, ErrorKind::Deadlock, "{problem:?}");
    assert!(!problem.mend.is_empty());
    problem.message
}

#[test]
fn a_torus_without_dateline_is_refused_with_a_ring_named() {
    let (mut spec, order) = torus(&[4, 4]);
    assert!(prove(&spec).is_ok());
    spec.fabric.routing = Routing::new(Way::DimensionOrder(order.without_dateline()), 2);
    let message = refusal(&spec);
    assert!(message.contains("4 channels wait"), "{message}");
    for hop in ["r(0,0) port 1 -> r(1,0) (VCs 0 to 1", "r(3,0) port 2 -> r(0,0)"] {
        assert!(message.contains(hop), "{hop} in {message}");
    }
    assert_eq!(message.matches("\n  waits for r(").count(), 4, "{message}");
}

#[test]
fn a_ring_of_three_needs_no_dateline_and_one_of_five_does() {
    // On a ring of 3 every shortest way is one link: nothing is held while waiting on the ring.
    for (extent, free) in [(3, true), (5, false)] {
        let (mut spec, order) = torus(&[extent]);
        spec.fabric.routing = Routing::new(Way::DimensionOrder(order.without_dateline()), 2);
        assert_eq!(prove(&spec).is_ok(), free, "ring of {extent}");
    }
}

#[test]
fn dependencies_of_two_nodes_on_a_switch_are_counted_by_hand() {
    let mut d = Description::nvl8();
    if let FabricForm::SwitchPlanes(planes) = &mut d.fabric {
        planes.accelerators = 2;
        planes.switches = 1;
        planes.links_per_pair = crate::describe::PerSwitch::Same(1);
    }
    let found = prove(&d.elaborate().expect("right")).expect("free");
    // 4 links of 2 VCs; each of the 2 links in leads to both links out, VC by VC; 5 classes. At each
    // of 2 nodes, 2 VCs in lead to 2 VCs out for each of the 10 pairs of an earlier and a later class.
    let expected = Dependencies {
        method: Method::Acyclic,
        classes: 5,
        legs: 2,
        channels: 4 * 2 * 5,
        dependencies: 2 * 2 * 2 * 2 * 5,
        escape_channels: 40,
        extended_dependencies: Some(80),
        endpoint_dependencies: 2 * 2 * 2 * 10,
    };
    assert_eq!(found, expected);
}

#[test]
fn the_union_over_all_classes_has_no_cycle_by_brute_force() {
    let spec = mesh(&[3, 2], 1);
    let found = walk::walk(&spec.fabric).expect("arrives");
    let channels = found.all.channels();
    let mut after: Vec<Vec<usize>> = Vec::new();
    for class in base::Class::ALL {
        for channel in 0..channels {
            let own = class.at() * channels;
            let mut next: Vec<usize> = found.all.after(channel).map(|c| own + c).collect();
            if let End::Node(n, _) = spec.fabric.links[channel].to {
                let out = spec.fabric.node_ports[n.at()].iter().map(|l| l.at());
                let pairs =
                    out.flat_map(|l| classes::later(class).iter().map(move |c| (c.at(), l)));
                next.extend(pairs.map(|(c, l)| c * channels + l));
            }
            after.push(next);
        }
    }
    let edges: usize = after.iter().map(Vec::len).sum();
    assert!(!brute::is_cyclic(&after));
    let proved = prove(&spec).expect("free");
    assert_eq!(edges as u64, proved.dependencies + proved.endpoint_dependencies);
    // One class that waits for an earlier one closes a circle through the network.
    let (into, out) = (0, 0);
    let node_in = (0..channels).filter(|c| matches!(spec.fabric.links[*c].to, End::Node(..)));
    let node_out = spec.fabric.node_ports[out][0].at();
    let last = 4 * channels + node_in.min().expect("a node");
    after[last].push(into * channels + node_out);
    assert!(brute::is_cyclic(&after));
}

#[test]
fn vcs_beyond_those_of_five_classes_are_proved_for_one() {
    let found = prove(&mesh(&[2, 2], 13)).expect("free");
    assert_eq!((found.classes, found.endpoint_dependencies), (1, 0));
    let found = prove(&mesh(&[2, 2], 12)).expect("free");
    assert_eq!((found.classes, found.endpoint_dependencies), (5, 4 * 12 * 12 * 10));
}

#[test]
fn one_wrong_turn_of_up_down_routing_is_refused_with_its_cycle() {
    // A square: r0 is the root, r1 and r2 are below it, r3 below both. Up is towards the root. From
    // r1 to r2 a packet goes up and down over r0, or, wrongly, down and up over r3.
    let spec = mesh(&[2, 2], 1);
    let map = Map::of(&spec);
    let over = |turn: usize| {
        let mock = map.mock(1, false, nodes(&spec));
        let map = map.clone();
        let route = move |at: RouterIdx, _: PortIdx, _: usize, goal: Goal| {
            let next = match (at.at(), goal.target as usize) {
                (a, b) if a == b => return vec![step(PortIdx(0), 1, true, goal)],
                (0, 3) => 1,
                (3, 0) => 2,
                (2, 1) => 0,
                (1, 2) => turn,
                (_, b) => b,
            };
            vec![step(map.port(at.at(), next), 1, true, goal)]
        };
        with(&spec, Mock { route: Arc::new(route), ..mock })
    };
    assert_eq!(prove(&over(0)).expect("sound").method, Method::Acyclic);
    let message = refusal(&over(3));
    assert!(message.contains("4 channels wait"), "{message}");
    let (a, b, c, d) = ("r(0,0)", "r(1,0)", "r(1,1)", "r(0,1)");
    for (from, to) in [(a, b), (b, c), (c, d), (d, a)] {
        let to = format!("-> {to} (VC 0 of each class)");
        assert!(message.lines().any(|l| l.contains(from) && l.contains(&to)), "{message}");
    }
}

#[test]
fn a_packet_led_to_another_node_is_refused() {
    let spec = mesh(&[2, 2], 1);
    let map = Map::of(&spec);
    let here = |_: RouterIdx, _: PortIdx, _: usize, goal| vec![step(PortIdx(0), 1, true, goal)];
    let mock = Mock { route: Arc::new(here), ..map.mock(1, false, nodes(&spec)) };
    let problem = prove(&with(&spec, mock)).expect_err("astray");
    assert_eq!(problem.kind, ErrorKind::Structure);
}

#[test]
fn steps_to_ports_or_groups_that_are_not_there_are_refused() {
    let spec = mesh(&[2, 2], 1);
    let map = Map::of(&spec);
    for bad in [
        step(PortIdx(9), 1, true, Goal::node(NodeIdx(0))),
        step(PortIdx(0), 2, true, Goal::node(NodeIdx(0))),
    ] {
        let mock = Mock {
            route: Arc::new(move |_, _, _, goal| vec![Step { goal, ..bad }]),
            ..map.mock(1, false, nodes(&spec))
        };
        assert_eq!(prove(&with(&spec, mock)).expect_err("bad").kind, ErrorKind::Structure);
    }
    let silent = Mock {
        inject: Arc::new(|src, goal| {
            let step = step(PortIdx(0), 1, true, goal);
            if src.0 == 1 && goal.target == 2 { Vec::new() } else { vec![step] }
        }),
        ..map.mock(1, false, nodes(&spec))
    };
    let order = spec.fabric.routing.clone();
    let silent = Mock {
        route: Arc::new(move |at, port, group, goal| all(&order, at, port, group, goal)),
        ..silent
    };
    let problem = prove(&with(&spec, silent)).expect_err("no way");
    assert!(problem.message.contains("node1 cannot reach node2"), "{problem:?}");
}

/// Packets that come from a node are followed by one of its links and groups for all of them.
#[test]
fn what_is_followed_by_one_channel_is_what_each_channel_leads_to() {
    let grid = |dims: &[u32], nodes: u32, links: u32, strict: bool| {
        let mut d = Description::torus4x4x4();
        if let FabricForm::Torus(grid) = &mut d.fabric {
            grid.dims = dims.to_vec();
            (grid.nodes_per_router, grid.local_links) = (nodes, links);
            grid.datelines = if strict { Datelines::Strict } else { Datelines::Balanced };
        }
        d.elaborate().expect("right")
    };
    let mut specs = vec![mesh(&[3, 3], 1), mesh(&[4, 2], 2)];
    for (nodes, links) in [(1, 1), (1, 3), (2, 1), (3, 2)] {
        specs.extend([true, false].map(|strict| grid(&[5, 4], nodes, links, strict)));
    }
    specs.push(Description::shipped("twisted_torus_4x4x8").unwrap().elaborate().expect("right"));
    let mut fewer = 0;
    for spec in &specs {
        let found = walk::walk(&spec.fabric).expect("arrives");
        let channels = found.all.channels();
        let each: Vec<u32> = (0..channels).map(graph::narrow).collect();
        fewer += u32::from(walk::stands(&spec.fabric) != each);
        let whole = walk::walk_by(&spec.fabric, each).expect("arrives");
        for channel in 0..channels {
            let of = |g: &graph::Graph<'_>| (g.is_used(channel), g.after(channel).collect());
            let (all, due): ((bool, Vec<usize>), _) = (of(&found.all), of(&whole.all));
            assert_eq!(all, due, "{channel} of {:?}", spec.fabric.node_ports.len());
        }
    }
    assert!(fewer > 5, "{fewer} have channels that are alike");
}

/// All steps of a routing function.
fn all(routing: &Routing, at: RouterIdx, port: PortIdx, group: usize, goal: Goal) -> Vec<Step> {
    let mut steps = Vec::new();
    routing.route_all(at, port, group, goal, |step| steps.push(step));
    steps
}
