//! Barriers as a machine sees them: who belongs to which, which of them are done by units, and whether
//! they keep their promise.

mod meetings;
mod plan;
mod shape;
mod watch;

pub use meetings::BarrierUse;
pub(crate) use meetings::{Event, Meetings, What};
pub(crate) use plan::{Teams, units};
pub use shape::{BarrierTree, barrier_trees};

/// What the audit of barriers found.
pub(crate) struct Checked {
    pub(crate) violations: u64,
    /// Tokens sent and never received.
    pub(crate) lost: u64,
    pub(crate) idle: bool,
    pub(crate) findings: Vec<String>,
}
