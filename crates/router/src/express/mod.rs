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
//! Each list is gone through in a loop of its own that has little at hand. Most events of a network lie a few
//! fixed distances ahead, so those have lists to themselves ([`Ahead`]). Where all links between routers are
//! alike it is known beforehand which list it is (`even`).
//!
//! A flit is one word, which moves from buffer to buffer; what else there is to know of its packet is
//! in a table of packets. Lanes are numbers of 16 bits and tables have a place for each such number, so
//! nothing is checked against bounds; what is never written takes no memory.
//!
//! The decisions are those of the plain step, cycle by cycle: all pointers, all rules, any delays of
//! the stages, links of any latency and rate. Routing functions that look at output ports are asked
//! in the cycle of RC, others ahead of time, and so are those that look once a packet after that. What it does not
//! have: watchers, VCs that are free by their credits, functions that look at other routers.

mod ahead;
mod allocate;
mod engine;
mod fixed;
mod flight;
mod hops;
mod hot;
mod inspect;
mod layout;
mod state;
mod table;
mod traverse;

use base::{Head, RouterIdx, RoutingFunction};

use crate::bank::{Pipeline, RouterParams};
use crate::rate::{FRACTION, Rate};
use crate::state::Lane;
use ahead::{Ahead, Due};
pub(crate) use engine::Engine;
use fixed::{Fixed, distances};
use flight::{Flights, Spacing};
use hops::{Hops, Size};
pub use state::PackedFlit;
use state::{Cell, LaneNo, NODE, Output, Port, STARVED, after, lane_no, later, when};
use table::{List, Queues, Table};

/// Lanes of the largest network; beyond, tables no longer fit into the caches. At most half of the
/// numbers that a lane may have: two of the others have meanings of their own.
pub(crate) const LANES_MAX: usize = 32768;

/// Cycles between two [refreshes](Express::refresh), less one: a quarter of what low bits can tell apart.
const REFRESH: u64 = (1 << 30) - 1;

/// Flits of the deepest buffer: credits are counted in 15 bits.
pub(crate) const DEPTH_MAX: u32 = STARVED as u32 - 1;

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
    /// Whether it matters in which order flits are handed over that leave in one cycle, since nodes with several
    /// ports may receive several at once: then it is that of routers, and of the ports and VCs of each.
    fn ordered(&self) -> bool;

    /// Where flits are put that arrive at their nodes in cycle `arrival`.
    fn ejects(&mut self, arrival: u64) -> &mut Vec<PackedFlit>;

    /// The network is to be stepped in cycle `at`.
    fn wake(&mut self, at: u64);

    /// Gives back the buffer that a flit of a source and VC had, as [`credits`](Self::credits) does in so many cycles, but at
    /// once, if there are so many that the source cannot tell: it sends a flit a cycle at most. Tells whether it did.
    // With L the longest of these times and a credit that is given like that leaving more than L: say that d cycles have
    // passed since, and that it was the last. Then at least L + 1 - d are left, and at most L - d of these are not due yet.
    // So there is one that is. Where A cycles lie between two flits that the source sends, and between two credits of
    // its that are due, as behind a slow link, it has sent d / A + 1 at most, and (L - d) / A + 1 are not due: L / A + 2
    // do then.
    fn credit_early(&mut self, source: Lane, cycles: u64) -> bool;

    /// Takes back such a buffer.
    fn take_credit(&mut self, source: Lane);

    /// Where buffers are put that flits of sources had, each as source times 64 and VC: their credits count from
    /// cycle `at` on.
    fn credits(&mut self, at: u64) -> &mut Vec<Lane>;
}

/// All routers of a network at work: up to [`LANES_MAX`] lanes.
#[derive(Clone, Debug)]
pub(crate) struct Express {
    /// The cycle that is or was stepped last.
    now: u64,
    fixed: Fixed,
    cells: Table,
    queues: Queues,
    /// `[lane]`: flits of buffer.
    input_depths: Vec<u16>,
    /// `[port]`: of slow links, where there are any; of others without an interval.
    rates: Vec<Rate>,
    /// Of heads that are routed ahead of time.
    hops: Hops,
    /// `[packet]`: its head as routing functions see it.
    heads: Vec<Head>,
    /// Who asks, who bids and whose credit counts in the cycles to come.
    ahead: Ahead,
    scratch: Scratch,
    flights: Flights,
    routers: usize,
}

/// Lists that are empty between cycles.
#[derive(Clone, Debug)]
struct Scratch {
    /// Input VCs that found no output VC and may ask at another port.
    stuck: List,
    /// Input VCs whose head is yet to be routed.
    unrouted: List,
    /// Flits that leave for nodes while they are put in order, each with its output VC.
    exits: Vec<(LaneNo, PackedFlit)>,
}

impl Express {
    /// All routers; `links[router][port]` between them and so many nodes. Lanes are numbered as the bank does: `2^log` a router.
    fn new<R: RoutingFunction>(
        params: &[RouterParams],
        pipeline: &Pipeline,
        (shift, log): (u32, u32),
        routing: &R,
        (links, nodes): (&[Vec<PortLink>], usize),
    ) -> Self {
        let lanes = params.len() << log;
        assert!(lanes <= LANES_MAX, "{lanes} lanes are more than {LANES_MAX}");
        let distances = distances(pipeline, links);
        let fixed = Fixed::new(params, pipeline, (shift, log), routing, (links, &distances));
        let all = || links.iter().flatten();
        let whole = |interval: u64| u32::try_from(interval.div_ceil(1 << FRACTION));
        let interval = all().map(|l| whole(l.interval).unwrap_or(u32::MAX)).max().unwrap_or(1);
        let latency = all().map(|l| l.latency.max(l.credit_latency) + l.node_latency);
        let span = u64::from(latency.max().unwrap_or(1))
            + u64::from(fixed.traversal + pipeline.rc + 1)
            + u64::from(interval)
            + 4;
        let ports = links.iter().map(Vec::len).collect::<Vec<_>>();
        let (vcs, log_ports) = (pipeline.vcs, fixed.log_ports());
        let hops = Hops::new(routing, Size { nodes, vcs, ports: &ports, log_ports, shift });
        let mut this = Self {
            now: 0,
            fixed,
            cells: Table::new(lanes, lanes >> shift),
            queues: Queues::new(lanes, fixed.queue_shift),
            input_depths: vec![0; lanes],
            rates: Vec::new(),
            hops,
            heads: Vec::new(),
            ahead: Ahead::new(distances, span),
            scratch: Scratch { stuck: List::new(), unrouted: List::new(), exits: Vec::new() },
            flights: Flights::new(
                fixed.flights_limit(links),
                u64::MAX >> (64 - pipeline.vcs),
                Spacing::new(&fixed, links),
            ),
            routers: params.len(),
        };
        for (router, (p, links)) in params.iter().zip(links).enumerate() {
            this.add_router(router, p, links, pipeline.vcs);
        }
        this
    }

    fn add_router(&mut self, router: usize, p: &RouterParams, links: &[PortLink], vcs: u8) {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let Fixed { shift, log, rc, traversal, .. } = self.fixed;
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
                let (bit, far) = (1 << vc, far | vc);
                let port = lane_no(narrow(first >> shift));
                let ports = port & self.fixed.of_router;
                let output =
                    Output { bit, far, credits, depth: credits, port, ports, ..Output::NONE };
                self.cells[lane].output = output;
                self.cells[lane].input.row = self.hops.row(router, lane);
            }
            let slow = link.interval > 1 << FRACTION;
            let port = first >> shift;
            *self.cells.port_mut(lane_no(narrow(first >> shift))) = Port {
                free: u64::MAX >> (64 - vcs),
                latency: traversal + link.latency,
                credit_latency: 1 + link.credit_latency,
                node_latency: traversal + link.latency + link.node_latency,
                first: lane_no(narrow(first)),
                lead: match link.far {
                    FarEnd::Router(..) => rc + 1 + traversal + link.latency,
                    FarEnd::Node(_) => rc,
                },
                ..Port::UNLINKED
            };
            if slow {
                self.rates.resize(self.rates.len().max(port + 1), Rate { interval: 0, free: 0 });
                self.rates[port].interval = link.interval;
            }
        }
    }
}

impl Express {
    /// Goes on to cycle `now`, which follows the one stepped before. Gives what is due in it, if anything goes on.
    #[inline]
    fn turn(&mut self, now: u64) -> Option<Due> {
        self.now = now;
        if now < self.ahead.quiet_until {
            return None;
        }
        if now & REFRESH == REFRESH {
            self.refresh();
        }
        let due = self.ahead.turn(when(now));
        let goes_on = self.goes_on(due);
        if goes_on {
            self.ahead.fill(when(now));
        }
        goes_on.then_some(due)
    }

    /// Whether anything goes on at routers in a cycle in which this is due.
    #[inline]
    const fn goes_on(&self, due: Due) -> bool {
        !due.is_empty() || !self.ahead.rests()
    }

    /// The next cycle in which anything happens to what is in the network now, at least the next one.
    #[inline]
    fn quiet_until(&mut self) -> u64 {
        let next = self.now + 1;
        if self.ahead.quiet_until > next {
            return self.ahead.quiet_until;
        }
        if !self.ahead.rests() {
            return next;
        }
        self.ahead.quiet_until = (next + self.ahead.quiet(when(next))).min(next | REFRESH);
        self.ahead.quiet_until
    }

    /// Goes on to cycle `now`, which follows the one stepped before, if nothing goes on in it. Tells whether that is so.
    #[inline]
    const fn rest(&mut self, now: u64) -> bool {
        let rests = now < self.ahead.quiet_until;
        if rests {
            self.now = now;
        }
        rests && !self.flights_are_due()
    }

    /// Gives output VCs a credit each, and empties the list.
    #[inline]
    fn give_credits(&mut self, outs: &mut List, bids: &mut List) {
        outs.take_all(|out| self.give_credit(out, bids));
    }

    /// Gives an output VC a credit. If its owner waits for one, he bids, in this cycle or when his flit
    /// is there.
    #[inline]
    fn give_credit(&mut self, out: LaneNo, bids: &mut List) {
        let output = &mut self.cells[out].output;
        output.credits += 1;
        if output.credits & STARVED == 0 {
            return;
        }
        output.credits = 1;
        let lane = output.owner;
        let from = self.cells[lane].input.since;
        if after(from, when(self.now)) {
            self.ahead.bid(from, lane);
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
        if self.flights.on {
            for link in self.cells.links_mut().into_iter().flatten() {
                link.refresh(past, self.flights.spacing);
            }
        }
        self.flights.refresh(past);
    }
}
