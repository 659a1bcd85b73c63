//! The supernode: nodes, memories and network, and the lockstep loop.
//!
//! The loop goes from instant to instant: all components of all domains that wake at it are stepped
//! in any order, since nothing passes between two components in less than an edge.

use std::borrow::Cow;

use base::{Fs, LinkIdx, RoutingFunction};
use coherence::scoped::ScopedConfig;
use coherence::{Config, Coverage};
use memory::{FixedLatency, FixedParams, MemoryModel};
use phy::Account;
use topology::routing::Routing;
use topology::spec::MachineSpec;
use tracing::debug;
use traffic::Trace;

use crate::barriers::{Meetings, Teams, units};
use crate::build::{Seed, config, memories, nodes, shared, sources, timed};
use crate::engine::{Deal, Engine};
use crate::memory_port::MemoryPort;
use crate::network::{FlitCounts, Loss, Network, Units, loss};
use crate::node::{Node, Shared};
use crate::partition::Partition;
use crate::partition::layout::{Layout, Place};
use crate::partition::plan::{Cut, Plan};
use crate::partition::scout::scouted;
use crate::payload::Payload;
use crate::scopes::{ScopedSeed, scoped};
use crate::source::OpSource;
use crate::stats::Stats;
use crate::{BuildError, RunError};

/// Instants without a completed operation after which a run counts as a livelock. The longest
/// stretch that a sound machine can need is a few messages a node, each a few thousand instants.
const LIVELOCK_INSTANTS: u64 = 20_000_000;

/// The longest simulated time of a run: 2 hours and 46 minutes, well within 64 bits of femtoseconds.
pub(crate) const TIME_MAX: Fs = Fs(10_000 * Fs::PER_SECOND);

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
    /// Threads of the emulator: each steps a part of the machine, where that pays. Results do not depend on it.
    pub threads: usize,
    /// Where the machine is cut. Results do not depend on it.
    pub cut: Cut,
    /// Who steps the parts. Results do not depend on it.
    pub deal: Deal,
}

impl Default for Options {
    fn default() -> Self {
        let (cut, deal) = (Cut::Auto, Deal::Measured);
        Self { seed: 1, check: true, shuffle: None, threads: 1, cut, deal }
    }
}

/// A supernode with a trace to replay.
#[derive(Debug)]
pub struct Machine<R = Routing, M = FixedLatency> {
    spec: MachineSpec,
    options: Options,
    pub(crate) partitions: Vec<Partition<R, M>>,
    pub(crate) engine: Engine,
    layout: Layout,
    pub(crate) meetings: Meetings,
    /// Operations done, and the instant count, when progress was last seen.
    progress: (u64, u64),
    /// Hash over the trace; 0 where sources were given.
    trace: u128,
}

base::state!([R, M: base::State] Machine<R, M> {
    keeps progress, meetings;
    each partitions;
    fixed spec, options, engine, layout, trace
});

impl Machine {
    /// A machine with its own routing function that replays `trace`: thread `t` on node `t mod nodes`.
    ///
    /// # Errors
    /// If the machine cannot be built or the trace cannot be read.
    pub fn new(spec: &MachineSpec, trace: &Trace, options: Options) -> Result<Self, RunError> {
        let this = scouted(options, |options| Self::of_sources(spec, sources(trace)?, options))?;
        Ok(Self { trace: trace.fingerprint(), ..this })
    }

    /// As [`new`](Self::new), with a source of operations for each thread.
    ///
    /// # Errors
    /// If the machine cannot be built.
    pub fn of_sources(
        spec: &MachineSpec,
        sources: Vec<Box<dyn OpSource>>,
        options: Options,
    ) -> Result<Self, RunError> {
        let routing = spec.fabric.routing.clone();
        let mut this = Self::build(spec, sources, options, routing, FixedLatency::new)?;
        // Where links change, there is one partition.
        this.partitions[0].net.plan(crate::network::changes(spec, options.seed)?);
        Ok(this)
    }
}

impl<R: RoutingFunction + Clone + Send> Machine<R> {
    /// As [`Machine::new`], with a routing function of the caller's own, which stays when links go down. That
    /// it is free of deadlock is the caller's to show; a deadlock in a run is found and explained.
    ///
    /// # Errors
    /// If the machine cannot be built or the trace cannot be read.
    pub fn with_routing(
        spec: &MachineSpec,
        trace: &Trace,
        options: Options,
        routing: R,
    ) -> Result<Self, RunError> {
        let machine = scouted(options, move |options| {
            Self::build(spec, sources(trace)?, options, routing.clone(), FixedLatency::new)
        })?;
        Ok(Self { trace: trace.fingerprint(), ..machine })
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

impl<R: RoutingFunction + Clone + Send, M: MemoryModel + Send> Machine<R, M> {
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
        let plan = plan(spec, sources.len(), &options, &routing)?;
        let layout = plan.layout;
        let parts = layout.shares.len();
        let domains = crate::network::domains(spec, options.seed)?;
        let mut teams = Teams::default();
        let mut dealt_units = vec![Units::default(); parts];
        if let Some(table) = &spec.barriers.units {
            let said: Result<Vec<_>, _> = sources.iter().map(|s| s.barriers()).collect();
            teams = Teams::new(&said?);
            dealt_units = units((spec, options.seed), table, &mut teams, &domains, &layout)?;
        }
        let threads = sources.len();
        let part_of = layout.nodes.iter().map(|p| u32::try_from(p.part).unwrap_or(0)).collect();
        let mut dealt: Vec<Vec<Node>> = layout.shares.iter().map(|_| Vec::new()).collect();
        let nodes = nodes(spec, sources, options.seed, cfg)?;
        for node in timed(spec, options.seed, &domains, nodes)? {
            dealt[layout.nodes[node.id.at()].part].push(node);
        }
        let mut routings = std::iter::repeat_n(routing, parts);
        let partition = |(me, nodes): (usize, Vec<Node>)| {
            let routing = routings.next().expect("there is one a partition");
            let mut net = Network::part(spec, routing, options.seed, (&layout, me), &domains)?;
            net.set_units(std::mem::take(&mut dealt_units[me]));
            let memories = memories(spec, &domains, nodes.len(), &memory);
            let teams = teams.clone();
            let mut shared = shared(spec, &domains, threads, options, (parts, &part_of))?;
            shared.judges = spec.barriers.units.is_some() || spec.barriers.timeout.is_some();
            shared.leaving = vec![0; teams.counts().0];
            shared.teams = teams;
            Ok(Partition::new(net, nodes, memories, shared, options.shuffle))
        };
        let partitions = dealt.into_iter().enumerate().map(partition);
        let mut machine = Self {
            partitions: partitions.collect::<Result<_, RunError>>()?,
            engine: Engine::new((parts, plan.epoch), options.threads, options.deal, plan.why),
            layout,
            spec: spec.clone(),
            options,
            meetings: Meetings::new(spec.barriers.timeout),
            progress: (0, 0),
            trace: 0,
        };
        machine.set_halts();
        Ok(machine)
    }
}

impl<R: RoutingFunction, M: MemoryModel> Machine<R, M> {
    /// Nobody wakes any more: the end, or a deadlock.
    pub(crate) fn at_rest(&self) -> Result<bool, RunError> {
        if self.nodes().all(|n| n.running == 0) {
            debug!(target: "machine", at = %self.now(), "at rest");
            return Ok(false);
        }
        let (at, explanation) = (self.now(), self.explain());
        let dead = self.dead_links(at).next();
        if let Some((link, why)) = dead.filter(|_| self.packets_in_flight()) {
            let link = crate::explain::link_name(&self.spec, link);
            return Err(RunError::LinkDown { at, link, why: why.to_string(), explanation });
        }
        let idle = |n: &Node| n.is_idle() && n.is_quiet();
        Err(if !self.packets_in_flight() && self.nodes().all(idle) {
            RunError::BarrierNeverReleased { at, explanation }
        } else {
            RunError::Deadlock { at, explanation }
        })
    }

    /// Notices when nothing has completed for very long.
    pub(crate) fn watch(&mut self, now: Fs) -> Result<(), RunError> {
        self.judge_barriers()?;
        self.look_at_deadline()?;
        let done = self.partitions.iter().map(Partition::done).sum();
        let instants = self.partitions.iter().map(|p| p.instants).max().unwrap_or(0);
        if done != self.progress.0 {
            self.progress = (done, instants);
        } else if instants - self.progress.1 > LIVELOCK_INSTANTS {
            let explanation = self.explain();
            return Err(RunError::Livelock { at: now, instants: LIVELOCK_INSTANTS, explanation });
        }
        Ok(())
    }

    /// The instant stepped last.
    pub fn now(&self) -> Fs {
        self.partitions.iter().map(Partition::now).max().unwrap_or_default()
    }

    /// Component edges stepped so far.
    pub fn edges(&self) -> u64 {
        self.partitions.iter().map(|p| p.edges).sum()
    }

    /// Operations taken from the trace so far.
    pub fn operations_taken(&self) -> u64 {
        self.shares().map(|s| s.taken).sum()
    }

    /// Hash over the trace; 0 where sources were given.
    pub(crate) const fn trace_fingerprint(&self) -> u128 {
        self.trace
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
    pub fn stats(&self) -> Cow<'_, Stats> {
        self.gather(|s| &s.stats, Stats::merge)
    }

    /// The rows of the protocol's tables that were taken so far.
    pub fn coverage(&self) -> Cow<'_, Coverage> {
        self.gather(|s| &s.outbox.coverage, Coverage::merge)
    }

    /// The hash over what was delivered when, so far.
    pub fn digest(&self) -> base::Digest {
        let mut all = base::Digest::default();
        self.shares().for_each(|s| all.merge(&s.digest));
        all
    }

    /// What all partitions have together, without a copy where there is one.
    pub(crate) fn gather<T: Clone>(
        &self,
        of: impl Fn(&Shared) -> &T,
        merge: impl Fn(&mut T, &T),
    ) -> Cow<'_, T> {
        let [first, rest @ ..] = &self.partitions[..] else { unreachable!("a machine has parts") };
        if rest.is_empty() {
            return Cow::Borrowed(of(&first.shared));
        }
        let mut all = of(&first.shared).clone();
        for p in rest {
            merge(&mut all, of(&p.shared));
        }
        Cow::Owned(all)
    }

    /// The parts of the network, one a partition.
    pub fn networks(&self) -> impl Iterator<Item = &Network<R, Payload>> {
        self.partitions.iter().map(|p| &p.net)
    }

    /// Whether a packet is on its way.
    pub fn packets_in_flight(&self) -> bool {
        self.networks().any(|net| !net.packets().is_empty())
    }

    /// Flits of packets so far.
    pub fn flits(&self) -> FlitCounts {
        self.networks().map(|net| *net.flit_counts()).fold(FlitCounts::default(), FlitCounts::and)
    }

    /// Flits that are at interfaces and not yet sent, in routers, and on wires: between steps, none are anywhere
    /// else.
    pub fn flits_present(&self) -> u64 {
        self.networks().map(Network::flits_present).sum()
    }

    /// Checks that no credit is lost, as [`Network::lost_credits`], between steps.
    pub fn lost_credits(&self) -> (u64, Vec<Loss>) {
        let mut lost = 0;
        let mut losses = Vec::new();
        for (link, ends) in self.layout.links.iter().enumerate() {
            let [from, to] =
                [ends.sender, ends.receiver].map(|p| (self.net(p), LinkIdx::new(p.at)));
            for vc in (0..from.0.vcs()).map(base::VcIdx::new) {
                let sent = from.0.sender_credits(from.1, vc);
                let (count, told) =
                    loss(LinkIdx::new(link), vc, sent, to.0.receiver_flits(to.1, vc));
                lost += count;
                losses.extend(told);
            }
        }
        (lost, losses)
    }

    /// What a framed link has done up to an instant; `None` for others.
    pub fn account(&self, link: LinkIdx, until: Fs) -> Option<Account> {
        let ends = self.layout.links[link.at()];
        let horizon = |p: Place| self.net(p).wiring().links().horizon(LinkIdx::new(p.at));
        let links = self.net(ends.sender).wiring().links();
        links.account_beyond(LinkIdx::new(ends.sender.at), until, horizon(ends.receiver))
    }

    /// Flits that were handed to a link so far.
    pub fn flits_sent(&self, link: LinkIdx) -> u64 {
        let place = self.layout.links[link.at()].sender;
        self.net(place).wiring().links().flits_sent(LinkIdx::new(place.at))
    }

    /// The links that are down for good, and why.
    pub(crate) fn dead_links(&self, at: Fs) -> impl Iterator<Item = (LinkIdx, phy::Trouble)> {
        let links = (0..self.layout.links.len()).map(LinkIdx::new);
        let own = |l: LinkIdx| self.layout.links[l.at()].sender;
        let dead = move |p: Place| self.net(p).wiring().links().dead(LinkIdx::new(p.at), at);
        links.filter_map(move |l| Some((l, dead(own(l))?)))
    }

    /// The part of the network in which a place is.
    pub(crate) fn net(&self, place: Place) -> &Network<R, Payload> {
        &self.partitions[place.part].net
    }

    pub(crate) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Has all parts look at their clocks anew.
    pub(crate) fn refresh_clocks(&mut self) {
        for p in &mut self.partitions {
            p.net.wiring_mut().schedule.refresh();
        }
    }

    /// What the nodes of each partition share.
    pub(crate) fn shares(&self) -> impl Iterator<Item = &Shared> {
        self.partitions.iter().map(|p| &p.shared)
    }

    /// What all nodes know.
    pub(crate) fn shared(&self) -> &Shared {
        &self.partitions[0].shared
    }

    /// In the order of their numbers.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.layout.nodes.iter().map(|p| &self.partitions[p.part].nodes[p.at])
    }

    pub(crate) fn memories(&self) -> impl Iterator<Item = &MemoryPort<M>> {
        self.partitions.iter().flat_map(|p| &p.memories)
    }
}

/// Where a machine is cut that replays `threads` threads.
fn plan<R: RoutingFunction>(
    spec: &MachineSpec,
    threads: usize,
    options: &Options,
    routing: &R,
) -> Result<Plan, BuildError> {
    let whole = |why| Ok(Plan::whole(&spec.fabric, why));
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let parts = match options.cut {
        Cut::Auto => options.threads.min(cores()),
        Cut::Parts(parts) | Cut::Drawn { parts, .. } => parts,
    };
    if parts <= 1 {
        let why = match options.cut {
            Cut::Auto => "this host has one core for it",
            Cut::Parts(_) | Cut::Drawn { .. } => "one partition was asked for",
        };
        return whole((options.threads > 1).then_some(why));
    }
    if !crate::network::outages(spec, options.seed)?.is_empty() {
        return whole(Some("links go down or come up, and tables change with them"));
    }
    if routing.global() {
        return whole(Some("its routing function looks at all routers at once"));
    }
    if crate::node::scoped::shared(spec, threads, options.check)
        .is_some_and(|s| s.witness.is_some())
    {
        return whole(Some("reads of scoped memory are judged one by one (not with --no-check)"));
    }
    Plan::new(spec, threads, options.cut, parts)
}
