//! A test being put together: names to places.

use crate::program::{Alu, Arch, Branch, Instr, LocIdx, Operand, Place, Reg, Thread};

/// What a register is known to hold without running the thread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// The address of a location, computed with these registers.
    Address(Place),
    /// Zero, whatever the register says that it depends on.
    Zero(Vec<Reg>),
}

/// A thread being put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) thread: Thread,
    /// `[register]`
    pub(super) known: Vec<Option<Known>>,
    /// Locations of exclusive loads so far.
    pub(super) exclusives: Vec<LocIdx>,
}

/// What the last instruction that sets flags left: zero if they say "equal", or "zero"; the blank keeps it apart
/// from all names.
pub(super) const FLAGS: &str = " flags";

pub(super) struct Builder {
    pub(super) arch: Arch,
    pub(super) name: String,
    pub(super) locations: Vec<String>,
    pub(super) initial: Vec<u64>,
    pub(super) threads: Vec<Draft>,
}

impl Builder {
    pub(super) fn new(arch: Arch, name: String) -> Self {
        Self { arch, name, locations: Vec::new(), initial: Vec::new(), threads: Vec::new() }
    }

    /// The location of this name; a new one holds 0.
    pub(super) fn location(&mut self, name: &str) -> LocIdx {
        if let Some(at) = self.locations.iter().position(|l| l == name) {
            return at;
        }
        self.locations.push(name.to_owned());
        self.initial.push(0);
        self.locations.len() - 1
    }

    /// The thread of this number, and all before it.
    pub(super) fn thread(&mut self, number: usize) -> &mut Draft {
        if self.threads.len() <= number {
            self.threads.resize_with(number + 1, Draft::default);
        }
        &mut self.threads[number]
    }
}

impl Draft {
    /// The register of this name; a new one holds 0.
    pub(super) fn register(&mut self, name: &str) -> Reg {
        if let Some(at) = self.thread.registers.iter().position(|r| r == name) {
            return at;
        }
        self.thread.registers.push(name.to_owned());
        self.thread.initial.push(0);
        self.known.push(None);
        self.thread.registers.len() - 1
    }

    /// A register for a value in between; the blank keeps it apart from all names.
    pub(super) fn scratch(&mut self) -> Reg {
        let count = self.thread.registers.len();
        self.register(&format!(" {count}"))
    }

    /// The place of the next instruction.
    pub(super) fn place(&self) -> usize {
        self.thread.code.len()
    }

    /// Appends a branch that [`land`](Self::land) says the end of; gives its place.
    pub(super) fn branch(&mut self, when: Branch) -> usize {
        let at = self.place();
        self.push(Instr::Branch { when, to: at + 1 });
        at
    }

    /// Has the branch at `branch` go to the next instruction.
    pub(super) fn land(&mut self, branch: usize) {
        let place = self.place();
        if let Some(Instr::Branch { to, .. }) = self.thread.code.get_mut(branch) {
            *to = place;
        }
    }

    /// Appends a computation.
    pub(super) fn compute(&mut self, to: Reg, alu: Alu, a: Operand, b: Operand) {
        self.push(Instr::Compute { to, alu, a, b });
    }

    /// Appends a move.
    pub(super) fn set(&mut self, to: Reg, a: Operand) {
        self.compute(to, Alu::Move, a, Operand::Const(0));
    }

    /// The first branch on the flags that can be come to without an instruction that sets them. Branches go
    /// down only, so one look at each instruction is enough.
    pub(super) fn branch_without_flags(&self) -> Option<usize> {
        let flags = self.thread.registers.iter().position(|r| r == FLAGS)?;
        let code = &self.thread.code;
        // `[place]`: whether it can be come to with flags that nothing has set.
        let mut unset = vec![false; code.len() + 1];
        unset[0] = true;
        for (at, instr) in code.iter().enumerate() {
            if !unset[at] {
                continue;
            }
            match instr {
                Instr::Compute { to, .. } if *to == flags => {}
                Instr::Branch { when, to } => {
                    if *when == Branch::Zero(Operand::Reg(flags))
                        || *when == Branch::NotZero(Operand::Reg(flags))
                    {
                        return Some(at);
                    }
                    unset[*to] = true;
                    unset[at + 1] |= *when != Branch::Always;
                }
                _ => unset[at + 1] = true,
            }
        }
        None
    }

    /// Appends an instruction; what it writes is known no more.
    pub(super) fn push(&mut self, instr: Instr) {
        if let Instr::Load { to, .. }
        | Instr::Rmw { to: Some(to), .. }
        | Instr::Compute { to, .. } = instr
        {
            self.known[to] = None;
        }
        self.thread.code.push(instr);
    }
}
