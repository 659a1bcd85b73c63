//! Sweeps: synthetic traffic on a machine's terminals, and what its network makes of it.
//!
//! ```text
//!   TrafficSpec ─▶ Synthetic (Terminals) ⇄ CycleNetwork ─▶ Record ─▶ Measured
//!                                              └──(Watch)─▶ LinkLoad, RouterLoad, VcLoad
//!
//!   0 ── warm-up ──▶ from ── measured window ──▶ from + cycles ── drain ──▶ all of the window arrived
//! ```
//!
//! [`measure`] runs one load as BookSim 2 does (Dally and Towles, 2004, 23.3 to 23.5): traffic goes on
//! through all three phases; a packet counts if it was created in the measured window; the run ends
//! when all of those have arrived, or when it is clear that the network is saturated:
//!
//! - at the end of the window, if source queues grew all through it ([`Criteria`]);
//! - in the drain, as soon as the packets that arrived and the ages of those that did not have a mean
//!   above the latency limit;
//! - when the drain took 20 windows and 200,000 cycles more.
//!
//! | quantity | from | to |
//! |---|---|---|
//! | packet latency | creation | the tail's arrival |
//! | network latency | the head leaves its source | the tail's arrival |
//! | flit latency | the flit leaves its source | its arrival |
//! | accepted, injected | flits of any packet that arrive, or leave sources, in the window | |
//!
//! [`alone`] sends packets one at a time through an empty network: zero-load latency.
//!
//! What is returned is plain data. Not known here: report formats, files, wall clocks.

mod alone;
mod error;
mod fingerprint;
mod latencies;
mod load;
mod measured;
mod record;
mod run;
mod shape;
mod terminals;
#[cfg(test)]
mod tests;
mod warmup;
mod watching;

use base::NodeIdx;
use topology::spec::MachineSpec;
use traffic::synthetic::TrafficSpec;
use traffic::synthetic::estimate::Criteria;

pub use alone::{Alone, alone};
pub use error::SweepError;
pub use load::{LinkLoad, NetworkLoad, RouterLoad, VcLoad};
pub use measured::{ClassLatency, Measured, Slice};
pub use shape::shape;

/// What to measure, and how.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// The traffic; its rate is the offered load, its seed also that of the routing function.
    pub traffic: TrafficSpec,
    /// Cycles before the measured window. `None`: found from the run itself by MSER-5, a power of two
    /// from 2048 to 131,072.
    pub warmup_cycles: Option<u64>,
    /// Cycles of the measured window.
    pub measured_cycles: u64,
    /// When the network counts as saturated.
    pub criteria: Criteria,
    /// Whether to tell what links, routers and VCs did in the window.
    pub stats: bool,
    /// Whether to tell who sent how much to whom in the window.
    pub matrix: bool,
    /// Cycles of a slice of the window, where a series is wanted; the last one may be shorter.
    pub series_cycles: Option<u64>,
    /// Packets to follow stage by stage, by number: in the order in which the network takes them up,
    /// from 0.
    pub follow: Vec<u32>,
}

impl Default for Options {
    /// Uniform traffic of 0.1 flits a node and cycle, warm-up by itself, a window of 30,000 cycles.
    fn default() -> Self {
        Self {
            traffic: TrafficSpec::default(),
            warmup_cycles: None,
            measured_cycles: 30_000,
            criteria: Criteria::default(),
            stats: false,
            matrix: false,
            series_cycles: None,
            follow: Vec::new(),
        }
    }
}

/// Whether traffic has a meaning on a machine, whatever its rate.
///
/// # Errors
/// If not.
pub fn fits(spec: &MachineSpec, traffic: &TrafficSpec) -> Result<(), SweepError> {
    traffic.pattern.on(&shape(spec), traffic.seed)?;
    Ok(())
}

/// Measures one load. The same options give the same result.
///
/// # Errors
/// If the traffic has no meaning on the machine, or the network cannot be built on one clock.
pub fn measure(spec: &MachineSpec, options: &Options) -> Result<Measured, SweepError> {
    if options.stats || !options.follow.is_empty() {
        run::run(spec, options, watching::Watching::new(options.stats, &options.follow))
    } else {
        run::run(spec, options, ())
    }
}

/// The node of a number that a user gave, if there is one.
fn node(spec: &MachineSpec, number: u32) -> Option<NodeIdx> {
    ((number as usize) < spec.fabric.node_ports.len()).then_some(NodeIdx(number))
}
