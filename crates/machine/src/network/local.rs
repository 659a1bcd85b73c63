//! A routing function that is asked by routers' numbers in a partition and knows those of the machine.

use base::group::{Branch, Groups, Members, Role};
use base::route::{Hop, View};
use base::{Class, GroupIdx, Head, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx};

/// A routing function with the names of a partition's routers.
#[derive(Clone, Debug)]
pub struct Local<R> {
    routing: R,
    /// `[router]`: its number in the machine.
    names: Box<[RouterIdx]>,
}

impl<R> Local<R> {
    pub(super) fn new(routing: R, names: &[RouterIdx]) -> Self {
        Self { routing, names: names.into() }
    }
}

impl<R: RoutingFunction> RoutingFunction for Local<R> {
    #[inline]
    fn inject<V: View>(&self, head: &mut Head, view: &V) -> Hop {
        self.routing.inject(head, view)
    }

    #[inline]
    fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_vc: VcIdx,
        head: &mut Head,
        view: &V,
    ) -> Hop {
        self.routing.route(self.names[at.at()], in_port, in_vc, head, view)
    }

    #[inline]
    fn fixed(&self, at: RouterIdx, dst: NodeIdx, class: Class) -> Option<Hop> {
        self.routing.fixed(self.names[at.at()], dst, class)
    }

    fn adaptive(&self) -> bool {
        self.routing.adaptive()
    }

    fn oblivious(&self) -> bool {
        self.routing.oblivious()
    }

    fn global(&self) -> bool {
        self.routing.global()
    }

    fn weighs(&self) -> bool {
        self.routing.weighs()
    }

    fn groups(&self) -> Option<Groups> {
        self.routing.groups()
    }

    fn members(&self, group: GroupIdx) -> Members {
        self.routing.members(group)
    }

    #[inline]
    fn fan(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_vc: VcIdx,
        head: &Head,
        visit: impl FnMut(Branch),
    ) -> Role {
        self.routing.fan(self.names[at.at()], in_port, in_vc, head, visit)
    }
}
