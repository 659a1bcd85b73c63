//! One step of one router, or of all that have something to do.
//!
//! ```text
//!   credits, body flits ─▶ RC* ─▶ VA ─▶ SA, ST ─▶ flits and credits out ─▶ heads: RC
//! ```
//!
//! RC of a packet that came to the front because the one before left is done in the router's next
//! step. (*) With lookahead routing RC takes no cycle and comes before VA.

use base::{RouterIdx, RoutingFunction};

use crate::bank::{Common, Kernel};
use crate::egress::{Egress, Stall};
use crate::state::Block;

impl<R: RoutingFunction, const L: usize, const W: usize> Kernel<'_, R, L, W> {
    /// Steps every router that has something to do.
    #[inline]
    pub(crate) fn step_all<E: Egress>(
        &mut self,
        now: u64,
        egress: &mut E,
        mut later: impl FnMut(&mut E, RouterIdx, u64),
    ) {
        for w in 0..self.c.active.len() {
            let mut active = core::mem::take(&mut self.c.active[w]);
            let mut again = 0;
            while active != 0 {
                let bit = active & active.wrapping_neg();
                let i = w * 64 + active.trailing_zeros() as usize;
                active ^= bit;
                let next = self.step(i, now, egress);
                if next == now + 1 {
                    again |= bit;
                } else if next != u64::MAX {
                    later(egress, RouterIdx::new(i), next);
                }
            }
            self.c.active[w] |= again;
        }
    }

    /// Steps router `i`. Gives the next cycle in which it must be stepped.
    #[inline]
    pub(crate) fn step<E: Egress>(&mut self, i: usize, now: u64, egress: &mut E) -> u64 {
        if self.blocks[i].timed {
            self.expire(i, now);
        }
        let lookahead = self.c.pipeline.rc == 0;
        if lookahead {
            self.c.turn(&mut self.blocks[i], i, now, egress);
        }
        if E::WATCHES {
            self.blocks[i].tell_starved(i, egress);
        }
        let stirred = if self.c.general.is_some() {
            self.step_general(i, now, egress)
        } else {
            let block = &mut self.blocks[i];
            let (mut waiting, mut ready) = (0, 0);
            let words = if W == 1 { 1 } else { usize::from(block.words) };
            for sets in block.sets.iter().take(words) {
                waiting |= sets.waiting;
                ready |= sets.ready;
            }
            let mut stirred = false;
            if waiting != 0 {
                stirred = self.c.allocate_vcs(block, i, now, egress);
            }
            if ready != 0 {
                stirred |= self.c.allocate_switch(block, i, now, egress);
            }
            stirred
        };
        self.c.finish(&mut self.blocks[i], i, now, stirred, egress)
    }
}

impl<R: RoutingFunction> Common<R> {
    /// RC of the packets that came to the front in the step before.
    #[cold]
    fn turn<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        egress: &mut E,
    ) {
        for w in 0..usize::from(block.words) {
            let mut turned = core::mem::take(&mut block.sets[w % W].turned);
            while turned != 0 {
                let at = w * 64 + turned.trailing_zeros() as usize;
                turned &= turned - 1;
                self.start(block, i, at, now, egress);
            }
        }
    }

    /// What was decided takes effect: VCs granted in this step ask for the switch in the next, and
    /// packets that came to the front in the step before are routed. `stirred`: an output VC became
    /// free, or somebody asked for one that was.
    #[inline]
    fn finish<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        stirred: bool,
        egress: &mut E,
    ) -> u64 {
        // Who waits for an output VC waits for one to become free, unless another port may do.
        let waits = if stirred || self.adaptive { u64::MAX } else { 0 };
        let mut busy = 0;
        let words = if W == 1 { 1 } else { usize::from(block.words) };
        for w in 0..words {
            let sets = &mut block.sets[w % W];
            sets.ready |= core::mem::take(&mut sets.fresh);
            let mut turned = sets.turned;
            sets.turned = core::mem::take(&mut sets.routing);
            busy |= sets.ready | sets.waiting & waits | sets.turned | turned;
            if E::WATCHES {
                // Whoever stalls does so in every cycle.
                busy |= sets.starved | sets.waiting;
            }
            while turned != 0 {
                let at = w * 64 + turned.trailing_zeros() as usize;
                turned &= turned - 1;
                self.start(block, i, at, now, egress);
            }
        }
        if busy != 0 {
            return now + 1;
        }
        if block.timed { self.first_timer(i) } else { u64::MAX }
    }

    #[cold]
    fn first_timer(&self, i: usize) -> u64 {
        self.timers[i].iter().map(|(when, _)| *when).min().unwrap_or(u64::MAX)
    }
}

impl<const L: usize, const W: usize> Block<L, W> {
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
