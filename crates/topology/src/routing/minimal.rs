//! Minimal adaptive routing on meshes and tori, with dimension order to escape by.
//!
//! The first VC group of a class, or the first two on a torus, are for the escape; all others are
//! adaptive. A packet takes the adaptive VCs of the link, among those that bring it closer, with the
//! most free VCs, then the fewest flits waiting, then by hash; while no adaptive VC is free on any of
//! them it is offered the escape: the next link of dimension order, on the side of the dateline that
//! its position alone determines. It is asked again every cycle, and may return from the escape.
//!
//! Links that bring a packet closer never lead it against the order of the escape channels that it
//! may still hold, so those cannot wait for each other in a circle even by way of adaptive ones
//! (Duato, IEEE Trans. Parallel Distrib. Syst. 4(12), 1993). That holds where a VC holds one packet at
//! a time (`vc_reuse: Empty`) or under virtual cut-through, which the checks see to.
//!
//! Legs: as of [`DimensionOrder`](super::DimensionOrder).

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::lattice::{Lattice, Onward, Order};
use super::table::choose;
use super::{Goal, OfClass, Step};
use crate::error::Problem;

/// Place of the draws among equal links; routers and nodes are below.
const LINK: usize = 0xffff_0100;

/// Minimal adaptive routing over a grid.
#[derive(Clone, Debug)]
pub struct Minimal {
    lattice: Lattice,
    order: Order,
    /// The adaptive groups.
    adaptive: u8,
}

impl Minimal {
    /// # Errors
    /// If there are less than two VCs a class, or three with rings; if twists make the escape unsafe.
    pub(crate) fn new(order: Order, lattice: Lattice, vcs: u8) -> Result<Self, Problem> {
        order.escapes(&lattice)?;
        let escapes = lattice.width();
        let groups = usize::from(vcs).clamp(escapes + 1, 8);
        let why = "one to escape by, on a torus for either side of the dateline, and one to adapt";
        let need = (groups, "minimal adaptive routing", why);
        let lattice = lattice.with_groups(need, vcs)?;
        let adaptive = lattice.all() & !((1 << escapes) - 1);
        Ok(Self { lattice, order, adaptive })
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
        true
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) const fn global(&self) -> bool {
        false
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
        _: PortIdx,
        _: usize,
        goal: Goal,
        mut visit: impl FnMut(Step),
    ) {
        let (at, dst) = (at.at(), NodeIdx(goal.target));
        let (to, choice) = (self.lattice.home(dst), usize::from(goal.phase));
        match self.order.next(&self.lattice, at, to, choice) {
            Onward::Here => return self.lattice.eject_all(at, dst, goal, visit),
            Onward::One(leg) => visit(self.lattice.escape(at, leg, goal)),
            Onward::Either(legs) => {
                for leg in legs {
                    visit(self.lattice.escape(at, leg, goal));
                }
            }
        }
        let ways = self.order.productive(&self.lattice, at, to, choice);
        bits(ways).for_each(|way| visit(self.step(at, way, goal)));
    }

    #[inline]
    pub(super) fn inject<V: View>(&self, head: &mut Head, _: &OfClass<'_, V>) -> Step {
        self.lattice.inject(head, self.lattice.goal(head))
    }

    #[inline]
    pub(super) fn route<V: View>(
        &self,
        at: RouterIdx,
        _: PortIdx,
        _: usize,
        head: &mut Head,
        view: &OfClass<'_, V>,
    ) -> Step {
        let (at, goal) = (at.at(), self.lattice.goal(head));
        let to = self.lattice.home(head.dst);
        let Some(leg) = self.lattice.leg(&self.order, at, to, head.flow) else {
            return self.lattice.eject(at, head, goal);
        };
        let ways = self.order.productive(&self.lattice, at, to, usize::from(goal.phase));
        match freest(&self.lattice, at, ways, self.adaptive, head.flow, view) {
            Some(way) => self.step(at, way, goal),
            None => self.lattice.escape(at, leg, goal),
        }
    }

    #[inline]
    fn step(&self, at: usize, way: usize, goal: Goal) -> Step {
        let port = self.lattice.port(at, way);
        Step { port, groups: self.adaptive, escape: false, goal }
    }
}

/// The way, a bit of `ways` each, with most free VCs of `groups`, then fewest flits waiting, then by
/// hash; none where no VC is free.
#[inline]
pub(super) fn freest<V: View>(
    lattice: &Lattice,
    at: usize,
    ways: u16,
    groups: u8,
    flow: u32,
    view: &OfClass<'_, V>,
) -> Option<usize> {
    let rank = |way: usize| {
        let port = lattice.port(at, way);
        let draw = choose(1 << 16, LINK + way, flow ^ u32::try_from(at).unwrap_or(0));
        (view.free(port, groups), core::cmp::Reverse(view.used(port, groups)), draw)
    };
    bits(ways)
        .map(|way| (rank(way), way))
        .filter(|((free, ..), _)| *free > 0)
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, way)| way)
}

/// The bits that are set, lowest first.
pub(super) fn bits(mut set: u16) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let bit = set.trailing_zeros() as usize;
        (set != 0).then(|| {
            set &= set - 1;
            bit
        })
    })
}
