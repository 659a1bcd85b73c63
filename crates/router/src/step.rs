//! One step of one router.
//!
//! ```text
//!   credits, body flits ─▶ RC* ─▶ VA ─▶ SA, ST ─▶ flits and credits out ─▶ heads: RC
//! ```
//!
//! RC of a packet that came to the front because the one before left is done in the router's next
//! step. (*) With lookahead routing RC takes no cycle and comes before VA.

use base::{RouterIdx, RoutingFunction};

use crate::bank::RouterBank;
use crate::egress::Egress;
use crate::state::Lane;

impl<R: RoutingFunction> RouterBank<R> {
    /// Steps router `i` in cycle `now`. Credits and flits that are no heads of this cycle were given
    /// to it before; heads are to be given after it (before it where RC takes no cycle). Gives the
    /// next cycle in which it must be stepped if nothing comes before, `u64::MAX` if none.
    #[inline]
    pub fn step<E: Egress>(&mut self, i: RouterIdx, now: u64, egress: &mut E) -> u64 {
        if self.blocks[i.at()].timed {
            self.expire(i, now);
        }
        let lookahead = self.pipeline.rc == 0;
        if lookahead {
            self.turn(i, now, egress);
        }
        if self.general.is_some() {
            self.step_general(i, now, egress);
        } else {
            self.allocate_vcs(i, now, egress);
            self.allocate_switch(i, now, egress);
        }
        self.finish(i, now, egress)
    }

    /// RC of the packets that came to the front in the step before.
    #[inline]
    fn turn<E: Egress>(&mut self, i: RouterIdx, now: u64, egress: &mut E) {
        let block = &self.blocks[i.at()];
        let (word0, words) = (block.word as usize, usize::from(block.words));
        for w in 0..words {
            let mut turned = core::mem::take(&mut self.words[word0 + w].turned);
            while turned != 0 {
                let at = w * 64 + turned.trailing_zeros() as usize;
                turned &= turned - 1;
                self.start(i, Lane::new(at), now, egress);
            }
        }
    }

    /// What was decided takes effect: VCs granted in this step ask for the switch in the next, and
    /// packets that came to the front in the step before are routed.
    #[inline]
    fn finish<E: Egress>(&mut self, i: RouterIdx, now: u64, egress: &mut E) -> u64 {
        let block = &self.blocks[i.at()];
        let (word0, words) = (block.word as usize, usize::from(block.words));
        // Who waits for an output VC waits for one to become free, unless another port may do.
        let waits = if self.stirred || self.adaptive { u64::MAX } else { 0 };
        let mut busy = 0;
        for w in 0..words {
            let word = &mut self.words[word0 + w];
            word.ready |= core::mem::take(&mut word.fresh);
            let mut turned = core::mem::replace(&mut word.turned, 0);
            core::mem::swap(&mut word.turned, &mut word.routing);
            busy |= word.ready | word.waiting & waits | word.turned | turned;
            while turned != 0 {
                let at = w * 64 + turned.trailing_zeros() as usize;
                turned &= turned - 1;
                self.start(i, Lane::new(at), now, egress);
            }
        }
        if busy != 0 {
            return now + 1;
        }
        if self.blocks[i.at()].timed { self.next_timer(i) } else { u64::MAX }
    }
}
