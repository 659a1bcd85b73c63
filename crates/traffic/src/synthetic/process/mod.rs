//! Injection processes: at which cycles a node has a packet to send.
//!
//! A process is asked for its next arrival and jumps there: the cycles between cost nothing. It has
//! memory of its own node only, and draws from streams of its own.
//!
//! | process | arrivals | source |
//! |---|---|---|
//! | [`ProcessSpec::Bernoulli`] | each cycle with the same chance | Dally and Towles (2004), 24.2 |
//! | [`ProcessSpec::OnOff`] | the same while a two-state Markov chain is on | BookSim 2, `on_off` |
//! | [`ProcessSpec::SelfSimilar`] | a few trains whose lengths and pauses are heavy-tailed | Willinger et al., IEEE/ACM Trans. Networking 5(1), 1997; Taqqu et al., ACM CCR 27(2), 1997 |
//! | [`ProcessSpec::Periodic`] | evenly spaced, each node with a phase of its own | - |
//!
//! All but the trains give at most one packet a cycle. All are stationary from cycle 0: a chain
//! begins in either state with its long-run chance (BookSim begins off).

mod burst;
mod geometric;
mod parse;
mod periodic;
mod train;

use super::error::SyntheticError;

pub use parse::PROCESSES;

use burst::{Burst, BurstPlan};
use geometric::{Bernoulli, BernoulliPlan};
use periodic::Periodic;
use train::{Trains, TrainsPlan};

/// The cycle of an arrival that does not come.
pub const NEVER: u64 = u64::MAX;

/// Packets a node and cycle, the least that is more than nothing: below it, looking for an arrival
/// may take longer than any run.
const PACKET_RATE_MIN: f64 = 1e-6;

/// An injection process as it is asked for.
///
/// It parses from text and prints as that text; [`PROCESSES`] lists the names.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
#[non_exhaustive]
pub enum ProcessSpec {
    /// A packet each cycle with a chance of the packet rate.
    #[default]
    Bernoulli,
    /// Bursts: a chain that is on or off; each cycle it may change, and then, if it is on, there is
    /// a packet with a chance of `peak`. Two of the three are given; the packet rate, which is
    /// `peak * alpha / (alpha + beta)`, gives the third.
    OnOff {
        /// Chance a cycle of turning on, from 1e-6 to 1.
        alpha: Option<f64>,
        /// Chance a cycle of turning off, from 1e-6 to 1.
        beta: Option<f64>,
        /// Packets a cycle while on, up to 1; BookSim's `burst_r1`.
        peak: Option<f64>,
    },
    /// Traffic that is bursty on every time scale: the sum of `sources` trains of packets, whose
    /// lengths and pauses have Pareto tails with exponent `3 - 2 hurst`.
    SelfSimilar {
        /// Hurst parameter, above 0.5 and below 1.
        hurst: f64,
        /// Trains a node, 1 to 64.
        sources: u32,
    },
    /// A packet every so many cycles, exactly in the mean.
    Periodic,
}

/// A process whose rate is known and whose numbers were found to fit: it can be started at a node.
#[derive(Clone, Debug)]
pub struct ProcessPlan(Plan);

#[derive(Clone, Debug)]
enum Plan {
    Never,
    Bernoulli(BernoulliPlan),
    Burst(BurstPlan),
    Trains(TrainsPlan),
    Periodic { packet_rate: f64 },
}

/// A process at a node.
#[derive(Clone, Debug)]
pub struct Process(State);

#[derive(Clone, Debug)]
enum State {
    Never,
    Bernoulli(Bernoulli),
    // Boxed, so that a node of the others is small.
    Burst(Box<Burst>),
    Trains(Box<Trains>),
    Periodic(Box<Periodic>),
}

impl ProcessSpec {
    /// The process with `packet_rate` packets a cycle of `mean_flits` flits in the mean (which the
    /// trains need: within one, flits follow each other at one a cycle).
    ///
    /// # Errors
    /// A packet rate that is not 0, nor from 1e-6 to 1; parameters out of range; a burst that would
    /// have to exceed a packet a cycle for its rate.
    pub fn plan(&self, packet_rate: f64, mean_flits: f64) -> Result<ProcessPlan, SyntheticError> {
        if packet_rate.is_nan() || packet_rate < 0.0 {
            let message = format!("{packet_rate} packets a cycle is no rate");
            return Err(SyntheticError::new("rate", message, "use 0 or more"));
        }
        if packet_rate > 1.0 {
            let message = format!("a node would begin {packet_rate:.4} packets each cycle");
            let mend = "lower the rate, or use longer packets: one packet a cycle is the most";
            return Err(SyntheticError::new("rate", message, mend));
        }
        let idle = packet_rate <= 0.0;
        if !idle && packet_rate < PACKET_RATE_MIN {
            let message = format!("{packet_rate:e} packets a cycle is too few to be measured");
            let mend = format!("use 0, or at least {PACKET_RATE_MIN:e} packets a cycle");
            return Err(SyntheticError::new("rate", message, mend));
        }
        let plan = match *self {
            Self::Bernoulli => Plan::Bernoulli(BernoulliPlan::new(packet_rate)),
            Self::Periodic => Plan::Periodic { packet_rate },
            Self::OnOff { alpha, beta, peak } => {
                Plan::Burst(BurstPlan::new([alpha, beta, peak], packet_rate)?)
            }
            Self::SelfSimilar { hurst, sources } => {
                Plan::Trains(TrainsPlan::new(hurst, sources, packet_rate, mean_flits)?)
            }
        };
        Ok(ProcessPlan(if idle { Plan::Never } else { plan }))
    }
}

impl ProcessPlan {
    /// The process at `node`, before its first arrival.
    pub fn start(&self, seed: u64, node: base::NodeIdx) -> Process {
        let component = u64::from(node.0);
        Process(match &self.0 {
            Plan::Never => State::Never,
            Plan::Bernoulli(plan) => State::Bernoulli(Bernoulli::new(plan, seed, component)),
            Plan::Burst(plan) => State::Burst(Box::new(Burst::new(plan, seed, component))),
            Plan::Trains(plan) => State::Trains(Box::new(Trains::new(plan, seed, component))),
            Plan::Periodic { packet_rate } => {
                State::Periodic(Box::new(Periodic::new(*packet_rate, seed, component)))
            }
        })
    }
}

impl Process {
    /// The cycle of the next arrival that is not before cycle `from`, or [`NEVER`].
    ///
    /// Each arrival is told once, in order. Those before `from` are lost: a terminal that may not
    /// send until then has not heard of them. An open loop asks from 0.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub fn next_arrival(&mut self, from: u64) -> u64 {
        match &mut self.0 {
            State::Bernoulli(bernoulli) => bernoulli.next_arrival(from),
            _ => self.next_of_others(from),
        }
    }

    /// As [`next_arrival`](Self::next_arrival), of any process, out of the way.
    #[inline(never)]
    fn next_of_others(&mut self, from: u64) -> u64 {
        match &mut self.0 {
            State::Bernoulli(bernoulli) => bernoulli.next_arrival(from),
            State::Never => NEVER,
            State::Burst(burst) => burst.next_arrival(from),
            State::Trains(trains) => trains.next_arrival(from),
            State::Periodic(periodic) => periodic.next_arrival(from),
        }
    }
}

/// Streams of a node's draws.
mod stream {
    pub(super) const ARRIVALS: u64 = 0;
    pub(super) const STATES: u64 = 1;
    pub(super) const PHASE: u64 = 2;
    /// The first of the trains'.
    pub(super) const TRAINS: u64 = 1 << 32;
}

#[cfg(test)]
mod tests;
