//! What is counted while a load is measured: whole numbers only.
//!
//! A packet counts if it was created in the measured window, whenever it arrives.

use traffic::synthetic::estimate::{BatchMeans, Tally};

use super::fingerprint::Fingerprint;
use super::latencies::Latencies;
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
    /// Packets that arrived, and the sum of their latencies: while the warm-up lasts, and after it where the run is
    /// told in slices.
    pub(super) arrived: (u64, u128),
    pub(super) digest: Fingerprint,
    /// First cycle of the measured window, and how many it has.
    window: (u64, u64),
    /// Of the window's packets.
    pub(super) measured: Measures,
    /// Whether packets are wanted for anything but the digest and the window: for slices of it, or for one of the
    /// three that follow.
    wanted: bool,
    sliced: bool,
    /// Bins of the warm-up, while it lasts.
    bins: Option<Bins>,
    /// `[source * nodes + destination]`: flits that arrived in the window, where it is wanted.
    pub(super) matrix: Vec<u64>,
    nodes: usize,
    /// Where somebody follows packets.
    pub(super) told: Option<Vec<Told>>,
    /// Packets of fewer flits are not wanted flit by flit.
    flits_min: u32,
}

/// Sums over the packets of the measured window.
#[derive(Clone, Debug, Default)]
pub(super) struct Measures {
    /// `[class]`
    pub(super) latency: Vec<Latencies>,
    pub(super) batches: BatchMeans,
    /// The sums of the network latencies of packets of one flit, and of longer ones.
    single_cycles: u128,
    longer_cycles: u128,
    pub(super) hops: u64,
    pub(super) packets: u64,
    /// The sum of the creation cycles of those that arrived.
    pub(super) created_cycles: u128,
    /// The sum, modulo 2^64, of the cycles in which flits of longer packets arrived, less that of
    /// those in which they left their sources: of all their flits when all have arrived.
    flit_cycles: u64,
}

impl Record {
    /// Counts for traffic of so many classes. `matrix`: the number of nodes, where a traffic matrix is
    /// wanted. `follow`: whether somebody follows packets. `sliced`: whether the window is told in slices.
    pub(super) fn new(
        classes: usize,
        matrix: Option<usize>,
        (follow, sliced): (bool, bool),
    ) -> Self {
        let nodes = matrix.unwrap_or(0);
        let latency = (0..classes).map(|_| Latencies::default()).collect();
        Self {
            handed: Created::default(),
            arrived: (0, 0),
            digest: Fingerprint::default(),
            window: (0, 0),
            measured: Measures { latency, ..Measures::default() },
            wanted: follow || sliced,
            sliced,
            bins: None,
            matrix: vec![0; nodes * nodes],
            nodes,
            told: follow.then(Vec::new),
            // Those of one flit are known when they have arrived.
            flits_min: if follow || matrix.is_some() { 0 } else { 2 },
        }
    }

    /// Has latencies averaged over bins of packets by creation, until the window opens.
    pub(super) fn warm_up(&mut self) {
        self.bins = Some(Bins::default());
        self.wanted = true;
    }

    /// The bins of the warm-up, while it lasts.
    pub(super) const fn bins(&mut self) -> Option<&mut Bins> {
        self.bins.as_mut()
    }

    /// Sets the measured window: no packet of it was created yet.
    pub(super) fn open(&mut self, from: u64, cycles: u64) {
        self.window = (from, cycles);
        self.bins = None;
        self.wanted = self.sliced || self.told.is_some();
    }

    #[inline]
    const fn counts(&self, cycle: u64) -> bool {
        cycle.wrapping_sub(self.window.0) < self.window.1
    }

    /// A packet is taken up by the network. Gives its number, counted from 0.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub(super) fn hand(&mut self, created: u64, flits: u32) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "numbers of the first 2^32 are told")]
        let number = self.handed.packets as u32;
        self.handed.add(created, flits);
        if self.wanted
            && let Some(bins) = &mut self.bins
        {
            bins.hand(created);
        }
        number
    }

    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub(super) fn flit_injected(&mut self, passage: &Passage, now: u64) {
        if passage.flits >= self.flits_min {
            self.note_injected(passage, now);
        }
    }

    #[inline(never)]
    fn note_injected(&mut self, passage: &Passage, now: u64) {
        if self.counts(passage.created) && passage.flits > 1 {
            self.measured.flit_cycles = self.measured.flit_cycles.wrapping_sub(now);
        }
        if passage.injected == now
            && let Some(told) = &mut self.told
        {
            told.push(Told::Injected(*passage));
        }
    }

    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub(super) fn flit_ejected(&mut self, passage: &Passage, now: u64) {
        if passage.flits >= self.flits_min {
            self.note_ejected(passage, now);
        }
    }

    #[inline(never)]
    fn note_ejected(&mut self, passage: &Passage, now: u64) {
        if self.counts(passage.created) && passage.flits > 1 {
            self.measured.flit_cycles = self.measured.flit_cycles.wrapping_add(now);
        }
        if !self.matrix.is_empty() && self.counts(now) {
            self.matrix[passage.src.at() * self.nodes + passage.dst.at()] += 1;
        }
    }

    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub(super) fn delivered(&mut self, passage: &Passage, now: u64) {
        let latency = now - passage.created;
        self.digest.add(passage, now);
        if self.wanted {
            self.tell_delivered(passage, now);
        }
        if self.counts(passage.created) {
            self.measured.add(passage, latency, now);
        }
    }

    #[inline(never)]
    fn tell_delivered(&mut self, passage: &Passage, now: u64) {
        self.arrived.0 += 1;
        self.arrived.1 += u128::from(now - passage.created);
        if let Some(bins) = &mut self.bins {
            bins.arrive(passage.created, now - passage.created);
        }
        if let Some(told) = &mut self.told {
            told.push(Told::Delivered(*passage, now));
        }
    }
}

impl Measures {
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    fn add(&mut self, passage: &Passage, latency: u64, now: u64) {
        self.latency[usize::from(passage.class)].push(latency);
        self.batches.push(latency, now);
        let network = u128::from(now - passage.injected);
        if passage.flits == 1 {
            self.single_cycles += network;
        } else {
            self.longer_cycles += network;
        }
        self.hops += u64::from(passage.hops);
        self.packets += 1;
        self.created_cycles += u128::from(passage.created);
    }

    /// Latencies of all classes.
    pub(super) fn all(&self) -> Tally {
        let mut all = Tally::default();
        self.latency.iter().for_each(|l| all.merge(&l.tally()));
        all
    }

    /// The sum of all network latencies.
    pub(super) const fn network_cycles(&self) -> u128 {
        self.single_cycles + self.longer_cycles
    }

    /// The sum of all flits' latencies, when all have arrived.
    pub(super) fn flit_cycles(&self) -> u128 {
        self.single_cycles + u128::from(self.flit_cycles)
    }

    /// The latency that a share `q` of all packets did not exceed, to three significant digits.
    pub(super) fn quantile(&self, q: f64) -> u64 {
        let mut classes = self.latency.iter().filter_map(Latencies::histogram);
        let Some(mut all) = classes.next() else { return 0 };
        for class in classes {
            // Both have the same bounds.
            let _ = all.add(class);
        }
        all.value_at_quantile(q)
    }
}
