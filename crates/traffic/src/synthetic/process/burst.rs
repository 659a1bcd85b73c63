//! Bursts: the two-state Markov chain of BookSim's `on_off`.
//!
//! The chain changes at the start of a cycle, and a cycle that is on then has a packet with a chance
//! of `peak`. Stays in a state are geometric, so each is one draw, as is the gap to the next packet
//! within a burst; a gap that reaches beyond the burst is forgotten, which changes nothing, because
//! a geometric gap has no memory.

use super::super::draws::{Chance, Draws};
use super::super::error::SyntheticError;
use super::geometric::Geometric;
use super::{NEVER, stream};

/// The least chance a cycle of a change: a state lasts a million cycles in the mean.
const CHANGE_MIN: f64 = 1e-6;

/// Chances a cycle of turning on, of turning off, and of a packet while on.
#[derive(Clone, Copy, Debug)]
pub(super) struct BurstPlan {
    alpha: f64,
    beta: f64,
    peak: f64,
}

impl BurstPlan {
    pub(super) fn new(given: [Option<f64>; 3], packet_rate: f64) -> Result<Self, SyntheticError> {
        let [alpha, beta, peak] = given;
        let (alpha, beta, peak) = match (alpha, beta, peak) {
            // BookSim's three ways to leave one of them out.
            (Some(a), Some(b), None) => (a, b, packet_rate * (a + b) / a),
            (None, Some(b), Some(p)) => (b * packet_rate / (p - packet_rate), b, p),
            (Some(a), None, Some(p)) => (a, a * (p - packet_rate) / packet_rate, p),
            _ => {
                let mend = "leave out one of alpha, beta and peak: the rate gives it";
                return Err(wrong("`on_off` takes two of its three parameters".to_owned(), mend));
            }
        };
        if packet_rate <= 0.0 {
            return Ok(Self { alpha: 1.0, beta: 1.0, peak: 1.0 });
        }
        if peak.is_nan() || peak > 1.0 || peak < packet_rate {
            let message = format!(
                "bursts would need {peak:.4} packets a cycle for {packet_rate:.4} in the mean"
            );
            return Err(wrong(
                message,
                "peak is from the packet rate to 1: lower the rate, or \
                                       raise alpha or lower beta",
            ));
        }
        for (name, chance) in [("alpha", alpha), ("beta", beta)] {
            if !(CHANGE_MIN..=1.0).contains(&chance) {
                let message = format!("{name} would be {chance} a cycle");
                return Err(wrong(message, "alpha and beta are chances from 1e-6 to 1"));
            }
        }
        Ok(Self { alpha, beta, peak })
    }
}

fn wrong(message: String, mend: &str) -> SyntheticError {
    SyntheticError::new("process", message, mend)
}

/// The chain at a node. `on_from .. on_until` is the burst it is in or will be in next.
#[derive(Clone, Debug)]
pub(super) struct Burst {
    arrivals: Draws,
    states: Draws,
    gap: Geometric,
    off: Geometric,
    on: Geometric,
    on_from: u64,
    on_until: u64,
    untried: u64,
}

impl Burst {
    pub(super) fn new(plan: &BurstPlan, seed: u64, component: u64) -> Self {
        let mut burst = Self {
            arrivals: Draws::new(seed, component, stream::ARRIVALS),
            states: Draws::new(seed, component, stream::STATES),
            gap: Geometric::new(plan.peak),
            off: Geometric::new(plan.alpha),
            on: Geometric::new(plan.beta),
            on_from: 0,
            on_until: 0,
            untried: 0,
        };
        let on_at_start = Chance::of(plan.alpha / (plan.alpha + plan.beta));
        if on_at_start.hits(burst.states.next()) {
            burst.on_until = burst.on.trials(burst.states.next());
        } else {
            burst.next_burst();
        }
        burst
    }

    pub(super) fn next_arrival(&mut self, from: u64) -> u64 {
        self.untried = self.untried.max(from);
        while self.untried < NEVER {
            if self.untried >= self.on_until {
                self.next_burst();
                continue;
            }
            let start = self.untried.max(self.on_from);
            let after = start.saturating_add(self.gap.trials(self.arrivals.next()));
            self.untried = after.min(self.on_until);
            if after <= self.on_until {
                return after - 1;
            }
        }
        NEVER
    }

    fn next_burst(&mut self) {
        self.on_from = self.on_until.saturating_add(self.off.trials(self.states.next()));
        self.on_until = self.on_from.saturating_add(self.on.trials(self.states.next()));
    }
}
