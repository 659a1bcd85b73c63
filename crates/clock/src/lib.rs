//! Time as the machine's components see it.
//!
//! - [`Domain`]: a clock whose k-th edge is a closed form, so nothing accumulates: one exact period
//!   ([`Uniform`]), or with changes of frequency, spread spectrum, drift and jitter.
//! - [`Counter`]: a free-running counter of an oscillator, disciplined by a [`Servo`].
//! - [`Crossing`]: when something that arrives at an instant is seen by another domain.
//! - [`Fifo`]: a crossing with a bounded number of places, which holds up what finds it full.
//! - [`Wheel`]: which components of a domain wake at which edge; empty stretches are jumped.
//! - [`Schedule`]: all domains together; the next instant at which anything happens.
//! - [`sync`]: the unit that gathers the arrivals at barriers and hands their release on.
//!
//! ```text
//!   component --wake(edge)--> Wheel (one a domain) --next edge--> Schedule --next instant--> machine
//! ```
//!
//! Nothing here knows what a component is: it is a number in its domain.

mod counter;
mod crossing;
mod domain;
mod edge;
mod fifo;
mod jitter;
mod modulated;
mod schedule;
mod spread;
pub mod sync;
mod table;
mod uniform;
mod wander;
mod wheel;

#[cfg(test)]
mod tests;

pub use counter::{Counter, RATE_BITS, Servo, VALUE_BITS};
pub use crossing::Crossing;
pub use domain::{ClockError, ClockParams, Domain, Oscillator};
pub use edge::Edge;
pub use fifo::Fifo;
pub use schedule::Schedule;
pub use spread::{Direction, Spread};
pub use uniform::Uniform;
pub use wander::Drift;
pub use wheel::Wheel;
