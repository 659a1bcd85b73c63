//! Shortest-path routing by table, on any graph.
//!
//! For every router and destination the table holds all ports that lead onto a shortest path; for
//! every pair of nodes, the ports of the source's network interface that do. A packet picks one by
//! a hash of its flow and the place, so that choices at successive places are independent. Sets of
//! ports that are equal are stored once.

use std::collections::BTreeMap;

use base::rng::mix;
use base::{Head, LinkIdx, NodeIdx, PortIdx, RouterIdx, View};

use super::{Goal, OfClass, Step};
use crate::error::{ErrorKind, Problem};
use crate::limits;
use crate::spec::{End, Link, RouterNode};

/// Routes from any router and any node to any node.
#[derive(Clone, Default, Debug)]
pub struct Table {
    routers: usize,
    nodes: usize,
    /// `[place][dst]`: where the set begins in `pool`. Places are the routers, then the nodes.
    sets: Vec<u32>,
    /// Sets of ports, each preceded by its size.
    pool: Vec<PortIdx>,
}

impl Table {
    /// Computes all shortest paths.
    ///
    /// # Errors
    /// If a node cannot reach another, or the table would be too large.
    pub(crate) fn new(
        node_ports: &[Vec<LinkIdx>],
        routers: &[RouterNode],
        links: &[Link],
        node_name: impl Fn(usize) -> String,
    ) -> Result<Self, Problem> {
        let (r, n) = (routers.len(), node_ports.len());
        let entries = (r as u64 + n as u64) * n as u64;
        if entries > limits::TABLE_ENTRIES_MAX {
            return Err(Problem::new(
                ErrorKind::Limit,
                "fabric",
                format!("a routing table for {r} routers and {n} nodes has {entries} entries"),
                format!("use at most {}, or dimension-order routing", limits::TABLE_ENTRIES_MAX),
            ));
        }
        let mut table = Self { routers: r, nodes: n, sets: vec![0; (r + n) * n], pool: Vec::new() };
        let mut known = BTreeMap::new();
        let mut set = Vec::new();
        for dst in 0..n {
            let distance = distances(NodeIdx::new(dst), node_ports, routers, links);
            for (at, router) in routers.iter().enumerate() {
                let near = distance[at];
                set.clear();
                set.extend(ports_where(&router.ports, links, |to| match to {
                    End::Node(node, _) => near == 1 && node.at() == dst,
                    End::Router(next, _) => near != u32::MAX && distance[next.at()] + 1 == near,
                }));
                table.sets[at * n + dst] = intern(&mut known, &mut table.pool, &set);
            }
            for (src, ports) in node_ports.iter().enumerate() {
                let to = |end| match end {
                    End::Router(next, _) => distance[RouterIdx::at(next)],
                    End::Node(..) => u32::MAX,
                };
                let near = ports.iter().map(|l| to(links[l.at()].to)).min().unwrap_or(u32::MAX);
                if near == u32::MAX && src != dst {
                    return Err(unreachable(&node_name(src), &node_name(dst)));
                }
                set.clear();
                set.extend(ports_where(ports, links, |end| to(end) == near));
                table.sets[(r + src) * n + dst] = intern(&mut known, &mut table.pool, &set);
            }
        }
        Ok(table)
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) const fn groups(&self) -> usize {
        1
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) const fn adaptive(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) const fn global(&self) -> bool {
        false
    }

    pub(super) fn goals(&self, visit: impl FnMut(Goal)) {
        (0..self.nodes).map(|n| Goal::node(NodeIdx::new(n))).for_each(visit);
    }

    pub(super) fn inject_all(&self, src: NodeIdx, goal: Goal, mut visit: impl FnMut(Step)) {
        let ports = self.inject_ports(src, NodeIdx(goal.target));
        for p in ports {
            visit(step(*p, goal));
        }
    }

    pub(super) fn route_all(
        &self,
        at: RouterIdx,
        _: PortIdx,
        _: usize,
        goal: Goal,
        mut visit: impl FnMut(Step),
    ) {
        let ports = self.router_ports(at, NodeIdx(goal.target));
        for p in ports {
            visit(step(*p, goal));
        }
    }

    pub(super) const fn size(&self) -> (usize, usize) {
        (self.routers, self.nodes)
    }

    /// All ports of router `at` on shortest paths to `dst`; none where there is no path.
    pub fn router_ports(&self, at: RouterIdx, dst: NodeIdx) -> &[PortIdx] {
        self.set(at.at(), dst)
    }

    /// All ports of the network interface of `src` on shortest paths to `dst`.
    pub fn inject_ports(&self, src: NodeIdx, dst: NodeIdx) -> &[PortIdx] {
        self.set(self.routers + src.at(), dst)
    }

    #[inline]
    fn set(&self, place: usize, dst: NodeIdx) -> &[PortIdx] {
        let from = self.sets[place * self.nodes + dst.at()] as usize;
        let size = usize::from(self.pool[from].0);
        &self.pool[from + 1..=from + size]
    }

    #[inline]
    pub(super) fn route<V: View>(
        &self,
        at: RouterIdx,
        _: PortIdx,
        _: usize,
        head: &mut Head,
        _: &OfClass<'_, V>,
    ) -> Step {
        let port = pick(self.set(at.at(), head.dst), at.at(), head.flow);
        step(port, Goal::node(head.dst))
    }

    #[inline]
    pub(super) fn inject<V: View>(&self, head: &mut Head, _: &OfClass<'_, V>) -> Step {
        let place = self.routers + head.src.at();
        step(pick(self.set(place, head.dst), place, head.flow), Goal::node(head.dst))
    }
}

const fn step(port: PortIdx, goal: Goal) -> Step {
    Step { port, groups: 1, escape: true, goal }
}

/// The member of `set` that `flow` takes at `place`.
#[inline]
pub(super) fn pick(set: &[PortIdx], place: usize, flow: u32) -> PortIdx {
    assert!(!set.is_empty(), "no route at place {place}: connectivity was not checked");
    if set.len() == 1 { set[0] } else { set[choose(set.len(), place, flow)] }
}

/// The choice of `flow` at `place` among `count`: uniform, and independent from place to place.
#[inline]
pub(super) fn choose(count: usize, place: usize, flow: u32) -> usize {
    let hash = mix((place as u64) << 32 | u64::from(flow)) >> 32;
    // Multiply and shift: a uniform index without a division.
    usize::try_from((hash * count as u64) >> 32).unwrap_or(0)
}

/// Links from every router to `dst`: 1 where it hangs on the router; `u32::MAX` without a path.
pub(crate) fn distances(
    dst: NodeIdx,
    node_ports: &[Vec<LinkIdx>],
    routers: &[RouterNode],
    links: &[Link],
) -> Vec<u32> {
    let mut distance = vec![u32::MAX; routers.len()];
    let mut queue = Vec::new();
    let reach = |end: End, far: u32, distance: &mut Vec<u32>, queue: &mut Vec<RouterIdx>| {
        if let End::Router(r, _) = end
            && distance[r.at()] == u32::MAX
        {
            distance[r.at()] = far;
            queue.push(r);
        }
    };
    for link in &node_ports[dst.at()] {
        reach(links[link.at()].to, 1, &mut distance, &mut queue);
    }
    let mut next = 0;
    while let Some(&at) = queue.get(next) {
        next += 1;
        let far = distance[at.at()] + 1;
        for link in &routers[at.at()].ports {
            reach(links[link.at()].to, far, &mut distance, &mut queue);
        }
    }
    distance
}

pub(super) fn ports_where(
    ports: &[LinkIdx],
    links: &[Link],
    mut keep: impl FnMut(End) -> bool,
) -> impl Iterator<Item = PortIdx> {
    ports
        .iter()
        .enumerate()
        .filter(move |(_, l)| keep(links[l.at()].to))
        .map(|(p, _)| PortIdx::new(p))
}

/// Where `set` is in the pool; puts it there first if it is new.
pub(super) fn intern(
    known: &mut BTreeMap<Vec<PortIdx>, u32>,
    pool: &mut Vec<PortIdx>,
    set: &[PortIdx],
) -> u32 {
    if let Some(at) = known.get(set) {
        return *at;
    }
    let at = u32::try_from(pool.len()).expect("the pool is bounded by entries times ports");
    pool.push(PortIdx::new(set.len()));
    pool.extend_from_slice(set);
    known.insert(set.to_vec(), at);
    at
}

pub(crate) fn unreachable(src: &str, dst: &str) -> Problem {
    Problem::new(
        ErrorKind::Connectivity,
        "fabric",
        format!("{src} cannot reach {dst}"),
        "add the links that are missing between them",
    )
}
