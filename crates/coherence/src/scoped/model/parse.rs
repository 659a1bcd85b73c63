//! Reads schedules of scoped caches.

use core::str::FromStr;

use base::{Line, NodeIdx, Scope};

use super::flight::{ScopedFlight, UNITS};
use super::schedule::{HEADER, ScopedSchedule};
use super::state::Act;
use super::{LINES_MAX, NAMES, NODES_MAX, Op, Place, THREADS_MAX};
use crate::scoped::{ScopedKind, ScopedMutant, Unit};
use crate::words::{ScheduleError, Text, Words, read};

impl FromStr for ScopedSchedule {
    type Err = ScheduleError;

    /// Comments begin with `#`; empty lines say nothing.
    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let (places, homes) = (vec![0, 1], vec![0, 1]);
        let acts = Vec::new();
        read(text, Self { nodes: 2, package_nodes: 1, places, homes, mutant: None, acts })
    }
}

impl Text for ScopedSchedule {
    const HEADER: &'static str = HEADER;
    const KIND: &'static str = "schedule of scoped caches";
    const KEYS: &'static str = "nodes, package_nodes, threads, homes and mutant";

    fn key(&mut self, key: &str, words: &mut Words<'_>) -> Result<bool, ScheduleError> {
        match key {
            "nodes" => self.nodes = words.number(NODES_MAX)?,
            "package_nodes" => self.package_nodes = words.number(NODES_MAX)?,
            "threads" => self.places = numbers(words, THREADS_MAX)?,
            "homes" => self.homes = numbers(words, LINES_MAX)?,
            "mutant" => self.mutant = Some(mutant(words)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn check(&self) -> Result<(), (String, &'static str)> {
        self.model().check().map_err(|what| (what, "change the keys before `begin`"))
    }

    fn act(&mut self, words: &mut Words<'_>) -> Result<(), ScheduleError> {
        let act = act(words, self)?;
        self.acts.push(act);
        Ok(())
    }
}

/// Nodes up to the end of the line, `most` of them at most.
fn numbers(words: &mut Words<'_>, most: usize) -> Result<Vec<u32>, ScheduleError> {
    let mut all = Vec::new();
    while all.is_empty() || !words.ended() {
        all.push(words.number_from(0, NODES_MAX - 1)?);
        if all.len() > most {
            return Err(words.error("that is one too many", format!("write {most} at most")));
        }
    }
    Ok(all)
}

fn mutant(words: &mut Words<'_>) -> Result<ScopedMutant, ScheduleError> {
    let name = words.next("a mutant")?;
    let known = ScopedMutant::ALL.into_iter().find(|m| format!("{m:?}") == name);
    let mend = || format!("one of {:?}", ScopedMutant::ALL);
    known.ok_or_else(|| words.error(format!("no mutant is called `{name}`"), mend()))
}

fn act(words: &mut Words<'_>, s: &ScopedSchedule) -> Result<Act, ScheduleError> {
    match words.next("an act")? {
        "deliver" => Ok(Act::Deliver(flight(words, s)?)),
        "evict" => {
            let (node, unit) = end(words, s)?;
            Ok(Act::Evict { node, unit, line: Line(u64::from(place(words, s)?.line)) })
        }
        verb => {
            let thread = verb.strip_prefix('t').and_then(|n| n.parse().ok());
            let Some(thread) = thread.filter(|t| *t < s.places.len()) else {
                let last = s.places.len() - 1;
                let mend = format!("write deliver, evict, or a thread, t0 to t{last}");
                return Err(words.error(format!("no act is called `{verb}`"), mend));
            };
            Ok(Act::Begin { thread, op: op(words, s)? })
        }
    }
}

fn op(words: &mut Words<'_>, s: &ScopedSchedule) -> Result<Op, ScheduleError> {
    let word = words.next("an operation")?;
    let (verb, scope) = match word.strip_suffix(".package") {
        Some(verb) => (verb, Scope::Package),
        None => (word, Scope::Supernode),
    };
    match (verb, scope) {
        ("load", Scope::Supernode) => Ok(Op::Load(place(words, s)?)),
        ("store", Scope::Supernode) => Ok(Op::Store(place(words, s)?)),
        ("acquire", _) => Ok(Op::Acquire(place(words, s)?, scope)),
        ("release", _) => Ok(Op::Release(place(words, s)?, scope)),
        ("swap", _) => Ok(Op::Swap(place(words, s)?, scope)),
        ("fence", _) => Ok(Op::Fence(scope)),
        _ => {
            let mend = "the operations are load, store, acquire, release, swap and fence; `.package` behind one of the last four narrows it";
            Err(words.error(format!("no operation is called `{word}`"), mend))
        }
    }
}

/// A word of a line.
fn place(words: &mut Words<'_>, s: &ScopedSchedule) -> Result<Place, ScheduleError> {
    let name = words.next("a word of a line")?;
    let lines = (0_u8..).zip(&NAMES[..s.homes.len()]);
    let mut places = lines.flat_map(|(line, [low, high])| [(*low, line, 0), (*high, line, 1)]);
    let known = places.find(|(n, ..)| *n == name);
    known.map(|(_, line, part)| Place { line, part }).ok_or_else(|| {
        let all: Vec<&str> = NAMES[..s.homes.len()].iter().flatten().copied().collect();
        let mend = format!("write one of {}", all.join(", "));
        words.error(format!("no word of a line is called `{name}`"), mend)
    })
}

fn node(words: &mut Words<'_>, s: &ScopedSchedule) -> Result<NodeIdx, ScheduleError> {
    let found = words.next("a node")?;
    let number = found.strip_prefix('n').and_then(|n| n.parse().ok()).filter(|n| *n < s.nodes);
    let mend = format!("write n0 to n{}", s.nodes - 1);
    number.map(NodeIdx).ok_or_else(|| words.error(format!("`{found}` is no node here"), mend))
}

/// A node and a unit of it.
fn end(words: &mut Words<'_>, s: &ScopedSchedule) -> Result<(NodeIdx, Unit), ScheduleError> {
    let node = node(words, s)?;
    let found = words.next("cache, slice or home")?;
    let known = UNITS.iter().find(|(name, _)| *name == found);
    let known = known.map(|(_, unit)| (node, *unit));
    known.ok_or_else(|| {
        words.error(format!("a node has no `{found}`"), "write cache, slice or home")
    })
}

fn flight(words: &mut Words<'_>, s: &ScopedSchedule) -> Result<ScopedFlight, ScheduleError> {
    let line = Line(u64::from(place(words, s)?.line));
    let name = words.next("a message")?;
    let kind = ScopedKind::ALL.into_iter().find(|k| format!("{k:?}") == name);
    let kind = kind.ok_or_else(|| {
        let mend = format!("one of {:?}", ScopedKind::ALL);
        words.error(format!("no message is called `{name}`"), mend)
    })?;
    let from = end(words, s)?;
    words.literally("->")?;
    let to = end(words, s)?;
    words.literally("for")?;
    let requester = node(words, s)?;
    words.literally("number")?;
    let number = words.number_from(0, u32::MAX)?;
    let (scope, values, write) = (Scope::Supernode, None, None);
    let mut flight =
        ScopedFlight { line, kind, from, to, requester, number, scope, parts: 0, values, write };
    let byte = |words: &mut Words<'_>, most: u32| -> Result<u8, ScheduleError> {
        Ok(u8::try_from(words.number_from(0, most)?).unwrap_or(u8::MAX))
    };
    while !words.ended() {
        match words.next("")? {
            "package" => flight.scope = Scope::Package,
            "parts" => flight.parts = byte(words, 3)?,
            "value" => flight.values = Some([byte(words, 255)?, byte(words, 255)?]),
            "set" => flight.write = Some((byte(words, 1)?, byte(words, 255)?)),
            other => {
                let mend = "a message carries `package`, `parts P`, `value V V` or `set PART V`";
                return Err(words.error(format!("a message carries no `{other}`"), mend));
            }
        }
    }
    Ok(flight)
}
