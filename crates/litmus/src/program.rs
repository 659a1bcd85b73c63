//! A test as a program, whatever the architecture that it is written for.

use crate::outcome::Condition;
use crate::outcome::Observable;

/// The architecture of a test's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arch {
    /// Arm, 64 bits.
    AArch64,
    /// Intel and AMD.
    X86,
    /// C11 and the Linux kernel's macros.
    C,
}

impl Arch {
    /// As the first word of a file says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AArch64 => "AArch64",
            Self::X86 => "X86",
            Self::C => "C",
        }
    }
}

/// A location of the test, by its place in [`Test::locations`].
pub type LocIdx = usize;
/// A register of a thread, by its place in [`Thread::registers`].
pub type Reg = usize;

/// A register or a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operand {
    /// What the register holds.
    Reg(Reg),
    /// This.
    Const(u64),
}

/// Where an access goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The location.
    pub loc: LocIdx,
    /// Registers that the address was computed from without depending on their values.
    pub depends: Vec<Reg>,
}

/// What a load orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadOrder {
    /// Nothing.
    Plain,
    /// Everything later behind it (RCpc).
    Acquire,
    /// The same, and itself behind earlier releases (RCsc).
    AcquireSc,
}

/// What an atomic does to its location.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rmw {
    /// Adds the operand.
    Add,
    /// Replaces by the operand.
    Swap,
    /// Replaces what equals this by the operand; leaves all else as it is.
    CompareSwap {
        /// What is replaced.
        expected: Operand,
        /// Whether it acquires, and is a full fence, if it replaces nothing too.
        orders_failed: bool,
    },
    /// The store of an exclusive pair: replaces by the operand if nothing was written since the pair's load,
    /// and says in the register whether it failed (1) or not (0). It may fail for no reason.
    Exclusive {
        /// Holds what the pair's load has read.
        loaded: Reg,
    },
}

/// What a fence orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fence {
    /// Everything earlier before everything later.
    Full,
    /// Earlier loads before everything later.
    Loads,
    /// Earlier stores before later stores.
    Stores,
    /// Everything earlier before later stores.
    Release,
    /// Everything but earlier stores before later loads.
    AcquireRelease,
    /// Loads behind the branches that decide on it.
    Instruction,
}

/// What an instruction computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alu {
    /// The first operand.
    Move,
    /// The sum, wrapping.
    Add,
    /// The difference, wrapping.
    Sub,
    /// Exclusive or.
    Xor,
    /// And.
    And,
    /// 1 if equal, else 0.
    Eq,
    /// 0 if equal, else 1.
    Ne,
}

impl Alu {
    /// The result.
    pub const fn of(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Move => a,
            Self::Add => a.wrapping_add(b),
            Self::Sub => a.wrapping_sub(b),
            Self::Xor => a ^ b,
            Self::And => a & b,
            Self::Eq => (a == b) as u64,
            Self::Ne => (a != b) as u64,
        }
    }
}

/// When a branch is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Branch {
    /// Always.
    Always,
    /// If the operand is zero.
    Zero(Operand),
    /// If it is not.
    NotZero(Operand),
}

/// An instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Instr {
    /// Reads a location into a register.
    Load {
        /// Where the value goes.
        to: Reg,
        /// From where.
        at: Place,
        /// What it orders.
        order: LoadOrder,
    },
    /// Writes a location.
    Store {
        /// The value.
        value: Operand,
        /// Where to.
        at: Place,
        /// Whether everything earlier comes before it.
        release: bool,
    },
    /// Reads and writes a location at once.
    Rmw {
        /// Where the old value, or an exclusive store's status, goes if it is wanted.
        to: Option<Reg>,
        /// Which location.
        at: Place,
        /// What is done.
        rmw: Rmw,
        /// With what.
        operand: Operand,
        /// Whether everything later comes behind it.
        acquire: bool,
        /// Whether everything earlier comes before it.
        release: bool,
        /// Whether it is a full fence too.
        full: bool,
    },
    /// Orders accesses.
    Fence(Fence),
    /// Computes a register.
    Compute {
        /// The register.
        to: Reg,
        /// How.
        alu: Alu,
        /// From what.
        a: Operand,
        /// And what.
        b: Operand,
    },
    /// Goes on elsewhere, further down.
    Branch {
        /// When.
        when: Branch,
        /// The place in [`Thread::code`], behind this one.
        to: usize,
    },
}

impl Instr {
    /// The registers that it needs the values of.
    pub fn reads(&self) -> Vec<Reg> {
        let mut all = Vec::new();
        let mut operand = |o: &Operand| {
            if let Operand::Reg(reg) = o {
                all.push(*reg);
            }
        };
        match self {
            Self::Load { .. } | Self::Fence(_) | Self::Branch { when: Branch::Always, .. } => {}
            Self::Store { value, .. } => operand(value),
            Self::Rmw { operand: with, rmw, .. } => {
                operand(with);
                match rmw {
                    Rmw::CompareSwap { expected, .. } => operand(expected),
                    Rmw::Exclusive { loaded } => operand(&Operand::Reg(*loaded)),
                    Rmw::Add | Rmw::Swap => {}
                }
            }
            Self::Compute { a, b, .. } => {
                operand(a);
                operand(b);
            }
            Self::Branch { when: Branch::Zero(o) | Branch::NotZero(o), .. } => operand(o),
        }
        if let Self::Load { at, .. } | Self::Store { at, .. } | Self::Rmw { at, .. } = self {
            all.extend(&at.depends);
        }
        all
    }
}

/// A thread.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Thread {
    /// Names of its registers.
    pub registers: Vec<String>,
    /// `[register]`: what it holds at first.
    pub initial: Vec<u64>,
    /// What it does.
    pub code: Vec<Instr>,
}

/// A test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Test {
    /// The architecture that it is written for.
    pub arch: Arch,
    /// Its name.
    pub name: String,
    /// Names of its locations.
    pub locations: Vec<String>,
    /// `[location]`: what it holds at first.
    pub initial: Vec<u64>,
    /// One to four.
    pub threads: Vec<Thread>,
    /// What an outcome is made of.
    pub observables: Vec<Observable>,
    /// What is asked of the outcomes.
    pub condition: Condition,
}
