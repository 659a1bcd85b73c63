//! A router's output ports as an adaptive routing function sees them.

use base::route::View;
use base::{PortIdx, RouterIdx};

use crate::state::{Block, OutputVc, Port};

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
    #[inline]
    pub(crate) fn set(&mut self, used: u16, now: u64) {
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

/// One router's outputs; those of all routers for functions with global knowledge.
pub(crate) struct Outputs<'a> {
    pub(crate) outputs: &'a [OutputVc],
    pub(crate) ports: &'a [Port],
    pub(crate) blocks: &'a [Block],
    pub(crate) loads: &'a [Load],
    pub(crate) block: &'a Block,
    pub(crate) shift: u32,
    pub(crate) now: u64,
}

impl Outputs<'_> {
    #[inline]
    fn each(&self, port: PortIdx, vcs: u64, mut visit: impl FnMut(u32, &OutputVc)) {
        let first = self.block.lane as usize + (port.at() << self.shift);
        let mut rest = vcs;
        while rest != 0 {
            let vc = rest.trailing_zeros();
            rest &= rest - 1;
            visit(vc, &self.outputs[first + vc as usize]);
        }
    }
}

impl View for Outputs<'_> {
    #[inline]
    fn used(&self, port: PortIdx, vcs: u64) -> u32 {
        let mut used = 0;
        self.each(port, vcs, |_, o| used += u32::from(o.depth - o.credits));
        used
    }

    #[inline]
    fn free(&self, port: PortIdx, vcs: u64) -> u64 {
        let mut free = vcs & self.ports[self.block.port as usize + port.at()].free;
        self.each(port, free, |vc, o| {
            if o.credits == 0 {
                free &= !(1 << vc);
            }
        });
        free
    }

    fn used_at(&self, router: RouterIdx, port: PortIdx, vcs: u64) -> u32 {
        let first = self.blocks[router.at()].lane as usize + (port.at() << self.shift);
        let mut used = 0;
        let mut rest = vcs;
        while rest != 0 {
            let vc = rest.trailing_zeros();
            rest &= rest - 1;
            let load = self.loads.get(first + vc as usize);
            used += load.map_or(0, |l| u32::from(l.before(self.now)));
        }
        used
    }
}
