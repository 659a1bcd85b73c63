//! Routing on HyperX networks: grids of routers with a cable between any two that differ in one
//! coordinate only (Ahn et al., SC 2009). A flattened butterfly (Kim et al., ISCA 2007), a full mesh
//! of n dimensions and a plain full mesh are such grids.
//!
//! A hop corrects a dimension whatever the distance, so the shortest path has as many hops as there
//! are dimensions in which source and destination differ. The functions, and their VC groups:
//!
//! | function | way | groups |
//! |---|---|---|
//! | dimension order | the first dimension that differs, then the next | 1 |
//! | adaptive | any dimension that differs, where least waits | 0 escape, 1 adaptive |
//! | DAL | as adaptive; once in each dimension that differs, to any other coordinate | 0 escape, 1 adaptive |
//! | Valiant | by any router, in dimension order on both legs | 0 to the stop, 1 from it |
//! | UGAL | direct, or by a router that differs in no further dimension, as the queues at the source say | as Valiant; direct: both |
//! | detour | direct, or by that router which the queues at the source say | as Valiant; direct: both |
//!
//! Why no circle of waiting closes: dimension order takes channels in the order of dimensions. With
//! a stop, pairs (group, dimension) only ascend: a direct packet may change from group 0 to 1, never
//! back. The adaptive functions have dimension order on group 0 as escape (Duato, IEEE TPDS 4(12),
//! 1993), offered whenever no adaptive VC is free; since a detour is only made in a dimension that
//! differs, what is once aligned stays so, and the escape channels that a packet takes, with any
//! adaptive hops between them, ascend in dimension too.

mod adapt;
mod stop;

use core::ops::Range;

use base::{Head, NodeIdx, PortIdx, RouterIdx, View};

use super::attach::{Attach, among, step};
use super::legs::{self, enough_vcs};
use super::{Goal, OfClass, Step};
use crate::error::Problem;
use crate::families::hyperx::{HyperX as Form, HyperXRouting};

/// Not a dimension: the port leads to a node.
const LOCAL: u8 = u8::MAX;
const LOWER: u8 = 0b01;
const UPPER: u8 = 0b10;
const BOTH: u8 = 0b11;

/// Routing on a HyperX whose first dimension varies fastest in the routers' order.
#[derive(Clone, Debug)]
pub struct HyperX {
    policy: Policy,
    /// Whether packets leave where they pass their destination on the way to a stop.
    early_exit: bool,
    /// Of the direct way, in flits waiting * hops.
    bias: u32,
    attach: Attach,
    dims: Vec<Dim>,
    /// `[router][dimension]`.
    coordinates: Vec<u16>,
    /// `[port]`: the dimension in which it leads, the same on all routers.
    dim_of: Vec<u8>,
}

/// How packets go; see the module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Policy {
    DimensionOrder,
    Adaptive,
    Dal,
    Valiant,
    Ugal,
    Detour,
}

#[derive(Clone, Copy, Debug)]
struct Dim {
    extent: u16,
    /// Parallel links to each other router of the dimension.
    links: u16,
    /// First port of the dimension: those to the lowest other coordinate.
    port: u16,
}

impl HyperX {
    /// The function that a description names.
    ///
    /// # Errors
    /// If there are less VCs than it needs.
    pub(crate) fn new(form: &Form, vcs_per_class: u8) -> Result<Self, Problem> {
        let policy = match form.routing {
            HyperXRouting::DimensionOrder => Policy::DimensionOrder,
            HyperXRouting::Adaptive => Policy::Adaptive,
            HyperXRouting::Dal => Policy::Dal,
            HyperXRouting::Valiant => Policy::Valiant,
            HyperXRouting::Ugal => Policy::Ugal,
        };
        let dims: Vec<(u32, u32)> =
            form.dims.iter().enumerate().map(|(d, k)| (*k, *form.links_per_pair.at(d))).collect();
        let whole =
            Self::over(policy, &dims, (form.nodes_per_router, form.local_links), vcs_per_class)?;
        let early_exit = form.early_exit && policy == Policy::Valiant;
        Ok(Self { early_exit, bias: form.bias, ..whole })
    }

    /// A function over dimensions of (extent, parallel links), with so many nodes on each router and
    /// so many links to each node.
    pub(crate) fn over(
        policy: Policy,
        dims: &[(u32, u32)],
        (nodes, local_links): (u32, u32),
        vcs_per_class: u8,
    ) -> Result<Self, Problem> {
        let groups = policy.groups();
        enough_vcs("this routing of a HyperX", policy.why(), groups, vcs_per_class)?;
        let small = |n: u32| u16::try_from(n).expect("bounded by the router and port limits");
        let routers = dims.iter().map(|(k, _)| *k as usize).product();
        let mut port = small(nodes * local_links);
        let mut dim_of = vec![LOCAL; usize::from(port)];
        let mut each = Vec::new();
        for (d, (extent, links)) in dims.iter().enumerate() {
            each.push(Dim { extent: small(*extent), links: small(*links), port });
            port += small((extent - 1) * links);
            dim_of.resize(usize::from(port), u8::try_from(d).expect("few dimensions"));
        }
        let mut coordinates = Vec::with_capacity(routers * dims.len());
        for r in 0..routers {
            let mut rest = r;
            for dim in &each {
                let k = usize::from(dim.extent);
                coordinates.push(u16::try_from(rest % k).expect("below the extent"));
                rest /= k;
            }
        }
        let attach = Attach::new(routers, nodes, local_links, groups);
        let (early_exit, bias) = (false, 0);
        Ok(Self { policy, early_exit, bias, attach, dims: each, coordinates, dim_of })
    }

    /// Extents of the dimensions.
    pub fn dims(&self) -> impl Iterator<Item = u16> {
        self.dims.iter().map(|d| d.extent)
    }

    pub(super) const fn size(&self) -> (usize, usize) {
        self.attach.size()
    }

    pub(super) const fn groups(&self) -> usize {
        self.policy.groups()
    }

    pub(super) const fn adaptive(&self) -> bool {
        matches!(self.policy, Policy::Adaptive | Policy::Dal)
    }

    #[expect(clippy::unused_self, reason = "every routing function is asked")]
    pub(super) const fn global(&self) -> bool {
        false
    }

    pub(super) const fn weighs(&self) -> bool {
        matches!(self.policy, Policy::Ugal | Policy::Detour)
    }

    pub(super) fn goals(&self, mut visit: impl FnMut(Goal)) {
        self.attach.goals(&mut visit);
        legs::goals(self.stops(), visit);
    }

    pub(super) fn inject_all(&self, src: NodeIdx, goal: Goal, visit: impl FnMut(Step)) {
        if self.leaves_with(src, goal) {
            self.attach.inject_all(goal, visit);
        }
    }

    pub(super) fn route_all(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        goal: Goal,
        mut visit: impl FnMut(Step),
    ) {
        match self.policy {
            Policy::DimensionOrder => {
                let dst = NodeIdx(goal.target);
                match self.onward(at.at(), self.attach.router(dst)) {
                    None => self.attach.eject_all(dst, visit),
                    Some((d, there)) => {
                        self.ports(at.at(), d, there).for_each(|p| visit(step(p, 1, goal)));
                    }
                }
            }
            Policy::Adaptive | Policy::Dal => self.adapt_all(at, in_port, goal, visit),
            Policy::Valiant | Policy::Ugal | Policy::Detour => {
                self.stop_all(at, in_port, in_group, goal, &mut visit);
            }
        }
    }

    /// The step by which `head` leaves its source.
    #[inline]
    pub(super) fn inject<V: View>(&self, head: &mut Head, _: &OfClass<'_, V>) -> Step {
        self.attach.inject(head)
    }

    /// The step of a packet of `head` that is at router `at`.
    #[inline]
    pub(super) fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_group: usize,
        head: &mut Head,
        view: &OfClass<'_, V>,
    ) -> Step {
        match self.policy {
            Policy::DimensionOrder => {
                let dst = self.attach.router(head.dst);
                self.ordered(at, dst, head, (1, Goal::node(head.dst)))
                    .unwrap_or_else(|| self.attach.eject(at, head))
            }
            Policy::Adaptive | Policy::Dal => self.adapt(at, in_port, head, view),
            Policy::Valiant | Policy::Ugal | Policy::Detour => {
                self.by_stop(at, in_port, in_group, head, view)
            }
        }
    }

    /// The step of dimension order to router `target`; none there.
    #[inline]
    fn ordered(
        &self,
        at: RouterIdx,
        target: usize,
        head: &Head,
        (groups, goal): (u8, Goal),
    ) -> Option<Step> {
        let (d, there) = self.onward(at.at(), target)?;
        let pick = among(usize::from(self.dims[d].links), at.at(), head.flow);
        let port = usize::from(self.first_port(at.at(), d, there)) + pick;
        Some(step(PortIdx::new(port), groups, goal))
    }

    /// The first dimension in which two routers differ, and `target`'s coordinate there.
    #[inline]
    fn onward(&self, at: usize, target: usize) -> Option<(usize, u16)> {
        let there = |d: usize| self.coordinate(target, d);
        (0..self.dims.len()).find(|d| self.coordinate(at, *d) != there(*d)).map(|d| (d, there(d)))
    }

    /// In how many dimensions two routers differ: hops between them.
    #[inline]
    fn apart(&self, a: usize, b: usize) -> u32 {
        let differs = |d: usize| u32::from(self.coordinate(a, d) != self.coordinate(b, d));
        (0..self.dims.len()).map(differs).sum()
    }

    #[inline]
    fn coordinate(&self, router: usize, d: usize) -> u16 {
        self.coordinates[router * self.dims.len() + d]
    }

    /// The first of the parallel ports to coordinate `there` of dimension `d`.
    #[inline]
    fn first_port(&self, at: usize, d: usize, there: u16) -> u16 {
        let Dim { links, port, .. } = self.dims[d];
        port + (there - u16::from(there > self.coordinate(at, d))) * links
    }

    /// All parallel ports to coordinate `there` of dimension `d`.
    #[inline]
    fn ports(&self, at: usize, d: usize, there: u16) -> impl Iterator<Item = PortIdx> + use<> {
        let first = self.first_port(at, d, there);
        let ports: Range<u16> = first..first + self.dims[d].links;
        ports.map(PortIdx)
    }
}

impl Policy {
    const fn groups(self) -> usize {
        match self {
            Self::DimensionOrder => 1,
            _ => 2,
        }
    }

    const fn why(self) -> &'static str {
        match self {
            Self::DimensionOrder => "one",
            Self::Adaptive | Self::Dal => "one to escape on and one to adapt on",
            Self::Valiant | Self::Ugal | Self::Detour => "one on either side of the stop",
        }
    }
}
