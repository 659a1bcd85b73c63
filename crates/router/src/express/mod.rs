//! The express step: the plain router's decisions for a whole network on one clock, by lists.
//!
//! ```text
//!            asks of t            bids of t          ports that claim
//!   heads ───────▶ VC allocation ───────▶ switch allocation ─▶ departure ─▶ advance ─▶ arrival ─┐
//!     ▲            ▲ freed VCs: parked ask again  ▲ credits: starved bid again   │ credit back   │
//!     └── RC ◀─────┴──────────────────────────────┴──────────────────────────────┴───────────────┘
//! ```
//!
//! What the plain step finds out by looking into each router that is awake, the express step is told
//! by lists: who asks for an output VC in a cycle, who bids for the switch, whose credit counts from it
//! on. A flit is put into the next router's buffer when it leaves this one, marked with the cycle of its
//! arrival. So a hop is one ask, one bid and one credit, and nothing is looked at that does not move: a
//! packet that finds no VC is parked at the port until one is freed, one whose output VC has no credit
//! left is starved until the next credit, which finds it as the VC's owner.
//!
//! Each list is gone through in a loop of its own that has little at hand: those who leave, then those
//! that come to the front behind them, then those that arrive. Most events of a network lie a few fixed
//! distances ahead, so those have lists to themselves ([`Line`]) and the others share a [`Ring`]. Where
//! all links between routers are alike it is known beforehand which list it is (`even`).
//!
//! A flit is one word, which moves from buffer to buffer; what else there is to know of its packet is
//! in a table of packets. Lanes are numbers of 16 bits and tables have a place for each such number, so
//! nothing is checked against bounds; what is never written takes no memory.
//!
//! The decisions are those of the plain step, cycle by cycle: all pointers, all rules, any delays of
//! the stages, links of any latency and rate. Routing functions that look at output ports are asked
//! in the cycle of RC, others ahead of time. What it does not have: watchers, VCs that are free by
//! their credits, functions that look at other routers.

mod allocate;
mod engine;
mod hot;
mod inspect;
mod layout;
mod state;
mod table;
mod traverse;

use base::{Head, RouterIdx, RoutingFunction};

use crate::bank::{Pipeline, RouterParams};
use crate::rate::{FRACTION, Rate};
use crate::ring::Ring;
use crate::state::Lane;
pub(crate) use engine::Engine;
pub use state::PackedFlit;
use layout::Layout;
use state::{Cell, LaneNo, NODE, Output, Port, Queued, after, lane_no, later, when};
use table::{Line, List, Moves, Table};

/// Lanes of the largest network; beyond, tables no longer fit into the caches. At most half of the
/// numbers that a lane may have: two of the others have meanings of their own.
pub(crate) const LANES_MAX: usize = 32768;

/// Cycles from the switch to whatever follows from it, up to which that has a list to itself.
const USUAL_MAX: u32 = 32;

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
    fn eject(&mut self, flit: PackedFlit, arrival: u64);

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
    /// Flits behind the front of an input VC have a ring of two to this power; the bits of a place.
    queue_shift: u32,
    places: u32,
    rc: u32,
    /// From switch allocation to the link.
    traversal: u32,
    /// Whether the routing function is asked in the cycle of RC, and again while a packet waits.
    looks: bool,
    adaptive: bool,
    /// Whether it compares ports as they were when the cycle began.
    weighs: bool,
    any_slow: bool,
    /// From the switch into the next buffer, to the VC allocation after that, and until the credit counts
    /// at the router before, on the first link between routers; most are alike. 0: no list to itself.
    usual_arrival: u32,
    usual: u32,
    usual_credit: u32,
    /// All links between routers are as the first, none is slow, and heads are routed ahead of time: so
    /// it is known at each step of a hop which list comes next.
    even: bool,
}

/// All routers of a network at work: up to [`LANES_MAX`] lanes.
#[derive(Clone, Debug)]
pub(crate) struct Express {
    /// The cycle that is or was stepped last.
    now: u64,
    fixed: Fixed,
    cells: Table,
    /// `[lane][place]`: the flits behind the front.
    queues: Vec<Queued>,
    /// `[lane]`: flits of buffer.
    input_depths: Vec<u16>,
    /// `[port]`: of slow links, where there are any; of others without an interval.
    rates: Vec<Rate>,
    /// `[packet]`: its head as routing functions see it.
    heads: Vec<Head>,
    /// Input VCs whose head is routed in a cycle, by a function that looks.
    routes: Ring<LaneNo>,
    /// Input VCs that ask for an output VC in a cycle; apart from these, those of the next cycle, those
    /// whose head comes to the front next, and those of the cycle that is usual.
    asks: Ring<LaneNo>,
    next_asks: List,
    soon_asks: Line,
    usual_asks: Line,
    /// Output VCs that have a credit more from a cycle on; apart from these, those of the usual cycle.
    credits: Ring<LaneNo>,
    usual_credits: Line,
    /// Input VCs that could send a flit in a cycle; apart from these, those of the next cycle, and of that
    /// in which a flit usually arrives.
    bids: Ring<LaneNo>,
    next_bids: List,
    usual_bids: Line,
    scratch: Scratch,
    routers: usize,
}

/// Lists that are empty between cycles.
#[derive(Clone, Default, Debug)]
struct Scratch {
    /// Input VCs that found no output VC and may ask at another port.
    stuck: Vec<LaneNo>,
    /// Input VCs whose head is yet to be routed.
    unrouted: Vec<LaneNo>,
}

/// The network at work in a cycle.
struct Train<'a, R, L> {
    x: &'a mut Express,
    /// Those who bid and those who ask in it; empty between cycles.
    bids: &'a mut List,
    asks: &'a mut List,
    /// Output ports that claim an input VC; empty between cycles.
    ports: &'a mut List,
    /// Flits that leave for another router, and input VCs that have more behind the one that left; empty
    /// between cycles.
    moves: &'a mut Moves,
    more: &'a mut List,
    routing: &'a R,
    layout: L,
}

impl Express {
    /// All routers; `links[router][port]`. Lanes are numbered as the bank does: `2^log` a router.
    fn new<R: RoutingFunction>(
        params: &[RouterParams],
        pipeline: &Pipeline,
        (shift, log): (u32, u32),
        routing: &R,
        links: &[Vec<PortLink>],
    ) -> Self {
        let lanes = params.len() << log;
        assert!(lanes <= LANES_MAX, "{lanes} lanes are more than {LANES_MAX}");
        let fixed = Fixed::new(params, pipeline, (shift, log), routing, links);
        let all = || links.iter().flatten();
        let whole = |interval: u64| u32::try_from(interval.div_ceil(1 << FRACTION));
        let interval = all().map(|l| whole(l.interval).unwrap_or(u32::MAX)).max().unwrap_or(1);
        let latency = all().map(|l| l.latency.max(l.credit_latency) + l.node_latency);
        let span = u64::from(latency.max().unwrap_or(1))
            + u64::from(fixed.traversal + pipeline.rc + 1)
            + u64::from(interval)
            + 4;
        let mut this = Self {
            now: 0,
            fixed,
            cells: Table::new(lanes, lanes >> shift),
            queues: vec![Queued::NONE; lanes << fixed.queue_shift],
            input_depths: vec![0; lanes],
            rates: Vec::new(),
            heads: Vec::new(),
            routes: Ring::new(span),
            asks: Ring::new(span),
            next_asks: List::new(),
            soon_asks: Line::new(1 + fixed.rc),
            usual_asks: Line::new(fixed.usual),
            credits: Ring::new(span),
            usual_credits: Line::new(fixed.usual_credit),
            bids: Ring::new(span),
            next_bids: List::new(),
            usual_bids: Line::new(fixed.usual_arrival),
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
        for (port, link) in links.iter().enumerate() {
            let first = router << log | port << shift;
            let depth = |depths: &[u32]| u16::try_from(depths[port]).unwrap_or(u16::MAX);
            let far = match link.far {
                FarEnd::Router(r, far) => narrow(r.at() << log | far << shift),
                FarEnd::Node(source) => NODE | (source * 64),
            };
            let credits = depth(&p.output_depth);
            for vc in 0..u32::from(vcs) {
                let lane = lane_no(narrow(first) | vc);
                self.input_depths[usize::from(lane)] = depth(&p.input_depth);
                let there = Output { far: far | vc, credits, depth: credits, ..Output::NONE };
                self.cells[lane].output = there;
            }
            let slow = link.interval > 1 << FRACTION;
            let port = first >> shift;
            *self.cells.port_mut(lane_no(narrow(first >> shift))) = Port {
                free: u64::MAX >> (64 - vcs),
                latency: traversal + link.latency,
                credit_latency: 1 + link.credit_latency,
                node_latency: traversal + link.latency + link.node_latency,
                ..Port::UNLINKED
            };
            if slow {
                self.rates.resize(self.rates.len().max(port + 1), Rate { interval: 0, free: 0 });
                self.rates[port].interval = link.interval;
            }
        }
    }
}

impl Fixed {
    fn new<R: RoutingFunction>(
        params: &[RouterParams],
        pipeline: &Pipeline,
        (shift, log): (u32, u32),
        routing: &R,
        links: &[Vec<PortLink>],
    ) -> Self {
        let all = || links.iter().flatten();
        let traversal = pipeline.sa + pipeline.st;
        let deepest = params.iter().flat_map(|p| &p.input_depth).copied().max().unwrap_or(1);
        let queue_shift = deepest.next_power_of_two().ilog2();
        let mut between = all().filter(|l| matches!(l.far, FarEnd::Router(..)));
        let first = between.next();
        let usual = |cycles: u32| if cycles <= USUAL_MAX { cycles } else { 0 };
        // 0 is the present cycle, for which nothing is put down.
        let of_first = |cycles: fn(&PortLink) -> u32, more: u32| {
            first.map_or(0, |l| usual(cycles(l).saturating_add(more)))
        };
        let usual_arrival = of_first(|l| l.latency, traversal);
        let usual_ask = of_first(|l| l.latency, traversal + pipeline.rc);
        let usual_credit = of_first(|l| l.credit_latency, 1);
        let any_slow = all().any(|l| l.interval > 1 << FRACTION);
        let looks = !routing.oblivious();
        let alike = between.all(|l| {
            first.is_none_or(|f| (l.latency, l.credit_latency) == (f.latency, f.credit_latency))
        });
        Self {
            shift,
            log,
            low: (1 << shift) - 1,
            queue_shift,
            places: (1 << queue_shift) - 1,
            rc: pipeline.rc,
            traversal,
            looks,
            adaptive: routing.adaptive(),
            weighs: routing.weighs(),
            any_slow,
            usual_arrival,
            usual: usual_ask,
            usual_credit,
            even: alike && !any_slow && !looks && usual_ask > 0 && usual_credit > 0,
        }
    }
}

impl<R: RoutingFunction, L: Layout> Train<'_, R, L> {
    /// Steps all routers through cycle `now`, which follows the one stepped before.
    pub(crate) fn cycle<B: Border>(&mut self, now: u64, border: &mut B) {
        self.x.now = now;
        if now & (u64::from(u32::MAX) >> 2) == 0 && now > 0 {
            self.x.refresh();
        }
        let Fixed { looks, weighs, rc, .. } = self.x.fixed;
        if looks && rc == 0 {
            self.route_all();
        }
        self.take_lists();
        if !self.bids.is_empty() {
            self.x.allocate_switch(self.layout, self.bids, self.ports);
        }
        if !self.asks.is_empty() {
            self.allocate_vcs();
        }
        if looks && rc > 0 && weighs {
            self.route_all();
        }
        if self.ports.is_empty() {
            // Nobody leaves.
        } else if self.x.fixed.even {
            self.traverse_all::<true, B>(border);
        } else {
            self.traverse_all::<false, B>(border);
        }
        if looks && rc > 0 && !weighs {
            self.route_all();
        }
    }
}

impl<R, L> Train<'_, R, L> {
    /// Gathers those who bid and those who ask in the present cycle, from which on some credits count.
    fn take_lists(&mut self) {
        let Self { x, bids, asks, .. } = self;
        let now = when(x.now);
        x.usual_bids.take(now, bids);
        x.next_bids.move_onto(bids);
        x.usual_credits.take(now, asks);
        for out in asks.all() {
            x.give_credit(*out, bids);
        }
        asks.clear();
        if let Some(others) = x.credits.take(x.now) {
            for out in &others {
                x.give_credit(*out, bids);
            }
            x.credits.give_back(x.now, others);
        }
        if let Some(others) = x.bids.take(x.now) {
            bids.extend(&others);
            x.bids.give_back(x.now, others);
        }
        x.usual_asks.take(now, asks);
        x.soon_asks.move_onto(now, asks);
        x.next_asks.move_onto(asks);
        if let Some(others) = x.asks.take(x.now) {
            asks.extend(&others);
            x.asks.give_back(x.now, others);
        }
    }
}

impl Express {
    /// Gives an output VC a credit. If its owner waits for one, he bids, in this cycle or when his flit
    /// is there.
    #[inline]
    fn give_credit(&mut self, out: LaneNo, bids: &mut List) {
        let output = &mut self.cells[out].output;
        output.credits += 1;
        if !output.starved {
            return;
        }
        output.starved = false;
        let lane = output.owner;
        let from = self.cells[lane].input.since;
        if after(from, when(self.now)) {
            self.bids.push(u64::from(from), lane);
        } else {
            bids.push(lane);
        }
    }

    /// Cycles are kept by their low bits: moves those long past up to the present, so that they do not
    /// come to lie ahead.
    #[cold]
    fn refresh(&mut self) {
        let now = when(self.now);
        let past = now.wrapping_sub(1);
        for Cell { input, .. } in self.cells.cells_mut() {
            input.arrival = later(input.arrival, past);
        }
        for port in self.cells.ports_mut() {
            port.open_at = later(port.open_at, past);
        }
    }
}
