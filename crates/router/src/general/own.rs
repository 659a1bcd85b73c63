//! Allocators of the user's own.

use base::{RouterIdx, RoutingFunction};

use crate::alloc::AnyAllocator;
use crate::bank::RouterBank;

impl<R: RoutingFunction> RouterBank<R> {
    /// Gives every router another VC allocator, at reset: `make(router, inputs, outputs)`, whose
    /// inputs and outputs are the router's VCs, `port << s | vc` with `2^s` VCs a port or the next
    /// power of two. The routers are general ones from now on; where they were stepped
    /// all at once, lanes have other numbers.
    pub fn set_vc_allocators(
        &mut self,
        mut make: impl FnMut(RouterIdx, usize, usize) -> AnyAllocator,
    ) {
        let shift = self.shift();
        for (i, parts) in self.general().parts.iter_mut().enumerate() {
            let lanes = parts.ports.len() << shift;
            parts.vc_allocator = make(RouterIdx::new(i), lanes, lanes);
        }
    }

    /// Gives every router another switch allocator, at reset: `make(router, inputs, outputs)`, whose
    /// inputs and outputs are those of the crossbar: the ports, times the speedup. A request's label
    /// is the VC. The routers are general ones from now on; where they were stepped all at once, lanes
    /// have other numbers.
    pub fn set_switch_allocators(
        &mut self,
        mut make: impl FnMut(RouterIdx, usize, usize) -> AnyAllocator,
    ) {
        for (i, parts) in self.general().parts.iter_mut().enumerate() {
            let (inputs, outputs) = (parts.held.len(), parts.taken.len());
            parts.switch_allocator = make(RouterIdx::new(i), inputs, outputs);
        }
    }
}
