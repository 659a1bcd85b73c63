//! Litmus tests, run: on the emulated machine over many timings, and exhaustively over the protocol.
//!
//! ```text
//!             ┌─ replay: machines, places, think times, step orders ─▶ outcomes with counts ─┐
//!   test ─────┼─ search: every order of the protocol's steps ─────────▶ outcomes ────────────┼─▶ Verdict
//!             └─ litmus::allowed: the model's axioms ─────────────────▶ outcomes ────────────┘
//! ```
//!
//! The three know nothing of each other. An outcome that is seen and not allowed is a fault; one
//! that is allowed and not seen says that the machine is stronger than the model.
//!
//! What each model means on the machine:
//!
//! | model | agents | accesses |
//! |---|---|---|
//! | sc | one access at a time | as they are |
//! | tso | a store buffer | as they are |
//! | ra | relaxed | loads are acquires (RCpc), stores are releases, atomics both |
//! | relaxed | relaxed | as the test says |

mod acts;
mod replay;
mod search;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use ::litmus::{Model, Outcome, Quantifier, Test};
use topology::spec::{Consistency, MachineSpec};

pub use replay::{Machines, Plan, replay};
pub use search::{SearchError, Searched, search, search_scoped};

/// How agents order their accesses under a model.
const fn consistency(model: Model) -> Consistency {
    match model {
        Model::Sc => Consistency::Sequential,
        Model::Tso => Consistency::Tso,
        Model::Ra | Model::Relaxed => Consistency::Relaxed,
    }
}

/// What is known of one outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// How often the machine showed it.
    pub machine: u64,
    /// Whether the search reached it; none where there was no search.
    pub search: Option<bool>,
    /// Whether the model allows it.
    pub allowed: bool,
    /// Whether the test's formula holds of it.
    pub condition: bool,
}

/// What came of a test.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The test.
    pub test: Test,
    /// The model that it is judged by.
    pub model: Model,
    /// Every outcome that was seen or is allowed.
    pub outcomes: BTreeMap<Outcome, Seen>,
    /// Timings on the machine.
    pub timings: u64,
    /// What the search looked at, if there was one.
    pub searched: Option<Searched>,
}

impl Verdict {
    /// Outcomes that were seen although the model forbids them.
    pub fn forbidden(&self) -> impl Iterator<Item = &Outcome> {
        let seen = |s: &Seen| s.machine > 0 || s.search == Some(true);
        self.outcomes.iter().filter(move |(_, s)| seen(s) && !s.allowed).map(|(o, _)| o)
    }

    /// Outcomes that the model allows and nothing showed.
    pub fn unseen(&self) -> impl Iterator<Item = &Outcome> {
        let seen = |s: &Seen| s.machine > 0 || s.search == Some(true);
        self.outcomes.iter().filter(move |(_, s)| s.allowed && !seen(s)).map(|(o, _)| o)
    }

    /// Whether nothing forbidden was seen.
    pub fn holds(&self) -> bool {
        self.forbidden().next().is_none()
    }

    /// Whether the test's own condition holds of what was seen.
    pub fn condition_holds(&self) -> bool {
        let mut seen = self.outcomes.values().filter(|s| s.machine > 0 || s.search == Some(true));
        match self.test.condition.quantifier {
            Quantifier::Exists => seen.any(|s| s.condition),
            Quantifier::NotExists => !seen.any(|s| s.condition),
            Quantifier::Forall => seen.all(|s| s.condition),
        }
    }

    /// Puts together what the machine showed, what the search reached, and what is allowed.
    pub fn of(
        test: &Test,
        model: Model,
        machine: &BTreeMap<Outcome, u64>,
        searched: Option<Searched>,
        allowed: &BTreeSet<Outcome>,
    ) -> Self {
        let reached = searched.as_ref().map(|s| &s.outcomes);
        let all = machine.keys().chain(allowed).chain(reached.into_iter().flatten());
        let one = |outcome: &Outcome| Seen {
            machine: machine.get(outcome).copied().unwrap_or(0),
            search: reached.map(|r| r.contains(outcome)),
            allowed: allowed.contains(outcome),
            condition: test.condition.holds(outcome),
        };
        Self {
            test: test.clone(),
            model,
            outcomes: all.map(|outcome| (outcome.clone(), one(outcome))).collect(),
            timings: machine.values().sum(),
            searched,
        }
    }
}

/// Whether a machine has a node for each thread of a test.
pub fn fits(spec: &MachineSpec, test: &Test) -> bool {
    spec.fabric.node_ports.len() >= test.threads.len()
}
