//! What an instruction comes to at a thread of a search: the acts of the machine's agents, with what they write.

use std::collections::VecDeque;

use ::litmus::{Cursor, Instr, Model, Next, Thread};

use super::state::{Cell, Write};
use crate::litmus::acts::{Act, acts};

/// An act, with what registers held when the thread came to it.
pub(super) type Step = Act<Cell, Change>;

/// What an atomic does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Change {
    pub(super) write: Write,
    /// Of an exclusive store, what it expects to find.
    pub(super) expected: Option<u64>,
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
        Act::Atomic { loc, to, does: (rmw, operand) } => {
            let (write, expected) = (Write::of(rmw, operand, cursor), cursor.expected(instr));
            Step::Atomic { loc, to, does: Change { write, expected } }
        }
        Act::Fence => Step::Fence,
        Act::Order(order) => Step::Order(order),
    }
}
