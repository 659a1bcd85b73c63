//! Aligned counters: how far they were off, as data and as text.

use core::fmt::Write;

use serde::Serialize;

/// How well the counters of a machine's nodes were aligned over its fabric. Unless the name says otherwise,
/// figures are from half the time on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AlignedCounters {
    /// The node whose counter all others follow.
    pub root: u32,
    /// Between two exchanges of a node.
    pub every_ns: f64,
    /// The load that was asked for, in flits of each node.
    pub load_flits_per_1000_edges: u32,
    /// The load that there was.
    pub offered_flits_per_1000_edges: f64,
    /// What of it arrived.
    pub arrived_flits_per_1000_edges: f64,
    /// Answers that came.
    pub exchanges: u64,
    /// Half the round trip.
    pub latency_ns: f64,
    /// Its standard deviation.
    pub latency_sigma_ns: f64,
    /// The measured latency in ticks of a counter.
    pub latency_ticks: f64,
    /// Its standard deviation.
    pub latency_sigma_ticks: f64,
    /// What servos were told.
    pub measured_offset_rms_ns: f64,
    /// The greatest true offset.
    pub offset_max_ns: f64,
    /// All true offsets.
    pub offset_rms_ns: f64,
    /// The greatest that nodes said they could be off by; `null` while one of them could not say.
    pub bound_max_ns: Option<f64>,
    /// Counters further off than their bound at the worst instant of the whole time: none, if bounds are right.
    pub broken: u32,
    /// All over time.
    pub series: Vec<CountersPoint>,
}

/// An instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CountersPoint {
    /// When.
    pub time_ns: f64,
    /// The greatest true offset.
    pub offset_max_ns: f64,
    /// All true offsets.
    pub offset_rms_ns: f64,
    /// `null` while a node has not been answered.
    pub bound_max_ns: Option<f64>,
    /// Counters further off than their bound.
    pub broken: u32,
}

/// Lines of the table over time.
const LINES: usize = 16;

impl AlignedCounters {
    /// The table over time.
    pub fn over_time(&self) -> String {
        let mut out = "     time us   offset max ns   offset rms ns    bound max ns\n".to_owned();
        let every = self.series.len().div_ceil(LINES).max(1);
        for p in self.series.iter().step_by(every) {
            let bound = p.bound_max_ns.map_or("-".to_owned(), |b| format!("{b:.3}"));
            let _ = writeln!(
                out,
                "{:12.3}{:16.3}{:16.3}{bound:>16}",
                p.time_ns / 1e3,
                p.offset_max_ns,
                p.offset_rms_ns
            );
        }
        out
    }

    /// What came of it, from half the time on.
    pub fn settled(&self) -> String {
        let bound = self.bound_max_ns.map_or("unknown".to_owned(), |b| format!("{b:.3} ns"));
        format!(
            "  true offset      {:.3} ns at most, {:.3} ns rms; bounds up to {bound}\n  \
             measured offset  {:.3} ns rms in {} exchanges\n  \
             measured latency {:.3} ns, sigma {:.3} ns: {:.1} ticks, sigma {:.2}\n  \
             load             {:.1} flits a node in 1000 edges offered, {:.1} arrived\n  \
             bounds broken    {}\n",
            self.offset_max_ns,
            self.offset_rms_ns,
            self.measured_offset_rms_ns,
            self.exchanges,
            self.latency_ns,
            self.latency_sigma_ns,
            self.latency_ticks,
            self.latency_sigma_ticks,
            self.offered_flits_per_1000_edges,
            self.arrived_flits_per_1000_edges,
            self.broken
        )
    }
}
