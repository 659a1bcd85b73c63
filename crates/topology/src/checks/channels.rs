//! Deadlock freedom of the routing: the channel dependency graph must have no cycle.
//!
//! A channel is a link and a group of VCs that the routing function treats alike. There is a
//! dependency from one channel to another if some packet may hold the first while it waits for the
//! second. If the graph of dependencies is acyclic, no set of packets can wait for each other in a
//! circle (Dally and Seitz, IEEE Trans. Computers C-36(5), 1987), given that what arrives at a node
//! is always taken in the end, which the order of the message classes sees to.
//!
//! The graph is built destination by destination: all channels that packets to it can occupy are
//! followed from every source's injection onwards, through all choices that the routing function
//! has. Since classes have VCs of their own and are routed alike, each class's graph is the same
//! graph; it is built once, and counted once for each class.

use base::{CLASS_COUNT, LinkIdx, NodeIdx, PortIdx};

use super::report::Dependencies;
use super::structure::astray;
use crate::error::{ErrorKind, Problem};
use crate::routing::{Goal, Step, Way};
use crate::spec::{End, Fabric, MachineSpec};

/// Proves that there is no cycle, or names the shortest one.
pub(super) fn acyclic(spec: &MachineSpec) -> Result<Dependencies, Problem> {
    let mut graph = Graph::new(&spec.fabric);
    let mut walk = Walk {
        fabric: &spec.fabric,
        reached: vec![0; spec.fabric.links.len()],
        touched: Vec::new(),
        open: Vec::new(),
    };
    for dst in 0..spec.fabric.node_ports.len() {
        walk.to(NodeIdx::new(dst), &mut graph)?;
    }
    let left = graph.cyclic_part();
    if left.is_empty() {
        return Ok(graph.count());
    }
    Err(deadlock(spec, &graph.shortest_cycle(&left)))
}

/// The channels that packets to one destination can occupy.
struct Walk<'a> {
    fabric: &'a Fabric,
    /// `[link]`: groups reached on it.
    reached: Vec<u8>,
    touched: Vec<usize>,
    /// Channels reached but not yet followed: link and one group.
    open: Vec<(LinkIdx, usize)>,
}

impl Walk<'_> {
    fn to(&mut self, dst: NodeIdx, graph: &mut Graph<'_>) -> Result<(), Problem> {
        let f = self.fabric;
        let mut wrong = None;
        for (src, ports) in f.node_ports.iter().enumerate() {
            let src = NodeIdx::new(src);
            let mut any = false;
            f.routing.inject_all(src, Goal::node(dst), |step| {
                any = true;
                match ports.get(step.port.at()) {
                    Some(link) => self.reach(*link, step.groups),
                    None => wrong = Some((src.to_string(), step.port)),
                }
            });
            if !any {
                return Err(crate::routing::unreachable(&src.to_string(), &dst.to_string()));
            }
        }
        while let Some((link, group)) = self.open.pop() {
            graph.used[link.at()] |= 1 << group;
            match f.links[link.at()].to {
                End::Node(n, _) if n == dst => {}
                End::Node(n, port) => wrong = Some((n.to_string(), port)),
                End::Router(at, in_port) => {
                    let router = &f.routers[at.at()];
                    let mut any = false;
                    f.routing.route_all(at, in_port, group, Goal::node(dst), |step| {
                        any = true;
                        let Some(next) = router.ports.get(step.port.at()) else {
                            wrong = Some((router.name.clone(), step.port));
                            return;
                        };
                        graph.depend(link, group, step);
                        self.reach(*next, step.groups);
                    });
                    if !any {
                        wrong = Some((router.name.clone(), in_port));
                    }
                }
            }
        }
        self.touched.drain(..).for_each(|l| self.reached[l] = 0);
        match wrong {
            Some((place, port)) => Err(astray(&f.routing, &place, port, dst)),
            None => Ok(()),
        }
    }

    fn reach(&mut self, link: LinkIdx, groups: u8) {
        let seen = &mut self.reached[link.at()];
        let new = groups & !*seen;
        if new == 0 {
            return;
        }
        if *seen == 0 {
            self.touched.push(link.at());
        }
        *seen |= new;
        for group in 0..self.fabric.routing.groups() {
            if new >> group & 1 == 1 {
                self.open.push((link, group));
            }
        }
    }
}

/// The dependencies: for each channel, a bit for each channel that leaves the router it enters.
struct Graph<'a> {
    fabric: &'a Fabric,
    groups: usize,
    /// `[link]`: groups that any packet can occupy.
    used: Vec<u8>,
    /// `[channel]`: where its bits begin, one more at the end.
    from: Vec<usize>,
    bits: Vec<u64>,
}

impl<'a> Graph<'a> {
    fn new(fabric: &'a Fabric) -> Self {
        let groups = fabric.routing.groups();
        let mut from = vec![0];
        let mut words = 0;
        for link in &fabric.links {
            let ports = match link.to {
                End::Router(r, _) => fabric.routers[r.at()].ports.len(),
                End::Node(..) => 0,
            };
            for _ in 0..groups {
                words += (ports * groups).div_ceil(64);
                from.push(words);
            }
        }
        let used = vec![0; fabric.links.len()];
        Self { fabric, groups, used, from, bits: vec![0; words] }
    }

    fn depend(&mut self, link: LinkIdx, group: usize, step: Step) {
        let base = self.from[link.at() * self.groups + group];
        for next in 0..self.groups {
            if step.groups >> next & 1 == 1 {
                let bit = step.port.at() * self.groups + next;
                self.bits[base + bit / 64] |= 1 << (bit % 64);
            }
        }
    }

    /// The channels that `channel` depends on.
    fn after(&self, channel: usize) -> impl Iterator<Item = usize> {
        let ports: &[LinkIdx] = match self.fabric.links[channel / self.groups].to {
            End::Router(r, _) => &self.fabric.routers[r.at()].ports,
            End::Node(..) => &[],
        };
        let words = &self.bits[self.from[channel]..self.from[channel + 1]];
        words.iter().enumerate().flat_map(move |(w, word)| {
            let mut rest = *word;
            core::iter::from_fn(move || {
                let bit = 64 * w + rest.trailing_zeros() as usize;
                (rest != 0).then(|| {
                    rest &= rest - 1;
                    ports[bit / self.groups].at() * self.groups + bit % self.groups
                })
            })
        })
    }

    fn channels(&self) -> usize {
        self.fabric.links.len() * self.groups
    }

    /// Takes away channels that nothing depends on until none is left (Kahn); returns, for each
    /// channel, whether it remains: on a cycle, or after one. Empty if there is no cycle.
    fn cyclic_part(&self) -> Vec<bool> {
        let mut waits = vec![0_u32; self.channels()];
        for c in 0..self.channels() {
            self.after(c).for_each(|next| waits[next] += 1);
        }
        let mut free: Vec<usize> = (0..self.channels()).filter(|c| waits[*c] == 0).collect();
        let mut taken = 0;
        while let Some(c) = free.pop() {
            taken += 1;
            for next in self.after(c) {
                waits[next] -= 1;
                if waits[next] == 0 {
                    free.push(next);
                }
            }
        }
        if taken == self.channels() {
            return Vec::new();
        }
        waits.iter().map(|w| *w > 0).collect()
    }

    /// The shortest cycle among the channels `left`, as far as a bounded search finds it.
    fn shortest_cycle(&self, left: &[bool]) -> Vec<usize> {
        const STEPS: usize = 20_000_000;
        let mut budget = STEPS;
        let mut best: Vec<usize> = Vec::new();
        let mut parent = vec![usize::MAX; self.channels()];
        for start in (0..self.channels()).filter(|c| left[*c]) {
            let mut queue = vec![start];
            let mut at = 0;
            'search: while let Some(&c) = queue.get(at) {
                at += 1;
                for next in self.after(c).filter(|n| left[*n]) {
                    budget = budget.saturating_sub(1);
                    if next == start {
                        let found = path_back(&parent, start, c);
                        if best.is_empty() || found.len() < best.len() {
                            best = found;
                        }
                        break 'search;
                    }
                    if parent[next] == usize::MAX {
                        parent[next] = c;
                        queue.push(next);
                    }
                }
            }
            for c in queue {
                parent[c] = usize::MAX;
            }
            parent[start] = usize::MAX;
            if budget == 0 && !best.is_empty() {
                break;
            }
        }
        best
    }

    /// Channels and dependencies, each VC and each class counted.
    fn count(&self) -> Dependencies {
        let size = |group| u64::from(self.fabric.routing.group_vcs(group).count_ones());
        let mut total = Dependencies { classes: CLASS_COUNT, channels: 0, dependencies: 0 };
        for c in 0..self.channels() {
            let (link, group) = (c / self.groups, c % self.groups);
            if self.used[link] >> group & 1 == 1 {
                total.channels += size(group) * CLASS_COUNT as u64;
            }
            for next in self.after(c) {
                total.dependencies += size(group) * size(next % self.groups) * CLASS_COUNT as u64;
            }
        }
        total
    }
}

fn path_back(parent: &[usize], start: usize, end: usize) -> Vec<usize> {
    let mut path = vec![end];
    while let Some(&c) = path.last()
        && c != start
    {
        path.push(parent[c]);
    }
    path.reverse();
    path
}

fn deadlock(spec: &MachineSpec, cycle: &[usize]) -> Problem {
    const SHOWN: usize = 24;
    let f = &spec.fabric;
    let groups = f.routing.groups();
    let name = |end: End| match end {
        End::Node(n, p) => (n.to_string(), p),
        End::Router(r, p) => (f.routers[r.at()].name.clone(), p),
    };
    let channel = |c: &usize| {
        let link = &f.links[c / groups];
        let ((from, PortIdx(port)), (to, _)) = (name(link.from), name(link.to));
        let vcs = f.routing.group_vcs(c % groups);
        let (low, high) = (vcs.trailing_zeros(), vcs.ilog2());
        let vcs = if low == high { format!("VC {low}") } else { format!("VCs {low} to {high}") };
        format!("{from} port {port} -> {to} ({vcs} of each class)")
    };
    let mut lines: Vec<String> = cycle.iter().take(SHOWN).map(channel).collect();
    if cycle.len() > SHOWN {
        lines.push(format!("... {} more", cycle.len() - SHOWN));
    }
    let first = cycle.first().map(channel).unwrap_or_default();
    let message = format!(
        "routes can deadlock: {} channels wait for each other in a circle:\n  {}\n  waits for {first}",
        cycle.len(),
        lines.join("\n  waits for ")
    );
    let mend = match f.routing.way() {
        Way::Table(_) => {
            "shortest-path tables are safe where routes do not close rings: describe a ring as a \
             Torus and a grid as a Mesh with `routing: DimensionOrder`, or link the routers as a \
             tree, in tiers, or all to all"
        }
        _ => "use a torus with datelines and 2 VCs in each class",
    };
    Problem::new(ErrorKind::Deadlock, "fabric", message, mend)
}

#[cfg(test)]
mod tests;
