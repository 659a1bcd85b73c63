//! What happens in which cycle: for each kind of event a ring of lists, one for each cycle to come.
//!
//! Whoever sends puts the event into the list of the cycle in which it arrives, so an idle cycle
//! costs a look into empty lists and an idle component nothing. Flits and credits are never further
//! ahead than the longest link, so their rings are short and stay in the caches; who wakes later than
//! its ring reaches is woken at its end and asks again.

use base::RouterIdx;
use router::{Lane, Slot};

/// Cycles that wakes may lie ahead, at least.
const WAKES_AHEAD: u64 = 500;
/// Cycles of [`SourceWakes`], above that.
const WAKES_LOG: u32 = 9;

/// The lists of one kind of event. Within a list the order does not matter.
#[derive(Clone, Debug)]
pub(super) struct Ring<T> {
    lists: Vec<Vec<T>>,
    mask: usize,
}

impl<T: Clone> Ring<T> {
    fn new(span: u64) -> Self {
        let size = usize::try_from(span + 1).unwrap_or(usize::MAX).next_power_of_two();
        Self { lists: vec![Vec::new(); size], mask: size - 1 }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the mask takes the low bits")]
    #[inline]
    const fn index(&self, at: u64) -> usize {
        at as usize & self.mask
    }

    /// Puts an event into the list of cycle `at`, at most the span ahead.
    #[inline]
    pub(super) fn push(&mut self, at: u64, event: T) {
        let index = self.index(at);
        self.lists[index].push(event);
    }

    /// Takes the list of cycle `now`; it is to be given back for the room that it has.
    #[inline]
    pub(super) fn take(&mut self, now: u64) -> Option<Vec<T>> {
        let index = self.index(now);
        let list = &mut self.lists[index];
        (!list.is_empty()).then(|| core::mem::take(list))
    }

    /// The lists from cycle `now`'s on.
    #[cfg(feature = "mutants")]
    pub(super) fn ahead(&mut self, now: u64) -> impl Iterator<Item = &mut Vec<T>> {
        let index = self.index(now);
        let (past, ahead) = self.lists.split_at_mut(index);
        ahead.iter_mut().chain(past)
    }

    #[inline]
    pub(super) fn give_back(&mut self, now: u64, mut list: Vec<T>) {
        list.clear();
        let index = self.index(now);
        self.lists[index] = list;
    }
}

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
    const fn first(&self, at: u64) -> usize {
        (at as usize & ((1 << WAKES_LOG) - 1)) * self.words
    }

    /// Adds the sources that wake at cycle `now` to a set.
    #[inline]
    pub(super) fn take(&mut self, now: u64, into: &mut [u64]) {
        let first = self.first(now);
        for (set, into) in self.sets[first..][..self.words].iter_mut().zip(into) {
            *into |= core::mem::take(set);
        }
    }
}

/// All that is to come.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    pub(super) now: u64,
    /// Credits that arrive at output VCs of routers.
    pub(super) credits: Ring<Lane>,
    /// Credits that arrive at sources: source and VC as the wires number them.
    pub(super) source_credits: Ring<Lane>,
    /// Flits that arrive at input VCs of routers.
    pub(super) bodies: Ring<(Lane, Slot)>,
    pub(super) heads: Ring<(Lane, Slot)>,
    /// Flits that arrive at nodes.
    pub(super) ejects: Ring<Slot>,
    /// Routers, and sources, for which something runs out.
    pub(super) wakes: Ring<RouterIdx>,
    pub(super) source_wakes: SourceWakes,
}

impl Calendar {
    /// Room for flits and credits up to `span` cycles ahead, and for wakes of so many sources.
    pub(super) fn new(span: u64, sources: usize) -> Self {
        Self {
            now: 0,
            credits: Ring::new(span),
            source_credits: Ring::new(span),
            bodies: Ring::new(span),
            heads: Ring::new(span),
            ejects: Ring::new(span),
            wakes: Ring::new(WAKES_AHEAD),
            source_wakes: SourceWakes::new(sources),
        }
    }

    /// Wakes a router at cycle `at`, or as late before it as can be.
    #[inline]
    pub(super) fn wake(&mut self, router: RouterIdx, at: u64) {
        self.wakes.push(at.min(self.now + WAKES_AHEAD), router);
    }

    /// Wakes a source at cycle `at`, or as late before it as can be.
    #[inline]
    pub(super) fn wake_source(&mut self, source: usize, at: u64) {
        let first = self.source_wakes.first(at.min(self.now + WAKES_AHEAD));
        self.source_wakes.sets[first + source / 64] |= 1 << (source % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_gives_back_what_it_took_in_its_cycle_only() {
        let mut ring = Ring::new(5);
        for (at, event) in [(3, 'a'), (7, 'b'), (3, 'c'), (8, 'd')] {
            ring.push(at, event);
        }
        let mut seen = Vec::new();
        for now in 1..=8 {
            if let Some(list) = ring.take(now) {
                seen.extend(list.iter().map(|e| (now, *e)));
                ring.give_back(now, list);
            }
            assert_eq!(ring.take(now), None);
        }
        assert_eq!(seen, [(3, 'a'), (3, 'c'), (7, 'b'), (8, 'd')]);
    }

    #[test]
    fn a_wake_too_far_ahead_comes_early() {
        let mut calendar = Calendar::new(8, 70);
        calendar.now = 10;
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
    }
}
