//! Routing on a HyperX by an intermediate router: Valiant, UGAL, and the detour of a full mesh.
//!
//! Valiant's stop is any router, the first and the last included. UGAL's has a coordinate drawn for
//! each dimension in which source and destination differ, and theirs in the others, where a detour
//! would only cost two hops more (as BookSim 2's `ugal_flatfly`).
//!
//! Legs as goals: phase 0, to the destination without a stop; phase [`TO`], to the stop, the target's router; phase [`FROM`], on to the destination.

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::super::legs::{FROM, Leg, STOP, TIE, TO, direct_is_best, to};
use super::super::table::choose;
use super::{BOTH, HyperX, LOWER, Policy, UPPER};
use crate::routing::attach::step;
use crate::routing::{Goal, OfClass, Step};

impl HyperX {
    #[inline]
    pub(super) fn by_stop<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        head: &mut Head,
        view: &OfClass<'_, V>,
    ) -> Step {
        let dst = self.attach.router(head.dst);
        let leg = match Leg::of(head.state) {
            Leg::Offered if self.attach.local(in_port) => self.decide(at, head, view),
            leg => leg,
        };
        let leg = match leg {
            Leg::To(stop) if stop == at.0 || self.early_exit && dst == at.at() => Leg::From,
            leg => leg,
        };
        head.state = leg.state();
        let (target, groups, goal) = match leg {
            Leg::To(stop) => (stop as usize, LOWER, to(stop)),
            Leg::From => (dst, UPPER, Goal { target: head.dst.0, phase: FROM }),
            Leg::Offered | Leg::Direct => {
                (dst, self.direct_groups(in_port, in_group), Goal::node(head.dst))
            }
        };
        self.ordered(at, target, head, (groups, goal))
            .unwrap_or_else(|| self.attach.eject(at, head))
    }

    /// Both groups, but never back to the lower one.
    #[inline]
    const fn direct_groups(&self, in_port: PortIdx, in_group: usize) -> u8 {
        if self.attach.local(in_port) || in_group == 0 { BOTH } else { UPPER }
    }

    /// The first leg of a packet at its first router.
    fn decide<V: View>(&self, at: RouterIdx, head: &Head, view: &OfClass<'_, V>) -> Leg {
        let (routers, _) = self.size();
        let here = at.at();
        let dst = self.attach.router(head.dst);
        if dst == here {
            return Leg::Direct;
        }
        let waiting = |target: usize| {
            let first = self.ordered(at, target, head, (BOTH, Goal::node(head.dst)));
            first.map_or(0, |s| view.used(s.port, BOTH))
        };
        let pays = |mid: usize| {
            let hops = self.apart(here, mid) + self.apart(mid, dst);
            let direct = (waiting(dst), self.apart(here, dst));
            !direct_is_best(direct, (waiting(mid), hops), self.bias)
        };
        let by = |stop: usize| Leg::To(u32::try_from(stop).unwrap_or(at.0));
        match self.policy {
            Policy::Ugal => {
                let mid = self.between(here, dst, head.flow);
                if mid != here && mid != dst && pays(mid) { by(mid) } else { Leg::Direct }
            }
            Policy::Detour => {
                let start = choose(routers, TIE | here, head.flow);
                let stops = (start..routers).chain(0..start).filter(|r| *r != here && *r != dst);
                let least = stops.min_by_key(|mid| waiting(*mid));
                least.filter(|mid| pays(*mid)).map_or(Leg::Direct, by)
            }
            _ if self.stops() == 0 => Leg::Direct,
            _ => by(choose(routers, STOP | here, head.flow)),
        }
    }

    /// A router with coordinates drawn where two routers differ, and theirs where they do not.
    fn between(&self, here: usize, there: usize, flow: u32) -> usize {
        let mut router = 0;
        for (d, dim) in self.dims.iter().enumerate().rev() {
            let extent = usize::from(dim.extent);
            let of = |router| usize::from(self.coordinate(router, d));
            let drawn = || choose(extent, STOP | d << 20 | here, flow);
            let at = if of(here) == of(there) { of(here) } else { drawn() };
            router = router * extent + at;
        }
        router
    }

    /// How many routers packets may stop at: all, if there is a third one.
    pub(super) const fn stops(&self) -> usize {
        let (routers, _) = self.size();
        match self.policy {
            Policy::Valiant | Policy::Ugal | Policy::Detour if routers > 2 => routers,
            _ => 0,
        }
    }

    /// Whether some packet leaves `src` on a leg: to stop at its own router by Valiant's algorithm
    /// alone, and by that not directly to another where there is a third.
    pub(super) fn leaves_with(&self, src: NodeIdx, goal: Goal) -> bool {
        let here = self.attach.router(src);
        if goal.phase == TO && self.stops() > 0 {
            return self.policy == Policy::Valiant || goal.target as usize != here;
        }
        let away = || self.attach.router(NodeIdx(goal.target)) != here;
        self.policy != Policy::Valiant || self.stops() == 0 || !away()
    }

    pub(super) fn stop_all(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        goal: Goal,
        visit: &mut impl FnMut(Step),
    ) {
        let here = at.at();
        if goal.phase == TO {
            let stop = goal.target as usize;
            if stop != here && self.early_exit {
                let mine = |n: &NodeIdx| self.attach.router(*n) == here;
                for dst in self.attach.nodes().filter(mine) {
                    self.attach.eject_all(dst, &mut *visit);
                }
            }
            if stop != here {
                return self.toward_all(here, stop, (LOWER, goal), visit);
            }
            for dst in self.attach.nodes() {
                let router = self.attach.router(dst);
                if router == here {
                    self.attach.eject_all(dst, &mut *visit);
                    continue;
                }
                let goal = Goal { target: dst.0, phase: FROM };
                self.toward_all(here, router, (UPPER, goal), visit);
            }
            return;
        }
        let dst = NodeIdx(goal.target);
        let router = self.attach.router(dst);
        if router == here {
            return self.attach.eject_all(dst, visit);
        }
        let groups = if goal.phase == FROM { UPPER } else { self.direct_groups(in_port, in_group) };
        self.toward_all(here, router, (groups, goal), visit);
    }

    /// Every step of dimension order towards router `target`; none there.
    fn toward_all(
        &self,
        here: usize,
        target: usize,
        (groups, goal): (u8, Goal),
        visit: &mut impl FnMut(Step),
    ) {
        if let Some((d, there)) = self.onward(here, target) {
            self.ports(here, d, there).for_each(|p| visit(step(p, groups, goal)));
        }
    }
}
