//! The digest of a sweep: a hash over who delivered what when, whatever the order of telling.
//!
//! As [`base::Digest`], each packet is hashed on its own and the hashes are added, 128 bits wide; but
//! a packet is four words and costs two multiplications, because there is one every few hops.

use core::fmt;

use base::{Digest, NodeIdx};

use crate::cycle::Passage;

/// What is mixed in, so that no word is likely to be 0 (digits of pi).
const KEYS: [u64; 4] =
    [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];

/// A multiset hash of deliveries.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Fingerprint {
    sum: u128,
    packets: u64,
}

impl Fingerprint {
    /// Takes in a packet whose last flit arrived at `now`.
    #[inline]
    pub(super) fn add(&mut self, passage: &Passage, now: u64) {
        let Passage { src: NodeIdx(src), dst: NodeIdx(dst), class, hops, flits, created, .. } =
            *passage;
        let ends = u64::from(dst) << 32 | u64::from(src);
        let kind = u64::from(class) << 48 | u64::from(hops) << 32 | u64::from(flits);
        let (low, high) = product(ends ^ KEYS[0], created ^ KEYS[1]);
        let (low, high) = product(low ^ kind ^ KEYS[2], high ^ now ^ KEYS[3]);
        self.sum = self.sum.wrapping_add(u128::from(high) << 64 | u128::from(low));
        self.packets += 1;
    }
}

/// The low and the high half of a product.
#[expect(clippy::cast_possible_truncation, reason = "the halves")]
#[inline]
const fn product(a: u64, b: u64) -> (u64, u64) {
    let wide = a as u128 * b as u128;
    (wide as u64, (wide >> 64) as u64)
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_possible_truncation, reason = "the halves")]
        let (low, high) = (self.sum as u64, (self.sum >> 64) as u64);
        let mut last = Digest::default();
        last.add(&[low, high, self.packets]);
        last.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use base::PacketIdx;

    use super::*;

    fn of(packets: &[(Passage, u64)]) -> String {
        let mut all = Fingerprint::default();
        for (passage, now) in packets {
            all.add(passage, *now);
        }
        all.to_string()
    }

    #[test]
    fn order_of_telling_is_free_and_every_word_counts() {
        let passage = Passage {
            packet: PacketIdx(3),
            src: NodeIdx(1),
            dst: NodeIdx(2),
            class: 0,
            flits: 1,
            created: 100,
            injected: 101,
            tag: 0,
            hops: 4,
        };
        let other = Passage { src: NodeIdx(9), ..passage };
        let one = of(&[(passage, 130), (other, 131)]);
        assert_eq!(one, of(&[(other, 131), (passage, 130)]));
        for changed in [
            Passage { src: NodeIdx(5), ..passage },
            Passage { dst: NodeIdx(5), ..passage },
            Passage { class: 1, ..passage },
            Passage { flits: 2, ..passage },
            Passage { created: 99, ..passage },
            Passage { hops: 5, ..passage },
        ] {
            assert_ne!(one, of(&[(changed, 130), (other, 131)]), "{changed:?}");
        }
        assert_ne!(one, of(&[(passage, 131), (other, 130)]));
        assert_ne!(one, of(&[(passage, 130)]));
        assert_ne!(one, of(&[(passage, 130), (other, 131), (other, 131)]));
        // Neither the packet's number in flight nor its tag is what was delivered.
        let same = Passage { packet: PacketIdx(8), tag: 8, ..passage };
        assert_eq!(one, of(&[(same, 130), (other, 131)]));
    }
}
