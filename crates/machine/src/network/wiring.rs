//! The wiring: links, who is at their ends, and the schedule that wakes them.

use base::{DomainIdx, Flit, LinkIdx, NodeIdx, PacketIdx, Part, RouterIdx, VcIdx};
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
    /// `[unit][port]`: the link out.
    pub(crate) out: Vec<Vec<LinkIdx>>,
    /// `[unit]`: ports with flits, and with credits, on the way in.
    pub(crate) flit_ports: Vec<PortSet>,
    pub(crate) credit_ports: Vec<PortSet>,
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
    fn link_in(&self, port: usize) -> LinkIdx {
        self.wiring.out[self.unit][port].reverse()
    }
}

impl<P> Wires for UnitWires<'_, P> {
    #[inline]
    fn flit_ports(&self) -> PortSet {
        self.wiring.flit_ports[self.unit]
    }

    #[inline]
    fn credit_ports(&self) -> PortSet {
        self.wiring.credit_ports[self.unit]
    }

    #[inline]
    fn receive(&mut self, port: usize, edge: Edge) -> Option<Flit> {
        let link = self.link_in(port);
        let flit = self.wiring.links.receive(link, edge);
        if self.wiring.links.flits_in_flight(link) == 0 {
            self.wiring.flit_ports[self.unit].remove(port);
        }
        flit
    }

    #[inline]
    fn receive_credit(&mut self, port: usize, edge: Edge) -> Option<VcIdx> {
        let link = self.wiring.out[self.unit][port];
        let credit = self.wiring.links.receive_credit(link, edge);
        if credit.is_none() && !self.wiring.links.has_credits(link) {
            self.wiring.credit_ports[self.unit].remove(port);
        }
        credit
    }

    #[inline]
    fn ready(&self, link: LinkIdx) -> Edge {
        self.wiring.links.ready(link)
    }

    fn send(&mut self, link: LinkIdx, flit: Flit, edge: Edge) {
        let transit = self.wiring.links.send(link, flit, edge);
        if flit.head {
            let stages = [
                (Part::Serialization, transit.serialized),
                (Part::Serdes, transit.serdes),
                (Part::Fec, transit.fec),
                (Part::Replay, transit.replay),
                (Part::Flight, transit.flight),
                (Part::ClockCrossing, transit.crossed),
            ];
            for (part, until) in stages {
                self.packets.charge(flit.packet, part, until);
            }
        }
        let to = self.wiring.receivers[link.at()];
        self.wiring.flit_ports[to.unit].insert(to.port);
        self.wiring.wake(to.slot, transit.visible);
    }

    fn send_credit(&mut self, port: usize, vc: VcIdx, edge: Edge) {
        let link = self.link_in(port);
        let visible = self.wiring.links.send_credit(link, vc, edge);
        let to = self.wiring.receivers[link.reverse().at()];
        self.wiring.credit_ports[to.unit].insert(to.port);
        self.wiring.wake(to.slot, visible);
    }

    #[inline]
    fn charge(&mut self, packet: PacketIdx, part: Part, clock: &Domain, edge: Edge) {
        self.packets.charge(packet, part, clock.instant(edge));
    }
}
