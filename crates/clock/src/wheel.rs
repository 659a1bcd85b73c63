//! The wake wheel of one domain: a ring of bit sets, one an edge, over the domain's components.
//!
//! A wake within the ring's span sets one bit; a later one waits in an ordered map and is moved
//! into the ring when its time comes near. Finding the next edge scans a mask of occupied slots, so
//! an idle stretch costs the same as one edge.

use std::collections::BTreeMap;

use crate::Edge;

/// Edges that the ring spans; wakes further off wait in a map.
const SPAN: u64 = 256;
const MASKS: usize = (SPAN / 64) as usize;

/// Who wakes when, in one domain.
#[derive(Clone, Debug)]
pub struct Wheel {
    /// Words of one slot's bit set.
    words: usize,
    /// `[slot][word]`: bit `c` of slot `k % SPAN`: component `c` wakes at edge `k`.
    ring: Vec<u64>,
    /// Bit per slot: someone wakes there.
    occupied: [u64; MASKS],
    /// Wakes beyond the ring.
    far: BTreeMap<Edge, Vec<u32>>,
    /// The first edge at which anyone wakes, [`Edge::NEVER`] if none does.
    next: Edge,
    /// All edges below this one are past. Every wake in the ring lies in `floor..floor + SPAN`.
    floor: Edge,
}

base::state!([] Wheel { keeps ring, occupied, far, next, floor; each; fixed words });

impl Wheel {
    /// Bytes of the emulator's memory for each component: a bit for each edge that the ring spans.
    pub const COMPONENT_BYTES: usize = MASKS * size_of::<u64>();

    /// A wheel for components `0..components`.
    pub fn new(components: usize) -> Self {
        let words = components.div_ceil(64).max(1);
        let ring = vec![0; words * usize::try_from(SPAN).unwrap_or(256)];
        Self {
            words,
            ring,
            occupied: [0; MASKS],
            far: BTreeMap::new(),
            next: Edge::NEVER,
            floor: Edge(0),
        }
    }

    /// Wakes `component` at `edge`. Telling it twice is the same as once.
    ///
    /// # Panics
    /// If the edge is past: a component may only be woken at a later edge than the one being
    /// stepped.
    #[inline]
    pub fn wake(&mut self, component: u32, edge: Edge) {
        assert!(edge >= self.floor, "component {component} woken at {edge}, before {}", self.floor);
        self.next = self.next.min(edge);
        if edge.0 - self.floor.0 < SPAN {
            self.set(component, edge);
        } else if edge != Edge::NEVER {
            self.far.entry(edge).or_default().push(component);
        }
    }

    #[inline]
    fn set(&mut self, component: u32, edge: Edge) {
        let slot = slot(edge);
        self.ring[slot * self.words + component as usize / 64] |= 1 << (component % 64);
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    /// The first edge at which anyone wakes.
    #[inline]
    pub fn next(&self) -> Option<Edge> {
        (self.next != Edge::NEVER).then_some(self.next)
    }

    /// Takes out all components that wake at `edge`, lowest first, and makes every edge up to it
    /// past. `edge` must be [`next`](Self::next).
    pub fn take(&mut self, edge: Edge, into: &mut Vec<u32>) {
        debug_assert_eq!(self.next(), Some(edge));
        self.advance(edge);
        let slot = slot(edge);
        if self.occupied[slot / 64] & (1 << (slot % 64)) != 0 {
            self.occupied[slot / 64] &= !(1 << (slot % 64));
            for word in 0..self.words {
                let mut mask = core::mem::take(&mut self.ring[slot * self.words + word]);
                while mask != 0 {
                    into.push(u32::try_from(word * 64).unwrap_or(0) + mask.trailing_zeros());
                    mask &= mask - 1;
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
        for step in 0..=MASKS {
            let word = (from / 64 + step) % MASKS;
            let mut mask = self.occupied[word];
            if step == 0 {
                mask &= u64::MAX << (from % 64);
            } else if step == MASKS {
                mask &= !(u64::MAX << (from % 64));
            }
            if mask != 0 {
                let found = word as u64 * 64 + u64::from(mask.trailing_zeros());
                return Edge(self.floor.0 + (found + SPAN - from as u64) % SPAN);
            }
        }
        self.far.keys().next().copied().unwrap_or(Edge::NEVER)
    }

    /// Moves the floor to `edge` and brings in what is now within the ring.
    fn advance(&mut self, edge: Edge) {
        self.floor = edge;
        if self.far.is_empty() {
            return;
        }
        while let Some(first) = self.far.first_entry() {
            let at = *first.key();
            if at.0 - self.floor.0 >= SPAN {
                break;
            }
            for component in first.remove() {
                self.set(component, at);
            }
        }
    }
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
        w.take(Edge(5), &mut Vec::new());
        let at_present = std::panic::catch_unwind(move || w.wake(1, Edge(5)));
        assert!(at_present.is_err());
    }

    #[test]
    fn a_lone_far_wake_is_reached_in_one_jump() {
        let mut w = Wheel::new(1);
        w.wake(0, Edge(1_000_000_000_000));
        assert_eq!(w.next(), Some(Edge(1_000_000_000_000)));
        let mut woken = Vec::new();
        w.take(Edge(1_000_000_000_000), &mut woken);
        assert_eq!(woken, [0]);
        assert_eq!(w.next(), None);
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
                    wheel.take(now, &mut woken);
                    let expect: Vec<u32> =
                        model.iter().filter(|(e, _)| *e == now).map(|(_, c)| *c).collect();
                    prop_assert_eq!(woken, expect);
                    model.retain(|(e, _)| *e != now);
                }
            }
        }
    }
}
