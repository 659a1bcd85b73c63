//! What must hold between cycles, and allocators of the user's own.

use base::{RouterIdx, RoutingFunction, VcIdx};
use router::alloc::AnyAllocator;

use super::{CycleNetwork, Watch};

impl<R: RoutingFunction, W: Watch> CycleNetwork<R, W> {
    /// Credits that source `source`, below [`sources`](Self::sources), holds for a VC. Sources are
    /// numbered node by node and port by port.
    pub fn source_credits(&self, source: usize, vc: VcIdx) -> u32 {
        u32::from(self.credits[source * self.vcs as usize + vc.at()])
    }

    /// VCs a port.
    pub const fn vcs(&self) -> u32 {
        self.vcs
    }

    /// Gives every router a VC allocator of another kind, as in
    /// [`RouterBank::set_vc_allocators`](router::RouterBank::set_vc_allocators).
    pub fn set_vc_allocators(&mut self, make: impl FnMut(RouterIdx, usize, usize) -> AnyAllocator) {
        self.bank.set_vc_allocators(make);
    }

    /// Gives every router a switch allocator of another kind, as in
    /// [`RouterBank::set_switch_allocators`](router::RouterBank::set_switch_allocators).
    pub fn set_switch_allocators(
        &mut self,
        make: impl FnMut(RouterIdx, usize, usize) -> AnyAllocator,
    ) {
        self.bank.set_switch_allocators(make);
    }
}
