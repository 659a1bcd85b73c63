//! Messages of the scoped protocol.

use core::fmt;

use base::{Class, NodeIdx, Scope};

use super::line::Parts;

/// What of a node a message is for, or from.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum Unit {
    /// The node's own scoped cache.
    Cache,
    /// Its slice of the package's cache.
    Slice,
    /// Its home slice.
    Home,
}

/// What a message says.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[repr(u8)]
pub enum ScopedKind {
    /// Asks for the line.
    Read,
    /// Asks for some of the line as it is at the point of coherence of a scope.
    ReadAt,
    /// Carries dirty parts on their way to memory.
    Through,
    /// Asks for an atomic at the point of coherence of a scope.
    Far,
    /// Asks a slice to write through what is dirty there, and to tell when that is acknowledged.
    Release,
    /// Asks a slice to drop what is clean there.
    Acquire,
    /// The line.
    Data,
    /// The answer to `ReadAt` or `Far`.
    Resp,
    /// A write-through has arrived.
    Ack,
    /// A slice has done what a `Release` or `Acquire` asked.
    Done,
}

impl ScopedKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::ReadAt,
        Self::Through,
        Self::Far,
        Self::Release,
        Self::Acquire,
        Self::Data,
        Self::Resp,
        Self::Ack,
        Self::Done,
    ];

    /// Whether it answers a request.
    #[inline]
    pub const fn answers(self) -> bool {
        matches!(self, Self::Data | Self::Resp | Self::Ack | Self::Done)
    }
}

/// A message about one line, but for `Release`, `Acquire` and `Done`, which are about all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
pub struct ScopedMessage<V: Parts> {
    /// What it says.
    pub kind: ScopedKind,
    /// Who sends it.
    pub src: NodeIdx,
    /// What of it.
    pub from: Unit,
    /// Who gets it.
    pub dst: NodeIdx,
    /// What of it.
    pub to: Unit,
    /// Of `ReadAt` and `Far`: the scope. Of `Through`: how far it must come before it is acknowledged.
    pub scope: Scope,
    /// The parts that are asked for, or carried.
    pub mask: u64,
    /// The line's value, in the kinds that carry one.
    pub data: Option<V>,
    /// Of `Far`: what is to be done.
    pub write: Option<V::Write>,
    /// The node whose thread asks.
    pub requester: NodeIdx,
    /// Names what it asks for at that node: the access, the acquire or the release.
    pub number: u32,
}

impl<V: Parts> ScopedMessage<V> {
    /// A request of `src` that carries nothing.
    pub(super) const fn new(kind: ScopedKind, src: (NodeIdx, Unit), dst: (NodeIdx, Unit)) -> Self {
        Self {
            kind,
            src: src.0,
            from: src.1,
            dst: dst.0,
            to: dst.1,
            scope: Scope::Supernode,
            mask: 0,
            data: None,
            write: None,
            requester: src.0,
            number: 0,
        }
    }

    /// The answer to it.
    pub(super) const fn answer(&self, kind: ScopedKind) -> Self {
        let mut answer = Self::new(kind, (self.dst, self.to), (self.src, self.from));
        (answer.mask, answer.number) = (self.mask, self.number);
        answer.requester = self.requester;
        answer
    }

    /// The class it travels in: a slice that asks home does so for a request, and home's answer is
    /// waited for by the slice's.
    #[inline]
    pub const fn class(&self) -> Class {
        match (self.kind.answers(), self.from, self.to) {
            (false, Unit::Slice, _) => Class::Fwd,
            (false, ..) => Class::Req,
            (true, Unit::Home, Unit::Slice) => Class::RspUp,
            (true, ..) => Class::RspDown,
        }
    }

    /// Bytes of payload on the wire, where each part is a byte; without the header.
    ///
    /// ASSUMED: a write-through carries its bytes and, unless it is the whole line, a mask of 8 bytes;
    /// an atomic two operands of 8 bytes, as in the coherent mode.
    #[inline]
    pub const fn payload_bytes(&self) -> u32 {
        match self.kind {
            ScopedKind::Data => 64,
            ScopedKind::Through if self.mask == u64::MAX => 64,
            ScopedKind::Through => 8 + self.mask.count_ones(),
            ScopedKind::Far => 16,
            ScopedKind::Resp => self.mask.count_ones(),
            _ => 0,
        }
    }
}

impl<V: Parts> fmt::Display for ScopedMessage<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, src, from, dst, to, .. } = self;
        write!(f, "{kind:?} {src} {from:?} -> {dst} {to:?}")
    }
}
