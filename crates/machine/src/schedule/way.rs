//! The way of a transfer: channel by channel.

use base::route::Empty;
use base::{Class, Head, LinkIdx, NodeIdx, PortIdx, RoutingFunction, VcIdx};
use topology::schedule::Transfer;
use topology::spec::{End, MachineSpec};

use super::{Hop, Trouble};

/// The channels that a transfer takes, each with all virtual channels that it may.
///
/// Where no way is listed the topology's routing is asked, as a packet would in an empty network: so an
/// adaptive function has one as well.
pub(super) fn hops(spec: &MachineSpec, transfer: &Transfer) -> Result<Vec<Hop>, Trouble> {
    match &transfer.path {
        Some(ports) => listed(spec, transfer, ports),
        None => routed(spec, transfer),
    }
}

/// The link of a port, and where it leads.
fn follow(spec: &MachineSpec, out: &[LinkIdx], port: PortIdx) -> Option<(LinkIdx, End)> {
    let link = *out.get(port.at())?;
    Some((link, spec.fabric.links[link.at()].to))
}

fn listed(spec: &MachineSpec, transfer: &Transfer, ports: &[PortIdx]) -> Result<Vec<Hop>, Trouble> {
    let vcs = u64::MAX >> (64 - spec.router.vcs_per_class.clamp(1, 64));
    let mut out: &[LinkIdx] = &spec.fabric.node_ports[transfer.src.at()];
    let mut hops = Vec::with_capacity(ports.len());
    for (n, port) in ports.iter().enumerate() {
        let (link, to) = follow(spec, out, *port).ok_or(Trouble::NoWay)?;
        hops.push(Hop { link, port: *port, vcs });
        match to {
            End::Node(node, _) if node == transfer.dst && n + 1 == ports.len() => return Ok(hops),
            End::Node(..) => return Err(Trouble::NoWay),
            End::Router(r, _) => out = &spec.fabric.routers[r.at()].ports,
        }
    }
    Err(Trouble::NoWay)
}

fn routed(spec: &MachineSpec, transfer: &Transfer) -> Result<Vec<Hop>, Trouble> {
    let routing = &spec.fabric.routing;
    let &Transfer { src, dst, flow, .. } = transfer;
    let mut head = Head { src, dst, flow, class: Class::ALL[0], state: 0 };
    let mut hop = routing.inject(&mut head, &Empty);
    let mut out: &[LinkIdx] = &spec.fabric.node_ports[src.at()];
    let mut hops = Vec::new();
    // No way is longer than twice through all routers.
    for _ in 0..2 * spec.fabric.routers.len() + 2 {
        let (link, to) = follow(spec, out, hop.port).ok_or(Trouble::NoWay)?;
        hops.push(Hop { link, port: hop.port, vcs: hop.vcs });
        match to {
            End::Node(node, _) if node == dst => return Ok(hops),
            End::Node(..) => return Err(Trouble::NoWay),
            End::Router(at, in_port) => {
                let vc = VcIdx(u8::try_from(hop.vcs.trailing_zeros()).unwrap_or(0));
                hop = routing.route(at, in_port, vc, &mut head, &Empty);
                out = &spec.fabric.routers[at.at()].ports;
            }
        }
    }
    Err(Trouble::NoWay)
}

/// The node that a way starts from, and the ports of a node's interface.
pub(super) fn port_count(spec: &MachineSpec, node: NodeIdx) -> usize {
    spec.fabric.node_ports[node.at()].len()
}
