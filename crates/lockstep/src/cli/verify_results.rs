//! What `verify` tells: of a search, of a replay; for people and as JSON.

use std::fmt::Write as _;
use std::panic::{self, AssertUnwindSafe};

use coherence::Mutant;
use coherence::model::{Evictions, Fault, Model, Replay, Report, Schedule, Symmetry};
use serde_json::json;

/// A search and what it found.
pub(crate) struct Verified<'a> {
    pub(crate) model: &'a Model<Option<Mutant>>,
    pub(crate) report: &'a Report,
    pub(crate) wall_s: f64,
}

impl Verified<'_> {
    fn states_per_s(&self) -> f64 {
        self.report.states as f64 / self.wall_s.max(1e-9)
    }
}

/// For people.
pub(crate) fn render(verified: &Verified<'_>) -> String {
    let Verified { model, report, wall_s } = verified;
    let mut text = format!("{}\n", described(model));
    let mut row = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<13} {value}");
    };
    row("states", grouped(report.states));
    row("transitions", grouped(report.transitions));
    row("depth", format!("{} moves", report.depth));
    if let Some(longest) = report.longest_drain {
        row("longest drain", format!("{longest} deliveries"));
    }
    row("time", format!("{wall_s:.2} s"));
    row("rate", format!("{:.0} thousand states a second", verified.states_per_s() / 1e3));
    row("memory", format!("{:.1} MB", report.memory_bytes as f64 / 1e6));
    row("left out", format!("a state with a chance below {:.0e}", omission(report.states)));
    match &report.counter_example {
        Some(found) => {
            let _ = writeln!(text, "broken after {} acts: {}", found.acts.len(), found.fault);
        }
        None if report.complete => {
            text.push_str("clean: every promise holds in every state, and nothing gets stuck\n");
        }
        None => text.push_str("given up\n"),
    }
    text
}

/// The chance that two states share a fingerprint, so that one is taken for seen: pairs over 2^64.
fn omission(states: u64) -> f64 {
    let n = states as f64;
    n * n / 2.0_f64.powi(65)
}

fn described(model: &Model<Option<Mutant>>) -> String {
    let shape = &model.shape;
    let count = |n: u32, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let levels = shape.packages.map_or(String::new(), |p| {
        format!("two-level, {} of {}, in the fabric ", count(p.count, "package"), p.inner)
    });
    let mut text = format!(
        "{}{}, directory {levels}{}: {} x {}, {}, {}",
        if model.cfg.protocol.owned { "MOESI" } else { "MESI" },
        if model.cfg.protocol.direct { " with direct transfer" } else { "" },
        model.cfg.directory.listing,
        count(shape.caches, "cache"),
        count(shape.lines, "line"),
        count(u32::from(shape.values), "value"),
        count(shape.mshrs, "MSHR")
    );
    let evictions = match model.workload.evictions {
        Evictions::None => "no evictions",
        Evictions::Notify => "evictions that home is told of",
        Evictions::Silent => "shared copies dropped silently",
        Evictions::Either => "evictions told or silent",
    };
    let _ = write!(text, "; {evictions}");
    for (on, what) in [
        (shape.packages.is_some() && model.workload.package_evictions, "packages evict, too"),
        (model.workload.recalls, "recalls"),
        (model.workload.far, "far atomics"),
        (model.workload.increments, "stores that add"),
    ] {
        text.push_str(if on { ", " } else { "" });
        text.push_str(if on { what } else { "" });
    }
    if let Some(entries) = shape.directory_lines {
        let _ = write!(text, "; directories of {}", count(entries, "line"));
    }
    if let Some(networks) = &shape.networks {
        let _ = write!(text, "; networks {networks}, {} deep", networks.depth_messages);
    }
    if let Some(mutant) = model.cfg.mutant {
        let _ = write!(text, "; with {mutant:?}");
    }
    text
}

fn names(symmetry: Symmetry) -> Vec<&'static str> {
    let all = [(symmetry.caches, "caches"), (symmetry.lines, "lines"), (symmetry.values, "values")];
    all.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect()
}

/// As JSON.
pub(crate) fn to_json(verified: &Verified<'_>) -> serde_json::Result<String> {
    let Verified { model, report, wall_s } = verified;
    let shape = &model.shape;
    let found = report.counter_example.as_ref().map(|found| {
        json!({
            "fault": found.fault.kind.to_string(),
            "detail": found.fault.detail,
            "acts": found.acts.len(),
            "schedule": found.schedule(model).to_string(),
        })
    });
    let value = json!({
        "caches": shape.caches,
        "lines": shape.lines,
        "values": shape.values,
        "mshrs": shape.mshrs,
        "far": model.workload.far,
        "recalls": model.workload.recalls,
        "protocol": model.cfg.protocol.to_string(),
        "evictions": format!("{:?}", model.workload.evictions).to_lowercase(),
        "directory": model.cfg.directory.listing.to_string(),
        "packages": shape.packages.map(|p| p.count),
        "package_directory": shape.packages.map(|p| p.inner.to_string()),
        "directory_lines": shape.directory_lines,
        "symmetry": names(model.symmetry),
        "networks": shape.networks.map(|n| n.to_string()),
        "network_depth": shape.networks.map(|n| n.depth_messages),
        "mutant": model.cfg.mutant.map(|m| format!("{m:?}")),
        "states": report.states,
        "transitions": report.transitions,
        "depth": report.depth,
        "complete": report.complete,
        "longest_drain": report.longest_drain,
        "omission_probability": omission(report.states),
        "counter_example": found,
        "wall_s": wall_s,
        "states_per_s": verified.states_per_s(),
        "memory_bytes": report.memory_bytes,
    });
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

/// What the machine's controllers made of a schedule.
pub(crate) enum InControllers {
    /// Acts skipped, and what the checks found.
    Ended(usize, Option<Fault>),
    /// The controllers met what the protocol does not foresee.
    Stopped(String),
}

impl InControllers {
    pub(crate) fn is_clean(&self) -> bool {
        matches!(self, Self::Ended(_, None))
    }

    pub(crate) fn told(&self) -> String {
        match self {
            Self::Ended(_, None) => "clean".to_owned(),
            Self::Ended(_, Some(fault)) => fault.to_string(),
            Self::Stopped(why) => why.clone(),
        }
    }
}

/// Replays a schedule in the machine's controllers; their stop at a broken protocol is a result here.
pub(crate) fn in_controllers(schedule: &Schedule) -> InControllers {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let ended = panic::catch_unwind(AssertUnwindSafe(|| schedule.replay_in_controllers()));
    panic::set_hook(hook);
    match ended {
        Ok(replay) => InControllers::Ended(replay.skipped, replay.fault),
        Err(why) => InControllers::Stopped(
            why.downcast_ref::<String>().cloned().unwrap_or_else(|| "stopped".to_owned()),
        ),
    }
}

pub(crate) fn render_replay(replay: &Replay, controllers: &InControllers) -> String {
    let tables = replay.fault.as_ref().map_or("clean".to_owned(), ToString::to_string);
    let mut text = format!("\ntables:      {tables}");
    if replay.skipped > 0 {
        let _ = write!(text, " ({} acts could not be done)", replay.skipped);
    }
    let _ = write!(text, "\ncontrollers: {}", controllers.told());
    if let InControllers::Ended(skipped @ 1.., _) = controllers {
        let _ = write!(text, " ({skipped} acts could not be done)");
    }
    text + "\n"
}

pub(crate) fn replay_json(
    replay: &Replay,
    controllers: &InControllers,
) -> serde_json::Result<String> {
    let value = json!({
        "acts": replay.played.len(),
        "skipped": replay.skipped,
        "tables": replay.fault.as_ref().map(ToString::to_string),
        "controllers": (!controllers.is_clean()).then(|| controllers.told()),
    });
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

/// A number with its thousands parted.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
