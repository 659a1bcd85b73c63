//! The way of a flit from one buffer to the next, and of its credit back.

use base::{Hop, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use super::inspect::Looking;
use super::state::{NOBODY, NODE, PackedFlit, when};
use super::{Border, Express, Fixed, Train};
use crate::state::Lane;

impl<R: RoutingFunction, const L: usize, const P: usize> Train<'_, R, L, P> {
    /// Sends the flits of those who bid and won their output port. The others bid again.
    pub(super) fn traverse_all<B: Border>(&mut self, border: &mut B) {
        if self.bids.is_empty() {
            return;
        }
        let now = self.x.now;
        if self.x.fixed.any_slow {
            self.x.occupy(self.bids.all());
        }
        let routing = self.routing;
        let hop =
            |router, flit: PackedFlit| routing.fixed(RouterIdx(router), flit.dst(), flit.class());
        let mut hot = self.x.hot();
        let Fixed { shift, low, .. } = hot.fixed;
        for &lane in self.bids.all() {
            let input = &mut hot.lanes[lane].input;
            let (flit, out) = (input.front, input.out);
            let to = &mut hot.ports[out >> shift];
            if to.claim != lane {
                hot.next_bids.push(lane);
                continue;
            }
            to.claim = NOBODY;
            to.taken_from = lane;
            to.forwarded += 1;
            input.len -= 1;
            let more = input.len > 0;
            let latency = to.latency;
            let mut parked = NOBODY;
            if flit.is_tail() {
                to.free |= 1 << (out & low);
                parked = core::mem::replace(&mut to.parked, NOBODY);
            }
            let output = &mut hot.lanes[out].output;
            output.credits -= 1;
            let far = output.far;
            let from = &mut hot.ports[lane >> shift];
            from.sent = lane;
            from.sent_to = out;
            let (back, credit_latency) = (from.far | lane & low, from.credit_latency);
            if back & NODE == 0 {
                hot.issue(back, when(now).wrapping_add(credit_latency));
            } else {
                border.credit(Lane(back & !NODE), now + u64::from(credit_latency));
            }
            if far & NODE == 0 {
                hot.receive(far, flit, when(now).wrapping_add(latency), hop);
            } else {
                border.eject(flit, now + u64::from(latency));
                let back = hot.ports[out >> shift].node_latency;
                hot.issue(out, when(now).wrapping_add(back));
            }
            if more {
                hot.advance(lane, hop);
            }
            if parked != NOBODY {
                hot.unpark(parked);
            }
        }
        let lengths = hot.put_down();
        self.x.note(&lengths);
        self.bids.clear();
        self.route_the_unrouted();
    }

    /// Puts flits of sources on their way into input VCs, each with the low bits of the cycle in which it
    /// arrives.
    pub(crate) fn enter(&mut self, flits: &[(Lane, PackedFlit, u32)]) {
        let routing = self.routing;
        let hop =
            |router, flit: PackedFlit| routing.fixed(RouterIdx(router), flit.dst(), flit.class());
        let mut hot = self.x.hot();
        for &(lane, flit, arrival) in flits {
            hot.receive(lane.0, flit, arrival, hop);
        }
        let lengths = hot.put_down();
        self.x.note(&lengths);
        self.route_the_unrouted();
    }

    /// Routes the heads that came to the front, by a function that does not look at ports.
    #[inline]
    fn route_the_unrouted(&mut self) {
        if self.x.scratch.unrouted.is_empty() {
            return;
        }
        let mut unrouted = core::mem::take(&mut self.x.scratch.unrouted);
        for lane in &unrouted {
            self.route(*lane);
        }
        unrouted.clear();
        self.x.scratch.unrouted = unrouted;
    }

    /// Routes the heads of this cycle, by a function that looks.
    pub(super) fn route_all(&mut self) {
        let now = self.x.now;
        let Some(routes) = self.x.routes.take(now) else { return };
        for &lane in &routes {
            self.route(lane);
            self.x.asks.push(now + u64::from(self.x.fixed.rc), lane);
        }
        self.x.routes.give_back(now, routes);
    }

    /// Asks the routing function for the hop of the packet at the front of an input VC.
    pub(super) fn route(&mut self, lane: u32) {
        let packet = self.x.lanes[lane].input.front.packet().at();
        let mut head = self.x.heads[packet];
        let state = head.state;
        let fixed = self.x.fixed;
        let router = RouterIdx(lane >> fixed.log);
        let of_router = lane & ((1 << fixed.log) - 1);
        let port = PortIdx::new((of_router >> fixed.shift) as usize);
        let vc = VcIdx::new((lane & fixed.low) as usize);
        let view = Looking { x: &*self.x, router };
        let hop = self.routing.route(router, port, vc, &mut head, &view);
        if hop.vcs == 0 || hop.port.at() >= 1 << (fixed.log - fixed.shift) {
            led_nowhere(router, lane, hop);
        }
        if head.state != state {
            self.x.heads[packet].state = head.state;
        }
        let input = &mut self.x.lanes[lane].input;
        input.out = router.0 << fixed.log | u32::from(hop.port.0) << fixed.shift;
        input.vcs = hop.vcs;
    }
}

impl<const L: usize, const P: usize> Express<L, P> {
    /// Occupies slow links with the flits that have the switch now.
    #[cold]
    fn occupy(&mut self, bids: &[u32]) {
        let traversal = u64::from(self.fixed.traversal);
        for &lane in bids {
            let out_port = self.lanes[lane].input.out >> self.fixed.shift;
            let port = &mut self.ports[out_port];
            if port.slow && port.claim == lane {
                let free = self.rates[out_port as usize].occupy(self.now + traversal);
                port.open_at = when(free - traversal);
            }
        }
    }
}

#[cold]
fn led_nowhere(router: RouterIdx, lane: u32, hop: Hop) {
    panic!("{router}: the routing function gave {hop:?} at {:?}", Lane(lane));
}
