//! Trials that succeed with a fixed chance, jumped over to the next success.

use super::super::draws::Draws;
use super::super::math::{log2, log2_unit, whole};
use super::stream;

/// How many trials it takes to succeed, with a chance above 0 of success at each.
///
/// More than `n` trials are needed with chance `(1 - p)^n`, so the count is the first whole number
/// above `log u / log (1 - p)` for `u` uniform (inversion).
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometric {
    /// `1 / log2 (1 - p)`, which is 0 where every trial succeeds.
    inverse: f64,
}

impl Geometric {
    pub(super) fn new(p: f64) -> Self {
        Self { inverse: if p >= 1.0 { 0.0 } else { 1.0 / log2(1.0 - p) } }
    }

    /// The number of the first trial that succeeds, from 1 to about 53 / p.
    #[inline]
    pub(super) fn trials(self, draw: u64) -> u64 {
        // A logarithm that is a little above 0 by rounding must not give the trial before the first.
        1 + whole((log2_unit(draw) * self.inverse).max(0.0))
    }
}

/// A packet each cycle with the same chance.
#[derive(Clone, Debug)]
pub(super) struct Bernoulli {
    draws: Draws,
    gap: Geometric,
    /// The first cycle that was not tried yet.
    untried: u64,
}

impl Bernoulli {
    pub(super) fn new(packet_rate: f64, seed: u64, component: u64) -> Self {
        let draws = Draws::new(seed, component, stream::ARRIVALS);
        Self { draws, gap: Geometric::new(packet_rate), untried: 0 }
    }

    #[inline]
    pub(super) fn next_arrival(&mut self, from: u64) -> u64 {
        let after = self.untried.max(from).saturating_add(self.gap.trials(self.draws.next()));
        self.untried = after;
        after - 1
    }
}
