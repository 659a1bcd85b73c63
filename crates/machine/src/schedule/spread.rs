//! How much times differ: in one run, and from run to run.

/// A set of numbers, summed up.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Spread {
    /// The least; 0 of nothing.
    pub min: f64,
    /// The mean.
    pub mean: f64,
    /// The greatest.
    pub max: f64,
    /// The standard deviation.
    pub sigma: f64,
}

impl Spread {
    /// Of these numbers.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Self {
        let (mut count, mut min, mut max) = (0_u64, f64::INFINITY, f64::NEG_INFINITY);
        let (mut mean, mut squares) = (0.0, 0.0);
        for n in numbers {
            count += 1;
            min = min.min(n);
            max = max.max(n);
            let off = n - mean;
            mean += off / count as f64;
            squares += off * (n - mean);
        }
        if count == 0 {
            return Self::default();
        }
        Self { min, mean, max, sigma: (squares / count as f64).sqrt() }
    }

    /// The greatest less the least.
    pub fn range(&self) -> f64 {
        self.max - self.min
    }
}

/// The same transfers, run several times.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Repeats {
    /// Runs.
    pub runs: u64,
    /// Over all transfers: by how many cycles the arrival of one differs between runs (its latest less
    /// its earliest).
    pub arrival_range: Spread,
    /// Over all transfers: the standard deviation of one's arrival between runs.
    pub arrival_sigma: Spread,
    /// Over all transfers and runs: cycles from leaving the source to arrival.
    pub latency: Spread,
    /// Over all transfers and runs: cycles of that beyond what the packet would take alone by the way
    /// that the schedule has for it.
    pub delay: Spread,
    /// Over all runs: the cycle of the last arrival.
    pub completion: Spread,
    /// Requests for VCs and the switch that were lost, and cycles in which packets were behind others; of
    /// all runs.
    pub losses: u64,
}

/// Runs as they are added up.
#[derive(Clone, Default, Debug)]
pub(super) struct Adding {
    /// `[run][transfer]`
    arrivals: Vec<Vec<u64>>,
    latencies: Vec<f64>,
    delays: Vec<f64>,
    losses: u64,
}

impl Adding {
    /// Adds a run; `alone` gives a transfer's latency when nothing is in its way.
    pub(super) fn add(&mut self, outcome: super::Outcome, alone: impl Fn(usize) -> u64) {
        for (i, (left, came)) in outcome.departures.iter().zip(&outcome.arrivals).enumerate() {
            let latency = (came - left) as f64;
            self.latencies.push(latency);
            self.delays.push(latency - alone(i) as f64);
        }
        self.losses += outcome.losses.to_others();
        self.arrivals.push(outcome.arrivals);
    }

    pub(super) fn sum(&self) -> Repeats {
        let transfers = self.arrivals.first().map_or(0, Vec::len);
        let of = |i: usize| Spread::of(self.arrivals.iter().map(|run| run[i] as f64));
        let each: Vec<Spread> = (0..transfers).map(of).collect();
        let last = |run: &Vec<u64>| run.iter().max().copied().unwrap_or(0) as f64;
        Repeats {
            runs: self.arrivals.len() as u64,
            arrival_range: Spread::of(each.iter().map(Spread::range)),
            arrival_sigma: Spread::of(each.iter().map(|s| s.sigma)),
            latency: Spread::of(self.latencies.iter().copied()),
            delay: Spread::of(self.delays.iter().copied()),
            completion: Spread::of(self.arrivals.iter().map(last)),
            losses: self.losses,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Losses, Outcome};

    #[test]
    fn spread_is_least_mean_greatest_and_deviation() {
        let s = Spread::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((s.min, s.max, s.range()), (2.0, 9.0, 7.0));
        assert!((s.mean - 5.0).abs() < 1e-12 && (s.sigma - 2.0).abs() < 1e-12, "{s:?}");
        assert_eq!(Spread::of([]), Spread::default());
    }

    #[test]
    fn a_transfer_that_arrives_at_two_cycles_spreads_by_what_they_differ_by() {
        let mut adding = Adding::default();
        for arrivals in [vec![10, 20], vec![14, 20]] {
            let departures = vec![2, 5];
            adding.add(Outcome { departures, arrivals, losses: Losses::default() }, |_| 8);
        }
        let r = adding.sum();
        assert_eq!((r.runs, r.arrival_range.max, r.arrival_range.min), (2, 4.0, 0.0));
        assert_eq!((r.arrival_sigma.max, r.delay.max, r.delay.min), (2.0, 7.0, 0.0));
        assert_eq!((r.completion.min, r.completion.max), (20.0, 20.0));
    }
}
