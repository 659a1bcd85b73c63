//! A counter-example as a message-sequence chart.

use core::fmt::Write as _;

use base::{Line, NodeIdx};

use super::flight::{ScopedFlight, first};
use super::state::{Act, Move};
use super::{Model, Place};
use crate::scoped::{ScopedKind, Unit};

/// Characters of a column.
const WIDTH: usize = 13;

/// Draws what happened: a column for each cache, each slice that there is, and each home.
/// `end`: what it led to, in words.
pub fn chart(model: &Model, moves: &[Move], end: Option<&str>) -> String {
    let columns = columns(model, moves);
    let mut text = String::from("     ");
    for (unit, node) in &columns {
        let name = match unit {
            Unit::Cache => format!("{node}"),
            Unit::Slice => format!("slice {}", node.0),
            Unit::Home => format!("home {}", node.0),
        };
        let _ = write!(text, "{name:^WIDTH$}");
    }
    text.push('\n');
    for (at, step) in moves.iter().enumerate() {
        let _ = write!(text, "{:>4} {}", at + 1, row(model, &columns, step));
        let _ = writeln!(text, "  {}", beside(step));
    }
    if let Some(end) = end {
        let _ = writeln!(text, "  => {end}");
    }
    text
}

fn columns(model: &Model, moves: &[Move]) -> Vec<(Unit, NodeIdx)> {
    let nodes = (0..model.nodes).map(NodeIdx);
    let used = |unit: Unit, node: NodeIdx| {
        unit == Unit::Cache && model.places.contains(&node.0) || moves.iter().any(|m| {
            let sent =
                m.sent.iter().any(|sent| sent.to == (node, unit) || sent.from == (node, unit));
            sent || matches!(m.act, Act::Evict { node: n, unit: u, .. } if (u, n) == (unit, node))
        })
    };
    let all = [Unit::Cache, Unit::Slice, Unit::Home].into_iter();
    all.flat_map(|unit| nodes.clone().map(move |node| (unit, node)))
        .filter(|(unit, node)| used(*unit, *node))
        .collect()
}

fn row(model: &Model, columns: &[(Unit, NodeIdx)], step: &Move) -> String {
    let mut cells = vec![' '; columns.len() * WIDTH];
    let middle = |at: usize| at * WIDTH + WIDTH / 2;
    (0..columns.len()).for_each(|at| cells[middle(at)] = '│');
    let place = |unit: Unit, node: NodeIdx| columns.iter().position(|c| *c == (unit, node));
    let mut write = |center: usize, words: &str| {
        let length = words.chars().count();
        let first = center.saturating_sub(length / 2).min(cells.len().saturating_sub(length));
        for (n, c) in words.chars().enumerate().take(cells.len() - first) {
            cells[first + n] = c;
        }
    };
    match step.act {
        Act::Begin { thread, op } => {
            if let Some(at) = place(Unit::Cache, NodeIdx(model.places[thread])) {
                write(middle(at), &op.to_string());
            }
        }
        Act::Evict { node, unit, line } => {
            if let Some(at) = place(unit, node) {
                write(middle(at), &format!("evict {}", first(line)));
            }
        }
        Act::Deliver(msg) => {
            let ends = (place(msg.from.1, msg.from.0), place(msg.to.1, msg.to.0));
            if let (Some(from), Some(to)) = ends {
                let (low, high) = (middle(from.min(to)), middle(from.max(to)));
                let line = "─".repeat(high.saturating_sub(low).saturating_sub(1));
                write(usize::midpoint(low, high), &line);
                write(usize::midpoint(low, high), &format!("{:?}", msg.kind));
                write(middle(to), if to > from { "▶│" } else { "│◀" });
            }
        }
    }
    cells.into_iter().collect()
}

/// What a move carried, wrote, read and sent.
fn beside(step: &Move) -> String {
    let mut words = Vec::new();
    if let Act::Deliver(flight) = &step.act {
        words.extend(content(flight));
    }
    words.extend(step.value.map(|v| format!("value {v}")));
    for (node, line, mask, value) in &step.reads {
        words.push(format!("{node} reads {}", values(*line, *mask, *value)));
    }
    let sent: Vec<String> = step.sent.iter().map(|m| format!("{:?}", m.kind)).collect();
    if !sent.is_empty() {
        words.push(format!("sends {}", sent.join(" ")));
    }
    words.join(", ")
}

fn content(msg: &ScopedFlight) -> Option<String> {
    match (msg.kind, msg.values) {
        (ScopedKind::Through | ScopedKind::Resp, Some(held)) => {
            Some(values(msg.line, msg.parts, held))
        }
        (ScopedKind::Data, Some(held)) => Some(values(msg.line, 3, held)),
        (ScopedKind::Release | ScopedKind::Acquire | ScopedKind::Done, _) => None,
        _ => Some(first(msg.line).to_string()),
    }
}

fn values(line: Line, parts: u8, held: [u8; 2]) -> String {
    let line = first(line).line;
    let parts = (0..2_u8).filter(|part| parts >> part & 1 == 1);
    let each = parts.map(|part| format!("{}={}", Place { line, part }, held[usize::from(part)]));
    each.collect::<Vec<_>>().join(" ")
}
