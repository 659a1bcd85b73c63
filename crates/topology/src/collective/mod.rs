//! Trees of groups: by which links the packets of a multicast or a reduction go.
//!
//! ```text
//!   multicast from s to a, b, c                 reduction of a, b, c to s
//!
//!   s ─▶ r0 ─┬─▶ r1 ─┬─▶ a                      a ─▶ r1 ─┐ awaits 2
//!            │       └─▶ b                      b ──────▶┴─▶ r0 ─▶ s
//!            └─▶ r2 ───▶ c                      c ─▶ r2 ────▶┘ awaits 2
//! ```
//!
//! A tree is the union of the routes that single packets would take, so it adds nothing to which
//! channel waits for which: where the routing function is free of deadlock, so are the trees, as long
//! as a packet's branches do not wait for each other (see the router's `collective`). Where two
//! routes part, or come to one router on different channels, the tree has a branch or a place for
//! each; on a mesh with dimension order neither happens, and a link is in the tree once. Routes that
//! share a link but no VC of it do not share a branch: under strict datelines a link can be in the
//! tree twice, for members behind the dateline and for those before it.
//!
//! A multicast has one source, a reduction one root; give each its own group. [`Grouped`] is the
//! routing function with its trees.
//!
//! ```
//! use base::NodeIdx;
//! use topology::collective::{Group, GroupRules, Grouped};
//! use topology::describe::Description;
//!
//! let machine = Description::mesh8x8().elaborate()?;
//! let all: Vec<NodeIdx> = (0..64).map(NodeIdx::new).collect();
//! let groups = [Group::Multicast { source: NodeIdx(0), members: all }];
//! let routing = machine.fabric.routing.clone();
//! let routing = Grouped::new(&machine.fabric, routing, &groups, GroupRules::default())?;
//! // 63 links between the 64 routers, and one into each node.
//! assert_eq!(routing.trees().links(base::GroupIdx(0)).count(), 63 + 64);
//! # Ok::<(), topology::TopologyError>(())
//! ```

mod build;
#[cfg(test)]
mod tests;
mod walk;

use base::group::{Branch, Groups, Members, Role};
use base::{Class, GroupIdx, Head, Hop, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx, View};

use crate::TopologyError;
use crate::spec::Fabric;

/// A group of nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Group {
    /// One packet to each of many nodes.
    Multicast {
        /// The only node that sends to the group; it may be a member.
        source: NodeIdx,
        /// At least one node, none twice.
        members: Vec<NodeIdx>,
    },
    /// A packet from each of many nodes, combined on the way to one.
    Reduction {
        /// Where the result goes; it may be a member.
        root: NodeIdx,
        /// At least one node, none twice.
        members: Vec<NodeIdx>,
    },
}

/// What the routers' collective hardware can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupRules {
    /// Flits of the longest packet to a group. No router input may have less buffer a VC.
    pub packet_flits_max: u32,
    /// Whether a branch gets a VC only with room for the whole packet. Without it, multicasts of
    /// several flits can deadlock: for studies of just that.
    pub whole_packets: bool,
    /// Sequence numbers of a reduction that may be under way at once, at least 1.
    pub window: u32,
    /// Entries of each router's combining table: the window for each reduction that is combined
    /// there.
    pub table_entries: u32,
}

impl Default for GroupRules {
    /// Packets of one flit, a window of 4, tables of 64.
    // ASSUMED: all three; no product documents its tables.
    fn default() -> Self {
        Self { packet_flits_max: 1, whole_packets: true, window: 4, table_entries: 64 }
    }
}

/// The trees of all groups, as plain data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trees {
    rules: GroupRules,
    /// `[group]`
    groups: Vec<Planted>,
    places: Vec<Place>,
    /// `Head::state` of a packet to a group: an index into these.
    arrivals: Vec<Arrival>,
    /// Places that combine.
    combining: u32,
}

/// A group in its tree.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Planted {
    reduces: bool,
    /// The other end: source of the multicast, root of the reduction.
    end: NodeIdx,
    members: u32,
    /// What the routing function sees as the flow of the group's packets.
    flow: u32,
    /// Who may send, in order, and with which arrival.
    entries: Vec<(NodeIdx, u32)>,
    /// Its places: a range of [`Trees::places`].
    places: (usize, usize),
}

/// A way of coming to a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Arrival {
    place: u32,
    /// The node whose route it is.
    src: NodeIdx,
}

/// What happens to a group's packets at a router.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The router.
    pub router: RouterIdx,
    /// Packets that come here for each one that leaves: 1, or more where a reduction combines.
    pub awaited: u32,
    /// The ways out; one where a reduction goes.
    pub branches: Vec<TreeBranch>,
    /// Its number among the combining places.
    combining: u32,
}

/// One way out of a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TreeBranch {
    /// The port.
    pub port: PortIdx,
    /// The node that the port leads to, if it leads to one.
    pub node: Option<NodeIdx>,
    /// Nodes beyond; the VCs that the routes to all of these allow are those that all nodes beyond do.
    pub toward: Vec<NodeIdx>,
    /// Arrival at the far router.
    next: u32,
}

impl Trees {
    /// The trees of `groups` over the routes of `routing`.
    ///
    /// # Errors
    /// If a group has no members, one twice or one that is not there, the routing function is
    /// adaptive or keeps notes on packets (then no two packets need go the same way), members are
    /// reached by different ports of their source, or a router's table is too small.
    pub fn new<R: RoutingFunction>(
        fabric: &Fabric,
        routing: &R,
        groups: &[Group],
        rules: GroupRules,
    ) -> Result<Self, TopologyError> {
        build::trees(fabric, routing, groups, rules)
            .map_err(|problem| TopologyError::bare("groups", problem))
    }

    /// The rules that they were made for.
    pub const fn rules(&self) -> &GroupRules {
        &self.rules
    }

    /// The places of a group; none where there is no such group.
    pub fn places(&self, group: GroupIdx) -> &[Place] {
        let (from, to) = self.groups.get(group.at()).map_or((0, 0), |g| g.places);
        &self.places[from..to]
    }

    /// Every link out of a router that the group's packets take, with the port.
    pub fn links(&self, group: GroupIdx) -> impl Iterator<Item = (RouterIdx, PortIdx)> + '_ {
        let places = self.places(group).iter();
        places.flat_map(|p| p.branches.iter().map(|b| (p.router, b.port)))
    }
}

/// A routing function with trees: packets to nodes go as before, packets to groups by their tree.
#[derive(Clone, Debug)]
pub struct Grouped<R> {
    inner: R,
    trees: Trees,
}

impl<R: RoutingFunction> Grouped<R> {
    /// `routing` with the trees of `groups`.
    ///
    /// # Errors
    /// As [`Trees::new`].
    pub fn new(
        fabric: &Fabric,
        routing: R,
        groups: &[Group],
        rules: GroupRules,
    ) -> Result<Self, TopologyError> {
        let trees = Trees::new(fabric, &routing, groups, rules)?;
        Ok(Self { inner: routing, trees })
    }

    /// The trees.
    pub const fn trees(&self) -> &Trees {
        &self.trees
    }

    /// The place of `head`, and `head` as the routing function sees it but for the
    /// destination.
    fn locate(&self, group: GroupIdx, head: &Head) -> (&Place, Head) {
        let planted = &self.trees.groups[group.at()];
        let arrival = self.trees.arrivals[head.state as usize];
        let plain =
            Head { src: arrival.src, dst: planted.end, flow: planted.flow, state: 0, ..*head };
        (&self.trees.places[arrival.place as usize], plain)
    }

    /// The hop of a branch.
    fn hop(
        &self,
        (at, in_port, in_vc): (RouterIdx, PortIdx, VcIdx),
        plain: Head,
        branch: &TreeBranch,
    ) -> Hop {
        let mut hop = Hop { port: branch.port, vcs: u64::MAX };
        for &dst in &branch.toward {
            let mut plain = Head { dst, ..plain };
            let one = self.inner.route(at, in_port, in_vc, &mut plain, &base::route::Empty);
            debug_assert_eq!(one.port, branch.port, "{at}: the tree is of other routes");
            hop.vcs &= one.vcs;
        }
        hop
    }
}

impl<R: RoutingFunction> RoutingFunction for Grouped<R> {
    /// # Panics
    /// If the source of a packet to a group does not belong to the group.
    #[inline]
    fn inject<V: View>(&self, head: &mut Head, view: &V) -> Hop {
        let Some(group) = GroupIdx::of(head.dst) else { return self.inner.inject(head, view) };
        let planted = self.trees.groups.get(group.at());
        let entry = planted.and_then(|planted| {
            let at = planted.entries.binary_search_by_key(&head.src, |e| e.0).ok()?;
            Some((planted, planted.entries[at].1))
        });
        let Some((planted, arrival)) = entry else {
            panic!("{} sends to {group}, which it does not belong to", head.src)
        };
        head.state = arrival;
        let place = &self.trees.places[self.trees.arrivals[arrival as usize].place as usize];
        let dst = place.branches[0].toward[0];
        self.inner.inject(&mut Head { dst, flow: planted.flow, state: 0, ..*head }, view)
    }

    #[inline]
    fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_vc: VcIdx,
        head: &mut Head,
        view: &V,
    ) -> Hop {
        let Some(group) = GroupIdx::of(head.dst) else {
            return self.inner.route(at, in_port, in_vc, head, view);
        };
        let (place, plain) = self.locate(group, head);
        self.hop((at, in_port, in_vc), plain, &place.branches[0])
    }

    #[inline]
    fn fixed(&self, at: RouterIdx, dst: NodeIdx, class: Class) -> Option<Hop> {
        if GroupIdx::of(dst).is_some() { None } else { self.inner.fixed(at, dst, class) }
    }

    fn adaptive(&self) -> bool {
        self.inner.adaptive()
    }

    fn global(&self) -> bool {
        self.inner.global()
    }

    fn groups(&self) -> Option<Groups> {
        let Trees { rules, groups, combining, .. } = &self.trees;
        Some(Groups {
            count: u32::try_from(groups.len()).unwrap_or(u32::MAX),
            packet_flits_max: rules.packet_flits_max,
            whole_packets: rules.whole_packets,
            places: *combining,
            window: rules.window,
        })
    }

    fn members(&self, group: GroupIdx) -> Members {
        let planted = self.trees.groups.get(group.at());
        planted.map_or(Members { count: 0, reduces: false }, |p| Members {
            count: p.members,
            reduces: p.reduces,
        })
    }

    fn fan(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_vc: VcIdx,
        head: &Head,
        mut visit: impl FnMut(Branch),
    ) -> Role {
        let Some(group) = GroupIdx::of(head.dst) else { return Role::Copy };
        let (place, plain) = self.locate(group, head);
        for branch in &place.branches {
            let hop = self.hop((at, in_port, in_vc), plain, branch);
            visit(Branch { hop, state: branch.next, node: branch.node });
        }
        match place.awaited {
            0 | 1 => Role::Copy,
            awaited => Role::Combine { place: place.combining, awaited },
        }
    }
}
