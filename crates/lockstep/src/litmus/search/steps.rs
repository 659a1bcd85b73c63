//! What an instruction comes to at a thread of a search: the acts of the machine's agents, with what they write.

use std::collections::VecDeque;

use ::litmus::{Cursor, Instr, LocIdx, Model, Next, Reg, Thread};
use base::Order;

use super::state::{Cell, Write};
use crate::litmus::acts::{Act, acts};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Step {
    Load {
        loc: LocIdx,
        to: Reg,
    },
    /// `sc`: it waits for earlier releases.
    Acquire {
        loc: LocIdx,
        to: Reg,
        sc: bool,
    },
    Store {
        loc: LocIdx,
        value: Cell,
    },
    Release {
        loc: LocIdx,
        value: Cell,
    },
    /// `expected`: of an exclusive store, what it expects to find.
    Atomic {
        loc: LocIdx,
        write: Write,
        to: Option<Reg>,
        expected: Option<u64>,
    },
    Fence,
    Order(Order),
}

/// Steps that a thread has before it: those of the instruction that it has come to.
pub(super) type Steps = VecDeque<Step>;

/// Fills `steps`, if there are none, with those of the thread's next instruction that has any.
pub(super) fn refill(steps: &mut Steps, cursor: &mut Cursor, thread: &Thread, model: Model) {
    while steps.is_empty() {
        let Next::Instr(_, instr) = cursor.next(thread) else { return };
        steps.extend(acts(instr, model).into_iter().map(|act| step(act, instr, cursor)));
        cursor.step(thread);
    }
}

fn step(act: Act, instr: &Instr, cursor: &Cursor) -> Step {
    match act {
        Act::Load { loc, to } => Step::Load { loc, to },
        Act::Acquire { loc, to, sc } => Step::Acquire { loc, to, sc },
        Act::Store { loc, value } => Step::Store { loc, value: Cell(cursor.value(&value)) },
        Act::Release { loc, value } => Step::Release { loc, value: Cell(cursor.value(&value)) },
        Act::Atomic { loc, to, rmw, operand } => {
            let (write, expected) = (Write::of(rmw, operand, cursor), cursor.expected(instr));
            Step::Atomic { loc, write, to, expected }
        }
        Act::Fence => Step::Fence,
        Act::Order(order) => Step::Order(order),
    }
}
