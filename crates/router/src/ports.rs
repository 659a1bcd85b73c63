//! Sets of ports as bit masks.

/// The most ports that a router or an interface may have.
pub const MAX_PORTS: usize = 256;

const WORDS: usize = MAX_PORTS / 64;

/// A set of ports of one router, walked by trailing zeros.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct PortSet([u64; WORDS]);

impl PortSet {
    /// No port.
    pub const EMPTY: Self = Self([0; WORDS]);

    /// Adds a port.
    #[inline]
    pub fn insert(&mut self, port: usize) {
        self.0[port / 64] |= 1 << (port % 64);
    }

    /// Takes a port out.
    #[inline]
    pub fn remove(&mut self, port: usize) {
        self.0[port / 64] &= !(1 << (port % 64));
    }

    /// Whether a port is in.
    #[inline]
    pub const fn contains(&self, port: usize) -> bool {
        self.0[port / 64] >> (port % 64) & 1 == 1
    }

    /// Whether no port is in.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|w| *w == 0)
    }

    /// Whether one port is in and no other, and it is one of the first 64. It may say no where another one is.
    #[inline]
    pub const fn is_lone(&self) -> bool {
        self.lone().is_some()
    }

    /// The port that is [alone](Self::is_lone) in the set.
    #[inline]
    pub const fn lone(&self) -> Option<usize> {
        let [word, rest @ ..] = self.0;
        let lone = word.is_power_of_two() && rest[0] | rest[1] | rest[2] == 0;
        if lone { Some(word.trailing_zeros() as usize) } else { None }
    }

    /// The ports that are in this set and not in `other`.
    #[inline]
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(core::array::from_fn(|w| self.0[w] & !other.0[w]))
    }

    /// The ports, lowest first.
    #[inline]
    pub fn iter(&self) -> Ports<'_> {
        let [word, rest @ ..] = &self.0;
        let word = *word;
        let ahead = rest.iter().fold(0, |any, w| any | w);
        Ports { word, base: 0, ahead, rest }
    }
}

/// The ports of a set, lowest first.
#[derive(Clone, Debug)]
pub struct Ports<'a> {
    /// What is left of the word at hand, and the port of its first bit.
    word: u64,
    base: usize,
    /// Not 0 while there is something in the words to come: most routers have one word of ports.
    ahead: u64,
    rest: &'a [u64],
}

impl Iterator for Ports<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.word == 0 {
            if self.ahead == 0 {
                return None;
            }
            self.advance();
        }
        let bit = self.word.trailing_zeros() as usize;
        self.word &= self.word - 1;
        Some(self.base + bit)
    }
}

impl Ports<'_> {
    /// Goes on to the next word.
    #[cold]
    fn advance(&mut self) {
        let [next, rest @ ..] = self.rest else { return };
        (self.word, self.base, self.rest) = (*next, self.base + 64, rest);
        self.ahead = rest.iter().fold(0, |any, w| any | w);
    }
}

impl<'a> IntoIterator for &'a PortSet {
    type Item = usize;
    type IntoIter = Ports<'a>;

    #[inline]
    fn into_iter(self) -> Ports<'a> {
        self.iter()
    }
}

/// The first bit of `mask` at or after `from`, at most 64, going round: a round-robin pick. `mask` is
/// not 0.
#[inline]
pub(crate) fn pick(mask: u64, from: u32) -> u32 {
    let ahead = mask & u64::MAX.checked_shl(from).unwrap_or(0);
    if ahead == 0 { mask } else { ahead }.trailing_zeros()
}

/// Whether `candidate` comes before `best` in a round-robin that starts at `from`. All three are
/// places in one ring that is shorter than 2^16, by the low halves of their numbers.
#[inline]
pub(crate) const fn sooner(candidate: u16, best: u16, from: u16) -> bool {
    candidate.wrapping_sub(from) < best.wrapping_sub(from)
}

/// The pointer behind `granted` in a round-robin of `count`.
#[inline]
pub(crate) fn behind(granted: u8, count: u8) -> u8 {
    if granted + 1 == count { 0 } else { granted + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_walks_its_ports_in_order() {
        let mut s = PortSet::EMPTY;
        for p in [200, 3, 64, 63, 0] {
            s.insert(p);
        }
        s.remove(64);
        assert_eq!(s.iter().collect::<Vec<_>>(), [0, 3, 63, 200]);
        assert!(s.contains(63) && !s.contains(64) && !s.is_empty());
    }

    #[test]
    fn a_set_of_one_port_is_told_from_others() {
        let set = |ports: &[usize]| {
            let mut set = PortSet::EMPTY;
            for port in ports {
                set.insert(*port);
            }
            set
        };
        assert!(set(&[0]).is_lone() && set(&[63]).is_lone());
        for others in [&[][..], &[0, 63], &[5, 64], &[5, 255], &[5, 128]] {
            assert!(!set(others).is_lone(), "{others:?}");
        }
    }

    #[test]
    fn round_robin_goes_on_from_its_pointer_and_round() {
        assert_eq!(pick(0b1010, 2), 3);
        assert_eq!(pick(0b1010, 1), 1);
        assert_eq!(pick(0b0010, 5), 1);
        assert!(sooner(5, 1, 4) && !sooner(1, 5, 4) && sooner(1, 2, 4) && sooner(5, 6, 4));
        // Over the end of the numbers.
        assert!(sooner(2, 65_533, 65_534) && sooner(65_535, 2, 65_534));
        assert_eq!((behind(3, 4), behind(2, 4)), (0, 3));
    }
}
