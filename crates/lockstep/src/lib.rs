//! Lockstep: a cycle-accurate emulator of supernode fabrics.
//!
//! A supernode binds many accelerators into one coherent domain: shared memory, one time base,
//! links so fast that a rack behaves like one chip. Lockstep replays memory traces on machines
//! described in RON, flit by flit and edge by edge, and tells where every nanosecond of every
//! transaction went.
//!
//! This crate is the facade: everything that a researcher needs, re-exported from the crates that
//! own it. The `lockstep` binary is built on the same.
//!
//! # A machine in code
//!
//! Take a shipped description, change it, replay a trace and read the statistics:
//!
//! ```
//! use lockstep::prelude::*;
//!
//! // The eight-accelerator board, with a smaller window.
//! let mut description = Description::nvl8();
//! description.accelerator.window = 4;
//! let spec = description.elaborate()?;
//!
//! // Two threads that add to one word a hundred times each.
//! let add = |thread| Record {
//!     thread: ThreadIdx(thread),
//!     op: Op::Atomic { addr: Addr(0x1000), size: 8, rmw: Rmw::Add(1) },
//! };
//! let trace = Trace::from_records((0..200).map(|n| add(n % 2)))?;
//!
//! let mut machine = Machine::new(&spec, &trace, Options::default())?;
//! machine.run()?;
//!
//! let summary = machine.summary();
//! assert_eq!(summary.atomics, 200);
//! assert!(summary.checks.clean());
//! let parts: f64 = summary.breakdown_ns.iter().map(|(_, ns)| ns).sum();
//! assert!((parts - summary.latency.mean_ns()).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A routing function of your own
//!
//! Routers are generic over their routing function; yours costs no indirect call:
//!
//! ```
//! use lockstep::prelude::*;
//!
//! /// All packets take the first switch, as if the others were down.
//! #[derive(Clone)]
//! struct FirstSwitch(Routing);
//!
//! impl RoutingFunction for FirstSwitch {
//!     fn inject<V: View>(&self, head: &mut Head, view: &V) -> Hop {
//!         Hop { port: PortIdx(0), ..self.0.inject(head, view) }
//!     }
//!     fn route<V: View>(
//!         &self,
//!         at: RouterIdx,
//!         port: PortIdx,
//!         vc: VcIdx,
//!         head: &mut Head,
//!         view: &V,
//!     ) -> Hop {
//!         self.0.route(at, port, vc, head, view)
//!     }
//! }
//!
//! let spec = Description::nvl8().elaborate()?;
//! let load = |n: u32| Record {
//!     thread: ThreadIdx(n % 8),
//!     // Another page each turn, so that its home is on another accelerator.
//!     op: Op::Load { addr: Addr(u64::from(n + n / 8) * 4096), size: 8 },
//! };
//! let trace = Trace::from_records((0..800).map(load))?;
//!
//! let routing = FirstSwitch(spec.fabric.routing.clone());
//! let mut narrow = Machine::with_routing(&spec, &trace, Options::default(), routing)?;
//! narrow.run()?;
//! let mut wide = Machine::new(&spec, &trace, Options::default())?;
//! wide.run()?;
//!
//! // One switch out of four, one link out of eighteen: it takes longer.
//! assert!(narrow.summary().time > wide.summary().time);
//! assert!(narrow.summary().checks.clean());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! More that can be your own, an allocator or a traffic pattern, is in [`extend`].
//!
//! # Where to look
//!
//! | module | what it models |
//! |---|---|
//! | [`base`] | ids, time, addresses, operations, flits, the routing seam, the run digest |
//! | [`clock`] | clock domains with exact edges, crossings, the wake wheel |
//! | [`topology`] | machines in RON, generators, routing, checks before running |
//! | [`phy`] | links: serialization, SerDes, FEC, flight, credits |
//! | [`router`] | virtual-channel routers and network interfaces |
//! | [`coherence`] | the directory protocol as tables, caches, homes, checkers |
//! | [`memory`] | the pool's address map, channel timing |
//! | [`traffic`] | traces: formats, importers, capture |
//! | [`machine`] | all of it together, stepped in lockstep |
//! | [`report`] | results for people and for programs |

pub use {base, clock, coherence, machine, memory, phy, report, router, topology, traffic};

pub mod barriers;
pub mod extend;
pub mod figures;
pub mod litmus;
pub mod parallel;
pub mod schedule;
pub mod shipped;
pub mod stress;
pub mod validate;

/// What most users need, in one `use`.
pub mod prelude {
    pub use base::{
        Addr, Class, Fs, Head, Hop, Line, LineData, NodeIdx, Op, Part, PortIdx, Record, Rmw,
        RouterIdx, RoutingFunction, ThreadIdx, VcIdx, View,
    };
    pub use machine::{Checks, Machine, Network, Options, RunError, Summary};
    pub use topology::routing::Routing;
    pub use topology::spec::MachineSpec;
    pub use topology::{Description, TopologyError};
    pub use traffic::{Trace, TraceError};
}
