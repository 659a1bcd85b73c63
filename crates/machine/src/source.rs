//! Where an agent's operations come from: a trace's stream, a list, or a thread that reads ahead.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use base::{Op, ThreadIdx};
use traffic::{Trace, TraceError};

/// How many operations are fetched at once.
const BATCH: usize = 512;
/// How many batches a reader keeps ahead of its agent.
const AHEAD: usize = 4;

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
    /// batch can depend on what was read. Not where sources are read ahead on other threads.
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

type Batch = Result<Vec<Op>, TraceError>;

#[derive(Default)]
struct Shared {
    /// `[source]`: batches read ahead.
    ready: Vec<VecDeque<Batch>>,
    /// `[source]`: nothing more comes.
    ended: Vec<bool>,
    /// The agents are gone.
    abandoned: bool,
    /// A reader panicked: what its sources still had is unknown.
    died: bool,
}

type Ahead = Arc<(Mutex<Shared>, Condvar)>;

/// Readers on threads of their own that decode sources ahead of the agents. What the agents see is
/// the same as without them.
pub struct ReadAhead {
    shared: Ahead,
    readers: Vec<JoinHandle<()>>,
}

struct AheadSource {
    shared: Ahead,
    at: usize,
}

impl ReadAhead {
    /// Spreads `sources` over up to `threads` readers; gives one source for each, in order.
    pub fn start(
        sources: Vec<Box<dyn OpSource>>,
        threads: usize,
    ) -> (Self, Vec<Box<dyn OpSource>>) {
        let count = sources.len();
        let shared: Ahead = Arc::default();
        {
            let mut state = lock(&shared.0);
            state.ready.resize_with(count, VecDeque::new);
            state.ended.resize(count, false);
        }
        let mut shares: Vec<Vec<(usize, Box<dyn OpSource>)>> = Vec::new();
        shares.resize_with(threads.clamp(1, count.max(1)), Vec::new);
        let readers = shares.len();
        for (at, source) in sources.into_iter().enumerate() {
            shares[at % readers].push((at, source));
        }
        let readers = shares
            .into_iter()
            .map(|share| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || read(share, &shared))
            })
            .collect();
        let front = (0..count).map(|at| {
            Box::new(AheadSource { shared: Arc::clone(&shared), at }) as Box<dyn OpSource>
        });
        let front = front.collect();
        (Self { shared, readers }, front)
    }
}

impl std::fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadAhead").field("readers", &self.readers.len()).finish_non_exhaustive()
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        lock(&self.shared.0).abandoned = true;
        self.shared.1.notify_all();
        for reader in self.readers.drain(..) {
            // A reader that panicked has nothing left to say.
            let _ = reader.join();
        }
    }
}

/// A lock whose holder panicked still guards whole batches.
fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells when a reader panics: no agent waits for it for ever, and none takes its silence for the end
/// of the trace.
struct Farewell<'a>(&'a Ahead);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(&self.0.0).died = true;
            self.0.1.notify_all();
        }
    }
}

/// One reader: keeps each of its sources ahead until all have ended.
fn read(mut share: Vec<(usize, Box<dyn OpSource>)>, shared: &Ahead) {
    let _farewell = Farewell(shared);
    while !share.is_empty() {
        let mut state = lock(&shared.0);
        let wanted = loop {
            if state.abandoned {
                return;
            }
            let hungry = share.iter().position(|(at, _)| state.ready[*at].len() < AHEAD);
            match hungry {
                Some(at) => break at,
                None => {
                    state = shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        drop(state);
        let mut batch = Vec::with_capacity(BATCH);
        let result = share[wanted].1.refill(&mut batch);
        let at = share[wanted].0;
        let last = batch.is_empty() || result.is_err();
        let mut state = lock(&shared.0);
        match result {
            Ok(()) => state.ready[at].push_back(Ok(batch)),
            Err(error) => state.ready[at].push_back(Err(error)),
        }
        if last {
            state.ended[at] = true;
            share.remove(wanted);
        }
        drop(state);
        shared.1.notify_all();
    }
}

impl OpSource for AheadSource {
    fn refill(&mut self, batch: &mut Vec<Op>) -> Result<(), TraceError> {
        let mut state = lock(&self.shared.0);
        loop {
            if let Some(ready) = state.ready[self.at].pop_front() {
                drop(state);
                self.shared.1.notify_all();
                batch.extend(ready?);
                return Ok(());
            }
            if state.ended[self.at] {
                return Ok(());
            }
            assert!(!state.died, "a reader of the trace panicked: see its message");
            state = self.shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thinks(n: u32) -> Box<dyn OpSource> {
        Box::new(Iter((0..n).map(|cycles| Ok(Op::Think { cycles }))))
    }

    fn drain(mut source: Box<dyn OpSource>) -> Vec<Op> {
        let mut all = Vec::new();
        loop {
            let before = all.len();
            source.refill(&mut all).unwrap();
            if all.len() == before {
                return all;
            }
        }
    }

    #[test]
    fn reading_ahead_changes_nothing_whatever_the_number_of_readers() {
        let lengths = [0, 1, 50_000, 7_000, 512];
        for readers in [1, 2, 9] {
            let sources = lengths.iter().map(|n| thinks(*n)).collect();
            let (_keep, front) = ReadAhead::start(sources, readers);
            // Drained one after the other, so all the others' readers run full and must wait.
            for (source, n) in front.into_iter().zip(lengths) {
                assert_eq!(drain(source), drain(thinks(n)));
            }
        }
    }

    #[test]
    #[should_panic(expected = "a reader of the trace panicked")]
    fn a_reader_that_died_is_neither_waited_for_nor_taken_for_the_end() {
        let dies = |n: u32| if n < 5 { Ok(Op::Fence) } else { panic!("on purpose") };
        let dies = Iter((0..10_u32).map(dies));
        let (_keep, mut front) = ReadAhead::start(vec![Box::new(dies)], 1);
        let _ = front[0].refill(&mut Vec::new());
    }

    #[test]
    fn readers_end_when_the_agents_are_gone() {
        let (keep, front) = ReadAhead::start(vec![thinks(1_000_000)], 1);
        drop(front);
        drop(keep);
    }
}
