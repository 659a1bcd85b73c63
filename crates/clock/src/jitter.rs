//! Cycle jitter: every edge is off by a draw of its own.

use base::{Fs, rng};

/// Bounded jitter of single edges: the sum of four uniform draws, close to a normal distribution
/// within two of its standard deviations, and at most `sqrt(12)` of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Jitter {
    seed: u64,
    stream: u64,
    /// Femtoseconds of a 2^-16th of a draw, in 2^-32nds.
    scale: i64,
}

/// Twice the mean of the sum of four 16-bit draws.
const TWICE_MEAN: i64 = 4 * 0xffff;

impl Jitter {
    /// Jitter of a standard deviation.
    pub(crate) fn new(rms: Fs, seed: u64, stream: u64) -> Self {
        // The sum of four uniform draws of width 1 has the variance 4 / 12.
        let scale = rms.0 as f64 * 3_f64.sqrt() * 65_536.0;
        #[expect(clippy::cast_possible_truncation, reason = "the deviation is less than a period")]
        let scale = scale.min(1e17) as i64;
        Self { seed, stream, scale }
    }

    /// How far edge `k` is off.
    #[inline]
    pub(crate) fn of(&self, k: u64) -> i64 {
        let d = rng::draw(self.seed, self.stream, 0, k);
        let parts = (d & 0xffff) + (d >> 16 & 0xffff) + (d >> 32 & 0xffff) + (d >> 48);
        let twice = 2 * i64::try_from(parts).unwrap_or(0) - TWICE_MEAN;
        self.scaled(twice)
    }

    fn scaled(&self, twice: i64) -> i64 {
        i64::try_from((i128::from(twice) * i128::from(self.scale)) >> 33).unwrap_or(0)
    }

    /// The most that an edge is off, either way.
    pub(crate) fn bound(&self) -> i64 {
        -self.scaled(-TWICE_MEAN)
    }
}
