//! The wires as the unit at their ends sees them while it is stepped.

use base::{Flit, Fs, LinkIdx, PacketIdx, Part, Token, VcIdx};
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
    /// The present edge, and the one that it is stepped through: a router makes up for some.
    pub(super) edge: Edge,
    pub(super) at: Edge,
    /// How many edges it was stepped through.
    pub(crate) steps: u64,
    /// Whether nothing but what its wires bring has woken it, or what it asked for.
    pub(crate) idle: bool,
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
    /// Whether a credit counts that the unit waits for.
    fn is_funded(&self) -> bool {
        let starved = self.wiring.units[self.unit].starved;
        !self.due(starved, self.edge, |socket| socket.credit_due).0.is_empty()
    }

    /// Takes note of the next edge at which the unit asks to be stepped.
    #[inline]
    pub(crate) fn ask(&mut self, next: Edge) {
        self.wiring.units[self.unit].asked = next;
    }

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

    /// The only port of several at which a flit is due up to an edge.
    #[inline(never)]
    fn lone_port(&self, until: Edge) -> Option<usize> {
        let flits = self.wiring.units[self.unit].flits;
        self.due(flits, until, |socket| socket.flit_due).0.lone()
    }

    #[inline(never)]
    fn due_flits(&mut self, edge: Edge) -> PortSet {
        let unit = &mut self.wiring.units[self.unit];
        let flits = unit.flits;
        if flits.is_lone() {
            unit.flit_due = Edge::NEVER;
            return flits;
        }
        let (ports, next) = self.due(flits, edge, |socket| socket.flit_due);
        self.wiring.units[self.unit].flit_due = next;
        ports
    }

    #[inline(never)]
    fn due_credits(&mut self, edge: Edge) -> PortSet {
        let unit = &mut self.wiring.units[self.unit];
        let credits = unit.credits;
        if credits.is_lone() {
            unit.credit_due = Edge::NEVER;
            return credits;
        }
        let (ports, next) = self.due(credits, edge, |socket| socket.credit_due);
        self.wiring.units[self.unit].credit_due = next;
        ports
    }

    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn take_flit(&mut self, port: usize, edge: Edge) -> Option<Flit> {
        let Wiring { sockets, links, units, .. } = &mut *self.wiring;
        let socket = &mut sockets[self.first + port];
        let (flit, next) = links.take(socket.out.reverse(), edge);
        socket.flit_due = next;
        let unit = &mut units[self.unit];
        if next == Edge::NEVER {
            unit.flits.remove(port);
        } else if next > edge {
            unit.flit_due = unit.flit_due.min(next);
        }
        flit
    }

    /// The next flit of a packet at a port at which a flit is due; tokens are put aside.
    #[inline(never)]
    fn next_flit(&mut self, port: usize, edge: Edge) -> Option<Flit> {
        let flit = self.take_flit(port, edge)?;
        match flit.token() {
            Some(token) => self.behind_tokens(port, token, edge),
            None => Some(self.note(flit, edge)),
        }
    }

    #[cold]
    fn behind_tokens(&mut self, port: usize, mut token: Token, edge: Edge) -> Option<Flit> {
        loop {
            self.wiring.tokens.push((port, token));
            self.wiring.token_counts[1] += 1;
            if self.socket(port).flit_due > edge {
                return None;
            }
            let flit = self.take_flit(port, edge)?;
            match flit.token() {
                Some(next) => token = next,
                None => return Some(self.note(flit, edge)),
            }
        }
    }

    /// Takes note of a flit of a packet that has come in.
    #[inline]
    fn note(&mut self, flit: Flit, edge: Edge) -> Flit {
        if flit.head {
            self.wiring.units[self.unit].note_head(edge);
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
        } else if next > edge {
            unit.credit_due = unit.credit_due.min(next);
        }
        credit
    }

    /// Awaits credits at other ports than before.
    #[inline(never)]
    fn await_others(&mut self, ports: &PortSet) {
        let clock = self.wiring.schedule.domain(self.wiring.units[self.unit].slot.domain);
        let now = clock.instant(self.at);
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

    /// Wakes this unit for every credit that is on its way to `port` and does not count yet.
    fn wake_for_credits(&mut self, port: usize) {
        let link = self.socket(port).out;
        let slot = self.wiring.units[self.unit].slot;
        let Wiring { links, schedule, .. } = &mut *self.wiring;
        let ahead = |edge: &Edge| *edge > self.edge && edge.0 <= NEVER_FROM;
        for edge in links.credit_edges(link).filter(ahead) {
            schedule.wake(slot.domain, slot.component, edge);
        }
    }
}

impl<P: Clone> Wires for UnitWires<'_, P> {
    #[inline]
    fn start(&mut self, edge: Edge) -> Option<Edge> {
        self.turn(edge, self.wiring.units[self.unit].asked)
    }

    /// The first edge at which something is due; the present one comes last. It is left out where the unit was
    /// woken for nothing but a head that has come in before.
    #[expect(clippy::inline_always, reason = "a part of every step")]
    #[inline(always)]
    fn turn(&mut self, edge: Edge, next: Edge) -> Option<Edge> {
        let unit = &self.wiring.units[self.unit];
        let due = next.min(unit.flit_due);
        if due > edge && self.idle && unit.had_head_before(edge) && !self.is_funded() {
            return None;
        }
        self.at = due.min(edge);
        self.steps += 1;
        Some(self.at)
    }

    #[inline]
    fn catch_up(&mut self, edge: Edge, count: u64) {
        self.at = edge;
        self.steps += count;
    }

    #[inline]
    fn lone(&self, edge: Edge, until: Edge) -> Option<(usize, &Flit)> {
        let unit = &self.wiring.units[self.unit];
        if unit.credit_due <= until {
            return None;
        }
        let port = unit.flits.lone().or_else(|| self.lone_port(until))?;
        let link = self.wiring.sockets[self.first + port].out.reverse();
        let flit = self.wiring.links.lone(link, edge, until)?;
        (!flit.is_token()).then_some((port, flit))
    }

    #[inline]
    fn take_lone(&mut self, port: usize, edge: Edge) {
        let unit = &mut self.wiring.units[self.unit];
        if unit.flits.is_lone() {
            unit.flit_due = Edge::NEVER;
        } else {
            self.due_flits(edge);
        }
        self.take_flit(port, edge);
        self.wiring.units[self.unit].note_head(edge);
    }

    #[inline]
    fn flit_ports(&mut self, edge: Edge) -> Option<PortSet> {
        let due = self.wiring.units[self.unit].flit_due <= edge;
        due.then(|| self.due_flits(edge))
    }

    #[inline]
    fn credit_ports(&mut self, edge: Edge) -> Option<PortSet> {
        let due = self.wiring.units[self.unit].credit_due <= edge;
        due.then(|| self.due_credits(edge))
    }

    #[inline]
    fn receive(&mut self, port: usize, edge: Edge) -> Option<Flit> {
        if self.socket(port).flit_due > edge { None } else { self.next_flit(port, edge) }
    }

    #[inline]
    fn receive_credit(&mut self, port: usize, edge: Edge) -> Option<VcIdx> {
        if self.socket(port).credit_due > edge { None } else { self.take_credit(port, edge) }
    }

    #[inline]
    fn send(&mut self, port: usize, flit: Flit, edge: Edge) -> Edge {
        assert!(self.at == self.edge, "a flit of {} leaves too late, at {}", self.at, self.edge);
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

    #[expect(clippy::inline_always, reason = "a part of every step")]
    #[inline(always)]
    fn awaits_credits(&self) -> bool {
        !self.wiring.units[self.unit].starved.is_empty()
    }

    /// A packet is as old as the transaction that it serves.
    #[inline(never)]
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
