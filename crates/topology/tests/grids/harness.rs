//! What every routing function has to keep, whatever its legs: routes are followed step by step
//! under random views, each step looked up among those that the function says it may take; and the
//! dependencies of the channels that it relies on are built from those, and must have no cycle.

use std::collections::{BTreeMap, BTreeSet};

use base::rng::draw;
use base::{Class, Head, Hop, LinkIdx, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx, View};
use topology::routing::{Goal, Step};
use topology::spec::{End, Fabric, MachineSpec};

/// A network with something different in it whenever it is asked.
pub(crate) struct Busy(pub(crate) u64);

impl View for Busy {
    fn used(&self, port: PortIdx, vcs: u64) -> u32 {
        few(draw(self.0, u64::from(port.0), 1, vcs))
    }
    fn free(&self, port: PortIdx, vcs: u64) -> u64 {
        // Often nothing at all.
        let of = |stream| draw(self.0, u64::from(port.0), stream, 0);
        vcs & of(2) & of(3)
    }
    fn used_at(&self, router: RouterIdx, port: PortIdx, vcs: u64) -> u32 {
        few(draw(self.0, u64::from(router.0) << 16 | u64::from(port.0), 4, vcs))
    }
}

/// A number of flits below 8.
fn few(draw: u64) -> u32 {
    u32::try_from(draw % 8).expect("few")
}

/// Links from node to node by breadth-first search that knows nothing of the routing.
pub(crate) fn links_between(f: &Fabric, src: NodeIdx) -> Vec<usize> {
    let mut of_node = vec![usize::MAX; f.node_ports.len()];
    let mut of_router = vec![usize::MAX; f.routers.len()];
    let mut front: Vec<(LinkIdx, usize)> = f.node_ports[src.at()].iter().map(|l| (*l, 1)).collect();
    let mut at = 0;
    while let Some(&(link, far)) = front.get(at) {
        at += 1;
        match f.links[link.at()].to {
            End::Node(n, _) => of_node[n.at()] = of_node[n.at()].min(far),
            End::Router(r, _) if of_router[r.at()] == usize::MAX => {
                of_router[r.at()] = far;
                front.extend(f.routers[r.at()].ports.iter().map(|l| (*l, far + 1)));
            }
            End::Router(..) => {}
        }
    }
    of_node
}

/// The links that a packet takes, every step being among the enumerated ones. `seed` chooses VCs
/// and views; a packet is asked several times at every router and takes the last answer.
pub(crate) fn follow(f: &Fabric, head: &Head, seed: u64) -> Vec<LinkIdx> {
    let per_class = f.routing.vcs_per_class();
    let own = base::route::class_vcs(head.class, per_class);
    let mut head = *head;
    let hop = f.routing.inject(&mut head, &Busy(seed));
    let mut goals = BTreeSet::new();
    f.routing.goals(|goal| {
        f.routing.inject_all(head.src, goal, |s| {
            if allows(f, &s, hop, head.class) {
                goals.insert(s.goal);
            }
        });
    });
    let mut link = f.node_ports[head.src.at()][hop.port.at()];
    let mut taken = vec![link];
    let mut vcs = hop.vcs;
    loop {
        assert!(vcs != 0 && vcs & !own == 0, "VCs {vcs:b} of class {own:b}");
        assert!(!goals.is_empty(), "a step that is not enumerated: {head:?} {taken:?}");
        let count = taken.len() as u64;
        let vc = nth(vcs, draw(seed, 0, 5, count));
        match f.links[link.at()].to {
            End::Node(n, _) => {
                assert_eq!(n, head.dst, "delivered to another");
                assert!(goals.iter().any(|g| g.target == n.0), "on no leg to its destination");
                return taken;
            }
            End::Router(at, in_port) => {
                let ask = |time, head: &mut Head| {
                    f.routing.route(at, in_port, VcIdx(vc), head, &Busy(draw(seed, count, 6, time)))
                };
                let mut hop = ask(0, &mut head);
                if f.routing.adaptive() {
                    hop = (1..4).fold(hop, |_, time| ask(time, &mut head));
                } else {
                    assert_eq!(hop, ask(0, &mut head), "asked twice: {head:?}");
                }
                let group = group_of(f, vc, head.class);
                let mut after = BTreeSet::new();
                for goal in &goals {
                    f.routing.route_all(at, in_port, group, *goal, |s| {
                        if allows(f, &s, hop, head.class) {
                            after.insert(s.goal);
                        }
                    });
                }
                (goals, vcs) = (after, hop.vcs);
                link = f.routers[at.at()].ports[hop.port.at()];
                taken.push(link);
            }
        }
        assert!(taken.len() < 200, "going in circles: {taken:?}");
    }
}

fn nth(set: u64, draw: u64) -> u8 {
    let members: Vec<u8> = (0..64).filter(|b| set >> b & 1 == 1).collect();
    members[usize::try_from(draw % members.len() as u64).expect("few")]
}

fn group_of(f: &Fabric, vc: u8, class: Class) -> usize {
    let vc = vc - class as u8 * f.routing.vcs_per_class();
    (0..f.routing.groups()).find(|g| f.routing.group_vcs(*g) >> vc & 1 == 1).expect("a group")
}

fn groups(f: &Fabric, set: u8) -> impl Iterator<Item = usize> {
    (0..f.routing.groups()).filter(move |g| set >> g & 1 == 1)
}

/// Whether the enumerated step has the port of `hop` and at least its VCs.
fn allows(f: &Fabric, step: &Step, hop: Hop, class: Class) -> bool {
    let vcs = groups(f, step.groups).fold(0, |set, g| set | f.routing.group_vcs(g));
    step.port == hop.port && hop.vcs & !(vcs << (class as u8 * f.routing.vcs_per_class())) == 0
}

/// Every packet arrives, along enumerated steps; `length` judges (source, destination, links taken,
/// links of a shortest route).
pub(crate) fn all_arrive(
    spec: &MachineSpec,
    flows: &[u32],
    mut length: impl FnMut(NodeIdx, NodeIdx, &[LinkIdx], usize),
) {
    let f = &spec.fabric;
    for src in (0..f.node_ports.len()).map(NodeIdx::new) {
        let far = links_between(f, src);
        for dst in (0..f.node_ports.len()).map(NodeIdx::new) {
            for (i, flow) in flows.iter().enumerate() {
                let class = Class::ALL[i % Class::ALL.len()];
                let drawn = draw(u64::from(*flow), src.0.into(), 7, dst.0.into());
                let flow = u32::try_from(drawn >> 32).expect("32 bits");
                let head = Head { src, dst, flow, class, state: 0 };
                let taken = follow(f, &head, u64::from(flow));
                length(src, dst, &taken, far[dst.at()]);
            }
        }
    }
}

/// A link and a group on it.
type Channel = (LinkIdx, usize);

/// The escape channels and their dependencies, direct ones and those by way of other channels.
#[derive(Default)]
pub(crate) struct Dependencies {
    edges: BTreeSet<(Channel, Channel)>,
    channels: BTreeSet<Channel>,
}

impl Dependencies {
    /// Walks everything that packets may do.
    ///
    /// # Panics
    /// If a packet could be where it has no escape.
    pub(crate) fn of(spec: &MachineSpec) -> Self {
        let f = &spec.fabric;
        let (mut this, mut states) = (Self::default(), States::default());
        f.routing.goals(|goal| {
            for (src, ports) in f.node_ports.iter().enumerate() {
                f.routing.inject_all(NodeIdx::new(src), goal, |s| {
                    groups(f, s.groups).for_each(|g| {
                        states.reach((ports[s.port.at()], g), s.goal, s.escape);
                    });
                });
            }
        });
        states.walk(f);
        this.take(&states);
        this
    }

    fn take(&mut self, states: &States) {
        for (at, (state, escape)) in states.known.iter().enumerate() {
            if !escape {
                continue;
            }
            self.channels.insert(state.0);
            // What is reached from here without another escape channel in between.
            let (mut seen, mut open) = (BTreeSet::new(), vec![at]);
            while let Some(from) = open.pop() {
                for next in &states.after[from] {
                    let ((channel, _), escape) = states.known[*next];
                    if escape {
                        self.edges.insert((state.0, channel));
                    } else if seen.insert(*next) {
                        open.push(*next);
                    }
                }
            }
        }
    }

    /// Whether there is no cycle.
    pub(crate) fn acyclic(&self) -> bool {
        let mut waits: BTreeMap<Channel, usize> = BTreeMap::new();
        for (_, to) in &self.edges {
            *waits.entry(*to).or_default() += 1;
        }
        let mut free: Vec<Channel> =
            self.channels.iter().filter(|c| !waits.contains_key(c)).copied().collect();
        let mut taken = 0;
        while let Some(c) = free.pop() {
            taken += 1;
            let last = (LinkIdx(u32::MAX), usize::MAX);
            for (_, to) in self.edges.range((c, (LinkIdx(0), 0))..=(c, last)) {
                let left = waits.get_mut(to).expect("counted");
                *left -= 1;
                if *left == 0 {
                    free.push(*to);
                }
            }
        }
        taken == self.channels.len()
    }
}

/// Channels that packets hold on a leg, and what they can hold next.
#[derive(Default)]
struct States {
    index: BTreeMap<(Channel, Goal), usize>,
    known: Vec<((Channel, Goal), bool)>,
    after: Vec<Vec<usize>>,
}

impl States {
    fn reach(&mut self, channel: Channel, goal: Goal, escape: bool) -> usize {
        let next = self.known.len();
        let at = *self.index.entry((channel, goal)).or_insert(next);
        if at == next {
            self.known.push(((channel, goal), escape));
            self.after.push(Vec::new());
        }
        assert_eq!(self.known[at].1, escape, "an escape channel that is also none");
        at
    }

    fn walk(&mut self, f: &Fabric) {
        let mut at = 0;
        while let Some(&(((link, group), goal), _)) = self.known.get(at) {
            if let End::Router(r, in_port) = f.links[link.at()].to {
                let mut steps = Vec::new();
                f.routing.route_all(r, in_port, group, goal, |s| steps.push(s));
                assert!(
                    steps.iter().any(|s| s.escape),
                    "no escape at {r} from {link} for {goal:?}"
                );
                for s in steps {
                    let next = f.routers[r.at()].ports[s.port.at()];
                    for g in groups(f, s.groups) {
                        let to = self.reach((next, g), s.goal, s.escape);
                        self.after[at].push(to);
                    }
                }
            }
            at += 1;
        }
    }
}
