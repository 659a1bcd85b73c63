//! The synchronization units of a network: one beside each interface and each router's crossbar.
//!
//! ```text
//!   token in ─▶ unit ── latency ─▶ transmitter of a port: the next slot of the link ─▶ token out
//! ```
//!
//! Tokens are flits on the fabric's links, in between those of packets. They take no buffer and no
//! credit: a unit has an entry for each barrier of its table, and of each barrier at most one token is on
//! its way to it by each port. So a token waits for nothing but the link's next slot, packets wait
//! for tokens no longer than these take on the link, and no cycle of waiting can hold a token.
//!
//! A token that is visible at edge `k` and the last of its kind leads to a token on the next link at `k +
//! latency`, if that link is free.

use std::collections::VecDeque;

use base::{Fs, NodeIdx, RouterIdx, RoutingFunction, Share, Token};
use clock::Edge;
use clock::sync::{Fault, Place, Step, Unit};

use super::Network;

/// A unit with what it is about to do when its latency is over.
#[derive(Clone, Debug, Default)]
struct Busy {
    unit: Unit,
    /// Arrivals to be told by a port, each with its barrier.
    up: VecDeque<(Edge, u16, (u16, Share))>,
    /// Releases to hand on.
    down: VecDeque<(Edge, u16, Share)>,
}

base::state!([] Busy { keeps unit, up, down; each; fixed });

impl Busy {
    fn next(&self) -> Edge {
        let up = self.up.front().map_or(Edge::NEVER, |u| u.0);
        up.min(self.down.front().map_or(Edge::NEVER, |d| d.0))
    }

    fn next_up(&mut self, edge: Edge) -> Option<(u16, Token)> {
        let (_, port, (slot, share)) = *self.up.front().filter(|u| u.0 <= edge)?;
        self.up.pop_front();
        Some((port, Token { slot, share, release: false }))
    }

    fn next_down(&mut self, edge: Edge) -> Option<(u16, Share)> {
        let (_, slot, share) = *self.down.front().filter(|d| d.0 <= edge)?;
        self.down.pop_front();
        Some((slot, share))
    }
}

/// Edges from an arrival to what it leads to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Latency {
    /// At a node, at least 1.
    pub(crate) node: u32,
    /// At a router, at least 1.
    pub(crate) router: u32,
    /// Those of a router's between the switch and the link: how long ahead its transmitters are booked.
    pub(crate) traversal: u32,
}

/// A barrier lets go the local threads that are its members.
#[derive(Clone, Debug)]
pub(crate) struct Released {
    pub(crate) slot: u16,
    pub(crate) members: bitvec::vec::BitVec,
    pub(crate) share: Share,
}

/// A unit that got what it must not get. In the order of time; what follows makes the order that of no step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct UnitFault {
    pub(crate) at: Fs,
    pub(crate) slot: u16,
    pub(crate) fault: Fault,
}

/// All units; none where no barrier is theirs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Units {
    /// Nodes first, then routers.
    all: Vec<Busy>,
    latency: Latency,
    /// Rounds of barriers that roots released.
    rounds: u64,
    fault: Option<UnitFault>,
}

base::state!([] Units { keeps rounds; each all; fixed latency, fault });

impl Units {
    /// As many units as there are nodes and routers.
    pub(crate) fn new(count: usize, latency: Latency) -> Self {
        Self { all: vec![Busy::default(); count], latency, rounds: 0, fault: None }
    }

    /// Gives a unit a part in a barrier.
    pub(crate) fn join(&mut self, unit: usize, slot: u16, place: Place) {
        self.all[unit].unit.join(slot, place);
    }

    /// The first fault of a unit, if there was one.
    pub(crate) const fn fault(&self) -> Option<UnitFault> {
        self.fault
    }

    /// Rounds of barriers released so far.
    pub(crate) const fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Whether no barrier is under way anywhere.
    pub(crate) fn is_idle(&self) -> bool {
        self.all.iter().all(|b| b.unit.is_idle() && b.next() == Edge::NEVER)
    }

    fn broken(&mut self, at: Fs, slot: u16, fault: Fault) {
        let this = UnitFault { at, slot, fault };
        self.fault = Some(self.fault.map_or(this, |first| first.min(this)));
    }

    /// An input of a unit arrives; what follows is due at an edge, going up or coming down.
    fn arrive(
        &mut self,
        (unit, now): (usize, Fs),
        (slot, input): (u16, usize),
        share: Share,
        due: [Edge; 2],
    ) {
        let Busy { unit, up, down } = &mut self.all[unit];
        match unit.arrive(slot, input, share) {
            Ok(Step::Wait) => {}
            Ok(Step::Up { port, share }) => up.push_back((due[0], port, (slot, share))),
            Ok(Step::Release(share)) => {
                self.rounds += 1;
                down.push_back((due[1], slot, share));
            }
            Err(fault) => self.broken(now, slot, fault),
        }
    }

    /// Takes up a token that a unit has received.
    fn take(&mut self, at: (usize, Fs), (port, token): (usize, Token), due: Edge) {
        let Token { slot, share, release } = token;
        if release {
            self.all[at.0].down.push_back((due, slot, share));
        } else {
            self.arrive(at, (slot, port), share, [due; 2]);
        }
    }

    #[inline]
    pub(super) fn next(&self, unit: usize) -> Edge {
        self.all.get(unit).map_or(Edge::NEVER, Busy::next)
    }

    fn release(&mut self, (unit, now): (usize, Fs), slot: u16) -> bitvec::vec::BitVec {
        self.all[unit].unit.release(slot).unwrap_or_else(|fault| {
            self.broken(now, slot, fault);
            bitvec::vec::BitVec::new()
        })
    }
}

impl<R: RoutingFunction, P: Clone> Network<R, P> {
    /// Gives the network its units.
    pub(crate) fn set_units(&mut self, units: Units) {
        self.units = units;
    }

    /// Its units.
    pub(crate) const fn units(&self) -> &Units {
        &self.units
    }

    /// Tokens sent and received so far.
    pub(crate) const fn tokens(&self) -> (u64, u64) {
        let [sent, received] = self.wiring.token_counts;
        (sent, received)
    }

    /// Has a router's unit take up what was received and send what is due; the router's next wake for it
    /// is arranged.
    #[inline]
    pub(super) fn step_unit(&mut self, router: RouterIdx, edge: Edge) {
        let unit = self.interfaces.len() + router.at();
        if self.wiring.tokens.is_empty() && self.units.next(unit) > edge {
            return;
        }
        self.step_busy_unit(unit, router, edge);
    }

    #[cold]
    fn step_busy_unit(&mut self, unit: usize, router: RouterIdx, edge: Edge) {
        let Latency { router: latency, traversal, .. } = self.units.latency;
        let (ahead, now) = (latency.min(traversal), self.wiring.schedule.now());
        for received in self.wiring.tokens.drain(..) {
            self.units.take((unit, now), received, edge.plus(latency - ahead));
        }
        let depart = edge.plus(ahead);
        while let Some((port, token)) = self.units.all[unit].next_up(edge) {
            self.wiring.send_token((unit, port), token, depart, &mut self.mail);
        }
        while let Some((slot, share)) = self.units.all[unit].next_down(edge) {
            let members = self.units.release((unit, now), slot);
            let token = Token { slot, share, release: true };
            for port in members.iter_ones() {
                let port = u16::try_from(port).unwrap_or(u16::MAX);
                self.wiring.send_token((unit, port), token, depart, &mut self.mail);
            }
        }
        let next = self.units.next(unit);
        if next != Edge::NEVER {
            self.wiring.wake(self.slots.routers[router.at()], next);
        }
    }

    /// A thread of a node, the `input`th there, arrives at the barrier of `slot`.
    pub(crate) fn arrive(&mut self, node: NodeIdx, at: (u16, usize), share: Share, edge: Edge) {
        let latency = self.units.latency.node;
        let due = [edge.plus(latency - 1), edge.plus(latency)];
        let now = self.wiring.schedule.now();
        self.units.arrive((node.at(), now), at, share, due);
    }

    /// Takes up the tokens that a node has received.
    #[inline]
    pub(super) fn take_tokens(&mut self, node: NodeIdx, edge: Edge) {
        for received in self.wiring.tokens.drain(..) {
            let now = self.wiring.schedule.now();
            self.units.take((node.at(), now), received, edge.plus(self.units.latency.node));
        }
    }

    /// The next release that is due at a node.
    #[inline]
    pub(crate) fn released(&mut self, node: NodeIdx, edge: Edge) -> Option<Released> {
        if self.units.next(node.at()) > edge {
            return None;
        }
        self.next_release(node.at(), edge)
    }

    #[cold]
    fn next_release(&mut self, node: usize, edge: Edge) -> Option<Released> {
        let (slot, share) = self.units.all[node].next_down(edge)?;
        let members = self.units.release((node, self.wiring.schedule.now()), slot);
        Some(Released { slot, members, share })
    }

    /// Sends the tokens that are due at a node, before its packets' flits. Gives the next edge at which its
    /// unit has something to do.
    #[inline]
    pub(crate) fn send_tokens(&mut self, node: NodeIdx, edge: Edge) -> Edge {
        let next = self.units.next(node.at());
        if next > edge { next } else { self.send_due(node.at(), edge) }
    }

    #[cold]
    fn send_due(&mut self, node: usize, edge: Edge) -> Edge {
        while let Some((port, token)) = self.units.all[node].next_up(edge) {
            self.wiring.send_token((node, port), token, edge.plus(1), &mut self.mail);
        }
        self.units.next(node).max(edge.plus(1))
    }
}
