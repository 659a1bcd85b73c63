//! What a read may have seen: the writes of its line, from the newest on the thread's way to memory
//! back to the oldest that it may still see.

use base::NodeIdx;

use super::{Ghost, Issued, Pending, ScopedFault, Written};
use crate::scoped::line::Parts;
use crate::scoped::message::Unit;

/// A read being judged.
pub(super) struct Look<'a, V> {
    issued: &'a Issued,
    mask: u64,
    value: V,
    /// Parts that are not explained yet.
    left: u64,
    pub(super) fault: Option<(ScopedFault, String)>,
    /// The write that all of it was read from, if it is one.
    from: Option<&'a Written<V>>,
    /// Parts read from memory's order, and how many writes of it each was read behind.
    pub(super) index: Vec<(u32, u64)>,
}

impl<'a, V: Parts> Look<'a, V> {
    fn happens_before(&self, w: &Written<V>) -> bool {
        w.thread == self.issued.thread || self.issued.clocks[w.thread as usize] >= w.clock
    }

    /// The next write on the way back from the newest. `exact`: what it wrote is there to be seen.
    fn see(&mut self, w: &'a Written<V>, exact: bool, index: Option<u64>) {
        let here = w.mask & self.left;
        let same = w.value.same(here, &self.value);
        if same == self.mask {
            self.from = Some(w);
        }
        if let Some(index) = index {
            self.index.extend(parts(same).map(|part| (part, index)));
        }
        self.left &= !same;
        if same != here && (exact || self.happens_before(w)) {
            let by = format!("thread {} wrote {:?} there", w.thread, w.value);
            self.fault.get_or_insert((ScopedFault::Stale, by));
            self.left &= !here;
        }
    }

    /// A write that is not where the read looks: it must not happen before.
    fn miss(&mut self, w: &Written<V>) {
        if w.mask & self.left != 0 && self.happens_before(w) {
            let by = format!("thread {} wrote {:?}, which has not arrived", w.thread, w.value);
            self.fault.get_or_insert((ScopedFault::Stale, by));
        }
    }

    /// What no write explains was there at first.
    fn end(&mut self, initial: &V) {
        let same = initial.same(self.left, &self.value);
        self.index.extend(parts(same).map(|part| (part, 0)));
        if same != self.left {
            self.fault.get_or_insert((ScopedFault::ThinAir, "nobody did".to_owned()));
        }
    }

    /// The write to synchronize with: the one that was read, if no other wrote the same.
    pub(super) fn synced(&self, ghost: &'a Ghost<V>) -> Option<&'a Written<V>> {
        let from = self.from.filter(|w| w.released.iter().any(Option::is_some))?;
        let waiting = ghost.pending.iter().flat_map(|p| p.dirty.iter().chain(&p.flight));
        let all = ghost.history.iter().chain(waiting);
        let (mask, value) = (self.mask, &self.value);
        let same = |w: &&Written<V>| w.mask & mask == mask && w.value.same(mask, value) == mask;
        (all.filter(same).count() == 1).then_some(from)
    }
}

/// Judges a read of a thread of `node`, whose cache asks `above`.
pub(super) fn judge<'a, V: Parts>(
    ghost: &'a Ghost<V>,
    (node, above): (NodeIdx, (NodeIdx, Unit)),
    issued: &'a Issued,
    (mask, value): (u64, &V),
) -> Look<'a, V> {
    let index = Vec::new();
    let mut look = Look { issued, mask, value: *value, left: mask, fault: None, from: None, index };
    let own = |p: &&Pending<V>| p.at == (Unit::Cache, node);
    let slice = |p: &&Pending<V>| above.1 == Unit::Slice && p.at == (above.1, above.0);
    for w in ghost.pending.iter().filter(own).flat_map(newest_first) {
        look.see(w, true, None);
    }
    let elsewhere = ghost.pending.iter().filter(|p| !own(p) && !slice(p));
    elsewhere.flat_map(newest_first).for_each(|w| look.miss(w));
    for w in ghost.pending.iter().filter(slice).flat_map(newest_first) {
        look.see(w, false, None);
    }
    for (at, w) in ghost.history.iter().enumerate().rev() {
        if look.left == 0 {
            return look;
        }
        look.see(w, false, Some(ghost.forgotten + at as u64 + 1));
    }
    if ghost.forgotten == 0 {
        look.end(&ghost.initial);
    }
    look
}

/// What a unit holds of writes, the newest first.
fn newest_first<V>(p: &Pending<V>) -> impl Iterator<Item = &Written<V>> {
    p.dirty.iter().rev().chain(p.flight.iter().rev())
}

/// The parts of a mask.
fn parts(mask: u64) -> impl Iterator<Item = u32> {
    (0..64).filter(move |part| mask >> part & 1 == 1)
}
