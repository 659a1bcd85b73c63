//! How a flight is planned: leg by leg, as far as the links are to be had.

use zerocopy::FromZeros;

use base::{Head, Hop, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use super::{
    ALL, Before, Extra, FOR_NOW, Flight, FlightNo, HORIZON, Had, LEGS, Leg, Link, Spacing, link,
};
use crate::express::inspect::Looking;
use crate::express::layout::Layout;
use crate::express::state::{
    Cell, LaneNo, NODE, Output, PackedFlit, Port, STARVED, Sent, When, after, lane_no, when,
};
use crate::express::table::Places;
use crate::express::{Border, Express};
use crate::state::Lane;

/// How far a plan has come: where it goes on, and whether that is at a node.
#[derive(Clone, Copy)]
struct Plan {
    lane: LaneNo,
    arrival: When,
    legs: u8,
    exits: bool,
}

/// Why a plan stops.
enum Stop {
    /// Some flight has a link for which it asks in a cycle, and after that.
    Flight(LaneNo, When),
    /// It is not known beforehand how it goes on.
    Unknown,
    /// Its last leg ends at a node, or it cannot go on from there.
    There,
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
        (layout, routing, border): (L, &R, &mut B),
        (lane, flit, arrival): (LaneNo, PackedFlit, When),
    ) -> bool {
        let Output { far: back, port, .. } = self.cells[lane].output;
        let entry = link(layout, back, lane);
        if !self.is_clear(entry, arrival) {
            return false;
        }
        let now = when(self.now);
        let Some(number) = self.flights.open(now) else { return false };
        let mut plan = Plan { lane, arrival, legs: 0, exits: false };
        self.plan((layout, routing, border), &mut plan, flit, number);
        if plan.exits && !self.fixed.exits_ample && self.is_crowded(number, plan.legs) {
            self.forget(number, plan.legs - 1, plan.legs);
            (plan.legs, plan.exits) = (plan.legs - 1, false);
        }
        let lands = plan.exits && !self.flights.ordered;
        let ends = if lands && (plan.arrival.wrapping_sub(now) as usize) < HORIZON {
            plan.arrival
        } else if let Some(ends) = self.shorten(&mut plan, number) {
            ends
        } else {
            return false;
        };
        let Plan { legs, exits, .. } = plan;
        let f = &mut self.flights.places[usize::from(number)];
        f.flit = flit;
        (f.len, f.exits, f.aloft) = (legs, exits, true);
        (f.kept, f.age) = (ALL, self.flights.counts.0);
        f.entry = self.cells.link(entry);
        let (departs, had) = (f.legs[0].departs, Had::by(number, 0));
        self.flights.flits -= usize::from(exits);
        self.flights.counts.0 += 1;
        self.flights.tally.legs += u32::from(legs);
        self.flights.schedule(number, ends, exits && !self.flights.ordered);
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
            let last =
                &self.flights.places[usize::from(number)].legs[usize::from(plan.legs - 1) % LEGS];
            let (departs, out) = (last.departs, last.hop.out());
            let ends = if plan.exits && !self.flights.ordered { plan.arrival } else { departs };
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
        let last = &self.flights.places[usize::from(number)].legs[usize::from(legs - 1) % LEGS];
        let until = last.link.until();
        let ahead =
            if after(until, when(self.now)) { until.wrapping_sub(when(self.now)) } else { 0 };
        u32::from(self.cells[last.hop.out()].output.credits) <= ahead / 2 + 1
    }

    /// Whether no flight has a link when it is asked for in a cycle, or is made not to.
    #[inline]
    fn is_free<L: Layout, B: Border>(
        &mut self,
        layout: L,
        border: &mut B,
        (link, asks): (LaneNo, When),
    ) -> bool {
        self.is_let(link, asks) || self.be_let(layout, border, (link, asks))
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
        (layout, routing, border): (L, &R, &mut B),
        plan: &mut Plan,
        flit: PackedFlit,
        number: FlightNo,
    ) {
        if !self.hops.all_known() || self.fixed.any_slow {
            return self.plan_apart((layout, routing, border), plan, flit, number);
        }
        while let Stop::Flight(link, asks) = self.plan_on::<false>(plan, flit, number) {
            if !self.be_let(layout, border, (link, asks)) {
                return;
            }
        }
    }

    /// As [`plan`](Self::plan) where not all hops are known beforehand, or links are slow.
    #[inline(never)]
    fn plan_apart<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        (layout, routing, border): (L, &R, &mut B),
        plan: &mut Plan,
        flit: PackedFlit,
        number: FlightNo,
    ) {
        let mut head = None;
        let knows_some = self.hops.any_known() && !self.fixed.any_slow;
        loop {
            let stop =
                if knows_some { self.plan_on::<true>(plan, flit, number) } else { Stop::Unknown };
            let goes_on = match stop {
                Stop::Flight(link, asks) => self.be_let(layout, border, (link, asks)),
                Stop::Unknown => {
                    self.plan_leg((layout, routing, border), (plan, &mut head), flit, number)
                }
                Stop::There => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Goes on with a plan, by hops that are known; or by those of them that are, if there are `OTHERS`.
    #[inline(never)]
    fn plan_on<const OTHERS: bool>(
        &mut self,
        plan: &mut Plan,
        flit: PackedFlit,
        number: FlightNo,
    ) -> Stop {
        let Self { cells, hops, flights, fixed, .. } = self;
        let cells: &mut Places = cells;
        let (dst, of_class, vcs) = (flit.dst().at(), hops.vcs_of(flit) & flights.all, flights.vcs);
        let rc = fixed.rc;
        let Spacing { credit, few } = flights.spacing;
        let f = &mut flights.places[usize::from(number)];
        let Plan { mut lane, mut arrival, legs: len, mut exits } = *plan;
        // Its link, until when is yet to be told.
        let mut own = Link::new(0, Had::by(number, len + 1));
        let mut stop = Stop::There;
        // Each of a leg is written as soon as it is known: so there is little to be kept at hand.
        for leg in f.legs.iter_mut().skip(usize::from(len)) {
            let Cell { input, output } = &cells[lane];
            debug_assert!(input.len == 0, "{lane} has a flit and a flight");
            let (from, ports, last) = (output.port, output.ports, input.out);
            let (port, able) = if OTHERS {
                let Some(hop) = hops.of_input(input.row, flit) else {
                    stop = Stop::Unknown;
                    break;
                };
                hop
            } else {
                (hops.port_of(input.row, dst), of_class)
            };
            let there = ports | port;
            let Port { first, lead, .. } = *cells.port(there);
            let link = cells.link(there);
            if link.is_used() {
                break;
            }
            let reaches = arrival.wrapping_add(lead);
            if !after(reaches, link.until()) {
                stop = Stop::Flight(there, arrival.wrapping_add(rc));
                break;
            }
            (leg.link, leg.before.out) = (link, last);
            let out = first | lane_no(behind(last.wrapping_sub(first), able, vcs));
            let credits = cells[out].output.credits.cast_signed();
            let mut had_on = rc + 1;
            // Of those that starve, too.
            if credits <= few {
                if credits <= 0 {
                    break;
                }
                had_on += credit;
            }
            let (hop, departs) = (Sent::new(lane, out), arrival.wrapping_add(rc + 1));
            (leg.hop, leg.departs) = (hop, departs);
            remember(cells, hop, (from, there), &mut leg.before);
            let far = cells[out].output.far;
            if far & NODE != 0 {
                *cells.link_mut(there) = own.until_then(departs);
                arrival = departs.wrapping_add(cells.port(there).latency);
                exits = true;
                break;
            }
            (lane, arrival) = (lane_no(far), reaches);
            *cells.link_mut(there) = own.until_then(arrival.wrapping_add(had_on));
            own = own.of_next_leg();
        }
        *plan = Plan { lane, arrival, legs: own.had().leg() - 1 + u8::from(exits), exits };
        stop
    }

    /// Plans one more leg, whatever hop and link that is; `head` is the packet's as it is there, if it was asked for. Tells
    /// whether there was a way and goes on.
    #[inline(never)]
    fn plan_leg<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        (layout, routing, border): (L, &R, &mut B),
        (plan, head): (&mut Plan, &mut Option<Head>),
        flit: PackedFlit,
        number: FlightNo,
    ) -> bool {
        let Plan { lane, arrival, legs: len, .. } = *plan;
        if usize::from(len) == LEGS {
            return false;
        }
        let (port, vcs) = if let Some(hop) = self.hops.of(self.cells[lane].input.row, flit) {
            hop
        } else {
            let head = head.get_or_insert_with(|| self.heads[flit.packet().at()]);
            let Some(hop) = self.hop(layout, routing, (lane, head)) else { return false };
            hop
        };
        let there = layout.port(lane) & self.fixed.of_router | port;
        let able = vcs & self.flights.all;
        let asks = arrival.wrapping_add(self.fixed.rc);
        let departs = asks.wrapping_add(1);
        let Port { open_at, latency, .. } = *self.cells.port(there);
        let is_used = self.cells.link(there).is_used();
        let ready = !is_used && able != 0 && !after(open_at, departs);
        if !ready || !self.is_free(layout, border, (there, asks)) {
            return false;
        }
        let Cell { input, output } = &self.cells[lane];
        let (from, last) = (output.port, input.out);
        let out = layout.lane(there, layout.behind(last, there, able));
        let Output { far, credits, .. } = self.cells[out].output;
        if !(1..STARVED).contains(&credits) {
            return false;
        }
        let free = self.occupy_from(there, departs);
        let hop = Sent::new(lane, out);
        let mut before = Before { out: last, ..Before::new_zeroed() };
        remember(&mut self.cells, hop, (from, there), &mut before);
        let place = self.cells.link_mut(there);
        let f = &mut self.flights.places[usize::from(number)];
        f.legs[usize::from(len)] = Leg { hop, departs, before, link: *place };
        let state = head.map_or(0, |head| head.state);
        f.extras[usize::from(len)] = Extra { vcs, free, open_at, state };
        plan.legs = len + 1;
        plan.arrival = departs.wrapping_add(latency);
        plan.exits = far & NODE != 0;
        let until = if plan.exits {
            departs
        } else {
            plan.lane = lane_no(far);
            let leaves = plan.arrival.wrapping_add(self.fixed.rc + 1);
            self.flights.spacing.until(leaves, credits)
        };
        *place = Link::new(until, Had::by(number, plan.legs));
        !plan.exits
    }

    /// Occupies the link of a port, if that is slow, with a flit that has the switch in cycle `departs`. Gives when it took
    /// another before.
    fn occupy_from(&mut self, there: LaneNo, departs: When) -> u64 {
        let at = self.cycle_of(departs) + u64::from(self.fixed.traversal);
        let rate = self.rates.get_mut(usize::from(there)).filter(|rate| rate.interval > 0);
        let Some(rate) = rate else { return 0 };
        let before = rate.free;
        let free = rate.occupy(at);
        self.cells.port_mut(there).open_at = when(free - u64::from(self.fixed.traversal));
        before
    }

    /// The port of its router that a head wants at an input VC, and the VCs that it may take, by the routing function.
    #[inline(never)]
    fn hop<R: RoutingFunction, L: Layout>(
        &self,
        layout: L,
        routing: &R,
        (lane, head): (LaneNo, &mut Head),
    ) -> Option<(LaneNo, u64)> {
        let (router, port, vc) = self.place(layout, lane);
        let Hop { port, vcs } = routing.route(router, port, vc, head, &Looking { x: self, router });
        let sound = vcs != 0 && port.at() < 1 << self.fixed.log_ports();
        sound.then_some((port.0, vcs))
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
        let Flight { legs, extras, .. } = &flights.places[usize::from(number)];
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

/// The VC of a port that a head gets of those that it may take, as those choose who ask: behind the one that was held
/// `last`, if that is one of the `vcs` of the same port.
#[expect(clippy::inline_always, reason = "a part of every leg")]
#[inline(always)]
const fn behind(last: LaneNo, able: u64, vcs: u16) -> u32 {
    let ahead = if last < vcs { able & u64::MAX << last << 1 } else { 0 };
    if ahead == 0 { able } else { ahead }.trailing_zeros()
}

/// Has a router remember a hop from an input port to an output port, and notes what it remembered before, but for the
/// output VC.
#[expect(clippy::inline_always, reason = "a part of every leg")]
#[inline(always)]
fn remember(cells: &mut Places, hop: Sent, (from, there): (LaneNo, LaneNo), before: &mut Before) {
    let (lane, out) = (hop.lane(), hop.out());
    let to = cells.port_mut(there);
    to.forwarded += 1;
    before.taken_from = core::mem::replace(&mut to.taken_from, lane);
    before.sent = core::mem::replace(&mut cells.port_mut(from).sent, hop);
    before.owner = core::mem::replace(&mut cells[out].output.owner, lane);
    cells[lane].input.out = out;
}
