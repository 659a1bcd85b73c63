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
            storage_bits: per_home.map(|bits| bits * u64::from(directory.nodes)),
        }
    }
}

impl fmt::Display for Directories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  directory        {}, {} bits an entry", self.organisation, self.entry_bits)?;
        let bounded = self.entries_per_home.zip(self.storage_bits_per_home).zip(self.storage_bits);
        if let Some(((entries, per_home), all)) = bounded {
            write!(f, ": {entries} entries a home, {per_home} bits; {all} bits in all")
        } else {
            let share = f64::from(self.entry_bits) / (8 * LINE_BYTES) as f64;
            write!(f, " for each line of the pool: {:.1} % of its size", 100.0 * share)
        }
    }
}
