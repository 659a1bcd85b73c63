//! Whatever the plain router does not have.

use base::RoutingFunction;

use crate::bank::{Kernel, Pipeline, RouterParams};
use crate::egress::Egress;

/// State of the general router.
#[derive(Clone, Debug)]
pub(crate) struct General;

impl General {
    pub(crate) fn new(_: &[RouterParams], _: &Pipeline, _: u32) -> Self {
        Self
    }
}

impl<R: RoutingFunction, const L: usize, const W: usize> Kernel<'_, R, L, W> {
    #[cold]
    pub(crate) fn credit_general(&mut self, _: usize, _: usize) {}

    #[cold]
    pub(crate) fn step_general<E: Egress>(&mut self, _: usize, _: u64, _: &mut E) -> bool {
        false
    }
}
