//! Results out: the summary that a person reads and the JSON that a program reads.
//!
//! A [`RunReport`] is plain data, filled in by the caller; so is a [`SweepReport`], with what the
//! parts of the network did in [`network`]. Keys of the JSON are a contract: more may be added, none
//! renamed. Not known here: machines, models, files.

mod counters;
pub mod network;
mod phy;
mod run;
mod sweep;
mod sweep_table;
mod table;
mod terminal;

pub use counters::{AlignedCounters, CountersPoint};
pub use phy::{OverTime, PhyAccount, PhyTotals};
pub use run::{
    BarrierUse, BusyLink, CacheTransfers, Checks, DirectoryUse, EngineUse, Histogram, Interrupted,
    KindLatency, LatencyNs, PackageUse, RunReport, ScopeUse,
};
pub use sweep::{Saturation, SweepPoint, SweepReport};
pub use sweep_table::render_sweep;
pub use table::{Side, Table};
pub use terminal::{Style, render};
