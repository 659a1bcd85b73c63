//! The model checker: the protocol's own tables under every order of events.
//!
//! ```text
//!   Act ──▶ System::step ──▶ cache_step / dir_step      what the machine runs
//!              │  ▲
//!              ▼  │ World: caches, homes, messages under way, last writes (packed words)
//! ```
//!
//! A [`System`] is a few caches, a few lines and the network between them; a [`World`] is one state
//! of it; an [`Act`] is an access, an eviction, a recall, or the delivery of one message. There is no
//! second model of the protocol: a step packs and unpacks states, and asks [`cache_step`] and
//! [`dir_step`](crate::dir_step) what happens. The network is a multiset: any message may be
//! delivered next. No time passes.
//!
//! Ghost values: each line's last write is part of the state, and every load, every old value under
//! a store and every readable copy is compared with it.
//!
//! ```
//! use base::NodeIdx;
//! use coherence::model::{Act, Shape, System, Taken};
//! use coherence::{ByteWrite, Config};
//!
//! let shape = Shape { caches: 2, lines: 1, ..Shape::default() };
//! let mut system = System::new(Config::default(), shape);
//! let start = system.start();
//! let store = Act::Store { cache: NodeIdx(0), line: 0, write: ByteWrite::Set(1) };
//! let Ok(Taken::Next(asked, _)) = system.step(&start, store) else { panic!("a miss") };
//! let flights: Vec<_> = system.flights(&asked).collect();
//! assert_eq!(flights[0].to_string(), "GetM n0 -> n2 for n0");
//! ```
//!
//! [`cache_step`]: crate::cache_step

mod act;
mod ask;
mod chart;
mod code;
mod controllers;
mod drain;
mod event;
mod fault;
mod invariants;
mod kills;
mod memo;
mod networks;
mod package_invariants;
mod package_moves;
mod package_symmetry;
mod packages;
mod parse;
mod schedule;
mod search;
mod symmetry;
mod system;
mod table;
mod walk;
mod worker;
mod workload;
mod world;

pub use crate::words::ScheduleError;
pub use act::{Act, CACHES_MAX, Flight, Homes, LINES_MAX, Shape, Taken, VALUES_MAX};
pub use chart::chart;
pub use controllers::ControllerReplay;
pub use fault::{Fault, FaultKind};
pub use kills::{Arena, Kill, hunt};
pub use networks::Networks;
pub use packages::Packages;
pub use schedule::{Played, Replay, Schedule};
pub use search::search;
pub use symmetry::Symmetry;
pub use system::System;
pub use walk::walk;
pub use workload::{CounterExample, Evictions, Limits, Model, Progress, Report, Workload};
pub use world::World;
