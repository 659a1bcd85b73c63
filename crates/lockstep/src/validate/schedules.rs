//! Figures of static schedules: what they promise, and what arrivals do without them.

use std::sync::Arc;

use machine::schedule::{Collective, Schedule, execute, plan};
use topology::Description;
use topology::spec::MachineSpec;

use super::Quantity;
use super::pending::{Pending, Section, Shared, shared};
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

const SECTION: Section =
    Section { configuration: "schedules", quantity: Quantity::Schedule, seeds: RUNS };

/// Every figure of schedules, to be measured.
pub fn schedules() -> Vec<Pending> {
    MACHINES.iter().flat_map(|name| of_machine(name)).collect()
}

/// A machine's schedule, and its runs with it and then without it.
struct Planned {
    spec: MachineSpec,
    schedule: Schedule,
    runs: Shared<Vec<crate::schedule::Row>>,
}

/// Plans for counters that are off by so much; nothing if that cannot be, so that its rows are missed.
fn planned(name: &str, error: u32) -> Option<Planned> {
    let spec = Description::shipped(name)?.elaborate().ok()?;
    let all = Collective::AllToAll.transfers(&spec, FLITS, 1).ok()?;
    let schedule = plan(&spec, &all, error, FLOWS).ok()?;
    let options = Options { runs: RUNS, seed: 1, start_cycles: 8, load: 0.0 };
    let (machine, planned) = (spec.clone(), schedule.clone());
    let runs = shared(move || compare(&machine, &planned, &[], options).unwrap_or_default());
    Some(Planned { spec, schedule, runs })
}

/// Figures of a plan that may be missing.
fn of(plan: Option<&Planned>, figures: impl FnOnce(&Planned) -> (f64, f64)) -> (f64, f64) {
    plan.map_or((f64::NAN, f64::NAN), figures)
}

fn of_machine(name: &'static str) -> Vec<Pending> {
    let exact = shared(move || planned(name, 0));
    let wide = move || planned(name, ERROR);
    let what = |words: &str| format!("schedule, all-to-all, {name}: {words}");
    let range = |row: Option<&crate::schedule::Row>| {
        row.map_or(f64::NAN, |row| row.repeats.arrival_range.max)
    };
    let [arrive, free, last] = [0; 3].map(|_| Arc::clone(&exact));
    let here = "under the schedule, measured here";
    vec![
        Pending::new(
            &SECTION,
            what("packets that arrive in the cycle planned"),
            Some(0.0),
            "all of them",
            move || {
                of((**arrive).as_ref(), |p| {
                    (p.schedule.entries().len() as f64, kept(&p.spec, &p.schedule))
                })
            },
        ),
        Pending::new(
            &SECTION,
            what("range of an arrival, counters off by up to 2, cycles"),
            Some(0.0),
            "twice the counters' error",
            move || of(wide().as_ref(), |p| (f64::from(2 * ERROR), range(p.runs.get(1)))),
        ),
        Pending::new(
            &SECTION,
            what("range of an arrival without it, cycles"),
            None,
            here,
            move || of((**free).as_ref(), |p| (range(p.runs.first()), range(p.runs.last()))),
        ),
        Pending::new(&SECTION, what("last arrival without it, cycles"), None, here, move || {
            of((**last).as_ref(), |p| {
                let free = p.runs.last().map_or(f64::NAN, |row| row.repeats.completion.mean);
                (p.schedule.completion() as f64, free)
            })
        }),
    ]
}

/// How many packets arrive in the cycle that was planned for them.
fn kept(spec: &MachineSpec, schedule: &Schedule) -> f64 {
    let Ok(run) = execute(spec, schedule, &[]) else { return f64::NAN };
    let due = schedule.entries().iter().map(|e| e.arrival);
    due.zip(&run.arrivals).filter(|(due, came)| due == *came).count() as f64
}
