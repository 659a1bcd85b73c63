//! Whatever the plain router does not have.

use base::{RouterIdx, RoutingFunction};

use crate::bank::{RouterBank, RouterParams};
use crate::egress::Egress;
use crate::state::Lane;

/// State of the general router.
#[derive(Clone, Debug)]
pub(crate) struct General;

impl General {
    pub(crate) fn new<R>(_: &[RouterParams], _: &RouterBank<R>) -> Self {
        Self
    }
}

impl<R: RoutingFunction> RouterBank<R> {
    #[cold]
    pub(crate) fn credit_general(&mut self, _: Lane) {}

    pub(crate) fn step_general<E: Egress>(&mut self, _: RouterIdx, _: u64, _: &mut E) {}
}
