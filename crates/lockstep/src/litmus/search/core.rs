//! A core of the search: a thread, its accesses under way, its store buffer.
//!
//! The rules are those of the machine's agents (`machine`, `node/agent/order.rs`), without time, a
//! window or a limit of the store buffer.

use ::litmus::{Cursor, Fence, Instr, LoadOrder, LocIdx, Model, Next, Reg, Test};

use super::state::{Cell, Write};

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
    pub(super) flights: Vec<Flight>,
    /// Oldest first; stores that are with the cache are among the flights.
    buffer: Vec<(LocIdx, u64)>,
    /// The next store waits for those under way.
    stores_fenced: bool,
}

/// What a core can do next.
pub(super) enum Act {
    /// Have this access with the cache.
    Issue(Flight),
    /// Nothing until something else happens.
    Wait,
}

impl Core {
    pub(super) fn new(test: &Test, thread: usize) -> Self {
        let cursor = Cursor::new(&test.threads[thread]);
        Self { cursor, flights: Vec::new(), buffer: Vec::new(), stores_fenced: false }
    }

    /// Whether the thread is over and nothing is under way.
    pub(super) fn is_done(&mut self, test: &Test, thread: usize) -> bool {
        self.flights.is_empty()
            && self.buffer.is_empty()
            && self.cursor.next(&test.threads[thread]) == Next::End
    }

    fn is_quiet(&self) -> bool {
        self.flights.is_empty() && self.buffer.is_empty()
    }

    /// Does what concerns nobody else: computes, passes fences, fills the store buffer. Then says
    /// which access is next.
    pub(super) fn advance(&mut self, test: &Test, thread: usize, model: Model) -> Act {
        let thread = &test.threads[thread];
        loop {
            if self.flights.iter().any(|f| f.blocks) {
                return Act::Wait;
            }
            let Next::Instr(_, instr) = self.cursor.next(thread) else { return Act::Wait };
            match instr {
                Instr::Fence(fence) => {
                    if !self.pass(*fence, model) {
                        return Act::Wait;
                    }
                }
                Instr::Store { value, at, .. } if model == Model::Tso => {
                    self.buffer.push((at.loc, self.cursor.value(value)));
                }
                _ => return self.access(instr, model),
            }
            self.cursor.step(thread);
        }
    }

    /// The access has been taken: the thread goes on behind it.
    pub(super) fn issued(&mut self, test: &Test, thread: usize) {
        self.cursor.step(&test.threads[thread]);
    }

    /// Whether the thread may go on behind a fence.
    fn pass(&mut self, fence: Fence, model: Model) -> bool {
        let reads_done = !self.flights.iter().any(Flight::reads);
        match fence {
            Fence::Full => self.is_quiet(),
            Fence::Instruction => true,
            _ if model == Model::Tso => true,
            Fence::Loads => reads_done,
            Fence::Stores => {
                self.stores_fenced = self.flights.iter().any(|f| f.write.is_some());
                true
            }
            Fence::Release | Fence::AcquireRelease => {
                self.stores_fenced = self.flights.iter().any(|f| f.write.is_some());
                reads_done
            }
        }
    }

    /// The access that `instr` makes, if its turn has come.
    fn access(&self, instr: &Instr, model: Model) -> Act {
        let one_by_one = model == Model::Sc;
        if one_by_one && !self.flights.is_empty() {
            return Act::Wait;
        }
        let ra = model == Model::Ra;
        let (ready, flight) = match instr {
            Instr::Load { to, at, order } => {
                let sc = *order == LoadOrder::AcquireSc && !ra;
                let held =
                    sc && (!self.buffer.is_empty() || self.flights.iter().any(|f| f.release));
                let drained = model != Model::Tso || !sc || self.is_quiet();
                let blocks = *order != LoadOrder::Plain || model != Model::Relaxed;
                let flight = Flight { to: Some(*to), blocks, ..plain(at.loc, None) };
                (!held && drained, flight)
            }
            Instr::Store { value, at, release } => {
                let release = *release || ra;
                let write = Some(Write::Set(Cell(self.cursor.value(value))));
                (!release || self.flights.is_empty(), Flight { release, ..plain(at.loc, write) })
            }
            Instr::Rmw { to, at, rmw, operand, acquire, release, full } => {
                let write = Write::of(*rmw, *operand, &self.cursor);
                let expected = self.cursor.expected(instr);
                let strict = *full || model != Model::Relaxed;
                let blocks = strict || *acquire;
                let base = plain(at.loc, Some(write));
                let flight = Flight { to: *to, expected, atomic: true, blocks, ..base };
                (!(strict || *release) || self.is_quiet(), flight)
            }
            _ => return Act::Wait,
        };
        let fenced = self.stores_fenced
            && flight.write.is_some()
            && self.flights.iter().any(|f| f.write.is_some());
        if ready && !fenced { Act::Issue(flight) } else { Act::Wait }
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
        self.stores_fenced &= self.flights.iter().any(|f| f.write.is_some());
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
