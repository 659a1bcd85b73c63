//! Where `sweep` and `validate` meet what measures.

use std::time::Instant;

use anyhow::bail;
use lockstep::figures::Configuration;
use lockstep::validate::{Alone, Engine, EngineError, Load};
use machine::sweep::{self, Measured, Options};
use report::SweepPoint;
use topology::spec::MachineSpec;
use traffic::synthetic::estimate::Criteria;
use traffic::synthetic::{Exchange, TrafficSpec};

use super::sections::network_stats;
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
    sweep::fits(spec, &traffic(plan, 0.0, 1)?)?;
    Ok(())
}

/// Measures one load.
pub(crate) fn measure(job: &Job<'_>) -> anyhow::Result<SweepPoint> {
    let Job { spec, plan, offered, seed } = *job;
    let criteria =
        Criteria { latency_cycles_max: plan.latency_limit_cycles as f64, ..Criteria::default() };
    let options = Options {
        traffic: traffic(plan, offered, seed)?,
        warmup_cycles: plan.warmup_cycles,
        measured_cycles: plan.measured_cycles,
        criteria,
        stats: plan.stats,
        matrix: plan.matrix,
        series_cycles: plan.series_cycles,
        follow: plan.follow.clone(),
    };
    let started = now();
    let measured = sweep::measure(spec, &options)?;
    let wall_s = now().duration_since(started).as_secs_f64();
    Ok(SweepPoint { seed, wall_s, ..point(spec, plan, measured) })
}

#[expect(clippy::disallowed_methods, reason = "wall time of the emulator, not of the machine")]
fn now() -> Instant {
    Instant::now()
}

/// The traffic of a plan at a load.
fn traffic(plan: &Plan, rate: f64, seed: u64) -> anyhow::Result<TrafficSpec> {
    let exchange = match plan.request_reply {
        Some((request_flits, reply_flits)) => Exchange::request_reply(request_flits, reply_flits),
        None => Exchange::OneWay(plan.packet_flits.parse()?),
    };
    let (pattern, process) = (plan.traffic.parse()?, plan.process.parse()?);
    Ok(TrafficSpec { pattern, process, rate, exchange, window: plan.window, seed })
}

/// A result as it is reported; seed and wall time are the caller's.
fn point(spec: &MachineSpec, plan: &Plan, m: Measured) -> SweepPoint {
    let wanted = plan.stats || plan.matrix || plan.series_cycles.is_some();
    SweepPoint {
        offered: m.offered,
        accepted: m.accepted,
        packet_latency: m.packet_latency,
        network_latency: m.network_latency,
        flit_latency: m.flit_latency,
        hops: m.hops,
        saturated: m.saturated.is_some(),
        packets: m.packets,
        cycles: m.cycles,
        seed: 0,
        latency_ci95: m.latency_ci95,
        flit_hops: m.flit_hops,
        wall_s: 0.0,
        injected: m.injected,
        packet_latency_min: m.packet_latency_min,
        packet_latency_max: m.packet_latency_max,
        p50: m.p50,
        p99: m.p99,
        warmup_cycles: m.warmup_cycles,
        measured_cycles: m.measured_cycles,
        drained: m.drained,
        digest: m.digest.clone(),
        follow: m.follow.clone(),
        stats: wanted.then(|| Box::new(network_stats(spec, plan, m))),
    }
}

/// Sends a packet of `flits` flits between each of the pairs of nodes, alone in an empty network.
fn alone(spec: &MachineSpec, flits: u32, pairs: &[(u32, u32)]) -> anyhow::Result<Vec<Alone>> {
    let all = sweep::alone(spec, flits, pairs)?;
    let one = |a: sweep::Alone| Alone { latency_cycles: a.latency_cycles, hops: a.hops };
    Ok(all.into_iter().map(one).collect())
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
            follow: Vec::new(),
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

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::cli::input;

    fn plan() -> Plan {
        Plan {
            traffic: "uniform".to_owned(),
            process: "bernoulli".to_owned(),
            packet_flits: "1".to_owned(),
            request_reply: None,
            window: None,
            warmup_cycles: Some(200),
            measured_cycles: 600,
            latency_limit_cycles: 500,
            stats: false,
            matrix: false,
            series_cycles: None,
            follow: Vec::new(),
        }
    }

    fn refused(name: &str, plan: &Plan) -> String {
        let spec = input::topology(name).unwrap();
        fits(&spec, plan).unwrap_err().to_string()
    }

    #[test]
    fn a_plan_without_meaning_is_refused_before_any_work() {
        let with = |traffic: &str| Plan { traffic: traffic.to_owned(), ..plan() };
        assert!(refused("nvl8", &with("uniforn")).contains("uniform"), "a suggestion");
        assert!(refused("nvl8", &with("tornado")).contains("needs a grid"));
        let process = Plan { process: "on_off".to_owned(), ..plan() };
        assert!(refused("nvl8", &process).contains("two of its parameters"));
        let flits = Plan { packet_flits: "0".to_owned(), ..plan() };
        assert!(refused("nvl8", &flits).contains("0 flits"));
        assert!(fits(&input::topology("mesh8x8").unwrap(), &with("tornado")).is_ok());
    }

    #[test]
    fn every_section_that_is_asked_for_is_there_and_no_other() {
        let spec = input::topology("mesh8x8").unwrap();
        let job = |plan: &Plan| measure(&Job { spec: &spec, plan, offered: 0.1, seed: 3 }).unwrap();
        let bare = job(&plan());
        assert!(bare.stats.is_none() && bare.follow.is_empty() && bare.seed == 3);
        let series = job(&Plan { series_cycles: Some(250), ..plan() }).stats.unwrap();
        assert_eq!(series.series.map(|s| s.slices.len()), Some(3));
        assert!(series.matrix.is_none() && series.links.is_empty() && series.classes.is_empty());
        let window = NonZeroU32::new(4);
        let request_reply = Some((1, 5));
        let full = Plan { stats: true, matrix: true, window, request_reply, ..plan() };
        let full = job(&Plan { follow: vec![0], ..full });
        assert!(full.follow.len() > 8, "{:?}", full.follow);
        let stats = full.stats.unwrap();
        assert_eq!((stats.routers.len(), stats.links.len()), (64, 2 * (64 + 2 * 7 * 8)));
        assert_eq!((stats.classes.len(), stats.occupancy.len() % 4), (2, 0));
        assert_eq!(stats.matrix.map(|m| m.flits.len()), Some(64));
    }
}
