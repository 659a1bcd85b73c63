//! The state of the express step: a table over all lanes of the bank.

use base::{Class, NodeIdx, PacketIdx};
use zerocopy::FromZeros;

/// The number of a lane, or of a port: that of its lanes without the bits that are the VC.
pub(super) type LaneNo = u16;

/// The lane of a number that is known to be one.
#[expect(clippy::cast_possible_truncation, reason = "lanes are counted when the tables are made")]
#[inline]
pub(super) const fn lane_no(lane: u32) -> LaneNo {
    debug_assert!(lane <= LaneNo::MAX as u32, "a lane beyond the tables");
    lane as LaneNo
}

/// No lane or port.
pub(super) const NOBODY: LaneNo = LaneNo::MAX;

/// A flit in one word: its packet, what routers must know of it, and how many have routed it.
///
/// ```text
///   63     48 47      32 31      5 4     2    1      0
///   │ hops   │ node     │ packet  │ class │ head │ tail │
/// ```
///
/// Routers are counted modulo 2^16.
#[derive(Clone, Copy, PartialEq, Eq, Debug, FromZeros)]
pub struct PackedFlit(u64);

impl PackedFlit {
    const TAIL: u64 = 1;
    const HEAD: u64 = 2;
    const CLASS: u32 = 2;
    const PACKET: u32 = 5;
    const DST: u32 = 32;
    const HOPS: u32 = 48;
    /// Packets that can be told apart.
    pub const PACKETS_MAX: usize = 1 << (Self::DST - Self::PACKET);
    /// Nodes that can be told apart.
    pub const NODES_MAX: usize = 1 << (Self::HOPS - Self::DST);
    pub(super) const NONE: Self = Self(0);

    /// A flit that no router has routed: its packet's head, its tail, both or neither.
    #[inline]
    pub const fn new(
        packet: PacketIdx,
        dst: NodeIdx,
        class: Class,
        (head, tail): (bool, bool),
    ) -> Self {
        debug_assert!(packet.at() < Self::PACKETS_MAX && dst.at() < Self::NODES_MAX);
        let word = (packet.0 as u64) << Self::PACKET | (dst.0 as u64) << Self::DST;
        Self(word | (class as u64) << Self::CLASS | (head as u64) << 1 | tail as u64)
    }

    /// Its packet.
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    #[inline]
    pub const fn packet(self) -> PacketIdx {
        PacketIdx(self.0 as u32 >> Self::PACKET)
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
        CLASSES[self.class_bits()]
    }

    /// The bits of its message class.
    #[inline]
    pub(super) const fn class_bits(self) -> usize {
        (self.0 >> Self::CLASS) as usize & ((1 << CLASS_BITS) - 1)
    }

    /// Routers that have routed it; of heads.
    #[inline]
    pub const fn hops(self) -> u16 {
        (self.0 >> Self::HOPS) as u16
    }

    /// Whether it is its packet's first.
    #[inline]
    pub const fn is_head(self) -> bool {
        self.0 & Self::HEAD != 0
    }

    /// Whether it is its packet's last.
    #[inline]
    pub const fn is_tail(self) -> bool {
        self.0 & Self::TAIL != 0
    }

    /// The same flit when one more router has routed it.
    #[inline]
    pub(super) const fn routed(self) -> Self {
        self.routed_by(1)
    }

    /// The same flit when so many more routers have routed it.
    #[inline]
    pub(super) const fn routed_by(self, routers: u16) -> Self {
        Self(self.0.wrapping_add((routers as u64) << Self::HOPS))
    }
}

/// How many bits of a [`PackedFlit`] tell its class.
pub(super) const CLASS_BITS: u32 = 3;

/// Classes by these bits.
const CLASSES: [Class; 1 << CLASS_BITS] = {
    let mut all = [Class::Ack; 1 << CLASS_BITS];
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

/// What there is to a lane: an input VC and an output VC, of one number and else unrelated. One line of
/// cache.
#[derive(Clone, Copy, Debug, FromZeros)]
#[repr(C)]
pub(super) struct Cell {
    pub(super) output: Output,
    pub(super) input: Input,
}

impl Cell {
    pub(super) const NONE: Self = Self { output: Output::NONE, input: Input::EMPTY };
}

/// One input VC: a queue of flits, those under way to it included.
#[derive(Clone, Copy, Debug, FromZeros)]
pub(super) struct Input {
    /// The flit at the front; without meaning where `len` is 0.
    pub(super) front: PackedFlit,
    /// VCs of the port that its packet may take.
    pub(super) vcs: u64,
    /// The output port that its packet wants.
    pub(super) want: LaneNo,
    /// The output VC that its packet holds; before that the one that was held last, or [`NOBODY`]: its round-robin
    /// pointer goes on behind it.
    pub(super) out: LaneNo,
    pub(super) len: u16,
    /// Where in its ring of waiting flits the one behind the front is, and where the next to come will be.
    pub(super) second: u16,
    pub(super) end: u16,
    pub(super) room: u16,
    /// When the flit at the front arrives or arrived.
    pub(super) arrival: When,
    /// What it keeps while it waits. For a credit: from when on it could send but for that. For a VC: the
    /// next of those that wait for one of the same port, or [`NOBODY`].
    pub(super) since: When,
    /// Where the hops of its router [begin](super::hops::Hops::row).
    pub(super) row: u32,
}

impl Input {
    pub(super) const EMPTY: Self = Self {
        front: PackedFlit::NONE,
        vcs: 0,
        want: 0,
        out: NOBODY,
        len: 0,
        second: 0,
        end: 0,
        room: 0,
        arrival: 0,
        since: 0,
        row: 0,
    };
}

/// A flit behind the front of its queue, and when it arrives or arrived.
#[derive(Clone, Copy, Debug, FromZeros)]
pub(super) struct Queued {
    pub(super) flit: PackedFlit,
    pub(super) arrival: When,
}

/// One output VC.
// Invariant: credits + credits on their way + flits buffered and under way downstream == depth there.
#[derive(Clone, Copy, Debug, FromZeros)]
pub(super) struct Output {
    /// Its bit among the VCs of its port.
    pub(super) bit: u64,
    /// The input VC at the far end of its link; [`NODE`] and more where that is a node's.
    pub(super) far: u32,
    /// The input VC whose packet got it last, or [`NOBODY`].
    pub(super) owner: LaneNo,
    /// Scratch of VC allocation: the best of those who ask for it.
    pub(super) asker: LaneNo,
    /// How many credits it has; [`STARVED`] in their stead if its owner waits for one.
    pub(super) credits: u16,
    pub(super) depth: u16,
    /// The port that the lane is of, and the first of its router.
    pub(super) port: LaneNo,
    pub(super) ports: LaneNo,
}

impl Output {
    /// One that is not there.
    pub(super) const NONE: Self = Self {
        bit: 0,
        far: NODE,
        owner: NOBODY,
        asker: NOBODY,
        credits: 0,
        depth: 0,
        port: NOBODY,
        ports: NOBODY,
    };
}

/// In place of no credits: the owner of an output VC waits for one. One more is seen by its sign.
pub(super) const STARVED: u16 = 1 << 15;

/// The bit of a lane at the far end of a link that says that there is a node; the others are the number
/// of its source times 64, and the VC.
pub(super) const NODE: u32 = 1 << 31;

/// A flit was sent from this input VC to this output VC.
#[derive(Clone, Copy, Debug, FromZeros)]
#[repr(C, align(4))]
pub(super) struct Sent {
    lane: LaneNo,
    out: LaneNo,
}

impl Sent {
    /// None was.
    pub(super) const NONE: Self = Self::new(NOBODY, NOBODY);

    #[inline]
    pub(super) const fn new(lane: LaneNo, out: LaneNo) -> Self {
        Self { lane, out }
    }

    #[inline]
    pub(super) const fn lane(self) -> LaneNo {
        self.lane
    }

    #[inline]
    pub(super) const fn out(self) -> LaneNo {
        self.out
    }
}

/// One port, as input and as output. One line of cache.
#[derive(Clone, Copy, Debug, FromZeros)]
pub(super) struct Port {
    /// Output VCs that may be given to a packet.
    pub(super) free: u64,
    /// Flits that the output port was won for.
    pub(super) forwarded: u64,
    /// Scratch of the switch: the best VC of the input port, and the best input VC for the output
    /// port.
    pub(super) chosen: LaneNo,
    pub(super) claim: LaneNo,
    /// Where the switch's arbiters go on behind: the VC that sent last, the output VC that it sent to,
    /// and the input VC from which this output port was sent to last.
    pub(super) sent: Sent,
    pub(super) taken_from: LaneNo,
    /// The first of the input VCs that wait for an output VC of this port to become free.
    pub(super) parked: LaneNo,
    /// From the switch here to the buffer there.
    pub(super) latency: u32,
    /// From the switch here until the credit counts there.
    pub(super) credit_latency: u32,
    /// From the switch here until the credit counts here that a node at the far end gives back.
    pub(super) node_latency: u32,
    /// The first cycle in which the switch may send to a slow link again.
    pub(super) open_at: When,
    /// The lane of its first VC.
    pub(super) first: LaneNo,
    /// From the buffer here to the buffer there, of a head that waits for nobody; to the VC allocation here, of links to
    /// nodes.
    pub(super) lead: u32,
    pub(super) room: [u16; 7],
}

impl Port {
    pub(super) const UNLINKED: Self = Self {
        free: 0,
        forwarded: 0,
        chosen: NOBODY,
        claim: NOBODY,
        sent: Sent::NONE,
        taken_from: NOBODY,
        parked: NOBODY,
        latency: 0,
        credit_latency: 0,
        node_latency: 0,
        open_at: 0,
        first: NOBODY,
        lead: 0,
        room: [0; 7],
    };
}

const _: () = assert!(size_of::<Cell>() == 64 && size_of::<Port>() == 64);
