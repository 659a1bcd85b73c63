//! The worlds seen: sets of fingerprints, one a shard, each in an array with open addressing.
//!
//! 64 bits a world. With `n` worlds the chance that two share a fingerprint, so that one is left out,
//! is about `n^2 / 2^65`: less than one in ten million for two million worlds.

/// Shards: a power of two, so that results do not depend on how many threads share them.
pub(crate) const SHARDS: usize = 8;

/// Which shard a fingerprint belongs to.
#[inline]
pub(crate) fn shard_of(fingerprint: u64) -> usize {
    (fingerprint >> 61) as usize
}

/// One shard's fingerprints, with what is told of each world by its number in the shard.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    /// Fingerprints; 0 is empty.
    slots: Vec<u64>,
    /// `[slot]`: the world's number; kept only if numbers are to be looked up.
    numbers: Option<Vec<u32>>,
    /// `[number]`: the world that it was reached from, and by which move.
    pub(crate) parents: Vec<(u32, u16)>,
}

impl Shard {
    pub(crate) fn new(numbered: bool) -> Self {
        let slots = vec![0; 1 << 10];
        let numbers = numbered.then(|| vec![0; slots.len()]);
        Self { slots, numbers, parents: Vec::new() }
    }

    /// Whether `fingerprint` was seen.
    #[inline]
    pub(crate) fn has(&self, fingerprint: u64) -> bool {
        self.slots[self.place(fingerprint)] != 0
    }

    /// Takes in a world; its number in the shard if it is new.
    #[inline]
    pub(crate) fn insert(&mut self, fingerprint: u64, parent: (u32, u16)) -> Option<u32> {
        let mut at = self.place(fingerprint);
        if self.slots[at] != 0 {
            return None;
        }
        if self.parents.len() * 8 >= self.slots.len() * 5 {
            self.grow();
            at = self.place(fingerprint);
        }
        let number = u32::try_from(self.parents.len()).expect("fewer than 2^32 worlds in a shard");
        self.slots[at] = fingerprint;
        if let Some(numbers) = &mut self.numbers {
            numbers[at] = number;
        }
        self.parents.push(parent);
        Some(number)
    }

    /// The number of the world with this fingerprint.
    pub(crate) fn number(&self, fingerprint: u64) -> Option<u32> {
        let at = self.place(fingerprint);
        self.numbers.as_ref().filter(|_| self.slots[at] != 0).map(|n| n[at])
    }

    /// Bytes taken up.
    pub(crate) fn bytes(&self) -> usize {
        let numbers = self.numbers.as_ref().map_or(0, Vec::capacity);
        self.slots.capacity() * 8 + numbers * 4 + self.parents.capacity() * 8
    }

    #[inline]
    fn place(&self, fingerprint: u64) -> usize {
        let mask = self.slots.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "masked to the table's size")]
        let mut at = fingerprint as usize & mask;
        while self.slots[at] != fingerprint && self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        at
    }

    #[cold]
    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        let old = core::mem::replace(&mut self.slots, vec![0; size]);
        let old_numbers = self.numbers.as_mut().map(|n| core::mem::replace(n, vec![0; size]));
        for (slot, fingerprint) in old.into_iter().enumerate().filter(|(_, f)| *f != 0) {
            let at = self.place(fingerprint);
            self.slots[at] = fingerprint;
            if let (Some(to), Some(from)) = (&mut self.numbers, &old_numbers) {
                to[at] = from[slot];
            }
        }
    }
}

/// A world's number among all: its number in the shard and the shard.
#[inline]
pub(crate) fn id(number: u32, shard: usize) -> u32 {
    // Shards are 8, so their numbers fit three bits.
    number << 3 | u32::try_from(shard & 7).unwrap_or(0)
}

/// The shard of a world's number, and its number there.
#[inline]
pub(crate) const fn split(id: u32) -> (usize, usize) {
    ((id & 7) as usize, (id >> 3) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::rng::mix;

    #[test]
    fn what_was_inserted_is_there_once_and_keeps_its_number() {
        let mut shard = Shard::new(true);
        for n in 0..5000_u32 {
            assert_eq!(shard.insert(mix(u64::from(n)), (n, 1)), Some(n));
        }
        for n in 0..5000_u32 {
            let fingerprint = mix(u64::from(n));
            assert!(shard.has(fingerprint));
            assert_eq!(shard.insert(fingerprint, (0, 0)), None);
            assert_eq!(shard.number(fingerprint), Some(n));
            assert_eq!(shard.parents[n as usize], (n, 1));
        }
        assert!(!shard.has(mix(5000)));
        assert_eq!(split(id(77, 5)), (5, 77));
    }
}
