//! Grids: meshes, tori, twisted tori and rings of routers, each with one or more nodes.

mod generate;
mod routing;
mod shape;

pub(crate) use generate::generate;
pub(crate) use routing::way;
pub(crate) use shape::Shape;

use serde::Deserialize;

use super::PerDim;
use crate::units::Length;

/// See [`FabricForm::Mesh`](crate::describe::FabricForm::Mesh) and
/// [`FabricForm::Torus`](crate::describe::FabricForm::Torus). The first dimension varies fastest in
/// the order of routers and is routed first; node `n` hangs on router `n / nodes_per_router`.
///
/// A folded torus is a torus whose link classes have the latency of the longer wires.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Extent of each dimension, in routers.
    pub dims: Vec<u32>,
    /// Accelerators on every router (the concentration); 1 where not given.
    #[serde(default = "one")]
    pub nodes_per_router: u32,
    /// Link class between an accelerator and its router.
    pub local: String,
    /// Link class between routers, in all dimensions or in each.
    pub link: PerDim<String>,
    /// Length of the links between routers, in all dimensions or in each; in a list, `"0 m"` stands
    /// for the length of an on-die class.
    #[serde(default)]
    pub length: Option<PerDim<Length>>,
    /// Name of the routers' clock.
    pub clock: String,
    /// Parallel links between an accelerator and its router; 1 where not given.
    #[serde(default = "one")]
    pub local_links: u32,
    /// How packets go; dimension order where not given.
    #[serde(default)]
    pub routing: GridRouting,
    /// The dimensions in the order in which they are routed; as they are numbered where not given.
    #[serde(default)]
    pub order: Option<Vec<u32>>,
    /// Which VCs packets use on rings; `Strict` where not given.
    #[serde(default)]
    pub datelines: Datelines,
    /// Whether packets of Valiant's algorithm leave where they pass their destination on the first
    /// leg; false where not given, with which BookSim 2 agrees: it visits 11.51 routers on average on
    /// an 8 by 8 mesh under uniform traffic, where all the way are 11.50 and early exit makes 10.87.
    #[serde(default)]
    pub early_exit: bool,
    /// Twists of a torus; none where not given.
    #[serde(default)]
    pub twist: Vec<Twist>,
}

/// A ring: a torus of one dimension.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// How many routers.
    pub routers: u32,
    /// Accelerators on every router; 1 where not given.
    #[serde(default = "one")]
    pub nodes_per_router: u32,
    /// Link class between an accelerator and its router.
    pub local: String,
    /// Link class between routers.
    pub link: String,
    /// Length of the links between routers.
    #[serde(default)]
    pub length: Option<Length>,
    /// Name of the routers' clock.
    pub clock: String,
    /// Parallel links between an accelerator and its router; 1 where not given.
    #[serde(default = "one")]
    pub local_links: u32,
    /// How packets go; dimension order, the shorter way around, where not given.
    #[serde(default)]
    pub routing: GridRouting,
    /// Which VCs packets use; `Strict` where not given.
    #[serde(default)]
    pub datelines: Datelines,
    /// As in [`Grid`].
    #[serde(default)]
    pub early_exit: bool,
}

/// A wrap-around that does not end where it began: going up over the end of dimension `wrap` adds
/// `by` to the coordinate in dimension `shifts`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twist {
    /// The dimension whose wrap-around is twisted.
    pub wrap: u32,
    /// The dimension that is shifted.
    pub shifts: u32,
    /// By how much, from 1 to its extent less 1.
    pub by: u32,
}

/// How packets go through a mesh or torus.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
pub enum GridRouting {
    /// One dimension after the other; datelines on the rings of a torus.
    #[default]
    DimensionOrder,
    /// Dimension order on two dimensions, the first one first.
    #[serde(rename = "XY")]
    Xy,
    /// Dimension order on two dimensions, the second one first.
    #[serde(rename = "YX")]
    Yx,
    /// XY or YX by a hash of the flow, each on half of the VCs (Seo et al., ISCA 2005).
    #[serde(rename = "O1TURN", alias = "O1Turn")]
    O1Turn,
    /// XY or YX, whichever's first link has fewer flits waiting when the packet is at its first
    /// router; each on half of the VCs.
    AdaptiveXyYx,
    /// Dimension order to a random router and from there on (Valiant, SIAM J. Comput. 11(2), 1982).
    Valiant,
    /// Valiant's way with a random router on some shortest route (Nesson and Johnsson, SPAA 1995).
    #[serde(rename = "ROMM", alias = "Romm")]
    Romm,
    /// Any link on a shortest route, with dimension order to escape by (Duato, IEEE TPDS 4(12),
    /// 1993).
    MinimalAdaptive,
    /// Any link on a shortest route that the odd-even turn model allows, on meshes of two dimensions
    /// (Chiu, IEEE TPDS 11(7), 2000).
    OddEven,
    /// Any shortest path, from a table. Refused where it can deadlock.
    Table,
}

/// Which VCs a packet uses on a ring whose class's VCs are in two halves.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
pub enum Datelines {
    /// The lower half before the dateline and the upper half after it; packets that do not cross it
    /// use both.
    Balanced,
    /// One half for a packet's whole way around a ring, by whether it crosses the dateline: as
    /// BookSim 2's `dim_order_torus`.
    #[default]
    Strict,
}

/// Which of the forms a grid was given by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Mesh,
    Torus,
    Ring,
}

impl Kind {
    /// Where the extents stand.
    const fn key(self) -> &'static str {
        if matches!(self, Self::Ring) { "fabric.routers" } else { "fabric.dims" }
    }
}

impl From<&Ring> for Grid {
    fn from(ring: &Ring) -> Self {
        Self {
            dims: vec![ring.routers],
            nodes_per_router: ring.nodes_per_router,
            local: ring.local.clone(),
            link: PerDim::Same(ring.link.clone()),
            length: ring.length.map(PerDim::Same),
            clock: ring.clock.clone(),
            local_links: ring.local_links,
            routing: ring.routing,
            order: None,
            datelines: ring.datelines,
            early_exit: ring.early_exit,
            twist: Vec::new(),
        }
    }
}

const fn one() -> u32 {
    1
}
