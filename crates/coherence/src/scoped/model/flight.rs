//! Messages under way, by what they say: the same for every kind of line.

use core::fmt;

use base::{Line, NodeIdx, Scope};

use super::Place;
use super::cells::ModelLine;
use crate::scoped::{ScopedKind, ScopedMessage, Unit};

/// A message of the model.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScopedFlight {
    /// The line that it is about; 0 where it is about all.
    pub line: Line,
    /// What it says.
    pub kind: ScopedKind,
    /// Who sends it.
    pub from: (NodeIdx, Unit),
    /// Who gets it.
    pub to: (NodeIdx, Unit),
    /// For whose access, acquire or release.
    pub requester: NodeIdx,
    /// Which of the requester's.
    pub number: u32,
    /// How far.
    pub scope: Scope,
    /// Bit `part`: asked for, or carried.
    pub parts: u8,
    /// `[part]`: the line's value, where it carries one.
    pub values: Option<[u8; 2]>,
    /// Of an atomic: part and value.
    pub write: Option<(u8, u8)>,
}

impl ScopedFlight {
    /// What a message says.
    pub(super) fn of<V: ModelLine>(line: Line, msg: &ScopedMessage<V>) -> Self {
        let asked = |part: u8| u8::from(msg.mask & V::bits(part) != 0) << part;
        Self {
            line,
            kind: msg.kind,
            from: (msg.src, msg.from),
            to: (msg.dst, msg.to),
            requester: msg.requester,
            number: msg.number,
            scope: msg.scope,
            parts: asked(0) | asked(1),
            values: msg.data.map(|value| [value.part(0), value.part(1)]),
            write: msg.write.map(|write| V::written_by(&write)),
        }
    }
}

/// What units are called in schedules.
pub(super) const UNITS: [(&str, Unit); 3] =
    [("cache", Unit::Cache), ("slice", Unit::Slice), ("home", Unit::Home)];

/// A unit as a schedule names it.
pub(super) fn unit_name(unit: Unit) -> &'static str {
    UNITS.iter().find(|(_, u)| *u == unit).map_or("?", |(name, _)| name)
}

/// The first word of a line.
pub(super) fn first(line: Line) -> Place {
    Place { line: u8::try_from(line.0).unwrap_or(u8::MAX), part: 0 }
}

impl fmt::Display for ScopedFlight {
    /// As schedules have it, such as `x Read n0 cache -> n1 home for n0 number 1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |(node, unit): (NodeIdx, Unit)| format!("n{} {}", node.0, unit_name(unit));
        write!(f, "{} {:?} {} -> {}", first(self.line), self.kind, end(self.from), end(self.to))?;
        write!(f, " for n{} number {}", self.requester.0, self.number)?;
        if self.scope == Scope::Package {
            write!(f, " package")?;
        }
        if self.parts != 0 {
            write!(f, " parts {}", self.parts)?;
        }
        if let Some([low, high]) = self.values {
            write!(f, " value {low} {high}")?;
        }
        if let Some((part, value)) = self.write {
            write!(f, " set {part} {value}")?;
        }
        Ok(())
    }
}
