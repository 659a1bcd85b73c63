//! A network without nodes under load: many packets at once, each with its way and its time.

use lockstep::base::route::Empty;
use lockstep::base::{Fs, Head, LinkIdx, NodeIdx, PortIdx, RoutingFunction, Timeline, VcIdx};
use lockstep::clock::Edge;
use lockstep::machine::network::{Component, Network, Packet};
use lockstep::topology::routing::Routing;
use lockstep::topology::spec::{End, MachineSpec};

/// A packet to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The edge of the nodes' clock at which its source offers it.
    pub start: Edge,
    /// From where to where, and in which class.
    pub head: Head,
    /// Its length.
    pub flits: u32,
}

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The instant at which it was offered.
    pub offered: Fs,
    /// The instant at which its tail was received.
    pub received: Fs,
    /// Its latency in parts.
    pub timeline: Timeline,
}

/// Sends all packets through an idle network; components of an instant step in an order drawn from
/// `seed`. `[offer]`
///
/// # Panics
/// If the network cannot be built, or a packet does not arrive where it goes, or one leaves
/// something behind.
pub fn deliver(spec: &MachineSpec, offers: &[Offer], seed: u64) -> Vec<Delivery> {
    let mut crowd = Crowd::new(spec, offers);
    let mut woken = Vec::new();
    while let Some(now) = crowd.net.advance(&mut woken) {
        lockstep::base::rng::shuffle(&mut woken, seed, now.0);
        for (domain, edge, component) in &woken {
            match crowd.net.component(*domain, *component) {
                Component::Node(n) => crowd.step_node(n, *edge, now),
                Component::Router(r) => {
                    crowd.net.step_router(r, *edge);
                }
                Component::Memory(_) => {}
            }
        }
    }
    assert_eq!(crowd.net.lost_credits(), (0, vec![]));
    crowd.delivered.into_iter().map(|d| d.expect("every packet arrives")).collect()
}

struct Crowd<'a> {
    net: Network<Routing, usize>,
    offers: &'a [Offer],
    /// `[node]`: its offers, the last first.
    waiting: Vec<Vec<usize>>,
    /// `[offer]`
    offered: Vec<Fs>,
    delivered: Vec<Option<Delivery>>,
}

impl<'a> Crowd<'a> {
    fn new(spec: &MachineSpec, offers: &'a [Offer]) -> Self {
        let mut net =
            Network::new(spec, spec.fabric.routing.clone()).expect("a network that can be built");
        let mut waiting = vec![Vec::new(); spec.fabric.node_ports.len()];
        for (at, offer) in offers.iter().enumerate() {
            waiting[offer.head.src.at()].push(at);
        }
        for (node, waiting) in waiting.iter_mut().enumerate() {
            waiting.sort_by_key(|at| std::cmp::Reverse(offers[*at].start));
            if let Some(first) = waiting.last() {
                let slot = net.node_slot(NodeIdx::new(node));
                net.wiring_mut().wake(slot, offers[*first].start);
            }
        }
        let (offered, delivered) = (vec![Fs::ZERO; offers.len()], vec![None; offers.len()]);
        Self { net, offers, waiting, offered, delivered }
    }

    fn step_node(&mut self, node: NodeIdx, edge: Edge, now: Fs) {
        let mut packets = Vec::new();
        self.net.receive(node, edge, &mut packets);
        for packet in packets {
            let Packet { payload: at, timeline } = self.net.take(packet);
            assert_eq!(node, self.offers[at].head.dst, "packet {at} arrives where it goes");
            let delivery = Delivery { offered: self.offered[at], received: now, timeline };
            let before = self.delivered[at].replace(delivery);
            assert_eq!(before, None, "packet {at} arrives once");
        }
        let waiting = &mut self.waiting[node.at()];
        while let Some(at) = waiting.pop_if(|at| self.offers[*at].start <= edge) {
            let Offer { head, flits, .. } = self.offers[at];
            self.offered[at] = now;
            let packet = Packet { payload: at, timeline: Timeline::start(now) };
            self.net.offer(packet, head, flits);
        }
        let offer = waiting.last().map_or(Edge::NEVER, |at| self.offers[*at].start);
        let next = self.net.send(node, edge).min(offer);
        if next != Edge::NEVER {
            let slot = self.net.node_slot(node);
            self.net.wiring_mut().wake(slot, next);
        }
    }
}

/// The links of a packet's way, by asking the routing function from router to router.
///
/// # Panics
/// If the way does not end.
pub fn links(spec: &MachineSpec, head: &Head) -> Vec<LinkIdx> {
    let fabric = &spec.fabric;
    let mut head = *head;
    let first = fabric.routing.inject(&mut head, &Empty);
    let mut links = vec![fabric.node_ports[head.src.at()][first.port.at()]];
    let mut vcs = first.vcs;
    while let Some(last) = links.last()
        && let End::Router(router, port) = fabric.links[last.at()].to
    {
        assert!(links.len() <= fabric.links.len(), "{head:?} never arrives");
        let vc = VcIdx::new(vcs.trailing_zeros() as usize);
        let hop = fabric.routing.route(router, PortIdx::new(port.at()), vc, &mut head, &Empty);
        links.push(fabric.routers[router.at()].ports[hop.port.at()]);
        vcs = hop.vcs;
    }
    links
}
