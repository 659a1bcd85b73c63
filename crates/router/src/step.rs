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
use crate::plain::several;
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
            let mut active = self.c.active[w];
            while active != 0 {
                let i = w * 64 + active.trailing_zeros() as usize;
                active &= active - 1;
                let next = self.step(i, now, egress);
                if next != now + 1 {
                    self.c.active[w] &= !(1 << (i % 64));
                    if next != u64::MAX {
                        later(egress, RouterIdx::new(i), next);
                    }
                }
            }
        }
    }

    /// Steps router `i`. Gives the next cycle in which it must be stepped.
    #[inline]
    pub(crate) fn step<E: Egress>(&mut self, i: usize, now: u64, egress: &mut E) -> u64 {
        let block = &mut self.blocks[i];
        if block.timed || self.c.special {
            return self.step_special(i, now, egress);
        }
        self.c.step_plain(block, i, now, egress)
    }

    /// As [`step`](Self::step) where something may have run out, RC takes no cycle, or the router is
    /// not the plain one.
    #[inline(never)]
    fn step_special<E: Egress>(&mut self, i: usize, now: u64, egress: &mut E) -> u64 {
        if self.blocks[i].timed {
            self.expire(i, now);
        }
        if self.c.pipeline.rc == 0 {
            self.c.turn(&mut self.blocks[i], i, now, egress);
        }
        if self.c.general.is_some() {
            if E::WATCHES {
                self.blocks[i].tell_starved(i, egress);
            }
            let stirred = self.step_general(i, now, egress);
            return self.c.finish(&mut self.blocks[i], i, now, stirred, egress);
        }
        self.c.step_plain(&mut self.blocks[i], i, now, egress)
    }
}

impl<R: RoutingFunction> Common<R> {
    /// Both allocations see the state that the cycle began with: the switch is given away first, but
    /// used only when VCs are.
    #[inline(never)]
    fn step_plain<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        egress: &mut E,
    ) -> u64 {
        if E::WATCHES {
            block.tell_starved(i, egress);
        }
        let (mut waiting, mut ready) = (0, 0);
        let words = if W == 1 { 1 } else { usize::from(block.words) };
        for sets in block.sets.iter().take(words) {
            waiting |= sets.waiting;
            ready |= sets.ready;
        }
        let lone = W == 1 && !several(ready);
        let winners = if lone { [0; W] } else { self.allocate_switch(block, i, egress) };
        let mut stirred = false;
        if waiting != 0 {
            stirred = if W == 1 && !several(waiting) {
                self.allocate_vc(block, (i, waiting.trailing_zeros() as usize), now, egress)
            } else {
                self.allocate_vcs(block, i, now, egress)
            };
        }
        if !lone {
            stirred |= self.traverse_all(block, i, winners, now, egress);
        } else if ready != 0 {
            stirred |= self.traverse(block, i, ready.trailing_zeros() as usize, now, egress);
        }
        self.finish(block, i, now, stirred, egress)
    }

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

    /// Packets that came to the front in the step before are routed. `stirred`: an output VC became
    /// free, or somebody asked for one that was. Gives the next cycle in which to step.
    #[inline]
    fn finish<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        stirred: bool,
        egress: &mut E,
    ) -> u64 {
        let (mut waiting, mut ready, mut moved) = (0, 0, 0);
        let words = if W == 1 { 1 } else { usize::from(block.words) };
        for sets in block.sets.iter().take(words) {
            waiting |= sets.waiting;
            ready |= sets.ready;
            if E::WATCHES {
                // Whoever stalls does so in every cycle.
                ready |= sets.starved | sets.waiting;
            }
            moved |= sets.routing | sets.turned;
        }
        if moved != 0 {
            self.start_turned(block, i, now, egress);
            return now + 1;
        }
        // Who waits for an output VC waits for one to become free, unless another port may do.
        if ready != 0 || waiting != 0 && (stirred || self.adaptive) {
            return now + 1;
        }
        if block.timed { self.first_timer(i) } else { u64::MAX }
    }

    /// RC of the packets that came to the front in the step before; those of this one are next.
    #[inline(never)]
    fn start_turned<E: Egress, const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        egress: &mut E,
    ) {
        let words = if W == 1 { 1 } else { usize::from(block.words) };
        for w in 0..words {
            let sets = &mut block.sets[w % W];
            let mut turned = sets.turned;
            sets.turned = core::mem::take(&mut sets.routing);
            while turned != 0 {
                let at = w * 64 + turned.trailing_zeros() as usize;
                turned &= turned - 1;
                self.start(block, i, at, now, egress);
            }
        }
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
