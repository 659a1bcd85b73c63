//! Reference figures: what another simulator measured, and on what.
//!
//! ```text
//!   figures/booksim.csv ──▶ Figure (a row: load, seed, latencies, rates)
//!                       └─▶ Configuration (what is measured) ──▶ Description, traffic, packet size
//! ```
//!
//! The figures are of BookSim 2.0 (git 28f43299); `figures/README.md` says what each configuration is
//! and how its points were measured. They are built in.
//!
//! ```
//! use lockstep::figures;
//!
//! let mesh = figures::booksim().iter().find(|c| c.name == "mesh8_uni_v4_p1").unwrap();
//! assert_eq!((mesh.router.vcs_per_class, mesh.traffic), (4, "uniform"));
//! assert_eq!(mesh.saturation_throughput(), 0.420186);
//! // A packet to oneself visits one router.
//! assert_eq!(mesh.zero_load_cycles(1), 7);
//! assert!(mesh.description()?.elaborate().is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod configuration;
mod parse;

use std::sync::LazyLock;

pub use configuration::{Configuration, RoutingName, Shape};

/// Where the figures come from.
pub const BOOKSIM: &str = "BookSim 2.0 (git 28f43299)";

/// The table as it ships.
const BOOKSIM_CSV: &str = include_str!("../../figures/booksim.csv");

/// Every configuration of the reference, with its figures by load, in the table's order.
///
/// # Panics
/// Never: a test reads the same table.
pub fn booksim() -> &'static [Configuration] {
    static TABLE: LazyLock<Vec<Configuration>> =
        LazyLock::new(|| parse::table(BOOKSIM_CSV).expect("the built-in table reads"));
    &TABLE
}

/// What the reference measured at one load. Rates are flits per node and cycle, latencies cycles.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Figure {
    /// Offered load.
    pub offered: f64,
    /// Seed of the run.
    pub seed: u64,
    /// Whether the run was one of latency or of throughput.
    pub mode: Mode,
    /// Cycles before the measured window.
    pub warmup_cycles: u64,
    /// Cycles of the measured window; 0 where the run was broken off while it warmed up.
    pub measured_cycles: u64,
    /// Mean from creation to the tail's arrival.
    pub packet_latency: f64,
    /// Its least.
    pub packet_latency_min: u64,
    /// Its greatest.
    pub packet_latency_max: u64,
    /// Mean from the head's injection to the tail's arrival.
    pub network_latency: f64,
    /// Mean of single flits from their own injection.
    pub flit_latency: f64,
    /// Rate of flits into the network.
    pub injected: f64,
    /// Rate of flits out of it.
    pub accepted: f64,
    /// Mean routers visited, where the run ended by itself.
    pub hops: Option<f64>,
    /// The run was broken off: latencies mean nothing.
    pub saturated: bool,
}

/// How a figure was measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Until latency converged, or passed 500 cycles.
    Latency,
    /// For a fixed time at a load far beyond saturation.
    Throughput,
}

impl Figure {
    /// Whether the run left its warm-up: only then is the figure a reference.
    pub const fn measured(&self) -> bool {
        self.measured_cycles > 0
    }

    /// Whether its latencies are those of a network that carried what was offered.
    pub fn carried(&self) -> bool {
        !self.saturated && self.mode == Mode::Latency
    }
}
