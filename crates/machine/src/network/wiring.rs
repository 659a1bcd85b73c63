//! The wiring: links, who is at their ends, and the schedule that wakes them.

use base::{DomainIdx, Flit, Fs, LinkIdx, NodeIdx, PacketIdx, Part, RouterIdx, VcIdx};
use clock::{Domain, Edge, Schedule};
use phy::Links;
use router::{PortSet, Wires};

use super::packets::Packets;

/// Something that is stepped: a component of a clock domain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Component {
    /// An accelerator with its interface.
    Node(NodeIdx),
    /// A router.
    Router(RouterIdx),
    /// A node's memory.
    Memory(NodeIdx),
}

/// Where a component is woken: its domain, and its number there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// Its clock.
    pub domain: DomainIdx,
    /// Its number among the domain's components.
    pub component: u32,
}

/// One end of a link, as the wiring sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Number of the unit: nodes first, then routers.
    pub(crate) unit: usize,
    pub(crate) port: usize,
    pub(crate) slot: Slot,
}

/// Links and schedule, with what is needed to wake the far end of each wire.
#[derive(Clone, Debug)]
pub struct Wiring {
    pub(crate) links: Links,
    /// Who wakes when.
    pub schedule: Schedule,
    /// `[link]`: its receiver. The sender is the receiver of the reverse.
    pub(crate) receivers: Vec<Terminal>,
    /// Nodes first, then routers.
    pub(crate) units: Vec<Unit>,
    /// The links out of all units' ports, from [`Unit::first`] on for each.
    pub(crate) out: Vec<LinkIdx>,
}

/// What the wires at one component have for it, and what it waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unit {
    /// Where its ports start in [`Wiring::out`].
    pub(crate) first: u32,
    /// Ports with flits, and with credits, on the way in.
    flits: PortSet,
    credits: PortSet,
    /// Ports on which a credit must wake it, as it said when it was last stepped.
    starved: PortSet,
    /// The instant at which it said something new, and what it had said before: who sends a credit
    /// at that very instant heeds both, so that it does not matter which of the two is stepped
    /// first.
    changed: Fs,
    starved_before: PortSet,
}

impl Unit {
    /// A unit whose ports start at `first` of all.
    pub(crate) fn new(first: usize) -> Self {
        Self { first: u32::try_from(first).unwrap_or(u32::MAX), ..Self::default() }
    }

    /// Whether a credit that is sent at `now` to `port` must wake it.
    #[inline]
    fn wants(&self, port: usize, now: Fs) -> bool {
        self.starved.contains(port) || self.changed == now && self.starved_before.contains(port)
    }
}

impl Wiring {
    /// The links of the machine.
    pub const fn links(&self) -> &Links {
        &self.links
    }

    /// The wires at one unit, for as long as it is stepped.
    pub(crate) fn at<'a, P>(
        &'a mut self,
        unit: usize,
        packets: &'a mut Packets<P>,
    ) -> UnitWires<'a, P> {
        UnitWires { wiring: self, packets, unit }
    }

    /// Wakes a component.
    #[inline]
    pub fn wake(&mut self, slot: Slot, edge: Edge) {
        self.schedule.wake(slot.domain, slot.component, edge);
    }
}

/// The wires at the ports of one unit.
pub(crate) struct UnitWires<'a, P> {
    wiring: &'a mut Wiring,
    packets: &'a mut Packets<P>,
    unit: usize,
}

impl<P> UnitWires<'_, P> {
    #[inline]
    fn link_out(&self, port: usize) -> LinkIdx {
        self.wiring.out[self.wiring.units[self.unit].first as usize + port]
    }

    #[inline]
    fn link_in(&self, port: usize) -> LinkIdx {
        self.link_out(port).reverse()
    }
}

impl<P> Wires for UnitWires<'_, P> {
    #[inline]
    fn flit_ports(&self) -> PortSet {
        self.wiring.units[self.unit].flits
    }

    #[inline]
    fn credit_ports(&self) -> PortSet {
        self.wiring.units[self.unit].credits
    }

    #[inline]
    fn receive(&mut self, port: usize, edge: Edge) -> Option<Flit> {
        let link = self.link_in(port);
        let flit = self.wiring.links.receive(link, edge);
        if flit.is_none() && self.wiring.links.flits_in_flight(link) == 0 {
            self.wiring.units[self.unit].flits.remove(port);
        }
        flit
    }

    #[inline]
    fn receive_credit(&mut self, port: usize, edge: Edge) -> Option<VcIdx> {
        let link = self.link_out(port);
        let credit = self.wiring.links.receive_credit(link, edge);
        if credit.is_none() && !self.wiring.links.has_credits(link) {
            self.wiring.units[self.unit].credits.remove(port);
        }
        credit
    }

    #[inline]
    fn send(&mut self, link: LinkIdx, flit: Flit, edge: Edge) -> Edge {
        let transit = self.wiring.links.send(link, flit, edge);
        if flit.head && let Some(timeline) = self.packets.timeline(flit.packet) {
            timeline.charge(Part::Serialization, transit.serialized);
            timeline.charge(Part::Serdes, transit.serdes);
            timeline.charge(Part::Fec, transit.fec);
            timeline.charge(Part::Replay, transit.replay);
            timeline.charge(Part::Flight, transit.flight);
            timeline.charge(Part::ClockCrossing, transit.crossed);
        }
        let to = self.wiring.receivers[link.at()];
        self.wiring.units[to.unit].flits.insert(to.port);
        self.wiring.wake(to.slot, transit.visible);
        self.wiring.links.ready(link)
    }

    #[inline]
    fn send_credit(&mut self, port: usize, vc: VcIdx, edge: Edge) {
        let link = self.link_in(port);
        let visible = self.wiring.links.send_credit(link, vc, edge);
        let to = self.wiring.receivers[link.reverse().at()];
        let now = self.wiring.schedule.now();
        let unit = &mut self.wiring.units[to.unit];
        unit.credits.insert(to.port);
        if unit.wants(to.port, now) {
            self.wiring.wake(to.slot, visible);
        }
    }

    #[inline]
    fn await_credits(&mut self, ports: &PortSet) {
        let now = self.wiring.schedule.now();
        let unit = &mut self.wiring.units[self.unit];
        if unit.starved == *ports {
            return;
        }
        let new = ports.without(&unit.starved);
        unit.starved_before = core::mem::replace(&mut unit.starved, *ports);
        unit.changed = now;
        for port in new.iter() {
            self.wake_for_credits(port);
        }
    }

    #[inline]
    fn charge(&mut self, packet: PacketIdx, clock: &Domain, parts: &[(Part, Edge)]) {
        if let Some(timeline) = self.packets.timeline(packet) {
            for (part, until) in parts {
                timeline.charge(*part, clock.instant(*until));
            }
        }
    }
}

impl<P> UnitWires<'_, P> {
    /// Wakes this unit for every credit that is on its way to `port`.
    fn wake_for_credits(&mut self, port: usize) {
        let link = self.link_out(port);
        let Wiring { links, schedule, receivers, .. } = &mut *self.wiring;
        let slot = receivers[link.reverse().at()].slot;
        for edge in links.credit_edges(link) {
            schedule.wake(slot.domain, slot.component, edge);
        }
    }
}
