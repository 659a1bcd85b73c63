//! What comes to a router: credits, flits, and the cycles at which something runs out.

use base::{Head, Hop, PortIdx, RouterIdx, RoutingFunction, VcIdx};

use crate::bank::{Common, Kernel};
use crate::egress::Egress;
use crate::state::{Block, Input, Lane, Output, Stage, Timer};
use crate::store::Slot;
use crate::view::Outputs;

impl<R: RoutingFunction, const L: usize, const W: usize> Kernel<'_, R, L, W> {
    /// The router of a lane, and its own number of it.
    #[inline]
    pub(crate) fn split(lane: Lane) -> (usize, usize) {
        ((lane.0 >> Block::<L, W>::LOG) as usize, lane.0 as usize % L)
    }

    /// Gives output VCs a credit each.
    #[inline]
    pub(crate) fn credit_all(&mut self, to: &[Lane], now: u64) {
        for lane in to {
            self.credit(*lane);
        }
        if self.c.notes {
            for lane in to {
                self.note_credit(*lane, now);
            }
        }
    }

    /// Gives an output VC a credit.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn credit(&mut self, to: Lane) {
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

    /// Puts heads into input VCs.
    #[inline]
    pub(crate) fn deliver_heads<E: Egress>(
        &mut self,
        flits: &[(Lane, Slot)],
        now: u64,
        egress: &mut E,
    ) {
        for (lane, slot) in flits {
            if let Some((i, at)) = self.buffer(*lane, *slot) {
                let block = &mut self.blocks[i];
                #[expect(clippy::cast_possible_truncation, reason = "the low bits are compared")]
                let left = block.inputs[at].left == now as u32;
                if left && self.c.pipeline.rc > 0 {
                    // The tail before it left in this very cycle: RC is in the next.
                    block.inputs[at].stage = Stage::Routing;
                    block.sets[at / 64].turned |= 1 << (at % 64);
                } else {
                    self.c.start(block, i, at, now, egress);
                }
                self.c.wake(i);
            }
        }
    }

    /// Puts flits that are no heads into input VCs.
    #[inline]
    pub(crate) fn deliver_bodies<E: Egress>(&mut self, flits: &[(Lane, Slot)], _: &mut E) {
        for (lane, slot) in flits {
            if let Some((i, at)) = self.buffer(*lane, *slot) {
                let block = &mut self.blocks[i];
                let holds = block.inputs[at].stage == Stage::Active;
                if holds && (block.resume(at) || E::WATCHES) {
                    self.c.wake(i);
                }
            }
        }
    }

    /// Puts a flit into the buffer of an input VC; its router and lane if it is at the front.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn buffer(&mut self, lane: Lane, slot: Slot) -> Option<(usize, usize)> {
        let (i, at) = Self::split(lane);
        let input = &mut self.blocks[i].inputs[at];
        let waiting = input.len;
        if waiting >= input.depth {
            overflown(lane, input.depth);
        }
        input.len = waiting + 1;
        let last = core::mem::replace(&mut input.last, slot);
        if waiting > 0 {
            self.c.store.link(last, slot);
            return None;
        }
        input.first = slot;
        Some((i, at))
    }

    /// The link out of the port of lane `first` takes nothing until cycle `when`.
    #[cold]
    pub(crate) fn hold(&mut self, i: usize, (first, vc_mask): (usize, usize), when: u64) {
        let block = &mut self.blocks[i];
        block.link_busy(first, vc_mask);
        block.timed = true;
        self.c.timers[i].push((when, Timer::Link(short(first))));
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

    /// Router `i` has nothing to do until it is woken.
    #[inline]
    pub(crate) fn rest(&mut self, i: usize) {
        self.active[i / 64] &= !(1 << (i % 64));
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
            Some(hop) => self.request(block, at, hop),
            None => self.route(block, i, at, now),
        }
        block.inputs[at % L].stage = Stage::Waiting;
        if rc > 1 {
            self.arm(block, i, now + u64::from(rc), Timer::Routed(short(at)), egress);
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
        let hop = self.ask(block, (i, at), &mut head, now);
        if head.state != state {
            self.store.set_state(slot, head.state);
        }
        self.request(block, at, hop);
    }

    /// What the routing function says of a packet that is at the front of an input VC.
    pub(crate) fn ask<const L: usize, const W: usize>(
        &self,
        block: &Block<L, W>,
        (i, at): (usize, usize),
        head: &mut Head,
        now: u64,
    ) -> Hop {
        let router = Block::<L, W>::router(i);
        let view = Outputs { common: self, block, router, now };
        let port = PortIdx(short(at >> self.shift));
        #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
        let vc = VcIdx((at & self.vc_mask as usize) as u8);
        let hop = self.routing.route(router, port, vc, head, &view);
        if hop.vcs == 0 || hop.port.0 >= block.ports {
            led_nowhere(i, at, hop);
        }
        hop
    }

    /// The packet at the front of an input VC asks for an output VC of its hop.
    #[inline]
    fn request<const L: usize, const W: usize>(
        &self,
        block: &mut Block<L, W>,
        at: usize,
        hop: Hop,
    ) {
        debug_assert!(hop.vcs != 0 && hop.port.0 < block.ports, "lane {at}: {hop:?}");
        let out = hop.port.0 << self.shift;
        let input = &mut block.inputs[at % L];
        input.out = out;
        input.request = hop.vcs << (out % 64);
    }

    /// Lets `timer` of router `i` go off at cycle `when`, which is later than now.
    #[cold]
    pub(crate) fn arm<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        when: u64,
        timer: Timer,
        egress: &mut E,
    ) {
        self.timers[i].push((when, timer));
        block.timed = true;
        egress.wake(Block::<L, W>::router(i), when);
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
    output.credits == output.depth && !output.held
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
    pub(crate) fn resume(&mut self, at: usize) -> bool {
        let out = usize::from(self.inputs[at % L].out) % L;
        let bit = 1 << (at % 64);
        let open = self.sets[out / 64].shut >> (out % 64) & 1 == 0;
        let sets = &mut self.sets[at / 64 % W];
        if open {
            sets.ready |= bit;
        } else if self.outputs[out].credits == 0 {
            sets.starved |= bit;
        }
        open
    }

    /// Output VC `at` has a credit again. Tells whether its packet is ready thereby.
    #[inline(never)]
    fn fund(&mut self, at: usize, vc_mask: usize) -> bool {
        let open = !self.outputs[at & !vc_mask].busy;
        if open {
            self.sets[at / 64].shut &= !(1 << (at % 64));
        }
        let owner = usize::from(self.outputs[at].owner);
        if owner >= L || usize::from(self.inputs[owner].out) != at {
            return false;
        }
        let sets = &mut self.sets[owner / 64];
        let bit = 1 << (owner % 64);
        if sets.starved & bit == 0 {
            return false;
        }
        sets.starved &= !bit;
        if open {
            sets.ready |= bit;
        }
        open
    }

    /// The link out of the port of lane `first` takes another flit: whoever waited for that is
    /// ready.
    fn link_free(&mut self, first: usize, vc_mask: usize) {
        self.outputs[first].busy = false;
        for out in first..=first + vc_mask {
            let Output { owner, credits, .. } = self.outputs[out];
            if credits == 0 {
                continue;
            }
            self.sets[out / 64].shut &= !(1 << (out % 64));
            let owner = usize::from(owner);
            if owner >= L {
                continue;
            }
            let Input { stage, len, out: held, .. } = self.inputs[owner];
            if stage == Stage::Active && len > 0 && usize::from(held) == out {
                self.sets[owner / 64].ready |= 1 << (owner % 64);
            }
        }
    }

    /// The link out of the port of lane `first` is busy: nobody who wants it is ready.
    #[cold]
    pub(crate) fn link_busy(&mut self, first: usize, vc_mask: usize) {
        self.outputs[first].busy = true;
        for out in first..=first + vc_mask {
            self.sets[out / 64].shut |= 1 << (out % 64);
            let owner = usize::from(self.outputs[out].owner);
            if owner < L && usize::from(self.inputs[owner].out) == out {
                self.sets[owner / 64].ready &= !(1 << (owner % 64));
                self.sets[owner / 64].fresh &= !(1 << (owner % 64));
            }
        }
    }
}
