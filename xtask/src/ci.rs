//! Every check that a commit must pass, in order, up to the first that fails.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::plan::{Step, Work, steps};
use crate::workspace::Workspace;
use crate::{edges, tee, tidy};

/// Where tests that skip for want of data say so: the summary repeats it.
const SKIP_LOG: &str = "LOCKSTEP_SKIP_LOG";

/// Runs the checks; with `deep` the ignored tests too, with `dry_run` none.
pub(crate) fn run(workspace: &Workspace, deep: bool, dry_run: bool) -> ExitCode {
    let plan = steps(deep, workspace.has("nextest"));
    if dry_run {
        for step in &plan {
            println!("{:<10} {}", step.name, step.shown());
        }
        return ExitCode::SUCCESS;
    }
    let outcomes = follow(&plan, |at, step| {
        println!("\n== {}/{} {}: {}", at + 1, plan.len(), step.name, step.shown());
        let begun = now();
        let result = work(workspace, &step.work);
        let took = begun.elapsed();
        let word = if result.is_ok() { "ok" } else { "FAILED" };
        println!("== {}: {word} in {:.1} s", step.name, took.as_secs_f64());
        (result, took)
    });
    print!("{}", summary(&outcomes));
    let passed = outcomes.iter().all(|o| o.verdict == Verdict::Passed);
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How a step went.
#[derive(PartialEq, Eq, Debug)]
enum Verdict {
    Passed,
    Failed(String),
    NotRun,
}

#[derive(Debug)]
struct Outcome {
    name: &'static str,
    verdict: Verdict,
    took: Duration,
    /// Lines that the summary repeats.
    notes: Vec<String>,
}

/// What a step's work leaves behind: the lines to repeat, or the same with why it failed.
type Done = Result<Vec<String>, (Vec<String>, String)>;

/// Takes the steps in order up to the first that fails; the others are not run.
fn follow(plan: &[Step], mut take: impl FnMut(usize, &Step) -> (Done, Duration)) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(plan.len());
    let mut stopped = false;
    for (at, step) in plan.iter().enumerate() {
        let (verdict, took, notes) = if stopped {
            (Verdict::NotRun, Duration::ZERO, Vec::new())
        } else {
            match take(at, step) {
                (Ok(notes), took) => (Verdict::Passed, took, notes),
                (Err((notes, why)), took) => (Verdict::Failed(why), took, notes),
            }
        };
        stopped |= matches!(verdict, Verdict::Failed(_));
        outcomes.push(Outcome { name: step.name, verdict, took, notes });
    }
    outcomes
}

fn summary(outcomes: &[Outcome]) -> String {
    let mut page = vec![String::new(), "ci:".to_owned()];
    let mut end = "ci passed".to_owned();
    for Outcome { name, verdict, took, notes } in outcomes {
        let seconds = took.as_secs_f64();
        page.push(match verdict {
            Verdict::Passed => format!("  ok       {name:<10} {seconds:>7.1} s"),
            Verdict::Failed(why) => format!("  FAILED   {name:<10} {seconds:>7.1} s  {why}"),
            Verdict::NotRun => format!("  not run  {name}"),
        });
        page.extend(notes.iter().map(|note| format!("             {note}")));
        if let Verdict::Failed(why) = verdict {
            end = format!("ci failed at {name} ({why})");
        }
    }
    let total: f64 = outcomes.iter().map(|o| o.took.as_secs_f64()).sum();
    page.push(format!("{end} after {total:.1} s\n"));
    page.join("\n")
}

fn work(workspace: &Workspace, work: &Work) -> Done {
    let plain = |result: Result<()>| match result {
        Ok(()) => Ok(Vec::new()),
        Err(e) => Err((Vec::new(), format!("{e:#}"))),
    };
    match work {
        Work::Cargo { args, env, component } => plain(cargo(workspace, args, env, *component)),
        Work::Tests { args, env } => tests(workspace, args, env),
        Work::Tidy => plain(tidy::run(workspace)),
        Work::Edges => plain(edges::run(workspace)),
        Work::MainJob => plain(main_job(workspace)),
    }
}

fn cargo(
    workspace: &Workspace,
    args: &[&str],
    env: &[(&str, &str)],
    component: Option<&str>,
) -> Result<()> {
    if let (Some(component), Some(subcommand)) = (component, args.first()) {
        ensure!(
            workspace.has(subcommand),
            "this toolchain has no {component}: add it with `rustup component add {component}`"
        );
    }
    succeed(workspace.cargo(args).envs(env.iter().copied()))
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().context("cannot start cargo")?;
    ensure!(status.success(), "{status}");
    Ok(())
}

fn tests(workspace: &Workspace, args: &[&str], env: &[(&str, &str)]) -> Done {
    let skips = temporary("skips");
    let mut command = workspace.cargo(args);
    command.envs(env.iter().copied()).env(SKIP_LOG, &skips);
    let run = tee::run(&mut command);
    let mut notes = skipped(&std::fs::read_to_string(&skips).unwrap_or_default());
    remove(&skips);
    match run {
        Err(e) => Err((notes, format!("{e:#}"))),
        Ok((status, closing)) => {
            notes.extend(closing);
            if status.success() { Ok(notes) } else { Err((notes, status.to_string())) }
        }
    }
}

/// What the tests skipped, each reason once.
fn skipped(log: &str) -> Vec<String> {
    let mut reasons: Vec<String> = log.lines().map(|l| format!("skipped: {l}")).collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

/// Runs the emulator as a newcomer would, and looks at the result it wrote.
fn main_job(workspace: &Workspace) -> Result<()> {
    let result = temporary("result.json");
    let done = succeed(workspace.cargo(["xtask", "run", "--json"]).arg(&result));
    let text = std::fs::read_to_string(&result);
    remove(&result);
    done?;
    sound(&text.context("the run wrote no result")?)
}

/// Whether a run's result says that nothing went wrong.
fn sound(text: &str) -> Result<()> {
    let result: Value = serde_json::from_str(text).context("the run's result is no JSON")?;
    ensure!(result["digest"].as_str().is_some_and(|d| !d.is_empty()), "the result has no digest");
    ensure!(result["transactions"].as_u64().is_some_and(|n| n > 0), "the run did nothing");
    let checks = &result["checks"];
    for counted in ["coherence_violations", "flits_lost", "credits_lost"] {
        match checks[counted].as_u64() {
            Some(0) => {}
            Some(n) => bail!("the run counts {counted}: {n}"),
            None => bail!("the result does not tell checks.{counted}"),
        }
    }
    ensure!(checks["quiescent"] == true, "the run did not come to rest");
    Ok(())
}

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("lockstep-ci-{}-{name}", std::process::id()))
}

fn remove(file: &Path) {
    if let Err(e) = std::fs::remove_file(file)
        && e.kind() != std::io::ErrorKind::NotFound
    {
        eprintln!("cannot remove {}: {e}", file.display());
    }
}

#[expect(clippy::disallowed_methods, reason = "the wall time of a step, not simulated time")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows the plan where the step named `failing` fails, if any.
    fn outcomes(failing: &str) -> (Vec<&'static str>, Vec<Outcome>) {
        let mut taken = Vec::new();
        let outcomes = follow(&steps(false, true), |_, step| {
            taken.push(step.name);
            let notes = match step.work {
                Work::Tests { .. } => vec![format!("Summary of {}", step.name)],
                _ => Vec::new(),
            };
            let fails = step.name == failing;
            let done = if fails { Err((notes, "exit status: 101".to_owned())) } else { Ok(notes) };
            (done, Duration::from_millis(1500))
        });
        (taken, outcomes)
    }

    #[test]
    fn all_steps_are_taken_while_they_pass() {
        let (taken, outcomes) = outcomes("");
        assert_eq!(taken.len(), steps(false, true).len());
        let page = summary(&outcomes);
        assert!(page.ends_with("ci passed after 12.0 s\n"), "{page}");
        assert!(!page.contains("not run"), "{page}");
    }

    #[test]
    fn the_first_failure_stops_and_the_rest_is_named() {
        let (taken, outcomes) = outcomes("tests");
        assert_eq!(taken, ["format", "clippy", "tests"]);
        let page = summary(&outcomes);
        for line in ["  ok       clippy", "  FAILED   tests", "  not run  main job"] {
            assert!(page.contains(line), "no `{line}` in {page}");
        }
        assert!(page.ends_with("ci failed at tests (exit status: 101) after 4.5 s\n"), "{page}");
    }

    #[test]
    fn the_summary_repeats_the_runners_closing_lines_even_of_a_failure() {
        assert!(summary(&outcomes("tests").1).contains("Summary of tests\n"));
        let page = summary(&outcomes("").1);
        assert!(page.contains("Summary of tests\n") && page.contains("Summary of doc tests\n"));
    }

    #[test]
    fn each_reason_to_skip_is_told_once() {
        assert_eq!(skipped("b\na\nb\n"), ["skipped: a", "skipped: b"]);
    }

    #[test]
    fn a_result_is_sound_only_if_every_check_says_so() {
        let result = |violations: &str, quiescent: bool| {
            format!(
                r#"{{"digest":"0a","transactions":1,"checks":{{"coherence_violations":{violations},
                "flits_lost":0,"credits_lost":0,"quiescent":{quiescent}}}}}"#
            )
        };
        assert!(sound(&result("0", true)).is_ok());
        assert!(sound(&result("2", true)).unwrap_err().to_string().contains("violations: 2"));
        assert!(sound(&result("null", true)).is_err());
        assert!(sound(&result("0", false)).is_err());
        assert!(sound("{}").is_err());
        assert!(sound("").is_err());
    }
}
