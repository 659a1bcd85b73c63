//! Checks every access and state change as it happens.
//!
//! Each line has a golden value: what the last write left. A load must see it, a store must write
//! over it, and at any time there is one writer or any number of readers, one of which may be the owner. Within one instant the
//! order in which components are told does not matter: a copy that one cache loses and the copy
//! that another gains are at least a message apart.

use core::fmt;

use base::{Line, Map, NodeIdx};

use crate::outbox::StateChange;
use crate::state::{CacheState, Effect};
use crate::value::Value;

/// Violations that a [`Checker`] keeps with their text; all are counted.
pub const VIOLATIONS_KEPT: usize = 32;

/// What was violated.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum ViolationKind {
    /// A load saw something else than the last write.
    StaleLoad,
    /// A store or atomic was performed on something else than the last write.
    StaleStore,
    /// A writer had company.
    WriterAndOthers,
    /// Two caches answered for memory.
    TwoOwners,
}

/// A broken promise of coherence.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Violation {
    /// What was violated.
    pub kind: ViolationKind,
    /// By whose access or state change.
    pub node: NodeIdx,
    /// On which line.
    pub line: Line,
    /// The values or counts.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ViolationKind::StaleLoad => "read a stale value",
            ViolationKind::StaleStore => "wrote over a stale value",
            ViolationKind::WriterAndOthers => "may write while others hold copies",
            ViolationKind::TwoOwners => "is owned twice",
        };
        write!(f, "{}: {} {what}: {}", self.node, self.line, self.detail)
    }
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Golden<V> {
    value: V,
    /// Caches in E or M.
    writers: u32,
    /// Caches in S or O.
    readers: u32,
    /// Caches in O.
    owners: u32,
}

/// The ghost of the memory, and the copies of each line.
#[derive(Clone, Debug)]
pub struct Checker<V: Value> {
    initial: fn(Line) -> V,
    lines: Map<Line, Golden<V>>,
    violations: Vec<Violation>,
    count: u64,
}

base::state!([V: Value] Checker<V> {
    keeps lines, violations, count;
    each;
    fixed initial
});

impl<V: Value> Checker<V> {
    /// A checker for a memory that starts as `initial` says; the same as the homes'.
    pub fn new(initial: fn(Line) -> V) -> Self {
        Self { initial, lines: Map::default(), violations: Vec::new(), count: 0 }
    }

    /// Checks what an access at `node` did to `line`.
    #[inline]
    pub fn effect(&mut self, node: NodeIdx, line: Line, effect: &Effect<V>) {
        match effect {
            Effect::None => {}
            Effect::Load(v) => self.load(node, line, v),
            Effect::Store { old, new } => self.store(node, line, old, new),
        }
    }

    /// Checks that a load at `node` saw what the last write left in `line`.
    #[inline]
    pub fn load(&mut self, node: NodeIdx, line: Line, seen: &V) {
        let golden = &self.line(line).value;
        if seen != golden {
            let detail = differ(seen, golden);
            self.violate(ViolationKind::StaleLoad, node, line, detail);
        }
    }

    /// Checks that a store or atomic at `node` was performed on what the last write left in `line`, where it
    /// leaves `new`.
    #[inline]
    pub fn store(&mut self, node: NodeIdx, line: Line, old: &V, new: &V) {
        let golden = core::mem::replace(&mut self.line(line).value, *new);
        if *old != golden {
            self.violate(ViolationKind::StaleStore, node, line, differ(old, &golden));
        }
    }

    /// Follows an access without checking it, so that the last writes are known at the end.
    #[inline]
    pub fn follow(&mut self, line: Line, effect: &Effect<V>) {
        if let Effect::Store { new, .. } = effect {
            self.follow_store(line, new);
        }
    }

    /// As [`follow`](Self::follow), of a store that leaves `new`.
    #[inline]
    pub fn follow_store(&mut self, line: Line, new: &V) {
        self.line(line).value = *new;
    }

    /// Checks that a state change at `node` leaves one writer or many readers.
    #[inline]
    pub fn change(&mut self, node: NodeIdx, change: &StateChange) {
        let (from, to) = (role(change.from), role(change.to));
        if from == to {
            return;
        }
        let golden = self.line(change.line);
        golden.writers = golden.writers + to.0 - from.0;
        golden.readers = golden.readers + to.1 - from.1;
        golden.owners = golden.owners + to.2 - from.2;
        let (writers, readers, owners) = (golden.writers, golden.readers, golden.owners);
        if to != (0, 0, 0) && writers > 0 && writers + readers > 1 {
            let detail = format!("{writers} writers, {readers} readers");
            self.violate(ViolationKind::WriterAndOthers, node, change.line, detail);
        }
        if to.2 > 0 && owners > 1 {
            let detail = format!("{owners} owners");
            self.violate(ViolationKind::TwoOwners, node, change.line, detail);
        }
    }

    /// The first violations, in the order in which they were found.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How many violations there were.
    pub const fn violation_count(&self) -> u64 {
        self.count
    }

    /// What the last write left in `line`.
    pub fn golden(&self, line: Line) -> V {
        self.lines.get(line).map_or_else(|| (self.initial)(line), |g| g.value)
    }

    fn line(&mut self, line: Line) -> &mut Golden<V> {
        let initial = self.initial;
        self.lines.or_insert_with(line, || Golden {
            value: initial(line),
            writers: 0,
            readers: 0,
            owners: 0,
        })
    }

    #[cold]
    fn violate(&mut self, kind: ViolationKind, node: NodeIdx, line: Line, detail: String) {
        self.count += 1;
        if self.violations.len() < VIOLATIONS_KEPT {
            self.violations.push(Violation { kind, node, line, detail });
        }
    }
}

/// Writers, readers and owners beside readers that a cache in `state` counts as.
const fn role(state: CacheState) -> (u32, u32, u32) {
    match state {
        CacheState::E | CacheState::M => (1, 0, 0),
        CacheState::S => (0, 1, 0),
        CacheState::O => (0, 1, 1),
        _ => (0, 0, 0),
    }
}

#[cold]
fn differ<V: Value>(seen: &V, golden: &V) -> String {
    format!("saw {seen:?}, the last write left {golden:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Line = Line(3);

    fn enter(checker: &mut Checker<u8>, node: u32, from: CacheState, to: CacheState) {
        checker.change(NodeIdx(node), &StateChange { line: LINE, from, to });
    }

    #[test]
    fn a_stale_load_and_a_lost_update_are_seen() {
        let mut checker = Checker::new(|_| 0);
        checker.effect(NodeIdx(0), LINE, &Effect::Store { old: 0, new: 1 });
        checker.effect(NodeIdx(1), LINE, &Effect::Load(1));
        assert_eq!(checker.violation_count(), 0);
        checker.effect(NodeIdx(1), LINE, &Effect::Load(0));
        checker.effect(NodeIdx(2), LINE, &Effect::Store { old: 0, new: 2 });
        let kinds: Vec<_> = checker.violations().iter().map(|v| v.kind).collect();
        assert_eq!(kinds, [ViolationKind::StaleLoad, ViolationKind::StaleStore]);
    }

    #[test]
    fn a_writer_with_company_is_seen_and_many_readers_are_not() {
        let mut checker = Checker::<u8>::new(|_| 0);
        enter(&mut checker, 0, CacheState::I, CacheState::S);
        enter(&mut checker, 1, CacheState::I, CacheState::S);
        enter(&mut checker, 1, CacheState::S, CacheState::SmAd);
        enter(&mut checker, 0, CacheState::S, CacheState::I);
        enter(&mut checker, 1, CacheState::SmAd, CacheState::M);
        assert_eq!(checker.violation_count(), 0);
        enter(&mut checker, 0, CacheState::I, CacheState::S);
        assert_eq!(checker.violations()[0].kind, ViolationKind::WriterAndOthers);
    }
}
