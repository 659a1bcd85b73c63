//! The wires as the unit at their ends sees them while it is stepped.

use base::{Flit, Fs, LinkIdx, PacketIdx, Part, VcIdx};
use clock::{Domain, Edge};
use phy::Transit;
use router::{PortSet, Wires};
use tracing::trace;

use super::{ABROAD, Abroad, NEVER_FROM, Packets, Socket, Terminal, Wiring};
use crate::network::mail::{FarCredit, Mail};

/// The wires at the ports of one unit.
pub(crate) struct UnitWires<'a, P> {
    pub(super) wiring: &'a mut Wiring,
    pub(super) packets: &'a mut Packets<P>,
    /// `[partition]`
    pub(super) mail: &'a mut [Mail<P>],
    pub(super) unit: usize,
    /// Where the unit's ports start among the sockets.
    pub(super) first: usize,
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
            self.packets.forget(flit.packet);
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

    /// Those of `ports` at which something is due at `edge`, and when it is at the first of the others.
    fn due(&self, ports: PortSet, edge: Edge, due: impl Fn(&Socket) -> Edge) -> (PortSet, Edge) {
        let (mut now, mut next) = (PortSet::EMPTY, Edge::NEVER);
        for port in &ports {
            let at = due(&self.wiring.sockets[self.first + port]);
            if at <= edge {
                now.insert(port);
            } else {
                next = next.min(at);
            }
        }
        (now, next)
    }

    fn take_flit(&mut self, port: usize, edge: Edge) -> Option<Flit> {
        let Wiring { sockets, links, units, .. } = &mut *self.wiring;
        let socket = &mut sockets[self.first + port];
        let (flit, next) = links.take(socket.out.reverse(), edge);
        socket.flit_due = next;
        let unit = &mut units[self.unit];
        if next == Edge::NEVER {
            unit.flits.remove(port);
        } else {
            unit.flit_due = unit.flit_due.min(next);
        }
        flit
    }

    fn take_credit(&mut self, port: usize, edge: Edge) -> Option<VcIdx> {
        let Wiring { sockets, links, units, .. } = &mut *self.wiring;
        let socket = &mut sockets[self.first + port];
        let (credit, next) = links.take_credit(socket.out, edge);
        socket.credit_due = next;
        let unit = &mut units[self.unit];
        if next == Edge::NEVER {
            unit.credits.remove(port);
        } else {
            unit.credit_due = unit.credit_due.min(next);
        }
        credit
    }

    /// Awaits credits at other ports than before.
    #[inline(never)]
    fn await_others(&mut self, ports: &PortSet) {
        let now = self.wiring.schedule.now();
        let unit = &mut self.wiring.units[self.unit];
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
    fn flit_ports(&mut self, edge: Edge) -> PortSet {
        let unit = &self.wiring.units[self.unit];
        if unit.flit_due > edge {
            return PortSet::EMPTY;
        }
        let (ports, next) = self.due(unit.flits, edge, |socket| socket.flit_due);
        self.wiring.units[self.unit].flit_due = next;
        ports
    }

    #[inline]
    fn credit_ports(&mut self, edge: Edge) -> PortSet {
        let unit = &self.wiring.units[self.unit];
        if unit.credit_due > edge {
            return PortSet::EMPTY;
        }
        let (ports, next) = self.due(unit.credits, edge, |socket| socket.credit_due);
        self.wiring.units[self.unit].credit_due = next;
        ports
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
        if self.wiring.units[self.unit].starved != *ports {
            self.await_others(ports);
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
