//! Cycle jitter: every edge is off by a draw of its own.

use base::period::{JITTER_TWICE_MEAN, jitter_of, jitter_scale};
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

impl Jitter {
    /// Jitter of a standard deviation.
    pub(crate) fn new(rms: Fs, seed: u64, stream: u64) -> Self {
        Self { seed, stream, scale: jitter_scale(rms) }
    }

    /// How far edge `k` is off.
    #[inline]
    pub(crate) fn of(&self, k: u64) -> i64 {
        let d = rng::draw(self.seed, self.stream, 0, k);
        let parts = (d & 0xffff) + (d >> 16 & 0xffff) + (d >> 32 & 0xffff) + (d >> 48);
        let twice = 2 * i64::try_from(parts).unwrap_or(0) - JITTER_TWICE_MEAN;
        jitter_of(twice, self.scale)
    }
}
