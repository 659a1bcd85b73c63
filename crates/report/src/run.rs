//! The result of a run, as data.

use serde::ser::{SerializeMap, Serializer};
use serde::{Serialize, ser};

use crate::counters::AlignedCounters;
use crate::phy::{PhyAccount, PhyTotals};

/// Everything that a run reports. Times are in nanoseconds of simulated time unless the name says
/// otherwise.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunReport {
    /// The topology: its file, or the name of a shipped one.
    pub topology: String,
    /// The trace: its file, or the name of a shipped one.
    pub trace: String,
    /// Seed of the run.
    pub seed: u64,
    /// Threads of the emulator.
    pub threads: usize,
    /// Hash over what was delivered when: two runs agree if and only if their digests do.
    pub digest: String,
    /// From the start to the end of the last thread.
    pub time_ns: f64,
    /// Component edges stepped: the emulator's unit of work.
    pub edges: u64,
    /// Memory operations completed: loads, stores and atomics.
    pub transactions: u64,
    /// Loads completed.
    pub loads: u64,
    /// Stores completed.
    pub stores: u64,
    /// Atomics completed.
    pub atomics: u64,
    /// Barriers released.
    pub barriers: u64,
    /// How long barriers took, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barrier_use: Option<BarrierUse>,
    /// How well counters are aligned over the machine's fabric in the time of the run, or the most of it that is
    /// followed, beside a load as great as the run's; none where nodes keep no counters, or the run is shorter than
    /// their interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counters: Option<AlignedCounters>,
    /// Packets delivered by the network.
    pub packets: u64,
    /// Flits delivered by the network.
    pub flits_delivered: u64,
    /// Flits forwarded by routers.
    pub flit_hops: u64,
    /// Latency of all transactions.
    pub latency_ns: LatencyNs,
    /// Mean time in each part of the latency; they sum to the mean.
    #[serde(serialize_with = "in_order")]
    pub breakdown_ns: Vec<(&'static str, f64)>,
    /// The audit at the end.
    pub checks: Checks,
    /// Wall-clock seconds of the replay.
    pub wall_s: f64,
    /// Where the run was interrupted, if it was: everything else is so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<Interrupted>,
    /// Records of the trace that were replayed, of any kind.
    pub records: u64,
    /// Accelerators.
    pub nodes: usize,
    /// Routers.
    pub routers: usize,
    /// Threads of the trace.
    pub trace_threads: u32,
    /// Line accesses that the caches took; one that crosses a line is two.
    pub cache_accesses: u64,
    /// Those that the caches performed at once.
    pub cache_hits: u64,
    /// Lines read from memory.
    pub memory_reads: u64,
    /// Lines written to memory.
    pub memory_writes: u64,
    /// The directories' storage, and what their organisation cost.
    pub directory: DirectoryUse,
    /// What caches did for each other and for memory.
    pub transfers: CacheTransfers,
    /// What caches kept valid by scopes did; none where no memory is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<ScopeUse>,
    /// Latency by kind of operation.
    pub kinds: Vec<KindLatency>,
    /// The busiest links, busiest first.
    pub busiest_links: Vec<BusyLink>,
    /// The framed links that had most to repair, sickest first.
    pub sickest_links: Vec<BusyLink>,
    /// What all framed links did together, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phy: Option<PhyTotals>,
    /// How the emulator stepped the machine: nothing that it says of the machine depends on it.
    pub engine: EngineUse,
    /// Counts of transactions by latency, in doubling steps.
    pub histogram: Histogram,
}

/// A run that was interrupted.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Interrupted {
    /// The instant of simulated time.
    pub at_ns: f64,
    /// The checkpoint that it can be gone on with from; none where none could be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

/// How long barriers took.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BarrierUse {
    /// From the last member's arrival to the last one's release.
    pub latency_ns: LatencyNs,
    /// From the first member's arrival to the last one's, on average.
    pub gathering_ns: f64,
    /// Barriers that units did; none where barriers go by packets.
    pub by_units: Option<usize>,
    /// Barriers whose members were known beforehand, where there are units.
    pub known: Option<usize>,
    /// Tokens of units that travelled the links.
    pub tokens: u64,
}

/// How the emulator stepped the machine.
#[derive(Clone, Debug, Default, Serialize)]
pub struct EngineUse {
    /// Partitions of the machine.
    pub partitions: usize,
    /// Why there is one only though more threads were given; none otherwise.
    pub why_one: Option<String>,
    /// Length of an epoch, the least latency on the cut; 0 if nothing is cut.
    pub epoch_ns: f64,
    /// Cables that are cut.
    pub cut_links: usize,
    /// Epochs that were stepped.
    pub epochs: u64,
    /// Those that several threads stepped; one stepped the others.
    pub epochs_together: u64,
    /// How often the way that was not in use, on one thread or on several, was tried.
    pub looks: u64,
    /// How often it was faster, and taken.
    pub changes: u64,
    /// The most component edges of a partition over their mean.
    pub imbalance: f64,
    /// Wall-clock seconds that threads waited for each other, all together.
    pub waiting_wall_s: f64,
}

/// The directories of all homes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DirectoryUse {
    /// How entries list sharers, as `full-map` or `limited:4:coarse:8`.
    pub organisation: String,
    /// Bits of an entry, without its address tag.
    pub entry_bits: u32,
    /// Entries of each home; none if there is one for each line of the pool.
    pub entries_per_home: Option<u32>,
    /// The most lines that any home tracked at once.
    pub lines_max: u32,
    /// Bits of one home's entries; where they are not bounded, of the most in use at once.
    pub storage_bits_per_home: u64,
    /// Bits of all homes' entries, likewise.
    pub storage_bits: u64,
    /// Copies and lines taken back for want of an entry or a pointer.
    pub recalls: u64,
    /// Lines recalled to make room for another.
    pub capacity_recalls: u64,
    /// Sharers that lost their copy because their pointer was needed.
    pub pointer_recalls: u64,
    /// Invalidations that caches were sent.
    pub invalidations: u64,
    /// Those that found no copy to take.
    pub extra_invalidations: u64,
    /// The homes of packages, where the directory has two levels; the rest is then of the fabric's.
    pub packages: Option<PackageUse>,
    /// Packets for a node of another package, where there are packages.
    pub crossings: Option<u64>,
}

/// The homes of all packages.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PackageUse {
    /// Nodes of a package.
    pub nodes: u32,
    /// How entries list the package's nodes.
    pub organisation: String,
    /// Bits of an entry, without its address tag and its data.
    pub entry_bits: u32,
    /// Bits of data beside an entry.
    pub data_bits: u32,
    /// Entries of each node's slice; none if there are as many as are wanted.
    pub entries_per_home: Option<u32>,
    /// The most lines that any slice kept at once.
    pub lines_max: u32,
    /// Bits of one slice's entries; where they are not bounded, of the most in use at once.
    pub storage_bits_per_home: u64,
    /// Bits of all slices' entries, likewise.
    pub storage_bits: u64,
    /// Requests of caches to their package's home.
    pub requests: u64,
    /// Those that it answered without asking the fabric.
    pub answered_inside: u64,
    /// Snoops of the fabric to packages.
    pub snoops: u64,
    /// Lines whose copies were recalled from a package's caches for a snoop.
    pub snoop_recalls: u64,
    /// Lines given up to make room for another.
    pub capacity_recalls: u64,
    /// Caches that lost their copy because their pointer was needed.
    pub pointer_recalls: u64,
    /// Invalidations that the fabric sent to packages.
    pub invalidations: u64,
    /// Those that found the package without a copy.
    pub extra_invalidations: u64,
}

/// What caches did for each other and for memory.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CacheTransfers {
    /// `MESI`, or its options: `owned`, `direct` or `owned direct`.
    pub protocol: String,
    /// Whether the protocol has options.
    #[serde(skip)]
    pub extended: bool,
    /// Lines sent from one cache to another.
    pub cache_to_cache: u64,
    /// Lines that owners wrote to memory, as answers to snoops and as evictions.
    pub write_backs: u64,
    /// Reads of owned lines after which nothing was written to memory.
    pub write_backs_saved: u64,
    /// Reads of shared lines that a cache served in place of memory.
    pub reads_saved: u64,
    /// Reads of shared lines that were sent to a cache which had lost its copy.
    pub forward_misses: u64,
}

/// Caches kept valid by scopes, and slices of packages, of all nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ScopeUse {
    /// Nodes of a package.
    pub package_nodes: u32,
    /// Acquires of all threads; a fence or a barrier is one.
    pub acquires: u64,
    /// Mean wait of an acquire by itself for the slices of its package.
    pub acquire_wait_ns: f64,
    /// Releases; a fence, a barrier or the end of a thread is one.
    pub releases: u64,
    /// Mean time from the start of a release to its last acknowledgement.
    pub release_wait_ns: f64,
    /// Lines of which acquires dropped clean bytes.
    pub self_invalidations: u64,
    /// Lines fetched.
    pub fills: u64,
    /// Loads that caches performed at once.
    pub hits: u64,
    /// Write-throughs sent.
    pub write_throughs: u64,
    /// The bytes that they carried.
    pub write_through_bytes: u64,
    /// Clean lines evicted.
    pub evictions: u64,
}

/// A latency distribution in nanoseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct LatencyNs {
    /// Exact mean.
    pub mean: f64,
    /// Median, to three significant digits.
    pub p50: f64,
    /// 99th percentile, to three significant digits.
    pub p99: f64,
    /// Exact maximum.
    pub max: f64,
}

/// The latency of one kind of operation.
#[derive(Clone, Debug, Default, Serialize)]
pub struct KindLatency {
    /// `load`, `store` or `atomic`.
    pub kind: &'static str,
    /// How many.
    pub count: u64,
    /// Their latency.
    pub latency_ns: LatencyNs,
}

/// The audit at the end of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Checks {
    /// Accesses, copies or memory that contradict the last writes.
    pub coherence_violations: u64,
    /// Threads that a barrier released early, or told a wrong result.
    pub barrier_violations: u64,
    /// Flits sent and never delivered.
    pub flits_lost: u64,
    /// Credits missing or too many.
    pub credits_lost: u64,
    /// Nothing was under way at the end.
    pub quiescent: bool,
    /// Whether every access was checked as it happened.
    pub per_access: bool,
    /// What was found, in words.
    pub findings: Vec<String>,
}

impl Checks {
    /// Whether everything is as it must be.
    pub const fn clean(&self) -> bool {
        self.coherence_violations == 0
            && self.barrier_violations == 0
            && self.flits_lost == 0
            && self.credits_lost == 0
            && self.quiescent
    }
}

/// How busy a link was.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BusyLink {
    /// Its ends.
    pub link: String,
    /// Its class.
    pub class: String,
    /// Flits it carried.
    pub flits: u64,
    /// Share of the run's time, 0 to 1.
    pub utilization: f64,
    /// How long its sender waited for credits, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit_stall_ns: Option<f64>,
    /// What its link layer did, if it is framed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phy: Option<PhyAccount>,
}

/// Counts by latency.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Histogram {
    /// Upper bound of each step in nanoseconds.
    pub upto_ns: Vec<f64>,
    /// Transactions in it.
    pub count: Vec<u64>,
}

impl RunReport {
    /// The report as JSON, one key a line, with a newline at the end.
    ///
    /// # Errors
    /// If a figure is no number, which JSON cannot say.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

/// A list of pairs as an object that keeps their order.
fn in_order<S: Serializer>(pairs: &[(&'static str, f64)], to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(pairs.len()))?;
    for (key, value) in pairs {
        if !value.is_finite() {
            return Err(ser::Error::custom(format!("`{key}` is not a finite number")));
        }
        map.serialize_entry(key, value)?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_every_key_of_the_contract() {
        let report = RunReport { breakdown_ns: vec![("cache", 1.0)], ..RunReport::default() };
        let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        for key in [
            "topology",
            "trace",
            "seed",
            "threads",
            "digest",
            "time_ns",
            "edges",
            "transactions",
            "loads",
            "stores",
            "atomics",
            "barriers",
            "packets",
            "flits_delivered",
            "flit_hops",
            "latency_ns",
            "breakdown_ns",
            "checks",
            "wall_s",
            "engine",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
        for key in ["mean", "p50", "p99", "max"] {
            assert!(json["latency_ns"].get(key).is_some(), "{key}");
        }
        for key in ["coherence_violations", "flits_lost", "credits_lost", "quiescent"] {
            assert!(json["checks"].get(key).is_some(), "{key}");
        }
        assert_eq!(json["breakdown_ns"]["cache"], 1.0);
    }
}
