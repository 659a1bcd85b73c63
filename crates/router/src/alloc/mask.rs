//! Sets of requesters and resources as words of bits, least index in the lowest bit of word 0.

/// The bits of `mask` that are set, lowest first.
#[inline]
pub fn ones(mask: &[u64]) -> Ones<'_> {
    Ones { word: 0, base: 0, rest: mask, at: 0 }
}

/// The first set bit at or after `from`, else the first of all: a round-robin pick. `None` if no
/// bit is set.
#[inline]
pub fn first_from(mask: &[u64], from: usize) -> Option<usize> {
    let (start, ahead) = (from / 64, u64::MAX << (from % 64));
    if let Some(word) = mask.get(start) {
        if word & ahead != 0 {
            return Some(start * 64 + (word & ahead).trailing_zeros() as usize);
        }
        for (at, word) in mask.iter().enumerate().skip(start + 1) {
            if *word != 0 {
                return Some(at * 64 + word.trailing_zeros() as usize);
            }
        }
    }
    // Whatever is found now lies before `from`.
    let at = mask.iter().position(|word| *word != 0)?;
    Some(at * 64 + mask[at].trailing_zeros() as usize)
}

/// The set bits of a mask, lowest first; from [`ones`].
#[derive(Clone, Debug)]
pub struct Ones<'a> {
    /// What is left of the word at hand, and the index of its first bit.
    word: u64,
    base: usize,
    rest: &'a [u64],
    /// How many words were taken.
    at: usize,
}

impl Iterator for Ones<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.word == 0 {
            self.word = *self.rest.get(self.at)?;
            self.base = self.at * 64;
            self.at += 1;
        }
        let bit = self.word.trailing_zeros() as usize;
        self.word &= self.word - 1;
        Some(self.base + bit)
    }
}

/// Words that hold `bits` bits.
pub(super) const fn words(bits: usize) -> usize {
    bits.div_ceil(64)
}

#[inline]
pub(super) fn set(mask: &mut [u64], bit: usize) {
    mask[bit / 64] |= 1 << (bit % 64);
}

#[inline]
pub(super) fn clear(mask: &mut [u64], bit: usize) {
    mask[bit / 64] &= !(1 << (bit % 64));
}

#[inline]
pub(super) fn contains(mask: &[u64], bit: usize) -> bool {
    mask[bit / 64] >> (bit % 64) & 1 == 1
}

/// Clears the `touched` rows, of `words` words each; what is small is faster cleared whole.
#[inline]
pub(super) fn wipe(rows: &mut [u64], words: usize, touched: &[u64]) {
    const WHOLE_WORDS: usize = 256;
    if rows.len() <= WHOLE_WORDS {
        rows.fill(0);
        return;
    }
    for row in ones(touched) {
        rows[row * words..][..words].fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mask_of(bits: &[usize], count: usize) -> Vec<u64> {
        let mut mask = vec![0; words(count)];
        for bit in bits {
            set(&mut mask, *bit);
        }
        mask
    }

    #[test]
    fn a_pick_beyond_the_last_word_goes_round() {
        let mask = mask_of(&[3, 127], 128);
        assert_eq!(first_from(&mask, 128), Some(3));
        assert_eq!(first_from(&mask, 127), Some(127));
        assert_eq!(first_from(&mask, 4), Some(127));
        assert_eq!(first_from(&[0, 0], 5), None);
        assert_eq!(first_from(&[], 0), None);
    }

    proptest! {
        #[test]
        fn ones_and_picks_are_those_of_a_list(bits in prop::collection::btree_set(0_usize..200, 0..40), from in 0_usize..=200) {
            let bits: Vec<usize> = bits.into_iter().collect();
            let mut mask = mask_of(&bits, 200);
            prop_assert_eq!(ones(&mask).collect::<Vec<_>>(), bits.clone());
            let round = bits.iter().find(|bit| **bit >= from).or(bits.first()).copied();
            prop_assert_eq!(first_from(&mask, from), round);
            if let Some(bit) = round {
                clear(&mut mask, bit);
                prop_assert!(!contains(&mask, bit));
                prop_assert_eq!(ones(&mask).count(), bits.len() - 1);
            }
        }
    }
}
