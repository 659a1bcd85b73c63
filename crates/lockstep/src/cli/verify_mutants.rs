//! `verify --mutants`: every fault that can be seeded, and the smallest system in which each is found.

use std::fmt::Write as _;

use coherence::model::{Arena, Evictions, Kill, hunt};
use coherence::{Listing, Mutant, Protocol};
use serde_json::{Value, json};

use super::output::Output;
use super::progress::Counter;
use super::verify::now;
use super::verify_results::{self as results, grouped};
use super::{Outcome, output};

/// A hunt that has ended.
struct Hunted {
    mutant: Mutant,
    kill: Option<Kill>,
    wall_s: f64,
}

pub(crate) fn run(threads: usize, quiet: bool, json: Option<Output>) -> anyhow::Result<Outcome> {
    let counter = Counter::new(quiet);
    let hunted: Vec<Hunted> = Mutant::ALL
        .into_iter()
        .map(|mutant| {
            let started = now();
            let begun = |arena: &Arena| counter.about(&format!("{mutant:?} in {}", place(arena)));
            let kill =
                hunt(mutant, threads, &begun, &|p| counter.show(p.states, p.depth, p.waiting));
            Hunted { mutant, kill, wall_s: started.elapsed().as_secs_f64() }
        })
        .collect();
    counter.clear();
    let to_stdout = json.as_ref().is_some_and(Output::is_stdout);
    if let Some(json) = json {
        let all: Vec<Value> = hunted.iter().map(entry).collect();
        json.write(&(serde_json::to_string_pretty(&all)? + "\n"))?;
    }
    if !to_stdout {
        output::print(&table(&hunted))?;
    }
    let all_killed = hunted.iter().all(|h| h.kill.is_some());
    Ok(if all_killed { Outcome::Done } else { Outcome::ChecksFailed })
}

/// The system of an arena.
fn place(arena: &Arena) -> String {
    let mut text = format!("{} x {}", arena.caches, arena.lines);
    if arena.packages > 0 {
        let _ = write!(text, ", {} pkg", arena.packages);
    }
    text.push_str(if arena.far { ", far" } else { "" });
    text.push_str(if arena.evictions == Evictions::Either { ", silent" } else { "" });
    if arena.protocol != Protocol::MESI {
        let _ = write!(text, ", {}", arena.protocol);
    }
    if let Some(entries) = arena.directory_lines {
        let _ = write!(text, ", directory of {entries}");
    }
    if arena.listing != Listing::FullMap {
        let _ = write!(text, ", {}", arena.listing);
    }
    text
}

/// What the controllers say of the same acts.
fn in_controllers(mutant: Mutant, kill: &Kill) -> String {
    let schedule = kill.counter_example.schedule(&kill.arena.model(Some(mutant)));
    match results::in_controllers(&schedule) {
        results::InControllers::Ended(_, None) => "come to rest unharmed".to_owned(),
        results::InControllers::Ended(_, Some(fault)) => fault.kind.to_string(),
        results::InControllers::Stopped(_) => "illegal event".to_owned(),
    }
}

fn table(hunted: &[Hunted]) -> String {
    let mut text = String::from(
        "Caches x lines, smallest first; acts of a shortest counter-example; states until it was found.\n\
         The last column: what the machine's controllers make of the same acts.\n\n",
    );
    let _ = writeln!(
        text,
        "{:<26} {:<31} {:>5} {:>9} {:>8}  {:<42} controllers",
        "fault", "found in", "acts", "states", "time", "as"
    );
    for h in hunted {
        let _ = match &h.kill {
            Some(kill) => writeln!(
                text,
                "{:<26} {:<31} {:>5} {:>9} {:>6.2} s  {:<42} {}",
                format!("{:?}", h.mutant),
                place(&kill.arena),
                kill.counter_example.acts.len(),
                grouped(kill.states),
                h.wall_s,
                kill.counter_example.fault.kind.to_string(),
                in_controllers(h.mutant, kill)
            ),
            None => writeln!(text, "{:<26} SURVIVES", format!("{:?}", h.mutant)),
        };
    }
    let killed = hunted.iter().filter(|h| h.kill.is_some()).count();
    let _ = writeln!(text, "\n{killed} of {} faults are found", hunted.len());
    text
}

fn entry(h: &Hunted) -> Value {
    let name = format!("{:?}", h.mutant);
    match &h.kill {
        None => json!({ "mutant": name, "killed": false, "wall_s": h.wall_s }),
        Some(kill) => json!({
            "mutant": name,
            "killed": true,
            "caches": kill.arena.caches,
            "packages": kill.arena.packages,
            "lines": kill.arena.lines,
            "far": kill.arena.far,
            "directory": kill.arena.listing.to_string(),
            "directory_lines": kill.arena.directory_lines,
            "protocol": kill.arena.protocol.to_string(),
            "silent_evictions": kill.arena.evictions == Evictions::Either,
            "acts": kill.counter_example.acts.len(),
            "states": kill.states,
            "wall_s": h.wall_s,
            "fault": kill.counter_example.fault.kind.to_string(),
            "detail": kill.counter_example.fault.detail,
            "controllers": in_controllers(h.mutant, kill),
        }),
    }
}
