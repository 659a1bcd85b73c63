//! Steps that are looked up instead of worked out: where all packets to a node that come to a router by
//! a port, on a VC of a group, go the same way.
//!
//! That is so on most of the way around a torus, and all the way down a tree. Where flows part, the
//! function itself is asked.

use base::{NodeIdx, PortIdx, RouterIdx};

use super::{Goal, Step, Way, ask};

/// Places at most that are tabulated: 2 bytes each.
const ENTRIES_MAX: usize = 1 << 20;

/// The steps of a function.
#[derive(Clone, Default, Debug)]
pub(super) struct Memo {
    /// `[router][in port][in group][node]`: the port in the high byte and the groups, or 0 where the
    /// function is to be asked.
    steps: Vec<u16>,
    nodes: usize,
    /// Rows of `nodes` a router, an input port and a group; 0 where it does not matter.
    of_router: usize,
    of_port: usize,
    of_group: usize,
}

impl Memo {
    /// The steps of `way`; none where it has legs or states, or the table would be large.
    pub(super) fn new(way: &Way) -> Self {
        let (ports, groups) = match way {
            Way::DimensionOrder(f) if !f.is_fixed() && f.lattice().choices() == 1 => {
                (f.lattice().radix(), f.groups())
            }
            Way::Nca(_) | Way::Table(_) => (1, 1),
            _ => return Self::default(),
        };
        let (routers, nodes) = ask!(way, f => f.size());
        if routers * ports * groups * nodes > ENTRIES_MAX {
            return Self::default();
        }
        let mut steps = Vec::with_capacity(routers * ports * groups * nodes);
        for at in (0..routers).map(RouterIdx::new) {
            for port in (0..ports).map(PortIdx::new) {
                for group in 0..groups {
                    let nodes = (0..nodes).map(NodeIdx::new);
                    steps.extend(nodes.map(|dst| only_step(way, at, port, group, dst)));
                }
            }
        }
        let matters = |count: usize, rows: usize| if count > 1 { rows } else { 0 };
        Self {
            steps,
            nodes,
            of_router: ports * groups,
            of_port: matters(ports, groups),
            of_group: matters(groups, 1),
        }
    }

    /// The port and the groups of the step of every packet to `dst` that came to router `at` by
    /// `in_port` on a VC of group `group`, where it is known.
    #[inline]
    pub(super) fn step(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        group: usize,
        dst: NodeIdx,
    ) -> Option<(PortIdx, u8)> {
        // Groups of nodes have addresses that no node has.
        if dst.at() >= self.nodes {
            return None;
        }
        let row = at.at() * self.of_router + in_port.at() * self.of_port + group * self.of_group;
        let [port, groups] = self.steps.get(row * self.nodes + dst.at())?.to_be_bytes();
        (groups != 0).then_some((PortIdx(u16::from(port)), groups))
    }
}

/// The entry of a place: the only step that there is.
fn only_step(way: &Way, at: RouterIdx, in_port: PortIdx, group: usize, dst: NodeIdx) -> u16 {
    let (mut first, mut several) = (None, false);
    let see = |step: Step| {
        let step = (step.port, step.groups);
        several |= *first.get_or_insert(step) != step;
    };
    ask!(way, f => f.route_all(at, in_port, group, Goal::node(dst), see));
    match first.filter(|_| !several) {
        Some((port, groups)) => {
            u8::try_from(port.0).map_or(0, |port| u16::from_be_bytes([port, groups]))
        }
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use base::route::Empty;
    use base::{Class, Head};

    use super::*;
    use crate::Description;
    use crate::routing::OfClass;

    /// Compares every step with the function's own, for packets of some flows; the share that is known.
    fn share_known(topology: &str) -> f64 {
        let spec = Description::shipped(topology).unwrap().elaborate().unwrap();
        let routing = &spec.fabric.routing;
        let (mut known, mut all) = (0_u32, 0_u32);
        let (_, nodes) = routing.size();
        for (at, router) in spec.fabric.routers.iter().enumerate() {
            for port in (0..router.ports.len()).map(PortIdx::new) {
                for dst in (0..nodes).map(NodeIdx::new) {
                    for group in 0..routing.groups() {
                        all += 1;
                        let at = RouterIdx::new(at);
                        let Some(step) = routing.memo.step(at, port, group, dst) else { continue };
                        known += 1;
                        for flow in [0, 1, 0x5555_aaaa, u32::MAX] {
                            let src = NodeIdx(0);
                            let mut head = Head { src, dst, flow, class: Class::Req, state: 0 };
                            let view = OfClass::new(routing, &Empty, Class::Req);
                            let own = ask!(routing.way(), f => f.route(at, port, group, &mut head, &view));
                            assert_eq!(step, (own.port, own.groups), "{at} {port} {group} {dst}");
                            assert_eq!(head.state, 0);
                        }
                    }
                }
            }
        }
        f64::from(known) / f64::from(all)
    }

    #[test]
    fn known_steps_are_the_functions_own_and_are_most() {
        assert!(share_known("torus8x8") > 0.8);
        assert!(share_known("torus4x4x4") > 0.6);
        assert!(share_known("fattree4x3") > 0.2);
        assert!(share_known("clos64") > 0.0);
        // These depend on the flow, or are known otherwise.
        assert!(share_known("twisted_torus_4x4x8") < f64::EPSILON);
        assert!(share_known("mesh8x8") < f64::EPSILON);
    }
}
