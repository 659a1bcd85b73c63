//! Grids: every form with every routing function it can have.

mod harness;
mod laws;
mod routings;
mod shapes;

use topology::describe::{Description, FabricForm, Grid, GridRouting, PerDim, Twist};
use topology::spec::MachineSpec;

/// Which form a grid is put into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Mesh,
    Torus,
}

/// A grid of wires of one cycle.
fn grid(dims: &[u32], routing: GridRouting) -> Grid {
    let FabricForm::Mesh(mut grid) = Description::mesh8x8().fabric else { unreachable!("a mesh") };
    grid.dims = dims.to_vec();
    grid.routing = routing;
    grid
}

fn twisted(dims: &[u32], routing: GridRouting, twists: &[(u32, u32, u32)]) -> Grid {
    let twist = twists.iter().map(|&(wrap, shifts, by)| Twist { wrap, shifts, by }).collect();
    Grid { twist, ..grid(dims, routing) }
}

fn describe(form: Form, grid: Grid, vcs_per_class: u8) -> Description {
    let mut d = Description::mesh8x8();
    d.fabric = match form {
        Form::Mesh => FabricForm::Mesh(grid),
        Form::Torus => FabricForm::Torus(grid),
    };
    d.router.vcs_per_class = vcs_per_class;
    d
}

fn machine(form: Form, grid: Grid, vcs_per_class: u8) -> MachineSpec {
    describe(form, grid, vcs_per_class).elaborate().unwrap_or_else(|e| panic!("{e}"))
}

/// Links of a class that differs by dimension.
fn per_dim(names: &[&str]) -> PerDim<String> {
    PerDim::Each(names.iter().map(|n| (*n).to_owned()).collect())
}
