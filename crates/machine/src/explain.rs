//! Who waits for whom: what a deadlock report is made of.

use std::fmt::Write as _;

use base::{NodeIdx, RouterIdx, RoutingFunction, VcIdx};
use memory::MemoryModel;
use router::Blocked;
use topology::spec::{End, Fabric, MachineSpec};

use crate::Machine;
use crate::network::Network;
use crate::node::Node;
use crate::node::agent::Agent;
use crate::payload::Payload;

/// Lines of each kind that a report shows before it only counts the rest.
const SHOWN: usize = 12;

impl<R: RoutingFunction, M: MemoryModel> Machine<R, M> {
    /// Who waits for whom, line by line, from the agents down to the routers.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        let nodes = || self.nodes();
        let clock = &self.shared().clock;
        let edge = clock.edge_at_or_after(self.now());
        let stuck = |agent: &Agent| agent.stuck(edge, clock);
        // What halted threads wait for is not what keeps them.
        let halted = |n: &Node| self.halted(n.id, self.now()).map(|at| (n.id, at));
        let dead = nodes().filter_map(|n| halted(n).map(|at| (n, at)));
        let dead = dead.flat_map(|(n, (id, at))| {
            let kept = n.agents.iter().filter(|a| stuck(a).is_some());
            kept.map(move |a| format!("{} on {id}, at {at}", a.thread()))
        });
        section(&mut text, "halted", dead);
        let alive = nodes().filter(|n| halted(n).is_none());
        section(&mut text, "threads", alive.flat_map(|n| n.agents.iter().filter_map(stuck)));
        section(&mut text, "barriers", nodes().flat_map(|n| n.barriers.waiting()));
        let caches = nodes().flat_map(|n| n.cache.pending().map(|p| p.to_string()));
        section(&mut text, "caches", caches);
        let homes = nodes().flat_map(|n| n.home.blocked().map(|b| b.to_string()));
        section(&mut text, "homes", homes);
        let dead = self.dead_links(self.now());
        let told = dead.map(|(l, why)| format!("{} is {why}", link_name(self.spec(), l)));
        section(&mut text, "links", told);
        let no_way = self.networks().filter_map(Network::stranded);
        section(&mut text, "routing", no_way.map(|why| format!("no way is left: {why}")));
        let packages = nodes().filter_map(|n| n.package.as_ref().map(|p| (n.id, p)));
        let packages = packages
            .flat_map(|(id, p)| p.blocked().map(move |b| format!("home in package at {id}: {b}")));
        section(&mut text, "packages", packages);
        let scoped = nodes().filter_map(|n| n.scoped.as_ref());
        section(&mut text, "scopes", scoped.flat_map(|s| s.waits()));
        section(&mut text, "interfaces", self.interface_lines());
        section(&mut text, "routers", self.router_lines());
        section(&mut text, "cycle", self.waiting_cycle().into_iter());
        text
    }

    fn interface_lines(&self) -> impl Iterator<Item = String> + '_ {
        self.layout().nodes.iter().enumerate().flat_map(move |(n, place)| {
            let (n, net) = (NodeIdx::new(n), self.net(*place));
            let waiting = net.interface(NodeIdx::new(place.at)).waiting();
            waiting.into_iter().map(move |(port, class, packet, dst)| {
                format!("{n} port{port}: {} for {dst} waits in {class:?}", packet_name(net, packet))
            })
        })
    }

    fn router_lines(&self) -> impl Iterator<Item = String> {
        self.layout().routers.iter().enumerate().flat_map(move |(r, place)| {
            let (r, net) = (RouterIdx::new(r), self.net(*place));
            self.blocked(r).into_iter().map(move |b| {
                let name = &self.spec().fabric.routers[r.at()].name;
                let wants = match b.out_vc {
                    Some(vc) => format!("credit of {vc}"),
                    None => "a VC".to_owned(),
                };
                let to = port_name(&self.spec().fabric, r, b.out_port);
                let (port, vc) = b.at;
                let packet = packet_name(net, b.packet);
                format!("{name} port{port} {vc}: {packet} for {} waits for {wants} to {to}", b.dst)
            })
        })
    }

    /// Channels of which each waits for the next and the last for the first, if there are such.
    fn waiting_cycle(&self) -> Vec<String> {
        let mut waiters: Vec<(Channel, Blocked)> = Vec::new();
        for r in (0..self.layout().routers.len()).map(RouterIdx::new) {
            waiters.extend(self.blocked(r).into_iter().map(|b| ((r, b.at.0, b.at.1), b)));
        }
        let next = |(r, _, _): Channel, b: &Blocked| -> Vec<usize> {
            let wanted = |w: &(Channel, Blocked)| match b.out_vc {
                Some(vc) => {
                    self.far_end(r, b.out_port).is_some_and(|(to, port)| w.0 == (to, port, vc))
                }
                None => w.0.0 == r && w.1.out_port == b.out_port && w.1.out_vc.is_some(),
            };
            (0..waiters.len()).filter(|at| wanted(&waiters[*at])).collect()
        };
        let edges: Vec<Vec<usize>> = waiters.iter().map(|(c, b)| next(*c, b)).collect();
        let name = |at: &usize| {
            let ((r, port, vc), b) = &waiters[*at];
            let router = &self.spec().fabric.routers[r.at()].name;
            let packet = packet_name(self.net(self.layout().routers[r.at()]), b.packet);
            format!("{router} port{port} {vc} holds {packet} and waits for the next")
        };
        cycle(&edges).iter().map(name).collect()
    }

    /// The router and port behind a router's output, if it is a router.
    fn far_end(&self, router: RouterIdx, port: usize) -> Option<(RouterIdx, usize)> {
        let fabric = &self.spec().fabric;
        let link = fabric.routers[router.at()].ports[port];
        match fabric.links[link.at()].to {
            End::Router(r, p) => Some((r, p.at())),
            End::Node(..) => None,
        }
    }

    /// What waits in a router.
    fn blocked(&self, router: RouterIdx) -> Vec<Blocked> {
        let place = self.layout().routers[router.at()];
        self.net(place).routers().blocked(RouterIdx::new(place.at))
    }
}

fn packet_name<R: RoutingFunction>(net: &Network<R, Payload>, packet: base::PacketIdx) -> String {
    let packet = net.packets().get(packet);
    packet.map_or_else(|| "a packet".to_owned(), |p| p.payload.name())
}

/// An input VC of a router: router, port, VC.
type Channel = (RouterIdx, usize, VcIdx);

/// Some cycle of a graph given by its successors; empty if there is none.
fn cycle(edges: &[Vec<usize>]) -> Vec<usize> {
    // 0 unseen, 1 on the path, 2 done.
    let mut seen = vec![0_u8; edges.len()];
    for root in 0..edges.len() {
        let mut path: Vec<(usize, usize)> = Vec::new();
        if seen[root] == 0 {
            path.push((root, 0));
            seen[root] = 1;
        }
        while let Some((at, tried)) = path.last_mut() {
            let Some(&to) = edges[*at].get(*tried) else {
                seen[*at] = 2;
                path.pop();
                continue;
            };
            *tried += 1;
            match seen[to] {
                0 => {
                    seen[to] = 1;
                    path.push((to, 0));
                }
                1 => return path.iter().map(|p| p.0).skip_while(|p| *p != to).collect(),
                _ => {}
            }
        }
    }
    Vec::new()
}

/// What lies behind a router's port.
fn port_name(fabric: &Fabric, router: RouterIdx, port: usize) -> String {
    let link = fabric.routers[router.at()].ports[port];
    end_name(fabric, fabric.links[link.at()].to)
}

fn end_name(fabric: &Fabric, end: End) -> String {
    match end {
        End::Node(n, _) => n.to_string(),
        End::Router(r, _) => fabric.routers[r.at()].name.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_found_whole_and_a_chain_is_none() {
        assert_eq!(cycle(&[vec![1], vec![2], vec![3], vec![1], vec![0]]), [1, 2, 3]);
        assert_eq!(cycle(&[vec![1, 2], vec![2], vec![]]), [0; 0]);
        assert_eq!(cycle(&[vec![0]]), [0]);
    }
}
