//! Who waits for whom: what a deadlock report is made of.

use std::fmt::Write as _;

use base::{NodeIdx, RouterIdx, RoutingFunction};
use memory::MemoryModel;
use topology::spec::{Fabric, MachineSpec};

use crate::Machine;
use crate::node::agent::Agent;

/// Lines of each kind that a report shows before it only counts the rest.
const SHOWN: usize = 12;

impl<R: RoutingFunction, M: MemoryModel> Machine<R, M> {
    /// Who waits for whom, line by line, from the agents down to the routers.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        let nodes = || self.nodes();
        let agents = nodes().flat_map(|n| n.agents.iter().filter_map(Agent::stuck));
        section(&mut text, "threads", agents);
        section(&mut text, "barriers", nodes().flat_map(|n| n.barriers.waiting()));
        let caches = nodes().flat_map(|n| n.cache.pending().map(|p| p.to_string()));
        section(&mut text, "caches", caches);
        let homes = nodes().flat_map(|n| n.home.blocked().map(|b| b.to_string()));
        section(&mut text, "homes", homes);
        section(&mut text, "interfaces", self.interface_lines());
        section(&mut text, "routers", self.router_lines());
        text
    }

    fn interface_lines(&self) -> impl Iterator<Item = String> + '_ {
        let nodes = (0..self.nodes().count()).map(NodeIdx::new);
        nodes.flat_map(move |n| {
            let waiting = self.network().interface(n).waiting();
            waiting.into_iter().map(move |(port, class, packet, dst)| {
                format!("{n} port{port}: {} for {dst} waits in {class:?}", self.packet_name(packet))
            })
        })
    }

    fn router_lines(&self) -> impl Iterator<Item = String> {
        let routers = self.network().routers();
        (0..routers.len()).map(RouterIdx::new).flat_map(move |r| {
            routers.blocked(r).into_iter().map(move |b| {
                let name = &self.spec().fabric.routers[r.at()].name;
                let wants = match b.out_vc {
                    Some(vc) => format!("credit of {vc}"),
                    None => "a VC".to_owned(),
                };
                let to = port_name(&self.spec().fabric, r, b.out_port);
                let (port, vc) = b.at;
                let packet = self.packet_name(b.packet);
                format!("{name} port{port} {vc}: {packet} for {} waits for {wants} to {to}", b.dst)
            })
        })
    }

    fn packet_name(&self, packet: base::PacketIdx) -> String {
        let packet = self.network().packets().get(packet);
        packet.map_or_else(|| "a packet".to_owned(), |p| p.payload.name())
    }
}

/// What lies behind a router's port.
fn port_name(fabric: &Fabric, router: RouterIdx, port: usize) -> String {
    let link = fabric.routers[router.at()].ports[port];
    end_name(fabric, fabric.links[link.at()].to)
}

fn end_name(fabric: &Fabric, end: topology::spec::End) -> String {
    match end {
        topology::spec::End::Node(n, _) => n.to_string(),
        topology::spec::End::Router(r, _) => fabric.routers[r.at()].name.clone(),
    }
}

/// The ends of a link in words, such as `node3 -> switch1`.
pub(crate) fn link_name(spec: &MachineSpec, link: base::LinkIdx) -> String {
    let l = &spec.fabric.links[link.at()];
    format!("{} -> {}", end_name(&spec.fabric, l.from), end_name(&spec.fabric, l.to))
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut count = 0;
    for line in lines {
        if count < SHOWN {
            let _ = writeln!(text, "  {title}: {line}");
        }
        count += 1;
    }
    if count > SHOWN {
        let _ = writeln!(text, "  {title}: ... and {} more", count - SHOWN);
    }
}
