//! The way of a flit from one buffer to the next, and of its credit back.

use base::{Hop, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use super::inspect::Looking;
use super::state::{Item, NOBODY, STARVED, later, when};
use super::{Border, Express, Train};
use crate::state::Lane;
use crate::store::Slot;

impl<R: RoutingFunction, B: Border> Train<'_, R, B> {
    /// Sends a flit to every output port that was won.
    pub(super) fn traverse_all(&mut self) {
        let mut winners = core::mem::take(&mut self.x.winners);
        for &out_port in &winners {
            self.traverse(out_port);
        }
        winners.clear();
        self.x.winners = winners;
    }

    /// Sends the flit that won output port `out_port`.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn traverse(&mut self, out_port: u32) {
        let x = &mut *self.x;
        let now = x.now;
        let to = &mut x.ports[out_port as usize];
        let lane = core::mem::replace(&mut to.claim, NOBODY);
        to.taken_from = lane;
        to.forwarded += 1;
        let input = &mut x.inputs[lane as usize];
        let (item, out) = (input.front, input.out);
        input.len -= 1;
        let more = input.len > 0;
        let vc = out & x.low;
        if item.is_tail() {
            to.free |= 1 << vc;
            if to.parked != NOBODY {
                let parked = core::mem::replace(&mut to.parked, NOBODY);
                x.unpark(parked);
            }
        }
        let to = x.ports[out_port as usize];
        x.outputs[out as usize].sent = x.outputs[out as usize].sent.wrapping_add(1);
        if to.slow {
            x.occupy(out_port);
        }
        let from = &mut x.ports[(lane >> x.shift) as usize];
        from.sent = lane;
        from.sent_to = out;
        let (back, from_node) = (from.far | lane & x.low, from.node);
        let counts_at = when(now).wrapping_add(from.credit_latency);
        if from_node {
            self.border.credit(Lane(back), now + u64::from(from.credit_latency));
        } else {
            x.issue(back, counts_at);
        }
        if to.node {
            let arrival = now + u64::from(to.latency);
            self.border.eject(item.slot(), arrival);
            x.issue(out, when(arrival).wrapping_add(to.node_latency));
        } else {
            self.receive(to.far | vc, item, when(now).wrapping_add(to.latency));
        }
        if more {
            self.advance(lane, item);
        }
    }

    /// The flit behind `gone` comes to the front of an input VC.
    #[inline(never)]
    fn advance(&mut self, lane: u32, gone: Item) {
        let x = &mut *self.x;
        let slot = self.store.next(gone.slot()).0;
        let item = Item::new(slot, self.store.is_head(slot), self.store.is_tail(slot));
        let arrival = x.arrivals[slot.0 as usize];
        let input = &mut x.inputs[lane as usize];
        input.front = item;
        input.arrival = arrival;
        let out = input.out;
        let from = later(arrival, when(x.now).wrapping_add(1));
        if item.is_head() {
            self.start(lane, from);
        } else {
            x.bid(lane, out, from);
        }
    }

    /// Puts a flit into the buffer of an input VC at which it arrives in cycle `arrival`.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(super) fn receive(&mut self, lane: u32, item: Item, arrival: u32) {
        let input = &mut self.x.inputs[lane as usize];
        let waiting = input.len;
        if waiting >= input.depth {
            overflown(lane, input.depth);
        }
        input.len = waiting + 1;
        let last = core::mem::replace(&mut input.last, item.slot());
        if waiting > 0 {
            self.store.link(last, item.slot());
            self.x.note_arrival(item.slot(), arrival);
            return;
        }
        input.front = item;
        input.arrival = arrival;
        if item.is_head() {
            self.start(lane, arrival);
        } else {
            let out = input.out;
            self.x.bid(lane, out, arrival);
        }
    }

    /// The head at the front of an input VC is routed in cycle `at`, and asks for an output VC when
    /// that is done.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn start(&mut self, lane: u32, at: u32) {
        if self.x.looks {
            self.x.routes.push(u64::from(at), lane);
            return;
        }
        let x = &mut *self.x;
        let slot = x.inputs[lane as usize].front.slot();
        let (dst, class) = self.store.arrive(slot);
        let router = RouterIdx(lane >> x.log);
        match self.routing.fixed(router, dst, class) {
            Some(hop) => x.request(lane, hop),
            None => self.route(lane),
        }
        self.x.asks.push(u64::from(at.wrapping_add(self.x.rc)), lane);
    }

    /// Routes the heads of this cycle.
    pub(super) fn route_all(&mut self) {
        let now = self.x.now;
        let Some(routes) = self.x.routes.take(now) else { return };
        for &lane in &routes {
            self.store.arrive(self.x.inputs[lane as usize].front.slot());
            self.route(lane);
            self.x.asks.push(now + u64::from(self.x.rc), lane);
        }
        self.x.routes.give_back(now, routes);
    }

    /// Asks the routing function for the hop of the packet at the front of an input VC.
    #[inline(never)]
    pub(super) fn route(&mut self, lane: u32) {
        let slot = self.x.inputs[lane as usize].front.slot();
        let mut head = self.store.head(slot);
        let state = head.state;
        let router = RouterIdx(lane >> self.x.log);
        let of_router = lane & ((1 << self.x.log) - 1);
        let port = PortIdx::new((of_router >> self.x.shift) as usize);
        let vc = VcIdx::new((lane & self.x.low) as usize);
        let view = Looking { x: &*self.x, router };
        let hop = self.routing.route(router, port, vc, &mut head, &view);
        let ports = 1_usize << (self.x.log - self.x.shift);
        if hop.vcs == 0 || hop.port.at() >= ports {
            led_nowhere(router, lane, hop);
        }
        if head.state != state {
            self.store.set_state(slot, head.state);
        }
        self.x.request(lane, hop);
    }
}

impl Express {
    /// The packet at the front of an input VC wants an output VC of its hop.
    #[inline]
    fn request(&mut self, lane: u32, hop: Hop) {
        let first = lane >> self.log << self.log;
        let input = &mut self.inputs[lane as usize];
        input.out = first | u32::from(hop.port.0) << self.shift;
        input.vcs = hop.vcs;
    }

    /// Issues a credit for output VC `out` that counts from cycle `at` on.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn issue(&mut self, out: u32, at: u32) {
        let numbers = (1_u32 << self.credit_shift) - 1;
        let output = &mut self.outputs[out as usize];
        let credit = out << self.credit_shift | u32::from(output.issued) & numbers;
        self.counts_at[credit as usize] = at;
        output.issued = output.issued.wrapping_add(1);
        output.newest = at;
        if output.claim == STARVED {
            self.feed(out, at);
        }
    }

    /// Whoever waited for a credit on `out` has one from cycle `at` on.
    #[inline(never)]
    fn feed(&mut self, out: u32, at: u32) {
        let output = &mut self.outputs[out as usize];
        output.claim = NOBODY;
        let lane = output.owner;
        self.bid_at(lane, later(at, self.aside[lane as usize]));
    }

    /// Has all that wait for a VC of a port ask again in the next cycle, from `lane` on.
    #[inline(never)]
    fn unpark(&mut self, mut lane: u32) {
        while lane != NOBODY {
            self.asks.push(self.now + 1, lane);
            lane = self.aside[lane as usize];
        }
    }

    /// Notes when a flit arrives that is not at the front.
    #[inline(never)]
    fn note_arrival(&mut self, slot: Slot, arrival: u32) {
        let slot = slot.0 as usize;
        if self.arrivals.len() <= slot {
            self.arrivals.resize((slot + 1).next_power_of_two(), 0);
        }
        self.arrivals[slot] = arrival;
    }

    /// Occupies a slow link with a flit that has the switch now.
    #[cold]
    fn occupy(&mut self, out_port: u32) {
        let traversal = u64::from(self.traversal);
        let free = self.rates[out_port as usize].occupy(self.now + traversal);
        self.ports[out_port as usize].open_at = when(free - traversal);
    }
}

#[cold]
fn overflown(lane: u32, depth: u16) {
    panic!("{:?} overflows its {depth} flits", Lane(lane));
}

#[cold]
fn led_nowhere(router: RouterIdx, lane: u32, hop: Hop) {
    panic!("{router}: the routing function gave {hop:?} at {:?}", Lane(lane));
}
