//! How sure a mean is when neighbours are alike: batch means.
//!
//! Latencies of packets that follow each other are alike, so their spread says too little. Means of
//! long batches hardly know of each other: from 10 to 30 of them make an interval that is nearly as
//! short as any number would (Schmeiser, Operations Research 30(3), 1982).

use super::student::student_t_975;

/// Batches at the most; as many are merged by pairs into half of them.
const BATCHES_MAX: usize = 32;
/// Batches at the least, for an interval that means something.
const BATCHES_MIN: usize = 10;

/// A mean and its 95 % confidence interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interval {
    /// The mean of the batches.
    pub mean: f64,
    /// The interval reaches this far to both sides of the mean; what it is of, such as cycles.
    pub half_width: f64,
    /// Batches that it is made from.
    pub batches: usize,
    /// How alike neighbouring batches are: their lag-1 autocorrelation. Of independent batches it is
    /// within about `2 / sqrt(batches)` of 0; well above, batches are too short and the interval
    /// is too.
    pub lag_1: f64,
}

impl Interval {
    /// The interval of means of batches of equal length; `None` for less than two.
    pub fn of_means(means: &[f64]) -> Option<Self> {
        let count = means.len();
        if count < 2 {
            return None;
        }
        let mean = means.iter().sum::<f64>() / count as f64;
        let squares: f64 = means.iter().map(|m| (m - mean) * (m - mean)).sum();
        let along: f64 = means.windows(2).map(|m| (m[0] - mean) * (m[1] - mean)).sum();
        let error = (squares / (count - 1) as f64 / count as f64).sqrt();
        Some(Self {
            mean,
            half_width: student_t_975(count - 1) * error,
            batches: count,
            lag_1: if squares > 0.0 { along / squares } else { 0.0 },
        })
    }

    /// The half width as a part of the mean.
    pub fn relative(&self) -> f64 {
        self.half_width / self.mean.abs()
    }
}

/// The interval of a series in `batches` batches of equal length; what does not fill them is left
/// out at the start, where a series has settled least. `None` for less than two batches, or fewer
/// observations than batches.
pub fn batch_means(series: &[f64], batches: usize) -> Option<Interval> {
    let length = series.len().checked_div(batches).filter(|length| *length > 0)?;
    let used = &series[series.len() - length * batches..];
    let means: Vec<f64> =
        used.chunks_exact(length).map(|c| c.iter().sum::<f64>() / length as f64).collect();
    Interval::of_means(&means)
}

/// Batch means of a series whose length is not known before: 16 to 31 batches, whose length doubles
/// as the series grows. Sums are integers.
///
/// Observations of one cycle stay together, so that it does not matter in which order they are told:
/// a batch ends with the first cycle in which it is long enough.
#[derive(Clone, Debug)]
pub struct BatchMeans {
    /// Sum and count of each whole batch.
    whole: Vec<(u128, u64)>,
    /// Observations that a batch has at least.
    length: u64,
    /// Of the batch that is being filled, and the cycle of its last observation.
    filling: (u128, u64),
    cycle: u64,
}

impl Default for BatchMeans {
    fn default() -> Self {
        Self { whole: Vec::with_capacity(BATCHES_MAX), length: 1, filling: (0, 0), cycle: 0 }
    }
}

impl BatchMeans {
    /// Adds one observation, made in `cycle`, which is none before that of the last one.
    #[inline]
    pub fn push(&mut self, value: u64, cycle: u64) {
        if self.filling.1 >= self.length && cycle != self.cycle {
            self.close();
        }
        self.cycle = cycle;
        self.filling.0 += u128::from(value);
        self.filling.1 += 1;
    }

    /// Observations that a batch has at least.
    pub fn batch_length(&self) -> u64 {
        self.length
    }

    /// The interval of all whole batches; `None` below 10 of them.
    pub fn interval(&self) -> Option<Interval> {
        let last = (self.filling.1 >= self.length).then_some(&self.filling);
        let whole = self.whole.iter().chain(last);
        let means: Vec<f64> = whole.map(|(sum, count)| *sum as f64 / *count as f64).collect();
        if means.len() < BATCHES_MIN { None } else { Interval::of_means(&means) }
    }

    fn close(&mut self) {
        self.whole.push(core::mem::take(&mut self.filling));
        if self.whole.len() == BATCHES_MAX {
            for pair in 0..BATCHES_MAX / 2 {
                let (one, other) = (self.whole[2 * pair], self.whole[2 * pair + 1]);
                self.whole[pair] = (one.0 + other.0, one.1 + other.1);
            }
            self.whole.truncate(BATCHES_MAX / 2);
            self.length *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::draws::Draws;
    use base::math::unit;

    /// How many of `runs` intervals hold the true mean.
    fn covered(runs: u64, truth: f64, interval: impl Fn(u64) -> Interval) -> usize {
        let holds = |i: &Interval| (i.mean - truth).abs() <= i.half_width;
        (0..runs).map(interval).filter(holds).count()
    }

    /// A series where each value keeps `phi` of the one before, around 100.
    fn ar1(seed: u64, phi: f64, length: usize) -> Vec<f64> {
        let mut draws = Draws::new(seed, 1, 1);
        let mut at = 0.0;
        let mut next = || {
            let shock: f64 = (0..12).map(|_| unit(draws.next()) - 0.5).sum();
            at = phi * at + shock;
            100.0 + at
        };
        (0..200).map(|_| next()).for_each(|_: f64| {});
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn nineteen_of_twenty_intervals_hold_the_mean_of_independent_draws() {
        let covered = covered(20_000, 49.5, |seed| {
            let mut draws = Draws::new(seed, 0, 0);
            let mut means = BatchMeans::default();
            (0..700).for_each(|n| means.push(draws.next() % 100, n));
            means.interval().unwrap()
        });
        // 19,000 with a deviation of 31.
        assert!((18_877..=19_123).contains(&covered), "{covered}");
    }

    #[test]
    fn batches_mend_the_intervals_of_a_series_that_remembers() {
        let (phi, length) = (0.9, 4000);
        let batched = covered(400, 100.0, |seed| batch_means(&ar1(seed, phi, length), 20).unwrap());
        // 380 with a deviation of 4.4; what is left of the likeness of batches of 200 costs a little.
        assert!((360..=396).contains(&batched), "{batched}");
        // As if independent: the interval is sqrt(1.9 / 0.1) = 4.4 times too short.
        let naive =
            covered(400, 100.0, |seed| batch_means(&ar1(seed, phi, length), length).unwrap());
        assert!((100..=180).contains(&naive), "{naive}");
        let alike = batch_means(&ar1(1, phi, length), length).unwrap().lag_1;
        assert!((alike - phi).abs() < 0.05, "{alike}");
    }

    #[test]
    fn a_growing_series_has_the_batches_of_its_sums() {
        let mut means = BatchMeans::default();
        assert_eq!(means.interval(), None);
        for value in 0..100 {
            means.push(value, value);
        }
        // 25 batches of 4, of means 1.5, 5.5, .., 97.5.
        let interval = means.interval().unwrap();
        assert_eq!((interval.batches, means.batch_length()), (25, 4));
        assert!((interval.mean - 49.5).abs() < 1e-12);
        let squares = 16.0 * 25.0 * 624.0 / 12.0;
        let error = (squares / 24.0_f64 / 25.0).sqrt();
        assert!((interval.half_width - 2.06390 * error).abs() < 1e-9);
        for value in 100..100_000 {
            means.push(value, value);
            assert!((16..=32).contains(&means.interval().unwrap().batches));
        }
    }

    #[test]
    fn the_order_within_a_cycle_does_not_matter() {
        let (mut one, mut other) = (BatchMeans::default(), BatchMeans::default());
        for cycle in 0..5000 {
            let latencies = [cycle % 17, 40 - cycle % 13, cycle * 7 % 29];
            for n in 0..3 {
                one.push(latencies[n], cycle);
                other.push(latencies[2 - n], cycle);
            }
        }
        assert_eq!(one.interval(), other.interval());
    }

    #[test]
    fn too_little_makes_no_interval() {
        assert_eq!(batch_means(&[1.0, 2.0], 3), None);
        assert_eq!(batch_means(&[1.0, 2.0], 0), None);
        assert_eq!(batch_means(&[1.0, 2.0], 1), None);
        let flat = batch_means(&[1.0; 7], 3).unwrap();
        assert!(flat.half_width.abs() < 1e-12 && flat.relative().abs() < 1e-12);
    }
}
