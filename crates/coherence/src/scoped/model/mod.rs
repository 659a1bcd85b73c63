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
mod kills;
mod search;
mod state;

use core::fmt;

use base::Scope;

use super::ScopedMutant;

pub use cells::{CellWrite, Cells};
pub use chart::chart;
pub use kills::{Arena, ScopedKill, arenas, hunt};
pub use search::{CounterExample, Progress, Report, search};
pub use state::{Act, Move};

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
        let names = [["x", "x'"], ["f", "f'"], ["g", "g'"], ["z", "z'"]];
        let name = names.get(usize::from(self.line)).and_then(|n| n.get(usize::from(self.part)));
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
        if self.nodes == 0 || self.nodes > 8 || self.places.is_empty() || self.places.len() > 4 {
            return Err("there must be 1 to 8 nodes and 1 to 4 threads".to_owned());
        }
        if self.package_nodes == 0 || !self.nodes.is_multiple_of(self.package_nodes) {
            return Err(format!(
                "{} nodes are no whole number of packages of {}",
                self.nodes, self.package_nodes
            ));
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
