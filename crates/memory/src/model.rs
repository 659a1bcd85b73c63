//! What a memory controller does for its home, whatever its timing.

use base::Fs;
use clock::Edge;

/// Read or write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Direction {
    /// Data come back.
    Read,
    /// Data go in; nobody waits.
    Write,
}

/// One line to be read or written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Access {
    /// The caller's name for it, given back when it is served.
    pub ticket: u32,
    /// Read or write.
    pub direction: Direction,
    /// The pool's line, for models that know rows and banks.
    pub line: base::Line,
}

/// An access whose timing is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Served {
    /// The caller's name.
    pub ticket: u32,
    /// Read or write.
    pub direction: Direction,
    /// When the access began: up to here it waited.
    pub started: Fs,
    /// When its data are there; not before the edge at which it is reported.
    pub finished: Fs,
}

/// The memory of one node: channels in the memory clock's domain.
///
/// Stepped at every edge at which it asked to be; may reorder accesses within a channel.
pub trait MemoryModel {
    /// Takes an access for `channel` at `edge`.
    fn submit(&mut self, channel: u32, access: Access, edge: Edge);

    /// Does what is due at `edge`; accesses whose timing is now known are appended to `served`.
    /// Gives the next edge at which it must be stepped if nothing is submitted before,
    /// [`Edge::NEVER`] if none.
    fn step(&mut self, edge: Edge, served: &mut Vec<Served>) -> Edge;

    /// Accesses submitted and not yet served.
    fn pending(&self) -> usize;
}
