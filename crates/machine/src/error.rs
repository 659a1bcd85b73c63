//! What can be wrong with a machine or a run.

use base::Fs;
use traffic::TraceError;

use crate::node::barrier::BarrierError;

/// A machine that cannot be built.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the machine cannot be built: {0}")]
pub struct BuildError(String);

impl BuildError {
    /// With the reason in words.
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// A run that ended before its trace did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The machine cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The trace is damaged.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// Threads disagree on a barrier.
    #[error(transparent)]
    Barrier(#[from] BarrierError),
    /// A barrier that can never be released.
    #[error(
        "barrier {id} wants {members} members, but the trace has {threads} threads; it would never \
         be released\n  mend: lower the number of members, or add the threads that are missing"
    )]
    BarrierTooLarge {
        /// Which barrier.
        id: u32,
        /// The members it wants.
        members: u32,
        /// The threads there are.
        threads: u32,
    },
    /// Threads wait at barriers whose other members never come.
    #[error(
        "threads wait for good at {at}: their barriers lack members, all others have ended\n\
         {explanation}  mend: let every member arrive, or lower the number of members"
    )]
    BarrierNeverReleased {
        /// When the last thing happened.
        at: Fs,
        /// Who waits where, line by line.
        explanation: String,
    },
    /// Members of a barrier that did not come in time.
    #[error(
        "barrier {id} timed out at {at}: {missing} of its {members} members {} not arrived since {since}\n\
         {explanation}  mend: let every member arrive, or raise `barriers: (timeout: ..)`",
        if *missing == 1 { "has" } else { "have" }
    )]
    BarrierTimeout {
        /// Which barrier.
        id: u32,
        /// When the time was over.
        at: Fs,
        /// When the first member arrived.
        since: Fs,
        /// How many members it has.
        members: u32,
        /// How many of them are missing.
        missing: usize,
        /// Who they are and what keeps them, line by line.
        explanation: String,
    },
    /// A unit that was told what no sound tree tells it.
    #[error("barrier {id} is broken: {fault}")]
    BarrierFault {
        /// Which barrier.
        id: u32,
        /// What is wrong.
        fault: clock::sync::Fault,
    },
    /// The trace takes longer than time is counted.
    #[error(
        "the run does not end within 10 000 s of simulated time (it is at {at})\n  mend: shorten the \
         think time of the trace, or raise the clocks of the topology"
    )]
    TooLong {
        /// When that was noticed.
        at: Fs,
    },
    /// Everyone waits and nothing is on its way.
    #[error("deadlock at {at}: nothing can move any more\n{explanation}")]
    Deadlock {
        /// When the last thing happened.
        at: Fs,
        /// Who waits for whom, line by line.
        explanation: String,
    },
    /// A link is down for good, and what waits for it can never go on.
    #[error(
        "stuck at {at}: {link} is {why}\n{explanation}  mend: bring the link up again in `events`, give its class spare lanes or `widths` to fall back to, or a fabric whose routing has a way around it"
    )]
    LinkDown {
        /// When the last thing happened.
        at: Fs,
        /// Its ends.
        link: String,
        /// Why.
        why: String,
        /// Who waits for whom, line by line.
        explanation: String,
    },
    /// Things move, but no operation has completed for very long.
    #[error(
        "livelock at {at}: no operation completed in {instants} instants\n{explanation}  mend: shorten \
         the latencies of the topology if they are that long, or look with --log debug at what moves"
    )]
    Livelock {
        /// When it was noticed.
        at: Fs,
        /// Instants stepped since the last completion.
        instants: u64,
        /// Who waits for whom, line by line.
        explanation: String,
    },
}
