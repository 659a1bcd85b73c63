//! A node's memory at the far side of two wires: requests into the memory clock, replies out of it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use base::Fs;
use clock::{Crossing, Edge};
use memory::{Access, Direction, MemoryModel, Served};

/// A reply on its way to the node.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
pub(crate) struct Reply {
    /// The node's edge at which it is seen.
    pub(crate) visible: Edge,
    pub(crate) ticket: u32,
    pub(crate) started: Fs,
    pub(crate) finished: Fs,
}

/// One node's memory and its wires.
#[derive(Clone, Debug)]
pub(crate) struct MemoryPort<M> {
    model: M,
    into: Crossing,
    back: Crossing,
    requests: VecDeque<(Edge, u32, Access)>,
    replies: BinaryHeap<Reverse<Reply>>,
    served: Vec<Served>,
    /// The memory's edge at which it steps again.
    next: Edge,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
}

base::state!([M: base::State] MemoryPort<M> {
    keeps model, requests, replies, next, reads, writes;
    each;
    fixed into, back, served
});

/// The edge at which a wire that is entered at `from` is seen: at least one edge later.
fn seen(crossing: &Crossing, from: Fs, arrival: Fs) -> Edge {
    crossing.visible(arrival).max(crossing.to.edge_after(from))
}

impl<M: MemoryModel> MemoryPort<M> {
    pub(crate) fn new(model: M, into: Crossing, back: Crossing) -> Self {
        Self {
            model,
            into,
            back,
            requests: VecDeque::new(),
            replies: BinaryHeap::new(),
            served: Vec::new(),
            next: Edge(0),
            reads: 0,
            writes: 0,
        }
    }

    /// Sends an access at instant `now` of the node. Gives the memory's edge at which to step it.
    pub(crate) fn request(&mut self, now: Fs, channel: u32, access: Access) -> Edge {
        match access.direction {
            Direction::Read => self.reads += 1,
            Direction::Write => self.writes += 1,
        }
        let visible = seen(&self.into, now, now);
        self.requests.push_back((visible, channel, access));
        visible
    }

    /// Steps the memory at `edge` of its clock. Gives its own next edge, and the first edge of the
    /// node's clock at which it sees a new reply.
    pub(crate) fn step(&mut self, edge: Edge) -> (Edge, Edge) {
        while let Some((visible, channel, access)) = self.requests.front().copied() {
            if visible > edge {
                break;
            }
            self.requests.pop_front();
            self.model.submit(channel, access, edge);
        }
        let next = self.model.step(edge, &mut self.served);
        self.next = next;
        let now = self.into.to.instant(edge);
        let mut first = Edge::NEVER;
        for s in self.served.drain(..) {
            if s.direction == Direction::Read {
                let visible = seen(&self.back, now, s.finished);
                let Served { ticket, started, finished, .. } = s;
                self.replies.push(Reverse(Reply { visible, ticket, started, finished }));
                first = first.min(visible);
            }
        }
        (next, first)
    }

    /// The next reply that the node sees at or before `edge` of its clock.
    pub(crate) fn reply(&mut self, edge: Edge) -> Option<Reply> {
        match self.replies.peek() {
            Some(Reverse(reply)) if reply.visible <= edge => self.replies.pop().map(|r| r.0),
            _ => None,
        }
    }

    /// The last edges that are spoken for: of the memory's clock, and of the node's.
    pub(crate) fn promised(&self) -> [Edge; 2] {
        let request = self.requests.back().map_or(Edge(0), |r| r.0);
        let next = if self.next == Edge::NEVER { Edge(0) } else { self.next };
        let reply = self.replies.iter().map(|r| r.0.visible).max();
        [request.max(next), reply.unwrap_or(Edge(0))]
    }

    /// When the node sees the next reply.
    pub(crate) fn next_reply(&self) -> Edge {
        self.replies.peek().map_or(Edge::NEVER, |r| r.0.visible)
    }

    /// Whether nothing is on its way in or out.
    pub(crate) fn is_idle(&self) -> bool {
        self.requests.is_empty() && self.replies.is_empty() && self.model.pending() == 0
    }
}
