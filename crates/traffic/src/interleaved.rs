//! The records of all threads in one order.
//!
//! Each thread is read by its own stream; the order says whose record comes next. Chunks in memory
//! are bounded in sum: beyond the bound all but the current one are given back, and read again
//! when their thread's turn comes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use base::{Op, Record, ThreadIdx};

use crate::binary::order::Runs;
use crate::binary::stream::Stream;
use crate::error::TraceError;
use crate::trace::Inner;

/// Twice what a writer leaves open at a time, so that files of ours are read once.
const HELD_BYTES_MAX: usize = 256 << 20;

/// The records of all threads in global order, see [`Trace::interleaved`]. Ends after the first
/// error. Holds one chunk of each thread, but at most 256 MiB in all.
///
/// [`Trace::interleaved`]: crate::Trace::interleaved
#[derive(Debug)]
pub struct Interleaved {
    streams: Vec<Stream>,
    order: Order,
    // Invariant: the bytes that all streams hold.
    held_bytes: usize,
    held_bytes_max: usize,
    ended: bool,
}

#[derive(Debug)]
enum Order {
    Recorded(Recorded),
    Turns(Turns),
}

impl Interleaved {
    pub(crate) fn new(trace: Arc<Inner>) -> Result<Self, TraceError> {
        Self::with_bound(trace, HELD_BYTES_MAX)
    }

    fn with_bound(trace: Arc<Inner>, held_bytes_max: usize) -> Result<Self, TraceError> {
        let threads = trace.info.threads;
        let stream = |t| Stream::new(Arc::clone(&trace), ThreadIdx(t));
        let streams = (0..threads).map(stream).collect();
        let order = if trace.info.ordered {
            Order::Recorded(Recorded::new(trace)?)
        } else {
            Order::Turns(Turns::new(threads))
        };
        Ok(Self { streams, order, held_bytes: 0, held_bytes_max, ended: false })
    }

    fn step(&mut self) -> Result<Option<Record>, TraceError> {
        loop {
            let thread = match &mut self.order {
                Order::Recorded(recorded) => recorded.next_thread()?,
                Order::Turns(turns) => turns.next_thread(),
            };
            let Some(thread) = thread else { return self.end() };
            let op = self.take(thread)?;
            match &mut self.order {
                Order::Turns(turns) => turns.took(thread, op.as_ref()),
                Order::Recorded(recorded) if op.is_none() => return Err(recorded.contradicts()),
                Order::Recorded(_) => {}
            }
            if let Some(op) = op {
                return Ok(Some(Record { thread, op }));
            }
        }
    }

    /// The next operation of `thread`.
    fn take(&mut self, thread: ThreadIdx) -> Result<Option<Op>, TraceError> {
        let stream = &mut self.streams[thread.at()];
        let before = stream.held_bytes();
        stream.reload()?;
        let op = stream.next().transpose()?;
        let held = stream.held_bytes();
        self.held_bytes = self.held_bytes - before + held;
        if self.held_bytes > self.held_bytes_max && held > before {
            self.unload_others(thread);
        }
        Ok(op)
    }

    #[cold]
    fn unload_others(&mut self, than: ThreadIdx) {
        for stream in self.streams.iter_mut().filter(|s| s.thread() != than) {
            stream.unload();
        }
        self.held_bytes = self.streams.iter().map(Stream::held_bytes).sum();
    }

    /// All records were given: nothing may be wrong behind them.
    fn end(&mut self) -> Result<Option<Record>, TraceError> {
        self.ended = true;
        for stream in &mut self.streams {
            // The order's own count says that nothing is left.
            stream.next().transpose()?;
        }
        Ok(None)
    }
}

impl Iterator for Interleaved {
    type Item = Result<Record, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.step();
        self.ended |= next.is_err();
        next.transpose()
    }
}

/// The order as the file has it.
#[derive(Debug)]
struct Recorded {
    runs: Runs,
    thread: ThreadIdx,
    /// Records of `thread` before the next run.
    run: u64,
    // Invariant: records of each thread that no run has covered.
    uncovered: Vec<u64>,
}

impl Recorded {
    fn new(trace: Arc<Inner>) -> Result<Self, TraceError> {
        let uncovered = trace.info.thread_records.clone();
        let mut new = Self { runs: Runs::new(trace), thread: ThreadIdx(0), run: 0, uncovered };
        new.next_run()?;
        Ok(new)
    }

    #[inline]
    fn next_thread(&mut self) -> Result<Option<ThreadIdx>, TraceError> {
        if self.run == 0 {
            self.next_run()?;
        }
        let thread = (self.run > 0).then_some(self.thread);
        self.run = self.run.saturating_sub(1);
        Ok(thread)
    }

    /// Leaves `run` at 0 after the last.
    fn next_run(&mut self) -> Result<(), TraceError> {
        let Some((thread, records)) = self.runs.next_run()? else {
            let whole = self.uncovered.iter().all(|&n| n == 0);
            return if whole {
                Ok(())
            } else {
                Err(self.runs.damaged("it ends before the records do"))
            };
        };
        let at = usize::try_from(thread).ok().filter(|&t| t < self.uncovered.len());
        let Some(at) = at else { return Err(self.runs.damaged("it names a thread that is not")) };
        match self.uncovered[at].checked_sub(records) {
            Some(rest) if records > 0 => self.uncovered[at] = rest,
            Some(_) => return Err(self.runs.damaged("a run of it is empty")),
            None => return Err(self.contradicts()),
        }
        (self.thread, self.run) = (ThreadIdx::new(at), records);
        Ok(())
    }

    #[cold]
    fn contradicts(&self) -> TraceError {
        self.runs.damaged("it gives a thread more records than there are")
    }
}

/// An order where none is known: in turns, held at barriers.
#[derive(Debug)]
struct Turns {
    ready: VecDeque<ThreadIdx>,
    /// Who waits at which barrier.
    waiting: BTreeMap<u32, Vec<ThreadIdx>>,
}

impl Turns {
    fn new(threads: u32) -> Self {
        Self { ready: (0..threads).map(ThreadIdx).collect(), waiting: BTreeMap::new() }
    }

    fn next_thread(&mut self) -> Option<ThreadIdx> {
        if self.ready.is_empty() {
            // A replay would hang here; reading goes on.
            self.ready.extend(std::mem::take(&mut self.waiting).into_values().flatten());
        }
        self.ready.pop_front()
    }

    /// `thread` had its turn: with this record, or at its end.
    fn took(&mut self, thread: ThreadIdx, op: Option<&Op>) {
        match op {
            None => {}
            Some(op) if let Some((id, members, _)) = op.barrier() => {
                let arrived = self.waiting.entry(id).or_default();
                arrived.push(thread);
                if arrived.len() as u64 >= u64::from(members) {
                    self.ready.extend(self.waiting.remove(&id).into_iter().flatten());
                }
            }
            Some(_) => self.ready.push_back(thread),
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Addr;

    use super::*;
    use crate::trace::Trace;

    #[test]
    fn with_no_memory_for_chunks_the_records_are_the_same() {
        let load = |i: u64| Record {
            thread: ThreadIdx::new(usize::try_from(base::rng::mix(i) % 7).unwrap()),
            op: Op::Load { addr: Addr(i * 8), size: 8 },
        };
        let list: Vec<Record> = (0..3000).map(load).collect();
        let trace = Trace::from_records(list.iter().copied()).unwrap();
        for bound in [0, 1000, usize::MAX] {
            let mut merged = Interleaved::with_bound(trace.inner(), bound).unwrap();
            let mut most = 0;
            let mut records = Vec::new();
            while let Some(record) = merged.next() {
                records.push(record.unwrap());
                most = most.max(merged.held_bytes);
            }
            assert_eq!(records, list);
            let chunk = 2 * list.len();
            assert_eq!(most > chunk, bound == usize::MAX, "{most} bytes within {bound}");
        }
    }
}
