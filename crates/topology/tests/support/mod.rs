//! Follows packets through a machine, and holds each of their steps against what the routing
//! function says all packets do.

use std::collections::BTreeSet;

use base::rng::mix;
use base::{Class, Head, LinkIdx, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx, View};
use topology::routing::{Goal, Step};
use topology::spec::{End, Fabric};

/// A network in which anything may wait anywhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noise(pub(crate) u64);

impl View for Noise {
    fn used(&self, port: PortIdx, vcs: u64) -> u32 {
        u32::try_from(mix(self.0 ^ u64::from(port.0) << 40 ^ vcs) % 9).expect("below 9")
    }
    fn free(&self, port: PortIdx, vcs: u64) -> u64 {
        vcs & mix(self.0 ^ u64::from(port.0) << 20)
    }
    fn used_at(&self, router: RouterIdx, port: PortIdx, vcs: u64) -> u32 {
        Self(self.0 ^ u64::from(router.0)).used(port, vcs)
    }
}

/// A packet from `src` to `dst`.
pub(crate) fn head(src: usize, dst: usize, flow: u32) -> Head {
    let class = Class::ALL[flow as usize % Class::ALL.len()];
    Head { src: NodeIdx::new(src), dst: NodeIdx::new(dst), flow, class, state: 0 }
}

/// A route: the links and, for each, the VCs of the packet's class that were allowed on it.
pub(crate) type Route = Vec<(LinkIdx, u64)>;

/// Follows a packet until it reaches a node, on a VC drawn from those allowed. Each hop must be among
/// the steps that the function lists for some leg that the packet can be on.
pub(crate) fn follow<V: View>(f: &Fabric, head: &Head, view: &V) -> Route {
    let mut head = *head;
    let shift = head.class as u8 * f.routing.vcs_per_class();
    let mut legs = BTreeSet::new();
    let hop = f.routing.inject(&mut head, view);
    f.routing.goals(|goal| {
        f.routing.inject_all(head.src, goal, |step| {
            note(f, step, (hop.port, hop.vcs >> shift), &mut legs);
        });
    });
    let mut taken = vec![(f.node_ports[head.src.at()][hop.port.at()], hop.vcs >> shift)];
    loop {
        let (link, vcs) = *taken.last().expect("never empty");
        assert!(!legs.is_empty(), "no such step is listed: {taken:?} of {head:?}");
        let (at, in_port) = match f.links[link.at()].to {
            End::Router(at, in_port) => (at, in_port),
            End::Node(n, _) => {
                assert_eq!(n, head.dst, "delivered to another");
                assert!(legs.contains(&Goal::node(n)), "delivered on another leg: {legs:?}");
                return taken;
            }
        };
        let vc = one_of(vcs, u64::from(head.flow) ^ taken.len() as u64);
        let group = (0..f.routing.groups())
            .find(|g| f.routing.group_vcs(*g) >> vc & 1 == 1)
            .expect("a VC of the class");
        let hop = f.routing.route(at, in_port, VcIdx(vc + shift), &mut head, view);
        if f.routing.adaptive() {
            let again = f.routing.route(at, in_port, VcIdx(vc + shift), &mut head, view);
            assert_eq!(hop, again, "asked again, another answer");
        }
        let mut next = BTreeSet::new();
        for goal in legs {
            f.routing.route_all(at, in_port, group, goal, |step| {
                note(f, step, (hop.port, hop.vcs >> shift), &mut next);
            });
        }
        legs = next;
        taken.push((f.routers[at.at()].ports[hop.port.at()], hop.vcs >> shift));
        assert!(taken.len() < 100, "going in circles: {taken:?}");
    }
}

/// The routers of a route.
pub(crate) fn routers(f: &Fabric, route: &Route) -> Vec<usize> {
    let to = |(link, _): &(LinkIdx, u64)| match f.links[link.at()].to {
        End::Router(r, _) => Some(r.at()),
        End::Node(..) => None,
    };
    route.iter().filter_map(to).collect()
}

fn note(f: &Fabric, step: Step, (port, vcs): (PortIdx, u64), legs: &mut BTreeSet<Goal>) {
    let groups = (0..f.routing.groups()).filter(|g| step.groups >> g & 1 == 1);
    let of_step = groups.fold(0, |mask, g| mask | f.routing.group_vcs(g));
    if (step.port, of_step) == (port, vcs) {
        legs.insert(step.goal);
    }
}

/// A bit of `set`, drawn.
fn one_of(set: u64, draw: u64) -> u8 {
    assert!(set != 0, "no VC is allowed");
    let mut left = set;
    for _ in 0..mix(draw) % u64::from(set.count_ones()) {
        left &= left - 1;
    }
    u8::try_from(left.trailing_zeros()).expect("a bit of 64")
}
