//! What a search can find.

use core::fmt;

/// Which promise was broken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FaultKind {
    /// The tables say that the event cannot happen.
    Illegal,
    /// A load saw something else than the last write.
    StaleLoad,
    /// A store or atomic was performed on something else than the last write.
    StaleStore,
    /// A cache may write while another holds a copy.
    WriterAndOthers,
    /// Two caches own the line.
    TwoOwners,
    /// A readable copy, or one that answers for memory, is not what the last write left.
    StaleCopy,
    /// A stable directory does not know of a copy.
    UnknownCopy,
    /// A stable directory names an owner that does not own the line.
    OwnerWithoutCopy,
    /// No cache owns the line, and memory is not what the last write left.
    StaleMemory,
    /// Two snoops are under way to one cache for one line.
    TwoSnoops,
    /// Something is under way and nothing can move.
    Deadlock,
    /// Deliveries alone can go on for ever.
    Livelock,
    /// Counts or messages grow beyond what the protocol can need.
    Unbounded,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Illegal => "illegal event",
            Self::StaleLoad => "stale load",
            Self::StaleStore => "stale store",
            Self::WriterAndOthers => "a writer and another copy",
            Self::TwoOwners => "two owners",
            Self::StaleCopy => "stale copy",
            Self::UnknownCopy => "a copy that the directory does not know",
            Self::OwnerWithoutCopy => "an owner without a copy",
            Self::StaleMemory => "stale memory",
            Self::TwoSnoops => "two snoops at one cache",
            Self::Deadlock => "deadlock",
            Self::Livelock => "livelock",
            Self::Unbounded => "unbounded growth",
        })
    }
}

/// A broken promise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Which promise.
    pub kind: FaultKind,
    /// Who, where, and the values.
    pub detail: String,
}

impl Fault {
    #[cold]
    pub(crate) fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.detail)
    }
}

impl core::error::Error for Fault {}
