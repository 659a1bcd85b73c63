//! The state that a hop touches, in hand for a loop over hops: what one step of a hop does to it, and where
//! it puts down what follows.

use super::ahead::{Ahead, Kind};
use super::flight::{Flights, link};
use super::hops::Hops;
use super::layout::Layout;
use super::state::{
    Cell, LaneNo, NOBODY, NODE, PackedFlit, Queued, STARVED, When, lane_no, later, when,
};
use super::table::{Places, Queues};
use super::{Express, Fixed, Lane, Scratch};

/// All that the way of a flit from one buffer to the next touches, in one cycle.
pub(super) struct Hot<'a, L> {
    pub(super) layout: L,
    pub(super) fixed: &'a Fixed,
    /// The cycle after the present one.
    pub(super) next: When,
    pub(super) cells: &'a mut Places,
    queues: &'a mut Queues,
    depths: &'a [u16],
    hops: &'a Hops,
    pub(super) ahead: &'a mut Ahead,
    pub(super) scratch: &'a mut Scratch,
    pub(super) flights: &'a mut Flights,
}

/// Where a flit comes from that comes to the front of an input VC.
#[derive(Clone, Copy)]
pub(super) enum From {
    /// A router over a link like all others, any router, or a node.
    Usual,
    Router,
    Node,
    /// The same buffer, behind the front.
    Behind,
}

impl Express {
    /// The state of a hop in the present cycle.
    #[inline]
    pub(super) fn hot<L: Layout>(&mut self, layout: L) -> Hot<'_, L> {
        Hot {
            layout,
            fixed: &self.fixed,
            next: when(self.now).wrapping_add(1),
            cells: &mut self.cells,
            queues: &mut self.queues,
            depths: &self.input_depths,
            hops: &self.hops,
            ahead: &mut self.ahead,
            scratch: &mut self.scratch,
            flights: &mut self.flights,
        }
    }
}

#[expect(clippy::inline_always, reason = "parts of every hop, which must not leave the loop")]
impl<L: Layout> Hot<'_, L> {
    /// Has an input VC bid for the switch with the flit at its front, which could go from cycle `from`
    /// on but for a credit on `out`.
    #[inline(always)]
    pub(super) fn bid(&mut self, lane: LaneNo, out: LaneNo, from: When) {
        let output = &mut self.cells[out].output;
        if output.credits == 0 {
            output.credits = STARVED;
            self.cells[lane].input.since = from;
        } else if from == self.next {
            self.bid_next(lane);
        } else if from == self.ahead.due_in(Kind::Bids) {
            self.ahead.push(Kind::Bids, lane);
        } else {
            self.ahead.bid(from, lane);
        }
    }

    /// Has an input VC bid in the next cycle. The first to do so of an input port is chosen there and then;
    /// whom the port prefers of several is told when the cycle comes, by pointers that may move until then.
    #[inline(always)]
    fn bid_next(&mut self, lane: LaneNo) {
        let at = self.layout.port(lane);
        let port = self.cells.port_mut(at);
        // Bids for slow links are first looked through.
        if L::EVEN && port.chosen == NOBODY {
            port.chosen = lane;
            self.ahead.next_inputs.push(at);
        } else {
            self.ahead.next_bids.push(lane);
        }
    }

    /// Issues a credit for an output VC to a router, which counts `latency` cycles after the present one.
    // Where there are plenty, it counts at once, as nobody can tell. With L that latency: say that one counted at once,
    // of more than L credits, that d cycles have passed since, and that it was the last to do so. Then at least
    // L + 1 - d are left, since a flit a cycle spends one, and at most L - d of these are not there yet, since one a
    // cycle is issued. So there is one at least, in either case.
    #[inline(always)]
    pub(super) fn give_back(&mut self, out: LaneNo, latency: u32) {
        let output = &mut self.cells[out].output;
        if output.credits.cast_signed() >= self.fixed.ample {
            output.credits += 1;
        } else if L::EVEN {
            self.ahead.push(Kind::Credits, out);
        } else {
            self.issue(Kind::Credits, out, latency);
        }
    }

    /// Issues a credit for output VC `out` that counts `latency` cycles after the present one, and most likely
    /// that of a kind.
    #[inline(always)]
    pub(super) fn issue(&mut self, kind: Kind, out: LaneNo, latency: u32) {
        let at = self.next.wrapping_sub(1).wrapping_add(latency);
        if at == self.ahead.due_in(kind) {
            self.ahead.push(kind, out);
        } else {
            self.ahead.credit(at, out);
        }
    }

    /// Puts a flit into the buffer of an input VC at which it arrives in cycle `arrival`: by the way that `from`
    /// tells.
    #[inline(always)]
    pub(super) fn receive(
        &mut self,
        lane: LaneNo,
        flit: PackedFlit,
        (arrival, from): (When, From),
    ) {
        if L::FLIES {
            let link = link(self.layout, self.cells[lane].output.far, lane);
            self.flights.want(self.cells.link_mut(link), link, self.next.wrapping_sub(1));
        }
        let input = &mut self.cells[lane].input;
        let waiting = input.len;
        input.len = waiting + 1;
        if waiting > 0 {
            let end = input.end;
            input.end = end.wrapping_add(1);
            *self.queues.at(self.layout.queue_shift(), lane, end) = Queued { flit, arrival };
            debug_assert!(waiting < self.depths[usize::from(lane)], "{lane} overflows");
            if waiting >> self.layout.queue_shift() > 0 {
                overflown(lane, waiting);
            }
            return;
        }
        input.arrival = arrival;
        if flit.is_head() {
            self.start(lane, flit, (arrival, from));
        } else {
            input.front = flit;
            let out = input.out;
            self.bid(lane, out, arrival);
        }
    }

    /// The flit behind the one that left comes to the front of an input VC.
    #[inline(always)]
    pub(super) fn advance(&mut self, lane: LaneNo) {
        let input = &mut self.cells[lane].input;
        let second = input.second;
        input.second = second.wrapping_add(1);
        let Queued { flit, arrival } = *self.queues.at(self.layout.queue_shift(), lane, second);
        input.arrival = arrival;
        let from = later(arrival, self.next);
        if flit.is_head() {
            self.start(lane, flit, (from, From::Behind));
        } else {
            input.front = flit;
            let out = input.out;
            self.bid(lane, out, from);
        }
    }

    /// A head comes to the front of an input VC, is routed in cycle `at`, and asks for an output VC
    /// when that is done.
    #[inline(always)]
    fn start(&mut self, lane: LaneNo, flit: PackedFlit, (at, from): (When, From)) {
        let Cell { input, output } = &mut self.cells[lane];
        input.front = flit.routed();
        let looks = self.fixed.looks && !(self.fixed.looks_once && output.far & NODE == 0);
        let flies = L::FLIES && self.fixed.is_far(self.next, at);
        if !L::EVEN && (looks || flies) {
            input.want = NOBODY;
            self.ahead.route(at, lane);
            return;
        }
        if let Some((port, vcs)) = self.hops.of(input.row, flit) {
            input.want = self.layout.port(lane) & self.fixed.of_router | port;
            input.vcs = vcs;
            if L::FLIES {
                let link = input.want;
                self.flights.want(self.cells.link_mut(link), link, self.next.wrapping_sub(1));
            }
        } else {
            self.scratch.unrouted.push(lane);
        }
        match from {
            From::Usual => self.ahead.push(Kind::Arriving, lane),
            // Most arrived long ago.
            From::Behind if L::EVEN && at == self.next => self.ahead.push(Kind::Front, lane),
            From::Behind => self.ask_behind(lane, at),
            From::Node => self.ask_when_routed(Kind::Entering, lane, at),
            From::Router => self.ask_when_routed(Kind::Arriving, lane, at),
        }
    }

    /// Whether the hop of the head at the front of an input VC is known beforehand: then that is where it is going.
    pub(super) fn know_hop(&mut self, lane: LaneNo) -> bool {
        let input = &mut self.cells[lane].input;
        let hop = self.hops.of(input.row, input.front);
        if let Some((port, vcs)) = hop {
            input.want = self.layout.port(lane) & self.fixed.of_router | port;
            input.vcs = vcs;
        }
        hop.is_some()
    }

    /// Has an input VC ask for an output VC when its head is routed, which is in cycle `at`: most likely as one of
    /// a kind.
    #[inline(always)]
    fn ask_when_routed(&mut self, kind: Kind, lane: LaneNo, at: When) {
        let asks_at = at.wrapping_add(self.fixed.rc);
        if asks_at == self.ahead.due_in(kind) {
            self.ahead.push(kind, lane);
        } else {
            self.ahead.ask(asks_at, lane);
        }
    }

    /// As [`ask_when_routed`](Self::ask_when_routed) for a head that was behind another, and arrives when those do
    /// that are sent now, or long ago.
    #[inline(never)]
    fn ask_behind(&mut self, lane: LaneNo, at: When) {
        let arrives = at.wrapping_add(self.fixed.rc) == self.ahead.due_in(Kind::Arriving);
        self.ask_when_routed(if arrives { Kind::Arriving } else { Kind::Front }, lane, at);
    }

    /// Has all that wait for a VC of a port ask again in the next cycle.
    #[inline(never)]
    pub(super) fn unpark(&mut self, port: LaneNo) {
        let mut lane = core::mem::replace(&mut self.cells.port_mut(port).parked, NOBODY);
        while lane != NOBODY {
            self.ahead.next_asks.push(lane);
            lane = lane_no(self.cells[lane].input.since);
        }
    }
}

#[cold]
fn overflown(lane: LaneNo, flits: u16) {
    panic!("{:?} has no place for a flit behind {flits}", Lane(u32::from(lane)));
}
