//! The state of one router: input VCs with their buffers, output VCs with their credits.

use base::{Flit, LinkIdx, NodeIdx, PacketIdx, VcIdx};
use clock::{Domain, Edge};

use crate::PortSet;

/// Where an input VC is with the packet at its front.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Empty.
    Idle,
    /// Routed; asks for an output VC from `InputVc::ready` on.
    Waiting,
    /// Holds output VC `InputVc::out_vc`; asks for the switch from `InputVc::ready` on.
    Active,
}

/// One input VC: a ring of flits and the state of the packet at its front.
#[derive(Clone, Debug)]
pub(crate) struct InputVc {
    /// Where its ring starts in the router's flit store, and how long it is.
    pub(crate) base: usize,
    pub(crate) depth: usize,
    pub(crate) first: usize,
    pub(crate) len: usize,
    pub(crate) stage: Stage,
    /// The first edge at which the stage may ask.
    pub(crate) ready: Edge,
    pub(crate) out_port: usize,
    pub(crate) out_vc: u8,
    /// VCs that the routing function allows at the output.
    pub(crate) allowed: u64,
    /// Round-robin pointer over output VCs.
    pub(crate) pointer: u8,
}

/// One output VC.
// Invariant: credits + in flight + buffered downstream + credits in flight == depth downstream.
#[derive(Clone, Debug)]
pub(crate) struct OutputVc {
    pub(crate) credits: u32,
    pub(crate) depth: u32,
    /// Round-robin pointer over input VCs.
    pub(crate) pointer: usize,
}

/// One router.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    pub(crate) clock: Domain,
    /// The link out of each port.
    pub(crate) out: Vec<LinkIdx>,
    pub(crate) vcs: usize,
    /// `[port * vcs + vc]`
    pub(crate) inputs: Vec<InputVc>,
    /// `[port * vcs + vc]`
    pub(crate) outputs: Vec<OutputVc>,
    /// `[port]`, bit per VC: output VC is not held by a packet.
    pub(crate) free: Vec<u64>,
    pub(crate) flits: Vec<Flit>,
    /// `[port]`, bit per VC: input VC is in [`Stage::Waiting`].
    pub(crate) waiting: Vec<u64>,
    /// `[port]`, bit per VC: input VC is in [`Stage::Active`] and holds a flit.
    pub(crate) active: Vec<u64>,
    pub(crate) waiting_ports: PortSet,
    pub(crate) active_ports: PortSet,
    /// `[port]`, switch arbiters: over VCs of an input port, over input ports of an output port.
    pub(crate) input_pointer: Vec<u8>,
    pub(crate) output_pointer: Vec<usize>,
    /// Flits that left this router.
    pub(crate) forwarded: u64,
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

impl Router {
    pub(crate) fn front(&self, input: &InputVc) -> &Flit {
        &self.flits[input.base + input.first]
    }

    /// Puts a flit at the end of an input VC's ring.
    ///
    /// # Panics
    /// If the ring is full: the sender spent a credit it did not have.
    pub(crate) fn push(&mut self, input: usize, flit: Flit) {
        let vc = &mut self.inputs[input];
        assert!(vc.len < vc.depth, "input VC {input} overflows its {} flits", vc.depth);
        let mut at = vc.first + vc.len;
        if at >= vc.depth {
            at -= vc.depth;
        }
        self.flits[vc.base + at] = flit;
        vc.len += 1;
    }

    /// Takes the first flit of an input VC's ring.
    pub(crate) fn pop(&mut self, input: usize) -> Flit {
        let vc = &mut self.inputs[input];
        debug_assert!(vc.len > 0);
        let flit = self.flits[vc.base + vc.first];
        vc.first = if vc.first + 1 == vc.depth { 0 } else { vc.first + 1 };
        vc.len -= 1;
        flit
    }

    pub(crate) fn set_waiting(&mut self, port: usize, vc: u8) {
        self.waiting[port] |= 1 << vc;
        self.waiting_ports.insert(port);
    }

    pub(crate) fn clear_waiting(&mut self, port: usize, vc: u8) {
        self.waiting[port] &= !(1 << vc);
        if self.waiting[port] == 0 {
            self.waiting_ports.remove(port);
        }
    }

    pub(crate) fn set_active(&mut self, port: usize, vc: u8) {
        self.active[port] |= 1 << vc;
        self.active_ports.insert(port);
    }

    pub(crate) fn clear_active(&mut self, port: usize, vc: u8) {
        self.active[port] &= !(1 << vc);
        if self.active[port] == 0 {
            self.active_ports.remove(port);
        }
    }
}
