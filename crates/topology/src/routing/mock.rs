//! Routing functions that tests make up, to be proved or disproved; they route no packets.

use core::fmt;
use std::sync::Arc;

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::{Goal, OfClass, Step};

/// The steps by which packets leave a source.
type Inject = dyn Fn(NodeIdx, Goal) -> Vec<Step> + Send + Sync;
/// The steps of packets at a router.
type Route = dyn Fn(RouterIdx, PortIdx, usize, Goal) -> Vec<Step> + Send + Sync;

/// A function given by all its steps.
#[derive(Clone)]
pub(crate) struct Mock {
    pub(crate) groups: usize,
    pub(crate) size: (usize, usize),
    pub(crate) adaptive: bool,
    pub(crate) goals: Vec<Goal>,
    pub(crate) inject: Arc<Inject>,
    pub(crate) route: Arc<Route>,
}

impl fmt::Debug for Mock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mock").field("groups", &self.groups).finish_non_exhaustive()
    }
}

impl Mock {
    pub(super) const fn groups(&self) -> usize {
        self.groups
    }

    pub(super) const fn size(&self) -> (usize, usize) {
        self.size
    }

    pub(super) const fn adaptive(&self) -> bool {
        self.adaptive
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) const fn global(&self) -> bool {
        false
    }

    pub(super) fn goals(&self, visit: impl FnMut(Goal)) {
        self.goals.iter().copied().for_each(visit);
    }

    pub(super) fn inject_all(&self, src: NodeIdx, goal: Goal, visit: impl FnMut(Step)) {
        (self.inject)(src, goal).into_iter().for_each(visit);
    }

    pub(super) fn route_all(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        goal: Goal,
        visit: impl FnMut(Step),
    ) {
        (self.route)(at, in_port, in_group, goal).into_iter().for_each(visit);
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) fn inject<V: View>(&self, head: &mut Head, _: &OfClass<'_, V>) -> Step {
        unreachable!("mocks are proved, not run: {head:?}")
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) fn route<V: View>(
        &self,
        at: RouterIdx,
        _: PortIdx,
        _: usize,
        head: &mut Head,
        _: &OfClass<'_, V>,
    ) -> Step {
        unreachable!("mocks are proved, not run: {head:?} at {at}")
    }
}
