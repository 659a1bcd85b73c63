//! A node: agents, cache, home slice and barriers, around the node's network interface.
//!
//! ```text
//!             ┌─ agents ─▶ cache ─▶ cache_out ─┐              ┌─▶ memory ─┐
//!   packets ─▶│             ▲                  ├─▶ packets    │           │
//!             ├─ cache_in ──┘                  │              │           ▼
//!             └─ home_in ──▶ home ─▶ home_out ─┴──────────────┴──────▶ packets
//! ```
//!
//! Where the directory has two levels, a slice of the package's home stands between caches and homes
//! ([`package`]).
//!
//! Timing, in edges of the node's clock: cache and home each take one message an edge from their
//! queues, and the cache one access; state changes at that edge, and what it causes leaves, or
//! completes, the respective latency later. Agents share the cache's one access an edge in turn.
//! ASSUMED: a message to the node itself takes one edge and no network. Queues are sinks that never stall: what bounds them is that every message in them belongs
//! to an outstanding access, of which there are no more than MSHRs.

pub(crate) mod agent;
pub(crate) mod barrier;
mod meet;
mod package;
mod remote;
mod roster;
pub(crate) mod scoped;
mod step;
mod threads;

use std::collections::VecDeque;

use base::{Fs, LineData, NodeIdx, Share, ThreadIdx, Timeline};
use clock::Edge;
use coherence::{CacheCtrl, HomeCtrl, PackageCtrl};

use crate::build::Seed;
use crate::payload::Payload;
use agent::Agent;
use barrier::Barriers;
use roster::Roster;

pub(crate) use step::Shared;

/// A message waiting for the cache or the home.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Inbound {
    ready: Edge,
    payload: Payload,
    timeline: Timeline,
}

/// A message waiting for its controller's latency, or for memory.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Outbound {
    due: Edge,
    dst: NodeIdx,
    payload: Payload,
    timeline: Timeline,
    from_memory: bool,
}

/// An access waiting for the cache's latency.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Done {
    due: Edge,
    token: u32,
    timeline: Timeline,
    value: Option<LineData>,
}

/// A node's cache, and the home of its lines.
pub(crate) type Cache = CacheCtrl<LineData, Timeline, Seed>;
pub(crate) type Home = HomeCtrl<LineData, Timeline, Seed>;

/// One accelerator.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeIdx,
    pub(crate) agents: Vec<Agent>,
    roster: Roster,
    pub(crate) cache: Cache,
    pub(crate) home: Home,
    /// Its slice of its package's home, where the directory has two levels.
    pub(crate) package: Option<PackageCtrl<LineData, Timeline, Seed>>,
    pub(crate) barriers: Barriers,
    cache_in: VecDeque<Inbound>,
    home_in: VecDeque<Inbound>,
    package_in: VecDeque<Inbound>,
    cache_out: VecDeque<Outbound>,
    home_out: VecDeque<Outbound>,
    /// Line writes that home owes to memory, with the edge at which they go.
    writes: VecDeque<(Edge, base::Line)>,
    /// Messages that wait for a memory read, by ticket.
    reads: Vec<Option<Outbound>>,
    free_tickets: Vec<u32>,
    done: VecDeque<Done>,
    remote: remote::Order,
    /// Its part in memory that is kept valid by scopes, where there is such memory.
    pub(crate) scoped: Option<Box<scoped::Scoped>>,
    /// Messages that the cache has received: what it refused before, it may take after the next.
    cache_messages: u64,
    /// Agents that have something left to do.
    pub(crate) running: usize,
    /// The edge from which on its threads do nothing.
    pub(crate) halts: Edge,
    /// The instant at which the last agent finished.
    pub(crate) finished: Fs,
}

base::state!([] Node {
    keeps roster, cache, home, barriers, cache_in, home_in, package_in, cache_out, home_out, writes, reads,
        free_tickets, done, remote, cache_messages, running, finished;
    each agents, package, scoped;
    fixed id, halts
});

/// Bits of a cache token that name the agent's own entry; the rest names the agent.
const ENTRY_BITS: u32 = 16;

/// The most pieces an agent may have outstanding.
pub(crate) const WINDOW_MAX: u32 = 1 << (ENTRY_BITS - 2);

/// The most threads that one node can replay.
pub(crate) const AGENTS_MAX: usize = 1 << (32 - ENTRY_BITS);

impl Node {
    pub(crate) fn new(
        id: NodeIdx,
        agents: Vec<Agent>,
        cache: Cache,
        home: Home,
        package: Option<PackageCtrl<LineData, Timeline, Seed>>,
    ) -> Self {
        let running = agents.len();
        let roster = Roster::new(running);
        Self {
            id,
            agents,
            roster,
            cache,
            home,
            package,
            barriers: Barriers::default(),
            cache_in: VecDeque::new(),
            home_in: VecDeque::new(),
            package_in: VecDeque::new(),
            cache_out: VecDeque::new(),
            home_out: VecDeque::new(),
            writes: VecDeque::new(),
            reads: Vec::new(),
            free_tickets: Vec::new(),
            done: VecDeque::new(),
            remote: remote::Order::default(),
            scoped: None,
            cache_messages: 0,
            running,
            halts: Edge::NEVER,
            finished: Fs::ZERO,
        }
    }

    /// Whether a thread's operations depend on what its loads read.
    pub(crate) fn observes(&self) -> bool {
        self.agents.iter().any(Agent::observes)
    }

    /// A barrier lets a thread's agent go.
    fn release(&mut self, thread: ThreadIdx, share: Share) {
        if let Some(at) = self.agents.iter().position(|a| a.thread() == thread) {
            self.agents[at].released(share);
            self.roster.wake(at);
        }
    }

    fn ticket(&mut self, out: Outbound) -> u32 {
        if let Some(ticket) = self.free_tickets.pop() {
            self.reads[ticket as usize] = Some(out);
            ticket
        } else {
            self.reads.push(Some(out));
            u32::try_from(self.reads.len() - 1).unwrap_or(u32::MAX)
        }
    }

    /// Whether its controllers have nothing under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.cache.is_idle()
            && self.home.is_idle()
            && self.package.as_ref().is_none_or(PackageCtrl::is_idle)
    }

    /// Whether no message waits anywhere in the node.
    pub(crate) fn is_quiet(&self) -> bool {
        self.cache_in.is_empty()
            && self.home_in.is_empty()
            && self.package_in.is_empty()
            && self.cache_out.is_empty()
            && self.home_out.is_empty()
            && self.writes.is_empty()
            && self.done.is_empty()
            && self.remote.is_quiet()
            && self.scoped.as_ref().is_none_or(|s| s.is_idle())
            && self.reads.iter().all(Option::is_none)
    }

    /// The first edge after `edge` at which something inside the node is due.
    fn next_due(&self, edge: Edge) -> Edge {
        let inbound = [&self.cache_in, &self.home_in, &self.package_in];
        let outbound = [&self.cache_out, &self.home_out];
        let soonest = inbound.iter().filter_map(|q| q.front().map(|m| m.ready));
        let due = outbound.iter().filter_map(|q| q.front().map(|m| m.due));
        let done = self.done.front().map(|d| d.due);
        let write = self.writes.front().map(|w| w.0);
        let pump = self.scoped.as_ref().filter(|s| s.has_to_pump()).map(|_| edge.plus(1));
        let first =
            soonest.chain(due).chain(done).chain(write).chain(pump).min().unwrap_or(Edge::NEVER);
        first.max(edge.plus(1))
    }
}
