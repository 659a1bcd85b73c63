//! A router's flits: one pool of slots, chained into a queue for each input VC.
//!
//! Buffers are deep where links are long and most of them are empty most of the time. The pool
//! grows with the flits that are there at once, and a slot that was left last is taken first, so
//! what is touched stays small. That no VC holds more than its depth is seen to where flits go in.

use base::Flit;

#[derive(Clone, Copy, Debug)]
struct Slot {
    flit: Flit,
    /// The next slot of its queue, or of the free ones.
    next: u32,
}

/// Flits by slot.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    slots: Vec<Slot>,
    free: u32,
}

/// No slot.
const NONE: u32 = u32::MAX;

impl Store {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: NONE }
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &Flit {
        &self.slots[slot as usize].flit
    }

    /// Puts a flit into a slot of its own, the last of its queue.
    #[inline]
    pub(crate) fn insert(&mut self, flit: Flit) -> u32 {
        let slot = self.free;
        if slot == NONE {
            return self.grow(flit);
        }
        let place = &mut self.slots[slot as usize];
        self.free = place.next;
        *place = Slot { flit, next: NONE };
        slot
    }

    #[cold]
    fn grow(&mut self, flit: Flit) -> u32 {
        let slot = u32::try_from(self.slots.len()).expect("a router's buffers are bounded");
        self.slots.push(Slot { flit, next: NONE });
        slot
    }

    /// Chains `next` behind `last`.
    #[inline]
    pub(crate) fn link(&mut self, last: u32, next: u32) {
        self.slots[last as usize].next = next;
    }

    /// Takes a flit out; gives it with the slot behind it.
    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) -> (Flit, u32) {
        let place = &mut self.slots[slot as usize];
        let (flit, next) = (place.flit, place.next);
        place.next = self.free;
        self.free = slot;
        (flit, next)
    }
}
