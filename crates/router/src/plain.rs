//! The plain router's allocation: separable input-first with round-robin arbiters, for VCs and for
//! the switch, as BookSim 2's defaults.
//!
//! Both see the state that the cycle began with: who gets an output VC asks for the switch from the
//! next cycle on, and an output VC that a tail frees is given away in the next. Pointers move only
//! past a granted requester.
//!
//! Most routers have one requester in most cycles, so that case is straight code and inlined; several
//! meet in functions of their own.

use core::num::NonZero;

use base::RoutingFunction;

use crate::bank::Common;
use crate::egress::{Departure, Egress, Stall};
use crate::flow::short;
use crate::ports::{pick, sooner};
use crate::state::{Block, NOBODY, Stage, Timer};

/// Whether there are two bits in a set.
#[inline]
pub(crate) const fn several(set: u64) -> bool {
    set & set.wrapping_sub(1) != 0
}

impl<R: RoutingFunction> Common<R> {
    /// VC allocation where only input VC `at` waits. Tells whether it asked for one that is free.
    #[inline]
    pub(crate) fn allocate_vc<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        (i, at): (usize, usize),
        now: u64,
        egress: &mut E,
    ) -> bool {
        if let Some(out) = block.wish(at) {
            self.grant_vc(block, i, (at, out), now, egress);
            true
        } else {
            self.no_vc(block, i, at, now, egress);
            false
        }
    }

    /// VC allocation: every waiting input VC picks one free output VC, every output VC one of them.
    /// Tells whether any asked for one that is free.
    #[inline(never)]
    pub(crate) fn allocate_vcs<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        egress: &mut E,
    ) -> bool {
        let words = if W == 1 { 1 } else { usize::from(block.words) };
        let mut any = false;
        for w in 0..words {
            let mut waiting = block.sets[w % W].waiting;
            while waiting != 0 {
                let at = w * 64 + waiting.trailing_zeros() as usize;
                waiting &= waiting - 1;
                let Some(out) = block.wish(at) else {
                    self.no_vc(block, i, at, now, egress);
                    continue;
                };
                any = true;
                let output = &mut block.outputs[out % L];
                let claimed = &mut block.sets[out / 64 % W].claimed;
                if *claimed >> (out % 64) & 1 == 0 {
                    *claimed |= 1 << (out % 64);
                    output.claim = short(at);
                    continue;
                }
                let mut lost = at;
                if sooner(short(at), output.claim, output.pointer) {
                    lost = usize::from(output.claim);
                    output.claim = short(at);
                }
                if E::WATCHES {
                    egress.stalled(Block::<L, W>::lane(i, lost), Stall::NoVc);
                }
            }
        }
        for w in 0..words {
            let mut claimed = core::mem::take(&mut block.sets[w % W].claimed);
            while claimed != 0 {
                let out = w * 64 + claimed.trailing_zeros() as usize;
                claimed &= claimed - 1;
                let at = usize::from(block.outputs[out % L].claim);
                self.grant_vc(block, i, (at, out), now, egress);
            }
        }
        any
    }

    /// A packet found no output VC. Others may be free elsewhere next time.
    #[inline]
    fn no_vc<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        at: usize,
        now: u64,
        egress: &mut E,
    ) {
        if E::WATCHES {
            egress.stalled(Block::<L, W>::lane(i, at), Stall::NoVc);
        }
        if self.adaptive {
            self.route(block, i, at, now);
        }
    }

    /// Gives output VC `out` to input VC `at`.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn grant_vc<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        (at, out): (usize, usize),
        now: u64,
        egress: &mut E,
    ) {
        let at = at % L;
        let output = &mut block.outputs[out % L];
        output.owner = short(at);
        output.pointer = short(at + 1);
        let funded = output.credits > 0;
        block.sets[out / 64 % W].free &= !(1 << (out % 64));
        let sets = &mut block.sets[at / 64];
        let bit = 1_u64 << (at % 64);
        sets.waiting &= !bit;
        if !funded {
            sets.starved |= bit;
        } else if !block.outputs[(out % L) & !(self.vc_mask as usize)].busy {
            sets.ready |= bit;
        }
        let input = &mut block.inputs[at];
        input.out = short(out);
        input.pointer = short(out + 1);
        input.stage = Stage::Active;
        let va = self.pipeline.va;
        let (from, to) = (Block::<L, W>::lane(i, at), Block::<L, W>::lane(i, out));
        egress.vc_granted(from, to, input.first, &self.store, now + u64::from(va));
        if va > 1 {
            input.stage = Stage::Granted;
            let sets = &mut block.sets[at / 64];
            sets.ready &= !bit;
            sets.starved &= !bit;
            self.arm(block, i, now + u64::from(va), Timer::Granted(short(at)));
        }
    }

    /// Switch allocation: every input port picks one VC that could send, every output port one of
    /// them. Gives the input VCs that may send a flit each.
    #[inline(never)]
    pub(crate) fn allocate_switch<E: Egress, const L: usize, const W: usize>(
        &self,
        block: &mut Block<L, W>,
        i: usize,
        egress: &mut E,
    ) -> [u64; W] {
        let words = if W == 1 { 1 } else { usize::from(block.words) };
        let low = self.vc_mask as usize;
        // Output ports by their first lane; their claims are the inputs promised to them.
        let mut taken = [0_u64; W];
        let mut winners = [0_u64; W];
        for w in 0..words {
            let mut ready = block.sets[w % W].ready;
            while ready != 0 {
                let bit = ready.trailing_zeros() as usize;
                let base = bit & !low;
                let able = ready & self.lanes << base;
                ready ^= able;
                let mut at = w * 64 + bit;
                if several(able) {
                    at = self.choose(block, i, w * 64 + base, able >> base, egress);
                }
                let out = usize::from(block.inputs[at % L].out) & !low;
                let set = &mut taken[out / 64 % W];
                let one = 1 << (out % 64);
                let port = &mut block.outputs[out % L];
                if *set & one == 0 {
                    *set |= one;
                    port.claim = short(at);
                    winners[w % W] |= 1 << (at % 64);
                    continue;
                }
                let held = usize::from(port.claim);
                let first = |lane: usize| short(lane & !low);
                let mut lost = at;
                if sooner(first(at), first(held), port.port_pointer) {
                    port.claim = short(at);
                    winners[w % W] |= 1 << (at % 64);
                    winners[held / 64 % W] &= !(1 << (held % 64));
                    lost = held;
                }
                if E::WATCHES {
                    egress.stalled(Block::<L, W>::lane(i, lost), Stall::LostSwitch);
                }
            }
        }
        winners
    }

    /// Sends the flits at the front of the input VCs that got the switch. Tells whether an output VC
    /// became free.
    #[inline(never)]
    pub(crate) fn traverse_all<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        winners: [u64; W],
        now: u64,
        egress: &mut E,
    ) -> bool {
        let mut freed = false;
        for (w, won) in winners.iter().enumerate() {
            let mut won = *won;
            while won != 0 {
                let at = w * 64 + won.trailing_zeros() as usize;
                won &= won - 1;
                freed |= self.traverse(block, i, at, now, egress);
            }
        }
        freed
    }

    /// The choice of an input port among its VCs that could send (`able`, from lane `base` on):
    /// first among the output ports that they want, then among the VCs that want this one, both
    /// round-robin.
    fn choose<E: Egress, const L: usize, const W: usize>(
        &self,
        block: &Block<L, W>,
        i: usize,
        base: usize,
        able: u64,
        egress: &mut E,
    ) -> usize {
        let port = &block.outputs[base % L];
        let low = short(self.vc_mask as usize);
        let wanted = |vc: u32| block.inputs[(base + vc as usize) % L].out & !low;
        let start = pick(able, u32::from(port.vc_pointer));
        let mut best = (start, wanted(start));
        let mut rest = able & !(1 << start);
        while rest != 0 {
            // In the order of the VCs' own turn, so that the first of equals is kept.
            let vc = pick(rest, start);
            rest &= !(1 << vc);
            let out = wanted(vc);
            if out != best.1 && sooner(out, best.1, port.choice_pointer) {
                best = (vc, out);
            }
        }
        if E::WATCHES {
            let mut losers = able & !(1 << best.0);
            while losers != 0 {
                let at = base + losers.trailing_zeros() as usize;
                losers &= losers - 1;
                egress.stalled(Block::<L, W>::lane(i, at), Stall::LostSwitch);
            }
        }
        base + best.0 as usize
    }

    /// Sends the flit at the front of input VC `at` through the switch. Tells whether it was a tail.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(crate) fn traverse<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        at: usize,
        now: u64,
        egress: &mut E,
    ) -> bool {
        let depart = now + self.traversal;
        let d = self.pop(block, i, at, now, depart);
        let free = egress.send(&d, &mut self.store);
        egress.credit(d.from, now + 1);
        if free > depart + 1 {
            let low = self.vc_mask as usize;
            let first = (d.to.0 as usize % L) & !low;
            block.link_busy(first, low);
            self.arm(block, i, free - self.traversal, Timer::Link(short(first)));
        }
        d.tail
    }

    /// Takes the flit at the front of input VC `at` out of its buffer, with all that follows for the
    /// router.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(crate) fn pop<const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        at: usize,
        now: u64,
        depart: u64,
    ) -> Departure {
        block.forwarded += 1;
        let at = at % L;
        let low = self.vc_mask as usize;
        let input = &mut block.inputs[at];
        let (slot, out) = (input.first, usize::from(input.out) % L);
        let (next, head, tail) = self.store.next(slot);
        input.first = next;
        input.len -= 1;
        let more = input.len > 0;
        let output = &mut block.outputs[out];
        output.credits -= 1;
        let funded = output.credits > 0;
        let used = output.depth - output.credits;
        let sets = &mut block.sets[at / 64];
        let bit = 1_u64 << (at % 64);
        if tail {
            output.owner = NOBODY;
            sets.ready &= !bit;
            sets.fresh &= !bit;
            if more {
                input.stage = Stage::Routing;
                sets.routing |= bit;
            } else {
                input.stage = Stage::Idle;
                #[expect(clippy::cast_possible_truncation, reason = "the low bits are compared")]
                let left = now as u32;
                input.left = left;
            }
            block.sets[out / 64].free |= 1 << (out % 64);
        } else if !more {
            sets.ready &= !bit;
            sets.fresh &= !bit;
        } else if !funded {
            sets.ready &= !bit;
            sets.fresh &= !bit;
            sets.starved |= bit;
        }
        if self.notes {
            self.note_departure(block, (i, out), used, now);
        }
        let from = &mut block.outputs[at & !low];
        #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
        let behind = ((at & low) + 1) as u8;
        from.vc_pointer = behind;
        from.choice_pointer = short((out & !low) + 1);
        block.outputs[out & !low].port_pointer = short((at & !low) + 1);
        let (from, to) = (Block::<L, W>::lane(i, at), Block::<L, W>::lane(i, out));
        Departure { from, to, slot, head, tail, now, depart }
    }

    /// What else a departure to output VC `out` does, on which `used` flits wait from now on.
    #[cold]
    fn note_departure<const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        (i, out): (usize, usize),
        used: u16,
        now: u64,
    ) {
        if !self.loads.is_empty() {
            self.loads[Block::<L, W>::lane(i, out).0 as usize].set(used, now);
        }
        if self.keeps_vcs {
            // It is free when its last credit is back.
            block.sets[out / 64].free &= !(1 << (out % 64));
        }
    }
}

impl<const L: usize, const W: usize> Block<L, W> {
    /// The output VC that the packet of input VC `at` asks for, if one is free that it may take: one
    /// arbiter over all output VCs of the router.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn wish(&self, at: usize) -> Option<usize> {
        let input = &self.inputs[at % L];
        let word = usize::from(input.out) / 64 % W;
        let free = NonZero::new(input.request & self.sets[word].free)?;
        let pointer = usize::from(input.pointer);
        let from = if W == 1 || pointer / 64 == word { pointer % 64 } else { 0 };
        let ahead = NonZero::new(free.get() & u64::MAX << from).unwrap_or(free);
        Some(word * 64 + ahead.trailing_zeros() as usize)
    }
}
