//! The largest load that a network keeps up with, by bisection.

use super::super::error::SyntheticError;

/// What a run at one rate came to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Outcome {
    /// Whether the network was saturated; see [`super::Criteria`].
    pub saturated: bool,
    /// Flits a node and cycle that it accepted.
    pub accepted: f64,
}

/// A rate that was tried.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Probe {
    /// Flits a node and cycle that were offered.
    pub rate: f64,
    /// What came of it.
    pub outcome: Outcome,
}

/// Saturation lies between two rates.
#[derive(Clone, PartialEq, Debug)]
pub struct Bracket {
    /// The largest rate that was kept up with; `None` if even the lowest was too much.
    pub stable: Option<Probe>,
    /// The least rate that was too much; `None` if even the highest was kept up with.
    pub saturated: Option<Probe>,
    /// Every rate that was tried, in order of trial.
    pub probes: Vec<Probe>,
}

/// Where to look, and how closely.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SaturationSearch {
    low: f64,
    high: f64,
    tolerance: f64,
}

impl SaturationSearch {
    /// A search from `low` to `high` flits a node and cycle, until the bracket is no wider than
    /// `tolerance`.
    ///
    /// # Errors
    /// Rates that are not `0 <= low < high`, or a tolerance below a millionth of `high`.
    pub fn new(low: f64, high: f64, tolerance: f64) -> Result<Self, SyntheticError> {
        if !(low >= 0.0 && low < high && high.is_finite()) {
            let message = format!("there is no range of rates from {low} to {high}");
            return Err(SyntheticError::new("rate", message, "use 0 <= low < high"));
        }
        if tolerance.is_nan() || tolerance < high * 1e-6 {
            let message = format!("{tolerance} is too close a tolerance");
            let mend = "use at least a millionth of the highest rate; 0.005 is usual";
            return Err(SyntheticError::new("tolerance", message, mend));
        }
        Ok(Self { low, high, tolerance })
    }

    /// Tries both ends, then halves until the bracket is narrow enough: at most 22 runs.
    ///
    /// Saturation has to be monotone in the rate; noise near it decides which way a bracket falls,
    /// but each end of it is a rate whose run was as it says.
    ///
    /// # Errors
    /// The first error of `measure`.
    pub fn run<E>(&self, mut measure: impl FnMut(f64) -> Result<Outcome, E>) -> Result<Bracket, E> {
        let mut bracket = Bracket { stable: None, saturated: None, probes: Vec::new() };
        if bracket.take(self.low, &mut measure)? || !bracket.take(self.high, &mut measure)? {
            return Ok(bracket);
        }
        let (mut low, mut high) = (self.low, self.high);
        while high - low > self.tolerance {
            let middle = low + (high - low) / 2.0;
            if bracket.take(middle, &mut measure)? {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(bracket)
    }
}

impl Bracket {
    /// Runs one probe and says whether it was saturated.
    fn take<E>(
        &mut self,
        rate: f64,
        measure: &mut impl FnMut(f64) -> Result<Outcome, E>,
    ) -> Result<bool, E> {
        let probe = Probe { rate, outcome: measure(rate)? };
        self.probes.push(probe);
        // Each probe lies within the bracket, so it is the new end of its side.
        let side = if probe.outcome.saturated { &mut self.saturated } else { &mut self.stable };
        *side = Some(probe);
        Ok(probe.outcome.saturated)
    }

    /// The saturation throughput in flits a node and cycle: the most that any run accepted. Beyond
    /// saturation some networks accept less again, so it is not simply the last one's.
    pub fn throughput(&self) -> Option<f64> {
        self.probes.iter().map(|probe| probe.outcome.accepted).max_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use super::*;

    /// A network that saturates at `at`.
    fn network(at: f64) -> impl FnMut(f64) -> Result<Outcome, Infallible> {
        move |rate| Ok(Outcome { saturated: rate > at, accepted: rate.min(at) })
    }

    #[test]
    fn the_bracket_holds_the_knee_and_is_narrow() {
        for at in [0.013, 0.25, 0.4321, 0.5, 0.999] {
            let search = SaturationSearch::new(0.01, 1.0, 0.005).unwrap();
            let bracket = search.run(network(at)).unwrap();
            let (low, high) = (bracket.stable.unwrap().rate, bracket.saturated.unwrap().rate);
            assert!(low <= at && at < high && high - low <= 0.005, "{at}: {low} {high}");
            // Both ends, and log2 (0.99 / 0.005) = 7.6 halvings.
            assert_eq!(bracket.probes.len(), 10);
            assert!((bracket.throughput().unwrap() - at).abs() < 1e-12);
        }
    }

    #[test]
    fn a_knee_outside_leaves_one_side_open() {
        let search = SaturationSearch::new(0.1, 0.5, 0.01).unwrap();
        let below = search.run(network(0.05)).unwrap();
        assert!(below.stable.is_none() && below.probes.len() == 1);
        let above = search.run(network(0.8)).unwrap();
        assert!(above.saturated.is_none() && above.probes.len() == 2);
        assert_eq!(search.run(|_| Err("broken")), Err("broken"));
    }

    #[test]
    fn ranges_that_cannot_be_searched_are_errors() {
        for (low, high) in [(-0.1, 1.0), (0.5, 0.5), (0.6, 0.5), (f64::NAN, 1.0), (0.0, f64::NAN)] {
            assert_eq!(SaturationSearch::new(low, high, 0.01).unwrap_err().key(), "rate");
        }
        for tolerance in [0.0, -1.0, f64::NAN, 1e-9] {
            assert_eq!(SaturationSearch::new(0.0, 1.0, tolerance).unwrap_err().key(), "tolerance");
        }
    }
}
