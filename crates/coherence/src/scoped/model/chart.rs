//! A counter-example as a message-sequence chart.

use core::fmt::Write as _;

use base::{Line, NodeIdx};

use super::cells::Cells;
use super::state::{Act, Move};
use super::{Model, Place, search::CounterExample};
use crate::scoped::{ScopedKind, ScopedMessage, Unit};

/// Characters of a column.
const WIDTH: usize = 13;

/// Draws what happened: a column for each cache, each slice that there is, and each home.
pub fn chart(model: &Model, found: &CounterExample) -> String {
    let columns = columns(model, &found.moves);
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
    for (at, step) in found.moves.iter().enumerate() {
        let _ = write!(text, "{:>4} {}", at + 1, row(model, &columns, step));
        let _ = writeln!(text, "  {}", beside(step));
    }
    let _ = writeln!(text, "  => {}", told(found));
    text
}

/// What was broken, in words.
pub(super) fn told(found: &CounterExample) -> String {
    match found.fault {
        Some(fault) => format!("{fault}: {}", found.detail),
        None => found.detail.clone(),
    }
}

fn columns(model: &Model, moves: &[Move]) -> Vec<(Unit, NodeIdx)> {
    let nodes = (0..model.nodes).map(NodeIdx);
    let used = |unit: Unit, node: NodeIdx| {
        unit == Unit::Cache && model.places.contains(&node.0) || moves.iter().any(|m| {
            let sent = m
                .sent
                .iter()
                .any(|(_, s)| (s.to, s.dst) == (unit, node) || (s.from, s.src) == (unit, node));
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
                write(middle(at), &format!("evict {}", name(line)));
            }
        }
        Act::Deliver { msg, .. } => {
            let ends = (place(msg.from, msg.src), place(msg.to, msg.dst));
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
    if let Act::Deliver { line, msg } = &step.act {
        words.extend(content(*line, msg));
    }
    words.extend(step.value.map(|v| format!("value {v}")));
    for (node, line, mask, value) in &step.reads {
        words.push(format!("{node} reads {}", values(*line, *mask, *value)));
    }
    let sent: Vec<String> = step.sent.iter().map(|(_, m)| format!("{:?}", m.kind)).collect();
    if !sent.is_empty() {
        words.push(format!("sends {}", sent.join(" ")));
    }
    words.join(", ")
}

fn content(line: Line, msg: &ScopedMessage<Cells>) -> Option<String> {
    match (msg.kind, msg.data) {
        (ScopedKind::Through | ScopedKind::Resp, Some(value)) => {
            Some(values(line, msg.mask, value))
        }
        (ScopedKind::Data, Some(value)) => Some(values(line, 3, value)),
        (ScopedKind::Release | ScopedKind::Acquire | ScopedKind::Done, _) => None,
        _ => Some(name(line)),
    }
}

fn name(line: Line) -> String {
    Place { line: u8::try_from(line.0).unwrap_or(u8::MAX), part: 0 }.to_string()
}

fn values(line: Line, mask: u64, value: Cells) -> String {
    let line = u8::try_from(line.0).unwrap_or(u8::MAX);
    let parts = (0..2_u8).filter(|part| mask >> part & 1 == 1);
    let each = parts.map(|part| format!("{}={}", Place { line, part }, value.0[usize::from(part)]));
    each.collect::<Vec<_>>().join(" ")
}
