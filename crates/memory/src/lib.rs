//! Memory: which home and channel keeps a byte of the pool, and how long an access takes.
//!
//! - [`AddressMap`]: the pool's interleaving over homes, and each home's over its channels.
//! - [`MemoryModel`]: what a node's memory controller must be able to do; [`FixedLatency`] is the
//!   model with a fixed access latency and a bandwidth limit per channel.
//!
//! ```text
//!   home ── submit(channel, access, edge) ─▶ queue[channel] ─▶ data bus ─▶ served(started, finished) ─▶ home
//! ```
//!
//! Not known here: the protocol, what an access is for, what the data are.

mod fixed;
mod map;
mod model;

pub use fixed::{FixedLatency, FixedParams};
pub use map::AddressMap;
pub use model::{Access, Direction, MemoryModel, Served};
