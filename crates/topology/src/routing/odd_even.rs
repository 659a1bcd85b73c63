//! Adaptive routing by the odd-even turn model, on meshes of two dimensions.
//!
//! No packet turns from east to north or south in an even column, nor from north or south to west in
//! an odd one. Then no circle of waiting can close, on any VCs: its rightmost column would have to
//! be both (Chiu, IEEE Trans. Parallel Distrib. Syst. 11(7), 2000). A packet takes shortest routes
//! only, so it goes east only where it can still turn in time; among the links that are left it
//! takes the one with the most free VCs, then the fewest flits waiting, then by hash, and it is asked
//! again every cycle.
//!
//! East is up in the first dimension, north up in the second.
//!
//! Legs: the destination is the target. All steps count as escape steps: their graph has no cycle, so
//! that it does not matter which of them a packet is offered.

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::lattice::{Arrival, Lattice};
use super::minimal::{bits, freest};
use super::{Goal, OfClass, Step};

const EAST: u16 = 0b0001;
const WEST: u16 = 0b0010;
const NORTH: u16 = 0b0100;
const SOUTH: u16 = 0b1000;

/// The odd-even turn model over a mesh.
#[derive(Clone, Debug)]
pub struct OddEven {
    lattice: Lattice,
}

impl OddEven {
    /// For a mesh of two dimensions, which the caller sees to.
    pub(crate) const fn new(lattice: Lattice) -> Self {
        Self { lattice }
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
        in_port: PortIdx,
        in_group: usize,
        goal: Goal,
        mut visit: impl FnMut(Step),
    ) {
        let here = Arrival::new(at, in_port, in_group);
        let dst = NodeIdx(goal.target);
        let ways = self.allowed(here, self.lattice.home(dst));
        if ways == 0 {
            return self.lattice.eject_all(here.at, dst, goal, visit);
        }
        bits(ways).for_each(|way| visit(self.step(here.at, way, goal)));
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
        let here = Arrival::new(at, in_port, in_group);
        let goal = self.lattice.goal(head);
        let ways = self.allowed(here, self.lattice.home(head.dst));
        if ways == 0 {
            return self.lattice.eject(here.at, head, goal);
        }
        let way = freest(&self.lattice, here.at, ways, self.lattice.all(), head.flow, view);
        self.step(here.at, way.unwrap_or(ways.trailing_zeros() as usize), goal)
    }

    #[inline]
    fn step(&self, at: usize, way: usize, goal: Goal) -> Step {
        let port = self.lattice.port(at, way);
        Step { port, groups: self.lattice.all(), escape: true, goal }
    }

    /// The ways that the model allows, a bit each; none where the packet is there.
    #[inline]
    fn allowed(&self, here: Arrival, to: usize) -> u16 {
        let [at, there] =
            [here.at, to].map(|r| [0, 1].map(|d| i32::from(self.lattice.coordinate(r, d))));
        let [x, y] = [there[0] - at[0], there[1] - at[1]];
        let upright = match y.signum() {
            0 => 0,
            1 => NORTH,
            _ => SOUTH,
        };
        let odd = at[0] % 2 == 1;
        // A packet that goes east arrived by the port that leads west.
        let eastbound = self.lattice.back(here).is_some_and(|way| 1 << way == WEST);
        match x {
            0 => upright,
            1.. if y == 0 => EAST,
            1.. => {
                let turn = if odd || !eastbound { upright } else { 0 };
                let on = if there[0] % 2 == 1 || x != 1 { EAST } else { 0 };
                turn | on
            }
            _ => WEST | if odd { 0 } else { upright },
        }
    }
}
