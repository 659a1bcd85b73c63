//! Distances: routers on shortest routes, and routers on the routes that packets take.
//!
//! Shortest routes are those of the links alone, whatever the routing function. On grids in
//! dimension order they are in closed form; otherwise they are found by breadth-first search from
//! every destination, or from evenly spaced ones where there are more than [`SEARCHES_MAX`].
//!
//! The routing function's own routes are followed packet by packet through a network in which
//! nothing waits, so adaptive functions take what they prefer.

use base::rng::draw;
use base::route::Empty;
use base::{Class, Head, NodeIdx, RoutingFunction, VcIdx};
use serde::Serialize;

use crate::routing::distances;
use crate::spec::{End, Fabric, MachineSpec};

/// Destinations searched at most.
const SEARCHES_MAX: usize = 4_096;
/// Packets followed at most, or a few for every pair of nodes.
const PACKETS: u64 = 65_536;
/// Packets for every pair of nodes, where pairs are few.
const FLOWS: u64 = 16;

/// Routers on shortest routes between different nodes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Shortest {
    /// On the longest of them.
    pub(super) most: u64,
    /// On average.
    pub(super) mean: f64,
    /// Destinations looked at, if not all.
    pub(super) sampled: Option<usize>,
}

/// Routers on the routes that the routing function takes in an empty network.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Routes {
    /// Packets followed: 16 flows for every pair of different nodes, or 65,536 packets between
    /// random ones where there are more than 4,096 pairs.
    pub packets: u64,
    /// Routers on average.
    pub average_hops: f64,
    /// Routers on the longest of these routes.
    pub hops_max: u64,
}

/// The shortest routes of a machine.
pub(super) fn shortest(spec: &MachineSpec) -> Shortest {
    let f = &spec.fabric;
    if let Some(lattice) = f.routing.way().lattice().filter(|l| !l.twisted()) {
        let dims: Vec<_> = lattice.dims().map(|(k, ring)| (u64::from(k), ring)).collect();
        if is_plain(f, &dims) {
            let nodes = f.node_ports.len() as u64;
            let (most, sum) = grid(&dims);
            let mean = sum as f64 / (nodes * (nodes - 1)).max(1) as f64;
            return Shortest { most, mean, sampled: None };
        }
    }
    searched(f)
}

/// Whether the links are those of a plain grid with a node on each router, as seen from node 0:
/// neither twisted nor concentrated.
fn is_plain(f: &Fabric, dims: &[(u64, bool)]) -> bool {
    let points: u64 = dims.iter().map(|(k, _)| k).product();
    if f.routers.len() as u64 != points || f.node_ports.len() as u64 != points {
        return false;
    }
    let distance = distances(NodeIdx(0), &f.node_ports, &f.routers, &f.links);
    (0..points).zip(distance).all(|(router, found)| {
        let mut rest = router;
        let mut expected = 1;
        for &(k, ring) in dims {
            expected += length(rest % k, k, ring);
            rest /= k;
        }
        u64::from(found) == expected
    })
}

/// Links between points of a dimension that are `apart`.
fn length(apart: u64, extent: u64, ring: bool) -> u64 {
    if ring { apart.min(extent - apart) } else { apart }
}

/// The routes that packets take; `None` if one does not arrive.
pub(super) fn routes(spec: &MachineSpec) -> Option<Routes> {
    let f = &spec.fabric;
    let nodes = f.node_ports.len() as u64;
    let pairs = nodes * nodes.saturating_sub(1);
    let few = pairs * FLOWS <= PACKETS;
    let packets = if few { pairs * FLOWS } else { PACKETS };
    let (mut sum, mut most) = (0, 0);
    for packet in 0..packets {
        let of = |stream| draw(0, 0, stream, packet);
        let (src, other) = if few {
            (packet / FLOWS / (nodes - 1), packet / FLOWS % (nodes - 1))
        } else {
            (of(0) % nodes, of(1) % (nodes - 1))
        };
        let dst = if other < src { other } else { other + 1 };
        let node = |n| NodeIdx(u32::try_from(n).unwrap_or(0));
        let flow = u32::try_from(of(2) >> 32).unwrap_or(0);
        let hops = follow(f, node(src), node(dst), flow)?;
        sum += hops;
        most = most.max(hops);
    }
    Some(Routes { packets, average_hops: sum as f64 / packets.max(1) as f64, hops_max: most })
}

/// Routers on the way of one packet.
fn follow(f: &Fabric, src: NodeIdx, dst: NodeIdx, flow: u32) -> Option<u64> {
    let mut head = Head { src, dst, flow, class: Class::Req, state: 0 };
    let hop = f.routing.inject(&mut head, &Empty);
    let mut taken = (f.node_ports[src.at()].get(hop.port.at())?, hop.vcs);
    for hops in 0..=4 * f.routers.len() as u64 + 64 {
        match f.links[taken.0.at()].to {
            End::Node(n, _) => return (n == dst).then_some(hops),
            End::Router(at, in_port) => {
                let vc = VcIdx(u8::try_from(taken.1.trailing_zeros()).ok()?);
                let hop = f.routing.route(at, in_port, vc, &mut head, &Empty);
                taken = (f.routers[at.at()].ports.get(hop.port.at())?, hop.vcs);
            }
        }
    }
    None
}

/// In closed form: every pair of coordinates of a dimension occurs equally often.
fn grid(dims: &[(u64, bool)]) -> (u64, u64) {
    let nodes: u64 = dims.iter().map(|(k, _)| k).product();
    let mut most = 1;
    let mut sum = nodes * (nodes - 1);
    for &(k, ring) in dims {
        most += (0..k).map(|apart| length(apart, k, ring)).max().unwrap_or(0);
        let of_dim: u64 = (1..k).map(|apart| 2 * (k - apart) * length(apart, k, ring)).sum();
        sum += (nodes / k) * (nodes / k) * of_dim;
    }
    (most, sum)
}

fn searched(f: &Fabric) -> Shortest {
    let nodes = f.node_ports.len();
    let stride = nodes.div_ceil(SEARCHES_MAX).max(1);
    let (mut most, mut sum, mut pairs) = (0, 0, 0_u64);
    for dst in (0..nodes).step_by(stride) {
        let distance = distances(NodeIdx::new(dst), &f.node_ports, &f.routers, &f.links);
        for (src, ports) in f.node_ports.iter().enumerate() {
            let near = ports.iter().filter_map(|l| match f.links[l.at()].to {
                End::Router(r, _) => Some(distance[r.at()]),
                End::Node(..) => None,
            });
            if let (true, Some(hops)) = (src != dst, near.min()) {
                most = most.max(u64::from(hops));
                sum += u64::from(hops);
                pairs += 1;
            }
        }
    }
    let sampled = (stride > 1).then(|| nodes.div_ceil(stride));
    Shortest { most, mean: sum as f64 / pairs.max(1) as f64, sampled }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::{Description, FabricForm};

    fn torus(dims: &[u32]) -> MachineSpec {
        let mut d = Description::torus4x4x4();
        if let FabricForm::Torus(grid) = &mut d.fabric {
            grid.dims = dims.to_vec();
        }
        d.elaborate().expect("right")
    }

    #[test]
    fn the_closed_form_of_grids_is_what_a_search_finds() {
        for dims in [&[4, 4][..], &[5, 3, 2], &[7], &[2, 2]] {
            let spec = torus(dims);
            let (closed, found) = (shortest(&spec), searched(&spec.fabric));
            assert_eq!((closed.most, found.sampled), (found.most, None), "{dims:?}");
            assert!((closed.mean - found.mean).abs() < 1e-12, "{dims:?}");
        }
    }

    #[test]
    fn routes_of_a_minimal_routing_are_as_long_as_the_shortest() {
        for spec in [torus(&[4, 3]), Description::nvl8().elaborate().expect("right")] {
            let (routes, shortest) = (routes(&spec).expect("all arrive"), shortest(&spec));
            let nodes = spec.fabric.node_ports.len() as u64;
            assert_eq!(routes.packets, nodes * (nodes - 1) * 16);
            assert_eq!(routes.hops_max, shortest.most);
            assert!((routes.average_hops - shortest.mean).abs() < 1e-12);
        }
    }

    #[test]
    fn routes_between_many_nodes_are_sampled_near_the_mean() {
        let spec = torus(&[8, 8, 8]);
        let (routes, shortest) = (routes(&spec).expect("all arrive"), shortest(&spec));
        assert_eq!(routes.packets, 65_536);
        // Hops have a standard deviation of 2.1, their mean of 65,536 packets one of 0.008.
        assert!((routes.average_hops - shortest.mean).abs() < 0.04, "{routes:?} {shortest:?}");
    }

    #[test]
    fn routes_that_do_not_arrive_are_not_counted() {
        let mut spec = torus(&[4]);
        spec.fabric.routers.swap(0, 1);
        assert_eq!(routes(&spec), None);
    }
}
