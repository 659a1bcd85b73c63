//! A router's output ports as an adaptive routing function sees them.

use base::route::View;
use base::{PortIdx, RouterIdx};

use crate::bank::Common;
use crate::state::Block;

/// What waits on an output VC: now, before the present cycle, and with this cycle's credits but
/// without what has left in it.
#[derive(Clone, Copy, Default, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Load {
    used: u16,
    before: u16,
    credited: u16,
    /// The cycle of the last change.
    changed: u64,
}

impl Load {
    /// Notes that `used` flits wait from cycle `now` on.
    #[cold]
    pub(crate) const fn set(&mut self, used: u16, now: u64) {
        if self.changed != now {
            (self.before, self.credited) = (self.used, self.used);
            self.changed = now;
        }
        // Credits come before anything leaves.
        self.credited -= self.used.saturating_sub(used);
        self.used = used;
    }

    const fn before(&self, now: u64) -> u16 {
        if self.changed == now { self.before } else { self.used }
    }

    const fn credited(&self, now: u64) -> u16 {
        if self.changed == now { self.credited } else { self.used }
    }
}

/// One router's outputs in a cycle; those of all routers for functions with global knowledge.
pub(crate) struct Outputs<'a, R, const L: usize, const W: usize> {
    pub(crate) common: &'a Common<R>,
    pub(crate) block: &'a Block<L, W>,
    pub(crate) router: RouterIdx,
    pub(crate) now: u64,
}

/// The numbers of the bits of `set`.
pub(crate) fn bits(set: u64) -> impl Iterator<Item = usize> {
    let mut rest = set;
    core::iter::from_fn(move || {
        let bit = rest.trailing_zeros() as usize;
        (rest != 0).then(|| {
            rest &= rest - 1;
            bit
        })
    })
}

impl<R, const L: usize, const W: usize> View for Outputs<'_, R, L, W> {
    fn used(&self, port: PortIdx, vcs: u64) -> u32 {
        let first = port.at() << self.common.shift;
        if !self.common.loads.is_empty() {
            let lane = (self.router.at() * L) + first;
            let waits = |vc: usize| u32::from(self.common.loads[lane + vc].credited(self.now));
            return bits(vcs).map(waits).sum();
        }
        let waits = |vc: usize| {
            let output = &self.block.outputs[(first + vc) % L];
            u32::from(output.depth - output.credits)
        };
        bits(vcs).map(waits).sum()
    }

    fn free(&self, port: PortIdx, vcs: u64) -> u64 {
        let first = port.at() << self.common.shift;
        let free = self.block.sets[first / 64 % W].free >> (first % 64) & vcs;
        let funded = |vc: &usize| self.block.outputs[(first + vc) % L].credits > 0;
        bits(free).filter(funded).fold(0, |set, vc| set | 1 << vc)
    }

    fn used_at(&self, router: RouterIdx, port: PortIdx, vcs: u64) -> u32 {
        let first = router.at() * L + (port.at() << self.common.shift);
        let load = |vc: usize| self.common.loads.get(first + vc);
        bits(vcs).filter_map(load).map(|l| u32::from(l.before(self.now))).sum()
    }
}
