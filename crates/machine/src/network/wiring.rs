//! The wiring: links, who is at their ends, and the schedule that wakes them.
//!
//! Where a machine is cut, the sending end of a link across the cut is in one partition and its receiving
//! end in another: what is sent goes into the [`Mail`] for the other side, with the edge at which it is seen
//! there.

mod apart;

use base::{DomainIdx, Flit, Fs, LinkIdx, NodeIdx, PacketIdx, Part, RouterIdx, Token, VcIdx};
use clock::{Domain, Edge, Schedule};
use phy::{Links, Lossless, Transit, Undetected};
use router::{PortSet, Wires};
use tracing::trace;

use super::mail::{FarCredit, Mail};
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

/// Edges beyond any of a run: those at which a link is ready that never is again.
const NEVER_FROM: u64 = u64::MAX - (1 << 32);

/// One end of a link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Number of the unit: nodes first, then routers.
    pub(crate) unit: usize,
    pub(crate) port: usize,
}

impl Terminal {
    /// Of a link that ends in another partition.
    pub(crate) const ABROAD: Self = Self { unit: usize::MAX, port: usize::MAX };
}

/// The far end of a port's link in another partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Abroad {
    pub(crate) part: usize,
    /// The link out of the port, by its number there.
    pub(crate) link: LinkIdx,
}

/// Set in the number of a port's far unit: the rest is its number in [`Wiring::abroad`].
const ABROAD: u32 = 1 << 31;

/// Links and schedule, with what is needed to wake the far end of each wire.
#[derive(Clone, Debug)]
pub struct Wiring {
    pub(crate) links: Links,
    /// `[link]`: its number in the machine.
    pub(crate) names: Vec<LinkIdx>,
    /// Who wakes when.
    pub schedule: Schedule,
    /// `[link]`: its receiver. The sender is the receiver of the reverse.
    pub(crate) receivers: Vec<Terminal>,
    /// The far ends in other partitions.
    pub(crate) abroad: Vec<Abroad>,
    /// Nodes first, then routers.
    pub(crate) units: Vec<Unit>,
    /// The ports of all units, from [`Unit::first`] on for each.
    pub(crate) sockets: Vec<Socket>,
    /// Packets under way that were damaged unnoticed, and what becomes of them.
    pub(crate) spoiled: Vec<(PacketIdx, Undetected)>,
    /// Tokens that the unit stepped last has received, by port; taken up before the next is stepped.
    pub(crate) tokens: Vec<(usize, Token)>,
    /// Tokens sent and received.
    pub(crate) token_counts: [u64; 2],
}

base::state!([] Wiring {
    keeps links, schedule, spoiled, token_counts;
    each units, sockets;
    fixed names, receivers, abroad, tokens
});

/// A port of a unit.
// Invariant: a due edge is that of the first flit, or credit, in the link's ring.
#[derive(Clone, Debug)]
pub(crate) struct Socket {
    /// When the next flit, and the next credit, can be received here.
    flit_due: Edge,
    credit_due: Edge,
    /// The link out, and where it leads.
    out: LinkIdx,
    far_unit: u32,
    far_port: u16,
    /// Since when the unit waits for a credit here, if it does, and how long it did before.
    starved_since: Fs,
    starved: Fs,
    /// The first instant after the last at which it waited: who sends a credit at the very instant at
    /// which the unit says that it waits no more still wakes it, so that it does not matter which of the
    /// two is stepped first.
    starved_until: Fs,
}

base::state!([] Socket {
    keeps flit_due, credit_due, starved_since, starved, starved_until;
    each;
    fixed out, far_unit, far_port
});

impl Socket {
    pub(crate) fn new(out: LinkIdx, far: Terminal) -> Self {
        Self::leading(
            out,
            u32::try_from(far.unit).expect("units are bounded at elaboration"),
            u16::try_from(far.port).expect("ports are bounded at elaboration"),
        )
    }

    /// A port whose link leads into another partition, to the far end with a number in
    /// [`Wiring::abroad`].
    pub(crate) fn abroad(out: LinkIdx, number: usize) -> Self {
        let number = u32::try_from(number).expect("links are bounded at elaboration");
        Self::leading(out, ABROAD | number, 0)
    }

    const fn leading(out: LinkIdx, far_unit: u32, far_port: u16) -> Self {
        Self {
            flit_due: Edge::NEVER,
            credit_due: Edge::NEVER,
            out,
            far_unit,
            far_port,
            starved_since: Fs::NEVER,
            starved: Fs::ZERO,
            starved_until: Fs::ZERO,
        }
    }
}

/// What the wires at one component have for it, and what it waits for.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    slot: Slot,
    /// Where its ports start in [`Wiring::sockets`].
    first: u32,
    /// Ports with flits, and with credits, on the way in.
    flits: PortSet,
    credits: PortSet,
    /// Ports on which a credit must wake it, as it said when it was last stepped.
    starved: PortSet,
}

base::state!([] Unit {
    keeps flits, credits, starved;
    each;
    fixed slot, first
});

impl Unit {
    /// A unit whose ports start at `first` of all.
    pub(crate) fn new(slot: Slot, first: usize) -> Self {
        Self {
            slot,
            first: u32::try_from(first).expect("ports are bounded at elaboration"),
            flits: PortSet::EMPTY,
            credits: PortSet::EMPTY,
            starved: PortSet::EMPTY,
        }
    }
}

impl Wiring {
    /// Bytes for each port of a unit, its link out among them, and for each unit beside that.
    pub(crate) const BYTES: (usize, usize) = (
        size_of::<Socket>()
            + size_of::<Terminal>()
            + size_of::<LinkIdx>()
            + Links::<Lossless>::BYTES.0,
        size_of::<Unit>()
            + size_of::<Slot>()
            + size_of::<Component>()
            + clock::Wheel::COMPONENT_BYTES,
    );

    /// The links of the machine.
    pub const fn links(&self) -> &Links {
        &self.links
    }

    /// The wires at one unit, for as long as it is stepped.
    pub(crate) fn at<'a, P>(
        &'a mut self,
        unit: usize,
        packets: &'a mut Packets<P>,
        mail: &'a mut [Mail<P>],
    ) -> UnitWires<'a, P> {
        let first = self.units[unit].first as usize;
        UnitWires { wiring: self, packets, mail, unit, first }
    }

    /// How long the sender of a link has waited for its credits, up to an instant.
    pub fn credit_stall(&self, link: LinkIdx, until: Fs) -> Fs {
        let from = self.receivers[link.reverse().at()];
        let socket = &self.sockets[self.units[from.unit].first as usize + from.port];
        socket.starved + until.since(socket.starved_since)
    }

    /// Wakes a component; what waits for a link that is down for good is never woken for it.
    #[inline]
    pub fn wake(&mut self, slot: Slot, edge: Edge) {
        if edge.0 > NEVER_FROM {
            return;
        }
        self.schedule.wake(slot.domain, slot.component, edge);
    }

    /// Puts a flit on its link, to be seen at `visible`, and wakes the receiver.
    #[inline]
    pub(crate) fn land(&mut self, link: LinkIdx, flit: Flit, visible: Edge, to: Terminal) {
        self.links.land(link, flit, visible);
        let far = &mut self.units[to.unit];
        far.flits.insert(to.port);
        let socket = &mut self.sockets[far.first as usize + to.port];
        socket.flit_due = socket.flit_due.min(visible);
        let slot = far.slot;
        self.wake(slot, visible);
    }

    /// Puts a credit that was sent at `sent` on its way to the sender of `link`, where it counts at
    /// `visible`; wakes the sender if it has waited for one since.
    #[inline]
    pub(crate) fn land_credit(
        &mut self,
        link: LinkIdx,
        vc: VcIdx,
        (sent, visible): (Fs, Edge),
        to: Terminal,
    ) {
        self.links.land_credit(link, vc, visible);
        let far = &mut self.units[to.unit];
        far.credits.insert(to.port);
        let socket = &mut self.sockets[far.first as usize + to.port];
        socket.credit_due = socket.credit_due.min(visible);
        if far.starved.contains(to.port) || sent < socket.starved_until {
            let slot = far.slot;
            self.wake(slot, visible);
        }
    }

    /// What became of a packet unnoticed by any link; told once. Several of its flits may be wrong;
    /// data that are wrong unnoticed are so all the same.
    #[inline]
    pub(crate) fn take_spoiled(&mut self, packet: PacketIdx) -> Option<Undetected> {
        if self.spoiled.is_empty() {
            return None;
        }
        let mut found = None;
        self.spoiled.retain(|(p, how)| {
            if *p == packet && found != Some(Undetected::Silent) {
                found = Some(*how);
            }
            *p != packet
        });
        found
    }
}

/// The wires at the ports of one unit.
pub(crate) struct UnitWires<'a, P> {
    wiring: &'a mut Wiring,
    packets: &'a mut Packets<P>,
    /// `[partition]`
    mail: &'a mut [Mail<P>],
    unit: usize,
    /// Where the unit's ports start among the sockets.
    first: usize,
}

impl<P: Clone> UnitWires<'_, P> {
    /// Sends a flit into another partition, with its packet if it is the first. What is behind it here
    /// still needs the packet's age and name, so that stays until the last has left.
    #[inline(never)]
    fn export(&mut self, far: u32, flit: Flit, transit: &Transit) {
        let wrong = self.wiring.take_spoiled(flit.packet);
        if flit.head {
            let part = self.wiring.abroad[(far & !ABROAD) as usize].part;
            let packet = self.packets.get(flit.packet).expect("every flit's packet is in the slab");
            self.mail[part].packets.push(packet.clone());
        }
        if flit.tail {
            self.packets.remove(flit.packet);
        }
        self.wiring.post(far, flit, transit, wrong, self.mail);
    }

    #[inline(never)]
    fn export_credit(&mut self, far: u32, credit: (LinkIdx, VcIdx), visible: Edge) {
        let Abroad { part, link } = self.wiring.abroad[(far & !ABROAD) as usize];
        let mail = &mut self.mail[part];
        if visible.0 <= NEVER_FROM {
            let clock = &self.wiring.links.params(credit.0).sender;
            mail.first = mail.first.min(clock.instant(visible));
        }
        let sent = self.wiring.schedule.now();
        mail.credits.push(FarCredit { link: link.reverse(), vc: credit.1, visible, sent });
    }
}

impl<P> UnitWires<'_, P> {
    #[inline]
    fn socket(&mut self, port: usize) -> &mut Socket {
        &mut self.wiring.sockets[self.first + port]
    }

    /// Those of `ports` at which something is due.
    #[inline]
    fn due(&self, ports: PortSet, is_due: impl Fn(&Socket) -> bool) -> PortSet {
        let mut due = PortSet::EMPTY;
        for port in &ports {
            if is_due(&self.wiring.sockets[self.first + port]) {
                due.insert(port);
            }
        }
        due
    }

    fn take_flit(&mut self, port: usize, edge: Edge) -> Option<Flit> {
        let Wiring { sockets, links, units, .. } = &mut *self.wiring;
        let socket = &mut sockets[self.first + port];
        let (flit, next) = links.take(socket.out.reverse(), edge);
        socket.flit_due = next;
        if next == Edge::NEVER {
            units[self.unit].flits.remove(port);
        }
        flit
    }

    fn take_credit(&mut self, port: usize, edge: Edge) -> Option<VcIdx> {
        let Wiring { sockets, links, units, .. } = &mut *self.wiring;
        let socket = &mut sockets[self.first + port];
        let (credit, next) = links.take_credit(socket.out, edge);
        socket.credit_due = next;
        if next == Edge::NEVER {
            units[self.unit].credits.remove(port);
        }
        credit
    }

    /// Wakes this unit for every credit that is on its way to `port`.
    fn wake_for_credits(&mut self, port: usize) {
        let link = self.socket(port).out;
        let slot = self.wiring.units[self.unit].slot;
        let Wiring { links, schedule, .. } = &mut *self.wiring;
        for edge in links.credit_edges(link).filter(|edge| edge.0 <= NEVER_FROM) {
            schedule.wake(slot.domain, slot.component, edge);
        }
    }
}

impl<P: Clone> Wires for UnitWires<'_, P> {
    #[inline]
    fn flit_ports(&self, edge: Edge) -> PortSet {
        self.due(self.wiring.units[self.unit].flits, |socket| socket.flit_due <= edge)
    }

    #[inline]
    fn credit_ports(&self, edge: Edge) -> PortSet {
        self.due(self.wiring.units[self.unit].credits, |socket| socket.credit_due <= edge)
    }

    #[inline]
    fn receive(&mut self, port: usize, edge: Edge) -> Option<Flit> {
        while self.socket(port).flit_due <= edge {
            let flit = self.take_flit(port, edge)?;
            let Some(token) = flit.token() else { return Some(flit) };
            self.wiring.tokens.push((port, token));
            self.wiring.token_counts[1] += 1;
        }
        None
    }

    #[inline]
    fn receive_credit(&mut self, port: usize, edge: Edge) -> Option<VcIdx> {
        if self.socket(port).credit_due > edge { None } else { self.take_credit(port, edge) }
    }

    #[inline]
    fn send(&mut self, port: usize, flit: Flit, edge: Edge) -> Edge {
        let &mut Socket { out, far_unit, far_port, .. } = self.socket(port);
        let transit = self.wiring.links.launch(out, &flit, edge);
        if let Some(how) = transit.wrong {
            self.wiring.spoiled.push((flit.packet, how));
        }
        if flit.head
            && let Some(timeline) = self.packets.timeline(flit.packet)
        {
            // On an on-die wire all of these stages take no time.
            if transit.replay > timeline.last() {
                timeline.charge(Part::Serialization, transit.serialized);
                timeline.charge(Part::Serdes, transit.serdes);
                timeline.charge(Part::Fec, transit.fec);
                timeline.charge(Part::Replay, transit.replay);
            }
            timeline.charge(Part::Flight, transit.flight);
            timeline.charge(Part::ClockCrossing, transit.crossed);
        }
        trace!(
            target: "link",
            at = %self.wiring.schedule.now(),
            packet = %flit.packet,
            vc = %flit.vc,
            head = flit.head,
            tail = flit.tail,
            seen = %transit.crossed,
            "{}: flit for {}",
            self.wiring.names[out.at()],
            flit.dst
        );
        if far_unit >= ABROAD {
            self.export(far_unit, flit, &transit);
        } else {
            let to = Terminal { unit: far_unit as usize, port: far_port.into() };
            self.wiring.land(out, flit, transit.visible, to);
        }
        transit.ready
    }

    #[inline]
    fn send_credit(&mut self, port: usize, vc: VcIdx, edge: Edge) {
        let &mut Socket { out, far_unit, far_port, .. } = self.socket(port);
        let link = out.reverse();
        let visible = self.wiring.links.launch_credit(link, vc, edge);
        if far_unit >= ABROAD {
            self.export_credit(far_unit, (link, vc), visible);
        } else {
            let sent = self.wiring.schedule.now();
            let to = Terminal { unit: far_unit as usize, port: far_port.into() };
            self.wiring.land_credit(link, vc, (sent, visible), to);
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
        let done = unit.starved.without(ports);
        let sockets = &mut self.wiring.sockets[self.first..];
        for port in &new {
            sockets[port].starved_since = now;
        }
        for port in &done {
            let socket = &mut sockets[port];
            socket.starved += now.since(socket.starved_since);
            socket.starved_since = Fs::NEVER;
            socket.starved_until = now + Fs(1);
        }
        unit.starved = *ports;
        for port in &new {
            self.wake_for_credits(port);
        }
    }

    /// A packet is as old as the transaction that it serves.
    #[expect(clippy::cast_possible_truncation, reason = "ages are compared by low bits")]
    fn born(&self, packet: PacketIdx, clock: &Domain) -> u32 {
        self.packets.began(packet).map_or(0, |began| clock.edge_at_or_after(began).0 as u32)
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
