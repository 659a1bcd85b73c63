//! XY or YX: dimension order in either of two orders, each on VCs of its own.
//!
//! - O1TURN draws the order from the flow (Seo et al., ISCA 2005);
//! - the adaptive form compares, at the packet's first router, the flits that wait on the first links
//!   of both orders and takes the one with fewer, by the flow where they are equal. It decides once.
//!   This is BookSim 2's `adaptive_xy_yx`.
//!
//! A set of VCs belongs to each order, with two sides of datelines on tori, so the VC on which a packet
//! arrives from another router tells its order, and each order is free of cycles by itself.
//!
//! Legs: as of [`DimensionOrder`](super::DimensionOrder).

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::lattice::{Arrival, Bound, Lattice, Order};
use super::table::choose;
use super::{Goal, OfClass, Step};
use crate::error::Problem;

/// Place of the draw of an order; routers and nodes are below.
const ORDER: usize = 0xffff_0001;

/// Dimension-order routing in two orders.
#[derive(Clone, Debug)]
pub struct TwoOrders {
    lattice: Lattice,
    orders: [Order; 2],
    by_load: bool,
}

impl TwoOrders {
    /// # Errors
    /// If there are less than two VCs a class, or four with rings.
    pub(crate) fn new(
        orders: [Order; 2],
        by_load: bool,
        lattice: Lattice,
        vcs: u8,
    ) -> Result<Self, Problem> {
        let why = "one for each order, and on a torus for either side of the dateline";
        let need = (2 * lattice.width(), "XY-YX routing", why);
        Ok(Self { lattice: lattice.with_groups(need, vcs)?, orders, by_load })
    }

    pub(super) const fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    pub(super) const fn size(&self) -> (usize, usize) {
        (self.lattice.routers(), self.lattice.nodes())
    }

    pub(super) const fn groups(&self) -> usize {
        self.lattice.groups()
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) const fn adaptive(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) const fn global(&self) -> bool {
        false
    }

    pub(super) const fn weighs(&self) -> bool {
        self.by_load
    }

    pub(super) fn goals(&self, visit: impl FnMut(Goal)) {
        self.lattice.goals(visit);
    }

    pub(super) fn inject_all(&self, _: NodeIdx, goal: Goal, visit: impl FnMut(Step)) {
        self.lattice.inject_all(goal, visit);
    }

    pub(super) fn route_all(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        goal: Goal,
        mut visit: impl FnMut(Step),
    ) {
        let dst = NodeIdx(goal.target);
        let here = Arrival::new(at, in_port, in_group);
        let to = self.lattice.home(dst);
        if here.at == to {
            return self.lattice.eject_all(at.at(), dst, goal, visit);
        }
        let sets = match self.lattice.back(here) {
            None => 0..2,
            Some(_) => self.set(here)..self.set(here) + 1,
        };
        for set in sets {
            let bound = Bound { to, set, goal };
            let choice = usize::from(goal.phase);
            self.lattice.toward_all(&self.orders[set], here, bound, choice, &mut visit);
        }
    }

    #[inline]
    pub(super) fn inject<V: View>(&self, head: &mut Head, _: &OfClass<'_, V>) -> Step {
        self.lattice.inject(head, self.lattice.goal(head))
    }

    #[inline]
    pub(super) fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        head: &mut Head,
        view: &OfClass<'_, V>,
    ) -> Step {
        let goal = self.lattice.goal(head);
        let here = Arrival::new(at, in_port, in_group);
        let to = self.lattice.home(head.dst);
        if here.at == to {
            return self.lattice.eject(here.at, head, goal);
        }
        let set = match self.lattice.back(here) {
            Some(_) => self.set(here),
            None => self.decide(here.at, to, head, view),
        };
        let bound = Bound { to, set, goal };
        self.lattice
            .toward(&self.orders[set], here, bound, head.flow)
            .unwrap_or_else(|| self.lattice.eject(here.at, head, goal))
    }

    /// The order of a packet that came from another router.
    #[inline]
    const fn set(&self, here: Arrival) -> usize {
        here.group / self.lattice.width()
    }

    /// The order of a packet at its first router.
    fn decide<V: View>(&self, at: usize, to: usize, head: &Head, view: &OfClass<'_, V>) -> usize {
        if self.by_load {
            let used = self.orders.each_ref().map(|order| {
                let leg = self.lattice.leg(order, at, to, head.flow);
                leg.map_or(0, |l| view.used(self.lattice.port(at, l.way()), self.lattice.all()))
            });
            if used[0] != used[1] {
                return usize::from(used[1] < used[0]);
            }
        }
        choose(2, ORDER, head.flow)
    }
}
