//! The way of a flit from one buffer to the next, and of its credit back.

use base::{Hop, RouterIdx, RoutingFunction};

use super::ahead::Kind;
use super::engine::Engine;
use super::flight::link;
use super::hot::From;
use super::inspect::Looking;
use super::layout::Layout;
use super::state::{LaneNo, NOBODY, NODE, PackedFlit, STARVED, Sent, When, lane_no, when};
use super::{Border, Express};
use crate::state::Lane;

impl Engine {
    /// Sends the flits of those who won an output port. In passes, each with little at hand: all leave and are
    /// received, those at the edge are seen to, then all come to the front that were behind.
    pub(super) fn traverse_all<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        layout: L,
        routing: &R,
        border: &mut B,
    ) {
        if !L::EVEN && self.x.fixed.any_slow {
            self.x.occupy(self.ports.all());
        }
        let exited = self.depart(layout);
        let exited = self.leave_in_order::<L>(exited);
        if exited > 0 || !self.entries.is_empty() {
            self.tell_border(layout, exited, border);
        }
        if !self.more.is_empty() {
            self.advance_all(layout);
        }
        self.route_the_unrouted(layout, routing);
    }

    /// Adds the flits of flights that leave for nodes to so many others, where the order counts. Gives how many that makes.
    #[inline]
    fn leave_in_order<L: Layout>(&mut self, exited: LaneNo) -> LaneNo {
        let mut exits = self.exits.open();
        exits.len = exited;
        if L::FLIES {
            self.x.leave_in_order(exited > 0, |out, flit| exits.push((out, flit)));
        }
        exits.len
    }

    /// Brings those to the front that were behind the flits that left.
    #[inline(never)]
    fn advance_all<L: Layout>(&mut self, layout: L) {
        let mut hot = self.x.hot(layout);
        for &lane in self.more.all() {
            hot.advance(lane);
        }
        self.more.clear();
    }

    /// Has those leave who won, and puts their flits into the next buffer. Gives how many leave for nodes.
    // The next buffer may belong to one who is yet to leave it in this cycle: whether a flit finds the buffer
    // empty or comes to the front afterwards is the same, as it arrives later.
    #[inline(never)]
    fn depart<L: Layout>(&mut self, layout: L) -> LaneNo {
        let now = when(self.x.now);
        let mut hot = self.x.hot(layout);
        let usual = hot.ahead.due_in(Kind::Bids);
        let mut exits = self.exits.open();
        for &there in self.ports.all() {
            let to = hot.cells.port_mut(there);
            let lane = core::mem::replace(&mut to.claim, NOBODY);
            to.taken_from = lane;
            to.forwarded += 1;
            let input = &hot.cells[lane].input;
            let (flit, out) = (input.front, input.out);
            if flit.is_tail() {
                let bit = hot.cells[out].output.bit;
                let to = hot.cells.port_mut(there);
                to.free |= bit;
                if to.parked != NOBODY {
                    hot.unpark(there);
                }
                if L::FLIES {
                    hot.cells.link_mut(there).lose_user();
                }
            }
            let cell = &mut hot.cells[lane];
            cell.input.len -= 1;
            if cell.input.len > 0 {
                self.more.push(lane);
            }
            // The credit goes to the output VC at the other end of the link on which the flit came.
            let back = cell.output.far;
            if L::FLIES {
                hot.cells.link_mut(link(layout, back, lane)).lose_user();
            }
            let from = hot.cells.port_mut(layout.port(lane));
            from.sent = Sent::new(lane, out);
            if back & NODE != 0 {
                self.entries.push(lane);
            } else {
                let latency = from.credit_latency;
                hot.give_back(lane_no(back), latency);
            }
            let output = &mut hot.cells[out].output;
            debug_assert!(
                output.credits > 0 && output.credits & STARVED == 0,
                "{out} has no credit"
            );
            output.credits -= 1;
            let far = output.far;
            if far & NODE != 0 {
                exits.push((out, flit));
            } else if L::FLIES {
                let arrival = now.wrapping_add(hot.cells.port(there).latency);
                hot.flights.fresh.push((lane_no(far), flit, arrival));
            } else if L::EVEN {
                hot.receive(lane_no(far), flit, (usual, From::Usual));
            } else {
                let arrival = now.wrapping_add(hot.cells.port(there).latency);
                hot.receive(lane_no(far), flit, (arrival, From::Router));
            }
        }
        self.ports.clear();
        exits.len
    }

    /// Hands over the flits that leave for nodes, and gives back to sources the buffers that theirs had.
    #[inline(never)]
    fn tell_border<L: Layout, B: Border>(&mut self, layout: L, exited: LaneNo, border: &mut B) {
        let now = self.x.now;
        self.x.flights.flits -= usize::from(exited);
        let in_order = exited > 1 && border.ordered();
        let mut hot = self.x.hot(layout);
        if in_order {
            self.exits.sort(exited, &mut hot.scratch.exits);
        }
        // Most links to nodes are alike.
        let mut latency = 0;
        let mut ejects = None;
        for (out, flit) in self.exits.first(exited) {
            let port = hot.cells.port(layout.port(out));
            let (there, back) = (port.latency, port.node_latency);
            let list = match ejects.take().filter(|_| there == latency) {
                Some(list) => list,
                None => border.ejects(now + u64::from(there)),
            };
            list.push(flit);
            (ejects, latency) = (Some(list), there);
            if hot.fixed.exits_ample {
                hot.cells[out].output.credits += 1;
            } else {
                hot.issue(Kind::NodeCredits, out, back);
            }
        }
        let mut credits = None;
        for &lane in self.entries.all() {
            let back = hot.cells[lane].output.far & !NODE;
            let there = hot.cells.port(layout.port(lane)).credit_latency;
            let list = match credits.take().filter(|_| there == latency) {
                Some(list) => list,
                None => border.credits(now + u64::from(there)),
            };
            list.push(Lane(back));
            (credits, latency) = (Some(list), there);
        }
        self.entries.clear();
    }

    /// Routes the heads that came to the front, by a function that does not look at ports.
    #[inline]
    pub(super) fn route_the_unrouted<R: RoutingFunction, L: Layout>(
        &mut self,
        layout: L,
        routing: &R,
    ) {
        if self.x.scratch.unrouted.is_empty() {
            return;
        }
        while let Some(lane) = self.x.scratch.unrouted.pop() {
            self.route(layout, routing, lane);
            if L::FLIES {
                self.x.want(lane);
            }
        }
    }

    /// Routes the heads that are routed in this cycle and not ahead of time.
    #[inline(never)]
    pub(super) fn route_those_due<R: RoutingFunction, L: Layout>(
        &mut self,
        layout: L,
        routing: &R,
    ) {
        let now = self.x.now;
        let Some(routes) = self.x.ahead.strays.routes(now) else { return };
        for &lane in &routes {
            if !self.x.hot(layout).know_hop(lane) {
                self.route(layout, routing, lane);
            }
            if L::FLIES {
                self.x.flights.decided.push(lane);
            } else {
                self.x.ahead.ask(when(now).wrapping_add(self.x.fixed.rc), lane);
            }
        }
        self.x.ahead.strays.give_routes_back(now, routes);
    }

    /// Asks the routing function for the hop of the packet at the front of an input VC, which is yet to
    /// [want](Express::want) it where there are flights.
    #[expect(
        clippy::inline_always,
        reason = "a part of most hops where the function is asked at all"
    )]
    #[inline(always)]
    pub(super) fn route<R: RoutingFunction, L: Layout>(
        &mut self,
        layout: L,
        routing: &R,
        lane: LaneNo,
    ) {
        let packet = self.x.cells[lane].input.front.packet().at();
        let mut head = self.x.heads[packet];
        let state = head.state;
        let fixed = self.x.fixed;
        let (router, port, vc) = self.x.place(layout, lane);
        let view = Looking { x: &self.x, router };
        let hop = routing.route(router, port, vc, &mut head, &view);
        if hop.vcs == 0 || hop.port.at() >= 1 << fixed.log_ports() {
            led_nowhere(router, lane, hop);
        }
        if head.state != state {
            self.x.heads[packet].state = head.state;
        }
        let input = &mut self.x.cells[lane].input;
        input.want = layout.port(lane) & fixed.of_router | hop.port.0;
        input.vcs = hop.vcs;
    }

    /// Ends flights that end before their nodes, has flits set out that were sent on in this cycle, and makes room on the links that others
    /// are about to use.
    #[inline(never)]
    pub(super) fn fly<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        layout: L,
        routing: &R,
        border: &mut B,
    ) {
        if self.x.flights_are_due() {
            // Where no other left.
            let exited = self.leave_in_order::<L>(0);
            if exited > 0 {
                self.x.ahead.fill(when(self.x.now));
                self.tell_border(layout, exited, border);
            }
            self.x.end_all();
        }
        while let Some(lane) = self.x.flights.decided.pop() {
            self.x.go_on_from((layout, routing, border), lane);
        }
        while let Some(sent) = self.x.flights.fresh.pop() {
            self.send_on_apart((layout, routing, border), sent);
        }
        self.route_the_unrouted(layout, routing);
        self.x.give_way(layout, border);
    }

    /// As [`send_on`](Self::send_on) a flit that comes from a router, out of the way.
    #[inline(never)]
    fn send_on_apart<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        with: (L, &R, &mut B),
        sent: (LaneNo, PackedFlit, When),
    ) {
        self.send_on(with, sent, From::Router);
    }

    /// Has a flight set out, or puts it on its way to its next input VC.
    #[expect(clippy::inline_always, reason = "a part of every flight")]
    #[inline(always)]
    pub(super) fn send_on<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        (layout, routing, border): (L, &R, &mut B),
        (lane, flit, arrival): (LaneNo, PackedFlit, When),
        from: From,
    ) {
        let alone = flit.is_head() && flit.is_tail();
        if !alone || !self.x.set_out((layout, routing, border), (lane, flit, arrival)) {
            self.x.give_way_to(layout, border, lane);
            self.crawl(layout, (lane, flit, arrival), from);
        }
    }

    /// Puts a flit on its way to its next input VC.
    #[inline(never)]
    fn crawl<L: Layout>(
        &mut self,
        layout: L,
        (lane, flit, arrival): (LaneNo, PackedFlit, When),
        from: From,
    ) {
        self.x.ahead.fill(when(self.x.now));
        // Those of one flit may yet set out when they are there.
        let alone = flit.is_head() && flit.is_tail();
        let first = self.x.fixed.looks && matches!(from, From::Node);
        let later = alone && (first || self.x.fixed.is_far(when(self.x.now), arrival));
        self.x.flights.tally.hops += u32::from(!later);
        self.x.hot(layout).receive(lane, flit, (arrival, from));
    }
}

impl Express {
    /// Takes note that the head at the front of an input VC wants its link.
    #[inline]
    pub(super) fn want(&mut self, lane: LaneNo) {
        let link = self.cells[lane].input.want;
        self.flights.want(self.cells.link_mut(link), link, when(self.now));
    }

    /// Puts flits of sources on their way into input VCs, each with the low bits of the cycle in which it
    /// arrives. Gives whether heads came to the front that are [yet to be routed](Engine::route_the_unrouted).
    pub(super) fn enter<L: Layout>(
        &mut self,
        layout: L,
        flits: &[(Lane, PackedFlit, u32)],
    ) -> bool {
        let mut hot = self.hot(layout);
        for &(lane, flit, arrival) in flits {
            hot.receive(lane_no(lane.0), flit, (arrival, From::Node));
        }
        !self.scratch.unrouted.is_empty()
    }

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
