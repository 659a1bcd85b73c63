//! The express step: the plain router's decisions for a whole network on one clock, by lists.
//!
//! ```text
//!            asks[t]                 bids[t]
//!   heads ───────▶ VC allocation ───────▶ switch allocation ─▶ traversal ─┐
//!     ▲                 ▲ freed VCs: parked ask again             │       │
//!     └── RC ◀──────────┴────── flit into the next buffer ◀───────┴ credit back
//! ```
//!
//! What the plain step finds out by looking into each router that is awake, the express step is told
//! by lists: who asks for an output VC in a cycle, and who bids for the switch. A flit is put into the
//! next router's buffer when it leaves this one, marked with the cycle of its arrival; a credit
//! likewise, with the cycle from which on it counts. So a hop has no events but one ask and one bid,
//! and nothing is looked at that does not move: a packet that finds no VC is parked at the port until
//! one is freed, one without a credit is put on the list of the cycle in which its next credit counts.
//!
//! The decisions are those of the plain step, cycle by cycle: all pointers, all rules, any delays of
//! the stages, links of any latency and rate. Routing functions that look at output ports are asked
//! in the cycle of RC, others ahead of time. What it does not have: watchers, VCs that are free by
//! their credits, functions that look at other routers.

mod allocate;
mod hot;
mod inspect;
mod state;
mod traverse;

use base::{RouterIdx, RoutingFunction};

use crate::bank::{Pipeline, RouterParams};
use crate::rate::{FRACTION, Rate};
use crate::ring::Ring;
use crate::state::Lane;
use crate::store::{Slot, Store};
use state::{Input, Item, NOBODY, Output, Port, later, when};

/// What is at the far end of a port's link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FarEnd {
    /// A port of a router.
    Router(RouterIdx, usize),
    /// A node, by the number of its source.
    Node(u32),
}

/// The link of a port, both ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortLink {
    /// What is at its end.
    pub far: FarEnd,
    /// Cycles from leaving here to being received there.
    pub latency: u32,
    /// Cycles from leaving here until a credit counts there.
    pub credit_latency: u32,
    /// Of links to nodes: cycles from a flit's arrival there until its credit counts here.
    pub node_latency: u32,
    /// Cycles between flits, in parts of 2^-20.
    pub interval: u64,
}

/// Whoever is at the edge of the network.
pub trait Border {
    /// Takes over a flit that arrives at its node in cycle `arrival`.
    fn eject(&mut self, slot: Slot, arrival: u64);

    /// Takes back a buffer that a source's flit had: source times 64 and VC; the credit counts from
    /// cycle `at` on.
    fn credit(&mut self, to: Lane, at: u64);
}

/// What does not change while the network runs.
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself in every cycle")]
#[derive(Clone, Copy, Debug)]
struct Fixed {
    /// Lanes of a port, and of a router: two to these powers; and the bits of a lane that are its VC.
    shift: u32,
    log: u32,
    low: u32,
    /// Credits of an output VC are kept by as many bits of their number, which these are.
    credit_shift: u32,
    numbers: u32,
    rc: u32,
    /// From switch allocation to the link.
    traversal: u32,
    /// Whether the routing function is asked in the cycle of RC, and again while a packet waits.
    looks: bool,
    adaptive: bool,
    /// Whether it compares ports as they were when the cycle began.
    weighs: bool,
    any_slow: bool,
    /// From the switch to the next VC allocation, on the first link between routers; most are alike.
    usual: u32,
}

/// All routers of a network at work.
#[derive(Clone, Debug)]
pub(crate) struct Express {
    /// The cycle that is or was stepped last.
    now: u64,
    fixed: Fixed,
    /// `[lane]`
    inputs: Vec<Input>,
    /// `[lane]`
    outputs: Vec<Output>,
    /// `[lane >> shift]`
    ports: Vec<Port>,
    /// `[lane][credit]`: from when on it counts; credits by the low bits of their numbers.
    counts_at: Vec<u32>,
    /// `[slot]`: when a flit arrives that is not at the front.
    arrivals: Vec<u32>,
    /// `[lane]`: flits of buffer downstream.
    depths: Vec<u16>,
    /// `[lane]`: what an input VC keeps while it waits: the next of those that wait for a VC of the
    /// same port; or from when on it could send but for a credit.
    aside: Vec<u32>,
    /// `[port]`: of slow links, where there are any.
    rates: Vec<Rate>,
    /// Input VCs whose head is routed in a cycle, by a function that looks.
    routes: Ring<u32>,
    /// Input VCs that ask for an output VC in a cycle.
    asks: Ring<u32>,
    /// Input VCs that could send a flit in a cycle; of the next cycle, some are in a list apart.
    bids: Ring<u32>,
    next_bids: Vec<u32>,
    scratch: Scratch,
    routers: usize,
}

/// Lists that are empty between cycles.
#[derive(Clone, Default, Debug)]
struct Scratch {
    bids: Vec<u32>,
    /// Input VCs that found no output VC.
    stuck: Vec<u32>,
    /// Input VCs whose head is yet to be routed.
    unrouted: Vec<u32>,
}

/// The network at work in a cycle.
pub(crate) struct Train<'a, R> {
    pub(crate) x: &'a mut Express,
    pub(crate) routing: &'a R,
    pub(crate) store: &'a mut Store,
}

impl Express {
    /// All routers; `links[router][port]`. Lanes are numbered as the bank does: `2^log` a router.
    pub(crate) fn new<R: RoutingFunction>(
        params: &[RouterParams],
        pipeline: &Pipeline,
        (shift, log): (u32, u32),
        routing: &R,
        links: &[Vec<PortLink>],
    ) -> Self {
        let lanes = params.len() << log;
        let traversal = pipeline.sa + pipeline.st;
        let deepest = params.iter().flat_map(|p| &p.output_depth).copied().max().unwrap_or(1);
        let credit_shift = deepest.next_power_of_two().ilog2();
        let all = || links.iter().flatten();
        let whole = |interval: u64| u32::try_from(interval.div_ceil(1 << FRACTION));
        let interval = all().map(|l| whole(l.interval).unwrap_or(u32::MAX)).max().unwrap_or(1);
        let latency = all().map(|l| l.latency.max(l.credit_latency) + l.node_latency);
        let span = u64::from(latency.max().unwrap_or(1))
            + u64::from(traversal + pipeline.rc + 1)
            + u64::from(interval)
            + 4;
        let usual = all().find(|l| matches!(l.far, FarEnd::Router(..))).map_or(1, |l| l.latency);
        let fixed = Fixed {
            shift,
            log,
            low: (1 << shift) - 1,
            credit_shift,
            numbers: (1 << credit_shift) - 1,
            rc: pipeline.rc,
            traversal,
            looks: !routing.oblivious(),
            adaptive: routing.adaptive(),
            weighs: routing.weighs(),
            any_slow: all().any(|l| l.interval > 1 << FRACTION),
            usual: traversal + usual + pipeline.rc,
        };
        let mut this = Self {
            now: 0,
            fixed,
            inputs: Vec::with_capacity(lanes),
            outputs: Vec::with_capacity(lanes),
            ports: vec![Port::UNLINKED; lanes >> shift],
            counts_at: vec![0; lanes << credit_shift],
            arrivals: Vec::new(),
            depths: Vec::with_capacity(lanes),
            aside: vec![NOBODY; lanes],
            rates: Vec::new(),
            routes: Ring::new(span),
            asks: Ring::new(span),
            bids: Ring::new(span),
            next_bids: Vec::new(),
            scratch: Scratch::default(),
            routers: params.len(),
        };
        for (router, (p, links)) in params.iter().zip(links).enumerate() {
            this.add_router(router, p, links, pipeline.vcs);
        }
        this
    }

    fn add_router(&mut self, router: usize, p: &RouterParams, links: &[PortLink], vcs: u8) {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let Fixed { shift, log, traversal, .. } = self.fixed;
        for port in 0..1_usize << (log - shift) {
            let depth = |depths: &[u32]| {
                let depth = depths.get(port).copied().unwrap_or(0);
                u16::try_from(depth).unwrap_or(u16::MAX)
            };
            let (input_depth, credits) = (depth(&p.input_depth), depth(&p.output_depth));
            for vc in 0..1_u32 << shift {
                let there = u32::from(vcs) > vc;
                self.inputs.push(Input {
                    front: Item::new(Slot(0), false, false),
                    arrival: 0,
                    last: Slot(0),
                    len: 0,
                    depth: if there { input_depth } else { 0 },
                    out: 0,
                    pointer: NOBODY,
                    vcs: 0,
                });
                let issued = if there { credits } else { 0 };
                let (owner, claim) = (NOBODY, NOBODY);
                self.outputs.push(Output { owner, claim, issued, sent: 0, newest: 0 });
                self.depths.push(issued);
            }
            let Some(link) = links.get(port) else { continue };
            let slow = link.interval > 1 << FRACTION;
            let (far, node) = match link.far {
                FarEnd::Router(r, far) => (narrow(r.at() << log | far << shift), false),
                FarEnd::Node(source) => (source * 64, true),
            };
            self.ports[router << (log - shift) | port] = Port {
                free: u64::MAX >> (64 - vcs),
                far,
                latency: traversal + link.latency,
                credit_latency: 1 + link.credit_latency,
                node_latency: link.node_latency,
                node,
                slow,
                ..Port::UNLINKED
            };
            if slow {
                self.rates.resize(self.ports.len(), Rate { interval: 0, free: 0 });
                self.rates[router << (log - shift) | port].interval = link.interval;
            }
        }
    }
}

impl<R: RoutingFunction> Train<'_, R> {
    /// Steps all routers through cycle `now`, which follows the one stepped before.
    pub(crate) fn cycle<B: Border>(&mut self, now: u64, border: &mut B) {
        self.x.now = now;
        if now & (u64::from(u32::MAX) >> 2) == 0 {
            self.x.refresh();
        }
        let Fixed { looks, weighs, rc, .. } = self.x.fixed;
        if looks && rc == 0 {
            self.route_all();
        }
        let bids = self.x.allocate_switch();
        self.allocate_vcs();
        if looks && rc > 0 && weighs {
            self.route_all();
        }
        self.traverse_all(bids, border);
        if looks && rc > 0 && !weighs {
            self.route_all();
        }
    }
}

impl Express {
    /// Each router takes two to this power of lanes.
    pub(crate) const fn log(&self) -> u32 {
        self.fixed.log
    }

    /// Cycles are kept by their low bits: moves those long past up to the present, so that they do not
    /// come to lie ahead.
    #[cold]
    fn refresh(&mut self) {
        let now = when(self.now);
        let past = now.wrapping_sub(1);
        for output in &mut self.outputs {
            output.newest = later(output.newest, past);
        }
        for input in &mut self.inputs {
            input.arrival = later(input.arrival, past);
        }
        for port in &mut self.ports {
            port.open_at = later(port.open_at, past);
        }
    }
}
