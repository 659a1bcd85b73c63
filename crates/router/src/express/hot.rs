//! The state that a hop touches, in hand: so a loop over hops keeps its places in registers instead
//! of fetching them anew for each.

use base::Hop;

use super::state::{
    Both, LaneNo, NOBODY, PackedFlit, Port, Queued, STARVED, When, lane_no, later, when,
};
use super::table::{Open, Pen};
use super::{Express, Fixed, Lane};
use crate::ring::Ring;

/// All that the way of a flit from one buffer to the next touches, in one cycle.
pub(super) struct Hot<'a> {
    pub(super) fixed: Fixed,
    /// The cycle after the present one.
    pub(super) next: When,
    pub(super) lanes: Open<'a, Both>,
    pub(super) ports: Open<'a, Port>,
    pub(super) node_latencies: Open<'a, u32>,
    queues: &'a mut [Queued],
    depths: &'a [u16],
    asks: &'a mut Ring<LaneNo>,
    bids: &'a mut Ring<LaneNo>,
    credits: &'a mut Ring<LaneNo>,
    routes: &'a mut Ring<LaneNo>,
    pub(super) next_asks: Pen<'a>,
    pub(super) next_bids: Pen<'a>,
    /// Those who ask in cycle `usual`, and output VCs whose credit counts from cycle `usual_credit` on.
    usual_asks: Pen<'a>,
    usual_credits: Pen<'a>,
    usual: When,
    usual_credit: When,
    /// Input VCs whose head is yet to be routed.
    unrouted: &'a mut Vec<LaneNo>,
    /// Those who found no output VC and may ask at another port.
    pub(super) stuck: &'a mut Vec<LaneNo>,
    /// Those who asked for what another had just got.
    pub(super) rivals: &'a mut Vec<LaneNo>,
}

/// How long the lists are that were in hand.
pub(super) struct Lengths {
    next_asks: LaneNo,
    next_bids: LaneNo,
    usual_asks: LaneNo,
    usual_credits: LaneNo,
}

impl Express {
    /// The state of a hop in the present cycle. What [`Hot::put_down`] gives is to be
    /// [noted](Self::note).
    #[inline]
    pub(super) fn hot(&mut self) -> Hot<'_> {
        let fixed = self.fixed;
        let now = when(self.now);
        Hot {
            fixed,
            next: now.wrapping_add(1),
            lanes: self.lanes.open(),
            ports: self.ports.open(),
            node_latencies: self.node_latencies.open(),
            queues: &mut self.queues,
            depths: &self.input_depths,
            asks: &mut self.asks,
            bids: &mut self.bids,
            credits: &mut self.credits,
            routes: &mut self.routes,
            next_asks: self.next_asks.open(),
            next_bids: self.next_bids.open(),
            usual_asks: self.usual_asks.last.open(),
            usual_credits: self.usual_credits.last.open(),
            usual: now.wrapping_add(fixed.usual),
            usual_credit: now.wrapping_add(fixed.usual_credit),
            unrouted: &mut self.scratch.unrouted,
            stuck: &mut self.scratch.stuck,
            rivals: &mut self.scratch.rivals,
        }
    }

    /// Takes note of the lists that were in hand.
    #[inline]
    pub(super) const fn note(&mut self, lengths: &Lengths) {
        self.next_asks.close(lengths.next_asks);
        self.next_bids.close(lengths.next_bids);
        self.usual_asks.last.close(lengths.usual_asks);
        self.usual_credits.last.close(lengths.usual_credits);
    }
}

#[expect(clippy::inline_always, reason = "parts of every hop, which must not leave the loop")]
impl Hot<'_> {
    /// Puts it all down.
    #[inline(always)]
    pub(super) const fn put_down(&self) -> Lengths {
        Lengths {
            next_asks: self.next_asks.len,
            next_bids: self.next_bids.len,
            usual_asks: self.usual_asks.len,
            usual_credits: self.usual_credits.len,
        }
    }

    /// Has an input VC bid for the switch with the flit at its front, which could go from cycle `from`
    /// on but for a credit on `out`.
    #[inline(always)]
    pub(super) fn bid(&mut self, lane: LaneNo, out: LaneNo, from: When) {
        let output = &mut self.lanes[out].output;
        if output.credits == 0 {
            output.place = STARVED;
            self.lanes[lane].input.since = from;
        } else if from == self.next {
            self.next_bids.push(lane);
        } else {
            self.bids.push(u64::from(from), lane);
        }
    }

    /// Issues a credit for output VC `out` that counts from cycle `at` on.
    #[inline(always)]
    pub(super) fn issue(&mut self, out: LaneNo, at: When) {
        if at == self.usual_credit {
            self.usual_credits.push(out);
        } else {
            self.credits.push(u64::from(at), out);
        }
    }

    /// Puts a flit into the buffer of an input VC at which it arrives in cycle `arrival`. Gives the
    /// hop of a head at the front, if it is to be routed now.
    #[inline(always)]
    pub(super) fn receive(
        &mut self,
        lane: LaneNo,
        flit: PackedFlit,
        arrival: When,
        hop: impl FnOnce(u32, PackedFlit) -> Option<Hop>,
    ) {
        let input = &mut self.lanes[lane].input;
        let waiting = input.len;
        input.len = waiting + 1;
        if waiting > 0 {
            let place = u32::from(input.second.wrapping_add(waiting - 1)) & self.fixed.places;
            let place = (u32::from(lane) << self.fixed.queue_shift | place) as usize;
            self.queues[place] = Queued { flit, arrival };
            if waiting >= self.depths[usize::from(lane)] {
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
        lane: LaneNo,
        hop: impl FnOnce(u32, PackedFlit) -> Option<Hop>,
    ) {
        let input = &mut self.lanes[lane].input;
        let place = u32::from(input.second) & self.fixed.places;
        input.second = input.second.wrapping_add(1);
        let place = (u32::from(lane) << self.fixed.queue_shift | place) as usize;
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
        lane: LaneNo,
        flit: PackedFlit,
        at: When,
        hop: impl FnOnce(u32, PackedFlit) -> Option<Hop>,
    ) {
        let input = &mut self.lanes[lane].input;
        input.front = flit.routed();
        if self.fixed.looks {
            self.routes.push(u64::from(at), lane);
            return;
        }
        let router = u32::from(lane) >> self.fixed.log;
        if let Some(hop) = hop(router, flit) {
            debug_assert!(hop.vcs != 0 && hop.port.0 < 1 << (self.fixed.log - self.fixed.shift));
            input.out =
                lane_no(router << self.fixed.log | u32::from(hop.port.0) << self.fixed.shift);
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
    pub(super) fn unpark(&mut self, mut lane: LaneNo) {
        while lane != NOBODY {
            self.next_asks.push(lane);
            lane = self.lanes[lane].input.behind;
        }
    }
}

#[cold]
fn overflown(lane: LaneNo, depth: u16) {
    panic!("{:?} overflows its {depth} flits", Lane(u32::from(lane)));
}
