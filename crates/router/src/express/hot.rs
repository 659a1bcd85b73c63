//! The state that a hop touches, in hand: so a loop over hops keeps its places in registers instead
//! of fetching them anew for each.

use base::Hop;

use super::layout::Layout;
use super::state::{LaneNo, NOBODY, PackedFlit, Queued, When, lane_no, later, when};
use super::table::{Pen, Places};
use super::{Express, Fixed, Lane};
use crate::ring::Ring;

/// All that the way of a flit from one buffer to the next touches, in one cycle.
pub(super) struct Hot<'a, L> {
    pub(super) layout: L,
    pub(super) fixed: Fixed,
    /// The cycle after the present one.
    pub(super) next: When,
    pub(super) cells: &'a mut Places,
    queues: &'a mut [Queued],
    depths: &'a [u16],
    asks: &'a mut Ring<LaneNo>,
    bids: &'a mut Ring<LaneNo>,
    credits: &'a mut Ring<LaneNo>,
    routes: &'a mut Ring<LaneNo>,
    pub(super) next_asks: Pen<'a>,
    pub(super) next_bids: Pen<'a>,
    /// Those who ask in cycle `soon` and in `usual`, those who bid in `usual_arrival`, and output VCs whose
    /// credit counts from cycle `usual_credit` on.
    soon_asks: Pen<'a>,
    usual_asks: Pen<'a>,
    usual_bids: Pen<'a>,
    usual_credits: Pen<'a>,
    soon: When,
    usual: When,
    pub(super) usual_arrival: When,
    usual_credit: When,
    /// Input VCs whose head is yet to be routed.
    unrouted: &'a mut Vec<LaneNo>,
    /// Those who found no output VC and may ask at another port.
    pub(super) stuck: &'a mut Vec<LaneNo>,
}

/// How long the lists are that were in hand.
pub(super) struct Lengths {
    next_asks: LaneNo,
    next_bids: LaneNo,
    soon_asks: LaneNo,
    usual_asks: LaneNo,
    usual_bids: LaneNo,
    usual_credits: LaneNo,
}

impl Express {
    /// The state of a hop in the present cycle. What [`Hot::put_down`] gives is to be
    /// [noted](Self::note).
    #[inline]
    pub(super) fn hot<L: Layout>(&mut self, layout: L) -> Hot<'_, L> {
        let fixed = self.fixed;
        let now = when(self.now);
        Hot {
            layout,
            fixed,
            next: now.wrapping_add(1),
            cells: &mut self.cells,
            queues: &mut self.queues,
            depths: &self.input_depths,
            asks: &mut self.asks,
            bids: &mut self.bids,
            credits: &mut self.credits,
            routes: &mut self.routes,
            next_asks: self.next_asks.open(),
            next_bids: self.next_bids.open(),
            soon_asks: self.soon_asks.last.open(),
            usual_asks: self.usual_asks.last.open(),
            usual_bids: self.usual_bids.last.open(),
            usual_credits: self.usual_credits.last.open(),
            soon: now.wrapping_add(1 + fixed.rc),
            usual: now.wrapping_add(fixed.usual),
            usual_arrival: now.wrapping_add(fixed.usual_arrival),
            usual_credit: now.wrapping_add(fixed.usual_credit),
            unrouted: &mut self.scratch.unrouted,
            stuck: &mut self.scratch.stuck,
        }
    }

    /// Takes note of the lists that were in hand.
    #[inline]
    pub(super) const fn note(&mut self, lengths: &Lengths) {
        self.next_asks.close(lengths.next_asks);
        self.next_bids.close(lengths.next_bids);
        self.soon_asks.last.close(lengths.soon_asks);
        self.usual_asks.last.close(lengths.usual_asks);
        self.usual_bids.last.close(lengths.usual_bids);
        self.usual_credits.last.close(lengths.usual_credits);
    }
}

#[expect(clippy::inline_always, reason = "parts of every hop, which must not leave the loop")]
impl<L: Layout> Hot<'_, L> {
    /// Puts it all down.
    #[inline(always)]
    pub(super) const fn put_down(&self) -> Lengths {
        Lengths {
            next_asks: self.next_asks.len,
            next_bids: self.next_bids.len,
            soon_asks: self.soon_asks.len,
            usual_asks: self.usual_asks.len,
            usual_bids: self.usual_bids.len,
            usual_credits: self.usual_credits.len,
        }
    }

    /// Has an input VC bid for the switch with the flit at its front, which could go from cycle `from`
    /// on but for a credit on `out`.
    #[inline(always)]
    pub(super) fn bid(&mut self, lane: LaneNo, out: LaneNo, from: When) {
        let output = &mut self.cells[out].output;
        if output.credits == 0 {
            output.starved = true;
            self.cells[lane].input.since = from;
        } else if from == self.next {
            self.next_bids.push(lane);
        } else if from == self.usual_arrival {
            self.usual_bids.push(lane);
        } else {
            self.bids.push(u64::from(from), lane);
        }
    }

    /// Issues a credit for output VC `out` that counts `latency` cycles after the present one. `EVEN`: that
    /// of a link between routers, which are all alike.
    #[inline(always)]
    pub(super) fn issue<const EVEN: bool>(&mut self, out: LaneNo, latency: u32) {
        let at = self.next.wrapping_sub(1).wrapping_add(latency);
        if EVEN || at == self.usual_credit {
            self.usual_credits.push(out);
        } else {
            self.credits.push(u64::from(at), out);
        }
    }

    /// Puts a flit into the buffer of an input VC at which it arrives in cycle `arrival`: `EVEN`: the usual
    /// one. `hop` gives the hop of a head at the front, if it is to be routed now.
    #[inline(always)]
    pub(super) fn receive<const EVEN: bool>(
        &mut self,
        lane: LaneNo,
        flit: PackedFlit,
        arrival: When,
        hop: impl FnOnce(u32, PackedFlit) -> Option<Hop>,
    ) {
        let input = &mut self.cells[lane].input;
        let waiting = input.len;
        input.len = waiting + 1;
        if waiting > 0 {
            let place = u32::from(input.second.wrapping_add(waiting - 1)) & self.fixed.places;
            let place = (u32::from(lane) << self.fixed.queue_shift | place) as usize;
            self.queues[place] = Queued { flit, arrival };
            debug_assert!(waiting < self.depths[usize::from(lane)], "{lane} overflows");
            if u32::from(waiting) > self.fixed.places {
                overflown(lane, waiting);
            }
            return;
        }
        input.arrival = arrival;
        if flit.is_head() {
            self.start::<EVEN>(lane, flit, arrival, hop);
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
        lane: LaneNo,
        hop: impl FnOnce(u32, PackedFlit) -> Option<Hop>,
    ) {
        let input = &mut self.cells[lane].input;
        let place = u32::from(input.second) & self.fixed.places;
        input.second = input.second.wrapping_add(1);
        let place = (u32::from(lane) << self.fixed.queue_shift | place) as usize;
        let Queued { flit, arrival } = self.queues[place];
        input.arrival = arrival;
        let from = later(arrival, self.next);
        if flit.is_head() {
            self.start::<false>(lane, flit, from, hop);
        } else {
            input.front = flit;
            let out = input.out;
            self.bid(lane, out, from);
        }
    }

    /// A head comes to the front of an input VC, is routed in cycle `at`, and asks for an output VC
    /// when that is done.
    #[inline(always)]
    fn start<const EVEN: bool>(
        &mut self,
        lane: LaneNo,
        flit: PackedFlit,
        at: When,
        hop: impl FnOnce(u32, PackedFlit) -> Option<Hop>,
    ) {
        let input = &mut self.cells[lane].input;
        input.front = flit.routed();
        if !EVEN && self.fixed.looks {
            self.routes.push(u64::from(at), lane);
            return;
        }
        let router = u32::from(lane) >> self.fixed.log;
        if let Some(hop) = hop(router, flit) {
            debug_assert!(hop.vcs != 0 && hop.port.0 < 1 << (self.fixed.log - self.fixed.shift));
            let of_router = u32::from(hop.port.0) << self.layout.shift();
            input.out = lane_no(router << self.fixed.log | of_router);
            input.vcs = hop.vcs;
        } else {
            self.unrouted.push(lane);
        }
        let asks_at = at.wrapping_add(self.fixed.rc);
        if EVEN || asks_at == self.usual {
            self.usual_asks.push(lane);
        } else if asks_at == self.soon {
            self.soon_asks.push(lane);
        } else {
            self.asks.push(u64::from(asks_at), lane);
        }
    }

    /// Has all that wait for a VC of a port ask again in the next cycle.
    #[inline]
    pub(super) fn unpark(&mut self, port: LaneNo) {
        let mut lane = core::mem::replace(&mut self.cells.port_mut(port).parked, NOBODY);
        while lane != NOBODY {
            self.next_asks.push(lane);
            lane = lane_no(self.cells[lane].input.since);
        }
    }
}

#[cold]
fn overflown(lane: LaneNo, flits: u16) {
    panic!("{:?} has no place for a flit behind {flits}", Lane(u32::from(lane)));
}
