//! What routers do to the rest of the network: send flits and credits, and tell what happened.

use base::RouterIdx;

use crate::state::Lane;
use crate::store::{Slot, Store};

/// A flit that leaves a router.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Departure {
    /// The input VC it comes from.
    pub from: Lane,
    /// The output VC it takes.
    pub to: Lane,
    /// The flit, still in the store; the receiver of the departure takes it over.
    pub slot: Slot,
    /// Whether it is its packet's first flit.
    pub head: bool,
    /// Whether it is its packet's last flit.
    pub tail: bool,
    /// The cycle in which it has the switch.
    pub now: u64,
    /// The cycle in which it is on the link.
    pub depart: u64,
}

/// A flit of a contribution to a reduction that a router took in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Absorption {
    /// The input VC it comes from.
    pub from: Lane,
    /// The entry of the combining tables into which it went.
    pub entry: u32,
    /// The flit, still in the store; the receiver takes it over.
    pub slot: Slot,
    /// Whether it is its packet's last flit, so that all of its value is there.
    pub tail: bool,
}

/// Why a packet that was ready to go on did not, in one cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stall {
    /// Every output VC that it may take is held by another packet, or another packet got it.
    NoVc,
    /// Its output VC has no credit.
    NoCredit,
    /// Another flit got the switch.
    LostSwitch,
    /// A packet behind another one in its VC: blocked by order.
    Behind,
}

/// The world outside the routers. The methods with a body are for those who watch; left as they are
/// they cost nothing.
pub trait Egress {
    /// Takes over a flit that is on the link from cycle `d.depart` on. Gives the first cycle at
    /// which the link takes another, at least `d.depart + 1`.
    fn send(&mut self, d: &Departure, store: &mut Store) -> u64;

    /// Takes back a buffer of input VC `from`; the credit leaves at cycle `depart`.
    fn credit(&mut self, from: Lane, depart: u64);

    /// Has a router stepped in cycle `at` at the latest: something of it runs out then.
    #[inline]
    fn wake(&mut self, _: RouterIdx, _at: u64) {}

    /// Takes over a flit that a router absorbed.
    #[inline]
    fn absorb(&mut self, a: &Absorption, store: &mut Store) {
        store.remove(a.slot);
    }

    /// The packet of the head at a slot goes on as the combination of itself and of all that was
    /// absorbed into `entry`, which is vacant from now on.
    #[inline]
    fn combine(&mut self, _entry: u32, _: Slot, _: &Store) {}

    /// Whether [`stalled`](Self::stalled) is to be told.
    const WATCHES: bool = false;

    /// A head is at the front of its input VC in cycle `now`, routed by cycle `routed`.
    #[inline]
    fn at_front(&mut self, _: Lane, _: Slot, _: &Store, _now: u64, _routed: u64) {}

    /// The packet of input VC `from` got output VC `to`; it may ask for the switch from cycle
    /// `ready` on.
    #[inline]
    fn vc_granted(&mut self, _from: Lane, _to: Lane, _: Slot, _: &Store, _ready: u64) {}

    /// The packet at the front of an input VC could not go on in this cycle.
    #[inline]
    fn stalled(&mut self, _from: Lane, _why: Stall) {}
}
