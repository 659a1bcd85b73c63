//! Terminals of synthetic traffic: what offers packets to the network, and takes them.
//!
//! ```text
//!             ┌──── request ────▶ network ──▶ receiver ──┐ (delivered)
//!   Source ──▶│ slots of the window               replies│ in order
//!             └◀─── reply ────── network ◀───────────────┘
//! ```
//!
//! **Open loop**: a packet is created in the cycle in which its process says so. It is drawn when the
//! network asks for it, so a queue of waiting packets costs nothing, however long.
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
use traffic::synthetic::{Arrival, CLASS_REPLY, CLASS_REQUEST, Pattern, Source, Traffic};

use super::record::{Created, Record};
use crate::cycle::{Next, Offer, Passage, Terminals};

/// All terminals of a machine.
#[derive(Clone, Debug)]
pub(super) struct Synthetic<'a> {
    traffic: &'a Traffic,
    terminals: Vec<Terminal>,
    /// `[node]`: replies that wait; empty where requests are not answered.
    replies: Vec<VecDeque<Reply>>,
    pub(super) record: Record,
}

/// One terminal's own packets.
#[derive(Clone, Debug)]
struct Terminal {
    source: Source,
    /// Drawn and not yet taken up.
    drawn: Option<Arrival>,
    /// `None`: open loop.
    slots: Option<Slots>,
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
    /// The next packet, which stays the next one until it is taken up.
    #[inline]
    fn peek(&mut self, to: &Pattern) -> Option<Arrival> {
        if self.drawn.is_none() {
            let from = match &mut self.slots {
                None => 0,
                Some(slots) => slots.take()?,
            };
            self.drawn = self.source.next_from(from, to);
        }
        self.drawn
    }

    /// Tells of every packet that is created before a cycle and was not taken up.
    fn waiting(&self, before: u64, to: &Pattern, mut tell: impl FnMut(Arrival)) {
        if self.drawn.is_some_and(|next| next.cycle >= before) {
            return;
        }
        let mut ahead = self.clone();
        while let Some(next) = ahead.peek(to).filter(|next| next.cycle < before) {
            tell(next);
            ahead.drawn = None;
        }
    }
}

impl<'a> Synthetic<'a> {
    /// The terminals of `nodes` nodes.
    pub(super) fn new(traffic: &'a Traffic, nodes: usize, record: Record) -> Self {
        let slots = || {
            let window = traffic.window()?;
            Some(Slots { fresh: window.get(), released: VecDeque::new() })
        };
        let terminal =
            |n| Terminal { source: traffic.source(NodeIdx::new(n)), drawn: None, slots: slots() };
        let answered = if traffic.reply_flits().is_some() { nodes } else { 0 };
        Self {
            traffic,
            terminals: (0..nodes).map(terminal).collect(),
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
        for terminal in &self.terminals {
            terminal.waiting(before, self.traffic.pattern(), |a| all.add(a.cycle, a.flits));
        }
        let flits = self.traffic.reply_flits().unwrap_or(0);
        for reply in self.replies.iter().flatten().filter(|r| r.created < before) {
            all.add(reply.created, flits);
        }
        all
    }

    /// The first cycle in which a packet may have been created that was not taken up by `now`.
    pub(super) fn first_waiting(&self, now: u64) -> u64 {
        let next = |t: &Terminal| match t.drawn {
            Some(next) => Some(next.cycle),
            None => t.clone().peek(self.traffic.pattern()).map(|next| next.cycle),
        };
        let first = self.terminals.iter().filter_map(next).fold(now, u64::min);
        let replies = self.replies.iter().filter_map(VecDeque::front);
        replies.map(|r| r.created).fold(first, u64::min)
    }

    /// Releases a slot of a node's window; whom to wake.
    #[inline]
    fn release(&mut self, node: NodeIdx, now: u64) -> Option<(NodeIdx, u8)> {
        let slots = self.terminals[node.at()].slots.as_mut()?;
        slots.released.push_back(now);
        Some((node, CLASS_REQUEST))
    }

    #[cold]
    fn next_reply(&mut self, node: NodeIdx) -> Next {
        let reply = self.replies.get_mut(node.at()).and_then(VecDeque::pop_front);
        let Some((Reply { created, dst }, flits)) = reply.zip(self.traffic.reply_flits()) else {
            return Next::Wait;
        };
        let tag = self.record.hand(created, flits);
        Next::Packet(Offer { created, dst, flits, tag })
    }
}

impl Terminals for Synthetic<'_> {
    #[inline]
    fn next(&mut self, node: NodeIdx, class: u8, now: u64) -> Next {
        if class == CLASS_REPLY {
            return self.next_reply(node);
        }
        let terminal = &mut self.terminals[node.at()];
        let Some(arrival) = terminal.peek(self.traffic.pattern()) else { return Next::Wait };
        if arrival.cycle > now {
            return Next::At(arrival.cycle);
        }
        terminal.drawn = None;
        let Arrival { cycle: created, dst, flits, .. } = arrival;
        let tag = self.record.hand(created, flits);
        Next::Packet(Offer { created, dst, flits, tag })
    }

    #[inline]
    fn flit_injected(&mut self, passage: &Passage, now: u64) {
        self.record.flit_injected(passage, now);
    }

    #[inline]
    fn flit_ejected(&mut self, passage: &Passage, now: u64) {
        self.record.flit_ejected(passage, now);
    }

    #[inline]
    fn delivered(&mut self, passage: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        self.record.delivered(passage, now);
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
