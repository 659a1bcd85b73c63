//! What does not change while a network runs.

use base::RoutingFunction;

use super::ahead::{FAR, KINDS, Kind};
use super::flight::{self, Rule};
use super::layout::Any;
use super::state::{LaneNo, When, after};
use super::{FarEnd, PortLink};
use crate::bank::{Pipeline, RouterParams};
use crate::rate::FRACTION;

/// Links of which so many make up for a flit: there are [flights](flight) while no more flits are in the network.
const LINKS_A_FLIT: usize = 16;

/// Cycles that a link takes more for which it counts as one more.
const SHORT: u32 = 8;

/// A flit that arrives in more cycles than that may find the way that others bar now to be free then.
const FAR_AWAY: u32 = 16;

/// What does not change while the network runs.
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself in every cycle")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed {
    /// Lanes of a port, and of a router: two to these powers.
    pub(super) shift: u32,
    pub(super) log: u32,
    /// The bits of a port that are its router.
    pub(super) of_router: LaneNo,
    /// Flits behind the front of an input VC have a ring of two to this power.
    pub(super) queue_shift: u32,
    pub(super) rc: u32,
    /// From switch allocation to the link.
    pub(super) traversal: u32,
    /// Whether the routing function is asked in the cycle of RC, and again while a packet waits; or only so of
    /// packets that come from their nodes.
    pub(super) looks: bool,
    pub(super) looks_once: bool,
    pub(super) adaptive: bool,
    /// Whether it compares ports as they were when the cycle began.
    pub(super) weighs: bool,
    pub(super) any_slow: bool,
    /// An output VC to a router with so many credits has the next as soon as it is issued, see
    /// [`Hot::give_back`](hot::Hot::give_back); and whether those to nodes never lack any.
    pub(super) ample: i16,
    pub(super) exits_ample: bool,
    /// Cycles from switch allocation to being at the node, where they are as many for all nodes.
    pub(super) exit_latency: Option<u32>,
    /// All links between routers are as the first, none is slow, and heads are routed ahead of time: so
    /// it is known at each step of a hop which list comes next.
    pub(super) even: bool,
}

impl Fixed {
    /// Whether a flit that arrives in cycle `at` is to be looked at then: it may [set out](flight) from there.
    pub(super) const fn is_far(&self, now: When, at: When) -> bool {
        self.rc > 0 && after(at, now.wrapping_add(FAR_AWAY))
    }

    /// Each router takes two to this power of ports.
    pub(super) const fn log_ports(&self) -> u32 {
        self.log - self.shift
    }

    /// When there are [flights](flight), and the flits in the network up to which there are.
    pub(super) fn flights_limit(&self, links: &[Vec<PortLink>]) -> (Rule, usize) {
        // Who is routed and asks in one cycle can no longer be made way for.
        let able = (!self.looks || self.looks_once && self.rc > 0) && !self.adaptive;
        let rule = if able { Rule::Useful } else { Rule::Never };
        // A long link is many short ones in a row: a flit is on one of them.
        let short = |link: &PortLink| 1 + (link.latency / SHORT) as usize;
        let links = links.iter().flatten().map(short).sum::<usize>();
        (rule, (links / LINKS_A_FLIT).clamp(1, flight::FLITS_MAX))
    }

    /// The shape of the network, for what is not done at every hop.
    pub(super) const fn layout(&self) -> Any {
        Any { shift: self.shift, queue_shift: self.queue_shift }
    }

    pub(super) fn new<R: RoutingFunction>(
        params: &[RouterParams],
        pipeline: &Pipeline,
        (shift, log): (u32, u32),
        routing: &R,
        (links, distances): (&[Vec<PortLink>], &[u32; KINDS]),
    ) -> Self {
        let all = || links.iter().flatten();
        let traversal = pipeline.sa + pipeline.st;
        let deepest = params.iter().flat_map(|p| &p.input_depth).copied().max().unwrap_or(1);
        let queue_shift = deepest.next_power_of_two().ilog2();
        let mut between = all().filter(|l| matches!(l.far, FarEnd::Router(..)));
        let first = between.next();
        let listed = |kind: Kind| distances[kind as usize] > 0;
        let any_slow = all().any(|l| l.interval > 1 << FRACTION);
        let looks = !routing.oblivious();
        let looks_once = looks && routing.source_adaptive();
        let alike = between.all(|l| {
            first.is_none_or(|f| (l.latency, l.credit_latency) == (f.latency, f.credit_latency))
        });
        Self {
            shift,
            log,
            of_router: LaneNo::MAX << (log - shift),
            queue_shift,
            rc: pipeline.rc,
            traversal,
            looks,
            looks_once,
            adaptive: routing.adaptive(),
            weighs: routing.weighs(),
            any_slow,
            ample: if looks { i16::MAX } else { ample(links) },
            exits_ample: (!looks || looks_once) && exits_ample(params, traversal, links),
            exit_latency: exit_latency(links).map(|latency| traversal + latency),
            even: alike
                && !any_slow
                && !looks
                && [Kind::Arriving, Kind::Front, Kind::Bids, Kind::Credits].into_iter().all(listed),
        }
    }
}

/// As many credits as an output VC to a router must have for nobody to tell whether one more counts when it is issued
/// or when it is there: see [`Hot::give_back`](hot::Hot::give_back).
fn ample(links: &[Vec<PortLink>]) -> i16 {
    let between = links.iter().flatten().filter(|l| matches!(l.far, FarEnd::Router(..)));
    let longest = between.map(|l| l.credit_latency.saturating_add(1)).max().unwrap_or(1);
    i16::try_from(longest.saturating_add(1)).unwrap_or(i16::MAX)
}

/// Whether every link to a node has more credits than flits can leave by it until the first comes back.
// A slow link takes a flit in I cycles, and may take one in the cycle in which it is done with the one before. So the
// n-th of those that leave in c cycles does so less than c + 1 cycles after the first: n <= (c + 1) / I + 1.
fn exits_ample(params: &[RouterParams], traversal: u32, links: &[Vec<PortLink>]) -> bool {
    let ample = |(l, depth): (&PortLink, &u32)| match l.far {
        FarEnd::Router(..) => true,
        FarEnd::Node(_) => {
            let back = u64::from(traversal) + u64::from(l.latency) + u64::from(l.node_latency);
            let slow = l.interval > 1 << FRACTION;
            let most = if slow { ((back + 1) << FRACTION) / l.interval + 1 } else { back };
            u64::from(*depth) > most
        }
    };
    params.iter().zip(links).all(|(p, links)| links.iter().zip(&p.output_depth).all(ample))
}

/// The latency of links to nodes, if they are all alike.
fn exit_latency(links: &[Vec<PortLink>]) -> Option<u32> {
    let to_nodes = links.iter().flatten().filter(|l| matches!(l.far, FarEnd::Node(_)));
    let mut latencies = to_nodes.map(|l| l.latency);
    let first = latencies.next()?;
    latencies.all(|latency| latency == first).then_some(first)
}

/// `[kind]`: how many cycles ahead most events of the kind are put down, as the first links tell; 0 where that
/// is too far for a list.
pub(super) fn distances(pipeline: &Pipeline, links: &[Vec<PortLink>]) -> [u32; KINDS] {
    let traversal = pipeline.sa + pipeline.st;
    let all = || links.iter().flatten();
    let near = |cycles: u32| if cycles <= FAR { cycles } else { 0 };
    let router = all().find(|l| matches!(l.far, FarEnd::Router(..)));
    let node = all().find(|l| matches!(l.far, FarEnd::Node(_)));
    // 0 is the present cycle, for which nothing is put down.
    let of = |link: Option<&PortLink>, cycles: fn(&PortLink) -> u32, more: u32| {
        link.map_or(0, |l| near(cycles(l).saturating_add(more)))
    };
    let mut distances = [0; KINDS];
    distances[Kind::Arriving as usize] = of(router, |l| l.latency, traversal + pipeline.rc);
    distances[Kind::Front as usize] = near(1 + pipeline.rc);
    distances[Kind::Entering as usize] = of(node, |l| l.latency, 1 + pipeline.rc);
    distances[Kind::Bids as usize] = of(router, |l| l.latency, traversal);
    distances[Kind::Credits as usize] = of(router, |l| l.credit_latency, 1);
    let node_latency = |l: &PortLink| l.latency.saturating_add(l.node_latency);
    distances[Kind::NodeCredits as usize] = of(node, node_latency, traversal);
    distances
}
