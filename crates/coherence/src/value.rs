//! What a line holds and how it is written: whole lines of bytes for the machine, one small number
//! for model checking.

use core::fmt::Debug;
use core::hash::Hash;

use base::{LineData, Rmw};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The value of a line.
pub trait Value: Copy + Eq + Hash + Debug + Serialize + DeserializeOwned + 'static {
    /// A change to a line's value; also what a far atomic carries to its home.
    type Write: Copy + Eq + Hash + Debug + Serialize + DeserializeOwned + 'static;

    /// The value after `write`.
    #[must_use]
    fn written(&self, write: &Self::Write) -> Self;

    /// A write that leaves this value as it is.
    fn kept(&self) -> Self::Write;
}

/// A change to some bytes of a line.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum LineWrite {
    /// Replaces the bytes that `mask` selects (bit i for byte i).
    Bytes {
        /// Which bytes.
        mask: u64,
        /// What they become; the other bytes are ignored.
        data: LineData,
    },
    /// Reads, changes and writes one word, at once.
    Rmw {
        /// The word's first byte in the line.
        offset: u32,
        /// Bytes: 1, 2, 4 or 8; `offset + size` is at most the line's 64.
        size: u32,
        /// What is done.
        rmw: Rmw,
    },
}

impl Value for LineData {
    type Write = LineWrite;

    #[inline]
    fn written(&self, write: &LineWrite) -> Self {
        match *write {
            LineWrite::Bytes { mask, ref data } => self.merged(mask, data),
            LineWrite::Rmw { offset, size, rmw } => {
                let new = rmw.apply(self.word(offset, size), size);
                let mask = base::addr::byte_mask(offset, size);
                self.merged(mask, &Self::holding(offset, new))
            }
        }
    }

    fn kept(&self) -> LineWrite {
        LineWrite::Bytes { mask: 0, data: *self }
    }
}

/// A change to a line that is a single byte.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum ByteWrite {
    /// Becomes this.
    Set(u8),
    /// Adds one, modulo this number (at least 1), so that a model has few values.
    Increment(u8),
}

impl Value for u8 {
    type Write = ByteWrite;

    fn written(&self, write: &ByteWrite) -> Self {
        match *write {
            ByteWrite::Set(to) => to,
            ByteWrite::Increment(modulus) => self.wrapping_add(1) % modulus.max(1),
        }
    }

    fn kept(&self) -> ByteWrite {
        ByteWrite::Set(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rmw_changes_its_word_and_nothing_else() {
        let line = LineData([u64::MAX; 8]);
        let write = LineWrite::Rmw { offset: 12, size: 4, rmw: Rmw::Add(6) };
        let new = line.written(&write);
        assert_eq!(new.word(12, 4), 5);
        assert_eq!(new.word(8, 4), 0xffff_ffff);
        assert!(new.agrees(!base::addr::byte_mask(12, 4), &line));
    }
}
