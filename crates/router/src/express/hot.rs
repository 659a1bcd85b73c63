//! The state that a hop touches, as slices in hand: so a loop over hops keeps their places in
//! registers instead of fetching them anew for each.

use base::Hop;

use super::state::{Input, Item, NOBODY, Output, Port, STARVED, When, after, later, when};
use super::{Express, Fixed, Lane};
use crate::ring::Ring;
use crate::store::{Resting, Slot, Store};

/// All that the way of a flit from one buffer to the next touches, in one cycle.
pub(super) struct Hot<'a> {
    pub(super) fixed: Fixed,
    /// The cycle after the present one.
    pub(super) next: When,
    pub(super) inputs: &'a mut [Input],
    pub(super) outputs: &'a mut [Output],
    pub(super) ports: &'a mut [Port],
    counts_at: &'a mut [u32],
    aside: &'a mut [u32],
    pub(super) slots: &'a mut [Resting],
    arrivals: &'a mut Vec<u32>,
    pub(super) asks: &'a mut Ring<u32>,
    pub(super) bids: &'a mut Ring<u32>,
    pub(super) routes: &'a mut Ring<u32>,
    pub(super) next_bids: &'a mut Vec<u32>,
    /// Those who ask in cycle `usual`.
    pub(super) usual_asks: Vec<u32>,
    usual: When,
    /// Input VCs whose head is yet to be routed.
    pub(super) unrouted: &'a mut Vec<u32>,
}

impl Express {
    /// The state of a hop in the present cycle. [`Hot::put_down`] ends it.
    #[inline]
    pub(super) fn hot<'a>(&'a mut self, store: &'a mut Store) -> Hot<'a> {
        let fixed = self.fixed;
        let now = when(self.now);
        let usual = now.wrapping_add(fixed.usual);
        Hot {
            fixed,
            next: now.wrapping_add(1),
            inputs: &mut self.inputs,
            outputs: &mut self.outputs,
            ports: &mut self.ports,
            counts_at: &mut self.counts_at,
            aside: &mut self.aside,
            slots: store.slots(),
            arrivals: &mut self.arrivals,
            usual_asks: self.asks.open(u64::from(usual)),
            asks: &mut self.asks,
            bids: &mut self.bids,
            routes: &mut self.routes,
            next_bids: &mut self.next_bids,
            usual,
            unrouted: &mut self.scratch.unrouted,
        }
    }
}

#[expect(clippy::inline_always, reason = "parts of every hop, which must not leave the loop")]
impl Hot<'_> {
    /// Puts the list of those who ask back into its ring.
    #[inline(always)]
    pub(super) fn put_down(self) {
        self.asks.close(u64::from(self.usual), self.usual_asks);
    }

    /// Has an input VC bid for the switch with the flit at its front, which could go from cycle `from`
    /// on but for a credit on `out`.
    #[inline(always)]
    pub(super) fn bid(&mut self, lane: u32, out: u32, from: When) {
        let output = &mut self.outputs[out as usize];
        let (issued, sent) = (output.issued, output.sent);
        if issued == sent {
            output.claim = STARVED;
            self.aside[lane as usize] = from;
            return;
        }
        let mut at = from;
        if after(output.newest, from) {
            let credit = out << self.fixed.credit_shift | u32::from(sent) & self.fixed.numbers;
            at = later(from, self.counts_at[credit as usize]);
        }
        self.bid_at(lane, at);
    }

    /// Has an input VC bid in cycle `at`, which is to come.
    #[inline(always)]
    fn bid_at(&mut self, lane: u32, at: When) {
        if at == self.next {
            self.next_bids.push(lane);
        } else {
            self.bids.push(u64::from(at), lane);
        }
    }

    /// Issues a credit for output VC `out` that counts from cycle `at` on.
    #[inline(always)]
    pub(super) fn issue(&mut self, out: u32, at: When) {
        let Fixed { credit_shift, numbers, .. } = self.fixed;
        let output = &mut self.outputs[out as usize];
        let credit = out << credit_shift | u32::from(output.issued) & numbers;
        output.issued = output.issued.wrapping_add(1);
        output.newest = at;
        let starved = output.claim == STARVED;
        self.counts_at[credit as usize] = at;
        if starved {
            let lane = self.outputs[out as usize].owner;
            self.outputs[out as usize].claim = NOBODY;
            let from = self.aside[lane as usize];
            self.bid_at(lane, later(at, from));
        }
    }

    /// Puts a flit into the buffer of an input VC at which it arrives in cycle `arrival`. Gives the
    /// hop of a head at the front, if it is to be routed now.
    #[inline(always)]
    pub(super) fn receive(
        &mut self,
        lane: u32,
        item: Item,
        arrival: When,
        hop: impl FnOnce(u32, &Resting) -> Option<Hop>,
    ) {
        let input = &mut self.inputs[lane as usize];
        let waiting = input.len;
        if waiting >= input.depth {
            overflown(lane, input.depth);
        }
        input.len = waiting + 1;
        let last = core::mem::replace(&mut input.last, item.slot());
        if waiting > 0 {
            let slot = item.slot();
            self.slots[last.0 as usize].next = slot.0;
            match self.arrivals.get_mut(slot.0 as usize) {
                Some(place) => *place = arrival,
                None => note_arrival(self.arrivals, slot, arrival),
            }
            return;
        }
        input.front = item;
        input.arrival = arrival;
        let out = input.out;
        if item.is_head() {
            self.start(lane, item, arrival, hop);
        } else {
            self.bid(lane, out, arrival);
        }
    }

    /// The flit behind `gone` comes to the front of an input VC.
    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        lane: u32,
        gone: Item,
        hop: impl FnOnce(u32, &Resting) -> Option<Hop>,
    ) {
        let slot = Slot(self.slots[gone.slot().0 as usize].next);
        let (head, tail) = self.slots[slot.0 as usize].ends();
        let arrival = self.arrivals[slot.0 as usize];
        let input = &mut self.inputs[lane as usize];
        input.front = Item::new(slot, head, tail);
        input.arrival = arrival;
        let (item, out) = (input.front, input.out);
        let from = later(arrival, self.next);
        if head {
            self.start(lane, item, from, hop);
        } else {
            self.bid(lane, out, from);
        }
    }

    /// The head at the front of an input VC is routed in cycle `at`, and asks for an output VC when
    /// that is done.
    #[inline(always)]
    fn start(
        &mut self,
        lane: u32,
        item: Item,
        at: When,
        hop: impl FnOnce(u32, &Resting) -> Option<Hop>,
    ) {
        if self.fixed.looks {
            self.routes.push(u64::from(at), lane);
            return;
        }
        let flit = &mut self.slots[item.slot().0 as usize];
        flit.hops = flit.hops.wrapping_add(1);
        let router = lane >> self.fixed.log;
        if let Some(hop) = hop(router, flit) {
            debug_assert!(hop.vcs != 0 && hop.port.0 < 1 << (self.fixed.log - self.fixed.shift));
            let input = &mut self.inputs[lane as usize];
            input.out = router << self.fixed.log | u32::from(hop.port.0) << self.fixed.shift;
            input.vcs = hop.vcs;
        } else {
            self.unrouted.push(lane);
        }
        let asks_at = at.wrapping_add(self.fixed.rc);
        if asks_at == self.usual {
            self.usual_asks.push(lane);
        } else {
            self.asks.push(u64::from(asks_at), lane);
        }
    }

    /// Has all that wait for a VC of a port ask again in the next cycle, from `lane` on.
    #[inline(always)]
    pub(super) fn unpark(&mut self, mut lane: u32) {
        while lane != NOBODY {
            self.asks.push(u64::from(self.next), lane);
            lane = self.aside[lane as usize];
        }
    }
}

/// Notes when a flit arrives that is not at the front.
#[cold]
fn note_arrival(arrivals: &mut Vec<u32>, slot: Slot, arrival: When) {
    let slot = slot.0 as usize;
    arrivals.resize((slot + 1).next_power_of_two(), 0);
    arrivals[slot] = arrival;
}

#[cold]
fn overflown(lane: u32, depth: u16) {
    panic!("{:?} overflows its {depth} flits", Lane(lane));
}
