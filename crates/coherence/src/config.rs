//! Choices that the protocol leaves open, and the faults that tests seed into it.

use core::fmt::Debug;
use core::hash::Hash;

use crate::directory::Directory;

/// Where atomics are performed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Atomics {
    /// In the requester's cache, which takes the line exclusively.
    #[default]
    Near,
    /// At the line's home, on memory, after every copy was taken back.
    Far,
}

/// What happens when a cache gives up a shared copy for want of room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum SharedEviction {
    /// Home is told (`PutS`) and takes the cache off its list.
    #[default]
    Notify,
    /// The copy is dropped without a word; home may then invalidate a cache that holds nothing.
    Silent,
}

/// The protocol's options.
///
/// `F` says which fault is seeded: [`Sound`], the default, never any, so that what asks for one is
/// compiled away; `Option<Mutant>` one that is chosen at run time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Config<F: Faults = Sound> {
    /// Where atomics are performed.
    pub atomics: Atomics,
    /// How shared copies are evicted.
    pub shared_eviction: SharedEviction,
    /// How homes list sharers.
    pub directory: Directory,
    /// The fault seeded into the tables, if any.
    pub mutant: F,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            atomics: Atomics::default(),
            shared_eviction: SharedEviction::default(),
            directory: Directory::default(),
            mutant: Sound,
        }
    }
}

impl Config {
    /// The same options with a fault seeded, or with none.
    #[must_use]
    pub const fn seeded(self, mutant: Option<Mutant>) -> Config<Option<Mutant>> {
        Config {
            atomics: self.atomics,
            shared_eviction: self.shared_eviction,
            directory: self.directory,
            mutant,
        }
    }
}

impl<F: Faults> Config<F> {
    /// Whether `mutant` is seeded.
    #[inline]
    pub(crate) fn has(self, mutant: Mutant) -> bool {
        self.mutant.has(mutant)
    }
}

/// Which fault is seeded into the tables.
pub trait Faults: Copy + Eq + Hash + Debug + 'static {
    /// Whether it is `mutant`.
    fn has(self, mutant: Mutant) -> bool;
}

/// The protocol as it should be: no fault, known when compiled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Sound;

impl Faults for Sound {
    #[inline]
    fn has(self, _: Mutant) -> bool {
        false
    }
}

impl Faults for Option<Mutant> {
    #[inline]
    fn has(self, mutant: Mutant) -> bool {
        self == Some(mutant)
    }
}

/// A fault that implementers of such protocols make, seeded to show that the checks catch it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mutant {
    /// Home answers an upgrade without data although the requester has lost its copy.
    UpgradeAfterLoss,
    /// An invalidation makes a waiting reader forget its request.
    InvDropsIsD,
    /// Data of a Put from a cache that is no longer the owner is written to memory.
    StalePutWrites,
    /// A cache does not wait for `PutAck` before it may ask for the line again.
    NoPutAckWait,
    /// `FwdGetS` finds the line on its way out and is not answered.
    FwdGetSIgnoredInMiA,
    /// Home serves the next request before the old owner's write-back arrived.
    NoWbWait,
    /// Home serves the next request before the requester's completion acknowledgement arrived.
    NoCompAckWait,
    /// A cache on the list that holds nothing does not acknowledge an invalidation.
    StaleInvNotAcked,
    /// Home takes a crossing Put for the write-back that it waits for.
    PutAbsorbedAsWb,
    /// An upgrade in flight keeps its shared data through an invalidation.
    SmAdKeepsData,
    /// A writer completes when its data arrives, before all acknowledgements did.
    CompletesBeforeAcks,
    /// Acknowledgements that overtake the data are not counted.
    EarlyInvAckLost,
    /// A far atomic is performed before the copies came back.
    FarBeforeGather,
    /// A far atomic's own cache drops a modified copy instead of writing it back first.
    FarDropsDirty,
    /// Home takes a coarse list for proof that an upgrading cache still has its copy, and answers
    /// with a count only.
    UpgradeByCoarseList,
    /// Home takes a cache off a coarse list when it evicts, although others hide behind the same bit.
    CoarseListForgets,
    /// Home recalls a shared line without invalidating the copies.
    RecallForgetsInvs,
    /// A package answers a snoop of the fabric before its caches have given up their copies.
    PackageAnswersEarly,
    /// A package lets a cache write although the fabric gave it a shared copy only.
    PackageAdmitsTooWeak,
    /// A package gives a cache the only copy although the fabric gave it a shared copy only.
    PackageGrantsTooMuch,
    /// A package gives up a line that its caches still have.
    PackageEvictsWithoutRecall,
    /// A package takes what its caches wrote back for clean, and does not carry it out.
    PackageKeepsDirtyData,
}

impl Mutant {
    /// Whether it shows only where lists of sharers can name too many.
    pub const fn needs_coarse_lists(self) -> bool {
        matches!(self, Self::UpgradeByCoarseList | Self::CoarseListForgets)
    }

    /// Whether it shows only where the directory has two levels.
    pub const fn needs_packages(self) -> bool {
        matches!(
            self,
            Self::PackageAnswersEarly
                | Self::PackageAdmitsTooWeak
                | Self::PackageGrantsTooMuch
                | Self::PackageEvictsWithoutRecall
                | Self::PackageKeepsDirtyData
        )
    }

    /// Every fault.
    pub const ALL: [Self; 22] = [
        Self::UpgradeAfterLoss,
        Self::InvDropsIsD,
        Self::StalePutWrites,
        Self::NoPutAckWait,
        Self::FwdGetSIgnoredInMiA,
        Self::NoWbWait,
        Self::NoCompAckWait,
        Self::StaleInvNotAcked,
        Self::PutAbsorbedAsWb,
        Self::SmAdKeepsData,
        Self::CompletesBeforeAcks,
        Self::EarlyInvAckLost,
        Self::FarBeforeGather,
        Self::FarDropsDirty,
        Self::UpgradeByCoarseList,
        Self::CoarseListForgets,
        Self::RecallForgetsInvs,
        Self::PackageAnswersEarly,
        Self::PackageAdmitsTooWeak,
        Self::PackageGrantsTooMuch,
        Self::PackageEvictsWithoutRecall,
        Self::PackageKeepsDirtyData,
    ];
}
