//! The coherence checker of a machine that is cut: it must see everything in the order of time.
//!
//! ```text
//!   partition ─ what its caches do, with the instant ─▶ log [shard] ─ once an epoch ─▶ shard: merged by time
//! ```
//!
//! The lines are dealt out: a line's shard is the partition of its home. Each partition logs what happens
//! in it; when an epoch is over, each merges what all have logged of its lines, and tells its checker. So
//! checking is done by all threads, and each line is followed in the order of time. Where nothing is cut the
//! checker is told at once.

use std::sync::Arc;

use base::{Fs, Line, LineData, NodeIdx};
use coherence::{CacheState, Checker, Effect, StateChange, Violation};
use memory::AddressMap;

use crate::build::untouched;

/// What happened to a line, when and by whom.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Fs,
    node: NodeIdx,
    line: Line,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// One value of the log.
    Load,
    /// Two: before and after.
    Store,
    Change {
        from: CacheState,
        to: CacheState,
    },
}

/// What happened to lines, in the order of time.
#[derive(Debug, Default)]
pub(crate) struct Log {
    seen: Vec<Seen>,
    /// Of the accesses among them, in their order: most of what there is has one, or none.
    values: Vec<LineData>,
}

impl Log {
    pub(crate) const fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    fn clear(&mut self) {
        self.seen.clear();
        self.values.clear();
    }
}

/// How far a log is read: entries, and values.
type Cursor = (usize, usize);

/// The ghost memory of a partition's lines; it follows every write, and where `check` is set, compares.
#[derive(Debug)]
pub(crate) struct Ghost {
    checker: Checker<LineData>,
    check: bool,
    /// Of each violation that the checker keeps, when and by whom.
    stamps: Vec<(Fs, NodeIdx)>,
    map: AddressMap,
    /// `[node]`: the shard of the lines at home there; empty where nothing is cut.
    shard_of: Arc<[u32]>,
    /// `[shard]`: what happened here since the epoch began.
    pub(crate) logs: Vec<Log>,
    /// `[partition]`: what happened there to this shard's lines in the epoch before.
    pub(crate) heard: Vec<Log>,
    /// `[partition]`; zeros between epochs.
    cursors: Vec<Cursor>,
}

// What was logged is told when an epoch is over.
base::state!([] Ghost {
    keeps checker, stamps;
    each;
    fixed check, map, shard_of, logs, heard, cursors
});

impl Ghost {
    /// For one of `parts` partitions; `shard_of[node]` is the partition of each node.
    pub(crate) fn new(check: bool, map: AddressMap, parts: usize, shard_of: &Arc<[u32]>) -> Self {
        let parts = if parts > 1 { parts } else { 0 };
        Self {
            checker: Checker::new(untouched),
            check,
            stamps: Vec::new(),
            map,
            shard_of: Arc::clone(shard_of),
            logs: (0..parts).map(|_| Log::default()).collect(),
            heard: (0..parts).map(|_| Log::default()).collect(),
            cursors: vec![(0, 0); parts],
        }
    }

    /// Whether accesses are compared, and not only followed.
    pub(crate) const fn checks(&self) -> bool {
        self.check
    }

    pub(crate) const fn checker(&self) -> &Checker<LineData> {
        &self.checker
    }

    /// The violations of this shard that are kept, each with its instant and node.
    pub(crate) fn violations(&self) -> impl Iterator<Item = ((Fs, NodeIdx), &Violation)> {
        let stamps = self.stamps.iter().copied().chain(core::iter::repeat((Fs::ZERO, NodeIdx(0))));
        stamps.zip(self.checker.violations())
    }

    /// An access at `node` did something to a line at an instant.
    #[inline]
    pub(crate) fn effect(
        &mut self,
        (at, node): (Fs, NodeIdx),
        line: Line,
        effect: &Effect<LineData>,
    ) {
        if !self.logs.is_empty() {
            self.log_effect((at, node), line, effect);
        } else if self.check {
            self.checker.effect(node, line, effect);
        } else {
            self.checker.follow(line, effect);
        }
    }

    /// A cache's copy changed its state at an instant.
    #[inline]
    pub(crate) fn change(&mut self, (at, node): (Fs, NodeIdx), change: &StateChange) {
        if !self.check {
        } else if self.logs.is_empty() {
            self.checker.change(node, change);
        } else {
            let StateChange { line, from, to } = *change;
            self.log(line).seen.push(Seen { at, node, line, what: What::Change { from, to } });
        }
    }

    fn log_effect(&mut self, (at, node): (Fs, NodeIdx), line: Line, effect: &Effect<LineData>) {
        match effect {
            Effect::Load(value) if self.check => {
                let log = self.log(line);
                log.seen.push(Seen { at, node, line, what: What::Load });
                log.values.push(*value);
            }
            Effect::None | Effect::Load(_) => {}
            Effect::Store { old, new } => {
                let log = self.log(line);
                log.seen.push(Seen { at, node, line, what: What::Store });
                log.values.extend([*old, *new]);
            }
        }
    }

    /// Where it is logged what happens to a line.
    #[inline]
    fn log(&mut self, line: Line) -> &mut Log {
        let shard = self.shard_of[self.map.home(line).at()];
        &mut self.logs[shard as usize]
    }

    /// Tells the checker what was heard of the epoch before, in the order of time. Within an instant any
    /// order will do, so each partition's stays, by node.
    pub(crate) fn catch_up(&mut self) {
        let mut heard = core::mem::take(&mut self.heard);
        loop {
            // The next log, and the first thing of any other.
            let (mut first, mut second) = (None, None);
            for (p, (log, (at, _))) in heard.iter().zip(&self.cursors).enumerate() {
                let Some(front) = log.seen.get(*at).map(|s| (s.at, s.node, p)) else { continue };
                if first.is_none_or(|first| front < first) {
                    (first, second) = (Some(front), first);
                } else if second.is_none_or(|second| front < second) {
                    second = Some(front);
                }
            }
            let Some((_, _, from)) = first else { break };
            let mine = |s: &&Seen| second.is_none_or(|second| (s.at, s.node, from) < second);
            let mut cursor = self.cursors[from];
            while let Some(seen) = heard[from].seen.get(cursor.0).filter(mine) {
                cursor.0 += 1;
                cursor.1 += self.tell(seen, &heard[from].values[cursor.1..]);
            }
            self.cursors[from] = cursor;
        }
        heard.iter_mut().for_each(Log::clear);
        self.cursors.fill((0, 0));
        self.heard = heard;
    }

    /// Tells the checker of one thing, given the values from its own on; gives how many it has.
    fn tell(&mut self, seen: &Seen, values: &[LineData]) -> usize {
        let Seen { at, node, line, what } = *seen;
        let before = self.checker.violation_count();
        let taken = match what {
            What::Load => {
                self.checker.effect(node, line, &Effect::Load(values[0]));
                1
            }
            What::Store => {
                let effect = Effect::Store { old: values[0], new: values[1] };
                if self.check {
                    self.checker.effect(node, line, &effect);
                } else {
                    self.checker.follow(line, &effect);
                }
                2
            }
            What::Change { from, to } => {
                self.checker.change(node, &StateChange { line, from, to });
                0
            }
        };
        for _ in before..self.checker.violation_count() {
            if self.stamps.len() < self.checker.violations().len() {
                self.stamps.push((at, node));
            }
        }
        taken
    }
}
