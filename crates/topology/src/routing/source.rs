//! Source routing: the path of a packet is chosen where it starts, as a list of ports.
//!
//! Pairs of nodes whose path is listed take it; all others take the first of their shortest paths,
//! hop by hop the lowest port. Where successive routers are joined by parallel links, packets are
//! spread over them by hash. The packet carries the number of its hop.
//!
//! A leg is a pair: its target is `src * nodes + dst`, its phase 1, until the packet leaves for its
//! node. So the proof looks at the listed paths themselves, not at what they would be if all sources
//! shared them.

use std::collections::BTreeMap;

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::table::{intern, pick};
use super::{Goal, OfClass, Step};
use crate::error::{ErrorKind, Problem};
use crate::limits;

/// A path for every pair of nodes.
#[derive(Clone, Debug)]
pub struct SourceRouted {
    routers: usize,
    nodes: usize,
    /// `[src][dst]`: where the path begins in `hops`, one more at the end.
    from: Vec<u32>,
    /// Routers of all paths; the first hop of each is the node's.
    hops: Vec<Hop>,
    /// Sets of ports, each preceded by its size.
    pool: Vec<PortIdx>,
}

#[derive(Clone, Copy, Debug)]
struct Hop {
    /// The router that is left; none for the first hop.
    at: RouterIdx,
    /// Where the set of ports begins in the pool.
    set: u32,
}

/// A hop in the making: the router that is left ([`NONE`] for the first) and the ports that do it.
pub(crate) type Leave = (RouterIdx, Vec<PortIdx>);

/// No router: a node's network interface.
pub(crate) const NONE: RouterIdx = RouterIdx(u32::MAX);

impl SourceRouted {
    /// Most pairs of nodes.
    const PAIRS_MAX: u64 = 1 << 18;

    /// Collects the path of every pair; `path` gives that of one.
    ///
    /// # Errors
    /// Those of `path`; too many nodes.
    pub(crate) fn new(
        routers: usize,
        nodes: usize,
        mut path: impl FnMut(NodeIdx, NodeIdx) -> Result<Vec<Leave>, Problem>,
    ) -> Result<Self, Problem> {
        let refuse = |what: String, most: u64| {
            let mend = format!("use at most {most}, or a routing that needs no paths");
            Problem::new(ErrorKind::Limit, "fabric.nodes", what, mend)
        };
        let pairs = (nodes as u64).saturating_mul(nodes as u64);
        if pairs > Self::PAIRS_MAX {
            let what = format!("{nodes} nodes are {pairs} pairs, each with a path of its own");
            return Err(refuse(what, Self::PAIRS_MAX));
        }
        let mut this = Self { routers, nodes, from: vec![0], hops: Vec::new(), pool: Vec::new() };
        let mut known = BTreeMap::new();
        for (src, dst) in (0..nodes).flat_map(|src| (0..nodes).map(move |dst| (src, dst))) {
            for (at, ports) in path(NodeIdx::new(src), NodeIdx::new(dst))? {
                let set = intern(&mut known, &mut this.pool, &ports);
                this.hops.push(Hop { at, set });
            }
            if this.hops.len() as u64 > limits::TABLE_ENTRIES_MAX {
                let what = format!("the paths of {nodes} nodes have too many hops");
                return Err(refuse(what, limits::TABLE_ENTRIES_MAX));
            }
            this.from.push(u32::try_from(this.hops.len()).expect("bounded just now"));
        }
        Ok(this)
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
        (0..self.nodes * self.nodes).map(leg).for_each(visit);
    }

    pub(super) fn inject_all(&self, src: NodeIdx, goal: Goal, mut visit: impl FnMut(Step)) {
        let pair = goal.target as usize;
        if goal.phase == 1 && pair / self.nodes == src.at() {
            let first = self.path(pair)[0];
            for p in self.set(first) {
                visit(step(*p, goal));
            }
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
        let pair = goal.target as usize;
        let path = self.path(pair);
        if let Some(hop) = path.iter().skip(1).position(|hop| hop.at == at) {
            let next = self.after(pair, hop + 1, path.len());
            for p in self.set(path[hop + 1]) {
                visit(step(*p, next));
            }
        }
    }

    #[inline]
    pub(super) fn inject<V: View>(&self, head: &mut Head, _: &OfClass<'_, V>) -> Step {
        head.state = 0;
        self.hop(self.routers + head.src.at(), head)
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
        // The same place asks for the same hop, however often it asks.
        let pair = head.src.at() * self.nodes + head.dst.at();
        if self.path(pair)[head.state as usize].at != at {
            head.state += 1;
        }
        self.hop(at.at(), head)
    }

    #[inline]
    fn hop(&self, place: usize, head: &Head) -> Step {
        let pair = head.src.at() * self.nodes + head.dst.at();
        let (hop, path) = (head.state as usize, self.path(pair));
        let port = pick(self.set(path[hop]), place, head.flow);
        step(port, self.after(pair, hop, path.len()))
    }

    /// The leg after a hop: the last one leads to the node.
    fn after(&self, pair: usize, hop: usize, length: usize) -> Goal {
        if hop + 1 == length { Goal::node(NodeIdx::new(pair % self.nodes)) } else { leg(pair) }
    }

    #[inline]
    fn path(&self, pair: usize) -> &[Hop] {
        &self.hops[self.from[pair] as usize..self.from[pair + 1] as usize]
    }

    #[inline]
    fn set(&self, hop: Hop) -> &[PortIdx] {
        let from = hop.set as usize;
        let size = usize::from(self.pool[from].0);
        &self.pool[from + 1..=from + size]
    }
}

fn leg(pair: usize) -> Goal {
    Goal { target: u32::try_from(pair).expect("pairs are bounded"), phase: 1 }
}

const fn step(port: PortIdx, goal: Goal) -> Step {
    Step { port, groups: 1, escape: true, goal }
}
