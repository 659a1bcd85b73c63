//! Valiant's algorithm and ROMM: dimension order to a router drawn at random, and from there on.
//!
//! Valiant draws among all routers (Valiant, SIAM J. Comput. 11(2), 1982); ROMM among those on some
//! shortest route, a coordinate in each dimension (Nesson and Johnsson, SPAA 1995). A packet that
//! passes its destination on the first leg leaves there if early exit is allowed. Either leg has a set of VCs
//! of its own, with two sides of datelines on tori, so neither waits for the one before.
//!
//! State: 0 before the draw; then the router drawn plus 1, and bit 31 on the second leg.
//!
//! Legs: bit 0 of the phase is the leg. The target of leg 0 is the router drawn, that of leg 1 the
//! destination. The bits above are the flow's choice among shortest vectors, 0 without twists.

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::lattice::{Arrival, Bound, Lattice, Order};
use super::table::choose;
use super::{Goal, OfClass, Step};
use crate::error::Problem;

/// Places of the draws of routers and, with a dimension added, of coordinates.
const ROUTER: usize = 0xffff_0002;
const STEPS: usize = 0xffff_0010;
/// Set on the second leg.
const SECOND: u32 = 1 << 31;

/// Dimension-order routing by way of another router.
#[derive(Clone, Debug)]
pub struct Detour {
    lattice: Lattice,
    order: Order,
    /// Only routers on shortest routes are drawn.
    minimal: bool,
    /// Packets leave where they pass their destination on the first leg.
    early_exit: bool,
}

impl Detour {
    /// By way of any router.
    ///
    /// # Errors
    /// If there are less than two VCs a class, or four with rings.
    pub(crate) fn valiant(
        order: Order,
        lattice: Lattice,
        vcs: u8,
        early_exit: bool,
    ) -> Result<Self, Problem> {
        Ok(Self { early_exit, ..Self::new(order, lattice, vcs, false)? })
    }

    /// By way of a router on a shortest route.
    ///
    /// # Errors
    /// As [`valiant`](Self::valiant).
    pub(crate) fn romm(order: Order, lattice: Lattice, vcs: u8) -> Result<Self, Problem> {
        Self::new(order, lattice, vcs, true)
    }

    fn new(order: Order, lattice: Lattice, vcs: u8, minimal: bool) -> Result<Self, Problem> {
        let what = if minimal { "ROMM" } else { "Valiant's algorithm" };
        let why = "one for each leg, and on a torus for either side of the dateline";
        let need = (2 * lattice.width(), what, why);
        Ok(Self { lattice: lattice.with_groups(need, vcs)?, order, minimal, early_exit: false })
    }

    pub(super) const fn name(&self) -> &'static str {
        if self.minimal { "ROMM" } else { "Valiant" }
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

    pub(super) fn goals(&self, mut visit: impl FnMut(Goal)) {
        for choice in 0..self.lattice.choices() {
            (0..self.lattice.routers()).for_each(|r| visit(goal(r, 0, choice)));
        }
    }

    pub(super) fn inject_all(&self, _: NodeIdx, goal: Goal, visit: impl FnMut(Step)) {
        self.lattice.inject_all(goal, visit);
    }

    pub(super) fn route_all(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        leg: Goal,
        mut visit: impl FnMut(Step),
    ) {
        let here = Arrival::new(at, in_port, in_group);
        let (to, choice) = (leg.target as usize, usize::from(leg.phase >> 1));
        if leg.phase & 1 == 1 {
            return self.second_all(here, to, choice, &mut visit);
        }
        let bound = Bound { to, set: 0, goal: leg };
        if !self.lattice.toward_all(&self.order, here, bound, choice, &mut visit) {
            (0..self.lattice.nodes()).for_each(|n| self.second_all(here, n, choice, &mut visit));
        } else if self.early_exit {
            let c = self.lattice.nodes_per_router();
            (here.at * c..(here.at + 1) * c)
                .for_each(|n| self.second_all(here, n, choice, &mut visit));
        }
    }

    /// Every step to node `dst` on the second leg.
    fn second_all(&self, here: Arrival, dst: usize, choice: usize, visit: &mut impl FnMut(Step)) {
        let (node, goal) = (NodeIdx::new(dst), goal(dst, 1, choice));
        let bound = Bound { to: self.lattice.home(node), set: 1, goal };
        if !self.lattice.toward_all(&self.order, here, bound, choice, &mut *visit) {
            self.lattice.eject_all(here.at, node, goal, visit);
        }
    }

    #[inline]
    pub(super) fn inject<V: View>(&self, head: &mut Head, _: &OfClass<'_, V>) -> Step {
        let by = self.draw(head);
        head.state = note(by);
        self.lattice.inject(head, goal(by, 0, self.lattice.choice(head.flow)))
    }

    #[inline]
    pub(super) fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        head: &mut Head,
        _: &OfClass<'_, V>,
    ) -> Step {
        let here = Arrival::new(at, in_port, in_group);
        let choice = self.lattice.choice(head.flow);
        let home = self.lattice.home(head.dst);
        let last = goal(head.dst.at(), 1, choice);
        if head.state == 0 {
            head.state = note(self.draw(head));
        }
        let by = (head.state & !SECOND) as usize - 1;
        if by == here.at {
            head.state |= SECOND;
        }
        if home == here.at && (self.early_exit || head.state & SECOND != 0) {
            return self.lattice.eject(here.at, head, last);
        }
        let bound = if head.state & SECOND == 0 {
            Bound { to: by, set: 0, goal: goal(by, 0, choice) }
        } else {
            Bound { to: home, set: 1, goal: last }
        };
        self.lattice
            .toward(&self.order, here, bound, head.flow)
            .unwrap_or_else(|| self.lattice.eject(here.at, head, last))
    }

    /// The router by way of which a packet goes.
    fn draw(&self, head: &Head) -> usize {
        if !self.minimal {
            return choose(self.lattice.routers(), ROUTER, head.flow);
        }
        // Along dimension order, a part of the way in each dimension.
        let (mut at, to) = (self.lattice.home(head.src), self.lattice.home(head.dst));
        let mut by = at;
        while let Some(leg) = self.lattice.leg(&self.order, at, to, head.flow) {
            let steps = leg.steps.unsigned_abs() as usize;
            let part = choose(steps + 1, STEPS + leg.d, head.flow);
            let along = |r| self.lattice.neighbour(r, leg.way());
            at = (0..steps).fold(at, |r, _| along(r));
            by = (0..part).fold(by, |r, _| along(r));
        }
        by
    }
}

fn note(by: usize) -> u32 {
    u32::try_from(by + 1).expect("few routers")
}

fn goal(target: usize, leg: u8, choice: usize) -> Goal {
    let target = u32::try_from(target).expect("few routers and nodes");
    Goal { target, phase: leg | u8::try_from(choice << 1).expect("few choices") }
}
