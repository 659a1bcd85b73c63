//! The states of a line in a cache and at its home, and what a step of either yields.
//!
//! Transient states say from, to and what they await: `ImAd` goes from I to M and waits for
//! acknowledgements and data. Blocked directory states (`B...`) say what they are busy with.

use base::NodeIdx;
use smallvec::SmallVec;

use crate::message::Message;
use crate::sharers::Sharers;
use crate::value::Value;

/// State of a line in a cache.
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
#[repr(u8)]
pub enum CacheState {
    /// Not here.
    #[default]
    I,
    /// A clean copy; others may have one.
    S,
    /// The only copy, clean.
    E,
    /// The only copy, newer than memory.
    M,
    /// Newer than memory, and others have copies; answers for memory. Only with
    /// [`Protocol::owned`](crate::Protocol::owned).
    O,
    /// Reader, waits for data.
    IsD,
    /// Writer, waits for data and acknowledgements.
    ImAd,
    /// Writer, has data and the count, waits for acknowledgements.
    ImA,
    /// Upgrader, waits for the count and acknowledgements; its shared copy still holds.
    SmAd,
    /// The owner as upgrader, waits for the count and acknowledgements; it still answers for memory.
    OmAd,
    /// Gave up a modified copy, waits for `PutAck`.
    MiA,
    /// Gave up a clean exclusive copy, waits for `PutAck`.
    EiA,
    /// Gave up a shared copy, waits for `PutAck`.
    SiA,
    /// Gave up an owned copy, waits for `PutAck`; until then it still answers for memory.
    OiA,
    /// Gave up a copy that was snooped away since, waits for `PutAck`.
    IiA,
    /// Waits for a far atomic's response.
    IaD,
}

impl CacheState {
    /// Every state.
    pub const ALL: [Self; 16] = [
        Self::I,
        Self::S,
        Self::E,
        Self::M,
        Self::O,
        Self::IsD,
        Self::ImAd,
        Self::ImA,
        Self::SmAd,
        Self::OmAd,
        Self::MiA,
        Self::EiA,
        Self::SiA,
        Self::OiA,
        Self::IiA,
        Self::IaD,
    ];

    /// Whether no transaction of this cache is under way.
    #[inline]
    pub const fn is_stable(self) -> bool {
        matches!(self, Self::I | Self::S | Self::E | Self::M | Self::O)
    }

    /// Whether loads hit.
    #[inline]
    pub const fn is_readable(self) -> bool {
        matches!(self, Self::S | Self::E | Self::M | Self::O)
    }

    /// Whether stores hit.
    #[inline]
    pub const fn is_writable(self) -> bool {
        matches!(self, Self::E | Self::M)
    }

    /// Whether the cache owns the line: it may write it, or answers for memory. At most one cache does.
    #[inline]
    pub const fn is_owner(self) -> bool {
        matches!(self, Self::E | Self::M | Self::O | Self::OmAd)
    }

    /// Whether a home that knows each copy may invalidate this cache: it has a shared or an owned copy,
    /// upgrades it, or puts it back and home may not know yet.
    #[inline]
    pub const fn may_be_sharer(self) -> bool {
        use CacheState::{IiA, O, OiA, OmAd, S, SiA, SmAd};
        matches!(self, S | O | SmAd | OmAd | SiA | OiA | IiA)
    }

    /// Whether a Put is under way.
    #[inline]
    pub const fn is_leaving(self) -> bool {
        matches!(self, Self::MiA | Self::EiA | Self::SiA | Self::OiA | Self::IiA)
    }

    /// Whether the line's value is kept.
    #[inline]
    pub const fn holds_value(self) -> bool {
        use CacheState::{E, EiA, ImA, M, MiA, O, OiA, OmAd, S, SmAd};
        matches!(self, S | E | M | O | ImA | SmAd | OmAd | MiA | EiA | OiA)
    }
}

/// State of a line at its home.
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
#[repr(u8)]
pub enum DirState {
    /// No cache has it.
    #[default]
    I,
    /// The caches on the list may have it, clean.
    S,
    /// One cache owns it, exclusive or modified.
    EM,
    /// One cache owns it, modified, and the caches on the list may have it. Only with
    /// [`Protocol::owned`](crate::Protocol::owned).
    O,
    /// A reader is served.
    BGetS,
    /// A writer is served; nothing had to be invalidated, or the owner hands over.
    BGetM,
    /// A writer is served and gathers acknowledgements.
    BGetMInv,
    /// Every copy is being taken back.
    BRecall,
    /// A far atomic: copies are taken back, then it is performed.
    BAtomic,
}

impl DirState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::I,
        Self::S,
        Self::EM,
        Self::O,
        Self::BGetS,
        Self::BGetM,
        Self::BGetMInv,
        Self::BRecall,
        Self::BAtomic,
    ];

    /// Whether home takes requests for the line.
    #[inline]
    pub const fn is_stable(self) -> bool {
        matches!(self, Self::I | Self::S | Self::EM | Self::O)
    }
}

/// A line in a cache, transaction included.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
pub struct CacheLine<V: Value> {
    /// Its state.
    pub state: CacheState,
    /// Its home.
    pub home: NodeIdx,
    /// Acknowledgements still to come; below zero while those that overtook the count are more.
    pub acks: i32,
    /// Its value, in the states that hold one.
    pub value: Option<V>,
    /// What a writer or a far atomic will do when it completes.
    pub write: Option<V::Write>,
}

impl<V: Value> CacheLine<V> {
    /// A line that is not in the cache.
    #[inline]
    pub const fn invalid(home: NodeIdx) -> Self {
        Self::stable(CacheState::I, home, None)
    }

    /// A line in a stable state.
    #[inline]
    pub const fn stable(state: CacheState, home: NodeIdx, value: Option<V>) -> Self {
        Self { state, home, acks: 0, value, write: None }
    }
}

/// A line at its home, transaction and memory included.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
pub struct DirLine<V: Value> {
    /// Its state.
    pub state: DirState,
    /// Whether the answer of the cache being snooped is awaited: a write-back or, with the protocol's
    /// options, an acknowledgement in its place.
    pub awaits_wb: bool,
    /// Whether the requester's `CompAck` is awaited.
    pub awaits_comp: bool,
    /// The owner in `EM` and `O`, and with direct transfer in `S` the last reader, which forwards; in
    /// blocked states the one being snooped, or the owner to be.
    pub owner: Option<NodeIdx>,
    /// Whose transaction blocks the line; none in stable states and recalls.
    pub requester: Option<NodeIdx>,
    /// The sharers in `S`, `O` and `BGetS`, the owner not among them unless the list names too many; in `BGetMInv` those being invalidated, in `BRecall` and
    /// `BAtomic` those whose acknowledgement is still to come.
    pub sharers: Sharers,
    /// Whether that list may name caches that have no copy and cannot be told from those that have.
    pub coarse: bool,
    /// The sharer whose copy was taken back for its place on the list, until it acknowledges.
    pub victim: Option<NodeIdx>,
    /// What memory holds.
    pub memory: V,
    /// The far atomic that is not performed yet.
    pub write: Option<V::Write>,
}

impl<V: Value> DirLine<V> {
    /// A line that no cache has.
    pub fn untouched(memory: V) -> Self {
        Self {
            state: DirState::I,
            awaits_wb: false,
            awaits_comp: false,
            owner: None,
            requester: None,
            sharers: Sharers::default(),
            coarse: false,
            victim: None,
            memory,
            write: None,
        }
    }
}

/// What an access did: all that checkers see of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Effect<V> {
    /// No access was performed.
    None,
    /// The line was read.
    Load(V),
    /// The line was changed; `old` is what an atomic returns.
    Store {
        /// Before.
        old: V,
        /// After.
        new: V,
    },
}

/// The messages of a step. Two are enough: an invalidation of many sharers is one message to
/// [`EACH_SHARER`](crate::EACH_SHARER).
pub type Sends<V> = SmallVec<[Message<V>; 2]>;

/// What a table says about a line and an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step<L, V: Value> {
    /// The line becomes this, these messages are sent, this access was performed.
    Next(L, Sends<V>, Effect<V>),
    /// The event must wait until the line has moved on.
    Stall,
    /// The event cannot happen here: the protocol is broken.
    Illegal,
}
