//! Routing in trees of switches: up to a nearest common ancestor, then down.
//!
//! At a switch with the destination below it a packet goes down, which is one way but for parallel
//! links; at any other it goes up by any port, since all of them lead to an ancestor of the
//! destination. No packet goes up after it went down, so channels are taken in an order (up by
//! level, then down by level) and no circle of waiting can close, whatever the choices are. That is
//! why an adaptive choice here needs no escape channels: each of its steps belongs to the escape
//! function.
//!
//! A switch's adaptive choice is between two ports drawn at random, once, when the packet is routed:
//! what is known of queues is old by the time that the packets of other inputs have chosen, and who
//! looks at all ports takes the same one as everybody else (Mitzenmacher, IEEE Trans. Parallel Distrib. Syst.
//! 12(10), 2001, for the power of two choices; BookSim 2's `fattree_anca` does so). A node, which chooses alone, looks at all of its ports. (Dally and Towles, Principles and Practices of Interconnection Networks, chapter 9;
//! the choice by destination: Zahavi, J. Parallel Distrib. Comput. 72(11), 2012, "d-mod-k".)

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::table::choose;
use super::{Goal, OfClass, Step};

/// Place of the draw of a second port; routers and nodes are below.
const SECOND: usize = 1 << 26;

/// Nearest-common-ancestor routing in trees whose switches have consecutive nodes below them.
#[derive(Clone, Debug)]
pub struct Nca {
    up: Up,
    nodes: u32,
    /// Ports of every node; each leads to every other node.
    spread: u32,
    /// `[router]`.
    tiers: Vec<Tier>,
}

/// How a packet chooses among ports that all lead on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Up {
    /// By a hash of its flow and the place.
    Random,
    /// By its destination, and at injection by source and destination.
    Destination,
    /// Of two ports, drawn by the flow and the place, the one on which fewer flits wait; at a node, of
    /// all ports.
    Adaptive,
}

/// A switch of a tree: its ports are first those down, by block of nodes, then those up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tier {
    /// The first node below it.
    pub first: u32,
    /// Nodes below it, which are consecutive.
    pub below: u32,
    /// Consecutive nodes that are reached by the same ports down, at least 1.
    pub block: u32,
    /// Parallel links down to each block, at least 1.
    pub parallel: u32,
    /// Links up; 0 at the top.
    pub ups: u32,
    /// Divides the destination before the choice among the ways up is made by it: the number of
    /// choices already made below, so that choices of successive levels are independent.
    pub stride: u32,
}

/// Ports that all lead on: the first one, how many there are, and the divisor of the destination.
type Ports = (u32, u32, u32);

impl Nca {
    /// Routing by the switches' places in a tree.
    pub(crate) fn new(tiers: &[Tier], nodes: u32, spread: u32, up: Up) -> Self {
        Self { up, nodes, spread, tiers: tiers.to_vec() }
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

    pub(super) fn weighs(&self) -> bool {
        self.up == Up::Adaptive
    }

    pub(super) const fn size(&self) -> (usize, usize) {
        (self.tiers.len(), self.nodes as usize)
    }

    pub(super) fn goals(&self, visit: impl FnMut(Goal)) {
        (0..self.nodes).map(|n| Goal::node(NodeIdx(n))).for_each(visit);
    }

    pub(super) fn inject_all(&self, src: NodeIdx, goal: Goal, visit: impl FnMut(Step)) {
        let ports = (0, self.spread, 1);
        self.possible(ports, src.0.wrapping_add(goal.target), goal).for_each(visit);
    }

    pub(super) fn route_all(
        &self,
        at: RouterIdx,
        _: PortIdx,
        _: usize,
        goal: Goal,
        visit: impl FnMut(Step),
    ) {
        self.possible(self.onward(at, goal.target), goal.target, goal).for_each(visit);
    }

    /// The steps that packets can take by `ports`.
    fn possible(
        &self,
        (from, count, stride): Ports,
        key: u32,
        goal: Goal,
    ) -> impl Iterator<Item = Step> {
        let ports = match self.up {
            Up::Destination => {
                let one = from + key / stride % count;
                one..one + 1
            }
            Up::Random | Up::Adaptive => from..from + count,
        };
        ports.map(move |p| step(p, goal))
    }

    #[inline]
    pub(super) fn inject<V: View>(&self, head: &mut Head, view: &OfClass<'_, V>) -> Step {
        let key = head.src.0.wrapping_add(head.dst.0);
        self.among((0, self.spread, 1), self.tiers.len() + head.src.at(), key, head, view)
    }

    #[inline]
    pub(super) fn route<V: View>(
        &self,
        at: RouterIdx,
        _: PortIdx,
        _: usize,
        head: &mut Head,
        view: &OfClass<'_, V>,
    ) -> Step {
        self.among(self.onward(at, head.dst.0), at.at(), head.dst.0, head, view)
    }

    /// The ports of router `at` that lead on to node `dst`.
    #[inline]
    fn onward(&self, at: RouterIdx, dst: u32) -> Ports {
        let Tier { first, below, block, parallel, ups, stride } = self.tiers[at.at()];
        let within = dst.wrapping_sub(first);
        if within < below {
            (within / block * parallel, parallel, 1)
        } else {
            (below / block * parallel, ups, stride)
        }
    }

    /// The one of `ports` that `head` takes at `place`.
    #[inline]
    fn among<V: View>(
        &self,
        (from, count, stride): Ports,
        place: usize,
        key: u32,
        head: &Head,
        view: &OfClass<'_, V>,
    ) -> Step {
        let goal = Goal::node(head.dst);
        if count == 1 {
            return step(from, goal);
        }
        let random = |place| u32::try_from(choose(count as usize, place, head.flow)).unwrap_or(0);
        let chosen = match self.up {
            Up::Random => random(place),
            Up::Destination => key / stride % count,
            Up::Adaptive => {
                let used = |i| view.used(PortIdx::new((from + i) as usize), 1);
                let one = random(place);
                if place < self.tiers.len() {
                    let other = random(SECOND | place);
                    if used(one) > used(other) { other } else { one }
                } else {
                    (one..count).chain(0..one).min_by_key(|i| used(*i)).unwrap_or(one)
                }
            }
        };
        step(from + chosen, goal)
    }
}

fn step(port: u32, goal: Goal) -> Step {
    Step { port: PortIdx::new(port as usize), groups: 1, escape: true, goal }
}
