//! Where the nodes of a direct network hang: node `i` on router `i / nodes_per_router`, each by the
//! same number of parallel links, on the first ports of its router and of itself.
//!
//! ```text
//!   router port  0 .. links | links .. 2 links | ... | network ..
//!                first node | second node      |     | other routers
//! ```

use base::{Head, NodeIdx, PortIdx, RouterIdx};

use super::table::choose;
use super::{Goal, Step};

/// The nodes and local ports of all routers.
#[derive(Clone, Debug)]
pub(super) struct Attach {
    routers: usize,
    /// Parallel links between a node and its router.
    links: u16,
    /// The first port of a router that leads to another router.
    network: u16,
    /// Set of all VC groups: a local link may be taken on any.
    groups: u8,
    /// `[node]`: its router.
    router: Vec<u32>,
    /// `[node]`: the first of its ports on its router.
    port: Vec<u16>,
}

impl Attach {
    /// `nodes` each by `links` links on every one of `routers`.
    pub(super) fn new(routers: usize, nodes: u32, links: u32, groups: usize) -> Self {
        let links = u16::try_from(links).expect("ports are bounded");
        let nodes = u16::try_from(nodes).expect("ports are bounded");
        let at = |r: usize| u32::try_from(r).expect("routers are bounded");
        Self {
            routers,
            links,
            network: nodes * links,
            groups: u8::try_from((1_u32 << groups) - 1).expect("at most 8 groups"),
            router: (0..routers).flat_map(|r| (0..nodes).map(move |_| at(r))).collect(),
            port: (0..routers).flat_map(|_| (0..nodes).map(|n| n * links)).collect(),
        }
    }

    /// Routers and nodes.
    pub(super) const fn size(&self) -> (usize, usize) {
        (self.routers, self.router.len())
    }

    /// All VC groups.
    pub(super) const fn groups(&self) -> u8 {
        self.groups
    }

    /// The router of a node.
    #[inline]
    pub(super) fn router(&self, node: NodeIdx) -> usize {
        self.router[node.at()] as usize
    }

    /// Whether a router's port leads to a node: what arrives there was offered just now.
    #[inline]
    pub(super) const fn local(&self, port: PortIdx) -> bool {
        port.0 < self.network
    }

    /// The step by which `head` leaves its source.
    #[inline]
    pub(super) fn inject(&self, head: &Head) -> Step {
        self.pick(0, self.routers + head.src.at(), head)
    }

    /// The step by which `head` leaves its last router.
    #[inline]
    pub(super) fn eject(&self, at: RouterIdx, head: &Head) -> Step {
        self.pick(self.port[head.dst.at()], at.at(), head)
    }

    /// The same on VC groups of the function's choice.
    #[inline]
    pub(super) fn eject_on(&self, at: RouterIdx, head: &Head, groups: u8) -> Step {
        Step { groups, ..self.eject(at, head) }
    }

    #[inline]
    fn pick(&self, first: u16, place: usize, head: &Head) -> Step {
        let port = usize::from(first) + among(usize::from(self.links), place, head.flow);
        step(PortIdx::new(port), self.groups, Goal::node(head.dst))
    }

    /// The legs of packets that go straight to their destination: one for each node.
    pub(super) fn goals(&self, visit: impl FnMut(Goal)) {
        self.nodes().map(Goal::node).for_each(visit);
    }

    /// All nodes.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeIdx> + use<> {
        (0..self.router.len()).map(NodeIdx::new)
    }

    /// Every step by which a packet leaves its source.
    pub(super) fn inject_all(&self, goal: Goal, visit: impl FnMut(Step)) {
        (0..self.links).map(|p| step(PortIdx(p), self.groups, goal)).for_each(visit);
    }

    /// Every step by which a packet to `dst` leaves its last router.
    pub(super) fn eject_all(&self, dst: NodeIdx, visit: impl FnMut(Step)) {
        let first = self.port[dst.at()];
        let leave = |p| step(PortIdx(p), self.groups, Goal::node(dst));
        (first..first + self.links).map(leave).for_each(visit);
    }

    /// The same on VC groups of the function's choice.
    pub(super) fn eject_all_on(&self, dst: NodeIdx, groups: u8, mut visit: impl FnMut(Step)) {
        self.eject_all(dst, |step| visit(Step { groups, ..step }));
    }
}

/// The choice among parallel links.
#[inline]
pub(super) fn among(count: usize, place: usize, flow: u32) -> usize {
    if count == 1 { 0 } else { choose(count, place, flow) }
}

/// A step that is offered for as long as the packet waits.
pub(super) const fn step(port: PortIdx, groups: u8, goal: Goal) -> Step {
    Step { port, groups, escape: true, goal }
}
