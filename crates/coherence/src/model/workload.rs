//! What is searched, how, and what comes of it.

use super::act::{Act, Homes, Shape};
use super::code;
use super::fault::Fault;
use super::packages::OfPackage;
use super::schedule::Schedule;
use super::symmetry::{Namer, Symmetry};
use super::system::{Move, PACKAGE, core_move};
use crate::config::Config;
use crate::coverage::Coverage;
use crate::directory::{Listing, Overflow};
use crate::mutant::{Faults, Mutant};

/// What caches give up of their own accord.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Evictions {
    /// Nothing.
    None,
    /// Any copy, and home is told.
    #[default]
    Notify,
    /// Any copy; shared ones without telling.
    Silent,
    /// Any copy; shared ones with or without telling.
    Either,
}

/// What cores, caches and homes do of their own accord. Cores always load and store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that is done or not")]
pub struct Workload {
    /// Stores add one, modulo the values; otherwise they set each of the values.
    pub increments: bool,
    /// Cores ask for far atomics, which add one.
    pub far: bool,
    /// What caches give up of their own accord.
    pub evictions: Evictions,
    /// Packages recall lines from their caches and give them up, in the ways that caches do.
    pub package_evictions: bool,
    /// Homes recall lines whenever they like; otherwise only to make room in a directory.
    pub recalls: bool,
}

impl Default for Workload {
    /// Sets, evictions and recalls.
    fn default() -> Self {
        Self {
            increments: false,
            far: false,
            evictions: Evictions::Notify,
            package_evictions: true,
            recalls: true,
        }
    }
}

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub struct Model<F: Faults> {
    /// The protocol's options.
    pub cfg: Config<F>,
    /// The system's size.
    pub shape: Shape,
    /// What is done to it.
    pub workload: Workload,
    /// Which worlds count as one.
    pub symmetry: Symmetry,
}

impl<F: Faults> Model<F> {
    /// Two values, evictions and recalls, all symmetries.
    pub fn new(cfg: Config<F>, caches: u32, lines: u32) -> Self {
        let shape = Shape { caches, lines, ..Shape::default() };
        Self { cfg, shape, workload: Workload::default(), symmetry: Symmetry::ALL }
    }

    /// Every move of cores and homes, as far as it makes sense in any world.
    pub(crate) fn core_moves(&self) -> Vec<Move> {
        let w = self.workload;
        let mut moves = Vec::new();
        for line in 0..self.shape.lines {
            for cache in 0..self.shape.caches {
                let mut add = |kind, write| moves.push(core_move(kind, cache, line, write));
                add(LOAD, 0);
                if w.increments {
                    add(STORE, code::INCREMENT);
                } else {
                    (1..=u32::from(self.shape.values)).for_each(|v| add(STORE, v));
                }
                let evict = w.evictions != Evictions::None;
                let drop = matches!(w.evictions, Evictions::Silent | Evictions::Either);
                let others = [(w.far, FAR, code::INCREMENT), (evict, EVICT, 0), (drop, DROP, 0)];
                others
                    .iter()
                    .filter(|(on, ..)| *on)
                    .for_each(|(_, kind, write)| add(*kind, *write));
            }
            if w.recalls || self.shape.directory_lines.is_some() {
                moves.push(core_move(RECALL, 0, line, 0));
            }
            for package in 0..self.shape.packages() {
                let mut add = |what: OfPackage| {
                    moves.push(core_move(PACKAGE, package, line, what as u32));
                };
                let drop = matches!(w.evictions, Evictions::Silent | Evictions::Either);
                if w.package_evictions {
                    add(OfPackage::Recall);
                    add(OfPackage::Evict);
                }
                if w.package_evictions && drop {
                    add(OfPackage::Drop);
                }
            }
        }
        moves
    }

    pub(crate) fn namer(&self) -> Namer {
        let rotate = self.workload.increments || self.workload.far;
        // Nodes with a home are not like others, and FIFOs have an order that renaming would change.
        let named = |listing| match listing {
            Listing::FullMap | Listing::Limited { overflow: Overflow::Broadcast, .. } => false,
            // Regions have members, and the sharer with the least number loses its copy.
            Listing::Limited { .. } | Listing::Coarse { .. } => true,
        };
        let inner = self.shape.packages.is_some_and(|p| named(p.inner));
        let named = named(self.cfg.directory.listing) || inner;
        let apart = self.shape.homes == Homes::Apart && self.shape.networks.is_none();
        let alike = apart && !named;
        let Symmetry { caches, lines, values } = self.symmetry;
        let values = values && self.shape.networks.is_none();
        let symmetry = Symmetry { caches: caches && alike, lines: lines && apart, values };
        Namer::new(self.shape, symmetry, rotate)
    }
}

pub(crate) const LOAD: u32 = 0;
pub(crate) const STORE: u32 = 1;
pub(crate) const FAR: u32 = 2;
pub(crate) const EVICT: u32 = 3;
pub(crate) const DROP: u32 = 4;
pub(crate) const RECALL: u32 = 5;

/// How a search is run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Worlds after which it is given up.
    pub states: u64,
    /// Bytes of its tables after which it is given up.
    pub memory_bytes: u64,
    /// Threads; results do not depend on them.
    pub threads: usize,
    /// Whether to measure the longest drain; takes memory for every delivery.
    pub drain: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { states: u64::MAX, memory_bytes: u64::MAX, threads: 1, drain: false }
    }
}

/// How far a search is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Worlds found.
    pub states: u64,
    /// Moves from the start.
    pub depth: u32,
    /// Worlds found that are still to be expanded.
    pub waiting: u64,
}

/// A broken promise and how to get there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CounterExample {
    /// The promise.
    pub fault: Fault,
    /// The acts that lead to it from the start; none shorter do.
    pub acts: Vec<Act>,
}

impl CounterExample {
    /// The acts as a schedule of the model that they were found in.
    pub fn schedule(&self, model: &Model<Option<Mutant>>) -> Schedule {
        let Config { directory, protocol, mutant, .. } = model.cfg;
        let (shape, listing, acts) = (model.shape, directory.listing, self.acts.clone());
        Schedule { shape, listing, protocol, mutant, acts }
    }
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Worlds, up to symmetry.
    pub states: u64,
    /// Moves tried that could be made.
    pub transitions: u64,
    /// Moves to the world that is farthest from the start.
    pub depth: u32,
    /// Whether every world was found.
    pub complete: bool,
    /// Rows of the tables taken.
    pub coverage: Coverage,
    /// The most messages that are delivered from any world until nothing is under way, if asked for
    /// and complete.
    pub longest_drain: Option<u32>,
    /// The first broken promise.
    pub counter_example: Option<CounterExample>,
    /// Bytes of the search's tables at their largest.
    pub memory_bytes: u64,
}
