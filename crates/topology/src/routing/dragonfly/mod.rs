//! Routing on dragonflies: minimal, Valiant and UGAL (Kim, Dally, Scott and Abts, ISCA 2008).
//!
//! ```text
//!   minimal:  local, global, local               VC group:  0  0  1
//!   Valiant:  local, global, local, global, local           0  0  1  1  2
//! ```
//!
//! Any of the local hops falls away where a router has the link wanted. The VC group is the number
//! of global links taken so far, to the last link into the node (as in BookSim 2's `dragonfly.cpp`), so channels are taken in the order local 0, global 0, local 1,
//! global 1, local 2, and no circle of waiting can close. Minimal has groups 0 and 1.
//!
//! Between groups that several links join, a router with some of them takes one of its own by hash,
//! any other goes to one by hash. Valiant goes by a random third group and leaves it from whichever
//! router it enters; packets within a group go direct. UGAL decides once, at the packet's first
//! router, by (flits waiting * hops) of both ways: UGAL-L by the ports of that router, UGAL-G by the
//! global links that the two ways leave the group by, wherever they are.
//!
//! Legs as goals: phase 0, to the destination; phase [`TO`], to the intermediate group, which is the
//! target.

mod table;

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use self::table::{Exit, Groups};
use super::attach::{Attach, among, step};
use super::legs::{self, Leg, TO, direct_is_best, enough_vcs, stop, to};
use super::{Goal, OfClass, Step};
use crate::error::Problem;
use crate::families::dragonfly::{Dragonfly as Form, DragonflyRouting};
use crate::spec::{Link, RouterNode};

/// Routing on a dragonfly.
#[derive(Clone, Debug)]
pub struct Dragonfly {
    policy: DragonflyRouting,
    attach: Attach,
    groups: Groups,
}

impl Dragonfly {
    /// Reads the links between groups off a generated dragonfly.
    ///
    /// # Errors
    /// If there are less VCs than it needs, or groups and routers are too many for the table.
    pub(crate) fn new(
        form: &Form,
        routers: &[RouterNode],
        links: &[Link],
        vcs_per_class: u8,
    ) -> Result<Self, Problem> {
        let policy = form.routing;
        let why = "one more than the global links that a packet may take";
        enough_vcs("this routing of a dragonfly", why, vcs(policy), vcs_per_class)?;
        let groups = Groups::new(form, routers, links)?;
        let (nodes, locals) = (form.nodes_per_router, form.local_links);
        let attach = Attach::new(routers.len(), nodes, locals, vcs(policy));
        Ok(Self { policy, attach, groups })
    }

    pub(super) const fn size(&self) -> (usize, usize) {
        self.attach.size()
    }

    pub(super) const fn groups(&self) -> usize {
        vcs(self.policy)
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) const fn adaptive(&self) -> bool {
        false
    }

    pub(super) const fn global(&self) -> bool {
        matches!(self.policy, DragonflyRouting::UgalG)
    }

    pub(super) const fn weighs(&self) -> bool {
        matches!(self.policy, DragonflyRouting::UgalL | DragonflyRouting::UgalG)
    }

    pub(super) fn goals(&self, mut visit: impl FnMut(Goal)) {
        self.attach.goals(&mut visit);
        legs::goals(self.stops(), visit);
    }

    /// How many groups packets may stop in: all, if there is a third one.
    const fn stops(&self) -> usize {
        match self.policy {
            DragonflyRouting::Minimal => 0,
            _ if self.groups.count() < 3 => 0,
            _ => self.groups.count(),
        }
    }

    /// No packet stops in its own group, and by Valiant's algorithm none goes directly to another
    /// where there is a third.
    pub(super) fn inject_all(&self, src: NodeIdx, goal: Goal, visit: impl FnMut(Step)) {
        let group = |node| self.groups.of(self.attach.router(node));
        let leaves = if goal.phase == TO {
            goal.target as usize != group(src)
        } else {
            self.policy != DragonflyRouting::Valiant
                || self.stops() == 0
                || group(NodeIdx(goal.target)) == group(src)
        };
        if leaves {
            self.attach.inject_all(goal, visit);
        }
    }

    pub(super) fn route_all(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        goal: Goal,
        mut visit: impl FnMut(Step),
    ) {
        let here = self.groups.of(at.at());
        let vcs = self.vcs_after(in_port, in_group);
        if goal.phase == TO {
            if goal.target as usize != here {
                return self.towards_all(at, goal.target as usize, (vcs, goal), &mut visit);
            }
            let others = |n: &NodeIdx| self.groups.of(self.attach.router(*n)) != here;
            for dst in self.attach.nodes().filter(others) {
                let group = self.groups.of(self.attach.router(dst));
                self.towards_all(at, group, (vcs, Goal::node(dst)), &mut visit);
            }
            return;
        }
        let dst = NodeIdx(goal.target);
        let router = self.attach.router(dst);
        let group = self.groups.of(router);
        if router == at.at() {
            return self.attach.eject_all_on(dst, vcs, visit);
        }
        if group == here {
            return visit(step(self.groups.peer(at.at(), router), vcs, goal));
        }
        self.towards_all(at, group, (vcs, goal), &mut visit);
    }

    /// Every step from `at` towards another group.
    fn towards_all(
        &self,
        at: RouterIdx,
        group: usize,
        (vcs, goal): (u8, Goal),
        visit: &mut impl FnMut(Step),
    ) {
        let exits = self.groups.exits(at.at(), group);
        for exit in exits {
            visit(step(self.port_to(at.at(), *exit), vcs, goal));
        }
    }

    /// The step by which `head` leaves its source.
    #[inline]
    pub(super) fn inject<V: View>(&self, head: &mut Head, _: &OfClass<'_, V>) -> Step {
        self.attach.inject(head)
    }

    /// The step of a packet of `head` that is at router `at`.
    #[inline]
    pub(super) fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        head: &mut Head,
        view: &OfClass<'_, V>,
    ) -> Step {
        let here = self.groups.of(at.at());
        let leg = match Leg::of(head.state) {
            Leg::Offered if self.attach.local(in_port) => self.decide(at, head, view),
            Leg::To(group) if group as usize == here => Leg::From,
            leg => leg,
        };
        head.state = leg.state();
        let vcs = self.vcs_after(in_port, in_group);
        let dst = self.attach.router(head.dst);
        let (group, goal) = match leg {
            Leg::To(group) => (group as usize, to(group)),
            _ => (self.groups.of(dst), Goal::node(head.dst)),
        };
        let port = match () {
            () if group != here => self.port_to(at.at(), self.exit(at.at(), group, head.flow)),
            () if dst != at.at() => self.groups.peer(at.at(), dst),
            () => return self.attach.eject_on(at, head, vcs),
        };
        step(port, vcs, goal)
    }

    /// The group that counts the global links taken, once a packet has arrived by `in_port`.
    #[inline]
    fn vcs_after(&self, in_port: PortIdx, in_group: usize) -> u8 {
        match () {
            () if self.attach.local(in_port) => 1,
            () if self.groups.global(in_port) => 1 << (in_group + 1),
            () => 1 << in_group,
        }
    }

    /// The first leg of a packet at its first router.
    fn decide<V: View>(&self, at: RouterIdx, head: &Head, view: &OfClass<'_, V>) -> Leg {
        let here = self.groups.of(at.at());
        let group = self.groups.of(self.attach.router(head.dst));
        if self.policy == DragonflyRouting::Minimal || here == group {
            return Leg::Direct;
        }
        let Some(third) = stop(self.groups.count(), here, group, at.at(), head.flow) else {
            return Leg::Direct;
        };
        let by = Leg::To(u32::try_from(third).unwrap_or(u32::MAX));
        if self.policy == DragonflyRouting::Valiant {
            return by;
        }
        let dst = self.attach.router(head.dst);
        let (near, far) =
            (self.exit(at.at(), group, head.flow), self.exit(at.at(), third, head.flow));
        let onward = self.exit(far.lands(), group, head.flow);
        let direct = hops(at.at(), near, dst);
        let detour = hops(at.at(), far, onward.router()) + hops(onward.router(), onward, dst);
        let waiting = |exit: Exit| match self.policy {
            DragonflyRouting::UgalG if exit.router() != at.at() => {
                view.used_at(RouterIdx::new(exit.router()), exit.port(), self.attach.groups())
            }
            DragonflyRouting::UgalG => view.used(exit.port(), self.attach.groups()),
            _ => view.used(self.port_to(at.at(), exit), self.attach.groups()),
        };
        if direct_is_best((waiting(near), direct), (waiting(far), detour), 0) {
            Leg::Direct
        } else {
            by
        }
    }

    /// The link by which a packet at `at` leaves for another group: the router's own, if it has any.
    #[inline]
    fn exit(&self, at: usize, group: usize, flow: u32) -> Exit {
        let exits = self.groups.exits(at, group);
        let exit = exits[among(exits.len(), at, flow)];
        if exit.router() == at {
            return exit;
        }
        // That router chooses again.
        let exits = self.groups.exits(exit.router(), group);
        exits[among(exits.len(), exit.router(), flow)]
    }

    /// The port of `at` that leads to a link of its group, or is the link's.
    #[inline]
    fn port_to(&self, at: usize, exit: Exit) -> PortIdx {
        if exit.router() == at { exit.port() } else { self.groups.peer(at, exit.router()) }
    }
}

/// Hops from router `at` by `exit` to router `last`.
const fn hops(at: usize, exit: Exit, last: usize) -> u32 {
    1 + (exit.router() != at) as u32 + (exit.lands() != last) as u32
}

/// VC groups.
const fn vcs(policy: DragonflyRouting) -> usize {
    match policy {
        DragonflyRouting::Minimal => 2,
        _ => 3,
    }
}
