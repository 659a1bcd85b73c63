//! A thread of a litmus test as a source of operations that goes by what its loads read.
//!
//! A thread repeats the test, each time on lines of its own: it takes the copies that the round
//! gives it, meets the others, thinks, writes some lines of its own, and runs. Operations are handed out up to where the next
//! depends on a load; there a fence of loads stands, and what was read decides how it goes on.

use std::sync::{Arc, Mutex, PoisonError};

use ::litmus::{Cursor, Instr, Model, Next, Operand, Rmw, Test};
use base::{Addr, Op, Order};
use machine::OpSource;
use traffic::TraceError;

use super::acts::{Act, acts};

/// Bytes of every access.
const SIZE: u8 = 8;

/// One repetition, as a thread sees it.
#[derive(Clone, Debug)]
pub(super) struct Round {
    /// `[location]`
    pub(super) places: Vec<Addr>,
    /// Locations that the thread loads beforehand.
    pub(super) cached: Vec<usize>,
    /// Locations that the thread sets to these values beforehand.
    pub(super) set: Vec<(usize, u64)>,
    /// Cycles to think before it begins.
    pub(super) think: u32,
    /// Words of the thread's own that it writes just before it begins, so that what it writes in the
    /// test has to wait.
    pub(super) busy: Vec<Addr>,
    /// Everybody who meets.
    pub(super) members: u32,
}

/// `[thread][round]`: the registers at the end.
pub(super) type Ends = Arc<Mutex<Vec<Vec<Vec<u64>>>>>;

pub(super) struct ThreadSource {
    test: Arc<Test>,
    thread: usize,
    model: Model,
    rounds: std::vec::IntoIter<Round>,
    ends: Ends,
    round: Option<Round>,
    cursor: Cursor,
    /// Operations given so far.
    given: u64,
    /// Loads under way: the number of the operation, the register, and of an exclusive store what it expects
    /// to find.
    loads: Vec<(u64, usize, Option<u64>)>,
}

impl ThreadSource {
    pub(super) fn new(
        test: &Arc<Test>,
        thread: usize,
        model: Model,
        rounds: Vec<Round>,
        ends: &Ends,
    ) -> Self {
        Self {
            cursor: Cursor::new(&test.threads[thread]),
            test: Arc::clone(test),
            thread,
            model,
            rounds: rounds.into_iter(),
            ends: Arc::clone(ends),
            round: None,
            given: 0,
            loads: Vec::new(),
        }
    }

    /// The next repetition, up to where it begins.
    fn begin(&mut self, batch: &mut Vec<Op>) {
        let Some(round) = self.rounds.next() else { return };
        let (id, members) = (0, round.members);
        let at = |loc: usize| round.places[loc];
        let set = |(loc, value): &(usize, u64)| Op::Store {
            addr: at(*loc),
            size: SIZE,
            value: Some(*value),
        };
        if self.test.initial.iter().any(|v| *v != 0) {
            batch.extend(round.set.iter().map(set));
            batch.push(Op::Barrier { id, members });
        }
        batch.extend(round.cached.iter().map(|loc| Op::Load { addr: at(*loc), size: SIZE }));
        batch.push(Op::Barrier { id, members });
        batch.push(Op::Think { cycles: round.think });
        let own = |addr: &Addr| Op::Store { addr: *addr, size: SIZE, value: Some(1) };
        batch.extend(round.busy.iter().map(own));
        self.cursor = Cursor::new(&self.test.threads[self.thread]);
        self.round = Some(round);
    }

    /// Operations of an access or a fence.
    fn give(&mut self, instr: &Instr, batch: &mut Vec<Op>) {
        let Some(round) = &self.round else { return };
        let (size, start) = (SIZE, batch.len());
        let at = |loc: usize| round.places[loc];
        for act in acts(instr, self.model) {
            let number = self.given + (batch.len() - start) as u64 + 1;
            batch.push(match act {
                Act::Load { loc, to } => {
                    self.loads.push((number, to, None));
                    Op::Load { addr: at(loc), size }
                }
                Act::Acquire { loc, to, sc } => {
                    self.loads.push((number, to, None));
                    Op::Acquire { addr: at(loc), size, sc }
                }
                Act::Store { loc, value } => {
                    Op::Store { addr: at(loc), size, value: Some(self.cursor.value(&value)) }
                }
                Act::Release { loc, value } => {
                    Op::Release { addr: at(loc), size, value: Some(self.cursor.value(&value)) }
                }
                Act::Atomic { loc, to, does: (rmw, operand) } => {
                    let expected = self.cursor.expected(instr);
                    self.loads.extend(to.map(|to| (number, to, expected)));
                    atomic(at(loc), rmw, operand, &self.cursor)
                }
                Act::Fence => Op::Fence,
                Act::Order(order) => Op::Order(order),
            });
        }
        self.given += (batch.len() - start) as u64;
    }

    /// The thread has run: notes its registers.
    fn end(&mut self) {
        let count = self.test.threads[self.thread].registers.len();
        let registers = (0..count).map(|reg| self.cursor.register(reg)).collect();
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends[self.thread].push(registers);
        drop(ends);
        self.round = None;
    }
}

fn atomic(addr: Addr, rmw: Rmw, operand: Operand, cursor: &Cursor) -> Op {
    let value = cursor.value(&operand);
    let rmw = match rmw {
        Rmw::Add => base::Rmw::Add(value),
        Rmw::Swap => base::Rmw::Swap(value),
        Rmw::CompareSwap { expected, .. } => {
            base::Rmw::Cas { expected: cursor.value(&expected), new: value }
        }
        // Values tell writes apart: what was loaded is there still if nothing was written.
        Rmw::Exclusive { loaded } => {
            base::Rmw::Cas { expected: cursor.register(loaded), new: value }
        }
    };
    Op::Atomic { addr, size: SIZE, rmw }
}

impl OpSource for ThreadSource {
    fn refill(&mut self, batch: &mut Vec<Op>) -> Result<(), TraceError> {
        let before = batch.len();
        while batch.len() == before {
            if self.round.is_none() {
                self.begin(batch);
                self.given += (batch.len() - before) as u64;
                return Ok(());
            }
            let test = Arc::clone(&self.test);
            let thread = &test.threads[self.thread];
            loop {
                match self.cursor.next(thread) {
                    Next::Instr(_, instr) => {
                        self.give(instr, batch);
                        self.cursor.step(thread);
                    }
                    Next::End if self.cursor.is_filled() => {
                        if batch.len() == before {
                            self.end();
                        }
                        break;
                    }
                    Next::Blocked | Next::End => {
                        batch.push(Op::Order(Order::Loads));
                        self.given += 1;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn observes(&self) -> bool {
        true
    }

    fn observe(&mut self, number: u64, word: u64) {
        if let Some(at) = self.loads.iter().position(|(load, ..)| *load == number) {
            let (_, register, expected) = self.loads.swap_remove(at);
            self.cursor.found(register, word, expected);
        }
    }
}
