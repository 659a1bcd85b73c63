//! A thread being walked, by whoever performs its accesses.

use crate::program::{Branch, Instr, Operand, Reg, Rmw, Thread};

/// What a thread comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next<'a> {
    /// An access or a fence, by its place in the code.
    Instr(usize, &'a Instr),
    /// It needs a register whose load is not done.
    Blocked,
    /// It is over.
    End,
}

/// Where a thread is, and what its registers hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Cursor {
    at: usize,
    /// `[register]`; none while its load is under way.
    registers: Vec<Option<u64>>,
}

impl Cursor {
    /// At the start of `thread`.
    pub fn new(thread: &Thread) -> Self {
        Self { at: 0, registers: thread.initial.iter().map(|v| Some(*v)).collect() }
    }

    /// Computes and branches up to the next access or fence.
    pub fn next<'a>(&mut self, thread: &'a Thread) -> Next<'a> {
        while let Some(instr) = thread.code.get(self.at) {
            if instr.reads().iter().any(|reg| self.registers[*reg].is_none()) {
                return Next::Blocked;
            }
            match instr {
                Instr::Compute { to, alu, a, b } => {
                    self.registers[*to] = Some(alu.of(self.value(a), self.value(b)));
                    self.at += 1;
                }
                Instr::Branch { when, to } => {
                    let taken = match when {
                        Branch::Always => true,
                        Branch::Zero(o) => self.value(o) == 0,
                        Branch::NotZero(o) => self.value(o) != 0,
                    };
                    self.at = if taken { *to } else { self.at + 1 };
                }
                // A register may not be loaded again before the load under way has filled it.
                Instr::Load { to, .. } | Instr::Rmw { to: Some(to), .. }
                    if self.registers[*to].is_none() =>
                {
                    return Next::Blocked;
                }
                _ => return Next::Instr(self.at, instr),
            }
        }
        Next::End
    }

    /// Goes on behind the access or fence; the register that it loads has no value until
    /// [`fill`](Self::fill).
    pub fn step(&mut self, thread: &Thread) {
        if let Instr::Load { to, .. } | Instr::Rmw { to: Some(to), .. } = thread.code[self.at] {
            self.registers[to] = None;
        }
        self.at += 1;
    }

    /// An access is done that found `old`; `expected` as it was when it began.
    pub fn found(&mut self, reg: Reg, old: u64, expected: Option<u64>) {
        self.fill(reg, expected.map_or(old, |expected| u64::from(old != expected)));
    }

    /// A load is done.
    pub fn fill(&mut self, reg: Reg, value: u64) {
        self.registers[reg] = Some(value);
    }

    /// The value of an operand; 0 while its load is under way.
    pub fn value(&self, operand: &Operand) -> u64 {
        match *operand {
            Operand::Const(value) => value,
            Operand::Reg(reg) => self.register(reg),
        }
    }

    /// Of an exclusive store, what the location must hold for it not to fail: then the old value that an
    /// atomic finds says how the store went.
    pub fn expected(&self, instr: &Instr) -> Option<u64> {
        match instr {
            Instr::Rmw { rmw: Rmw::Exclusive { loaded }, .. } => Some(self.register(*loaded)),
            _ => None,
        }
    }

    /// The value of a register; 0 while its load is under way.
    pub fn register(&self, reg: Reg) -> u64 {
        self.registers[reg].unwrap_or(0)
    }

    /// Whether every load is done.
    pub fn is_filled(&self) -> bool {
        self.registers.iter().all(Option::is_some)
    }
}
