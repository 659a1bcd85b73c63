//! The state of one router: input VCs with their buffers, output VCs with their credits.

use base::{Flit, NodeIdx, PacketIdx, VcIdx};
use clock::{Domain, Edge};

use crate::PortSet;
use crate::store::Store;

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

/// One input VC: a queue of flits and the state of the packet at its front.
#[derive(Clone, Debug)]
pub(crate) struct InputVc {
    /// Its first and last slot in the router's flit store; without meaning where `len` is 0.
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) len: u32,
    pub(crate) out_port: u16,
    pub(crate) out_vc: u8,
    pub(crate) stage: Stage,
    /// The first edge at which the stage may ask.
    pub(crate) ready: Edge,
    /// The edge at which the packet at the front was routed.
    pub(crate) routed: Edge,
    /// VCs that the routing function allows at the output.
    pub(crate) allowed: u64,
    /// Round-robin pointer over all output VCs of the router: port and VC.
    pub(crate) pointer: (u16, u8),
}

/// One output VC.
// Invariant: credits + in flight + buffered downstream + credits in flight == depth downstream.
#[derive(Clone, Debug)]
pub(crate) struct OutputVc {
    pub(crate) credits: u32,
    /// Round-robin pointer over input VCs.
    pub(crate) pointer: u32,
}

/// One port, both ways.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    /// The first edge at which the link out takes another flit.
    pub(crate) link_ready: Edge,
    /// Bit per VC: input VC is in [`Stage::Waiting`].
    pub(crate) waiting: u64,
    /// Bit per VC: input VC is in [`Stage::Active`] and holds a flit.
    pub(crate) active: u64,
    /// Bit per VC: output VC is not held by a packet.
    pub(crate) free: u64,
    /// Flits of buffer a VC: here, and at the far end of the link out.
    pub(crate) depth: u32,
    pub(crate) out_depth: u32,
    /// Switch arbiters: over VCs of the input port, over output ports that they want, over input
    /// ports of the output port.
    pub(crate) input_pointer: u8,
    pub(crate) choice_pointer: u16,
    pub(crate) output_pointer: u16,
}

/// One router.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    pub(crate) clock: Domain,
    pub(crate) vcs: usize,
    pub(crate) ports: Vec<Port>,
    /// `[port * vcs + vc]`
    pub(crate) inputs: Vec<InputVc>,
    /// `[port * vcs + vc]`
    pub(crate) outputs: Vec<OutputVc>,
    pub(crate) flits: Store,
    pub(crate) waiting_ports: PortSet,
    pub(crate) active_ports: PortSet,
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
    #[inline]
    pub(crate) fn front(&self, input: &InputVc) -> &Flit {
        self.flits.get(input.first)
    }

    /// Puts a flit at the end of an input VC's queue; gives the VC's stage.
    ///
    /// # Panics
    /// If the buffer is full: the sender spent a credit it did not have.
    #[inline]
    pub(crate) fn push(&mut self, port: usize, flit: Flit) -> Stage {
        let depth = self.ports[port].depth;
        let vc = &mut self.inputs[port * self.vcs + flit.vc.at()];
        assert!(vc.len < depth, "port{port} {} overflows its {depth} flits", flit.vc);
        let slot = self.flits.insert(flit);
        if vc.len == 0 {
            vc.first = slot;
        } else {
            self.flits.link(vc.last, slot);
        }
        vc.last = slot;
        vc.len += 1;
        vc.stage
    }

    /// Takes the first flit of an input VC's queue.
    #[inline]
    pub(crate) fn pop(&mut self, input: usize) -> Flit {
        let vc = &mut self.inputs[input];
        debug_assert!(vc.len > 0);
        let (flit, next) = self.flits.remove(vc.first);
        vc.first = next;
        vc.len -= 1;
        flit
    }

    #[inline]
    pub(crate) fn set_waiting(&mut self, port: usize, vc: u8) {
        self.ports[port].waiting |= 1 << vc;
        self.waiting_ports.insert(port);
    }

    #[inline]
    pub(crate) fn clear_waiting(&mut self, port: usize, vc: u8) {
        self.ports[port].waiting &= !(1 << vc);
        if self.ports[port].waiting == 0 {
            self.waiting_ports.remove(port);
        }
    }

    #[inline]
    pub(crate) fn set_active(&mut self, port: usize, vc: u8) {
        self.ports[port].active |= 1 << vc;
        self.active_ports.insert(port);
    }

    #[inline]
    pub(crate) fn clear_active(&mut self, port: usize, vc: u8) {
        self.ports[port].active &= !(1 << vc);
        if self.ports[port].active == 0 {
            self.active_ports.remove(port);
        }
    }
}
