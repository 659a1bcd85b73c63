//! The description of a router: its stage delays and the choices that make it.

use base::RouterArch;
use base::arch::{Allocation, Arbitration, Buffers, Priority, Switching, VcReuse};
use serde::Deserialize;

use crate::spec::RouterSpec;

/// The pipeline of a router, in its cycles. What is not given is BookSim 2's default router.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Router {
    /// VCs of each message class.
    pub vcs_per_class: u8,
    /// Route computation; 0 is lookahead routing.
    pub rc_cycles: u32,
    /// VC allocation.
    pub va_cycles: u32,
    /// Switch allocation.
    pub sa_cycles: u32,
    /// Switch traversal.
    pub st_cycles: u32,
    /// Processing of a returned credit.
    pub credit_cycles: u32,
    /// See [`RouterArch::speculative`].
    #[serde(default)]
    pub speculative: bool,
    /// See [`RouterArch::vc_allocator`].
    #[serde(default)]
    pub vc_allocator: Allocation,
    /// See [`RouterArch::switch_allocator`].
    #[serde(default)]
    pub switch_allocator: Allocation,
    /// See [`RouterArch::arbiter`].
    #[serde(default)]
    pub arbiter: Arbitration,
    /// See [`RouterArch::input_speedup`].
    #[serde(default = "one")]
    pub input_speedup: u8,
    /// See [`RouterArch::output_speedup`].
    #[serde(default = "one")]
    pub output_speedup: u8,
    /// See [`RouterArch::internal_speedup`].
    #[serde(default = "one")]
    pub internal_speedup: u8,
    /// See [`RouterArch::output_buffer_flits`].
    #[serde(default)]
    pub output_buffer_flits: Option<u32>,
    /// See [`RouterArch::vc_reuse`].
    #[serde(default)]
    pub vc_reuse: VcReuse,
    /// See [`RouterArch::switching`].
    #[serde(default)]
    pub switching: Switching,
    /// See [`RouterArch::buffers`].
    #[serde(default)]
    pub buffers: Buffers,
    /// See [`RouterArch::priority`].
    #[serde(default)]
    pub priority: Priority,
    /// See [`RouterArch::hold_switch`].
    #[serde(default)]
    pub hold_switch: bool,
}

impl Router {
    /// The pipeline as routers are built from it.
    pub(crate) const fn spec(&self) -> RouterSpec {
        RouterSpec {
            vcs_per_class: self.vcs_per_class,
            rc_cycles: self.rc_cycles,
            va_cycles: self.va_cycles,
            sa_cycles: self.sa_cycles,
            st_cycles: self.st_cycles,
            credit_cycles: self.credit_cycles,
            arch: RouterArch {
                speculative: self.speculative,
                vc_allocator: self.vc_allocator,
                switch_allocator: self.switch_allocator,
                arbiter: self.arbiter,
                input_speedup: self.input_speedup,
                output_speedup: self.output_speedup,
                internal_speedup: self.internal_speedup,
                output_buffer_flits: self.output_buffer_flits,
                vc_reuse: self.vc_reuse,
                switching: self.switching,
                buffers: self.buffers,
                priority: self.priority,
                hold_switch: self.hold_switch,
            },
        }
    }
}

const fn one() -> u8 {
    1
}
