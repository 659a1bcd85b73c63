//! HyperX networks: a full mesh along every dimension of a grid of routers (Ahn, Binkert, Davis,
//! McLaren and Schreiber, SC 2009).
//!
//! A k-ary n-fly flattened butterfly (Kim, Dally and Abts, ISCA 2007) is the HyperX of n - 1
//! dimensions of k with k nodes on each router. A full mesh of n dimensions with one node on each
//! router is what UB-Mesh calls an nD full mesh (arXiv:2503.20377).

use base::DomainIdx;
use serde::Deserialize;

use super::{PerDim, one};
use crate::describe::{FullMesh, FullMeshRouting};
use crate::elaborate::{self, Names};
use crate::error::{ErrorKind, Problem};
use crate::limits;
use crate::routing::{HyperX as Routes, HyperXPolicy, Way};
use crate::units::Length;
use crate::validate::range;
use crate::wiring::{Plug, Run, Wiring};

/// See [`FabricForm::HyperX`](crate::describe::FabricForm::HyperX). The first dimension varies fastest
/// in the routers' order; node `i` is on router `i / nodes_per_router`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HyperX {
    /// Extent of each dimension.
    pub dims: Vec<u32>,
    /// Accelerators on each router; 1 where not given.
    #[serde(default = "one")]
    pub nodes_per_router: u32,
    /// Parallel links between any two routers of a dimension, for all or each; 1 where not given.
    #[serde(default = "PerDim::one")]
    pub links_per_pair: PerDim<u32>,
    /// Link class between an accelerator and its router.
    pub local: String,
    /// Length of these links.
    #[serde(default)]
    pub local_length: Option<Length>,
    /// Parallel links between an accelerator and its router; 1 where not given.
    #[serde(default = "one")]
    pub local_links: u32,
    /// Link class between routers, for all dimensions or each.
    pub link: PerDim<String>,
    /// Length of the links between routers, for all dimensions or each; in a list, "0 m" stands for
    /// dimensions of an on-die class.
    #[serde(default)]
    pub length: Option<PerDim<Length>>,
    /// Name of the routers' clock.
    pub clock: String,
    /// How packets go; dimension order where not given.
    #[serde(default)]
    pub routing: HyperXRouting,
    /// Whether packets of `Valiant` leave where they pass their destination on the first leg.
    #[serde(default)]
    pub early_exit: bool,
    /// What `Ugal` adds to the detour's flits waiting x hops before it compares: the more, the more
    /// packets go direct.
    #[serde(default)]
    pub bias: u32,
}

/// How packets go through a HyperX.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
pub enum HyperXRouting {
    /// One dimension after the other; 1 VC a class.
    #[default]
    DimensionOrder,
    /// Minimal adaptive with dimension order as escape; 2 VCs a class.
    Adaptive,
    /// Dimensionally adaptive, load-balanced: adaptive, and once in each dimension not minimal
    /// (Ahn et al., SC 2009); 2 VCs a class.
    Dal,
    /// By any router; 2 VCs a class.
    Valiant,
    /// Direct or by a random router that differs in no further dimension, as the queues at the source
    /// say; 2 VCs a class.
    Ugal,
}

impl PerDim<u32> {
    pub(super) const fn one() -> Self {
        Self::Same(1)
    }
}

/// All cables: a router's nodes first, then dimension by dimension its peers in ascending order.
pub(crate) fn wiring<'a>(
    names: &Names<'a>,
    f: &HyperX,
    node_clock: DomainIdx,
) -> Result<Wiring<'a>, Problem> {
    let runs = runs(names, f)?;
    let local = names.run_of("fabric", ("local", "local_length"), &f.local, f.local_length)?;
    let clock = names.clock("fabric.clock", &f.clock)?;
    let mut w = Wiring::new("fabric.dims", counts(f)?, names.classes, node_clock)?;
    let nodes = f.nodes_per_router as usize;
    let routers = w.node_ports.len() / nodes;
    for r in 0..routers {
        w.router(format!("r({})", coordinates(r, &f.dims)), clock);
        for n in nodes * r..nodes * (r + 1) {
            for _ in 0..f.local_links {
                w.connect("fabric.local_links", Plug::Node(n), Plug::Router(r), local)?;
            }
        }
    }
    let mut stride = 1;
    for (d, extent) in f.dims.iter().map(|k| *k as usize).enumerate() {
        let key = f.links_per_pair.key("fabric.links_per_pair", d);
        for r in 0..routers {
            for step in 1..extent - r / stride % extent {
                for _ in 0..*f.links_per_pair.at(d) {
                    w.connect(&key, Plug::Router(r), Plug::Router(r + step * stride), runs[d])?;
                }
            }
        }
        stride *= extent;
    }
    Ok(w)
}

/// The routing function.
pub(crate) fn way(f: &HyperX, vcs_per_class: u8) -> Result<Way, Problem> {
    Routes::new(f, vcs_per_class).map(Way::HyperX)
}

/// The routing function of a full mesh: a HyperX of one dimension.
pub(crate) fn full_mesh_way(
    f: &FullMesh,
    w: &Wiring<'_>,
    vcs_per_class: u8,
) -> Result<Way, Problem> {
    match f.routing {
        FullMeshRouting::Table => elaborate::table(w, elaborate::node),
        FullMeshRouting::Detour => {
            let (dims, local) = ([(f.accelerators, f.links_per_pair)], (1, f.local_links));
            Routes::over(HyperXPolicy::Detour, &dims, local, vcs_per_class).map(Way::HyperX)
        }
    }
}

/// The coordinates of a router, first dimension first, as in `2,5`.
fn coordinates(router: usize, dims: &[u32]) -> String {
    let mut rest = router;
    let mut next = |k: &u32| {
        let at = rest % *k as usize;
        rest /= *k as usize;
        at.to_string()
    };
    dims.iter().map(&mut next).collect::<Vec<_>>().join(",")
}

/// Nodes, routers and links, saturated where there are too many to count.
fn counts(f: &HyperX) -> Result<(u64, u64, u64), Problem> {
    let extents = || f.dims.iter().enumerate().map(|(d, k)| (d, u64::from(*k)));
    for (d, extent) in extents() {
        range(&format!("fabric.dims[{d}]"), extent, 1, limits::ROUTERS_MAX)?;
        let links = u64::from(*f.links_per_pair.at(d));
        range(&f.links_per_pair.key("fabric.links_per_pair", d), links, 1, limits::PORTS_MAX)?;
    }
    let (nodes, locals) = (u64::from(f.nodes_per_router), u64::from(f.local_links));
    range("fabric.nodes_per_router", nodes, 1, limits::PORTS_MAX)?;
    range("fabric.local_links", locals, 1, limits::PORTS_MAX)?;
    let product = extents().try_fold(1_u64, |n, (_, k)| n.checked_mul(k));
    let routers = product.unwrap_or(u64::MAX);
    let network = extents().map(|(d, k)| (k - 1) * u64::from(*f.links_per_pair.at(d)));
    let degree = 2 * nodes * locals + network.sum::<u64>();
    Ok((routers.saturating_mul(nodes), routers, routers.saturating_mul(degree)))
}

/// Class and length of each dimension's cables.
fn runs(names: &Names<'_>, f: &HyperX) -> Result<Vec<Run>, Problem> {
    let dims = f.dims.len();
    if !(1..=limits::DIMS_MAX).contains(&dims) {
        let message = format!("{dims} dimensions are none or too many");
        let mend = format!("use 1 to {}", limits::DIMS_MAX);
        return Err(Problem::new(ErrorKind::Value, "fabric.dims", message, mend));
    }
    f.links_per_pair.of("fabric.links_per_pair", dims)?;
    f.link.of("fabric.link", dims)?;
    if let Some(length) = &f.length {
        length.of("fabric.length", dims)?;
    }
    let length = |d: usize| match &f.length {
        Some(PerDim::Each(list)) => Some(list[d]).filter(|l| l.0 > 0),
        Some(PerDim::Same(l)) => Some(*l),
        None => None,
    };
    let run = |d: usize| names.run("fabric", &f.link.key("link", d), f.link.at(d), length(d));
    (0..dims).map(run).collect()
}
