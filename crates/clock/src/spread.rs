//! Spread spectrum: a triangular modulation of the period.
//!
//! ```text
//!   period  ╱╲    ╱╲        faster than the mean for a quarter of the modulation's period, slower
//!   ───────╱──╲──╱──╲──     for a half, and so on; edge 0 is where it is shortest
//!             ╲╱    ╲╱
//! ```
//!
//! The mean is in the clock's exact period; what is left is how far edges are displaced from it. The
//! displacement is the integral of the triangle: a parabola in each half of the modulation's period,
//! zero at its ends, so it is a closed form at any distance.

use base::Fs;

/// Which way frequencies are spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the nominal frequency to `ppm` below: the period is up to `ppm` longer.
    Down,
    /// Half of `ppm` to each side.
    Centre,
}

/// A modulation of a period by a triangle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spread {
    /// Which way.
    pub direction: Direction,
    /// From the shortest to the longest period, in parts in a million; 1 to [`Spread::PPM_MAX`].
    pub ppm: u32,
    /// A period of the modulation; 1 ns to 1 s.
    pub every: Fs,
}

impl Spread {
    /// The widest spread, 5 %.
    pub const PPM_MAX: u32 = 50_000;

    /// How far an instant of the mean clock is displaced, in femtoseconds, rounded down.
    pub(crate) fn displacement(&self, at: u64) -> i64 {
        let half = self.every.0 / 2;
        let x = at % (2 * half);
        let (slow, y) = if x < half { (false, x) } else { (true, x - half) };
        // 2 a y (half - y) / every, with a = ppm / 2 parts in a million, and every = 2 half.
        let area = u128::from(y) * u128::from(half - y) * u128::from(self.ppm);
        let by = 2_000_000 * half;
        let (whole, rest) = (area / u128::from(by), area % u128::from(by));
        let whole = i64::try_from(whole).unwrap_or(i64::MAX / 4);
        if slow { whole } else { -whole - i64::from(rest != 0) }
    }
}
