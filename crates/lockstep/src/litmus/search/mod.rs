//! A litmus test, exhaustively: every order in which cores, caches and homes can act.
//!
//! Cores keep the order of the model and nothing else; lines are stepped by the protocol's own
//! [`coherence::cache_step`] and [`coherence::dir_step`]; the network is a bag of messages that may
//! arrive in any order. There is no time. Every way in which the lines of the test can be spread
//! over the caches beforehand is a start.
//!
//! **Reduction.** What is branched over: which core issues, which request reaches a home, when a
//! snoop reaches its cache. Answers, acknowledgements and completions are taken at once: each is the
//! only message that its receiver waits for or counts, so it commutes with every other step, and the
//! outcomes are those of all orders.
//!
//! Evictions are left out: they bring a line back to where a start can have it. The model checker of
//! the protocol covers them.

mod core;
mod scoped;
mod state;
mod steps;

use std::collections::BTreeSet;

use ::litmus::{Model, Outcome, Test};
use base::Map;
use coherence::{Atomics, Protocol};

pub use scoped::search_scoped;
use state::{Setup, State};

/// States that a search may hold.
const STATES_MAX: usize = 20_000_000;

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Searched {
    /// Every outcome.
    pub outcomes: BTreeSet<Outcome>,
    /// States at which there was something to choose, starts included.
    pub states: usize,
    /// Starts.
    pub starts: usize,
}

/// Why a search did not end.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SearchError {
    /// The test has too many states.
    #[error(
        "{0}: more than {STATES_MAX} states\n  mend: leave out instructions, or use --no-search"
    )]
    TooLarge(String),
    /// A state with nothing to do and threads that are not done: a fault of the protocol.
    #[error("{0}: stuck: {1}")]
    Stuck(String, String),
}

/// Every outcome of `test` on cores that keep `model`, with near and with far atomics, and caches that
/// do for each other what each of `protocols` says.
///
/// # Errors
/// If the test is too large, or the protocol gets stuck.
pub fn search(test: &Test, model: Model, protocols: &[Protocol]) -> Result<Searched, SearchError> {
    let mut all = Searched { outcomes: BTreeSet::new(), states: 0, starts: 0 };
    let atomic = |i: &litmus::Instr| matches!(i, ::litmus::Instr::Rmw { .. });
    let has_atomics = test.threads.iter().flat_map(|t| &t.code).any(atomic);
    for protocol in protocols {
        for atomics in [Atomics::Near, Atomics::Far] {
            if atomics == Atomics::Near || has_atomics {
                one(&Setup::new(test, model, atomics, *protocol), STATES_MAX, &mut all)?;
            }
        }
    }
    Ok(all)
}

fn one(setup: &Setup<'_>, most: usize, all: &mut Searched) -> Result<(), SearchError> {
    let name = || setup.test.name.clone();
    let mut known: Map<(u64, u64), ()> = Map::default();
    let (mut open, mut next): (Vec<State>, Vec<State>) = (Vec::new(), Vec::new());
    // One after the other: there can be very many.
    for mut start in setup.starts() {
        setup.settle(&mut start);
        if known.insert(start.fingerprint(), ()).is_none() {
            open.push(start);
        }
        all.starts += 1;
        while let Some(state) = open.pop() {
            setup.choices(&state, &mut next);
            if next.is_empty() {
                let outcome =
                    setup.outcome(&state).map_err(|why| SearchError::Stuck(name(), why))?;
                all.outcomes.insert(outcome);
            }
            for state in next.drain(..) {
                if known.insert(state.fingerprint(), ()).is_none() {
                    open.push(state);
                }
            }
            if known.len() > most {
                return Err(SearchError::TooLarge(name()));
            }
        }
    }
    all.states += known.len();
    Ok(())
}

#[cfg(test)]
mod tests;
