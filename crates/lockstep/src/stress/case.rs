//! Cases: a tight machine and a program that fights over few lines, drawn from a seed.

use base::rng::draw;
use base::{Addr, Op, Order, Rmw};
use topology::describe::{
    Atomics, Consistency, DirectoryForm, Mode, Protocol, Region, Replacement, SharedEviction,
};
use topology::spec::MachineSpec;
use topology::units::Size;
use topology::{Description, TopologyError};

use super::handover;

/// The knobs of a machine that make it tight.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Knobs {
    /// A shipped topology.
    pub topology: String,
    /// Sets of each cache, a power of two.
    pub sets: u32,
    /// Ways of each cache, a power of two.
    pub ways: u32,
    /// Whether eviction goes by tree pseudo-LRU.
    pub plru: bool,
    /// Misses and evictions in flight, at least 2.
    pub mshrs: u32,
    /// Whether shared copies are dropped without telling home.
    pub silent: bool,
    /// Lines that each directory tracks; 0 for all.
    pub directory_lines: u32,
    /// Buffers of each VC, in flits; 0 for what the topology says.
    pub buffer_flits: u32,
    /// Accesses in flight, or entries of the store buffer.
    pub window: u32,
    /// 0 sequential, 1 total store order, 2 relaxed.
    pub order: u32,
    /// Whether atomics are performed at home.
    pub far: bool,
    /// Requests that an interface holds.
    pub injection: u32,
    /// Lines from the first on that are never cached.
    pub uncached_lines: u32,
    /// What caches do for each other.
    pub protocol: coherence::Protocol,
    /// Nodes of a package, at most, where the directory has two levels; 0 for one level.
    pub package_nodes: u32,
    /// Lines that each slice of a package's home keeps; 0 for any number.
    pub package_lines: u32,
    /// Nodes of a package, at most, where memory is kept valid by scopes; 0 where none is.
    pub scope_nodes: u32,
    /// Lines from the first on that are not kept valid by scopes where others are.
    pub scoped_from: u32,
    /// Serial cables are up to `2^stretch` times as long as the topology says, each by its own draw.
    pub stretch: u32,
}

/// What each thread does before all of them meet: `[thread]`.
pub type Phase = Vec<Vec<Op>>;

/// A machine and a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// The seed that it was drawn from, and that the machine is run with.
    pub seed: u64,
    /// The machine.
    pub knobs: Knobs,
    /// The program; between phases all threads meet at a barrier.
    pub phases: Vec<Phase>,
}

/// First byte of what copies write beside the lines that are fought over.
const COPIES: u64 = 1 << 20;
/// Bytes of scoped memory: all that a program touches.
const SCOPED_BYTES: u64 = 1 << 30;
/// Bytes of a counter at the head of each line, which only fetch-adds write.
const COUNTER: u64 = 8;

/// Draws, one after the other.
struct Dice {
    seed: u64,
    count: u64,
}

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.count += 1;
        draw(self.seed, 7, 11, self.count) % n
    }

    fn word(&mut self, n: u32) -> u32 {
        u32::try_from(self.below(u64::from(n))).unwrap_or(0)
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 1
    }
}

impl Case {
    /// The case of a seed, on one of the topologies.
    ///
    /// # Panics
    /// If there is no topology to choose from.
    pub fn draw(seed: u64, topologies: &[&str]) -> Self {
        let mut dice = Dice { seed, count: 0 };
        let at = dice.below(topologies.len() as u64);
        let topology = topologies[usize::try_from(at).unwrap_or(0)];
        let mut knobs = Knobs::draw(&mut dice, topology);
        knobs.draw_packages(seed);
        knobs.draw_scopes(seed);
        let threads = 2 + dice.below(7);
        let lines = 1 + dice.below(5);
        let stride = if dice.coin() { 64 } else { 4096 };
        let (phases, length) = (1 + dice.below(4), 4 + dice.below(40));
        let mut thread = || (0..length).map(|_| op(&mut dice, lines, stride)).collect();
        let mut phase = || (0..threads).map(|_| thread()).collect();
        let mut phases: Vec<Phase> = (0..phases).map(|_| phase()).collect();
        if knobs.scope_nodes > 0 {
            if draw(seed, 7, 18, 0).is_multiple_of(2) {
                // What is held up has to be overtaken on another way.
                knobs.stretch = 8 + u32::try_from(draw(seed, 7, 18, 1) % 3).unwrap_or(0);
                let machine = knobs.spec().map_or((1, 64), |spec| {
                    (spec.fabric.node_ports.len(), spec.accelerator.home.interleave_bytes)
                });
                phases = handover::phases(seed, machine);
            }
            narrow(&mut phases, seed);
        }
        Self { seed, knobs, phases }
    }

    /// Threads of the program.
    pub fn threads(&self) -> usize {
        self.phases.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Operations, barriers left out.
    pub fn operations(&self) -> usize {
        self.phases.iter().flatten().map(Vec::len).sum()
    }
}

impl Knobs {
    fn draw(dice: &mut Dice, topology: &str) -> Self {
        let limited = dice.coin();
        // Of its own stream: the rest of a case is the same with and without.
        let bits = draw(dice.seed, 7, 13, 0);
        let protocol = coherence::Protocol { owned: bits & 1 == 1, direct: bits & 2 == 2 };
        Self {
            topology: topology.to_owned(),
            sets: 1 << dice.below(2),
            ways: 1 << dice.below(3),
            plru: dice.coin(),
            mshrs: 2 + dice.word(7),
            silent: dice.coin(),
            directory_lines: if limited { 1 + dice.word(4) } else { 0 },
            buffer_flits: dice.word(12),
            window: 1 + dice.word(16),
            order: dice.word(3),
            far: dice.coin(),
            injection: 1 + dice.word(3),
            uncached_lines: if dice.below(4) == 0 { 1 + dice.word(3) } else { 0 },
            protocol,
            package_nodes: 0,
            package_lines: 0,
            scope_nodes: 0,
            scoped_from: 0,
            stretch: 0,
        }
    }

    /// One machine in four has packages; by draws of their own, so that the others are as they were without.
    /// Packages speak MESI.
    fn draw_packages(&mut self, seed: u64) {
        let below = |count: u64, n: u64| draw(seed, 7, 16, count) % n;
        if below(0, 4) == 0 {
            self.protocol = coherence::Protocol::MESI;
            self.package_nodes = 1 << (1 + below(1, 3));
            self.package_lines = u32::try_from(below(2, 5)).unwrap_or(0);
        }
    }

    /// One in four of the rest has scoped memory, for all lines or some; those, and one in eight of the
    /// others, have cables of many lengths.
    fn draw_scopes(&mut self, seed: u64) {
        let below = |count: u64, n: u64| draw(seed, 7, 17, count) % n;
        let word = |count: u64, n: u64| u32::try_from(below(count, n)).unwrap_or(0);
        if self.package_nodes == 0 && below(0, 4) == 0 {
            // Only order by acquires and releases is promised there.
            self.order = 2;
            self.scope_nodes = 1 << below(1, 4);
            self.scoped_from = [0, 0, 1, 2, 64][usize::try_from(below(2, 5)).unwrap_or(0)];
            self.uncached_lines = self.uncached_lines.min(self.scoped_from);
            self.stretch = word(3, 2) * (1 + word(4, 10));
        } else if below(5, 8) == 0 {
            self.stretch = 1 + word(4, 10);
        }
    }

    /// A machine with nothing tight about it.
    pub fn roomy(topology: &str) -> Self {
        Self {
            topology: topology.to_owned(),
            sets: 64,
            ways: 8,
            plru: false,
            mshrs: 16,
            silent: false,
            directory_lines: 0,
            buffer_flits: 0,
            window: 1,
            order: 0,
            far: false,
            injection: 8,
            uncached_lines: 0,
            protocol: coherence::Protocol::MESI,
            package_nodes: 0,
            package_lines: 0,
            scope_nodes: 0,
            scoped_from: 0,
            stretch: 0,
        }
    }

    /// The machine.
    ///
    /// # Errors
    /// If it is none: the topology is not shipped, or a knob is out of its range.
    pub fn spec(&self) -> Result<MachineSpec, String> {
        let spec = self.flat()?;
        let lines = (self.package_lines > 0).then_some(self.package_lines);
        let two = self.package_nodes > 0;
        let spec = if two { spec.with_packages(self.package_nodes, lines) } else { spec };
        Ok(spec.stretched(u64::from(self.stretch), self.stretch))
    }

    fn flat(&self) -> Result<MachineSpec, String> {
        let described = Description::shipped(&self.topology);
        let mut d = described.ok_or_else(|| format!("no shipped topology `{}`", self.topology))?;
        let a = &mut d.accelerator;
        a.window = self.window;
        a.injection_packets = self.injection;
        a.consistency = match self.order {
            0 => Consistency::Sequential,
            1 => Consistency::Tso,
            _ => Consistency::Relaxed,
        };
        a.atomics = if self.far { Atomics::Far } else { Atomics::Near };
        // Packages speak MESI.
        let packages =
            matches!(a.home.directory, DirectoryForm::TwoLevel { .. } | DirectoryForm::Default);
        let protocol = if packages { coherence::Protocol::MESI } else { self.protocol };
        let coherence::Protocol { owned, direct } = protocol;
        a.protocol = Protocol { owned, direct };
        a.cache.ways = self.ways;
        a.cache.size = Size(64 * u64::from(self.ways) * u64::from(self.sets));
        a.cache.replacement = if self.plru { Replacement::TreePlru } else { Replacement::Lru };
        a.cache.mshrs = self.mshrs;
        a.cache.shared_eviction =
            if self.silent { SharedEviction::Silent } else { SharedEviction::Notify };
        a.home.directory_lines = (self.directory_lines > 0).then_some(self.directory_lines);
        if self.uncached_lines > 0 {
            let size = Size(64 * u64::from(self.uncached_lines));
            d.regions.push(Region { base: 0, size, mode: Mode::Uncached });
        }
        if self.scope_nodes > 0 {
            let nodes = d.clone().elaborate().map_err(|error| error.to_string())?;
            let nodes = u32::try_from(nodes.fabric.node_ports.len()).unwrap_or(u32::MAX);
            let fits = |size: &u32| nodes.is_multiple_of(*size);
            d.package_nodes = (1..=self.scope_nodes).rev().find(fits);
            let base = 64 * u64::from(self.scoped_from);
            d.regions.push(Region { base, size: Size(SCOPED_BYTES), mode: Mode::Scoped });
        }
        let told = |error: TopologyError| error.to_string();
        if self.buffer_flits > 0 {
            let mut tight = d.clone();
            for (_, class) in &mut tight.links.0 {
                class.set_buffer_flits(self.buffer_flits);
            }
            // Routers that hold whole packets need more than a few flits.
            if let Ok(spec) = tight.elaborate() {
                return Ok(spec);
            }
        }
        d.elaborate().map_err(told)
    }
}

/// Has some acquires, releases and fences, and the atomics of every other word, reach their package only.
/// Atomics of one word agree on how far they reach; counters reach everybody.
fn narrow(phases: &mut [Phase], seed: u64) {
    let threads = (0_u64..).zip(phases.iter_mut().flatten());
    for (thread, ops) in threads {
        for (n, op) in (0_u64..).zip(ops) {
            let within = match op {
                Op::Atomic { rmw: Rmw::Add(_), .. } => false,
                Op::Atomic { addr, .. } => addr.0 / 8 % 2 == 1,
                _ => draw(seed, thread, 19, n).is_multiple_of(3),
            };
            if let Some(narrow) = op.within_package().filter(|_| within) {
                *op = narrow;
            }
        }
    }
}

fn op(dice: &mut Dice, lines: u64, stride: u64) -> Op {
    let line = dice.below(lines) * stride;
    let word = Addr(line + COUNTER * (1 + dice.below(7)));
    let value = if dice.coin() { Some(dice.below(1 << 32)) } else { None };
    match dice.below(32) {
        0..=6 => Op::Load { addr: word, size: 8 },
        7 => Op::Load { addr: Addr(line + dice.below(64)), size: 64 },
        8..=13 => Op::Store { addr: word, size: 8, value },
        14 => Op::Store { addr: Addr(line + COUNTER), size: 56, value },
        15..=19 => Op::Atomic { addr: Addr(line), size: 8, rmw: Rmw::Add(1 + dice.below(100)) },
        20 => Op::Atomic { addr: word, size: 8, rmw: Rmw::Swap(dice.below(4)) },
        21 => {
            let rmw = Rmw::Cas { expected: dice.below(3), new: dice.below(3) };
            Op::Atomic { addr: word, size: 8, rmw }
        }
        22 => Op::Acquire { addr: word, size: 8, sc: dice.coin() },
        23 => Op::Release { addr: word, size: 8, value },
        24 => Op::Fence,
        25 => Op::Order(if dice.coin() { Order::Loads } else { Order::Stores }),
        26 | 27 => Op::Think { cycles: dice.word(300) },
        28 | 29 => {
            let (to, bytes) = (COPIES + dice.below(4) * 64, 1 + dice.word(200));
            Op::Copy { from: Addr(line + dice.below(64)), to: Addr(to), bytes }
        }
        30 => Op::Copy { from: Addr(COPIES), to: Addr(line + COUNTER), bytes: 56 },
        // A line that nobody else wants, so that others are put out.
        _ => Op::Load { addr: Addr((64 + dice.below(8)) * stride), size: 8 },
    }
}
