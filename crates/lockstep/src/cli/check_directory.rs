//! What `check` says of a machine's directories: their entries and the storage that they take.

use core::fmt;

use base::LINE_BYTES;
use serde::Serialize;
use topology::spec::MachineSpec;

/// The directories of a machine.
#[derive(Serialize)]
pub(crate) struct Directories {
    /// How entries list sharers.
    organisation: String,
    /// Bits of an entry, without its address tag.
    entry_bits: u32,
    /// Entries of each home; none if there is one for each line of the pool.
    entries_per_home: Option<u32>,
    /// Bits of one home's entries, if they are bounded.
    storage_bits_per_home: Option<u64>,
    /// Bits of all homes' entries, if they are bounded.
    storage_bits: Option<u64>,
    /// The homes of packages, where the directory has two levels.
    packages: Option<Packages>,
}

/// The homes of a machine's packages.
#[derive(Serialize)]
struct Packages {
    /// Nodes of a package.
    nodes: u32,
    /// How many packages there are.
    count: u32,
    /// How entries list the package's nodes.
    organisation: String,
    /// Bits of an entry, without its address tag and its data.
    entry_bits: u32,
    /// Bits of data beside it.
    data_bits: u32,
    /// Entries of each node's slice; none if there are as many as are wanted.
    entries_per_home: Option<u32>,
    /// Bits of all slices' entries, if they are bounded.
    storage_bits: Option<u64>,
}

impl Packages {
    fn of(spec: &MachineSpec) -> Option<Self> {
        let used = machine::PackageUse::of(spec)?;
        let nodes = spec.fabric.node_ports.len();
        let all = |entries: u32| u64::from(entries) * u64::from(used.entry_bits) * nodes as u64;
        Some(Self {
            nodes: used.nodes,
            count: machine::directory(spec).nodes,
            organisation: used.organisation,
            entry_bits: used.entry_bits,
            data_bits: used.data_bits,
            entries_per_home: used.entries_per_home,
            storage_bits: used.entries_per_home.map(all),
        })
    }
}

impl fmt::Display for Packages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, count, organisation, entry_bits, data_bits, .. } = self;
        write!(
            f,
            "  packages         {count} of {nodes} nodes: {organisation}, {entry_bits} bits an entry \
             and {data_bits} of data"
        )?;
        match self.entries_per_home.zip(self.storage_bits) {
            Some((entries, bits)) => write!(f, ": {entries} entries a node, {bits} bits in all"),
            None => write!(f, " for each line that a package has"),
        }
    }
}

impl Directories {
    /// Those of `spec`.
    pub(crate) fn of(spec: &MachineSpec) -> Self {
        let directory = machine::directory(spec);
        let entries = spec.accelerator.home.directory_lines;
        let entry_bits = directory.entry_bits(machine::protocol(spec));
        let per_home = entries.map(|n| u64::from(entry_bits) * u64::from(n));
        Self {
            organisation: directory.listing.to_string(),
            entry_bits,
            entries_per_home: entries,
            storage_bits_per_home: per_home,
            storage_bits: per_home.map(|bits| bits * spec.fabric.node_ports.len() as u64),
            packages: Packages::of(spec),
        }
    }
}

impl fmt::Display for Directories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of =
            self.packages.as_ref().map_or(String::new(), |p| format!(" of {} packages", p.count));
        let Self { organisation, entry_bits, .. } = self;
        write!(f, "  directory        {organisation}{of}, {entry_bits} bits an entry")?;
        let bounded = self.entries_per_home.zip(self.storage_bits_per_home).zip(self.storage_bits);
        if let Some(((entries, per_home), all)) = bounded {
            write!(f, ": {entries} entries a home, {per_home} bits; {all} bits in all")?;
        } else {
            let share = f64::from(self.entry_bits) / (8 * LINE_BYTES) as f64;
            write!(f, " for each line of the pool: {:.1} % of its size", 100.0 * share)?;
        }
        self.packages.as_ref().map_or(Ok(()), |packages| write!(f, "\n{packages}"))
    }
}
