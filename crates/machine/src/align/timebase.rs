//! Counters over time, as the threads of a run see them: who waits for a value learns when its node's counter
//! has it.
//!
//! An alignment of its own runs beside the machine, over the same fabric without the machine's load. It has gone
//! on for some intervals when the machine starts: counts are ticks of the root's counter since then. What a
//! node's counter says in between depends on description and seed alone, so it does not matter who asks
//! first, or on which thread.
//!
//! ```text
//!   alignment  |──── settles ────|─── the machine's time ──▶
//!   node       (t0, counter) (t1, counter) ..   pieces between two changes of its discipline
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use base::{Fs, NodeIdx};
use clock::{Counter, Domain, Edge};
use topology::spec::{CountersSpec, MachineSpec};

use super::{Alignment, Load, counters};
use crate::BuildError;
use crate::machine::TIME_MAX;

/// Intervals of the alignment before the machine starts, beyond those that the tree is deep.
const SETTLE: u64 = 32;
/// Intervals ahead of the present instant for which discipline is looked up; a count beyond that is come to at
/// the rate of the last.
const AHEAD: u64 = 1 << 16;

/// The counters of a machine's nodes.
#[derive(Debug)]
pub(crate) struct Timebase {
    /// The nodes' clock.
    clock: Domain,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    alignment: Alignment,
    root: NodeIdx,
    every: Fs,
    /// The machine's start, in the alignment's time.
    start: Fs,
    /// The root's counter at that instant, once it is known.
    zero: Option<u64>,
    /// `[node]`: from when on it was disciplined how; what is over for good is forgotten.
    pieces: Vec<VecDeque<(Fs, Counter)>>,
    /// The alignment has come to this instant.
    known: Fs,
}

/// A node's counter.
#[derive(Clone, Debug)]
pub(crate) struct NodeCounter {
    base: Arc<Timebase>,
    node: NodeIdx,
}

impl NodeCounter {
    pub(crate) fn new(base: &Arc<Timebase>, node: NodeIdx) -> Self {
        Self { base: Arc::clone(base), node }
    }

    /// The first edge of the node's clock from instant `now` on at which its counter has come to `count`.
    pub(crate) fn edge_of(&self, count: u64, now: Fs) -> Edge {
        let at = self.base.instant_of(self.node, count, now);
        if at < TIME_MAX { self.base.clock.edge_at_or_after(at) } else { Edge(Edge::NEVER.0 - 1) }
    }
}

impl Timebase {
    /// The counters of a machine whose nodes keep some, by the nodes' clock.
    ///
    /// # Errors
    /// If the alignment cannot be built.
    pub(crate) fn new(spec: &MachineSpec, seed: u64, clock: Domain) -> Result<Self, BuildError> {
        let of = super::counters_of(spec)?;
        let start = Fs(of.every.0.saturating_mul(SETTLE + depth(of, spec)));
        let mut later = spec.clone();
        later.events.iter_mut().for_each(|event| event.at += start);
        for domain in &mut later.domains {
            domain.changes.iter_mut().for_each(|(at, _)| *at += start);
        }
        let alignment = Alignment::new(&later, seed, Load::default())?.followed();
        let pieces =
            counters(spec, seed)?.into_iter().map(|c| VecDeque::from([(Fs::ZERO, c)])).collect();
        let (root, every) = (of.root, of.every);
        let state = State { alignment, root, every, start, zero: None, pieces, known: Fs::ZERO };
        Ok(Self { clock, state: Mutex::new(state) })
    }

    /// The first instant from `now` on at which a node's counter has come to `count`. A node does not ask of
    /// instants before one that it has asked of.
    fn instant_of(&self, node: NodeIdx, count: u64, now: Fs) -> Fs {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.instant_of(node, count, now)
    }
}

impl State {
    fn instant_of(&mut self, node: NodeIdx, count: u64, now: Fs) -> Fs {
        let target = self.zero().saturating_add(count);
        let from = self.start + now;
        let last = from + Fs(self.every.0.saturating_mul(AHEAD));
        let pieces = &mut self.pieces[node.at()];
        while pieces.get(1).is_some_and(|(next, _)| *next <= from) {
            pieces.pop_front();
        }
        let mut n = 0;
        loop {
            let (since, counter) = &self.pieces[node.at()][n];
            let at = counter.instant_of(target).max(*since).max(from);
            match self.pieces[node.at()].get(n + 1) {
                Some((next, _)) if at < *next => return at.since(self.start),
                Some(_) => n += 1,
                None if at <= self.known || self.known >= last => return at.since(self.start),
                None => self.run(at.min(self.known.max(from) + self.every)),
            }
        }
    }

    /// The root's counter when the machine starts.
    fn zero(&mut self) -> u64 {
        if let Some(zero) = self.zero {
            return zero;
        }
        self.run(self.start);
        let zero = self.pieces[self.root.at()].back().map_or(0, |(_, c)| c.value(self.start));
        self.zero = Some(zero);
        zero
    }

    fn run(&mut self, until: Fs) {
        self.alignment.run(until);
        self.known = until;
        for (node, at, counter) in self.alignment.take_changes() {
            self.pieces[node].push_back((at, counter));
        }
    }
}

/// How many nodes lie between the root and the one that is farthest from it.
fn depth(of: &CountersSpec, spec: &MachineSpec) -> u64 {
    let way = |n: usize| {
        let up = |node: &NodeIdx| of.above(*node);
        core::iter::successors(Some(NodeIdx::new(n)), up).count() as u64
    };
    (0..spec.fabric.node_ports.len()).map(way).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use topology::Description;

    fn aligned() -> (MachineSpec, Timebase) {
        let spec = Description::shipped("aligned8").expect("it ships").elaborate().expect("sound");
        let clock =
            crate::network::domains(&spec, 3).expect("clocks")[spec.accelerator.clock.at()].clone();
        let base = Timebase::new(&spec, 3, clock).expect("counters");
        (spec, base)
    }

    /// The true offset of a node's counter from the root's at an instant of the machine, in ticks.
    fn offset(base: &Timebase, node: usize, now: Fs) -> f64 {
        let mut state = base.state.lock().expect("sound");
        let at = state.start + now;
        if at > state.known {
            state.run(at);
        }
        let of = |n: usize| {
            let piece = state.pieces[n].iter().rev().find(|(since, _)| *since <= at);
            piece.expect("a piece").1.fine(at)
        };
        (of(node) - of(state.root.at())) as f64 / f64::from(1 << clock::VALUE_BITS)
    }

    #[test]
    fn a_count_is_come_to_as_much_early_as_the_counter_is_ahead_of_the_roots() {
        let (spec, base) = aligned();
        let tick = 1e15 / 900e6;
        for count in [1_000, 90_000, 1_000_000] {
            let root = base.instant_of(NodeIdx(0), count, Fs::ZERO);
            let due = count as f64 * tick;
            assert!((root.0 as f64 - due).abs() < due * 51e-6 + tick, "{count}: {root}");
            for n in 1..spec.fabric.node_ports.len() {
                let at = base.instant_of(NodeIdx::new(n), count, Fs::ZERO);
                let early = (root.0 as f64 - at.0 as f64) / tick;
                let ahead = offset(&base, n, root.min(at));
                // Both counters are read in whole ticks of their oscillators, here and there.
                assert!((early - ahead).abs() <= 2.0, "{count}, node {n}: {early} and {ahead}");
                assert!(
                    early.abs() < 40.0,
                    "{count}, node {n}: aligned counters, {early} ticks off"
                );
            }
        }
    }

    #[test]
    fn a_count_is_not_come_to_an_instant_before() {
        let (_, base) = aligned();
        for (node, count) in [(1, 5_000), (5, 123_456)] {
            let at = base.instant_of(NodeIdx(node), count, Fs::ZERO);
            let state = base.state.lock().expect("sound");
            let target = state.zero.expect("known") + count;
            let (at, pieces) = (state.start + at, &state.pieces[node as usize]);
            let value = |now: Fs| {
                pieces.iter().rev().find(|(since, _)| *since <= now).expect("a piece").1.value(now)
            };
            assert!(value(at) >= target && value(Fs(at.0 - 1)) < target, "node {node}");
        }
    }

    #[test]
    fn it_does_not_matter_who_asks_first() {
        let (_, first) = aligned();
        let (_, second) = aligned();
        let nodes = [3, 1, 7, 0];
        let one = nodes.map(|n| first.instant_of(NodeIdx(n), 50_000, Fs::ZERO));
        let mut other = nodes;
        other.reverse();
        let mut two = other.map(|n| {
            let far = second.instant_of(NodeIdx((n + 1) % 8), 400_000, Fs::ZERO);
            assert!(far > Fs::ZERO);
            second.instant_of(NodeIdx(n), 50_000, Fs::ZERO)
        });
        two.reverse();
        assert_eq!(one, two);
    }
}
