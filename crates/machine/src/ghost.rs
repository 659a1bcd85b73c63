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

/// Values of one thing that happened at most.
const VALUES_MAX: usize = 2;

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

    /// Whether one more thing can be logged without more memory.
    #[inline]
    fn has_room(&self) -> bool {
        let room = self.values.capacity() - self.values.len();
        self.seen.len() < self.seen.capacity() && room >= VALUES_MAX
    }

    fn grow(&mut self) {
        self.seen.reserve(1);
        self.values.reserve(VALUES_MAX);
    }

    /// How far it is read: `front`, with what comes next there; none at its end.
    #[inline]
    fn front(&self, front: Front) -> Option<Front> {
        let Seen { at, node, .. } = *self.seen.get(front.seen)?;
        Some(Front { at, node, ..front })
    }

    fn clear(&mut self) {
        self.seen.clear();
        self.values.clear();
    }
}

/// How far the log of a partition is read.
#[derive(Clone, Copy, Debug)]
struct Front {
    /// When the next of it happened, and by whom.
    at: Fs,
    node: NodeIdx,
    /// The partition.
    from: usize,
    /// Entries and values before it.
    seen: usize,
    values: usize,
}

impl Front {
    /// The order in which what was heard is told.
    const fn order(&self) -> (u64, u32, usize) {
        (self.at.0, self.node.0, self.from)
    }
}

/// The ghost memory of a partition's lines; it follows every write, and where `check` is set, compares.
#[derive(Debug)]
pub(crate) struct Ghost {
    checker: Checker<LineData>,
    check: bool,
    /// Of each violation that the checker keeps, when and by whom.
    stamps: Vec<(Fs, NodeIdx)>,
    map: AddressMap,
    /// `[node]`: the shard of the lines at home there.
    shard_of: Arc<[u32]>,
    /// `[shard]`: what happened here since the epoch began.
    pub(crate) logs: Vec<Log>,
    /// `[partition]`: what happened there to this shard's lines in the epoch before.
    pub(crate) heard: Vec<Log>,
    /// Of the logs that are not read to their end, the next one last; empty between epochs.
    fronts: Vec<Front>,
}

// What was logged is told when an epoch is over.
base::state!([] Ghost {
    keeps checker, stamps;
    each;
    fixed check, map, shard_of, logs, heard, fronts
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
            fronts: Vec::with_capacity(parts),
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
    pub(crate) fn effect(&mut self, who: (Fs, NodeIdx), line: Line, effect: &Effect<LineData>) {
        if self.logs.is_empty() {
            self.tell_effect(who.1, line, effect);
        } else {
            self.log_effect(who, line, effect);
        }
    }

    #[inline(never)]
    fn tell_effect(&mut self, node: NodeIdx, line: Line, effect: &Effect<LineData>) {
        if self.check {
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
            let shard = self.shard(line);
            self.logs[shard].seen.push(Seen { at, node, line, what: What::Change { from, to } });
        }
    }

    #[inline(never)]
    fn log_effect(&mut self, (at, node): (Fs, NodeIdx), line: Line, effect: &Effect<LineData>) {
        if !self.check && !matches!(effect, Effect::Store { .. }) {
            return;
        }
        let shard = self.shard(line);
        let log = &mut self.logs[shard];
        if !log.has_room() {
            return self.log_with_more(shard, (at, node), line, effect);
        }
        match effect {
            Effect::Load(value) => {
                log.seen.push(Seen { at, node, line, what: What::Load });
                log.values.push(*value);
            }
            Effect::None => {}
            Effect::Store { old, new } => {
                log.seen.push(Seen { at, node, line, what: What::Store });
                log.values.push(*old);
                log.values.push(*new);
            }
        }
    }

    /// As [`log_effect`](Self::log_effect), with more memory: apart, so that what is common keeps nothing for it.
    #[cold]
    #[inline(never)]
    fn log_with_more(
        &mut self,
        shard: usize,
        who: (Fs, NodeIdx),
        line: Line,
        effect: &Effect<LineData>,
    ) {
        self.logs[shard].grow();
        self.log_effect(who, line, effect);
    }

    /// The shard of a line; 0 where nothing is cut.
    #[inline]
    pub(crate) fn shard(&self, line: Line) -> usize {
        self.shard_of.get(self.map.home(line).at()).map_or(0, |shard| *shard as usize)
    }

    /// Tells the checker what was heard of the epoch before, in the order of time. Within an instant any
    /// order will do, so each partition's stays, by node.
    #[inline]
    pub(crate) fn catch_up(&mut self) {
        if !self.heard.iter().all(Log::is_empty) {
            self.tell_all();
        }
    }

    #[inline(never)]
    fn tell_all(&mut self) {
        let mut heard = core::mem::take(&mut self.heard);
        for (from, log) in heard.iter().enumerate() {
            let start = Front { at: Fs::ZERO, node: NodeIdx(0), from, seen: 0, values: 0 };
            self.fronts.extend(log.front(start));
            self.sink();
        }
        while let Some(mut front) = self.fronts.pop() {
            loop {
                let log = &heard[front.from];
                let told = self.tell_until(log, front, self.fronts.last().copied());
                let Some(rest) = log.front(told) else { break };
                // Another is before it now.
                front = self.fronts.last_mut().map_or(rest, |next| core::mem::replace(next, rest));
                self.sink();
            }
        }
        heard.iter_mut().for_each(Log::clear);
        self.heard = heard;
    }

    /// Puts the last of the fronts in its place.
    #[inline]
    fn sink(&mut self) {
        for at in (1..self.fronts.len()).rev() {
            if self.fronts[at - 1].order() > self.fronts[at].order() {
                return;
            }
            self.fronts.swap(at - 1, at);
        }
    }

    /// Tells the checker what a partition has logged, up to what another has. Gives how far that was.
    fn tell_until(&mut self, log: &Log, mut front: Front, other: Option<Front>) -> Front {
        let from = front.from;
        let (until, order) = other.map_or((Fs::NEVER, (u64::MAX, 0, 0)), |o| (o.at, o.order()));
        let mut values = log.values[front.values..].iter();
        for seen in &log.seen[front.seen..] {
            if seen.at >= until && (seen.at.0, seen.node.0, from) >= order {
                break;
            }
            front.seen += 1;
            let before = self.checker.violation_count();
            self.tell(seen, &mut values);
            if self.checker.violation_count() != before {
                self.stamps.resize(self.checker.violations().len(), (seen.at, seen.node));
            }
        }
        Front { values: log.values.len() - values.len(), ..front }
    }

    /// Tells the checker of one thing, which takes some of the values that come next.
    #[inline]
    fn tell(&mut self, seen: &Seen, values: &mut core::slice::Iter<'_, LineData>) {
        let Seen { node, line, what, .. } = *seen;
        let mut value = || values.next().expect("what is logged is logged with its values");
        match what {
            What::Load => self.checker.load(node, line, value()),
            What::Store => {
                let (old, new) = (value(), value());
                if self.check {
                    self.checker.store(node, line, old, new);
                } else {
                    self.checker.follow_store(line, new);
                }
            }
            What::Change { from, to } => {
                self.checker.change(node, &StateChange { line, from, to });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Line = Line(0);

    fn value(n: u64) -> LineData {
        let LineData(mut words) = untouched(LINE);
        words[0] = n;
        LineData(words)
    }

    /// The ghost of the first of three partitions, which is home to the line.
    fn ghost() -> Ghost {
        Ghost::new(true, AddressMap::new(3, 4096, 1, 64), 3, &Arc::<[u32]>::from([0, 1, 2]))
    }

    /// Has node and partition `n` do something at an instant.
    fn log(ghost: &mut Ghost, at: u64, n: usize, effect: Effect<LineData>) {
        ghost.effect((Fs(at), NodeIdx::new(n)), LINE, &effect);
        let mut log = core::mem::take(&mut ghost.logs[0]);
        ghost.heard[n].seen.append(&mut log.seen);
        ghost.heard[n].values.append(&mut log.values);
    }

    #[test]
    fn what_partitions_log_is_told_in_the_order_of_time_and_of_nodes() {
        let mut ghost = ghost();
        let store = |old, new| Effect::Store { old: value(old), new: value(new) };
        log(&mut ghost, 10, 0, Effect::Store { old: untouched(LINE), new: value(1) });
        log(&mut ghost, 10, 2, store(1, 2));
        for at in 20..40 {
            log(&mut ghost, at, (at % 3) as usize, store(at - 18, at - 17));
        }
        // At one instant: by node, though the last has logged first.
        log(&mut ghost, 50, 2, store(24, 25));
        log(&mut ghost, 50, 1, store(23, 24));
        log(&mut ghost, 50, 0, store(22, 23));
        log(&mut ghost, 60, 0, Effect::Load(value(25)));
        ghost.catch_up();
        assert_eq!(ghost.checker().violations(), []);
        assert_eq!(ghost.checker().golden(LINE), value(25));
        assert!(ghost.fronts.is_empty() && ghost.heard.iter().all(Log::is_empty));
    }

    #[test]
    fn a_violation_is_stamped_with_who_and_when() {
        let mut ghost = ghost();
        log(&mut ghost, 7, 1, Effect::Load(value(9)));
        log(&mut ghost, 8, 0, Effect::Load(untouched(LINE)));
        log(&mut ghost, 9, 2, Effect::Load(value(8)));
        ghost.catch_up();
        let stamps: Vec<_> = ghost.violations().map(|(stamp, _)| stamp).collect();
        assert_eq!(stamps, [(Fs(7), NodeIdx(1)), (Fs(9), NodeIdx(2))]);
    }
}
