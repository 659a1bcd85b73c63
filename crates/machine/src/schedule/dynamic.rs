//! The same transfers without a schedule, and what a schedule does against that.
//!
//! Every node sends what it has in the order of the list, as soon as what it comes after has arrived, by a
//! routing function of the topology's own. Runs differ by their seeds: by the flows that routing spreads
//! by, the cycle in which a node starts, and a background load.

use std::collections::BTreeSet;

use base::{NodeIdx, rng};
use topology::schedule::Transfer;
use topology::spec::MachineSpec;
use traffic::synthetic::{
    Arrival, Exchange, PacketSizes, PatternSpec, Source, Traffic, TrafficSpec,
};

use super::run::{Counting, GIVE_UP, Outcome, RunTrouble, execute};
use super::spread::{Adding, Repeats};
use super::{Schedule, nodes};
use crate::BuildError;
use crate::cycle::{CycleNetwork, Next, Offer, Passage, Terminals};
use crate::sweep;

/// Streams of draws.
const STARTS: u64 = 60;

/// How transfers are run several times.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Dynamic {
    /// Runs, at least 1; seeds count from `seed` on.
    pub runs: u64,
    /// The first run's seed.
    pub seed: u64,
    /// Nodes start in a cycle drawn from 0 to this.
    pub start_cycles: u64,
    /// Flits a node and cycle of background load, to nodes drawn evenly, in packets of the longest
    /// transfer's length.
    pub load: f64,
}

impl Schedule {
    /// Runs the schedule several times, nodes' counters being off by draws of up to so many cycles.
    ///
    /// # Errors
    /// As [`execute`].
    pub fn repeat(
        &self,
        spec: &MachineSpec,
        runs: u64,
        seed: u64,
        error_cycles: u64,
    ) -> Result<Repeats, RunTrouble> {
        let mut adding = Adding::default();
        for run in 0..runs.max(1) {
            let late: Vec<i64> = nodes(spec)
                .map(|n| {
                    let draw = rng::draw(seed + run, u64::from(n.0), STARTS, 1);
                    let up = draw % (2 * error_cycles + 1);
                    i64::try_from(up).unwrap_or(0) - i64::try_from(error_cycles).unwrap_or(0)
                })
                .collect();
            adding.add(execute(spec, self, &late)?, |i| self.entries()[i].latency());
        }
        Ok(adding.sum())
    }
}

/// Runs a schedule's transfers several times without it, on a machine of the same fabric.
///
/// # Errors
/// If the network cannot be built, the load cannot be, or a packet does not arrive.
pub fn dynamic(
    spec: &MachineSpec,
    schedule: &Schedule,
    how: Dynamic,
) -> Result<Repeats, RunTrouble> {
    let transfers = schedule.transfers();
    let mut adding = Adding::default();
    for run in 0..how.runs.max(1) {
        let how = Dynamic { seed: how.seed + run, ..how };
        let outcome = once(spec, &transfers, how)?;
        adding.add(outcome, |i| schedule.entries()[i].latency());
    }
    Ok(adding.sum())
}

fn once(spec: &MachineSpec, transfers: &[Transfer], how: Dynamic) -> Result<Outcome, RunTrouble> {
    let routing = spec.fabric.routing.clone();
    let mut net = CycleNetwork::new(spec, routing, 1, how.seed, Counting::default())?;
    let mut eager = Eager::new(spec, transfers, how)?;
    net.start();
    // The last arrival, or when all have started.
    let mut last = (0, how.start_cycles);
    while eager.arrived < transfers.len() {
        net.cycle(&mut eager);
        if eager.arrived > last.0 {
            last = (eager.arrived, net.now().max(how.start_cycles));
        }
        if net.now() > last.1 + GIVE_UP {
            let transfer = eager.arrivals.iter().position(|a| *a == u64::MAX).unwrap_or(0);
            return Err(RunTrouble::Lost { transfer, cycle: net.now() });
        }
    }
    let Eager { departures, arrivals, .. } = eager;
    Ok(Outcome { departures, arrivals, losses: net.watch().losses })
}

/// The tag of a packet of load.
const LOAD: u32 = u32::MAX;

/// Nodes that send as soon as they can.
struct Eager<'a> {
    transfers: &'a [Transfer],
    /// `[node]`: when it starts, and what it still has to send.
    starts: Vec<u64>,
    queues: Vec<BTreeSet<usize>>,
    departures: Vec<u64>,
    arrivals: Vec<u64>,
    arrived: usize,
    load: Option<Load>,
}

/// A background load.
struct Load {
    traffic: Traffic,
    /// `[node]`
    sources: Vec<(Source, Option<Arrival>)>,
}

impl Load {
    fn new(spec: &MachineSpec, flits: u32, how: Dynamic) -> Result<Self, BuildError> {
        let wrong = |e: traffic::synthetic::SyntheticError| BuildError::new(e.to_string());
        let traffic = TrafficSpec {
            pattern: PatternSpec::UniformOthers,
            rate: how.load,
            exchange: Exchange::OneWay(PacketSizes::one(flits).map_err(wrong)?),
            seed: how.seed,
            ..TrafficSpec::default()
        };
        let traffic = traffic.on(&sweep::shape(spec)).map_err(wrong)?;
        let source = |n| {
            let mut source = traffic.source(n);
            let first = source.next(traffic.pattern());
            (source, first)
        };
        let sources = nodes(spec).map(source).collect();
        Ok(Self { traffic, sources })
    }
}

impl<'a> Eager<'a> {
    fn new(
        spec: &MachineSpec,
        transfers: &'a [Transfer],
        how: Dynamic,
    ) -> Result<Self, BuildError> {
        let mut queues = vec![BTreeSet::new(); spec.fabric.node_ports.len()];
        for (i, transfer) in transfers.iter().enumerate() {
            queues[transfer.src.at()].insert(i);
        }
        let start =
            |n: NodeIdx| rng::draw(how.seed, u64::from(n.0), STARTS, 0) % (how.start_cycles + 1);
        let flits = transfers.iter().map(|t| t.flits).max().unwrap_or(1);
        let load = (how.load > 0.0).then(|| Load::new(spec, flits, how)).transpose()?;
        Ok(Self {
            starts: nodes(spec).map(start).collect(),
            queues,
            departures: vec![u64::MAX; transfers.len()],
            arrivals: vec![u64::MAX; transfers.len()],
            arrived: 0,
            transfers,
            load,
        })
    }

    /// The first transfer that a node may send.
    fn ready(&self, node: NodeIdx) -> Option<usize> {
        let free = |i: &&usize| {
            self.transfers[**i].after.iter().all(|before| self.arrivals[*before] != u64::MAX)
        };
        self.queues[node.at()].iter().find(free).copied()
    }
}

impl Terminals for Eager<'_> {
    fn next(&mut self, node: NodeIdx, _: u8, now: u64) -> Next {
        let start = self.starts[node.at()];
        if now >= start
            && let Some(i) = self.ready(node)
        {
            self.queues[node.at()].remove(&i);
            let Transfer { dst, flits, .. } = self.transfers[i];
            let tag = u32::try_from(i).unwrap_or(LOAD);
            return Next::Packet(Offer { created: now, dst, flits, tag, next: 0 });
        }
        let waits = if now < start { start } else { u64::MAX };
        let Some(load) = &mut self.load else {
            return if now < start { Next::At(start) } else { Next::Wait };
        };
        let (source, due) = &mut load.sources[node.at()];
        match *due {
            Some(Arrival { cycle, dst, flits, .. }) if cycle <= now => {
                *due = source.next(load.traffic.pattern());
                Next::Packet(Offer { created: cycle, dst, flits, tag: LOAD, next: 0 })
            }
            Some(Arrival { cycle, .. }) => Next::At(cycle.min(waits)),
            None if waits < u64::MAX => Next::At(waits),
            None => Next::Wait,
        }
    }

    fn delivered(&mut self, passage: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        if passage.tag == LOAD {
            return None;
        }
        let transfer = passage.tag as usize;
        self.departures[transfer] = passage.injected;
        self.arrivals[transfer] = now;
        self.arrived += 1;
        // Whatever comes after it starts here.
        Some((passage.dst, passage.class))
    }
}
