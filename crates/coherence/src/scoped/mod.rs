//! Scoped caches: kept valid from acquire to release, by the threads that ask for it, and by nobody
//! else.
//!
//! ```text
//!   threads ─▶ ScopedCache (node) ─▶ slice (package) ─▶ home (memory)
//!                 │                      ▲
//!                 └── where the package is one node, or holds the home: straight to home ──▶
//! ```
//!
//! - A cache takes whole lines, writes into them without asking anybody, and keeps a mask of the bytes
//!   written; those alone are written through, so that two caches that write to one line lose nothing.
//! - A **release** writes through what is dirty and waits for the acknowledgements: at package scope from
//!   the node's cache to the slices of its package; at supernode scope also from those slices to the homes,
//!   so that what a package mate has handed on goes with it.
//! - An **acquire** drops what is clean: at package scope in the node's cache; at supernode scope first in
//!   the slices of its package, then in the node's cache. What is dirty stays: no acquire can make a
//!   thread's own write stale.
//! - An atomic, the load of an acquire and the store of a release are performed at the point of
//!   coherence of their scope: the slice, or the home.
//!
//! So nobody keeps a list of sharers, nobody is invalidated by others, no line has a state that
//! another waits for. A write can be seen in its package before it is seen outside: writes are not
//! atomic for all. [`scoped_step`] is the table of a line, the same in a cache and in a slice;
//! [`ScopedNode`] is the cache, the slice and the home of a node around it, without time; [`Witness`]
//! says of every read whether happens-before allows what it saw; [`model`] has all of them act in every
//! order.
//!
//! Source: Ren, Lustig, Bolotin, Jaleel, Villa and Nellans, *HMG: Extending Cache Coherence Protocols
//! Across Modern Hierarchical Multi-GPU Systems*, HPCA 2020, for hierarchy, scopes and points of
//! coherence, without its directories: copies are dropped by acquires, as in the software coherence
//! that it compares with. Scopes: Hower et al., *Heterogeneous-race-free Memory Models*, ASPLOS 2014.

mod level;
mod line;
mod message;
pub mod model;
mod node;
mod outbox;
mod places;
mod rows;
mod table;
mod witness;

pub use level::{Ask, Asked, Level, LevelCounts, SyncId, Who};
pub use line::{Parts, ScopedLine, ScopedState};
pub use message::{ScopedKind, ScopedMessage, Unit};
pub use node::{ScopedNode, ScopedRequest, Sync};
pub use outbox::{ScopedDone, ScopedOut, ScopedOutbox, Trail};
pub use places::Geometry;
pub use rows::{ScopedEventKind, ScopedRows};
pub use table::{ScopedEffect, ScopedEvent, ScopedStep, Upward, scoped_step};
pub use witness::{ScopedFault, ScopedViolation, Witness};

use core::fmt::Debug;
use core::hash::Hash;

use base::{Line, NodeIdx, Scope};

use crate::mutant::Sound;

/// The choices of a machine's scoped caches. `F` says which fault is seeded, as in
/// [`Config`](crate::Config).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScopedConfig<F: ScopedFaults = Sound> {
    /// Nodes of a package: that many consecutive ones, at least 1.
    pub package_nodes: u32,
    /// The fault seeded, if any.
    pub mutant: F,
}

impl ScopedConfig {
    /// Packages of this many nodes, and no fault.
    pub const fn new(package_nodes: u32) -> Self {
        Self { package_nodes, mutant: Sound }
    }
}

impl<F: ScopedFaults> ScopedConfig<F> {
    #[inline]
    pub(crate) fn has(self, mutant: ScopedMutant) -> bool {
        self.mutant.has(mutant)
    }

    /// The package of a node.
    #[inline]
    pub const fn package(self, node: NodeIdx) -> u32 {
        node.0 / self.package_nodes
    }

    /// The nodes of the package of `node`.
    pub fn mates(self, node: NodeIdx) -> impl Iterator<Item = NodeIdx> + use<F> {
        let first = self.package(node) * self.package_nodes;
        (first..first + self.package_nodes).map(NodeIdx)
    }

    /// Whether nodes have slices at all.
    #[inline]
    pub const fn has_slices(self) -> bool {
        self.package_nodes > 1
    }

    /// What a node's cache asks for `line`: the home if it is in the node's package, or is a package
    /// by itself; else the slice of the package that has the line, by turns.
    pub(crate) fn above(self, node: NodeIdx, line: Line, home: NodeIdx) -> (NodeIdx, Unit) {
        if !self.has_slices() || self.package(home) == self.package(node) {
            return (home, Unit::Home);
        }
        let first = self.package(node) * self.package_nodes;
        let at = line.0 % u64::from(self.package_nodes);
        (NodeIdx(first + u32::try_from(at).unwrap_or(0)), Unit::Slice)
    }

    /// Whether an access of `scope` is performed in this unit.
    #[inline]
    pub(crate) fn is_point(self, unit: Unit, scope: Scope) -> bool {
        match unit {
            Unit::Home => true,
            Unit::Slice => scope == Scope::Package,
            Unit::Cache => {
                scope == Scope::Package && !self.has_slices()
                    || self.has(ScopedMutant::AtomicInCache)
            }
        }
    }
}

/// Which fault is seeded into the scoped protocol.
pub trait ScopedFaults: Copy + Eq + Hash + Debug + 'static {
    /// Whether it is `mutant`.
    fn has(self, mutant: ScopedMutant) -> bool;
}

impl ScopedFaults for Sound {
    #[inline]
    fn has(self, _: ScopedMutant) -> bool {
        false
    }
}

impl ScopedFaults for Option<ScopedMutant> {
    #[inline]
    fn has(self, mutant: ScopedMutant) -> bool {
        self == Some(mutant)
    }
}

/// A fault that implementers of scoped caches make, seeded to show that the checks catch it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ScopedMutant {
    /// An acquire leaves the clean copies in the node's cache.
    AcquireKeepsCopies,
    /// An acquire of the supernode drops nothing in the package's slices.
    AcquireSkipsSlices,
    /// A fill that was under way when an acquire came is kept.
    AcquireForgetsFills,
    /// What is being written through stays readable after an acquire.
    AcquireKeepsFlight,
    /// An acquire passes over a line that has dirty parts, and leaves the clean ones readable.
    AcquireSkipsDirty,
    /// A release does not wait for acknowledgements.
    ReleaseDoesNotWait,
    /// A release does not count what was under way before it: posted writes and evictions.
    ReleaseForgetsPosted,
    /// A release counts one acknowledgement of a line that owes two: for what is under way, and for what
    /// was written since.
    ReleaseCountsOneAck,
    /// A release of the supernode leaves what is dirty in the package's slices.
    ReleaseSkipsSlices,
    /// A write-through carries the whole line instead of the bytes written.
    WholeLineThrough,
    /// A fill overwrites dirty bytes.
    FillOverDirty,
    /// An eviction loses dirty bytes.
    EvictionDropsDirty,
    /// A line that was evicted is read again before its write-through is acknowledged.
    ReadPassesWrite,
    /// An atomic is performed in the node's cache whatever its scope.
    AtomicInCache,
    /// An atomic goes up while dirty bytes of its line stay behind.
    AtomicPassesDirty,
}

impl ScopedMutant {
    /// Every fault.
    pub const ALL: [Self; 15] = [
        Self::AcquireKeepsCopies,
        Self::AcquireSkipsSlices,
        Self::AcquireForgetsFills,
        Self::AcquireKeepsFlight,
        Self::AcquireSkipsDirty,
        Self::ReleaseDoesNotWait,
        Self::ReleaseForgetsPosted,
        Self::ReleaseCountsOneAck,
        Self::ReleaseSkipsSlices,
        Self::WholeLineThrough,
        Self::FillOverDirty,
        Self::EvictionDropsDirty,
        Self::ReadPassesWrite,
        Self::AtomicInCache,
        Self::AtomicPassesDirty,
    ];
}
