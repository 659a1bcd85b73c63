//! Barriers as a machine sees them: who belongs to which, which of them are done by units, and whether
//! they keep their promise.

mod meetings;
mod plan;

pub(crate) use meetings::{Event, Meetings, What};
pub use meetings::BarrierUse;
pub(crate) use plan::{Teams, units};
