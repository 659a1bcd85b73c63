//! Figures of barriers: units against their closed form, and what software pays more on the same fabric.

use std::sync::Arc;

use topology::Description;
use topology::spec::MachineSpec;

use super::Quantity;
use super::pending::{Pending, Section, shared};
use crate::barriers::{By, measure};

/// Members on the 8x8 mesh, from its first node on, and routers from the best root to the farthest of them.
const TEAMS: [(u32, u32); 3] = [(2, 1), (8, 4), (64, 8)];

/// Rounds of barriers that are compared.
const ROUNDS: u64 = 10;

const SECTION: Section =
    Section { configuration: "barriers", quantity: Quantity::Barrier, seeds: 1 };

/// Every figure of barriers, to be measured.
///
/// # Panics
/// If a row is measured and a shipped machine cannot be built, which tests exclude.
pub fn barriers() -> Vec<Pending> {
    let spec = shared(|| Description::mesh8x8().elaborate().expect("a shipped machine is sound"));
    let mut rows = Vec::new();
    for (nodes, radius) in TEAMS {
        // A cycle in the node, one on each wire, 4 in each router; a cycle is a nanosecond.
        let closed = f64::from(2 * (1 + 1) + 2 * radius * (1 + 4) + 4);
        let machine = Arc::clone(&spec);
        let once = move || measure(&machine, By::Units, nodes, 1).ok().and_then(|m| m.release_ns);
        let cycles = move || (closed, once().unwrap_or(f64::NAN));
        let what = format!("barrier by units, mesh8x8, {nodes} nodes, cycles");
        let form = "2 (1 + 1) + 2 r (1 + 4) + 4";
        rows.push(Pending::new(&SECTION, what, Some(1e-12), form, cycles));
        let round = move |spec: &MachineSpec, by| {
            measure(spec, by, nodes, ROUNDS).map_or(f64::NAN, |m| m.round_ns)
        };
        let machine = Arc::clone(&spec);
        let units = shared(move || round(&machine, By::Units));
        for by in &By::ALL[1..] {
            let what = format!("barrier by {}, mesh8x8, {nodes} nodes, ns a round", by.name());
            let (machine, units) = (Arc::clone(&spec), Arc::clone(&units));
            let rounds = move || (**units, round(&machine, *by));
            rows.push(Pending::new(&SECTION, what, None, "by units, measured here", rounds));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn every_figure_is_measured_and_units_meet_their_closed_form() {
        let rows = barriers();
        assert_eq!(rows.len(), TEAMS.len() * By::ALL.len());
        for row in rows.into_iter().map(Pending::measure) {
            assert!(row.emulated.is_finite() && row.emulated > 0.0, "{row:?}");
            let due = if row.tolerance.is_some() { Verdict::Meets } else { Verdict::Shown };
            assert_eq!(row.verdict, due, "{row:?}");
        }
    }
}
