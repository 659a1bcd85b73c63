//! A FIFO between two clock domains, whose pointers are synchronized.
//!
//! ```text
//!   write ─▶ place ─▶ seen by the reader, `stages` edges after its first edge ─▶ read, one an edge
//!     ▲                                                                            │
//!     └──── place is free, `stages` edges of the writer after its first edge ◀─────┘
//! ```
//!
//! What arrives while all places are taken waits before the FIFO, in order. Sources: Cummings, "Simulation
//! and Synthesis Techniques for Asynchronous FIFO Design", SNUG 2002.

use std::collections::VecDeque;

use base::Fs;

use crate::{Crossing, Domain, Edge};

/// The places of a FIFO, by when they are free again.
///
/// Edges are kept and no instants, so that a writer's clock may be retuned from the edge on that is
/// [promised](Self::promised).
// Invariant: `read` ascends, and has an edge for each place that was ever used, `depth` at most.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Fifo {
    depth: usize,
    /// For each place, the writer's first edge at or after its flit was read: it is free the synchronizer's
    /// edges later.
    read: VecDeque<Edge>,
    /// The edge at which the last one is read.
    last: Option<Edge>,
}

impl Fifo {
    /// An empty FIFO.
    ///
    /// # Panics
    /// If it has no places.
    pub fn new(depth: u32) -> Self {
        assert!(depth > 0, "a FIFO needs a place");
        Self { depth: depth as usize, read: VecDeque::new(), last: None }
    }

    /// Puts in what arrives at an instant, no earlier than what came before. Gives the instant at which
    /// it is written, later than its arrival if all places were taken, and the reader's edge at which
    /// it comes out.
    pub fn pass(&mut self, arrival: Fs, writer: &Domain, reader: &Crossing) -> (Fs, Edge) {
        let full = self.read.len() == self.depth;
        let free = if full { self.read.pop_front() } else { None };
        let free = free.map(|read| writer.instant(read.plus(reader.synchronizer_edges)));
        let written = arrival.max(free.unwrap_or(Fs::ZERO));
        let after = self.last.map_or(Edge(0), |last| last.plus(1));
        let read = reader.visible(written).max(after);
        self.last = Some(read);
        self.read.push_back(writer.edge_at_or_after(reader.to.instant(read)));
        (written, read)
    }

    /// The last edge of the writer's clock that has been looked at.
    pub fn promised(&self) -> Edge {
        self.read.back().copied().unwrap_or(Edge(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClockParams, Direction, Spread};
    use proptest::prelude::*;

    fn clock(mhz: u64, phase: u64, jitter: u64) -> Domain {
        let spread = Spread { direction: Direction::Down, ppm: 5_000, every: Fs::from_ns(30_000) };
        Domain::build(&ClockParams {
            jitter_rms: Fs(jitter),
            seed: (phase, mhz),
            spread: (jitter > 0).then_some(spread),
            ..ClockParams::ideal((mhz * 1_000_000, 1), Fs(phase))
        })
        .unwrap()
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_reordered_or_early_and_places_are_kept_whatever_the_phases(
            clocks in prop::array::uniform2((200_u64..4_000, 0_u64..10_000_000, 0_u64..10_000)),
            (depth, stages) in (1_u32..20, 0_u32..5),
            gaps in prop::collection::vec(0_u64..5_000_000, 1..200),
        ) {
            let [writer, to] = clocks.map(|(mhz, phase, jitter)| clock(mhz, phase, jitter));
            let reader = Crossing { to, synchronizer_edges: stages };
            let mut fifo = Fifo::new(depth);
            let mut arrival = Fs::ZERO;
            let mut all: Vec<(Fs, Edge)> = Vec::new();
            for gap in gaps {
                arrival += Fs(gap);
                let (written, read) = fifo.pass(arrival, &writer, &reader);
                prop_assert!(written >= arrival && read >= reader.visible(arrival));
                prop_assert!(all.last().is_none_or(|(w, r)| written >= *w && read > *r));
                // It only waits for a place.
                let taken = |w: Fs| {
                    let is_in = |(written, read): &&(Fs, Edge)| {
                        let seen = writer.edge_at_or_after(reader.to.instant(*read)).plus(stages);
                        *written <= w && writer.instant(seen) > w
                    };
                    all.iter().filter(is_in).count()
                };
                prop_assert!(taken(written) < depth as usize);
                prop_assert!(written == arrival || taken(Fs(written.0 - 1)) == depth as usize);
                all.push((written, read));
            }
        }
    }

    /// Two clocks that drift through all phases: the wait for an edge is uniform over a period.
    #[test]
    fn latency_has_the_mean_and_the_spread_that_phases_give_it() {
        let writer = clock(997, 123, 0);
        let reader = Crossing { to: clock(1_009, 0, 0), synchronizer_edges: 2 };
        let mut fifo = Fifo::new(16);
        let n = 100_000_u64;
        let mut latency = |k| {
            let arrival = writer.instant(Edge(2 * k));
            let (written, read) = fifo.pass(arrival, &writer, &reader);
            assert_eq!(written, arrival, "deep enough");
            reader.to.instant(read).since(arrival).0 as f64 / (1e15 / 1.009e9)
        };
        let all: Vec<f64> = (0..n).map(&mut latency).collect();
        let mean = all.iter().sum::<f64>() / n as f64;
        let square = all.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / n as f64;
        assert!((mean - 2.5).abs() < 0.005, "a mean of {mean} periods");
        assert!((square.sqrt() - 1.0 / 12_f64.sqrt()).abs() < 0.003, "spread {}", square.sqrt());
    }

    /// A place is taken from the write to the writer's sight of the read.
    #[test]
    fn a_shallow_fifo_passes_one_flit_a_loop_and_place() {
        let writer = clock(1_000, 0, 0);
        let rate = |depth| {
            let reader = Crossing { to: clock(1_000, 300_000, 0), synchronizer_edges: 2 };
            let mut fifo = Fifo::new(depth);
            let (mut arrival, mut last) = (Fs::ZERO, Edge(0));
            for k in 0..1_000 {
                arrival = writer.instant(Edge(k)).max(arrival);
                (arrival, last) = fifo.pass(arrival, &writer, &reader);
            }
            last.0
        };
        // Write at 0, seen at 2.3, freed at 3 + 2: five periods.
        assert_eq!((rate(5), rate(4), rate(1)), (1_001, 5 * 249 + 3 + 2, 5 * 999 + 2));
    }
}
