//! Walks over routing functions, by what they answer alone: single packets, and all of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use base::arch::VcReuse;
use base::rng::draw;
use base::{Class, Head, LinkIdx, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx, View};
use topology::routing::{Goal, Step};
use topology::spec::{End, Fabric, MachineSpec};
use topology::{Description, SHIPPED, TopologyError};

/// The machine of 8 by 8 routers with another fabric, whose wires are of class `wire` on clock `die`.
pub(crate) fn machine(fabric: &str, vcs_per_class: u8) -> Result<MachineSpec, TopologyError> {
    let (_, text) = SHIPPED.iter().find(|(name, _)| *name == "mesh8x8").expect("shipped");
    let (rest, _) = text.split_once("    fabric: ").expect("its fabric");
    let text = format!("{rest}    fabric: {fabric},\n)");
    let mut described = Description::from_ron("test.ron", &text)?;
    described.router.vcs_per_class = vcs_per_class;
    // Adaptive functions need it, to others it is the same.
    described.router.vc_reuse = VcReuse::Empty;
    described.elaborate()
}

/// A view of a network whose queues hold anything, by hash of a seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy(pub(crate) u64);

impl View for Busy {
    fn used(&self, port: PortIdx, vcs: u64) -> u32 {
        self.used_at(RouterIdx(u32::MAX), port, vcs)
    }

    fn free(&self, port: PortIdx, vcs: u64) -> u64 {
        vcs & draw(self.0, 1, u64::from(port.0), 0)
    }

    fn used_at(&self, router: RouterIdx, port: PortIdx, vcs: u64) -> u32 {
        let hash = draw(self.0, u64::from(router.0), u64::from(port.0), vcs);
        u32::try_from(hash % 50).expect("small")
    }
}

/// What was looked at: ports whose use was asked for, and [`None`] for anything else.
#[derive(Default)]
struct Looks(RefCell<Vec<Option<PortIdx>>>);

/// A view that notes what is looked at.
struct Spying<'a>(&'a Looks, Busy);

impl View for Spying<'_> {
    fn used(&self, port: PortIdx, vcs: u64) -> u32 {
        self.0.0.borrow_mut().push(Some(port));
        self.1.used(port, vcs)
    }

    fn free(&self, port: PortIdx, vcs: u64) -> u64 {
        self.0.0.borrow_mut().push(None);
        self.1.free(port, vcs)
    }

    fn used_at(&self, router: RouterIdx, port: PortIdx, vcs: u64) -> u32 {
        self.0.0.borrow_mut().push(None);
        self.1.used_at(router, port, vcs)
    }
}

impl Looks {
    /// Holds what was looked at for a packet that came from its node, or not, to a router, or is yet to leave the node,
    /// against what the function says of itself.
    fn check(&self, f: &Fabric, at: Option<RouterIdx>, first: bool) {
        let looks = self.0.take();
        let source = f.routing.source_adaptive();
        if f.routing.oblivious() && at.is_some() {
            assert!(looks.is_empty(), "{looks:?} by one that never looks, at {at:?}");
        }
        assert!(!(f.routing.oblivious() && source), "it never looks, or once");
        if source {
            let Some(at) = at.filter(|_| first) else {
                assert!(looks.is_empty(), "{looks:?} by one that looks once, at {at:?}");
                return;
            };
            let to_router = |port: &PortIdx| {
                let link = f.routers[at.at()].ports[port.at()];
                matches!(f.links[link.at()].to, End::Router(..))
            };
            let others = looks.iter().any(|port| !port.as_ref().is_some_and(to_router));
            assert!(f.routing.weighs() && !others, "{looks:?} at {at}");
        }
    }
}

/// The groups that a set of VCs of a class consists of.
pub(crate) fn groups_of(f: &Fabric, class: Class, vcs: u64) -> u8 {
    let own = vcs >> (class as u8 * f.routing.vcs_per_class());
    let mut left = own;
    let mut set = 0;
    for group in 0..f.routing.groups() {
        let of = f.routing.group_vcs(group);
        if own & of != 0 {
            assert_eq!(own & of, of, "part of group {group}");
            set |= 1 << group;
            left &= !of;
        }
    }
    assert!(set != 0 && left == 0, "VCs {vcs:x} of {class:?}");
    set
}

/// Whether the steps in `all` allow each of `groups` on `port`.
fn covered(all: &[Step], port: PortIdx, groups: u8) -> bool {
    let on_port = all.iter().filter(|s| s.port == port);
    groups & !on_port.fold(0, |set, s| set | s.groups) == 0
}

/// Follows a packet to its destination; at each place the step must be among those enumerated, and
/// asking twice must answer alike. The function looks only at what it says it does. Returns the links taken, each with the group used on it.
///
/// The view differs from place to place. `high` chooses the highest of the VCs allowed.
pub(crate) fn follow(
    f: &Fabric,
    head: &Head,
    seed: Option<u64>,
    high: bool,
) -> Vec<(LinkIdx, usize)> {
    let mut head = *head;
    let looks = Looks::default();
    let view = |place: u64| Spying(&looks, Busy(seed.map_or(0, |s| draw(s, place, 0, 0))));
    let ask = |at: Option<(RouterIdx, PortIdx, VcIdx)>, head: &mut Head| match (at, seed) {
        (None, Some(_)) => f.routing.inject(head, &view(0)),
        (None, None) => f.routing.inject(head, &base::route::Empty),
        (Some((r, p, v)), Some(_)) => f.routing.route(r, p, v, head, &view(1 + u64::from(r.0))),
        (Some((r, p, v)), None) => f.routing.route(r, p, v, head, &base::route::Empty),
    };
    let mut goals = BTreeSet::new();
    f.routing.goals(|g| {
        goals.insert(g);
    });
    // Which of its first legs the packet is on is seen at its first router.
    goals.retain(|g| *g == Goal::node(head.dst) || g.phase > 0);
    let mut taken: Vec<(LinkIdx, usize)> = Vec::new();
    let mut at = None;
    loop {
        let hop = ask(at, &mut head);
        looks.check(f, at.map(|(router, ..)| router), taken.len() == 1);
        assert_eq!(ask(at, &mut head), hop, "asked again at {at:?} with {head:?}");
        looks.0.take();
        let groups = groups_of(f, head.class, hop.vcs);
        let mut all = Vec::new();
        for goal in &goals {
            match (at, taken.last()) {
                (Some((r, p, _)), Some((_, group))) => {
                    f.routing.route_all(r, p, *group, *goal, |s| all.push(s));
                }
                _ => f.routing.inject_all(head.src, *goal, |s| all.push(s)),
            }
        }
        assert!(covered(&all, hop.port, groups), "{hop:?} of {head:?} at {at:?} not in {all:?}");
        let vc = if high { hop.vcs.ilog2() } else { hop.vcs.trailing_zeros() };
        let of_class = vc - u32::from(head.class as u8 * f.routing.vcs_per_class());
        let group = (0..f.routing.groups())
            .find(|g| f.routing.group_vcs(*g) >> of_class & 1 == 1)
            .expect("every VC has a group");
        let same = |s: &&Step| s.port == hop.port && s.groups >> group & 1 == 1;
        goals = all.iter().filter(same).map(|s| s.goal).collect();
        let link = match at {
            None => f.node_ports[head.src.at()][hop.port.at()],
            Some((r, ..)) => f.routers[r.at()].ports[hop.port.at()],
        };
        taken.push((link, group));
        match f.links[link.at()].to {
            End::Node(n, _) => {
                assert_eq!(n, head.dst, "delivered to another");
                return taken;
            }
            End::Router(r, p) => {
                let vc = VcIdx(u8::try_from(vc).expect("a bit of 64"));
                at = Some((r, p, vc));
            }
        }
        assert!(taken.len() < 40, "going in circles: {taken:?}");
    }
}

/// Follows packets between all pairs of nodes; calls `each` with the pair and the links taken, the
/// node's included.
pub(crate) fn all_pairs(
    spec: &MachineSpec,
    flows: &[u32],
    mut each: impl FnMut(&Head, &[LinkIdx]),
) {
    let f = &spec.fabric;
    let nodes = f.node_ports.len();
    for (src, dst) in (0..nodes * nodes).map(|i| (NodeIdx::new(i / nodes), NodeIdx::new(i % nodes)))
    {
        for (i, flow) in flows.iter().enumerate() {
            let class = Class::ALL[(i + src.at()) % Class::ALL.len()];
            let head = Head { src, dst, flow: *flow, class, state: 0 };
            let seed = (i % 3 != 0).then(|| u64::from(*flow) << 32 | src.at() as u64);
            let taken = follow(f, &head, seed, i % 2 == 1);
            each(&head, &taken.iter().map(|(l, _)| *l).collect::<Vec<_>>());
        }
    }
}

/// A channel: link and group.
type Channel = (usize, usize);

/// Whether the channel dependencies of all packets have no cycle, found goal by goal from the
/// enumeration. Of adaptive functions only escape steps are waited for, but every channel held is
/// followed: an escape channel depends on the next one that the packet may wait for, whatever
/// adaptive ones are between (Duato's extended dependencies). Every place must offer an escape step.
pub(crate) fn deadlock_free(spec: &MachineSpec) -> bool {
    deadlock_free_with(spec, |step| step)
}

/// As [`deadlock_free`], of a function whose steps are altered: a fault to be found.
pub(crate) fn deadlock_free_with(spec: &MachineSpec, alter: impl Fn(Step) -> Step) -> bool {
    let f = &spec.fabric;
    // (link, group, goal, last escape channel held)
    let mut seen: BTreeSet<(usize, usize, Goal, Option<Channel>)> = BTreeSet::new();
    let mut open = Vec::new();
    let mut after: BTreeMap<Channel, BTreeSet<Channel>> = BTreeMap::new();
    let mut enter = |link: LinkIdx, step: Step, last: Option<Channel>, open: &mut Vec<_>| {
        for group in (0..f.routing.groups()).filter(|g| step.groups >> g & 1 == 1) {
            let channel = (link.at(), group);
            if let (Some(last), true) = (last, step.escape) {
                after.entry(last).or_default().insert(channel);
            }
            let held = if step.escape { Some(channel) } else { last };
            let state = (link.at(), group, step.goal, held);
            if seen.insert(state) {
                open.push(state);
            }
        }
    };
    f.routing.goals(|goal| {
        for (n, ports) in f.node_ports.iter().enumerate() {
            f.routing.inject_all(NodeIdx::new(n), goal, |s| {
                enter(ports[s.port.at()], alter(s), None, &mut open);
            });
        }
    });
    while let Some((link, group, goal, last)) = open.pop() {
        let (at, in_port) = match f.links[link].to {
            End::Router(r, p) => (r, p),
            End::Node(n, _) => {
                assert_eq!(Goal::node(n), goal, "astray");
                continue;
            }
        };
        let mut escape = false;
        f.routing.route_all(at, in_port, group, goal, |s| {
            escape |= s.escape;
            enter(f.routers[at.at()].ports[s.port.at()], alter(s), last, &mut open);
        });
        assert!(escape, "no way out for {goal:?} at {at} by {in_port}");
    }
    acyclic(&after)
}

/// Whether leaves can be taken off a graph until nothing is left.
fn acyclic(after: &BTreeMap<Channel, BTreeSet<Channel>>) -> bool {
    let mut waits: BTreeMap<Channel, usize> = BTreeMap::new();
    for (from, to) in after {
        waits.entry(*from).or_default();
        for next in to {
            *waits.entry(*next).or_default() += 1;
        }
    }
    let mut free: Vec<Channel> = waits.iter().filter(|(_, n)| **n == 0).map(|(c, _)| *c).collect();
    let mut taken = 0;
    while let Some(c) = free.pop() {
        taken += 1;
        for next in after.get(&c).into_iter().flatten() {
            let left = waits.get_mut(next).expect("counted");
            *left -= 1;
            if *left == 0 {
                free.push(*next);
            }
        }
    }
    taken == waits.len()
}
