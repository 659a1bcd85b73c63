//! Questions, answers, load, and what comes of them.

use base::{Class, Fs, Head, NodeIdx, Timeline, rng};
use clock::{Edge, VALUE_BITS};
use topology::spec::{Channel, Timestamps};

use super::node::Measured;
use super::{Alignment, Carried, Exchanges, Message, Sample};
use crate::network::Packet;

/// Sums of what exchanges measured, in 2^-16ths of a tick, and flits of load: whole numbers, so that the order
/// in which nodes are stepped is free.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Sums {
    count: u64,
    round_trips: i128,
    round_trips_squared: i128,
    behind_squared: i128,
    /// Flits of load that were offered, and that arrived.
    offered: u64,
    arrived: u64,
}

impl Alignment {
    fn offer(&mut self, from: usize, to: NodeIdx, payload: Message, now: Fs, flits: u32) {
        let class = match (&payload, self.counters.channel) {
            (Message::Load, _) | (_, Channel::Shared) => Class::Req,
            (_, Channel::Own) => Class::Ack,
        };
        let src = NodeIdx::new(from);
        let node = &self.nodes[from];
        let flow = rng::draw(
            self.seed,
            u64::from(src.0),
            43,
            node.asks ^ node.answered << 21 ^ node.loads << 42,
        );
        let flow = u32::try_from(flow >> 32).unwrap_or(0);
        let head = Head { src, dst: to, flow, class, state: 0 };
        self.net.offer(Packet { payload, timeline: Timeline::start(now) }, head, flits);
    }

    /// How far from a packet's passage software reads its counter.
    fn reading(&self, node: usize, stream: u64) -> u64 {
        match self.counters.timestamps {
            Timestamps::Hardware => 0,
            Timestamps::Software(within) => {
                let n = &self.nodes[node];
                let count = n.asks ^ n.answers << 21 ^ n.answered << 42;
                rng::draw(self.seed, node as u64, stream, count) % (within.0.0 + 1)
            }
        }
    }

    /// A node asks the one above it, unless it still waits for an answer.
    pub(super) fn ask(&mut self, at: usize, now: Fs) {
        let next = self.clock.edge_at_or_after(now + self.counters.every);
        self.nodes[at].ask_at = next;
        let from = NodeIdx::new(at);
        let Some(above) = self.counters.above(from) else {
            self.nodes[at].ask_at = Edge::NEVER;
            return;
        };
        if !self.nodes[at].waits {
            self.nodes[at].asks += 1;
            self.nodes[at].waits = true;
            self.offer(at, above, Message::Ask { from, offered: now }, now, 1);
        }
    }

    /// Answers a question that was offered and sent at two instants.
    pub(super) fn answer(&mut self, at: usize, to: NodeIdx, asked: [Fs; 2], now: Fs) {
        let t2 = self.nodes[at].counter.fine(now + Fs(self.reading(at, 44)));
        let bound = self.bound(at, now);
        let above = Box::new(self.nodes[at].counter.clone());
        self.nodes[at].answered += 1;
        self.offer(at, to, Message::Answer { asked, t2, above, offered: now, bound }, now, 1);
    }

    /// How far a node's counter can be off the root's, in 2^-16ths of a tick.
    fn bound(&self, at: usize, now: Fs) -> Option<i64> {
        if NodeIdx::new(at) == self.counters.root {
            return Some(0);
        }
        self.nodes[at].bound(now, self.counters.hertz)
    }

    /// Takes an answer in, whose head waited `queued` for its link.
    pub(super) fn hear(&mut self, at: usize, message: &Message, queued: Fs, now: Fs) {
        let &Message::Answer { asked, t2, ref above, offered, bound } = message else { return };
        self.nodes[at].waits = false;
        let Some(bound) = bound else { return };
        let software = self.counters.timestamps != Timestamps::Hardware;
        let before = |instant: Fs, reading: u64| Fs(instant.0.saturating_sub(reading));
        let asked = if software { asked[0] } else { asked[1] };
        let t1 = self.nodes[at].counter.fine(before(asked, self.reading(at, 45)));
        let sent = if software { offered } else { offered + queued };
        let t3 = above.fine(before(sent, self.reading(at, 46)));
        let t4 = self.nodes[at].counter.fine(now + Fs(self.reading(at, 47)));
        let measured = Measured::new([t1, t2, t3, t4]);
        if now >= self.measure_from && self.nodes[at].answers > 0 {
            self.sums.add(measured);
        }
        self.nodes[at].set(measured, bound, now);
        if let Some(changes) = &mut self.changes {
            changes.push((at, now, self.nodes[at].counter.clone()));
        }
    }

    /// When the next packet of load is due.
    pub(super) fn plan_load(&mut self, at: usize) {
        let super::Load { flits_per_1000_edges: rate, .. } = self.load;
        if rate == 0 || self.nodes.len() < 2 {
            return;
        }
        // Gaps are drawn evenly from 0 to twice their mean. In `rate`ths of an edge the mean is a whole number, so
        // the load is the one that is asked for, however near one flit an edge.
        let mean = u64::from(self.packet_flits()) * 1_000;
        let draw = rng::draw(self.seed, at as u64, 48, self.nodes[at].loads);
        let node = &mut self.nodes[at];
        node.load_due += draw % (2 * mean + 1);
        node.load_at = Edge(node.load_due.div_ceil(u64::from(rate)));
    }

    /// Flits of a packet of load.
    fn packet_flits(&self) -> u32 {
        self.load.packet_flits.max(1)
    }

    /// A packet of load has come.
    pub(super) fn take_load(&mut self, now: Fs) {
        if now >= self.measure_from {
            self.sums.arrived += u64::from(self.packet_flits());
        }
    }

    pub(super) fn send_load(&mut self, at: usize, now: Fs) {
        self.nodes[at].loads += 1;
        if now >= self.measure_from {
            self.sums.offered += u64::from(self.packet_flits());
        }
        let others = self.nodes.len() as u64 - 1;
        let draw = rng::draw(self.seed, at as u64, 49, self.nodes[at].loads) % others;
        let to = usize::try_from(draw).unwrap_or(0);
        let to = NodeIdx::new(to + usize::from(to >= at));
        self.offer(at, to, Message::Load, now, self.packet_flits());
        self.plan_load(at);
    }

    /// Femtoseconds of so many 2^-16ths of a tick.
    fn fs(&self, parts: i64) -> f64 {
        let (num, den) = self.counters.hertz;
        parts as f64 / f64::from(1 << VALUE_BITS) * 1e15 * den as f64 / num as f64
    }

    /// True offsets and bounds at an instant since which no counter was set.
    pub(super) fn sample(&self, at: Fs) -> Sample {
        let root = self.nodes[self.counters.root.at()].counter.fine(at);
        let mut sample = Sample { at, ..Sample::default() };
        let (mut squares, mut most) = (0, 0);
        for node in 0..self.nodes.len() {
            let off = (self.nodes[node].counter.fine(at) - root).abs();
            let bound = self.bound(node, at);
            squares += i128::from(off) * i128::from(off);
            most = most.max(off);
            sample.bound_max =
                sample.bound_max.max(bound.map_or(f64::INFINITY, |bound| self.fs(bound)));
            sample.broken += u32::from(bound.is_some_and(|bound| off > bound));
        }
        sample.offset_max = self.fs(most);
        sample.offset_rms = (squares as f64 / self.nodes.len() as f64).sqrt() * self.fs(1);
        sample
    }

    /// The samples so far, one an interval.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// What exchanges measured since the instant given to [`measured_from`](Self::measured_from).
    pub fn exchanges(&self) -> Exchanges {
        let Sums { count, round_trips, round_trips_squared, behind_squared, .. } = self.sums;
        let n = count.max(1) as f64;
        // Half of a round trip is a way.
        let (mean, square) = (round_trips as f64 / n / 2.0, round_trips_squared as f64 / n / 4.0);
        let tick = self.fs(1);
        Exchanges {
            count,
            latency_fs: mean * tick,
            latency_sigma_fs: (square - mean * mean).max(0.0).sqrt() * tick,
            behind_rms_fs: (behind_squared as f64 / n).sqrt() * tick,
        }
    }

    /// The load since the instant given to [`measured_from`](Self::measured_from).
    pub fn carried(&self) -> Carried {
        let edge = |at| self.clock.edge_at_or_after(at).0;
        let edges = edge(self.net.wiring().schedule.now()) - edge(self.measure_from);
        let rate =
            |flits: u64| flits as f64 * 1_000.0 / (edges.max(1) as f64 * self.nodes.len() as f64);
        Carried { offered: rate(self.sums.offered), arrived: rate(self.sums.arrived) }
    }

    /// Values of all counters now, in 2^-16ths of a tick: two runs that agree are the same.
    pub fn values(&self) -> Vec<i64> {
        let now = self.net.wiring().schedule.now();
        self.nodes.iter().map(|n| n.counter.fine(now)).collect()
    }
}

impl Sums {
    fn add(&mut self, measured: Measured) {
        let square = |parts: i64| i128::from(parts) * i128::from(parts);
        self.count += 1;
        self.round_trips += i128::from(measured.round_trip);
        self.round_trips_squared += square(measured.round_trip);
        self.behind_squared += square(measured.behind);
    }
}
