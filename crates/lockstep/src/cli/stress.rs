//! `stress`: random programs that fight over few lines, on tight machines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use lockstep::parallel;
use lockstep::stress::{self, Case, Failure, Rows, SeedList};
use serde::Serialize;

use super::output::Output;
use super::{Outcome, input, output};

/// Cases that are run at once before the clock is looked at.
const BATCH: usize = 8;

/// Runs random programs on tight machines until the time is over: few lines, many agents, every
/// operation, evictions and recalls all the time, all small shipped topologies.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep stress --seconds 60
  lockstep stress --seed 1000 --cases 500 --threads 2 --coverage
  lockstep stress --seeds tests/stress/nightly.txt --coverage
  lockstep stress --replay stress-1017.trace
Each case is a function of its seed. A case that fails is made smaller and saved as a trace that
--replay runs again. --coverage compares the rows of the protocol's tables that were taken with those
that an exhaustive search reaches.
Exit code: 0 if every case passed, 1 if one failed, 2 for bad input.")]
pub(crate) struct Args {
    /// Time after which no further case is begun; 10 where nothing else says how many to run
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: Option<u32>,
    /// Seed of the first case; the others follow
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Cases after which to stop
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    cases: Option<u64>,
    /// A file of seeds to run instead; `#` starts a comment, `on NAME NAME ..` names the topologies that
    /// those after it are drawn from
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "cases"])]
    seeds: Option<PathBuf>,
    /// Shipped topologies to run on, of at most 1024 accelerators; may be repeated
    ///
    /// [default: all of one level and at most 80]
    #[arg(long, value_name = "NAME")]
    topology: Vec<String>,
    /// Runs a saved case again
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "cases", "seeds", "topology", "coverage", "json"])]
    replay: Option<PathBuf>,
    /// Folder for cases that failed
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    save: PathBuf,
    /// Compare the rows taken with those that can be, and name the seeds that took new ones
    #[arg(long)]
    coverage: bool,
    /// Cases run at once; their results do not depend on it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Write what was found as JSON; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Serialize, Default)]
struct Report {
    cases: u64,
    operations: u64,
    topologies: BTreeMap<String, u64>,
    rows_taken: usize,
    rows_reachable: Option<usize>,
    rows_missing: Vec<String>,
    seeds_with_new_rows: Vec<u64>,
    failures: Vec<FailureEntry>,
}

#[derive(Serialize)]
struct FailureEntry {
    seed: u64,
    kind: String,
    what: String,
    saved: String,
    operations: usize,
    tries: u32,
}

#[expect(clippy::disallowed_methods, reason = "a time budget; no result of a case depends on it")]
fn now() -> Instant {
    Instant::now()
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    if let Some(file) = &args.replay {
        return replay(file);
    }
    let names = names(args)?;
    let listed = args.seeds.as_deref().map(|file| seeds(file, &names)).transpose()?;
    if !args.save.is_dir() {
        let folder = args.save.display();
        bail!("{folder} is no folder\n  mend: name an existing folder for cases that fail");
    }
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    // Panics of cases are failures that are told like others.
    std::panic::set_hook(Box::new(|_| {}));
    let names = if names.is_empty() { stress::topologies() } else { names };
    let report = cases(args, &names, listed.as_deref());
    drop(std::panic::take_hook());
    let report = report?;
    if let Some(json) = json {
        json.write(&(serde_json::to_string_pretty(&report)? + "\n"))?;
    }
    if !to_stdout {
        output::print(&render(&report))?;
    }
    Ok(if report.failures.is_empty() { Outcome::Done } else { Outcome::ChecksFailed })
}

/// The topologies to draw from, if any are asked for.
fn names(args: &Args) -> anyhow::Result<Vec<&str>> {
    for name in &args.topology {
        let spec = input::topology(name)?;
        if !topology::SHIPPED.iter().any(|(n, _)| n == name) {
            bail!("{name} is not shipped\n  mend: name a shipped topology");
        }
        let nodes = spec.fabric.node_ports.len();
        let max = coherence::NODES_MAX;
        if nodes > max as usize {
            bail!("{name} has {nodes} accelerators\n  mend: name one of at most {max}");
        }
    }
    Ok(args.topology.iter().map(String::as_str).collect())
}

/// The cases of a file of seeds, on the topologies that it names or on others instead.
fn seeds(file: &std::path::Path, instead: &[&str]) -> anyhow::Result<Vec<Case>> {
    let path = file.display();
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("could not read {path}\n  mend: name a file of seeds"))?;
    let list = SeedList::parse(&text).map_err(|error| anyhow::anyhow!("{path}:{error}"))?;
    Ok(list.cases(instead).collect())
}

fn cases(args: &Args, names: &[&str], listed: Option<&[Case]>) -> anyhow::Result<Report> {
    let started = now();
    let limited = args.cases.is_some() || listed.is_some();
    let budget = args.seconds.or((!limited).then_some(10));
    let over =
        || budget.is_some_and(|s| now().duration_since(started) >= Duration::from_secs(s.into()));
    let count = listed.map_or(args.cases.unwrap_or(u64::MAX), |l| l.len() as u64);
    let case = |n: u64| match listed {
        Some(list) => list[usize::try_from(n).unwrap_or(usize::MAX)].clone(),
        None => Case::draw(args.seed.wrapping_add(n), names),
    };
    let threads = usize::from(args.threads);
    let mut report = Report::default();
    let mut taken = Rows::default();
    while report.cases < count && !over() {
        let left = usize::try_from(count - report.cases).unwrap_or(usize::MAX);
        let first = report.cases;
        let batch = parallel::map(threads, BATCH.min(left), |n| {
            let case = case(first + n as u64);
            let result = stress::judge(&case);
            (case, result)
        });
        for (case, result) in batch {
            report.cases += 1;
            report.operations += case.operations() as u64;
            *report.topologies.entry(case.knobs.topology.clone()).or_insert(0) += 1;
            match result {
                Ok(rows) if taken.add(&rows) > 0 => {
                    report.seeds_with_new_rows.push(case.seed);
                }
                Ok(_) => {}
                Err(failure) => report.failures.push(keep(args, &case, &failure)?),
            }
        }
    }
    report.rows_taken = taken.len();
    if args.coverage {
        let reachable = stress::reachable(threads);
        report.rows_reachable = Some(reachable.len());
        let missing = reachable.without(&taken);
        report.rows_missing = missing.to_string().split(", ").map(str::to_owned).collect();
        report.rows_missing.retain(|row| !row.is_empty());
    }
    Ok(report)
}

/// Makes a failing case smaller and saves it.
fn keep(args: &Args, case: &Case, failure: &Failure) -> anyhow::Result<FailureEntry> {
    output::note(&format!("seed {}: {:?}; making it smaller", case.seed, failure.kind));
    let fails = |case: &Case| stress::judge(case).err().map(|f| f.kind);
    let (small, tries) = stress::shrink(case, failure.kind, fails);
    let path = args.save.join(format!("stress-{}.trace", case.seed));
    let text = stress::save(&small).map_err(anyhow::Error::msg)?;
    Output::open(&path)?.write(&text)?;
    Ok(FailureEntry {
        seed: case.seed,
        kind: format!("{:?}", failure.kind),
        what: failure.what.clone(),
        saved: path.display().to_string(),
        operations: small.operations(),
        tries,
    })
}

fn replay(file: &std::path::Path) -> anyhow::Result<Outcome> {
    let case = stress::load(file)?;
    match stress::judge(&case) {
        Ok(_) => {
            output::print(&format!("{}: passes\n", file.display()))?;
            Ok(Outcome::Done)
        }
        Err(Failure { kind, what }) => {
            output::print(&format!("{}: {kind:?}: {what}\n", file.display()))?;
            Ok(Outcome::ChecksFailed)
        }
    }
}

fn render(report: &Report) -> String {
    let mut text = String::new();
    let Report { cases, operations, topologies, rows_taken, .. } = report;
    let _ = writeln!(
        text,
        "{cases} cases, {operations} operations, {} topologies; {rows_taken} rows of the tables taken",
        topologies.len()
    );
    if let Some(reachable) = report.rows_reachable {
        let missing = &report.rows_missing;
        let _ = writeln!(
            text,
            "the exhaustive search reaches {reachable} rows, {} of them were not taken",
            missing.len()
        );
        for row in missing {
            let _ = writeln!(text, "  {row}");
        }
        let seeds: Vec<String> =
            report.seeds_with_new_rows.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "seeds that took new rows: {}", seeds.join(" "));
    }
    for f in &report.failures {
        let FailureEntry { seed, kind, what, saved, operations, tries } = f;
        let _ = writeln!(text, "seed {seed} failed: {kind}: {what}");
        let _ = writeln!(text, "  {operations} operations left after {tries} tries, in {saved}");
    }
    if report.failures.is_empty() {
        let _ = writeln!(text, "every case passed");
    }
    text
}
