//! Outcomes, and what is asked of them.

use crate::program::{LocIdx, Reg, Test};

/// Something whose value at the end is observed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Observable {
    /// A register of a thread.
    Register(usize, Reg),
    /// A location.
    Location(LocIdx),
}

/// The values of the observables, in order.
pub type Outcome = Vec<u64>;

/// Of how many outcomes the formula is to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantifier {
    /// Some.
    Exists,
    /// None.
    NotExists,
    /// All.
    Forall,
}

/// A formula over the observables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Formula {
    True,
    /// The observable at this place has this value.
    Is(usize, u64),
    Not(Box<Formula>),
    And(Box<Formula>, Box<Formula>),
    Or(Box<Formula>, Box<Formula>),
}

/// What a test asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// Of how many outcomes.
    pub quantifier: Quantifier,
    pub(crate) formula: Formula,
    /// As it is written, quantifier included.
    pub text: String,
}

impl Condition {
    /// Whether the formula holds of an outcome.
    pub fn holds(&self, outcome: &[u64]) -> bool {
        self.formula.holds(outcome)
    }
}

impl Formula {
    fn holds(&self, outcome: &[u64]) -> bool {
        match self {
            Self::True => true,
            Self::Is(at, value) => outcome[*at] == *value,
            Self::Not(f) => !f.holds(outcome),
            Self::And(a, b) => a.holds(outcome) && b.holds(outcome),
            Self::Or(a, b) => a.holds(outcome) || b.holds(outcome),
        }
    }
}

impl Test {
    /// The name of an observable: `0:X1`, or the location's.
    pub fn observable(&self, what: Observable) -> String {
        match what {
            Observable::Register(thread, reg) => {
                format!("{thread}:{}", self.threads[thread].registers[reg])
            }
            Observable::Location(loc) => self.locations[loc].clone(),
        }
    }

    /// An outcome in words: `0:X1=1; x=2;`.
    pub fn describe(&self, outcome: &[u64]) -> String {
        let one = |(what, value): (&Observable, &u64)| {
            format!("{}={};", self.observable(*what), value.cast_signed())
        };
        self.observables.iter().zip(outcome).map(one).collect::<Vec<_>>().join(" ")
    }

    /// The outcome of registers and locations at the end.
    pub fn outcome(
        &self,
        register: impl Fn(usize, Reg) -> u64,
        location: impl Fn(LocIdx) -> u64,
    ) -> Outcome {
        let value = |what: &Observable| match *what {
            Observable::Register(thread, reg) => register(thread, reg),
            Observable::Location(loc) => location(loc),
        };
        self.observables.iter().map(value).collect()
    }
}
