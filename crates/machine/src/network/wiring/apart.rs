//! What is done to wires other than by units that are stepped: they are emptied, and carry tokens.

use base::{Fs, LinkIdx, Token};
use clock::Edge;
use router::PortSet;
use tracing::trace;

use super::{Socket, Terminal, Wiring};

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
            unit.starved = PortSet::EMPTY;
        }
        // Who receives a token is awake for it already.
        for (link, to) in self.receivers.iter().enumerate() {
            let due = self.links.due(LinkIdx::new(link));
            if due != Edge::NEVER {
                let unit = &mut self.units[to.unit];
                unit.flits.insert(to.port);
                self.sockets[unit.first as usize + to.port].flit_due = due;
            }
        }
    }

    /// Sends a token by a unit's port, at an edge of its clock or as soon after as the link is ready. Machines
    /// with units are not cut, so the receiver is here.
    pub(crate) fn send_token(&mut self, unit: usize, port: u16, token: Token, edge: Edge) {
        let at = self.units[unit].first as usize + usize::from(port);
        let Socket { out, far_unit, far_port, .. } = self.sockets[at];
        let flit = token.into();
        let transit = self.links.cut_in(out, &flit, edge);
        trace!(target: "link", at = %self.schedule.now(), seen = %transit.crossed, "{out}: {token:?}");
        self.token_counts[0] += 1;
        let to = Terminal { unit: far_unit as usize, port: far_port.into() };
        self.land(out, flit, transit.visible, to);
    }
}
