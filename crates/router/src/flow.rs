//! What comes to a router: credits, flits, and the cycles at which something runs out.

use base::{Hop, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use crate::bank::{Common, Kernel};
use crate::egress::Egress;
use crate::state::{Block, Lane, NOBODY, Output, Stage, Timer};
use crate::store::Slot;
use crate::view::Outputs;

impl<R: RoutingFunction, const L: usize, const W: usize> Kernel<'_, R, L, W> {
    /// The router of a lane, and its own number of it.
    #[inline]
    fn split(lane: Lane) -> (usize, usize) {
        ((lane.0 >> Block::<L, W>::LOG) as usize, lane.0 as usize % L)
    }

    /// Gives output VCs a credit each.
    pub(crate) fn credit_all(&mut self, to: &[Lane], now: u64) {
        for lane in to {
            self.credit(*lane, now);
        }
    }

    /// Gives an output VC a credit.
    #[inline]
    fn credit(&mut self, to: Lane, now: u64) {
        let (i, at) = Self::split(to);
        let block = &mut self.blocks[i];
        let output = &mut block.outputs[at];
        output.credits += 1;
        if output.credits > output.depth {
            over_paid(to);
        }
        if output.credits == 1 && block.fund(at, self.c.vc_mask as usize) {
            self.c.wake(i);
        }
        if self.c.notes {
            self.note_credit(to, now);
        }
    }

    /// What else a credit does.
    #[cold]
    fn note_credit(&mut self, to: Lane, now: u64) {
        let (i, at) = Self::split(to);
        let block = &mut self.blocks[i];
        let output = block.outputs[at];
        if !self.c.loads.is_empty() {
            self.c.loads[to.0 as usize].set(output.depth - output.credits, now);
        }
        if self.c.keeps_vcs && output_whole(&output) {
            block.sets[at / 64].free |= 1 << (at % 64);
            self.c.wake(i);
        }
        if self.c.general.is_some() {
            self.credit_general(i, at);
        }
    }

    /// Puts flits into input VCs.
    pub(crate) fn deliver_all<E: Egress>(
        &mut self,
        flits: &[(Lane, Slot)],
        now: u64,
        egress: &mut E,
    ) {
        for (lane, slot) in flits {
            self.deliver(*lane, *slot, now, egress);
        }
    }

    /// Puts a flit into an input VC.
    #[inline]
    fn deliver<E: Egress>(&mut self, lane: Lane, slot: Slot, now: u64, egress: &mut E) {
        let (i, at) = Self::split(lane);
        let block = &mut self.blocks[i];
        let input = &mut block.inputs[at];
        if input.len >= input.depth {
            overflown(lane, input.depth);
        }
        input.len += 1;
        if input.len > 1 {
            self.c.store.link(input.last, slot);
            input.last = slot;
            return;
        }
        input.first = slot;
        input.last = slot;
        match input.stage {
            #[expect(clippy::cast_possible_truncation, reason = "the low bits are compared")]
            Stage::Idle if input.left == now as u32 && self.c.pipeline.rc > 0 => {
                // The tail before it left in this very cycle: RC is in the next.
                input.stage = Stage::Routing;
                block.sets[at / 64].turned |= 1 << (at % 64);
                self.c.wake(i);
            }
            Stage::Idle => {
                self.c.start(block, i, at, now, egress);
                self.c.wake(i);
            }
            Stage::Active => {
                if block.resume(at, self.c.vc_mask as usize) || E::WATCHES {
                    self.c.wake(i);
                }
            }
            Stage::Routing | Stage::Waiting | Stage::Granted => {}
        }
    }

    /// What runs out at cycle `now`.
    #[cold]
    pub(crate) fn expire(&mut self, i: usize, now: u64) {
        let block = &mut self.blocks[i];
        let mut n = 0;
        while let Some(&(when, timer)) = self.c.timers[i].get(n) {
            if when > now {
                n += 1;
                continue;
            }
            self.c.timers[i].swap_remove(n);
            match timer {
                Timer::Routed(at) => {
                    block.sets[usize::from(at) / 64].waiting |= 1 << (at % 64);
                }
                Timer::Granted(at) => {
                    block.inputs[usize::from(at)].stage = Stage::Active;
                    block.resume(usize::from(at), self.c.vc_mask as usize);
                }
                Timer::Link(port) => block.link_free(usize::from(port), self.c.vc_mask as usize),
            }
        }
        block.timed = !self.c.timers[i].is_empty();
    }
}

impl<R: RoutingFunction> Common<R> {
    /// Router `i` has something to do in its next step.
    #[inline]
    pub(crate) fn wake(&mut self, i: usize) {
        self.active[i / 64] |= 1 << (i % 64);
    }

    /// RC of the packet at the front of an input VC.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(crate) fn start<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        at: usize,
        now: u64,
        egress: &mut E,
    ) {
        let rc = self.pipeline.rc;
        let slot = block.inputs[at % L].first;
        let lane = Block::<L, W>::lane(i, at);
        egress.at_front(lane, slot, &self.store, now, now + u64::from(rc));
        let (dst, class) = self.store.arrive(slot);
        match self.routing.fixed(Block::<L, W>::router(i), dst, class) {
            Some(hop) => self.request(block, (i, at), hop),
            None => self.route(block, i, at, now),
        }
        block.inputs[at % L].stage = Stage::Waiting;
        if rc > 1 {
            self.arm(block, i, now + u64::from(rc), Timer::Routed(short(at)));
        } else {
            block.sets[at / 64 % W].waiting |= 1 << (at % 64);
        }
    }

    /// Asks the routing function for the hop of the packet at the front of an input VC.
    #[inline(never)]
    pub(crate) fn route<const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        at: usize,
        now: u64,
    ) {
        let slot = block.inputs[at % L].first;
        let mut head = self.store.head(slot);
        let state = head.state;
        let router = Block::<L, W>::router(i);
        let view = Outputs { common: &*self, block: &*block, router, now };
        let port = PortIdx(short(at >> self.shift));
        #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
        let vc = VcIdx((at & self.vc_mask as usize) as u8);
        let hop = self.routing.route(router, port, vc, &mut head, &view);
        if head.state != state {
            self.store.set_state(slot, head.state);
        }
        self.request(block, (i, at), hop);
    }

    /// The packet at the front of an input VC asks for an output VC of its hop.
    #[inline]
    fn request<const L: usize, const W: usize>(
        &self,
        block: &mut Block<L, W>,
        (i, at): (usize, usize),
        hop: Hop,
    ) {
        if hop.vcs == 0 || hop.port.0 >= block.ports {
            led_nowhere(i, at, hop);
        }
        let out = hop.port.0 << self.shift;
        let input = &mut block.inputs[at % L];
        input.out = out;
        input.request = hop.vcs << (out % 64);
    }

    /// Lets `timer` of router `i` go off at cycle `when`, which is later than now.
    #[cold]
    pub(crate) fn arm<const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        when: u64,
        timer: Timer,
    ) {
        self.timers[i].push((when, timer));
        block.timed = true;
    }
}

#[cold]
fn over_paid(to: Lane) {
    panic!("{to:?}: a credit too many");
}

#[cold]
fn overflown(lane: Lane, depth: u16) {
    panic!("{lane:?} overflows its {depth} flits");
}

#[cold]
fn led_nowhere(router: usize, lane: usize, hop: Hop) {
    panic!("router {router}: the routing function gave {hop:?} at lane {lane}");
}

/// Whether an output VC has all its credits and no packet.
const fn output_whole(output: &Output) -> bool {
    output.credits == output.depth && output.owner == NOBODY
}

/// A number of a lane or port within a router.
#[expect(clippy::cast_possible_truncation, reason = "256 ports of 64 VCs are 16,384 lanes")]
#[inline]
pub(crate) const fn short(at: usize) -> u16 {
    at as u16
}

impl<const L: usize, const W: usize> Block<L, W> {
    /// The bank's number of a lane of router `i`.
    #[expect(clippy::cast_possible_truncation, reason = "banks are bounded at elaboration")]
    #[inline]
    pub(crate) const fn lane(i: usize, at: usize) -> Lane {
        Lane((i << Self::LOG | at) as u32)
    }

    /// The number of a router.
    #[expect(clippy::cast_possible_truncation, reason = "banks are bounded at elaboration")]
    #[inline]
    pub(crate) const fn router(i: usize) -> RouterIdx {
        RouterIdx(i as u32)
    }

    /// A packet that holds an output VC has a flit again. Tells whether it is ready.
    #[inline]
    pub(crate) fn resume(&mut self, at: usize, vc_mask: usize) -> bool {
        let out = usize::from(self.inputs[at].out) % L;
        let sets = &mut self.sets[at / 64];
        let bit = 1 << (at % 64);
        if self.outputs[out].credits == 0 {
            sets.starved |= bit;
            return false;
        }
        if self.outputs[out & !vc_mask].busy {
            return false;
        }
        sets.ready |= bit;
        true
    }

    /// Output VC `at` has a credit again. Tells whether its packet is ready thereby.
    fn fund(&mut self, at: usize, vc_mask: usize) -> bool {
        let owner = usize::from(self.outputs[at].owner);
        if owner >= L {
            return false;
        }
        let sets = &mut self.sets[owner / 64];
        let bit = 1 << (owner % 64);
        if sets.starved & bit == 0 {
            return false;
        }
        sets.starved &= !bit;
        let ready = !self.outputs[at & !vc_mask].busy;
        if ready {
            sets.ready |= bit;
        }
        ready
    }

    /// The link out of the port of lane `first` takes another flit: whoever waited for that is
    /// ready.
    fn link_free(&mut self, first: usize, vc_mask: usize) {
        self.outputs[first].busy = false;
        for out in first..=first + vc_mask {
            let Output { owner, credits, .. } = self.outputs[out];
            if owner == NOBODY || credits == 0 {
                continue;
            }
            let owner = usize::from(owner);
            if self.inputs[owner].stage == Stage::Active && self.inputs[owner].len > 0 {
                self.sets[owner / 64].ready |= 1 << (owner % 64);
            }
        }
    }

    /// The link out of the port of lane `first` is busy: nobody who wants it is ready.
    #[cold]
    pub(crate) fn link_busy(&mut self, first: usize, vc_mask: usize) {
        self.outputs[first].busy = true;
        for out in first..=first + vc_mask {
            let owner = usize::from(self.outputs[out].owner);
            if owner < L {
                self.sets[owner / 64].ready &= !(1 << (owner % 64));
                self.sets[owner / 64].fresh &= !(1 << (owner % 64));
            }
        }
    }
}
