//! The routing function of a grid, as its form asks for it.

use super::{Grid, GridRouting, Kind, Shape};
use crate::elaborate::{node, table};
use crate::error::{ErrorKind, Problem};
use crate::routing::lattice::{Lattice, Order, Site};
use crate::routing::{Detour, DimensionOrder, Minimal, OddEven, TwoOrders, Way};
use crate::wiring::Wiring;

/// Chooses and makes it.
pub(crate) fn way(
    f: &Grid,
    kind: Kind,
    wiring: &Wiring<'_>,
    vcs_per_class: u8,
) -> Result<Way, Problem> {
    let shape = Shape::new(kind, &f.dims, &f.twist)?;
    fits(f, &shape)?;
    if f.routing == GridRouting::Table {
        return table(wiring, node);
    }
    let lattice = Lattice::new(&Site {
        shape: &shape,
        nodes_per_router: f.nodes_per_router as usize,
        locals: f.local_links as usize,
        datelines: f.datelines,
        routers: &wiring.routers,
        links: &wiring.links,
    });
    let sequence = sequence(f, shape.extents.len())?;
    let forward = Order::new(&lattice, &sequence);
    let backward = || {
        let reversed: Vec<usize> = sequence.iter().rev().copied().collect();
        Order::new(&lattice, &reversed)
    };
    let vcs = vcs_per_class;
    Ok(match f.routing {
        GridRouting::Yx => Way::DimensionOrder(DimensionOrder::new(backward(), lattice, vcs)?),
        GridRouting::O1Turn | GridRouting::AdaptiveXyYx => {
            let adaptive = f.routing == GridRouting::AdaptiveXyYx;
            let orders = [forward, backward()];
            Way::TwoOrders(TwoOrders::new(orders, adaptive, lattice, vcs)?)
        }
        GridRouting::Valiant => Way::Detour(Detour::valiant(forward, lattice, vcs, f.early_exit)?),
        GridRouting::Romm => Way::Detour(Detour::romm(forward, lattice, vcs)?),
        GridRouting::MinimalAdaptive => Way::Minimal(Minimal::new(forward, lattice, vcs)?),
        GridRouting::OddEven => Way::OddEven(OddEven::new(lattice)),
        GridRouting::DimensionOrder | GridRouting::Xy | GridRouting::Table => {
            Way::DimensionOrder(DimensionOrder::new(forward, lattice, vcs)?)
        }
    })
}

/// Refuses a routing that the shape does not have, and an order that would have no effect.
fn fits(f: &Grid, shape: &Shape) -> Result<(), Problem> {
    use GridRouting::{AdaptiveXyYx, O1Turn, OddEven, Table, Xy, Yx};
    let refuse = |key: &str, message: String, mend: &str| {
        Err(Problem::new(ErrorKind::Structure, key, message, mend))
    };
    let dims = shape.extents.len();
    let of_two = matches!(f.routing, Xy | Yx | O1Turn | AdaptiveXyYx | OddEven);
    if of_two && dims != 2 {
        let message = format!("this routing is for 2 dimensions, and here are {dims}");
        return refuse("fabric.routing", message, "use DimensionOrder, with an `order` or without");
    }
    if f.routing == OddEven && (0..dims).any(|d| shape.closes(d)) {
        let message = "the odd-even turn model does not break the cycles of rings".to_owned();
        return refuse("fabric.routing", message, "use a Mesh, or MinimalAdaptive");
    }
    if f.order.is_some() && matches!(f.routing, Xy | Yx | OddEven | Table) {
        let message = "this routing leaves no order to be chosen".to_owned();
        return refuse("fabric.order", message, "remove the order, or use DimensionOrder");
    }
    Ok(())
}

/// The dimensions as they are routed: each once.
fn sequence(f: &Grid, dims: usize) -> Result<Vec<usize>, Problem> {
    let Some(order) = &f.order else { return Ok((0..dims).collect()) };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted.iter().map(|d| *d as usize).ne(0..dims) {
        return Err(Problem::new(
            ErrorKind::Value,
            "fabric.order",
            "the order does not name every dimension once",
            format!("give the numbers 0 to {} in some order", dims - 1),
        ));
    }
    Ok(order.iter().map(|d| *d as usize).collect())
}
