//! Aligned counters: every node keeps a counter of an oscillator of its own, and measures its offset to
//! the one above it by packets over the fabric, there and back, as in IEEE 1588.
//!
//! ```text
//!   node    t1 ──ask──▶                 ──▶ t4      behind = ((t2 - t1) + (t3 - t4)) / 2
//!   above          ──▶ t2  t3 ──answer──▶           round trip = (t4 - t1) - (t3 - t2)
//! ```
//!
//! The packets go through the network's own interfaces, routers and links, beside a load of the caller's, in
//! virtual channels of their own or in the load's. So what the offset is off by is what the fabric does:
//! half of what the two ways differ by, waiting and clock crossings included. The first answer steps a
//! counter, all others set its rate by a servo.
//!
//! A node knows a bound of its error: it cannot be off by more than half its round trip, beyond the bound of
//! the node above when that answered, and what both have drifted since. True offsets are known to the
//! emulator alone, and compared with that.

mod exchange;
mod node;
mod timebase;

use base::period::higher;
use base::{DomainIdx, Fs, NodeIdx, PacketIdx, Part, rng};
use clock::{ClockParams, Counter, Domain, Drift, Edge, Oscillator, VALUE_BITS};
use topology::routing::Routing;
use topology::spec::{CountersSpec, MachineSpec};

use crate::BuildError;
use crate::network::{Component, Network, Packet, changes};
use node::Node;

pub(crate) use timebase::{NodeCounter, Timebase};

/// What a packet of an alignment carries.
#[derive(Clone, Debug)]
enum Message {
    /// A node asks the one above it.
    Ask { from: NodeIdx, offered: Fs },
    /// The answer.
    Answer {
        /// When the question was offered, and when its head went to its link.
        asked: [Fs; 2],
        /// When the question came, by the counter that answers.
        t2: i64,
        /// That counter, which stamps the answer where it goes to its link, and when it was offered.
        above: Box<Counter>,
        offered: Fs,
        /// How far that counter can be off, in 2^-16ths of a tick; `None` if it has not been set yet.
        bound: Option<i64>,
    },
    /// Load.
    Load,
}

/// How true counters are at an instant, against the root's; all in femtoseconds.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Sample {
    /// When.
    pub at: Fs,
    /// The greatest of all nodes' true offsets.
    pub offset_max: f64,
    /// Root of the mean square of all nodes' true offsets.
    pub offset_rms: f64,
    /// The greatest of all nodes' bounds; infinite until all have been answered.
    pub bound_max: f64,
    /// Nodes whose true offset is beyond their bound: none, if the bounds are right.
    pub broken: u32,
}

/// What the exchanges measured.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Exchanges {
    /// Answers that came.
    pub count: u64,
    /// Mean of half the round trips: the measured latency of one way.
    pub latency_fs: f64,
    /// Standard deviation of that.
    pub latency_sigma_fs: f64,
    /// Root of the mean square of the measured offsets.
    pub behind_rms_fs: f64,
}

/// What is put into the network beside the packets of the alignment.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Load {
    /// Flits that each node offers per thousand edges of its clock, to nodes drawn evenly.
    pub flits_per_1000_edges: u32,
    /// Flits of a packet, at least 1.
    pub packet_flits: u32,
}

/// The load that there was, in flits of each node in a thousand edges of its clock.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Carried {
    /// What nodes put into their interfaces.
    pub offered: f64,
    /// What came out of them.
    pub arrived: f64,
}

/// An alignment under way.
#[derive(Debug)]
pub struct Alignment {
    counters: CountersSpec,
    seed: u64,
    load: Load,
    net: Network<Routing, Message>,
    clock: Domain,
    nodes: Vec<Node>,
    woken: Vec<(DomainIdx, Edge, u32)>,
    delivered: Vec<PacketIdx>,
    next_sample: Fs,
    sample_every: Fs,
    samples: Vec<Sample>,
    shuffle: Option<u64>,
    /// From when on exchanges are added up, and their sums.
    measure_from: Fs,
    sums: exchange::Sums,
    /// Counters that were set since they were last asked for, where somebody follows them.
    changes: Option<Vec<Change>>,
}

/// A node whose counter was set, when, and what it was from then on.
type Change = (usize, Fs, Counter);

/// The counters of a machine's nodes, undisciplined: offsets, drifts and phases drawn by `seed`.
///
/// # Errors
/// If the machine keeps no counters, or an oscillator cannot be.
pub fn counters(spec: &MachineSpec, seed: u64) -> Result<Vec<Counter>, BuildError> {
    let of = counters_of(spec)?;
    let one = |node: u64| {
        let draw = |stream| rng::draw(seed, node, stream, 0);
        let width = u64::from(of.ppm) * 2_000 + 1;
        // Parts in a thousand million, evenly from -ppm to ppm.
        let ppb = i64::try_from(draw(41) % width).unwrap_or(0) - i64::from(of.ppm) * 1_000;
        let drift = of.drift.map(|d| Drift { ppb: d.ppb, every: d.every });
        let params = ClockParams {
            // Any phase.
            phase: Fs(draw(42) % (Fs::PER_SECOND / (of.hertz.0 / of.hertz.1).max(1)).max(1)),
            reference: drift.map(|d| Oscillator::new(d, seed, 1 << 33 | node)),
            jitter_rms: of.jitter_rms,
            seed: (seed, 1 << 34 | node),
            ..ClockParams::ideal(higher(of.hertz, ppb), Fs::ZERO)
        };
        let oscillator = Domain::build(&params).map_err(|e| BuildError::new(e.to_string()))?;
        let mut counter = Counter::new(oscillator);
        // Counters were switched on at any time: they differ by up to 2^24 ticks.
        counter.step(Fs::ZERO, i64::try_from(draw(50) >> (64 - 24 - VALUE_BITS)).unwrap_or(0));
        Ok(counter)
    };
    (0..spec.fabric.node_ports.len() as u64).map(one).collect()
}

fn counters_of(spec: &MachineSpec) -> Result<&CountersSpec, BuildError> {
    let none = || {
        BuildError::new(
            "its nodes keep no counters: describe `counters`\n  mend: add `counters: (frequency: \"1 GHz\", ppm: 50, every: \"20 us\"),`",
        )
    };
    spec.counters.as_ref().ok_or_else(none)
}

impl Alignment {
    /// The network of a machine with its nodes' counters, before the first exchange.
    ///
    /// # Errors
    /// If the machine keeps no counters, or cannot be built.
    pub fn new(spec: &MachineSpec, seed: u64, load: Load) -> Result<Self, BuildError> {
        let of = counters_of(spec)?.clone();
        let mut net = Network::seeded(spec, spec.fabric.routing.clone(), seed)?;
        net.plan(changes(spec, seed)?);
        let clock = net.clock(spec.accelerator.clock);
        let count = spec.fabric.node_ports.len() as u64;
        let mut nodes = Vec::new();
        for (at, counter) in (0_u64..).zip(counters(spec, seed)?) {
            // Spread over the interval, so that the root is not asked by all at once.
            let first = clock.edge_at_or_after(Fs(of.every.0 / count.max(1) * at));
            nodes.push(Node::new(counter, first, &of));
        }
        let mut this = Self {
            sample_every: of.every,
            next_sample: of.every,
            counters: of,
            seed,
            load,
            net,
            clock,
            nodes,
            woken: Vec::new(),
            delivered: Vec::new(),
            samples: Vec::new(),
            shuffle: None,
            measure_from: Fs::ZERO,
            sums: exchange::Sums::default(),
            changes: None,
        };
        for at in 0..this.nodes.len() {
            this.plan_load(at);
            let node = &this.nodes[at];
            let edge = node.ask_at.min(node.load_at);
            this.wake(at, edge);
        }
        Ok(this)
    }

    fn wake(&mut self, node: usize, edge: Edge) {
        let slot = self.net.node_slot(NodeIdx::new(node));
        self.net.wiring_mut().wake(slot, edge);
    }

    /// Steps the components of an instant in an order drawn from a seed.
    #[must_use]
    pub fn shuffled(mut self, seed: u64) -> Self {
        self.shuffle = Some(seed);
        self
    }

    /// Adds up what exchanges measure from an instant on.
    #[must_use]
    pub fn measured_from(mut self, from: Fs) -> Self {
        self.measure_from = from;
        self
    }

    /// Keeps what counters are set to, to be asked for.
    #[must_use]
    fn followed(mut self) -> Self {
        self.changes = Some(Vec::new());
        self
    }

    /// What counters were set to since they were last asked for, in order of time.
    fn take_changes(&mut self) -> Vec<Change> {
        self.changes.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// Runs up to an instant, that instant included. Results do not depend on the order in which components
    /// are stepped.
    pub fn run(&mut self, until: Fs) {
        let mut woken = core::mem::take(&mut self.woken);
        while let Some(now) = self.net.advance_before(until + Fs(1), &mut woken) {
            self.sample_up_to(now);
            if let Some(seed) = self.shuffle {
                rng::shuffle(&mut woken, seed, now.0);
            }
            for (domain, edge, component) in &woken {
                match self.net.component(*domain, *component) {
                    Component::Node(n) => self.step_node(n.at(), *edge, now),
                    Component::Router(r) => {
                        self.net.step_router(r, *edge);
                    }
                    Component::Memory(_) => {}
                }
            }
        }
        self.sample_up_to(until);
        self.woken = woken;
    }

    /// Takes the samples up to an instant, since the last of which no counter was set.
    fn sample_up_to(&mut self, now: Fs) {
        while self.next_sample <= now {
            let sample = self.sample(self.next_sample);
            self.samples.push(sample);
            self.next_sample += self.sample_every;
        }
    }

    fn step_node(&mut self, at: usize, edge: Edge, now: Fs) {
        let mut delivered = core::mem::take(&mut self.delivered);
        self.net.receive(NodeIdx::new(at), edge, &mut delivered);
        for packet in delivered.drain(..) {
            let Packet { payload, timeline } = self.net.take(packet);
            // The head went to the link when it had waited in the source.
            let queued = Fs(timeline.parts()[Part::SourceQueue as usize]);
            match payload {
                Message::Ask { from, offered } => {
                    self.answer(at, from, [offered, offered + queued], now);
                }
                Message::Answer { .. } => self.hear(at, &payload, queued, now),
                Message::Load => self.take_load(now),
            }
        }
        self.delivered = delivered;
        if self.nodes[at].ask_at <= edge {
            self.ask(at, now);
        }
        while self.nodes[at].load_at <= edge {
            self.send_load(at, now);
        }
        let sent = self.net.send(NodeIdx::new(at), edge);
        let next = sent.min(self.nodes[at].ask_at).min(self.nodes[at].load_at);
        if next != Edge::NEVER {
            self.wake(at, next.max(edge.plus(1)));
        }
    }
}
