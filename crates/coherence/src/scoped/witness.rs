//! Says of every scoped read whether happens-before allows what it saw.
//!
//! ```text
//!   accesses issued, releases, acquires, barriers ─▶ Witness ─▶ violations
//!   trail: performed, sent, merged ──────────────────▲
//! ```
//!
//! It follows each write from the cache where it was made to memory, which orders the writes of a line,
//! and keeps a vector clock for each thread. A write happens before a read if the clock with which the
//! read was issued has come to know of it: by releases and acquires whose scopes include each other's
//! thread. Of each part that is read,
//!
//! - the thread's own cache wins: what is dirty or on its way there is seen;
//! - otherwise any write in the slice above or in memory may be seen that is not older than one that
//!   happens before, be it in memory, in the slice, or still elsewhere;
//! - nothing else may be seen: no value out of thin air.
//!
//! Atomics of the supernode find what the write before left; memory holds what the writes merged into
//! it wrote, byte by byte. Writes are told apart by their values: where two wrote the same, the witness
//! gives the benefit of the doubt, and takes no synchronization from either.

mod look;
mod shared;

use core::fmt;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use base::{Line, NodeIdx, Scope};

use look::judge;

use super::ScopedConfig;
use super::line::Parts;
use super::message::Unit;
use super::outbox::Trail;
use super::table::ScopedEffect;

/// Violations kept with their text; all are counted.
const KEPT_MAX: usize = 32;
/// Writes of a line that are remembered in memory's order; what is older may have been seen or not.
const HISTORY_MAX: usize = 64;

/// What was violated.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum ScopedFault {
    /// A read saw a value older than a write that happens before it.
    Stale,
    /// A read saw a value that nobody wrote there.
    ThinAir,
    /// A thread read a value, and then an older one.
    Backwards,
    /// An atomic did not find what the write before it left.
    NotAtomic,
    /// Memory does not hold what was written, byte by byte.
    LostBytes,
}

impl fmt::Display for ScopedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stale => "read a value older than a write that happens before",
            Self::ThinAir => "read a value that nobody wrote",
            Self::Backwards => "read an older value than before",
            Self::NotAtomic => "an atomic did not find what the write before it left",
            Self::LostBytes => "memory does not hold what was written",
        })
    }
}

/// A broken promise.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ScopedViolation {
    /// What was violated.
    pub fault: ScopedFault,
    /// By an access or message of this node.
    pub node: NodeIdx,
    /// On which line.
    pub line: Line,
    /// The values.
    pub detail: String,
}

impl fmt::Display for ScopedViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}: {}", self.node, self.line, self.fault, self.detail)
    }
}

/// What each thread has come to know of.
type Clocks = Arc<Vec<u32>>;

/// A write, until memory's history forgets it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
struct Written<V> {
    mask: u64,
    value: V,
    /// Of an atomic of the supernode: what it found.
    found: Option<V>,
    thread: u32,
    clock: u32,
    node: NodeIdx,
    /// What the thread had released before it, at package scope or wider, and at supernode scope.
    #[serde(with = "shared::pair")]
    released: [Option<Clocks>; 2],
}

/// Writes that are in a unit and not further.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
struct Pending<V> {
    at: (Unit, NodeIdx),
    dirty: Vec<Written<V>>,
    flight: Vec<Written<V>>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
struct Ghost<V> {
    golden: V,
    initial: V,
    /// Writes that memory's history has forgotten.
    forgotten: u64,
    history: VecDeque<Written<V>>,
    pending: Vec<Pending<V>>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
struct Thread {
    #[serde(with = "shared::one")]
    clocks: Clocks,
    /// What reads have seen released, by those who can be synchronized with at package scope, and by
    /// others.
    #[serde(with = "shared::pair")]
    seen: [Option<Clocks>; 2],
    #[serde(with = "shared::pair")]
    released: [Option<Clocks>; 2],
}

/// An access between issue and performance.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
struct Issued {
    thread: u32,
    home: NodeIdx,
    scope: Scope,
    #[serde(with = "shared::one")]
    clocks: Clocks,
    #[serde(with = "shared::pair")]
    released: [Option<Clocks>; 2],
}

/// The ghost of scoped memory.
#[derive(Clone, Debug)]
pub struct Witness<V: Parts> {
    cfg: ScopedConfig,
    initial: fn(Line) -> V,
    threads: Vec<Thread>,
    lines: BTreeMap<Line, Ghost<V>>,
    issued: BTreeMap<(NodeIdx, u32, Line), Issued>,
    /// By thread and line: how many writes of memory's order each part was seen behind. Only where
    /// every value is written once.
    floors: Option<BTreeMap<(u32, Line), BTreeMap<u32, u64>>>,
    violations: Vec<ScopedViolation>,
    count: u64,
}

base::state!([V: Parts] Witness<V> {
    keeps threads, lines, issued, floors, violations, count;
    each;
    fixed cfg, initial
});

impl<V: Parts> core::hash::Hash for Witness<V> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (&self.threads, &self.lines, &self.issued, &self.floors, self.count).hash(state);
    }
}

impl<V: Parts> Witness<V> {
    /// A witness for a memory that starts as `initial` says, and packages of this many nodes.
    /// `unique`: every value is written once, so that a thread that reads backwards is found out too.
    pub fn new(package_nodes: u32, threads: usize, unique: bool, initial: fn(Line) -> V) -> Self {
        let clocks: Vec<u32> = vec![0; threads];
        let thread = |at: usize| {
            let mut own = clocks.clone();
            own[at] = 1;
            Thread { clocks: Arc::new(own), seen: [None, None], released: [None, None] }
        };
        Self {
            cfg: ScopedConfig::new(package_nodes),
            initial,
            threads: (0..threads).map(thread).collect(),
            lines: BTreeMap::new(),
            issued: BTreeMap::new(),
            floors: unique.then(BTreeMap::new),
            violations: Vec::new(),
            count: 0,
        }
    }

    /// A thread issues an access to a line at its node, before the node is asked.
    pub fn issue(
        &mut self,
        (node, token, thread): (NodeIdx, u32, u32),
        (line, home): (Line, NodeIdx),
        scope: Scope,
    ) {
        let of = &self.threads[thread as usize];
        let (clocks, released) = (Arc::clone(&of.clocks), of.released.clone());
        self.issued.insert((node, token, line), Issued { thread, home, scope, clocks, released });
    }

    /// The node refused an access that was issued: it will be issued again.
    pub fn withdraw(&mut self, node: NodeIdx, token: u32, line: Line) {
        self.issued.remove(&(node, token, line));
    }

    /// A thread's release is done.
    pub fn release(&mut self, thread: u32, scope: Scope) {
        let of = &mut self.threads[thread as usize];
        let clocks = Arc::clone(&of.clocks);
        if scope == Scope::Supernode {
            of.released[1] = Some(Arc::clone(&clocks));
        }
        of.released[0] = Some(clocks);
        Arc::make_mut(&mut of.clocks)[thread as usize] += 1;
    }

    /// A thread's acquire is done.
    pub fn acquire(&mut self, thread: u32, scope: Scope) {
        let of = &mut self.threads[thread as usize];
        let far = if scope == Scope::Supernode { of.seen[1].take() } else { None };
        for seen in [of.seen[0].take(), far].into_iter().flatten() {
            join(&mut of.clocks, &seen);
        }
    }

    /// Threads have met at a barrier, each behind a release of the supernode; each acquires next.
    pub fn meet(&mut self, threads: &[u32]) {
        let released = |t: &u32| self.threads[*t as usize].released[1].clone();
        let mut all: Option<Clocks> = None;
        threads.iter().filter_map(released).for_each(|clocks| take_in(&mut all, &clocks));
        for thread in threads {
            if let Some(all) = &all {
                take_in(&mut self.threads[*thread as usize].seen[1], all);
            }
        }
    }

    /// Follows what happened to values.
    pub fn follow(&mut self, trail: &Trail<V>) {
        match *trail {
            Trail::Performed { node, token, line, at, mask, effect, after } => {
                self.performed((node, token), line, at, (mask, &effect, &after));
            }
            Trail::Sent { from, line } => {
                let pending = self.pending(line, from);
                let mut dirty = core::mem::take(&mut pending.dirty);
                pending.flight.append(&mut dirty);
            }
            Trail::Merged { from, at, line, after } => self.merged(from, at, line, &after),
        }
    }

    /// The first violations.
    pub fn violations(&self) -> &[ScopedViolation] {
        &self.violations
    }

    /// How many there were.
    pub const fn violation_count(&self) -> u64 {
        self.count
    }

    /// What memory must hold of a line, as far as writes have come there.
    pub fn golden(&self, line: Line) -> V {
        self.lines.get(&line).map_or_else(|| (self.initial)(line), |g| g.golden)
    }

    /// Lines with writes that have not come to memory.
    pub fn unmerged(&self) -> impl Iterator<Item = Line> + '_ {
        let left =
            |g: &Ghost<V>| g.pending.iter().any(|p| !p.dirty.is_empty() || !p.flight.is_empty());
        self.lines.iter().filter(move |(_, g)| left(g)).map(|(line, _)| *line)
    }

    fn ghost(&mut self, line: Line) -> &mut Ghost<V> {
        let initial = self.initial;
        self.lines.entry(line).or_insert_with(|| {
            let value = initial(line);
            let (history, pending) = (VecDeque::new(), Vec::new());
            Ghost { golden: value, initial: value, forgotten: 0, history, pending }
        })
    }

    fn pending(&mut self, line: Line, at: (Unit, NodeIdx)) -> &mut Pending<V> {
        let all = &mut self.ghost(line).pending;
        let found = all.iter().position(|p| p.at == at).unwrap_or_else(|| {
            all.push(Pending { at, dirty: Vec::new(), flight: Vec::new() });
            all.len() - 1
        });
        &mut all[found]
    }

    fn performed(
        &mut self,
        who: (NodeIdx, u32),
        line: Line,
        at: (Unit, NodeIdx),
        (mask, effect, after): (u64, &ScopedEffect<V>, &V),
    ) {
        let issued = self.issued.remove(&(who.0, who.1, line));
        let issued =
            issued.unwrap_or_else(|| panic!("{}: access {} was never issued", who.0, who.1));
        if let ScopedEffect::Load(old) | ScopedEffect::Atomic { old, .. } = effect {
            self.read(who.0, line, &issued, (mask, old));
        }
        let found = match effect {
            ScopedEffect::Stored => None,
            ScopedEffect::Atomic { old, .. } => {
                Some(*old).filter(|_| issued.scope == Scope::Supernode)
            }
            _ => return,
        };
        let write = Written {
            mask,
            value: *after,
            found,
            thread: issued.thread,
            clock: issued.clocks[issued.thread as usize],
            node: who.0,
            released: issued.released,
        };
        if at.0 == Unit::Home {
            self.arrive(who.0, line, [write], after);
        } else {
            self.pending(line, at).dirty.push(write);
        }
    }

    fn merged(&mut self, from: (Unit, NodeIdx), at: (Unit, NodeIdx), line: Line, after: &V) {
        let mut flight = core::mem::take(&mut self.pending(line, from).flight);
        self.ghost(line).pending.retain(|p| !p.dirty.is_empty() || !p.flight.is_empty());
        if at.0 == Unit::Home {
            self.arrive(from.1, line, flight, after);
        } else {
            self.pending(line, at).dirty.append(&mut flight);
        }
    }

    /// Writes arrive in memory, which holds `after` then.
    fn arrive(
        &mut self,
        node: NodeIdx,
        line: Line,
        writes: impl IntoIterator<Item = Written<V>>,
        after: &V,
    ) {
        let mut odd = None;
        let ghost = self.ghost(line);
        for write in writes {
            if let Some(found) = write.found
                && found.same(write.mask, &ghost.golden) != write.mask
            {
                odd = Some(format!("it found {found:?}, the write before left {:?}", ghost.golden));
            }
            ghost.golden = ghost.golden.with(write.mask, &write.value);
            ghost.history.push_back(write);
            if ghost.history.len() > HISTORY_MAX {
                ghost.history.pop_front();
                ghost.forgotten += 1;
            }
        }
        let golden = ghost.golden;
        if let Some(detail) = odd {
            self.violate(ScopedFault::NotAtomic, node, line, detail);
        }
        if golden != *after {
            let detail = format!("it holds {after:?}, written was {golden:?}");
            self.violate(ScopedFault::LostBytes, node, line, detail);
            self.ghost(line).golden = *after;
        }
    }

    /// Judges a read, and takes in what it synchronizes with.
    fn read(&mut self, node: NodeIdx, line: Line, issued: &Issued, (mask, value): (u64, &V)) {
        let above = self.cfg.above(node, line, issued.home);
        self.ghost(line);
        let ghost = &self.lines[&line];
        let look = judge(ghost, (node, above), issued, (mask, value));
        let synced = look.synced(ghost).map(|w| (w.node, w.released.clone()));
        let (fault, at) = (look.fault, look.index);
        if let Some((fault, by)) = fault {
            let detail = format!("thread {} saw {value:?} in {mask:#x}; {by}", issued.thread);
            self.violate(fault, node, line, detail);
        }
        if let Some((writer, released)) = synced {
            let near = self.cfg.package(writer) == self.cfg.package(node);
            let seen = &mut self.threads[issued.thread as usize].seen[usize::from(!near)];
            if let Some(clocks) = &released[usize::from(!near)] {
                take_in(seen, clocks);
            }
        }
        self.keep_order(node, line, issued.thread, at);
    }

    /// Notes how far each part was seen, and whether that is further back than before.
    fn keep_order(&mut self, node: NodeIdx, line: Line, thread: u32, at: Vec<(u32, u64)>) {
        let Some(floors) = &mut self.floors else { return };
        let floor = floors.entry((thread, line)).or_default();
        let mut back = None;
        for (part, index) in at {
            let before = floor.entry(part).or_insert(index);
            if index < *before {
                back = Some(format!("thread {thread} read part {part} backwards"));
            }
            *before = index.max(*before);
        }
        if let Some(detail) = back {
            self.violate(ScopedFault::Backwards, node, line, detail);
        }
    }

    #[cold]
    fn violate(&mut self, fault: ScopedFault, node: NodeIdx, line: Line, detail: String) {
        self.count += 1;
        if self.violations.len() < KEPT_MAX {
            self.violations.push(ScopedViolation { fault, node, line, detail });
        }
    }
}

fn join(clocks: &mut Clocks, with: &[u32]) {
    if clocks.iter().zip(with).any(|(a, b)| a < b) {
        Arc::make_mut(clocks).iter_mut().zip(with).for_each(|(a, b)| *a = (*a).max(*b));
    }
}

fn take_in(seen: &mut Option<Clocks>, clocks: &Clocks) {
    match seen {
        Some(seen) => join(seen, clocks),
        None => *seen = Some(Arc::clone(clocks)),
    }
}
