//! What controllers hand over to whoever drives them.
//!
//! A tag `T` is opaque here: the driver's own stopwatch of a transaction, given with each access
//! and each message and handed back with what they caused.

use base::Line;

use crate::coverage::Coverage;
use crate::message::Message;
use crate::state::{CacheState, Effect};
use crate::value::Value;

/// What made a message go out now.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// The access or message just handed in; the tag is that one's.
    Direct,
    /// The line moved on, and a request or access that had waited for it was taken up; the tag is
    /// the one that came with what had waited.
    Unstalled,
    /// The last of several awaited answers arrived. The tag is, at home, that of the request; at a
    /// requester, that of its `Data` or `AckCount`.
    Gathered,
}

/// A message to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing<V: Value, T> {
    /// The line it is about.
    pub line: Line,
    /// What is sent, and to whom.
    pub msg: Message<V>,
    /// The transaction's tag.
    pub tag: T,
    /// Whose tag that is.
    pub cause: Cause,
    /// Whether it carries data that home read from memory for it.
    pub from_memory: bool,
}

/// An access that is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completion<V, T> {
    /// The access's token.
    pub token: u32,
    /// The line accessed.
    pub line: Line,
    /// What it did.
    pub effect: Effect<V>,
    /// The tag that came with the access.
    pub tag: T,
    /// The tag of the message that answered its own request: `Data`, `DataE`, `AckCount` or
    /// `FarResp`. None for an access that queued behind another's request and needed none.
    pub reply_tag: Option<T>,
    /// Whether acknowledgements came in later than that message.
    pub waited_for_acks: bool,
}

/// A line changed its state in a cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateChange {
    /// The line.
    pub line: Line,
    /// Before.
    pub from: CacheState,
    /// After.
    pub to: CacheState,
}

/// Everything that an access or a message caused. Reuse one and [`clear`](Self::clear) it: its
/// vectors keep their room.
#[derive(Clone, Debug)]
pub struct Outbox<V: Value, T> {
    /// Messages to send, in order.
    pub messages: Vec<Outgoing<V, T>>,
    /// Accesses that were pending and are done, in the order in which they were performed.
    pub completions: Vec<Completion<V, T>>,
    /// Lines that home wrote to memory.
    pub memory_writes: Vec<Line>,
    /// State changes in the cache, in order.
    pub changes: Vec<StateChange>,
    /// Rows taken, summed up since the outbox was made.
    pub coverage: Coverage,
}

base::state!([V: Value, T] Outbox<V, T> {
    keeps coverage;
    each;
    fixed messages, completions, memory_writes, changes
});

impl<V: Value, T> Default for Outbox<V, T> {
    fn default() -> Self {
        Self {
            messages: Vec::new(),
            completions: Vec::new(),
            memory_writes: Vec::new(),
            changes: Vec::new(),
            coverage: Coverage::default(),
        }
    }
}

impl<V: Value, T> Outbox<V, T> {
    /// Empties it, except for the coverage.
    pub fn clear(&mut self) {
        self.messages.clear();
        self.completions.clear();
        self.memory_writes.clear();
        self.changes.clear();
    }

    pub(crate) fn changed(&mut self, line: Line, from: CacheState, to: CacheState) {
        if from != to {
            self.changes.push(StateChange { line, from, to });
        }
    }
}
