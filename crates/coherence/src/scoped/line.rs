//! A line in a scoped cache or slice, and what its parts are.

use base::LineData;

use crate::value::{LineWrite, Value};

/// A value that is written in parts, each by itself: the bytes of a line.
pub trait Parts: Value + Default {
    /// A bit for each part.
    const ALL: u64;

    /// The value with the parts of `mask` taken from `from`.
    #[must_use]
    fn with(&self, mask: u64, from: &Self) -> Self;

    /// The parts that `write` changes; for an atomic, those that it reads too.
    fn of(write: &Self::Write) -> u64;

    /// The parts of `mask` in which both are the same.
    fn same(&self, mask: u64, as_in: &Self) -> u64;
}

impl Parts for LineData {
    const ALL: u64 = u64::MAX;

    #[inline]
    fn with(&self, mask: u64, from: &Self) -> Self {
        self.merged(mask, from)
    }

    #[inline]
    fn of(write: &LineWrite) -> u64 {
        match *write {
            LineWrite::Bytes { mask, .. } => mask,
            LineWrite::Rmw { offset, size, .. } => base::addr::byte_mask(offset, size),
        }
    }

    fn same(&self, mask: u64, as_in: &Self) -> u64 {
        if self.agrees(mask, as_in) {
            return mask;
        }
        let bytes = (0..64).filter(|b| mask >> b & 1 == 1);
        bytes.fold(0, |same, b| same | u64::from(self.agrees(1 << b, as_in)) << b)
    }
}

/// State of a line in a scoped cache or slice. Two letters name a request under way: `Iv` goes from I
/// to V; an `i` behind it says that an acquire came since.
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
pub enum ScopedState {
    /// Not here.
    #[default]
    I,
    /// Valid, nothing of it dirty.
    V,
    /// Some of it dirty.
    D,
    /// Waits for its value, which it will keep.
    Iv,
    /// Waits for its value; an acquire came since it asked, so that only who asked before may see it.
    Ii,
    /// Waits for the acknowledgement of a write-through, whose parts are read here meanwhile.
    W,
    /// The same, but an acquire or an eviction came since: only what is dirty may be read.
    Wi,
    /// Waits for the answer to an atomic or an acquire that is performed further up.
    A,
}

impl ScopedState {
    /// Every state.
    pub const ALL: [Self; 8] =
        [Self::I, Self::V, Self::D, Self::Iv, Self::Ii, Self::W, Self::Wi, Self::A];

    /// Whether no request of this line is under way.
    #[inline]
    pub const fn is_stable(self) -> bool {
        matches!(self, Self::I | Self::V | Self::D)
    }

    /// Whether a write-through is under way.
    #[inline]
    pub const fn writes(self) -> bool {
        matches!(self, Self::W | Self::Wi)
    }
}

/// A line in a scoped cache or slice.
///
/// Invariant: `dirty` is a part of `valid`, and what is in neither `valid` nor under way is nothing.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(bound = "")]
pub struct ScopedLine<V: Parts> {
    /// Its state.
    pub state: ScopedState,
    /// The parts that may be read here.
    pub valid: u64,
    /// The parts that were written here and not written through.
    pub dirty: u64,
    /// The parts that are being written through and may be read here meanwhile.
    pub flight: u64,
    /// Its value, where it is valid.
    pub value: V,
}

impl<V: Parts> ScopedLine<V> {
    /// Whether it takes up a place in the cache.
    #[inline]
    pub const fn takes_place(&self) -> bool {
        self.valid != 0 || matches!(self.state, ScopedState::Iv | ScopedState::Ii)
    }
}
