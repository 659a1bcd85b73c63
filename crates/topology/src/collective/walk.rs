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

/// One step of a route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Step {
    pub(super) port: PortIdx,
    /// VCs allowed, for each of those in which the packet may arrive.
    pub(super) vcs: Vec<u64>,
}

impl Step {
    /// Every VC that some packet may take.
    pub(super) fn all(&self) -> u64 {
        self.vcs.iter().fold(0, |all, vcs| all | vcs)
    }

    /// What a packet may do that may do either, if it may do anything: wherever it arrives, there has
    /// to be a VC that both allow.
    pub(super) fn both(&self, other: &Self) -> Option<Self> {
        let both: Vec<u64> = self.vcs.iter().zip(&other.vcs).map(|(a, b)| a & b).collect();
        (self.port == other.port && both.iter().all(|vcs| *vcs != 0))
            .then_some(Self { port: self.port, vcs: both })
    }
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
        match link.map(|l| far(self.fabric.links[l.at()].to, hop.vcs)) {
            Some(Far::Router(at)) => Ok((hop.port, at)),
            _ => Err(lost(head)),
        }
    }

    /// The step of a packet from `at`: one port, whatever the VC in which it is there.
    pub(super) fn step(&self, at: At, head: &Head) -> Result<Step, Problem> {
        let mut step: Option<Step> = None;
        for vc in (0..64).filter(|vc| at.vcs >> vc & 1 == 1) {
            let mut noted = *head;
            let Hop { port, vcs } =
                self.routing.route(at.router, at.port, VcIdx(vc), &mut noted, &Empty);
            self.keeps_nothing(head, &noted)?;
            let step = step.get_or_insert_with(|| Step { port, vcs: Vec::new() });
            if step.port != port {
                return Err(varies("the way of a packet depends on the VC in which it arrives"));
            }
            step.vcs.push(vcs);
        }
        step.ok_or_else(|| lost(head))
    }

    /// The far end of a step from `at`; nothing where the router has no such port.
    pub(super) fn beyond(&self, at: At, step: &Step) -> Option<Far> {
        let link = self.fabric.routers[at.router.at()].ports.get(step.port.at())?;
        Some(far(self.fabric.links[link.at()].to, step.all()))
    }

    #[expect(clippy::unused_self, reason = "reads as the others")]
    fn keeps_nothing(&self, head: &Head, noted: &Head) -> Result<(), Problem> {
        if noted.state == head.state {
            return Ok(());
        }
        Err(varies("the routing function keeps notes on packets, as for an intermediate node"))
    }
}

fn far(end: End, vcs: u64) -> Far {
    match end {
        End::Router(router, port) => Far::Router(At { router, port, vcs }),
        End::Node(node, _) => Far::Node(node),
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
