//! The state of the routers: input VCs with their queues, output VCs with their credits, ports, and
//! for each router the sets of input VCs that want something.

use base::{NodeIdx, PacketIdx, VcIdx};

use crate::store::Slot;

/// A VC of a port of a router, numbered over the whole bank: the router's first lane, a multiple of
/// 64, then `port << shift | vc`, where `2^shift` is the number of VCs a port rounded up to a power of
/// two. So what belongs to a lane is found by shifting its number.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Lane(pub u32);

impl Lane {
    #[inline]
    pub(crate) const fn at(self) -> usize {
        self.0 as usize
    }

    #[expect(clippy::cast_possible_truncation, reason = "banks are bounded at elaboration")]
    #[inline]
    pub(crate) const fn new(at: usize) -> Self {
        Self(at as u32)
    }

    /// The word of the lane's bits.
    #[inline]
    pub(crate) const fn word(self) -> usize {
        (self.0 >> 6) as usize
    }

    /// Its bit there.
    #[inline]
    pub(crate) const fn bit(self) -> u64 {
        1 << (self.0 & 63)
    }

    /// The low half of its number, by which arbiters order the lanes of one router.
    #[expect(clippy::cast_possible_truncation, reason = "it is the low half")]
    #[inline]
    pub(crate) const fn low(self) -> u16 {
        self.0 as u16
    }
}

/// Where an input VC is with the packet at its front.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Empty.
    Idle,
    /// A new packet came to the front when the one before left; RC is next.
    Routing,
    /// Routed; asks for an output VC when RC is done.
    Waiting,
    /// Got an output VC; asks for the switch when VA is done.
    Granted,
    /// Holds an output VC and asks for the switch whenever it has a flit and a credit.
    Active,
}

/// One input VC: a queue of flits and the state of the packet at its front: 32 bytes.
#[derive(Clone, Debug)]
pub(crate) struct InputVc {
    /// First and last flit of its queue; without meaning where `len` is 0.
    pub(crate) first: Slot,
    pub(crate) last: Slot,
    pub(crate) len: u16,
    pub(crate) depth: u16,
    /// The output VC that it holds, or before that the first VC of the port that it wants.
    pub(crate) out: Lane,
    /// Round-robin pointer over all output VCs of the router: the low half of a lane.
    pub(crate) pointer: u16,
    pub(crate) stage: Stage,
    /// The cycle, low bits, in which the last packet's tail left.
    pub(crate) left: u32,
    /// VCs that the routing function allows at the output.
    pub(crate) allowed: u64,
}

/// One output VC: 16 bytes.
// Invariant: credits + in flight + buffered downstream + credits in flight == depth downstream.
#[derive(Clone, Debug)]
#[repr(align(16))]
pub(crate) struct OutputVc {
    pub(crate) credits: u16,
    pub(crate) depth: u16,
    /// Round-robin pointer over input VCs: the low half of a lane.
    pub(crate) pointer: u16,
    /// The input VC whose packet holds it, or [`NOBODY`].
    pub(crate) owner: Lane,
    /// Scratch of VC allocation: the best of the input VCs that ask for it, or [`NOBODY`].
    pub(crate) claim: Lane,
}

/// No lane.
pub(crate) const NOBODY: Lane = Lane(u32::MAX);

/// One port, both ways.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    /// Bit per VC: output VC may be given to a packet.
    pub(crate) free: u64,
    /// Switch arbiters: over VCs of the input port, over output ports that they want, over input
    /// ports of the output port. Ports by the low half of their number in the bank.
    pub(crate) input_pointer: u8,
    /// The link out has not yet taken what was sent last.
    pub(crate) busy: bool,
    pub(crate) choice_pointer: u16,
    pub(crate) output_pointer: u16,
}

/// Sets of 64 input VCs of a router, by what they are up to: 64 bytes.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Word {
    /// Ask for an output VC.
    pub(crate) waiting: u64,
    /// Ask for the switch: hold an output VC, have a flit, a credit and a link that is free.
    pub(crate) ready: u64,
    /// Got a new packet to the front in this step.
    pub(crate) routing: u64,
    /// Got a new packet to the front in the step before: it is routed in this one.
    pub(crate) turned: u64,
    /// Would be ready but for a credit.
    pub(crate) starved: u64,
    /// Scratch of VC allocation: output lanes that somebody asks for.
    pub(crate) claimed: u64,
    /// Got their output VC in this step: ready when it is over.
    pub(crate) fresh: u64,
}

/// One router's place in the bank's arrays.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Its first word of lanes.
    pub(crate) word: u32,
    pub(crate) ports: u16,
    pub(crate) words: u16,
    /// Something of it runs out at a given cycle.
    pub(crate) timed: bool,
    /// Flits that left it.
    pub(crate) forwarded: u64,
}

/// What happens to a router at a given cycle unless it is the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Timer {
    /// RC of this input VC is done.
    Routed(Lane),
    /// VA of this input VC is done.
    Granted(Lane),
    /// The link out of this port, by its number in the bank, takes another flit.
    Link(u32),
}

/// A packet that waits in a router, for whoever explains a deadlock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Blocked {
    /// The packet.
    pub packet: PacketIdx,
    /// Where it goes.
    pub dst: NodeIdx,
    /// The input port and VC in which it waits.
    pub at: (usize, VcIdx),
    /// The output port it wants.
    pub out_port: usize,
    /// The output VC that it holds, for which it has no credit; `None` while it waits for a VC.
    pub out_vc: Option<VcIdx>,
}
