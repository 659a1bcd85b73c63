//! The wake wheel of one domain: a ring of bit sets, one an edge, over the domain's components.
//!
//! ```text
//!   floor ──── ring: a bit set an edge ──── limit ──── lists: one a block of edges ──── ordered map
//! ```
//!
//! A wake below the limit sets one bit; a later one waits [further ahead](Ahead) and is moved into the
//! ring with its block. Finding the next edge scans a mask of occupied slots, so an idle stretch costs
//! the same as one edge; and what is taken at an edge is found by a mask of the words that hold it.

mod ahead;

use crate::Edge;
use ahead::{Ahead, BLOCK};

/// Edges that the ring spans: the block of the floor and the one behind it.
const SPAN: u64 = 2 * BLOCK;
const MASKS: usize = (SPAN / 64) as usize;

/// Who wakes when, in one domain.
#[derive(Clone, Debug)]
pub struct Wheel {
    /// Words of one slot's bit set.
    words: usize,
    /// Words that a bit of a slot's mark stands for: two to this power.
    grain: u32,
    /// `[slot][word]`: bit `c` of slot `k % SPAN`: component `c` wakes at edge `k`.
    ring: Vec<u64>,
    /// `[slot]`: which of its words are not empty.
    marks: Vec<u64>,
    /// Bit per slot: someone wakes there.
    occupied: [u64; MASKS],
    /// Wakes beyond the ring.
    ahead: Ahead,
    /// The first edge at which anyone wakes, [`Edge::NEVER`] if none does.
    next: Edge,
    /// All edges below this one are past.
    floor: Edge,
    /// Where the ring ends: the first edge of a block.
    // Invariant: all wakes of the ring lie in `floor..limit`, which is no longer than the ring, and all
    // others at or beyond the limit.
    limit: Edge,
}

base::state!([] Wheel {
    keeps ring, marks, occupied, ahead, next, floor, limit;
    each;
    fixed words, grain
});

impl Wheel {
    /// Bytes of the emulator's memory for each component: a bit for each edge that the ring spans.
    pub const COMPONENT_BYTES: usize = MASKS * size_of::<u64>();

    /// A wheel for components `0..components`.
    pub fn new(components: usize) -> Self {
        let words = components.div_ceil(64).max(1);
        let slots = usize::try_from(SPAN).unwrap_or(256);
        Self {
            words,
            grain: words.div_ceil(64).next_power_of_two().ilog2(),
            ring: vec![0; words * slots],
            marks: vec![0; slots],
            occupied: [0; MASKS],
            ahead: Ahead::default(),
            next: Edge::NEVER,
            floor: Edge(0),
            limit: Edge(SPAN),
        }
    }

    /// Wakes `component` at `edge`. Telling it twice is the same as once.
    ///
    /// # Panics
    /// If the edge is past: a component may only be woken at a later edge than the one being
    /// stepped.
    #[inline]
    pub fn wake(&mut self, component: u32, edge: Edge) {
        if edge < self.floor {
            past(component, edge, self.floor);
        }
        self.next = self.next.min(edge);
        if edge < self.limit {
            self.set(component, edge);
        } else if edge != Edge::NEVER {
            self.ahead.put(component, edge, self.limit);
        }
    }

    #[inline]
    fn set(&mut self, component: u32, edge: Edge) {
        let (slot, word) = (slot(edge), component as usize / 64);
        self.ring[slot * self.words + word] |= 1 << (component % 64);
        self.marks[slot] |= 1 << (word >> self.grain);
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    /// The first edge at which anyone wakes.
    #[inline]
    pub fn next(&self) -> Option<Edge> {
        (self.next != Edge::NEVER).then_some(self.next)
    }

    /// Takes out all components that wake at `edge`, tells of them, lowest first, and makes every edge up to
    /// it past. `edge` must be [`next`](Self::next).
    #[inline]
    pub fn take(&mut self, edge: Edge, mut tell: impl FnMut(u32)) {
        debug_assert_eq!(self.next(), Some(edge));
        if edge.0.saturating_add(BLOCK) >= self.limit.0 {
            self.turn(edge);
        }
        let slot = slot(edge);
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        let mut marks = core::mem::take(&mut self.marks[slot]);
        let first = slot * self.words;
        while marks != 0 {
            let mark = marks.trailing_zeros();
            marks &= marks - 1;
            if self.grain == 0 {
                drain(&mut self.ring[first + mark as usize], mark, &mut tell);
                continue;
            }
            for word in mark << self.grain..(mark + 1) << self.grain {
                if (word as usize) < self.words {
                    drain(&mut self.ring[first + word as usize], word, &mut tell);
                }
            }
        }
        self.floor = edge.plus(1);
        self.next = self.search();
    }

    /// Looks for the first edge from the floor on at which anyone wakes.
    #[inline]
    fn search(&self) -> Edge {
        let from = slot(self.floor);
        let here = self.occupied[from / 64] >> (from % 64);
        if here != 0 {
            return Edge(self.floor.0 + u64::from(here.trailing_zeros()));
        }
        self.search_on(from)
    }

    /// As [`search`](Self::search), where there is nothing in the rest of the word of slot `from`.
    fn search_on(&self, from: usize) -> Edge {
        for step in 1..=MASKS {
            let word = (from / 64 + step) % MASKS;
            let mask = self.occupied[word];
            if mask != 0 {
                let ahead = step * 64 + mask.trailing_zeros() as usize - from % 64;
                return Edge(self.floor.0 + ahead as u64);
            }
        }
        self.ahead.first(self.limit)
    }

    /// Moves the limit on, as `edge` has come to the last block before it, and brings in what is in front of
    /// it now.
    #[inline(never)]
    fn turn(&mut self, edge: Edge) {
        let (old, block) = (self.limit, edge.0 / BLOCK);
        self.limit = Edge((block + 2).saturating_mul(BLOCK));
        for block in [block, block + 1] {
            let mut list = self.ahead.open(block, old);
            for (component, at) in list.drain(..) {
                self.set(component, at);
            }
            self.ahead.close(block, list);
        }
        while let Some((component, at)) = self.ahead.come(self.limit) {
            self.set(component, at);
        }
    }
}

/// Empties a word of a slot's bit set and tells of what was in it.
#[inline]
fn drain(set: &mut u64, word: u32, tell: &mut impl FnMut(u32)) {
    let mut set = core::mem::take(set);
    while set != 0 {
        tell(word * 64 + set.trailing_zeros());
        set &= set - 1;
    }
}

#[cold]
fn past(component: u32, edge: Edge, floor: Edge) {
    panic!("component {component} woken at {edge}, before {floor}");
}

#[inline]
fn slot(edge: Edge) -> usize {
    usize::try_from(edge.0 % SPAN).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_wake_at_a_past_edge_is_refused() {
        let mut w = Wheel::new(4);
        w.wake(1, Edge(5));
        w.take(Edge(5), |_| {});
        let at_present = std::panic::catch_unwind(move || w.wake(1, Edge(5)));
        assert!(at_present.is_err());
    }

    #[test]
    fn a_lone_far_wake_is_reached_in_one_jump() {
        let mut w = Wheel::new(1);
        w.wake(0, Edge(1_000_000_000_000));
        assert_eq!(w.next(), Some(Edge(1_000_000_000_000)));
        let mut woken = Vec::new();
        w.take(Edge(1_000_000_000_000), |c| woken.push(c));
        assert_eq!(woken, [0]);
        assert_eq!(w.next(), None);
    }

    /// Where a bit of a mark stands for several words, the last of which may not be there.
    #[test]
    fn all_of_thousands_of_components_are_told_of() {
        let components = [0, 63, 64, 127, 4_097, 8_959, 8_960, 8_999];
        let mut w = Wheel::new(9_000);
        for c in components {
            w.wake(c, Edge(3));
        }
        let mut woken = Vec::new();
        w.take(Edge(3), |c| woken.push(c));
        assert_eq!((&woken[..], w.next()), (&components[..], None));
    }

    proptest! {
        #[test]
        fn the_wheel_agrees_with_an_ordered_set(
            acts in prop::collection::vec((0_u32..130, 1_u64..2000, any::<bool>()), 1..300),
        ) {
            let mut wheel = Wheel::new(130);
            let mut model: BTreeSet<(Edge, u32)> = BTreeSet::new();
            let mut now = Edge(0);
            for (component, ahead, take) in acts {
                let at = Edge(now.0 + ahead);
                wheel.wake(component, at);
                model.insert((at, component));
                if take {
                    let next = model.first().map(|(e, _)| *e);
                    prop_assert_eq!(wheel.next(), next);
                    now = next.unwrap();
                    let mut woken = Vec::new();
                    wheel.take(now, |c| woken.push(c));
                    let expect: Vec<u32> =
                        model.iter().filter(|(e, _)| *e == now).map(|(_, c)| *c).collect();
                    prop_assert_eq!(woken, expect);
                    model.retain(|(e, _)| *e != now);
                }
            }
        }
    }
}
