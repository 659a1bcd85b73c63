//! The interface of routing functions: the one seam between a topology that knows the way and a
//! router that asks for it.

use crate::{Class, NodeIdx, PortIdx, RouterIdx, VcIdx};

/// What a routing function may look at: the head flit's own fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Where the packet comes from.
    pub src: NodeIdx,
    /// Where it goes.
    pub dst: NodeIdx,
    /// A hash that is the same for all flits of the packet; spreads over equal paths.
    pub flow: u32,
    /// The packet's message class; it must stay on that class's VCs.
    pub class: Class,
}

/// One step of a route: the output port and the VCs allowed on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop {
    /// Output port of the router, or of the node's network interface at injection.
    pub port: PortIdx,
    /// Bit `v` set: VC `v` may be taken. Never empty.
    pub vcs: u64,
}

/// Decides where a packet goes next. Pure: the same arguments give the same hop.
///
/// Routers are generic over it, so a function of the user's own costs no indirect call.
pub trait RoutingFunction {
    /// The network interface port and VCs by which `head` leaves its source node.
    fn inject(&self, head: &Head) -> Hop;

    /// The output port and VCs for `head`, which arrived at router `at` on `in_port`, `in_vc`.
    /// Where `head.dst` hangs on this router, the port is the one to that node.
    fn route(&self, at: RouterIdx, in_port: PortIdx, in_vc: VcIdx, head: &Head) -> Hop;
}

/// The VC mask of `class` where each class has `vcs_per_class` VCs: all of them.
#[inline]
pub const fn class_vcs(class: Class, vcs_per_class: u8) -> u64 {
    ((1_u64 << vcs_per_class) - 1) << (class as u8 * vcs_per_class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_disjoint_vcs() {
        let mut seen = 0;
        for class in Class::ALL {
            let vcs = class_vcs(class, 3);
            assert_eq!(vcs.count_ones(), 3);
            assert_eq!(seen & vcs, 0);
            seen |= vcs;
        }
        assert_eq!(seen, (1 << 15) - 1);
    }
}
