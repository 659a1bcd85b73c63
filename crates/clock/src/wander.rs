//! The drift of an oscillator: a frequency that wanders.
//!
//! ```text
//!   displacement(t) = sum over octaves j of  a_j * lattice_j(t / (every * 2^j))
//! ```
//!
//! Each octave is a piecewise linear function through draws at its knots. The frequency that an octave
//! adds is its slope, and grows with the square root of its knots' distance; so changes of frequency
//! over a span have a variance proportional to the span, as those of a random walk, from `every` to
//! 2^16 times that. Unlike a walk the sum is bounded, and is known at any instant without what came
//! before. Between two multiples of `every` the frequency is constant.

use base::{Fs, rng};

use crate::table::Table;

/// How an oscillator drifts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drift {
    /// The furthest that its frequency wanders, in parts in a thousand million; up to
    /// [`Drift::PPB_MAX`].
    pub ppb: u32,
    /// How long the frequency stays; 1 us to 1 s.
    pub every: Fs,
}

impl Drift {
    /// The most that a frequency wanders: 1000 parts in a million.
    pub const PPB_MAX: u32 = 1_000_000;
}

/// Octaves of the sum.
const OCTAVES: usize = 17;
/// Knots of a chunk.
const CHUNK: u64 = 256;
/// The longest run, with a margin: what lies beyond has the displacement of its end.
const SPAN: u64 = 11_000 * Fs::PER_SECOND;

/// The displacement of a drifting oscillator, tabulated where somebody looked.
#[derive(Debug)]
pub(crate) struct Wander {
    drift: Drift,
    seed: u64,
    stream: u64,
    /// Femtoseconds of each octave's greatest displacement.
    amplitude: [i64; OCTAVES],
    /// `[chunk][knot]`: displacement at the knots, the first of the next chunk included.
    chunks: Table<Box<[i64]>>,
}

impl Wander {
    pub(crate) fn new(drift: Drift, seed: u64, stream: u64) -> Self {
        // Slopes in a ratio of sqrt(2) that sum to the limit: 2 a_j / (every 2^j). Weights are in 2^-32nds.
        let weight = |j: usize| (1_u128 << (64 + j)).isqrt();
        let sum: u128 = (0..OCTAVES).map(weight).sum();
        let limit = u128::from(drift.ppb) * u128::from(drift.every.0);
        // At most a thousandth of 2^16 seconds.
        let most = |j: usize| (limit << j) * weight(j) / (2_000_000_000 * sum);
        let amplitude = core::array::from_fn(|j| i64::try_from(most(j)).unwrap_or(0));
        let chunks = usize::try_from(SPAN / (drift.every.0 * CHUNK) + 1).unwrap_or(1);
        Self { drift, seed, stream, amplitude, chunks: Table::new(chunks) }
    }

    /// How it drifts.
    pub(crate) const fn drift(&self) -> Drift {
        self.drift
    }

    /// A draw between -2^30 and 2^30 at a knot of an octave.
    fn draw(&self, octave: u64, knot: u64) -> i128 {
        let draw = rng::draw(self.seed, self.stream, octave, knot) >> 33;
        i128::from(draw) - (1 << 30)
    }

    /// The displacement at a multiple of `every`.
    fn knot(&self, at: u64) -> i64 {
        let octave = |(j, a): (u64, &i64)| {
            let (knot, part) = (at >> j, i128::from(at & ((1 << j) - 1)));
            let (from, to) = (self.draw(j, knot), self.draw(j, knot + 1));
            let between = (from << j) + (to - from) * part - (self.draw(j, 0) << j);
            (i128::from(*a) * between) >> (30 + j)
        };
        let sum: i128 = (0..).zip(&self.amplitude).map(octave).sum();
        i64::try_from(sum).unwrap_or(0)
    }

    /// How far an instant of the undisturbed oscillator is displaced, in femtoseconds, rounded down.
    #[inline]
    pub(crate) fn displacement(&self, at: u64) -> i64 {
        let at = at.min(SPAN);
        let every = self.drift.every.0;
        let (knot, part) = (at / every, at % every);
        let (chunk, place) = (knot / CHUNK, (knot % CHUNK) as usize);
        let make = || (chunk * CHUNK..=(chunk + 1) * CHUNK).map(|k| self.knot(k)).collect();
        let at = usize::try_from(chunk).unwrap_or(usize::MAX);
        let Some(knots) = self.chunks.get_or_init(at, make) else { return 0 };
        let (from, to) = (knots[place], knots[place + 1]);
        let rise = i128::from(to - from) * i128::from(part);
        from + i64::try_from(rise.div_euclid(i128::from(every))).unwrap_or(0)
    }
}

/// What was looked up does not count.
impl PartialEq for Wander {
    fn eq(&self, other: &Self) -> bool {
        (self.drift, self.seed, self.stream) == (other.drift, other.seed, other.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On any machine: if these change, so do the edges of every drifting clock.
    #[test]
    fn displacements_are_fixed_to_the_femtosecond() {
        let wander = Wander::new(Drift { ppb: 100_000, every: Fs(1_000_000_000_000) }, 7, 3);
        let at = |t: u64| wander.displacement(t * 1_000_000_000);
        let at = [at(0), at(1), at(12_345), at(98_765_432), at(10_000_000_000)];
        assert_eq!(at, [0, -26_992, -333_988_964, -694_002_559_142, -712_703_905_934]);
    }
}
