//! Static checks: what can be proved about a machine without running it.
//!
//! [`check`] refuses a machine that cannot work (ports that do not match, nodes out of reach, routes
//! that can deadlock) and reports what any machine of this shape can reach at best: hops, cut
//! bandwidth, payload rates, one-way latencies. What only costs speed is a warning.

mod channels;
mod cut;
mod dependencies;
mod hops;
mod report;
mod structure;
mod timing;

pub use dependencies::{Dependencies, Method};
pub use hops::Routes;
pub use report::{CheckReport, ClassReport, Latency};

use crate::error::{Problem, TopologyError};
use crate::spec::MachineSpec;
use crate::validate;

/// Checks a machine and reports on it.
///
/// # Errors
/// What is wrong with the machine; the error has no line, since the machine has no source here.
pub fn check(spec: &MachineSpec) -> Result<CheckReport, TopologyError> {
    examine(spec).map_err(|problem| TopologyError::bare(&spec.name, problem))
}

/// As [`check`], with the problem not yet placed.
pub(crate) fn examine(spec: &MachineSpec) -> Result<CheckReport, Problem> {
    let dependencies = prove(spec)?;
    Ok(report::report(spec, dependencies))
}

/// The refusing half of [`check`].
pub(crate) fn prove(spec: &MachineSpec) -> Result<Dependencies, Problem> {
    structure::structure(spec)?;
    validate::sections(spec)?;
    validate::totals(spec)?;
    structure::connected(spec)?;
    channels::prove(spec)
}
