//! The state that a hop touches, in hand: so a loop over hops keeps its places in registers instead
//! of fetching them anew for each.

use base::Hop;

use super::state::{
    Input, NOBODY, Output, PackedFlit, Port, Queued, STARVED, When, after, later, when,
};
use super::table::{List, Open};
use super::{Express, Fixed, Lane};
use crate::ring::Ring;

/// All that the way of a flit from one buffer to the next touches, in one cycle.
pub(super) struct Hot<'a, const L: usize, const P: usize> {
    pub(super) fixed: Fixed,
    /// The cycle after the present one.
    pub(super) next: When,
    pub(super) inputs: Open<'a, Input, L>,
    pub(super) outputs: Open<'a, Output, L>,
    pub(super) ports: Open<'a, Port, P>,
    counts_at: &'a mut [u32],
    aside: Open<'a, u32, L>,
    queues: &'a mut [Queued],
    depths: &'a [u16],
    asks: &'a mut Ring<u32>,
    bids: &'a mut Ring<u32>,
    routes: &'a mut Ring<u32>,
    pub(super) next_asks: &'a mut List<L>,
    pub(super) next_bids: &'a mut List<L>,
    /// Those who ask in cycle `usual`.
    usual_asks: &'a mut List<L>,
    usual: When,
    /// Input VCs whose head is yet to be routed.
    unrouted: &'a mut Vec<u32>,
}

impl<const L: usize, const P: usize> Express<L, P> {
    /// The state of a hop in the present cycle.
    #[inline]
    pub(super) fn hot(&mut self) -> Hot<'_, L, P> {
        let fixed = self.fixed;
        let now = when(self.now);
        Hot {
            fixed,
            next: now.wrapping_add(1),
            inputs: self.inputs.open(),
            outputs: self.outputs.open(),
            ports: self.ports.open(),
            counts_at: &mut self.counts_at,
            aside: self.aside.open(),
            queues: &mut self.queues,
            depths: &self.input_depths,
            asks: &mut self.asks,
            bids: &mut self.bids,
            routes: &mut self.routes,
            next_asks: &mut self.next_asks,
            next_bids: &mut self.next_bids,
            usual_asks: &mut self.usual_asks,
            usual: now.wrapping_add(fixed.usual),
            unrouted: &mut self.scratch.unrouted,
        }
    }
}

#[expect(clippy::inline_always, reason = "parts of every hop, which must not leave the loop")]
impl<const L: usize, const P: usize> Hot<'_, L, P> {
    /// Has an input VC bid for the switch with the flit at its front, which could go from cycle `from`
    /// on but for a credit on `out`.
    #[inline(always)]
    pub(super) fn bid(&mut self, lane: u32, out: u32, from: When) {
        let output = &mut self.outputs[out];
        let (issued, sent) = (output.issued, output.sent);
        if issued == sent {
            output.claim = STARVED;
            self.aside[lane] = from;
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
        let output = &mut self.outputs[out];
        let credit = out << credit_shift | u32::from(output.issued) & numbers;
        output.issued = output.issued.wrapping_add(1);
        output.newest = at;
        let starved = output.claim == STARVED;
        self.counts_at[credit as usize] = at;
        if starved {
            let lane = self.outputs[out].owner;
            self.outputs[out].claim = NOBODY;
            let from = self.aside[lane];
            self.bid_at(lane, later(at, from));
        }
    }

    /// Puts a flit into the buffer of an input VC at which it arrives in cycle `arrival`. Gives the
    /// hop of a head at the front, if it is to be routed now.
    #[inline(always)]
    pub(super) fn receive(
        &mut self,
        lane: u32,
        flit: PackedFlit,
        arrival: When,
        hop: impl FnOnce(u32, PackedFlit) -> Option<Hop>,
    ) {
        let input = &mut self.inputs[lane];
        let waiting = input.len;
        input.len = waiting + 1;
        if waiting > 0 {
            let place = u32::from(input.second.wrapping_add(waiting - 1)) & self.fixed.places;
            let place = (lane << self.fixed.queue_shift | place) as usize;
            self.queues[place] = Queued { flit, arrival };
            if waiting >= self.depths[lane as usize] {
                overflown(lane, waiting);
            }
            return;
        }
        input.arrival = arrival;
        if flit.is_head() {
            self.start(lane, flit, arrival, hop);
        } else {
            input.front = flit;
            let out = input.out;
            self.bid(lane, out, arrival);
        }
    }

    /// The flit behind the one that left comes to the front of an input VC.
    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        lane: u32,
        hop: impl FnOnce(u32, PackedFlit) -> Option<Hop>,
    ) {
        let input = &mut self.inputs[lane];
        let place = u32::from(input.second) & self.fixed.places;
        input.second = input.second.wrapping_add(1);
        let place = (lane << self.fixed.queue_shift | place) as usize;
        let Queued { flit, arrival } = self.queues[place];
        input.arrival = arrival;
        let from = later(arrival, self.next);
        if flit.is_head() {
            self.start(lane, flit, from, hop);
        } else {
            input.front = flit;
            let out = input.out;
            self.bid(lane, out, from);
        }
    }

    /// A head comes to the front of an input VC, is routed in cycle `at`, and asks for an output VC
    /// when that is done.
    #[inline(always)]
    fn start(
        &mut self,
        lane: u32,
        mut flit: PackedFlit,
        at: When,
        hop: impl FnOnce(u32, PackedFlit) -> Option<Hop>,
    ) {
        flit.routed();
        let input = &mut self.inputs[lane];
        input.front = flit;
        if self.fixed.looks {
            self.routes.push(u64::from(at), lane);
            return;
        }
        let router = lane >> self.fixed.log;
        if let Some(hop) = hop(router, flit) {
            debug_assert!(hop.vcs != 0 && hop.port.0 < 1 << (self.fixed.log - self.fixed.shift));
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
            self.next_asks.push(lane);
            lane = self.aside[lane];
        }
    }
}

#[cold]
fn overflown(lane: u32, depth: u16) {
    panic!("{:?} overflows its {depth} flits", Lane(lane));
}
