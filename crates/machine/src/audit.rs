//! The audit at the end of a run, and its summary.

use base::{Fs, Line, LineData, LinkIdx, Part, RoutingFunction};
use memory::MemoryModel;

use crate::Machine;
use crate::directory::DirectoryUse;
use crate::explain::link_name;
use crate::machine::untouched;
use crate::memory_port::MemoryPort;
use crate::node::agent::Kind;
use crate::scopes::ScopeUse;
use crate::stats::Latency;

/// What the audit found. A sound run has nothing but zeros and `quiescent`.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// Loads that did not see the last write, stores over stale values, writers with company,
    /// copies unknown to their home, memory that is not what the last write left.
    pub coherence_violations: u64,
    /// Flits offered and not delivered.
    pub flits_lost: u64,
    /// Credits missing or too many.
    pub credits_lost: u64,
    /// Nothing under way anywhere.
    pub quiescent: bool,
    /// Whether accesses were checked one by one as they happened.
    pub per_access: bool,
    /// The findings in words; the first few of each kind.
    pub findings: Vec<String>,
}

impl Checks {
    /// Whether everything is as it must be.
    pub const fn clean(&self) -> bool {
        self.coherence_violations == 0
            && self.flits_lost == 0
            && self.credits_lost == 0
            && self.quiescent
    }
}

/// How busy a link was.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkUse {
    /// The ends.
    pub name: String,
    /// Its link class.
    pub class: String,
    /// Flits sent.
    pub flits: u64,
    /// Share of the run's time that it spent on flits, 0 to 1.
    pub utilization: f64,
}

/// Everything that a run has to say.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The topology's name.
    pub topology: String,
    /// Accelerators and routers.
    pub nodes: usize,
    /// Routers.
    pub routers: usize,
    /// Seed of the run.
    pub seed: u64,
    /// Threads of the emulator.
    pub threads: usize,
    /// Hash over what was delivered when.
    pub digest: String,
    /// The instant at which the last agent finished.
    pub time: Fs,
    /// Component edges stepped.
    pub edges: u64,
    /// Operations taken from the trace, of any kind.
    pub operations: u64,
    /// Loads, stores and atomics completed, the halves of copy pieces among them.
    pub transactions: u64,
    /// Loads completed.
    pub loads: u64,
    /// Stores completed.
    pub stores: u64,
    /// Atomics completed.
    pub atomics: u64,
    /// Barriers released.
    pub barriers: u64,
    /// Line accesses that the caches took: an access that crosses a line is two.
    pub line_accesses: u64,
    /// Line accesses that the caches performed at once.
    pub hits: u64,
    /// Packets delivered by the network.
    pub packets: u64,
    /// Flits delivered by the network.
    pub flits_delivered: u64,
    /// Flits forwarded by routers.
    pub flit_hops: u64,
    /// Lines read from memory.
    pub memory_reads: u64,
    /// Lines written to memory.
    pub memory_writes: u64,
    /// Latency of all transactions.
    pub latency: Latency,
    /// Latency of loads, stores and atomics.
    pub kinds: [Latency; 3],
    /// Mean nanoseconds in each part; they sum to the mean latency.
    pub breakdown_ns: Vec<(Part, f64)>,
    /// The directories' storage, and what their organisation cost.
    pub directory: DirectoryUse,
    /// What caches kept valid by scopes did; none where no memory is.
    pub scopes: Option<ScopeUse>,
    /// The busiest links, busiest first.
    pub busiest: Vec<LinkUse>,
    /// The audit.
    pub checks: Checks,
}

/// Links that a summary names.
const BUSIEST: usize = 8;

impl<R: RoutingFunction, M: MemoryModel> Machine<R, M> {
    /// Audits the machine at rest: nothing under way, nothing lost, directories consistent with
    /// caches, memory equal to the last writes.
    pub fn audit(&self) -> Checks {
        let mut checks = Checks::default();
        let shared = self.shared();
        checks.per_access = shared.check;
        let (injected, delivered) = self.network().flits();
        checks.flits_lost = injected.abs_diff(delivered);
        let (lost, losses) = self.network().lost_credits();
        checks.credits_lost = lost;
        checks.findings.extend(losses.into_iter().take(8));
        checks.quiescent = self.network().packets().is_empty()
            && self.nodes().all(|n| n.running == 0 && n.is_quiet())
            && self.nodes().all(|n| n.cache.is_idle() && n.home.is_idle())
            && self.memories().all(MemoryPort::is_idle);
        checks.coherence_violations += shared.checker.violation_count();
        checks.findings.extend(shared.checker.violations().iter().map(ToString::to_string));
        let caches: Vec<_> = self.nodes().map(|n| &n.cache).collect();
        let homes: Vec<_> = self.nodes().map(|n| &n.home).collect();
        let errors = coherence::audit(&caches, &homes, &shared.checker);
        checks.coherence_violations += errors.len() as u64;
        checks.findings.extend(errors.iter().take(8).map(ToString::to_string));
        self.audit_scopes(&mut checks);
        checks
    }

    /// What the pool holds of a line: its owner's copy if it has an owner, else memory. At rest
    /// that is what the last write left.
    pub fn value(&self, line: Line) -> LineData {
        let home = self.shared().map.home(line);
        if self.shared().is_scoped(line) {
            let scoped = self.nodes().find(|n| n.id == home).and_then(|n| n.scoped.as_ref());
            return scoped.map_or_else(|| untouched(line), |s| s.memory(line));
        }
        let owned = |n: &crate::node::Node| match n.cache.look_up(line) {
            (state, value) if state.is_writable() => value,
            _ => None,
        };
        let owner = self.nodes().find_map(owned);
        let at_home = || self.nodes().find(|n| n.id == home)?.home.look_up(line).map(|d| d.memory);
        owner.or_else(at_home).unwrap_or_else(|| untouched(line))
    }

    /// Audits the machine and sums up the run.
    pub fn summary(&self) -> Summary {
        let stats = self.stats();
        let time = self.nodes().map(|n| n.finished).max().unwrap_or_default();
        let kinds = [Kind::Load, Kind::Store, Kind::Atomic].map(|k| stats.of(k).clone());
        Summary {
            topology: self.spec().name.clone(),
            nodes: self.spec().fabric.node_ports.len(),
            routers: self.spec().fabric.routers.len(),
            seed: self.options().seed,
            threads: self.options().threads,
            digest: self.shared().digest.to_string(),
            time,
            edges: self.edges(),
            operations: self.operations_taken(),
            transactions: stats.all().count(),
            loads: kinds[0].count(),
            stores: kinds[1].count(),
            atomics: kinds[2].count(),
            barriers: self.nodes().map(|n| n.barriers.released()).sum(),
            line_accesses: stats.line_accesses,
            hits: stats.hits(),
            packets: self.network().packets_delivered(),
            flits_delivered: self.network().flits().1,
            flit_hops: self.network().flit_hops(),
            memory_reads: self.memories().map(|m| m.reads).sum(),
            memory_writes: self.memories().map(|m| m.writes).sum(),
            latency: stats.all().clone(),
            kinds,
            breakdown_ns: Part::ALL.map(|p| (p, stats.mean_part_ns(p))).to_vec(),
            directory: self.directory_use(),
            scopes: self.scope_use(),
            busiest: self.busiest(time),
            checks: self.audit(),
        }
    }

    fn directory_use(&self) -> DirectoryUse {
        let mut used = DirectoryUse::of(self.spec());
        self.nodes().for_each(|n| used.add(&n.home, &n.cache));
        used
    }

    fn busiest(&self, time: Fs) -> Vec<LinkUse> {
        let links = self.network().wiring().links();
        let mut all: Vec<LinkIdx> = (0..links.len()).map(LinkIdx::new).collect();
        all.sort_by_key(|l| (core::cmp::Reverse(links.busy(*l)), *l));
        let shown = all.into_iter().filter(|l| links.flits_sent(*l) > 0).take(BUSIEST);
        let fabric = &self.spec().fabric;
        shown
            .map(|l| LinkUse {
                name: link_name(self.spec(), l),
                class: fabric.classes[fabric.links[l.at()].class].name.clone(),
                flits: links.flits_sent(l),
                utilization: links.busy(l).0 as f64 / (time.0.max(1)) as f64,
            })
            .collect()
    }
}
