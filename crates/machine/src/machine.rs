//! The supernode: nodes, memories and network, and the lockstep loop.
//!
//! The loop goes from instant to instant: all components of all domains that wake at it are stepped
//! in any order, since nothing passes between two components in less than an edge.

use base::{DomainIdx, Fs, LINE_BYTES, NodeIdx, RoutingFunction, ThreadIdx};
use clock::{Domain, Edge};
use coherence::scoped::{Geometry, ScopedConfig, ScopedNode};
use coherence::{
    CacheCtrl, CacheGeometry, Checker, Config, HomeCtrl, Levels, NODES_MAX, Outbox, PackageCtrl,
    PackageHome, Replacement,
};
use memory::{AddressMap, FixedLatency, FixedParams, MemoryModel};
use topology::routing::Routing;
use topology::spec::{self, Consistency, MachineSpec};
use tracing::debug;
use traffic::Trace;

use crate::barriers::{Meetings, Teams, units};
use crate::memory_port::{MemoryPort, memories, untouched};
use crate::network::{Component, Network};
use crate::node::agent::Agent;
use crate::node::{AGENTS_MAX, Node, Shared, WINDOW_MAX};
use crate::payload::{Lengths, Payload};
use crate::scopes::{ScopedSeed, scoped};
use crate::source::{Iter, OpSource, ReadAhead, Replayed};
use crate::stats::Stats;
use crate::{BuildError, RunError};

/// Instants without a completed operation after which a run counts as a livelock. The longest
/// stretch that a sound machine can need is a few messages a node, each a few thousand instants.
const LIVELOCK_INSTANTS: u64 = 20_000_000;

/// The longest simulated time of a run: 2 hours and 46 minutes, well within 64 bits of femtoseconds.
const TIME_MAX: Fs = Fs(10_000 * Fs::PER_SECOND);

/// How a machine is to be run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Seed of everything that is drawn: path spreading, and the values of stores whose value the
    /// trace does not know.
    pub seed: u64,
    /// Check every access and state change as it happens.
    pub check: bool,
    /// Step the components of an instant in an order drawn from this seed instead of by number.
    /// Results do not depend on it; tests show that.
    pub shuffle: Option<u64>,
    /// Threads of the emulator. The machine is stepped on one; the others decode the trace ahead
    /// of it. Results do not depend on it.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, check: true, shuffle: None, threads: 1 }
    }
}

/// A supernode with a trace to replay.
#[derive(Debug)]
pub struct Machine<R = Routing, M = FixedLatency> {
    spec: MachineSpec,
    options: Options,
    net: Network<R, Payload>,
    nodes: Vec<Node>,
    memories: Vec<MemoryPort<M>>,
    shared: Shared,
    pub(crate) meetings: Meetings,
    woken: Vec<(DomainIdx, Edge, u32)>,
    edges: u64,
    instants: u64,
    /// Operations done, and the instant count, when progress was last seen.
    progress: (u64, u64),
    _readers: Option<ReadAhead>,
}

impl Machine {
    /// A machine with its own routing function that replays `trace`: thread `t` on node `t mod
    /// nodes`.
    ///
    /// # Errors
    /// If the machine cannot be built or the trace cannot be read.
    pub fn new(spec: &MachineSpec, trace: &Trace, options: Options) -> Result<Self, RunError> {
        Self::with_routing(spec, trace, options, spec.fabric.routing.clone())
    }
}

impl<R: RoutingFunction> Machine<R> {
    /// As [`Machine::new`], with a routing function of the caller's own. Its freedom from deadlock
    /// is the caller's to show; a deadlock in a run is found and explained.
    ///
    /// # Errors
    /// If the machine cannot be built or the trace cannot be read.
    pub fn with_routing(
        spec: &MachineSpec,
        trace: &Trace,
        options: Options,
        routing: R,
    ) -> Result<Self, RunError> {
        Self::build(spec, sources(trace)?, options, routing, FixedLatency::new)
    }
}

#[cfg(feature = "mutants")]
impl Machine {
    /// As [`Machine::new`], with a fault seeded into the protocol.
    ///
    /// # Errors
    /// If the machine cannot be built or the trace cannot be read.
    pub fn with_mutant(
        spec: &MachineSpec,
        trace: &Trace,
        options: Options,
        mutant: coherence::Mutant,
    ) -> Result<Self, RunError> {
        let cfg = Config { mutant: Some(mutant), ..config(spec) };
        let routing = spec.fabric.routing.clone();
        let cfg = (cfg, scoped(spec));
        Self::assemble(spec, sources(trace)?, options, routing, FixedLatency::new, cfg)
    }
}

impl<R: RoutingFunction, M: MemoryModel> Machine<R, M> {
    /// A machine of the caller's own parts: one operation source a thread, a routing function and
    /// a memory model.
    ///
    /// # Errors
    /// If the machine cannot be built.
    pub fn build(
        spec: &MachineSpec,
        sources: Vec<Box<dyn OpSource>>,
        options: Options,
        routing: R,
        memory: impl Fn(FixedParams) -> M,
    ) -> Result<Self, RunError> {
        let cfg = (config(spec), scoped(spec));
        Self::assemble(spec, sources, options, routing, memory, cfg)
    }

    pub(crate) fn assemble(
        spec: &MachineSpec,
        sources: Vec<Box<dyn OpSource>>,
        options: Options,
        routing: R,
        memory: impl Fn(FixedParams) -> M,
        cfg: (Config<Seed>, ScopedConfig<ScopedSeed>),
    ) -> Result<Self, RunError> {
        let mut net = Network::seeded(spec, routing, options.seed)?;
        let domains = crate::network::domains(spec)?;
        let mut teams = Teams::default();
        if let Some(table) = &spec.barriers.units {
            let said: Result<Vec<_>, _> = sources.iter().map(|s| s.barriers()).collect();
            teams = Teams::new(&said?);
            net.set_units(units(spec, table, &mut teams, &net)?);
        }
        let threads = sources.len();
        let (readers, sources) = if options.threads > 1 {
            let (readers, sources) = ReadAhead::start(sources, options.threads - 1);
            (Some(readers), sources)
        } else {
            (None, sources)
        };
        let nodes = nodes(spec, sources, options.seed, cfg)?;
        let memories = memories(spec, &domains, nodes.len(), memory);
        let mut machine = Self {
            shared: shared(spec, &domains, (threads, teams), options)?,
            spec: spec.clone(),
            options,
            net,
            nodes,
            memories,
            meetings: Meetings::new(spec.barriers.timeout),
            woken: Vec::new(),
            edges: 0,
            instants: 0,
            progress: (0, 0),
            _readers: readers,
        };
        for node in 0..machine.nodes.len() {
            let slot = machine.net.node_slot(NodeIdx::new(node));
            machine.net.wiring_mut().wake(slot, Edge(0));
        }
        machine.set_halts();
        Ok(machine)
    }

    /// Steps every component that wakes at the next instant. `false` when the trace is done and
    /// nothing is under way.
    ///
    /// # Errors
    /// If the trace is damaged or asks for the impossible, or the machine is stuck.
    pub fn step(&mut self) -> Result<bool, RunError> {
        let mut woken = core::mem::take(&mut self.woken);
        let Some(now) = self.net.advance(&mut woken) else {
            self.woken = woken;
            return self.at_rest();
        };
        self.edges += woken.len() as u64;
        self.instants += 1;
        if self.meetings.deadline < now {
            self.look_for_overdue(now)?;
        }
        if let Some(seed) = self.options.shuffle {
            base::rng::shuffle(&mut woken, seed, now.0);
        }
        let result = woken.iter().try_for_each(|(domain, edge, component)| {
            let component = self.net.component(*domain, *component);
            self.step_component(component, *edge)
        });
        self.woken = woken;
        result?;
        if now > TIME_MAX {
            return Err(RunError::TooLong { at: now });
        }
        self.judge_barriers()?;
        self.watch(now)?;
        Ok(true)
    }

    fn step_component(&mut self, component: Component, edge: Edge) -> Result<(), RunError> {
        match component {
            Component::Node(n) => {
                let memory = &mut self.memories[n.at()];
                self.nodes[n.at()].step(edge, memory, &mut self.net, &mut self.shared)
            }
            Component::Router(r) => {
                self.net.step_router(r, edge);
                Ok(())
            }
            Component::Memory(n) => {
                let (next, reply) = self.memories[n.at()].step(edge);
                if next != Edge::NEVER {
                    let slot = self.net.memory_slot(n);
                    self.net.wiring_mut().wake(slot, next);
                }
                if reply != Edge::NEVER {
                    let slot = self.net.node_slot(n);
                    self.net.wiring_mut().wake(slot, reply);
                }
                Ok(())
            }
        }
    }

    /// Runs to the end of the trace.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn run(&mut self) -> Result<(), RunError> {
        while self.step()? {}
        Ok(())
    }

    /// Nobody wakes any more: the end, or a deadlock.
    fn at_rest(&mut self) -> Result<bool, RunError> {
        self.look_for_overdue(Fs::NEVER)?;
        if self.nodes.iter().all(|n| n.running == 0) {
            debug!(target: "machine", at = %self.now(), "at rest");
            return Ok(false);
        }
        let (at, explanation) = (self.now(), self.explain());
        let dead = self.net.dead_links(at).next();
        if let Some((link, why)) = dead.filter(|_| !self.net.packets().is_empty()) {
            let link = crate::explain::link_name(&self.spec, link);
            return Err(RunError::LinkDown { at, link, why: why.to_string(), explanation });
        }
        let idle = |n: &Node| n.is_idle() && n.is_quiet();
        Err(if self.net.packets().is_empty() && self.nodes.iter().all(idle) {
            RunError::BarrierNeverReleased { at, explanation }
        } else {
            RunError::Deadlock { at, explanation }
        })
    }

    /// Notices when nothing has completed for very long.
    fn watch(&mut self, now: Fs) -> Result<(), RunError> {
        let done = self.shared.stats.all().count() + self.shared.taken;
        if done != self.progress.0 {
            self.progress = (done, self.instants);
        } else if self.instants - self.progress.1 > LIVELOCK_INSTANTS {
            let explanation = self.explain();
            return Err(RunError::Livelock { at: now, instants: LIVELOCK_INSTANTS, explanation });
        }
        Ok(())
    }

    /// The instant stepped last.
    pub const fn now(&self) -> Fs {
        self.net.wiring().schedule.now()
    }

    /// Component edges stepped so far.
    pub const fn edges(&self) -> u64 {
        self.edges
    }

    /// Operations taken from the trace so far.
    pub const fn operations_taken(&self) -> u64 {
        self.shared.taken
    }

    /// What the machine was built from.
    pub const fn spec(&self) -> &MachineSpec {
        &self.spec
    }

    /// How it is run.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Latencies and counts.
    pub const fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// The rows of the protocol's tables that were taken so far.
    pub const fn coverage(&self) -> &coherence::Coverage {
        &self.shared.outbox.coverage
    }

    /// The network.
    pub const fn network(&self) -> &Network<R, Payload> {
        &self.net
    }

    pub(crate) const fn shared(&self) -> &Shared {
        &self.shared
    }

    /// What nodes share, the nodes, and the network.
    pub(crate) const fn parts(
        &mut self,
    ) -> (&mut Shared, &mut Vec<Node>, &mut Network<R, Payload>) {
        (&mut self.shared, &mut self.nodes, &mut self.net)
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    pub(crate) fn memories(&self) -> impl Iterator<Item = &MemoryPort<M>> {
        self.memories.iter()
    }
}

/// What machines can have seeded into their protocol: nothing, or with `mutants` a fault.
#[cfg(not(feature = "mutants"))]
pub(crate) type Seed = coherence::Sound;
#[cfg(feature = "mutants")]
pub(crate) type Seed = Option<coherence::Mutant>;

/// The protocol in a machine.
pub(crate) fn config(spec: &MachineSpec) -> Config<Seed> {
    let atomics = match spec.accelerator.atomics {
        spec::Atomics::Near => coherence::Atomics::Near,
        spec::Atomics::Far => coherence::Atomics::Far,
    };
    let shared_eviction = match spec.accelerator.cache.shared_eviction {
        spec::SharedEviction::Notify => coherence::SharedEviction::Notify,
        spec::SharedEviction::Silent => coherence::SharedEviction::Silent,
    };
    let (mut directory, protocol) = (crate::directory::directory(spec), crate::protocol(spec));
    directory.nodes = directory.nodes.min(NODES_MAX);
    let cfg = Config { atomics, shared_eviction, directory, protocol, ..Config::default() };
    #[cfg(feature = "mutants")]
    let cfg = cfg.seeded(None);
    cfg
}

/// One source for each thread of a trace.
pub(crate) fn sources(trace: &Trace) -> Result<Vec<Box<dyn OpSource>>, RunError> {
    let streams = (0..trace.threads()).map(|t| {
        let (trace, thread, stream) = (trace.clone(), ThreadIdx(t), trace.stream(ThreadIdx(t))?);
        Ok(Box::new(Replayed { trace, thread, stream: Iter(stream) }) as Box<dyn OpSource>)
    });
    streams.collect()
}

fn nodes(
    spec: &MachineSpec,
    sources: Vec<Box<dyn OpSource>>,
    seed: u64,
    (cfg, scoped): (Config<Seed>, ScopedConfig<ScopedSeed>),
) -> Result<Vec<Node>, BuildError> {
    let count = spec.fabric.node_ports.len();
    if count == 0 || count > NODES_MAX as usize {
        return Err(BuildError::new(format!(
            "it has {count} nodes; the full-map directory covers 1 to {NODES_MAX}\n  mend: describe \
             fewer accelerators"
        )));
    }
    let a = &spec.accelerator;
    if a.window == 0 || a.window > WINDOW_MAX {
        return Err(BuildError::new(format!("the window must lie within 1 and {WINDOW_MAX}")));
    }
    if sources.len().div_ceil(count) > AGENTS_MAX {
        return Err(BuildError::new(format!("a node can replay {AGENTS_MAX} threads at most")));
    }
    let has_scopes = spec.regions.iter().any(|r| r.mode == spec::Mode::Scoped);
    let window = match a.consistency {
        Consistency::Sequential => 1,
        Consistency::Tso | Consistency::Relaxed => a.window,
    };
    let mut agents: Vec<Vec<Agent>> = Vec::new();
    agents.resize_with(count, Vec::new);
    for (thread, source) in sources.into_iter().enumerate() {
        let thread = ThreadIdx::new(thread);
        let mut agent = Agent::new(thread, seed, window, a.consistency, source);
        if has_scopes {
            agent.use_scopes();
        }
        agents[thread.at() % count].push(agent);
    }
    let shape = CacheGeometry {
        sets: a.cache.sets,
        ways: a.cache.ways,
        replacement: match a.cache.replacement {
            spec::Replacement::Lru => Replacement::Lru,
            spec::Replacement::TreePlru => Replacement::TreePlru,
        },
        mshrs: a.cache.mshrs,
    };
    let two_level = crate::directory::package_directory(spec);
    let node = |(at, agents)| {
        let id = NodeIdx::new(at);
        let home = HomeCtrl::new(cfg, id, a.home.directory_lines, untouched);
        let mut node = match two_level {
            None => Node::new(id, agents, CacheCtrl::new(cfg, id, &shape), home, None),
            Some((directory, lines)) => {
                // Inside a package nodes are numbered from 0.
                let number = NodeIdx(id.0 % directory.nodes);
                let levels = Levels { inner: Config { directory, ..cfg }, outer: cfg };
                let me = PackageHome { home: number, package: NodeIdx(id.0 / directory.nodes) };
                let package = PackageCtrl::new(levels, me, lines, untouched);
                let cache = CacheCtrl::new(levels.inner, number, &shape);
                Node::new(id, agents, cache, home, Some(package))
            }
        };
        node.scoped = has_scopes.then(|| {
            let shape = Geometry { sets: shape.sets, ways: shape.ways, mshrs: shape.mshrs };
            Box::new(ScopedNode::new(scoped, id, Some(shape), untouched))
        });
        node
    };
    Ok(agents.into_iter().enumerate().map(node).collect())
}

fn shared(
    spec: &MachineSpec,
    domains: &[Domain],
    (threads, teams): (usize, Teams),
    options: Options,
) -> Result<Shared, BuildError> {
    let a = &spec.accelerator;
    let nodes = u32::try_from(spec.fabric.node_ports.len()).unwrap_or(u32::MAX);
    if a.cache.latency_cycles == 0 || a.home.latency_cycles == 0 || a.injection_packets == 0 {
        return Err(BuildError::new(
            "cache latency, home latency and injection queue must be at least 1",
        ));
    }
    let m = &spec.memory;
    if m.channels == 0 || m.channel_bytes_per_s < LINE_BYTES {
        return Err(BuildError::new("memory needs a channel and a bandwidth"));
    }
    Ok(Shared {
        clock: domains[a.clock.at()],
        map: AddressMap::new(nodes, a.home.interleave_bytes, m.channels, m.interleave_bytes),
        lengths: Lengths::new(spec),
        cache_latency: a.cache.latency_cycles,
        home_latency: a.home.latency_cycles,
        injection_packets: a.injection_packets,
        nodes,
        package_nodes: spec.package_nodes,
        two_level: a.home.packages.is_some(),
        crossings: 0,
        threads: u32::try_from(threads).unwrap_or(u32::MAX),
        seed: options.seed,
        last_edge: domains[a.clock.at()].edge_at_or_after(TIME_MAX),
        taken: 0,
        checker: Checker::new(untouched),
        check: options.check,
        stats: Stats::default(),
        digest: base::Digest::default(),
        outbox: Outbox::default(),
        fabric: Vec::new(),
        delivered: Vec::new(),
        candidates: Vec::new(),
        leaving: vec![0; teams.counts().0],
        teams,
        events: Vec::new(),
        scoped: crate::node::scoped::shared(spec, threads, options.check),
        uncached: spec
            .regions
            .iter()
            .filter(|r| r.mode == spec::Mode::Uncached)
            .map(|r| r.lines.clone())
            .collect(),
    })
}
