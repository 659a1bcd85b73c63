//! A leg of a plan: one hop of a flight, if its link is to be had.

use super::plan::Plan;
use super::{Before, Flight, FlightNo, Flights, Had, LEGS, Link, Spacing};
use crate::express::Fixed;
use crate::express::state::{Cell, LaneNo, NODE, Port, Sent, When, after, lane_no, when};
use crate::express::table::Places;
use crate::rate::Rate;

/// What a plan is made on: the network, and the flight that is planned.
pub(super) struct Ground<'a> {
    pub(super) cells: &'a mut Places,
    rates: &'a mut [Rate],
    flight: &'a mut Flight,
    rc: u32,
    spacing: Spacing,
    /// VCs of a port.
    vcs: u16,
    now: u64,
    traversal: u32,
}

impl<'a> Ground<'a> {
    /// That of a flight in cycle `now`.
    #[expect(clippy::inline_always, reason = "a part of every plan")]
    #[inline(always)]
    pub(super) fn new(
        (cells, rates): (&'a mut Places, &'a mut [Rate]),
        flights: &'a mut Flights,
        number: FlightNo,
        (fixed, now): (&Fixed, u64),
    ) -> Self {
        let (spacing, vcs) = (flights.spacing, flights.vcs);
        let flight = &mut flights.places[number];
        Self { cells, rates, flight, rc: fixed.rc, spacing, vcs, now, traversal: fixed.traversal }
    }
}

/// Where a flight goes on behind its last leg.
pub(super) struct Course {
    pub(super) lane: LaneNo,
    arrival: When,
    exits: bool,
    /// The link of its next leg, until when is yet to be told.
    own: Link,
}

/// What is behind a leg.
pub(super) enum Next {
    /// Another router.
    Router,
    /// A node; or the leg is not to be had.
    Nowhere,
    /// What is not known beforehand.
    Unknown,
    /// The leg is not to be had, since some flight has its link, for which it asks in a cycle, and after that.
    Flight(LaneNo, When),
}

impl Course {
    /// That of a flight behind the legs of a plan.
    pub(super) const fn new(number: FlightNo, plan: Plan) -> Self {
        let Plan { lane, arrival, legs, exits, .. } = plan;
        Self { lane, arrival, exits, own: Link::new(0, Had::by(number, legs + 1)) }
    }

    /// Takes leg `at` by a hop to a port of the router and one of these VCs, if that is to be had. Links may be `SLOW`.
    // Each part of a leg is written as soon as it is known: so there is little to be kept at hand.
    #[expect(clippy::inline_always, reason = "a part of every plan")]
    #[inline(always)]
    pub(super) fn go<const SLOW: bool>(
        &mut self,
        ground: &mut Ground<'_>,
        at: usize,
        (port, able): (LaneNo, u64),
    ) -> Next {
        let Ground { cells, rates, flight, rc, spacing, vcs, now, traversal } = ground;
        let (lane, leg) = (self.lane, &mut flight.legs[at % LEGS]);
        let Cell { input, output } = &cells[lane];
        debug_assert!(input.len == 0, "{lane} has a flit and a flight");
        let (from, last, there) = (output.port, input.out, output.ports | port);
        let Port { first, lead, open_at, .. } = *cells.port(there);
        let link = cells.link(there);
        let (reaches, asks) = (self.arrival.wrapping_add(lead), self.arrival.wrapping_add(*rc));
        if link.is_used() {
            return Next::Nowhere;
        }
        if !after(reaches, link.until()) {
            return Next::Flight(there, asks);
        }
        (leg.link, leg.before.out) = (link, last);
        let out = first | lane_no(behind(last.wrapping_sub(first), able, *vcs));
        // Below 0 where one starves.
        let credit = match cells[out].output.credits.cast_signed() {
            credits if credits > spacing.few => 0,
            1.. => spacing.credit,
            _ => return Next::Nowhere,
        };
        let (hop, departs) = (Sent::new(lane, out), asks.wrapping_add(1));
        if SLOW && after(open_at, departs) {
            return Next::Nowhere;
        }
        (leg.hop, leg.departs) = (hop, departs);
        if SLOW {
            let extra = &mut flight.extras[at % LEGS];
            extra.free = occupy(cells, rates, there, (*now, departs, *traversal));
            extra.open_at = open_at;
        }
        remember(cells, hop, (from, there), &mut leg.before);
        let far = cells[out].output.far;
        if far & NODE != 0 {
            *cells.link_mut(there) = self.own.until_then(departs);
            self.arrival = departs.wrapping_add(cells.port(there).latency);
            self.exits = true;
            return Next::Nowhere;
        }
        (self.lane, self.arrival) = (lane_no(far), reaches);
        *cells.link_mut(there) = self.own.until_then(reaches.wrapping_add(*rc + 1 + credit));
        self.own = self.own.of_next_leg();
        Next::Router
    }

    /// Tells a plan how far it has come.
    #[expect(clippy::inline_always, reason = "a part of every plan")]
    #[inline(always)]
    pub(super) const fn end(self, plan: &mut Plan) {
        let Self { lane, arrival, exits, own } = self;
        let legs = own.had().leg() - 1 + exits as u8;
        (plan.lane, plan.arrival, plan.legs, plan.exits) = (lane, arrival, legs, exits);
    }
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
