//! A router's output ports as an adaptive routing function sees them.

use base::route::View;
use base::{PortIdx, RouterIdx, RoutingFunction};

use crate::bank::RouterBank;
use crate::state::Lane;

/// What waits on an output VC, now and before the present cycle.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Load {
    used: u16,
    before: u16,
    /// The cycle of the last change.
    changed: u64,
}

impl Load {
    /// Notes that `used` flits wait from cycle `now` on.
    pub(crate) const fn set(&mut self, used: u16, now: u64) {
        if self.changed != now {
            self.before = self.used;
            self.changed = now;
        }
        self.used = used;
    }

    const fn before(&self, now: u64) -> u16 {
        if self.changed == now { self.before } else { self.used }
    }
}

/// One router's outputs in a cycle; those of all routers for functions with global knowledge.
pub(crate) struct Outputs<'a, R> {
    pub(crate) bank: &'a RouterBank<R>,
    pub(crate) at: RouterIdx,
    pub(crate) now: u64,
}

impl<R: RoutingFunction> Outputs<'_, R> {
    #[inline]
    fn each(&self, router: RouterIdx, port: PortIdx, vcs: u64, mut visit: impl FnMut(u32, Lane)) {
        let first = self.bank.lane(router, port.at(), 0).0;
        let mut rest = vcs;
        while rest != 0 {
            let vc = rest.trailing_zeros();
            rest &= rest - 1;
            visit(vc, Lane(first + vc));
        }
    }
}

impl<R: RoutingFunction> View for Outputs<'_, R> {
    fn used(&self, port: PortIdx, vcs: u64) -> u32 {
        let mut used = 0;
        self.each(self.at, port, vcs, |_, lane| {
            let output = &self.bank.outputs[lane.at()];
            used += u32::from(output.depth - output.credits);
        });
        used
    }

    fn free(&self, port: PortIdx, vcs: u64) -> u64 {
        let mut free = vcs & self.bank.ports[self.bank.link(self.at, port.at())].free;
        self.each(self.at, port, free, |vc, lane| {
            if self.bank.outputs[lane.at()].credits == 0 {
                free &= !(1 << vc);
            }
        });
        free
    }

    fn used_at(&self, router: RouterIdx, port: PortIdx, vcs: u64) -> u32 {
        let mut used = 0;
        self.each(router, port, vcs, |_, lane| {
            let load = self.bank.loads.get(lane.at());
            used += load.map_or(0, |l| u32::from(l.before(self.now)));
        });
        used
    }
}
