//! A hash over what a value shows of itself.

use core::fmt::{self, Debug, Write};

use base::rng::mix;

/// The bytes of a text, eight at a time, in two lanes.
struct Hash {
    lanes: [u64; 2],
    word: u64,
    bytes: u32,
    length: u64,
}

impl Hash {
    fn push(&mut self) {
        let [a, b] = self.lanes;
        let a = mix(a ^ self.word);
        self.lanes = [a, mix(b.wrapping_add(self.word) ^ a.rotate_left(32))];
        (self.word, self.bytes) = (0, 0);
    }
}

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.length += text.len() as u64;
        for byte in text.bytes() {
            self.word = self.word << 8 | u64::from(byte);
            self.bytes += 1;
            if self.bytes == 8 {
                self.push();
            }
        }
        Ok(())
    }
}

/// A hash over all that `value` shows.
pub(crate) fn fingerprint(value: &impl Debug) -> u128 {
    let lanes = [0x452b_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c];
    let mut hash = Hash { lanes, word: 0, bytes: 0, length: 0 };
    // A hash takes anything.
    let _ = write!(hash, "{value:?}");
    hash.push();
    hash.word = hash.length;
    hash.push();
    u128::from(hash.lanes[0]) << 64 | u128::from(hash.lanes[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_counts() {
        let all = ["", "a", "b", "ab", "ba", "abcdefgh", "abcdefgha", "abcdefgi", "\0", "\0\0"];
        let prints: std::collections::BTreeSet<u128> = all.iter().map(fingerprint).collect();
        assert_eq!(prints.len(), all.len());
        assert_eq!(fingerprint(&(1, "x")), fingerprint(&(1, "x")));
    }
}
