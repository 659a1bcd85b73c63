//! Groups: packets that go to many nodes, or that many nodes send to one.
//!
//! ```text
//!   multicast                          reduction
//!   src ─▶ router ─┬─▶ router ─▶ a     a ─▶ router ─┐
//!                  └─▶ b               b ────────▶ router ─▶ root
//!          copies at the crossbar         one packet of all that came up
//! ```
//!
//! A packet to a group has the group's [`address`](GroupIdx::address) as its destination, a node
//! number that no node has. What routers do with it they ask the routing function
//! ([`RoutingFunction::fan`](crate::RoutingFunction::fan)); `Head::state` says how far along its tree a
//! packet is, and `Head::flow` is the sequence number of a contribution to a reduction.

use crate::route::Hop;
use crate::{GroupIdx, NodeIdx};

/// The bit of a destination that says that it is a group.
const BIT: u32 = 1 << 31;

impl GroupIdx {
    /// The destination of packets to this group; groups and nodes are at most 2^31 each.
    #[inline]
    pub const fn address(self) -> NodeIdx {
        NodeIdx(self.0 | BIT)
    }

    /// The group that `dst` stands for, if it stands for one.
    #[inline]
    pub const fn of(dst: NodeIdx) -> Option<Self> {
        if dst.0 & BIT == 0 { None } else { Some(Self(dst.0 & !BIT)) }
    }
}

/// One way out of a router for a packet to a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Branch {
    /// Output port and the VCs allowed on it.
    pub hop: Hop,
    /// What `Head::state` is beyond it.
    pub state: u32,
    /// The node that the hop leads to, if it leads to one: the destination of the copy.
    pub node: Option<NodeIdx>,
}

/// What a router does with a packet to a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Sends a copy by every branch.
    Copy,
    /// Combines it with others of the same sequence number into one, which goes by the only branch.
    Combine {
        /// Which of the fabric's combining places this is, below [`Groups::places`].
        place: u32,
        /// Packets that come to this place for each sequence number, at least 1.
        awaited: u32,
    },
}

/// Who belongs to a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Members {
    /// How many: copies that are delivered of a packet, or contributions that make a whole.
    pub count: u32,
    /// Whether they contribute to a reduction.
    pub reduces: bool,
}

/// What a routing function with groups asks of the routers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Groups {
    /// How many there are.
    pub count: u32,
    /// Flits of the longest packet to a group.
    pub packet_flits_max: u32,
    /// Whether a branch gets a VC only with room for the whole packet there. Without that rule
    /// multicasts of several flits can deadlock.
    pub whole_packets: bool,
    /// Combining places in all routers.
    pub places: u32,
    /// Sequence numbers of a reduction that may be under way at once, at least 1: table entries of a
    /// place.
    pub window: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_an_address_that_no_node_has() {
        for n in [0, 1, 77, BIT - 1] {
            assert_eq!(GroupIdx::of(GroupIdx(n).address()), Some(GroupIdx(n)));
            assert_eq!(GroupIdx::of(NodeIdx(n)), None);
        }
    }
}
