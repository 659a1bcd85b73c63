//! `align`: how well the counters of a machine's nodes are aligned over its fabric.

use std::path::PathBuf;

use anyhow::{anyhow, bail};
use base::Fs;
use clap::builder::RangedU64ValueParser;
use machine::align::{Alignment, Exchanges, Load, Sample};
use report::{AlignedCounters, CountersPoint};
use serde::Serialize;
use topology::spec::{CountersSpec, MachineSpec};
use topology::units::Span;

use super::output::Output;
use super::{Outcome, input, output};

/// Aligns the counters of a machine's nodes over its fabric, and tells how far they are off.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep align aligned8
  lockstep align my.ron --for \"5 ms\" --load 400 --json -
A topology describes its counters beside its fabric, with at least a frequency and an interval:
  counters: (frequency: \"1 GHz\", ppm: 50, drift: (ppb: 100, every: \"1 ms\"), every: \"20 us\"),
Every node measures its offset to the one above it by packets there and back, which go through the
machine's routers and links beside the load, and sets its counter by a servo. An offset is what a
counter is truly off the root's, which only the emulator knows; a bound is what nodes can say of it
themselves: half the round trip, the bound of the node above, and drift.
Exit code: 0 if no counter was further off than its bound, 1 if one was, 2 for bad input.")]
pub(crate) struct Args {
    /// Topology file, or name of a shipped one, that describes `counters`
    #[arg(value_name = "FILE")]
    topology: String,
    /// Simulated time, up to 1000 ms
    #[arg(long = "for", value_name = "TIME", default_value = "1 ms")]
    time: String,
    /// Flits of load that each node offers in 1000 edges of its clock
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = RangedU64ValueParser::<u32>::new().range(0..=1000))]
    load: u32,
    /// Flits of a packet of load
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = RangedU64ValueParser::<u32>::new().range(1..=1000))]
    packet_flits: u32,
    /// Seed of everything that is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the result as JSON; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report<'a> {
    topology: &'a str,
    seed: u64,
    nodes: usize,
    #[serde(flatten)]
    counters: AlignedCounters,
}

fn ns(fs: f64) -> f64 {
    fs / 1e6
}

fn point(s: &Sample) -> CountersPoint {
    CountersPoint {
        time_ns: s.at.as_ns(),
        offset_max_ns: ns(s.offset_max),
        offset_rms_ns: ns(s.offset_rms),
        bound_max_ns: s.bound_max.is_finite().then(|| ns(s.bound_max)),
        broken: s.broken,
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let Span(time) = input::span(&args.time).map_err(|why| anyhow!("--for: {why}"))?;
    let spec = input::topology(&args.topology)?;
    let load = Load { flits_per_1000_edges: args.load, packet_flits: args.packet_flits };
    let counters = measure(&spec, args.seed, load, time)?;
    if counters.series.is_empty() {
        let every = spec.counters.as_ref().map_or(Fs::ZERO, |c| c.every);
        bail!(
            "{time} is less than the interval of the exchanges, {every}\n  mend: give a longer --for"
        );
    }
    let nodes = spec.fabric.node_ports.len();
    let report = Report { topology: &spec.name, seed: args.seed, nodes, counters };
    if json.as_ref().is_none_or(|json| !json.is_stdout()) {
        output::print(&text(&report))?;
    }
    if let Some(json) = json {
        json.write(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    Ok(if report.counters.broken == 0 { Outcome::Done } else { Outcome::ChecksFailed })
}

/// Aligns the counters of a machine beside a load, for a time.
pub(super) fn measure(
    spec: &MachineSpec,
    seed: u64,
    load: Load,
    time: Fs,
) -> anyhow::Result<AlignedCounters> {
    let half = Fs(time.0 / 2);
    let mut alignment = Alignment::new(spec, seed, load)?.measured_from(half);
    alignment.run(time);
    let Some(counters) = &spec.counters else { bail!("its nodes keep no counters") };
    let series: Vec<CountersPoint> = alignment.samples().iter().map(point).collect();
    let Exchanges { count, latency_fs, latency_sigma_fs, behind_rms_fs } = alignment.exchanges();
    let carried = alignment.carried();
    let settled = || series.iter().filter(|p| p.time_ns >= half.as_ns());
    let most = |of: fn(&CountersPoint) -> f64| settled().map(of).fold(0.0, f64::max);
    let squares: f64 = settled().map(|p| p.offset_rms_ns * p.offset_rms_ns).sum();
    let tick_ns = 1e9 * counters.hertz.1 as f64 / counters.hertz.0 as f64;
    let bounds: Option<Vec<f64>> = settled().map(|p| p.bound_max_ns).collect();
    Ok(AlignedCounters {
        root: counters.root.0,
        every_ns: counters.every.as_ns(),
        load_flits_per_1000_edges: load.flits_per_1000_edges,
        offered_flits_per_1000_edges: carried.offered,
        arrived_flits_per_1000_edges: carried.arrived,
        exchanges: count,
        latency_ns: ns(latency_fs),
        latency_sigma_ns: ns(latency_sigma_fs),
        latency_ticks: ns(latency_fs) / tick_ns,
        latency_sigma_ticks: ns(latency_sigma_fs) / tick_ns,
        measured_offset_rms_ns: ns(behind_rms_fs),
        offset_max_ns: most(|p| p.offset_max_ns),
        offset_rms_ns: (squares / settled().count().max(1) as f64).sqrt(),
        bound_max_ns: bounds.map(|b| b.into_iter().fold(0.0, f64::max)),
        broken: series.iter().map(|p| p.broken).max().unwrap_or(0),
        series,
    })
}

/// Intervals of counters that a run tells of at most: long since settled, and soon stepped, however long the run
/// was idle.
const INTERVALS_MAX: u64 = 4096;

/// The counters of a machine that ran for a time, if its nodes keep any and were asked at least once: beside
/// a load of as many flits, in packets as long, as the run's.
pub(super) fn beside(
    spec: &MachineSpec,
    seed: u64,
    (flits, packets): (u64, u64),
    time: Fs,
) -> anyhow::Result<Option<AlignedCounters>> {
    if spec.counters.as_ref().is_none_or(|c| time < c.every) {
        return Ok(None);
    }
    let (num, den) = spec.domains[spec.accelerator.clock.at()].hertz;
    let edges =
        u128::from(time.0) * u128::from(num) / (u128::from(den) * u128::from(Fs::PER_SECOND));
    let chances = edges.max(1) * spec.fabric.node_ports.len() as u128;
    let rate = (u128::from(flits) * 1_000 + chances / 2) / chances;
    let load = Load {
        flits_per_1000_edges: u32::try_from(rate).unwrap_or(u32::MAX).min(1_000),
        packet_flits: u32::try_from(flits.div_ceil(packets.max(1))).unwrap_or(1).max(1),
    };
    let most = |c: &CountersSpec| Fs(c.every.0.saturating_mul(INTERVALS_MAX));
    let time = spec.counters.as_ref().map_or(time, |c| time.min(most(c)));
    measure(spec, seed, load, time).map(Some)
}

fn text(r: &Report<'_>) -> String {
    let c = &r.counters;
    format!(
        "{}: {} counters, node{} is the root, an exchange every {} ns\n\n{}\nfrom half the time on\n{}",
        r.topology,
        r.nodes,
        c.root,
        c.every_ns,
        c.over_time(),
        c.settled()
    )
}
