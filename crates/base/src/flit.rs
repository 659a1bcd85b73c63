//! Flits and message classes.

use crate::{NodeIdx, PacketIdx, VcIdx};

/// A protocol message class. Each class has virtual channels of its own, and a class only ever
/// waits for later ones, so the protocol cannot deadlock the network.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[repr(u8)]
pub enum Class {
    /// Requests to a home.
    Req = 0,
    /// Snoops from a home.
    Fwd = 1,
    /// Responses on the way up, to a home or to the cache that gathers them.
    RspUp = 2,
    /// Responses to a requester.
    RspDown = 3,
    /// Completion acknowledgements.
    Ack = 4,
}

/// How many message classes there are.
pub const CLASS_COUNT: usize = 5;

impl Class {
    /// Every class, in the order in which one may wait for the next.
    pub const ALL: [Self; CLASS_COUNT] =
        [Self::Req, Self::Fwd, Self::RspUp, Self::RspDown, Self::Ack];

    /// The class's place in [`Class::ALL`].
    #[inline]
    pub const fn at(self) -> usize {
        self as usize
    }
}

/// A flit: the unit of flow control. 28 bytes, copied by value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Flit {
    /// The packet it belongs to, a slot of the machine's slab.
    pub packet: PacketIdx,
    /// Where the packet goes.
    pub dst: NodeIdx,
    /// Where it comes from.
    pub src: NodeIdx,
    /// Spreads packets over equal paths; the same for all flits of a packet.
    pub flow: u32,
    /// The routing function's note on the packet; heads only.
    pub state: u32,
    /// Flits of its packet, at least 1; packets of more than 65,535 flits count as that long.
    pub flits: u16,
    /// The VC it travels in on the link it is on.
    pub vc: VcIdx,
    /// The packet's class.
    pub class: Class,
    /// First flit of its packet.
    pub head: bool,
    /// Last flit of its packet.
    pub tail: bool,
}
