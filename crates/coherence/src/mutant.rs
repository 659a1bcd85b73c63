//! Faults that tests seed into the protocol, to show that the checks catch them.

use core::fmt::Debug;
use core::hash::Hash;

use crate::config::Protocol;
use crate::directory::{Listing, Overflow};

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

macro_rules! mutants {
    ($(#[$doc:meta])* $name:ident { $($(#[$kind_doc:meta])* $kind:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$kind_doc])* $kind),* }

        impl $name {
            /// Every fault.
            pub const ALL: [Self; [$(Self::$kind),*].len()] = [$(Self::$kind),*];
        }
    };
}

mutants! {
    /// A fault that implementers of such protocols make, seeded to show that the checks catch it.
    Mutant {
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
        /// Home takes a cache off a coarse list when it evicts, although others hide behind the same
        /// bit.
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

        /// An owner that has served a reader takes itself for a mere sharer, and home does not.
        OwnerTurnsSharer,
        /// The owner writes in O as if it were alone.
        OwnerWritesInPlace,
        /// An owned copy is evicted as if it were a shared one.
        OwnedPutAsShared,
        /// `FwdGetS` finds the owner's upgrade in flight and is not answered.
        FwdGetSIgnoredInOmAd,
        /// `FwdGetS` finds an owned line on its way out and is not answered.
        FwdGetSIgnoredInOiA,
        /// The owner hands over to a writer and does not pass the count of acknowledgements on.
        OwnerDropsAckCount,
        /// The owner hands over to a writer and keeps a shared copy.
        OwnerOutlivesFwdGetM,
        /// The owner's upgrade in flight keeps its data after it was handed over to another writer.
        OmAdOutlivesFwdGetM,
        /// An owner that puts the line back leaves the writer to home.
        FwdGetMIgnoredInOiA,
        /// The owner writes back on a recall and keeps a shared copy.
        OwnerOutlivesFwdInv,
        /// The owner's upgrade in flight keeps its data through a recall.
        OmAdOutlivesFwdInv,
        /// An owner that puts the line back takes its Put for the write-back of a recall.
        FwdInvIgnoredInOiA,
        /// The owner acknowledges the invalidation for a sharer's upgrade and keeps its copy.
        OwnerOutlivesInv,
        /// The owner's upgrade in flight keeps its data through a sharer's upgrade.
        OmAdOutlivesInv,
        /// An owner that puts the line back does not acknowledge the invalidation for a sharer's upgrade.
        InvNotAckedInOiA,
        /// Home serves a reader of an owned line from memory.
        OwnedReadFromMemory,
        /// Home hands an owned line over to a writer without invalidating the sharers.
        OwnedWriteForgetsSharers,
        /// Home lets the owner upgrade without invalidating the sharers.
        OwnerUpgradeForgetsSharers,
        /// Home lets a sharer of an owned line upgrade without invalidating the owner.
        UpgradeForgetsOwner,
        /// Home recalls an owned line from the sharers only.
        OwnedRecallForgetsOwner,
        /// Home recalls an owned line from the owner only.
        OwnedRecallForgetsSharers,
        /// A far atomic on an owned line waits for the owner's data and leaves the sharers' copies.
        OwnedFarForgetsSharers,
        /// A far atomic on an owned line waits for the sharers and not for the owner's data.
        OwnedFarForgetsOwner,
        /// Home takes the line for uncached once the owner has put it back, although sharers have copies.
        PutOForgetsSharers,
        /// Home does not write the data of an owner's Put.
        PutOForgetsData,
        /// Home takes the Put of an owner that has served a reader since for a stale one.
        PutMInOIsStale,
        /// Home takes the line for clean once the owner has served a reader.
        FwdAckOTakenForClean,

        /// An owner that has modified the line serves a reader and says that memory has the data.
        DirtyForwardedAsClean,
        /// The forwarder has lost its copy and does not say so.
        MissNotAnswered,
        /// Home does not serve the reader itself when the forwarder has lost its copy.
        MissNotServed,
        /// The forwarder forgets that it is upgrading.
        ForwardDropsUpgrade,
        /// Home has the line read from a sharer whose copy it takes back for its pointer.
        VictimForwards,
    }
}

impl Mutant {
    /// The options of the protocol that it needs to have a row to show in.
    pub const fn protocol(self) -> Protocol {
        let (at, owned, direct) =
            (self as u8, Self::OwnerTurnsSharer as u8, Self::DirtyForwardedAsClean as u8);
        Protocol { owned: owned <= at && at < direct, direct: direct <= at }
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

    /// Whether it shows only where homes recall shared lines; it is hunted where they do so for want of
    /// room.
    pub const fn needs_recalls(self) -> bool {
        matches!(self, Self::RecallForgetsInvs)
    }

    /// How sharers must be listed for it to show; in any way for most.
    pub const fn listing(self) -> Listing {
        match self {
            Self::UpgradeByCoarseList | Self::CoarseListForgets => Listing::Coarse { region: 2 },
            Self::VictimForwards => Listing::Limited { pointers: 2, overflow: Overflow::Recall },
            _ => Listing::FullMap,
        }
    }
}
