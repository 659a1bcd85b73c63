//! What a node's scoped units hand over to whoever drives them.

use base::{Line, NodeIdx};

use super::line::Parts;
use super::message::{ScopedMessage, Unit};
use super::table::ScopedEffect;
use crate::outbox::Cause;

/// A message to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScopedOut<V: Parts, T> {
    /// The line it is about.
    pub line: Line,
    /// What is sent.
    pub msg: ScopedMessage<V>,
    /// The transaction's tag.
    pub tag: T,
    /// Whose tag that is: of the access or message just handed in, or of one that had waited.
    pub cause: Cause,
    /// Whether it carries data that home read from memory for it.
    pub from_memory: bool,
}

/// An access of a thread that is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScopedDone<V, T> {
    /// Names the access.
    pub token: u32,
    /// Its line.
    pub line: Line,
    /// What it did.
    pub effect: ScopedEffect<V>,
    /// The tag that came with it.
    pub tag: T,
    /// The tag of the message that answered its own request, if it made one.
    pub reply_tag: Option<T>,
}

/// What happened to values, in order: for whoever keeps a ghost of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trail<V> {
    /// An access of a thread of this node was performed in one of its units, or at a home.
    Performed {
        /// The node of the thread.
        node: NodeIdx,
        /// Names the access at its node.
        token: u32,
        /// The line.
        line: Line,
        /// Where: unit and node.
        at: (Unit, NodeIdx),
        /// The parts concerned.
        mask: u64,
        /// What it did; of a store, the line behind it in `Load`.
        effect: ScopedEffect<V>,
        /// The line's value there behind it.
        after: V,
    },
    /// The dirty parts of a line left a unit.
    Sent {
        /// Unit and node.
        from: (Unit, NodeIdx),
        /// The line.
        line: Line,
    },
    /// They were taken in above.
    Merged {
        /// Where they came from.
        from: (Unit, NodeIdx),
        /// Where they are now.
        at: (Unit, NodeIdx),
        /// The line.
        line: Line,
        /// The line's value there.
        after: V,
    },
}

/// Everything that an access, a message or a scope operation caused. Reuse one and
/// [`clear`](Self::clear) it.
#[derive(Clone, Debug)]
pub struct ScopedOutbox<V: Parts, T> {
    /// Messages to send, in order.
    pub messages: Vec<ScopedOut<V, T>>,
    /// Accesses that were pending and are done.
    pub completions: Vec<ScopedDone<V, T>>,
    /// Lines that home wrote to memory.
    pub memory_writes: Vec<Line>,
    /// Acquires and releases that are done, by their tokens.
    pub synced: Vec<u32>,
    /// What happened to values.
    pub trail: Vec<Trail<V>>,
}

impl<V: Parts, T> Default for ScopedOutbox<V, T> {
    fn default() -> Self {
        Self {
            messages: Vec::new(),
            completions: Vec::new(),
            memory_writes: Vec::new(),
            synced: Vec::new(),
            trail: Vec::new(),
        }
    }
}

impl<V: Parts, T> ScopedOutbox<V, T> {
    /// Empties it; its vectors keep their room.
    pub fn clear(&mut self) {
        self.messages.clear();
        self.completions.clear();
        self.memory_writes.clear();
        self.synced.clear();
        self.trail.clear();
    }
}
