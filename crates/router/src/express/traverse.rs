//! The way of a flit from one buffer to the next, and of its credit back.

use base::{Hop, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use super::inspect::Looking;
use super::layout::Layout;
use super::state::{LaneNo, NOBODY, NODE, PackedFlit, lane_no, when};
use super::{Border, Express, Train};
use crate::state::Lane;

impl<R: RoutingFunction, L: Layout> Train<'_, R, L> {
    /// Sends the flits of those who won an output port. `EVEN`: whether the network is. In three passes, each with little at hand: all leave, then all come to the front
    /// that were behind, then all are received.
    pub(super) fn traverse_all<const EVEN: bool, B: Border>(&mut self, border: &mut B) {
        if !EVEN && self.x.fixed.any_slow {
            self.x.occupy(self.ports.all());
        }
        let moved = self.depart::<EVEN, B>(border);
        let routing = self.routing;
        let hop =
            |router, flit: PackedFlit| routing.fixed(RouterIdx(router), flit.dst(), flit.class());
        let mut hot = self.x.hot(self.layout);
        for &lane in self.more.all() {
            hot.advance(lane, hop);
        }
        let usual = hot.usual_arrival;
        for (lane, flit, arrival) in self.moves.first(moved) {
            hot.receive::<EVEN>(lane, flit, if EVEN { usual } else { arrival }, hop);
        }
        let lengths = hot.put_down();
        self.x.note(&lengths);
        self.more.clear();
        self.route_the_unrouted();
    }

    /// Has those leave who won. Gives how many flits are under way to other routers.
    #[inline(never)]
    fn depart<const EVEN: bool, B: Border>(&mut self, border: &mut B) -> LaneNo {
        let now = self.x.now;
        let mut hot = self.x.hot(self.layout);
        let layout = self.layout;
        let mut more = self.more.open();
        let mut moves = self.moves.open();
        for &there in self.ports.all() {
            let to = hot.cells.port_mut(there);
            let lane = core::mem::replace(&mut to.claim, NOBODY);
            to.taken_from = lane;
            to.forwarded += 1;
            let input = &hot.cells[lane].input;
            let (flit, out) = (input.front, input.out);
            let to = hot.cells.port_mut(there);
            if flit.is_tail() {
                to.free |= 1 << layout.vc(out);
                if to.parked != NOBODY {
                    hot.unpark(there);
                }
            }
            let output = &mut hot.cells[out].output;
            output.credits -= 1;
            let far = output.far;
            if far & NODE == 0 {
                let latency = if EVEN { 0 } else { hot.cells.port(there).latency };
                moves.push::<EVEN>((lane_no(far), flit, when(now).wrapping_add(latency)));
            } else {
                let to = hot.cells.port(there);
                border.eject(flit, now + u64::from(to.latency));
                let back = to.node_latency;
                hot.issue::<false>(out, back);
            }
            let cell = &mut hot.cells[lane];
            cell.input.len -= 1;
            if cell.input.len > 0 {
                more.push(lane);
            }
            // The credit goes to the output VC at the other end of the link on which the flit came.
            let back = cell.output.far;
            let from = hot.cells.port_mut(layout.port(lane));
            from.sent = lane;
            from.sent_to = out;
            if back & NODE == 0 {
                let latency = if EVEN { 0 } else { from.credit_latency };
                hot.issue::<EVEN>(lane_no(back), latency);
            } else {
                border.credit(Lane(back & !NODE), now + u64::from(from.credit_latency));
            }
        }
        let (lengths, moved) = (hot.put_down(), moves.len);
        self.x.note(&lengths);
        let len = more.len;
        self.more.close(len);
        self.ports.clear();
        moved
    }

    /// Puts flits of sources on their way into input VCs, each with the low bits of the cycle in which it
    /// arrives.
    pub(crate) fn enter(&mut self, flits: &[(Lane, PackedFlit, u32)]) {
        let routing = self.routing;
        let hop =
            |router, flit: PackedFlit| routing.fixed(RouterIdx(router), flit.dst(), flit.class());
        let mut hot = self.x.hot(self.layout);
        for &(lane, flit, arrival) in flits {
            hot.receive::<false>(lane_no(lane.0), flit, arrival, hop);
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
    pub(super) fn route(&mut self, lane: LaneNo) {
        let packet = self.x.cells[lane].input.front.packet().at();
        let mut head = self.x.heads[packet];
        let state = head.state;
        let fixed = self.x.fixed;
        let router = RouterIdx(u32::from(lane) >> fixed.log);
        let of_router = u32::from(lane) & ((1 << fixed.log) - 1);
        let port = PortIdx::new((of_router >> fixed.shift) as usize);
        let vc = VcIdx::new((u32::from(lane) & fixed.low) as usize);
        let view = Looking { x: &*self.x, router };
        let hop = self.routing.route(router, port, vc, &mut head, &view);
        if hop.vcs == 0 || hop.port.at() >= 1 << (fixed.log - fixed.shift) {
            led_nowhere(router, lane, hop);
        }
        if head.state != state {
            self.x.heads[packet].state = head.state;
        }
        let input = &mut self.x.cells[lane].input;
        input.out = lane_no(router.0 << fixed.log | u32::from(hop.port.0) << fixed.shift);
        input.vcs = hop.vcs;
    }
}

impl Express {
    /// Occupies slow links with the flits that have the switch now.
    #[cold]
    fn occupy(&mut self, ports: &[LaneNo]) {
        let traversal = u64::from(self.fixed.traversal);
        for &there in ports {
            if let Some(rate) = self.rates.get_mut(usize::from(there)).filter(|r| r.interval > 0) {
                let free = rate.occupy(self.now + traversal);
                self.cells.port_mut(there).open_at = when(free - traversal);
            }
        }
    }
}

#[cold]
fn led_nowhere(router: RouterIdx, lane: LaneNo, hop: Hop) {
    panic!("{router}: the routing function gave {hop:?} at {:?}", Lane(u32::from(lane)));
}
