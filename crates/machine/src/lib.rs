//! The supernode: banks of the models joined by wires, stepped in lockstep.
//!
//! ```text
//!   trace ─▶ agents ─▶ caches ─▶ interfaces ─▶ links ─▶ routers ─▶ links ─▶ homes ─▶ memories
//!                        Machine::step(): everyone who wakes at the next instant
//! ```
//!
//! - [`Machine`] replays a trace on a [`topology::spec::MachineSpec`] and sums it up.
//! - [`checkpoint`] writes a run down, to be gone on with later.
//! - [`sweep`] drives the network of a machine with synthetic traffic and measures it.
//! - [`schedule`] proves static schedules of packets free of contention, plans them and runs them.
//! - [`Network`] is the part between the nodes, usable without them.
//!
//! The models know nothing of each other; here is where a protocol message becomes a packet, a
//! packet flits, and a memory access a delay. Not known here: files, terminals, report formats.

pub mod align;
mod audit;
mod barriers;
mod build;
pub mod checkpoint;
pub mod cycle;
mod directory;
mod engine;
mod error;
mod explain;
mod footprint;
mod ghost;
mod machine;
mod memory_port;
pub mod network;
mod node;
mod partition;
mod payload;
mod retune;
pub mod schedule;
mod scopes;
mod source;
mod stats;
pub mod sweep;

pub use audit::{Checks, LinkUse, PhyUse, Summary};
pub use barriers::{BarrierTree, BarrierUse, barrier_trees};
pub use checkpoint::CheckpointError;
pub use cycle::CycleNetwork;
pub use directory::{
    CacheTransfers, DirectoryUse, PackageUse, directory, package_directory, protocol,
};
pub use engine::{Deal, EngineUse};
pub use error::{BuildError, RunError};
pub use footprint::Footprint;
pub use machine::{Machine, Options};
pub use network::{Change, FlitCounts, Losing, Network, changes, frame_class, losing_class};
pub use node::agent::Kind;
pub use node::barrier::BarrierError;
pub use partition::plan::Cut;
pub use payload::{Lengths, Level, Payload};
pub use retune::RetuneError;
pub use scopes::ScopeUse;
pub use source::{Iter, OpSource};
pub use stats::{Latency, Stats};
