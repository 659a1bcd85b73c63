//! Clocks of one period, with exact edges.
//!
//! Edge `k` is at `phase + floor(k * period)` femtoseconds, where the period is an exact
//! fraction: rounding never accumulates, whatever the frequency.

use base::Fs;

use crate::Edge;

/// A clock of one period: an exact fraction, and a phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Uniform {
    /// Period in femtoseconds as a reduced fraction.
    numer: u64,
    denom: u64,
    phase: Fs,
}

impl Uniform {
    /// A clock of `numer / denom` hertz whose edge 0 is at `phase`.
    ///
    /// Returns `None` if the frequency is zero, undefined, or above 1 PHz, where an edge would be
    /// shorter than the femtosecond that time is counted in; or if its period is no fraction of 64-bit
    /// numbers.
    pub fn new(hertz: (u64, u64), phase: Fs) -> Option<Self> {
        base::period::period(hertz).ok().map(|period| Self::of(period, phase))
    }

    /// A clock of a period in femtoseconds, a reduced fraction above zero, whose edge 0 is at `phase`.
    pub(crate) const fn of((numer, denom): (u64, u64), phase: Fs) -> Self {
        Self { numer, denom, phase }
    }

    /// The instant of edge `k`; edges beyond the 5 hours that time can count are all at their end.
    #[inline]
    pub fn instant(&self, k: Edge) -> Fs {
        let span = match k.0.checked_mul(self.numer) {
            Some(product) if self.denom == 1 => product,
            Some(product) => product / self.denom,
            None => wide(k.0, self.numer, self.denom, 0),
        };
        (self.phase + Fs(span)).min(END)
    }

    /// The first edge at or after `instant`.
    ///
    /// `floor(k * period) >= x` holds for whole `x` exactly when `k * period >= x`.
    #[inline]
    pub fn edge_at_or_after(&self, instant: Fs) -> Edge {
        let x = instant.since(self.phase).0;
        Edge(match x.checked_mul(self.denom) {
            Some(product) => product.div_ceil(self.numer),
            None => wide(x, self.denom, self.numer, u128::from(self.numer) - 1),
        })
    }

    /// The first edge strictly after `instant`.
    #[inline]
    pub fn edge_after(&self, instant: Fs) -> Edge {
        if instant < self.phase { Edge(0) } else { self.edge_at_or_after(instant + Fs(1)) }
    }

    /// The period, rounded up to a femtosecond.
    pub fn period_ceil(&self) -> Fs {
        Fs(self.numer.div_ceil(self.denom))
    }
}

/// The last instant that an edge can have.
const END: Fs = Fs(u64::MAX - 1);

/// `(a * b + bias) / by` through 128 bits, for the far end of long runs; saturates.
#[cold]
fn wide(a: u64, b: u64, by: u64, bias: u128) -> u64 {
    let quotient = (u128::from(a) * u128::from(b) + bias) / u128::from(by);
    u64::try_from(quotient).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ghz(numer: u64, denom: u64) -> Uniform {
        Uniform::new((numer * 1_000_000_000, denom), Fs::ZERO).unwrap()
    }

    #[test]
    fn three_gigahertz_edges_never_drift() {
        let d = ghz(3, 1);
        assert_eq!(d.instant(Edge(1)), Fs(333_333));
        assert_eq!(d.instant(Edge(3)), Fs(1_000_000));
        assert_eq!(d.instant(Edge(3_000_000_000_000)), Fs(Fs::PER_SECOND * 1_000));
    }

    #[test]
    fn an_edge_is_found_from_its_own_instant_and_not_one_femtosecond_later() {
        let d = ghz(1755, 1000);
        for k in [0, 1, 2, 350, 351, 352, 1_000_000_007, 9_000_000_000_000] {
            assert_eq!(d.edge_at_or_after(d.instant(Edge(k))), Edge(k));
            assert_eq!(d.edge_at_or_after(d.instant(Edge(k)) + Fs(1)), Edge(k + 1));
            assert_eq!(d.edge_after(d.instant(Edge(k))), Edge(k + 1));
        }
    }

    #[test]
    fn before_the_phase_the_first_edge_is_edge_zero() {
        let d = Uniform::new((1_000_000_000, 1), Fs(500)).unwrap();
        assert_eq!(d.edge_at_or_after(Fs(0)), Edge(0));
        assert_eq!(d.edge_after(Fs(0)), Edge(0));
        assert_eq!(d.edge_after(Fs(500)), Edge(1));
    }

    #[test]
    fn edges_beyond_the_end_of_time_are_at_its_end() {
        let slow = Uniform::new((1, 1), Fs::ZERO).unwrap();
        assert_eq!(slow.instant(Edge(u64::from(u32::MAX))), END);
        assert!(slow.edge_after(END) > slow.edge_at_or_after(Fs(Fs::PER_SECOND)));
    }

    #[test]
    fn impossible_frequencies_are_refused() {
        assert!(Uniform::new((0, 1), Fs::ZERO).is_none());
        assert!(Uniform::new((1, 0), Fs::ZERO).is_none());
        assert!(Uniform::new((u64::MAX, 1), Fs::ZERO).is_none());
    }

    proptest! {
        #[test]
        fn edges_equal_rational_arithmetic_at_any_distance(
            numer in 1_u64..20_000_000_000, denom in 1_u64..1000, k in 0_u64..1_000_000_000_000,
        ) {
            let d = Uniform::new((numer, denom), Fs::ZERO).unwrap();
            let exact = u128::from(k) * u128::from(Fs::PER_SECOND) * u128::from(denom)
                / u128::from(numer);
            prop_assume!(exact < u128::from(u64::MAX / 2));
            let t = d.instant(Edge(k));
            prop_assert_eq!(u128::from(t.0), exact);
            prop_assert_eq!(d.edge_at_or_after(t), Edge(k));
        }

        #[test]
        fn the_edge_after_an_instant_is_the_first_one(
            mhz in 1_u64..5_000_000, phase in 0_u64..10_000_000, t in 0_u64..1_000_000_000_000,
        ) {
            let d = Uniform::new((mhz * 1_000, 7), Fs(phase)).unwrap();
            let k = d.edge_at_or_after(Fs(t));
            prop_assert!(d.instant(k) >= Fs(t));
            prop_assert!(k.0 == 0 || d.instant(Edge(k.0 - 1)) < Fs(t));
        }
    }
}
