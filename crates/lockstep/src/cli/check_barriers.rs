//! What `check` says of barriers that units do.

use core::fmt;

use base::Fs;
use machine::{BarrierTree, BuildError, barrier_trees};
use serde::Serialize;
use topology::spec::MachineSpec;

/// Entries whose trees are told.
const SHOWN: usize = 4;

/// A tree of a barrier of all nodes.
#[derive(Serialize)]
struct Tree {
    root: Option<String>,
    /// Units of each level, from the root down.
    levels: Vec<usize>,
    members: usize,
    /// From the root to the farthest member.
    reach_ns: f64,
}

/// The barriers of a machine; nothing where there are no units.
#[derive(Serialize)]
pub(crate) struct Barriers {
    #[serde(skip_serializing_if = "Option::is_none")]
    barriers: Option<Units>,
}

#[derive(Serialize)]
struct Units {
    table: u32,
    unit_cycles: u32,
    node_cycles: u32,
    timeout_ns: Option<f64>,
    /// Of the first entries.
    trees: Vec<Tree>,
}

impl Barriers {
    /// Those of `spec`.
    pub(crate) fn of(spec: &MachineSpec) -> Result<Self, BuildError> {
        let Some(units) = spec.barriers.units else { return Ok(Self { barriers: None }) };
        let tree = |t: BarrierTree| Tree {
            root: t.root.map(|r| r.to_string()),
            levels: t.levels,
            members: t.members,
            reach_ns: t.reach.as_ns(),
        };
        let units = Units {
            table: units.table,
            unit_cycles: units.unit_cycles,
            node_cycles: units.node_cycles,
            timeout_ns: spec.barriers.timeout.map(Fs::as_ns),
            trees: barrier_trees(spec, SHOWN)?.into_iter().map(tree).collect(),
        };
        Ok(Self { barriers: Some(units) })
    }
}

impl fmt::Display for Barriers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(units) = &self.barriers else { return Ok(()) };
        write!(
            f,
            "  barriers         by units: {} entries, {} cycles a router, {} a node",
            units.table, units.unit_cycles, units.node_cycles
        )?;
        match units.timeout_ns {
            Some(ns) => writeln!(f, ", given up after {ns} ns")?,
            None => writeln!(f)?,
        }
        for (entry, t) in units.trees.iter().enumerate() {
            let levels: Vec<String> = t.levels.iter().map(usize::to_string).collect();
            writeln!(
                f,
                "    entry {entry}: {} members under {}, {} levels of {} units, {:.3} ns to the farthest",
                t.members,
                t.root.as_deref().unwrap_or("none"),
                t.levels.len(),
                levels.join(" + "),
                t.reach_ns
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use topology::Description;
    use topology::describe::BarrierForm;

    use super::*;

    #[test]
    fn trees_are_told_where_there_are_units() {
        let mut description = Description::nvl8();
        let plain = description.elaborate().expect("sound");
        assert_eq!(Barriers::of(&plain).expect("it builds").to_string(), "");
        let (unit_cycles, timeout) = (None, None);
        description.barriers =
            BarrierForm::Hardware { table: 2, unit_cycles, node_cycles: 1, timeout };
        let spec = description.elaborate().expect("sound");
        let told = Barriers::of(&spec).expect("it builds").to_string();
        assert!(told.contains("by units: 2 entries, 28 cycles a router, 1 a node\n"), "{told}");
        for (entry, root) in ["router0", "router1"].into_iter().enumerate() {
            let due = format!("entry {entry}: 8 members under {root}, 2 levels of 1 + 8 units, ");
            assert!(told.contains(&due), "{told}");
        }
    }
}
