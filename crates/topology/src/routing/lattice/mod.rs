//! What the routing functions of grids share: the grid as seen from its routers.
//!
//! ```text
//!            way 2 (up in dimension 1)
//!                  ▲
//!   way 1  ◀── router ──▶  way 0 (up in dimension 0)
//!    (down)        ▼
//!            way 3 (down)
//! ```
//!
//! A packet is at a router, has a router to go to, and an [`Order`] says in which dimension it goes
//! on and how far ([`Leg`]). Which VCs it may take there is in [`rings`].
//!
//! On a twisted torus a destination may be reached along several shortest vectors that begin in
//! different dimensions. A packet keeps to one of them: its *choice*, drawn from its flow, says which
//! is preferred. On other grids there is one choice only, and where both ways around a ring are
//! equally short it is made where the ring is entered.

mod order;
mod rings;

pub(crate) use order::{Leg, Onward, Order};

use base::{Head, NodeIdx, PortIdx, RouterIdx};

use super::table::choose;
use super::{Goal, Step};
use crate::describe::Datelines;
use crate::error::{ErrorKind, Problem};
use crate::families::grid::Shape;
use crate::spec::{End, Link, RouterNode};

/// No port that way, or not a way.
const NONE: u16 = u16::MAX;
/// Place of the draw of a choice among shortest vectors; routers and nodes are below.
const CHOICE: usize = 0xffff_0000;

/// A generated grid, to be read.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) nodes_per_router: usize,
    /// Parallel links between a node and its router.
    pub(crate) locals: usize,
    pub(crate) datelines: Datelines,
    pub(crate) routers: &'a [RouterNode],
    pub(crate) links: &'a [Link],
}

/// Routers, ways and ports of a grid.
#[derive(Clone, Debug)]
pub(crate) struct Lattice {
    dims: Vec<Dim>,
    /// `[router][dimension]`.
    points: Vec<Point>,
    /// `[router][way]`: the port; way `2 d` is up in dimension `d`, `2 d + 1` down.
    ports: Vec<u16>,
    /// `[router][way]`: the router there, or itself where there is none.
    neighbours: Vec<u32>,
    /// `[router][port]`: the way that leads out of the port, `NONE` for a node's.
    ways: Vec<u16>,
    /// Ports of a router at most: the stride of `ways`.
    radix: usize,
    /// Parallel links between a node and its router.
    locals: usize,
    nodes_per_router: usize,
    datelines: Datelines,
    twisted: bool,
    /// Groups of a set: 2 with rings, 1 without.
    width: u8,
    /// Groups of the routing function.
    groups: u8,
    /// All of them, a bit each.
    all: u8,
}

#[derive(Clone, Copy, Debug)]
struct Dim {
    extent: u16,
    /// Routers of a ring in this dimension; 0 if it is a line.
    ring: u16,
    /// The dimension that its wrap-around shifts, and by how much.
    shift: Option<(usize, u16)>,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    coordinate: u16,
    /// Place on the ring, counted upwards from the dateline.
    position: u16,
}

/// Where a packet is, and how it came there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: usize,
    pub(crate) port: PortIdx,
    /// VC group on which it arrived.
    pub(crate) group: usize,
}

impl Arrival {
    pub(crate) const fn new(at: RouterIdx, port: PortIdx, group: usize) -> Self {
        Self { at: at.at(), port, group }
    }
}

/// Where a packet is bound for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// The router.
    pub(crate) to: usize,
    /// The set of VCs to be used.
    pub(crate) set: usize,
    /// Its leg after the next step.
    pub(crate) goal: Goal,
}

impl Lattice {
    /// Reads ways and ports off the links of a generated grid.
    pub(crate) fn new(site: &Site<'_>) -> Self {
        let narrow = |n: usize| u16::try_from(n).expect("grids are bounded by the node limit");
        let Site { shape, routers, .. } = *site;
        let dims = (0..shape.extents.len()).map(|d| Dim {
            extent: narrow(shape.extents[d]),
            ring: 0,
            shift: shape.shift(d).map(|(s, by)| (s, narrow(by))),
        });
        let dims: Vec<Dim> = dims.collect();
        let radix = routers.iter().map(|r| r.ports.len()).max().unwrap_or(0);
        let point = |i| {
            let (r, d) = (i / dims.len(), i % dims.len());
            Point { coordinate: narrow(shape.coordinate(r, d)), position: 0 }
        };
        let ways = routers.len() * dims.len() * 2;
        let here = |i| u32::try_from(i / (dims.len() * 2)).expect("few routers");
        let mut this = Self {
            points: (0..routers.len() * dims.len()).map(point).collect(),
            ports: vec![NONE; ways],
            neighbours: (0..ways).map(here).collect(),
            ways: vec![NONE; routers.len() * radix],
            radix,
            locals: site.locals,
            nodes_per_router: site.nodes_per_router,
            datelines: site.datelines,
            twisted: shape.twisted(),
            width: if (0..dims.len()).any(|d| shape.closes(d)) { 2 } else { 1 },
            groups: 1,
            all: 1,
            dims,
        };
        this.read_ports(site);
        if this.twisted {
            this.read_pairs();
        }
        (0..this.dims.len()).filter(|d| shape.closes(*d)).for_each(|d| this.read_rings(d));
        this
    }

    /// Cables between routers come dimension by dimension, each at the router below it.
    fn read_ports(&mut self, site: &Site<'_>) {
        let shape = site.shape;
        let mut cables = site.links.iter().step_by(2).filter_map(|l| match (l.from, l.to) {
            (End::Router(a, p), End::Router(b, q)) => Some((a.at(), p.0, b.at(), q.0)),
            _ => None,
        });
        for d in 0..self.dims.len() {
            for r in 0..site.routers.len() {
                let Some(up) = shape.up(r, d) else { continue };
                let (low, p, high, q) = cables.next().expect("a cable for every pair");
                assert!((low, high) == (r, up), "{low} to {high} is not {r} to {up}");
                for (from, to, port, way) in [(r, up, p, 2 * d), (up, r, q, 2 * d + 1)] {
                    let at = from * self.dims.len() * 2 + way;
                    self.ports[at] = port;
                    self.neighbours[at] = u32::try_from(to).expect("few routers");
                    let way = u16::try_from(way).expect("few dimensions");
                    self.ways[from * self.radix + usize::from(port)] = way;
                }
            }
        }
    }

    /// In a dimension of 2 that stays a line, up and down are the same link: what is tabulated for
    /// one router holds for the other.
    fn read_pairs(&mut self) {
        for at in (0..self.ports.len()).step_by(2) {
            if self.dims[at / 2 % self.dims.len()].extent == 2 {
                let there = if self.ports[at] == NONE { at + 1 } else { at };
                let missing = at + usize::from(there == at);
                if self.ports[missing] == NONE {
                    self.ports[missing] = self.ports[there];
                    self.neighbours[missing] = self.neighbours[there];
                }
            }
        }
    }

    /// Goes around every ring of dimension `d`; the dateline is below its first router.
    fn read_rings(&mut self, d: usize) {
        let mut seen = vec![false; self.routers()];
        for first in 0..seen.len() {
            let (mut at, mut position) = (first, 0);
            while !core::mem::replace(&mut seen[at], true) {
                let dims = self.dims.len();
                self.points[at * dims + d].position = position;
                position += 1;
                self.dims[d].ring = self.dims[d].ring.max(position);
                at = self.neighbour(at, 2 * d);
            }
        }
    }

    /// The grid with the VC groups of a routing function.
    ///
    /// # Errors
    /// If there are fewer VCs in a class; `what` needs them because of `why`.
    pub(crate) fn with_groups(
        mut self,
        (groups, what, why): (usize, &str, &str),
        vcs_per_class: u8,
    ) -> Result<Self, Problem> {
        if usize::from(vcs_per_class) < groups {
            return Err(Problem::new(
                ErrorKind::Deadlock,
                "router.vcs_per_class",
                format!("{what} needs {groups} VCs in each class, {why}"),
                format!("set `vcs_per_class: {groups}` or more"),
            ));
        }
        self.groups = u8::try_from(groups).expect("few groups");
        self.all = 0xff >> (8 - self.groups);
        Ok(self)
    }

    pub(crate) const fn groups(&self) -> usize {
        self.groups as usize
    }

    /// Groups of a set of VCs that are the two sides of datelines: 2 with rings, 1 without.
    pub(crate) const fn width(&self) -> usize {
        self.width as usize
    }

    /// Every group.
    pub(crate) const fn all(&self) -> u8 {
        self.all
    }

    pub(crate) const fn routers(&self) -> usize {
        self.points.len() / self.dims.len()
    }

    pub(crate) const fn nodes(&self) -> usize {
        self.routers() * self.nodes_per_router
    }

    /// Nodes on every router.
    pub(crate) const fn nodes_per_router(&self) -> usize {
        self.nodes_per_router
    }

    /// Whether there is one way to go on at most, and it is taken on any VC.
    pub(crate) fn is_fixed(&self) -> bool {
        let lines = self.dims.iter().all(|d| d.ring == 0);
        lines && self.groups == 1 && self.locals == 1 && !self.twisted
    }

    /// Whether any wrap-around is twisted.
    pub(crate) const fn twisted(&self) -> bool {
        self.twisted
    }

    /// Extents of the dimensions, and whether each is a ring.
    pub(crate) fn dims(&self) -> impl Iterator<Item = (u16, bool)> {
        self.dims.iter().map(|d| (d.extent, d.ring > 0))
    }

    /// The router of a node.
    #[inline]
    pub(crate) const fn home(&self, node: NodeIdx) -> usize {
        if self.nodes_per_router == 1 { node.at() } else { node.at() / self.nodes_per_router }
    }

    #[inline]
    fn point(&self, router: usize, d: usize) -> Point {
        self.points[router * self.dims.len() + d]
    }

    /// The coordinate of a router.
    #[inline]
    pub(crate) fn coordinate(&self, router: usize, d: usize) -> u16 {
        self.point(router, d).coordinate
    }

    #[inline]
    pub(crate) fn neighbour(&self, router: usize, way: usize) -> usize {
        self.neighbours[router * self.dims.len() * 2 + way] as usize
    }

    #[inline]
    pub(crate) fn port(&self, at: usize, way: usize) -> PortIdx {
        PortIdx(self.ports[at * self.dims.len() * 2 + way])
    }

    /// The way that leads back to where the packet came from, if it came from a router.
    #[inline]
    pub(crate) fn back(&self, here: Arrival) -> Option<usize> {
        let way = self.ways.get(here.at * self.radix + here.port.at()).copied().unwrap_or(NONE);
        (way != NONE).then_some(usize::from(way))
    }

    /// Ports of the router that has most.
    pub(crate) const fn radix(&self) -> usize {
        self.radix
    }

    /// How many choices among shortest vectors there are.
    pub(crate) const fn choices(&self) -> usize {
        if self.twisted { 2 * self.dims.len() } else { 1 }
    }

    /// The choice of a flow.
    #[inline]
    pub(crate) fn choice(&self, flow: u32) -> usize {
        if self.twisted { choose(self.choices(), CHOICE, flow) } else { 0 }
    }

    /// The only leg of a packet.
    #[inline]
    pub(crate) fn goal(&self, head: &Head) -> Goal {
        let phase = u8::try_from(self.choice(head.flow)).unwrap_or(0);
        Goal { target: head.dst.0, phase }
    }

    /// Every leg to every node, of functions that have one leg.
    pub(crate) fn goals(&self, mut visit: impl FnMut(Goal)) {
        let nodes = u32::try_from(self.nodes()).unwrap_or(u32::MAX);
        for phase in 0..u8::try_from(self.choices()).unwrap_or(u8::MAX) {
            (0..nodes).for_each(|target| visit(Goal { target, phase }));
        }
    }

    /// The step by which `head` leaves its source.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(crate) fn inject(&self, head: &Head, goal: Goal) -> Step {
        self.local(0, self.routers() + head.src.at(), head, goal)
    }

    /// The step from router `at` to the destination, which hangs there.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(crate) fn eject(&self, at: usize, head: &Head, goal: Goal) -> Step {
        let first = (head.dst.at() - at * self.nodes_per_router) * self.locals;
        self.local(first, at, head, goal)
    }

    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn local(&self, first: usize, place: usize, head: &Head, goal: Goal) -> Step {
        let port = if self.locals == 1 { 0 } else { choose(self.locals, place, head.flow) };
        Step { port: PortIdx::new(first + port), groups: self.all(), escape: true, goal }
    }

    /// Every step by which a packet may leave its source.
    pub(crate) fn inject_all(&self, goal: Goal, visit: impl FnMut(Step)) {
        self.local_all(0, goal).for_each(visit);
    }

    /// Every step from router `at` to `node`, which hangs there.
    pub(crate) fn eject_all(&self, at: usize, node: NodeIdx, goal: Goal, visit: impl FnMut(Step)) {
        let first = (node.at() - at * self.nodes_per_router) * self.locals;
        self.local_all(first, goal).for_each(visit);
    }

    /// The first local port of the node that has this one.
    pub(crate) fn first_local(&self, port: PortIdx) -> PortIdx {
        PortIdx::new(port.at() / self.locals * self.locals)
    }

    fn local_all(&self, first: usize, goal: Goal) -> impl Iterator<Item = Step> {
        let groups = self.all();
        let port = move |p| PortIdx::new(first + p);
        (0..self.locals).map(move |p| Step { port: port(p), groups, escape: true, goal })
    }

    /// The same grid with all VCs in one group: what a torus without datelines would do.
    #[cfg(test)]
    pub(crate) fn without_dateline(mut self) -> Self {
        (self.width, self.groups, self.all) = (1, 1, 1);
        self
    }
}
