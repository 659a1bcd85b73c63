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
//! Who steps which partition does not matter. Where several threads gain less than it costs them to meet, one
//! steps all partitions; that is measured: see [`pace`].

mod pace;

use std::time::{Duration, Instant};

use base::{Fs, RoutingFunction};
use memory::MemoryModel;

use crate::ghost::Log;
use crate::network::Mail;
use crate::partition::Partition;
use crate::partition::exchange::{Alone, Exchange, Hall, Notice, now};
use crate::payload::Payload;
use crate::{Machine, RunError};
use pace::{Pace, Took};

/// What one partition sends another when an epoch is over.
#[derive(Debug, Default)]
pub(crate) struct Letter {
    pub(crate) mail: Mail<Payload>,
    /// What happened to lines of the other's shard of the checker.
    pub(crate) seen: Log,
}

/// Who steps the partitions of a machine that is cut, where there are threads for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Deal {
    /// Several threads or one, as is faster; both are tried now and then.
    #[default]
    Measured,
    /// Several threads, whether or not that is faster: for tests of what they must not change.
    Together,
    /// Several and one in turn, an epoch each: likewise.
    InTurn,
}

/// Epochs after which barriers and progress are looked at. It is a number, whatever stretches they are stepped in,
/// since what is found there is a result.
const BLOCK_EPOCHS: u64 = 2048;

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
    /// When it ends on the host if it takes too long, after the epoch that is then stepped.
    limit: Option<Instant>,
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
    /// How often the way that was not in use, on one thread or on several, was tried, and how often it was taken.
    pub looks: (u64, u64),
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
    /// Threads that may step partitions, and whether they do.
    pub(crate) threads: usize,
    deal: Deal,
    alone: Alone<Letter>,
    pace: Pace,
    epochs: (u64, u64),
    waiting: Duration,
}

impl Engine {
    pub(crate) fn new(
        (parts, length): (usize, Fs),
        threads: usize,
        deal: Deal,
        why: Option<&'static str>,
    ) -> Self {
        Self {
            length,
            why,
            threads: threads.clamp(1, parts),
            deal,
            alone: Alone::new(parts),
            pace: Pace::new(),
            epochs: (0, 0),
            waiting: Duration::ZERO,
        }
    }

    /// How many epochs to step next, of those `left`, and by how many threads.
    fn next(&self, left: u64) -> (u64, usize) {
        let (most, together) = match self.deal {
            _ if self.threads == 1 => (left, false),
            Deal::Measured => self.pace.next(),
            Deal::Together => (left, true),
            Deal::InTurn => (1, self.epochs.0.is_multiple_of(2)),
        };
        // No short rest: threads would be started for it.
        let epochs =
            if self.deal == Deal::Measured && most + most / 2 >= left { left } else { most };
        (epochs, if together { self.threads } else { 1 })
    }

    /// When so many epochs on so many threads take too long: a meeting for which the host finds no core can
    /// take milliseconds.
    fn limit(&self, epochs: u64, threads: usize) -> Option<Instant> {
        let measured = self.deal == Deal::Measured && threads > 1;
        measured.then(|| now() + self.pace.patience(epochs))
    }

    fn count(&mut self, took: Took, threads: usize) {
        self.epochs.0 += took.epochs;
        if threads > 1 {
            self.epochs.1 += took.epochs;
        }
        if self.threads > 1 && self.deal == Deal::Measured {
            self.pace.took(took);
        }
    }
}

/// Does one piece of work on the caller's thread and each other on one of its own, and gives what came of them in
/// their order. A thread that panics takes the caller along.
pub(crate) fn on_threads<T: Send, U: Send>(pieces: Vec<T>, work: impl Fn(T) -> U + Sync) -> Vec<U> {
    std::thread::scope(|scope| {
        let work = &work;
        let mut pieces = pieces.into_iter();
        let own = pieces.next();
        let others: Vec<_> = pieces.map(|piece| scope.spawn(move || work(piece))).collect();
        let own = own.map(work);
        let joined = others.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        own.into_iter().chain(joined).collect()
    })
}

/// As [`drive`], and tells what all but the first quarter of the epochs took.
fn measure<R: RoutingFunction, M: MemoryModel>(
    mine: &mut [Partition<R, M>],
    place: (usize, usize),
    x: &mut impl Exchange<Letter>,
    s: Stretch,
) -> (Stretch, (u64, Duration)) {
    let quarter = (s.epochs - s.done) / 4;
    let (mut first, mut started) = (s, now());
    if quarter > 0 {
        first = drive(mine, place, x, Stretch { epochs: s.done + quarter, ..s });
        if first.end != End::Epochs {
            return (first, (first.edges - s.edges, now().duration_since(started)));
        }
        started = now();
    }
    let last = drive(mine, place, x, Stretch { epochs: s.epochs, ..first });
    (last, (last.edges - first.edges, now().duration_since(started)))
}

/// Steps partitions, of which `mine` are the `first` and so on, through a stretch of epochs.
fn drive<R: RoutingFunction, M: MemoryModel>(
    mine: &mut [Partition<R, M>],
    (first, all): (usize, usize),
    x: &mut impl Exchange<Letter>,
    mut s: Stretch,
) -> Stretch {
    // When each of mine next does anything, as far as that is known.
    let mut asleep = vec![Fs::ZERO; mine.len()];
    loop {
        let end = Fs(s.next.0.saturating_add(s.length.0)).min(s.horizon);
        let mut notice =
            Notice { late: s.limit.is_some_and(|limit| now() > limit), ..Notice::NONE };
        for (at, p) in mine.iter_mut().enumerate() {
            if asleep[at] >= end {
                notice.next = notice.next.min(asleep[at]);
                continue;
            }
            let before = p.edges;
            p.run_before(end);
            let (own, next) = p.post(first + at, x);
            asleep[at] = own;
            let (edges, failed) = (p.edges - before, p.failed());
            notice = notice.and(Notice { next, edges, failed, late: false });
        }
        let Some(told) = x.meet(notice) else { return Stretch { end: End::Gone, ..s } };
        for (at, p) in mine.iter_mut().enumerate() {
            for from in (0..all).filter(|from| *from != first + at) {
                let mut woken = false;
                x.collect(from, first + at, |letter| woken = p.open(from, letter, end));
                if woken {
                    asleep[at] = Fs::ZERO;
                }
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
            _ if s.done == s.epochs || told.late => End::Epochs,
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
        let end = self.begin(Fs::NEVER).map(|s| self.stretch(Stretch { epochs: 1, ..s }, 1).end);
        self.judge(end.unwrap_or(End::Rest))
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
            let before = self.engine.epochs.0;
            let end = self.block(left.min(BLOCK_EPOCHS), until);
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

    /// Goes on for some epochs, and up to an instant, in stretches. When epochs begin does not depend on these.
    fn block(&mut self, epochs: u64, until: Fs) -> End {
        let Some(mut s) = self.begin(until) else { return End::Rest };
        while s.end == End::Epochs && s.done < epochs {
            let (most, threads) = self.engine.next(epochs - s.done);
            let limit = self.engine.limit(most, threads);
            s = self.stretch(Stretch { epochs: s.done + most, limit, ..s }, threads);
        }
        s.end
    }

    /// A stretch that is to be stepped; none where nothing is left to happen.
    fn begin(&mut self, until: Fs) -> Option<Stretch> {
        let next = self.next_instant();
        let (length, horizon) = (self.engine.length, self.barrier_horizon(next));
        let begun = Stretch {
            next,
            length,
            epochs: 0,
            until,
            horizon,
            limit: None,
            done: 0,
            edges: 0,
            end: End::Epochs,
        };
        (next < Fs::NEVER).then_some(begun)
    }

    /// Goes on by a stretch, on so many threads.
    fn stretch(&mut self, begun: Stretch, threads: usize) -> Stretch {
        let all = self.partitions.len();
        let started = now();
        let (s, timed) = if threads > 1 {
            self.together(begun, threads)
        } else {
            measure(&mut self.partitions, (0, all), &mut self.engine.alone, begun)
        };
        let wall = now().duration_since(started);
        let (epochs, edges) = (s.done - begun.done, s.edges - begun.edges);
        self.engine.count(Took { epochs, edges, wall, timed }, threads);
        s
    }

    fn together(&mut self, s: Stretch, threads: usize) -> (Stretch, (u64, Duration)) {
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
            // Nobody's time runs before all are here.
            let here = seat.meet(Notice::NONE);
            let gone = (Stretch { end: End::Gone, ..s }, (0, Duration::ZERO));
            let s = here.map_or(gone, |_| measure(chunk, (first, all), &mut seat, s));
            (s, seat.waited)
        };
        let results = on_threads(chunks, work);
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
            looks: (self.engine.pace.looks, self.engine.pace.changes),
            imbalance: if all == 0 { 1.0 } else { most as f64 * edges.len() as f64 / all as f64 },
            edges,
            waiting: self.engine.waiting,
        }
    }
}
