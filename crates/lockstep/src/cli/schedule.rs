//! `schedule`: transfers laid so that they never meet, proved, run, and compared with dynamic routing.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base::{Fs, NodeIdx};
use machine::schedule::{Pattern, Schedule, Transfer, plan, run_dynamic, run_static, verify};
use serde::{Deserialize, Serialize};
use topology::spec::MachineSpec;

use super::output::Output;
use super::{Outcome, input, output};

/// Lays a pattern of transfers over a machine so that no two flits want one link at one time, or proves that
/// of a schedule in a file; runs it, and compares how far arrivals spread with dynamic routing.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep schedule mesh8x8
  lockstep schedule nvl8 --pattern ring --flits 4 --json schedule.json
  lockstep schedule mesh8x8 --pattern my-schedule.ron
A file holds `Schedule([(src: 0, dst: 5, flits: 4, at: 120), ...])`: `at` is a count of the source's clock.
Exit code: 0, 1 if a transfer arrives at another time than planned, 2 for bad input or transfers that meet.")]
pub(crate) struct Args {
    /// Topology file, or the name of a shipped one
    #[arg(value_name = "FILE")]
    topology: String,
    /// all-to-all, ring, halo, or a file with a schedule
    #[arg(long, value_name = "WHAT", default_value = "all-to-all")]
    pattern: String,
    /// Flits of each transfer of a pattern
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    flits: u32,
    /// Cycles of the source's clock that stay free behind every transfer on every link
    #[arg(long, value_name = "CYCLES", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    guard: u32,
    /// Nodes are ready, and counters off, by up to this many edges
    #[arg(long, value_name = "EDGES", default_value_t = 8, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    jitter: u64,
    /// Runs of each kind, with other draws each
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=1_000))]
    trials: u64,
    /// Seed of what is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the result as JSON; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A file's schedule.
#[derive(Deserialize)]
#[serde(rename = "Schedule", deny_unknown_fields)]
struct File(Vec<Entry>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    src: u32,
    dst: u32,
    flits: u32,
    at: u64,
}

/// How far the arrivals of one transfer spread over runs, by all transfers.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "keys of JSON have their unit")]
struct Spread {
    /// Mean and greatest difference between the last and the first, in nanoseconds.
    range_mean_ns: f64,
    range_max_ns: f64,
    /// Standard deviation, root mean square over transfers.
    sigma_ns: f64,
    /// Instant at which everything has arrived, on average.
    end_ns: f64,
}

#[derive(Serialize)]
struct Report {
    topology: String,
    pattern: String,
    transfers: usize,
    planned_end_ns: f64,
    late: usize,
    fixed: Spread,
    fixed_misaligned: Spread,
    dynamic: Spread,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let spec = input::topology(&args.topology)?;
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let nodes = spec.fabric.node_ports.len();
    let pattern = Pattern::ALL.into_iter().find(|p| p.name() == args.pattern);
    let schedule = match pattern {
        Some(pattern) => {
            // Nodes are ready by then, however late.
            let first = args.jitter;
            plan(&spec, &pattern.transfers(nodes, args.flits), (first, args.guard))?.0
        }
        None => file(Path::new(&args.pattern), nodes)?,
    };
    let planned = verify(&spec, &schedule).with_context(|| args.pattern.clone())?;
    let report = measure(args, &spec, &schedule, &planned)?;
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(json) = json {
        json.write(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    if !to_stdout {
        output::print(&render(&report, args))?;
    }
    Ok(if report.late == 0 { Outcome::Done } else { Outcome::ChecksFailed })
}

fn file(path: &Path, nodes: usize) -> anyhow::Result<Schedule> {
    let names = Pattern::ALL.map(Pattern::name).join(", ");
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("no schedule `{}`: neither a pattern ({names}) nor a file", path.display())
    })?;
    let File(entries) = ron::from_str(&text).map_err(|e| {
        let form = "Schedule([(src: 0, dst: 5, flits: 4, at: 120), ...])";
        anyhow::anyhow!("{}:{}: {}\n  mend: write `{form}`", path.display(), e.span.start, e.code)
    })?;
    let mut schedule = Schedule { transfers: Vec::new(), releases: Vec::new() };
    for (number, e) in entries.iter().enumerate() {
        let sound = |node: u32| (node as usize) < nodes;
        if !sound(e.src) || !sound(e.dst) || e.src == e.dst || e.flits == 0 || e.at >> 48 != 0 {
            bail!(
                "{}: transfer {number} is none\n  mend: give two different nodes below {nodes}, at least a flit, and a \
                 count below 2^48",
                path.display()
            )
        }
        let (src, dst) = (NodeIdx(e.src), NodeIdx(e.dst));
        schedule.transfers.push(Transfer { src, dst, flits: e.flits, after: None });
        schedule.releases.push(e.at);
    }
    Ok(schedule)
}

fn measure(
    args: &Args,
    spec: &MachineSpec,
    schedule: &Schedule,
    planned: &[Fs],
) -> anyhow::Result<Report> {
    let nodes = spec.fabric.node_ports.len() as u64;
    // How far off each node is in a trial.
    let off = |trial: u64| -> Vec<u64> {
        let draw = |node| base::rng::draw(args.seed, trial, 0, node) % (args.jitter + 1);
        (0..nodes).map(draw).collect()
    };
    let mut late = 0;
    let (mut fixed, mut misaligned, mut dynamic) = (Vec::new(), Vec::new(), Vec::new());
    for trial in 0..args.trials {
        // Nodes that are ready at other times wait for their counts all the same.
        let arrivals = run_static(spec, schedule, &[])?;
        late = late.max(arrivals.iter().zip(planned).filter(|(a, p)| a != p).count());
        fixed.push(arrivals);
        misaligned.push(run_static(spec, schedule, &off(trial))?);
        dynamic.push(run_dynamic(spec, &schedule.transfers, &off(trial))?);
    }
    Ok(Report {
        topology: args.topology.clone(),
        pattern: args.pattern.clone(),
        transfers: schedule.transfers.len(),
        planned_end_ns: planned.iter().max().copied().unwrap_or_default().as_ns(),
        late,
        fixed: spread(&fixed),
        fixed_misaligned: spread(&misaligned),
        dynamic: spread(&dynamic),
    })
}

/// `[trial][transfer]`
fn spread(arrivals: &[Vec<Fs>]) -> Spread {
    let transfers = arrivals.first().map_or(0, Vec::len);
    let (mut sum, mut widest, mut squares) = (0.0, 0.0_f64, 0.0);
    for t in 0..transfers {
        let at: Vec<f64> = arrivals.iter().map(|trial| trial[t].as_ns()).collect();
        let (low, high) =
            at.iter().fold((f64::MAX, f64::MIN), |(low, high), a| (low.min(*a), high.max(*a)));
        let mean = at.iter().sum::<f64>() / at.len() as f64;
        let variance = at.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / at.len() as f64;
        sum += high - low;
        widest = widest.max(high - low);
        squares += variance;
    }
    let count = transfers.max(1) as f64;
    let ends = arrivals.iter().filter_map(|trial| trial.iter().max()).map(|end| end.as_ns());
    Spread {
        range_mean_ns: sum / count,
        range_max_ns: widest,
        sigma_ns: (squares / count).sqrt(),
        end_ns: ends.sum::<f64>() / arrivals.len().max(1) as f64,
    }
}

fn render(r: &Report, args: &Args) -> String {
    let mut table = report::Table::new(&[
        ("arrivals", report::Side::Left),
        ("max - min, mean ns", report::Side::Right),
        ("greatest ns", report::Side::Right),
        ("sigma ns", report::Side::Right),
        ("all there, ns", report::Side::Right),
    ]);
    let misaligned = format!("static, counters off by up to {} edges", args.jitter);
    let dynamic = format!("dynamic, ready within {} edges", args.jitter);
    for (name, s) in [
        ("static, counters aligned".to_owned(), &r.fixed),
        (misaligned, &r.fixed_misaligned),
        (dynamic, &r.dynamic),
    ] {
        let cells = [s.range_mean_ns, s.range_max_ns, s.sigma_ns, s.end_ns];
        table.row([name].into_iter().chain(cells.map(|ns| format!("{ns:.3}"))));
    }
    let verdict = match r.late {
        0 => "all arrive at the instant planned".to_owned(),
        late => format!("{late} arrive at another instant than planned"),
    };
    format!(
        "{} on {}: {} transfers, no two at one link at one time; {verdict}\n{}",
        r.pattern,
        r.topology,
        r.transfers,
        table.render(2)
    )
}
