//! What is counted while a load is measured: whole numbers only.
//!
//! A packet counts if it was created in the measured window, whenever it arrives.

use base::Digest;
use hdrhistogram::Histogram;
use traffic::synthetic::estimate::{BatchMeans, Tally};

use super::warmup::Bins;
use crate::cycle::Passage;

/// Packets by their creation.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Created {
    pub(super) packets: u64,
    pub(super) flits: u64,
    /// The sum of the cycles in which they were created.
    pub(super) cycles: u128,
}

impl Created {
    #[inline]
    pub(super) fn add(&mut self, cycle: u64, flits: u32) {
        self.packets += 1;
        self.flits += u64::from(flits);
        self.cycles += u128::from(cycle);
    }

    /// Those that are not among `earlier` ones.
    pub(super) const fn since(self, earlier: Self) -> Self {
        Self {
            packets: self.packets - earlier.packets,
            flits: self.flits - earlier.flits,
            cycles: self.cycles - earlier.cycles,
        }
    }
}

/// What happened to a packet at its terminals, for whoever follows some.
#[derive(Clone, Copy, Debug)]
pub(super) enum Told {
    /// Its head left its source.
    Injected(Passage),
    /// Its last flit arrived.
    Delivered(Passage, u64),
}

/// Counts of a run.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Packets taken up by the network.
    pub(super) handed: Created,
    /// Heads that left their sources.
    pub(super) heads: u64,
    /// Packets that arrived, and the sum of their latencies.
    pub(super) arrived: (u64, u128),
    pub(super) digest: Digest,
    /// First cycle of the measured window, and how many it has.
    window: (u64, u64),
    /// Of the window's packets.
    pub(super) measured: Measures,
    /// Bins of the warm-up, while it lasts.
    pub(super) bins: Option<Bins>,
    /// `[source * nodes + destination]`: flits that arrived in the window, where it is wanted.
    pub(super) matrix: Vec<u64>,
    nodes: usize,
    /// Where somebody follows packets.
    pub(super) told: Option<Vec<Told>>,
}

/// Sums over the packets of the measured window.
#[derive(Clone, Debug, Default)]
pub(super) struct Measures {
    /// `[class]`
    pub(super) latency: Vec<Tally>,
    /// `[class]`, to three significant digits.
    pub(super) histograms: Vec<Option<Histogram<u64>>>,
    pub(super) batches: BatchMeans,
    pub(super) network_cycles: u128,
    pub(super) hops: u64,
    pub(super) packets: u64,
    /// The sum of the creation cycles of those that arrived.
    pub(super) created_cycles: u128,
    /// Flits that left their sources, and that arrived: how many, and the sum of the cycles.
    pub(super) injected: (u64, u128),
    pub(super) ejected: (u64, u128),
}

/// Latencies beyond this many cycles count as this in quantiles.
const LONGEST: u64 = 1 << 40;

impl Record {
    /// Counts for traffic of so many classes. `matrix`: the number of nodes, where a traffic matrix is
    /// wanted.
    pub(super) fn new(classes: usize, matrix: Option<usize>, follow: bool) -> Self {
        let histogram = |_| {
            // The bounds are constants that are sound.
            Histogram::new_with_max(LONGEST, 3).ok()
        };
        let nodes = matrix.unwrap_or(0);
        Self {
            handed: Created::default(),
            heads: 0,
            arrived: (0, 0),
            digest: Digest::default(),
            window: (0, 0),
            measured: Measures {
                latency: vec![Tally::default(); classes],
                histograms: (0..classes).map(histogram).collect(),
                ..Measures::default()
            },
            bins: None,
            matrix: vec![0; nodes * nodes],
            nodes,
            told: follow.then(Vec::new),
        }
    }

    /// Sets the measured window: no packet of it was created yet.
    pub(super) fn open(&mut self, from: u64, cycles: u64) {
        self.window = (from, cycles);
        self.bins = None;
    }

    #[inline]
    const fn counts(&self, cycle: u64) -> bool {
        cycle.wrapping_sub(self.window.0) < self.window.1
    }

    /// A packet is taken up by the network. Gives its number, counted from 0.
    #[inline]
    pub(super) fn hand(&mut self, created: u64, flits: u32) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "numbers of the first 2^32 are told")]
        let number = self.handed.packets as u32;
        self.handed.add(created, flits);
        if let Some(bins) = &mut self.bins {
            bins.hand(created);
        }
        number
    }

    #[inline]
    pub(super) fn flit_injected(&mut self, passage: &Passage, now: u64) {
        if passage.injected == now {
            self.heads += 1;
            if let Some(told) = &mut self.told {
                told.push(Told::Injected(*passage));
            }
        }
        if self.counts(passage.created) {
            self.measured.injected.0 += 1;
            self.measured.injected.1 += u128::from(now);
        }
    }

    #[inline]
    pub(super) fn flit_ejected(&mut self, passage: &Passage, now: u64) {
        if self.counts(passage.created) {
            self.measured.ejected.0 += 1;
            self.measured.ejected.1 += u128::from(now);
        }
        if !self.matrix.is_empty() && self.counts(now) {
            self.matrix[passage.src.at() * self.nodes + passage.dst.at()] += 1;
        }
    }

    #[inline]
    pub(super) fn delivered(&mut self, passage: &Passage, now: u64) {
        let latency = now - passage.created;
        self.arrived.0 += 1;
        self.arrived.1 += u128::from(latency);
        let ends = u64::from(passage.src.0) << 32 | u64::from(passage.dst.0);
        let kind = u64::from(passage.class) << 48 | u64::from(passage.hops) << 32;
        self.digest.add(&[ends, kind | u64::from(passage.flits), passage.created, now]);
        if let Some(bins) = &mut self.bins {
            bins.arrive(passage.created, latency);
        }
        if let Some(told) = &mut self.told {
            told.push(Told::Delivered(*passage, now));
        }
        if self.counts(passage.created) {
            self.measured.add(passage, now);
        }
    }
}

impl Measures {
    #[inline]
    fn add(&mut self, passage: &Passage, now: u64) {
        let (class, latency) = (usize::from(passage.class), now - passage.created);
        self.latency[class].push(latency);
        if let Some(histogram) = &mut self.histograms[class] {
            histogram.saturating_record(latency);
        }
        self.batches.push(latency);
        self.network_cycles += u128::from(now - passage.injected);
        self.hops += u64::from(passage.hops);
        self.packets += 1;
        self.created_cycles += u128::from(passage.created);
    }

    /// Latencies of all classes.
    pub(super) fn all(&self) -> Tally {
        let mut all = Tally::default();
        self.latency.iter().for_each(|t| all.merge(t));
        all
    }

    /// The latency that a share `q` of all packets did not exceed, to three significant digits.
    pub(super) fn quantile(&self, q: f64) -> u64 {
        let mut classes = self.histograms.iter().flatten();
        let Some(mut all) = classes.next().cloned() else { return 0 };
        for class in classes {
            // Both have the same bounds.
            let _ = all.add(class);
        }
        if all.is_empty() { 0 } else { all.value_at_quantile(q) }
    }
}
