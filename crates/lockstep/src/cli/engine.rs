//! Where `sweep` and `validate` meet what measures.

use anyhow::bail;
use lockstep::figures::Configuration;
use lockstep::validate::{Alone, Engine, EngineError, Load};
use report::SweepPoint;
use topology::spec::MachineSpec;

use super::sweep::Plan;

/// A load to be measured on a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job<'a> {
    /// The machine.
    pub(crate) spec: &'a MachineSpec,
    /// Traffic, windows, and what to tell.
    pub(crate) plan: &'a Plan,
    /// Offered load in flits per terminal and cycle.
    pub(crate) offered: f64,
    /// Seed of the run.
    pub(crate) seed: u64,
}

/// Terminals up to which a traffic matrix is kept: its memory grows with their square.
const MATRIX_TERMINALS_MAX: usize = 4096;

/// Whether the plan has a meaning on the machine; asked before any work is done.
pub(crate) fn fits(spec: &MachineSpec, plan: &Plan) -> anyhow::Result<()> {
    let terminals = spec.fabric.node_ports.len();
    if plan.matrix && terminals > MATRIX_TERMINALS_MAX {
        bail!(
            "{} has {terminals} terminals, and a traffic matrix is kept for at most \
             {MATRIX_TERMINALS_MAX}\n  mend: leave --matrix out",
            spec.name
        );
    }
    Ok(())
}

/// Measures one load.
pub(crate) fn measure(job: &Job<'_>) -> anyhow::Result<SweepPoint> {
    let Job { spec, plan, offered, seed } = job;
    bail!(
        "this build cannot sweep yet: {} on {} at {offered}, seed {seed}",
        plan.traffic,
        spec.name
    )
}

/// Sends a packet of `flits` flits between each of the pairs of nodes, alone in an empty network.
fn alone(spec: &MachineSpec, flits: u32, pairs: &[(u32, u32)]) -> anyhow::Result<Vec<Alone>> {
    bail!("this build cannot sweep yet: {} packets of {flits} on {}", pairs.len(), spec.name)
}

/// The emulator, as `validate` asks it.
pub(crate) struct Emulator;

impl Engine for Emulator {
    fn measure(&self, load: &Load<'_>) -> Result<SweepPoint, EngineError> {
        let configuration = load.configuration;
        let spec = machine(configuration)?;
        let plan = Plan {
            traffic: configuration.traffic.to_owned(),
            process: "bernoulli".to_owned(),
            packet_flits: configuration.packet_flits.to_string(),
            request_reply: None,
            window: None,
            warmup_cycles: Some(load.warmup_cycles),
            measured_cycles: load.measured_cycles,
            // The reference breaks a run off at 500 cycles; one that it carried may come near.
            latency_limit_cycles: if load.drain { 1000 } else { u64::MAX },
            stats: false,
            matrix: false,
            series_cycles: None,
        };
        let job = Job { spec: &spec, plan: &plan, offered: load.offered, seed: load.seed };
        Ok(measure(&job)?)
    }

    fn alone(
        &self,
        configuration: &Configuration,
        pairs: &[(u32, u32)],
    ) -> Result<Vec<Alone>, EngineError> {
        Ok(alone(&machine(configuration)?, configuration.packet_flits, pairs)?)
    }
}

fn machine(configuration: &Configuration) -> Result<MachineSpec, EngineError> {
    Ok(configuration.description()?.elaborate()?)
}
