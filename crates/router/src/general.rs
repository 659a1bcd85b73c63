//! Whatever the plain router does not have.

use base::{RouterIdx, RoutingFunction};

use crate::bank::{Pipeline, RouterBank, RouterParams};
use crate::egress::Egress;
use crate::state::Lane;

/// State of the general router.
#[derive(Clone, Debug)]
pub(crate) struct General;

impl General {
    pub(crate) fn new(_: &[RouterParams], _: &Pipeline, _: u32) -> Self {
        Self
    }
}

impl<R: RoutingFunction> RouterBank<R> {
    pub(crate) fn credit_general(&mut self, _: RouterIdx, _: Lane) -> bool {
        true
    }

    pub(crate) fn step_general<E: Egress>(&mut self, i: RouterIdx, now: u64, egress: &mut E) {
        self.allocate_vcs(i, now, egress);
        self.allocate_switch(i, now, egress);
    }
}
