//! The period of a clock: an exact fraction, and what edges can be off by if they are to stay in order.
//!
//! One set of rules for whoever describes clocks and whoever makes them: what a check lets pass, a run can
//! build.

use core::fmt;

use crate::Fs;
use crate::math::gcd;

/// How a clock deviates from one exact period.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Deviation {
    /// Spread spectrum.
    pub spread: Option<Width>,
    /// How far the reference wanders, in parts in a thousand million.
    pub drift_ppb: Option<u32>,
    /// Standard deviation of the jitter of single edges.
    pub jitter_rms: Fs,
}

/// The width of a spread spectrum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Width {
    /// From the shortest to the longest period, in parts in a million.
    pub ppm: u32,
    /// Whether all of it is below the nominal frequency; else half is to each side.
    pub down: bool,
}

/// Why there is no such clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// The frequency is zero, undefined, or above 1 PHz, where an edge would be shorter than the femtosecond
    /// that time is counted in.
    NoFrequency,
    /// The period, times the mean of the spread, is no fraction of 64-bit numbers.
    TooFine,
    /// Jitter, spread and drift together could put an edge before the one in front of it.
    Disordered {
        /// The shortest period, before jitter.
        shortest: Fs,
        /// The most that jitter moves an edge, either way.
        jitter: Fs,
    },
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFrequency => f.write_str("the frequency is not above zero and at most 1 PHz"),
            Self::TooFine => f.write_str("the period is too fine a fraction"),
            Self::Disordered { shortest, jitter } => write!(
                f,
                "edges could change places: a period is {} fs or more, and jitter moves an edge by up to {} fs",
                shortest.0, jitter.0
            ),
        }
    }
}

impl core::error::Error for Unfit {}

/// The period of `numer / denom` hertz in femtoseconds, as a reduced fraction.
///
/// # Errors
/// If there is no such frequency, or the fraction leaves 64 bits.
pub fn period((numer, denom): (u64, u64)) -> Result<(u64, u64), Unfit> {
    let (over, under) = (u128::from(Fs::PER_SECOND) * u128::from(denom), u128::from(numer));
    if numer == 0 || denom == 0 || over < under {
        return Err(Unfit::NoFrequency);
    }
    reduced(over, under).ok_or(Unfit::TooFine)
}

/// `over / under` in lowest terms; `None` if that leaves 64 bits.
pub fn reduced(over: u128, under: u128) -> Option<(u64, u64)> {
    let shared = gcd(over, under).max(1);
    Some((u64::try_from(over / shared).ok()?, u64::try_from(under / shared).ok()?))
}

/// A frequency that is `ppb` parts in a thousand million higher: exactly, where its period can be kept as a
/// fraction of 64-bit numbers; else to the nearest millihertz, which is a part in a thousand million of
/// 1 MHz.
pub fn higher((numer, denom): (u64, u64), ppb: i64) -> (u64, u64) {
    const BILLION: u128 = 1_000_000_000;
    let parts = u128::try_from(i128::from(ppb) + 1_000_000_000).unwrap_or(0);
    let (over, under) = (u128::from(numer) * parts, u128::from(denom) * BILLION);
    if let Some(exact) = reduced(over, under).filter(|hertz| period(*hertz).is_ok()) {
        return exact;
    }
    // Numerators are below 2^64, so hertz and parts by themselves leave room for the thousand.
    let whole =
        (u128::from(numer) * 1_000).checked_mul(parts).map(|over| (over + under / 2) / under);
    let millihertz = whole.unwrap_or(u128::MAX);
    reduced(millihertz, 1_000).unwrap_or((u64::MAX, 1))
}

/// Twice the mean of the sum of the four draws of 16 bits that make an edge's jitter.
pub const JITTER_TWICE_MEAN: i64 = 4 * 0xffff;

/// Femtoseconds of a 2^-16th of a draw, in 2^-32nds, for jitter of a standard deviation of 1 ms at most: the
/// sum of four even draws of width 1 has the variance 1 / 3.
pub fn jitter_scale(rms: Fs) -> i64 {
    let rms = u128::from(rms.0.min(Fs::PER_SECOND / 1_000));
    i64::try_from(((3 * rms * rms) << 32).isqrt()).unwrap_or(i64::MAX)
}

/// What so many halves of 2^-16ths of a draw are, in femtoseconds, rounded down.
pub fn jitter_of(twice: i64, scale: i64) -> i64 {
    i64::try_from((i128::from(twice) * i128::from(scale)) >> 33).unwrap_or(0)
}

impl Deviation {
    /// The mean period over the nominal one, as a fraction.
    pub fn mean(&self) -> (u64, u64) {
        match self.spread {
            Some(Width { ppm, down: true }) => (2_000_000 + u64::from(ppm), 2_000_000),
            _ => (1, 1),
        }
    }

    /// The steepest that edges are displaced by spread and drift, in parts in a thousand million; the
    /// rounding of what drift is tabulated by included.
    pub fn slope_ppb(&self) -> u64 {
        let spread = self.spread.map_or(0, |s| u64::from(s.ppm) * 500);
        spread + self.drift_ppb.map_or(0, |ppb| u64::from(ppb) + 40)
    }

    /// The most that jitter moves an edge, either way: `sqrt(12)` standard deviations.
    pub fn jitter_bound(&self) -> Fs {
        let most = jitter_of(-JITTER_TWICE_MEAN, jitter_scale(self.jitter_rms));
        Fs(most.unsigned_abs())
    }

    /// The mean period at a nominal frequency, as a reduced fraction of femtoseconds.
    ///
    /// # Errors
    /// If there is none, or edges could change places: the shortest period, by all slopes and both edges'
    /// jitter, must leave a femtosecond.
    pub fn period(&self, hertz: (u64, u64)) -> Result<(u64, u64), Unfit> {
        let (over, under) = period(hertz)?;
        let (numer, denom) = self.mean();
        let wide = |a: u64, b: u64| u128::from(a) * u128::from(b);
        let mean = reduced(wide(over, numer), wide(under, denom)).ok_or(Unfit::TooFine)?;
        if *self == Self::default() {
            return Ok(mean);
        }
        let whole = i128::from(mean.0 / mean.1);
        // Roundings down: of two instants, and of each displacement.
        let shortest = whole * (1_000_000_000 - i128::from(self.slope_ppb())) / 1_000_000_000 - 4;
        let jitter = self.jitter_bound();
        if shortest - 2 * i128::from(jitter.0) < 1 {
            let shortest = Fs(u64::try_from(shortest).unwrap_or(0));
            return Err(Unfit::Disordered { shortest, jitter });
        }
        Ok(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequency_is_offset_exactly_where_that_can_be_kept_and_to_a_millihertz_where_not() {
        assert_eq!(higher((1_000_000_000, 1), 50_001), (1_000_050_001, 1));
        assert_eq!(higher((100_000_000, 3), 0), (100_000_000, 3));
        let fine = higher((1_234_567_890, 1), 37_001);
        assert!(period(fine).is_ok(), "{fine:?}");
        let exact = 1_234_567_890.0 * (1.0 + 37_001e-9);
        let kept = fine.0 as f64 / fine.1 as f64;
        assert!((kept - exact).abs() < 6e-4, "{kept} Hz, not {exact}");
        // Fifteen digits of a nominal frequency.
        assert!(period(higher((123_456_789_012_345, 100_000), 0)).is_ok());
        assert_eq!(higher((1_000, 1), -1_000_000_000), (0, 1));
    }

    #[test]
    fn what_no_clock_can_have_is_told_apart() {
        assert_eq!(period((0, 1)), Err(Unfit::NoFrequency));
        assert_eq!(period((1, 0)), Err(Unfit::NoFrequency));
        assert_eq!(period((u64::MAX, 1)), Err(Unfit::NoFrequency));
        assert_eq!(period((u64::MAX - 58, u64::MAX / 7)), Err(Unfit::TooFine));
    }

    #[test]
    fn jitter_takes_twice_its_bound_from_a_period_and_not_a_femtosecond_more() {
        let with = |jitter_rms| Deviation { jitter_rms: Fs(jitter_rms), ..Deviation::default() };
        let bound = with(1_000).jitter_bound().0;
        assert!((3_464..=3_466).contains(&bound), "{bound} fs for sqrt(12) of 1000 fs");
        let fits = |period: u64| with(1_000).period((Fs::PER_SECOND, period));
        assert_eq!(fits(2 * bound + 5), Ok((2 * bound + 5, 1)));
        let (shortest, jitter) = (Fs(2 * bound), Fs(bound));
        assert_eq!(fits(2 * bound + 4), Err(Unfit::Disordered { shortest, jitter }));
    }
}
