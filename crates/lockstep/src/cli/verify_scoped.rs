//! `verify --mode scoped`: the scoped caches in every order of events.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use coherence::scoped::ScopedMutant;
use coherence::scoped::model::{
    Model, Progress, Report, ScopedKill, ScopedReplay, ScopedSchedule, chart, hunt, search,
};
use serde_json::{Value, json};

use super::output::Output;
use super::progress::Counter;
use super::verify::now;
use super::verify_results::grouped;
use super::{Outcome, output};

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) threads: u32,
    pub(super) package_nodes: u32,
    pub(super) ops: u8,
    pub(super) evictions: bool,
    pub(super) mutant: Option<String>,
    /// Where the schedule of a broken promise goes.
    pub(super) save: Option<PathBuf>,
    pub(super) limit: u64,
    pub(super) quiet: bool,
}

/// A search of any program of so many operations a thread.
pub(super) fn run(asked: &Asked, json: Option<Output>) -> anyhow::Result<Outcome> {
    let mutant = asked.mutant.as_deref().map(mutant).transpose()?;
    if !(1..=4).contains(&asked.threads) {
        bail!("{} threads are not searched\n  mend: use --caches 1 to 4", asked.threads);
    }
    let base = match asked.package_nodes {
        1 => Model::flat(asked.threads, asked.ops),
        2 => Model::packages(asked.threads, asked.ops),
        n => bail!("packages of {n} nodes are not searched\n  mend: use --package-nodes 1 or 2"),
    };
    let model = Model { mutant, evictions: asked.evictions, ..base };
    model.check().map_err(|what| anyhow!("{what}\n  mend: choose a smaller system"))?;
    // A place that was asked for is found fit before the search.
    let place = asked.save.as_deref().map(Output::open).transpose()?;
    let counter = Counter::new(asked.quiet);
    let started = now();
    let report = search(&model, asked.limit, &|p: Progress| {
        counter.show(p.states, p.depth, p.waiting);
    });
    let wall_s = started.elapsed().as_secs_f64();
    counter.clear();
    if !report.complete && report.counter_example.is_none() {
        bail!(
            "given up after {} states: nothing is shown\n  mend: give a larger --limit, or a smaller \
             system",
            asked.limit
        );
    }
    let name = asked.save.as_deref().unwrap_or(Path::new("counter-example.schedule"));
    if let Some(found) = &report.counter_example {
        let schedule = ScopedSchedule::of(&model, found);
        let place = place.map_or_else(|| Output::open(name), Ok)?;
        place.write(&format!("{schedule}# {}\n", found.told()))?;
    }
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(json) = json {
        let value = entry(asked, &model, &report, wall_s);
        json.write(&(serde_json::to_string_pretty(&value)? + "\n"))?;
    }
    if !to_stdout {
        output::print(&render(asked, &model, &report, wall_s))?;
        if report.counter_example.is_some() {
            output::print(&format!("\nsaved as {}\n", name.display()))?;
        }
    }
    let clean = report.counter_example.is_none();
    Ok(if clean { Outcome::Done } else { Outcome::ChecksFailed })
}

/// Hunts every fault.
pub(super) fn mutants(quiet: bool, json: Option<Output>) -> anyhow::Result<Outcome> {
    let counter = Counter::new(quiet);
    let hunted: Vec<(ScopedMutant, Option<ScopedKill>)> = ScopedMutant::ALL
        .into_iter()
        .map(|mutant| {
            let begun = |arena: &coherence::scoped::model::Arena| {
                counter.about(&format!("{mutant:?} in {}", arena.name));
            };
            let told = |p: Progress| counter.show(p.states, p.depth, p.waiting);
            (mutant, hunt(mutant, &begun, &told))
        })
        .collect();
    counter.clear();
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(json) = json {
        let all: Vec<Value> = hunted.iter().map(kill_entry).collect();
        json.write(&(serde_json::to_string_pretty(&all)? + "\n"))?;
    }
    if !to_stdout {
        output::print(&table(&hunted))?;
    }
    let all_killed = hunted.iter().all(|(_, kill)| kill.is_some());
    Ok(if all_killed { Outcome::Done } else { Outcome::ChecksFailed })
}

fn render(asked: &Asked, model: &Model, report: &Report, wall_s: f64) -> String {
    let mut text = format!(
        "scoped caches: {} threads on packages of {}, any program of {} operations each{}",
        asked.threads,
        asked.package_nodes,
        asked.ops,
        if asked.evictions { ", evictions" } else { "" }
    );
    if let Some(mutant) = model.mutant {
        let _ = write!(text, "; with {mutant:?}");
    }
    let rate = report.states as f64 / wall_s.max(1e-9) / 1e3;
    let _ = writeln!(text, "\n  {:<13} {}", "states", grouped(report.states));
    let _ = writeln!(text, "  {:<13} {}", "transitions", grouped(report.transitions));
    let _ = writeln!(text, "  {:<13} {} moves", "depth", report.depth);
    let _ = writeln!(text, "  {:<13} {wall_s:.2} s", "time");
    let _ = writeln!(text, "  {:<13} {rate:.0} thousand states a second", "rate");
    match &report.counter_example {
        None => {
            text.push_str("clean: no read sees what happens-before forbids, nothing gets stuck\n");
        }
        Some(found) => {
            let _ = writeln!(text, "broken after {} moves\n", found.moves.len());
            text.push_str(&chart(model, &found.moves, Some(&found.told())));
        }
    }
    text
}

/// Replays a schedule, on the lines of the search and on the machine's, and shows what comes of it.
pub(super) fn replay(path: &Path, text: &str, json: Option<Output>) -> anyhow::Result<Outcome> {
    let schedule: ScopedSchedule = text.parse().map_err(|e| anyhow!("{}:{e}", path.display()))?;
    let (search, machine) = (schedule.replay(), schedule.replay_in_machine());
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(json) = json {
        let value = json!({
            "mode": "scoped",
            "acts": search.moves.len(),
            "skipped": search.skipped,
            "search": search.fault,
            "machine": machine.fault,
        });
        json.write(&(serde_json::to_string_pretty(&value)? + "\n"))?;
    }
    if !to_stdout {
        let told = |replay: &ScopedReplay| {
            let mut text = replay.fault.clone().unwrap_or_else(|| "clean".to_owned());
            if replay.skipped > 0 {
                let _ = write!(text, " ({} acts could not be done)", replay.skipped);
            }
            text
        };
        output::print(&chart(&schedule.model(), &search.moves, search.fault.as_deref()))?;
        let (search, machine) = (told(&search), told(&machine));
        output::print(&format!("\nlines of two bytes: {search}\nmachine's lines:    {machine}\n"))?;
    }
    let clean = search.fault.is_none() && machine.fault.is_none();
    Ok(if clean { Outcome::Done } else { Outcome::ChecksFailed })
}

fn entry(asked: &Asked, model: &Model, report: &Report, wall_s: f64) -> Value {
    let found = report.counter_example.as_ref().map(|found| {
        json!({
            "fault": found.fault.map(|f| f.to_string()),
            "detail": found.detail,
            "moves": found.moves.len(),
            "schedule": ScopedSchedule::of(model, found).to_string(),
        })
    });
    json!({
        "mode": "scoped",
        "threads": asked.threads,
        "package_nodes": asked.package_nodes,
        "ops": asked.ops,
        "evictions": asked.evictions,
        "mutant": asked.mutant,
        "states": report.states,
        "transitions": report.transitions,
        "depth": report.depth,
        "complete": report.complete,
        "counter_example": found,
        "wall_s": wall_s,
        "memory_bytes": report.memory_bytes,
    })
}

fn table(hunted: &[(ScopedMutant, Option<ScopedKill>)]) -> String {
    let mut text = format!(
        "{:<22} {:<18} {:>5} {:>9}  {}\n",
        "fault of scoped caches", "found in", "moves", "states", "as"
    );
    for (mutant, kill) in hunted {
        let name = format!("{mutant:?}");
        let _ = match kill {
            None => writeln!(text, "{name:<22} SURVIVES"),
            Some(kill) => {
                let found = &kill.counter_example;
                let fault = found.fault.map_or_else(|| found.detail.clone(), |f| f.to_string());
                let (moves, states) = (found.moves.len(), grouped(kill.states));
                writeln!(text, "{name:<22} {:<18} {moves:>5} {states:>9}  {fault}", kill.arena)
            }
        };
    }
    let killed = hunted.iter().filter(|(_, kill)| kill.is_some()).count();
    let _ = writeln!(text, "\n{killed} of {} faults are found", hunted.len());
    text
}

fn kill_entry((mutant, kill): &(ScopedMutant, Option<ScopedKill>)) -> Value {
    let name = format!("{mutant:?}");
    match kill {
        None => json!({ "mutant": name, "killed": false }),
        Some(kill) => json!({
            "mutant": name,
            "killed": true,
            "arena": kill.arena,
            "moves": kill.counter_example.moves.len(),
            "states": kill.states,
            "fault": kill.counter_example.fault.map(|f| f.to_string()),
            "detail": kill.counter_example.detail,
        }),
    }
}

fn mutant(text: &str) -> anyhow::Result<ScopedMutant> {
    let known = ScopedMutant::ALL.into_iter().find(|m| format!("{m:?}") == text);
    known.ok_or_else(|| {
        anyhow!("no fault `{text}` of scoped caches\n  mend: use one of {:?}", ScopedMutant::ALL)
    })
}
