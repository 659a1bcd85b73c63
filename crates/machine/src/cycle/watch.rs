//! Watching a network: what happens in its routers, cycle by cycle.
//!
//! Off by default and then free: `()` watches nothing and compiles to nothing.

use base::PacketIdx;
use router::{Departure, Lane, Stall};

/// Someone who watches. All cycles are those of the routers' clock.
pub trait Watch {
    /// Whether anything is watched at all.
    const ON: bool = true;

    /// A cycle begins.
    fn cycle(&mut self, _now: u64) {}

    /// A flit was received in a router's input VC.
    fn received(&mut self, _at: Lane, _: PacketIdx, _now: u64) {}

    /// A head is at the front of its input VC in cycle `now`, and is routed by `routed`.
    fn at_front(&mut self, _at: Lane, _: PacketIdx, _now: u64, _routed: u64) {}

    /// The packet of an input VC got an output VC (`(from, to)`) and may ask for the switch from
    /// `ready` on.
    fn vc_granted(&mut self, _: (Lane, Lane), _: PacketIdx, _ready: u64) {}

    /// A flit got the switch.
    fn sent(&mut self, _: &Departure) {}

    /// The packet at the front of an input VC could not go on in this cycle.
    fn stalled(&mut self, _at: Lane, _why: Stall) {}
}

impl Watch for () {
    const ON: bool = false;
}
