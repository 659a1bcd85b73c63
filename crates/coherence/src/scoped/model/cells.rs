//! Lines of two words: enough for two caches to write to one line and to lose nothing.

use base::{LineData, Rmw};

use crate::scoped::Parts;
use crate::value::{LineWrite, Value};

/// What the model's operations can be done to: [`Cells`] in the search, the machine's own lines in a
/// replay. Parts 0 and 1 are the two words.
pub trait ModelLine: Parts {
    /// The bits of a part.
    fn bits(part: u8) -> u64;

    /// A store of a byte to a part.
    fn store(part: u8, value: u8) -> Self::Write;

    /// An atomic that swaps a byte into a part.
    fn swap(part: u8, value: u8) -> Self::Write;

    /// What a store or a swap writes, and to which part.
    fn written_by(write: &Self::Write) -> (u8, u8);

    /// What a part holds.
    fn part(&self, part: u8) -> u8;
}

/// A line of the search: a byte a word.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Cells(pub [u8; 2]);

/// What an access does to a line.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum CellWrite {
    /// This half becomes this.
    Set(u8, u8),
    /// Nothing changes.
    Keep,
}

impl Value for Cells {
    type Write = CellWrite;

    fn written(&self, write: &CellWrite) -> Self {
        let mut cells = self.0;
        if let CellWrite::Set(part, value) = *write {
            cells[usize::from(part & 1)] = value;
        }
        Self(cells)
    }

    fn kept(&self) -> CellWrite {
        CellWrite::Keep
    }
}

impl Parts for Cells {
    const ALL: u64 = 3;

    fn with(&self, mask: u64, from: &Self) -> Self {
        let pick = |part: usize| if mask >> part & 1 == 1 { from.0[part] } else { self.0[part] };
        Self([pick(0), pick(1)])
    }

    fn of(write: &CellWrite) -> u64 {
        match write {
            CellWrite::Set(part, _) => 1 << (part & 1),
            CellWrite::Keep => 0,
        }
    }

    fn same(&self, mask: u64, as_in: &Self) -> u64 {
        let same = |part: usize| u64::from(self.0[part] == as_in.0[part]) << part;
        mask & (same(0) | same(1))
    }
}

impl ModelLine for Cells {
    fn bits(part: u8) -> u64 {
        1 << (part & 1)
    }

    fn store(part: u8, value: u8) -> CellWrite {
        CellWrite::Set(part, value)
    }

    fn swap(part: u8, value: u8) -> CellWrite {
        CellWrite::Set(part, value)
    }

    fn written_by(write: &CellWrite) -> (u8, u8) {
        match *write {
            CellWrite::Set(part, value) => (part, value),
            CellWrite::Keep => (0, 0),
        }
    }

    fn part(&self, part: u8) -> u8 {
        self.0[usize::from(part & 1)]
    }
}

/// Bytes of a word of the machine's lines.
const WORD: u32 = 8;

/// The first word, or the second.
const fn offset(part: u8) -> u32 {
    WORD * (part & 1) as u32
}

impl ModelLine for LineData {
    fn bits(part: u8) -> u64 {
        base::addr::byte_mask(offset(part), WORD)
    }

    fn store(part: u8, value: u8) -> LineWrite {
        let data = Self::holding(offset(part), u64::from(value));
        LineWrite::Bytes { mask: <Self as ModelLine>::bits(part), data }
    }

    fn swap(part: u8, value: u8) -> LineWrite {
        let rmw = Rmw::Swap(u64::from(value));
        LineWrite::Rmw { offset: offset(part), size: WORD, rmw }
    }

    fn written_by(write: &LineWrite) -> (u8, u8) {
        let second = u8::from(Self::of(write) & <Self as ModelLine>::bits(0) == 0);
        (second, ModelLine::part(&Self::default().written(write), second))
    }

    fn part(&self, part: u8) -> u8 {
        self.word(offset(part), 1).to_le_bytes()[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both<V: ModelLine>() {
        for part in [0, 1] {
            for write in [V::store(part, 7), V::swap(part, 7)] {
                assert_eq!((V::of(&write), V::written_by(&write)), (V::bits(part), (part, 7)));
                let line = V::default().written(&write);
                assert_eq!((line.part(part), line.part(1 - part)), (7, 0));
            }
        }
        assert_eq!(V::bits(0) & V::bits(1), 0);
    }

    #[test]
    fn the_words_of_either_kind_of_line_are_apart() {
        both::<Cells>();
        both::<LineData>();
    }
}
