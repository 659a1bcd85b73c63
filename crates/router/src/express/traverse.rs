//! The way of a flit from one buffer to the next, and of its credit back.

use base::{Hop, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use super::inspect::Looking;
use super::state::{LaneNo, NOBODY, NODE, PackedFlit, lane_no, when};
use super::{Border, Express, Train};
use crate::state::Lane;

impl<R: RoutingFunction> Train<'_, R> {
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
        let low = hot.fixed.low;
        for &lane in self.bids.all() {
            let input = &hot.lanes[lane].input;
            let (flit, out, at) = (input.front, input.out, input.port);
            let there = hot.lanes[out].input.port;
            let to = &mut hot.ports[there];
            if to.claim != lane {
                hot.next_bids.push(lane);
                continue;
            }
            to.claim = NOBODY;
            to.taken_from = lane;
            to.forwarded += 1;
            let both = &mut hot.lanes[lane];
            both.input.len -= 1;
            let more = both.input.len > 0;
            // The credit goes to the output VC at the other end of the link on which the flit came.
            let back = both.output.far;
            let latency = to.latency;
            let mut parked = NOBODY;
            if flit.is_tail() {
                to.free |= 1 << (u32::from(out) & low);
                parked = core::mem::replace(&mut to.parked, NOBODY);
            }
            let output = &mut hot.lanes[out].output;
            output.credits -= 1;
            let far = output.far;
            let from = &mut hot.ports[at];
            from.sent = lane;
            from.sent_to = out;
            let credit_latency = from.credit_latency;
            if back & NODE == 0 {
                hot.issue(lane_no(back), when(now).wrapping_add(credit_latency));
            } else {
                border.credit(Lane(back & !NODE), now + u64::from(credit_latency));
            }
            if far & NODE == 0 {
                hot.receive(lane_no(far), flit, when(now).wrapping_add(latency), hop);
            } else {
                border.eject(flit, now + u64::from(latency));
                let back = hot.node_latencies[there];
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
            hot.receive(lane_no(lane.0), flit, arrival, hop);
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
            self.route(*lane, false);
        }
        unrouted.clear();
        self.x.scratch.unrouted = unrouted;
    }

    /// Routes the heads of this cycle, by a function that looks.
    pub(super) fn route_all(&mut self) {
        let now = self.x.now;
        let Some(routes) = self.x.routes.take(now) else { return };
        for &lane in &routes {
            self.route(lane, false);
            self.x.asks.push(now + u64::from(self.x.fixed.rc), lane);
        }
        self.x.routes.give_back(now, routes);
    }

    /// Asks the routing function for the hop of the packet at the front of an input VC. `began`: it sees
    /// those VCs as free that were when VC allocation began.
    pub(super) fn route(&mut self, lane: LaneNo, began: bool) {
        let packet = self.x.lanes[lane].input.front.packet().at();
        let mut head = self.x.heads[packet];
        let state = head.state;
        let fixed = self.x.fixed;
        let router = RouterIdx(u32::from(lane) >> fixed.log);
        let of_router = u32::from(lane) & ((1 << fixed.log) - 1);
        let port = PortIdx::new((of_router >> fixed.shift) as usize);
        let vc = VcIdx::new((u32::from(lane) & fixed.low) as usize);
        let view = Looking { x: &*self.x, router, began };
        let hop = self.routing.route(router, port, vc, &mut head, &view);
        if hop.vcs == 0 || hop.port.at() >= 1 << (fixed.log - fixed.shift) {
            led_nowhere(router, lane, hop);
        }
        if head.state != state {
            self.x.heads[packet].state = head.state;
        }
        let input = &mut self.x.lanes[lane].input;
        input.out = lane_no(router.0 << fixed.log | u32::from(hop.port.0) << fixed.shift);
        input.vcs = hop.vcs;
    }
}

impl Express {
    /// Occupies slow links with the flits that have the switch now.
    #[cold]
    fn occupy(&mut self, bids: &[LaneNo]) {
        let traversal = u64::from(self.fixed.traversal);
        for &lane in bids {
            let out_port = self.lanes[lane].input.out >> self.fixed.shift;
            let port = &mut self.ports[out_port];
            let slow = self.rates.get(usize::from(out_port)).is_some_and(|r| r.interval > 0);
            if slow && port.claim == lane {
                let free = self.rates[usize::from(out_port)].occupy(self.now + traversal);
                port.open_at = when(free - traversal);
            }
        }
    }
}

#[cold]
fn led_nowhere(router: RouterIdx, lane: LaneNo, hop: Hop) {
    panic!("{router}: the routing function gave {hop:?} at {:?}", Lane(u32::from(lane)));
}
