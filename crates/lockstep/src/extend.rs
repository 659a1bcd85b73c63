//! Parts of your own in a network: an allocator, a routing function, a traffic pattern.
//!
//! All three are traits. Routers are generic over their routing function and terminals over their
//! pattern, so yours cost no indirect call; an allocator costs one for each allocation of a router
//! (the built-in ones are an enum that a machine's description chooses from).
//!
//! # An allocator
//!
//! A switch that is a bus: one flit a cycle through the whole router, inputs in turn.
//!
//! ```
//! use lockstep::machine::cycle::{CycleNetwork, Open};
//! use lockstep::router::alloc::{Allocator, AnyAllocator, Matching, Requests};
//! use lockstep::topology::Description;
//! use lockstep::traffic::synthetic::{Shape, TrafficSpec};
//!
//! #[derive(Clone, Debug)]
//! struct Bus {
//!     turn: usize,
//! }
//!
//! impl Allocator for Bus {
//!     fn allocate(&self, requests: &Requests, matching: &mut Matching) {
//!         matching.clear();
//!         let ahead = requests.inputs().find(|input| *input >= self.turn);
//!         let Some(input) = ahead.or_else(|| requests.inputs().next()) else { return };
//!         requests.outputs_of(input).take(1).for_each(|output| matching.grant(input, output));
//!     }
//!     fn commit(&mut self, matching: &Matching) {
//!         self.turn = matching.pairs().next().map_or(self.turn, |(input, _)| input + 1);
//!     }
//! }
//!
//! let spec = Description::mesh8x8().elaborate()?;
//! let traffic = TrafficSpec::default().on(&Shape::grid(&[8, 8], 1))?;
//! let latency = |bus: bool| {
//!     let mut net = CycleNetwork::new(&spec, spec.fabric.routing.clone(), 1, 1, ())?;
//!     if bus {
//!         net.set_switch_allocators(|_, _, _| AnyAllocator::own(Bus { turn: 0 }));
//!     }
//!     let mut terminals = Open::new(&traffic, 64, traffic.pattern().clone());
//!     net.start();
//!     (0..2000).for_each(|_| net.cycle(&mut terminals));
//!     Ok::<f64, Box<dyn std::error::Error>>(terminals.mean_latency())
//! };
//! assert!(latency(true)? > latency(false)? + 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An arbiter of your own is less: see [`Arbiter`](router::alloc::Arbiter). VC allocators go in by
//! `set_vc_allocators`.
//!
//! # A routing function
//!
//! Packets of even and of odd nodes keep to even and to odd VCs:
//!
//! ```
//! use lockstep::machine::cycle::{CycleNetwork, Open};
//! use lockstep::prelude::*;
//! use lockstep::traffic::synthetic::{Shape, TrafficSpec};
//!
//! struct Lanes(Routing);
//!
//! impl RoutingFunction for Lanes {
//!     fn inject<V: View>(&self, head: &mut Head, view: &V) -> Hop {
//!         let hop = self.0.inject(head, view);
//!         Hop { vcs: hop.vcs & 0x5555_5555_5555_5555 << (head.src.0 % 2), ..hop }
//!     }
//!     fn route<V: View>(&self, at: RouterIdx, p: PortIdx, vc: VcIdx, h: &mut Head, v: &V) -> Hop {
//!         let hop = self.0.route(at, p, vc, h, v);
//!         Hop { vcs: hop.vcs & 0x5555_5555_5555_5555 << (h.src.0 % 2), ..hop }
//!     }
//! }
//!
//! let spec = Description::mesh8x8().elaborate()?;
//! let traffic = TrafficSpec::default().on(&Shape::grid(&[8, 8], 1))?;
//! let mut net = CycleNetwork::new(&spec, Lanes(spec.fabric.routing.clone()), 1, 1, ())?;
//! let mut terminals = Open::new(&traffic, 64, traffic.pattern().clone());
//! net.start();
//! (0..2000).for_each(|_| net.cycle(&mut terminals));
//! // 64 nodes, a tenth of a packet a cycle.
//! assert!((12_000..13_500).contains(&terminals.packets()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Whether routes can deadlock is proved for the built-in functions when a machine is read; of your
//! own you have to know it.
//!
//! # A traffic pattern
//!
//! Two tenants, each with every other node, who talk among themselves:
//!
//! ```
//! use lockstep::machine::cycle::{CycleNetwork, Open};
//! use lockstep::prelude::*;
//! use lockstep::traffic::synthetic::{Destinations, Shape, TrafficSpec};
//!
//! struct Tenants {
//!     nodes: u32,
//! }
//!
//! impl Destinations for Tenants {
//!     fn destination(&self, src: NodeIdx, draw: u64) -> NodeIdx {
//!         let half = u64::from(self.nodes / 2);
//!         let among = u32::try_from(draw % half).unwrap_or(0);
//!         NodeIdx(2 * among + src.0 % 2)
//!     }
//! }
//!
//! let spec = Description::mesh8x8().elaborate()?;
//! let traffic = TrafficSpec { rate: 0.2, ..TrafficSpec::default() }.on(&Shape::flat(64))?;
//! let mut net = CycleNetwork::new(&spec, spec.fabric.routing.clone(), 1, 1, ())?;
//! let mut terminals = Open::new(&traffic, 64, Tenants { nodes: 64 });
//! net.start();
//! (0..2000).for_each(|_| net.cycle(&mut terminals));
//! // 6.25 routers of 5 cycles on average, as among all: and little queueing.
//! assert!((31.0..38.0).contains(&terminals.mean_latency()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
