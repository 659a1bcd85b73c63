//! What happens in which cycle: for each kind of event a ring of lists, one for each cycle to come.
//!
//! Whoever sends puts the event into the list of the cycle in which it arrives, so an idle cycle
//! costs a look into empty lists and an idle component nothing. Flits and credits are never further
//! ahead than the longest link, so their rings are short and stay in the caches. Routers that wake
//! later than their ring reaches lie in a set.

use std::collections::BTreeSet;

use base::RouterIdx;
use router::{Lane, PackedFlit, Ring, Slot};

use super::wakes::{SourceSet, SourceWakes};

/// Cycles that wakes of routers may lie ahead.
const WAKES_AHEAD: u64 = 500;
/// Cycles ahead that are marked.
const MARKS: usize = router::Marks::CYCLES;

/// What happens at the edge of the network, or is up to it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Credits arrive at sources.
    Credits = 1,
    /// Sources wake.
    Wakes = 2,
    /// Flits arrive at nodes.
    Flits = 4,
}

/// The kinds of what happens in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    /// Whether anything of a kind may happen.
    #[inline]
    pub(super) const fn has(self, kind: Kind) -> bool {
        self.0 & kind as u8 != 0
    }
}

/// For each cycle to come what may happen at the edge of the network.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    /// The cycles in which anything may, and `[cycle modulo their number]` its kinds.
    cycles: router::Marks,
    kinds: Box<[u8; MARKS]>,
    /// The first of them.
    first: u64,
    /// Events may lie further ahead than that: then every cycle counts as marked.
    always: bool,
}

impl Marks {
    /// None, for events up to `span` cycles ahead.
    fn new(span: u64) -> Self {
        let always = span >= MARKS as u64;
        Self {
            cycles: router::Marks::default(),
            kinds: Box::new([0; MARKS]),
            first: if always { 0 } else { u64::MAX },
            always,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    #[inline]
    const fn place(cycle: u64) -> usize {
        cycle as usize % MARKS
    }

    /// Something happens in cycle `at`.
    #[inline]
    pub(super) fn set(&mut self, at: u64, kind: Kind) {
        self.kinds[Self::place(at)] |= kind as u8;
        self.cycles.set(at);
        self.first = self.first.min(at);
    }

    /// What may happen in cycle `now`, none before which was left out; asked once.
    #[inline]
    pub(super) fn take(&mut self, now: u64) -> Kinds {
        if now < self.first {
            return Kinds(0);
        }
        if self.always {
            return Kinds(u8::MAX);
        }
        let kinds = core::mem::replace(&mut self.kinds[Self::place(now)], 0);
        self.first = self.cycles.pop(now).unwrap_or(u64::MAX);
        Kinds(kinds)
    }

    /// The first cycle from the present one on in which anything may happen: [`u64::MAX`] if nothing is to come, 0 if
    /// every cycle counts.
    #[inline]
    pub(super) const fn first(&self) -> u64 {
        self.first
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
    /// Flits that arrive at nodes.
    pub(super) ejects: Ring<Slot>,
    /// Likewise, from routers which are stepped all at once.
    pub(super) landing: Ring<PackedFlit>,
    /// Routers, and sources, for which something runs out.
    pub(super) wakes: Ring<RouterIdx>,
    pub(super) source_wakes: SourceWakes,
    late_wakes: BTreeSet<(u64, RouterIdx)>,
    /// Cycles in which any of those arrive at routers that are stepped one by one or at their nodes, or such routers wake.
    near: router::Marks,
    /// Cycles that flits and credits may lie ahead, and whether that is too far for marks.
    span: u64,
    far: bool,
}

impl Calendar {
    /// Room for flits and credits up to `span` cycles ahead, and for wakes of so many sources.
    pub(super) fn new(span: u64, sources: usize) -> Self {
        Self {
            now: 0,
            marks: Marks::new(span),
            credits: Ring::new(span),
            source_credits: Ring::new(span),
            bodies: Ring::new(span),
            heads: Ring::new(span),
            ejects: Ring::new(span),
            landing: Ring::new(span),
            wakes: Ring::new(WAKES_AHEAD),
            source_wakes: SourceWakes::new(sources),
            late_wakes: BTreeSet::new(),
            near: router::Marks::default(),
            span,
            far: span >= MARKS as u64,
        }
    }

    /// Whether no flit and no credit is on its way.
    pub(super) fn is_quiet(&self) -> bool {
        let flits = self.bodies.is_empty() && self.heads.is_empty() && self.landing.is_empty();
        flits && self.ejects.is_empty() && self.credits.is_empty() && self.source_credits.is_empty()
    }

    /// The first cycle from the present one on in which anything is to come, or `until`, which is not before it.
    pub(super) fn next(&self, until: u64) -> u64 {
        let late = self.late_wakes.first().map_or(until, |(at, _)| until.min(*at));
        let until = self.marks.first().min(late).max(self.now);
        if self.far {
            return self.next_far(until);
        }
        self.near.next(self.now).map_or(until, |ahead| until.min(self.now + ahead))
    }

    /// As [`next`](Self::next) of what lies in rings.
    #[cold]
    fn next_far(&self, until: u64) -> u64 {
        let due = |at: &u64| {
            let flits = self.bodies.has(*at) || self.heads.has(*at) || self.ejects.has(*at);
            flits || self.credits.has(*at) || self.wakes.has(*at)
        };
        // Nothing is as far ahead as that.
        let far = self.now + self.span.max(WAKES_AHEAD) + 1;
        (self.now..until.min(far)).find(due).unwrap_or(until)
    }

    /// Something arrives in cycle `at` at a router that is stepped by itself, or from there at a node.
    #[inline]
    pub(super) const fn mark(&mut self, at: u64) {
        self.near.set(at);
    }

    /// The present cycle is stepped.
    #[inline]
    pub(super) const fn unmark(&mut self) {
        self.near.clear(self.now);
    }

    /// Wakes a router at cycle `at`.
    #[cold]
    pub(super) fn wake(&mut self, router: RouterIdx, at: u64) {
        if at <= self.now + WAKES_AHEAD {
            self.mark(at);
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
        let at = at.min(self.now + SourceWakes::REACH);
        let look = self.source_wakes.wake(source, at, self.now);
        self.marks.set(look, Kind::Wakes);
    }

    /// Adds the sources that wake at cycle `now` to a set.
    #[inline]
    pub(super) fn take_source_wakes(&mut self, now: u64, into: &mut SourceSet) {
        let Self { source_wakes, marks, .. } = self;
        source_wakes.take(now, into, |at| marks.set(at, Kind::Wakes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routers_wake_comes_in_time_however_far_ahead() {
        let mut calendar = Calendar::new(8, 70);
        calendar.now = 10;
        calendar.wake(RouterIdx(5), 10 + WAKES_AHEAD + 7);
        assert_eq!(calendar.late_wake(10 + WAKES_AHEAD + 6), None);
        assert_eq!(calendar.late_wake(10 + WAKES_AHEAD + 7), Some(RouterIdx(5)));
        assert_eq!(calendar.late_wake(10 + WAKES_AHEAD + 7), None);
    }

    #[test]
    fn a_source_wakes_in_time_or_early_and_every_cycle_is_marked_that_matters() {
        let reach = SourceWakes::REACH;
        for ahead in [1, 511, 512, 9000, reach, reach + 1] {
            let mut calendar = Calendar::new(8, 70);
            calendar.now = 10;
            calendar.wake_source(66, 10 + ahead);
            let mut woken = None;
            while woken.is_none() {
                let now = calendar.marks.first();
                calendar.now = now;
                assert!(calendar.marks.take(now).has(Kind::Wakes));
                let mut set = SourceSet::new(70);
                calendar.take_source_wakes(now, &mut set);
                woken = (!set.is_empty()).then_some((now, set.take(1)));
            }
            assert_eq!(woken, Some((10 + ahead.min(reach), 1 << 2)));
        }
    }

    #[test]
    fn a_mark_is_taken_in_its_cycle_and_events_beyond_all_marks_are_never_passed_over() {
        let mut near = Marks::new(MARKS as u64 - 1);
        assert_eq!(near.first(), u64::MAX);
        let last = 7 + MARKS as u64 - 1;
        near.set(last, Kind::Flits);
        near.set(70, Kind::Credits);
        near.set(last, Kind::Wakes);
        assert_eq!(near.first(), 70);
        let all = (7..7 + 2 * MARKS as u64).map(|at| (at, near.take(at), near.first()));
        let taken: Vec<_> = all.filter(|(_, kinds, _)| *kinds != Kinds(0)).collect();
        let at_last = Kinds(Kind::Flits as u8 | Kind::Wakes as u8);
        let at_first = Kinds(Kind::Credits as u8);
        assert_eq!(taken, [(70, at_first, last), (last, at_last, u64::MAX)]);
        let mut far = Marks::new(MARKS as u64);
        far.set(7 + MARKS as u64, Kind::Credits);
        assert!((7..=7 + MARKS as u64).all(|at| far.take(at).has(Kind::Credits)));
        assert_eq!(far.first(), 0);
    }
}
