//! What can be wrong with a test.

use std::path::PathBuf;

/// A text that is no test of the subset.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}:{line}:{column}: {token}: {what}\n  mend: {mend}", path.display())]
pub struct LitmusError {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The token, in quotes, or the words `end of file`.
    pub token: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do about it.
    pub mend: String,
}

/// A test that is too large to say everything about.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OracleError {
    /// More events than fit the relations.
    #[error(
        "{name}: a run has {events} accesses and fences, of at most 64\n  mend: leave out instructions \
         that the condition does not depend on"
    )]
    TooManyEvents {
        /// The test.
        name: String,
        /// Events of a run.
        events: usize,
    },
    /// More ways for a thread to go than can be kept.
    #[error(
        "{name}: a thread can read too many combinations of values to list its runs\n  mend: leave out loads and \
         atomics, or let fewer different values be written"
    )]
    TooManyRuns {
        /// The test.
        name: String,
    },
    /// More candidate executions than can be looked at.
    #[error(
        "{name}: more than {limit} candidate executions and choices on the way to them\n  mend: leave out stores, or let them write \
         different values"
    )]
    TooManyExecutions {
        /// The test.
        name: String,
        /// The limit.
        limit: u64,
    },
}
