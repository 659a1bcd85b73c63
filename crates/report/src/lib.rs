//! Results out: the summary that a person reads and the JSON that a program reads.
//!
//! A [`RunReport`] is plain data, filled in by the caller. Keys of the JSON are a contract: more
//! may be added, none renamed. Not known here: machines, models, files.

mod run;
mod terminal;

pub use run::{BusyLink, Checks, Histogram, KindLatency, LatencyNs, RunReport};
pub use terminal::{Style, render};
