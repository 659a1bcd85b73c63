//! The scoped protocol, exhaustively: the machine's own nodes, every order of what threads do and when
//! messages arrive.
//!
//! ```text
//!   Client ──▶ State { threads, ScopedNode each, messages, Witness } ── every move ──▶ State ...
//!                                                      │
//!                                                      └─▶ violation ─▶ the shortest way there, drawn
//! ```
//!
//! What threads do is either given as programs, or *any* program of so many operations, drawn from a
//! list: then every program is searched at once, in all its interleavings. Every store writes a value
//! of its own, so that a read says which write it saw; [`Witness`](super::Witness) judges each read by
//! happens-before. Nodes have caches without bounds, and any line may be evicted at any time. Messages
//! travel in a bag and arrive in any order.

mod cells;
mod chart;
mod flight;
mod kills;
mod parse;
mod schedule;
mod search;
mod state;
mod walk;

use core::fmt;

use base::Scope;

use super::ScopedMutant;

pub use cells::{CellWrite, Cells, ModelLine};
pub use chart::chart;
pub use flight::ScopedFlight;
pub use kills::{Arena, ScopedKill, arenas, hunt, reachable_rows};
pub use schedule::{ScopedReplay, ScopedSchedule};
pub use search::{CounterExample, Progress, Report, search};
pub use state::{Act, Move};
pub use walk::walk;

/// `[line][part]`: what words are called.
const NAMES: [[&str; 2]; LINES_MAX] = [["x", "x'"], ["f", "f'"], ["g", "g'"], ["z", "z'"]];
/// Lines that a model can have.
const LINES_MAX: usize = 4;
/// Nodes that a model can have.
const NODES_MAX: u32 = 8;
/// Threads that a model can have.
const THREADS_MAX: usize = 4;

/// A word of the model: two share a line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place {
    /// The line.
    pub line: u8,
    /// 0 or 1: which half of it.
    pub part: u8,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.get(usize::from(self.line)).and_then(|n| n.get(usize::from(self.part)));
        f.write_str(name.unwrap_or(&"?"))
    }
}

/// What a thread does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Op {
    /// Reads.
    Load(Place),
    /// Writes a value of its own.
    Store(Place),
    /// Reads, and acquires.
    Acquire(Place, Scope),
    /// Releases, and writes a value of its own.
    Release(Place, Scope),
    /// Releases, swaps in a value of its own, and acquires.
    Swap(Place, Scope),
    /// Releases and acquires.
    Fence(Scope),
}

impl Op {
    /// The word that it is about; none for a fence.
    pub const fn place(&self) -> Option<Place> {
        match self {
            Self::Load(at)
            | Self::Store(at)
            | Self::Acquire(at, _)
            | Self::Release(at, _)
            | Self::Swap(at, _) => Some(*at),
            Self::Fence(_) => None,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |scope: &Scope| match scope {
            Scope::Package => ".package",
            Scope::Supernode => "",
        };
        match self {
            Self::Load(at) => write!(f, "load {at}"),
            Self::Store(at) => write!(f, "store {at}"),
            Self::Acquire(at, scope) => write!(f, "acquire{} {at}", of(scope)),
            Self::Release(at, scope) => write!(f, "release{} {at}", of(scope)),
            Self::Swap(at, scope) => write!(f, "swap{} {at}", of(scope)),
            Self::Fence(scope) => write!(f, "fence{}", of(scope)),
        }
    }
}

/// What the threads of a model do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Client {
    /// Each runs any program of so many of these.
    Any {
        /// Operations of each thread.
        length: u8,
        /// To choose from.
        ops: Vec<Op>,
    },
    /// Each runs its own.
    Programs(Vec<Vec<Op>>),
}

/// A system to be searched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Model {
    /// Nodes, 1 to 8; a whole number of packages.
    pub nodes: u32,
    /// Nodes of a package.
    pub package_nodes: u32,
    /// `[thread]`: its node.
    pub places: Vec<u32>,
    /// `[line]`: its home.
    pub homes: Vec<u32>,
    /// What they do.
    pub client: Client,
    /// Whether lines are evicted.
    pub evictions: bool,
    /// The fault seeded, if any.
    pub mutant: Option<ScopedMutant>,
}

impl Model {
    /// Threads on nodes of packages of one, each running any program of `length` operations on a line of
    /// two words and a flag, whose homes are the first and the last.
    pub fn flat(threads: u32, length: u8) -> Self {
        let (x, y) = (Place { line: 0, part: 0 }, Place { line: 0, part: 1 });
        let flag = Place { line: 1, part: 0 };
        let all = Scope::Supernode;
        let ops = vec![
            Op::Load(x),
            Op::Store(x),
            Op::Store(y),
            Op::Acquire(flag, all),
            Op::Release(flag, all),
            Op::Swap(flag, all),
        ];
        Self {
            nodes: threads,
            package_nodes: 1,
            places: (0..threads).collect(),
            homes: vec![0, threads.saturating_sub(1)],
            client: Client::Any { length, ops },
            evictions: true,
            mutant: None,
        }
    }

    /// Two packages of two nodes, the homes in the second; threads in the first and one in the second,
    /// each running any program of `length` operations at either scope.
    pub fn packages(threads: u32, length: u8) -> Self {
        let (x, flag) = (Place { line: 0, part: 0 }, Place { line: 1, part: 0 });
        let mut ops = vec![Op::Load(x), Op::Store(x)];
        for scope in [Scope::Package, Scope::Supernode] {
            ops.extend([Op::Acquire(flag, scope), Op::Release(flag, scope)]);
        }
        let places = [0, 2, 1, 3].into_iter().take(threads as usize).collect();
        let client = Client::Any { length, ops };
        let (evictions, mutant) = (true, None);
        Self { nodes: 4, package_nodes: 2, places, homes: vec![2, 3], client, evictions, mutant }
    }

    /// Whether it can be searched.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let threads = self.places.len();
        let sizes = (1..=NODES_MAX).contains(&self.nodes) && (1..=THREADS_MAX).contains(&threads);
        if !sizes || !(1..=LINES_MAX).contains(&self.homes.len()) {
            return Err(format!(
                "there must be 1 to {NODES_MAX} nodes, 1 to {THREADS_MAX} threads and 1 to {LINES_MAX} lines"
            ));
        }
        if let Some(odd) = self.places.iter().chain(&self.homes).find(|n| **n >= self.nodes) {
            return Err(format!("there is no node {odd} among {}", self.nodes));
        }
        if self.package_nodes == 0 || !self.nodes.is_multiple_of(self.package_nodes) {
            return Err(format!(
                "{} nodes are no whole number of packages of {}",
                self.nodes, self.package_nodes
            ));
        }
        let ops: Vec<Op> = match &self.client {
            Client::Any { ops, .. } => ops.clone(),
            Client::Programs(programs) => programs.iter().flatten().copied().collect(),
        };
        let lines = self.homes.len();
        if let Some(at) = ops.iter().filter_map(Op::place).find(|p| usize::from(p.line) >= lines) {
            return Err(format!("{at} is of no line that has a home"));
        }
        let length = match &self.client {
            Client::Any { length, .. } => usize::from(*length),
            Client::Programs(programs) => programs.iter().map(Vec::len).max().unwrap_or(0),
        };
        if length == 0 || length > state::OPS_MAX {
            return Err(format!("a thread must have 1 to {} operations", state::OPS_MAX));
        }
        Ok(())
    }
}
