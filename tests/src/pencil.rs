//! Latencies with pencil and paper: what the contracts of links, routers and clocks say of one
//! packet in an idle network, written without any of the code that they describe.
//!
//! All in exact integers and fractions of 128 bits; instants in femtoseconds, places in time as
//! edges of a clock.

use lockstep::topology::spec::{LinkTiming, MachineSpec, RouterSpec};

/// Bytes of a coherence line.
const LINE: u128 = 64;
const SECOND: u128 = 1_000_000_000_000_000;

/// A clock that starts at zero: hertz as a fraction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock(u128, u128);

impl Clock {
    /// The clock called `name`.
    ///
    /// # Panics
    /// If there is none, or it does not start at zero.
    pub fn of(spec: &MachineSpec, name: &str) -> Self {
        let clock = spec.domains.iter().find(|c| c.name == name).expect("a clock of that name");
        assert_eq!(clock.phase.0, 0);
        Self(u128::from(clock.hertz.0), u128::from(clock.hertz.1))
    }

    /// The instant of an edge.
    pub const fn instant(self, edge: u128) -> u128 {
        edge * SECOND * self.1 / self.0
    }

    /// The first edge at or after an instant.
    pub const fn edge(self, instant: u128) -> u128 {
        (instant * self.0).div_ceil(SECOND * self.1)
    }

    /// Where what arrives at `instant` is seen, through a synchronizer of two edges if it comes
    /// from another clock.
    pub fn seen(self, instant: u128, from: Self) -> u128 {
        self.edge(instant) + if from == self { 0 } else { 2 }
    }
}

/// A link on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wire {
    /// Within a clock: edges.
    Edges(u128),
    /// Between chips: femtoseconds a flit, as a fraction, and the fixed delay behind it.
    Serial(u128, u128, u128),
}

impl Wire {
    /// A link of the class called `name` over `length_um`, by the figures of the description.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn of(spec: &MachineSpec, name: &str, length_um: u128) -> Self {
        let mut classes = spec.fabric.classes.iter();
        let class = classes.find(|c| c.name == name).expect("a link class of that name");
        match class.timing {
            LinkTiming::OnDie { latency_cycles, .. } => Self::Edges(latency_cycles.into()),
            LinkTiming::Serial {
                lanes,
                lane_bits_per_s,
                efficiency,
                serdes,
                fec,
                flight_per_m,
            } => {
                let raw = u128::from(lanes) * u128::from(lane_bits_per_s);
                let bits = u128::from(spec.flit_bytes) * 8;
                let numer = bits * SECOND * u128::from(efficiency.1);
                let flight = u128::from(flight_per_m.0) * length_um / 1_000_000;
                let fixed = u128::from(serdes.0) + u128::from(fec.0) + flight;
                Self::Serial(numer, raw * u128::from(efficiency.0), fixed)
            }
        }
    }
}

/// The way of a packet: the clock that it starts in, and each link with the clock behind it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way {
    /// The source's clock.
    pub from: Clock,
    /// Links, each with the clock of its receiver: routers, and last the destination.
    pub links: Vec<(Wire, Clock)>,
    /// Cycles of RC, VA, SA and ST.
    pub stages: [u128; 4],
}

impl Way {
    /// A way through routers of these stages.
    pub fn new(router: &RouterSpec, from: Clock, links: Vec<(Wire, Clock)>) -> Self {
        let stages = [router.rc_cycles, router.va_cycles, router.sa_cycles, router.st_cycles];
        Self { from, links, stages: stages.map(u128::from) }
    }

    /// The edge of the destination's clock at which the tail arrives of a packet that is offered
    /// at edge `start`, alone in the network, with buffers that hold all of it.
    ///
    /// # Panics
    /// If the packet has no flits or the way no links.
    pub fn arrival(&self, start: u128, flits: u128) -> u128 {
        let [rc, va, sa, st] = self.stages;
        // The edge at which each flit could leave, if the link were free.
        let mut able: Vec<u128> = (0..flits).map(|j| start + 1 + j).collect();
        let mut clock = self.from;
        let mut seen = Vec::new();
        for (wire, to) in &self.links {
            let left = wire.carry(&able, clock);
            seen = match wire {
                Wire::Edges(latency) => left.iter().map(|edge| edge + latency).collect(),
                Wire::Serial(..) => left.iter().map(|t| to.seen(*t, clock)).collect::<Vec<_>>(),
            };
            // The head takes every stage, a body flit only the switch, each a cycle apart.
            let first = seen[0] + rc + va;
            able = seen.iter().enumerate().fold(Vec::new(), |mut all, (j, r)| {
                let switch = if j == 0 { first } else { *r };
                let after = all.last().map_or(0, |edge| edge + 1);
                all.push((switch + sa + st).max(after));
                all
            });
            clock = *to;
        }
        *seen.last().expect("a packet has a flit")
    }
}

impl Wire {
    /// What becomes of flits that could leave at these edges: on a wire the edge at which each
    /// leaves, on a serial link the instant at which it has come out at the far end.
    fn carry(&self, able: &[u128], clock: Clock) -> Vec<u128> {
        match *self {
            Self::Edges(_) => able.to_vec(),
            Self::Serial(numer, denom, fixed) => {
                // In units of 1 / denom femtoseconds: when the link is free again.
                let mut free = 0;
                let mut out = Vec::new();
                for edge in able {
                    let begin = free.max(clock.instant(*edge) * denom);
                    free = begin + numer;
                    out.push(free / denom + fixed);
                }
                out
            }
        }
    }
}

/// Accesses on an idle machine, added up part by part.
#[derive(Clone, Copy, Debug)]
pub struct Accesses<'a> {
    spec: &'a MachineSpec,
    node: Clock,
    memory: Clock,
}

impl<'a> Accesses<'a> {
    /// Those of a machine whose accelerators run by the clock called `node`, and whose memories by
    /// one called `memory`.
    pub fn new(spec: &'a MachineSpec, node: &str) -> Self {
        Self { spec, node: Clock::of(spec, node), memory: Clock::of(spec, "memory") }
    }

    /// Cycles of a hit.
    pub fn cache(&self) -> u128 {
        self.spec.accelerator.cache.latency_cycles.into()
    }

    /// The edge at which home sends what it was asked for at `edge`: its own latency, the
    /// memory's clock, the line's transfer, the access, and back.
    fn home(&self, edge: u128) -> u128 {
        let asked = edge + u128::from(self.spec.accelerator.home.latency_cycles);
        let started = self.memory.seen(self.node.instant(asked), self.node);
        let rate = u128::from(self.spec.memory.channel_bytes_per_s);
        let transfer = LINE * SECOND / rate;
        let access = u128::from(self.spec.memory.access_latency.0);
        let done = self.memory.instant(started) + transfer + access;
        self.node.seen(done, self.memory)
    }

    /// The edge at which a load of a line elsewhere is done that begins at `start`: a request of
    /// 16 B in one flit goes out, 80 B in three flits come back.
    pub fn far(&self, start: u128, out: &Way, back: &Way) -> u128 {
        let at_home = out.arrival(start + self.cache(), 1);
        back.arrival(self.home(at_home), 3) + self.cache()
    }

    /// The same at one's own home: a message to oneself takes one edge.
    pub fn near(&self, start: u128) -> u128 {
        self.home(start + self.cache() + 1) + 1 + self.cache()
    }

    /// Femtoseconds between two edges of the accelerators' clock.
    pub const fn span(&self, from: u128, to: u128) -> u128 {
        self.node.instant(to) - self.node.instant(from)
    }
}

/// A sum of nanoseconds as femtoseconds: exact below 2^53 fs, 9 s.
///
/// # Panics
/// If it is no number.
pub fn femtoseconds(ns: f64) -> u128 {
    format!("{:.0}", ns * 1e6).parse().expect("a whole number")
}
