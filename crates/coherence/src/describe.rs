//! Who waits for what: what a report on a stuck machine is made of.

use core::fmt;

use base::{Line, NodeIdx};

use crate::message::MsgKind;
use crate::sharers::Sharers;
use crate::state::{CacheState, DirState};

/// A line with a transaction under way in a cache.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingLine {
    /// The cache's node.
    pub node: NodeIdx,
    /// The line.
    pub line: Line,
    /// Its state: what it awaits.
    pub state: CacheState,
    /// Its home, which was asked.
    pub home: NodeIdx,
    /// Acknowledgements still to come, counting from those that came before the count did.
    pub acks_missing: i32,
    /// The accesses that wait, in order.
    pub tokens: Vec<u32>,
}

/// A line that its home has blocked, or that waits for a directory entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockedLine {
    /// The home's node.
    pub home: NodeIdx,
    /// The line.
    pub line: Line,
    /// Its state: what home is busy with.
    pub state: DirState,
    /// Whose request that is.
    pub requester: Option<NodeIdx>,
    /// Whether the answer of the owner, or of a sharer that forwards, is awaited.
    pub awaits_wb: bool,
    /// Whether the requester's `CompAck` is awaited.
    pub awaits_comp: bool,
    /// Those whose acknowledgement home awaits.
    pub awaits_acks: Sharers,
    /// Whether the requests wait for room in the directory, not for the line.
    pub awaits_room: bool,
    /// The requests that wait, in order.
    pub queued: Vec<(NodeIdx, MsgKind)>,
}

impl fmt::Display for PendingLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, line, state, home, .. } = self;
        write!(f, "{node}: {line} in {state:?} waits for ")?;
        match state {
            CacheState::ImA => write!(f, "{} InvAck", self.acks_missing)?,
            CacheState::ImAd | CacheState::IsD => write!(f, "Data of {home}'s line")?,
            CacheState::SmAd | CacheState::OmAd => write!(f, "{home}'s AckCount")?,
            CacheState::IaD => write!(f, "{home}'s FarResp")?,
            _ => write!(f, "{home}'s PutAck")?,
        }
        if !self.tokens.is_empty() {
            write!(f, "; accesses {:?} wait for it", self.tokens)?;
        }
        Ok(())
    }
}

impl fmt::Display for BlockedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "home {}: {} in {:?}", self.home, self.line, self.state)?;
        if let Some(requester) = self.requester {
            write!(f, " for {requester}")?;
        }
        if self.awaits_wb {
            write!(f, ", waits for the owner's Wb or FwdAck")?;
        }
        if !self.awaits_acks.is_empty() {
            write!(f, ", waits for InvAcks of {:?}", self.awaits_acks)?;
        }
        if self.awaits_comp {
            write!(f, ", waits for CompAck")?;
        }
        if self.awaits_room {
            write!(f, ", waits for room in the directory")?;
        }
        for (node, kind) in &self.queued {
            write!(f, "; {node}'s {kind:?} is queued")?;
        }
        Ok(())
    }
}
