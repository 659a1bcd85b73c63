//! The microarchitecture of a router beyond its stage delays: what a machine's description says,
//! and what routers are built from. The names are those of Dally and Towles, Principles and
//! Practices of Interconnection Networks (2004).

use serde::{Deserialize, Serialize};

/// How requests are matched with resources, for VCs and for the switch.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Allocation {
    /// Separable: each input picks one of its requests, then each output one of the inputs.
    #[default]
    InputFirst,
    /// Separable: each output picks one of its requesters, then each input one of the outputs.
    OutputFirst,
    /// Output-first, repeated among what is left; pointers move on a grant of the first iteration
    /// only (McKeown, IEEE/ACM Trans. Networking 7(2), 1999).
    Islip {
        /// At least 1.
        iterations: u8,
    },
    /// Diagonals of the request matrix, one after the other; always maximal.
    Wavefront,
}

/// Who is preferred among equals.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Arbitration {
    /// The next one behind the last that was granted.
    #[default]
    RoundRobin,
    /// The one that was granted longest ago.
    Matrix,
    /// The one whose packet is oldest.
    Age,
}

/// When an output VC may be given to the next packet.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum VcReuse {
    /// As soon as the tail is sent: packets follow each other in a VC's buffer.
    #[default]
    TailSent,
    /// When the tail's credit is back.
    TailCredit,
    /// When all credits are back: at most one packet in a VC's buffer (atomic).
    Empty,
}

/// How much room downstream a packet needs before it may take a VC.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Switching {
    /// None: flits go one by one, as credits allow.
    #[default]
    Wormhole,
    /// Room for the whole packet.
    VirtualCutThrough,
}

/// Whose the buffers of an input port are.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Buffers {
    /// Each VC has its own.
    #[default]
    Private,
    /// Each VC has `reserved_flits` of its own and all share the rest of the port's.
    Shared {
        /// At least 1, so that no VC can starve another.
        reserved_flits: u32,
    },
}

/// Which packets go before others at every arbiter.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Priority {
    /// None do.
    #[default]
    None,
    /// Later message classes: what completes a transaction before what starts one.
    Class,
    /// Older packets.
    Age,
}

/// The choices that make a router.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouterArch {
    /// A head may bid for the switch in the cycle in which it asks for its VC; such bids yield to
    /// others.
    pub speculative: bool,
    /// VC allocator.
    pub vc_allocator: Allocation,
    /// Switch allocator.
    pub switch_allocator: Allocation,
    /// Arbiters of both.
    pub arbiter: Arbitration,
    /// Crossbar inputs of each input port, at least 1.
    pub input_speedup: u8,
    /// Crossbar outputs of each output port, at least 1; more than 1 needs output buffers.
    pub output_speedup: u8,
    /// Switch allocations and traversals in a router cycle, at least 1; more than 1 needs output
    /// buffers.
    pub internal_speedup: u8,
    /// Flits of buffer at each output, behind the crossbar; `None`: a register that the link empties.
    pub output_buffer_flits: Option<u32>,
    /// When an output VC is free again.
    pub vc_reuse: VcReuse,
    /// When a packet may take a VC.
    pub switching: Switching,
    /// Whose the input buffers are.
    pub buffers: Buffers,
    /// Which packets go first.
    pub priority: Priority,
    /// A packet that has the switch keeps it until its tail.
    pub hold_switch: bool,
}

impl Default for RouterArch {
    fn default() -> Self {
        Self {
            speculative: false,
            vc_allocator: Allocation::default(),
            switch_allocator: Allocation::default(),
            arbiter: Arbitration::default(),
            input_speedup: 1,
            output_speedup: 1,
            internal_speedup: 1,
            output_buffer_flits: None,
            vc_reuse: VcReuse::default(),
            switching: Switching::default(),
            buffers: Buffers::default(),
            priority: Priority::default(),
            hold_switch: false,
        }
    }
}
