//! A router's output ports as routing functions see them.

use base::{Class, PortIdx, RouterIdx, View};

use super::Routing;

/// A router's view as a routing function sees it: sets of groups instead of VCs, of one class.
#[derive(Debug)]
pub(crate) struct OfClass<'a, V> {
    /// `[set of groups]`: their VCs.
    pub(super) vcs_of: &'a [u64; 256],
    pub(super) view: &'a V,
    pub(super) shift: u8,
}

impl<'a, V: View> OfClass<'a, V> {
    #[inline]
    pub(super) fn new(routing: &'a Routing, view: &'a V, class: Class) -> Self {
        Self { vcs_of: &routing.vcs_of, view, shift: class as u8 * routing.vcs_per_class }
    }

    #[inline]
    fn vcs(&self, groups: u8) -> u64 {
        self.vcs_of[usize::from(groups)] << self.shift
    }

    /// Flits that wait on the VCs of `groups` of `port`, as in [`View::used`].
    #[inline]
    pub(crate) fn used(&self, port: PortIdx, groups: u8) -> u32 {
        self.view.used(port, self.vcs(groups))
    }

    /// How many VCs of `groups` of `port` are free and have credit.
    #[inline]
    pub(crate) fn free(&self, port: PortIdx, groups: u8) -> u32 {
        self.view.free(port, self.vcs(groups)).count_ones()
    }

    /// As in [`View::used_at`].
    #[inline]
    pub(crate) fn used_at(&self, router: RouterIdx, port: PortIdx, groups: u8) -> u32 {
        self.view.used_at(router, port, self.vcs(groups))
    }
}
