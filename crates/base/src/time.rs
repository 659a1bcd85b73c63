//! Global time: integer femtoseconds since the start of the run.
//!
//! A `u64` of femtoseconds spans 5 hours and 7 minutes of simulated time. Sums saturate there, so that
//! a run that lasts too long can be noticed and named.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// An instant, or a span, of simulated time in femtoseconds.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Fs(pub u64);

impl Fs {
    /// The start of the run; the empty span.
    pub const ZERO: Self = Self(0);
    /// Later than any instant of a run.
    pub const NEVER: Self = Self(u64::MAX);
    /// Femtoseconds in a second.
    pub const PER_SECOND: u64 = 1_000_000_000_000_000;

    /// A span of whole nanoseconds.
    pub const fn from_ns(ns: u64) -> Self {
        Self(ns * 1_000_000)
    }

    /// A span of whole picoseconds.
    pub const fn from_ps(ps: u64) -> Self {
        Self(ps * 1_000)
    }

    /// In nanoseconds; for reports only.
    pub fn as_ns(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The span from `earlier` to `self`, or zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Fs {
    type Output = Self;
    #[inline]
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl AddAssign for Fs {
    #[inline]
    fn add_assign(&mut self, rhs: Self) {
        self.0 = self.0.saturating_add(rhs.0);
    }
}

impl Sub for Fs {
    type Output = Self;
    #[inline]
    fn sub(self, rhs: Self) -> Self {
        Self(self.0 - rhs.0)
    }
}

impl fmt::Display for Fs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            fs if fs >= Self::PER_SECOND => write!(f, "{:.3} s", fs as f64 / 1e15),
            fs if fs >= 1_000_000_000_000 => write!(f, "{:.3} ms", fs as f64 / 1e12),
            fs if fs >= 1_000_000_000 => write!(f, "{:.3} us", fs as f64 / 1e9),
            fs if fs >= 1_000_000 => write!(f, "{:.3} ns", fs as f64 / 1e6),
            fs => write!(f, "{:.3} ps", fs as f64 / 1e3),
        }
    }
}

impl fmt::Debug for Fs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fs", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_prints_in_the_unit_that_suits_it() {
        assert_eq!(Fs(1_500).to_string(), "1.500 ps");
        assert_eq!(Fs::from_ns(2).to_string(), "2.000 ns");
        assert_eq!(Fs::from_ns(1_250_000).to_string(), "1.250 ms");
        assert_eq!(Fs::from_ns(999_999_000).to_string(), "999.999 ms");
        assert_eq!(Fs(Fs::PER_SECOND).to_string(), "1.000 s");
        assert_eq!(Fs::from_ns(9_999_564_882_000).to_string(), "9999.565 s");
    }
}
