//! Tells watchers why packets do not go on.

use base::RoutingFunction;

use crate::bank::RouterBank;
use crate::egress::{Egress, Stall};
use crate::state::Lane;

impl<R: RoutingFunction> RouterBank<R> {
    /// Tells of those in word `w` that have no credit.
    #[cold]
    pub(crate) fn tell_starved<E: Egress>(&self, w: usize, egress: &mut E) {
        let mut starved = self.words[w].starved;
        while starved != 0 {
            egress.stalled(Lane::new(w << 6 | starved.trailing_zeros() as usize), Stall::NoCredit);
            starved &= starved - 1;
        }
    }

    /// Tells of those VCs of an input port (`able`, from lane `base` on) that another one of the
    /// same port, `chosen`, came before.
    #[cold]
    pub(crate) fn tell_losers<E: Egress>(
        &self,
        base: Lane,
        able: u64,
        chosen: Lane,
        egress: &mut E,
    ) {
        let mut rest = able & !(1 << (chosen.0 - base.0));
        while rest != 0 {
            egress.stalled(Lane(base.0 + rest.trailing_zeros()), Stall::LostSwitch);
            rest &= rest - 1;
        }
    }
}
