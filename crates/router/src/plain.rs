//! The plain router's allocation: separable input-first with round-robin arbiters, for VCs and for
//! the switch, as BookSim 2's defaults.
//!
//! ```text
//!   for each router: sets ─▶ SA ─▶ grants          then, for each grant:
//!                         └▶ VA ─▶ asks for the switch     pop ─▶ flit and credit out
//! ```
//!
//! Both see the state that the cycle began with: who gets an output VC asks for the switch from the
//! next cycle on, and an output VC that a tail frees is given away in the next. Pointers move only
//! past a granted requester.
//!
//! Most routers have one requester in most cycles, so that case is straight code and inlined; several
//! meet in functions of their own. What is granted in a cycle is used when all routers have decided:
//! one loop over all grants keeps in registers what a loop in each router would fetch anew.

use core::num::NonZero;

use base::RoutingFunction;

use crate::bank::Common;
use crate::egress::{Departure, Egress, Stall};
use crate::flow::short;
use crate::ports::{pick, sooner};
use crate::state::{Block, Sets, Stage, Timer};

/// Whether there are two bits in a set.
#[inline]
pub(crate) const fn several(set: u64) -> bool {
    set & set.wrapping_sub(1) != 0
}

impl<R: RoutingFunction> Common<R> {
    /// Both allocations of router `i`. Input VCs that may send a flit go to the list of grants. Tells
    /// whether the router has something to do in the next cycle, whatever the grants do.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(crate) fn allocate<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        egress: &mut E,
    ) -> bool {
        let words = block.used_words();
        let (mut waiting, mut ready) = (0, 0);
        let (mut asks, mut bids) = (0_u64, 0_u64);
        for sets in block.sets.iter().take(words) {
            waiting |= sets.waiting;
            ready |= sets.ready;
            asks = asks.wrapping_add(sets.waiting);
            bids = bids.wrapping_add(sets.ready);
        }
        // Where all words together have one bit, their sum is that bit exactly if one of them has it.
        let crowd = several(waiting) || asks != waiting;
        let rush = several(ready) || bids != ready;
        let mut again = false;
        if rush {
            again = self.allocate_switch(block, i, egress);
        } else if ready != 0 {
            self.grants.push(Block::<L, W>::lane(i, block.lone(|sets| sets.ready)));
        }
        if waiting != 0 {
            let asked = if crowd {
                self.allocate_vcs(block, i, now, egress)
            } else {
                self.allocate_vc(block, (i, block.lone(|sets| sets.waiting)), now, egress)
            };
            // Who waits for an output VC waits for one to become free, unless another port may do.
            again |= asked || ready != 0 || self.adaptive;
        }
        again || E::WATCHES && block.stalls()
    }

    /// VC allocation where only input VC `at` waits. Tells whether it asked for one that is free.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn allocate_vc<E: Egress, const L: usize, const W: usize>(
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
    fn allocate_vcs<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        egress: &mut E,
    ) -> bool {
        let words = block.used_words();
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
                if sooner(short(at), output.claim, output.owner.wrapping_add(1)) {
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
        output.held = true;
        let given = &mut block.sets[out / 64 % W];
        let one = 1_u64 << (out % 64);
        given.free &= !one;
        let open = given.shut & one == 0;
        let sets = &mut block.sets[at / 64];
        let bit = 1_u64 << (at % 64);
        sets.waiting &= !bit;
        if open {
            sets.ready |= bit;
        } else if output.credits == 0 {
            sets.starved |= bit;
        }
        let input = &mut block.inputs[at];
        input.out = short(out);
        input.pointer = short(out + 1);
        input.stage = Stage::Active;
        let (from, to) = (Block::<L, W>::lane(i, at), Block::<L, W>::lane(i, out));
        egress.vc_granted(from, to, input.first, &self.store, now + 1);
    }

    /// Switch allocation: every input port picks one VC that could send, every output port one of
    /// them. They go to the list of grants. Tells whether any could have sent and does not.
    #[inline(never)]
    fn allocate_switch<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        egress: &mut E,
    ) -> bool {
        let words = block.used_words();
        let low = self.vc_mask as usize;
        let mut lost_any = false;
        for w in 0..words {
            let mut ready = block.sets[w % W].ready;
            while ready != 0 {
                let bit = ready.trailing_zeros() as usize;
                let base = bit & !low;
                let able = ready & self.lanes << base;
                ready ^= able;
                let mut at = w * 64 + bit;
                if several(able) {
                    lost_any = true;
                    at = self.choose(block, i, w * 64 + base, able >> base, egress);
                }
                let out = usize::from(block.inputs[at % L].out) & !low;
                let claimed = &mut block.sets[out / 64 % W].claimed;
                let one = 1 << (out % 64);
                let port = &mut block.outputs[out % L];
                if *claimed & one == 0 {
                    *claimed |= one;
                    port.claim = short(at);
                    continue;
                }
                lost_any = true;
                let held = usize::from(port.claim);
                let first = |lane: usize| short(lane & !low);
                let mut lost = at;
                if sooner(first(at), first(held), port.taken_from.wrapping_add(1)) {
                    port.claim = short(at);
                    lost = held;
                }
                if E::WATCHES {
                    egress.stalled(Block::<L, W>::lane(i, lost), Stall::LostSwitch);
                }
            }
        }
        for w in 0..words {
            let mut claimed = core::mem::take(&mut block.sets[w % W].claimed);
            while claimed != 0 {
                let out = w * 64 + claimed.trailing_zeros() as usize;
                claimed &= claimed - 1;
                let at = usize::from(block.outputs[out % L].claim);
                self.grants.push(Block::<L, W>::lane(i, at));
            }
        }
        lost_any
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
        let start = pick(able, u32::from(port.sent & low) + 1);
        let mut best = (start, wanted(start));
        let mut rest = able & !(1 << start);
        while rest != 0 {
            // In the order of the VCs' own turn, so that the first of equals is kept.
            let vc = pick(rest, start);
            rest &= !(1 << vc);
            let out = wanted(vc);
            if out != best.1 && sooner(out, best.1, port.sent_to.wrapping_add(1)) {
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

    /// Sends the flit at the front of input VC `at` through the switch.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(crate) fn traverse<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        at: usize,
        now: u64,
        egress: &mut E,
    ) {
        let depart = now + self.traversal;
        let (d, again) = self.pop(block, i, at, now, depart);
        let free = egress.send(&d, &mut self.store);
        egress.credit(d.from, now + 1);
        if free > depart + 1 {
            self.linger(block, (i, d.to.0 as usize % L), free, egress);
        }
        if again || E::WATCHES {
            self.wake(i);
        }
    }

    /// The link on which output VC `out` lies takes nothing that leaves before cycle `free`.
    #[inline]
    pub(crate) fn linger<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        (i, out): (usize, usize),
        free: u64,
        egress: &mut E,
    ) {
        let low = self.vc_mask as usize;
        let first = out & !low;
        block.link_busy(first, low);
        self.arm(block, i, free - self.traversal, Timer::Link(short(first)), egress);
    }

    /// Takes the flit at the front of input VC `at` out of its buffer, with all that follows for the
    /// router. Tells whether the VC has something to do in the next cycle.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(crate) fn pop<const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        at: usize,
        now: u64,
        depart: u64,
    ) -> (Departure, bool) {
        block.forwarded += 1;
        let at = at % L;
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
        let (one, bit) = (1_u64 << (out % 64), 1_u64 << (at % 64));
        if !funded {
            block.sets[out / 64].shut |= one;
        }
        let sets = &mut block.sets[at / 64];
        let mut again = more;
        if tail {
            sets.ready &= !bit;
            if more {
                input.stage = Stage::Routing;
                sets.turned |= bit;
            } else {
                input.stage = Stage::Idle;
                #[expect(clippy::cast_possible_truncation, reason = "the low bits are compared")]
                let left = now as u32;
                input.left = left;
            }
            block.sets[out / 64].free |= one;
        } else if !more {
            sets.ready &= !bit;
        } else if !funded {
            sets.ready &= !bit;
            sets.starved |= bit;
            again = false;
        }
        if self.notes {
            self.note_departure(block, (i, out), (used, tail), now);
        }
        block.take_turns(at, out, self.vc_mask as usize);
        let (from, to) = (Block::<L, W>::lane(i, at), Block::<L, W>::lane(i, out));
        (Departure { from, to, slot, head, tail, now, depart }, again)
    }

    /// What else a departure to output VC `out` does, on which `used` flits wait from now on.
    #[cold]
    pub(crate) fn note_departure<const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        (i, out): (usize, usize),
        (used, tail): (u16, bool),
        now: u64,
    ) {
        if !self.loads.is_empty() {
            self.loads[Block::<L, W>::lane(i, out).0 as usize].set(used, now);
        }
        if tail {
            block.outputs[out].held = false;
        }
        if self.keeps_vcs {
            // It is free when its last credit is back.
            block.sets[out / 64].free &= !(1 << (out % 64));
        }
    }
}

impl<const L: usize, const W: usize> Block<L, W> {
    /// The one lane that is in a set.
    #[inline]
    fn lone(&self, set: impl Fn(&Sets) -> u64) -> usize {
        let word = if W == 1 { 0 } else { self.sets.iter().position(|s| set(s) != 0).unwrap_or(0) };
        word * 64 + set(&self.sets[word % W]).trailing_zeros() as usize
    }

    /// The switch's arbiters go on behind input VC `at`, which sent to output VC `out`.
    #[inline]
    pub(crate) fn take_turns(&mut self, at: usize, out: usize, vc_mask: usize) {
        let from = &mut self.outputs[at & !vc_mask];
        from.sent = short(at);
        from.sent_to = short(out);
        self.outputs[out & !vc_mask].taken_from = short(at);
    }

    /// Whether no input VC wants anything.
    #[inline]
    pub(crate) fn is_at_rest(&self) -> bool {
        let sets = self.sets.iter().take(self.used_words());
        sets.fold(0, |any, s| any | s.waiting | s.ready | s.turned | s.starved) == 0
    }

    /// Whether a flit can be sent on output VC `out`.
    #[inline]
    pub(crate) fn is_open(&self, out: usize) -> bool {
        self.sets[out / 64 % W].shut >> (out % 64) & 1 == 0
    }

    /// Whether somebody waits for an output VC or a credit.
    fn stalls(&self) -> bool {
        self.sets.iter().any(|sets| sets.starved | sets.waiting != 0)
    }

    /// The output VC that the packet of input VC `at` asks for, if one is free that it may take: one
    /// arbiter over all output VCs of the router.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn wish(&self, at: usize) -> Option<usize> {
        let input = &self.inputs[at % L];
        let word = if W == 1 { 0 } else { usize::from(input.out) / 64 % W };
        self.choose_vc((word, input.request), usize::from(input.pointer))
    }

    /// The output VC among those of `request`, as bits of a word of lanes, that is free and the first from a pointer
    /// on.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(crate) fn choose_vc(&self, (word, request): (usize, u64), pointer: usize) -> Option<usize> {
        let free = NonZero::new(request & self.sets[word % W].free)?;
        let from = if W == 1 || pointer / 64 == word { pointer % 64 } else { 0 };
        let ahead = NonZero::new(free.get() & u64::MAX << from).unwrap_or(free);
        Some(word * 64 + ahead.trailing_zeros() as usize)
    }
}
