//! The network of a machine: interfaces, routers and links, without what hangs on it.
//!
//! ```text
//!   offer(packet) ─▶ Interface ─▶ link ─▶ Router ─▶ link ─▶ ... ─▶ Interface ─▶ delivered
//! ```
//!
//! A packet that is offered at an edge of its source's clock is sent, flit by flit, over the links
//! and routers of the fabric, and comes out where it goes with its latency split into parts.

mod build;
mod framing;
mod packets;
mod units;
mod wiring;

use base::{DomainIdx, Fs, Head, LinkIdx, NodeIdx, PacketIdx, RouterIdx, RoutingFunction, VcIdx};
use clock::{Domain, Edge};
use phy::{Trouble, Undetected};
use router::{Interface, Outgoing, RouterBank};
use topology::spec::MachineSpec;

pub(crate) use build::{check_ports, domains, pipeline};
pub use framing::frame_class;
pub use packets::{Packet, Packets};
pub(crate) use units::{Latency, Units};
pub use wiring::{Component, Slot, Wiring};

use crate::BuildError;

/// Interfaces, routers and links, with the packets between them.
#[derive(Clone, Debug)]
pub struct Network<R, P> {
    interfaces: Vec<Interface>,
    routers: RouterBank<R>,
    wiring: Wiring,
    packets: Packets<P>,
    /// Of each router.
    clocks: Vec<Domain>,
    /// `[domain][component]`
    components: Vec<Vec<Component>>,
    slots: Slots,
    flits_injected: u64,
    flits_delivered: u64,
    packets_delivered: u64,
    /// Packets that arrived poisoned, and with wrong data.
    spoilt: [u64; 2],
    units: Units,
}

/// Where each component is woken.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    nodes: Vec<Slot>,
    routers: Vec<Slot>,
    memories: Vec<Slot>,
}

/// A broken law of conservation, in words.
pub type Loss = String;

impl<R: RoutingFunction, P> Network<R, P> {
    /// Builds the network of `spec` with a routing function of the caller's choice.
    ///
    /// # Errors
    /// If the machine has something that cannot be built: more ports a router than are modelled, a
    /// clock that is no clock, a link without a rate.
    pub fn new(spec: &MachineSpec, routing: R) -> Result<Self, BuildError> {
        Self::seeded(spec, routing, 1)
    }

    /// As [`new`](Self::new), with the seed of all that links suffer.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn seeded(spec: &MachineSpec, routing: R, seed: u64) -> Result<Self, BuildError> {
        build::network(spec, routing, seed)
    }

    /// Goes on to the next instant at which any component wakes, and lists the components.
    pub fn advance(&mut self, woken: &mut Vec<(DomainIdx, Edge, u32)>) -> Option<Fs> {
        self.wiring.schedule.advance(woken)
    }

    /// The component with a number in a domain.
    #[inline]
    pub fn component(&self, domain: DomainIdx, component: u32) -> Component {
        self.components[domain.at()][component as usize]
    }

    /// How many components there are in all domains.
    pub fn component_count(&self) -> usize {
        self.components.iter().map(Vec::len).sum()
    }

    /// Steps a router; its next wake is arranged.
    pub fn step_router(&mut self, i: RouterIdx, edge: Edge) {
        let unit = self.interfaces.len() + i.at();
        let mut wires = self.wiring.at(unit, &mut self.packets);
        let next = self.routers.step_wired(i, edge, &self.clocks[i.at()], &mut wires);
        if next != Edge::NEVER {
            self.wiring.wake(self.slots.routers[i.at()], next);
        }
        self.step_unit(i, edge);
    }

    /// Takes in what has arrived at a node; whole packets are appended to `delivered`.
    pub fn receive(&mut self, node: NodeIdx, edge: Edge, delivered: &mut Vec<PacketIdx>) {
        let mut wires = self.wiring.at(node.at(), &mut self.packets);
        let before = delivered.len();
        self.flits_delivered += self.interfaces[node.at()].receive(edge, &mut wires, delivered);
        self.packets_delivered += (delivered.len() - before) as u64;
        self.take_tokens(node, edge);
    }

    /// Sends up to one flit a port of a node. Gives the next edge at which the node must send again
    /// if nothing arrives before, [`Edge::NEVER`] if none.
    pub fn send(&mut self, node: NodeIdx, edge: Edge) -> Edge {
        let mut wires = self.wiring.at(node.at(), &mut self.packets);
        self.interfaces[node.at()].send(edge, &mut wires)
    }

    /// Gives a packet of `flits` flits to its source's interface. The caller sees to it that the
    /// node is stepped.
    pub fn offer(&mut self, packet: Packet<P>, head: Head, flits: u32) -> PacketIdx {
        let index = self.packets.insert(packet);
        self.flits_injected += u64::from(flits);
        let Head { src, dst, flow, class, .. } = head;
        let outgoing = Outgoing { packet: index, src, dst, flow, class, flits };
        self.interfaces[src.at()].offer(outgoing, self.routers.routing());
        index
    }

    /// Takes a delivered packet out of flight.
    pub fn take(&mut self, packet: PacketIdx) -> Packet<P> {
        self.packets.remove(packet)
    }

    /// Whether a packet that has arrived was damaged on its way, unnoticed by any link; told once.
    #[inline]
    pub fn spoiled(&mut self, packet: PacketIdx) -> Option<Undetected> {
        let spoiled = &mut self.wiring.spoiled;
        if spoiled.is_empty() {
            return None;
        }
        let at = spoiled.iter().position(|(p, _)| *p == packet)?;
        let (_, how) = spoiled.swap_remove(at);
        // Several of its flits may be wrong; data that are wrong unnoticed are so all the same.
        let silent = how == Undetected::Silent
            || spoiled.iter().any(|(p, h)| *p == packet && *h == Undetected::Silent);
        spoiled.retain(|(p, _)| *p != packet);
        let how = if silent { Undetected::Silent } else { Undetected::Poison };
        self.spoilt[usize::from(silent)] += 1;
        Some(how)
    }

    /// Packets of `class` that a node has offered and not wholly sent.
    #[inline]
    pub fn held(&self, node: NodeIdx, class: base::Class) -> u32 {
        self.interfaces[node.at()].held(class)
    }

    /// Where a node is woken.
    #[inline]
    pub fn node_slot(&self, node: NodeIdx) -> Slot {
        self.slots.nodes[node.at()]
    }

    /// Where a node's memory is woken.
    #[inline]
    pub fn memory_slot(&self, node: NodeIdx) -> Slot {
        self.slots.memories[node.at()]
    }

    /// The wiring, to wake components and read clocks.
    pub const fn wiring(&self) -> &Wiring {
        &self.wiring
    }

    /// The wiring, to wake components.
    pub const fn wiring_mut(&mut self) -> &mut Wiring {
        &mut self.wiring
    }

    /// The routers.
    pub const fn routers(&self) -> &RouterBank<R> {
        &self.routers
    }

    /// The interface of a node.
    pub fn interface(&self, node: NodeIdx) -> &Interface {
        &self.interfaces[node.at()]
    }

    /// The packets in flight.
    pub const fn packets(&self) -> &Packets<P> {
        &self.packets
    }

    /// Flits offered and flits delivered so far.
    pub const fn flits(&self) -> (u64, u64) {
        (self.flits_injected, self.flits_delivered)
    }

    /// Packets delivered so far.
    pub const fn packets_delivered(&self) -> u64 {
        self.packets_delivered
    }

    /// Packets that arrived poisoned, and packets whose data arrived wrong unnoticed, so far.
    pub const fn packets_spoilt(&self) -> (u64, u64) {
        (self.spoilt[0], self.spoilt[1])
    }

    /// The links that are down for good, and why.
    pub fn dead_links(&self, at: Fs) -> impl Iterator<Item = (LinkIdx, Trouble)> {
        let links = self.wiring.links();
        let dead = move |l: LinkIdx| links.account(l, at).and_then(|a| a.dead).map(|why| (l, why));
        (0..links.len()).map(LinkIdx::new).filter_map(dead)
    }

    /// Flits that routers have forwarded so far: router visits.
    pub fn flit_hops(&self) -> u64 {
        (0..self.routers.len()).map(|r| self.routers.forwarded(RouterIdx::new(r))).sum()
    }

    /// Checks that no credit is lost: for each VC of each link, credits held, credits on the way
    /// back, flits on the way and flits buffered must sum to the depth of the buffer. True at any
    /// time between instants. Gives what is wrong, link by link, and how many credits are missing.
    pub fn lost_credits(&self) -> (u64, Vec<Loss>) {
        let mut lost = 0;
        let mut losses = Vec::new();
        for link in (0..self.wiring.links.len()).map(LinkIdx::new) {
            let to = self.wiring.receivers[link.at()];
            let from = self.wiring.receivers[link.reverse().at()];
            for vc in 0..self.vcs() {
                let vc = VcIdx::new(vc);
                let (held, depth) = self.credits(from.unit, from.port, vc);
                let back = self.wiring.links.credits_in_flight(link, vc);
                let ahead = self.wiring.links.vc_flits_in_flight(link, vc);
                let there = self.buffered(to.unit, to.port, vc);
                let sum = held as usize + back + ahead + there;
                if sum != depth as usize {
                    lost += (depth as usize).abs_diff(sum) as u64;
                    losses.push(format!(
                        "{link} {vc}: {held} credits + {back} returning + {ahead} flits on the way \
                         + {there} buffered, depth {depth}"
                    ));
                }
            }
        }
        (lost, losses)
    }

    fn vcs(&self) -> usize {
        self.routers.vcs()
    }

    fn credits(&self, unit: usize, port: usize, vc: VcIdx) -> (u32, u32) {
        match unit.checked_sub(self.interfaces.len()) {
            None => self.interfaces[unit].credits(port, vc),
            Some(router) => self.routers.credits(RouterIdx::new(router), port, vc),
        }
    }

    /// Interfaces take flits at once: they buffer none.
    fn buffered(&self, unit: usize, port: usize, vc: VcIdx) -> usize {
        match unit.checked_sub(self.interfaces.len()) {
            None => 0,
            Some(router) => self.routers.buffered(RouterIdx::new(router), port, vc),
        }
    }
}
