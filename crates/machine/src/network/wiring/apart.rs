//! What is done to wires other than by units that are stepped: they are emptied, and carry tokens.

use base::{Flit, Fs, LinkIdx, Token};
use clock::Edge;
use phy::{Transit, Undetected};
use router::PortSet;
use tracing::trace;

use super::{ABROAD, Abroad, NEVER_FROM, Socket, Terminal, Wiring};
use crate::network::mail::{FarFlit, Mail};

impl Wiring {
    /// Takes all that is on the wires away, but for tokens; nobody waits for a credit any more.
    pub(in crate::network) fn clear(&mut self, now: Fs) {
        self.links.clear();
        self.spoiled.clear();
        for socket in &mut self.sockets {
            (socket.flit_due, socket.credit_due) = (Edge::NEVER, Edge::NEVER);
            socket.starved += now.since(socket.starved_since);
            socket.starved_since = Fs::NEVER;
        }
        for unit in &mut self.units {
            (unit.flits, unit.credits) = (PortSet::EMPTY, PortSet::EMPTY);
            (unit.flit_due, unit.credit_due) = (Edge::NEVER, Edge::NEVER);
            unit.starved = PortSet::EMPTY;
        }
        // Who receives a token is awake for it already.
        for (link, to) in self.receivers.iter().enumerate() {
            let due = self.links.due(LinkIdx::new(link));
            if due != Edge::NEVER {
                let unit = &mut self.units[to.unit];
                unit.flits.insert(to.port);
                unit.flit_due = unit.flit_due.min(due);
                self.sockets[unit.first as usize + to.port].flit_due = due;
            }
        }
    }

    /// Sends a token by a unit's port, at an edge of its clock or as soon after as the link is ready.
    pub(crate) fn send_token<P>(
        &mut self,
        (unit, port): (usize, u16),
        token: Token,
        edge: Edge,
        mail: &mut [Mail<P>],
    ) {
        let at = self.units[unit].first as usize + usize::from(port);
        let Socket { out, far_unit, far_port, .. } = self.sockets[at];
        let flit = token.into();
        let transit = self.links.cut_in(out, &flit, edge);
        trace!(
            target: "link",
            at = %self.schedule.now(),
            seen = %transit.crossed,
            "{}: {token:?}",
            self.names[out.at()]
        );
        self.token_counts[0] += 1;
        if far_unit >= ABROAD {
            return self.post(far_unit, flit, &transit, None, mail);
        }
        let to = Terminal { unit: far_unit as usize, port: far_port.into() };
        self.land(out, flit, transit.visible, to);
    }

    /// Puts a flit into the mail for the partition in which its link ends.
    pub(super) fn post<P>(
        &self,
        far: u32,
        flit: Flit,
        transit: &Transit,
        wrong: Option<Undetected>,
        mail: &mut [Mail<P>],
    ) {
        let Abroad { part, link } = self.abroad[(far & !ABROAD) as usize];
        let mail = &mut mail[part];
        let visible = transit.visible;
        let at = if visible.0 > NEVER_FROM { Fs::NEVER } else { transit.crossed };
        mail.first = mail.first.min(at);
        mail.flits.push(FarFlit { link, flit, visible, wrong });
    }
}
