//! Terminals of synthetic traffic: what offers packets to the network, and takes them.
//!
//! ```text
//!             ┌──── request ────▶ network ──▶ receiver ──┐ (delivered)
//!   Source ──▶│ slots of the window               replies│ in order
//!             └◀─── reply ────── network ◀───────────────┘
//! ```
//!
//! **Open loop**: a packet is created in the cycle in which its process says so. Its cycle is drawn
//! when the network takes the one before, and the rest when it takes the packet itself, so a queue of
//! waiting packets costs nothing, however long, and the network asks only when there is a packet.
//!
//! **Closed loop**: a terminal has as many slots as its window; packet `n` takes the slot that the
//! `n - window`-th delivery released, and is created at the first arrival of the process from that
//! cycle on. Arrivals while no slot is free are lost.
//!
//! **Request and reply**: the receiver makes the reply in the cycle in which the request's tail
//! arrives; it waits in a queue of the receiver's own, in class 1. A request's slot is released by its
//! reply.

use std::collections::VecDeque;

use base::NodeIdx;
use traffic::synthetic::{Arrival, CLASS_REPLY, CLASS_REQUEST, NEVER, Source, Traffic};

use super::record::{Created, Record};
use crate::cycle::{Next, Offer, Passage, Terminals};

/// All terminals of a machine.
#[derive(Clone, Debug)]
pub(super) struct Synthetic<'a> {
    traffic: &'a Traffic,
    /// Open loop, and nothing is answered: what arrives wakes nobody.
    one_way: bool,
    terminals: Vec<Terminal>,
    /// `[node]`: the window; empty in an open loop.
    slots: Vec<Slots>,
    /// `[node]`: replies that wait; empty where requests are not answered.
    replies: Vec<VecDeque<Reply>>,
    pub(super) record: Record,
}

/// One terminal's own packets.
#[derive(Clone, Debug)]
struct Terminal {
    /// When the next packet is created, which stays the next one until it is taken up. [`NEVER`]: not
    /// drawn, for want of a slot or because there is no other.
    due: u64,
    source: Source,
}

/// Free slots of a window.
#[derive(Clone, Debug)]
struct Slots {
    /// Never used.
    fresh: u32,
    /// When they were released.
    released: VecDeque<u64>,
}

/// A reply that waits to be sent.
#[derive(Clone, Copy, Debug)]
struct Reply {
    created: u64,
    dst: NodeIdx,
}

impl Slots {
    /// Takes a free slot: the cycle from which on it was free.
    fn take(&mut self) -> Option<u64> {
        if self.fresh > 0 {
            self.fresh -= 1;
            return Some(0);
        }
        self.released.pop_front()
    }
}

impl Terminal {
    /// Draws the next packet's cycle where it is not known: in a closed loop, if a slot is free.
    fn draw(&mut self, slots: Option<&mut Slots>) {
        if self.due != NEVER {
            return;
        }
        let from = match slots {
            None => Some(0),
            Some(slots) => slots.take(),
        };
        if let Some(from) = from {
            self.due = self.source.next_cycle(from);
        }
    }
}

impl<'a> Synthetic<'a> {
    /// The terminals of `nodes` nodes.
    pub(super) fn new(traffic: &'a Traffic, nodes: usize, record: Record) -> Self {
        let terminal = |n| Terminal { due: NEVER, source: traffic.source(NodeIdx::new(n)) };
        let answered = if traffic.reply_flits().is_some() { nodes } else { 0 };
        let slots = traffic.window().map_or_else(Vec::new, |window| {
            vec![Slots { fresh: window.get(), released: VecDeque::new() }; nodes]
        });
        Self {
            traffic,
            one_way: answered == 0 && slots.is_empty(),
            terminals: (0..nodes).map(terminal).collect(),
            slots,
            replies: vec![VecDeque::new(); answered],
            record,
        }
    }

    /// Message classes that the traffic needs.
    pub(super) fn classes(traffic: &Traffic) -> usize {
        1 + usize::from(traffic.reply_flits().is_some())
    }

    /// Every packet created before a cycle, which is at most the present one.
    pub(super) fn created(&self, before: u64) -> Created {
        let mut all = self.record.handed;
        for node in 0..self.terminals.len() {
            self.waiting(node, before, |a| all.add(a.cycle, a.flits));
        }
        let flits = self.traffic.reply_flits().unwrap_or(0);
        for reply in self.replies.iter().flatten().filter(|r| r.created < before) {
            all.add(reply.created, flits);
        }
        all
    }

    /// Tells of every packet of a node that is created before a cycle and was not taken up.
    fn waiting(&self, node: usize, before: u64, mut tell: impl FnMut(Arrival)) {
        if (before..NEVER).contains(&self.terminals[node].due) {
            return;
        }
        let (mut ahead, mut slots) = (self.terminals[node].clone(), self.slots.get(node).cloned());
        loop {
            ahead.draw(slots.as_mut());
            if ahead.due >= before {
                return;
            }
            tell(ahead.source.arrival(ahead.due, self.traffic.pattern()));
            ahead.due = NEVER;
        }
    }

    /// The first cycle in which a packet may have been created that was not taken up by `now`.
    pub(super) fn first_waiting(&self, now: u64) -> u64 {
        let next = |(node, terminal): (usize, &Terminal)| {
            let mut ahead = terminal.clone();
            ahead.draw(self.slots.get(node).cloned().as_mut());
            ahead.due
        };
        let first = self.terminals.iter().enumerate().map(next).fold(now, u64::min);
        let replies = self.replies.iter().filter_map(VecDeque::front);
        replies.map(|r| r.created).fold(first, u64::min)
    }

    /// Releases a slot of a node's window; whom to wake.
    #[inline]
    fn release(&mut self, node: NodeIdx, now: u64) -> Option<(NodeIdx, u8)> {
        self.slots.get_mut(node.at())?.released.push_back(now);
        Some((node, CLASS_REQUEST))
    }

    /// When the next packet of a terminal is due, drawn if it was not.
    #[inline(never)]
    fn draw(&mut self, node: NodeIdx) -> u64 {
        let terminal = &mut self.terminals[node.at()];
        terminal.draw(self.slots.get_mut(node.at()));
        terminal.due
    }

    #[cold]
    fn next_reply(&mut self, node: NodeIdx) -> Next {
        let reply = self.replies.get_mut(node.at()).and_then(VecDeque::pop_front);
        let Some((Reply { created, dst }, flits)) = reply.zip(self.traffic.reply_flits()) else {
            return Next::Wait;
        };
        let tag = self.record.hand(created, flits);
        Next::Packet(Offer { created, dst, flits, tag, next: 0 })
    }
}

impl Terminals for Synthetic<'_> {
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    fn next(&mut self, node: NodeIdx, class: u8, now: u64) -> Next {
        if class == CLASS_REPLY {
            return self.next_reply(node);
        }
        if self.terminals[node.at()].due > now {
            match self.draw(node) {
                NEVER => return Next::Wait,
                due if due > now => return Next::At(due),
                _ => {}
            }
        }
        let terminal = &mut self.terminals[node.at()];
        let created = terminal.due;
        let Arrival { dst, flits, .. } = terminal.source.arrival(created, self.traffic.pattern());
        // A slot for the next one may be free only later, and is taken when it is asked for.
        let open = self.slots.is_empty();
        terminal.due = if open { terminal.source.next_cycle(0) } else { NEVER };
        let next = if open { terminal.due } else { 0 };
        let tag = self.record.hand(created, flits);
        Next::Packet(Offer { created, dst, flits, tag, next })
    }

    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    fn flit_injected(&mut self, passage: &Passage, now: u64) {
        self.record.flit_injected(passage, now);
    }

    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    fn flit_ejected(&mut self, passage: &Passage, now: u64) {
        self.record.flit_ejected(passage, now);
    }

    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    fn delivered(&mut self, passage: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        self.record.delivered(passage, now);
        if self.one_way {
            return None;
        }
        if passage.class == CLASS_REPLY {
            return self.release(passage.dst, now);
        }
        if let Some(replies) = self.replies.get_mut(passage.dst.at()) {
            replies.push_back(Reply { created: now, dst: passage.src });
            return Some((passage.dst, CLASS_REPLY));
        }
        self.release(passage.src, now)
    }
}
