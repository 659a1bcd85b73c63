//! Hops that are known beforehand, where a routing function tells each by destination and class.

use base::{Class, NodeIdx, RouterIdx, RoutingFunction};

use super::Fixed;
use super::state::{CLASS_BITS, LaneNo, PackedFlit, lane_no};

/// Pairs of a router and a node at most whose hops are kept, two bytes each.
const PAIRS_MAX: usize = 1 << 22;

/// The hops of all packets at all routers; or none of them.
#[derive(Clone, Debug)]
pub(super) struct Hops {
    /// `[row of the router + node]`: the port that a packet to the node wants.
    ports: Vec<LaneNo>,
    /// `[bits of a class]`: VCs of the port that it may take.
    vcs: [u64; 1 << CLASS_BITS],
    nodes: usize,
}

impl Hops {
    /// What a function tells of so many routers and nodes.
    pub(super) fn new<R: RoutingFunction>(
        routing: &R,
        (routers, nodes): (usize, usize),
        fixed: &Fixed,
    ) -> Self {
        let mut this = Self { ports: Vec::new(), vcs: [0; 1 << CLASS_BITS], nodes };
        if nodes > 0 && routers.saturating_mul(nodes) <= PAIRS_MAX {
            this.ports = this.told(routing, routers, fixed).unwrap_or_default();
        }
        this
    }

    /// The ports, and notes the VCs; nothing if some hop is not told, or the VCs of a class differ.
    fn told<R: RoutingFunction>(
        &mut self,
        routing: &R,
        routers: usize,
        fixed: &Fixed,
    ) -> Option<Vec<LaneNo>> {
        let first = |class| routing.fixed(RouterIdx(0), NodeIdx(0), class);
        for class in Class::ALL {
            self.vcs[class as usize] = first(class)?.vcs;
        }
        let mut ports = Vec::with_capacity(routers * self.nodes);
        for router in (0..routers).map(RouterIdx::new) {
            for node in (0..self.nodes).map(NodeIdx::new) {
                let port = first_port(routing, router, node)?;
                let same = |class| {
                    let hop = routing.fixed(router, node, class);
                    hop.is_some_and(|h| h.port.0 == port && h.vcs == self.vcs[class as usize])
                };
                let sound = u32::from(port) < 1 << fixed.log_ports();
                if !sound || !Class::ALL.into_iter().all(same) {
                    return None;
                }
                ports.push(lane_no(router.0 << fixed.log_ports() | u32::from(port)));
            }
        }
        self.vcs.iter().take(Class::ALL.len()).all(|vcs| *vcs != 0).then_some(ports)
    }

    /// Whether all are known.
    pub(super) const fn all_known(&self) -> bool {
        !self.ports.is_empty()
    }

    /// Where those of a router begin.
    pub(super) fn row(&self, router: usize) -> u32 {
        u32::try_from(router * self.nodes).unwrap_or(u32::MAX)
    }

    /// The port that a packet wants and the VCs that it may take, at the router of a row.
    #[inline]
    pub(super) fn of(&self, row: u32, flit: PackedFlit) -> Option<(LaneNo, u64)> {
        let port = *self.ports.get(row as usize + flit.dst().at())?;
        Some((port, self.vcs[flit.class_bits()]))
    }
}

fn first_port<R: RoutingFunction>(routing: &R, router: RouterIdx, node: NodeIdx) -> Option<u16> {
    routing.fixed(router, node, Class::ALL[0]).map(|hop| hop.port.0)
}
