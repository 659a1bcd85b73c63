//! The interleaving of the threads: runs of records, each of one thread, in global order.
//!
//! A record's global sequence number is its place in that order, so it need not be written: the
//! runs say from which thread each number comes. They lie in chunks of their own, which a reader
//! of single threads never touches. A run is two LEB128 numbers: the thread, how many records.

use std::sync::Arc;

use base::ThreadIdx;

use super::codec::{put_number, take_number};
use super::source::load_chunk;
use crate::error::{ErrorKind, TraceError};
use crate::trace::Inner;

/// Collects the runs of one chunk.
#[derive(Debug, Default)]
pub(crate) struct OrderEncoder {
    pub(crate) bytes: Vec<u8>,
    pub(crate) runs: u32,
    thread: ThreadIdx,
    // Invariant: records of `thread` that are not yet in `bytes`.
    length: u64,
}

impl OrderEncoder {
    /// The next record is one of `thread`.
    #[inline]
    pub(crate) fn push(&mut self, thread: ThreadIdx) {
        if self.length > 0 && thread == self.thread {
            self.length += 1;
            return;
        }
        self.close_run();
        self.thread = thread;
        self.length = 1;
    }

    /// Ends the run that is open.
    pub(crate) fn close_run(&mut self) {
        if self.length > 0 {
            put_number(&mut self.bytes, u64::from(self.thread.0));
            put_number(&mut self.bytes, self.length);
            self.runs += 1;
            self.length = 0;
        }
    }

    /// Empties it for the next chunk; the open run stays open.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.runs = 0;
    }
}

/// Reads the runs of a trace. Holds one decompressed chunk of them.
#[derive(Debug)]
pub(crate) struct Runs {
    trace: Arc<Inner>,
    next_chunk: usize,
    bytes: Vec<u8>,
    at: usize,
    // Invariant: runs of `bytes` that were not yet given out.
    left: u32,
}

impl Runs {
    pub(crate) const fn new(trace: Arc<Inner>) -> Self {
        Self { trace, next_chunk: 0, bytes: Vec::new(), at: 0, left: 0 }
    }

    /// The next run: a thread and how many records, both as the file has them; `None` at the end.
    pub(crate) fn next_run(&mut self) -> Result<Option<(u64, u64)>, TraceError> {
        if self.left == 0 && !self.refill()? {
            return Ok(None);
        }
        let run = take_number(&self.bytes, &mut self.at)
            .and_then(|thread| Ok((thread, take_number(&self.bytes, &mut self.at)?)))
            .map_err(|_| self.damaged("a run is cut off or too long"))?;
        self.left -= 1;
        Ok(Some(run))
    }

    /// An error in the chunk that was read last.
    #[cold]
    pub(crate) fn damaged(&self, why: &'static str) -> TraceError {
        let chunk = self.trace.order.get(self.next_chunk.saturating_sub(1));
        let offset = chunk.map_or(0, |c| c.offset);
        TraceError::byte(&self.trace.path, offset, ErrorKind::OrderDamaged(why))
    }

    fn refill(&mut self) -> Result<bool, TraceError> {
        if self.at != self.bytes.len() {
            return Err(self.damaged("bytes follow its last run"));
        }
        let Some(chunk) = self.trace.order.get(self.next_chunk) else { return Ok(false) };
        self.next_chunk += 1;
        let kind = ErrorKind::OrderDamaged;
        self.bytes = load_chunk(&self.trace.source, &self.trace.path, chunk, kind)?;
        self.at = 0;
        self.left = chunk.records;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_one_thread_in_a_row_are_one_run_over_the_ends_of_chunks() {
        let mut order = OrderEncoder::default();
        for thread in [3, 3, 3, 0, 3] {
            order.push(ThreadIdx(thread));
        }
        assert_eq!((order.bytes.as_slice(), order.runs), (&[3, 3, 0, 1][..], 2));
        order.clear();
        order.push(ThreadIdx(3));
        order.close_run();
        assert_eq!((order.bytes.as_slice(), order.runs), (&[3, 2][..], 1));
    }
}
