//! `litmus`: tests of memory order, on the machine and exhaustively.

use std::fmt::Write as _;
use std::path::PathBuf;

use ::litmus::{Instr, Model, Rmw, Test};
use anyhow::{Context, bail};
use lockstep::litmus::{Machines, Plan, Verdict, fits, replay, search, search_scoped};
use lockstep::parallel;
use serde::Serialize;

use super::output::Output;
use super::{Outcome, input, output, progress};

/// Machines that tests run on where none is named.
const MACHINES: [&str; 4] = ["nvl8", "fullmesh8", "mesh8x8", "torus4x4x4"];
/// Timings that one test may take.
const TIMINGS_MAX: u32 = 1_000_000;

/// Runs litmus tests on the emulated machine, over thousands of timings, and exhaustively over the
/// protocol; judges both by what a memory model allows.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  lockstep litmus tests/litmus/*.litmus
  lockstep litmus tests/litmus/SB.litmus --model tso
  lockstep litmus tests/litmus/IRIW.litmus --model ra --scoped 4
  lockstep litmus test.litmus --model ra --topology torus4x4x4 --timings 10000 --json -
Models: sc (one access at a time), tso (a store buffer, as x86), ra (every load an acquire, every
store a release), relaxed (ordered by what the test says, as Arm). Where none is given, X86 tests
are judged by tso, AArch64 and C tests by relaxed.
The text is that of herd7; tests/litmus/README.md defines the subset.
Exit code: 0 if no outcome was seen that the model forbids, 1 if one was, 2 for bad input.")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Args {
    /// Litmus tests
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The memory model: sc, tso, ra or relaxed
    #[arg(long, value_name = "MODEL")]
    model: Option<Model>,
    /// Topology files, or names of shipped ones, to run on; may be repeated
    #[arg(long, value_name = "FILE")]
    topology: Vec<String>,
    /// Timings of each test, over all machines
    #[arg(long, value_name = "N", default_value_t = 8192, value_parser = clap::value_parser!(u32).range(1..=i64::from(TIMINGS_MAX)))]
    timings: u32,
    /// Seed of places, think times and step orders
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// With all of memory uncached: every access goes to its home
    #[arg(long)]
    uncached: bool,
    /// With MOESI's owned state, on every machine and in the search
    #[arg(long)]
    owned: bool,
    /// With direct transfer between caches, on every machine and in the search
    #[arg(long)]
    direct: bool,
    /// With all of memory kept valid by scopes, in packages of N nodes, on machines and in the search; needs
    /// --model ra
    #[arg(long, value_name = "N", conflicts_with = "uncached", value_parser = clap::value_parser!(u32).range(1..))]
    scoped: Option<u32>,
    /// Only the machine, no exhaustive search
    #[arg(long)]
    no_search: bool,
    /// Tests run at once; results do not depend on it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Write the verdicts as a JSON array; `-` for standard output, and nothing else there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let tests = args.files.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let machines = machines(args, &tests)?;
    let json = args.json.as_deref().map(Output::open).transpose()?;
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    let bar = progress::count(tests.len() as u64, "tests", args.quiet);
    let threads = usize::from(args.threads);
    let verdicts = parallel::map(threads, tests.len(), |at| {
        let verdict = judge(args, &machines, &tests[at]);
        bar.inc(1);
        verdict
    });
    bar.finish_and_clear();
    let verdicts = verdicts.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(json) = json {
        let entries = args.files.iter().zip(&verdicts).map(|(file, v)| Entry::of(file, v));
        let entries: Vec<Entry> = entries.collect();
        json.write(&(serde_json::to_string_pretty(&entries)? + "\n"))?;
    }
    if !to_stdout {
        output::print(&render(&verdicts, args.scoped.is_some()))?;
    }
    let holds = verdicts.iter().all(Verdict::holds);
    Ok(if holds { Outcome::Done } else { Outcome::ChecksFailed })
}

fn read(file: &PathBuf) -> anyhow::Result<Test> {
    let context =
        || format!("could not read {}\n  mend: name a litmus test, a text file", file.display());
    let text = std::fs::read_to_string(file).with_context(context)?;
    Ok(::litmus::parse(file, &text)?)
}

/// The machines; one of them at least must have room for the largest test.
fn machines(args: &Args, tests: &[Test]) -> anyhow::Result<Machines> {
    let given = args.topology.iter().map(String::as_str).collect::<Vec<_>>();
    let names = if given.is_empty() { MACHINES.to_vec() } else { given };
    let load = |name: &&str| {
        let mut spec = input::topology(name)?;
        if spec.accelerator.home.packages.is_some() && (args.owned || args.direct) {
            bail!(
                "{name}: homes of packages know neither the owned state nor direct transfer\n  mend: name a machine with a directory of one level"
            );
        }
        spec.accelerator.protocol.owned |= args.owned;
        spec.accelerator.protocol.direct |= args.direct;
        if args.uncached {
            let mode = topology::spec::Mode::Uncached;
            spec.regions = vec![topology::spec::RegionSpec { lines: 0..u64::MAX, mode }];
        }
        if let Some(nodes) = args.scoped {
            scope(&mut spec, nodes)?;
        }
        Ok(((*name).to_owned(), spec))
    };
    let machines = names.iter().map(load).collect::<anyhow::Result<Vec<_>>>()?;
    for test in tests {
        if !machines.iter().any(|(_, spec)| fits(spec, test)) {
            let (name, threads) = (&test.name, test.threads.len());
            bail!(
                "{name} has {threads} threads, and no machine has as many accelerators\n  mend: name \
                 a topology of at least {threads}"
            );
        }
    }
    Ok(Machines(machines))
}

/// Puts all of memory under scopes.
fn scope(spec: &mut topology::spec::MachineSpec, nodes: u32) -> anyhow::Result<()> {
    let all = spec.fabric.node_ports.len();
    if !all.is_multiple_of(nodes as usize) {
        let name = &spec.name;
        bail!(
            "{name} has {all} accelerators, no whole number of packages of {nodes}\n  mend: use --scoped \
             with a divisor"
        );
    }
    let mode = topology::spec::Mode::Scoped;
    spec.regions = vec![topology::spec::RegionSpec { lines: 0..u64::MAX, mode }];
    spec.package_nodes = Some(nodes);
    Ok(())
}

fn judge(args: &Args, machines: &Machines, test: &Test) -> anyhow::Result<Verdict> {
    let model = args.model.unwrap_or(Model::of(test.arch));
    if args.scoped.is_some() && model != Model::Ra {
        let name = &test.name;
        bail!(
            "{name} would be judged by {model}, and scoped memory keeps order by acquires and releases \
             only\n  mend: add --model ra"
        );
    }
    let allowed = ::litmus::allowed(test, model)?;
    let able = machines.0.iter().filter(|(_, spec)| fits(spec, test)).count();
    let per_machine = args.timings.div_ceil(u32::try_from(able).unwrap_or(1).max(1));
    let runs = per_machine.clamp(1, 8);
    let plan = Plan { runs, rounds: per_machine.div_ceil(runs), seed: args.seed };
    let seen = replay(test, model, machines, &plan)?;
    let mut protocols: Vec<_> =
        machines.0.iter().map(|(_, spec)| machine::protocol(spec)).collect();
    protocols.sort_unstable();
    protocols.dedup();
    let searched = match (args.no_search, args.scoped) {
        (true, _) => None,
        (false, Some(package_nodes)) => Some(search_scoped(test, package_nodes)?),
        (false, None) => Some(search(test, model, &protocols)?),
    };
    Ok(Verdict::of(test, model, &seen, searched, &allowed))
}

/// The verdicts for people.
fn render(verdicts: &[Verdict], scoped: bool) -> String {
    let mut text = String::new();
    for verdict in verdicts {
        one(&mut text, verdict, scoped);
    }
    let failed: Vec<&str> =
        verdicts.iter().filter(|v| !v.holds()).map(|v| v.test.name.as_str()).collect();
    if failed.is_empty() {
        let _ = writeln!(text, "{} tests: nothing forbidden was seen", verdicts.len());
    } else {
        let (n, all, names) = (failed.len(), verdicts.len(), failed.join(", "));
        let _ = writeln!(text, "{n} of {all} tests showed a forbidden outcome: {names}");
    }
    text
}

fn one(text: &mut String, verdict: &Verdict, scoped: bool) {
    let Verdict { test, model, outcomes, timings, searched, .. } = verdict;
    let told = searched.as_ref().map_or(String::new(), |s| {
        format!(", {} states searched from {} starts", s.states, s.starts)
    });
    let (arch, name) = (test.arch.name(), &test.name);
    let _ = writeln!(text, "{name} ({arch}) under {model}: {timings} timings{told}");
    for (outcome, seen) in outcomes {
        let reached = match seen.search {
            None => "",
            Some(true) => "reached",
            Some(false) => "not reached",
        };
        let judged = match (seen.allowed, seen.machine > 0 || seen.search == Some(true)) {
            (true, true) => "allowed",
            (true, false) => "allowed, not seen",
            (false, _) => "FORBIDDEN",
        };
        let mark = if seen.condition { "*" } else { " " };
        let words = test.describe(outcome);
        let _ = writeln!(text, "{:>8} {reached:<11} {mark} {words:<40} {judged}", seen.machine);
    }
    let condition = if verdict.condition_holds() { "holds" } else { "does not hold" };
    let _ = writeln!(text, "  {} {condition} of what was seen", test.condition.text);
    if verdict.unseen().next().is_some() {
        let why = why(test, *model, scoped, searched.is_some());
        let _ = writeln!(text, "  {why}");
    }
    let end = if verdict.holds() { "ok" } else { "FORBIDDEN OUTCOME SEEN" };
    let _ = writeln!(text, "  {end}\n");
}

/// Why something that is allowed was not seen: of what makes the machine stronger, what has to do with the test.
fn why(test: &Test, model: Model, scoped: bool, searched: bool) -> String {
    if !searched {
        return "what is allowed and was not seen needs other timings, or cannot be: only a search tells".to_owned();
    }
    let code = || test.threads.iter().flat_map(|t| &t.code);
    let any = |of: fn(&Instr) -> bool| code().any(of);
    let exclusive = any(|i| matches!(i, Instr::Rmw { rmw: Rmw::Exclusive { .. }, .. }));
    let atomic = any(|i| matches!(i, Instr::Rmw { .. }));
    let writers = test.threads.iter().filter(|t| t.code.iter().any(writes)).count();
    let mut reasons = Vec::new();
    if exclusive {
        reasons.push(
            "an exclusive store fails only if something was written since the load of its pair",
        );
    }
    if scoped && atomic {
        reasons.push("an atomic releases what is before it and acquires for what is behind it, whatever the test says");
    }
    if scoped && writers > 1 {
        reasons.push(
            "a release waits until the writes before it are at their homes, which order the writes of a line; only \
             lazy releases, for which the acquirer waits, would let another write come between",
        );
    }
    match model {
        Model::Sc | Model::Tso => {}
        Model::Ra if scoped => {}
        Model::Ra => reasons.push(
            "a write is performed for all caches at once, and a release waits until the writes before it are",
        ),
        Model::Relaxed => reasons.push(
            "accesses are issued in program order, and what waits for a register holds up what is behind it",
        ),
    }
    if reasons.is_empty() {
        reasons.push("none of its orders leads there");
    }
    format!("the machine is stronger than the model here: {}", reasons.join("; "))
}

fn writes(instr: &Instr) -> bool {
    matches!(instr, Instr::Store { .. } | Instr::Rmw { .. })
}

#[derive(Serialize)]
struct Entry {
    file: String,
    name: String,
    arch: &'static str,
    model: &'static str,
    condition: String,
    condition_holds: bool,
    timings: u64,
    states: Option<usize>,
    outcomes: Vec<OutcomeEntry>,
    forbidden_seen: usize,
    allowed_unseen: usize,
    verdict: &'static str,
}

#[derive(Serialize)]
struct OutcomeEntry {
    outcome: String,
    machine: u64,
    search: Option<bool>,
    allowed: bool,
    condition: bool,
}

impl Entry {
    fn of(file: &std::path::Path, verdict: &Verdict) -> Self {
        let test = &verdict.test;
        let outcomes = verdict.outcomes.iter().map(|(outcome, seen)| OutcomeEntry {
            outcome: test.describe(outcome),
            machine: seen.machine,
            search: seen.search,
            allowed: seen.allowed,
            condition: seen.condition,
        });
        Self {
            file: file.display().to_string(),
            name: test.name.clone(),
            arch: test.arch.name(),
            model: verdict.model.name(),
            condition: test.condition.text.clone(),
            condition_holds: verdict.condition_holds(),
            timings: verdict.timings,
            states: verdict.searched.as_ref().map(|s| s.states),
            outcomes: outcomes.collect(),
            forbidden_seen: verdict.forbidden().count(),
            allowed_unseen: verdict.unseen().count(),
            verdict: if verdict.holds() { "ok" } else { "forbidden" },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(rows: &str) -> Test {
        let text = format!("AArch64 A\n{{ 0:X1=x; 1:X1=x; }}\n P0 | P1 ;\n{rows}\nexists (x=0)");
        ::litmus::parse("t", &text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn reasons_are_those_that_have_to_do_with_the_test() {
        let pair = test(" LDXR W0,[X1] | NOP ;\n STXR W2,W3,[X1] | LDR W0,[X1] ;");
        let told = why(&pair, Model::Ra, true, true);
        assert!(
            told.contains("an exclusive store fails only") && !told.contains("lazy releases"),
            "{told}"
        );
        let writers = test(" STR W0,[X1] | STR W2,[X1] ;");
        let told = why(&writers, Model::Ra, true, true);
        assert!(told.contains("lazy releases") && !told.contains("exclusive"), "{told}");
        let reader = test(" STR W0,[X1] | LDR W2,[X1] ;");
        let told = why(&reader, Model::Ra, true, true);
        assert!(told.ends_with("none of its orders leads there"), "{told}");
        let told = why(&writers, Model::Ra, true, false);
        assert!(told.ends_with("only a search tells") && !told.contains("stronger"), "{told}");
    }
}
