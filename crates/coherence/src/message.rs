//! Protocol messages and their classes.
//!
//! ```text
//! Req      GetS GetM Upg PutS PutE PutM PutO Far  cache -> home
//! Fwd      FwdGetS FwdGetM FwdInv Inv             home -> cache
//! RspUp    Wb FwdAckO FwdAckS FwdAckI InvAck      cache -> home, InvAck also cache -> cache
//! RspDown  Data DataE AckCount PutAck FarResp     home or another cache -> cache
//! Ack      CompAck                                cache -> home
//! ```
//!
//! `PutO` and `FwdAckO` come with the owned state, `FwdAckS` and `FwdAckI` with direct transfer. The three
//! acknowledgements are the data-less answers to a `FwdGetS`, named after the state that is left behind:
//! CHI's `SnpResp_SD_Fwded_SC`, `SnpResp_SC_Fwded_SC` and `SnpResp_I`.

use core::fmt;

use base::{Class, NodeIdx};

use crate::value::Value;

/// A `dst` that stands for each node of the resulting line's sharer set. Only the tables write it;
/// controllers send one copy to each of them.
pub const EACH_SHARER: NodeIdx = NodeIdx(u32::MAX);

/// What a message says.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[repr(u8)]
pub enum MsgKind {
    /// Asks for a copy to read.
    GetS,
    /// Asks for the only copy, with data.
    GetM,
    /// Asks to turn a shared copy into the only one.
    Upg,
    /// Gives up a shared copy.
    PutS,
    /// Gives up a clean exclusive copy.
    PutE,
    /// Gives up a modified copy and carries its data.
    PutM,
    /// Gives up an owned copy and carries its data.
    PutO,
    /// Asks home to perform an atomic on memory.
    Far,
    /// Tells the owner, or a sharer that forwards, to send data to a reader and to answer home.
    FwdGetS,
    /// Tells the owner to send data to a writer, with the count, and give up its copy.
    FwdGetM,
    /// Tells the owner to write back and give up its copy.
    FwdInv,
    /// Tells a sharer to give up its copy and to acknowledge to the one who gathers; the owner, too, when
    /// the writer has the data already.
    Inv,
    /// The owner's data, on the way to memory.
    Wb,
    /// The reader was sent data, and the owner keeps the line, which memory does not have.
    FwdAckO,
    /// The reader was sent data that memory has as well.
    FwdAckS,
    /// Nothing was sent: there is no copy here any more.
    FwdAckI,
    /// A shared copy is gone.
    InvAck,
    /// A copy; to a writer with the number of acknowledgements to gather.
    Data,
    /// A copy that no other cache has.
    DataE,
    /// An upgrade is granted once this many acknowledgements are gathered.
    AckCount,
    /// A Put is done with.
    PutAck,
    /// An atomic was performed; carries the line's old value.
    FarResp,
    /// The requester has what it asked for: home may serve the next request for the line.
    CompAck,
}

impl MsgKind {
    /// Every kind.
    pub const ALL: [Self; 23] = [
        Self::GetS,
        Self::GetM,
        Self::Upg,
        Self::PutS,
        Self::PutE,
        Self::PutM,
        Self::PutO,
        Self::Far,
        Self::FwdGetS,
        Self::FwdGetM,
        Self::FwdInv,
        Self::Inv,
        Self::Wb,
        Self::FwdAckO,
        Self::FwdAckS,
        Self::FwdAckI,
        Self::InvAck,
        Self::Data,
        Self::DataE,
        Self::AckCount,
        Self::PutAck,
        Self::FarResp,
        Self::CompAck,
    ];

    /// The class it travels in.
    #[inline]
    pub const fn class(self) -> Class {
        match self {
            Self::GetS
            | Self::GetM
            | Self::Upg
            | Self::PutS
            | Self::PutE
            | Self::PutM
            | Self::PutO
            | Self::Far => Class::Req,
            Self::FwdGetS | Self::FwdGetM | Self::FwdInv | Self::Inv => Class::Fwd,
            Self::Wb | Self::FwdAckO | Self::FwdAckS | Self::FwdAckI | Self::InvAck => Class::RspUp,
            Self::Data | Self::DataE | Self::AckCount | Self::PutAck | Self::FarResp => {
                Class::RspDown
            }
            Self::CompAck => Class::Ack,
        }
    }

    /// Whether it carries the whole line.
    ///
    /// `Far` and `FarResp` do not: on the wire they carry a word or two, although the model gives
    /// them the line's value so that checkers can see it.
    #[inline]
    pub const fn carries_data(self) -> bool {
        matches!(self, Self::PutM | Self::PutO | Self::Wb | Self::Data | Self::DataE)
    }

    /// Whether it gives up a copy.
    #[inline]
    pub const fn is_put(self) -> bool {
        matches!(self, Self::PutS | Self::PutE | Self::PutM | Self::PutO)
    }

    /// Bytes of payload on the wire, without the header.
    ///
    /// ASSUMED: `Far` carries two 8-byte operands (compare and swap), `FarResp` one 8-byte word:
    /// the widest atomic is 8 bytes.
    #[inline]
    pub const fn payload_bytes(self) -> u32 {
        match self {
            Self::Far => 16,
            Self::FarResp => 8,
            kind if kind.carries_data() => 64,
            _ => 0,
        }
    }
}

/// Who gathers the acknowledgements of an invalidation.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum Gather {
    /// The cache that wants to write.
    Requester,
    /// Home: for recalls and far atomics.
    Home,
}

/// A message about one line; which line is said by whatever wraps it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
pub struct Message<V: Value> {
    /// What it says.
    pub kind: MsgKind,
    /// Who sends it.
    pub src: NodeIdx,
    /// Who gets it.
    pub dst: NodeIdx,
    /// The cache whose request it is about; home itself in a recall.
    pub requester: NodeIdx,
    /// Of an `Inv` and its `InvAck`: who gathers. `Requester` in all others.
    pub gather: Gather,
    /// Of `Data`, `AckCount` and `FwdGetM`: how many `InvAck`s the requester must gather.
    pub acks: u16,
    /// The line's value, in the kinds that carry one.
    pub data: Option<V>,
    /// Of `Far`: what is to be done.
    pub write: Option<V::Write>,
}

impl<V: Value> Message<V> {
    /// A message that carries neither data nor counts.
    #[inline]
    pub const fn new(kind: MsgKind, src: NodeIdx, dst: NodeIdx, requester: NodeIdx) -> Self {
        Self {
            kind,
            src,
            dst,
            requester,
            gather: Gather::Requester,
            acks: 0,
            data: None,
            write: None,
        }
    }

    /// The same message to `dst`.
    #[inline]
    #[must_use]
    pub fn to(mut self, dst: NodeIdx) -> Self {
        self.dst = dst;
        self
    }

    /// Whether the home slice of `dst` gets it; otherwise its cache does.
    #[inline]
    pub fn to_home(&self) -> bool {
        match self.kind.class() {
            Class::Req | Class::Ack => true,
            Class::Fwd | Class::RspDown => false,
            Class::RspUp => self.kind != MsgKind::InvAck || self.gather == Gather::Home,
        }
    }
}

impl<V: Value> fmt::Display for Message<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} -> {} for {}", self.kind, self.src, self.dst, self.requester)?;
        if self.acks > 0 {
            write!(f, ", {} acks", self.acks)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inv_ack_goes_to_whoever_gathers() {
        let (a, b) = (NodeIdx(1), NodeIdx(2));
        let mut ack = Message::<u8>::new(MsgKind::InvAck, a, b, b);
        assert!(!ack.to_home());
        ack.gather = Gather::Home;
        assert!(ack.to_home());
    }

    #[test]
    fn the_list_of_kinds_is_in_order_and_complete() {
        for (at, kind) in MsgKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, at);
        }
        assert_eq!(MsgKind::CompAck as usize + 1, MsgKind::ALL.len());
    }
}
