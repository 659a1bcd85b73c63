//! Addresses of the shared pool, the lines that coherence works on, and the bytes of a line.

use core::fmt;

/// Bytes of a coherence line.
pub const LINE_BYTES: u64 = 64;

/// A byte address of the shared pool.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Addr(pub u64);

/// A line of the shared pool: the byte address divided by [`LINE_BYTES`].
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Line(pub u64);

impl Addr {
    /// The line that holds this byte.
    #[inline]
    pub const fn line(self) -> Line {
        Line(self.0 / LINE_BYTES)
    }

    /// This byte's place in its line, below [`LINE_BYTES`].
    #[inline]
    pub const fn offset(self) -> u32 {
        (self.0 % LINE_BYTES) as u32
    }
}

impl Line {
    /// The address of the line's first byte.
    #[inline]
    pub const fn addr(self) -> Addr {
        Addr(self.0.wrapping_mul(LINE_BYTES))
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.addr())
    }
}
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The bytes of one line, as eight little-endian words.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct LineData(pub [u64; 8]);

/// The mask with one bit for each of `size` bytes from `offset` on.
///
/// `offset + size` must be at most [`LINE_BYTES`].
#[inline]
pub const fn byte_mask(offset: u32, size: u32) -> u64 {
    debug_assert!(offset + size <= 64);
    if size == 0 { 0 } else { (u64::MAX >> (64 - size)) << offset }
}

/// Spreads the eight low bits of `bits` to the eight bytes of a word.
#[inline]
const fn spread(bits: u64) -> u64 {
    let ones = (bits & 0xff).wrapping_mul(0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
    // Each byte now holds its own bit or nothing: turn "not zero" into all ones.
    let low = (ones | ones.wrapping_add(0x7f7f_7f7f_7f7f_7f7f)) & 0x8080_8080_8080_8080;
    (low >> 7).wrapping_mul(0xff)
}

impl LineData {
    /// This line with the bytes selected by `mask` (bit i for byte i) taken from `from`.
    #[inline]
    #[must_use]
    pub fn merged(mut self, mask: u64, from: &Self) -> Self {
        for (w, (to, new)) in self.0.iter_mut().zip(&from.0).enumerate() {
            let bits = (mask >> (8 * w)) & 0xff;
            if bits != 0 {
                let keep = spread(bits);
                *to = (*to & !keep) | (new & keep);
            }
        }
        self
    }

    /// Whether the bytes selected by `mask` are the same in both lines.
    #[inline]
    pub fn agrees(&self, mask: u64, with: &Self) -> bool {
        (0..8).all(|w| (self.0[w] ^ with.0[w]) & spread((mask >> (8 * w)) & 0xff) == 0)
    }

    /// The `size` bytes (1, 2, 4 or 8) at `offset` as an integer. They may not cross the line's end
    /// but may be unaligned.
    #[inline]
    pub fn word(&self, offset: u32, size: u32) -> u64 {
        let (w, b) = ((offset / 8) as usize, 8 * (offset % 8));
        let high = if b == 0 || w == 7 { 0 } else { self.0[w + 1] << (64 - b) };
        let all = (self.0[w] >> b) | high;
        if size >= 8 { all } else { all & ((1 << (8 * size)) - 1) }
    }

    /// A line that holds `value` at `offset`, zero elsewhere: the source of a [`merged`](Self::merged).
    #[inline]
    pub fn holding(offset: u32, value: u64) -> Self {
        let (w, b) = ((offset / 8) as usize, 8 * (offset % 8));
        let mut line = Self::default();
        line.0[w] = value << b;
        if b != 0 && w < 7 {
            line.0[w + 1] = value >> (64 - b);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(d: LineData) -> [u8; 64] {
        let mut out = [0; 64];
        for (w, v) in d.0.iter().enumerate() {
            out[8 * w..8 * w + 8].copy_from_slice(&v.to_le_bytes());
        }
        out
    }

    #[test]
    fn spread_of_every_byte_is_bitwise() {
        for bits in 0..256_u64 {
            let expect = (0..8).map(|i| if bits >> i & 1 == 1 { 0xff << (8 * i) } else { 0 }).sum();
            assert_eq!(spread(bits), expect, "bits {bits:#x}");
        }
    }

    #[test]
    fn merge_takes_exactly_the_masked_bytes() {
        let old = LineData([u64::MAX; 8]);
        let mask = byte_mask(5, 13);
        let new = bytes(old.merged(mask, &LineData::default()));
        for (i, b) in new.iter().enumerate() {
            assert_eq!(*b == 0, (5..18).contains(&i), "byte {i}");
        }
    }

    #[test]
    fn a_word_held_at_any_place_is_read_back() {
        for size in [1, 2, 4, 8] {
            for offset in 0..=64 - size {
                let value = 0x0123_4567_89ab_cdef_u64 & (u64::MAX >> (64 - 8 * size));
                let held = LineData::holding(offset, value);
                assert_eq!(held.word(offset, size), value, "{size} bytes at {offset}");
                assert!(held.agrees(byte_mask(offset, size), &held));
            }
        }
    }

    #[test]
    fn masks_cover_from_nothing_to_the_line() {
        assert_eq!(byte_mask(0, 64), u64::MAX);
        assert_eq!(byte_mask(63, 1), 1 << 63);
        assert_eq!(byte_mask(9, 0), 0);
    }
}
