//! The audit at the end of a run, and its summary.

use base::{Fs, Line, LineData, LinkIdx, NodeIdx, Part, RoutingFunction};
use coherence::{Audit, Packaged, VIOLATIONS_KEPT};
use memory::MemoryModel;
use phy::{Account, Links};

use crate::Machine;
use crate::barriers::BarrierUse;
use crate::build::untouched;
use crate::directory::{CacheTransfers, DirectoryUse};
use crate::engine::on_threads;
use crate::explain::link_name;
use crate::memory_port::MemoryPort;
use crate::network::Network;
use crate::node::agent::Kind;
use crate::scopes::ScopeUse;
use crate::stats::Latency;

/// What the audit found. A sound run has nothing but zeros and `quiescent`.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// Loads that did not see the last write, stores over stale values, writers with company,
    /// copies unknown to their home, memory that is not what the last write left.
    pub coherence_violations: u64,
    /// Threads that a barrier released before all had arrived, or told a wrong result.
    pub barrier_violations: u64,
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
            && self.barrier_violations == 0
            && self.flits_lost == 0
            && self.credits_lost == 0
            && self.quiescent
    }
}

/// Of each link, what its link layer did if it is framed.
type Accounts = [Option<Account>];

/// The framed links of them.
fn framed(accounts: &Accounts) -> impl Iterator<Item = (LinkIdx, &Account)> {
    let all = (0..).map(LinkIdx::new).zip(accounts);
    all.filter_map(|(l, a)| a.as_ref().map(|a| (l, a)))
}

/// How busy a link was.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkUse {
    /// How long its sender waited for credits.
    pub credit_stall: Fs,
    /// What its link layer did, if it is framed.
    pub phy: Option<Account>,
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
    /// What caches did for each other and for memory.
    pub transfers: CacheTransfers,
    /// How long barriers took.
    pub barrier_use: BarrierUse,
    /// What caches kept valid by scopes did; none where no memory is.
    pub scopes: Option<ScopeUse>,
    /// The busiest links, busiest first.
    pub busiest: Vec<LinkUse>,
    /// The framed links that had most to repair, sickest first.
    pub sickest: Vec<LinkUse>,
    /// What all framed links did together, if there are any.
    pub phy: Option<PhyUse>,
    /// The audit.
    pub checks: Checks,
}

/// What all framed links did together.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct PhyUse {
    /// Framed links, each direction counted.
    pub links: u64,
    /// Frames with flits, each once.
    pub frames: u64,
    /// Frames of idle fill.
    pub idle: u64,
    /// Frames sent again.
    pub replays: u64,
    /// Symbols mended.
    pub corrected_symbols: u64,
    /// Frames beyond repair.
    pub uncorrectable: u64,
    /// Those that the CRC let pass.
    pub undetected: u64,
    /// Trainings, each pair counted once.
    pub retrains: u64,
    /// How often other tables were loaded because links went down or came up, and packets that their
    /// sources sent again for it.
    pub reroutes: u64,
    /// See `reroutes`.
    pub resent_packets: u64,
    /// Flits that were under way when other tables were loaded and were dropped.
    pub dropped_flits: u64,
    /// Packets that arrived poisoned.
    pub poisoned_packets: u64,
    /// Packets whose data arrived wrong unnoticed.
    pub corrupted_packets: u64,
    /// Femtojoules.
    pub energy_fj: u64,
}

/// Links that a summary names.
const BUSIEST: usize = 8;

impl<R: RoutingFunction, M: MemoryModel> Machine<R, M> {
    /// Audits the machine at rest: nothing under way, nothing lost, directories consistent with
    /// caches, memory equal to the last writes.
    pub fn audit(&self) -> Checks {
        let mut checks = Checks::default();
        let shared = self.shared();
        checks.flits_lost = self.flits().lost(self.flits_present());
        let (lost, losses) = self.lost_credits();
        checks.credits_lost = lost;
        checks.findings.extend(losses.into_iter().take(8));
        checks.quiescent = !self.packets_in_flight()
            && self.nodes().all(|n| n.running == 0 && n.is_quiet())
            && self.nodes().all(crate::node::Node::is_idle)
            && self.memories().all(MemoryPort::is_idle);
        self.violations(&mut checks);
        let shards: Vec<_> = self.shares().map(|s| &s.ghost).collect();
        let golden = |line| shards[shards[0].shard(line)].checker().golden(line);
        let caches: Vec<_> = self.nodes().map(|n| &n.cache).collect();
        let homes: Vec<_> = self.nodes().map(|n| &n.home).collect();
        let slices: Vec<_> = self.nodes().filter_map(|n| n.package.as_ref()).collect();
        let errors = match shared.package_nodes {
            Some(size) if shared.two_level => {
                let slice_of =
                    &|package: u32, home: NodeIdx| (package * size + home.0 % size) as usize;
                let packaged = Packaged { caches, slices, homes, size, slice_of };
                coherence::audit_packages(&packaged, golden)
            }
            _ => {
                let (audit, of) = (Audit::new(&caches, &homes, golden), self.engine.threads);
                coherence::join_shares(on_threads((0..of).collect(), |at| audit.share(at, of)))
            }
        };
        checks.coherence_violations += errors.len() as u64;
        checks.findings.extend(errors.iter().take(8).map(ToString::to_string));
        self.audit_scopes(&mut checks);
        let barriers = self.audit_barriers();
        checks.barrier_violations = barriers.violations;
        checks.flits_lost += barriers.lost;
        checks.quiescent &= barriers.idle;
        checks.findings.extend(barriers.findings);
        checks
    }

    /// What was found as it happened.
    fn violations(&self, checks: &mut Checks) {
        checks.per_access = self.shared().ghost.checks();
        checks.coherence_violations +=
            self.shares().map(|s| s.ghost.checker().violation_count()).sum::<u64>();
        let mut violations: Vec<_> = self.shares().flat_map(|s| s.ghost.violations()).collect();
        violations.sort_by_key(|(when, _)| *when);
        violations.truncate(VIOLATIONS_KEPT);
        checks.findings.extend(violations.iter().map(|(_, violation)| violation.to_string()));
    }

    /// What the pool holds of a line: its owner's copy if it has an owner, or its package's, else memory. At rest
    /// that is what the last write left.
    pub fn value(&self, line: Line) -> LineData {
        let home = self.shared().map.home(line);
        if self.shared().is_scoped(line) {
            let scoped = self.nodes().find(|n| n.id == home).and_then(|n| n.scoped.as_ref());
            return scoped.map_or_else(|| untouched(line), |s| s.memory(line));
        }
        let owned = |n: &crate::node::Node| match n.cache.look_up(line) {
            (state, value) if state.is_owner() => value,
            _ => None,
        };
        let owner = self.nodes().find_map(owned);
        let of_package = |n: &crate::node::Node| {
            let held = n.package.as_ref()?.look_up(line)?;
            held.value().filter(|_| held.outer.state.is_writable())
        };
        let owner = owner.or_else(|| self.nodes().find_map(of_package));
        let at_home = || self.nodes().find(|n| n.id == home)?.home.look_up(line).map(|d| d.memory);
        owner.or_else(at_home).unwrap_or_else(|| untouched(line))
    }

    /// Audits the machine and sums up the run.
    pub fn summary(&self) -> Summary {
        let time = self.nodes().map(|n| n.finished).max().unwrap_or_default();
        self.sum_up(time, self.audit())
    }

    /// Sums up a run that is not over, as far as it is. Its checks are those of each access, and of credits;
    /// it is not quiescent.
    pub fn summary_so_far(&self) -> Summary {
        let (credits_lost, losses) = self.lost_credits();
        let findings = losses.into_iter().take(8).collect();
        let mut checks = Checks { credits_lost, findings, ..Checks::default() };
        self.violations(&mut checks);
        self.sum_up(self.now(), checks)
    }

    fn sum_up(&self, time: Fs, checks: Checks) -> Summary {
        let stats = self.stats();
        let kinds = [Kind::Load, Kind::Store, Kind::Atomic].map(|k| stats.of(k).clone());
        let accounts = self.accounts(time);
        Summary {
            topology: self.spec().name.clone(),
            nodes: self.spec().fabric.node_ports.len(),
            routers: self.spec().fabric.routers.len(),
            seed: self.options().seed,
            threads: self.options().threads,
            digest: self.digest().to_string(),
            time,
            edges: self.edges(),
            operations: self.operations_taken(),
            transactions: stats.all().count(),
            loads: kinds[0].count(),
            stores: kinds[1].count(),
            atomics: kinds[2].count(),
            barriers: self.nodes().map(|n| n.barriers.released()).sum::<u64>()
                + self.networks().map(|net| net.units().rounds()).sum::<u64>(),
            line_accesses: stats.line_accesses,
            hits: stats.hits(),
            packets: self.networks().map(Network::packets_delivered).sum(),
            flits_delivered: self.flits().delivered,
            flit_hops: self.networks().map(Network::flit_hops).sum(),
            memory_reads: self.memories().map(|m| m.reads).sum(),
            memory_writes: self.memories().map(|m| m.writes).sum(),
            latency: stats.all().clone(),
            kinds,
            breakdown_ns: Part::ALL.map(|p| (p, stats.mean_part_ns(p))).to_vec(),
            directory: self.directory_use(),
            transfers: self.transfers(),
            barrier_use: self.barrier_use(),
            scopes: self.scope_use(),
            busiest: self.busiest(time, &accounts),
            sickest: self.sickest(time, &accounts),
            phy: self.phy_use(&accounts),
            checks,
        }
    }

    fn directory_use(&self) -> DirectoryUse {
        let mut used = DirectoryUse::of(self.spec());
        self.nodes().for_each(|n| used.add(&n.home, &n.cache));
        let slices = self.nodes().filter_map(|n| n.package.as_ref());
        slices.for_each(|slice| used.add_package(&slice.counts()));
        let crossings = self.shares().map(|s| s.crossings).sum();
        used.crossings = self.shared().package_nodes.map(|_| crossings);
        used
    }

    fn transfers(&self) -> CacheTransfers {
        let mut transfers = CacheTransfers::of(self.spec());
        self.nodes().for_each(|n| transfers.add(&n.home, &n.cache));
        transfers
    }

    fn busiest(&self, time: Fs, accounts: &Accounts) -> Vec<LinkUse> {
        let busy = |l: LinkIdx| {
            let (links, own) = self.sending(l);
            (links.busy(own), links.flits_sent(own))
        };
        let all = (0..self.layout().links.len()).map(LinkIdx::new);
        let mut all: Vec<_> =
            all.map(|l| (busy(l), l)).filter(|((_, sent), _)| *sent > 0).collect();
        all.sort_by_key(|((busy, _), l)| (core::cmp::Reverse(*busy), *l));
        all.iter().take(BUSIEST).map(|(_, l)| self.link_use(*l, time, accounts)).collect()
    }

    /// The links of the partition that sends on a link, and its number there.
    fn sending(&self, l: LinkIdx) -> (&Links, LinkIdx) {
        let place = self.layout().links[l.at()].sender;
        (self.net(place).wiring().links(), LinkIdx::new(place.at))
    }

    fn link_use(&self, l: LinkIdx, time: Fs, accounts: &Accounts) -> LinkUse {
        let (place, fabric) = (self.layout().links[l.at()].sender, &self.spec().fabric);
        let (links, own) = self.sending(l);
        LinkUse {
            name: link_name(self.spec(), l),
            class: fabric.classes[fabric.links[l.at()].class].name.clone(),
            flits: links.flits_sent(own),
            utilization: links.busy(own).0 as f64 / (time.0.max(1)) as f64,
            credit_stall: self.net(place).wiring().credit_stall(own, time),
            phy: accounts[l.at()].clone(),
        }
    }

    /// Links that were idle are worked off for it, which may take long where they lose much: so it is done once.
    fn accounts(&self, time: Fs) -> Vec<Option<Account>> {
        (0..self.layout().links.len()).map(|l| self.account(LinkIdx::new(l), time)).collect()
    }

    fn sickest(&self, time: Fs, accounts: &Accounts) -> Vec<LinkUse> {
        let mut all: Vec<_> = framed(accounts).filter(|(_, a)| a.is_sick()).collect();
        all.sort_by_key(|(l, a)| (core::cmp::Reverse(a.sickness()), *l));
        all.iter().take(BUSIEST).map(|(l, _)| self.link_use(*l, time, accounts)).collect()
    }

    fn phy_use(&self, accounts: &Accounts) -> Option<PhyUse> {
        let spoilt = self.networks().map(Network::packets_spoilt);
        let (poisoned_packets, corrupted_packets) =
            spoilt.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let rerouted = self.networks().map(Network::rerouted);
        let (reroutes, resent_packets) =
            rerouted.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let mut sum = PhyUse {
            reroutes,
            resent_packets,
            dropped_flits: self.flits().dropped,
            poisoned_packets,
            corrupted_packets,
            ..PhyUse::default()
        };
        for (link, a) in framed(accounts) {
            sum.links += 1;
            sum.frames += a.frames;
            sum.idle += a.idle;
            sum.replays += a.replays;
            sum.corrected_symbols += a.corrected_symbols;
            sum.uncorrectable += a.uncorrectable;
            sum.undetected += a.undetected;
            sum.retrains += if link.at() & 1 == 0 { a.retrains } else { 0 };
            sum.energy_fj = sum.energy_fj.saturating_add(a.energy_fj);
        }
        (sum.links > 0).then_some(sum)
    }
}
