//! Up*/down* routing: shortest legal paths on any graph.
//!
//! Routers have levels: their distances from a root. Of two linked routers the one nearer to the
//! root, or of equally near ones the one listed first, is the upper one. A packet takes any number
//! of links up, then any number down, and never one up after one down; among such paths it takes
//! a shortest one, by hash of its flow where there are several. Links up are taken in ascending and
//! links down in descending order of the routers, so no circle of waiting can close on any graph
//! (Schroeder et al., "Autonet", IEEE J. Sel. Areas Commun. 9(8), 1991). That a packet has gone down
//! is seen from the port by which it came.

use std::collections::BTreeMap;

use base::{Head, LinkIdx, NodeIdx, PortIdx, RouterIdx, View};

use super::table::{intern, pick, ports_where};
use super::{Goal, OfClass, Step, unreachable};
use crate::error::{ErrorKind, Problem};
use crate::limits;
use crate::spec::{End, Link, RouterNode};

/// Shortest up*/down* routes from any router and any node to any node.
#[derive(Clone, Debug)]
pub struct UpDown {
    routers: usize,
    nodes: usize,
    /// Ports of a router at most.
    radix: usize,
    /// `[router][port]`: whether what arrives by the port came down.
    came_down: Vec<bool>,
    /// `[place][dst]`: where the set begins in `pool`. Places are the routers for packets that may
    /// go up, the routers for those that may not, then the nodes.
    sets: Vec<u32>,
    /// Sets of ports, each preceded by its size.
    pool: Vec<PortIdx>,
}

/// The order of the routers: who is above whom.
struct Order {
    /// `[router]`: its place in the order; the root's is 0.
    rank: Vec<usize>,
    /// The routers in order.
    sorted: Vec<usize>,
}

/// Links to one destination from each router.
struct Far {
    /// By way down alone.
    down: Vec<u32>,
    /// By way up, then down.
    any: Vec<u32>,
}

impl UpDown {
    /// Computes all shortest legal paths under `root`.
    ///
    /// # Errors
    /// If a node cannot reach another, or the tables would be too large.
    pub(crate) fn new(
        root: RouterIdx,
        node_ports: &[Vec<LinkIdx>],
        routers: &[RouterNode],
        links: &[Link],
        node_name: impl Fn(usize) -> String,
    ) -> Result<Self, Problem> {
        let (r, n) = (routers.len(), node_ports.len());
        let entries = (2 * r as u64 + n as u64) * n as u64;
        if entries > limits::TABLE_ENTRIES_MAX {
            return Err(Problem::new(
                ErrorKind::Limit,
                "fabric",
                format!("up*/down* tables for {r} routers and {n} nodes have {entries} entries"),
                format!("use at most {}", limits::TABLE_ENTRIES_MAX),
            ));
        }
        let order = Order::new(root, routers, links);
        let radix = routers.iter().map(|r| r.ports.len()).max().unwrap_or(0);
        let mut came_down = vec![false; r * radix];
        for (at, router) in routers.iter().enumerate() {
            for (p, link) in router.ports.iter().enumerate() {
                if let End::Router(from, _) = links[link.at()].to {
                    came_down[at * radix + p] = order.rank[from.at()] < order.rank[at];
                }
            }
        }
        let sets = vec![0; (2 * r + n) * n];
        let mut this = Self { routers: r, nodes: n, radix, came_down, sets, pool: Vec::new() };
        let mut known = BTreeMap::new();
        for dst in 0..n {
            let far = Far::new(dst, &order, routers, links);
            this.towards(dst, &order, &far, (routers, links), &mut known);
            for (src, ports) in node_ports.iter().enumerate() {
                let to = |end| match end {
                    End::Router(next, _) => far.any[RouterIdx::at(next)],
                    End::Node(..) => u32::MAX,
                };
                let near = ports.iter().map(|l| to(links[l.at()].to)).min().unwrap_or(u32::MAX);
                if near == u32::MAX && src != dst {
                    return Err(unreachable(&node_name(src), &node_name(dst)));
                }
                let set: Vec<_> = ports_where(ports, links, |end| to(end) == near).collect();
                this.sets[(2 * r + src) * n + dst] = intern(&mut known, &mut this.pool, &set);
            }
        }
        Ok(this)
    }

    /// The sets of all routers for one destination.
    fn towards(
        &mut self,
        dst: usize,
        order: &Order,
        far: &Far,
        (routers, links): (&[RouterNode], &[Link]),
        known: &mut BTreeMap<Vec<PortIdx>, u32>,
    ) {
        for (at, router) in routers.iter().enumerate() {
            let (any, down) = (far.any[at], far.down[at]);
            let falls = |next: RouterIdx| order.rank[next.at()] > order.rank[at];
            let mut keep = |up: bool| {
                let set: Vec<_> = ports_where(&router.ports, links, |end| match end {
                    End::Node(node, _) => node.at() == dst && down == 1,
                    End::Router(next, _) if falls(next) => {
                        after(far.down[next.at()]) == if up { any } else { down }
                    }
                    End::Router(next, _) => up && after(far.any[next.at()]) == any,
                })
                .collect();
                intern(known, &mut self.pool, &set)
            };
            // Without a path every comparison is of two infinities: no ports then.
            let (first, second) = (
                if any == u32::MAX { None } else { Some(keep(true)) },
                if down == u32::MAX { None } else { Some(keep(false)) },
            );
            let none = intern(known, &mut self.pool, &[]);
            self.sets[at * self.nodes + dst] = first.unwrap_or(none);
            self.sets[(self.routers + at) * self.nodes + dst] = second.unwrap_or(none);
        }
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

    pub(super) const fn size(&self) -> (usize, usize) {
        (self.routers, self.nodes)
    }

    pub(super) fn goals(&self, visit: impl FnMut(Goal)) {
        (0..self.nodes).map(|n| Goal::node(NodeIdx::new(n))).for_each(visit);
    }

    pub(super) fn inject_all(&self, src: NodeIdx, goal: Goal, mut visit: impl FnMut(Step)) {
        let set = self.set(2 * self.routers + src.at(), NodeIdx(goal.target));
        for p in set {
            visit(step(*p, goal));
        }
    }

    pub(super) fn route_all(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        _: usize,
        goal: Goal,
        mut visit: impl FnMut(Step),
    ) {
        let set = self.set(self.place(at, in_port), NodeIdx(goal.target));
        for p in set {
            visit(step(*p, goal));
        }
    }

    #[inline]
    pub(super) fn inject<V: View>(&self, head: &mut Head, _: &OfClass<'_, V>) -> Step {
        let place = 2 * self.routers + head.src.at();
        step(pick(self.set(place, head.dst), place, head.flow), Goal::node(head.dst))
    }

    #[inline]
    pub(super) fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        _: usize,
        head: &mut Head,
        _: &OfClass<'_, V>,
    ) -> Step {
        let set = self.set(self.place(at, in_port), head.dst);
        step(pick(set, at.at(), head.flow), Goal::node(head.dst))
    }

    /// Whether a packet that came to router `at` by `in_port` has gone down and may not go up again.
    #[inline]
    pub fn came_down(&self, at: RouterIdx, in_port: PortIdx) -> bool {
        self.came_down[at.at() * self.radix + in_port.at()]
    }

    #[inline]
    fn place(&self, at: RouterIdx, in_port: PortIdx) -> usize {
        at.at() + if self.came_down(at, in_port) { self.routers } else { 0 }
    }

    #[inline]
    fn set(&self, place: usize, dst: NodeIdx) -> &[PortIdx] {
        let from = self.sets[place * self.nodes + dst.at()] as usize;
        let size = usize::from(self.pool[from].0);
        &self.pool[from + 1..=from + size]
    }
}

impl Order {
    fn new(root: RouterIdx, routers: &[RouterNode], links: &[Link]) -> Self {
        let mut level = vec![usize::MAX; routers.len()];
        level[root.at()] = 0;
        let mut queue = vec![root];
        let mut next = 0;
        while let Some(&at) = queue.get(next) {
            next += 1;
            for link in &routers[at.at()].ports {
                if let End::Router(to, _) = links[link.at()].to
                    && level[to.at()] == usize::MAX
                {
                    level[to.at()] = level[at.at()] + 1;
                    queue.push(to);
                }
            }
        }
        let mut sorted: Vec<usize> = (0..routers.len()).collect();
        sorted.sort_by_key(|r| (level[*r], *r));
        let mut rank = vec![0; routers.len()];
        sorted.iter().enumerate().for_each(|(at, r)| rank[*r] = at);
        Self { rank, sorted }
    }
}

impl Far {
    fn new(dst: usize, order: &Order, routers: &[RouterNode], links: &[Link]) -> Self {
        let mut down = vec![u32::MAX; routers.len()];
        // What is below comes later in the order, so that all of it is known already.
        for &at in order.sorted.iter().rev() {
            for link in &routers[at].ports {
                let far = match links[link.at()].to {
                    End::Node(node, _) if node.at() == dst => 1,
                    End::Router(to, _) if order.rank[to.at()] > order.rank[at] => {
                        after(down[to.at()])
                    }
                    _ => u32::MAX,
                };
                down[at] = down[at].min(far);
            }
        }
        let mut any = down.clone();
        for &at in &order.sorted {
            for link in &routers[at].ports {
                if let End::Router(to, _) = links[link.at()].to
                    && order.rank[to.at()] < order.rank[at]
                {
                    any[at] = any[at].min(after(any[to.at()]));
                }
            }
        }
        Self { down, any }
    }
}

/// One link more.
const fn after(far: u32) -> u32 {
    far.saturating_add(1)
}

const fn step(port: PortIdx, goal: Goal) -> Step {
    Step { port, groups: 1, escape: true, goal }
}

#[cfg(test)]
mod tests {
    use base::{NodeIdx, PortIdx};

    use super::UpDown;
    use crate::describe::Description;
    use crate::error::ErrorKind;
    use crate::routing::{Routing, Way};
    use crate::spec::{End, Fabric};

    impl UpDown {
        /// Sends packets for `dst` from router `from` down to router `by`, and up again to `to`.
        fn with_wrong_turn(mut self, f: &Fabric, [from, by, to]: [usize; 3], dst: NodeIdx) -> Self {
            let places = [(from, from, by), (self.routers + by, by, to)];
            for (place, at, next) in places {
                let leads = |l: &base::LinkIdx| matches!(f.links[l.at()].to, End::Router(r, _) if r.at() == next);
                let port = f.routers[at].ports.iter().position(leads).expect("linked");
                let set = u32::try_from(self.pool.len()).expect("small");
                self.sets[place * self.nodes + dst.at()] = set;
                self.pool.extend([PortIdx(1), PortIdx::new(port)]);
            }
            self
        }
    }

    #[test]
    fn a_turn_from_down_to_up_is_refused_with_its_circle_named() {
        let mut spec =
            Description::shipped("graph_updown").expect("shipped").elaborate().expect("right");
        crate::check(&spec).expect("free of deadlock");
        let Way::UpDown(order) = spec.fabric.routing.way().clone() else {
            panic!("routed up*/down*")
        };
        let [far_east, far_west, south] = [3, 4, 5];
        let turn = [far_west, south, far_east];
        let broken = order.with_wrong_turn(&spec.fabric, turn, NodeIdx(3));
        spec.fabric.routing = Routing::new(Way::UpDown(broken), 2);
        let error = crate::check(&spec).expect_err("the turn closes the outer ring");
        assert_eq!(error.kind(), ErrorKind::Deadlock);
        assert!(error.message().contains("5 channels wait for each other"), "{error}");
        let ring = ["far-east", "east", "west", "far-west", "south", "far-east"];
        for hop in ring.windows(2) {
            let link = |line: &str| {
                line.contains(&format!("{} port ", hop[0]))
                    && line.contains(&format!("-> {} (", hop[1]))
            };
            assert!(error.message().lines().any(link), "{hop:?} in {error}");
        }
    }
}
