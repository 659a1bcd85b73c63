//! Figures of barriers: units against their closed form, and what software pays more on the same fabric.

use topology::Description;

use super::{Quantity, Row, Verdict};
use crate::barriers::{By, measure};

/// Members on the 8x8 mesh, from its first node on, and routers from the best root to the farthest of them.
const TEAMS: [(u32, u32); 3] = [(2, 1), (8, 4), (64, 8)];

/// Rounds of barriers that are compared.
const ROUNDS: u64 = 10;

/// Every figure of barriers, measured.
///
/// # Panics
/// If a shipped machine cannot be built, which tests exclude.
pub fn barriers() -> Vec<Row> {
    let spec = Description::mesh8x8().elaborate().expect("a shipped machine is sound");
    let mut rows = Vec::new();
    for (nodes, radius) in TEAMS {
        // A cycle in the node, one on each wire, 4 in each router; a cycle is a nanosecond.
        let closed = f64::from(2 * (1 + 1) + 2 * radius * (1 + 4) + 4);
        let once = measure(&spec, By::Units, nodes, 1).ok().and_then(|m| m.release_ns);
        let emulated = once.unwrap_or(f64::NAN);
        let what = format!("barrier by units, mesh8x8, {nodes} nodes, cycles");
        rows.push(row(what, (closed, emulated), Some(1e-12), "2 (1 + 1) + 2 r (1 + 4) + 4"));
        let round = |by| measure(&spec, by, nodes, ROUNDS).map_or(f64::NAN, |m| m.round_ns);
        let units = round(By::Units);
        for by in &By::ALL[1..] {
            let what = format!("barrier by {}, mesh8x8, {nodes} nodes, ns a round", by.name());
            rows.push(row(what, (units, round(*by)), None, "by units, measured here"));
        }
    }
    rows
}

fn row(
    what: String,
    (reference, emulated): (f64, f64),
    tolerance: Option<f64>,
    source: &str,
) -> Row {
    let error = (emulated - reference) / reference;
    let verdict = match tolerance {
        None => Verdict::Shown,
        Some(tolerance) if error.abs() <= tolerance => Verdict::Meets,
        Some(_) => Verdict::Missed,
    };
    Row {
        what,
        reference,
        emulated,
        error,
        tolerance,
        source: source.to_owned(),
        verdict,
        configuration: "barriers",
        quantity: Quantity::Barrier,
        offered: None,
        spread: None,
        seeds: 1,
        note: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_measured_and_units_meet_their_closed_form() {
        let rows = barriers();
        assert_eq!(rows.len(), TEAMS.len() * By::ALL.len());
        for row in rows {
            assert!(row.emulated.is_finite() && row.emulated > 0.0, "{row:?}");
            let due = if row.tolerance.is_some() { Verdict::Meets } else { Verdict::Shown };
            assert_eq!(row.verdict, due, "{row:?}");
        }
    }
}
