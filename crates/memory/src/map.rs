//! The address map of the pool.

use base::{LINE_BYTES, Line, NodeIdx};

/// Interleaves the pool's lines over homes, and each home's lines over its channels, both round
/// robin by fixed granules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressMap {
    homes: Divisor,
    home_granule_lines: Divisor,
    channels: Divisor,
    channel_granule_lines: Divisor,
}

/// Divides by what is a power of two as a rule: without a division then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Divisor {
    by: u64,
    /// Of what power, if it is one.
    power: Option<u32>,
}

impl Divisor {
    fn new(by: u64) -> Self {
        Self { by, power: by.is_power_of_two().then(|| by.ilog2()) }
    }

    /// Quotient and rest.
    #[inline]
    const fn divide(self, n: u64) -> (u64, u64) {
        match self.power {
            Some(power) => (n >> power, n & (self.by - 1)),
            None => (n / self.by, n % self.by),
        }
    }
}

impl AddressMap {
    /// A map over `homes` homes of `channels` channels each. Granules are in bytes; they are
    /// rounded down to whole lines, at least one.
    ///
    /// # Panics
    /// If there are no homes or no channels.
    pub fn new(homes: u32, home_granule: u64, channels: u32, channel_granule: u64) -> Self {
        assert!(homes > 0 && channels > 0, "a pool needs homes and channels");
        Self {
            homes: Divisor::new(u64::from(homes)),
            home_granule_lines: Divisor::new((home_granule / LINE_BYTES).max(1)),
            channels: Divisor::new(u64::from(channels)),
            channel_granule_lines: Divisor::new((channel_granule / LINE_BYTES).max(1)),
        }
    }

    /// The node that is home to `line`.
    #[inline]
    pub fn home(&self, line: Line) -> NodeIdx {
        let (granule, _) = self.home_granule_lines.divide(line.0);
        NodeIdx(u32::try_from(self.homes.divide(granule).1).unwrap_or(0))
    }

    /// The channel of its home that keeps `line`, by the line's place among that home's lines.
    #[inline]
    pub fn channel(&self, line: Line) -> u32 {
        let (granule, rest) = self.home_granule_lines.divide(line.0);
        let local = self.homes.divide(granule).0 * self.home_granule_lines.by + rest;
        let channel = self.channels.divide(self.channel_granule_lines.divide(local).0).1;
        u32::try_from(channel).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn granules_go_round_the_homes() {
        let map = AddressMap::new(4, 256, 2, 64);
        let homes: Vec<u32> = (0..20).map(|l| map.home(Line(l)).0).collect();
        assert_eq!(homes, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 0, 0, 0, 0]);
        assert_eq!(map.channel(Line(0)), 0);
        assert_eq!(map.channel(Line(1)), 1);
        assert_eq!(map.channel(Line(16)), 0);
    }

    proptest! {
        #[test]
        fn a_stretch_is_spread_evenly_over_homes_and_channels(
            homes in 1_u32..100, channels in 1_u32..40, granule in 1_u64..8, first in 0_u64..1_000,
        ) {
            let map = AddressMap::new(homes, granule * 64, channels, 64);
            let total = u64::from(homes) * granule * u64::from(channels);
            let mut seen = vec![0_u64; (homes * channels) as usize];
            let start = first * total;
            for l in start..start + total {
                let at = map.home(Line(l)).0 * channels + map.channel(Line(l));
                seen[at as usize] += 1;
            }
            prop_assert!(seen.iter().all(|n| *n == granule), "{:?}", seen);
        }
    }
}
