//! What happens in which cycle: for each kind of event a ring of lists, one for each cycle to come.
//!
//! Whoever sends puts the event into the list of the cycle in which it arrives, so an idle cycle
//! costs a look into empty lists and an idle component nothing. Flits and credits are never further
//! ahead than the longest link, so their rings are short and stay in the caches. A source that wakes
//! later than its ring reaches is woken at its end and asks again; such routers lie in a set.

use std::collections::BTreeSet;

use base::RouterIdx;
use router::{Lane, PackedFlit, Ring, Slot};

/// Cycles that wakes may lie ahead, at least.
const WAKES_AHEAD: u64 = 500;
/// Cycles of [`SourceWakes`], above that.
const WAKES_LOG: u32 = 9;

/// When sources are woken: for each cycle to come a bit per source.
#[derive(Clone, Debug)]
pub(super) struct SourceWakes {
    /// `[cycle modulo their number][source / 64]`
    sets: Vec<u64>,
    words: usize,
}

impl SourceWakes {
    fn new(sources: usize) -> Self {
        let words = sources.div_ceil(64);
        Self { sets: vec![0; words << WAKES_LOG], words }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the mask takes the low bits")]
    #[inline]
    const fn place(at: u64) -> usize {
        at as usize & ((1 << WAKES_LOG) - 1)
    }

    /// Has a source wake at cycle `at`, which is not further ahead than they reach.
    #[inline]
    fn wake(&mut self, source: usize, at: u64) {
        self.sets[Self::place(at) * self.words + source / 64] |= 1 << (source % 64);
    }

    /// Adds the sources that wake at cycle `now` to a set.
    #[inline]
    pub(super) fn take(&mut self, now: u64, into: &mut [u64]) {
        let first = Self::place(now) * self.words;
        for (word, into) in into.iter_mut().enumerate() {
            if let Some(set) = self.sets.get_mut(first + word) {
                *into |= core::mem::take(set);
            }
        }
    }
}

/// Cycles ahead that are marked.
const MARKS: usize = 4096;

/// For each cycle to come whether anything may happen at the edge of the network.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    /// `[cycle modulo their number]`
    marks: Box<[bool; MARKS]>,
    /// Events may lie further ahead than that: then every cycle counts as marked.
    always: bool,
}

impl Marks {
    /// None, for events up to `span` cycles ahead.
    fn new(span: u64) -> Self {
        Self { marks: Box::new([false; MARKS]), always: span >= MARKS as u64 }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    #[inline]
    const fn at(&mut self, cycle: u64) -> &mut bool {
        &mut self.marks[cycle as usize % MARKS]
    }

    /// Something happens in cycle `at`.
    #[inline]
    pub(super) const fn set(&mut self, at: u64) {
        *self.at(at) = true;
    }

    /// Whether anything may happen in cycle `now`; asked once.
    #[inline]
    pub(super) const fn take(&mut self, now: u64) -> bool {
        core::mem::replace(self.at(now), false) || self.always
    }
}

/// All that is to come.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    pub(super) now: u64,
    /// Cycles in which credits arrive at sources, sources wake or flits arrive at nodes from routers which are
    /// stepped all at once.
    pub(super) marks: Marks,
    /// Credits that arrive at output VCs of routers.
    pub(super) credits: Ring<Lane>,
    /// Credits that arrive at sources: source and VC as the wires number them.
    pub(super) source_credits: Ring<Lane>,
    /// Flits that arrive at input VCs of routers.
    pub(super) bodies: Ring<(Lane, Slot)>,
    pub(super) heads: Ring<(Lane, Slot)>,
    /// Flits of this cycle that sources send to routers which are stepped all at once, each with the
    /// low bits of the cycle of its arrival.
    pub(super) entering: Vec<(Lane, PackedFlit, u32)>,
    /// Flits that arrive at nodes.
    pub(super) ejects: Ring<Slot>,
    /// Likewise, from routers which are stepped all at once.
    pub(super) landing: Ring<PackedFlit>,
    /// Routers, and sources, for which something runs out.
    pub(super) wakes: Ring<RouterIdx>,
    pub(super) source_wakes: SourceWakes,
    late_wakes: BTreeSet<(u64, RouterIdx)>,
}

impl Calendar {
    /// Room for flits and credits up to `span` cycles ahead, and for wakes of so many sources.
    pub(super) fn new(span: u64, sources: usize) -> Self {
        Self {
            now: 0,
            marks: Marks::new(span.max(WAKES_AHEAD)),
            credits: Ring::new(span),
            source_credits: Ring::new(span),
            bodies: Ring::new(span),
            heads: Ring::new(span),
            entering: Vec::new(),
            ejects: Ring::new(span),
            landing: Ring::new(span),
            wakes: Ring::new(WAKES_AHEAD),
            source_wakes: SourceWakes::new(sources),
            late_wakes: BTreeSet::new(),
        }
    }

    /// Whether no flit and no credit is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        let flits = self.bodies.is_empty() && self.heads.is_empty() && self.landing.is_empty();
        flits && self.ejects.is_empty() && self.credits.is_empty() && self.source_credits.is_empty()
    }

    /// Wakes a router at cycle `at`.
    #[cold]
    pub(super) fn wake(&mut self, router: RouterIdx, at: u64) {
        if at <= self.now + WAKES_AHEAD {
            self.wakes.push(at, router);
        } else {
            self.late_wakes.insert((at, router));
        }
    }

    /// A router that was to be woken at cycle `now`, and lay too far ahead for the ring.
    #[inline]
    pub(super) fn late_wake(&mut self, now: u64) -> Option<RouterIdx> {
        if self.late_wakes.is_empty() {
            return None;
        }
        let due = self.late_wakes.first().is_some_and(|(at, _)| *at <= now);
        due.then(|| self.late_wakes.pop_first().map(|(_, router)| router)).flatten()
    }

    /// Wakes a source at cycle `at`, or as late before it as can be.
    #[inline]
    pub(super) fn wake_source(&mut self, source: usize, at: u64) {
        let at = at.min(self.now + WAKES_AHEAD);
        self.marks.set(at);
        self.source_wakes.wake(source, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sources_wake_too_far_ahead_comes_early_and_a_routers_in_time() {
        let mut calendar = Calendar::new(8, 70);
        calendar.now = 10;
        calendar.wake(RouterIdx(5), 10 + WAKES_AHEAD + 7);
        calendar.wake_source(3, 10 + WAKES_AHEAD + 1);
        calendar.wake_source(4, 11);
        calendar.wake_source(66, 11);
        let mut taken = |now| {
            let mut set = [0; 2];
            calendar.source_wakes.take(now, &mut set);
            set
        };
        assert_eq!(taken(11), [1 << 4, 1 << 2]);
        assert_eq!([taken(11), taken(10 + WAKES_AHEAD)], [[0; 2], [1 << 3, 0]]);
        assert_eq!(calendar.late_wake(10 + WAKES_AHEAD + 6), None);
        assert_eq!(calendar.late_wake(10 + WAKES_AHEAD + 7), Some(RouterIdx(5)));
        assert_eq!(calendar.late_wake(10 + WAKES_AHEAD + 7), None);
    }

    #[test]
    fn a_mark_is_taken_in_its_cycle_and_events_beyond_all_marks_are_never_passed_over() {
        let mut near = Marks::new(MARKS as u64 - 1);
        near.set(7 + MARKS as u64 - 1);
        let taken: Vec<u64> = (7..7 + 2 * MARKS as u64).filter(|at| near.take(*at)).collect();
        assert_eq!(taken, [7 + MARKS as u64 - 1]);
        let mut far = Marks::new(MARKS as u64);
        far.set(7 + MARKS as u64);
        assert!((7..=7 + MARKS as u64).all(|at| far.take(at)));
    }
}
