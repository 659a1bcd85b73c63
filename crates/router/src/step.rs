//! One step of one router, or of all that have something to do.
//!
//! ```text
//!   credits, body flits ─▶ RC* ─▶ VA ─▶ SA, ST ─▶ flits and credits out ─▶ turned, heads: RC
//! ```
//!
//! RC of a packet that came to the front because the one before left ("turned") is done in the
//! router's next step, at its end. (*) With lookahead routing RC takes no cycle and comes before VA.

use base::RoutingFunction;

use crate::bank::{Common, Kernel};
use crate::egress::{Egress, Stall};
use crate::state::Block;

impl<R: RoutingFunction, const L: usize, const W: usize> Kernel<'_, R, L, W> {
    /// Steps every router that has something to do.
    #[inline]
    pub(crate) fn step_all<E: Egress>(&mut self, now: u64, egress: &mut E) {
        for w in 0..self.c.active.len() {
            let mut active = core::mem::take(&mut self.c.active[w]);
            let mut again = 0;
            while active != 0 {
                let bit = active & active.wrapping_neg();
                let i = w * 64 + active.trailing_zeros() as usize;
                active ^= bit;
                if self.decide(i, now, egress) {
                    again |= bit;
                }
            }
            self.c.active[w] |= again;
        }
        self.traverse_granted(now, egress);
    }

    /// Steps router `i`.
    #[inline(never)]
    pub(crate) fn step<E: Egress>(&mut self, i: usize, now: u64, egress: &mut E) {
        self.c.rest(i);
        if self.decide(i, now, egress) {
            self.c.wake(i);
        }
        for n in 0..self.c.grants.len() {
            let (_, at) = Self::split(self.c.grants[n]);
            self.c.traverse(&mut self.blocks[i], i, at, now, egress);
        }
        self.c.grants.clear();
        if !self.c.turned.is_empty() {
            self.start_turned(now, egress);
        }
    }

    /// All of router `i`'s step but for the traversals of a plain router, which go to the list of
    /// grants. Tells whether it has something to do in the next cycle.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn decide<E: Egress>(&mut self, i: usize, now: u64, egress: &mut E) -> bool {
        let block = &mut self.blocks[i];
        if block.timed || self.c.special || E::WATCHES {
            return self.decide_special(i, now, egress);
        }
        let turned = block.any_turned();
        if turned {
            self.c.set_aside(block, i);
        }
        self.c.allocate(block, i, now, egress) || turned
    }

    /// As [`decide`](Self::decide) where something may have run out, RC takes no cycle, the router is
    /// not the plain one, or somebody watches.
    #[inline(never)]
    fn decide_special<E: Egress>(&mut self, i: usize, now: u64, egress: &mut E) -> bool {
        if self.blocks[i].timed {
            self.expire(i, now);
        }
        if E::WATCHES {
            self.blocks[i].tell_starved(i, egress);
        }
        let lookahead = self.c.pipeline.rc == 0;
        if lookahead {
            self.c.turn(&mut self.blocks[i], i, now, egress);
        }
        if self.c.general.is_some() {
            return self.step_general(i, now, egress);
        }
        let block = &mut self.blocks[i];
        let turned = block.any_turned();
        if turned {
            self.c.set_aside(block, i);
        }
        self.c.allocate(block, i, now, egress) || turned
    }

    /// Sends the flits of all input VCs that got the switch, and routes the packets that came to the
    /// front in the step before.
    #[inline]
    fn traverse_granted<E: Egress>(&mut self, now: u64, egress: &mut E) {
        if !self.c.grants.is_empty() {
            let mut grants = core::mem::take(&mut self.c.grants);
            for lane in &grants {
                let (i, at) = Self::split(*lane);
                self.c.traverse(&mut self.blocks[i], i, at, now, egress);
            }
            grants.clear();
            self.c.grants = grants;
        }
        if !self.c.turned.is_empty() {
            self.start_turned(now, egress);
        }
    }

    fn start_turned<E: Egress>(&mut self, now: u64, egress: &mut E) {
        let mut turned = core::mem::take(&mut self.c.turned);
        for lane in &turned {
            let (i, at) = Self::split(*lane);
            self.c.start(&mut self.blocks[i], i, at, now, egress);
        }
        turned.clear();
        self.c.turned = turned;
    }
}

impl<R: RoutingFunction> Common<R> {
    /// Notes the packets that came to the front in the step before: RC is at the end of this one.
    #[inline(never)]
    fn set_aside<const L: usize, const W: usize>(&mut self, block: &mut Block<L, W>, i: usize) {
        for w in 0..block.used_words() {
            let mut set = core::mem::take(&mut block.sets[w % W].turned);
            while set != 0 {
                let at = w * 64 + set.trailing_zeros() as usize;
                set &= set - 1;
                self.turned.push(Block::<L, W>::lane(i, at));
            }
        }
    }

    /// RC of the packets that came to the front in the step before.
    #[inline(never)]
    pub(crate) fn turn<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        egress: &mut E,
    ) {
        for w in 0..block.used_words() {
            let turned = core::mem::take(&mut block.sets[w % W].turned);
            self.start_all(block, (i, w * 64, turned), now, egress);
        }
    }

    /// RC of the packets at the front of a set of input VCs, from lane `first` on.
    #[inline]
    pub(crate) fn start_all<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        (i, first, mut set): (usize, usize, u64),
        now: u64,
        egress: &mut E,
    ) {
        while set != 0 {
            let at = first + set.trailing_zeros() as usize;
            set &= set - 1;
            self.start(block, i, at, now, egress);
        }
    }
}

impl<const L: usize, const W: usize> Block<L, W> {
    /// Words in use.
    #[inline]
    pub(crate) fn used_words(&self) -> usize {
        if W == 1 { 1 } else { usize::from(self.words) }
    }

    /// Whether a packet came to the front of an input VC since the last step.
    #[inline]
    pub(crate) fn any_turned(&self) -> bool {
        self.sets.iter().take(self.used_words()).fold(0, |any, sets| any | sets.turned) != 0
    }

    /// Tells a watcher of those that have no credit.
    #[cold]
    fn tell_starved<E: Egress>(&self, i: usize, egress: &mut E) {
        for (w, sets) in self.sets.iter().enumerate() {
            let mut starved = sets.starved;
            while starved != 0 {
                let at = w * 64 + starved.trailing_zeros() as usize;
                starved &= starved - 1;
                egress.stalled(Self::lane(i, at), Stall::NoCredit);
            }
        }
    }
}
