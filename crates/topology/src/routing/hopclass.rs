//! Routing with a VC group for each hop, on any graph: shortest paths, Valiant and UGAL.
//!
//! A packet's hop `i` between routers uses group `i`, so channels are taken in the order of groups and
//! no circle of waiting can close, whatever the graph (Gunther, IEEE Trans. Communications 29(4),
//! 1981). That takes as many groups as the diameter has hops, or twice as many with a stop: 2 or 4 on
//! a Slim Fly (Besta and Hoefler, SC 2014), whose diameter is 2.
//!
//! Paths are spread over equal ones by hash. UGAL decides once, at the packet's first router, by
//! (flits waiting * hops) of the direct way and of one by a random router.
//!
//! Legs as goals: phase 0, to the destination; phase [`TO`], to the stop, the target's router.

use std::collections::BTreeMap;

use base::{Head, LinkIdx, NodeIdx, PortIdx, RouterIdx, View};

use super::attach::{Attach, among, step};
use super::legs::{self, Leg, TO, direct_is_best, enough_vcs, stop, to};
use super::table::{distances, intern, ports_where};
use super::{Goal, OfClass, Step};
use crate::error::{ErrorKind, Problem};
use crate::families::slimfly::{SlimFly as Form, SlimFlyRouting};
use crate::limits;
use crate::spec::{End, Link, RouterNode};

/// Routing with a VC group for each hop.
#[derive(Clone, Debug)]
pub struct HopClass {
    policy: SlimFlyRouting,
    attach: Attach,
    groups: usize,
    /// `[router][router]`: hops.
    apart: Vec<u8>,
    /// `[router][router]`: where the set of ports on shortest paths begins in `pool`.
    sets: Vec<u32>,
    /// Sets of ports, each preceded by its size.
    pool: Vec<PortIdx>,
}

impl HopClass {
    /// Computes all shortest paths between routers.
    ///
    /// # Errors
    /// If there are less VCs than hops, or the table would be too large.
    pub(crate) fn new(
        form: &Form,
        node_ports: &[Vec<LinkIdx>],
        routers: &[RouterNode],
        links: &[Link],
        vcs_per_class: u8,
    ) -> Result<Self, Problem> {
        const DIAMETER: usize = 2;
        let policy = form.routing;
        let groups = if policy == SlimFlyRouting::Minimal { DIAMETER } else { 2 * DIAMETER };
        let why = "one for each hop between routers";
        enough_vcs("this routing of a Slim Fly", why, groups, vcs_per_class)?;
        let count = routers.len();
        if (count * count) as u64 > limits::TABLE_ENTRIES_MAX {
            return Err(Problem::new(
                ErrorKind::Limit,
                "fabric.q",
                format!("a routing table between {count} routers has {} entries", count * count),
                format!("use at most {}", limits::TABLE_ENTRIES_MAX),
            ));
        }
        let (nodes, locals) = (form.nodes_per_router, form.local_links);
        let attach = Attach::new(count, nodes, locals, groups);
        let (mut apart, mut sets) = (vec![0; count * count], vec![0; count * count]);
        let mut pool = Vec::new();
        let mut known = BTreeMap::new();
        for dst in 0..count {
            let node = NodeIdx::new(dst * nodes as usize);
            let distance = distances(node, node_ports, routers, links);
            for (at, router) in routers.iter().enumerate() {
                let near = distance[at];
                let set: Vec<PortIdx> = ports_where(&router.ports, links, |to| match to {
                    End::Router(next, _) => distance[next.at()].saturating_add(1) == near,
                    End::Node(..) => false,
                })
                .collect();
                apart[at * count + dst] = u8::try_from(near.saturating_sub(1)).unwrap_or(u8::MAX);
                sets[at * count + dst] = intern(&mut known, &mut pool, &set);
            }
        }
        assert!(apart.iter().all(|hops| usize::from(*hops) <= DIAMETER), "not a Slim Fly");
        Ok(Self { policy, attach, groups, apart, sets, pool })
    }

    pub(super) const fn size(&self) -> (usize, usize) {
        self.attach.size()
    }

    pub(super) const fn groups(&self) -> usize {
        self.groups
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) const fn adaptive(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) const fn global(&self) -> bool {
        false
    }

    pub(super) fn weighs(&self) -> bool {
        self.policy == SlimFlyRouting::Ugal
    }

    pub(super) fn goals(&self, mut visit: impl FnMut(Goal)) {
        self.attach.goals(&mut visit);
        if self.policy != SlimFlyRouting::Minimal {
            legs::goals(self.size().0, visit);
        }
    }

    /// No packet stops at its own router, and by Valiant's algorithm none goes directly to another.
    pub(super) fn inject_all(&self, src: NodeIdx, goal: Goal, visit: impl FnMut(Step)) {
        let here = self.attach.router(src);
        let leaves = if goal.phase == TO {
            goal.target as usize != here
        } else {
            let direct = self.policy != SlimFlyRouting::Valiant;
            direct || self.attach.router(NodeIdx(goal.target)) == here
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
        let vcs = self.next_group(in_port, in_group);
        let mut towards = |target: usize, goal: Goal| {
            self.ports(at.at(), target).iter().for_each(|p| visit(step(*p, vcs, goal)));
        };
        if goal.phase == TO {
            if goal.target != at.0 {
                return towards(goal.target as usize, goal);
            }
            return self.attach.nodes().for_each(|n| towards(self.attach.router(n), Goal::node(n)));
        }
        let dst = NodeIdx(goal.target);
        let router = self.attach.router(dst);
        if router == at.at() {
            return self.attach.eject_all(dst, visit);
        }
        towards(router, goal);
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
        let leg = match Leg::of(head.state) {
            Leg::Offered if self.attach.local(in_port) => self.decide(at.at(), head, view),
            Leg::To(stop) if stop == at.0 => Leg::From,
            leg => leg,
        };
        head.state = leg.state();
        let (target, goal) = match leg {
            Leg::To(stop) => (stop as usize, to(stop)),
            _ => (self.attach.router(head.dst), Goal::node(head.dst)),
        };
        if target == at.at() {
            return self.attach.eject(at, head);
        }
        let port = self.pick(at.at(), target, head.flow);
        step(port, self.next_group(in_port, in_group), goal)
    }

    /// The group of the next hop.
    #[inline]
    const fn next_group(&self, in_port: PortIdx, in_group: usize) -> u8 {
        if self.attach.local(in_port) { 1 } else { 1 << (in_group + 1) }
    }

    /// The first leg of a packet at its first router.
    fn decide<V: View>(&self, here: usize, head: &Head, view: &OfClass<'_, V>) -> Leg {
        let dst = self.attach.router(head.dst);
        if self.policy == SlimFlyRouting::Minimal || dst == here {
            return Leg::Direct;
        }
        let Some(mid) = stop(self.size().0, here, dst, here, head.flow) else {
            return Leg::Direct;
        };
        let waiting = |target| view.used(self.pick(here, target, head.flow), self.attach.groups());
        let detour = self.apart(here, mid) + self.apart(mid, dst);
        if self.policy == SlimFlyRouting::Ugal
            && direct_is_best((waiting(dst), self.apart(here, dst)), (waiting(mid), detour), 0)
        {
            return Leg::Direct;
        }
        Leg::To(u32::try_from(mid).unwrap_or(u32::MAX))
    }

    /// Hops between two routers.
    #[inline]
    fn apart(&self, a: usize, b: usize) -> u32 {
        u32::from(self.apart[a * self.size().0 + b])
    }

    #[inline]
    fn pick(&self, at: usize, target: usize, flow: u32) -> PortIdx {
        let ports = self.ports(at, target);
        ports[among(ports.len(), at, flow)]
    }

    /// The ports on shortest paths between two routers; none from a router to itself.
    #[inline]
    fn ports(&self, at: usize, target: usize) -> &[PortIdx] {
        let from = self.sets[at * self.size().0 + target] as usize;
        let size = usize::from(self.pool[from].0);
        &self.pool[from + 1..=from + size]
    }
}
