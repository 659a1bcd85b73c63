//! Where a machine is cut: components that short links join stay together, the rest is dealt out evenly.
//!
//! ```text
//!   links shorter than the epoch ─▶ clusters ─▶ in a row ─▶ cut evenly by work ─▶ moved while the cut shrinks
//! ```
//!
//! The epoch is the least latency on the cut, so every threshold gives other clusters: longer links make
//! longer epochs, and fewer clusters, which are harder to deal evenly. All thresholds of at least
//! [`EDGES_MIN`] edges are tried, and numbers of partitions up to the one that is asked for.

use base::{Fs, LinkIdx};
use topology::spec::{End, Fabric, MachineSpec};

use super::layout::Layout;
use crate::BuildError;

/// Edges of the fastest clock that an epoch has at least: with fewer, meeting costs more than two threads
/// gain.
pub(crate) const EDGES_MIN: u64 = 8;

/// Edges that meeting at the end of an epoch costs, as the choice of an epoch weighs it. ASSUMED: about a
/// microsecond, in which a thread steps some components.
const MEETING_EDGES: f64 = 8.0;

/// Thresholds that are tried at most, the longest first.
const THRESHOLDS_MAX: usize = 8;

/// What partitions must promise to be worth it: times as fast as one.
const GAIN_MIN: f64 = 1.2;

/// Nodes a thread of the trace from which on epochs hold too little work: measured with 8 threads on 72 nodes,
/// where two threads took 1.07 times as long as one.
const IDLE_NODES: usize = 8;

/// Work of a node by its threads and its home slice, and of a router by its ports: shares of what a busy
/// machine spends on each. ASSUMED: every node's home is asked as often, every port is as busy.
const WORK: (u64, u64, u64) = (8, 6, 2);

/// How a machine is to be cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Cut {
    /// As it pays: at most one partition a thread and a core of the host.
    #[default]
    Auto,
    /// Into so many partitions, or as many as there can be; as evenly as can be. Each thread steps some.
    Parts(usize),
    /// Into so many, each of what cannot be cut further put into one of them that is drawn from a seed.
    Drawn {
        /// Partitions; some may be empty.
        parts: usize,
        /// The seed.
        seed: u64,
    },
}

/// A machine's cut.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Plan {
    pub(crate) layout: Layout,
    /// The least latency on the cut; [`Fs::NEVER`] where nothing is cut.
    pub(crate) epoch: Fs,
    /// The work of the busiest partition, as it is estimated, over that of the mean.
    pub(crate) imbalance: f64,
    /// Why there is only one partition though more were asked for.
    pub(crate) why: Option<&'static str>,
}

impl Plan {
    /// One partition.
    pub(crate) fn whole(fabric: &Fabric, why: Option<&'static str>) -> Self {
        Self { layout: Layout::whole(fabric), epoch: Fs::NEVER, imbalance: 1.0, why }
    }

    /// Cuts a machine that replays `threads` threads.
    pub(crate) fn new(
        spec: &MachineSpec,
        threads: usize,
        cut: Cut,
        parts: usize,
    ) -> Result<Self, BuildError> {
        let pool = Pool::new(spec, threads)?;
        if pool.thresholds.is_empty() {
            let why = "none of its links has a latency of 8 edges or more";
            return Ok(Self::whole(&spec.fabric, Some(why)));
        }
        if cut == Cut::Auto && threads * IDLE_NODES <= pool.nodes {
            let why = "its trace keeps too few nodes busy for more than one thread";
            return Ok(Self::whole(&spec.fabric, Some(why)));
        }
        if let Cut::Drawn { parts, seed } = cut {
            let clusters = pool.clusters(pool.thresholds[pool.thresholds.len() - 1]);
            let draw = |at: usize| base::rng::draw(seed, at as u64, 9, 0) % parts as u64;
            let of: Vec<usize> =
                (0..clusters.work.len()).map(|at| usize::try_from(draw(at)).unwrap_or(0)).collect();
            let plan = pool.plan(spec, &clusters, &of, parts);
            let why = "no link lies across the cut that was drawn";
            let whole = || Self::whole(&spec.fabric, Some(why));
            return Ok(if plan.epoch == Fs::NEVER { whole() } else { plan });
        }
        let least = if cut == Cut::Auto { 2 } else { parts };
        let mut best: Option<(f64, Self)> = None;
        for threshold in &pool.thresholds {
            let clusters = pool.clusters(*threshold);
            for parts in least.min(clusters.work.len()).max(2)..=parts.min(clusters.work.len()) {
                let plan = pool.plan(spec, &clusters, &clusters.deal(parts), parts);
                let edges = plan.epoch.0 as f64 / pool.period.0 as f64;
                let gain = parts as f64 / plan.imbalance / (1.0 + MEETING_EDGES / edges);
                if best.as_ref().is_none_or(|(least, _)| gain > *least) {
                    best = Some((gain, plan));
                }
            }
        }
        let whole = |why| Self::whole(&spec.fabric, Some(why));
        Ok(match best {
            None => whole("links with a latency of less than 8 edges join all of it"),
            Some((_, plan)) if plan.epoch == Fs::NEVER => whole("no link joins its parts"),
            Some((gain, plan)) if cut != Cut::Auto || gain >= GAIN_MIN => plan,
            Some(_) => whole("what its long links join is too uneven for more than one thread"),
        })
    }
}

/// A machine as it is to be cut: vertices are its nodes, then its routers.
struct Pool {
    nodes: usize,
    /// `[vertex]`
    work: Vec<u64>,
    /// Each cable: its ends, and its least latency in either direction.
    cables: Vec<(usize, usize, Fs)>,
    /// Latencies of cables that may be cut, the longest first.
    thresholds: Vec<Fs>,
    /// Of the fastest clock.
    period: Fs,
}

impl Pool {
    fn new(spec: &MachineSpec, threads: usize) -> Result<Self, BuildError> {
        let fabric = &spec.fabric;
        let nodes = fabric.node_ports.len();
        let domains = crate::network::domains(spec, 0)?;
        let (of_threads, of_home, of_port) = WORK;
        let node = |n: usize| of_home + if n < threads { of_threads } else { 0 };
        let routers = fabric.routers.iter().map(|r| of_port * r.ports.len() as u64);
        let vertex = |end: End| match end {
            End::Node(n, _) => n.at(),
            End::Router(r, _) => nodes + r.at(),
        };
        let mut cables = Vec::with_capacity(fabric.links.len() / 2);
        for (even, link) in fabric.links.iter().enumerate().step_by(2) {
            let latency = |l: usize| crate::network::latency_min(spec, &domains, LinkIdx::new(l));
            let least = latency(even)?.min(latency(even + 1)?);
            cables.push((vertex(link.from), vertex(link.to), least));
        }
        let period = domains.iter().map(clock::Domain::period_ceil).min().unwrap_or(Fs(1));
        let long = |l: &Fs| l.0 >= EDGES_MIN * period.0;
        let mut thresholds: Vec<Fs> = cables.iter().map(|c| c.2).filter(long).collect();
        thresholds.sort_unstable_by(|a, b| b.cmp(a));
        thresholds.dedup();
        if let [_, .., last] = thresholds[..] {
            thresholds.truncate(THRESHOLDS_MAX - 1);
            if thresholds.last() != Some(&last) {
                thresholds.push(last);
            }
        }
        let work = (0..nodes).map(node).chain(routers).collect();
        Ok(Self { nodes, work, cables, thresholds, period })
    }

    /// What cables shorter than `threshold` join.
    fn clusters(&self, threshold: Fs) -> Clusters {
        let mut root: Vec<usize> = (0..self.work.len()).collect();
        for (a, b, _) in self.cables.iter().filter(|c| c.2 < threshold) {
            let (a, b) = (find(&mut root, *a), find(&mut root, *b));
            root[a.max(b)] = a.min(b);
        }
        let routers = self.work.len() - self.nodes;
        let mut clusters = Clusters { of: vec![0; root.len()], ..Clusters::default() };
        for v in 0..root.len() {
            let first = find(&mut root, v);
            if first == v {
                clusters.of[v] = clusters.work.len();
                clusters.work.push(0);
                // Nodes and routers that are as far along among their like are near each other.
                let (at, of) =
                    if v < self.nodes { (v, self.nodes) } else { (v - self.nodes, routers) };
                clusters.along.push(((2 * at as u64 + 1) << 32) / (2 * of as u64));
            } else {
                clusters.of[v] = clusters.of[first];
            }
            clusters.work[clusters.of[v]] += self.work[v];
        }
        clusters.joined = vec![Vec::new(); clusters.work.len()];
        for (a, b, _) in &self.cables {
            let (a, b) = (clusters.of[*a], clusters.of[*b]);
            if a != b {
                clusters.joined[a].push(b);
                clusters.joined[b].push(a);
            }
        }
        clusters
    }

    /// The plan in which each cluster is in the partition that `of` says.
    fn plan(&self, spec: &MachineSpec, clusters: &Clusters, of: &[usize], parts: usize) -> Plan {
        let of: Vec<usize> = clusters.of.iter().map(|c| of[*c]).collect();
        let cut = self.cables.iter().filter(|(a, b, _)| of[*a] != of[*b]);
        let epoch = cut.map(|c| c.2).min().unwrap_or(Fs::NEVER);
        let mut work = vec![0; parts];
        of.iter().zip(&self.work).for_each(|(part, w)| work[*part] += w);
        let (most, all) = (work.iter().max().copied().unwrap_or(0), work.iter().sum::<u64>());
        let imbalance = (most * parts as u64) as f64 / all.max(1) as f64;
        let (nodes, routers) = of.split_at(self.nodes);
        let layout = Layout::new(&spec.fabric, parts, nodes, routers);
        Plan { layout, epoch, imbalance, why: None }
    }
}

/// What must stay together.
#[derive(Default)]
struct Clusters {
    /// `[vertex]`
    of: Vec<usize>,
    /// `[cluster]`
    work: Vec<u64>,
    /// `[cluster]`: how far along it is among its like.
    along: Vec<u64>,
    /// `[cluster]`: those at the other ends of its cables, once a cable.
    joined: Vec<Vec<usize>>,
}

impl Clusters {
    /// Deals them to `parts` partitions.
    fn deal(&self, parts: usize) -> Vec<usize> {
        let mut row: Vec<usize> = (0..self.work.len()).collect();
        row.sort_by_key(|c| (self.along[*c], *c));
        let all: u64 = self.work.iter().sum();
        let mut of = vec![0; row.len()];
        let mut work = vec![0; parts];
        let mut before = 0;
        for c in row {
            let middle = 2 * before + self.work[c];
            let part = u128::from(middle) * parts as u128 / (2 * u128::from(all)).max(1);
            of[c] = usize::try_from(part).unwrap_or(0).min(parts - 1);
            work[of[c]] += self.work[c];
            before += self.work[c];
        }
        self.refine(&mut of, &mut work);
        of
    }

    /// Moves clusters to where most of their cables lead, as long as that keeps the balance.
    fn refine(&self, of: &mut [usize], work: &mut [u64]) {
        let all: u64 = work.iter().sum();
        let most = work.iter().max().copied().unwrap_or(0);
        let room = most.max(all / work.len() as u64 * 33 / 32);
        let mut joined = vec![0_usize; work.len()];
        for _ in 0..8 {
            let mut moved = false;
            for c in 0..of.len() {
                joined.fill(0);
                self.joined[c].iter().for_each(|other| joined[of[*other]] += 1);
                let own = of[c];
                let fits = |part: &usize| work[*part] + self.work[c] <= room;
                let better = (0..work.len()).filter(|p| joined[*p] > joined[own]).filter(fits);
                let Some(to) = better.max_by_key(|p| (joined[*p], usize::MAX - p)) else {
                    continue;
                };
                work[own] -= self.work[c];
                work[to] += self.work[c];
                of[c] = to;
                moved = true;
            }
            if !moved {
                return;
            }
        }
    }
}

fn find(root: &mut [usize], mut at: usize) -> usize {
    while root[at] != at {
        root[at] = root[root[at]];
        at = root[at];
    }
    at
}
