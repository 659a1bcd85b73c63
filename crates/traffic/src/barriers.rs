//! Whether a replay reaches its end: barriers simulated on their own.
//!
//! Arrivals at a barrier commute, so if one interleaving of the threads ends, each does, as long
//! as no barrier is shared by more threads than it has members.

use std::collections::BTreeMap;

use base::ThreadIdx;

use crate::error::{ErrorKind, TraceError};
use crate::trace::Trace;

/// Runs all threads from barrier to barrier until they end. Holds the barriers of the whole trace
/// in memory, nothing else.
///
/// # Errors
/// If threads would wait forever, members disagree, or the trace is damaged.
pub fn check_barriers(trace: &Trace) -> Result<(), TraceError> {
    let fault = |kind| Err(TraceError::file(trace.path(), kind));
    let mut lists = Vec::new();
    for thread in 0..trace.threads() {
        lists.push(barriers_of(trace, ThreadIdx(thread))?);
    }
    let mut next = vec![0_usize; lists.len()];
    // Barrier to its number of members and those who wait.
    let mut open: BTreeMap<u32, (u32, Vec<usize>)> = BTreeMap::new();
    let mut runnable: Vec<usize> = (0..lists.len()).collect();
    while let Some(thread) = runnable.pop() {
        let Some(&(id, found)) = lists[thread].get(next[thread]) else { continue };
        let (members, waiting) = open.entry(id).or_insert_with(|| (found, Vec::new()));
        if *members != found {
            let thread = ThreadIdx::new(thread).0;
            return fault(ErrorKind::BarrierDisagrees { thread, id, found, members: *members });
        }
        waiting.push(thread);
        if waiting.len() as u64 == u64::from(*members) {
            for t in &*waiting {
                next[*t] += 1;
            }
            runnable.append(waiting);
            open.remove(&id);
        }
    }
    match open.first_key_value() {
        None => Ok(()),
        Some((&id, (members, waiting))) => fault(ErrorKind::BarrierHangs {
            thread: waiting.first().map_or(0, |t| ThreadIdx::new(*t).0),
            id,
            arrived: ThreadIdx::new(waiting.len()).0,
            members: *members,
        }),
    }
}

/// The barriers that a thread arrives at, each once, by id: id and members.
///
/// # Errors
/// If the trace is damaged.
pub fn barriers_named(trace: &Trace, thread: ThreadIdx) -> Result<Vec<(u32, u32)>, TraceError> {
    let mut named = std::collections::BTreeSet::new();
    for op in trace.stream(thread)? {
        named.extend(op?.barrier().map(|(id, members, _)| (id, members)));
    }
    Ok(named.into_iter().collect())
}

/// Id and members of each barrier of a thread, in order.
fn barriers_of(trace: &Trace, thread: ThreadIdx) -> Result<Vec<(u32, u32)>, TraceError> {
    let mut list = Vec::new();
    for op in trace.stream(thread)? {
        if let Some((id, members, _)) = op?.barrier() {
            list.push((id, members));
        }
    }
    Ok(list)
}
