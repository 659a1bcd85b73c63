//! How much of the start of a series to leave out: MSER-5.
//!
//! The observations are averaged by fives. For each number of averages left out, the rest has a mean
//! with an estimated standard error; the least of these errors says where the transient ends: leaving
//! out less keeps what is unlike the rest, and leaving out more keeps too little (White, Simulation
//! 69(6), 1997; fives: Spratt, 1998, and White, Cobb and Spratt, WSC 2000).

/// Observations that are averaged before the search.
const BATCH: usize = 5;

/// Where to begin.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Truncation {
    /// Observations to leave out at the start, a multiple of 5.
    pub observations: usize,
    /// The mean of what is kept, whole fives only.
    pub mean: f64,
    /// Whether the end of the transient was found. If not, the best place is at the half of the
    /// series, beyond which nobody should look (there the error is of too few averages): the series
    /// has not settled, and must be longer. So it is with less than 10 fives.
    pub settled: bool,
}

/// Finds the end of the transient of a series of at least 5 observations, each of the same span of
/// time: mean latencies of windows, flits accepted in a window. Linear in their number.
///
/// `None` if there are fewer, or what is no finite number among them.
pub fn mser5(series: &[f64]) -> Option<Truncation> {
    const SETTLED_MIN: usize = 10;
    let means: Vec<f64> =
        series.chunks_exact(BATCH).map(|five| five.iter().sum::<f64>() / BATCH as f64).collect();
    if means.is_empty() || means.iter().any(|mean| !mean.is_finite()) {
        return None;
    }
    let last = means.len() / 2;
    let mut best: Option<(f64, usize, f64)> = None;
    let (mut mean, mut squares, mut kept) = (0.0, 0.0, 0.0);
    // From the end, so that each step adds one average to what is kept (Welford, 1962).
    for (out, value) in means.iter().enumerate().rev() {
        kept += 1.0;
        let off = value - mean;
        mean += off / kept;
        squares += off * (value - mean);
        let statistic = squares / (kept * kept);
        // Of equals the one that leaves out less.
        if out <= last && best.is_none_or(|(least, ..)| statistic <= least) {
            best = Some((statistic, out, mean));
        }
    }
    best.map(|(_, out, mean)| Truncation {
        observations: out * BATCH,
        mean,
        settled: means.len() >= SETTLED_MIN && out < last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::draws::Draws;
    use base::math::unit;

    /// A level with noise of variance 1/12 each.
    fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut draws = Draws::new(seed, 0, 0);
        move || unit(draws.next()) - 0.5
    }

    /// The statistic as it is defined, for every number of fives left out.
    fn by_definition(series: &[f64]) -> usize {
        let means: Vec<f64> = series.chunks_exact(5).map(|c| c.iter().sum::<f64>() / 5.0).collect();
        let statistic = |out: usize| {
            let kept = &means[out..];
            let mean = kept.iter().sum::<f64>() / kept.len() as f64;
            let squares = kept.iter().map(|m| (m - mean) * (m - mean)).sum::<f64>();
            squares / (kept.len() * kept.len()) as f64
        };
        let outs = 0..=means.len() / 2;
        5 * outs.min_by(|a, b| statistic(*a).total_cmp(&statistic(*b))).unwrap_or(0)
    }

    #[test]
    fn the_search_is_the_definition() {
        for seed in 0..50 {
            let mut noise = noise(seed);
            let series: Vec<f64> =
                (0..233).map(|n| noise() + 4.0 * (-f64::from(n) / 20.0).exp()).collect();
            let found = mser5(&series).unwrap();
            assert_eq!(found.observations, by_definition(&series), "{seed}");
        }
    }

    #[test]
    fn a_step_is_left_out_whole_and_no_more_than_a_five_beyond() {
        for seed in 0..50 {
            let mut noise = noise(seed);
            let mut level = |n: u32| if n < 100 { 10.0 } else { 20.0 } + noise();
            let series: Vec<f64> = (0..1000).map(&mut level).collect();
            let found = mser5(&series).unwrap();
            assert!((100..=150).contains(&found.observations) && found.settled, "{found:?}");
            assert!((found.mean - 20.0).abs() < 0.06, "{found:?}");
        }
    }

    #[test]
    fn an_exponential_transient_no_longer_biases_the_mean() {
        for seed in 0..50 {
            let mut noise = noise(seed);
            // Without truncation the mean is off by 20 * 50 / 2000 = 0.5.
            let series: Vec<f64> =
                (0..2000).map(|n| noise() + 5.0 - 20.0 * (-f64::from(n) / 50.0).exp()).collect();
            let found = mser5(&series).unwrap();
            assert!(found.settled && (150..700).contains(&found.observations), "{found:?}");
            assert!((found.mean - 5.0).abs() < 0.05, "{found:?}");
        }
    }

    #[test]
    fn a_series_that_grows_to_the_end_has_not_settled() {
        let mut noise = noise(1);
        let series: Vec<f64> = (0..500).map(|n| f64::from(n) + noise()).collect();
        assert!(!mser5(&series).unwrap().settled);
        assert!(!mser5(&[1.0; 45]).unwrap().settled, "too short to tell");
        let level = mser5(&[1.0; 50]).unwrap();
        assert!(level.settled && level.observations == 0);
        assert_eq!(mser5(&[1.0; 4]), None);
        assert_eq!(mser5(&[f64::NAN; 20]), None);
    }
}
