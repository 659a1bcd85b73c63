//! How a flight is planned: leg by leg, as far as the links are to be had.

use base::{Head, Hop, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use super::legs::{Course, Ground, Next};
use super::{ALL, FOR_NOW, Flight, FlightNo, HORIZON, Had, LEGS, Leg, Link, link};
use crate::express::inspect::Looking;
use crate::express::layout::Layout;
use crate::express::state::{Cell, LaneNo, NODE, Output, PackedFlit, When, after, lane_no, when};
use crate::express::{Border, Express};
use crate::state::Lane;

/// How far a plan has come: where it goes on, and whether that is at a node.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) lane: LaneNo,
    pub(super) arrival: When,
    pub(super) legs: u8,
    pub(super) exits: bool,
    /// Whether its first hop has been decided: it is that of the input VC.
    decided: bool,
}

impl Express {
    /// Whether nobody uses a link or is about to, and no flight has it when a flit is at its end.
    #[inline]
    fn is_clear(&mut self, link: LaneNo, arrival: When) -> bool {
        let there = self.cells.link(link);
        !there.is_used() && (after(arrival, there.until()) || self.let_go(link))
    }

    /// Has a flit set out from an input VC that it reaches in cycle `arrival`, if there is a way for it to be had. Tells
    /// whether there was.
    #[expect(clippy::inline_always, reason = "a part of every flight")]
    #[inline(always)]
    pub(in crate::express) fn set_out<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        with: (L, &R, &mut B),
        sent: (LaneNo, PackedFlit, When),
    ) -> bool {
        // Where a packet goes may be decided when it is there.
        let early = self.fixed.looks && self.cells[sent.0].output.far & NODE != 0;
        !early && self.set_out_by(with, sent, false)
    }

    /// Has the head at the front of an input VC, which was routed in the present cycle, set out from there, or ask when it is
    /// time.
    #[inline(never)]
    pub(in crate::express) fn go_on_from<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        (layout, routing, border): (L, &R, &mut B),
        lane: LaneNo,
    ) {
        let Cell { input, output } = &mut self.cells[lane];
        let (flit, entry) = (input.front, link(layout, output.far, lane));
        let now = when(self.now);
        if flit.is_tail() && input.len == 1 {
            input.len = 0;
            self.cells.link_mut(entry).lose_user();
            // It is not yet routed there, then.
            let sent = (lane, flit.routed_by(u16::MAX), now);
            if self.set_out_by((layout, routing, border), sent, true) {
                return;
            }
            self.cells[lane].input.len = 1;
            self.cells.link_mut(entry).add_users(1);
        }
        self.flights.tally.hops += u32::from(flit.is_tail());
        self.want(lane);
        self.ahead.ask(now.wrapping_add(self.fixed.rc), lane);
    }

    /// As [`set_out`](Self::set_out); its first hop may have been decided.
    #[expect(clippy::inline_always, reason = "a part of every flight")]
    #[inline(always)]
    fn set_out_by<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        (layout, routing, border): (L, &R, &mut B),
        (lane, flit, arrival): (LaneNo, PackedFlit, When),
        decided: bool,
    ) -> bool {
        let Output { far: back, port, .. } = self.cells[lane].output;
        let entry = link(layout, back, lane);
        if !self.is_clear(entry, arrival) {
            return false;
        }
        let now = when(self.now);
        let Some(number) = self.flights.open(now) else { return false };
        let mut plan = Plan { lane, arrival, legs: 0, exits: false, decided };
        self.plan((layout, routing, border), &mut plan, flit, number);
        if plan.exits && !self.fixed.exits_ample && self.is_crowded(number, plan.legs) {
            self.forget(number, plan.legs - 1, plan.legs);
            (plan.legs, plan.exits) = (plan.legs - 1, false);
        }
        let lands = plan.exits
            && self.flights.exits.land()
            && (plan.arrival.wrapping_sub(now) as usize) < HORIZON;
        let ends = if lands {
            plan.arrival
        } else if let Some(ends) = self.shorten(&mut plan, number) {
            ends
        } else {
            return false;
        };
        let Plan { legs, exits, .. } = plan;
        let f = &mut self.flights.places[number];
        f.flit = flit;
        (f.len, f.exits, f.aloft) = (legs, exits, true);
        (f.kept, f.age) = (ALL, self.flights.counts.0);
        f.entry = self.cells.link(entry);
        let (departs, had) = (f.legs[0].departs, Had::by(number, 0));
        self.flights.flits -= usize::from(exits);
        self.flights.counts.0 += 1;
        self.flights.tally.legs += u32::from(legs);
        self.flights.schedule(number, ends, lands);
        border.wake(self.cycle_of(ends));
        if back & NODE == 0 {
            // It has the credit again that it was sent for, until somebody could ask.
            let output = &mut self.cells[lane_no(back)].output;
            output.credits += 1;
            let until = self.flights.spacing.until(departs, output.credits);
            *self.cells.link_mut(entry) = Link::new(until, had);
        } else {
            let counts = departs.wrapping_add(self.cells.port(port).credit_latency);
            *self.cells.link_mut(entry) = Link::new(departs, had);
            let counts = self.cycle_of(counts);
            if !border.credit_early(Lane(back & !NODE), counts - self.now) {
                border.credits(counts).push(Lane(back & !NODE));
            }
        }
        true
    }

    /// Has a plan be over in time that does not lead to a node, or where the order counts, or that takes long: gives in
    /// which cycle it is, or takes all back if it is not worth it.
    #[inline(never)]
    fn shorten(&mut self, plan: &mut Plan, number: FlightNo) -> Option<When> {
        let now = when(self.now);
        while plan.legs > u8::from(!plan.exits) {
            let last = &self.flights.places[number].legs[usize::from(plan.legs - 1) % LEGS];
            let (departs, out) = (last.departs, last.hop.out());
            let ends = if plan.exits && self.flights.exits.land() { plan.arrival } else { departs };
            if (ends.wrapping_sub(now) as usize) < HORIZON {
                if !plan.exits {
                    // Nobody can tell how long its flit is going to be there.
                    let there = self.cells[out].output.port;
                    self.cells.link_mut(there).be_had_until(now.wrapping_add(FOR_NOW));
                }
                return Some(ends);
            }
            self.forget(number, plan.legs - 1, plan.legs);
            (plan.legs, plan.exits) = (plan.legs - 1, false);
        }
        self.forget(number, 0, plan.legs);
        self.flights.close(number, now);
        None
    }

    /// The cycle of these low bits that is not past.
    #[inline]
    pub(super) fn cycle_of(&self, at: When) -> u64 {
        self.now + u64::from(at.wrapping_sub(when(self.now)))
    }

    /// Whether others may take all buffers of a node before the last leg of a way does: they spend their credits when they
    /// leave, two cycles apart at least.
    fn is_crowded(&self, number: FlightNo, legs: u8) -> bool {
        let last = &self.flights.places[number].legs[usize::from(legs - 1) % LEGS];
        let until = last.link.until();
        let ahead =
            if after(until, when(self.now)) { until.wrapping_sub(when(self.now)) } else { 0 };
        u32::from(self.cells[last.hop.out()].output.credits) <= ahead / 2 + 1
    }

    /// Whether no flight has a link when it is asked for in a cycle.
    #[inline]
    fn is_let(&self, link: LaneNo, asks: When) -> bool {
        let there = asks.wrapping_sub(self.fixed.rc).wrapping_add(self.cells.port(link).lead);
        after(there, self.cells.link(link).until())
    }

    /// Has a flight give a link up that is asked for in a cycle, if it is done with it or comes to it later. Tells whether
    /// none has it then.
    #[inline(never)]
    fn be_let<L: Layout, B: Border>(
        &mut self,
        layout: L,
        border: &mut B,
        (link, asks): (LaneNo, When),
    ) -> bool {
        self.let_go(link) || self.make_way(layout, border, (link, asks)) && self.is_let(link, asks)
    }

    /// Takes the links of a flight's way, as far as they are to be had.
    #[inline]
    fn plan<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        with: (L, &R, &mut B),
        plan: &mut Plan,
        flit: PackedFlit,
        number: FlightNo,
    ) {
        if !self.hops.all_known() || self.fixed.any_slow {
            return self.plan_apart(with, plan, flit, number);
        }
        let (layout, _, border) = with;
        while let Some(barred) = self.plan_on(plan, flit, number) {
            if !self.be_let(layout, border, barred) {
                return;
            }
        }
    }

    /// As [`plan`](Self::plan) where not all hops are known beforehand, or links are slow.
    // One loop for both takes 4 % more instructions a visit of a torus, or 7 % more of a Clos network with slow links.
    fn plan_apart<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        with: (L, &R, &mut B),
        plan: &mut Plan,
        flit: PackedFlit,
        number: FlightNo,
    ) {
        if self.fixed.any_slow {
            self.plan_slow(with, plan, flit, number);
        } else {
            self.plan_asking(with, plan, flit, number);
        }
    }

    /// As [`plan`](Self::plan) where links are slow.
    #[inline(never)]
    fn plan_slow<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        (layout, routing, border): (L, &R, &mut B),
        plan: &mut Plan,
        flit: PackedFlit,
        number: FlightNo,
    ) {
        let any_known = self.hops.any_known();
        // The packet's head as it is where the plan has come to, if it was asked for.
        let mut head = None;
        let mut on = Course::new(number, *plan);
        for at in 0..LEGS {
            let decided = plan.decided && at == 0;
            let mut hop = None;
            if any_known && !decided {
                hop = self.hops.of(self.cells[on.lane].input.row, flit);
            }
            if hop.is_none() {
                let place = (on.lane, decided);
                hop = self.ask((layout, routing), place, &mut head, (number, at), flit);
            }
            let Some(hop) = hop else { break };
            let next = loop {
                match on.go::<true>(&mut self.on(number), at, hop) {
                    Next::Flight(link, asks) if self.be_let(layout, border, (link, asks)) => {}
                    next => break next,
                }
            };
            if !matches!(next, Next::Router) {
                break;
            }
        }
        on.end(plan);
    }

    /// As [`plan`](Self::plan) where not all hops are known beforehand, and no link is slow.
    #[inline(never)]
    fn plan_asking<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        (layout, routing, border): (L, &R, &mut B),
        plan: &mut Plan,
        flit: PackedFlit,
        number: FlightNo,
    ) {
        let any_known = self.hops.any_known();
        // As in `plan_slow`; and the hop that was asked for.
        let (mut head, mut hop) = (None, None);
        let mut on = Course::new(number, *plan);
        let mut at = 0;
        loop {
            let decided = plan.decided && at == 0;
            let next = match hop {
                Some(hop) => on.go::<false>(&mut self.on(number), at, hop),
                None if any_known && !decided => self.go_known(&mut on, &mut at, flit, number),
                None => Next::Unknown,
            };
            match next {
                Next::Router => (at, hop) = (at + 1, None),
                Next::Flight(link, asks) if self.be_let(layout, border, (link, asks)) => {}
                Next::Unknown if at < LEGS => {
                    let place = (on.lane, decided);
                    hop = self.ask((layout, routing), place, &mut head, (number, at), flit);
                    if hop.is_none() {
                        break;
                    }
                }
                _ => break,
            }
        }
        on.end(plan);
    }

    /// Takes legs by hops that are known beforehand, as long as they are.
    #[expect(clippy::inline_always, reason = "a part of every plan")]
    #[inline(always)]
    fn go_known(
        &mut self,
        on: &mut Course,
        at: &mut usize,
        flit: PackedFlit,
        number: FlightNo,
    ) -> Next {
        let Self { cells, hops, flights, fixed, rates, now, .. } = self;
        let mut ground = Ground::new((cells, rates), flights, number, (fixed, *now));
        while *at < LEGS {
            let row = ground.cells[on.lane].input.row;
            let Some(hop) = hops.of_input(row, flit) else { return Next::Unknown };
            match on.go::<false>(&mut ground, *at, hop) {
                Next::Router => *at += 1,
                next => return next,
            }
        }
        Next::Nowhere
    }

    /// What the plan of a flight is made on.
    #[inline]
    fn on(&mut self, number: FlightNo) -> Ground<'_> {
        let Self { cells, flights, fixed, rates, now, .. } = self;
        Ground::new((cells, rates), flights, number, (fixed, *now))
    }

    /// The hop of a packet at an input VC where a plan has come to with so many legs, by the routing function, or as it was
    /// decided; none if it is not sound.
    #[inline]
    fn ask<R: RoutingFunction, L: Layout>(
        &mut self,
        (layout, routing): (L, &R),
        (lane, decided): (LaneNo, bool),
        head: &mut Option<Head>,
        (number, at): (FlightNo, usize),
        flit: PackedFlit,
    ) -> Option<(LaneNo, u64)> {
        let head = head.get_or_insert_with(|| self.heads[flit.packet().at()]);
        let input = &self.cells[lane].input;
        let hop = if decided {
            (input.want & !self.fixed.of_router, input.vcs)
        } else {
            let (router, port, vc) = self.place(layout, lane);
            let view = Looking { x: self, router };
            let Hop { port, vcs } = routing.route(router, port, vc, head, &view);
            (port.0, vcs & self.flights.all)
        };
        let (port, vcs) = hop;
        let extra = &mut self.flights.places[number].extras[at];
        (extra.vcs, extra.state) = (vcs, head.state);
        (vcs != 0 && u32::from(port) < 1 << self.fixed.log_ports()).then_some(hop)
    }

    /// Goes on with a plan, by hops that are all known. Gives the link that some flight has, if that is why it stops.
    #[inline(never)]
    fn plan_on(
        &mut self,
        plan: &mut Plan,
        flit: PackedFlit,
        number: FlightNo,
    ) -> Option<(LaneNo, When)> {
        let (dst, vcs) = (flit.dst().at(), self.hops.vcs_of(flit) & self.flights.all);
        let mut on = Course::new(number, *plan);
        let mut barred = None;
        let Self { cells, hops, flights, fixed, rates, now, .. } = self;
        let ports = hops.ports_to(dst);
        let mut ground = Ground::new((cells, rates), flights, number, (fixed, *now));
        for at in usize::from(plan.legs)..LEGS {
            let port = ports.at(ground.cells[on.lane].input.row);
            match on.go::<false>(&mut ground, at, (port, vcs)) {
                Next::Router => {}
                Next::Flight(link, asks) => {
                    barred = Some((link, asks));
                    break;
                }
                Next::Nowhere | Next::Unknown => break,
            }
        }
        on.end(plan);
        barred
    }

    /// Router, port and VC of a lane.
    pub(in crate::express) fn place<L: Layout>(
        &self,
        layout: L,
        lane: LaneNo,
    ) -> (RouterIdx, PortIdx, VcIdx) {
        let of_router = u32::from(lane) & ((1 << self.fixed.log) - 1);
        let port = PortIdx::new((of_router >> self.fixed.shift) as usize);
        let vc = VcIdx::new(layout.vc(lane) as usize);
        (RouterIdx(u32::from(lane) >> self.fixed.log), port, vc)
    }

    /// Has routers forget legs `from..to` of a flight, and gives up the links by which they leave.
    #[inline(never)]
    pub(super) fn forget(&mut self, number: FlightNo, from: u8, to: u8) {
        let Self { cells, flights, rates, .. } = self;
        let Flight { legs, extras, .. } = &flights.places[number];
        let all = legs.iter().zip(extras).take(to.into()).skip(from.into());
        for (Leg { hop, before, link, .. }, extra) in all.rev() {
            let Cell { input, output } = &mut cells[hop.lane()];
            input.out = before.out;
            let from = output.port;
            let output = &mut cells[hop.out()].output;
            output.owner = before.owner;
            let there = output.port;
            cells.port_mut(from).sent = before.sent;
            let port = cells.port_mut(there);
            port.taken_from = before.taken_from;
            port.forwarded -= 1;
            cells.link_mut(there).be_had_as(*link);
            if let Some(rate) = rates.get_mut(usize::from(there)).filter(|r| r.interval > 0) {
                rate.free = extra.free;
                cells.port_mut(there).open_at = extra.open_at;
            }
        }
    }
}
