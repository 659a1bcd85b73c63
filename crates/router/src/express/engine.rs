//! What the bank asks of the express step.

use base::{Head, PacketIdx, RouterIdx, RoutingFunction};

use super::ahead::Due;
use super::layout::{Any, Known, known};
use super::state::{lane_no, when};
use super::table::{List, Moves};
use super::{Border, Express, PackedFlit, PortLink, Train};
use crate::bank::{Pipeline, RouterParams};
use crate::state::{Blocked, Lane};

/// The network, and the lists of whoever moves in a cycle.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    x: Box<Express>,
    bids: List,
    asks: List,
    ports: List,
    more: List,
    exits: Moves,
    entries: List,
}

impl Engine {
    /// All routers; `links[router][port]` between them and so many nodes. Lanes are numbered as the bank does: `2^log` a router, at
    /// most [`LANES_MAX`](super::LANES_MAX) in all.
    pub(crate) fn new<R: RoutingFunction>(
        params: &[RouterParams],
        pipeline: &Pipeline,
        sizes: (u32, u32),
        routing: &R,
        (links, nodes): (&[Vec<PortLink>], usize),
    ) -> Self {
        let x = Express::new(params, pipeline, sizes, routing, (links, nodes));
        Self {
            x: Box::new(x),
            bids: List::new(),
            asks: List::new(),
            ports: List::new(),
            more: List::new(),
            exits: Moves::new(),
            entries: List::new(),
        }
    }

    const fn train<'a, R, L>(&'a mut self, routing: &'a R, layout: L) -> Train<'a, R, L> {
        let Self { x, bids, asks, ports, more, exits, entries } = self;
        Train { x, bids, asks, ports, more, exits, entries, routing, layout }
    }

    /// Steps all routers through cycle `now`, which follows the one stepped before.
    #[inline]
    pub(crate) fn cycle<R: RoutingFunction, B: Border>(
        &mut self,
        now: u64,
        routing: &R,
        border: &mut B,
    ) {
        if let Some(due) = self.x.turn(now) {
            self.step(due, routing, border);
        }
    }

    #[inline(never)]
    fn step<R: RoutingFunction, B: Border>(&mut self, due: Due, routing: &R, border: &mut B) {
        known!(self.x.fixed, layout => self.train(routing, layout).step(due, border));
    }

    /// Puts flits of sources on their way into input VCs, each with the low bits of the cycle in which it
    /// arrives.
    #[inline(never)]
    pub(crate) fn enter<R: RoutingFunction>(
        &mut self,
        flits: &[(Lane, PackedFlit, u32)],
        routing: &R,
    ) {
        self.x.ahead.fill(when(self.x.now));
        known!(self.x.fixed, layout => if self.x.enter(layout, flits) {
            self.train(routing, layout).route_the_unrouted();
        });
    }

    /// Notes a packet that is going to enter.
    #[inline]
    pub(crate) fn take_up(&mut self, packet: PacketIdx, head: Head) {
        self.x.take_up(packet, head);
    }

    /// Whether all hops are known beforehand.
    pub(crate) const fn knows_hops(&self) -> bool {
        self.x.hops.all_known()
    }

    /// Each router takes two to this power of lanes.
    pub(crate) fn log(&self) -> u32 {
        self.x.fixed.log
    }

    /// How many routers there are.
    pub(crate) fn len(&self) -> usize {
        self.x.routers
    }

    /// Flits that left router `i` so far.
    pub(crate) fn forwarded(&self, i: RouterIdx) -> u64 {
        self.x.forwarded(i)
    }

    /// Ports of router `i` that have a link.
    pub(crate) fn ports(&self, i: RouterIdx) -> usize {
        self.x.ports(i)
    }

    /// What router `i` is built from.
    pub(crate) fn params(&self, i: RouterIdx) -> RouterParams {
        self.x.params(i)
    }

    /// Credits of output VC `out` that count in the present cycle, and how many there are in all.
    pub(crate) fn credits(&self, out: u32) -> (u32, u32) {
        let out = lane_no(out);
        (self.x.credits(out), self.x.depth(out))
    }

    /// Flits that are in the buffer of an input VC, those on their way not counted.
    pub(crate) fn buffered(&self, lane: u32) -> usize {
        self.x.buffered(lane_no(lane))
    }

    /// The packet at the front of an input VC, with what it waits for.
    pub(crate) fn blocked(&self, lane: u32) -> Option<Blocked> {
        self.x.blocked(lane_no(lane))
    }

    /// Takes back a credit that was issued and does not count yet. Tells whether there was one.
    pub(crate) fn lose_credit(&mut self) -> bool {
        self.x.lose_credit()
    }
}
