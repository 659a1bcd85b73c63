//! Terminals that send a list of packets and write down what became of each.

use std::collections::{BTreeMap, VecDeque};

use lockstep::base::{NodeIdx, PacketIdx};
use lockstep::machine::cycle::{Next, Offer, Passage, Terminals};

/// A packet to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    /// The cycle in which it is made.
    pub created: u64,
    /// Node it comes from.
    pub src: u32,
    /// Node it goes to.
    pub dst: u32,
    /// Its class.
    pub class: u8,
    /// Its length.
    pub flits: u32,
}

/// What became of a packet.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The cycle in which its head left its source.
    pub injected: u64,
    /// Flits that left its source, and flits that arrived.
    pub flits: (u32, u32),
    /// Times that it was delivered before all its flits were there, or again.
    pub untimely: u32,
    /// The cycle in which it was delivered.
    pub delivered: Option<u64>,
}

/// The terminals.
#[derive(Clone, Debug)]
pub(super) struct Script {
    classes: usize,
    /// `[node * classes + class]`: orders, oldest first.
    waiting: Vec<VecDeque<(usize, Order)>>,
    open: usize,
    /// Flits seen.
    pub(super) told: u64,
    pub(super) sent: Vec<Sent>,
    pub(super) numbers: BTreeMap<(PacketIdx, u64), usize>,
}

impl Script {
    pub(super) fn new(orders: &[Order], nodes: usize, classes: usize) -> Self {
        let mut sorted: Vec<(usize, Order)> = orders.iter().copied().enumerate().collect();
        sorted.sort_by_key(|(_, order)| order.created);
        let mut waiting = vec![VecDeque::new(); nodes * classes];
        for (at, order) in sorted {
            let queue = order.src as usize * classes + usize::from(order.class);
            waiting[queue].push_back((at, order));
        }
        Self {
            classes,
            waiting,
            open: orders.len(),
            told: 0,
            sent: vec![Sent::default(); orders.len()],
            numbers: BTreeMap::new(),
        }
    }

    pub(super) const fn is_done(&self) -> bool {
        self.open == 0
    }
}

impl Terminals for Script {
    fn next(&mut self, node: NodeIdx, class: u8, now: u64) -> Next {
        let queue = &mut self.waiting[node.at() * self.classes + usize::from(class)];
        match queue.front().copied() {
            None => Next::Wait,
            Some((_, order)) if order.created > now => Next::At(order.created),
            Some((at, Order { created, dst, flits, .. })) => {
                queue.pop_front();
                let tag = u32::try_from(at).unwrap_or(u32::MAX);
                Next::Packet(Offer { created, dst: NodeIdx(dst), flits, tag, next: 0 })
            }
        }
    }

    fn flit_injected(&mut self, passage: &Passage, now: u64) {
        self.told += 1;
        let sent = &mut self.sent[passage.tag as usize];
        if sent.flits.0 == 0 {
            sent.injected = now;
            self.numbers.insert((passage.packet, now), passage.tag as usize);
        }
        sent.flits.0 += 1;
    }

    fn flit_ejected(&mut self, passage: &Passage, _: u64) {
        self.told += 1;
        self.sent[passage.tag as usize].flits.1 += 1;
    }

    fn delivered(&mut self, passage: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        let sent = &mut self.sent[passage.tag as usize];
        sent.untimely += u32::from(sent.flits.1 != passage.flits);
        if sent.delivered.replace(now).is_some() {
            sent.untimely += 1;
        } else {
            self.open -= 1;
        }
        None
    }
}
