//! Where an agent's operations come from: a trace's stream, or a list.

use base::{Op, ThreadIdx};
use traffic::{Trace, TraceError};

/// How many operations are fetched at once.
const BATCH: usize = 512;

/// Gives a thread's operations, batch by batch.
pub trait OpSource: Send {
    /// Appends the next operations to `batch`; none at the end.
    ///
    /// # Errors
    /// Whatever is wrong with the trace.
    fn refill(&mut self, batch: &mut Vec<Op>) -> Result<(), TraceError>;

    /// The barriers that the thread will arrive at, each with its number of members, as far as it knows
    /// before it runs: units need to know the members of a barrier, and one that nobody names goes by
    /// packets. Asked once, before the first [`refill`](Self::refill), of machines with units.
    ///
    /// # Errors
    /// Whatever is wrong with the trace.
    fn barriers(&self) -> Result<Vec<(u32, u32)>, TraceError> {
        Ok(Vec::new())
    }

    /// Whether [`observe`](Self::observe) wants to be told. Such a source is asked for more when all
    /// that it gave has been taken up: behind a fence or an acquire at the end of a batch, the next
    /// batch can depend on what was read.
    fn observes(&self) -> bool {
        false
    }

    /// A load or atomic of 1, 2, 4 or 8 bytes within a line has completed, or a reduction: the `number`th
    /// operation of the thread, from 1, and the word that it read or was told.
    fn observe(&mut self, number: u64, word: u64) {
        let _ = (number, word);
    }
}

/// Any iterator of operations is a source.
#[derive(Clone, Debug)]
pub struct Iter<I>(pub I);

impl<I: Iterator<Item = Result<Op, TraceError>> + Send> OpSource for Iter<I> {
    fn refill(&mut self, batch: &mut Vec<Op>) -> Result<(), TraceError> {
        for op in self.0.by_ref().take(BATCH) {
            batch.push(op?);
        }
        Ok(())
    }
}

/// A thread of a trace.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) trace: Trace,
    pub(crate) thread: ThreadIdx,
    pub(crate) stream: Iter<traffic::Stream>,
}

impl OpSource for Replayed {
    fn refill(&mut self, batch: &mut Vec<Op>) -> Result<(), TraceError> {
        self.stream.refill(batch)
    }

    fn barriers(&self) -> Result<Vec<(u32, u32)>, TraceError> {
        traffic::barriers::barriers_named(&self.trace, self.thread)
    }
}
