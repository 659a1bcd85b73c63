//! What a thread of a trace asks of the machine.

use crate::{Addr, Combine, Share, ThreadIdx};

/// An atomic read-modify-write on a word of 1, 2, 4 or 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Rmw {
    /// Adds the operand, wrapping at the word's size.
    Add(u64),
    /// Replaces the word.
    Swap(u64),
    /// Replaces the word by `new` if it equals `expected`.
    Cas {
        /// What the word must hold for the exchange to happen.
        expected: u64,
        /// What it holds afterwards if so.
        new: u64,
    },
}

impl Rmw {
    /// The word after the operation on `old`, cut to `size` bytes.
    #[inline]
    pub fn apply(self, old: u64, size: u32) -> u64 {
        let cut = if size >= 8 { u64::MAX } else { (1 << (8 * size)) - 1 };
        match self {
            Self::Add(by) => old.wrapping_add(by) & cut,
            Self::Swap(new) => new & cut,
            Self::Cas { expected, new } if expected & cut == old & cut => new & cut,
            Self::Cas { .. } => old,
        }
    }
}

/// A fence that orders some operations only.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum Order {
    /// All earlier loads complete before any later operation starts; as Arm's `DMB LD`.
    Loads,
    /// All earlier stores complete before any later store starts; as Arm's `DMB ST`.
    Stores,
}

/// How far an acquire, a release, a fence or an atomic reaches, where memory is kept valid by scopes;
/// elsewhere all reach everybody.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub enum Scope {
    /// The threads of the nodes of the thread's own package.
    Package,
    /// Every thread.
    #[default]
    Supernode,
}

/// What reaches the thread's own package only, of the operations that have a scope; as they stand in
/// [`Op`], they reach the supernode. See [`Scope`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PackageOp {
    /// [`Op::Acquire`]
    Acquire {
        /// First byte.
        addr: Addr,
        /// Bytes, 1 to 64.
        size: u8,
        /// As there.
        sc: bool,
    },
    /// [`Op::Release`]
    Release {
        /// First byte.
        addr: Addr,
        /// Bytes, 1 to 64.
        size: u8,
        /// The value, as a store's.
        value: Option<u64>,
    },
    /// [`Op::Atomic`]
    Atomic {
        /// First byte.
        addr: Addr,
        /// Bytes: 1, 2, 4 or 8.
        size: u8,
        /// What is done.
        rmw: Rmw,
    },
    /// [`Op::Fence`]
    Fence,
}

impl PackageOp {
    /// The same for the supernode.
    #[inline]
    pub const fn wide(self) -> Op {
        match self {
            Self::Acquire { addr, size, sc } => Op::Acquire { addr, size, sc },
            Self::Release { addr, size, value } => Op::Release { addr, size, value },
            Self::Atomic { addr, size, rmw } => Op::Atomic { addr, size, rmw },
            Self::Fence => Op::Fence,
        }
    }
}

/// One operation of a thread.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Reads `size` bytes, 1 to 64; may cross lines.
    Load {
        /// First byte.
        addr: Addr,
        /// Bytes, 1 to 64.
        size: u8,
    },
    /// Writes `size` bytes, 1 to 64; may cross lines.
    Store {
        /// First byte.
        addr: Addr,
        /// Bytes, 1 to 64.
        size: u8,
        /// The value, little-endian, repeated over the size. `None` where the trace does not know
        /// it: the machine then writes a value of its own that no other store writes.
        value: Option<u64>,
    },
    /// A load-acquire: a load that completes before any later operation of the thread starts.
    Acquire {
        /// First byte.
        addr: Addr,
        /// Bytes, 1 to 64.
        size: u8,
        /// Whether it starts only when the thread's earlier releases have completed (RCsc, as Arm's
        /// `LDAR`); otherwise it may overtake them (RCpc, as `LDAPR`).
        sc: bool,
    },
    /// A store-release: a store that starts when all earlier operations of the thread have completed.
    Release {
        /// First byte.
        addr: Addr,
        /// Bytes, 1 to 64.
        size: u8,
        /// The value, as a store's.
        value: Option<u64>,
    },
    /// An atomic read-modify-write of 1, 2, 4 or 8 bytes that do not cross a line.
    Atomic {
        /// First byte.
        addr: Addr,
        /// Bytes: 1, 2, 4 or 8.
        size: u8,
        /// What is done.
        rmw: Rmw,
    },
    /// All earlier operations of the thread complete before any later one starts.
    Fence,
    /// Some earlier operations complete before some later ones start.
    Order(Order),
    /// Waits until `members` threads have arrived at barrier `id`; it can then be used again.
    /// Implies a fence.
    Barrier {
        /// Which barrier.
        id: u32,
        /// How many arrivals release it, at least 1.
        members: u32,
    },
    /// A barrier to which each member brings a word; all are told what comes of them. Members of a round
    /// combine in the same way.
    Reduce {
        /// Which barrier.
        id: u32,
        /// How many arrivals release it, at least 1.
        members: u32,
        /// How words are combined.
        how: Combine,
        /// What the thread brings.
        value: u64,
    },
    /// The thread computes for this many cycles of its clock before its next operation.
    Think {
        /// Accelerator cycles.
        cycles: u32,
    },
    /// Nothing later in the thread starts before its node's counter has come to `count`; at once where it has.
    At {
        /// Ticks of the counter: of the aligned one since the start of the run where the machine keeps such, else
        /// edges of the node's clock.
        count: u64,
    },
    /// Copies `bytes` from `from` to `to`, a line at a time; the ranges may not overlap.
    Copy {
        /// First byte read.
        from: Addr,
        /// First byte written.
        to: Addr,
        /// Length, at least 1.
        bytes: u32,
    },
    /// One that reaches the thread's package only.
    Package(PackageOp),
}

impl Op {
    /// The operation as it reaches the supernode, and how far it reaches.
    #[inline]
    pub const fn split(self) -> (Self, Scope) {
        match self {
            Self::Package(op) => (op.wide(), Scope::Package),
            op => (op, Scope::Supernode),
        }
    }

    /// The barrier that it arrives at, if it does: id, members, and what it brings.
    #[inline]
    pub const fn barrier(self) -> Option<(u32, u32, Share)> {
        match self {
            Self::Barrier { id, members } => Some((id, members, None)),
            Self::Reduce { id, members, how, value } => Some((id, members, Some((how, value)))),
            _ => None,
        }
    }

    /// The same operation within the thread's package, if it is one that has a scope.
    pub const fn within_package(self) -> Option<Self> {
        Some(Self::Package(match self {
            Self::Acquire { addr, size, sc } => PackageOp::Acquire { addr, size, sc },
            Self::Release { addr, size, value } => PackageOp::Release { addr, size, value },
            Self::Atomic { addr, size, rmw } => PackageOp::Atomic { addr, size, rmw },
            Self::Fence => PackageOp::Fence,
            Self::Package(op) => op,
            _ => return None,
        }))
    }
}

/// One record of a trace: an operation and the thread that does it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Record {
    /// Who.
    pub thread: ThreadIdx,
    /// What.
    pub op: Op,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atomics_wrap_at_their_size_and_cas_compares_only_it() {
        assert_eq!(Rmw::Add(1).apply(0xff, 1), 0);
        assert_eq!(Rmw::Swap(0x1234).apply(0, 1), 0x34);
        assert_eq!(Rmw::Cas { expected: 0x1_00, new: 7 }.apply(0, 1), 7);
        assert_eq!(Rmw::Cas { expected: 1, new: 7 }.apply(0, 8), 0);
    }
}
