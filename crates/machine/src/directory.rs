//! What a machine's directories cost in storage, what their organisation cost a run, and what caches
//! did for each other.

use coherence::{CacheCtrl, Directory, Faults, HomeCtrl, PackageCounts, Protocol, Value};
use topology::spec::{self, MachineSpec};

/// Bits of a package's entry that hold the package's own state towards the fabric, one of 13.
const OUTER_STATE_BITS: u32 = 4;

/// Bits of data of a line that a package's home keeps.
const LINE_BITS: u32 = 8 * 64;

/// The homes of a machine's packages, after a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PackageUse {
    /// Nodes of a package.
    pub nodes: u32,
    /// How entries list the package's nodes.
    pub organisation: String,
    /// Bits of an entry: list, state inside, state towards the fabric; without address tag and data.
    pub entry_bits: u32,
    /// Bits of data beside an entry.
    pub data_bits: u32,
    /// Entries of each slice; `None` if there are as many as are wanted.
    pub entries_per_home: Option<u32>,
    /// The most lines that any slice kept at once.
    pub lines_max: u32,
    /// Bits of one slice's entries, as of a home's.
    pub storage_bits_per_home: u64,
    /// Bits of all slices' entries.
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

/// The directories of a machine, after a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DirectoryUse {
    /// How entries list sharers, as `full-map` or `limited:4:coarse:8`.
    pub organisation: String,
    /// Bits of an entry, without its address tag.
    pub entry_bits: u32,
    /// Entries of each home; `None` if there is one for each line of the pool.
    pub entries_per_home: Option<u32>,
    /// The most lines that any home tracked at once.
    pub lines_max: u32,
    /// Bits of one home's entries: of all, or where they are not bounded of the most in use at once
    /// at any home.
    pub storage_bits_per_home: u64,
    /// Bits of all homes' entries: of all, or where they are not bounded of the most in use at once
    /// at each home.
    pub storage_bits: u64,
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

/// What the caches of a machine did for each other and for memory, in a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CacheTransfers {
    /// The protocol's options: `MESI` for none, or `owned`, `direct`, `owned direct`.
    pub protocol: String,
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

impl CacheTransfers {
    /// Before a run.
    pub(crate) fn of(spec: &MachineSpec) -> Self {
        Self { protocol: protocol(spec).to_string(), ..Self::default() }
    }

    /// Takes in what a node's home and cache counted.
    pub(crate) fn add<V: Value, T: Copy, F: Faults>(
        &mut self,
        home: &HomeCtrl<V, T, F>,
        cache: &CacheCtrl<V, T, F>,
    ) {
        let home = home.counts();
        self.cache_to_cache += cache.counts().transfers;
        self.write_backs += home.write_backs;
        self.write_backs_saved += home.write_backs_saved();
        self.reads_saved += home.reads_saved();
        self.forward_misses += home.forward_misses;
    }
}

/// What the caches of a machine do for each other.
pub fn protocol(spec: &MachineSpec) -> Protocol {
    let spec::Protocol { owned, direct } = spec.accelerator.protocol;
    Protocol { owned, direct }
}

/// How the homes of a machine list sharers: nodes, or where the directory has two levels, packages.
pub fn directory(spec: &MachineSpec) -> Directory {
    let nodes = u32::try_from(spec.fabric.node_ports.len()).unwrap_or(u32::MAX);
    let home = &spec.accelerator.home;
    let size = spec.package_nodes.filter(|_| home.packages.is_some()).unwrap_or(1);
    Directory { listing: listing(home.directory), nodes: nodes / size.max(1) }
}

/// How the homes of a machine's packages list the package's nodes, and the lines that each slice keeps; none
/// where the directory has one level.
pub fn package_directory(spec: &MachineSpec) -> Option<(Directory, Option<u32>)> {
    let packages = spec.accelerator.home.packages?;
    let directory =
        Directory { listing: listing(packages.directory), nodes: spec.package_nodes?.max(1) };
    Some((directory, packages.lines))
}

impl PackageUse {
    /// Before a run; none where the directory has one level.
    pub fn of(spec: &MachineSpec) -> Option<Self> {
        let (directory, entries_per_home) = package_directory(spec)?;
        Some(Self {
            nodes: directory.nodes,
            organisation: directory.listing.to_string(),
            entry_bits: directory.entry_bits(protocol(spec)) + OUTER_STATE_BITS,
            data_bits: LINE_BITS,
            entries_per_home,
            ..Self::default()
        })
    }

    fn add(&mut self, counts: &PackageCounts) {
        let entries = self.entries_per_home.unwrap_or(counts.lines_max);
        let bits = u64::from(self.entry_bits) * u64::from(entries);
        self.lines_max = self.lines_max.max(counts.lines_max);
        self.storage_bits_per_home = self.storage_bits_per_home.max(bits);
        self.storage_bits += bits;
        self.requests += counts.requests;
        self.answered_inside += counts.requests - counts.asked;
        self.snoops += counts.snoops;
        self.snoop_recalls += counts.snoop_recalls;
        self.capacity_recalls += counts.capacity_recalls;
        self.pointer_recalls += counts.pointer_recalls;
        self.invalidations += counts.outer.invalidations;
        self.extra_invalidations += counts.outer.extra_invalidations;
    }
}

impl DirectoryUse {
    /// Before a run: what is known without one.
    pub fn of(spec: &MachineSpec) -> Self {
        let directory = directory(spec);
        Self {
            organisation: directory.listing.to_string(),
            entry_bits: directory.entry_bits(protocol(spec)),
            entries_per_home: spec.accelerator.home.directory_lines,
            packages: PackageUse::of(spec),
            ..Self::default()
        }
    }

    /// Takes in what a slice of a package's home counted.
    pub(crate) fn add_package(&mut self, counts: &PackageCounts) {
        if let Some(packages) = &mut self.packages {
            packages.add(counts);
        }
    }

    /// Takes in what a node's home and cache counted.
    pub(crate) fn add<V: Value, T: Copy, F: Faults>(
        &mut self,
        home: &HomeCtrl<V, T, F>,
        cache: &CacheCtrl<V, T, F>,
    ) {
        let (home, cache) = (home.counts(), cache.counts());
        let entries = self.entries_per_home.unwrap_or(home.lines_max);
        let bits = u64::from(self.entry_bits) * u64::from(entries);
        self.lines_max = self.lines_max.max(home.lines_max);
        self.storage_bits_per_home = self.storage_bits_per_home.max(bits);
        self.storage_bits += bits;
        self.capacity_recalls += home.capacity_recalls;
        self.pointer_recalls += home.pointer_recalls;
        self.invalidations += cache.invalidations;
        self.extra_invalidations += cache.extra_invalidations;
    }
}

fn listing(listing: spec::Listing) -> coherence::Listing {
    use coherence::Overflow;
    match listing {
        spec::Listing::FullMap => coherence::Listing::FullMap,
        spec::Listing::Coarse { region } => coherence::Listing::Coarse { region },
        spec::Listing::Limited { pointers, overflow } => coherence::Listing::Limited {
            pointers,
            overflow: match overflow {
                spec::Overflow::Broadcast => Overflow::Broadcast,
                spec::Overflow::Recall => Overflow::Recall,
                spec::Overflow::Coarse { region } => Overflow::Coarse { region },
            },
        },
    }
}
