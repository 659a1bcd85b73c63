//! `schedule`: static schedules, proved, planned, run, and held against the same transfers without one.

use std::path::{Component, Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::builder::RangedU64ValueParser;
use lockstep::schedule::{Options, compare, same_fabric};
use machine::schedule::{
    Collective, Fault, Outcome as Ran, Schedule, copies, execute, expand, plan,
};
use topology::schedule::{ScheduleFile, Transfer};
use topology::spec::MachineSpec;

use super::output::Output;
use super::schedule_report::{self, Forced, Report};
use super::{Outcome, input, output};

/// Proves a static schedule of packets free of contention, or plans one, runs it on the routers, and tells
/// how much arrivals differ under it and without it.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep schedule traces/schedules/all-to-all.ron --against traces/schedules/mesh4x4-adaptive.ron
  lockstep schedule --topology nvl72 --collective all-to-all --packet-flits 8 -o a2a.ron
  lockstep schedule --topology torus8x8 --collective ring-all-reduce --counter-error 2 --json -
A schedule releases every packet at a value of its node's counter. It is expanded into what every channel,
crossbar and virtual channel does in every cycle; two packets that meet are an error, which names
both, the link and the cycle. Without a schedule nodes send the same as soon as they can.
Exit code: 0, 1 if packets did not arrive as planned, 2 for a schedule or input that is wrong.")]
pub(crate) struct Args {
    /// Schedule file
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Topology file, or name of a shipped one; where not given, what the schedule says
    #[arg(long, value_name = "FILE")]
    topology: Option<String>,
    /// Plan this instead of a file: all-to-all, ring-all-reduce, or a permutation such as transpose
    #[arg(long, value_name = "NAME", conflicts_with = "file", requires = "topology")]
    collective: Option<String>,
    /// Plan the bulk copies of this trace: a file, or a shipped one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "collective"], requires = "topology")]
    trace: Option<String>,
    /// Flits of each packet of the collective, the most of each of a trace
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4096))]
    packet_flits: u32,
    /// Cycles by which counters may be off; where not given, what the schedule says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    counter_error: Option<u32>,
    /// Plan the file's releases anew
    #[arg(long)]
    plan: bool,
    /// Flows that the planner tries for each packet, where the topology's routing spreads over equal ways
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    ways: u32,
    /// Write the planned schedule
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Run a schedule even if packets meet in it, once, and tell what becomes of it
    #[arg(long)]
    force: bool,
    /// Another description of the same fabric, by whose routing the transfers are run without a schedule;
    /// may be repeated
    #[arg(long, value_name = "FILE")]
    against: Vec<String>,
    /// Runs of each kind
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = RangedU64ValueParser::<u64>::new().range(1..=10_000))]
    runs: u64,
    /// Seed of the first run
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Without a schedule, nodes start in a cycle drawn from 0 to this
    #[arg(long, value_name = "CYCLES", default_value_t = 8, value_parser = RangedU64ValueParser::<u64>::new().range(0..=1_000_000))]
    start_spread: u64,
    /// Also run without a schedule beside a background load of so many flits a node and cycle
    #[arg(long, value_name = "RATE", default_value_t = 0.0, value_parser = rate)]
    load: f64,
    /// Write the result as JSON; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "give a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&rate) { Ok(rate) } else { Err("give a number from 0 to 1".to_owned()) }
}

/// What is to be scheduled.
struct Job {
    file: Option<ScheduleFile>,
    /// The topology, as a schedule names it.
    topology: String,
    spec: MachineSpec,
    transfers: Vec<Transfer>,
    error_cycles: u32,
    plans: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let job = job(args)?;
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let out = args.output.as_deref().map(Output::open).transpose()?;
    let others = others(args, &job)?;
    let (schedule, faults) = schedule(args, &job)?;
    if let (Some(fault), false) = (faults.first(), args.force) {
        return Err(placed(&job, fault, faults.len()));
    }
    let forced = (!faults.is_empty()).then(|| force(&job, &schedule)).transpose()?;
    let rows = if forced.is_some() {
        Vec::new()
    } else {
        let Args { runs, seed, start_spread: start_cycles, load, .. } = *args;
        compare(&job.spec, &schedule, &others, Options { runs, seed, start_cycles, load })?
    };
    if let Some(out) = out {
        let error = u32::try_from(schedule.error_cycles()).unwrap_or(u32::MAX);
        let transfers = schedule.transfers();
        let fabric = &job.spec.fabric;
        let topology = match &args.output {
            Some(path) if !out.is_stdout() => named_from(path, &job.topology),
            _ => job.topology.clone(),
        };
        out.write(&topology::schedule::write(fabric, Some(&topology), error, &transfers))?;
    }
    let kept = forced.is_none() && rows.iter().all(lockstep::schedule::Row::kept);
    let report = Report {
        spec: &job.spec,
        schedule: &schedule,
        planned: job.plans,
        faults: &faults,
        forced,
        rows: &rows,
        seed: args.seed,
        start_cycles: args.start_spread,
    };
    if json.as_ref().is_none_or(|json| !json.is_stdout()) {
        output::print(&schedule_report::text(&report))?;
    }
    if let Some(json) = json {
        json.write(&schedule_report::json(&report)?)?;
    }
    Ok(if kept { Outcome::Done } else { Outcome::ChecksFailed })
}

fn job(args: &Args) -> anyhow::Result<Job> {
    if let (None, Some(topology)) = (&args.file, &args.topology)
        && (args.collective.is_some() || args.trace.is_some())
    {
        let spec = input::topology(topology)?;
        let transfers = if let Some(trace) = &args.trace {
            copies(&spec, &input::trace(trace)?, args.packet_flits)?
        } else {
            let name = args.collective.as_deref().unwrap_or_default();
            name.parse::<Collective>()?.transfers(&spec, args.packet_flits, args.seed)?
        };
        let error_cycles = args.counter_error.unwrap_or(0);
        let topology = topology.clone();
        return Ok(Job { file: None, topology, spec, transfers, error_cycles, plans: true });
    }
    let Some(path) = &args.file else {
        bail!("nothing to schedule\n  mend: name a schedule file, a --collective or a --trace")
    };
    let file = ScheduleFile::load(path)?;
    let topology = match (&args.topology, file.topology()) {
        (Some(given), _) => given.clone(),
        (None, Some(named)) => beside(path, named),
        (None, None) => {
            bail!(
                "{} names no topology\n  mend: add `topology: \"...\"`, or name one with --topology",
                path.display()
            )
        }
    };
    let spec = input::topology(&topology)?;
    let transfers = file.transfers(&spec)?;
    let error_cycles = args.counter_error.unwrap_or(file.counter_error_cycles());
    let plans = args.plan || transfers.iter().all(|t| t.release.is_none());
    Ok(Job { file: Some(file), topology, spec, transfers, error_cycles, plans })
}

/// A topology that a schedule names: a file by a path from the schedule's folder, or a shipped one.
fn beside(schedule: &Path, named: &str) -> String {
    let path = schedule.parent().unwrap_or(Path::new("")).join(named);
    if path.exists() { path.display().to_string() } else { named.to_owned() }
}

/// A topology as a schedule that is written to `schedule` names it, so that [`beside`] finds it again: a file
/// by its path from the schedule's folder, or by its absolute one where they share none; a shipped one by
/// its name.
fn named_from(schedule: &Path, topology: &str) -> String {
    let file = Path::new(topology);
    if !file.is_file() {
        return topology.to_owned();
    }
    let folder = |of: &Path| match of.parent() {
        Some(folder) if folder != Path::new("") => folder.canonicalize(),
        _ => Path::new(".").canonicalize(),
    };
    let (Ok(from), Ok(to), Some(name)) = (folder(schedule), folder(file), file.file_name()) else {
        return topology.to_owned();
    };
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let down = to.components().skip(shared);
    let path: PathBuf =
        if shared == 0 { to.join(name) } else { up.chain(down).collect::<PathBuf>().join(name) };
    path.to_str().map_or_else(|| topology.to_owned(), str::to_owned)
}

fn others(args: &Args, job: &Job) -> anyhow::Result<Vec<MachineSpec>> {
    let other = |name: &String| {
        let other = input::topology(name)?;
        if !same_fabric(&job.spec, &other) {
            bail!(
                "{name} is another fabric than {}\n  mend: name a description with the same nodes, routers \
                 and links",
                job.topology
            )
        }
        Ok(other)
    };
    args.against.iter().map(other).collect()
}

/// The schedule, planned or as it is, with what is wrong with it.
fn schedule(args: &Args, job: &Job) -> anyhow::Result<(Schedule, Vec<Fault>)> {
    let result = if job.plans {
        plan(&job.spec, &job.transfers, job.error_cycles, args.ways).map(|s| (s, Vec::new()))
    } else {
        expand(&job.spec, &job.transfers, job.error_cycles)
    };
    result.map_err(|fault| placed(job, &fault, 1))
}

/// A fault at its place in the file, if there is one.
fn placed(job: &Job, fault: &Fault, count: usize) -> anyhow::Error {
    let more = match count {
        0 | 1 => String::new(),
        _ => format!(" (and {} more transfers are at fault)", count - 1),
    };
    let message = format!("{fault}{more}");
    match (&job.file, fault.field()) {
        (Some(file), Some(field)) => {
            let key = format!("transfers[{}].{field}", fault.transfer);
            file.error(&key, message, fault.mend()).into()
        }
        _ => anyhow!("{message}\n  mend: {}", fault.mend()),
    }
}

/// Runs a schedule with faults.
fn force(job: &Job, schedule: &Schedule) -> anyhow::Result<Forced> {
    let Ran { arrivals, losses, .. } = execute(&job.spec, schedule, &[])?;
    let due = schedule.entries().iter().map(|e| e.arrival);
    let off: Vec<(usize, u64, u64)> = due
        .zip(&arrivals)
        .enumerate()
        .filter(|(_, (due, came))| due != *came)
        .map(|(i, (due, came))| (i, due, *came))
        .collect();
    Ok(Forced { off, losses })
}
