//! From an elaborated machine to its nodes, memories and what they share.

use std::sync::Arc;

use base::{LINE_BYTES, LineData, NodeIdx, ThreadIdx};
use clock::{Crossing, Domain};
use coherence::scoped::{Geometry, ScopedConfig, ScopedNode};
use coherence::{
    CacheCtrl, CacheGeometry, Config, HomeCtrl, Levels, Outbox, PackageCtrl, PackageHome,
    Replacement,
};
use memory::{AddressMap, FixedParams, MemoryModel};
use topology::spec::{self, Consistency, MachineSpec};
use traffic::Trace;

use crate::align::{NodeCounter, Timebase};
use crate::ghost::Ghost;
use crate::machine::{Options, TIME_MAX};
use crate::memory_port::MemoryPort;
use crate::node::agent::Agent;
use crate::node::{AGENTS_MAX, Node, Shared, WINDOW_MAX};
use crate::payload::Lengths;
use crate::scopes::ScopedSeed;
use crate::source::{Iter, OpSource, Replayed};
use crate::stats::Stats;
use crate::{BuildError, RunError};

/// Memory starts as zeros.
pub(crate) fn untouched(_: base::Line) -> LineData {
    LineData::default()
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
    let (directory, protocol) = (crate::directory::directory(spec), crate::protocol(spec));
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

/// All nodes with their agents.
pub(crate) fn nodes(
    spec: &MachineSpec,
    sources: Vec<Box<dyn OpSource>>,
    seed: u64,
    (cfg, scoped): (Config<Seed>, ScopedConfig<ScopedSeed>),
) -> Result<Vec<Node>, BuildError> {
    let count = spec.fabric.node_ports.len();
    if count == 0 {
        return Err(BuildError::new("it has no nodes\n  mend: describe an accelerator"));
    }
    topology::directory::listed(spec)
        .map_err(|(why, mend)| BuildError::new(format!("{why}\n  mend: {mend}")))?;
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

/// The nodes, whose threads keep time by aligned counters where the machine has such.
pub(crate) fn timed(
    spec: &MachineSpec,
    seed: u64,
    domains: &[Domain],
    mut nodes: Vec<Node>,
) -> Result<Vec<Node>, BuildError> {
    if spec.counters.is_none() {
        return Ok(nodes);
    }
    let clock = domains[spec.accelerator.clock.at()].clone();
    let base = Arc::new(Timebase::new(spec, seed, clock)?);
    for node in &mut nodes {
        let counter = NodeCounter::new(&base, node.id);
        node.agents.iter_mut().for_each(|agent| agent.keep_time(counter.clone()));
    }
    Ok(nodes)
}

/// The memories of `nodes` nodes.
pub(crate) fn memories<M: MemoryModel>(
    spec: &MachineSpec,
    domains: &[Domain],
    nodes: usize,
    memory: &impl Fn(FixedParams) -> M,
) -> Vec<MemoryPort<M>> {
    let (node, own) = (spec.accelerator.clock, spec.memory.clock);
    let synchronizer_edges = spec.crossing(node, own).edges();
    let into = Crossing { to: domains[own.at()].clone(), synchronizer_edges };
    let back = Crossing { to: domains[node.at()].clone(), synchronizer_edges };
    let params = FixedParams {
        clock: domains[own.at()].clone(),
        channels: spec.memory.channels,
        latency: spec.memory.access_latency,
        bytes_per_s: spec.memory.channel_bytes_per_s,
    };
    let port = |_| MemoryPort::new(memory(params.clone()), into.clone(), back.clone());
    (0..nodes).map(port).collect()
}

/// What the nodes of a partition share.
pub(crate) fn shared(
    spec: &MachineSpec,
    domains: &[Domain],
    threads: usize,
    options: Options,
    (parts, part_of): (usize, &Arc<[u32]>),
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
    let map = AddressMap::new(nodes, a.home.interleave_bytes, m.channels, m.interleave_bytes);
    Ok(Shared {
        clock: domains[a.clock.at()].clone(),
        map,
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
        ghost: Ghost::new(options.check, map, parts, part_of),
        stats: Stats::default(),
        digest: base::Digest::default(),
        outbox: Outbox::default(),
        fabric: Vec::new(),
        delivered: Vec::new(),
        candidates: Vec::new(),
        judges: false,
        leaving: Vec::new(),
        teams: crate::barriers::Teams::default(),
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
