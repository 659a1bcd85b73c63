//! How a flight is planned: leg by leg, as far as the links are to be had.

use base::{Head, Hop, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use super::{ALL, Before, FOR_NOW, Flight, FlightNo, HORIZON, Had, LEGS, Leg, Link, Spacing, link};
use crate::express::hops::Hops;
use crate::express::inspect::Looking;
use crate::express::layout::Layout;
use crate::express::state::{
    Cell, LaneNo, NODE, Output, PackedFlit, Port, Sent, When, after, lane_no, when,
};
use crate::express::table::Places;
use crate::express::{Border, Express};
use crate::rate::Rate;
use crate::state::Lane;

/// How far a plan has come: where it goes on, and whether that is at a node.
#[derive(Clone, Copy)]
struct Plan {
    lane: LaneNo,
    arrival: When,
    legs: u8,
    exits: bool,
    /// Whether its first hop has been decided: it is that of the input VC.
    decided: bool,
    /// The next hop, where that was asked for; no VCs otherwise.
    asked: (LaneNo, u64),
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
        let mut plan = Plan { lane, arrival, legs: 0, exits: false, decided, asked: (0, 0) };
        self.plan((layout, routing, border), &mut plan, flit, number);
        if plan.exits && !self.fixed.exits_ample && self.is_crowded(number, plan.legs) {
            self.forget(number, plan.legs - 1, plan.legs);
            (plan.legs, plan.exits) = (plan.legs - 1, false);
        }
        let lands = plan.exits && self.flights.exits.land();
        let ends = if lands && (plan.arrival.wrapping_sub(now) as usize) < HORIZON {
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
        self.flights.schedule(number, ends, lands && exits);
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
                &self.flights.places[number].legs[usize::from(plan.legs - 1) % LEGS];
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
        (layout, routing, border): (L, &R, &mut B),
        plan: &mut Plan,
        flit: PackedFlit,
        number: FlightNo,
    ) {
        if !self.hops.all_known() || self.fixed.any_slow {
            return self.plan_apart((layout, routing, border), plan, flit, number);
        }
        while let Stop::Flight(link, asks) = self.plan_on::<false, false>(plan, flit, number) {
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
        // The packet's head as it is where the plan has come to, if it was asked for.
        let mut head = None;
        loop {
            let legs = plan.legs;
            let stop = match self.fixed.any_slow {
                _ if plan.asked.1 == 0 && !self.hops.any_known() => Stop::Unknown,
                true => self.plan_on::<true, true>(plan, flit, number),
                false => self.plan_on::<true, false>(plan, flit, number),
            };
            if plan.legs > legs {
                plan.asked = (0, 0);
            }
            let goes_on = match stop {
                Stop::Flight(link, asks) => self.be_let(layout, border, (link, asks)),
                Stop::Unknown => {
                    plan.asked = self.ask((layout, routing), (*plan, &mut head), flit, number);
                    plan.asked.1 != 0
                }
                Stop::There => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// The hop of a packet where a plan has come to, by the routing function, or as it was decided; without VCs if it is not
    /// sound, or the plan has no more legs.
    #[inline(never)]
    fn ask<R: RoutingFunction, L: Layout>(
        &mut self,
        (layout, routing): (L, &R),
        (plan, head): (Plan, &mut Option<Head>),
        flit: PackedFlit,
        number: FlightNo,
    ) -> (LaneNo, u64) {
        if usize::from(plan.legs) == LEGS {
            return (0, 0);
        }
        let head = head.get_or_insert_with(|| self.heads[flit.packet().at()]);
        let (lane, input) = (plan.lane, &self.cells[plan.lane].input);
        let hop = if plan.decided && plan.legs == 0 {
            (input.want & !self.fixed.of_router, input.vcs)
        } else {
            let (router, port, vc) = self.place(layout, lane);
            let view = Looking { x: self, router };
            let Hop { port, vcs } = routing.route(router, port, vc, head, &view);
            (port.0, vcs & self.flights.all)
        };
        let (port, vcs) = hop;
        let f = &mut self.flights.places[number];
        let extra = &mut f.extras[usize::from(plan.legs) % LEGS];
        (extra.vcs, extra.state) = (vcs, head.state);
        if u32::from(port) < 1 << self.fixed.log_ports() { hop } else { (0, 0) }
    }

    /// Goes on with a plan, by hops that are known; or by those of them that are and the one that was asked for, if there
    /// are `OTHERS`. Links may be `SLOW`.
    #[inline(never)]
    fn plan_on<const OTHERS: bool, const SLOW: bool>(
        &mut self,
        plan: &mut Plan,
        flit: PackedFlit,
        number: FlightNo,
    ) -> Stop {
        let Self { cells, hops, flights, fixed, rates, now, .. } = self;
        let cells: &mut Places = cells;
        let (dst, of_class, vcs) = (flit.dst().at(), hops.vcs_of(flit) & flights.all, flights.vcs);
        let (rc, Spacing { credit, few, .. }) = (fixed.rc, flights.spacing);
        let f = &mut flights.places[number];
        let Plan { mut lane, mut arrival, legs: len, mut exits, .. } = *plan;
        // Its link, until when is yet to be told.
        let mut own = Link::new(0, Had::by(number, len + 1));
        let mut stop = Stop::There;
        let mut asked = plan.asked;
        // Each of a leg is written as soon as it is known: so there is little to be kept at hand.
        for n in usize::from(len)..LEGS {
            let leg = &mut f.legs[n];
            let Cell { input, output } = &cells[lane];
            debug_assert!(input.len == 0, "{lane} has a flit and a flight");
            let (from, ports, last) = (output.port, output.ports, input.out);
            let (port, able) = if OTHERS {
                let Some(hop) = next_hop::<SLOW>(hops, &mut asked, input.row, flit) else {
                    stop = Stop::Unknown;
                    break;
                };
                hop
            } else {
                (hops.port_of(input.row, dst), of_class)
            };
            let there = ports | port;
            let Port { first, lead, open_at, .. } = *cells.port(there);
            let link = cells.link(there);
            let (reaches, asks) = (arrival.wrapping_add(lead), arrival.wrapping_add(rc));
            if link.is_used() {
                break;
            }
            if !after(reaches, link.until()) {
                stop = Stop::Flight(there, asks);
                break;
            }
            (leg.link, leg.before.out) = (link, last);
            let out = first | lane_no(behind(last.wrapping_sub(first), able, vcs));
            // Below 0 where one starves.
            let credit = match cells[out].output.credits.cast_signed() {
                credits if credits > few => 0,
                1.. => credit,
                _ => break,
            };
            if SLOW && after(open_at, asks.wrapping_add(1)) {
                break;
            }
            let (hop, departs) = (Sent::new(lane, out), asks.wrapping_add(1));
            (leg.hop, leg.departs) = (hop, departs);
            if SLOW {
                f.extras[n].free = occupy(cells, rates, there, (*now, departs, fixed.traversal));
                f.extras[n].open_at = open_at;
            }
            remember(cells, hop, (from, there), &mut leg.before);
            let far = cells[out].output.far;
            if far & NODE != 0 {
                *cells.link_mut(there) = own.until_then(departs);
                (arrival, exits) = (departs.wrapping_add(cells.port(there).latency), true);
                break;
            }
            (lane, arrival) = (lane_no(far), reaches);
            *cells.link_mut(there) = own.until_then(arrival.wrapping_add(rc + 1 + credit));
            own = own.of_next_leg();
        }
        let legs = own.had().leg() - 1 + u8::from(exits);
        *plan = Plan { lane, arrival, legs, exits, ..*plan };
        stop
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

/// The hop that was asked for, which is taken, or the one that is known at the input VC of a row; links may be `SLOW`.
#[expect(clippy::inline_always, reason = "a part of every leg")]
#[inline(always)]
fn next_hop<const SLOW: bool>(
    hops: &Hops,
    asked: &mut (LaneNo, u64),
    row: u32,
    flit: PackedFlit,
) -> Option<(LaneNo, u64)> {
    if asked.1 != 0 {
        return Some(core::mem::take(asked));
    }
    if SLOW { hops.of(row, flit) } else { hops.of_input(row, flit) }
}

/// Occupies the link of a port, if that is slow, in cycle `now` with a flit that has the switch in cycle `departs` and is on it so
/// many later. Gives when it took another before.
fn occupy(
    cells: &mut Places,
    rates: &mut [Rate],
    there: LaneNo,
    (now, departs, traversal): (u64, When, u32),
) -> u64 {
    let rate = rates.get_mut(usize::from(there)).filter(|rate| rate.interval > 0);
    let Some(rate) = rate else { return 0 };
    let before = rate.free;
    let at = now + u64::from(departs.wrapping_sub(when(now)));
    let free = rate.occupy(at + u64::from(traversal));
    cells.port_mut(there).open_at = when(free - u64::from(traversal));
    before
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
