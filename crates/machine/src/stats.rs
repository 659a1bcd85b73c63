//! What a run counts: integers while it runs, floats only when asked.

use core::fmt;

use base::form::Form;
use base::part::PART_COUNT;
use base::state::{Loader, Saver, State, Unfit};
use base::{Part, Timeline};
use hdrhistogram::Histogram;

use crate::node::agent::Kind;

/// Latencies beyond this many picoseconds (1 s) count as this in quantiles.
const LONGEST_PS: u64 = 1_000_000_000_000;

/// Latencies of one kind of operation, or of all.
#[derive(Clone)]
pub struct Latency {
    /// In picoseconds, three significant digits.
    histogram: Histogram<u64>,
    count: u64,
    sum_fs: u128,
    max_fs: u64,
}

impl State for Latency {
    fn save(&self, to: &mut Saver) {
        let Self { histogram, count, sum_fs, max_fs } = self;
        let steps = histogram.iter_recorded();
        let counts: Vec<(u64, u64)> =
            steps.map(|s| (s.value_iterated_to(), s.count_at_value())).collect();
        to.put(&(counts, count, sum_fs, max_fs));
    }

    fn load(&mut self, from: &mut Loader<'_>) -> Result<(), Unfit> {
        let (counts, count, sum_fs, max_fs): (Vec<(u64, u64)>, _, _, _) = from.get()?;
        *self = Self { count, sum_fs, max_fs, ..Self::default() };
        for (value, count) in counts {
            self.histogram.saturating_record_n(value, count);
        }
        Ok(())
    }

    fn form(&self, to: &mut Form) {
        to.name("counts, count, sum_fs, max_fs");
    }
}

/// What was recorded, however it was added up.
impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recorded = self.histogram.iter_recorded();
        let pairs: Vec<_> =
            recorded.map(|v| (v.value_iterated_to(), v.count_since_last_iteration())).collect();
        f.debug_struct("Latency")
            .field("histogram_ps", &pairs)
            .field("count", &self.count)
            .field("sum_fs", &self.sum_fs)
            .field("max_fs", &self.max_fs)
            .finish()
    }
}

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_max(LONGEST_PS, 3);
        let histogram = histogram.expect("the bounds are sound");
        Self { histogram, count: 0, sum_fs: 0, max_fs: 0 }
    }
}

impl Latency {
    /// Bytes of the emulator's memory that one takes.
    pub(crate) fn bytes() -> usize {
        Self::default().histogram.distinct_values() * size_of::<u64>()
    }

    pub(crate) fn add(&mut self, fs: u64) {
        self.histogram.saturating_record(fs / 1_000);
        self.count += 1;
        self.sum_fs += u128::from(fs);
        self.max_fs = self.max_fs.max(fs);
    }

    /// Takes in all of another.
    fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("both have the same bounds");
        self.count += other.count;
        self.sum_fs += other.sum_fs;
        self.max_fs = self.max_fs.max(other.max_fs);
    }

    /// How many operations.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Mean in nanoseconds; 0 if there were none.
    pub fn mean_ns(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum_fs as f64 / self.count as f64 / 1e6 }
    }

    /// The latency in nanoseconds that a share `q` of the operations did not exceed, to three
    /// significant digits.
    pub fn quantile_ns(&self, q: f64) -> f64 {
        (self.histogram.value_at_quantile(q) as f64 / 1e3).min(self.max_ns())
    }

    /// The longest, exactly, in nanoseconds.
    pub fn max_ns(&self) -> f64 {
        self.max_fs as f64 / 1e6
    }

    /// A small histogram: upper bounds in nanoseconds, doubling from 1 ns, with the number of
    /// operations in each step.
    pub fn doublings(&self) -> Vec<(f64, u64)> {
        let steps = self.histogram.iter_log(1_000, 2.0);
        let bound = |ps: u64| (ps + 1) as f64 / 1e3;
        let pairs = steps.map(|s| (bound(s.value_iterated_to()), s.count_since_last_iteration()));
        pairs.collect()
    }
}

/// What a machine counts while it runs.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    all: Latency,
    kinds: [Latency; 3],
    parts_fs: [u128; PART_COUNT],
    /// Line accesses that caches took.
    pub(crate) line_accesses: u64,
    /// Those that the cache performed at once.
    pub(crate) hits: u64,
}

base::state!([] Stats { keeps all, parts_fs, line_accesses, hits; each kinds; fixed });

impl Stats {
    /// Bytes of the emulator's memory that the histograms of one partition take.
    pub(crate) fn bytes() -> usize {
        Latency::bytes() * (1 + Self::default().kinds.len())
    }

    /// Takes in a finished operation.
    pub(crate) fn finish(&mut self, kind: Kind, timeline: &Timeline) {
        let mut total = 0;
        for (sum, part) in self.parts_fs.iter_mut().zip(timeline.parts()) {
            *sum += u128::from(*part);
            total += part;
        }
        self.all.add(total);
        self.kinds[kind as usize].add(total);
    }

    /// Takes in what was counted elsewhere.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.all.merge(&other.all);
        self.kinds.iter_mut().zip(&other.kinds).for_each(|(own, new)| own.merge(new));
        self.parts_fs.iter_mut().zip(&other.parts_fs).for_each(|(own, new)| *own += new);
        self.line_accesses += other.line_accesses;
        self.hits += other.hits;
    }

    /// All operations that completed.
    pub const fn all(&self) -> &Latency {
        &self.all
    }

    /// Those of one kind.
    pub const fn of(&self, kind: Kind) -> &Latency {
        &self.kinds[kind as usize]
    }

    /// Line accesses that the cache performed at once.
    pub const fn hits(&self) -> u64 {
        self.hits
    }

    /// The mean time in nanoseconds that an operation spent in `part`. Over all parts these sum to
    /// the mean latency.
    pub fn mean_part_ns(&self, part: Part) -> f64 {
        if self.all.count == 0 {
            return 0.0;
        }
        self.parts_fs[part as usize] as f64 / self.all.count as f64 / 1e6
    }
}
