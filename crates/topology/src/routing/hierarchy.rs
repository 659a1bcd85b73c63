//! Routing through a hierarchy: copies of an inner fabric, joined by an outer one through gateways.
//!
//! ```text
//!   copy 0: node -> inner routing -> gateway =====> outer routing =====> gateway -> inner -> node
//!           stage UP, lower VC groups        stage OUT                   stage DOWN, upper groups
//! ```
//!
//! A gateway is a router of the inner fabric and, to the outer fabric, one of its nodes: its uplinks
//! are the ports of that node. A packet to another copy goes to a gateway of its own copy, to one of
//! the destination's copy, and to its node; which gateways is a hash of its flow among those that may
//! be chosen. A packet within a copy is routed as in the inner fabric alone, with the upper groups.
//!
//! A node that hangs on a gateway's router alone is the gateway's *proxy*: in stage UP the inner
//! function is asked for the way to the proxy, in stage DOWN for the way from it. So any function
//! can be the inner and any the outer one, a hierarchy too.
//!
//! UP waits for OUT, OUT for DOWN, and DOWN for nothing else; UP and DOWN share the inner links but
//! not the VCs. So the whole is free of deadlock where both parts are.
//!
//! A leg is a leg of the part that the packet is in: its phase is `3 * the part's + stage`, its
//! target `4 * the part's` (and what is left of a phase above 63). The copy follows from the place.
//! The steps of all packets are those between all pairs of the inner fabric, in each copy and stage,
//! as though any node could be a gateway's: more than there are. With separate VCs they close no
//! circle that the inner fabric does not have; without, a machine may be refused that is sound.

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::table::choose;
use super::{Goal, OfClass, Step, Way, ask};

mod within;

use within::{Seen, Unseen, Vcs, Within};

/// Stages of a packet, as its phase tells.
const UP: u8 = 0;
const OUT: u8 = 1;
const DOWN: u8 = 2;
const STAGES: u8 = 3;
/// Phases of a part's legs that are told apart by the phase of the whole's; what is above them goes
/// with the target.
const PHASES: u8 = 64;
/// Where choices of gateways are made, away from all routers and nodes: for leaving, for arriving.
const LEAVE: usize = 1 << 29;
const ARRIVE: usize = 1 << 30;

/// Two routing functions composed.
#[derive(Clone, Debug)]
pub struct Hierarchy {
    parts: Box<Parts>,
    /// `[stage]`.
    vcs: [Vcs; 3],
    groups: usize,
    /// Routers of a copy, and nodes.
    inner_size: (usize, usize),
    /// `[inner router]`: which gateway it is.
    gateway_at: Vec<Option<u16>>,
}

/// What a hierarchy is made of.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) copies: usize,
    /// The function of each copy, and that between the gateways.
    pub(crate) inner: Way,
    pub(crate) outer: Way,
    /// The gateways of a copy: gateway `g` of copy `c` is the outer node `c * gateways + g`.
    pub(crate) gateways: Vec<Gateway>,
    /// `[inner node]`: gateways by which its packets may leave and arrive.
    pub(crate) gateways_of: Vec<Vec<u16>>,
    /// `[inner router][port]`: the node there; [`None`] where there is another router.
    pub(crate) node_at: Vec<Vec<Option<NodeIdx>>>,
}

/// A router of the inner fabric that has links to the outer one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gateway {
    pub(crate) router: RouterIdx,
    /// Its first port to the outer fabric; all further ones are too.
    pub(crate) uplink: PortIdx,
    /// A node that hangs on this router alone, and the router's port to it.
    pub(crate) proxy: NodeIdx,
    pub(crate) proxy_port: PortIdx,
}

impl Hierarchy {
    /// How many VC groups a hierarchy has, of parts that have so many.
    pub(crate) fn groups_of(parts: &Parts, separate: bool) -> usize {
        let inner = ask!(&parts.inner, f => f.groups());
        let outer = ask!(&parts.outer, f => f.groups());
        outer.max(if separate { 2 * inner } else { inner })
    }

    /// Composes two functions; with `separate` VCs for the ways up and down.
    pub(crate) fn new(parts: Parts, separate: bool) -> Self {
        let groups = Self::groups_of(&parts, separate);
        let inner = ask!(&parts.inner, f => f.groups());
        let outer = ask!(&parts.outer, f => f.groups());
        let half = if separate { groups / 2 } else { groups };
        let vcs = [
            Vcs::new(inner, 0..half),
            Vcs::new(outer, 0..groups),
            Vcs::new(inner, groups - half..groups),
        ];
        let inner_size = ask!(&parts.inner, f => f.size());
        let mut gateway_at = vec![None; inner_size.0];
        for (g, gateway) in parts.gateways.iter().enumerate() {
            gateway_at[gateway.router.at()] = u16::try_from(g).ok();
        }
        Self { parts: Box::new(parts), vcs, groups, inner_size, gateway_at }
    }

    pub(super) const fn groups(&self) -> usize {
        self.groups
    }

    pub(super) fn adaptive(&self) -> bool {
        let Parts { inner, outer, .. } = &*self.parts;
        ask!(inner, f => f.adaptive()) || ask!(outer, f => f.adaptive())
    }

    pub(super) fn weighs(&self) -> bool {
        let Parts { inner, outer, .. } = &*self.parts;
        inner.weighs() || outer.weighs()
    }

    pub(super) fn oblivious(&self) -> bool {
        self.parts.inner.oblivious() && self.parts.outer.oblivious()
    }

    pub(super) fn global(&self) -> bool {
        let Parts { inner, outer, .. } = &*self.parts;
        ask!(inner, f => f.global()) || ask!(outer, f => f.global())
    }

    pub(super) fn size(&self) -> (usize, usize) {
        let (routers, nodes) = self.inner_size;
        let (outer, _) = ask!(&self.parts.outer, f => f.size());
        (self.parts.copies * routers + outer, self.parts.copies * nodes)
    }

    /// The step by which `head` leaves its source.
    pub(super) fn inject<V: View>(&self, head: &mut Head, view: &OfClass<'_, V>) -> Step {
        let (copy, src) = self.split(head.src);
        let (target, dst) = self.split(head.dst);
        let (stage, dst) = if copy == target {
            (DOWN, dst)
        } else {
            (UP, self.parts.gateways[self.leaving(head)].proxy)
        };
        let within = self.inner_view(stage, copy, view);
        let mut part = part_of(head, stage, src, dst);
        let step = ask!(&self.parts.inner, f => f.inject(&mut part, &within.of_class()));
        head.state = part.state;
        self.wide(stage, step)
    }

    /// The step of a packet of `head` that is at router `at`.
    pub(super) fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        head: &mut Head,
        view: &OfClass<'_, V>,
    ) -> Step {
        let (copy, local) = self.place(at);
        if copy >= self.parts.copies {
            return self.cross(at, in_port, in_group, head, view);
        }
        let (target, dst) = self.split(head.dst);
        let (stage, dst, arrived) = if copy == target {
            (DOWN, dst, self.arrival(local, in_port))
        } else {
            let gateway = self.leaving(head);
            let Gateway { router, proxy, .. } = self.parts.gateways[gateway];
            if local == router {
                return self.leave(gateway, head, view);
            }
            (UP, proxy, None)
        };
        let within = self.inner_view(stage, copy, view);
        let (_, src) = self.split(head.src);
        let mut part = part_of(head, stage, src, dst);
        let (mut in_port, mut in_group) = (in_port, self.vcs[usize::from(stage)].narrow(in_group));
        if let Some(gateway) = arrived {
            // As though the proxy had sent it; asked again, it begins anew.
            (part.src, part.state) = (gateway.proxy, 0);
            let sent = self.inject_unseen(&mut part);
            (in_port, in_group) = (gateway.proxy_port, sent.groups.trailing_zeros() as usize);
        }
        let step = ask!(&self.parts.inner, f => {
            f.route(local, in_port, in_group, &mut part, &within.of_class())
        });
        head.state = part.state;
        self.inner_step(stage, copy, local, step)
    }

    /// The step of `head` out of its copy; asked again, it begins anew.
    fn leave<V: View>(&self, gateway: usize, head: &mut Head, view: &OfClass<'_, V>) -> Step {
        let port = self.parts.gateways[gateway].uplink;
        let within =
            Within { whole: view, vcs: &self.vcs[usize::from(OUT)], port, router: self.outer() };
        let mut part = self.crossing(head);
        part.state = 0;
        let step = ask!(&self.parts.outer, f => f.inject(&mut part, &within.of_class()));
        head.state = part.state;
        self.out(port, step)
    }

    /// The step of `head` at a router of the outer fabric.
    fn cross<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        head: &mut Head,
        view: &OfClass<'_, V>,
    ) -> Step {
        let router = self.outer();
        let vcs = &self.vcs[usize::from(OUT)];
        let within = Within { whole: view, vcs, port: PortIdx(0), router };
        let at = RouterIdx::new(at.at() - router);
        let mut part = self.crossing(head);
        let step = ask!(&self.parts.outer, f => {
            f.route(at, in_port, vcs.narrow(in_group), &mut part, &within.of_class())
        });
        head.state = part.state;
        self.wide(OUT, step)
    }

    /// The head as the outer function sees it.
    fn crossing(&self, head: &Head) -> Head {
        let ((copy, _), (target, dst)) = (self.split(head.src), self.split(head.dst));
        let of = self.parts.gateways.len();
        let arriving = self.choose(dst, ARRIVE, head.flow);
        let src = NodeIdx::new(copy * of + self.leaving(head));
        part_of(head, OUT, src, NodeIdx::new(target * of + arriving))
    }

    /// The gateway by which `head` leaves its copy.
    #[inline]
    fn leaving(&self, head: &Head) -> usize {
        self.choose(self.split(head.src).1, LEAVE, head.flow)
    }

    #[inline]
    fn choose(&self, node: NodeIdx, way: usize, flow: u32) -> usize {
        let of = &self.parts.gateways_of[node.at()];
        let at = if of.len() == 1 { 0 } else { choose(of.len(), way + node.at(), flow) };
        usize::from(of[at])
    }

    /// What a proxy does with a packet that came through its gateway: nobody sees its ports.
    fn inject_unseen(&self, part: &mut Head) -> Step {
        let whole = Unseen;
        let vcs = &self.vcs[usize::from(DOWN)];
        let within = Within { whole: &whole, vcs, port: PortIdx(0), router: 0 };
        ask!(&self.parts.inner, f => f.inject(part, &within.of_class()))
    }

    pub(super) fn goals(&self, mut visit: impl FnMut(Goal)) {
        for stage in [UP, DOWN] {
            let visit: &mut dyn FnMut(Goal) = &mut |goal| visit(staged(stage, goal));
            ask!(&self.parts.inner, f => f.goals(visit));
        }
    }

    pub(super) fn inject_all(&self, src: NodeIdx, goal: Goal, mut visit: impl FnMut(Step)) {
        let (stage, goal) = of_stage(goal);
        if stage != OUT {
            let (_, src) = self.split(src);
            let visit: &mut dyn FnMut(Step) = &mut |step| visit(self.wide(stage, step));
            ask!(&self.parts.inner, f => f.inject_all(src, goal, visit));
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
        let (stage, goal) = of_stage(goal);
        let in_group = self.vcs[usize::from(stage)].narrow(in_group);
        let (copy, local) = self.place(at);
        if copy >= self.parts.copies {
            let at = RouterIdx::new(at.at() - self.outer());
            let visit: &mut dyn FnMut(Step) = &mut |step| visit(self.wide(OUT, step));
            ask!(&self.parts.outer, f => f.route_all(at, in_port, in_group, goal, visit));
            return;
        }
        if stage == OUT {
            if let Some(gateway) = self.arrival(local, in_port) {
                let visit: &mut dyn FnMut(Step) = &mut |step| {
                    visit(self.inner_step(DOWN, copy, local, step));
                };
                self.enter_all(gateway, visit);
            }
            return;
        }
        if let (UP, Some(gateway)) = (stage, self.gateway_at[local.at()]) {
            self.leave_all(copy, usize::from(gateway), &mut visit);
        }
        let visit: &mut dyn FnMut(Step) =
            &mut |step| visit(self.inner_step(stage, copy, local, step));
        ask!(&self.parts.inner, f => f.route_all(local, in_port, in_group, goal, visit));
    }

    /// Every step out of a copy by a gateway.
    fn leave_all(&self, copy: usize, gateway: usize, visit: &mut dyn FnMut(Step)) {
        let src = NodeIdx::new(copy * self.parts.gateways.len() + gateway);
        let port = self.parts.gateways[gateway].uplink;
        let out: &mut dyn FnMut(Goal) = &mut |goal| {
            let visit: &mut dyn FnMut(Step) = &mut |step| visit(self.out(port, step));
            ask!(&self.parts.outer, f => f.inject_all(src, goal, visit));
        };
        ask!(&self.parts.outer, f => f.goals(out));
    }

    /// Every step, of the inner function, into a copy by a gateway.
    fn enter_all(&self, gateway: Gateway, visit: &mut dyn FnMut(Step)) {
        let Gateway { router, proxy, proxy_port, .. } = gateway;
        let inner = &self.parts.inner;
        let enter: &mut dyn FnMut(Goal) = &mut |goal| {
            let sent: &mut dyn FnMut(Step) = &mut |sent| {
                for group in (0..8).filter(|g| sent.groups >> g & 1 == 1) {
                    let visit: &mut dyn FnMut(Step) = &mut |step| visit(step);
                    ask!(inner, f => f.route_all(router, proxy_port, group, sent.goal, visit));
                }
            };
            ask!(inner, f => f.inject_all(proxy, goal, sent));
        };
        ask!(inner, f => f.goals(enter));
    }

    /// The copy and the node in it.
    #[inline]
    fn split(&self, node: NodeIdx) -> (usize, NodeIdx) {
        let (_, nodes) = self.inner_size;
        (node.at() / nodes, NodeIdx::new(node.at() % nodes))
    }

    /// The copy and the router in it; the copy is none for routers of the outer fabric.
    #[inline]
    fn place(&self, router: RouterIdx) -> (usize, RouterIdx) {
        let (routers, _) = self.inner_size;
        (router.at() / routers, RouterIdx::new(router.at() % routers))
    }

    /// The first router of the outer fabric.
    #[inline]
    fn outer(&self) -> usize {
        self.parts.copies * self.inner_size.0
    }

    /// The gateway through which a packet came to an inner router.
    #[inline]
    fn arrival(&self, at: RouterIdx, in_port: PortIdx) -> Option<Gateway> {
        let gateway = self.parts.gateways[usize::from(self.gateway_at[at.at()]?)];
        (in_port >= gateway.uplink).then_some(gateway)
    }

    fn inner_view<'a>(&'a self, stage: u8, copy: usize, whole: &'a dyn Seen) -> Within<'a> {
        let router = copy * self.inner_size.0;
        Within { whole, vcs: &self.vcs[usize::from(stage)], port: PortIdx(0), router }
    }

    /// A step of a part as one of the whole.
    #[inline]
    fn wide(&self, stage: u8, step: Step) -> Step {
        let groups = self.vcs[usize::from(stage)].wide(step.groups);
        Step { groups, goal: staged(stage, step.goal), ..step }
    }

    /// A step of the outer function from a gateway.
    fn out(&self, uplink: PortIdx, step: Step) -> Step {
        Step { port: PortIdx(uplink.0 + step.port.0), ..self.wide(OUT, step) }
    }

    /// A step of the inner function from a router; the last leg is that to the node.
    fn inner_step(&self, stage: u8, copy: usize, at: RouterIdx, step: Step) -> Step {
        let wide = self.wide(stage, step);
        match self.parts.node_at[at.at()][step.port.at()] {
            Some(node) => {
                let (_, nodes) = self.inner_size;
                Step { goal: Goal::node(NodeIdx::new(copy * nodes + node.at())), ..wide }
            }
            None => wide,
        }
    }
}

/// The head as a part sees it. What stages choose is independent.
#[inline]
fn part_of(head: &Head, stage: u8, src: NodeIdx, dst: NodeIdx) -> Head {
    const SALTS: [u32; 3] = [0x9e37_79b9, 0x7f4a_7c15, 0xf39c_c060];
    Head { src, dst, flow: head.flow ^ SALTS[usize::from(stage)], ..*head }
}

/// The leg of the whole for a part's.
fn staged(stage: u8, goal: Goal) -> Goal {
    let Goal { target, phase } = goal;
    let target = target.saturating_mul(4) + u32::from(phase / PHASES);
    Goal { target, phase: phase % PHASES * STAGES + stage }
}

/// The stage of a leg, and the part's leg.
fn of_stage(goal: Goal) -> (u8, Goal) {
    let Goal { target, phase } = goal;
    let high = u8::try_from(target % 4).expect("below 4");
    let part = Goal { target: target / 4, phase: high * PHASES + phase / STAGES };
    (phase % STAGES, part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leg_of_a_part_has_one_leg_of_the_whole_in_each_stage() {
        let mut seen = std::collections::BTreeSet::new();
        for (target, phase) in (0..5).flat_map(|t| (0..=u8::MAX).map(move |p| (t, p))) {
            for stage in [UP, OUT, DOWN] {
                let whole = staged(stage, Goal { target, phase });
                assert_eq!(of_stage(whole), (stage, Goal { target, phase }));
                assert!(seen.insert(whole));
            }
        }
    }
}
