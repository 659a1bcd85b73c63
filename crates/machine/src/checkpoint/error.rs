//! Why a run does not go on from a checkpoint.

use std::io;

use base::state::Unfit;
use traffic::TraceError;

/// What is wrong with a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is something else.
    #[error("it is no checkpoint\n  mend: name a file that `run --checkpoint` has written")]
    NotOne,
    /// The file ends too early.
    #[error(
        "the checkpoint is cut short\n  mend: take an earlier one, or copy the file again; those that \
         `run --checkpoint` writes appear whole"
    )]
    Truncated,
    /// Some of its bytes are not those that were written.
    #[error("the checkpoint is damaged: its checksum is wrong\n  mend: take another one")]
    Damaged,
    /// It has another form.
    #[error(
        "the checkpoint is of version {found}, and version {known} is known here\n  mend: go on with the \
         Lockstep that wrote it, or run from the start"
    )]
    Version {
        /// Its version.
        found: u32,
        /// The version that is known.
        known: u32,
    },
    /// It is of another run.
    #[error("the checkpoint is of another {what}: {found}, not {wanted}\n  mend: {mend}")]
    Foreign {
        /// What differs.
        what: &'static str,
        /// As in the checkpoint.
        found: String,
        /// As in the run.
        wanted: String,
        /// What to do.
        mend: String,
    },
    /// It was written by a build that keeps other state.
    #[error(
        "the checkpoint was written by another build of Lockstep, which keeps other state\n  mend: go on \
         with that build, or run from the start"
    )]
    Unfit,
    /// The machine has what is not written down.
    #[error(
        "{what} are not written down: this machine cannot be checkpointed\n  mend: run it without"
    )]
    NotKept {
        /// What it has.
        what: &'static str,
    },
    /// A source depends on what its loads read.
    #[error(
        "a thread's operations depend on what it reads, and nobody could bring it to its place again"
    )]
    Observing,
    /// A thread has fewer operations than it had.
    #[error(
        "{thread} has fewer operations than were taken of it\n  mend: give the sources that it was made with"
    )]
    Short {
        /// The thread.
        thread: base::ThreadIdx,
    },
    /// The trace cannot be read up to the place of the checkpoint.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

impl From<Unfit> for CheckpointError {
    fn from(_: Unfit) -> Self {
        Self::Unfit
    }
}
