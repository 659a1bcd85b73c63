//! What a machine's directories cost in storage, what their organisation cost a run, and what caches
//! did for each other.

use coherence::{CacheCtrl, Directory, Faults, HomeCtrl, Protocol, Value};
use topology::spec::{self, MachineSpec};

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

/// How the homes of a machine list sharers.
pub fn directory(spec: &MachineSpec) -> Directory {
    Directory {
        listing: listing(spec.accelerator.home.directory),
        nodes: u32::try_from(spec.fabric.node_ports.len()).unwrap_or(u32::MAX),
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
            ..Self::default()
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
