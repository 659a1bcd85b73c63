//! Runs a case and says what is wrong.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base::{Addr, Op, Record, Rmw, ThreadIdx};
use coherence::Coverage;
use machine::{Machine, Options, RunError};
use topology::spec::MachineSpec;
use traffic::Trace;

use super::case::Case;

/// Instants in which every case has ended many times over.
const INSTANTS_MAX: u32 = 6_000_000;

/// What kind of thing is wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FailureKind {
    /// The case cannot be run at all.
    Refused,
    /// A check of the machine found something.
    Finding,
    /// The machine got stuck, or goes on for ever.
    Stuck,
    /// The protocol came to where it cannot be.
    Impossible,
    /// A counter does not hold what was added to it.
    Counter,
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What kind of thing.
    pub kind: FailureKind,
    /// In words.
    pub what: String,
}

/// Runs a case on the machine as it is; gives the rows that were taken.
///
/// # Errors
/// What is wrong.
pub fn judge(case: &Case) -> Result<Coverage, Failure> {
    judge_with(case, Machine::new)
}

/// As [`judge`], on a machine that `build` makes.
///
/// # Errors
/// What is wrong.
pub fn judge_with(
    case: &Case,
    build: impl Fn(&MachineSpec, &Trace, Options) -> Result<Machine, RunError>,
) -> Result<Coverage, Failure> {
    let failure = |kind, what: String| Failure { kind, what };
    let spec = case.knobs.spec().map_err(|what| failure(FailureKind::Refused, what))?;
    let trace = case.trace().map_err(|what| failure(FailureKind::Refused, what))?;
    let seed = case.seed;
    let options = Options { seed, shuffle: Some(seed), ..Options::default() };
    let run = || {
        let mut machine = build(&spec, &trace, options)
            .map_err(|error| failure(FailureKind::Refused, error.to_string()))?;
        end(&mut machine).map_err(|what| failure(FailureKind::Stuck, what))?;
        let checks = machine.summary().checks;
        if !checks.clean() {
            return Err(failure(FailureKind::Finding, format!("{checks:?}")));
        }
        for (addr, sum) in case.sums() {
            let held = machine.value(addr.line()).word(addr.offset(), 8);
            if held != sum {
                let what = format!("the counter at {addr} holds {held}, {sum} were added");
                return Err(failure(FailureKind::Counter, what));
            }
        }
        Ok(machine.coverage().into_owned())
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(failure(FailureKind::Impossible, text.unwrap_or_default()))
    })
}

fn end(machine: &mut Machine) -> Result<(), String> {
    for _ in 0..INSTANTS_MAX {
        match machine.step() {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
    }
    Err(format!("not at rest after {INSTANTS_MAX} instants"))
}

impl Case {
    /// The program as a trace.
    ///
    /// # Errors
    /// If an operation is out of its range.
    pub fn trace(&self) -> Result<Trace, String> {
        let threads = self.threads();
        let members = u32::try_from(threads).unwrap_or(u32::MAX);
        let mut records = Vec::new();
        for (number, phase) in self.phases.iter().enumerate() {
            for thread in 0..threads {
                let ops = phase.get(thread).map_or(&[][..], Vec::as_slice);
                let last = number + 1 == self.phases.len();
                // A thread has one operation at least.
                let close = if last { Op::Fence } else { Op::Barrier { id: 0, members } };
                let all = ops.iter().copied().chain([close]);
                let thread = ThreadIdx::new(thread);
                records.extend(all.map(|op| Record { thread, op }));
            }
        }
        Trace::from_records(records).map_err(|error| error.to_string())
    }

    /// Counters, and what was added to each.
    fn sums(&self) -> BTreeMap<Addr, u64> {
        let mut sums = BTreeMap::new();
        for op in self.phases.iter().flatten().flatten() {
            if let Op::Atomic { addr, rmw: Rmw::Add(by), .. } = op {
                *sums.entry(*addr).or_insert(0_u64) += by;
            }
        }
        sums
    }
}
