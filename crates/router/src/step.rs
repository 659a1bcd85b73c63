//! One step of one router, or of all that have something to do.
//!
//! ```text
//!   credits, body flits ─▶ RC* ─▶ VA ─▶ SA, ST ─▶ flits and credits out ─▶ heads: RC
//! ```
//!
//! RC of a packet that came to the front because the one before left is done in the router's next
//! step. (*) With lookahead routing RC takes no cycle and comes before VA.

use base::{RouterIdx, RoutingFunction};

use crate::MAX_PORTS;
use crate::bank::RouterBank;
use crate::egress::Egress;
use crate::state::Lane;

impl<R: RoutingFunction> RouterBank<R> {
    /// Steps every router that has something to do in cycle `now`. Credits and flits that are no
    /// heads of this cycle were given before; heads are to be given after it (before it where RC
    /// takes no cycle). `later` is told of routers that must be stepped at a later cycle if nothing
    /// comes before.
    #[inline]
    pub fn step_all<E: Egress>(
        &mut self,
        now: u64,
        egress: &mut E,
        mut later: impl FnMut(&mut E, RouterIdx, u64),
    ) {
        for w in 0..self.active.len() {
            let mut active = core::mem::take(&mut self.active[w]);
            let mut again = 0;
            while active != 0 {
                let bit = active & active.wrapping_neg();
                let i = RouterIdx::new(w * 64 + active.trailing_zeros() as usize);
                active ^= bit;
                let next = self.step(i, now, egress);
                if next == now + 1 {
                    again |= bit;
                } else if next != u64::MAX {
                    later(egress, i, next);
                }
            }
            self.active[w] |= again;
        }
    }

    /// Has router `i` stepped in the next [`step_all`](Self::step_all).
    pub fn wake(&mut self, i: RouterIdx) {
        self.active[i.at() / 64] |= 1 << (i.at() % 64);
    }

    /// Steps router `i` in cycle `now`, under the terms of [`step_all`](Self::step_all). Gives the
    /// next cycle in which it must be stepped if nothing comes before, `u64::MAX` if none.
    #[inline]
    pub fn step<E: Egress>(&mut self, i: RouterIdx, now: u64, egress: &mut E) -> u64 {
        let block = &self.blocks[i.at()];
        let first = block.word as usize;
        let words = first..first + usize::from(block.words);
        if block.timed {
            self.expire(i, now);
        }
        if self.pipeline.rc == 0 {
            self.turn(words.clone(), now, egress);
        }
        self.stirred = false;
        if self.general.is_some() {
            self.step_general(i, now, egress);
            return self.finish(i, words, now, egress);
        }
        if self.small {
            let word = first..first + 1;
            let Some(&sets) = self.words.get(first) else { return u64::MAX };
            if sets.waiting != 0 {
                self.allocate_vcs(word.clone(), now, egress);
            }
            if sets.ready != 0 || E::WATCHES {
                let sent = self.allocate_switch::<1, E>(word.clone(), now, egress);
                self.blocks[i.at()].forwarded += sent;
            }
            return self.finish(i, word, now, egress);
        }
        self.allocate_vcs(words.clone(), now, egress);
        let sent = self.allocate_switch::<{ MAX_PORTS / 64 }, E>(words.clone(), now, egress);
        self.blocks[i.at()].forwarded += sent;
        self.finish(i, words, now, egress)
    }

    /// RC of the packets that came to the front in the step before.
    #[inline]
    fn turn<E: Egress>(&mut self, words: core::ops::Range<usize>, now: u64, egress: &mut E) {
        for w in words {
            let mut turned = core::mem::take(&mut self.words[w].turned);
            while turned != 0 {
                let at = Lane::new(w << 6 | turned.trailing_zeros() as usize);
                turned &= turned - 1;
                self.start(at, now, egress);
            }
        }
    }

    /// What was decided takes effect: VCs granted in this step ask for the switch in the next, and
    /// packets that came to the front in the step before are routed.
    #[inline]
    fn finish<E: Egress>(
        &mut self,
        i: RouterIdx,
        words: core::ops::Range<usize>,
        now: u64,
        egress: &mut E,
    ) -> u64 {
        // Who waits for an output VC waits for one to become free, unless another port may do.
        let waits = if self.stirred || self.adaptive { u64::MAX } else { 0 };
        let mut busy = 0;
        for w in words {
            let word = &mut self.words[w];
            word.ready |= core::mem::take(&mut word.fresh);
            let mut turned = word.turned;
            word.turned = core::mem::take(&mut word.routing);
            busy |= word.ready | word.waiting & waits | word.turned | turned;
            while turned != 0 {
                let at = Lane::new(w << 6 | turned.trailing_zeros() as usize);
                turned &= turned - 1;
                self.start(at, now, egress);
            }
        }
        if busy != 0 {
            return now + 1;
        }
        if self.blocks[i.at()].timed { self.next_timer(i) } else { u64::MAX }
    }
}
