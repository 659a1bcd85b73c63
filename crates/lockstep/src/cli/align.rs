//! `align`: how well the counters of a machine's nodes are aligned over its fabric.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::bail;
use base::Fs;
use clap::builder::RangedU64ValueParser;
use machine::align::{Alignment, Exchanges, Load, Sample};
use serde::Serialize;
use topology::units::Span;

use super::output::Output;
use super::{Outcome, input, output};

/// Aligns the counters of a machine's nodes over its fabric, and tells how far they are off.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep align aligned.ron
  lockstep align aligned.ron --for \"5 ms\" --load 400 --json -
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

/// Lines of the table over time.
const LINES: usize = 16;

#[derive(Serialize)]
struct Point {
    time_ns: f64,
    offset_max_ns: f64,
    offset_rms_ns: f64,
    /// `null` while a node has not been answered.
    bound_max_ns: Option<f64>,
    broken: u32,
}

#[derive(Serialize)]
struct Report<'a> {
    topology: &'a str,
    seed: u64,
    nodes: usize,
    root: u32,
    every_ns: f64,
    load_flits_per_1000_edges: u32,
    /// From half the time on.
    exchanges: u64,
    latency_ns: f64,
    latency_sigma_ns: f64,
    /// The measured latency in ticks of a counter.
    latency_ticks: f64,
    latency_sigma_ticks: f64,
    /// What servos were told from half the time on.
    measured_offset_rms_ns: f64,
    /// True offsets from half the time on.
    offset_max_ns: f64,
    offset_rms_ns: f64,
    bound_max_ns: Option<f64>,
    broken: u32,
    series: Vec<Point>,
}

fn ns(fs: f64) -> f64 {
    fs / 1e6
}

fn point(s: &Sample) -> Point {
    Point {
        time_ns: s.at.as_ns(),
        offset_max_ns: ns(s.offset_max),
        offset_rms_ns: ns(s.offset_rms),
        bound_max_ns: s.bound_max.is_finite().then(|| ns(s.bound_max)),
        broken: s.broken,
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let Span(time) = args.time.parse()?;
    let spec = input::topology(&args.topology)?;
    let load = Load { flits_per_1000_edges: args.load, packet_flits: args.packet_flits };
    let half = Fs(time.0 / 2);
    let mut alignment = Alignment::new(&spec, args.seed, load)?.measured_from(half);
    alignment.run(time);
    let Some(counters) = &spec.counters else { bail!("its nodes keep no counters") };
    let series: Vec<Point> = alignment.samples().iter().map(point).collect();
    if series.is_empty() {
        let every = counters.every;
        bail!("{time} is less than the interval of the exchanges, {every}: give a longer --for");
    }
    let Exchanges { count, latency_fs, latency_sigma_fs, behind_rms_fs } = alignment.exchanges();
    let settled = || series.iter().filter(|p| p.time_ns >= half.as_ns());
    let most = |of: fn(&Point) -> f64| settled().map(of).fold(0.0, f64::max);
    let squares: f64 = settled().map(|p| p.offset_rms_ns.powi(2)).sum();
    let tick_ns = 1e9 * counters.hertz.1 as f64 / counters.hertz.0 as f64;
    let bounds: Option<Vec<f64>> = settled().map(|p| p.bound_max_ns).collect();
    let report = Report {
        topology: &spec.name,
        seed: args.seed,
        nodes: spec.fabric.node_ports.len(),
        root: counters.root.0,
        every_ns: counters.every.as_ns(),
        load_flits_per_1000_edges: args.load,
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
    };
    if json.as_ref().is_none_or(|json| !json.is_stdout()) {
        output::print(&text(&report))?;
    }
    if let Some(json) = json {
        json.write(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    Ok(if report.broken == 0 { Outcome::Done } else { Outcome::ChecksFailed })
}

fn text(r: &Report<'_>) -> String {
    let mut out = format!(
        "{}: {} counters, node{} is the root, an exchange every {} ns\n\n",
        r.topology, r.nodes, r.root, r.every_ns
    );
    out += "     time us   offset max ns   offset rms ns    bound max ns\n";
    let every = r.series.len().div_ceil(LINES).max(1);
    for p in r.series.iter().step_by(every) {
        let bound = p.bound_max_ns.map_or("-".to_owned(), |b| format!("{b:.3}"));
        let _ = writeln!(
            out,
            "{:12.3}{:16.3}{:16.3}{bound:>16}",
            p.time_ns / 1e3,
            p.offset_max_ns,
            p.offset_rms_ns
        );
    }
    let bound = r.bound_max_ns.map_or("unknown".to_owned(), |b| format!("{b:.3} ns"));
    let _ = writeln!(
        out,
        "\nfrom half the time on\n  true offset      {:.3} ns at most, {:.3} ns rms; bounds up to {bound}\n  \
         measured offset  {:.3} ns rms in {} exchanges\n  measured latency {:.3} ns, sigma {:.3} ns: \
         {:.1} ticks, sigma {:.2}\n  bounds broken    {}",
        r.offset_max_ns,
        r.offset_rms_ns,
        r.measured_offset_rms_ns,
        r.exchanges,
        r.latency_ns,
        r.latency_sigma_ns,
        r.latency_ticks,
        r.latency_sigma_ticks,
        r.broken
    );
    out
}
