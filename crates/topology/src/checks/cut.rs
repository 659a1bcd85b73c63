//! Cut bandwidth: how much can flow from one half of the nodes to the other.
//!
//! The largest flow from the lower to the upper half of the nodes equals the smallest cut between
//! them (Ford and Fulkerson). Halves are taken in node order and, on grids, across each dimension of
//! even extent; the least of these flows is reported. For switch planes, full meshes and grids of
//! even extents that is the bisection bandwidth; for a graph of the user's own it is an upper bound
//! of it.

use base::{LinkIdx, NodeIdx};

use super::timing;
use crate::routing::Way;
use crate::spec::{End, Fabric, MachineSpec};

/// Beyond this many links the cut is not computed.
const LINKS_SHOWN_MAX: usize = 100_000;

/// Payload bits a second, one way, over the narrowest of the halvings tried.
pub(super) fn bits_per_s(spec: &MachineSpec) -> Option<u64> {
    let f = &spec.fabric;
    let nodes = f.node_ports.len();
    if f.links.len() > LINKS_SHOWN_MAX || nodes < 2 {
        return None;
    }
    let mut halvings: Vec<Vec<bool>> = vec![(0..nodes).map(|n| n < nodes / 2).collect()];
    if let Some(grid) = f.routing.way().lattice() {
        let mut stride = grid.nodes_per_router();
        for extent in grid.dims().map(|(k, _)| usize::from(k)) {
            if extent.is_multiple_of(2) {
                halvings.push((0..nodes).map(|n| n / stride % extent < extent / 2).collect());
            }
            stride *= extent;
        }
    }
    if let Way::HyperX(h) = f.routing.way() {
        let mut stride = nodes / f.routers.len();
        for extent in h.dims().map(usize::from) {
            if extent.is_multiple_of(2) {
                halvings.push((0..nodes).map(|n| n / stride % extent < extent / 2).collect());
            }
            stride *= extent;
        }
    }
    let rates = f.links.iter().map(|l| timing::payload_bits_per_s(spec, l)).collect::<Vec<_>>();
    halvings.iter().map(|lower| Flow::new(f, &rates, lower).max()).min()
}

/// Dinic's algorithm. Vertices are the nodes, then the routers; the reverse of an arc is the other
/// direction of its cable, so residual capacity returns to it.
struct Flow<'a> {
    fabric: &'a Fabric,
    lower: &'a [bool],
    /// `[link]`: capacity left.
    left: Vec<u64>,
    level: Vec<u32>,
    /// `[vertex]`: the port to try next.
    next: Vec<usize>,
}

impl<'a> Flow<'a> {
    fn new(fabric: &'a Fabric, rates: &[u64], lower: &'a [bool]) -> Self {
        let vertices = fabric.node_ports.len() + fabric.routers.len();
        Self {
            fabric,
            lower,
            left: rates.to_vec(),
            level: vec![u32::MAX; vertices],
            next: vec![0; vertices],
        }
    }

    fn ports(&self, v: usize) -> &'a [LinkIdx] {
        let nodes = self.fabric.node_ports.len();
        if v < nodes { &self.fabric.node_ports[v] } else { &self.fabric.routers[v - nodes].ports }
    }

    fn head(&self, link: LinkIdx) -> usize {
        match self.fabric.links[link.at()].to {
            End::Node(n, _) => NodeIdx::at(n),
            End::Router(r, _) => self.fabric.node_ports.len() + r.at(),
        }
    }

    fn is_sink(&self, v: usize) -> bool {
        self.lower.get(v) == Some(&false)
    }

    fn max(mut self) -> u64 {
        let mut total = 0;
        while self.layers() {
            self.next.fill(0);
            for source in 0..self.lower.len() {
                while self.lower[source] {
                    match self.push(source) {
                        0 => break,
                        pushed => total += pushed,
                    }
                }
            }
        }
        total
    }

    /// Levels of all vertices from the lower half; whether the upper half is reached.
    fn layers(&mut self) -> bool {
        self.level.fill(u32::MAX);
        let mut queue: Vec<usize> = (0..self.lower.len()).filter(|n| self.lower[*n]).collect();
        for n in &queue {
            self.level[*n] = 0;
        }
        let (mut at, mut reached) = (0, false);
        while let Some(&v) = queue.get(at) {
            at += 1;
            if self.is_sink(v) {
                reached = true;
                continue;
            }
            for &link in self.ports(v) {
                let to = self.head(link);
                if self.left[link.at()] > 0 && self.level[to] == u32::MAX {
                    self.level[to] = self.level[v] + 1;
                    queue.push(to);
                }
            }
        }
        reached
    }

    /// Sends flow along one path from `source`; how much.
    fn push(&mut self, source: usize) -> u64 {
        let mut path: Vec<LinkIdx> = Vec::new();
        let mut v = source;
        loop {
            if self.is_sink(v) {
                let least = path.iter().map(|l| self.left[l.at()]).min().unwrap_or(0);
                for l in &path {
                    self.left[l.at()] -= least;
                    self.left[l.reverse().at()] += least;
                }
                return least;
            }
            let ports = self.ports(v);
            let step = ports.get(self.next[v]).copied();
            match step {
                Some(l)
                    if self.left[l.at()] > 0 && self.level[self.head(l)] == self.level[v] + 1 =>
                {
                    path.push(l);
                    v = self.head(l);
                }
                Some(_) => self.next[v] += 1,
                None => {
                    // A dead end: step back and try the next port there.
                    let Some(back) = path.pop() else { return 0 };
                    v = self.head(back.reverse());
                    self.next[v] += 1;
                }
            }
        }
    }
}
