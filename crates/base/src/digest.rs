//! The run digest: a hash over what was delivered when, that does not depend on the order in which
//! it was told.
//!
//! Each event is hashed on its own and the hashes are added, 128 bits wide, so partitions and
//! shuffled step orders give the same sum, while any event that is missing, doubled, moved in time
//! or changed gives another.

use core::fmt;

use crate::rng::mix;

/// A multiset hash of events.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Digest {
    sum: u128,
    events: u64,
}

impl Digest {
    /// Takes in one event: any words that identify it, its time among them.
    #[inline]
    pub fn add(&mut self, words: &[u64]) {
        let (mut a, mut b) = (0x243f_6a88_85a3_08d3_u64, 0x1319_8a2e_0370_7344_u64);
        for &w in words {
            a = mix(a ^ w);
            b = mix(b.wrapping_add(w) ^ a.rotate_left(32));
        }
        self.sum = self.sum.wrapping_add((u128::from(a) << 64) | u128::from(b));
        self.events += 1;
    }

    /// Takes in all events of another digest.
    pub fn merge(&mut self, other: &Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.events += other.events;
    }

    /// The sum of the events' hashes.
    pub const fn sum(&self) -> u128 {
        self.sum
    }

    /// How many events were taken in.
    pub const fn events(&self) -> u64 {
        self.events
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = *self;
        last.add(&[self.events]);
        write!(f, "{:032x}", last.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(events: &[&[u64]]) -> String {
        let mut d = Digest::default();
        for e in events {
            d.add(e);
        }
        d.to_string()
    }

    #[test]
    fn order_of_telling_is_free_but_content_is_not() {
        assert_eq!(of(&[&[1, 2], &[3, 4]]), of(&[&[3, 4], &[1, 2]]));
        assert_ne!(of(&[&[1, 2], &[3, 4]]), of(&[&[1, 4], &[3, 2]]));
        assert_ne!(of(&[&[1, 2]]), of(&[&[1, 2], &[1, 2]]));
        assert_ne!(of(&[]), of(&[&[]]));
    }
}
