//! The end of the warm-up, found from the run itself.
//!
//! Latencies are averaged over bins of packets by creation. When the run has filled 64 bins, MSER-5
//! looks for the end of the transient in the bins whose packets have all arrived; if it finds one,
//! the warm-up ends where the run is, which is beyond it. If not, bins are joined by twos and the run
//! goes on until they are filled again.

use traffic::synthetic::estimate::mser5;

/// Bins that are kept.
const BINS: usize = 64;
/// The first width of a bin in cycles: 2^5, so that the first look is at cycle 2048.
const WIDTH_LOG: u32 = 5;
/// The last width of a bin: 2^11, so that no warm-up is longer than 131,072 cycles.
const WIDTH_LOG_MAX: u32 = 11;

#[derive(Clone, Copy, Default, Debug)]
struct Bin {
    handed: u64,
    arrived: u64,
    sum: u128,
}

/// Latencies by creation.
#[derive(Clone, Debug)]
pub(super) struct Bins {
    bins: [Bin; BINS],
    width_log: u32,
}

impl Default for Bins {
    fn default() -> Self {
        Self { bins: [Bin::default(); BINS], width_log: WIDTH_LOG }
    }
}

impl Bins {
    #[inline]
    fn at(&mut self, created: u64) -> Option<&mut Bin> {
        let bin = usize::try_from(created >> self.width_log).ok()?;
        self.bins.get_mut(bin)
    }

    #[inline]
    pub(super) fn hand(&mut self, created: u64) {
        if let Some(bin) = self.at(created) {
            bin.handed += 1;
        }
    }

    #[inline]
    pub(super) fn arrive(&mut self, created: u64, latency: u64) {
        if let Some(bin) = self.at(created) {
            bin.arrived += 1;
            bin.sum += u128::from(latency);
        }
    }

    /// The cycle at which all bins are filled: when to look.
    pub(super) const fn full_at(&self) -> u64 {
        (BINS as u64) << self.width_log
    }

    /// Whether the run has settled. All packets created before cycle `known` were handed over.
    pub(super) fn settled(&self, known: u64) -> bool {
        let ends = (1..).map(|n: u64| n << self.width_log);
        let whole = |(bin, end): &(&Bin, u64)| *end <= known && bin.handed == bin.arrived;
        let mut series: Vec<f64> = Vec::with_capacity(BINS);
        for (bin, _) in self.bins.iter().zip(ends).take_while(whole) {
            // A bin without packets says nothing new.
            let last = series.last().copied();
            let mean = (bin.arrived > 0).then(|| bin.sum as f64 / bin.arrived as f64);
            series.extend(mean.or(last));
        }
        mser5(&series).is_some_and(|found| found.settled)
    }

    /// Joins bins by twos. Says whether there are as wide ones.
    pub(super) fn widen(&mut self) -> bool {
        if self.width_log == WIDTH_LOG_MAX {
            return false;
        }
        self.width_log += 1;
        for n in 0..BINS {
            let pair = self.bins.get(2 * n..2 * n + 2).unwrap_or(&[]);
            let add = |all: Bin, b: &Bin| Bin {
                handed: all.handed + b.handed,
                arrived: all.arrived + b.arrived,
                sum: all.sum + b.sum,
            };
            self.bins[n] = pair.iter().fold(Bin::default(), add);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(bins: &mut Bins, from: u64, latency: impl Fn(u64) -> u64) {
        for cycle in from..bins.full_at() {
            bins.hand(cycle);
            bins.arrive(cycle, latency(cycle));
        }
    }

    #[test]
    fn a_level_has_settled_and_a_slope_has_not() {
        let mut level = Bins::default();
        filled(&mut level, 0, |c| 30 + c % 7);
        assert!(level.settled(2048));
        let mut slope = Bins::default();
        filled(&mut slope, 0, |c| 30 + c);
        assert!(!slope.settled(2048));
    }

    #[test]
    fn bins_with_packets_under_way_are_not_looked_at() {
        let mut bins = Bins::default();
        filled(&mut bins, 0, |_| 30);
        assert!(bins.settled(50 * 32) && !bins.settled(50 * 32 - 1), "50 bins are the least");
        bins.hand(100);
        assert!(!bins.settled(2048), "bin 3 is not complete");
    }

    #[test]
    fn bins_widen_until_the_longest_warm_up() {
        let mut bins = Bins::default();
        filled(&mut bins, 0, |c| c / 32);
        let mut looks = vec![bins.full_at()];
        while bins.widen() {
            looks.push(bins.full_at());
        }
        assert_eq!(looks, [2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072]);
        assert_eq!(bins.bins[0].arrived, 2048);
        assert_eq!(bins.bins[0].sum, 32 * (0..64).sum::<u128>());
        assert_eq!(bins.bins[1].arrived, 0);
    }

    #[test]
    fn a_short_transient_is_left_behind_by_the_second_look() {
        let mut bins = Bins::default();
        filled(&mut bins, 0, |c| if c < 1500 { c } else { 1500 });
        assert!(!bins.settled(2048));
        bins.widen();
        filled(&mut bins, 2048, |_| 1500);
        assert!(bins.settled(4096));
    }
}
