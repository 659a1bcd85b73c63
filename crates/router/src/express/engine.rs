//! What the bank asks of the express step.

use base::{Head, PacketIdx, RouterIdx, RoutingFunction};

use super::ahead::{Due, Kind, Stray};
use super::hot::From;
use super::layout::{Any, Known, Layout, Light, known};
use super::state::{lane_no, when};
use super::table::{List, Moves};
use super::{Border, Express, Fixed, PackedFlit, PortLink};
use crate::bank::{Pipeline, RouterParams};
use crate::state::{Blocked, Lane};

/// The network, and the lists of whoever moves in a cycle. Between cycles these are empty.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(super) x: Express,
    /// Those who bid in it, and those who ask.
    bids: List,
    pub(super) asks: List,
    /// Input ports that have chosen one who bids, then output ports that claim one.
    pub(super) ports: List,
    /// Input VCs that have more behind the flit that left.
    pub(super) more: List,
    /// Flits that leave for a node, each with its output VC, and input VCs that a flit from a node left.
    pub(super) exits: Moves,
    pub(super) entries: List,
}

impl Engine {
    /// All routers; `links[router][port]` between them and so many nodes. Lanes are numbered as the bank
    /// does: `2^log` a router, at most [`LANES_MAX`](super::LANES_MAX) in all.
    pub(crate) fn new<R: RoutingFunction>(
        params: &[RouterParams],
        pipeline: &Pipeline,
        sizes: (u32, u32),
        routing: &R,
        (links, nodes): (&[Vec<PortLink>], usize),
    ) -> Self {
        let x = Express::new(params, pipeline, sizes, routing, (links, nodes));
        Self {
            x,
            bids: List::new(),
            asks: List::new(),
            ports: List::new(),
            more: List::new(),
            exits: Moves::new(),
            entries: List::new(),
        }
    }

    /// Steps all routers through cycle `now`, which follows the one stepped before.
    #[inline]
    pub(crate) fn cycle<R: RoutingFunction, B: Border>(
        &mut self,
        now: u64,
        routing: &R,
        border: &mut B,
    ) {
        match self.x.turn(now) {
            Some(due) => self.step(due, routing, border),
            None if self.x.flights_are_due() => {
                self.fly(Light(self.x.fixed.layout()), routing, border);
            }
            None => {}
        }
    }

    /// Goes on to cycle `now`, which follows the one stepped before, if nothing goes on in it. Tells whether that is so.
    #[inline]
    pub(crate) const fn rest(&mut self, now: u64) -> bool {
        self.x.rest(now)
    }

    #[inline(never)]
    fn step<R: RoutingFunction, B: Border>(&mut self, due: Due, routing: &R, border: &mut B) {
        if self.x.flights.on {
            return self.step_lightly(due, routing, border);
        }
        known!(self.x.fixed, layout => self.step_all(layout, due, routing, border));
    }

    /// As [`step`](Self::step) where there are flights.
    #[inline(never)]
    fn step_lightly<R: RoutingFunction, B: Border>(
        &mut self,
        due: Due,
        routing: &R,
        border: &mut B,
    ) {
        let light = Light(self.x.fixed.layout());
        // Heads that come from far are mostly alone in a cycle.
        if due.is_only(Stray::Route) && self.x.ahead.rests() && self.x.fixed.rc > 0 {
            self.route_those_due(light, routing);
        } else {
            self.step_all(light, due, routing, border);
        }
        self.fly(light, routing, border);
    }

    /// Steps all routers through the present cycle.
    fn step_all<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        layout: L,
        mut due: Due,
        routing: &R,
        border: &mut B,
    ) {
        let Fixed { weighs, rc, .. } = self.x.fixed;
        // Where functions do not look, of heads that may set out when they arrive.
        let mut routes = due.has_stray(Stray::Route);
        self.take_bids(due);
        if routes && rc == 0 {
            self.route_those_due(layout, routing);
            (due, routes) = (due.and_asks(), false);
        }
        self.take_asks(due);
        if !(self.bids.is_empty() && self.ports.is_empty()) {
            self.x.allocate_switch(layout, &mut self.bids, &mut self.ports);
        }
        if !self.asks.is_empty() {
            self.allocate_vcs(layout, routing);
        }
        if routes && weighs {
            self.route_those_due(layout, routing);
        }
        if !self.ports.is_empty() {
            self.traverse_all(layout, routing, border);
        }
        if routes && !weighs {
            self.route_those_due(layout, routing);
        }
    }

    /// Gathers those who bid in the present cycle, from which on some credits count.
    fn take_bids(&mut self, due: Due) {
        let Self { x, bids, asks, ports, .. } = self;
        let now = when(x.now);
        core::mem::swap(&mut x.ahead.next_inputs, ports);
        core::mem::swap(&mut x.ahead.next_bids, bids);
        if due.has(Kind::Bids) {
            x.ahead.list(Kind::Bids, now).move_onto(bids);
        }
        for kind in [Kind::Credits, Kind::NodeCredits] {
            if due.has(kind) {
                core::mem::swap(x.ahead.list(kind, now), asks);
                x.give_credits(asks, bids);
            }
        }
        if due.has_stray(Stray::Credit) {
            x.ahead.strays.credits(x.now, asks);
            x.give_credits(asks, bids);
        }
        if due.has_stray(Stray::Bid) {
            x.ahead.strays.bids(x.now, bids);
        }
    }

    /// Gathers those who ask in the present cycle.
    fn take_asks(&mut self, due: Due) {
        let Self { x, asks, .. } = self;
        let now = when(x.now);
        if due.has(Kind::Arriving) {
            core::mem::swap(x.ahead.list(Kind::Arriving, now), asks);
        }
        for kind in [Kind::Front, Kind::Entering] {
            if due.has(kind) {
                x.ahead.list(kind, now).move_onto(asks);
            }
        }
        x.ahead.next_asks.move_onto(asks);
        if due.has_stray(Stray::Ask) {
            x.ahead.strays.asks(x.now, asks);
        }
    }

    /// Puts flits of sources on their way into input VCs, each with the low bits of the cycle in which it
    /// arrives.
    #[inline(never)]
    pub(crate) fn enter<R: RoutingFunction, B: Border>(
        &mut self,
        flits: &[(Lane, PackedFlit, u32)],
        routing: &R,
        border: &mut B,
    ) {
        let light = Light(self.x.fixed.layout());
        self.x.weigh_flights(light, border, flits.len());
        if self.x.flights.on {
            for &(lane, flit, arrival) in flits {
                self.send_on(
                    (light, routing, border),
                    (lane_no(lane.0), flit, arrival),
                    From::Node,
                );
            }
            self.route_the_unrouted(light, routing);
            self.x.give_way(light, border);
            return;
        }
        self.x.ahead.fill(when(self.x.now));
        known!(self.x.fixed, layout => if self.x.enter(layout, flits) {
            self.route_the_unrouted(layout, routing);
        });
    }

    /// A flit of a flight that is at its node in the present cycle, until there is none.
    #[inline]
    pub(crate) fn land(&mut self) -> Option<PackedFlit> {
        self.x.flights.land(when(self.x.now))
    }

    /// Notes a packet that is going to enter.
    #[inline]
    pub(crate) fn take_up(&mut self, packet: PacketIdx, head: Head) {
        self.x.take_up(packet, head);
    }

    /// Has flits fly while there are no more than so many in the network, where they can at all.
    pub(crate) fn set_flights<B: Border>(&mut self, limit: usize, border: &mut B) {
        let light = Light(self.x.fixed.layout());
        self.x.set_flights(light, border, limit);
    }

    /// How many flights set out so far, and how many of them were put down early.
    pub(crate) const fn flights(&self) -> (u64, u64) {
        self.x.flights.counts
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

    /// Flits that left all routers so far.
    pub(crate) fn forwarded_by_all(&self) -> u64 {
        self.x.forwarded_by_all()
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

    /// The next cycle in which anything happens to what is in the network now, at least the one to be stepped next.
    #[inline]
    pub(crate) fn quiet_until(&mut self) -> u64 {
        self.x.quiet_until()
    }

    /// Passes over the cycles before `now`, the next one to be stepped, in which [nothing happens](Self::quiet_until).
    #[inline]
    pub(crate) const fn pass(&mut self, now: u64) {
        self.x.now = now - 1;
    }

    /// Takes back a credit that was issued and does not count yet. Tells whether there was one.
    pub(crate) fn lose_credit<B: Border>(&mut self, border: &mut B) -> bool {
        if self.x.flights.on {
            self.x.end_flights(Light(self.x.fixed.layout()), border);
        }
        self.x.lose_credit()
    }
}
