//! What happens in which cycle: for each kind of event a ring of lists, one for each cycle to come.
//!
//! Whoever sends puts the event into the list of the cycle in which it arrives, so an idle cycle
//! costs a look into empty lists and an idle component nothing. Flits and credits are never further
//! ahead than the longest link, so their rings are short and stay in the caches. A source that wakes
//! later than its ring reaches is woken at its end and asks again; such routers lie in a set.

use std::collections::BTreeSet;

use base::RouterIdx;
use router::{Lane, PackedFlit, Ring, Slot};

/// Cycles that wakes of routers may lie ahead.
const WAKES_AHEAD: u64 = 500;
/// Cycles that wakes of sources may lie ahead, and more: two to these powers. The more sources, the fewer, so that
/// what is to come stays in the caches.
const WAKES_LOG: core::ops::RangeInclusive<u32> = 9..=12;
/// Words of 64 sources and cycles for which there is room where there are more than the fewest cycles: two to this power.
const WAKES_WORDS_LOG: u32 = 12;

/// When sources are woken: for each cycle to come a bit per source.
#[derive(Clone, Debug)]
pub(super) struct SourceWakes {
    /// `[cycle modulo their number][source / 64]`
    sets: Vec<u64>,
    words: usize,
    /// Their number is two to this power.
    log: u32,
}

impl SourceWakes {
    fn new(sources: usize) -> Self {
        let words = sources.div_ceil(64);
        let fitting = WAKES_WORDS_LOG.saturating_sub(words.next_power_of_two().ilog2());
        let log = fitting.clamp(*WAKES_LOG.start(), *WAKES_LOG.end());
        Self { sets: vec![0; words << log], words, log }
    }

    /// How many cycles ahead a source may wake at most.
    #[inline]
    const fn reach(&self) -> u64 {
        (1 << self.log) - 1
    }

    #[expect(clippy::cast_possible_truncation, reason = "the mask takes the low bits")]
    #[inline]
    const fn place(&self, at: u64) -> usize {
        at as usize & ((1 << self.log) - 1)
    }

    /// Has a source wake at cycle `at`, which is not further ahead than they reach.
    #[inline]
    fn wake(&mut self, source: usize, at: u64) {
        let first = self.place(at) * self.words;
        self.sets[first + source / 64] |= 1 << (source % 64);
    }

    /// Adds the sources that wake at cycle `now` to a set.
    #[inline]
    pub(super) fn take(&mut self, now: u64, into: &mut [u64]) {
        let first = self.place(now) * self.words;
        for (word, into) in into.iter_mut().enumerate() {
            if let Some(set) = self.sets.get_mut(first + word) {
                *into |= core::mem::take(set);
            }
        }
    }
}

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
    /// Events may lie further ahead than that: then every cycle counts as marked.
    always: bool,
}

impl Marks {
    /// None, for events up to `span` cycles ahead.
    fn new(span: u64) -> Self {
        Self {
            cycles: router::Marks::default(),
            kinds: Box::new([0; MARKS]),
            always: span >= MARKS as u64,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    #[inline]
    const fn place(cycle: u64) -> usize {
        cycle as usize % MARKS
    }

    /// Something happens in cycle `at`.
    #[inline]
    pub(super) const fn set(&mut self, at: u64, kind: Kind) {
        self.kinds[Self::place(at)] |= kind as u8;
        self.cycles.set(at);
    }

    /// What may happen in cycle `now`; asked once.
    #[inline]
    pub(super) const fn take(&mut self, now: u64) -> Kinds {
        let kinds = core::mem::replace(&mut self.kinds[Self::place(now)], 0);
        if kinds != 0 {
            self.cycles.clear(now);
        }
        Kinds(if self.always { u8::MAX } else { kinds })
    }

    /// The first cycle from `now` on in which anything may happen, or `until`, which is not before it.
    #[inline]
    pub(super) fn next(&self, now: u64, until: u64) -> u64 {
        if self.always {
            return now;
        }
        self.cycles.next(now).map_or(until, |ahead| until.min(now + ahead))
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
    /// Cycles that flits and credits may lie ahead.
    span: u64,
}

impl Calendar {
    /// Room for flits and credits up to `span` cycles ahead, and for wakes of so many sources.
    pub(super) fn new(span: u64, sources: usize) -> Self {
        let source_wakes = SourceWakes::new(sources);
        Self {
            now: 0,
            marks: Marks::new(span.max(source_wakes.reach())),
            credits: Ring::new(span),
            source_credits: Ring::new(span),
            bodies: Ring::new(span),
            heads: Ring::new(span),
            ejects: Ring::new(span),
            landing: Ring::new(span),
            wakes: Ring::new(WAKES_AHEAD),
            source_wakes,
            late_wakes: BTreeSet::new(),
            span,
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
        let until = self.marks.next(self.now, late.max(self.now));
        // In rings, nothing is as far ahead as that.
        let far = self.now + self.span.max(WAKES_AHEAD) + 1;
        let due = |at: &u64| {
            let flits = self.bodies.has(*at) || self.heads.has(*at) || self.ejects.has(*at);
            flits || self.credits.has(*at) || self.wakes.has(*at)
        };
        (self.now..until.min(far)).find(due).unwrap_or(until)
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
        let at = at.min(self.now + self.source_wakes.reach());
        self.marks.set(at, Kind::Wakes);
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
        let reach = calendar.source_wakes.reach();
        calendar.wake_source(3, 10 + reach + 1);
        calendar.wake_source(4, 11);
        calendar.wake_source(66, 11);
        let mut taken = |now| {
            let mut set = [0; 2];
            calendar.source_wakes.take(now, &mut set);
            set
        };
        assert_eq!(taken(11), [1 << 4, 1 << 2]);
        assert_eq!([taken(11), taken(10 + reach)], [[0; 2], [1 << 3, 0]]);
        assert_eq!(calendar.late_wake(10 + WAKES_AHEAD + 6), None);
        assert_eq!(calendar.late_wake(10 + WAKES_AHEAD + 7), Some(RouterIdx(5)));
        assert_eq!(calendar.late_wake(10 + WAKES_AHEAD + 7), None);
    }

    #[test]
    fn a_mark_is_taken_in_its_cycle_and_events_beyond_all_marks_are_never_passed_over() {
        let mut near = Marks::new(MARKS as u64 - 1);
        let last = 7 + MARKS as u64 - 1;
        near.set(last, Kind::Flits);
        near.set(last, Kind::Wakes);
        assert_eq!(
            [near.next(7, last + 9), near.next(7, 700), near.next(last, last)],
            [last, 700, last]
        );
        let all = (7..7 + 2 * MARKS as u64).map(|at| (at, near.take(at)));
        let taken: Vec<(u64, Kinds)> = all.filter(|(_, kinds)| *kinds != Kinds(0)).collect();
        assert_eq!(taken, [(last, Kinds(Kind::Flits as u8 | Kind::Wakes as u8))]);
        assert_eq!(near.next(7, 9000), 9000);
        let mut far = Marks::new(MARKS as u64);
        far.set(7 + MARKS as u64, Kind::Credits);
        assert!((7..=7 + MARKS as u64).all(|at| far.take(at).has(Kind::Credits)));
        assert_eq!(far.next(8, 9), 8);
    }
}
