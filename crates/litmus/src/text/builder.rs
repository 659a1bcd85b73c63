//! A test being put together: names to places.

use crate::program::{Arch, Instr, LocIdx, Place, Reg, Thread};

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
    /// The location of the last exclusive load.
    pub(super) exclusive: Option<LocIdx>,
}

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
