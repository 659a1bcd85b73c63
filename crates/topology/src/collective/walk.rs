//! Following a routing function through a fabric, one packet at a time.

use base::route::Empty;
use base::{Head, Hop, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use crate::error::{ErrorKind, Problem};
use crate::spec::{End, Fabric};

/// A fabric with its routing function.
pub(super) struct Walk<'a, R> {
    pub(super) fabric: &'a Fabric,
    pub(super) routing: &'a R,
}

/// Where a packet has arrived: on one of `vcs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct At {
    pub(super) router: RouterIdx,
    pub(super) port: PortIdx,
    pub(super) vcs: u64,
}

/// The far end of a hop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Far {
    Router(At),
    Node(NodeIdx),
}

impl<R: RoutingFunction> Walk<'_, R> {
    /// Hops that no route takes.
    pub(super) fn hops_max(&self) -> usize {
        4 * self.fabric.routers.len() + 4
    }

    /// The port and the place by which a packet leaves its source.
    pub(super) fn inject(&self, head: &Head) -> Result<(PortIdx, At), Problem> {
        let mut noted = *head;
        let hop = self.routing.inject(&mut noted, &Empty);
        self.keeps_nothing(head, &noted)?;
        let links = self.fabric.node_ports.get(head.src.at());
        let link = links.and_then(|l| l.get(hop.port.at())).copied();
        let far = link.map(|l| self.far(self.fabric.links[l.at()].to, hop));
        match far {
            Some(Far::Router(at)) => Ok((hop.port, at)),
            _ => Err(lost(head)),
        }
    }

    /// The hop of a packet from `at`, the same on every VC on which it may be there.
    pub(super) fn step(&self, at: At, head: &Head) -> Result<(Hop, Far), Problem> {
        let mut hop = None;
        for vc in (0..64).filter(|vc| at.vcs >> vc & 1 == 1) {
            let mut noted = *head;
            let next = self.routing.route(at.router, at.port, VcIdx(vc), &mut noted, &Empty);
            self.keeps_nothing(head, &noted)?;
            if *hop.get_or_insert(next) != next {
                return Err(varies("the way of a packet depends on the VC in which it arrives"));
            }
        }
        let hop = hop.ok_or_else(|| lost(head))?;
        let ports = &self.fabric.routers[at.router.at()].ports;
        let link = ports.get(hop.port.at()).ok_or_else(|| lost(head))?;
        Ok((hop, self.far(self.fabric.links[link.at()].to, hop)))
    }

    #[expect(clippy::unused_self, reason = "reads as the others")]
    fn far(&self, end: End, hop: Hop) -> Far {
        match end {
            End::Router(router, port) => Far::Router(At { router, port, vcs: hop.vcs }),
            End::Node(node, _) => Far::Node(node),
        }
    }

    #[expect(clippy::unused_self, reason = "reads as the others")]
    fn keeps_nothing(&self, head: &Head, noted: &Head) -> Result<(), Problem> {
        if noted.state == head.state {
            return Ok(());
        }
        Err(varies("the routing function keeps notes on packets, as for an intermediate node"))
    }
}

/// A routing function that trees cannot be made of.
pub(super) fn varies(message: &str) -> Problem {
    Problem::new(
        ErrorKind::Structure,
        "routing",
        message,
        "trees need routes that are the same for every packet: route by DimensionOrder, a table of \
         shortest paths, up*/down* or nearest common ancestors",
    )
}

/// A packet that does not arrive.
pub(super) fn lost(head: &Head) -> Problem {
    Problem::new(
        ErrorKind::Connectivity,
        "routing",
        format!("a packet from {} to {} does not arrive there", head.src, head.dst),
        "use the routing function that was made for this fabric",
    )
}
