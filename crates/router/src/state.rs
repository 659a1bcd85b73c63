//! The state of a router: input VCs with their queues, output VCs with their credits, and the sets of
//! input VCs that want something.

use base::{NodeIdx, PacketIdx, VcIdx};

use crate::store::Slot;

/// A VC of a port of a router, numbered over the whole bank: the router times the lanes of a
/// block, then `port << shift | vc`, where `2^shift` is the number of VCs a port rounded up to a
/// power of two.
#[derive(
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Lane(pub u32);

/// Where an input VC is with the packet at its front.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Stage {
    /// Empty.
    Idle,
    /// A new packet came to the front when the one before left; RC is next.
    Routing,
    /// Routed; asks for an output VC when RC is done.
    Waiting,
    /// Holds an output VC and asks for the switch whenever it has a flit and a credit.
    Active,
}

/// One input VC: a queue of flits and the state of the packet at its front. 32 bytes.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Input {
    /// First and last flit of its queue; without meaning where `len` is 0.
    pub(crate) first: Slot,
    pub(crate) last: Slot,
    /// Output VCs that the routing function allows, as bits of `out`'s word of lanes.
    pub(crate) request: u64,
    /// The cycle, low bits, in which the last packet's tail left.
    pub(crate) left: u32,
    pub(crate) len: u16,
    pub(crate) depth: u16,
    /// The output VC that it holds, or before that the first VC of the port that it wants.
    pub(crate) out: u16,
    /// Round-robin pointer over all output VCs of the router.
    pub(crate) pointer: u16,
    pub(crate) stage: Stage,
}

/// One output VC, and for the first VC of a port what belongs to the port. 16 bytes.
// Invariant: credits + in flight + buffered downstream + credits in flight == depth downstream.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Output {
    pub(crate) credits: u16,
    pub(crate) depth: u16,
    /// The input VC whose packet got it last, or [`NOBODY`]: the one that holds it, if it is held,
    /// and the round-robin pointer over input VCs, which goes on behind it.
    pub(crate) owner: u16,
    /// Scratch of allocation: the best of the input VCs that ask for it, and for the first VC of a
    /// port of those that ask for the port.
    pub(crate) claim: u16,
    /// Of the port, for the switch's arbiters, which go on behind them: the VC of the input port that
    /// sent last, the output VC that it sent to, and the input VC from which the output port was sent
    /// to last.
    pub(crate) sent: u16,
    pub(crate) sent_to: u16,
    pub(crate) taken_from: u16,
    /// Of the port: the link out has not yet taken what was sent last.
    pub(crate) busy: bool,
    /// A packet holds it; kept only where VCs are free by their credits.
    pub(crate) held: bool,
}

/// No lane.
pub(crate) const NOBODY: u16 = u16::MAX;

/// Sets of 64 lanes of a router: 64 bytes.
#[derive(Clone, Copy, Default, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sets {
    /// Inputs that ask for an output VC.
    pub(crate) waiting: u64,
    /// Inputs that ask for the switch: hold an output VC, have a flit, a credit and a free link.
    pub(crate) ready: u64,
    /// Inputs that got a new packet to the front: it is routed in the next step.
    pub(crate) turned: u64,
    /// Inputs that would be ready but for a credit.
    pub(crate) starved: u64,
    /// Inputs that got their output VC in this step: ready when it is over.
    pub(crate) fresh: u64,
    /// Outputs that may be given to a packet.
    pub(crate) free: u64,
    /// Outputs on which nothing can be sent: they have no credit, or their link is busy.
    pub(crate) shut: u64,
    /// Scratch of allocation: outputs that somebody asks for.
    pub(crate) claimed: u64,
}

/// A router of up to `L` lanes in `W` words of 64: all that its step touches, in one piece.
#[derive(Clone, Debug)]
pub(crate) struct Block<const L: usize, const W: usize> {
    pub(crate) sets: [Sets; W],
    /// Something of it runs out at a given cycle.
    pub(crate) timed: bool,
    /// Words in use.
    pub(crate) words: u16,
    pub(crate) ports: u16,
    /// Flits that left it.
    pub(crate) forwarded: u64,
    pub(crate) inputs: [Input; L],
    pub(crate) outputs: [Output; L],
}

base::state!([const L: usize, const W: usize] Block<L, W> {
    keeps timed, forwarded;
    each sets, inputs, outputs;
    fixed words, ports
});

/// What happens to a router at a given cycle unless it is the next. Lanes are the router's own.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
pub(crate) enum Timer {
    /// RC of this input VC is done.
    Routed(u16),
    /// The link out of the port whose first lane this is takes another flit.
    Link(u16),
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

impl<const L: usize, const W: usize> Block<L, W> {
    /// The block's lanes as a shift: router `i` starts at lane `i << LOG`.
    pub(crate) const LOG: u32 = L.trailing_zeros();

    /// A router with buffers of `input` and `output` flits a VC at each port.
    pub(crate) fn new(input: &[u16], output: &[u16], vcs: u8, shift: u32) -> Self {
        let idle = Input {
            first: Slot(0),
            last: Slot(0),
            request: 0,
            left: u32::MAX,
            len: 0,
            depth: 0,
            out: 0,
            pointer: 0,
            stage: Stage::Idle,
        };
        let whole = Output {
            credits: 0,
            depth: 0,
            owner: NOBODY,
            claim: NOBODY,
            sent: u16::from(vcs) - 1,
            sent_to: NOBODY,
            taken_from: NOBODY,
            busy: false,
            held: false,
        };
        let lanes = input.len() << shift;
        let mut this = Self {
            sets: [Sets::default(); W],
            timed: false,
            words: u16::try_from(lanes.div_ceil(64).max(1)).unwrap_or(u16::MAX),
            ports: u16::try_from(input.len()).unwrap_or(u16::MAX),
            forwarded: 0,
            inputs: [idle; L],
            outputs: [whole; L],
        };
        for port in 0..input.len() {
            for vc in 0..usize::from(vcs) {
                let lane = port << shift | vc;
                this.sets[lane / 64].free |= 1 << (lane % 64);
                this.inputs[lane].depth = input[port];
                this.outputs[lane].depth = output[port];
                this.outputs[lane].credits = output[port];
            }
        }
        this
    }
}
