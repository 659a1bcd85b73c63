//! Latencies of packets, counted one by one where they are short.
//!
//! Nearly all latencies are below a few hundred cycles, so a count for each of them costs an addition
//! a packet; sums, range and histogram are made from the counts when somebody asks. The histogram is
//! exact up to 2048 anyway, so nothing is lost.

use hdrhistogram::Histogram;
use traffic::synthetic::estimate::Tally;

/// Latencies below this have a count of their own.
const SHORT: usize = 1024;

/// Latencies beyond this many cycles count as this in quantiles.
const LONGEST: u64 = 1 << 40;

/// Latencies of the packets of one class.
#[derive(Clone, Debug)]
pub(super) struct Latencies {
    /// `[latency]`
    short: Box<[u64; SHORT]>,
    /// Of those that are not short.
    tally: Tally,
    /// Of those that are not short, to three significant digits.
    histogram: Option<Histogram<u64>>,
}

impl Default for Latencies {
    fn default() -> Self {
        // The bounds are constants that are sound.
        let histogram = Histogram::new_with_max(LONGEST, 3).ok();
        Self { short: Box::new([0; SHORT]), tally: Tally::default(), histogram }
    }
}

impl Latencies {
    /// Counts a latency.
    #[inline]
    pub(super) fn push(&mut self, latency: u64) {
        match usize::try_from(latency).ok().and_then(|at| self.short.get_mut(at)) {
            Some(count) => *count += 1,
            None => self.push_long(latency),
        }
    }

    #[cold]
    fn push_long(&mut self, latency: u64) {
        self.tally.push(latency);
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(latency);
        }
    }

    /// The short ones that there are: latency and how often.
    fn counted(&self) -> impl Iterator<Item = (u64, u64)> {
        (0..).zip(*self.short).filter(|(_, count)| *count > 0)
    }

    /// Mean, spread and range.
    pub(super) fn tally(&self) -> Tally {
        let mut all = self.tally;
        self.counted().for_each(|(latency, count)| all.push_many(latency, count));
        all
    }

    /// All of them, to three significant digits; `None` where there are none.
    pub(super) fn histogram(&self) -> Option<Histogram<u64>> {
        let mut all = self.histogram.clone()?;
        for (latency, count) in self.counted() {
            all.saturating_record_n(latency, count);
        }
        (!all.is_empty()).then_some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_ones_are_as_if_each_had_been_recorded() {
        let mut latencies = Latencies::default();
        assert!(latencies.histogram().is_none() && latencies.tally().mean().is_none());
        let mut tally = Tally::default();
        let mut histogram = Histogram::<u64>::new_with_max(LONGEST, 3).unwrap();
        let edges = [0, 1, 1023, 1024, 2047, 2048, 2049, LONGEST, LONGEST + 1];
        for latency in (0..5000_u64).map(|n| n * n % 3001).chain(edges) {
            latencies.push(latency);
            tally.push(latency);
            histogram.saturating_record(latency);
        }
        assert_eq!(latencies.tally(), tally);
        assert_eq!(latencies.histogram().unwrap(), histogram);
    }
}
