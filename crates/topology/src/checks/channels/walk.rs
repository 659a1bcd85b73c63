//! Following every packet: from every source, on every leg, through every choice.

use base::{LinkIdx, NodeIdx, PortIdx};

use super::graph::{Graph, narrow};
use super::legs::{Legs, Refused};
use crate::checks::structure::astray;
use crate::error::{ErrorKind, Problem};
use crate::routing::{Goal, Step};
use crate::spec::{End, Fabric};

/// What was found on the way.
#[derive(Debug)]
pub(super) struct Found<'a> {
    /// All channels and all dependencies between them.
    pub(super) all: Graph<'a>,
    /// Channels that are the escape from some place, and the dependencies by escape steps; empty
    /// where packets do not ask again, and all steps are.
    pub(super) escape: Graph<'a>,
    /// Whether some step is not always offered.
    pub(super) adaptive: bool,
    pub(super) legs: Legs,
    /// A channel and leg on which packets are without an escape.
    pub(super) stuck: Option<(usize, Goal)>,
}

/// Follows all packets of a fabric.
///
/// # Errors
/// If a step leads nowhere, a packet to another node, or a node has no way to another.
pub(super) fn walk(fabric: &Fabric) -> Result<Found<'_>, Problem> {
    walk_by(fabric, stands(fabric))
}

/// Which channel is followed instead of each: one that packets leave in the same ways, and occupy on the same
/// legs.
pub(super) fn stands(fabric: &Fabric) -> Vec<u32> {
    let groups = fabric.routing.groups();
    let stand = |channel: usize| {
        let (link, group) = (channel / groups, channel % groups);
        let End::Router(at, port) = fabric.links[link].to else { return channel };
        let (port, group) = fabric.routing.alike(at, port, group);
        fabric.routers[at.at()].ports[port.at()].reverse().at() * groups + group
    };
    (0..fabric.links.len() * groups).map(|channel| narrow(stand(channel))).collect()
}

/// The link whose first channel is followed instead of all channels of a link, where there is one.
fn sole(stands: &[u32], groups: usize) -> Vec<Option<u32>> {
    let groups = groups.max(1);
    let of = |all: &[u32]| {
        let first = all[0] as usize;
        let sole = first.is_multiple_of(groups) && all.iter().all(|s| *s == all[0]);
        sole.then(|| narrow(first / groups))
    };
    stands.chunks(groups).map(of).collect()
}

/// As [`walk`], with the stand-ins of channels.
pub(super) fn walk_by(fabric: &Fabric, stands: Vec<u32>) -> Result<Found<'_>, Problem> {
    let groups = fabric.routing.groups();
    let mut walk = Walk {
        fabric,
        groups,
        asks_again: base::RoutingFunction::adaptive(&fabric.routing),
        found: Found {
            all: Graph::new(fabric),
            escape: Graph::new(fabric),
            adaptive: false,
            legs: Legs::new(fabric.links.len() * groups),
            stuck: None,
        },
        followed: vec![0; stands.len()],
        follows: 0,
        sole: sole(&stands, groups),
        stands,
        reached: vec![0; fabric.links.len()],
        touched: Vec::new(),
        open: Vec::new(),
        wrong: None,
        silent: None,
        sends: vec![false; fabric.node_ports.len()],
        receives: vec![false; fabric.node_ports.len()],
    };
    fabric.routing.goals(|goal| walk.found.legs.begin(goal));
    walk.refused()?;
    while let Some((leg, inject, fresh)) = walk.found.legs.pop() {
        walk.follow(leg, inject, &fresh)?;
        walk.refused()?;
    }
    walk.everywhere()?;
    walk.found.all.follow(&walk.stands);
    walk.found.escape.follow(&walk.stands);
    walk.found.all.keep_used();
    walk.found.escape.keep_used();
    Ok(walk.found)
}

#[derive(Debug)]
struct Walk<'a> {
    fabric: &'a Fabric,
    groups: usize,
    /// Whether packets ask for another step while they wait. Those that do not wait for the step
    /// they have: to them it is the escape.
    asks_again: bool,
    found: Found<'a>,
    /// `[channel]`: the channel that is followed instead.
    stands: Vec<u32>,
    /// `[channel]`: when it was last followed, of so many times that a leg was.
    followed: Vec<u32>,
    follows: u32,
    /// `[link]`: [`sole`].
    sole: Vec<Option<u32>>,
    /// `[link]`: groups reached on it on this leg.
    reached: Vec<u8>,
    touched: Vec<usize>,
    /// Channels reached on this leg but not yet followed: link and groups.
    open: Vec<(LinkIdx, u8)>,
    /// Where a packet of this leg goes wrong.
    wrong: Option<(String, PortIdx)>,
    /// A node that sends nothing on some leg to another.
    silent: Option<(NodeIdx, Goal)>,
    /// `[node]`.
    sends: Vec<bool>,
    receives: Vec<bool>,
}

impl Walk<'_> {
    fn follow(&mut self, leg: u32, inject: bool, fresh: &[u32]) -> Result<(), Problem> {
        let goal = self.found.legs.goal(leg);
        self.follows += 1;
        for channel in fresh {
            let (link, group) = (*channel as usize / self.groups, *channel as usize % self.groups);
            self.reach(LinkIdx::new(link), 1 << group);
        }
        if inject {
            self.inject(leg, goal);
        }
        while let Some((link, groups)) = self.open.pop() {
            match self.fabric.links[link.at()].to {
                End::Node(n, _) if n.0 == goal.target => self.receives[n.at()] = true,
                End::Node(n, port) => self.wrong = Some((n.to_string(), port)),
                End::Router(..) => match self.sole[link.at()] {
                    Some(_) => self.pass(link.at() * self.groups, leg, goal),
                    None => self.pass_each(link, groups, leg, goal),
                },
            }
        }
        self.touched.drain(..).for_each(|l| self.reached[l] = 0);
        match self.wrong.take() {
            Some((place, port)) => Err(astray(&self.fabric.routing, &place, port, goal)),
            None => Ok(()),
        }
    }

    fn inject(&mut self, leg: u32, goal: Goal) {
        let f = self.fabric;
        for (src, ports) in f.node_ports.iter().enumerate() {
            let src = NodeIdx::new(src);
            let mut any = false;
            f.routing.inject_all(src, goal, |step| {
                any = true;
                match ports.get(step.port.at()) {
                    Some(link) if self.allowed(step) => {
                        if step.escape && self.asks_again {
                            self.found.escape.occupy(*link, step.groups);
                        }
                        self.take(*link, step, leg, goal);
                    }
                    _ => self.wrong = Some((src.to_string(), step.port)),
                }
            });
            self.sends[src.at()] |= any;
            if !any && src.0 != goal.target {
                self.silent = Some((src, goal));
            }
        }
    }

    /// The steps of packets that arrived at a router by a link, in any of some groups.
    fn pass_each(&mut self, link: LinkIdx, groups: u8, leg: u32, goal: Goal) {
        for group in (0..self.groups).filter(|g| groups >> g & 1 == 1) {
            let stand = self.stands[link.at() * self.groups + group] as usize;
            if self.followed[stand] != self.follows {
                self.followed[stand] = self.follows;
                self.pass(stand, leg, goal);
            }
        }
    }

    /// The steps of a packet that arrived at a router by a channel.
    fn pass(&mut self, channel: usize, leg: u32, goal: Goal) {
        let f = self.fabric;
        let (link, group) = (LinkIdx::new(channel / self.groups), channel % self.groups);
        let End::Router(at, in_port) = f.links[link.at()].to else { return };
        let router = &f.routers[at.at()];
        let (mut any, mut sure) = (false, false);
        f.routing.route_all(at, in_port, group, goal, |step| {
            any = true;
            let Some(next) = router.ports.get(step.port.at()).filter(|_| self.allowed(step)) else {
                self.wrong = Some((router.name.clone(), step.port));
                return;
            };
            self.found.all.depend(channel, step);
            if !self.asks_again {
                sure = true;
            } else if step.escape {
                sure = true;
                self.found.escape.depend(channel, step);
                self.found.escape.occupy(*next, step.groups);
            } else {
                self.found.adaptive = true;
            }
            self.take(*next, step, leg, goal);
        });
        if !any {
            self.wrong = Some((router.name.clone(), in_port));
        }
        if !sure && self.found.stuck.is_none() {
            self.found.stuck = Some((channel, goal));
        }
    }

    fn allowed(&self, step: Step) -> bool {
        step.groups != 0 && usize::from(step.groups) >> self.groups == 0
    }

    /// Takes a step on this leg or into the next.
    #[inline]
    fn take(&mut self, link: LinkIdx, step: Step, leg: u32, goal: Goal) {
        if step.goal == goal {
            self.reach(link, step.groups);
            return;
        }
        for group in (0..self.groups).filter(|g| step.groups >> g & 1 == 1) {
            let channel = narrow(link.at() * self.groups + group);
            let next = self.found.legs.seed(step.goal, channel);
            if let Some(next) = next.filter(|_| self.asks_again && !step.escape) {
                self.found.legs.join(leg, next);
            }
        }
    }

    #[inline]
    fn reach(&mut self, link: LinkIdx, groups: u8) {
        self.found.all.occupy(link, groups);
        if let Some(stand) = self.sole[link.at()] {
            // Most links of a node have one in front that is followed for them.
            let stand = stand as usize;
            if self.reached[stand] == 0 {
                self.reached[stand] = groups;
                self.touched.push(stand);
                self.open.push((LinkIdx::new(stand), groups));
            }
            return;
        }
        let seen = &mut self.reached[link.at()];
        let new = groups & !*seen;
        if new == 0 {
            return;
        }
        if *seen == 0 {
            self.touched.push(link.at());
        }
        *seen |= new;
        self.open.push((link, new));
    }

    fn refused(&self) -> Result<(), Problem> {
        let way = self.fabric.routing.way().name();
        match self.found.legs.refused {
            None => Ok(()),
            Some(Refused::Target(goal)) => Err(Problem::new(
                ErrorKind::Structure,
                "fabric",
                format!("{way} routing has a leg to {}, beyond any machine", goal.target),
                "elaborate the routing again after changing the links",
            )),
            Some(Refused::Memory) => Err(Problem::new(
                ErrorKind::Limit,
                "fabric",
                format!("{way} routing has too many legs to be proved free of deadlock here"),
                "use fewer nodes, or a routing without intermediate destinations",
            )),
        }
    }

    /// Every node sends and receives; where there is one leg a node, from every node to every other.
    fn everywhere(&self) -> Result<(), Problem> {
        let nodes = self.sends.len();
        let between = |src: usize, dst: usize| {
            let (src, dst) = (NodeIdx::new(src), NodeIdx::new(dst));
            crate::routing::unreachable(&src.to_string(), &dst.to_string())
        };
        let alone = |n: usize| if n == 0 { nodes - 1 } else { 0 };
        if let Some(n) = self.sends.iter().position(|sends| !sends) {
            return Err(between(n, alone(n)));
        }
        if let Some(n) = self.receives.iter().position(|receives| !receives) {
            return Err(between(alone(n), n));
        }
        let plain = self.found.legs.goals().all(|g| g.phase == 0 && (g.target as usize) < nodes);
        match self.silent {
            Some((src, goal)) if plain => Err(between(src.at(), goal.target as usize)),
            _ => Ok(()),
        }
    }
}
