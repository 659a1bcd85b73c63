//! The crate from outside: round trips, damage, malformed text, imports, captures, shipped traces.

mod capture;
mod damage;
mod import;
mod malformed;
mod roundtrip;
mod shipped;

use base::{Op, Record, ThreadIdx};
use traffic::{Trace, TraceError};

/// All records of a trace, thread by thread.
fn records(trace: &Trace) -> Result<Vec<Vec<Op>>, TraceError> {
    (0..trace.threads()).map(|t| trace.stream(ThreadIdx(t))?.collect()).collect()
}

/// Records sorted into threads, as a trace must give them back.
fn by_thread(records: &[Record], threads: u32) -> Vec<Vec<Op>> {
    let of = |t| records.iter().filter(move |r| r.thread.0 == t).map(|r| r.op).collect();
    (0..threads).map(of).collect()
}

/// All records of a trace in global order.
fn merged(trace: &Trace) -> Result<Vec<Record>, TraceError> {
    trace.interleaved()?.collect()
}
