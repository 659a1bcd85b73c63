//! The shape of a machine as traffic patterns see it, read off the names of its routers.
//!
//! Generators name the routers of grids `r(x,y,..)` and those of dragonflies `g<group>r<router>`. A
//! shape is taken from names only if every router and every node is where it says.

use base::NodeIdx;
use topology::spec::{End, Fabric, MachineSpec};
use traffic::synthetic::Shape;

/// The shape of a machine: its terminals; the grid of its routers or its groups, if it has them.
pub fn shape(spec: &MachineSpec) -> Shape {
    let fabric = &spec.fabric;
    let nodes = u32::try_from(fabric.node_ports.len()).unwrap_or(u32::MAX);
    let flat = Shape::flat(nodes);
    match nodes_in_rows(fabric) {
        Some(local) => Shape {
            dims: grid(fabric).unwrap_or_default(),
            group_nodes: group(fabric).map(|routers| routers * local),
            ..flat
        },
        None => flat,
    }
}

/// Nodes of each router, where all have equally many and they are numbered in a row.
fn nodes_in_rows(fabric: &Fabric) -> Option<u32> {
    let (nodes, routers) = (fabric.node_ports.len(), fabric.routers.len());
    let local = nodes.checked_div(routers).filter(|n| *n > 0 && n * routers == nodes)?;
    let in_place = |n: usize| {
        let ports = &fabric.node_ports[NodeIdx::new(n).at()];
        ports.iter().all(
            |link| matches!(fabric.links[link.at()].to, End::Router(r, _) if r.at() == n / local),
        )
    };
    (0..nodes).all(in_place).then(|| u32::try_from(local).unwrap_or(u32::MAX))
}

/// The extents of a grid whose routers are numbered with the first dimension fastest.
fn grid(fabric: &Fabric) -> Option<Vec<u32>> {
    let point = |name: &str| -> Option<Vec<u32>> {
        let inner = name.strip_prefix("r(")?.strip_suffix(')')?;
        inner.split(',').map(|at| at.parse().ok()).collect()
    };
    let points: Vec<Vec<u32>> =
        fabric.routers.iter().map(|r| point(&r.name)).collect::<Option<_>>()?;
    let last = points.last()?;
    let dims: Vec<u32> = last.iter().map(|at| at.checked_add(1)).collect::<Option<_>>()?;
    let number = |point: &[u32]| {
        let digits = point.iter().zip(&dims).rev();
        digits.fold(0_u64, |n, (at, k)| n.wrapping_mul(u64::from(*k)) + u64::from(*at))
    };
    let in_place = |(n, point): (usize, &Vec<u32>)| {
        point.len() == dims.len()
            && point.iter().zip(&dims).all(|(at, k)| at < k)
            && number(point) == n as u64
    };
    points.iter().enumerate().all(in_place).then_some(dims)
}

/// Routers of a group, where groups are alike and numbered in a row.
fn group(fabric: &Fabric) -> Option<u32> {
    let place = |name: &str| -> Option<(usize, usize)> {
        let (group, router) = name.strip_prefix('g')?.split_once('r')?;
        Some((group.parse().ok()?, router.parse().ok()?))
    };
    let places: Vec<(usize, usize)> =
        fabric.routers.iter().map(|r| place(&r.name)).collect::<Option<_>>()?;
    let size = places.last()?.1.checked_add(1)?;
    let in_place = |(n, place): (usize, &(usize, usize))| *place == (n / size, n % size);
    let alike = places.len().is_multiple_of(size);
    (alike && places.iter().enumerate().all(in_place)).then(|| u32::try_from(size).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(name: &str) -> MachineSpec {
        let (_, text) = topology::SHIPPED.iter().find(|(n, _)| *n == name).expect(name);
        topology::parse(name, text).expect(name)
    }

    #[test]
    fn grids_and_groups_are_found_by_the_names_of_routers() {
        assert_eq!(shape(&shipped("mesh8x8")), Shape::grid(&[8, 8], 1));
        assert_eq!(shape(&shipped("torus4x4x4")), Shape::grid(&[4, 4, 4], 1));
        assert_eq!(shape(&shipped("nvl8")), Shape::flat(8));
        let dragonfly = shape(&shipped("dragonfly72"));
        assert_eq!((dragonfly.nodes, dragonfly.group_nodes, dragonfly.dims), (72, Some(8), vec![]));
    }

    #[test]
    fn names_that_are_out_of_place_are_no_grid() {
        let mut spec = shipped("mesh8x8");
        spec.fabric.routers.swap(3, 4);
        assert_eq!(shape(&spec), Shape::flat(64));
        spec.fabric.routers.swap(3, 4);
        spec.fabric.routers[63].name = "r(9,7)".to_owned();
        assert_eq!(shape(&spec), Shape::flat(64));
    }
}
