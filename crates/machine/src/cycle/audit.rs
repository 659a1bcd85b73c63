//! What must hold between cycles, and allocators of the user's own.

use base::{RouterIdx, RoutingFunction, VcIdx};
use router::alloc::AnyAllocator;
use router::{Lane, RouterBank};

use super::wires::Far;
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
        self.renumbered(|bank| bank.set_vc_allocators(make));
    }

    /// Gives every router a switch allocator of another kind, as in
    /// [`RouterBank::set_switch_allocators`](router::RouterBank::set_switch_allocators).
    pub fn set_switch_allocators(
        &mut self,
        make: impl FnMut(RouterIdx, usize, usize) -> AnyAllocator,
    ) {
        self.renumbered(|bank| bank.set_switch_allocators(make));
    }

    /// Does something to the routers that may give their lanes other numbers.
    fn renumbered(&mut self, change: impl FnOnce(&mut RouterBank<R>)) {
        let lanes = u32::try_from(self.bank.lane_count()).unwrap_or(u32::MAX);
        let places: Vec<_> = (0..lanes).map(|lane| self.bank.place(Lane(lane))).collect();
        change(&mut self.bank);
        if !self.bank.is_express() {
            self.entry = 0;
        }
        if self.bank.lane_count() == places.len() {
            return;
        }
        let number = |lane: usize| {
            let (router, port, vc) = places[lane];
            self.bank.lane(router, port, vc.0).0
        };
        let old = core::mem::take(&mut self.wires.far);
        self.wires.far = vec![old[0]; self.bank.lane_count()];
        for (lane, far) in old.into_iter().enumerate() {
            let there = if far.node { far.lane } else { number(far.lane as usize) };
            self.wires.far[number(lane) as usize] = Far { lane: there, ..far };
        }
        let old = core::mem::take(&mut self.wires.rates);
        if let Some(first) = old.first() {
            self.wires.rates = vec![*first; self.bank.lane_count()];
        }
        for (lane, rate) in old.into_iter().enumerate() {
            self.wires.rates[number(lane) as usize] = rate;
        }
        if let Some(framed) = &mut self.wires.framed {
            framed.renumber(self.bank.lane_count(), number);
        }
        for source in &mut self.sources {
            source.lane = number(source.lane as usize);
        }
    }
}
