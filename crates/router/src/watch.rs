//! Tells watchers why packets do not go on.

use base::{RouterIdx, RoutingFunction};

use crate::bank::RouterBank;
use crate::egress::{Egress, Stall};
use crate::state::Lane;

impl<R: RoutingFunction> RouterBank<R> {
    /// Tells of those in word `w` that have no credit, or whose link is busy.
    #[cold]
    pub(crate) fn tell_starved<E: Egress>(&self, i: RouterIdx, w: usize, egress: &mut E) {
        let block = &self.blocks[i.at()];
        let mut starved = self.words[block.word as usize + w].starved;
        while starved != 0 {
            let at = w * 64 + starved.trailing_zeros() as usize;
            starved &= starved - 1;
            egress.stalled(i, Lane::new(at), Stall::NoCredit);
        }
    }

    /// Tells of those VCs of an input port (`able`, from lane `base` on) that another one of the
    /// same port, `chosen`, came before.
    #[cold]
    pub(crate) fn tell_losers<E: Egress>(
        &self,
        i: RouterIdx,
        base: usize,
        able: u64,
        chosen: usize,
        egress: &mut E,
    ) {
        let mut rest = able & !(1 << (chosen - base));
        while rest != 0 {
            let at = base + rest.trailing_zeros() as usize;
            rest &= rest - 1;
            egress.stalled(i, Lane::new(at), Stall::LostSwitch);
        }
    }
}
