//! Draws of one stream, and what is made of a draw: a number below a bound, or a yes or no.

use base::rng::mix;

/// One stream of draws: equal to [`base::rng::draw`] with the hash of its first three arguments
/// kept, so that a draw costs one hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    key: u64,
    count: u64,
}

impl Draws {
    /// Draws of `stream` at `component` under `seed`, from the first on.
    pub(crate) const fn new(seed: u64, component: u64, stream: u64) -> Self {
        Self { key: mix(mix(mix(seed) ^ component) ^ stream), count: 0 }
    }

    /// The next draw, uniform over all 64-bit words.
    #[inline]
    pub(crate) const fn next(&mut self) -> u64 {
        let drawn = mix(self.key ^ self.count);
        self.count = self.count.wrapping_add(1);
        drawn
    }
}

/// A number below `bound` from a draw, without division (Lemire, ACM TOMACS 29(1), 2019), and the
/// fraction left over, which is a draw of its own. A number is off its share by less than 2^-64.
#[inline]
pub(crate) const fn scale(draw: u64, bound: u32) -> (u32, u64) {
    let wide = draw as u128 * bound as u128;
    #[expect(clippy::cast_possible_truncation, reason = "below `bound`; and the low word")]
    ((wide >> 64) as u32, wide as u64)
}

/// A probability, in units of 2^-63, so that never and always are both exact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// What always happens.
    pub(crate) const ALWAYS: Self = Self(1 << 63);

    /// The nearest chance to `p`; beyond 0 and 1 it is never and always.
    pub(crate) fn of(p: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped, and exact: a power of two times a float"
        )]
        Self((p.clamp(0.0, 1.0) * 9_223_372_036_854_775_808.0) as u64)
    }

    /// Whether it happens for this draw.
    #[inline]
    pub(crate) const fn hits(self, draw: u64) -> bool {
        (draw >> 1) < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_hash_of_the_house() {
        let mut draws = Draws::new(7, 3, 2);
        for count in 0..10 {
            assert_eq!(draws.next(), base::rng::draw(7, 3, 2, count));
        }
    }

    #[test]
    fn scaled_draws_span_the_bound_evenly() {
        assert_eq!(scale(0, 10).0, 0);
        assert_eq!(scale(u64::MAX, 10).0, 9);
        assert_eq!(scale(u64::MAX, u32::MAX).0, u32::MAX - 1);
        let below = |n| (0..60).filter(|k| scale(k * (u64::MAX / 60), 3).0 == n).count();
        for n in 0..3 {
            assert!(below(n).abs_diff(20) <= 1, "{n}: {}", below(n));
        }
    }

    #[test]
    fn chances_of_nothing_and_all_are_exact() {
        assert!(!Chance::of(0.0).hits(0));
        assert!(Chance::of(1.0).hits(u64::MAX));
        assert_eq!(Chance::of(1.0), Chance::ALWAYS);
        assert!(Chance::of(0.5).hits((1 << 63) - 1));
        assert!(!Chance::of(0.5).hits(1 << 63));
    }
}
