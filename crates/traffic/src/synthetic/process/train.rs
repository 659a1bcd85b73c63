//! Self-similar traffic: trains of packets whose lengths and pauses are heavy-tailed.
//!
//! The sum of many on-off sources whose stays have Pareto tails of exponent `a` between 1 and 2 is
//! self-similar with Hurst parameter `H = (3 - a) / 2` (Taqqu, Willinger and Sherman, ACM CCR 27(2),
//! 1997). Each train is one such source: while it is on, its flits follow each other at one a cycle,
//! so a packet comes each `mean_flits` cycles of being on, counted across pauses; so the mean rate is
//! exactly the share of time it is on.
//!
//! Stays are cut at [`CUT`] times their least, so that they have a mean that a run can come near;
//! beyond that scale the traffic is like independent draws. The first stay is what is left of one
//! that began long ago, so the process is stationary from cycle 0.

use base::math::{exp2, log2, log2_unit, unit};

use super::super::draws::{Chance, Draws};
use super::super::error::SyntheticError;
use super::{NEVER, stream};

/// ASSUMED: the longest stay over the shortest, 2^16: the scales that a run of some million cycles
/// can show.
const CUT: f64 = 65536.0;

/// Trains a node.
const TRAINS_MAX: u32 = 64;

/// Fractions of a cycle that times are kept in.
const TICKS_PER_CYCLE: f64 = 65536.0;
const TICK_BITS: u32 = 16;

/// What all trains of a node have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct TrainsPlan {
    on: Pareto,
    off: Pareto,
    /// The share of time that a train is on.
    duty: f64,
    /// Ticks of being on from packet to packet.
    spacing: u64,
    trains: u32,
}

impl TrainsPlan {
    pub(super) fn new(
        hurst: f64,
        trains: u32,
        packet_rate: f64,
        mean_flits: f64,
    ) -> Result<Self, SyntheticError> {
        let wrong = |message, mend| Err(SyntheticError::new("process", message, mend));
        if !(0.501..=0.999).contains(&hurst) {
            let message = format!("{hurst} is no Hurst parameter of bursty traffic");
            return wrong(message, "use a number from 0.501 to 0.999; 0.5 is `bernoulli`");
        }
        if trains == 0 || trains > TRAINS_MAX {
            let message = format!("{trains} trains a node are none or too many");
            return wrong(message, "use 1 to 64");
        }
        let duty = packet_rate * mean_flits / f64::from(trains);
        if duty >= 0.99 {
            let message = format!("{trains} trains cannot carry the rate, at a flit a cycle each");
            return wrong(message, "use more trains, as in `self_similar(0.8,16)`");
        }
        let exponent = 3.0 - 2.0 * hurst;
        let on = Pareto { least: mean_flits, exponent };
        // Means are in the proportion of the leasts, both being cut in proportion.
        let off = Pareto { least: mean_flits * (1.0 - duty) / duty.max(1e-9), exponent };
        Ok(Self { on, off, duty, spacing: ticks(mean_flits), trains })
    }
}

/// Lengths in cycles, more than `x` with chance `(x / least)^-exponent`, cut at `CUT * least`.
#[derive(Clone, Copy, Debug)]
struct Pareto {
    least: f64,
    exponent: f64,
}

impl Pareto {
    fn length_ticks(self, draw: u64) -> u64 {
        let longer = exp2(-log2_unit(draw) / self.exponent);
        ticks(self.least * longer.min(CUT))
    }

    /// What is left of the length that a random instant falls into: more than `x` with a chance in
    /// proportion to what of the mean lies beyond `x`.
    fn residual_ticks(self, draw: u64) -> u64 {
        let tail = self.exponent - 1.0;
        let cut = exp2(-tail * log2(CUT));
        let mean = 1.0 + (1.0 - cut) / tail;
        let beyond = unit(draw) * mean;
        let short = mean - beyond;
        if short < 1.0 {
            return ticks(self.least * short.max(0.0));
        }
        ticks(self.least * exp2(-log2(beyond * tail + cut) / tail))
    }
}

fn ticks(cycles: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and beyond 2^48 cycles it is cut"
    )]
    let ticks = (cycles * TICKS_PER_CYCLE) as u64;
    ticks
}

/// The trains of a node.
#[derive(Clone, Debug)]
pub(super) struct Trains {
    plan: TrainsPlan,
    trains: Box<[Train]>,
}

#[derive(Clone, Copy, Debug)]
struct Train {
    draws: Draws,
    /// Ticks at its next packet.
    due: u64,
    /// Ticks that it stays on behind that.
    on_left: u64,
}

impl Trains {
    pub(super) fn new(plan: &TrainsPlan, seed: u64, component: u64) -> Self {
        let train = |n: u32| {
            let draws = Draws::new(seed, component, stream::TRAINS + u64::from(n));
            Train::new(draws, plan)
        };
        Self { plan: *plan, trains: (0..plan.trains).map(train).collect() }
    }

    pub(super) fn next_arrival(&mut self, from: u64) -> u64 {
        loop {
            let Some(first) = self.trains.iter_mut().min_by_key(|train| train.due) else {
                return NEVER;
            };
            if first.due == NEVER {
                return NEVER;
            }
            let at = first.due >> TICK_BITS;
            first.on_to(self.plan.spacing, &self.plan);
            if at >= from {
                return at;
            }
        }
    }
}

impl Train {
    fn new(mut draws: Draws, plan: &TrainsPlan) -> Self {
        let mut train = if Chance::of(plan.duty).hits(draws.next()) {
            let on_left = plan.on.residual_ticks(draws.next());
            Self { draws, due: 0, on_left }
        } else {
            let due = plan.off.residual_ticks(draws.next());
            let on_left = plan.on.length_ticks(draws.next());
            Self { draws, due, on_left }
        };
        let into = u128::from(plan.spacing) * u128::from(train.draws.next());
        train.on_to(u64::try_from(into >> 64).unwrap_or(0), plan);
        train
    }

    /// Moves to the instant when it has been on for `ticks` more.
    fn on_to(&mut self, ticks: u64, plan: &TrainsPlan) {
        let mut ticks = ticks;
        while ticks > self.on_left && self.due < NEVER {
            ticks -= self.on_left;
            let pause = plan.off.length_ticks(self.draws.next());
            self.due = self.due.saturating_add(self.on_left).saturating_add(pause);
            self.on_left = plan.on.length_ticks(self.draws.next());
        }
        self.on_left = self.on_left.saturating_sub(ticks);
        self.due = self.due.saturating_add(ticks);
    }
}
