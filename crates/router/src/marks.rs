//! Marks for the cycles to come: in which of them anything is due, and which comes next.

/// A mark for each cycle to come, less than [so many](Marks::CYCLES) ahead of the present one.
#[derive(Clone, Debug)]
pub struct Marks {
    /// Bit per cycle modulo their number, and bit per word of these that has any.
    words: [u64; 64],
    any: u64,
}

impl Default for Marks {
    fn default() -> Self {
        Self { words: [0; 64], any: 0 }
    }
}

impl Marks {
    /// Cycles that can be told apart: the furthest mark lies less than these ahead of the present cycle.
    pub const CYCLES: usize = 64 * 64;

    /// Where the mark of cycle `at` is, of which the low bits are enough.
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    #[inline]
    const fn place(at: u64) -> (u32, u32) {
        (at as u32 / 64 % 64, at as u32 % 64)
    }

    /// Marks cycle `at`.
    #[inline]
    pub const fn set(&mut self, at: u64) {
        let (word, bit) = Self::place(at);
        self.words[word as usize] |= 1 << bit;
        self.any |= 1 << word;
    }

    /// Takes the mark of cycle `at` away.
    #[inline]
    pub const fn clear(&mut self, at: u64) {
        let (word, bit) = Self::place(at);
        let there = &mut self.words[word as usize];
        *there &= !(1 << bit);
        if *there == 0 {
            self.any &= !(1 << word);
        }
    }

    /// Takes the mark of the present cycle away, which has the first one. Gives the next cycle that has one.
    #[inline]
    pub const fn pop(&mut self, now: u64) -> Option<u64> {
        let (word, bit) = Self::place(now);
        let there = &mut self.words[word as usize];
        *there &= !(1 << bit);
        let here = *there >> bit;
        if here != 0 {
            return Some(now + here.trailing_zeros() as u64);
        }
        if *there == 0 {
            self.any &= !(1 << word);
        }
        match self.next(now) {
            Some(ahead) => Some(now + ahead),
            None => None,
        }
    }

    /// How many cycles from `from` on, which is at most the one behind the present one, have no mark until one has.
    #[inline]
    pub const fn next(&self, from: u64) -> Option<u64> {
        let (word, bit) = Self::place(from);
        let here = self.words[word as usize] >> bit;
        if here != 0 {
            return Some(here.trailing_zeros() as u64);
        }
        if self.any == 0 {
            return None;
        }
        let skipped = self.any.rotate_right(word + 1).trailing_zeros();
        let there = self.words[((word + 1 + skipped) % 64) as usize];
        Some((64 - bit + 64 * skipped + there.trailing_zeros()) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_mark_is_the_first_from_any_cycle_on() {
        for first in [0, 1, 63, 64, 4095, 4096, 70_000, u64::from(u32::MAX) - 70] {
            let mut marks = Marks::default();
            let cycles = [0, 1, 5, 63, 64, 65, 200, 2000, 4030, 4095].map(|n| first + n);
            for at in cycles {
                marks.set(at);
            }
            for n in 0..4095 {
                let from = first + n;
                let next = cycles.iter().find(|at| **at >= from);
                assert_eq!(marks.next(from).map(|ahead| from + ahead), next.copied(), "{from}");
                if next == Some(&from) {
                    let next = cycles.iter().find(|at| **at > from);
                    assert_eq!(marks.clone().pop(from), next.copied(), "{from}");
                }
                marks.clear(from);
            }
            marks.clear(first + 4095);
            assert_eq!(marks.next(first + 4096), None);
        }
    }
}
