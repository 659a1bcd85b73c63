//! Schedules of scoped caches: what threads began, what arrived, what was evicted, one act a line.
//!
//! ```text
//! lockstep-scoped-schedule 1   # the format's version
//! nodes 2
//! package_nodes 1
//! threads 0 1                  # the node of each
//! homes 0 1                    # the node of each line's home: lines x, f, g, z
//! mutant ReleaseDoesNotWait    # the fault seeded, if any
//! begin
//! t0 store x
//! t1 acquire.package f
//! deliver x Through n0 cache -> n1 home for n0 number 1 parts 1 value 1 0
//! evict n0 cache x
//! end
//! ```
//!
//! As in [the coherent mode's](crate::model::Schedule), messages are named by content, acts that cannot be
//! done are skipped, and what is under way at the end is delivered. A replay is made by the machine's own
//! [`ScopedNode`](crate::scoped::ScopedNode)s, on the search's lines of two bytes or on the machine's of 64.

use core::fmt;

use base::{LineData, NodeIdx};

use super::cells::{Cells, ModelLine};
use super::flight::{first, unit_name};
use super::search::CounterExample;
use super::state::{Act, Move, OPS_MAX, State};
use super::{Client, Model};
use crate::scoped::ScopedMutant;

/// What the first line of a schedule says.
pub(super) const HEADER: &str = "lockstep-scoped-schedule 1";

/// Acts on scoped caches, and the caches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScopedSchedule {
    /// Nodes.
    pub nodes: u32,
    /// Nodes of a package.
    pub package_nodes: u32,
    /// `[thread]`: its node.
    pub places: Vec<u32>,
    /// `[line]`: the node of its home.
    pub homes: Vec<u32>,
    /// The fault seeded into the protocol.
    pub mutant: Option<ScopedMutant>,
    /// What is done.
    pub acts: Vec<Act>,
}

/// What came of a replay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScopedReplay {
    /// Every act that was done, the last deliveries included.
    pub moves: Vec<Move>,
    /// Acts of the schedule that could not be done.
    pub skipped: usize,
    /// The first broken promise, in words.
    pub fault: Option<String>,
}

impl ScopedSchedule {
    /// Whether a text says that it is one.
    pub fn is_meant(text: &str) -> bool {
        text.trim_start().starts_with("lockstep-scoped-schedule")
    }

    /// The schedule of a counter-example that was found in `model`.
    pub fn of(model: &Model, found: &CounterExample) -> Self {
        Self { acts: found.moves.iter().map(|m| m.act).collect(), ..Self::of_model(model) }
    }

    /// One of a model's system, without an act.
    pub(super) fn of_model(model: &Model) -> Self {
        Self {
            nodes: model.nodes,
            package_nodes: model.package_nodes,
            places: model.places.clone(),
            homes: model.homes.clone(),
            mutant: model.mutant,
            acts: Vec::new(),
        }
    }

    /// The system, in which threads may begin anything.
    pub fn model(&self) -> Model {
        let length = u8::try_from(OPS_MAX).unwrap_or(u8::MAX);
        Model {
            nodes: self.nodes,
            package_nodes: self.package_nodes,
            places: self.places.clone(),
            homes: self.homes.clone(),
            client: Client::Any { length, ops: Vec::new() },
            evictions: true,
            mutant: self.mutant,
        }
    }

    /// Replays it on the lines of the search.
    pub fn replay(&self) -> ScopedReplay {
        self.replay_on::<Cells>()
    }

    /// Replays it on the machine's lines of 64 bytes.
    pub fn replay_in_machine(&self) -> ScopedReplay {
        self.replay_on::<LineData>()
    }

    fn replay_on<V: ModelLine>(&self) -> ScopedReplay {
        let model = self.model();
        let mut state = State::<V>::start(&model);
        let mut replay = ScopedReplay { moves: Vec::new(), skipped: 0, fault: None };
        for act in &self.acts {
            if !state.is_able(&model, act) {
                replay.skipped += 1;
            } else if replay.play(&model, &mut state, act) {
                return replay;
            }
        }
        while let Some(act) = state.delivery() {
            if replay.play(&model, &mut state, &act) {
                return replay;
            }
        }
        if !state.is_done() {
            replay.fault = Some("something is under way and nothing can move".to_owned());
        }
        replay
    }
}

impl ScopedReplay {
    /// Makes an act. `true`: it broke a promise.
    fn play<V: ModelLine>(&mut self, model: &Model, state: &mut State<V>, act: &Act) -> bool {
        self.moves.push(state.make(model, act));
        self.fault = state.fault().map(|(fault, detail)| match fault {
            Some(fault) => format!("{fault}: {detail}"),
            None => detail,
        });
        self.fault.is_some()
    }
}

impl fmt::Display for ScopedSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |all: &[u32]| {
            all.iter().fold(String::new(), |text, node| text + " " + &node.to_string())
        };
        writeln!(f, "{HEADER}\nnodes {}\npackage_nodes {}", self.nodes, self.package_nodes)?;
        writeln!(f, "threads{}\nhomes{}", list(&self.places), list(&self.homes))?;
        if let Some(mutant) = self.mutant {
            writeln!(f, "mutant {mutant:?}")?;
        }
        writeln!(f, "begin")?;
        self.acts.iter().try_for_each(|act| writeln!(f, "{act}"))?;
        writeln!(f, "end")
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin { thread, op } => write!(f, "t{thread} {op}"),
            Self::Deliver(flight) => write!(f, "deliver {flight}"),
            Self::Evict { node: NodeIdx(node), unit, line } => {
                write!(f, "evict n{node} {} {}", unit_name(*unit), first(*line))
            }
        }
    }
}
