//! What packets carry, and how long they are.

use base::{Class, Combine, Line, LineData, NodeIdx, Share, ThreadIdx};
use coherence::scoped::ScopedMessage;
use coherence::{LineWrite, Message, MsgKind};
use topology::spec::MachineSpec;

/// The level of a directory that a message of the protocol belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Level {
    /// Between the caches of a package and the package's home. Nodes are numbered within the package.
    Package,
    /// Between homes and packages, which are numbered, or in a directory of one level caches.
    Fabric,
}

/// What a packet carries.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub enum Payload {
    /// A message of the coherence protocol about a line.
    Coherence {
        /// Between whom it is.
        level: Level,
        /// The line.
        line: Line,
        /// The message.
        msg: Message<LineData>,
    },
    /// A message of the scoped protocol.
    Scoped {
        /// The line.
        line: Line,
        /// The message.
        msg: ScopedMessage<LineData>,
    },
    /// An access to a line that is never cached, on its way to the home.
    Remote {
        /// The line.
        line: Line,
        /// What it does; nothing if it reads.
        write: Option<LineWrite>,
        /// Whether the thread wants what was there before.
        returns: bool,
        /// Bytes read or written.
        bytes: u32,
        /// How many accesses of the node to this home were before it.
        number: u64,
        /// Who asks.
        from: NodeIdx,
        /// Names the access at the node that asks.
        token: u32,
    },
    /// The home's answer.
    Answer {
        /// The line.
        line: Line,
        /// What was there before, if it was wanted.
        value: Option<LineData>,
        /// Bytes read.
        bytes: u32,
        /// Names the access.
        token: u32,
    },
    /// A thread arrives at a barrier.
    Arrive {
        /// The barrier.
        id: u32,
        /// How many arrivals release it.
        members: u32,
        /// What the thread brings.
        share: Share,
        /// Who arrives, and where from.
        from: (NodeIdx, ThreadIdx),
    },
    /// A barrier releases a thread.
    Release {
        /// Who may go on.
        thread: ThreadIdx,
        /// What came of what the members brought.
        share: Share,
        /// The barrier.
        id: u32,
    },
}

impl Payload {
    /// The class it travels in.
    pub fn class(&self) -> Class {
        match self {
            Self::Coherence { msg, .. } => msg.kind.class(),
            Self::Scoped { msg, .. } => msg.class(),
            Self::Arrive { .. } | Self::Remote { .. } => Class::Req,
            Self::Release { .. } | Self::Answer { .. } => Class::RspDown,
        }
    }

    /// Words that identify it in the run digest.
    pub(crate) fn words(&self) -> [u64; 4] {
        match self {
            Self::Coherence { level, line, msg } => {
                let data = msg
                    .data
                    .map_or(0, |d| d.0.iter().fold(1, |sum: u64, w| sum.rotate_left(7) ^ w));
                let ids = u64::from(msg.src.0) << 32 | u64::from(msg.requester.0);
                let level = u64::from(*level == Level::Package) << 8;
                [level | msg.kind as u64, line.0, ids, data]
            }
            Self::Scoped { line, msg } => {
                let data = msg
                    .data
                    .map_or(0, |d| d.0.iter().fold(1, |sum: u64, w| sum.rotate_left(7) ^ w));
                let ids = u64::from(msg.src.0) << 32 | u64::from(msg.number);
                [200 + msg.kind as u64, line.0, ids, data ^ msg.mask]
            }
            Self::Remote { line, bytes, number, from, token, .. } => {
                let what = u64::from(*bytes) << 32 | u64::from(*token);
                [102, line.0, u64::from(from.0) << 32 ^ number, what]
            }
            Self::Answer { line, value, token, .. } => {
                let data =
                    value.map_or(0, |d| d.0.iter().fold(1, |sum: u64, w| sum.rotate_left(7) ^ w));
                [103, line.0, u64::from(*token), data]
            }
            Self::Arrive { id, members, from, share } => {
                let who = share.map_or(0, word) ^ u64::from(from.1.0);
                [100, u64::from(*id), u64::from(*members), who]
            }
            Self::Release { thread, share, .. } => {
                [101, u64::from(thread.0), share.map_or(0, word), 0]
            }
        }
    }

    /// Turns a bit of its data over, which one by `dice`; what has no data stays as it is.
    ///
    /// ASSUMED: headers have a check of their own, so only data can be wrong unnoticed.
    pub(crate) fn spoil(&mut self, dice: u64) {
        let data = match self {
            Self::Coherence { msg, .. } => msg.data.as_mut(),
            Self::Scoped { msg, .. } => msg.data.as_mut(),
            Self::Answer { value, .. } => value.as_mut(),
            Self::Remote { .. } | Self::Arrive { .. } | Self::Release { .. } => None,
        };
        if let Some(data) = data {
            let dice = base::rng::mix(dice);
            data.0[(dice % 8) as usize] ^= 1 << (dice >> 8 & 63);
        }
    }

    /// A short name for logs.
    pub fn name(&self) -> String {
        match self {
            Self::Coherence { line, msg, .. } => format!("{:?} {line}", msg.kind),
            Self::Scoped { line, msg } => format!("{:?} {line}", msg.kind),
            Self::Remote { line, .. } => format!("access to {line}"),
            Self::Answer { line, .. } => format!("answer of {line}"),
            Self::Arrive { id, .. } => format!("arrival at barrier {id}"),
            Self::Release { thread, .. } => format!("release of {thread}"),
        }
    }
}

/// A share in one word, for the digest.
const fn word((how, word): (Combine, u64)) -> u64 {
    word.rotate_left(8) ^ how as u64
}

/// Packet lengths by payload: header and payload bytes in whole flits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lengths {
    header_bytes: u32,
    flit_bytes: u32,
}

impl Lengths {
    /// The lengths of a machine's packets.
    pub const fn new(spec: &MachineSpec) -> Self {
        Self { header_bytes: spec.header_bytes, flit_bytes: spec.flit_bytes }
    }

    /// Flits of a packet of the coherence protocol.
    pub fn message(self, kind: MsgKind) -> u32 {
        self.flits(kind.payload_bytes())
    }

    /// Flits of any packet.
    pub fn of(self, payload: &Payload) -> u32 {
        match payload {
            Payload::Coherence { msg, .. } => self.message(msg.kind),
            Payload::Scoped { msg, .. } => self.flits(msg.payload_bytes()),
            Payload::Remote { write, bytes, .. } => match write {
                None => self.flits(0),
                Some(LineWrite::Bytes { .. }) => self.flits(*bytes),
                // As a far atomic: two operands of 8 bytes.
                Some(LineWrite::Rmw { .. }) => self.flits(16),
            },
            Payload::Answer { value, bytes, .. } => self.flits(value.map_or(0, |_| *bytes)),
            // An arrival names barrier, members and thread in 12 bytes; a release the thread. A word takes 8.
            Payload::Arrive { share, .. } => self.flits(12 + share.map_or(0, |_| 8)),
            Payload::Release { share, .. } => self.flits(4 + share.map_or(0, |_| 8)),
        }
    }

    fn flits(self, payload_bytes: u32) -> u32 {
        (self.header_bytes + payload_bytes).div_ceil(self.flit_bytes).max(1)
    }
}
