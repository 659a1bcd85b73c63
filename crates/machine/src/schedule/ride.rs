//! What a packet does that is alone in the network: which links it holds when, and when it arrives.

use base::route::{Empty, View};
use base::{Class, Fs, Head, Hop, LinkIdx, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx};
use clock::{Domain, Edge};
use phy::{LinkParams, Timing};
use topology::routing::Routing;
use topology::spec::{End, MachineSpec, RouterSpec};

use super::Transfer;
use crate::BuildError;
use crate::network::Network;

/// A routing function that sees an empty network, whatever the traffic: its routes are fixed.
#[derive(Clone, Debug)]
pub struct Static<R>(pub R);

impl<R: RoutingFunction> RoutingFunction for Static<R> {
    fn inject<V: View>(&self, head: &mut Head, _: &V) -> Hop {
        self.0.inject(head, &Empty)
    }

    fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_vc: VcIdx,
        head: &mut Head,
        _: &V,
    ) -> Hop {
        self.0.route(at, in_port, in_vc, head, &Empty)
    }

    fn fixed(&self, at: RouterIdx, dst: NodeIdx, class: Class) -> Option<Hop> {
        self.0.fixed(at, dst, class)
    }

    fn oblivious(&self) -> bool {
        true
    }
}

/// A stretch of time for which a packet holds a link: from the edge at which its head is handed over to the
/// first at which another flit can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hold {
    /// The link.
    pub link: LinkIdx,
    /// When it begins.
    pub from: Fs,
    /// When it is over.
    pub until: Fs,
}

/// A packet's way through an empty network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ride {
    /// The links, in order.
    pub holds: Vec<Hold>,
    /// The instant at which its destination has all of it.
    pub arrival: Fs,
}

/// All that rides follow from.
#[derive(Debug)]
pub struct Rides {
    node: Domain,
    router: RouterSpec,
    routing: Static<Routing>,
    node_ports: Vec<Vec<LinkIdx>>,
    router_ports: Vec<Vec<LinkIdx>>,
    to: Vec<End>,
    params: Vec<LinkParams>,
}

/// The sending end of a link in a packet's time.
struct Sender<'a> {
    params: &'a LinkParams,
    free: Fs,
    carry: u64,
    ready: Edge,
}

impl Rides {
    /// The rides of a machine.
    ///
    /// # Errors
    /// If it cannot be built, or has framed links, on which a flit's latency depends on what is lost.
    pub fn new(spec: &MachineSpec) -> Result<Self, BuildError> {
        let routing = Static(spec.fabric.routing.clone());
        let net = Network::<_, ()>::new(spec, routing.clone())?;
        let links = net.wiring().links();
        let params: Vec<LinkParams> =
            (0..links.len()).map(|l| *links.params(LinkIdx::new(l))).collect();
        if params.iter().any(|p| matches!(p.timing, Timing::Framed { .. })) {
            return Err(BuildError::new(
                "a static schedule needs links of fixed latency, and framed ones replay\n  mend: use a machine of \
                 `Serial` and `OnDie` links",
            ));
        }
        let slot = net.node_slot(NodeIdx(0));
        Ok(Self {
            node: *net.wiring().schedule.domain(slot.domain),
            router: spec.router,
            routing,
            node_ports: spec.fabric.node_ports.clone(),
            router_ports: spec.fabric.routers.iter().map(|r| r.ports.clone()).collect(),
            to: spec.fabric.links.iter().map(|l| l.to).collect(),
            params,
        })
    }

    /// The clock of all nodes.
    pub const fn node_clock(&self) -> &Domain {
        &self.node
    }

    /// The clock of a link's sender.
    pub fn sender_clock(&self, link: LinkIdx) -> &Domain {
        &self.params[link.at()].sender
    }

    /// The ride of a transfer that is released at an edge of its source's clock.
    ///
    /// # Panics
    /// If the routing names a port that is not there: machines are checked before.
    pub fn ride(&self, transfer: &Transfer, release: Edge) -> Ride {
        let Transfer { src, dst, flits, .. } = *transfer;
        let mut head = Head { src, dst, flow: flow(transfer), class: Class::Req, state: 0 };
        let hop = self.routing.inject(&mut head, &Empty);
        let mut link = self.node_ports[src.at()][hop.port.at()];
        let mut vc = VcIdx(u8::try_from(hop.vcs.trailing_zeros()).unwrap_or(0));
        // The interface hands a flit over an edge, from the one after the release.
        let offers: Vec<Edge> = (0..flits).map(|j| release.plus(1 + j)).collect();
        let mut holds = Vec::new();
        let mut seen = self.cross(link, &offers, &mut holds);
        while let End::Router(at, in_port) = self.to[link.at()] {
            let hop = self.routing.route(at, in_port, vc, &mut head, &Empty);
            link = self.router_ports[at.at()][hop.port.at()];
            vc = VcIdx(u8::try_from(hop.vcs.trailing_zeros()).unwrap_or(0));
            let r = &self.router;
            let traversal = 1 + r.st_cycles;
            // The head asks for the switch behind RC and VA, flits behind it when they are there.
            let first = seen[0].plus(r.rc_cycles + r.va_cycles + r.sa_cycles - 1);
            let offers: Vec<Edge> = seen.iter().map(|v| (*v).max(first).plus(traversal)).collect();
            seen = self.cross(link, &offers, &mut holds);
        }
        let tail = seen.last().copied().unwrap_or(release);
        Ride { holds, arrival: self.node.instant(tail) }
    }

    /// Flits over a link, each from the edge on at which it is offered, in order; gives the edges at which
    /// they are seen.
    fn cross(&self, link: LinkIdx, offers: &[Edge], holds: &mut Vec<Hold>) -> Vec<Edge> {
        let params = &self.params[link.at()];
        let mut sender = Sender { params, free: Fs::ZERO, carry: 0, ready: Edge(0) };
        let mut from = Fs::NEVER;
        let seen = offers.iter().map(|offer| {
            let edge = (*offer).max(sender.ready);
            from = from.min(params.sender.instant(edge));
            sender.send(edge)
        });
        let seen = seen.collect();
        holds.push(Hold { link, from, until: params.sender.instant(sender.ready) });
        seen
    }
}

impl Sender<'_> {
    /// A flit at an edge; gives the edge at which it is seen.
    fn send(&mut self, edge: Edge) -> Edge {
        let (clock, into) = (&self.params.sender, &self.params.receiver);
        match self.params.timing {
            Timing::OnDie { latency_cycles, interval_cycles } => {
                self.ready = edge.plus(interval_cycles);
                edge.plus(latency_cycles)
            }
            Timing::Serial { flit_time: (numer, denom), serdes, fec, flight } => {
                let handed = clock.instant(edge);
                let (start, carry) =
                    if handed > self.free { (handed, 0) } else { (self.free, self.carry) };
                let total = numer + carry;
                self.free = start + Fs(total / denom);
                self.carry = total % denom;
                let after = clock.edge_after(self.free).0;
                self.ready = Edge(after.saturating_sub(1)).max(edge.plus(1));
                into.visible(self.free + serdes + fec + flight)
            }
            Timing::Framed { .. } => Edge::NEVER,
        }
    }
}

/// Spreads transfers over equal paths, the same in plan and run.
pub(super) fn flow(t: &Transfer) -> u32 {
    let pair = u64::from(t.src.0) << 32 | u64::from(t.dst.0);
    u32::try_from(base::rng::mix(pair) >> 32).unwrap_or(0)
}
