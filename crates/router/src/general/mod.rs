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
//! the plain router's choices it does exactly what that does. With an internal speedup of `n` it makes
//! `n` passes a cycle, and what takes a cycle, from RC to the output buffer, takes a pass: that is
//! BookSim 2's `internal_speedup`. Allocations of several cycles are in [`flight`].

mod allocate;
mod flight;
mod own;
mod rules;
mod stalls;
mod traverse;

use std::collections::VecDeque;

use base::arch::{Allocation, Switching};
use base::group::Groups;
use base::{RouterArch, RoutingFunction};

use crate::alloc::{AnyAllocator, KeyRule, Matching, Requests};
use crate::bank::{Kernel, Pipeline, RouterParams};
use crate::collective::Collective;
use crate::egress::Egress;
use crate::pool::Pools;
use crate::state::{NOBODY, Sets};

use self::flight::Flights;

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

// Packets to groups are for networks on one clock, which are not resumed.
base::state!([] General {
    keeps;
    each parts;
    fixed collective, rules, vc_requests, vc_matching, switch_requests, switch_matching, watched
});

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
    /// Cycles of RC where it is passes that count; the bank then takes RC for done on arrival.
    rc_in_passes: Option<u64>,
    st: u64,
    output_buffer_flits: Option<u32>,
}

/// One router's own.
#[derive(Clone, Debug)]
struct Parts {
    vc_allocator: AnyAllocator,
    switch_allocator: AnyAllocator,
    /// `[port]`
    ports: Vec<PortParts>,
    /// VC allocations, and switch allocations: crossbar inputs with outputs.
    vc_flights: Flights,
    switch_flights: Flights,
    /// `[lane]`: the first pass in which the packet at the front may ask for an output VC, or
    /// [`UNKNOWN`]; empty where RC does not count in passes.
    routed: Vec<u64>,
    /// `[crossbar input]`: the VC that goes first among those that want the same output.
    turn: Vec<u8>,
    /// `[crossbar input]`: whose packet keeps it.
    held: Vec<Held>,
    /// `[crossbar output]`: whether a packet kept it in this pass.
    taken: Vec<bool>,
    /// `[lane]`: flits of the packet that holds the output VC which have a promise of room in shared
    /// buffers and are still to be sent; empty but for cut-through.
    owed: Vec<u16>,
}

base::state!([] Parts {
    keeps vc_allocator, switch_allocator, vc_flights, switch_flights, routed, turn, held, taken, owed;
    each ports;
    fixed
});

/// The packet at the front has just come.
const UNKNOWN: u64 = u64::MAX;

/// A connection through the switch that outlasts a flit.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Held {
    /// The lane whose packet it is, or [`NOBODY`].
    at: u16,
    /// The cycle in which its next flit goes, or it ends.
    until: u64,
    /// It has ended, and its ends are taken for the rest of the pass.
    ended: bool,
}

impl Held {
    const NONE: Self = Self { at: NOBODY, until: 0, ended: false };
}

#[derive(Clone, Debug)]
struct PortParts {
    /// Shared buffers at the far end of the link out, used or promised.
    pools: Pools,
    /// Cycles in which the flits of the output buffer go on the link, and the first cycle in which
    /// the link takes another.
    departures: VecDeque<u64>,
    link_free: u64,
}

base::state!([] PortParts { keeps pools, departures, link_free; each; fixed });

/// A pass of a cycle.
#[derive(Clone, Copy, Debug)]
struct Time {
    /// The cycle.
    now: u64,
    /// Passes so far.
    pass: u64,
    /// Whether the next one is in the next cycle.
    last: bool,
}

impl Time {
    fn new(now: u64, turn: usize, passes: usize) -> Self {
        let pass = now * u64::try_from(passes).unwrap_or(1) + u64::try_from(turn).unwrap_or(0);
        Self { now, pass, last: turn + 1 == passes }
    }
}

impl Rules {
    fn new(pipeline: &Pipeline, rc_in_passes: Option<u32>) -> Self {
        let arch = &pipeline.arch;
        Self {
            keys: KeyRule::new(arch.priority, arch.arbiter),
            speculative: arch.speculative,
            cut_through: arch.switching == Switching::VirtualCutThrough,
            hold_switch: arch.hold_switch,
            input_speedup: usize::from(arch.input_speedup.max(1)),
            output_speedup: usize::from(arch.output_speedup.max(1)),
            internal_speedup: usize::from(arch.internal_speedup.max(1)),
            rc_in_passes: rc_in_passes.map(u64::from),
            st: u64::from(pipeline.st),
            output_buffer_flits: arch.output_buffer_flits,
        }
    }
}

impl General {
    /// The cycles of RC are `pipeline`'s, or those given where passes count: see
    /// [`General::counts_rc`].
    pub(crate) fn new(
        params: &[RouterParams],
        pipeline: &Pipeline,
        (shift, rc_in_passes): (u32, Option<u32>),
        groups: Option<Groups>,
    ) -> Self {
        // Branches to a port are one more input of both allocations.
        let extra = |ports: usize| if groups.is_some() { ports } else { 0 };
        let arch = &pipeline.arch;
        let rules = Rules::new(pipeline, rc_in_passes);
        let most = params.iter().map(|p| p.input_depth.len()).max().unwrap_or(0);
        // All routers of a bank are of one design: a wave goes over the ports of the largest, whether
        // they are there or not, and that changes whose turn it is.
        let wide =
            |allocation, ports| if allocation == Allocation::Wavefront { most } else { ports };
        let parts = params.iter().map(|p| {
            let ports = p.input_depth.len();
            let lanes = ports << shift;
            let shares = (0..ports).any(|port| !p.division(pipeline, port).is_private());
            let (inputs, outputs) = (ports * rules.input_speedup, ports * rules.output_speedup);
            let port = |(port, depth): (usize, &u32)| PortParts {
                pools: Pools::new(p.division(pipeline, port), pipeline.vcs, *depth),
                departures: VecDeque::new(),
                link_free: 0,
            };
            Parts {
                vc_allocator: {
                    let ports = wide(arch.vc_allocator, ports);
                    let (inputs, outputs) = ((ports << shift) + extra(ports), ports << shift);
                    AnyAllocator::new(arch.vc_allocator, arch.arbiter, inputs, outputs)
                },
                switch_allocator: {
                    let ports = wide(arch.switch_allocator, ports);
                    let inputs = ports * rules.input_speedup + extra(ports);
                    let outputs = ports * rules.output_speedup;
                    AnyAllocator::new(arch.switch_allocator, arch.arbiter, inputs, outputs)
                },
                ports: p.output_depth.iter().enumerate().map(port).collect(),
                vc_flights: Flights::new(pipeline.va, rules.internal_speedup, lanes),
                switch_flights: Flights::new(pipeline.sa, rules.internal_speedup, lanes),
                routed: vec![UNKNOWN; if rules.rc_in_passes.is_some() { lanes } else { 0 }],
                turn: vec![0; inputs],
                held: vec![Held::NONE; inputs],
                taken: vec![false; outputs],
                owed: vec![0; if rules.cut_through && shares { lanes } else { 0 }],
            }
        });
        let parts: Vec<Parts> = parts.collect();
        let (ports, lanes) = (most, most << shift);
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

    /// The link out of a port takes no flit that leaves before cycle `until`.
    pub(crate) fn hold(&mut self, i: usize, port: usize, until: u64) {
        self.parts[i].ports[port].link_free = until;
    }

    /// Whether RC counts in passes, so that the bank is to deliver heads before a step as with
    /// lookahead routing.
    pub(crate) fn counts_rc(arch: &RouterArch, groups: Option<&Groups>) -> bool {
        arch.internal_speedup > 1 && groups.is_none()
    }

    /// Does something for packets to groups, where there are any.
    fn collectively(&mut self, work: impl FnOnce(&mut Self, &mut Collective)) {
        if let Some(mut collective) = self.collective.take() {
            work(self, &mut collective);
            self.collective = Some(collective);
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
            parts.ports[at >> shift].pools.give(at & ((1 << shift) - 1), after);
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
        for pass in 0..general.rules.internal_speedup {
            general.pass(self.c, block, i, (now, pass), egress);
        }
        if E::WATCHES {
            let last = general.rules.internal_speedup - 1;
            let Time { pass, .. } = Time::new(now, last, general.rules.internal_speedup);
            general.tell_stalls((self.c.shift, pass), block, i, egress);
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
