//! Dimension-order routing on meshes and tori.
//!
//! A packet corrects one dimension after the other; within a dimension it goes the shorter way, and
//! where both are equally short half of the flows go either way. On tori each class's VCs are two
//! groups, the sides of the datelines (see [`lattice::rings`](super::lattice)).
//!
//! Legs: the destination is the target; the phase is the flow's choice among shortest vectors, which
//! is 0 on grids without twists.

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::lattice::{Arrival, Bound, Lattice, Order};
use super::{Goal, OfClass, Step};
use crate::error::Problem;

/// Dimension-order routing over a grid.
#[derive(Clone, Debug)]
pub struct DimensionOrder {
    lattice: Lattice,
    order: Order,
}

impl DimensionOrder {
    /// # Errors
    /// If there are rings and less than two VCs a class.
    pub(crate) fn new(order: Order, lattice: Lattice, vcs: u8) -> Result<Self, Problem> {
        let what = "dimension order on a torus";
        let need = (lattice.width(), what, "one on either side of the dateline");
        Ok(Self { lattice: lattice.with_groups(need, vcs)?, order })
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

    /// Whether a step depends on the destination only: there are neither rings nor parallel links.
    pub(super) fn is_fixed(&self) -> bool {
        self.lattice.is_fixed()
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
        let bound = Bound { to: self.lattice.home(dst), set: 0, goal };
        let choice = usize::from(goal.phase);
        if !self.lattice.toward_all(&self.order, here, bound, choice, &mut visit) {
            self.lattice.eject_all(at.at(), dst, goal, visit);
        }
    }

    /// Where a packet that comes from its source goes depends neither on the local link nor on the group.
    pub(super) fn alike(&self, at: RouterIdx, in_port: PortIdx, group: usize) -> (PortIdx, usize) {
        match self.lattice.back(Arrival::new(at, in_port, group)) {
            None => (self.lattice.first_local(in_port), 0),
            Some(_) => (in_port, group),
        }
    }

    /// The step by which `head` leaves its source.
    #[inline]
    pub(super) fn inject<V: View>(&self, head: &mut Head, _: &OfClass<'_, V>) -> Step {
        self.depart(head)
    }

    /// As [`inject`](Self::inject), which needs no view.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(super) fn depart(&self, head: &Head) -> Step {
        self.lattice.inject(head, self.lattice.goal(head))
    }

    /// The step of a packet of `head` that is at router `at`.
    #[inline]
    pub(super) fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        head: &mut Head,
        _: &OfClass<'_, V>,
    ) -> Step {
        self.onward(at, in_port, in_group, head)
    }

    /// As [`route`](Self::route), which needs no view.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(super) fn onward(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        head: &Head,
    ) -> Step {
        let goal = self.lattice.goal(head);
        let here = Arrival::new(at, in_port, in_group);
        let bound = Bound { to: self.lattice.home(head.dst), set: 0, goal };
        self.lattice
            .toward(&self.order, here, bound, head.flow)
            .unwrap_or_else(|| self.lattice.eject(at.at(), head, goal))
    }

    /// The same routes with all VCs in one group: what a torus without datelines would do.
    #[cfg(test)]
    pub(crate) fn without_dateline(self) -> Self {
        Self { lattice: self.lattice.without_dateline(), ..self }
    }
}
