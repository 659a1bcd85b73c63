//! What hangs on the network: whoever makes packets and takes them.

use base::{GroupIdx, NodeIdx, PacketIdx, PortIdx};

use super::groups::Reduced;

/// A packet on offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The cycle in which it was made: at most the present one.
    pub created: u64,
    /// Its destination; its source itself is allowed. Or the address of a group that its source
    /// belongs to.
    pub dst: NodeIdx,
    /// Its length, at least 1.
    pub flits: u32,
    /// A number of the terminals' own, given back when the packet is delivered.
    pub tag: u32,
    /// The first cycle in which its source may have another packet of the class, if the terminals
    /// know: a source that has sent this one is not asked before, unless [`Terminals::delivered`]
    /// wakes it. 0: to be asked at once.
    pub next: u64,
}

/// What a source does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Sends this packet.
    Packet(Offer),
    /// Asks again at this cycle, which is later than the present one.
    At(u64),
    /// Waits until [`Terminals::delivered`] wakes it.
    Wait,
}

/// A packet's way through the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passage {
    /// Its number while it is in flight.
    pub packet: PacketIdx,
    /// Its source.
    pub src: NodeIdx,
    /// Its destination.
    pub dst: NodeIdx,
    /// Its traffic class.
    pub class: u8,
    /// Its length.
    pub flits: u32,
    /// The cycle in which it was made.
    pub created: u64,
    /// The cycle in which its head left the source.
    pub injected: u64,
    /// See [`Offer::tag`].
    pub tag: u32,
    /// Routers that its head visited; known when it is delivered.
    pub hops: u16,
}

/// The nodes of a [`CycleNetwork`](super::CycleNetwork): they offer packets and take them.
///
/// A source is asked for its next packet when it has sent the one before, so a queue of packets
/// that wait to be sent costs nothing where it can be computed.
pub trait Terminals {
    /// Whether each port of a node's interface asks for packets of its own, by
    /// [`next_at_port`](Self::next_at_port). Otherwise a node with several ports asks once and deals its
    /// packets out to them.
    const BY_PORT: bool = false;

    /// What the source of `class` at `node` does next, at cycle `now`.
    fn next(&mut self, node: NodeIdx, class: u8, now: u64) -> Next;

    /// As [`next`](Self::next) for one port of a node: the packet must be one that leaves by it.
    #[inline]
    fn next_at_port(&mut self, node: NodeIdx, _: PortIdx, class: u8, now: u64) -> Next {
        self.next(node, class, now)
    }

    /// The flow of a packet, where it is not to be drawn: what a routing function chooses among equal ways
    /// by.
    #[inline]
    fn flow(&mut self, _: &Offer) -> Option<u32> {
        None
    }

    /// A flit of a packet left its source at `now`.
    #[inline]
    fn flit_injected(&mut self, _: &Passage, _now: u64) {}

    /// A flit of a packet arrived at `now`.
    #[inline]
    fn flit_ejected(&mut self, _: &Passage, _now: u64) {}

    /// The value that `node` contributes to a reduction under this sequence number.
    #[inline]
    fn contribution(&mut self, _node: NodeIdx, _: GroupIdx, _sequence: u32) -> u64 {
        0
    }

    /// Contributions arrived at the root of their reduction at `now`.
    #[inline]
    fn reduced(&mut self, _: &Reduced, _now: u64) {}

    /// A packet's last flit arrived at `now`: that of a multicast at each member, which is then its
    /// destination; that of a reduction after all others were combined into it. Gives a source that
    /// waited and shall be asked again: node and class.
    fn delivered(&mut self, passage: &Passage, now: u64) -> Option<(NodeIdx, u8)>;
}
