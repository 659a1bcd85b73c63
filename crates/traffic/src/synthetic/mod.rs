//! Synthetic traffic: packets from nothing but a pattern, a process, a rate and a seed; and the
//! estimation of what a network makes of them.
//!
//! ```text
//!   Process ─────── cycle ──▶ ┌────────┐
//!   Destinations ── dst ────▶ │ Source │ ──▶ Arrival { cycle, dst, flits, class } ──▶ source queue
//!   PacketSizes ─── flits ──▶ └────────┘
//! ```
//!
//! A [`TrafficSpec`] is what a user says; on a [`Shape`] it becomes [`Traffic`], which gives a
//! [`Source`] for each node. A source jumps from packet to packet: cycles without one cost nothing.
//! Rates are flits a node and cycle; cycles are the terminals', from 0.
//!
//! ```
//! use base::NodeIdx;
//! use traffic::synthetic::{Shape, TrafficSpec};
//!
//! let spec = TrafficSpec {
//!     pattern: "hotspot(0:3,5:1@0.2)".parse()?,
//!     process: "on_off(0.1,0.3)".parse()?,
//!     rate: 0.2,
//!     ..TrafficSpec::default()
//! };
//! let traffic = spec.on(&Shape::grid(&[4, 4], 1))?;
//! let mut source = traffic.source(NodeIdx(7));
//! let first = source.next(traffic.pattern());
//! assert_eq!(first, traffic.source(NodeIdx(7)).next(traffic.pattern()));
//! # Ok::<(), traffic::synthetic::SyntheticError>(())
//! ```
//!
//! What a node sends is a function of the seed and its number. Draws are hashes of (seed, node,
//! stream, count), and logarithms are of basic operations only, so the same seed gives the same
//! packets on every machine.

mod draws;
mod error;
pub mod estimate;
mod pattern;
mod process;
mod sizes;
mod source;
mod text;
mod weighted;

pub use error::SyntheticError;
pub use pattern::{Destinations, PATTERNS, Pattern, PatternSpec, Shape};
pub use process::{NEVER, PROCESSES, Process, ProcessPlan, ProcessSpec};
pub use sizes::PacketSizes;
pub use source::{Arrival, CLASS_REPLY, CLASS_REQUEST, Exchange, Source, Traffic, TrafficSpec};
pub use text::Form;
