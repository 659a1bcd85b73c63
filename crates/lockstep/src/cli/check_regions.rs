//! What `check` says of stretches of the pool with a mode of their own.

use core::fmt;

use serde::Serialize;
use topology::spec::{MachineSpec, Mode};

/// Bytes of a line.
const LINE: u64 = base::LINE_BYTES;

/// A stretch of the pool.
#[derive(Serialize)]
struct Region {
    /// Its first byte.
    base: u64,
    /// Its length.
    bytes: u64,
    /// `coherent`, `uncached` or `scoped`.
    mode: &'static str,
}

/// The regions of a machine.
#[derive(Serialize)]
pub(crate) struct Regions {
    /// Nodes of a package, where nodes form packages.
    package_nodes: Option<u32>,
    /// In order; the rest is coherent.
    regions: Vec<Region>,
}

impl Regions {
    /// Those of `spec`.
    pub(crate) fn of(spec: &MachineSpec) -> Self {
        let region = |r: &topology::spec::RegionSpec| Region {
            base: r.lines.start.saturating_mul(LINE),
            bytes: (r.lines.end - r.lines.start).saturating_mul(LINE),
            mode: match r.mode {
                Mode::Coherent => "coherent",
                Mode::Uncached => "uncached",
                Mode::Scoped => "scoped",
            },
        };
        let regions = spec.regions.iter().map(region).collect();
        Self { package_nodes: spec.package_nodes, regions }
    }
}

impl fmt::Display for Regions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Region { base, bytes, mode } in &self.regions {
            write!(f, "  region           {bytes} B from {base:#x}: {mode}")?;
            if *mode == "scoped" {
                match self.package_nodes.unwrap_or(1) {
                    1 => f.write_str(", every node a package")?,
                    n => write!(f, ", packages of {n} nodes with slices of a shared cache")?,
                }
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}
