//! The trees of barriers, for whoever wants to look at them without a run.

use base::{Fs, RouterIdx, ThreadIdx};
use topology::spec::MachineSpec;

use super::plan::Fabric;
use crate::BuildError;

/// The tree of a barrier of all nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BarrierTree {
    /// Its root; none where one node is alone.
    pub root: Option<RouterIdx>,
    /// Units of each level, from the root down to the nodes farthest from it.
    pub levels: Vec<usize>,
    /// Nodes.
    pub members: usize,
    /// From the root to the member that is farthest by latency, units and links, without load.
    pub reach: Fs,
}

/// The trees of barriers of all nodes that the first `count` entries of a machine's units have; none if it has
/// no units.
///
/// # Errors
/// If the machine cannot be built, or nodes cannot reach each other.
pub fn barrier_trees(spec: &MachineSpec, count: usize) -> Result<Vec<BarrierTree>, BuildError> {
    let Some(table) = &spec.barriers.units else { return Ok(Vec::new()) };
    let domains = crate::network::domains(spec, SEED)?;
    let fabric = Fabric::new((spec, SEED), table, &domains)?;
    let threads: Vec<ThreadIdx> = (0..spec.fabric.node_ports.len()).map(ThreadIdx::new).collect();
    let entries = count.min(table.table as usize);
    (0..entries).map(|slot| tree(&fabric, slot, &threads)).collect()
}

/// Seed of what links suffer: the one of a run that names none.
const SEED: u64 = 1;

fn tree(
    fabric: &Fabric<'_>,
    slot: usize,
    threads: &[ThreadIdx],
) -> Result<BarrierTree, BuildError> {
    let id = u32::try_from(slot).unwrap_or(0);
    let places = fabric.tree(id, slot, threads)?;
    let members = threads.len();
    let above = |unit: usize| {
        let (_, place) = places.iter().find(|(u, _)| *u == unit)?;
        let port = fabric.ports[unit][usize::from(place.parent?)].as_ref()?;
        Some((port.0, port.2))
    };
    let (mut levels, mut reach, mut top) = (Vec::new(), 0, None);
    for (unit, _) in &places {
        let (mut at, mut depth, mut far) = (*unit, 0, 0);
        while let Some((next, cost)) = above(at) {
            (at, depth, far) = (next, depth + 1, far + cost);
        }
        if levels.len() <= depth {
            levels.resize(depth + 1, 0);
        }
        levels[depth] += 1;
        reach = reach.max(far);
        top = at.checked_sub(fabric.nodes).map(RouterIdx::new);
    }
    Ok(BarrierTree { root: top, levels, members, reach: Fs(reach) })
}

#[cfg(test)]
mod tests {
    use topology::Description;
    use topology::describe::BarrierForm;

    use super::*;

    fn trees(mut description: Description, count: usize) -> Vec<BarrierTree> {
        let (unit_cycles, timeout) = (None, None);
        description.barriers =
            BarrierForm::Hardware { table: 3, unit_cycles, node_cycles: 1, timeout };
        barrier_trees(&description.elaborate().expect("sound"), count).expect("connected")
    }

    #[test]
    fn a_tree_on_a_mesh_has_its_root_in_the_middle_and_all_nodes_below_it() {
        let trees = trees(Description::mesh8x8(), 9);
        assert_eq!(trees.len(), 3, "as many as there are entries");
        for t in &trees {
            let root = t.root.expect("a router").at();
            assert!((3..5).contains(&(root % 8)) && (3..5).contains(&(root / 8)), "{t:?}");
            // Eight routers to the farthest corner, and its node.
            assert_eq!((t.levels.len(), t.levels[0], t.members), (10, 1, 64));
            assert_eq!(t.levels.iter().sum::<usize>(), 64 + 64);
            // A cycle on each wire, 4 in each router, 1 in the node.
            assert!((Fs::from_ns(8 * 5)..=Fs::from_ns(9 * 5)).contains(&t.reach), "{t:?}");
        }
    }

    /// Of ten switches two are nearest to all nodes.
    #[test]
    fn entries_take_turns_at_the_switches_that_are_nearest() {
        let roots = trees(Description::shipped("packages64").expect("it ships"), 3);
        let roots: Vec<_> = roots.iter().filter_map(|t| Some(t.root?.at())).collect();
        assert_eq!(roots, [8, 9, 8]);
    }

    #[test]
    fn entries_take_different_switches_and_machines_without_units_have_no_trees() {
        let roots: Vec<_> = trees(Description::nvl8(), 3).iter().map(|t| t.root).collect();
        assert!(roots[0] != roots[1] && roots[1] != roots[2], "{roots:?}");
        let spec = Description::nvl8().elaborate().expect("sound");
        assert_eq!(barrier_trees(&spec, 3), Ok(Vec::new()));
    }
}
