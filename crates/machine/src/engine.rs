//! The lockstep loop over partitions: epoch by epoch, on one thread or on several.
//!
//! ```text
//!             ┌─ step to the end ─┐         ┌─ read mail ─┐
//!   epoch T ──┤ [T, T + L)        ├─ meet ──┤             ├── epoch T' = the next instant of all
//!             └─ post mail ───────┘         └─ merge logs ┘
//! ```
//!
//! `L` is the least latency on the cut, so what is sent in an epoch is seen after it: no partition can be
//! late. At the meeting all learn when the next thing happens anywhere, so idle stretches are jumped.
//!
//! Who steps which partition does not matter. When epochs hold little work, one thread steps all of them,
//! since meeting would cost more than it gains; that is decided by the component edges of the epochs before.

use std::time::Duration;

use base::{Fs, RoutingFunction};
use memory::MemoryModel;

use crate::ghost::Log;
use crate::network::Mail;
use crate::partition::Partition;
use crate::partition::exchange::{Alone, Exchange, Hall, Notice};
use crate::payload::Payload;
use crate::{Machine, RunError};

/// What one partition sends another when an epoch is over.
#[derive(Debug, Default)]
pub(crate) struct Letter {
    pub(crate) mail: Mail<Payload>,
    /// What happened to lines of the other's shard of the checker.
    pub(crate) seen: Log,
}

impl Letter {
    /// Whether there is nothing in it.
    pub(crate) const fn is_empty(&self) -> bool {
        self.mail.is_empty() && self.seen.is_empty()
    }
}

/// Component edges an epoch and thread from which several threads step the machine. ASSUMED: a
/// component takes some hundred nanoseconds, a meeting a microsecond or two.
const BUSY_EDGES: u64 = 24;

/// Epochs after which one thread looks whether there is work for more, at most; and epochs that several go
/// on.
const LOOK_EPOCHS_MAX: u64 = 64;
const TOGETHER_EPOCHS: u64 = 2048;

/// Why a stretch of epochs ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// So many epochs were asked for.
    Epochs,
    /// The next thing happens at the given instant or later.
    Reached,
    /// Nothing is left to happen.
    Rest,
    /// A partition met an error.
    Failed,
    /// Another thread panicked.
    Gone,
}

/// A stretch of epochs, and what came of it.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// When the next epoch begins.
    next: Fs,
    length: Fs,
    /// Epochs to go at most, and the instant to stop before; the last epoch may go beyond.
    epochs: u64,
    until: Fs,
    /// The instant before which every epoch ends.
    horizon: Fs,
    /// Epochs done, and component edges stepped in them.
    done: u64,
    edges: u64,
    end: End,
}

/// How a machine was stepped.
#[derive(Clone, PartialEq, Debug)]
pub struct EngineUse {
    /// Partitions; one if nothing is cut.
    pub partitions: usize,
    /// Threads that stepped them at most.
    pub threads: usize,
    /// Why there is only one partition though more threads were given.
    pub why: Option<&'static str>,
    /// Length of an epoch: the least latency on the cut; 0 if nothing is cut.
    pub epoch: Fs,
    /// Cables that are cut.
    pub cut_links: usize,
    /// Epochs, and those of them that were stepped by several threads.
    pub epochs: (u64, u64),
    /// Component edges of each partition.
    pub edges: Vec<u64>,
    /// The most component edges of a partition over their mean, at least 1.
    pub imbalance: f64,
    /// Time of the host that threads have spent waiting for each other, all together.
    pub waiting: Duration,
}

/// State of the engine between stretches.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) length: Fs,
    pub(crate) why: Option<&'static str>,
    /// Threads that may step partitions, and whether they are to at any load.
    pub(crate) threads: usize,
    pub(crate) always: bool,
    alone: Alone<Letter>,
    /// Whether the last epochs held work for several threads; and if not, epochs to the next look.
    busy: bool,
    look: u64,
    epochs: (u64, u64),
    waiting: Duration,
}

impl Engine {
    pub(crate) fn new(
        (parts, length): (usize, Fs),
        threads: usize,
        always: bool,
        why: Option<&'static str>,
    ) -> Self {
        Self {
            length,
            why,
            threads: threads.clamp(1, parts),
            always,
            alone: Alone::new(parts),
            busy: false,
            look: 1,
            epochs: (0, 0),
            waiting: Duration::ZERO,
        }
    }
}

/// Steps partitions, of which `mine` are the `first` and so on, through a stretch of epochs.
fn drive<R: RoutingFunction, M: MemoryModel>(
    mine: &mut [Partition<R, M>],
    (first, all): (usize, usize),
    x: &mut impl Exchange<Letter>,
    mut s: Stretch,
) -> Stretch {
    loop {
        let end = Fs(s.next.0.saturating_add(s.length.0)).min(s.horizon);
        let mut notice = Notice::NONE;
        for (at, p) in mine.iter_mut().enumerate() {
            let before = p.edges;
            p.run_before(end);
            let next = p.post(first + at, x);
            notice = notice.and(Notice { next, edges: p.edges - before, failed: p.failed() });
        }
        let Some(told) = x.meet(notice) else { return Stretch { end: End::Gone, ..s } };
        for (at, p) in mine.iter_mut().enumerate() {
            for from in (0..all).filter(|from| *from != first + at) {
                x.collect(from, first + at, |letter| p.open(from, letter, end));
            }
            p.shared.ghost.catch_up();
        }
        s.done += 1;
        s.edges += told.edges;
        s.next = told.next;
        s.end = match told {
            Notice { failed: true, .. } => End::Failed,
            Notice { next: Fs::NEVER, .. } => End::Rest,
            Notice { next, .. } if next >= s.until.min(s.horizon) => End::Reached,
            _ if s.done == s.epochs => End::Epochs,
            _ => continue,
        };
        return s;
    }
}

impl<R: RoutingFunction + Send, M: MemoryModel + Send> Machine<R, M> {
    /// Steps every component that wakes at the next instant; where the machine is cut, all that happens in
    /// the next epoch, on the caller's thread. `false` when the trace is done and nothing is under way.
    ///
    /// # Errors
    /// If the trace is damaged or asks for the impossible, or the machine is stuck.
    pub fn step(&mut self) -> Result<bool, RunError> {
        if let [only] = &mut self.partitions[..] {
            return match only.step()? {
                Some(now) => self.watch(now).map(|()| true),
                None => self.at_rest(),
            };
        }
        let end = self.stretch((1, Fs::NEVER), 1);
        self.judge(end)
    }

    /// Runs to the end of the trace.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn run(&mut self) -> Result<(), RunError> {
        while self.advance(u64::MAX, Fs::NEVER)? {}
        Ok(())
    }

    /// Runs until the next thing would happen at `until` or later: between two instants, or where the machine
    /// is cut between two epochs, with no mail under way; the last epoch may go beyond `until`. `false` when
    /// the trace is done and nothing is under way.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn run_until(&mut self, until: Fs) -> Result<bool, RunError> {
        while self.next_instant() < until {
            if !self.advance(u64::MAX, until)? {
                return Ok(false);
            }
        }
        if self.next_instant() == Fs::NEVER { self.at_rest() } else { Ok(true) }
    }

    /// As [`run_until`](Self::run_until), and at most so many steps, each an instant, or an epoch where the
    /// machine is cut.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn advance(&mut self, steps: u64, until: Fs) -> Result<bool, RunError> {
        if self.partitions.len() == 1 {
            for _ in 0..steps {
                let next = if until == Fs::NEVER { Fs::ZERO } else { self.next_instant() };
                if next >= until && next < Fs::NEVER {
                    break;
                }
                if !self.step()? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let mut left = steps;
        while left > 0 {
            let next = self.next_instant();
            if next >= until && next < Fs::NEVER {
                break;
            }
            let together = self.engine.threads > 1 && (self.engine.busy || self.engine.always);
            let (most, threads) = if together {
                (TOGETHER_EPOCHS, self.engine.threads)
            } else {
                (self.engine.look, 1)
            };
            let before = self.engine.epochs.0;
            let end = self.stretch((most.min(left), until), threads);
            left -= self.engine.epochs.0 - before;
            if !self.judge(end)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next instant at which anything happens; [`Fs::NEVER`] if nothing does.
    pub fn next_instant(&mut self) -> Fs {
        self.partitions.iter_mut().map(Partition::next).min().unwrap_or(Fs::NEVER)
    }

    /// Goes on for some epochs, and up to an instant, on so many threads.
    fn stretch(&mut self, (epochs, until): (u64, Fs), threads: usize) -> End {
        let next = self.next_instant();
        if next == Fs::NEVER {
            return End::Rest;
        }
        let length = self.engine.length;
        let horizon = self.barrier_horizon(next);
        let s = Stretch { next, length, epochs, until, horizon, done: 0, edges: 0, end: End::Rest };
        let all = self.partitions.len();
        let s = if threads > 1 {
            self.together(s, threads)
        } else {
            drive(&mut self.partitions, (0, all), &mut self.engine.alone, s)
        };
        self.engine.epochs.0 += s.done;
        self.engine.epochs.1 += if threads > 1 { s.done } else { 0 };
        self.engine.busy = s.edges > BUSY_EDGES * s.done * self.engine.threads as u64;
        let later = (2 * self.engine.look).min(LOOK_EPOCHS_MAX);
        self.engine.look = if self.engine.busy { 1 } else { later };
        s.end
    }

    fn together(&mut self, s: Stretch, threads: usize) -> Stretch {
        let all = self.partitions.len();
        let hall = Hall::new(all, threads);
        let mut chunks = Vec::with_capacity(threads);
        let mut rest = &mut self.partitions[..];
        for thread in 0..threads {
            let (first, end) = (all * thread / threads, all * (thread + 1) / threads);
            let (chunk, behind) = rest.split_at_mut(end - first);
            chunks.push((thread, first, chunk));
            rest = behind;
        }
        let work = |(thread, first, chunk): (usize, usize, &mut [Partition<R, M>])| {
            let mut seat = hall.seat(thread);
            let s = drive(chunk, (first, all), &mut seat, s);
            (s, seat.waited)
        };
        let results = std::thread::scope(|scope| {
            let work = &work;
            let mut chunks = chunks.into_iter();
            let own = chunks.next();
            let others: Vec<_> = chunks.map(|chunk| scope.spawn(move || work(chunk))).collect();
            let own = own.map(work);
            let joined = others.into_iter().map(|thread| match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            own.into_iter().chain(joined).collect::<Vec<_>>()
        });
        self.engine.waiting += results.iter().map(|r| r.1).sum::<Duration>();
        results[0].0
    }

    /// What an end of a stretch means for the run.
    fn judge(&mut self, end: End) -> Result<bool, RunError> {
        match end {
            End::Rest => {
                self.watch(self.now())?;
                self.at_rest()
            }
            End::Failed => {
                let failures = self.partitions.iter_mut().filter_map(|p| p.failure.take());
                let Some(first) = failures.min_by_key(|f| (f.at, f.node)) else { return Ok(false) };
                self.judge_events(first.at)?;
                Err(first.error)
            }
            End::Gone => unreachable!("a thread that panicked takes the machine along"),
            End::Epochs | End::Reached => self.watch(self.now()).map(|()| true),
        }
    }
}

#[cfg(feature = "mutants")]
impl<R: RoutingFunction, M: MemoryModel> Machine<R, M> {
    /// Makes epochs so many times as long as they may be: mail is late then.
    pub const fn stretch_epochs(&mut self, times: u64) {
        self.engine.length.0 *= times;
    }
}

impl<R: RoutingFunction, M: MemoryModel> Machine<R, M> {
    /// How the machine was stepped so far.
    pub fn engine(&self) -> EngineUse {
        let edges: Vec<u64> = self.partitions.iter().map(|p| p.edges).collect();
        let (most, all) = (edges.iter().max().copied().unwrap_or(0), edges.iter().sum::<u64>());
        let cut = edges.len() > 1;
        EngineUse {
            partitions: edges.len(),
            threads: self.engine.threads,
            why: self.engine.why,
            epoch: if cut { self.engine.length } else { Fs::ZERO },
            cut_links: self.layout().cut().count() / 2,
            epochs: self.engine.epochs,
            imbalance: if all == 0 { 1.0 } else { most as f64 * edges.len() as f64 / all as f64 },
            edges,
            waiting: self.engine.waiting,
        }
    }
}
