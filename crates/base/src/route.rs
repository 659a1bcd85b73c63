//! The interface of routing functions: the one seam between a topology that knows the way and a
//! router that asks for it.

use crate::group::{Branch, Groups, Members, Role};
use crate::{Class, GroupIdx, NodeIdx, PortIdx, RouterIdx, VcIdx};

/// What a routing function may look at: the head flit's own fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Head {
    /// Where the packet comes from.
    pub src: NodeIdx,
    /// Where it goes.
    pub dst: NodeIdx,
    /// A hash that is the same for all flits of the packet; spreads over equal paths.
    pub flow: u32,
    /// The packet's message class; it must stay on that class's VCs.
    pub class: Class,
    /// The routing function's own note on the packet, such as an intermediate destination and
    /// whether it was reached: 0 when the packet is offered, then what the function last left here.
    pub state: u32,
}

/// One step of a route: the output port and the VCs allowed on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop {
    /// Output port of the router, or of the node's network interface at injection.
    pub port: PortIdx,
    /// Bit `v` set: VC `v` may be taken. Never empty.
    pub vcs: u64,
}

/// What an adaptive routing function may see of the component that asks: the state of its output
/// ports when it asks. Bit `v` of `vcs` stands for VC `v`.
pub trait View {
    /// Flits that were sent on these VCs of `port` and whose credits are not back: what waits there.
    fn used(&self, port: PortIdx, vcs: u64) -> u32;

    /// Those of `vcs` on `port` that no packet holds and that have a credit.
    fn free(&self, port: PortIdx, vcs: u64) -> u64;

    /// As [`used`](Self::used) for any router of the fabric, as it was before the present cycle: the
    /// knowledge that no hardware has, for ideal functions such as UGAL-G. Kept only where
    /// [`RoutingFunction::global`] says so.
    fn used_at(&self, router: RouterIdx, port: PortIdx, vcs: u64) -> u32;
}

/// A view of an empty network: nothing waits and everything is free.
#[derive(Clone, Copy, Default, Debug)]
pub struct Empty;

impl View for Empty {
    fn used(&self, _: PortIdx, _: u64) -> u32 {
        0
    }

    fn free(&self, _: PortIdx, vcs: u64) -> u64 {
        vcs
    }

    fn used_at(&self, _: RouterIdx, _: PortIdx, _: u64) -> u32 {
        0
    }
}

/// Decides where a packet goes next. The same arguments and view give the same hop.
///
/// Routers are generic over it, so a function of the user's own costs no indirect call.
pub trait RoutingFunction {
    /// The network interface port and VCs by which `head` leaves its source node.
    fn inject<V: View>(&self, head: &mut Head, view: &V) -> Hop;

    /// The output port and VCs for `head`, which arrived at router `at` on `in_port`, `in_vc`.
    /// Where `head.dst` hangs on this router, the port is the one to that node.
    fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_vc: VcIdx,
        head: &mut Head,
        view: &V,
    ) -> Hop;

    /// The hop of every packet of `class` to `dst` that is at router `at`, where it depends on nothing
    /// else and is quickly told: then [`route`](Self::route) gives the same, and need not be asked.
    #[inline]
    fn fixed(&self, at: RouterIdx, dst: NodeIdx, class: Class) -> Option<Hop> {
        let _ = (at, dst, class);
        None
    }

    /// The hop of every packet of `class` to `dst` that arrived at router `at` by `in_port`, `in_vc`, where it depends
    /// on nothing else: then [`route`](Self::route) gives the same, and need not be asked. A function that tells any
    /// hop so leaves [`Head::state`] as it is at every hop.
    #[inline]
    fn fixed_from(
        &self,
        at: RouterIdx,
        (in_port, in_vc): (PortIdx, VcIdx),
        dst: NodeIdx,
        class: Class,
    ) -> Option<Hop> {
        let _ = (at, in_port, in_vc, dst, class);
        None
    }

    /// The VCs by which every packet of `class` leaves its node, where these depend on nothing else and
    /// [`fixed`](Self::fixed) tells all hops: then nobody need know more of a packet than its destination
    /// and its class, and neither [`inject`](Self::inject) nor [`route`](Self::route) is asked.
    #[inline]
    fn entry(&self, class: Class) -> Option<u64> {
        let _ = class;
        None
    }

    /// Whether a packet that gets no VC asks again, each cycle, since another hop may be free by
    /// then. A function that is asked again finds in `head.state` what it left there.
    fn adaptive(&self) -> bool {
        false
    }

    /// Whether [`route`](Self::route) never looks at its view, so that a packet's way does not depend
    /// on the traffic: then routers may ask ahead of time.
    fn oblivious(&self) -> bool {
        false
    }

    /// Whether [`route`](Self::route) looks at its view only once a packet, where it comes from its node to its first
    /// router: and there, as one that [weighs](Self::weighs), only at ports to other routers, by [`View::used`]; and
    /// [`inject`](Self::inject) does not. So UGAL does. Then routers may ask ahead of time everywhere else.
    fn source_adaptive(&self) -> bool {
        false
    }

    /// Whether the function looks at other routers by [`View::used_at`].
    fn global(&self) -> bool {
        false
    }

    /// Whether the function compares output ports by [`View::used`]. It then sees them as they were
    /// when the cycle began, whatever leaves in the cycle.
    fn weighs(&self) -> bool {
        false
    }

    /// The groups that packets may go to, if there are any; then routers ask for
    /// [`fan`](Self::fan)s.
    fn groups(&self) -> Option<Groups> {
        None
    }

    /// Who belongs to a group.
    fn members(&self, _: GroupIdx) -> Members {
        Members { count: 0, reduces: false }
    }

    /// The ways out of router `at` for `head`, a packet to a group that arrived on `in_port`,
    /// `in_vc`: at least one. Its [`route`](Self::route) is any one of them.
    fn fan(
        &self,
        _at: RouterIdx,
        _in_port: PortIdx,
        _in_vc: VcIdx,
        _head: &Head,
        _visit: impl FnMut(Branch),
    ) -> Role {
        Role::Copy
    }
}

/// The VC mask of `class` where each class has `vcs_per_class` VCs: all of them.
#[inline]
pub const fn class_vcs(class: Class, vcs_per_class: u8) -> u64 {
    (u64::MAX >> (64 - vcs_per_class)) << (class as u8 * vcs_per_class)
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
        assert_eq!(class_vcs(Class::Req, 64), u64::MAX);
    }
}
