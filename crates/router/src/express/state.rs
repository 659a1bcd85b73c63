//! The state of the express step: flat arrays over all lanes and ports of the bank, no entry larger
//! than a line of cache.

use crate::store::Slot;

/// No lane or port.
pub(super) const NOBODY: u32 = u32::MAX;
/// In place of a claim: whoever holds the output VC waits for a credit.
pub(super) const STARVED: u32 = u32::MAX - 1;

/// A flit in a queue: its slot, and whether it is its packet's first and last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Item(u32);

impl Item {
    const HEAD: u32 = 1 << 30;
    const TAIL: u32 = 1 << 31;

    #[inline]
    pub(super) const fn new(slot: Slot, head: bool, tail: bool) -> Self {
        let ends = if head { Self::HEAD } else { 0 } | if tail { Self::TAIL } else { 0 };
        Self(slot.0 | ends)
    }

    #[inline]
    pub(super) const fn slot(self) -> Slot {
        Slot(self.0 & (Self::HEAD - 1))
    }

    #[inline]
    pub(super) const fn is_head(self) -> bool {
        self.0 & Self::HEAD != 0
    }

    #[inline]
    pub(super) const fn is_tail(self) -> bool {
        self.0 & Self::TAIL != 0
    }
}

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
    pub(super) front: Item,
    pub(super) arrival: When,
    pub(super) last: Slot,
    pub(super) len: u16,
    pub(super) depth: u16,
    /// The output VC that its packet holds; before that one of the port that it wants.
    pub(super) out: u32,
    /// The output VC that it got last: its round-robin pointer goes on behind it.
    pub(super) pointer: u32,
    /// VCs of the port that its packet may take.
    pub(super) vcs: u64,
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

/// One port, as input and as output. 64 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port {
    /// Output VCs that may be given to a packet.
    pub(super) free: u64,
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
    /// Flits that the output port was won for.
    pub(super) forwarded: u64,
    pub(super) node: bool,
    pub(super) slow: bool,
    /// The first cycle in which the switch may send to a slow link again.
    pub(super) open_at: When,
}

impl Port {
    pub(super) const UNLINKED: Self = Self {
        free: 0,
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
        forwarded: 0,
        node: true,
        slow: false,
        open_at: 0,
    };
}
