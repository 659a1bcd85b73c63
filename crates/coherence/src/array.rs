//! The set-associative array: tags, stable lines and who is evicted next.
//!
//! Sets take up memory when they are first used, so that a machine of many large caches costs what
//! its traces touch.

use base::{Line, NodeIdx};

use crate::state::{CacheLine, CacheState};
use crate::value::Value;

/// Which way is evicted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Replacement {
    /// True least-recently-used.
    Lru,
    /// Tree pseudo-LRU: one bit a node of a binary tree points away from the last use.
    TreePlru,
}

/// Shape of a cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheGeometry {
    /// Sets, a power of two.
    pub sets: u32,
    /// Ways, 1 to 64; a power of two with [`Replacement::TreePlru`].
    pub ways: u32,
    /// Which way is evicted.
    pub replacement: Replacement,
    /// Misses and evictions in flight, 2 to 65535.
    pub mshrs: u32,
}

/// What a way holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Held {
    Nothing,
    /// A line in this stable state.
    Stable(CacheState),
    /// Reserved for the line of this MSHR.
    Pending(u16),
}

#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Way<V> {
    pub(crate) line: Line,
    pub(crate) held: Held,
    pub(crate) home: NodeIdx,
    pub(crate) value: Option<V>,
    used: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Array<V> {
    set_mask: u64,
    per_set: usize,
    replacement: Replacement,
    /// `[set]`: its block plus one, zero if it was never used.
    block_of: Vec<u32>,
    /// `[block * per_set + way]`.
    ways: Vec<Way<V>>,
    /// `[block]`: bit n set, node n of the tree points to its upper half. The root is node 1.
    trees: Vec<u64>,
    clock: u64,
}

base::state!([V: Value] Array<V> {
    keeps block_of, ways, trees, clock;
    each;
    fixed set_mask, per_set, replacement
});

impl<V: Value> Array<V> {
    pub(crate) fn new(shape: &CacheGeometry) -> Self {
        assert!(shape.sets.is_power_of_two(), "{} sets: must be a power of two", shape.sets);
        assert!((1..=64).contains(&shape.ways), "{} ways: must be 1 to 64", shape.ways);
        let tree = shape.replacement == Replacement::TreePlru;
        assert!(!tree || shape.ways.is_power_of_two(), "{} ways: not a tree", shape.ways);
        Self {
            set_mask: u64::from(shape.sets) - 1,
            per_set: shape.ways as usize,
            replacement: shape.replacement,
            block_of: vec![0; shape.sets as usize],
            ways: Vec::new(),
            trees: Vec::new(),
            clock: 0,
        }
    }

    /// Bytes beside itself: while no set was used, and when all were.
    pub(crate) const fn bytes(sets: usize, ways: usize) -> (usize, usize) {
        let empty = sets * size_of::<u32>();
        (empty, empty + sets * (ways * size_of::<Way<V>>() + size_of::<u64>()))
    }

    fn set_of(&self, line: Line) -> usize {
        // Below `sets`, a u32.
        usize::try_from(line.0 & self.set_mask).unwrap_or(0)
    }

    /// The way that holds `line`, or is reserved for it.
    pub(crate) fn find(&self, line: Line) -> Option<usize> {
        let block = self.block_of[self.set_of(line)].checked_sub(1)? as usize;
        let first = block * self.per_set;
        let set = &self.ways[first..first + self.per_set];
        set.iter().position(|w| w.line == line && w.held != Held::Nothing).map(|w| first + w)
    }

    pub(crate) fn way(&self, at: usize) -> &Way<V> {
        &self.ways[at]
    }

    /// The stable line in way `at`.
    pub(crate) fn line(&self, at: usize, state: CacheState) -> CacheLine<V> {
        let way = &self.ways[at];
        CacheLine::stable(state, way.home, way.value)
    }

    /// Puts a stable line into way `at`, or empties it if the line is in I.
    pub(crate) fn settle(&mut self, at: usize, line: Line, cache: &CacheLine<V>) {
        let way = &mut self.ways[at];
        way.line = line;
        way.home = cache.home;
        way.value = cache.value;
        way.held = match cache.state {
            CacheState::I => Held::Nothing,
            state => Held::Stable(state),
        };
    }

    /// Reserves way `at` for the line of an MSHR.
    pub(crate) fn reserve(&mut self, at: usize, line: Line, mshr: u16) {
        let way = &mut self.ways[at];
        (way.line, way.held, way.value) = (line, Held::Pending(mshr), None);
    }

    /// Marks way `at` as the set's most recently used.
    pub(crate) fn touch(&mut self, at: usize) {
        self.clock += 1;
        self.ways[at].used = self.clock;
        if self.replacement == Replacement::TreePlru {
            let (block, way) = (at / self.per_set, at % self.per_set);
            let (mut node, mut half) = (1, self.per_set / 2);
            while half > 0 {
                let upper = way & half != 0;
                // Point away from the use.
                self.trees[block] = self.trees[block] & !(1 << node) | (u64::from(!upper) << node);
                node = 2 * node + usize::from(upper);
                half /= 2;
            }
        }
    }

    /// The way that a new `line` should go to: an empty one, else the one to evict; none if all
    /// are reserved.
    pub(crate) fn place_for(&mut self, line: Line) -> Option<usize> {
        let set = self.set_of(line);
        if self.block_of[set] == 0 {
            let empty = Way { line, held: Held::Nothing, home: NodeIdx(0), value: None, used: 0 };
            self.ways.resize(self.ways.len() + self.per_set, empty);
            self.trees.push(0);
            self.block_of[set] = u32::try_from(self.trees.len()).expect("no more blocks than sets");
        }
        let block = self.block_of[set] as usize - 1;
        let first = block * self.per_set;
        let ways = &self.ways[first..first + self.per_set];
        if let Some(empty) = ways.iter().position(|w| w.held == Held::Nothing) {
            return Some(first + empty);
        }
        let stable = |w: &Way<V>| matches!(w.held, Held::Stable(_));
        let way = match self.replacement {
            Replacement::Lru => {
                let candidates = ways.iter().enumerate().filter(|(_, w)| stable(w));
                candidates.min_by_key(|(_, w)| w.used).map(|(at, _)| at)
            }
            Replacement::TreePlru => {
                let bits = ways.iter().enumerate().filter(|(_, w)| stable(w));
                tree_victim(self.trees[block], bits.fold(0, |m, (at, _)| m | 1 << at), ways.len())
            }
        }?;
        Some(first + way)
    }

    /// Every stable line: where, its state, its value.
    pub(crate) fn stable(&self) -> impl Iterator<Item = (&Way<V>, CacheState)> {
        self.ways.iter().filter_map(|w| match w.held {
            Held::Stable(state) => Some((w, state)),
            _ => None,
        })
    }
}

/// Follows `tree` to a leaf among `candidates` (one bit a way), turning aside only where a side has
/// none.
fn tree_victim(tree: u64, candidates: u64, ways: usize) -> Option<usize> {
    if candidates == 0 {
        return None;
    }
    let (mut node, mut low, mut half) = (1, 0, ways / 2);
    while half > 0 {
        let side = (u64::MAX >> (64 - half)) << low;
        let (lower, upper) = (candidates & side, candidates & (side << half));
        let up = if tree >> node & 1 == 1 { upper != 0 } else { lower == 0 };
        low += if up { half } else { 0 };
        node = 2 * node + usize::from(up);
        half /= 2;
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(replacement: Replacement) -> Array<u8> {
        let mut array = Array::new(&CacheGeometry { sets: 1, ways: 4, replacement, mshrs: 2 });
        for n in 0..4 {
            let at = array.place_for(Line(n)).expect("an empty way");
            array.settle(at, Line(n), &CacheLine::stable(CacheState::S, NodeIdx(0), Some(0)));
            array.touch(at);
        }
        array
    }

    fn use_line(array: &mut Array<u8>, n: u64) {
        let at = array.find(Line(n)).expect("present");
        array.touch(at);
    }

    fn victim(array: &mut Array<u8>) -> u64 {
        let at = array.place_for(Line(100)).expect("a victim");
        array.way(at).line.0
    }

    #[test]
    fn lru_evicts_the_line_used_longest_ago() {
        let mut array = filled(Replacement::Lru);
        use_line(&mut array, 0);
        use_line(&mut array, 2);
        assert_eq!(victim(&mut array), 1);
    }

    #[test]
    fn the_tree_points_away_from_the_last_uses() {
        let mut array = filled(Replacement::TreePlru);
        // After 0 1 2 3 the root points low, and the lower node to way 0.
        assert_eq!(victim(&mut array), 0);
        use_line(&mut array, 0);
        // The root points high now, the upper node still to way 2.
        assert_eq!(victim(&mut array), 2);
    }

    #[test]
    fn reserved_ways_are_never_victims() {
        for replacement in [Replacement::Lru, Replacement::TreePlru] {
            let mut array = filled(replacement);
            for expect in [0, 1, 2, 3] {
                let at = array.place_for(Line(100)).expect("a victim");
                assert_eq!(array.way(at).line.0, expect, "{replacement:?}");
                array.reserve(at, Line(200 + expect), 0);
            }
            assert_eq!(array.place_for(Line(100)), None);
        }
    }
}
