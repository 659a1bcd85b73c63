//! A random tester of coherence, in the manner of gem5's Ruby random tester: few lines, many agents,
//! every operation, tiny caches and directories, any small fabric.
//!
//! ```text
//!   seed ─ Case::draw ─▶ machine and program ─ judge ─▶ rows of the tables taken │ Failure
//!                                  ▲                              │
//!                                  └── shrink: leave something out ┘ ─▶ a file that replays
//! ```
//!
//! A case is a function of its seed. It is judged by the machine's own checks (every access and
//! state change, the audit at rest), by reaching the end, and by counters that only fetch-adds
//! write. Coverage is compared with the rows that the exhaustive search of the protocol reaches.
//!
//! Source: Wood, Gibson and Katz, *Verifying a Multiprocessor Cache Controller Using Random Test
//! Generation*, IEEE Design & Test 7(4), 1990.

mod case;
mod file;
mod handover;
mod judge;
mod rows;
mod seeds;
mod shrink;

pub use case::{Case, Knobs, Phase};
pub use file::{StressFileError, load, save};
pub use judge::{Failure, FailureKind, judge, judge_with};
pub use rows::{Rows, coherent_rows, reachable};
pub use seeds::{SeedError, SeedList};
pub use shrink::shrink;

/// Shipped topologies of at most this many accelerators are drawn from.
pub const NODES_MAX: usize = 80;

/// Names of the shipped topologies that are small enough and have no packages: these are a knob of any.
pub fn topologies() -> Vec<&'static str> {
    let small = |name: &&str| {
        let spec = topology::Description::shipped(name).and_then(|d| d.elaborate().ok());
        spec.is_some_and(|spec| {
            spec.fabric.node_ports.len() <= NODES_MAX && spec.package_nodes.is_none()
        })
    };
    topology::SHIPPED.iter().map(|(name, _)| *name).filter(small).collect()
}

#[cfg(test)]
mod tests;
