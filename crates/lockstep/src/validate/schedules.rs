//! Figures of static schedules: what they promise, and what arrivals do without them.

use machine::schedule::{Collective, Schedule, execute, plan};
use topology::Description;
use topology::spec::MachineSpec;

use super::{Quantity, Row, Verdict};
use crate::schedule::{Options, compare};

/// Machines on which every node sends to every other.
const MACHINES: [&str; 4] = ["mesh8x8", "torus8x8", "fattree4x3", "nvl8"];
/// Flits of each packet.
const FLITS: u32 = 4;
/// Cycles by which counters are off, either way.
const ERROR: u32 = 2;
/// Runs of each kind.
const RUNS: u64 = 4;
/// Flows that are tried for a packet.
const FLOWS: u32 = 64;

/// Every figure of schedules, measured.
pub fn schedules() -> Vec<Row> {
    MACHINES.iter().flat_map(|name| of_machine(name)).collect()
}

fn of_machine(name: &str) -> Vec<Row> {
    let Some(Ok(spec)) = Description::shipped(name).map(|d| d.elaborate()) else {
        return Vec::new();
    };
    let planned = |error| {
        let all = Collective::AllToAll.transfers(&spec, FLITS, 1).ok()?;
        plan(&spec, &all, error, FLOWS).ok()
    };
    let (Some(exact), Some(wide)) = (planned(0), planned(ERROR)) else { return Vec::new() };
    let options = Options { runs: RUNS, seed: 1, start_cycles: 8, load: 0.0 };
    let of = |words: &str| format!("schedule, all-to-all, {name}: {words}");
    let measured = |schedule: &Schedule| compare(&spec, schedule, &[], options).unwrap_or_default();
    let (right, off) = (measured(&exact), measured(&wide));
    let range = |row: Option<&crate::schedule::Row>| {
        row.map_or(f64::NAN, |row| row.repeats.arrival_range.max)
    };
    let free = right.last();
    let completion = free.map_or(f64::NAN, |row| row.repeats.completion.mean);
    vec![
        row(
            of("packets that arrive in the cycle planned"),
            exact.entries().len() as f64,
            kept(&spec, &exact),
            Some(0.0),
            "all of them",
        ),
        row(
            of("range of an arrival, counters off by up to 2, cycles"),
            f64::from(2 * ERROR),
            range(off.get(1)),
            Some(0.0),
            "twice the counters' error",
        ),
        row(
            of("range of an arrival without it, cycles"),
            range(right.first()),
            range(free),
            None,
            "under the schedule, measured here",
        ),
        row(
            of("last arrival without it, cycles"),
            exact.completion() as f64,
            completion,
            None,
            "under the schedule, measured here",
        ),
    ]
}

/// How many packets arrive in the cycle that was planned for them.
fn kept(spec: &MachineSpec, schedule: &Schedule) -> f64 {
    let Ok(run) = execute(spec, schedule, &[]) else { return f64::NAN };
    let due = schedule.entries().iter().map(|e| e.arrival);
    due.zip(&run.arrivals).filter(|(due, came)| due == *came).count() as f64
}

fn row(what: String, reference: f64, emulated: f64, tolerance: Option<f64>, source: &str) -> Row {
    let error = (emulated - reference) / reference;
    let verdict = match tolerance {
        None => Verdict::Shown,
        Some(within) if error.abs() <= within => Verdict::Meets,
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
        configuration: "schedules",
        quantity: Quantity::Schedule,
        offered: None,
        spread: None,
        seeds: RUNS,
        note: None,
    }
}
