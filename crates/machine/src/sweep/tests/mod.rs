//! The driver against closed forms, the reference's figures, and laws that hold whatever the load.

mod closed_loop;
mod engines;
mod flights;
mod laws;
mod phases;
mod reference;
mod stats;

use topology::Description;
use topology::describe::FabricForm;
use topology::spec::MachineSpec;
use traffic::synthetic::TrafficSpec;

use super::{Measured, Options, measure};

/// A mesh of `k` by `k` routers with 4 VCs of 8 flits, as the reference's.
fn mesh(k: u32) -> MachineSpec {
    let mut mesh = Description::mesh8x8();
    mesh.router.vcs_per_class = 4;
    if let FabricForm::Mesh(grid) = &mut mesh.fabric {
        grid.dims = vec![k, k];
    }
    mesh.elaborate().unwrap()
}

/// Uniform traffic of packets of one flit, with explicit phases.
fn uniform(rate: f64, warmup: u64, measured_cycles: u64) -> Options {
    let traffic = TrafficSpec { rate, ..TrafficSpec::default() };
    Options { traffic, warmup_cycles: Some(warmup), measured_cycles, ..Options::default() }
}

fn run(spec: &MachineSpec, options: &Options) -> Measured {
    measure(spec, options).unwrap()
}
