//! A core of the search: a thread, its accesses under way, its store buffer.
//!
//! What an instruction comes to is the machine's ([`acts`](crate::litmus::acts)); what a step waits for is what it waits
//! for at the machine's agents (`machine`, `node/agent/order.rs`), without time, a window or a limit of the
//! store buffer.

use ::litmus::{Cursor, LocIdx, Model, Next, Reg, Test};
use base::Order;

use super::state::{Cell, Write};
use super::steps::{Change, Step, Steps, refill};

/// An access under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent properties of an access")]
pub(super) struct Flight {
    pub(super) loc: LocIdx,
    /// What it writes; none if it only reads.
    pub(super) write: Option<Write>,
    /// Whether it is an atomic.
    pub(super) atomic: bool,
    /// Where the value read goes.
    pub(super) to: Option<Reg>,
    /// Of an exclusive store: what it expects to find.
    expected: Option<u64>,
    /// Whether the line's transaction is its own.
    pub(super) started: bool,
    /// Whether nothing behind it starts before it is done.
    blocks: bool,
    release: bool,
    /// Whether it comes from the store buffer.
    buffered: bool,
}

impl Flight {
    fn reads(&self) -> bool {
        self.write.is_none() || self.atomic
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Core {
    pub(super) cursor: Cursor,
    /// Those of the instruction that it has come to.
    steps: Steps,
    pub(super) flights: Vec<Flight>,
    /// Oldest first; stores that are with the cache are among the flights.
    buffer: Vec<(LocIdx, u64)>,
    /// The next store waits for those under way.
    stores_fenced: bool,
}

impl Core {
    pub(super) fn new(test: &Test, thread: usize) -> Self {
        Self {
            cursor: Cursor::new(&test.threads[thread]),
            steps: Steps::new(),
            flights: Vec::new(),
            buffer: Vec::new(),
            stores_fenced: false,
        }
    }

    /// Whether the thread is over and nothing is under way.
    pub(super) fn is_done(&mut self, test: &Test, thread: usize) -> bool {
        self.is_quiet()
            && self.steps.is_empty()
            && self.cursor.next(&test.threads[thread]) == Next::End
    }

    fn is_quiet(&self) -> bool {
        self.flights.is_empty() && self.buffer.is_empty()
    }

    /// Does what concerns nobody else: computes, passes fences, fills the store buffer. Then says
    /// which access is next, if its turn has come.
    pub(super) fn advance(&mut self, test: &Test, thread: usize, model: Model) -> Option<Flight> {
        loop {
            if self.flights.iter().any(|f| f.blocks) {
                return None;
            }
            refill(&mut self.steps, &mut self.cursor, &test.threads[thread], model);
            let step = *self.steps.front()?;
            match step {
                Step::Fence if !self.is_quiet() => return None,
                Step::Order(order) if !self.pass(order, model) => return None,
                Step::Fence | Step::Order(_) => {}
                Step::Store { loc, value } | Step::Release { loc, value }
                    if model == Model::Tso =>
                {
                    self.buffer.push((loc, value.0));
                }
                _ => return self.access(step, model),
            }
            self.steps.pop_front();
        }
    }

    /// The access has been taken: the thread goes on behind it.
    pub(super) fn issued(&mut self) {
        self.steps.pop_front();
    }

    /// Whether the thread may go on behind a fence of some.
    fn pass(&mut self, order: Order, model: Model) -> bool {
        match order {
            _ if model == Model::Tso => true,
            Order::Loads => !self.flights.iter().any(Flight::reads),
            Order::Stores => {
                self.stores_fenced = self.writes_fly();
                true
            }
        }
    }

    fn writes_fly(&self) -> bool {
        self.flights.iter().any(|f| f.write.is_some())
    }

    /// The access that `step` is, if its turn has come.
    fn access(&self, step: Step, model: Model) -> Option<Flight> {
        if model == Model::Sc && !self.flights.is_empty() {
            return None;
        }
        let tso = model == Model::Tso;
        // Loads go one at a time.
        let one_by_one = tso || model == Model::Sc;
        let (ready, flight) = match step {
            Step::Load { loc, to } => {
                (true, Flight { to: Some(to), blocks: one_by_one, ..plain(loc, None) })
            }
            Step::Acquire { loc, to, sc } => {
                let released = !self.flights.iter().any(|f| f.release);
                let ready = !sc || if tso { self.is_quiet() } else { released };
                (ready, Flight { to: Some(to), blocks: true, ..plain(loc, None) })
            }
            Step::Store { loc, value } => (true, plain(loc, Some(Write::Set(value)))),
            Step::Release { loc, value } => {
                let flight = plain(loc, Some(Write::Set(value)));
                (self.flights.is_empty(), Flight { release: true, ..flight })
            }
            Step::Atomic { loc, to, does: Change { write, expected } } => {
                let base = plain(loc, Some(write));
                let flight = Flight { to, expected, atomic: true, blocks: one_by_one, ..base };
                (!tso || self.is_quiet(), flight)
            }
            Step::Fence | Step::Order(_) => return None,
        };
        let fenced = self.stores_fenced && flight.write.is_some() && self.writes_fly();
        (ready && !fenced).then_some(flight)
    }

    /// What the store buffer, or the store of it that is under way, answers to a load of `loc`.
    pub(super) fn forwarded(&self, loc: LocIdx) -> Option<u64> {
        let waiting = self.buffer.iter().rev().find(|(l, _)| *l == loc).map(|(_, value)| *value);
        let leaving = self.flights.iter().find(|f| f.buffered && f.loc == loc);
        waiting.or_else(|| match leaving?.write {
            Some(Write::Set(Cell(value))) => Some(value),
            _ => None,
        })
    }

    /// The store at the head of the buffer, if its turn at the cache has come.
    pub(super) fn drain(&self) -> Option<Flight> {
        let (loc, value) = *self.buffer.first()?;
        let busy = self.flights.iter().any(|f| f.buffered || f.atomic);
        let write = Some(Write::Set(Cell(value)));
        (!busy).then(|| Flight { buffered: true, ..plain(loc, write) })
    }

    /// That store is with the cache.
    pub(super) fn drained(&mut self) {
        self.buffer.remove(0);
    }

    /// An access is done, having read `value`.
    pub(super) fn complete(&mut self, flight: usize, value: u64) {
        let done = self.flights.remove(flight);
        if let Some(reg) = done.to {
            self.cursor.found(reg, value, done.expected);
        }
        self.stores_fenced &= self.writes_fly();
    }
}

/// A plain access.
const fn plain(loc: LocIdx, write: Option<Write>) -> Flight {
    Flight {
        loc,
        write,
        atomic: false,
        to: None,
        expected: None,
        started: false,
        blocks: false,
        release: false,
        buffered: false,
    }
}
