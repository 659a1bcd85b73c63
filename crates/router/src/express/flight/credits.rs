//! The credits that flights are without, for functions that look at ports.
//!
//! A flight spends no credits: where there are plenty nobody can tell, and who comes to a link otherwise waits until
//! those of flights are back ([`Spacing`](super::Spacing)). But who looks at a port sees how many are not there. So
//! where functions look it is known of a link who had it, until their credits are back.

use super::{Flights, Had, Link};
use crate::express::Express;
use crate::express::state::{LaneNo, When, after, lane_no, when};

impl Express {
    /// The credits that flights spent before cycle `by` on output VCs of a port and that do not count in the present one: whose,
    /// and when each does. To be asked where functions look at ports: elsewhere nobody can tell, and not all are remembered.
    pub(in crate::express) fn credits_aloft(
        &self,
        there: LaneNo,
        by: When,
    ) -> impl Iterator<Item = (LaneNo, When)> {
        let Flights { on, spacing, .. } = self.flights;
        let now = when(self.now);
        let known = move |link: &Link| on && link.may_lack_credits(now, spacing);
        let first = Some(self.cells.link(there)).filter(known);
        let all = core::iter::successors(first, move |l| Some(self.before(l.had())).filter(known));
        all.filter_map(move |link| {
            let f = &self.flights.places[link.had().flight()];
            let at = usize::from(link.had().leg());
            let leg = f.legs().get(at)?;
            let spent = at == 0 || after(by, f.legs[at - 1].departs);
            let back = &self.cells[leg.hop.lane()].output;
            let counts = leg.departs.wrapping_add(self.cells.port(back.port).credit_latency);
            (spent && after(counts, now)).then(|| (lane_no(back.far), counts))
        })
    }

    /// Has the credits that flights spent on a port be like any others, and forgets that they had its link.
    #[cold]
    pub(super) fn settle(&mut self, there: LaneNo) {
        let now = when(self.now);
        let spent: Vec<_> = self.credits_aloft(there, now.wrapping_add(1)).collect();
        for (out, counts) in spent {
            self.cells[out].output.credits -= 1;
            self.ahead.credit(counts, out);
        }
        self.cells.link_mut(there).be_had_as(Link::new(now, Had::NONE));
    }
}
