//! The general router: every allocator and arbiter, speculation, speedups, output buffers,
//! cut-through, shared buffers, priorities, held connections.
//!
//! ```text
//!   waiting ─▶ VA requests ─▶ allocator ─┐
//!      └─ speculative ─▶ SA requests ─▶ allocator ─▶ switch ─▶ output buffer ─▶ link
//!   ready ────────────────────▲          └─ only where VA granted too
//! ```
//!
//! It works on the same state as the plain router and makes the same steps, but builds the request
//! matrices of both allocations and hands them to an [`Allocator`](crate::alloc::Allocator); given
//! the plain router's choices it does exactly what that does. With an internal speedup of `n` the two
//! allocations are made `n` times a cycle.

mod allocate;
mod own;
mod rules;
mod stalls;
mod traverse;

use std::collections::VecDeque;

use base::arch::{Buffers, Switching};
use base::group::Groups;
use base::{RouterArch, RoutingFunction};

use crate::alloc::{AnyAllocator, KeyRule, Matching, Requests};
use crate::bank::{Kernel, Pipeline, RouterParams};
use crate::collective::Collective;
use crate::egress::Egress;
use crate::state::{NOBODY, Sets};

/// What the general router has on top of the plain one's state.
#[derive(Clone, Debug)]
pub(crate) struct General {
    pub(crate) rules: Rules,
    /// `[router]`
    parts: Vec<Parts>,
    /// Scratch, large enough for every router.
    pub(crate) vc_requests: Requests,
    vc_matching: Matching,
    pub(crate) switch_requests: Requests,
    switch_matching: Matching,
    /// Where packets may go to groups.
    pub(crate) collective: Option<Box<Collective>>,
    /// Scratch for watchers: inputs that asked for an output VC in this cycle, inputs that asked for the
    /// switch, and those that sent, as sets of lanes.
    watched: [Vec<u64>; 3],
}

/// What all routers have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    keys: KeyRule,
    speculative: bool,
    cut_through: bool,
    hold_switch: bool,
    pub(crate) input_speedup: usize,
    pub(crate) output_speedup: usize,
    internal_speedup: usize,
    output_buffer_flits: Option<u32>,
    /// Of a VC; 0 where buffers are private.
    reserved_flits: u16,
}

/// One router's own.
#[derive(Clone, Debug)]
struct Parts {
    vc_allocator: AnyAllocator,
    switch_allocator: AnyAllocator,
    /// `[port]`
    ports: Vec<PortParts>,
    /// `[crossbar input]`: whose packet keeps it.
    held: Vec<Held>,
    /// `[crossbar output]`: whether a packet kept it in this pass.
    taken: Vec<bool>,
    /// `[lane]`: flits of the packet that holds the output VC which have a promise of room in shared
    /// buffers and are still to be sent; empty but for cut-through.
    owed: Vec<u16>,
}

/// A connection through the switch that outlasts a flit.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// The lane whose packet it is, or [`NOBODY`].
    at: u16,
    /// The cycle in which its next flit goes, or it ends.
    until: u64,
}

impl Held {
    const NONE: Self = Self { at: NOBODY, until: 0 };
}

#[derive(Clone, Debug)]
struct PortParts {
    /// Shared buffers at the far end of the link out: how many there are, and how many are used or
    /// promised.
    shared: u32,
    shared_used: u32,
    /// Cycles in which the flits of the output buffer go on the link, and the first cycle in which
    /// the link takes another.
    departures: VecDeque<u64>,
    link_free: u64,
}

impl Rules {
    fn new(arch: &RouterArch) -> Self {
        let reserved = match arch.buffers {
            Buffers::Private => 0,
            Buffers::Shared { reserved_flits } => reserved_flits,
        };
        Self {
            keys: KeyRule::new(arch.priority, arch.arbiter),
            speculative: arch.speculative,
            cut_through: arch.switching == Switching::VirtualCutThrough,
            hold_switch: arch.hold_switch,
            input_speedup: usize::from(arch.input_speedup.max(1)),
            output_speedup: usize::from(arch.output_speedup.max(1)),
            internal_speedup: usize::from(arch.internal_speedup.max(1)),
            output_buffer_flits: arch.output_buffer_flits,
            reserved_flits: u16::try_from(reserved).unwrap_or(u16::MAX),
        }
    }
}

impl General {
    pub(crate) fn new(
        params: &[RouterParams],
        pipeline: &Pipeline,
        shift: u32,
        groups: Option<Groups>,
    ) -> Self {
        // Branches to a port are one more input of both allocations.
        let extra = |ports: usize| if groups.is_some() { ports } else { 0 };
        let arch = &pipeline.arch;
        let rules = Rules::new(arch);
        let reserved = u32::from(rules.reserved_flits);
        let parts = params.iter().map(|p| {
            let ports = p.input_depth.len();
            let lanes = ports << shift;
            let (inputs, outputs) = (ports * rules.input_speedup, ports * rules.output_speedup);
            let port = |depth: &u32| PortParts {
                shared: u32::from(pipeline.vcs) * depth.saturating_sub(reserved),
                shared_used: 0,
                departures: VecDeque::new(),
                link_free: 0,
            };
            Parts {
                vc_allocator: AnyAllocator::new(
                    arch.vc_allocator,
                    arch.arbiter,
                    lanes + extra(ports),
                    lanes,
                ),
                switch_allocator: AnyAllocator::new(
                    arch.switch_allocator,
                    arch.arbiter,
                    inputs + extra(ports),
                    outputs,
                ),
                ports: p.output_depth.iter().map(port).collect(),
                held: vec![Held::NONE; inputs],
                taken: vec![false; outputs],
                owed: vec![0; if rules.cut_through && reserved > 0 { lanes } else { 0 }],
            }
        });
        let parts: Vec<Parts> = parts.collect();
        let ports = params.iter().map(|p| p.input_depth.len()).max().unwrap_or(0);
        let lanes = ports << shift;
        let (inputs, outputs) = (ports * rules.input_speedup, ports * rules.output_speedup);
        Self {
            rules,
            parts,
            vc_requests: Requests::new(lanes + extra(ports), lanes),
            vc_matching: Matching::new(lanes + extra(ports), lanes),
            switch_requests: Requests::new(inputs + extra(ports), outputs),
            switch_matching: Matching::new(inputs + extra(ports), outputs),
            collective: groups.map(|g| Box::new(Collective::new(params, pipeline, shift, g))),
            watched: core::array::from_fn(|_| vec![0; lanes.div_ceil(64)]),
        }
    }

    /// Does something for packets to groups, where there are any.
    fn collectively(&mut self, work: impl FnOnce(&mut Self, &mut Collective)) {
        if let Some(mut collective) = self.collective.take() {
            work(self, &mut collective);
            self.collective = Some(collective);
        }
    }

    /// Flits of buffer that a VC may use at most, where its share of the port's is `depth`.
    pub(crate) fn depth(pipeline: &Pipeline, depth: u32) -> u32 {
        match pipeline.arch.buffers {
            Buffers::Private => depth,
            Buffers::Shared { reserved_flits } => {
                let shared = u32::from(pipeline.vcs) * depth.saturating_sub(reserved_flits);
                (reserved_flits.min(depth) + shared).min(u32::from(u16::MAX))
            }
        }
    }
}

impl<R: RoutingFunction, const L: usize, const W: usize> Kernel<'_, R, L, W> {
    /// A credit came for output VC `at` of router `i`: it left the shared part of its port's buffers,
    /// if it was there, and a packet that waits for room may go.
    #[cold]
    pub(crate) fn credit_general(&mut self, i: usize, at: usize) {
        let shift = self.c.shift;
        let output = &self.blocks[i].outputs[at];
        if let Some(general) = &mut self.c.general {
            let parts = &mut general.parts[i];
            let after = parts.claimed(at, output);
            let reserved = general.rules.reserved_flits;
            if reserved > 0 && after >= u32::from(reserved) {
                parts.ports[at >> shift].shared_used -= 1;
            }
        }
        self.c.wake(i);
    }

    /// The allocations and traversals of a cycle, and RC of the packets that came to the front in the
    /// one before. Tells whether the router has something to do in the next.
    #[cold]
    pub(crate) fn step_general<E: Egress>(&mut self, i: usize, now: u64, egress: &mut E) -> bool {
        let Some(mut general) = self.c.general.take() else { return false };
        let block = &mut self.blocks[i];
        if E::WATCHES {
            general.watch(block);
        }
        let turned: [u64; W] = core::array::from_fn(|w| core::mem::take(&mut block.sets[w].turned));
        for _ in 0..general.rules.internal_speedup {
            general.pass(self.c, block, i, now, egress);
        }
        if E::WATCHES {
            general.tell_stalls(self.c.shift, block, i, egress);
        }
        for (w, turned) in turned.into_iter().enumerate() {
            self.c.start_all(block, (i, w * 64, turned), now, egress);
        }
        self.c.general = Some(general);
        let used = block.sets.iter().take(usize::from(block.words));
        let busy = |sets: &Sets| sets.waiting | sets.ready | sets.turned;
        used.fold(0, |any, s| any | busy(s) | if E::WATCHES { s.starved } else { 0 }) != 0
    }
}
