//! Clocks: the tree of references, ratios and deviations, and the crossings between domains.
//!
//! ```text
//!   "crystal" (frequency, ppm, drift) ──▶ "core" (parent: "crystal", ratio: (35, 2), spread, jitter)
//!                                     └─▶ "switch" (parent: "crystal", ratio: (17, 1), skew)
//! ```
//!
//! A clock with a frequency of its own is a reference; any other names its parent and an exact ratio, as
//! a PLL or a divider has. Offset, drift and spread are the reference's or the PLL's, and all below have
//! them; jitter is each clock's own: a PLL filters its reference's.

mod crossing;
mod form;
mod resolve;
mod spec;
mod validate;

pub(crate) use crossing::crossings;
pub use crossing::{CrossingForm, Via};
pub use form::{ChangeForm, Clock, DriftForm, SpreadDirection, SpreadForm};
pub(crate) use resolve::clocks;
pub use spec::{CrossingSpec, DriftSpec, SpreadSpec};
pub(crate) use validate::{apart_ppm, clock, related, wander_ppm};
