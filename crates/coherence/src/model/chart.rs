//! Message-sequence charts: a column for each cache and for home, a row for each act.
//!
//! An arrow stands where its message arrives, and says what it carries and in which row it was sent.

use core::fmt::Write as _;

use base::NodeIdx;

use super::act::{Act, Flight, Shape};
use super::code::short;
use super::schedule::{Played, Replay, Schedule, write_flight};
use super::system::System;
use super::world::World;
use crate::mutant::Mutant;
use crate::state::Effect;

/// Columns of text for a node.
const WIDTH: usize = 12;

/// The chart of a replay.
pub fn chart(schedule: &Schedule, replay: &Replay) -> String {
    let system = schedule.system();
    let drawing = Drawing { system: &system, shape: schedule.shape };
    let mut text = drawing.heads();
    // Rows in which messages under way were sent.
    let mut sent: Vec<(Flight, usize)> = Vec::new();
    for (n, played) in replay.played.iter().enumerate() {
        let row = drawing.row(n + 1, played, &mut sent);
        text.push_str(row.trim_end());
        text.push('\n');
    }
    for (flight, row) in &sent {
        let mut what = String::new();
        let _ = write_flight(&mut what, flight, Some(&schedule.shape));
        let line = if schedule.shape.lines > 1 {
            format!(", line {}", flight.line)
        } else {
            String::new()
        };
        let _ = writeln!(text, "      under way: {what}{line}, sent in {row}");
    }
    if let Some(fault) = &replay.fault {
        let _ = writeln!(text, "  => {fault}");
    }
    text
}

struct Drawing<'a> {
    system: &'a System<Option<Mutant>>,
    shape: Shape,
}

impl Drawing<'_> {
    /// Nodes with a column: the caches', and home's if it is another.
    fn columns(&self) -> u32 {
        let apart = (0..self.shape.lines).any(|l| self.shape.home_of(l).0 >= self.shape.caches);
        self.shape.caches + self.shape.packages() + u32::from(apart)
    }

    fn heads(&self) -> String {
        let mut text = " ".repeat(6);
        for n in 0..self.columns() {
            let home = self.shape.home_of(0) == NodeIdx(n) && n >= self.shape.caches;
            let name = if home { "home".to_owned() } else { self.shape.name_of(NodeIdx(n)) };
            let _ = write!(text, "{name:^WIDTH$}");
        }
        text.trim_end().to_owned() + "\n"
    }

    fn row(&self, n: usize, played: &Played, sent: &mut Vec<(Flight, usize)>) -> String {
        let mut cells: Vec<char> = " ".repeat(WIDTH * self.columns() as usize).chars().collect();
        for column in 0..self.columns() as usize {
            cells[column * WIDTH + WIDTH / 2] = '│';
        }
        let mut notes = Vec::new();
        match played.act {
            Act::Deliver(flight) => {
                let from = sent.iter().position(|(f, _)| *f == flight).map(|at| sent.remove(at).1);
                self.arrow(&mut cells, &flight);
                notes.extend(carried(&flight));
                notes.extend(from.map(|row| format!("sent in {row}")));
            }
            Act::Recall { line } => self.label(&mut cells, self.shape.home_of(line), "recall"),
            Act::PackageRecall { package, .. } => {
                self.label(&mut cells, self.package(package), "recall");
            }
            Act::PackageEvict { package, .. } => {
                self.label(&mut cells, self.package(package), "evict");
            }
            Act::PackageDrop { package, .. } => {
                self.label(&mut cells, self.package(package), "drop");
            }
            Act::Load { cache, .. } => self.label(&mut cells, cache, "load"),
            Act::Store { cache, .. } => self.label(&mut cells, cache, "store"),
            Act::Far { cache, .. } => self.label(&mut cells, cache, "far"),
            Act::Evict { cache, .. } => self.label(&mut cells, cache, "evict"),
            Act::Drop { cache, .. } => self.label(&mut cells, cache, "drop"),
        }
        if let Some(after) = &played.after {
            notes.extend(self.changes(&played.before, after));
            sent.extend(self.sent(played, after).into_iter().map(|f| (f, n)));
        }
        notes.extend(match played.effect {
            Effect::None => None,
            Effect::Load(v) => Some(format!("reads {v}")),
            Effect::Store { old, new } => Some(format!("writes {new} over {old}")),
        });
        let cells: String = cells.into_iter().collect();
        format!("{n:>4}  {cells} {}", notes.join(", "))
    }

    /// The home of a package, as a node.
    fn package(&self, package: u32) -> NodeIdx {
        NodeIdx(self.shape.caches + package)
    }

    fn column(&self, node: NodeIdx) -> usize {
        node.0.min(self.columns() - 1) as usize * WIDTH + WIDTH / 2
    }

    fn label(&self, cells: &mut [char], node: NodeIdx, text: &str) {
        let from = self.column(node) - text.len() / 2;
        cells[from..].iter_mut().zip(text.chars()).for_each(|(to, c)| *to = c);
    }

    fn arrow(&self, cells: &mut [char], flight: &Flight) {
        let (from, to) = (self.column(flight.msg.src), self.column(flight.msg.dst));
        let name = format!("{:?}", flight.msg.kind);
        if from == to {
            return self.label(cells, flight.msg.dst, &name);
        }
        let (left, right) = (from.min(to), from.max(to));
        cells[left + 1..right].fill('─');
        cells[if to > from { to - 1 } else { to + 1 }] = if to > from { '▶' } else { '◀' };
        let at = usize::midpoint(left, right) + 1 - name.len().div_ceil(2);
        cells[at..].iter_mut().zip(name.chars()).for_each(|(to, c)| *to = c);
    }

    /// State changes of caches and homes.
    fn changes(&self, before: &World, after: &World) -> Vec<String> {
        let mut changes = Vec::new();
        for line in 0..self.shape.lines {
            let on = if self.shape.lines > 1 { format!(" line {line}") } else { String::new() };
            for cache in (0..self.shape.caches).map(NodeIdx) {
                let (from, to) = (
                    self.system.cache(before, cache, line).state,
                    self.system.cache(after, cache, line).state,
                );
                if from != to {
                    changes.push(format!("{}{on} {from:?} -> {to:?}", short(cache)));
                }
            }
            for package in 0..self.shape.packages() {
                let states = |world| {
                    let p = self.system.package(world, package, line);
                    (p.inner.state, p.outer.state)
                };
                let (from, to) = (states(before), states(after));
                if from != to {
                    let told = format!("{:?}/{:?} -> {:?}/{:?}", from.0, from.1, to.0, to.1);
                    changes.push(format!("p{package}{on} {told}"));
                }
            }
            let (from, to) =
                (self.system.dir(before, line).state, self.system.dir(after, line).state);
            if from != to {
                changes.push(format!("home{on} {from:?} -> {to:?}"));
            }
        }
        changes
    }

    /// Messages that the act sent.
    fn sent(&self, played: &Played, after: &World) -> Vec<Flight> {
        let mut before: Vec<Flight> = self.system.flights(&played.before).collect();
        if let Act::Deliver(flight) = played.act
            && let Some(at) = before.iter().position(|f| *f == flight)
        {
            before.remove(at);
        }
        let mut sent = Vec::new();
        for flight in self.system.flights(after) {
            match before.iter().position(|b| *b == flight) {
                Some(at) => {
                    before.remove(at);
                }
                None => sent.push(flight),
            }
        }
        sent
    }
}

/// What a message carries.
fn carried(flight: &Flight) -> Vec<String> {
    let mut carried = Vec::new();
    if flight.msg.acks > 0 {
        carried.push(format!("{} acks", flight.msg.acks));
    }
    carried.extend(flight.msg.data.map(|v| format!("value {v}")));
    carried
}
