//! What a static schedule does against the same transfers without one: how much arrivals differ.

use machine::schedule::{Dynamic, Repeats, RunTrouble, Schedule, dynamic};
use topology::spec::MachineSpec;

/// How runs are made.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Options {
    /// Runs of each kind, at least 1.
    pub runs: u64,
    /// Seed of the first.
    pub seed: u64,
    /// Without a schedule, nodes start in a cycle drawn from 0 to this.
    pub start_cycles: u64,
    /// Flits a node and cycle of background load beside transfers without a schedule, on top of runs
    /// without; 0 for none.
    pub load: f64,
}

/// Runs of one kind.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// What they are called.
    pub name: String,
    /// The routing function; `None` under the schedule.
    pub routing: Option<&'static str>,
    /// Background load.
    pub load: f64,
    /// By how many cycles counters may have been off.
    pub error_cycles: u64,
    /// What came of them.
    pub repeats: Repeats,
}

impl Row {
    /// Whether a schedule kept what it promises: no arrival differs by more than counters do, and nobody
    /// lost to anybody. Rows without a schedule promise nothing.
    pub fn kept(&self) -> bool {
        let bound = 2.0 * self.error_cycles as f64;
        self.routing.is_some()
            || self.repeats.losses == 0
                && self.repeats.arrival_range.max <= bound
                && self.repeats.delay.max.abs() < f64::EPSILON
                && self.repeats.delay.min.abs() < f64::EPSILON
    }
}

/// Runs a schedule several times, with right counters and with those that it allows for; then its
/// transfers without it, routed as the machine is and as each of `against`, which are other descriptions
/// of the same fabric.
///
/// # Errors
/// If a network cannot be built, or packets get stuck.
pub fn compare(
    spec: &MachineSpec,
    schedule: &Schedule,
    against: &[MachineSpec],
    options: Options,
) -> Result<Vec<Row>, RunTrouble> {
    let Options { runs, seed, start_cycles, load } = options;
    let mut rows = Vec::new();
    let mut errors = vec![0, schedule.error_cycles()];
    errors.dedup();
    for error in errors {
        let name = match error {
            0 => "schedule, counters right".to_owned(),
            _ => format!("schedule, counters off by up to {error}"),
        };
        let repeats = schedule.repeat(spec, runs, seed, error)?;
        rows.push(Row { name, routing: None, load: 0.0, error_cycles: error, repeats });
    }
    for spec in [spec].into_iter().chain(against) {
        let routing = spec.fabric.routing.way().name();
        let loads = if load > 0.0 { vec![0.0, load] } else { vec![0.0] };
        for load in loads {
            let name = match load {
                load if load > 0.0 => format!("dynamic, {routing}, load {load}"),
                _ => format!("dynamic, {routing}"),
            };
            let how = Dynamic { runs, seed, start_cycles, load };
            let repeats = dynamic(spec, schedule, how)?;
            rows.push(Row { name, routing: Some(routing), load, error_cycles: 0, repeats });
        }
    }
    Ok(rows)
}

/// Whether two descriptions are of one fabric, so that the same transfers mean the same on both.
pub fn same_fabric(a: &MachineSpec, b: &MachineSpec) -> bool {
    let (f, g) = (&a.fabric, &b.fabric);
    f.node_ports == g.node_ports && f.links == g.links && f.routers == g.routers
}
