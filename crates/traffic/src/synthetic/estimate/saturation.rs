//! When a network no longer keeps up with a load.
//!
//! Below saturation what is offered is accepted, and source queues stay as they are but for noise.
//! Above it they grow for as long as the load lasts, and latency with them, so that a mean latency
//! says more about the run's length than about the network (Dally and Towles, 2004, 23.1).
//!
//! A run is saturated when any of these holds of its measured window:
//!
//! - **Undrained.** Packets of the window were still under way when the run was given up.
//! - **Latency.** Their mean latency, from creation, is above the limit: BookSim 2's
//!   `latency_thres`, 500 cycles.
//! - **Backlog.** The network accepted less than it was offered by more than the slack, *and* the
//!   flits waiting in source queues grew from reading to reading through the window, in all by more
//!   than the slack times what was offered. Either alone is no proof: a short window ends with
//!   flits in flight, and a queue may happen to be longer at its end. Flits in the network do
//!   not count: they are bounded, and cannot hide a shortfall for long.
//!
//! The backlog tells a run that is just beyond saturation, where a short window's latency is not yet
//! above the limit. BookSim's other sign, means of sample periods that do not converge, is the same
//! growth, seen by its effect.

use core::fmt;

/// What was seen in a measured window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Observed {
    /// Flits created within the window, by all nodes.
    pub offered_flits: u64,
    /// Flits that left the network within the window, at all nodes.
    pub accepted_flits: u64,
    /// Flits in all source queues at the window's start, after a third, after two, and at its end.
    pub backlog_flits: [u64; 4],
    /// Mean latency of the window's packets in cycles, source queues included; `None` if none
    /// arrived.
    pub packet_latency: Option<f64>,
    /// Whether all packets of the window arrived.
    pub drained: bool,
}

/// Limits beyond which a run is saturated.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Criteria {
    /// Cycles of mean packet latency.
    pub latency_cycles_max: f64,
    /// Part of the offered flits that may be missing, or queue up.
    pub slack: f64,
}

impl Default for Criteria {
    /// 500 cycles, as BookSim 2, and a slack of 1 %.
    ///
    /// ASSUMED: 1 %. In windows of some 10,000 cycles queues of a network below saturation swing by
    /// about a tenth of that, and a load 2 % beyond it lets them grow by twice as much.
    fn default() -> Self {
        Self { latency_cycles_max: 500.0, slack: 0.01 }
    }
}

/// Why a run is saturated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Saturated {
    /// Packets of the window did not arrive.
    Undrained,
    /// The mean latency is above the limit.
    Latency,
    /// Less is accepted than offered, and source queues grow.
    Backlog,
}

impl Criteria {
    /// Whether a run is saturated, and why; `None` if the network keeps up.
    pub fn judge(&self, seen: &Observed) -> Option<Saturated> {
        let late = |latency| latency > self.latency_cycles_max;
        if !seen.drained {
            Some(Saturated::Undrained)
        } else if seen.packet_latency.is_some_and(late) {
            Some(Saturated::Latency)
        } else if self.falls_short(seen) && self.queues_grow(seen) {
            Some(Saturated::Backlog)
        } else {
            None
        }
    }

    fn falls_short(&self, seen: &Observed) -> bool {
        (seen.accepted_flits as f64) < seen.offered_flits as f64 * (1.0 - self.slack)
    }

    fn queues_grow(&self, seen: &Observed) -> bool {
        let [first, .., last] = seen.backlog_flits;
        let throughout = seen.backlog_flits.windows(2).all(|two| two[0] < two[1]);
        let growth = last.saturating_sub(first) as f64;
        throughout && growth > seen.offered_flits as f64 * self.slack
    }
}

impl fmt::Display for Saturated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Undrained => "packets did not arrive",
            Self::Latency => "latency above the limit",
            Self::Backlog => "source queues grow",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEADY: Observed = Observed {
        offered_flits: 100_000,
        accepted_flits: 99_900,
        backlog_flits: [500, 450, 520, 480],
        packet_latency: Some(40.0),
        drained: true,
    };

    #[test]
    fn a_network_that_keeps_up_is_not_saturated() {
        assert_eq!(Criteria::default().judge(&STEADY), None);
        let silent = Observed { packet_latency: None, offered_flits: 0, ..STEADY };
        assert_eq!(Criteria::default().judge(&silent), None);
    }

    #[test]
    fn each_limit_holds_from_both_sides() {
        let judge = |seen: Observed| Criteria::default().judge(&seen);
        let late = |cycles| Observed { packet_latency: Some(cycles), ..STEADY };
        assert_eq!((judge(late(500.0)), judge(late(500.1))), (None, Some(Saturated::Latency)));
        assert_eq!(judge(Observed { drained: false, ..STEADY }), Some(Saturated::Undrained));

        let grown = |last| Observed {
            accepted_flits: 98_999,
            backlog_flits: [500, 800, 1100, last],
            ..STEADY
        };
        assert_eq!((judge(grown(1500)), judge(grown(1501))), (None, Some(Saturated::Backlog)));
        let keeps_up = Observed { accepted_flits: 99_000, ..grown(1501) };
        assert_eq!(judge(keeps_up), None, "what is accepted is within the slack");
        let swings = Observed { backlog_flits: [500, 1600, 1500, 1700], ..grown(1501) };
        assert_eq!(judge(swings), None, "queues fall between");
    }

    /// A single server with Bernoulli arrivals at `load` and one flit a cycle, but for every
    /// `rest`-th cycle: it saturates at `1 - 1 / rest`.
    fn server(load: f64, rest: u64, seed: u64) -> Observed {
        use crate::synthetic::draws::{Chance, Draws};
        const WARM_UP: u64 = 3000;
        const WINDOW: u64 = 9000;
        let (mut draws, chance) = (Draws::new(seed, 0, 0), Chance::of(load));
        let (mut queue, mut waited) = (0_u64, 0_u64);
        let mut seen = Observed { offered_flits: 0, accepted_flits: 0, ..STEADY };
        for cycle in 0..=WARM_UP + WINDOW {
            if cycle >= WARM_UP {
                let third = usize::try_from((cycle - WARM_UP) / (WINDOW / 3)).unwrap();
                if (cycle - WARM_UP).is_multiple_of(WINDOW / 3) {
                    seen.backlog_flits[third] = queue;
                }
            }
            let measured = u64::from((WARM_UP..WARM_UP + WINDOW).contains(&cycle));
            let arrived = u64::from(chance.hits(draws.next()));
            let served = u64::from(queue > 0 && !cycle.is_multiple_of(rest));
            seen.offered_flits += arrived * measured;
            seen.accepted_flits += served * measured;
            waited += queue * measured;
            queue = queue + arrived - served;
        }
        // Little's law.
        seen.packet_latency = Some(waited as f64 / seen.offered_flits.max(1) as f64);
        seen
    }

    #[test]
    fn a_queue_is_saturated_beyond_its_rate_and_not_below() {
        for seed in 0..20 {
            let judge = |load| Criteria::default().judge(&server(load, 5, seed));
            assert_eq!((judge(0.5), judge(0.76)), (None, None), "seed {seed}");
            assert!(judge(0.84).is_some(), "seed {seed}");
        }
    }
}
