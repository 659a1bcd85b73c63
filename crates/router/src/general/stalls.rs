//! Who could not go on in a cycle, and why: for watchers only.

use crate::egress::{Egress, Stall};
use crate::state::Block;

use super::General;
use super::rules::lanes;

impl General {
    /// Notes who asks at the beginning of a cycle.
    pub(super) fn watch<const L: usize, const W: usize>(&mut self, block: &Block<L, W>) {
        let [waiting, ready, sent] = &mut self.watched;
        for (w, sets) in block.sets.iter().enumerate().take(usize::from(block.words)) {
            (waiting[w], ready[w], sent[w]) = (sets.waiting, sets.ready, 0);
        }
    }

    /// Tells of those that asked and have not gone on. A full output buffer counts as a lost switch; a
    /// busy link, as in the plain router, as nothing, and so does a VC whose turn to ask is yet to come, where
    /// allocation takes several cycles. `pass` is the cycle's last.
    pub(super) fn tell_stalls<E: Egress, const L: usize, const W: usize>(
        &self,
        (shift, pass): (u32, u64),
        block: &Block<L, W>,
        i: usize,
        egress: &mut E,
    ) {
        let words = usize::from(block.words);
        let [waiting, ready, sent] = &self.watched;
        for at in lanes((0..words).map(|w| waiting[w] & block.sets[w].waiting)) {
            let under_way = self.parts[i].vc_flights.awaited(at).is_some();
            if !under_way && self.collective.as_ref().is_none_or(|groups| groups.lacks_vc(i, at)) {
                egress.stalled(Block::<L, W>::lane(i, at), Stall::NoVc);
            }
        }
        for at in lanes((0..words).map(|w| ready[w] & !sent[w])) {
            let flights = &self.parts[i].switch_flights;
            if flights.awaited(at).is_some() || flights.rests(at, pass) {
                continue;
            }
            let out = usize::from(block.inputs[at].out);
            if self.room(shift, block, i, out) == 0 {
                egress.stalled(Block::<L, W>::lane(i, at), Stall::NoCredit);
            } else {
                egress.stalled(Block::<L, W>::lane(i, at), Stall::LostSwitch);
            }
        }
    }
}
