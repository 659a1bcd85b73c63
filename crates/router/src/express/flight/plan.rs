//! How a flight is planned: leg by leg, as far as the links are to be had.

use base::{Head, Hop, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use super::{Before, Extra, Flight, FlightNo, HORIZON, Had, LEGS, Leg, link};
use crate::express::inspect::Looking;
use crate::express::layout::Layout;
use crate::express::state::{
    Cell, LaneNo, NODE, Output, PackedFlit, Port, STARVED, Sent, When, after, lane_no, when,
};
use crate::express::table::Places;
use crate::express::{Border, Express};
use crate::state::Lane;

/// How far a plan has come: where it goes on.
#[derive(Clone, Copy)]
struct Plan {
    lane: LaneNo,
    arrival: When,
    legs: u8,
}

/// Why a plan stops.
enum Stop {
    /// Its last leg ends at a node.
    Node,
    /// Some flight has a link.
    Flight(LaneNo),
    /// It cannot go on from here.
    Here,
}

impl Express {
    /// Whether nobody uses a link or is about to.
    #[inline]
    fn is_clear(&mut self, link: LaneNo) -> bool {
        let there = self.flights.links[usize::from(link)];
        there.users == 0 && (!after(there.until, when(self.now)) || self.let_go(link))
    }

    /// Has a flit set out from an input VC that it reaches in cycle `arrival`, if there is a way for it to be had. Tells
    /// whether there was.
    #[inline]
    pub(in crate::express) fn set_out<R: RoutingFunction, L: Layout, B: Border>(
        &mut self,
        (layout, routing, border): (L, &R, &mut B),
        (lane, flit, arrival): (LaneNo, PackedFlit, When),
    ) -> bool {
        let Output { far: back, port, .. } = self.cells[lane].output;
        let entry = link(layout, back, lane);
        let free = back & NODE != 0 || self.cells.port(entry).free == self.flights.all;
        if !free || !self.is_clear(entry) {
            return false;
        }
        let Some(number) = self.flights.open(when(self.now)) else { return false };
        let plan = self.plan((layout, routing), (lane, flit, arrival), number);
        let (len, exits, ends) = self.in_time(number, plan);
        if !exits && len < 2 {
            self.forget(number, 0, len);
            self.flights.close(number, when(self.now));
            return false;
        }
        let f = &mut self.flights.places[usize::from(number)];
        f.flit = flit;
        (f.len, f.exits, f.aloft) = (len, exits, true);
        let counts = f.legs[0].departs.wrapping_add(self.cells.port(port).credit_latency);
        self.flights.links[usize::from(entry)].until = counts;
        self.flights.had[usize::from(entry)] = Had::by(number, 0);
        self.flights.flits -= usize::from(exits);
        self.flights.counts.0 += 1;
        self.flights.tally.legs += u32::from(len);
        let lands = exits && !self.flights.ordered;
        self.flights.schedule(number, ends, lands);
        border.wake(self.cycle_of(ends));
        if back & NODE == 0 {
            // It has the credit again that it was sent for, until somebody could ask.
            self.cells[lane_no(back)].output.credits += 1;
        } else {
            let counts = self.cycle_of(counts);
            if !border.credit_early(Lane(back & !NODE), counts - self.now) {
                border.credits(counts).push(Lane(back & !NODE));
            }
        }
        true
    }

    /// The cycle of these low bits that is not past.
    #[inline]
    pub(super) fn cycle_of(&self, at: When) -> u64 {
        self.now + u64::from(at.wrapping_sub(when(self.now)))
    }

    /// So many legs of a plan as end in time, whether the last one ends at a node, and the end: when it is over or, at a
    /// node, when the flit is there, unless the order counts.
    #[inline]
    fn in_time(&mut self, number: FlightNo, plan: (u8, bool)) -> (u8, bool, When) {
        let (mut len, mut exits) = plan;
        let now = when(self.now);
        let mut ends = now;
        while len > 0 {
            let last = &self.flights.places[usize::from(number)].legs[usize::from(len - 1) % LEGS];
            let port = self.cells[last.hop.out()].output.port;
            let there = exits && !self.flights.ordered;
            let latency = if there { self.cells.port(port).latency } else { 0 };
            ends = last.departs.wrapping_add(latency);
            if (ends.wrapping_sub(now) as usize) < HORIZON {
                break;
            }
            self.forget(number, len - 1, len);
            (len, exits) = (len - 1, false);
        }
        (len, exits, ends)
    }

    /// Takes the links of a flight's way, as far as they are to be had. Gives how many legs that makes, and whether the
    /// last one ends at a node.
    #[inline]
    fn plan<R: RoutingFunction, L: Layout>(
        &mut self,
        (layout, routing): (L, &R),
        (lane, flit, arrival): (LaneNo, PackedFlit, When),
        number: FlightNo,
    ) -> (u8, bool) {
        let mut plan = Plan { lane, arrival, legs: 0 };
        if !self.hops.all_known() || self.fixed.any_slow {
            return self.plan_apart((layout, routing), plan, flit, number);
        }
        loop {
            match self.plan_on(&mut plan, flit, number) {
                Stop::Node => return (plan.legs, true),
                Stop::Flight(link) if self.let_go(link) => {}
                Stop::Flight(_) | Stop::Here => return (plan.legs, false),
            }
        }
    }

    /// Goes on with a plan, by hops that are known.
    #[inline(never)]
    fn plan_on(&mut self, plan: &mut Plan, flit: PackedFlit, number: FlightNo) -> Stop {
        let Self { cells, hops, flights, fixed, now, .. } = self;
        let cells: &mut Places = cells;
        let now = when(*now);
        let all = flights.all;
        let (dst, able) = (flit.dst().at(), hops.vcs_of(flit) & all);
        let to_leave = fixed.rc + 1;
        let to_count = to_leave + flights.credit_cycles;
        let f = &mut flights.places[usize::from(number)];
        let Plan { mut lane, mut arrival, legs: len } = *plan;
        let mut had = Had::by(number, len);
        let mut stop = Stop::Here;
        for leg in f.legs.iter_mut().skip(usize::from(len)) {
            let Cell { input, output } = &cells[lane];
            debug_assert!(input.len == 0, "{lane} has a flit and a flight");
            let (from, last) = (output.port, input.out);
            let there = from & fixed.of_router | hops.port_of(input.row, dst);
            let Port { free, first, .. } = *cells.port(there);
            let link = &mut flights.links[usize::from(there)];
            if free != all || link.users != 0 {
                break;
            }
            if after(link.until, now) {
                stop = Stop::Flight(there);
                break;
            }
            // As those choose who ask.
            let Output { port, bit, .. } = cells[last].output;
            let ahead = if port == there { able & (bit << 1).wrapping_neg() } else { 0 };
            let vc = if ahead == 0 { able } else { ahead }.trailing_zeros();
            let out = first | lane_no(vc);
            let Output { far, credits, .. } = cells[out].output;
            if !(1..STARVED).contains(&credits) {
                break;
            }
            let departs = arrival.wrapping_add(to_leave);
            let before = remember(cells, (lane, from), (out, there));
            *leg = Leg { hop: Sent::new(lane, out), departs, before };
            had = had.next();
            flights.had[usize::from(there)] = had;
            if far & NODE != 0 {
                link.until = departs;
                stop = Stop::Node;
                break;
            }
            lane = lane_no(far);
            arrival = departs.wrapping_add(cells.port(there).latency);
            link.until = arrival.wrapping_add(to_count);
        }
        *plan = Plan { lane, arrival, legs: had.leg() };
        stop
    }

    /// As [`plan_on`](Self::plan_on) where hops are not known beforehand, or links are slow.
    #[inline(never)]
    fn plan_apart<R: RoutingFunction, L: Layout>(
        &mut self,
        (layout, routing): (L, &R),
        plan: Plan,
        flit: PackedFlit,
        number: FlightNo,
    ) -> (u8, bool) {
        let mut head = None;
        let Plan { mut lane, mut arrival, legs: mut len } = plan;
        while usize::from(len) < LEGS {
            let (port, vcs) = if let Some(hop) = self.hops.of(self.cells[lane].input.row, flit) {
                hop
            } else {
                let head = head.get_or_insert_with(|| self.heads[flit.packet().at()]);
                let Some(hop) = self.hop(layout, routing, (lane, head)) else { break };
                hop
            };
            let there = layout.port(lane) & self.fixed.of_router | port;
            let able = vcs & self.flights.all;
            let departs = arrival.wrapping_add(self.fixed.rc + 1);
            let Port { free, open_at, .. } = *self.cells.port(there);
            let ready = free == self.flights.all && able != 0 && !after(open_at, departs);
            if !ready || !self.is_clear(there) {
                break;
            }
            let Cell { input, output } = &self.cells[lane];
            let from = output.port;
            let out = layout.lane(there, layout.behind(input.out, there, able));
            let Output { far, credits, .. } = self.cells[out].output;
            if !(1..STARVED).contains(&credits) {
                break;
            }
            let free = self.occupy_from(there, departs);
            let before = remember(&mut self.cells, (lane, from), (out, there));
            let f = &mut self.flights.places[usize::from(number)];
            f.legs[usize::from(len)] = Leg { hop: Sent::new(lane, out), departs, before };
            let state = head.map_or(0, |head: Head| head.state);
            f.extras[usize::from(len)] = Extra { vcs, free, open_at, state };
            len += 1;
            self.flights.had[usize::from(there)] = Had::by(number, len);
            let link = &mut self.flights.links[usize::from(there)];
            if far & NODE != 0 {
                link.until = departs;
                return (len, true);
            }
            lane = lane_no(far);
            arrival = departs.wrapping_add(self.cells.port(there).latency);
            link.until = arrival.wrapping_add(self.fixed.rc + 1 + self.flights.credit_cycles);
        }
        (len, false)
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
        let now = when(self.now);
        let Self { cells, flights, rates, .. } = self;
        let Flight { legs, extras, .. } = &flights.places[usize::from(number)];
        let all = legs.iter().zip(extras).take(to.into()).skip(from.into());
        for (Leg { hop, before, .. }, extra) in all.rev() {
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
            flights.links[usize::from(there)].until = now;
            if let Some(rate) = rates.get_mut(usize::from(there)).filter(|r| r.interval > 0) {
                rate.free = extra.free;
                cells.port_mut(there).open_at = extra.open_at;
            }
        }
    }
}

/// Has a router remember a hop from an input VC of a port to an output VC of another: gives what it remembered before.
#[expect(clippy::inline_always, reason = "a part of every leg")]
#[inline(always)]
fn remember(
    cells: &mut Places,
    (lane, from): (LaneNo, LaneNo),
    (out, there): (LaneNo, LaneNo),
) -> Before {
    let to = cells.port_mut(there);
    to.forwarded += 1;
    let taken_from = core::mem::replace(&mut to.taken_from, lane);
    let sent = core::mem::replace(&mut cells.port_mut(from).sent, Sent::new(lane, out));
    let owner = core::mem::replace(&mut cells[out].output.owner, lane);
    let before = core::mem::replace(&mut cells[lane].input.out, out);
    Before { sent, out: before, owner, taken_from }
}
