//! The state of the express step: tables over all lanes and ports of the bank, no entry larger than a
//! line of cache.

use base::{Class, NodeIdx, PacketIdx};

/// No lane or port.
pub(super) const NOBODY: u32 = u32::MAX;
/// In place of a claim: whoever holds the output VC waits for a credit.
pub(super) const STARVED: u32 = u32::MAX - 1;
/// In place of a lane in a list: who was there has left it. Nobody claims anything for it.
pub(super) const GONE: u32 = u32::MAX - 2;

/// A flit in one word: its packet, what routers must know of it, and how many have routed it.
///
/// Packets are numbered up to 2^26, nodes up to 2^16; routers are counted modulo 2^16.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PackedFlit(u64);

impl PackedFlit {
    const DST: u32 = 26;
    const HOPS: u32 = 42;
    const CLASS: u32 = 58;
    const HEAD: u32 = 62;
    const TAIL: u32 = 63;
    /// Packets that can be told apart.
    pub const PACKETS_MAX: usize = 1 << Self::DST;
    /// Nodes that can be told apart.
    pub const NODES_MAX: usize = 1 << (Self::HOPS - Self::DST);
    const NONE: Self = Self(0);

    /// A flit that no router has routed: its packet's head, its tail, both or neither.
    #[inline]
    pub const fn new(
        packet: PacketIdx,
        dst: NodeIdx,
        class: Class,
        (head, tail): (bool, bool),
    ) -> Self {
        debug_assert!(packet.at() < Self::PACKETS_MAX && dst.at() < Self::NODES_MAX);
        let word = packet.0 as u64 | (dst.0 as u64) << Self::DST | (class as u64) << Self::CLASS;
        Self(word | (head as u64) << Self::HEAD | (tail as u64) << Self::TAIL)
    }

    /// Its packet.
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    #[inline]
    pub const fn packet(self) -> PacketIdx {
        PacketIdx(self.0 as u32 & ((1 << Self::DST) - 1))
    }

    /// Where its packet goes.
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    #[inline]
    pub const fn dst(self) -> NodeIdx {
        NodeIdx((self.0 >> Self::DST) as u16 as u32)
    }

    /// Its message class.
    #[inline]
    pub const fn class(self) -> Class {
        CLASSES[(self.0 >> Self::CLASS & 7) as usize]
    }

    /// Routers that have routed it; of heads.
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    #[inline]
    pub const fn hops(self) -> u16 {
        (self.0 >> Self::HOPS) as u16
    }

    /// Whether it is its packet's first.
    #[inline]
    pub const fn is_head(self) -> bool {
        self.0 >> Self::HEAD & 1 == 1
    }

    /// Whether it is its packet's last.
    #[inline]
    pub const fn is_tail(self) -> bool {
        self.0 >> Self::TAIL == 1
    }

    /// Notes that one more router has routed it.
    #[inline]
    pub(super) const fn routed(&mut self) {
        let hops = self.hops().wrapping_add(1);
        self.0 = self.0 & !(0xffff << Self::HOPS) | (hops as u64) << Self::HOPS;
    }
}

/// Classes by the three bits of a [`PackedFlit`] that tell them.
const CLASSES: [Class; 8] = {
    let mut all = [Class::Ack; 8];
    let mut class = 0;
    while class < Class::ALL.len() {
        all[class] = Class::ALL[class];
        class += 1;
    }
    all
};

/// A cycle by its low bits: later and earlier are told apart within 2^31 cycles.
pub(super) type When = u32;

/// Whether cycle `a` comes after `b`.
#[expect(clippy::cast_possible_wrap, reason = "the sign of the difference is the answer")]
#[inline]
pub(super) const fn after(a: When, b: When) -> bool {
    (a.wrapping_sub(b) as i32) > 0
}

/// The later of two cycles.
#[inline]
pub(super) const fn later(a: When, b: When) -> When {
    if after(a, b) { a } else { b }
}

/// The low bits of a cycle.
#[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
#[inline]
pub(super) const fn when(cycle: u64) -> When {
    cycle as u32
}

/// One input VC: a queue of flits, those under way to it included. 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    /// The flit at the front, and when it arrives or arrived; without meaning where `len` is 0.
    pub(super) front: PackedFlit,
    pub(super) arrival: When,
    /// The output VC that its packet holds; before that one of the port that it wants.
    pub(super) out: u32,
    /// VCs of the port that its packet may take.
    pub(super) vcs: u64,
    /// The output VC that it got last: its round-robin pointer goes on behind it.
    pub(super) pointer: u32,
    pub(super) len: u16,
    /// Where in its ring of waiting flits the one behind the front is.
    pub(super) second: u16,
}

impl Input {
    pub(super) const EMPTY: Self = Self {
        front: PackedFlit::NONE,
        arrival: 0,
        out: 0,
        vcs: 0,
        pointer: NOBODY,
        len: 0,
        second: 0,
    };
}

/// A flit behind the front of its queue, and when it arrives or arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued {
    pub(super) flit: PackedFlit,
    pub(super) arrival: When,
}

impl Queued {
    pub(super) const NONE: Self = Self { flit: PackedFlit::NONE, arrival: 0 };
}

/// One output VC. Credits are numbered: the n-th flit is sent on the n-th credit, and credits are
/// issued when a flit leaves the buffer downstream, each with the cycle from which on it counts.
/// 16 bytes.
// Invariant: issued - sent + flits buffered and under way downstream == depth downstream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    /// The input VC whose packet got it last, or [`NOBODY`].
    pub(super) owner: u32,
    /// Scratch of allocation: the best of those who ask for it; or [`STARVED`].
    pub(super) claim: u32,
    pub(super) issued: u16,
    pub(super) sent: u16,
    /// From when on the credit counts that was issued last.
    pub(super) newest: When,
}

impl Output {
    /// One that nobody has had, with so many credits.
    pub(super) const fn new(credits: u16) -> Self {
        Self { owner: NOBODY, claim: NOBODY, issued: credits, sent: 0, newest: 0 }
    }
}

/// One port, as input and as output. 64 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Port {
    /// Output VCs that may be given to a packet.
    pub(super) free: u64,
    /// Flits that the output port was won for.
    pub(super) forwarded: u64,
    /// Scratch of the switch: the best VC of the input port, and the best input VC for the output
    /// port.
    pub(super) chosen: u32,
    pub(super) claim: u32,
    /// Where the switch's arbiters go on behind: the VC that sent last, the output VC that it sent to,
    /// and the input VC from which this output port was sent to last.
    pub(super) sent: u32,
    pub(super) sent_to: u32,
    pub(super) taken_from: u32,
    /// The first of the input VCs that wait for an output VC of this port to become free.
    pub(super) parked: u32,
    /// The first lane of the port at the far end; of a node, the number of its source times 64.
    pub(super) far: u32,
    /// From the switch here to the buffer there.
    pub(super) latency: u32,
    /// From the switch here until the credit counts there.
    pub(super) credit_latency: u32,
    /// From a node's taking a flit until its credit counts here; of ports to nodes.
    pub(super) node_latency: u32,
    /// The first cycle in which the switch may send to a slow link again.
    pub(super) open_at: When,
    pub(super) node: bool,
    pub(super) slow: bool,
}

impl Port {
    pub(super) const UNLINKED: Self = Self {
        free: 0,
        forwarded: 0,
        chosen: NOBODY,
        claim: NOBODY,
        sent: NOBODY,
        sent_to: NOBODY,
        taken_from: NOBODY,
        parked: NOBODY,
        far: 0,
        latency: 0,
        credit_latency: 0,
        node_latency: 0,
        open_at: 0,
        node: true,
        slow: false,
    };
}

const _: () = assert!(size_of::<Input>() == 32 && size_of::<Output>() == 16);
const _: () = assert!(size_of::<Port>() == 64);
