//! Dimension-order routing on meshes and tori.
//!
//! A packet corrects the first dimension, then the second, and so on; within a dimension it goes
//! the shorter way, and where both are equally short half of the flows go either way. On a ring
//! (a torus dimension of 3 or more) each class's VCs are two groups and the link from the last
//! point to the first, either way around, is the dateline:
//!
//! - a packet that still has to cross it uses group 0;
//! - one that has crossed it, or has once taken group 1 on this ring, uses group 1;
//! - any other may use both.
//!
//! So along a ring the pairs (group, link) are only ever taken in ascending order, and dimensions
//! are too: no circle of waiting can close. (Dally and Seitz, IEEE Trans. Computers C-36(5), 1987.)

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::table::choose;
use super::{Goal, OfClass, Step};
use crate::error::{ErrorKind, Problem};
use crate::spec::{End, Link, RouterNode};

/// No port that way, or not a way.
const NONE: u16 = u16::MAX;
const LOWER: u8 = 0b01;
const UPPER: u8 = 0b10;
const BOTH: u8 = 0b11;

/// Dimension-order routing over a grid whose router `i` holds node `i`.
#[derive(Clone, Debug)]
pub struct DimensionOrder {
    groups: u8,
    dims: Vec<Dim>,
    /// `[router][dimension]`.
    coordinates: Vec<u16>,
    /// `[router][way]`: the port; way `2 d` is up in dimension `d`, `2 d + 1` down.
    ports: Vec<u16>,
    /// `[router][port]`: the way that leads out of the port, `NONE` for the node's.
    ways: Vec<u16>,
    /// Ports of a router at most: the stride of `ways`.
    radix: usize,
    /// Parallel links between a node and its router: the first ports of both.
    locals: usize,
}

#[derive(Clone, Copy, Debug)]
struct Dim {
    extent: u16,
    ring: bool,
}

/// Where a packet may go next.
#[derive(Clone, Copy, Debug)]
enum Onward {
    /// Its node hangs on this router.
    Here,
    /// One way.
    One(Step),
    /// Both ways around a ring are equally short.
    Either([Step; 2]),
}

impl DimensionOrder {
    /// Reads ways and ports off the links of a generated grid.
    ///
    /// # Errors
    /// If there are rings and less than two VCs a class.
    pub(crate) fn new(
        extents: &[u32],
        torus: bool,
        routers: &[RouterNode],
        links: &[Link],
        vcs_per_class: u8,
    ) -> Result<Self, Problem> {
        let extent = |k: &u32| u16::try_from(*k).expect("dims are bounded by the node limit");
        let dims: Vec<Dim> =
            extents.iter().map(|k| Dim { extent: extent(k), ring: torus && *k > 2 }).collect();
        let rings = dims.iter().any(|d| d.ring);
        if rings && vcs_per_class < 2 {
            return Err(Problem::new(
                ErrorKind::Deadlock,
                "router.vcs_per_class",
                "dimension order on a torus needs 2 VCs in each class, one on either side of the \
                 dateline",
                "set `vcs_per_class: 2` or more",
            ));
        }
        let radix = routers.iter().map(|r| r.ports.len()).max().unwrap_or(0);
        let mut this = Self {
            groups: if rings { 2 } else { 1 },
            coordinates: Vec::with_capacity(routers.len() * dims.len()),
            ports: vec![NONE; routers.len() * dims.len() * 2],
            ways: vec![NONE; routers.len() * radix],
            locals: 0,
            dims,
            radix,
        };
        for r in 0..routers.len() {
            let mut rest = r;
            for dim in &this.dims {
                let k = usize::from(dim.extent);
                this.coordinates.push(u16::try_from(rest % k).expect("below the extent"));
                rest /= k;
            }
        }
        this.read_ports(routers, links);
        Ok(this)
    }

    fn read_ports(&mut self, routers: &[RouterNode], links: &[Link]) {
        for (r, router) in routers.iter().enumerate() {
            for (p, link) in router.ports.iter().enumerate() {
                match links[link.at()].to {
                    End::Node(..) => self.locals = p + 1,
                    End::Router(far, _) => {
                        let way = self.way_between(r, far.at());
                        let port = PortIdx::new(p).0;
                        self.ports[r * self.dims.len() * 2 + usize::from(way)] = port;
                        self.ways[r * self.radix + p] = way;
                    }
                }
            }
        }
    }

    /// The way of the link from `a` to its neighbour `b`.
    fn way_between(&self, a: usize, b: usize) -> u16 {
        let d = (0..self.dims.len())
            .find(|d| self.coordinate(a, *d) != self.coordinate(b, *d))
            .expect("a generated link joins two points");
        let (here, there) = (self.coordinate(a, d), self.coordinate(b, d));
        let Dim { extent, ring } = self.dims[d];
        let wraps = ring && here.abs_diff(there) == extent - 1;
        let down = (there < here) != wraps;
        u16::try_from(2 * d + usize::from(down)).expect("few dimensions")
    }

    #[inline]
    fn coordinate(&self, router: usize, d: usize) -> u16 {
        self.coordinates[router * self.dims.len() + d]
    }

    /// Extents of the dimensions, and whether each is a ring.
    pub fn dims(&self) -> impl Iterator<Item = (u16, bool)> {
        self.dims.iter().map(|d| (d.extent, d.ring))
    }

    pub(super) const fn size(&self) -> (usize, usize) {
        let points = self.coordinates.len() / self.dims.len();
        (points, points)
    }

    pub(super) const fn groups(&self) -> usize {
        self.groups as usize
    }

    const fn all(&self) -> u8 {
        if self.groups == 1 { 1 } else { BOTH }
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
        (0..self.size().1).map(|n| Goal::node(NodeIdx::new(n))).for_each(visit);
    }

    pub(super) fn inject_all(&self, _: NodeIdx, goal: Goal, visit: impl FnMut(Step)) {
        self.local_all(goal).for_each(visit);
    }

    pub(super) fn route_all(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        goal: Goal,
        mut visit: impl FnMut(Step),
    ) {
        match self.onward(at, in_port, in_group, NodeIdx(goal.target)) {
            Onward::Here => self.local_all(goal).for_each(visit),
            Onward::One(step) => visit(step),
            Onward::Either(ways) => ways.into_iter().for_each(visit),
        }
    }

    /// Every step between a node and its router, in either direction: any port, any VC.
    fn local_all(&self, goal: Goal) -> impl Iterator<Item = Step> {
        let groups = self.all();
        (0..self.locals).map(move |p| step(PortIdx::new(p), groups, goal))
    }

    /// The step by which `head` leaves its source.
    #[inline]
    pub(super) fn inject<V: View>(&self, head: &mut Head, _: &OfClass<'_, V>) -> Step {
        let (routers, _) = self.size();
        self.local(routers + head.src.at(), head)
    }

    /// The step of a packet of `head` that is at router `at`.
    #[inline]
    pub(super) fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        head: &mut Head,
        _: &OfClass<'_, V>,
    ) -> Step {
        match self.onward(at, in_port, in_group, head.dst) {
            Onward::Here => self.local(at.at(), head),
            Onward::One(step) => step,
            Onward::Either(ways) => ways[choose(2, at.at(), head.flow)],
        }
    }

    #[inline]
    fn local(&self, place: usize, head: &Head) -> Step {
        let port = if self.locals == 1 { 0 } else { choose(self.locals, place, head.flow) };
        step(PortIdx::new(port), self.all(), Goal::node(head.dst))
    }

    /// The steps towards `dst`.
    #[inline]
    fn onward(&self, at: RouterIdx, in_port: PortIdx, in_group: usize, dst: NodeIdx) -> Onward {
        for (d, dim) in self.dims.iter().enumerate() {
            let here = self.coordinate(at.at(), d);
            let there = self.coordinate(dst.at(), d);
            if here == there {
                continue;
            }
            if !dim.ring {
                let way = 2 * d + usize::from(there < here);
                return Onward::One(step(self.port(at, way), self.all(), Goal::node(dst)));
            }
            let step = |down| {
                let (port, groups) = self.around(at, in_port, in_group, (d, here, there), down);
                step(port, groups, Goal::node(dst))
            };
            let up = if there > here { there - here } else { there + dim.extent - here };
            let down = dim.extent - up;
            if up == down {
                return Onward::Either([step(false), step(true)]);
            }
            return Onward::One(step(down < up));
        }
        Onward::Here
    }

    /// The step around the ring of dimension `d`, from `here` to `there`.
    #[inline]
    fn around(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        (d, here, there): (usize, u16, u16),
        down: bool,
    ) -> (PortIdx, u8) {
        let way = 2 * d + usize::from(down);
        // A port faces against the travel of what arrives by it.
        let arrived = self.ways.get(at.at() * self.radix + in_port.at()).copied().unwrap_or(NONE);
        let on_ring = usize::from(arrived) == way ^ 1;
        let crosses = (there < here) != down;
        let past = here == if down { self.dims[d].extent - 1 } else { 0 };
        let groups = match () {
            () if self.groups == 1 => 1,
            () if crosses => LOWER,
            () if on_ring && (in_group == 1 || past) => UPPER,
            () => BOTH,
        };
        (self.port(at, way), groups)
    }

    #[inline]
    fn port(&self, at: RouterIdx, way: usize) -> PortIdx {
        PortIdx(self.ports[at.at() * self.dims.len() * 2 + way])
    }

    /// The same routes with all VCs in one group: what a torus without datelines would do.
    #[cfg(test)]
    pub(crate) fn without_dateline(mut self) -> Self {
        self.groups = 1;
        self
    }
}

const fn step(port: PortIdx, groups: u8, goal: Goal) -> Step {
    Step { port, groups, escape: true, goal }
}
