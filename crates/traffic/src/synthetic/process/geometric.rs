//! Trials that succeed with a fixed chance, jumped over to the next success.

use std::sync::Arc;

use base::math::{log2, log2_unit, whole};

use super::super::draws::Draws;

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

    /// As [`trials`](Self::trials), out of the way.
    #[inline(never)]
    fn trials_apart(self, draw: u64) -> u64 {
        self.trials(draw)
    }
}

/// Parts into which the range of draws is cut.
const PARTS_LOG: u32 = 11;

/// The trials of most draws, looked up: of each part of the range of draws whose draws all take the
/// same number of trials, that number; 0 of the others, and where it is above 255.
#[derive(Debug)]
struct Lookup([u8; 1 << PARTS_LOG]);

impl Lookup {
    /// Trials fall as draws rise, but for the rounding of [`log2_unit`] and [`whole`], which is below
    /// 1e-13 of the logarithm: so a part's ends tell of all of it unless they are that close to a whole
    /// number. Ten times as close counts as too close.
    fn new(gap: Geometric) -> Self {
        let close = 1e-12 * gap.inverse.abs() + 1e-11;
        let part = |part: u64| {
            let first = part << (64 - PARTS_LOG);
            let last = first | (u64::MAX >> PARTS_LOG);
            let least = (log2_unit(last) * gap.inverse - close).floor();
            let most = (log2_unit(first) * gap.inverse + close).floor();
            let same = least >= 0.0 && (most - least).abs() < 0.5;
            if same { u8::try_from(gap.trials(first)).unwrap_or(0) } else { 0 }
        };
        let mut all = [0; 1 << PARTS_LOG];
        (0..).zip(&mut all).for_each(|(n, trials)| *trials = part(n));
        Self(all)
    }

    #[inline]
    fn trials(&self, draw: u64) -> Option<u64> {
        let trials = self.0[(draw >> (64 - PARTS_LOG)) as usize];
        (trials > 0).then_some(u64::from(trials))
    }
}

/// A packet each cycle with the same chance, at any node.
#[derive(Clone, Debug)]
pub(super) struct BernoulliPlan {
    gap: Geometric,
    lookup: Arc<Lookup>,
}

impl BernoulliPlan {
    pub(super) fn new(packet_rate: f64) -> Self {
        let gap = Geometric::new(packet_rate);
        Self { gap, lookup: Arc::new(Lookup::new(gap)) }
    }
}

/// A packet each cycle with the same chance.
#[derive(Clone, Debug)]
pub(super) struct Bernoulli {
    draws: Draws,
    plan: BernoulliPlan,
    /// The first cycle that was not tried yet.
    untried: u64,
}

impl Bernoulli {
    pub(super) fn new(plan: &BernoulliPlan, seed: u64, component: u64) -> Self {
        let draws = Draws::new(seed, component, stream::ARRIVALS);
        Self { draws, plan: plan.clone(), untried: 0 }
    }

    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub(super) fn next_arrival(&mut self, from: u64) -> u64 {
        let draw = self.draws.next();
        let trials = match self.plan.lookup.trials(draw) {
            Some(trials) => trials,
            None => self.plan.gap.trials_apart(draw),
        };
        let after = self.untried.max(from).saturating_add(trials);
        self.untried = after;
        after - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_up_is_what_is_computed() {
        for p in [1.0, 0.9, 0.5, 0.2, 0.05, 0.01, 0.001, 1e-6] {
            let gap = Geometric::new(p);
            let lookup = Lookup::new(gap);
            let mut draws = Draws::new(5, 1, 2);
            let edge =
                |n: u64| [n << 53, (n << 53).wrapping_sub(1), n << 53 | 1, n << 53 | 1 << 52];
            let edges = (0..1 << PARTS_LOG).flat_map(edge);
            let any = (0..50_000).map(|_| draws.next());
            for draw in edges.chain(any) {
                if let Some(trials) = lookup.trials(draw) {
                    assert_eq!(trials, gap.trials(draw), "{p}: {draw:#x}");
                }
            }
            // Each number of trials that is likely at all ends in one part, or between two.
            let sure = lookup.0.iter().filter(|trials| **trials > 0).count() as f64;
            let ends = if p < 1.0 { 2.0 + 2048.0_f64.ln() / -(-p).ln_1p() } else { 2048.0 };
            assert!(sure >= 2048.0 - 2.0 * ends, "{p}: {sure}, {ends}");
        }
    }
}
