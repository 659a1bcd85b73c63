//! Who is where: the components of a machine, dealt to partitions, and their numbers there.
//!
//! ```text
//!   machine:  node 0 .. n, router 0 .. r, link 0 .. l      numbers of the machine, which users see
//!                 │  Layout::nodes, routers, links           (partition, number there)
//!                 ▼  Share::nodes, routers, links             and back
//!   partition: node 0 .., router 0 .., link 0 ..            numbers of its own, dense
//! ```
//!
//! Both directions of a link have a place wherever one of its ends has, next to each other, so that
//! [`LinkIdx::reverse`] holds in partitions too. Where nothing is cut all numbers are the machine's.

use base::{LinkIdx, NodeIdx, RouterIdx};
use topology::spec::{End, Fabric};

/// Where something is: its partition, and its number there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) part: usize,
    pub(crate) at: usize,
}

/// The machine's numbers of what is in one partition, by its numbers there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Share {
    pub(crate) nodes: Vec<NodeIdx>,
    pub(crate) routers: Vec<RouterIdx>,
    pub(crate) links: Vec<LinkIdx>,
}

/// A direction of a link at both its ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LinkEnds {
    pub(crate) sender: Place,
    pub(crate) receiver: Place,
}

/// All places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    /// `[partition]`
    pub(crate) shares: Vec<Share>,
    /// `[node]`
    pub(crate) nodes: Vec<Place>,
    /// `[router]`
    pub(crate) routers: Vec<Place>,
    /// `[link]`
    pub(crate) links: Vec<LinkEnds>,
}

impl Layout {
    /// Bytes of the emulator's memory for each link.
    pub(crate) const LINK_BYTES: usize = size_of::<LinkEnds>() + size_of::<LinkIdx>();

    /// Everything in one partition.
    pub(crate) fn whole(fabric: &Fabric) -> Self {
        let (nodes, routers) = (fabric.node_ports.len(), fabric.routers.len());
        Self::new(fabric, 1, &vec![0; nodes], &vec![0; routers])
    }

    /// The layout of `parts` partitions, given that of each node and of each router.
    pub(crate) fn new(
        fabric: &Fabric,
        parts: usize,
        of_node: &[usize],
        of_router: &[usize],
    ) -> Self {
        let mut shares = vec![Share::default(); parts];
        let mut nodes = Vec::with_capacity(of_node.len());
        for (node, &part) in of_node.iter().enumerate() {
            let list = &mut shares[part].nodes;
            nodes.push(Place { part, at: list.len() });
            list.push(NodeIdx::new(node));
        }
        let mut routers = Vec::with_capacity(of_router.len());
        for (router, &part) in of_router.iter().enumerate() {
            let list = &mut shares[part].routers;
            routers.push(Place { part, at: list.len() });
            list.push(RouterIdx::new(router));
        }
        let part_of = |end: End| match end {
            End::Node(n, _) => of_node[n.at()],
            End::Router(r, _) => of_router[r.at()],
        };
        let mut links = Vec::with_capacity(fabric.links.len());
        for (even, link) in fabric.links.iter().enumerate().step_by(2) {
            let parts = [part_of(link.from), part_of(link.to)];
            let place = |part: usize, shares: &mut Vec<Share>| {
                let list = &mut shares[part].links;
                list.extend([LinkIdx::new(even), LinkIdx::new(even + 1)]);
                Place { part, at: list.len() - 2 }
            };
            let from = place(parts[0], &mut shares);
            let to = if parts[0] == parts[1] { from } else { place(parts[1], &mut shares) };
            let back = |place: Place| Place { at: place.at + 1, ..place };
            links.push(LinkEnds { sender: from, receiver: to });
            links.push(LinkEnds { sender: back(to), receiver: back(from) });
        }
        Self { shares, nodes, routers, links }
    }

    /// Partition and number there of a unit: nodes first, then routers, both in the machine and there.
    pub(crate) fn unit(&self, unit: usize) -> (usize, usize) {
        match unit.checked_sub(self.nodes.len()) {
            None => (self.nodes[unit].part, self.nodes[unit].at),
            Some(router) => {
                let Place { part, at } = self.routers[router];
                (part, self.shares[part].nodes.len() + at)
            }
        }
    }

    /// Links, each direction counted, whose ends are in different partitions.
    pub(crate) fn cut(&self) -> impl Iterator<Item = LinkIdx> + '_ {
        let cut = |(_, ends): &(usize, &LinkEnds)| ends.sender.part != ends.receiver.part;
        self.links.iter().enumerate().filter(cut).map(|(link, _)| LinkIdx::new(link))
    }
}
