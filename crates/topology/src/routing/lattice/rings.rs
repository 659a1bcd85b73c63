//! Which VC groups a packet may take on its next step: datelines.
//!
//! A class's VCs are divided into sets, such as the phases of Valiant's algorithm. Without rings a
//! set is one group. With rings it is two, the sides of the datelines, and the link below the first
//! router of a ring, either way around, is its dateline. Under [`Datelines::Balanced`]
//!
//! - a packet that still has to cross it uses the lower group;
//! - one that has crossed it, or has once taken the upper group on this ring, uses the upper one;
//! - any other may use both.
//!
//! So along a ring the pairs (group, link) are only ever taken in ascending order, and dimensions
//! are too: no circle of waiting can close (Dally and Seitz, IEEE Trans. Computers C-36(5), 1987).
//!
//! Under [`Datelines::Strict`] a packet stays in one group for its whole way around a ring: going up,
//! in the upper group if it crosses the dateline and else in the lower; going down, the other way
//! about. Those that cross leave out the links around the middle of the ring, those that do not leave
//! out the dateline, so neither closes a circle. This is what BookSim 2 does (`dor_next_torus`).
//!
//! An escape function (Duato) must not depend on how the packet came: with [`Lattice::escape`] a
//! packet that still has to go over the end of the dimension uses the lower group, and any other the
//! upper. On twisted tori a ring goes over the end several times, and all of these are datelines
//! here, so that steps in other dimensions, which lead to other rings, do not change the side.

use super::{Arrival, Bound, Lattice, Leg, Onward, Order};
use crate::describe::Datelines;
use crate::routing::table::choose;
use crate::routing::{Goal, Step};

const LOWER: u8 = 0b01;
const UPPER: u8 = 0b10;
const BOTH: u8 = 0b11;

impl Lattice {
    /// The step of a packet of `flow` that is bound for a router, or nothing if it is there.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(crate) fn toward(
        &self,
        order: &Order,
        here: Arrival,
        bound: Bound,
        flow: u32,
    ) -> Option<Step> {
        let leg = self.leg(order, here.at, bound.to, flow)?;
        Some(self.step(here, leg, bound))
    }

    /// Every step of a packet with this choice that is bound for a router; whether there are any.
    pub(crate) fn toward_all(
        &self,
        order: &Order,
        here: Arrival,
        bound: Bound,
        choice: usize,
        mut visit: impl FnMut(Step),
    ) -> bool {
        match order.next(self, here.at, bound.to, choice) {
            Onward::Here => return false,
            Onward::One(leg) => visit(self.step(here, leg, bound)),
            Onward::Either(legs) => legs.iter().for_each(|l| visit(self.step(here, *l, bound))),
        }
        true
    }

    /// How a packet of `flow` goes on towards router `to`, or nothing if it is there.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(crate) fn leg(&self, order: &Order, at: usize, to: usize, flow: u32) -> Option<Leg> {
        match order.next(self, at, to, self.choice(flow)) {
            Onward::Here => None,
            Onward::One(leg) => Some(leg),
            Onward::Either(legs) => Some(legs[choose(2, at, flow)]),
        }
    }

    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn step(&self, here: Arrival, leg: Leg, bound: Bound) -> Step {
        let groups = self.sides(here, leg, bound.set) << (bound.set * self.width());
        Step { port: self.port(here.at, leg.way()), groups, escape: true, goal: bound.goal }
    }

    /// The groups of its set that a packet may take: 1 or 2 bits.
    #[inline]
    fn sides(&self, here: Arrival, leg: Leg, set: usize) -> u8 {
        if self.width == 1 { 1 } else { self.ring_sides(here, leg, set) }
    }

    fn ring_sides(&self, here: Arrival, leg: Leg, set: usize) -> u8 {
        let ring = self.dims[leg.d].ring;
        if ring == 0 {
            return BOTH;
        }
        let down = leg.steps < 0;
        let crosses = self.crosses(here.at, leg);
        // A port faces against the travel of what arrives by it.
        let on_ring = self.back(here) == Some(leg.way() ^ 1) && here.group >> 1 == set;
        let above = here.group & 1 == 1;
        match self.datelines {
            Datelines::Strict if on_ring => 1 << (here.group & 1),
            Datelines::Strict if crosses == down => LOWER,
            Datelines::Strict => UPPER,
            Datelines::Balanced if crosses => LOWER,
            Datelines::Balanced if on_ring && (above || self.past(here.at, leg)) => UPPER,
            Datelines::Balanced => BOTH,
        }
    }

    /// The step by which a packet escapes from adaptive channels, in the first set.
    #[inline]
    pub(crate) fn escape(&self, at: usize, leg: Leg, goal: Goal) -> Step {
        let groups = match () {
            () if self.width == 1 => 1,
            () if self.dims[leg.d].ring == 0 => BOTH,
            () if self.wraps(at, leg) => LOWER,
            () => UPPER,
        };
        Step { port: self.port(at, leg.way()), groups, escape: true, goal }
    }

    /// Whether the dateline is still ahead.
    #[inline]
    fn crosses(&self, at: usize, leg: Leg) -> bool {
        let end = i32::from(self.point(at, leg.d).position) + leg.steps;
        end < 0 || end >= i32::from(self.dims[leg.d].ring)
    }

    /// Whether the end of the dimension is still ahead.
    #[inline]
    fn wraps(&self, at: usize, leg: Leg) -> bool {
        let end = i32::from(self.coordinate(at, leg.d)) + leg.steps;
        end < 0 || end >= i32::from(self.dims[leg.d].extent)
    }

    /// Whether a packet that came this way has just crossed the dateline.
    #[inline]
    fn past(&self, at: usize, leg: Leg) -> bool {
        let first = if leg.steps < 0 { self.dims[leg.d].ring - 1 } else { 0 };
        self.point(at, leg.d).position == first
    }
}
