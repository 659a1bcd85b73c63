//! Time as the machine's components see it.
//!
//! - [`Domain`]: a clock whose k-th edge is exact rational arithmetic, so nothing accumulates.
//! - [`Crossing`]: when something that arrives at an instant is seen by another domain.
//! - [`Wheel`]: which components of a domain wake at which edge; empty stretches are jumped.
//! - [`Schedule`]: all domains together; the next instant at which anything happens.
//! - [`sync`]: the unit that gathers the arrivals at barriers and hands their release on.
//!
//! ```text
//!   component --wake(edge)--> Wheel (one a domain) --next edge--> Schedule --next instant--> machine
//! ```
//!
//! Nothing here knows what a component is: it is a number in its domain.

mod domain;
mod schedule;
pub mod sync;
mod wheel;

pub use domain::{Crossing, Domain, Edge};
pub use schedule::Schedule;
pub use wheel::Wheel;
