//! Estimation: what a series of observations says about the long run, and how surely.
//!
//! | question | answer | source |
//! |---|---|---|
//! | how much of the start to leave out | [`mser5`] | White, Simulation 69(6), 1997; White and Spratt, WSC 2000 |
//! | how sure a mean is, though neighbours are alike | [`BatchMeans`], [`batch_means`] | Schmeiser, Operations Research 30(3), 1982; Law (2015), 9.5.3 |
//! | mean, least and largest of whatever is counted | [`Tally`] | - |
//! | whether a network keeps up with a load | [`Criteria`] | Dally and Towles (2004), 23.1; BookSim 2, `latency_thres` |
//! | the largest load it keeps up with | [`SaturationSearch`] | bisection |
//!
//! What is added up is integers; floats begin in what is asked of them.

mod batch;
mod mser;
mod saturation;
mod search;
mod student;
mod tally;

pub use batch::{BatchMeans, Interval, batch_means};
pub use mser::{Truncation, mser5};
pub use saturation::{Criteria, Observed, Saturated};
pub use search::{Bracket, Outcome, Probe, SaturationSearch};
pub use student::student_t_975;
pub use tally::Tally;
