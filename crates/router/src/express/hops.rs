//! Hops that are known beforehand, where a routing function tells each by destination and class.

use base::{Class, NodeIdx, RouterIdx, RoutingFunction};

use super::state::{CLASS_BITS, LaneNo, PackedFlit};

/// Pairs of a router and a node at most whose hops are kept, a byte each: of a large network they would not fit into
/// the caches otherwise.
const PAIRS_MAX: usize = 1 << 22;

/// The hops of all packets at all routers; or none of them.
#[derive(Clone, Debug)]
pub(super) struct Hops {
    /// `[row of the router + node]`: the port of the router that a packet to the node wants.
    ports: Vec<u8>,
    /// `[bits of a class]`: VCs of the port that it may take.
    vcs: [u64; 1 << CLASS_BITS],
    nodes: usize,
}

impl Hops {
    /// What a function tells of so many routers and nodes. Each router takes two to the power of `log_ports` of ports.
    pub(super) fn new<R: RoutingFunction>(
        routing: &R,
        (routers, nodes): (usize, usize),
        log_ports: u32,
    ) -> Self {
        let mut this = Self { ports: Vec::new(), vcs: [0; 1 << CLASS_BITS], nodes };
        if nodes > 0 && routers.saturating_mul(nodes) <= PAIRS_MAX {
            this.ports = this.told(routing, routers, log_ports).unwrap_or_default();
        }
        this
    }

    /// The ports, and notes the VCs; nothing if some hop is not told, or the VCs of a class differ.
    fn told<R: RoutingFunction>(
        &mut self,
        routing: &R,
        routers: usize,
        log_ports: u32,
    ) -> Option<Vec<u8>> {
        let first = |class| routing.fixed(RouterIdx(0), NodeIdx(0), class);
        for class in Class::ALL {
            self.vcs[class as usize] = first(class)?.vcs;
        }
        let mut ports = Vec::with_capacity(routers * self.nodes);
        for router in (0..routers).map(RouterIdx::new) {
            for node in (0..self.nodes).map(NodeIdx::new) {
                let port = routing.fixed(router, node, Class::ALL[0])?.port.0;
                let same = |class| {
                    let hop = routing.fixed(router, node, class);
                    hop.is_some_and(|h| h.port.0 == port && h.vcs == self.vcs[class as usize])
                };
                let sound = u32::from(port) < 1 << log_ports;
                if !sound || !Class::ALL.into_iter().all(same) {
                    return None;
                }
                ports.push(u8::try_from(port).ok()?);
            }
        }
        self.vcs.iter().take(Class::ALL.len()).all(|vcs| *vcs != 0).then_some(ports)
    }

    /// Whether all are known.
    pub(super) const fn all_known(&self) -> bool {
        !self.ports.is_empty()
    }

    /// Where those of a router begin.
    pub(super) fn row(&self, router: usize) -> u32 {
        u32::try_from(router * self.nodes).unwrap_or(u32::MAX)
    }

    /// As [`of`](Self::of), the VCs, where [all are known](Self::all_known).
    #[inline]
    pub(super) fn vcs_of(&self, flit: PackedFlit) -> u64 {
        self.vcs[flit.class_bits()]
    }

    /// As [`of`](Self::of), the port for a packet to the node of this number, where [all are known](Self::all_known).
    #[inline]
    pub(super) fn port_of(&self, row: u32, node: usize) -> LaneNo {
        LaneNo::from(self.ports[row as usize + node])
    }

    /// The port of its router that a packet wants and the VCs that it may take, at the router of a row.
    #[inline]
    pub(super) fn of(&self, row: u32, flit: PackedFlit) -> Option<(LaneNo, u64)> {
        let port = *self.ports.get(row as usize + flit.dst().at())?;
        Some((LaneNo::from(port), self.vcs[flit.class_bits()]))
    }
}

#[cfg(test)]
mod tests {
    use base::{Head, Hop, PacketIdx, PortIdx, VcIdx, View};

    use super::*;

    /// Tells hops by a closure.
    struct Told<F>(F);

    impl<F: Fn(u32, u32, Class) -> Option<Hop>> RoutingFunction for Told<F> {
        fn inject<V: View>(&self, _: &mut Head, _: &V) -> Hop {
            unreachable!("nothing is sent")
        }

        fn route<V: View>(&self, _: RouterIdx, _: PortIdx, _: VcIdx, _: &mut Head, _: &V) -> Hop {
            unreachable!("nothing is routed")
        }

        fn fixed(&self, at: RouterIdx, dst: NodeIdx, class: Class) -> Option<Hop> {
            self.0(at.0, dst.0, class)
        }
    }

    /// The hops of 3 routers of up to 4 ports and 5 nodes.
    fn hops(told: impl Fn(u32, u32, Class) -> Option<Hop>) -> Hops {
        Hops::new(&Told(told), (3, 5), 2)
    }

    const fn hop(port: u16, vcs: u64) -> Hop {
        Hop { port: PortIdx(port), vcs }
    }

    fn port(at: u32, dst: u32) -> u16 {
        u16::try_from((at + dst) % 4).unwrap_or(0)
    }

    #[test]
    fn what_is_known_is_what_the_function_tells() {
        let hops = hops(|at, dst, class| Some(hop(port(at, dst), 1 << class as u8)));
        assert!(hops.all_known());
        for (at, dst) in (0..3_u16).flat_map(|at| (0..5).map(move |dst| (at, dst))) {
            for class in Class::ALL {
                let flit = PackedFlit::new(PacketIdx(7), NodeIdx(dst), class, (true, true));
                let known = hops.of(hops.row(at.into()), flit);
                assert_eq!(known, Some((port(at.into(), dst), 1 << class as u8)));
            }
        }
    }

    #[test]
    fn all_hops_are_known_or_none() {
        let told = |at, dst| hop(port(at, dst), 1);
        let at_end = |at: u32, dst: u32| (at, dst) == (2, 4);
        // As told, but for one pair.
        let but = |other: Option<Hop>| {
            hops(move |at, dst, _| if at_end(at, dst) { other } else { Some(told(at, dst)) })
        };
        assert!(but(Some(told(2, 4))).all_known());
        assert!(!but(None).all_known());
        // VCs that depend on where a packet is, a port that routers do not have, no VC, a port that depends on the class.
        assert!(!but(Some(hop(port(2, 4), 2))).all_known());
        assert!(!but(Some(hop(4, 1))).all_known());
        assert!(!hops(|at, dst, _| Some(hop(port(at, dst), 0))).all_known());
        let by_class = |at, dst, class: Class| Some(hop((port(at, dst) + class as u16) % 4, 1));
        assert!(!hops(by_class).all_known());
        let too_many = Hops::new(&Told(|_, _, _| Some(hop(0, 1))), (PAIRS_MAX, 2), 0);
        assert!(!too_many.all_known());
    }
}
