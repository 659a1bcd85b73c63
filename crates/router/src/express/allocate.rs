//! Both allocations, over all routers at once: separable input-first, round-robin, as in the plain
//! step.

use base::RoutingFunction;

use super::hot::Hot;
use super::state::{Cell, LaneNo, NOBODY, Output, Port, STARVED, after, lane_no, when};
use super::table::{List, Open};
use super::{Express, Fixed, Train};

/// Whether `candidate` comes before `best` in a round-robin that goes on behind `last`, or from the
/// first on where `last` is [`NOBODY`]. All are lanes, or ports, of one router.
#[inline]
const fn sooner(candidate: LaneNo, best: LaneNo, last: LaneNo) -> bool {
    let from = last.wrapping_add(1);
    candidate.wrapping_sub(from) < best.wrapping_sub(from)
}

/// The first lane of a lane's port; `low`: the bits of a lane that are its VC.
#[inline]
pub(super) const fn first_lane(lane: LaneNo, low: u32) -> LaneNo {
    lane_no(lane as u32 & !low)
}

/// The port of a lane, or [`NOBODY`].
#[inline]
const fn port_of(lane: LaneNo, shift: u32) -> LaneNo {
    if lane == NOBODY { NOBODY } else { lane >> shift }
}

impl<R: RoutingFunction> Train<'_, R> {
    /// VC allocation: everyone on the list asks for one VC that was free when the cycle began, every
    /// output VC takes one of them. Those who lose ask again.
    pub(super) fn allocate_vcs(&mut self) {
        let mut hot = self.x.hot();
        for &lane in self.asks.all() {
            hot.allocate_vc(lane);
        }
        let lengths = hot.put_down();
        self.x.note(&lengths);
        self.asks.clear();
        if !self.x.scratch.rivals.is_empty() {
            self.x.settle();
        }
        if !self.x.scratch.stuck.is_empty() {
            self.route_the_stuck();
        }
    }

    /// Packets that found no VC may find one at another port.
    #[inline(never)]
    fn route_the_stuck(&mut self) {
        let mut stuck = core::mem::take(&mut self.x.scratch.stuck);
        for &lane in &stuck {
            self.route(lane, true);
            self.x.next_asks.push(lane);
        }
        stuck.clear();
        self.x.scratch.stuck = stuck;
    }
}

#[expect(clippy::inline_always, reason = "a part of every hop, which must not leave the loop")]
impl Hot<'_> {
    /// An input VC asks for one of the VCs that were free when the cycle began. It gets it until one who
    /// comes before it asks for the same.
    #[inline(always)]
    fn allocate_vc(&mut self, lane: LaneNo) {
        let Fixed { low, adaptive, .. } = self.fixed;
        let now = self.next.wrapping_sub(1);
        let input = &mut self.cells[lane].input;
        let (at, last) = (first_lane(input.out, low), input.pointer);
        let vcs = input.vcs;
        let port = &mut self.cells[at].port;
        let given = if port.given_at == now { port.given } else { 0 };
        let able = vcs & (port.free | given);
        if able == 0 {
            if adaptive {
                self.stuck.push(lane);
            } else {
                let behind = core::mem::replace(&mut port.parked, lane);
                self.cells[lane].input.since = u32::from(behind);
            }
            return;
        }
        // One arbiter over all output VCs of the router: it goes on behind the last, if that is here.
        let passed = u32::from(last ^ at);
        let ahead = if passed <= low { able & u64::MAX << passed << 1 } else { 0 };
        let vc = if ahead == 0 { able } else { ahead }.trailing_zeros();
        let (out, bit) = (at | lane_no(vc), 1 << vc);
        if given & bit != 0 {
            self.cells[lane].input.out = out;
            self.rivals.push(lane);
            return;
        }
        port.given_at = now;
        port.given = given | bit;
        port.free &= !bit;
        let input = &mut self.cells[lane].input;
        input.out = out;
        input.pointer = out;
        let output = &mut self.cells[out].output;
        output.owner_before = core::mem::replace(&mut output.owner, lane);
        output.pointer_before = last;
        output.place = self.next_bids.len;
        let from = self.next;
        self.bid(lane, out, from);
    }
}

impl Express {
    /// Input VCs asked for output VCs that others had got in this cycle: each gets it if it comes before the
    /// other. Who loses asks again.
    #[inline(never)]
    fn settle(&mut self) {
        let mut rivals = core::mem::take(&mut self.scratch.rivals);
        let next = when(self.now).wrapping_add(1);
        for lane in rivals.drain(..) {
            let out = self.cells[lane].input.out;
            let Output { owner, owner_before, pointer_before, place, .. } = self.cells[out].output;
            if !sooner(lane, owner, owner_before) {
                self.next_asks.push(lane);
                continue;
            }
            self.next_asks.push(owner);
            self.cells[owner].input.pointer = pointer_before;
            let pointer = core::mem::replace(&mut self.cells[lane].input.pointer, out);
            let output = &mut self.cells[out].output;
            output.owner = lane;
            output.pointer_before = pointer;
            if place == STARVED {
                self.cells[lane].input.since = next;
            } else {
                self.next_bids.put(place, lane);
            }
        }
        self.scratch.rivals = rivals;
    }

    /// Switch allocation: every input port picks one VC that could send, every output port claims one
    /// of them. Who is not taken bids again. `bids` is empty then, and `ports` has the output ports that
    /// claim someone.
    pub(super) fn allocate_switch(&mut self, bids: &mut List, ports: &mut List) {
        if self.fixed.any_slow {
            bids.retain(|lane| !self.link_is_busy(lane));
        }
        let Fixed { shift, low, .. } = self.fixed;
        let mut cells = self.cells.open();
        let mut next_bids = self.next_bids.open();
        let mut inputs = ports.open();
        for &lane in bids.all() {
            let at = first_lane(lane, low);
            let chosen = cells[at].port.chosen;
            if chosen == NOBODY {
                cells[at].port.chosen = lane;
                inputs.push(at);
            } else if better(&cells, at, lane, shift) {
                cells[at].port.chosen = lane;
                next_bids.push(chosen);
            } else {
                next_bids.push(lane);
            }
        }
        bids.clear();
        let mut outputs = bids.open();
        for &at in inputs.all() {
            let lane = core::mem::replace(&mut cells[at].port.chosen, NOBODY);
            let to = first_lane(cells[lane].input.out, low);
            let port = &mut cells[to].port;
            let claim = port.claim;
            if claim == NOBODY {
                port.claim = lane;
                outputs.push(to);
            } else if sooner(lane >> shift, claim >> shift, port_of(port.taken_from, shift)) {
                port.claim = lane;
                next_bids.push(claim);
            } else {
                next_bids.push(lane);
            }
        }
        let (claims, bidding) = (outputs.len, next_bids.len);
        bids.close(claims);
        self.next_bids.close(bidding);
        core::mem::swap(bids, ports);
        bids.clear();
    }

    /// Whether the link that an input VC wants is busy: then it bids when it no longer is.
    #[cold]
    fn link_is_busy(&mut self, lane: LaneNo) -> bool {
        let now = when(self.now);
        let out = self.cells[lane].input.out;
        let open_at = self.cells[first_lane(out, self.fixed.low)].port.open_at;
        let busy = after(open_at, now);
        if busy && open_at == now.wrapping_add(1) {
            self.next_bids.push(lane);
        } else if busy {
            self.bids.push(u64::from(open_at), lane);
        }
        busy
    }
}

/// Whether an input port prefers an input VC to the one chosen so far: first among the output ports
/// that they want, then among the VCs that want this one, both round-robin.
#[inline]
fn better(cells: &Open<'_, Cell>, at: LaneNo, lane: LaneNo, shift: u32) -> bool {
    let port: &Port = &cells[at].port;
    let wanted = |lane: LaneNo| cells[lane].input.out >> shift;
    let (one, other) = (wanted(lane), wanted(port.chosen));
    if one == other {
        sooner(lane, port.chosen, port.sent)
    } else {
        sooner(one, other, port_of(port.sent_to, shift))
    }
}
