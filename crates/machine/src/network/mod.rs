//! The network of a machine: interfaces, routers and links, without what hangs on it.
//!
//! ```text
//!   offer(packet) ─▶ Interface ─▶ link ─▶ Router ─▶ link ─▶ ... ─▶ Interface ─▶ delivered
//! ```
//!
//! A packet that is offered at an edge of its source's clock is sent, flit by flit, over the links
//! and routers of the fabric, and comes out where it goes with its latency split into parts.

mod build;
mod clocks;
mod count;
mod framing;
mod local;
mod mail;
mod packets;
mod reroute;
mod units;
mod wiring;

use base::{DomainIdx, Fs, Head, LinkIdx, NodeIdx, PacketIdx, RouterIdx, RoutingFunction, VcIdx};
use clock::{Domain, Edge};
use phy::Undetected;
use router::{Interface, Outgoing, RouterBank};
use topology::spec::MachineSpec;

pub(crate) use build::{check_ports, division, latency_min, link, pipeline};
pub(crate) use clocks::domains;
pub use count::FlitCounts;
pub(crate) use framing::pairs;
pub use framing::{Losing, frame_class, losing_class};
use local::Local;
pub(crate) use mail::Mail;
pub use packets::{Packet, Packets};
pub(crate) use reroute::outages;
pub use reroute::{Change, changes};
pub(crate) use units::{Latency, Units};
pub use wiring::{Component, Slot, Wiring};

use crate::BuildError;
use crate::partition::layout::Layout;
use mail::{FarCredit, FarFlit};

/// Interfaces, routers and links, with the packets between them: of a whole machine, or of one of its
/// partitions. Nodes, routers and links have numbers of its own, which are the machine's where nothing is
/// cut.
#[derive(Clone, Debug)]
pub struct Network<R, P> {
    interfaces: Vec<Interface>,
    routers: RouterBank<Local<R>>,
    wiring: Wiring,
    packets: Packets<P>,
    /// `[partition]`: what goes there when the epoch is over.
    pub(crate) mail: Vec<Mail<P>>,
    /// `[link][vc]`: the packet whose flits come in, of links from other partitions.
    arriving: Vec<PacketIdx>,
    /// Of each router.
    clocks: Vec<Domain>,
    /// `[domain][component]`
    components: Vec<Vec<Component>>,
    slots: Slots,
    flits: FlitCounts,
    packets_delivered: u64,
    plan: reroute::Plan<R>,
    /// Packets that arrived poisoned, and with wrong data.
    spoilt: [u64; 2],
    units: Units,
}

base::state!([R, P: serde::Serialize + serde::de::DeserializeOwned] Network<R, P> {
    keeps routers, wiring, packets, arriving, flits, packets_delivered, plan, spoilt, units;
    each interfaces;
    fixed mail, clocks, components, slots
});

/// Where each component is woken.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    nodes: Vec<Slot>,
    routers: Vec<Slot>,
    memories: Vec<Slot>,
}

/// A broken law of conservation, in words.
pub type Loss = String;

impl<R: RoutingFunction, P: Clone> Network<R, P> {
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
        let domains = domains(spec, seed)?;
        Self::part(spec, routing, seed, (&Layout::whole(&spec.fabric), 0), &domains)
    }

    /// The part of the network that is in one partition, with clocks that all parts share.
    pub(crate) fn part(
        spec: &MachineSpec,
        routing: R,
        seed: u64,
        place: (&Layout, usize),
        domains: &[Domain],
    ) -> Result<Self, BuildError> {
        let mut net = build::network(spec, routing, seed, place, domains)?;
        net.be_patient(net.routers.patience());
        Ok(net)
    }

    /// Goes on to the next instant at which any component wakes, and lists the components. If links have
    /// changed by then, other tables are loaded before any is stepped.
    pub fn advance(&mut self, woken: &mut Vec<(DomainIdx, Edge, u32)>) -> Option<Fs> {
        self.advance_before(Fs::NEVER, woken)
    }

    /// As [`advance`](Self::advance), if the next instant is before `end`.
    pub(crate) fn advance_before(
        &mut self,
        end: Fs,
        woken: &mut Vec<(DomainIdx, Edge, u32)>,
    ) -> Option<Fs> {
        if self.next_change() < Fs::NEVER {
            self.wake_for_change();
        }
        let now = self.wiring.schedule.advance_before(end, woken)?;
        if now >= self.next_change() {
            self.change(now);
        }
        Some(now)
    }

    /// The next instant at which anything happens: a component wakes, or packets that are under way see the
    /// links change.
    pub(crate) fn next_instant(&mut self) -> Fs {
        if self.next_change() < Fs::NEVER {
            self.wake_for_change();
        }
        self.wiring.schedule.next_instant()
    }

    /// The clock of a domain: a handle.
    pub fn clock(&self, domain: DomainIdx) -> Domain {
        self.wiring.schedule.domain(domain).clone()
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

    /// Steps a router at an edge, after what it has to make up for; its next wake is arranged. Gives how many
    /// edges it was stepped through.
    pub fn step_router(&mut self, i: RouterIdx, edge: Edge) -> u64 {
        let unit = self.interfaces.len() + i.at();
        let idle = self.units.next(unit) > edge;
        let mut wires = self.wiring.at((unit, edge), &mut self.packets, &mut self.mail);
        wires.idle = idle;
        let next = self.routers.step_wired(i, edge, &self.clocks[i.at()], &mut wires);
        let steps = wires.steps;
        if steps > 0 {
            wires.ask(next);
            if next != Edge::NEVER {
                self.wiring.wake(self.slots.routers[i.at()], next);
            }
            self.step_unit(i, edge);
        }
        steps
    }

    /// Takes in what has arrived at a node; whole packets are appended to `delivered`.
    pub fn receive(&mut self, node: NodeIdx, edge: Edge, delivered: &mut Vec<PacketIdx>) {
        let mut wires = self.wiring.at((node.at(), edge), &mut self.packets, &mut self.mail);
        let before = delivered.len();
        self.flits.delivered += self.interfaces[node.at()].receive(edge, &mut wires, delivered);
        self.packets_delivered += (delivered.len() - before) as u64;
        self.take_tokens(node, edge);
    }

    /// Sends up to one flit a port of a node. Gives the next edge at which the node must send again
    /// if nothing arrives before, [`Edge::NEVER`] if none.
    pub fn send(&mut self, node: NodeIdx, edge: Edge) -> Edge {
        let mut wires = self.wiring.at((node.at(), edge), &mut self.packets, &mut self.mail);
        self.interfaces[node.at()].send(edge, &mut wires)
    }

    /// Gives a packet of `flits` flits to its source's interface. The caller sees to it that the
    /// node is stepped.
    pub fn offer(&mut self, packet: Packet<P>, head: Head, flits: u32) -> PacketIdx {
        self.offer_at(head.src, packet, head, flits)
    }

    /// As [`offer`](Self::offer), where the source has the number `at` here; the head has the machine's.
    pub(crate) fn offer_at(
        &mut self,
        at: NodeIdx,
        packet: Packet<P>,
        head: Head,
        flits: u32,
    ) -> PacketIdx {
        let index = self.packets.insert(packet);
        self.flits.offered += u64::from(flits);
        let Head { src, dst, flow, class, .. } = head;
        let outgoing = Outgoing { packet: index, src, dst, flow, class, flits };
        self.plan.keep(at.at(), outgoing);
        self.interfaces[at.at()].offer(outgoing, self.routers.routing());
        index
    }

    /// Takes a delivered packet out of flight.
    pub fn take(&mut self, packet: PacketIdx) -> Packet<P> {
        self.plan.arrived(packet);
        self.packets.remove(packet)
    }

    /// Whether a packet that has arrived was damaged on its way, unnoticed by any link; told once.
    #[inline]
    pub fn spoiled(&mut self, packet: PacketIdx) -> Option<Undetected> {
        let how = self.wiring.take_spoiled(packet)?;
        self.spoilt[usize::from(how == Undetected::Silent)] += 1;
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
    pub const fn routers(&self) -> &RouterBank<Local<R>> {
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

    /// Packets delivered so far.
    pub const fn packets_delivered(&self) -> u64 {
        self.packets_delivered
    }

    /// Packets that arrived poisoned, and packets whose data arrived wrong unnoticed, so far.
    pub const fn packets_spoilt(&self) -> (u64, u64) {
        (self.spoilt[0], self.spoilt[1])
    }

    /// Flits that routers have forwarded so far: router visits.
    pub fn flit_hops(&self) -> u64 {
        let now = (0..self.routers.len()).map(|r| self.routers.forwarded(RouterIdx::new(r)));
        self.plan.hops + now.sum::<u64>()
    }

    /// Checks that no credit is lost: for each VC of each link, credits held, credits on the way
    /// back, flits on the way and flits buffered must sum to the depth of the buffer. True at any
    /// time between instants. Gives what is wrong, link by link, and how many credits are missing.
    pub fn lost_credits(&self) -> (u64, Vec<Loss>) {
        let mut lost = 0;
        let mut losses = Vec::new();
        for link in (0..self.wiring.links.len()).map(LinkIdx::new) {
            for vc in (0..self.vcs()).map(VcIdx::new) {
                let (count, loss) =
                    loss(link, vc, self.sender_credits(link, vc), self.receiver_flits(link, vc));
                lost += count;
                losses.extend(loss);
            }
        }
        (lost, losses)
    }

    /// Of a VC of a link that is sent on here: credits held, those on their way back, and the depth of the
    /// buffer.
    pub(crate) fn sender_credits(&self, link: LinkIdx, vc: VcIdx) -> (u32, usize, u32) {
        let from = self.wiring.receivers[link.reverse().at()];
        let (held, depth) = self.credits(from.unit, from.port, vc);
        (held, self.wiring.links.credits_in_flight(link, vc), depth)
    }

    /// Of a VC of a link that is received from here: flits on the way, and flits buffered.
    pub(crate) fn receiver_flits(&self, link: LinkIdx, vc: VcIdx) -> (usize, usize) {
        let to = self.wiring.receivers[link.at()];
        let ahead = self.wiring.links.vc_flits_in_flight(link, vc);
        (ahead, self.buffered(to.unit, to.port, vc))
    }

    /// Takes in the mail of another partition; `now` is the end of the epoch in which it was sent.
    ///
    /// # Panics
    /// If any of it should have been seen before.
    pub(crate) fn import(&mut self, mail: &mut Mail<P>, now: Fs) {
        assert!(mail.first >= now, "mail for {} is opened at {now}", mail.first);
        mail.first = Fs::NEVER;
        let vcs = self.routers.vcs();
        let mut packets = mail.packets.drain(..);
        for FarFlit { link, mut flit, visible, wrong } in mail.flits.drain(..) {
            // Tokens are of no packet.
            if flit.token().is_none() {
                let packet = &mut self.arriving[link.at() * vcs + flit.vc.at()];
                if flit.head {
                    let whole = packets.next().expect("a packet goes with its head");
                    *packet = self.packets.insert(whole);
                }
                flit.packet = *packet;
            }
            self.wiring.spoiled.extend(wrong.map(|how| (flit.packet, how)));
            let to = self.wiring.receivers[link.at()];
            self.wiring.land(link, flit, visible, to);
        }
        for FarCredit { link, vc, visible, sent } in mail.credits.drain(..) {
            let to = self.wiring.receivers[link.reverse().at()];
            self.wiring.land_credit(link, vc, (sent, visible), to);
        }
    }

    /// Lets heads wait for routers, for so many edges.
    fn be_patient(&mut self, patience: u32) {
        for unit in &mut self.wiring.units[self.interfaces.len()..] {
            unit.be_patient(patience);
        }
    }

    pub(crate) fn vcs(&self) -> usize {
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

/// Checks that no credit of a VC of a link is lost, by what its ends say.
pub(crate) fn loss(
    link: LinkIdx,
    vc: VcIdx,
    (held, back, depth): (u32, usize, u32),
    (ahead, there): (usize, usize),
) -> (u64, Option<Loss>) {
    let sum = held as usize + back + ahead + there;
    let missing = (depth as usize).abs_diff(sum) as u64;
    let told = || {
        format!(
            "{link} {vc}: {held} credits + {back} returning + {ahead} flits on the way + {there} \
             buffered, depth {depth}"
        )
    };
    (missing, (missing > 0).then(told))
}
