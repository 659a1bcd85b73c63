//! The flits of a network: one pool of slots, chained into a queue for each input VC.
//!
//! A flit keeps its slot from the interface that injects it to the one that takes it out; what moves
//! through routers and over wires is the slot's number. The pool grows with the flits that are there
//! at once, and a slot that was left last is taken first, so what is touched stays small.

use base::{Class, Flit, Head, NodeIdx, PacketIdx, VcIdx};

/// A flit's place in the [`Store`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Slot(pub u32);

/// No slot.
const NONE: u32 = u32::MAX;

const HEAD: u8 = 1;
const TAIL: u8 = 2;

/// A flit at rest, 32 bytes.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
#[repr(align(32))]
pub(crate) struct Resting {
    packet: PacketIdx,
    pub(crate) dst: NodeIdx,
    src: NodeIdx,
    flow: u32,
    state: u32,
    /// The next slot of its queue, or of the free ones.
    pub(crate) next: u32,
    /// When its packet was made, in cycles, for arbiters that prefer the oldest; wraps.
    born: u32,
    /// Routers that have routed it so far; heads only.
    pub(crate) hops: u16,
    pub(crate) class: Class,
    ends: u8,
}

/// Flits by slot.
#[derive(Clone, Debug)]
pub struct Store {
    slots: Vec<Resting>,
    /// `[slot]`: flits of its packet.
    lengths: Vec<u16>,
    free: u32,
}

base::state!([] Store { keeps slots, lengths, free; each; fixed });

impl Default for Store {
    fn default() -> Self {
        Self { slots: Vec::new(), lengths: Vec::new(), free: NONE }
    }
}

impl Store {
    /// Puts a flit into a slot of its own. `born` is when its packet was made.
    #[inline]
    pub fn insert(&mut self, flit: &Flit, born: u32) -> Slot {
        let ends = if flit.head { HEAD } else { 0 } | if flit.tail { TAIL } else { 0 };
        let resting = Resting {
            packet: flit.packet,
            dst: flit.dst,
            src: flit.src,
            flow: flit.flow,
            state: flit.state,
            next: NONE,
            born,
            hops: 0,
            class: flit.class,
            ends,
        };
        let slot = self.free;
        if slot == NONE {
            return self.grow(resting, flit.flits);
        }
        self.lengths[slot as usize] = flit.flits;
        let place = &mut self.slots[slot as usize];
        self.free = place.next;
        *place = resting;
        Slot(slot)
    }

    #[cold]
    fn grow(&mut self, flit: Resting, flits: u16) -> Slot {
        let slot = u32::try_from(self.slots.len()).expect("buffers are bounded");
        self.slots.push(flit);
        self.lengths.push(flits);
        Slot(slot)
    }

    /// Puts a copy of the flit at `slot` into a slot of its own.
    #[cold]
    pub(crate) fn copy(&mut self, slot: Slot) -> Slot {
        let (flit, flits) = (self.slots[slot.0 as usize], self.lengths[slot.0 as usize]);
        let copy = self.free;
        if copy == NONE {
            return self.grow(flit, flits);
        }
        self.lengths[copy as usize] = flits;
        self.free = self.slots[copy as usize].next;
        self.slots[copy as usize] = flit;
        Slot(copy)
    }

    /// Has the flit at `slot` go on with `state`, and to `node` if there is one.
    #[cold]
    pub(crate) fn readdress(&mut self, slot: Slot, state: u32, node: Option<NodeIdx>) {
        let place = &mut self.slots[slot.0 as usize];
        place.state = state;
        place.dst = node.unwrap_or(place.dst);
    }

    /// How many flits there are.
    pub fn present(&self) -> usize {
        let next = |slot: &u32| Some(self.slots[*slot as usize].next).filter(|next| *next != NONE);
        let free = std::iter::successors(Some(self.free).filter(|slot| *slot != NONE), next);
        self.slots.len() - free.count()
    }

    /// Takes a flit out; its packet.
    #[inline]
    pub fn remove(&mut self, slot: Slot) -> PacketIdx {
        let place = &mut self.slots[slot.0 as usize];
        place.next = self.free;
        self.free = slot.0;
        place.packet
    }

    /// Takes a flit out: its packet, the routers that have routed it, and whether it is its packet's
    /// first and last.
    #[inline]
    pub fn eject(&mut self, slot: Slot) -> (PacketIdx, u16, bool, bool) {
        let place = &mut self.slots[slot.0 as usize];
        place.next = self.free;
        self.free = slot.0;
        (place.packet, place.hops, place.ends & HEAD != 0, place.ends & TAIL != 0)
    }

    /// The flit at `slot` as it travels on `vc`.
    #[inline]
    pub fn flit(&self, slot: Slot, vc: VcIdx) -> Flit {
        let at = &self.slots[slot.0 as usize];
        Flit {
            packet: at.packet,
            dst: at.dst,
            src: at.src,
            flow: at.flow,
            state: at.state,
            vc,
            flits: self.lengths[slot.0 as usize],
            class: at.class,
            head: at.ends & HEAD != 0,
            tail: at.ends & TAIL != 0,
        }
    }

    /// The packet of the flit at `slot`.
    #[inline]
    pub fn packet(&self, slot: Slot) -> PacketIdx {
        self.slots[slot.0 as usize].packet
    }

    /// Whether the flit at `slot` is its packet's first.
    #[inline]
    pub fn is_head(&self, slot: Slot) -> bool {
        self.slots[slot.0 as usize].ends & HEAD != 0
    }

    /// Whether the flit at `slot` is its packet's last.
    #[inline]
    pub fn is_tail(&self, slot: Slot) -> bool {
        self.slots[slot.0 as usize].ends & TAIL != 0
    }

    /// Where the packet of the flit at `slot` goes.
    #[inline]
    pub fn dst(&self, slot: Slot) -> NodeIdx {
        self.slots[slot.0 as usize].dst
    }

    /// Routers that have routed the head at `slot`.
    #[inline]
    pub fn hops(&self, slot: Slot) -> u16 {
        self.slots[slot.0 as usize].hops
    }

    /// Flits of the packet of the flit at `slot`.
    #[inline]
    pub(crate) fn length(&self, slot: Slot) -> u32 {
        u32::from(self.lengths[slot.0 as usize])
    }

    #[inline]
    pub(crate) fn born(&self, slot: Slot) -> u32 {
        self.slots[slot.0 as usize].born
    }

    #[inline]
    pub(crate) fn class(&self, slot: Slot) -> Class {
        self.slots[slot.0 as usize].class
    }

    /// The head at `slot` as routing functions see it.
    #[inline]
    pub(crate) fn head(&self, slot: Slot) -> Head {
        let at = &self.slots[slot.0 as usize];
        let Resting { src, dst, flow, state, .. } = *at;
        Head { src, dst, flow, class: at.class, state }
    }

    /// Notes that the head at `slot` is at one more router; where it goes, and its class.
    #[inline]
    pub(crate) fn arrive(&mut self, slot: Slot) -> (NodeIdx, Class) {
        let at = &mut self.slots[slot.0 as usize];
        at.hops = at.hops.wrapping_add(1);
        (at.dst, at.class)
    }

    /// Keeps what the routing function left on the head at `slot`.
    #[inline]
    pub(crate) fn set_state(&mut self, slot: Slot, state: u32) {
        self.slots[slot.0 as usize].state = state;
    }

    /// Chains `next` behind `last`.
    #[inline]
    pub(crate) fn link(&mut self, last: Slot, next: Slot) {
        self.slots[last.0 as usize].next = next.0;
    }

    /// The slot behind `slot` in its queue, without meaning for the last, and whether it holds a
    /// head and a tail.
    #[inline]
    pub(crate) fn next(&self, slot: Slot) -> (Slot, bool, bool) {
        let at = &self.slots[slot.0 as usize];
        (Slot(at.next), at.ends & HEAD != 0, at.ends & TAIL != 0)
    }
}
