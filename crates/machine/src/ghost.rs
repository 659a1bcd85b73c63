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
use coherence::{Checker, Effect, StateChange, Violation};
use memory::AddressMap;

use crate::build::untouched;

/// What happened to a line, when and by whom.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    at: Fs,
    node: NodeIdx,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Effect(Line, Effect<LineData>),
    Change(StateChange),
}

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
    pub(crate) logs: Vec<Vec<Seen>>,
    /// `[partition]`: what happened there to this shard's lines in the epoch before.
    pub(crate) heard: Vec<Vec<Seen>>,
}

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
            logs: vec![Vec::new(); parts],
            heard: vec![Vec::new(); parts],
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
            if self.check || matches!(effect, Effect::Store { .. }) {
                self.log(line, Seen { at, node, what: What::Effect(line, *effect) });
            }
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
            self.log(change.line, Seen { at, node, what: What::Change(*change) });
        }
    }

    fn log(&mut self, line: Line, seen: Seen) {
        let shard = self.shard_of[self.map.home(line).at()];
        self.logs[shard as usize].push(seen);
    }

    /// Tells the checker what was heard of the epoch before, in the order of time. Within an instant any
    /// order will do, so each partition's stays, by node.
    pub(crate) fn catch_up(&mut self) {
        let mut heard = core::mem::take(&mut self.heard);
        let mut at = vec![0; heard.len()];
        loop {
            let fronts = heard.iter().zip(&at).enumerate();
            let first =
                fronts.filter_map(|(p, (list, at))| list.get(*at).map(|s| (s.at, s.node, p)));
            let Some((instant, node, from)) = first.min() else { break };
            let before = self.checker.violation_count();
            match &heard[from][at[from]].what {
                What::Effect(line, effect) if self.check => {
                    self.checker.effect(node, *line, effect);
                }
                What::Effect(line, effect) => self.checker.follow(*line, effect),
                What::Change(change) => self.checker.change(node, change),
            }
            let new = self.checker.violation_count() - before;
            for _ in 0..new {
                if self.stamps.len() < self.checker.violations().len() {
                    self.stamps.push((instant, node));
                }
            }
            at[from] += 1;
        }
        heard.iter_mut().for_each(Vec::clear);
        self.heard = heard;
    }
}
