//! A node's part in memory that is kept valid by scopes.
//!
//! ```text
//!   thread ─▶ cache ─▶ slice of the package ─▶ home ─▶ memory
//!     │         ▲ acquire, release      ▲
//!     └─ Sync ──┴───────────────────────┘
//! ```
//!
//! Timing: the cache as the coherent one, whose port and latency it shares; slices and homes take one
//! message an edge together, and the home's latency. A release writes one line through at an edge of each
//! cache and slice. ASSUMED: scoped lines have an array of their own, of the coherent cache's geometry, in
//! the cache and in the slice; a slice takes as long as a home; an acquire drops clean lines in no time,
//! as by a flash clear of valid bits.

use base::{Line, LineData, NodeIdx, Part, RoutingFunction, Scope, ThreadIdx, Timeline};
use coherence::scoped::{
    Ask, Asked, ScopedMessage, ScopedNode, ScopedOutbox, ScopedRequest, Sync, Unit, Witness,
};
use coherence::{Access, Cause};
use memory::MemoryModel;
use tracing::debug;

use super::agent::Piece;
use super::step::Stepping;
use super::{Done, Outbound};
use crate::payload::Payload;
use crate::scopes::ScopedSeed;

/// A node's cache, slice and home.
pub(crate) type Scoped = ScopedNode<LineData, Timeline, ScopedSeed>;

/// What all nodes share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Lines that are kept valid by scopes, in order.
    pub(crate) lines: Vec<core::ops::Range<u64>>,
    pub(crate) package_nodes: u32,
    /// The ghost that judges every read; none where accesses are not checked.
    pub(crate) witness: Option<Witness<LineData>>,
    pub(crate) outbox: ScopedOutbox<LineData, Timeline>,
    pub(crate) counts: Counts,
}

/// Acquires and releases of all threads; a fence or a barrier counts as both.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) acquires: u64,
    /// Those that are no release as well.
    pub(crate) acquires_alone: u64,
    pub(crate) acquire_wait_fs: u128,
    pub(crate) releases: u64,
    pub(crate) release_wait_fs: u128,
}

impl Counts {
    pub(crate) const fn merge(&mut self, other: &Self) {
        self.acquires += other.acquires;
        self.acquires_alone += other.acquires_alone;
        self.acquire_wait_fs += other.acquire_wait_fs;
        self.releases += other.releases;
        self.release_wait_fs += other.release_wait_fs;
    }
}

impl super::step::Shared {
    /// Whether `line` is kept valid by scopes.
    pub(crate) fn is_scoped(&self, line: Line) -> bool {
        let Some(scoped) = &self.scoped else { return false };
        let behind = scoped.lines.partition_point(|r| r.start <= line.0);
        behind > 0 && line.0 < scoped.lines[behind - 1].end
    }
}

impl<R: RoutingFunction, M: MemoryModel> Stepping<'_, R, M> {
    /// Offers an access to the scoped cache. `false`: it was refused.
    pub(super) fn scoped_access(
        &mut self,
        at: usize,
        piece: &Piece,
        token: u32,
        tag: Timeline,
    ) -> bool {
        let home = self.shared.map.home(piece.line);
        let (mask, scope) = (piece.mask, piece.scope);
        let (ask, scope) = match piece.access {
            Access::Load if piece.ordered => (Ask::Acquire { mask, scope }, scope),
            Access::Load => (Ask::Load { mask }, Scope::Package),
            Access::Store(write) if piece.ordered => (Ask::Release { write, scope }, scope),
            Access::Store(write) => (Ask::Store(write), Scope::Package),
            Access::Atomic(write) => (Ask::Atomic { write, scope }, scope),
        };
        let (node, thread) = (self.node.id, self.node.agents[at].thread());
        let (Some(shared), Some(scoped)) = (&mut self.shared.scoped, &mut self.node.scoped) else {
            return false;
        };
        shared.outbox.clear();
        if let Some(witness) = &mut shared.witness {
            witness.issue((node, token, thread.0), (piece.line, home), scope);
        }
        let request = ScopedRequest { line: piece.line, home, ask, token, tag };
        match scoped.access(&request, &mut shared.outbox) {
            Asked::Retry => {
                if let Some(witness) = &mut shared.witness {
                    witness.withdraw(node, token, piece.line);
                }
                self.node.agents[at].refused = Some(self.node.cache_messages);
                return false;
            }
            Asked::Pending => {}
            Asked::Done(effect) => {
                let due = self.edge.plus(self.shared.cache_latency);
                let mut timeline = tag;
                timeline.charge(Part::Cache, self.shared.clock.instant(due));
                self.shared.stats.hits += 1;
                self.node.done.push_back(Done { due, token, timeline, value: effect.read() });
            }
        }
        self.shared.stats.line_accesses += 1;
        self.node.agents[at].issued();
        self.scoped_outputs();
        true
    }

    /// Begins an acquire or a release of the agent at `at`.
    pub(super) fn scoped_sync(&mut self, at: usize, sync: Sync) {
        self.node.agents[at].syncing(self.now);
        let (Some(shared), Some(scoped)) = (&mut self.shared.scoped, &mut self.node.scoped) else {
            return;
        };
        shared.outbox.clear();
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        scoped.sync(number, sync, Timeline::start(self.now), &mut shared.outbox);
        self.scoped_outputs();
    }

    /// A message at the cache, the slice or the home.
    pub(super) fn scoped_message(
        &mut self,
        line: Line,
        msg: &ScopedMessage<LineData>,
        timeline: Timeline,
    ) {
        let home = self.shared.map.home(line);
        let (Some(shared), Some(scoped)) = (&mut self.shared.scoped, &mut self.node.scoped) else {
            unreachable!("{}: {msg}, but no memory is kept valid by scopes", self.node.id)
        };
        shared.outbox.clear();
        scoped.receive((line, home), msg, timeline, &mut shared.outbox);
        if let Some(what) = scoped.broken() {
            panic!("scoped protocol broken at {}: {what}", self.now);
        }
        self.scoped_outputs();
    }

    /// The next write-through of a release, of the cache and of the slice.
    pub(super) fn scoped_pump(&mut self) {
        let Some(scoped) = self.node.scoped.as_mut().filter(|s| s.has_to_pump()) else { return };
        let Some(shared) = &mut self.shared.scoped else { return };
        shared.outbox.clear();
        scoped.pump(1, Timeline::start(self.now), &mut shared.outbox);
        self.scoped_outputs();
    }

    /// Threads have met at a barrier.
    pub(super) fn scoped_meeting(&mut self, threads: &[(NodeIdx, ThreadIdx)]) {
        let Some(shared) = &mut self.shared.scoped else { return };
        if let (Some(witness), false) = (&mut shared.witness, threads.is_empty()) {
            witness.meet(&threads.iter().map(|t| t.1.0).collect::<Vec<_>>());
        }
    }

    /// Takes what the node's units have put out.
    fn scoped_outputs(&mut self) {
        let Some(mut shared) = self.shared.scoped.take() else { return };
        if let Some(witness) = &mut shared.witness {
            shared.outbox.trail.iter().for_each(|step| witness.follow(step));
        }
        let due = |latency| self.edge.plus(latency);
        let (cache_due, home_due) = (due(self.shared.cache_latency), due(self.shared.home_latency));
        for out in shared.outbox.messages.drain(..) {
            let own = out.msg.from == Unit::Cache;
            let (part, due) =
                if own { (Part::Cache, cache_due) } else { (Part::Directory, home_due) };
            let mut timeline = out.tag;
            if out.cause == Cause::Unstalled {
                timeline.charge(if own { Part::MshrWait } else { Part::Directory }, self.now);
            }
            timeline.charge(part, self.shared.clock.instant(due));
            let dst = out.msg.dst;
            let payload = Payload::Scoped { line: out.line, msg: out.msg };
            let from_memory = out.from_memory;
            let out = Outbound { due, dst, payload, timeline, from_memory };
            let queue = if own { &mut self.node.cache_out } else { &mut self.node.home_out };
            queue.push_back(out);
        }
        let writes = shared.outbox.memory_writes.drain(..);
        self.node.writes.extend(writes.map(|line| (home_due, line)));
        for done in shared.outbox.completions.drain(..) {
            let mut timeline = done.reply_tag.unwrap_or(done.tag);
            timeline.charge(Part::MshrWait, self.now);
            timeline.charge(Part::Cache, self.shared.clock.instant(cache_due));
            let (due, token, value) = (cache_due, done.token, done.effect.read());
            self.node.done.push_back(Done { due, token, timeline, value });
        }
        for number in core::mem::take(&mut shared.outbox.synced) {
            self.synced(number as usize, &mut shared);
        }
        self.shared.scoped = Some(shared);
    }

    /// An acquire or a release of the agent at `at` is done.
    fn synced(&mut self, at: usize, shared: &mut Shared) {
        let agent = &mut self.node.agents[at];
        let Some((sync, begun)) = agent.synced(self.now) else { return };
        let thread = agent.thread();
        debug!(target: "scope", at = %self.now, node = %self.node.id, "{thread}: {sync:?} done");
        self.node.roster.wake(at);
        let waited = u128::from(self.now.since(begun).0);
        let counts = &mut shared.counts;
        if sync.release {
            counts.releases += 1;
            counts.release_wait_fs += waited;
        } else {
            counts.acquires_alone += 1;
            counts.acquire_wait_fs += waited;
        }
        counts.acquires += u64::from(sync.acquire);
        if let Some(witness) = &mut shared.witness {
            if sync.release {
                witness.release(thread.0, sync.scope);
            }
            if sync.acquire {
                witness.acquire(thread.0, sync.scope);
            }
        }
    }
}

/// What all nodes of a machine share, if it has memory that is kept valid by scopes.
pub(crate) fn shared(
    spec: &topology::spec::MachineSpec,
    threads: usize,
    check: bool,
) -> Option<Box<Shared>> {
    let scoped = |r: &&topology::spec::RegionSpec| r.mode == topology::spec::Mode::Scoped;
    let lines: Vec<_> = spec.regions.iter().filter(scoped).map(|r| r.lines.clone()).collect();
    let package_nodes = spec.package_nodes.unwrap_or(1);
    let witnessed = check && threads <= WITNESSED_THREADS_MAX;
    let witness = || Witness::new(package_nodes, threads, false, crate::build::untouched);
    (!lines.is_empty()).then(|| {
        Box::new(Shared {
            lines,
            package_nodes,
            witness: witnessed.then(witness),
            outbox: ScopedOutbox::default(),
            counts: Counts::default(),
        })
    })
}

/// Threads beyond which reads are not judged by happens-before: the clocks of each know of all.
const WITNESSED_THREADS_MAX: usize = 4096;

/// Time that is spent on scopes, for those who count it.
pub(crate) const fn mean_ns(sum_fs: u128, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum_fs as f64 / count as f64 / 1e6 }
}
