//! Trees as data.

use std::collections::BTreeSet;

use base::{GroupIdx, NodeIdx};
use proptest::prelude::*;

use super::{Group, GroupRules, Grouped, Trees};
use crate::TopologyError;
use crate::describe::{Datelines, Description, FabricForm};
use crate::spec::MachineSpec;

/// A shipped machine; on rings, packets that cross the dateline share VCs with those that do not.
fn shipped(name: &str) -> MachineSpec {
    with_datelines(name, Datelines::Balanced)
}

fn with_datelines(name: &str, datelines: Datelines) -> MachineSpec {
    let mut machine = Description::shipped(name).expect("shipped");
    match &mut machine.fabric {
        FabricForm::Torus(grid) => grid.datelines = datelines,
        FabricForm::Ring(ring) => ring.datelines = datelines,
        _ => {}
    }
    machine.elaborate().expect("a machine")
}

fn trees(machine: &MachineSpec, groups: &[Group]) -> Result<Trees, TopologyError> {
    Trees::new(&machine.fabric, &machine.fabric.routing, groups, GroupRules::default())
}

fn all(machine: &MachineSpec) -> Vec<NodeIdx> {
    (0..machine.fabric.node_ports.len()).map(NodeIdx::new).collect()
}

/// Nodes that a multicast's packet comes to, each as often as it does.
fn reached(trees: &Trees, group: GroupIdx) -> Vec<NodeIdx> {
    let branches = trees.places(group).iter().flat_map(|p| &p.branches);
    let mut reached: Vec<NodeIdx> = branches.filter_map(|b| b.node).collect();
    reached.sort_unstable();
    reached
}

#[test]
fn spanning_trees_of_grids_have_a_link_to_each_router_and_to_each_node() {
    // On tori only if routes on either side of a dateline share their links.
    for name in ["mesh8x8", "torus8x8", "torus4x4x4", "ring16", "cmesh4x4x4"] {
        let machine = shipped(name);
        let (nodes, routers) = (all(&machine), machine.fabric.routers.len());
        for source in [0, 5, nodes.len() - 1].map(NodeIdx::new) {
            let groups = [
                Group::Multicast { source, members: nodes.clone() },
                Group::Reduction { root: source, members: nodes.clone() },
            ];
            let trees = trees(&machine, &groups).expect("trees");
            assert_eq!(trees.links(GroupIdx(0)).count(), routers - 1 + nodes.len(), "{name}");
            assert_eq!(reached(&trees, GroupIdx(0)), nodes);
            let up: BTreeSet<_> = trees.links(GroupIdx(1)).map(|(r, _)| r).collect();
            assert_eq!(trees.links(GroupIdx(1)).count(), routers, "{name}");
            assert_eq!(up.len(), routers, "{name}: each router sends up once");
            let awaited: u32 = trees.places(GroupIdx(1)).iter().map(|p| p.awaited).sum();
            // Every node sends once, and every router but the root's.
            assert_eq!(awaited as usize, nodes.len() + routers - 1, "{name}");
        }
    }
}

#[test]
fn under_strict_datelines_a_link_carries_a_copy_for_each_half_at_most() {
    let machine = with_datelines("torus8x8", Datelines::Strict);
    let groups = [Group::Multicast { source: NodeIdx(5), members: all(&machine) }];
    let trees = trees(&machine, &groups).expect("trees");
    assert_eq!(reached(&trees, GroupIdx(0)), all(&machine));
    let links: Vec<_> = trees.links(GroupIdx(0)).collect();
    let copies = |link| links.iter().filter(|l| *l == link).count();
    assert_eq!(links.iter().map(copies).max(), Some(2));
}

#[test]
fn routes_that_vary_are_refused() {
    use crate::describe::GridRouting::{OddEven, Valiant};
    for (routing, why) in [(OddEven, "adaptive"), (Valiant, "keeps notes on packets")] {
        let mut description = Description::mesh8x8();
        if let FabricForm::Mesh(grid) = &mut description.fabric {
            grid.routing = routing;
        }
        let machine = description.elaborate().expect("a machine");
        let groups = [Group::Multicast { source: NodeIdx(0), members: all(&machine) }];
        let error = trees(&machine, &groups).expect_err("routes vary").to_string();
        assert!(error.contains(why) && error.contains("DimensionOrder"), "{error}");
    }
}

#[test]
fn a_group_that_is_not_there_has_no_places() {
    let machine = shipped("mesh8x8");
    let groups = [Group::Multicast { source: NodeIdx(0), members: vec![NodeIdx(1)] }];
    let routing = machine.fabric.routing.clone();
    let grouped = Grouped::new(&machine.fabric, routing, &groups, GroupRules::default());
    let grouped = grouped.expect("trees");
    assert_eq!(grouped.trees().places(GroupIdx(7)), []);
    assert_eq!(grouped.trees().places(GroupIdx(0)).len(), 2);
}

proptest! {
    #[test]
    fn a_multicast_reaches_its_members_once_each_and_nobody_else(
        torus in any::<bool>(), source in 0_u32..64, drawn in any::<u64>(),
    ) {
        let machine = shipped(if torus { "torus4x4x4" } else { "mesh8x8" });
        let source = NodeIdx(source);
        let mut members: Vec<NodeIdx> =
            (0..64).filter(|n| drawn >> n & 1 == 1).map(NodeIdx).collect();
        if members.is_empty() {
            members.push(source);
        }
        let groups = [Group::Multicast { source, members: members.clone() }];
        let trees = trees(&machine, &groups).expect("trees");
        prop_assert_eq!(reached(&trees, GroupIdx(0)), members);
        let links: Vec<_> = trees.links(GroupIdx(0)).collect();
        let different: BTreeSet<_> = links.iter().collect();
        prop_assert_eq!(different.len(), links.len(), "a link is in the tree once");
    }
}
