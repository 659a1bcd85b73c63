//! The phases of a run.

use topology::routing::Routing;
use topology::spec::MachineSpec;
use traffic::synthetic::estimate::{Observed, Saturated};

use super::measured::{Measured, Slice};
use super::record::{Created, Record};
use super::terminals::Synthetic;
use super::watching::Sight;
use super::{Options, SweepError, shape};
use crate::cycle::CycleNetwork;

/// Cycles between two looks at whether a drain is hopeless.
const GLANCE: u64 = 1024;
/// Windows that a drain may take, and cycles more.
const DRAIN_WINDOWS: u64 = 20;
const DRAIN_MORE: u64 = 200_000;

/// What was seen of the window besides the packets of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    /// Its first cycle.
    pub(super) from: u64,
    /// Its packets.
    pub(super) created: Created,
    /// Flits that left sources in it, and that arrived.
    pub(super) flits: (u64, u64),
    /// Flits in source queues at its start, after a third, after two, and at its end.
    backlog: [u64; 4],
    pub(super) slices: Vec<Slice>,
}

/// A run of one load.
pub(super) struct Run<'a, W> {
    pub(super) spec: &'a MachineSpec,
    pub(super) options: &'a Options,
    pub(super) net: CycleNetwork<Routing, W>,
    pub(super) terminals: Synthetic<'a>,
    pub(super) window: Window,
}

/// Runs one load with whoever `watch` makes.
pub(super) fn run<W: Sight>(
    spec: &MachineSpec,
    options: &Options,
    watch: W,
) -> Result<Measured, SweepError> {
    let traffic = options.traffic.on(&shape(spec))?;
    let classes = Synthetic::classes(&traffic);
    let nodes = spec.fabric.node_ports.len();
    let seed = options.traffic.seed;
    let mut net = CycleNetwork::new(spec, spec.fabric.routing.clone(), classes, seed, watch)?;
    let lanes = net.routers().lane_count();
    net.watch_mut().start(lanes);
    let matrix = options.matrix.then_some(nodes);
    let (follow, sliced) = (!options.follow.is_empty(), options.series_cycles.is_some());
    let record = Record::new(classes, matrix, (follow, sliced));
    let terminals = Synthetic::new(&traffic, nodes, record);
    let mut run = Run { spec, options, net, terminals, window: Window::default() };
    run.net.start();
    run.warm_up();
    run.measure();
    let saturated = run.drain();
    Ok(Measured::of(&run, saturated))
}

impl<W: Sight> Run<'_, W> {
    /// Steps up to cycle `until`.
    fn advance(&mut self, until: u64) {
        while self.net.now() < until {
            self.step();
            self.net.skip(until);
        }
    }

    #[inline]
    fn step(&mut self) {
        self.net.cycle(&mut self.terminals);
        if W::ON
            && let Some(told) = &mut self.terminals.record.told
        {
            self.net.watch_mut().tell(told);
            told.clear();
        }
    }

    /// Steps up to the first cycle of the measured window.
    fn warm_up(&mut self) {
        if let Some(cycles) = self.options.warmup_cycles {
            return self.advance(cycles);
        }
        let limit = self.options.criteria.latency_cycles_max;
        self.terminals.record.warm_up();
        let mut before = (0, 0);
        while let Some(until) = self.terminals.record.bins().map(|bins| bins.full_at()) {
            self.advance(until);
            let known = self.terminals.first_waiting(until);
            let arrived = self.terminals.record.arrived;
            let (packets, cycles) = (arrived.0 - before.0, arrived.1 - before.1);
            before = arrived;
            // What is as late as that will not settle.
            let late = packets > 0 && cycles as f64 / packets as f64 > limit;
            let Some(bins) = self.terminals.record.bins() else { return };
            if late || bins.settled(known) || !bins.widen() {
                return;
            }
        }
    }

    /// Runs the measured window.
    fn measure(&mut self) {
        let (from, cycles) = (self.net.now(), self.options.measured_cycles);
        let to = from + cycles;
        self.window.from = from;
        self.terminals.record.open(from, cycles);
        self.net.watch_mut().open(from);
        let created = self.terminals.created(from);
        let flits = self.net.flits();
        let thirds: [u64; 4] = core::array::from_fn(|n| from + cycles * n as u64 / 3);
        let period = self.options.series_cycles.unwrap_or(cycles).max(1);
        let mut slice = self.begin_slice();
        loop {
            let now = self.net.now();
            for (at, backlog) in thirds.iter().zip(0..) {
                if now == *at {
                    self.window.backlog[backlog] = self.backlog();
                }
            }
            if self.options.series_cycles.is_some() && now > slice.start_cycle {
                let whole = (now - from).is_multiple_of(period) || now == to;
                if whole {
                    let done = self.end_slice(slice);
                    self.window.slices.push(done);
                    slice = self.begin_slice();
                }
            }
            if now == to {
                break;
            }
            let next = from + ((now - from) / period + 1) * period;
            let third = thirds.iter().copied().find(|t| *t > now).unwrap_or(to);
            self.advance(next.min(third));
        }
        let after = self.net.flits();
        self.window.flits = (after.0 - flits.0, after.1 - flits.1);
        self.window.created = self.terminals.created(to).since(created);
        self.net.watch_mut().close(to);
    }

    /// Flits that were created and did not leave their sources.
    fn backlog(&self) -> u64 {
        let created = self.terminals.created(self.net.now());
        created.flits.saturating_sub(self.net.flits().0)
    }

    /// Runs until the window's packets have arrived, or that is hopeless.
    fn drain(&mut self) -> Option<Saturated> {
        let criteria = self.options.criteria;
        let limit = criteria.latency_cycles_max;
        let all = self.window.created.packets;
        let now = self.net.now();
        let end = now
            .saturating_add(DRAIN_MORE)
            .saturating_add(self.options.measured_cycles.saturating_mul(DRAIN_WINDOWS));
        let mut glance = now;
        let mut seen = self.observed(true);
        if let Some(queues @ Saturated::Backlog) = criteria.judge(&seen) {
            return Some(queues);
        }
        while self.terminals.record.measured.packets < all {
            // Before a step and not after it: the run ends with the last packet.
            self.net.skip(end.min(glance));
            if self.net.now() >= end {
                break;
            }
            if self.net.now() >= glance {
                glance += GLANCE;
                if self.least_latency() > limit {
                    return Some(Saturated::Latency);
                }
            }
            self.step();
        }
        seen = self.observed(self.terminals.record.measured.packets == all);
        criteria.judge(&seen)
    }

    /// The least that the mean latency can come to: those under way count with their age.
    fn least_latency(&self) -> f64 {
        let (created, arrived) = (self.window.created, &self.terminals.record.measured);
        let latency = arrived.all().sum();
        let left = u128::from(created.packets - arrived.packets);
        let age = (left * u128::from(self.net.now()))
            .saturating_sub(created.cycles - arrived.created_cycles);
        (latency + age) as f64 / created.packets.max(1) as f64
    }

    fn observed(&self, drained: bool) -> Observed {
        Observed {
            offered_flits: self.window.created.flits,
            accepted_flits: self.window.flits.1,
            backlog_flits: self.window.backlog,
            packet_latency: self.terminals.record.measured.all().mean(),
            drained,
        }
    }

    /// A slice with the counts of the whole run so far, as whole numbers.
    fn begin_slice(&self) -> Begun {
        let (flits, arrived) = (self.net.flits(), self.terminals.record.arrived);
        Begun { start_cycle: self.net.now(), flits, arrived }
    }

    fn end_slice(&self, begun: Begun) -> Slice {
        let now = self.net.now();
        let (flits, arrived) = (self.net.flits(), self.terminals.record.arrived);
        let room = (now - begun.start_cycle) as f64 * self.spec.fabric.node_ports.len() as f64;
        let created = self.terminals.created(now);
        let packets = (arrived.0 - begun.arrived.0) as f64;
        // Those not taken up, and those taken up whose heads wait at their sources.
        let taken = self.terminals.record.handed.packets;
        let queued = created.packets - taken + self.net.packets_unsent();
        Slice {
            start_cycle: begun.start_cycle,
            injected: (flits.0 - begun.flits.0) as f64 / room,
            accepted: (flits.1 - begun.flits.1) as f64 / room,
            packet_latency: (arrived.1 - begun.arrived.1) as f64 / packets,
            in_flight_flits: flits.0 - flits.1,
            queued_packets: queued,
        }
    }
}

/// Counts at the beginning of a slice.
#[derive(Clone, Copy, Debug)]
struct Begun {
    start_cycle: u64,
    flits: (u64, u64),
    arrived: (u64, u128),
}
