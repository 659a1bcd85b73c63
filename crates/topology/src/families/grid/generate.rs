//! The cables of a grid.

use base::DomainIdx;

use super::{Grid, Kind, Shape};
use crate::elaborate::Names;
use crate::error::Problem;
use crate::limits;
use crate::units::Length;
use crate::validate::range;
use crate::wiring::{Plug, Run, Wiring};

/// A router with its nodes at every point. A router's first ports are its nodes', node by node;
/// cables between routers come dimension by dimension, each at the router below it.
pub(crate) fn generate<'a>(
    names: &Names<'a>,
    f: &Grid,
    kind: Kind,
    node_clock: DomainIdx,
) -> Result<Wiring<'a>, Problem> {
    let shape = Shape::new(kind, &f.dims, &f.twist)?;
    let (points, dims) = (shape.points(), shape.extents.len());
    range("fabric.local_links", u64::from(f.local_links), 1, limits::PORTS_MAX)?;
    range("fabric.nodes_per_router", u64::from(f.nodes_per_router), 1, limits::PORTS_MAX)?;
    let per_router = f.nodes_per_router as usize;
    let nodes = points.saturating_mul(u64::from(f.nodes_per_router));
    let locals = u64::from(f.nodes_per_router) * u64::from(f.local_links);
    let links = points.saturating_mul(2 * (locals + dims as u64));
    let local = names.run("fabric", "local", &f.local, None)?;
    let runs = runs(names, f, dims)?;
    let clock = names.clock("fabric.clock", &f.clock)?;
    let counts = (nodes, points, links);
    let mut w = Wiring::new(kind.key(), counts, names.classes, node_clock)?;
    let points = w.node_ports.len() / per_router;
    for r in 0..points {
        let at: Vec<String> = shape.coordinates(r).iter().map(ToString::to_string).collect();
        w.router(format!("r({})", at.join(",")), clock);
        for n in r * per_router..(r + 1) * per_router {
            for _ in 0..f.local_links {
                w.connect("fabric.local", Plug::Node(n), Plug::Router(r), local)?;
            }
        }
    }
    for (d, run) in runs.into_iter().enumerate() {
        for r in 0..points {
            if let Some(up) = shape.up(r, d) {
                w.connect("fabric.link", Plug::Router(r), Plug::Router(up), run)?;
            }
        }
    }
    Ok(w)
}

/// Class and length of the links of each dimension.
fn runs(names: &Names<'_>, f: &Grid, dims: usize) -> Result<Vec<Run>, Problem> {
    let classes = f.link.of("fabric.link", dims)?;
    let lengths: Vec<Option<Length>> = match &f.length {
        None => vec![None; dims],
        Some(lengths) => {
            let given = lengths.of("fabric.length", dims)?;
            // In a list, no length at all has to be written somehow.
            let many = given.len() > 1;
            given.into_iter().map(|l| (l.0 > 0 || !many).then_some(*l)).collect()
        }
    };
    classes.iter().zip(lengths).map(|(c, length)| names.run("fabric", "link", c, length)).collect()
}
