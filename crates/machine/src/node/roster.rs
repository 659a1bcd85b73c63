//! Which of a node's agents are to be asked, and which want the cache.
//!
//! An agent is asked what it wants only when that can have changed: at its start, when one of its
//! accesses was taken or is done, when a barrier lets it go, when its think time is over. The rest
//! costs nothing, however many there are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use clock::Edge;

/// A set of agents by number.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Set {
    words: Vec<u64>,
    count: usize,
}

impl Set {
    fn new(agents: usize) -> Self {
        Self { words: vec![0; agents.div_ceil(64)], count: 0 }
    }

    fn insert(&mut self, at: usize) {
        let (word, bit) = (&mut self.words[at / 64], 1 << (at % 64));
        self.count += usize::from(*word & bit == 0);
        *word |= bit;
    }

    fn remove(&mut self, at: usize) {
        let (word, bit) = (&mut self.words[at / 64], 1 << (at % 64));
        self.count -= usize::from(*word & bit != 0);
        *word &= !bit;
    }

    /// The first member at or after `from`.
    fn next(&self, from: usize) -> Option<usize> {
        let mut word = from / 64;
        let mut mask = self.words.get(word)? & (u64::MAX << (from % 64));
        while mask == 0 {
            word += 1;
            mask = *self.words.get(word)?;
        }
        Some(word * 64 + mask.trailing_zeros() as usize)
    }
}

/// The agents of one node, by what they are at.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Roster {
    awake: Set,
    wanting: Set,
    timers: BinaryHeap<Reverse<(Edge, usize)>>,
    /// The agent whose turn at the cache it is.
    turn: usize,
}

impl Roster {
    /// All agents awake.
    pub(super) fn new(agents: usize) -> Self {
        let mut awake = Set::new(agents);
        (0..agents).for_each(|at| awake.insert(at));
        Self { awake, wanting: Set::new(agents), timers: BinaryHeap::new(), turn: 0 }
    }

    /// Something happened to an agent: ask it.
    pub(super) fn wake(&mut self, at: usize) {
        self.awake.insert(at);
    }

    /// Wakes whose time has come.
    pub(super) fn ring(&mut self, edge: Edge) {
        while let Some(Reverse((due, at))) = self.timers.peek().copied() {
            if due > edge {
                break;
            }
            self.timers.pop();
            self.awake.insert(at);
        }
    }

    /// The next agent to be asked at or after `from`; it is awake no more.
    pub(super) fn ask(&mut self, from: usize) -> Option<usize> {
        let at = self.awake.next(from)?;
        self.awake.remove(at);
        self.wanting.remove(at);
        Some(at)
    }

    /// The agent wants the cache.
    pub(super) fn wants(&mut self, at: usize) {
        self.wanting.insert(at);
    }

    /// The agent wants nothing before `edge`.
    pub(super) fn sleep(&mut self, at: usize, edge: Edge) {
        if edge != Edge::NEVER {
            self.timers.push(Reverse((edge, at)));
        }
    }

    /// Agents that want the cache, whose turn it is first.
    pub(super) fn candidates(&self) -> impl Iterator<Item = usize> + use<'_> {
        let walk = |from: usize, to: usize| {
            let mut at = from;
            core::iter::from_fn(move || {
                let found = self.wanting.next(at).filter(|f| *f < to)?;
                at = found + 1;
                Some(found)
            })
        };
        walk(self.turn, usize::MAX).chain(walk(0, self.turn))
    }

    /// The cache has taken the agent's access.
    pub(super) fn served(&mut self, at: usize) {
        self.wanting.remove(at);
        self.awake.insert(at);
        self.turn = at + 1;
    }

    /// How many want the cache.
    pub(super) const fn wanting(&self) -> usize {
        self.wanting.count
    }

    /// The next edge after `edge` at which an agent is to be asked.
    pub(super) fn next(&self, edge: Edge) -> Edge {
        if self.awake.count > 0 {
            return edge.plus(1);
        }
        self.timers.peek().map_or(Edge::NEVER, |t| t.0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turn_goes_round_those_who_want() {
        let mut r = Roster::new(130);
        for at in [3, 70, 129] {
            r.wants(at);
        }
        assert_eq!(r.candidates().collect::<Vec<_>>(), [3, 70, 129]);
        r.served(70);
        r.wants(70);
        assert_eq!(r.candidates().collect::<Vec<_>>(), [129, 3, 70]);
        assert_eq!(r.wanting(), 3);
    }

    #[test]
    fn an_agent_is_asked_once_for_each_thing_that_happens() {
        let mut r = Roster::new(2);
        assert_eq!((r.ask(0), r.ask(1), r.ask(0)), (Some(0), Some(1), None));
        r.sleep(0, Edge(9));
        assert_eq!(r.next(Edge(4)), Edge(9));
        r.ring(Edge(8));
        assert_eq!(r.ask(0), None);
        r.ring(Edge(9));
        r.wake(0);
        assert_eq!((r.ask(0), r.ask(0)), (Some(0), None));
        assert_eq!(r.next(Edge(9)), Edge::NEVER);
    }
}
