//! Input-queued virtual-channel wormhole routers, and the network interfaces at their edge.
//!
//! ```text
//!               ┌───────────────────────── router ─────────────────────────┐
//!   flits in ──▶│ input VC buffers ─▶ RC ─▶ VA ─▶ SA ─▶ crossbar (ST) ─▶ reg │──▶ flits out
//!  credits out ◀│                                     ▲ credits              │◀── credits in
//!               └───────────────────────────────────────────────────────────┘
//! ```
//!
//! Timing, with every stage delay 1 and a head received at edge `r`: RC at `r`, VA at `r + 1`, SA at
//! `r + 2`, ST at `r + 3`; the flit leaves the output register at `r + 4` and is received by the
//! next router at `r + 4 + L` over a link of latency `L`. A body flit does only SA. The credit for
//! a flit that leaves its buffer at SA edge `s` leaves at `s + 1`. These are the stages of BookSim
//! 2's `iq_router` (Jiang et al., ISPASS 2013).
//!
//! Allocation is separable and input-first, with round-robin arbiters whose pointer moves only past
//! a granted requester. An input VC's arbiter runs over all output VCs of the router, so a packet for
//! another port than the last one's asks for that port's first free VC; an input port's switch
//! arbiter runs over output ports, and among the VCs that want the same one takes turns. Both as in
//! BookSim 2: with one pointer a port instead, latency under load comes out up to 2 % lower.
//!
//! Not known here: links (the [`Wires`] trait is all a router sees of them), packets beyond their
//! flits, topologies beyond the routing function.

pub mod alloc;
mod bank;
pub mod collective;
mod egress;
mod express;
mod flow;
mod general;
mod interface;
mod marks;
mod plain;
mod pool;
mod ports;
mod rate;
mod ring;
mod state;
mod step;
mod store;
#[cfg(test)]
mod tests;
mod view;
mod wired;
mod wires;

pub use bank::{Pipeline, RouterBank, RouterParams, router_bytes};
pub use egress::{Absorption, Departure, Egress, Stall};
pub use express::{Border, FarEnd, PackedFlit, PortLink};
pub use interface::{Interface, InterfaceParams, Outgoing};
pub use marks::Marks;
pub use pool::Division;
pub use ports::{MAX_PORTS, PortSet, Ports};
pub use rate::{FRACTION, Rate};
pub use ring::Ring;
pub use state::{Blocked, Lane};
pub use store::{Slot, Store};
pub use wires::Wires;
