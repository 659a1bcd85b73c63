//! Accesses to lines that are never cached: to the home, performed there, and back.
//!
//! ```text
//!   thread ─▶ Remote ── request class ──▶ home ─▶ (memory) ─▶ Answer ── response class ──▶ thread
//! ```
//!
//! Timing: home takes one a edge, as any message; what it reads comes from memory, what it writes
//! goes there, and the answer to a write does not wait for it. ASSUMED: an answer takes the cache's
//! latency to reach its thread, whose port it shares. Requests of one node to one home are performed in
//! the order in which they were sent, whatever ways they took; answers may overtake each other.
//! Writes are posted: the thread goes on, and a release or fence waits for their answers.
//!
//! Source: the memory semantics of UALink 200G 1.0 (ordered requests from source to destination).

use std::collections::BTreeMap;

use base::{LineData, Map, NodeIdx, Part, RoutingFunction, Timeline};
use coherence::{Access, Effect, LineWrite, Value};
use memory::MemoryModel;

use super::agent::Piece;
use super::step::Stepping;
use super::{Done, Inbound, Outbound};
use crate::payload::Payload;

/// Keeps requests of a node to a home in order.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// By home: requests sent.
    sent: Map<u32, u64>,
    /// By node: requests performed here.
    performed: Map<u32, u64>,
    /// Requests that came early, by node and number.
    early: BTreeMap<(u32, u64), Inbound>,
}

impl Order {
    /// Whether no request waits for one before it.
    pub(super) fn is_quiet(&self) -> bool {
        self.early.is_empty()
    }

    fn number(&mut self, home: NodeIdx) -> u64 {
        let sent = self.sent.or_insert_with(home.0, || 0);
        *sent += 1;
        *sent - 1
    }

    /// Whether the request is the next of its node; if not it is kept.
    fn admits(&mut self, from: NodeIdx, number: u64, inbound: Inbound) -> Option<Inbound> {
        if *self.performed.or_insert_with(from.0, || 0) == number {
            return Some(inbound);
        }
        self.early.insert((from.0, number), inbound);
        None
    }

    /// The next request of the node, if it came early.
    fn performed(&mut self, from: NodeIdx) -> Option<Inbound> {
        let performed = self.performed.or_insert_with(from.0, || 0);
        *performed += 1;
        self.early.remove(&(from.0, *performed))
    }
}

impl<R: RoutingFunction, M: MemoryModel> Stepping<'_, R, M> {
    /// Sends a piece to its home. `token` names it at this node.
    pub(super) fn remote(&mut self, piece: &Piece, token: u32, timeline: Timeline) {
        let home = self.shared.map.home(piece.line);
        let (write, returns) = match piece.access {
            Access::Load => (None, true),
            Access::Store(write) => (Some(write), false),
            Access::Atomic(write) => (Some(write), true),
        };
        let bytes = match (write, piece.bytes) {
            (Some(LineWrite::Rmw { size, .. }), _) => size,
            (_, bytes) => bytes,
        };
        let (line, from) = (piece.line, self.node.id);
        let number = self.node.remote.number(home);
        let payload = Payload::Remote { line, write, returns, bytes, number, from, token };
        self.emit(Outbound { due: self.edge, dst: home, payload, timeline, from_memory: false });
    }

    /// A request at its home: performed if its turn has come.
    pub(super) fn remote_request(&mut self, inbound: Inbound) {
        let Payload::Remote { number, from, .. } = inbound.payload else { return };
        let Some(inbound) = self.node.remote.admits(from, number, inbound) else { return };
        let Payload::Remote { line, write, returns, bytes, token, .. } = inbound.payload else {
            return;
        };
        let old = self.node.home.perform(line, write.as_ref());
        let effect = match &write {
            None => Effect::Load(old),
            Some(write) => Effect::Store { old, new: old.written(write) },
        };
        self.shared.ghost.effect((self.now, from), line, &effect);
        let due = self.edge.plus(self.shared.home_latency);
        let mut timeline = inbound.timeline;
        timeline.charge(Part::Directory, self.shared.clock.instant(due));
        let value = returns.then_some(old);
        let payload = Payload::Answer { line, value, bytes, token };
        let out = Outbound { due, dst: from, payload, timeline, from_memory: returns };
        self.node.home_out.push_back(out);
        if write.is_some() {
            self.node.writes.push_back((due, line));
        }
        if let Some(mut next) = self.node.remote.performed(from) {
            next.ready = self.edge.plus(1);
            self.node.home_in.push_front(next);
        }
    }

    /// An answer at the node that asked.
    pub(super) fn remote_answer(
        &mut self,
        token: u32,
        value: Option<LineData>,
        mut timeline: Timeline,
    ) {
        let due = self.edge.plus(self.shared.cache_latency);
        timeline.charge(Part::Cache, self.shared.clock.instant(due));
        self.node.done.push_back(Done { due, token, timeline, value });
    }
}
