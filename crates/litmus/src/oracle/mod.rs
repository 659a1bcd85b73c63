//! What a model allows of a test, from its axioms.
//!
//! ```text
//!   threads ─ runs ─▶ events with dependencies ─ candidates ─▶ (rf, co) ─ axioms ─▶ outcomes
//! ```
//!
//! Every thread is run with every value that its loads might see; for each choice of runs, every
//! reads-from and every coherence order is a candidate execution, and the axioms of the model say
//! whether it can happen. No machine and no order of steps comes into it.

mod axioms;
mod candidates;
mod relation;
mod runs;

use std::collections::BTreeSet;

use crate::error::OracleError;
use crate::model::Model;
use crate::outcome::Outcome;
use crate::program::Test;

/// The outcomes of `test` that `model` allows.
///
/// # Errors
/// If the test is too large to look at every execution.
pub fn allowed(test: &Test, model: Model) -> Result<BTreeSet<Outcome>, OracleError> {
    let runs = runs::runs(test)?;
    let mut outcomes = BTreeSet::new();
    candidates::each(test, &runs, |execution| {
        if axioms::hold(execution, model) {
            outcomes.insert(execution.outcome(test));
        }
    })?;
    Ok(outcomes)
}

#[cfg(test)]
mod tests;
