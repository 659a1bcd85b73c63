//! What the parts of a network did in a measured window, as data: optional sections of a sweep.

use serde::Serialize;

use crate::BusyLink;

/// Where flits went and where they waited. Empty sections were not asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NetworkStats {
    /// Latency of each message class.
    pub classes: Vec<ClassLatency>,
    /// Every link, in the machine's order.
    pub links: Vec<BusyLink>,
    /// Every router, in the machine's order.
    pub routers: Vec<StallCauses>,
    /// Every input VC of every router, in order of router, port, VC.
    pub occupancy: Vec<VcOccupancy>,
    /// Who sent how much to whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matrix: Option<TrafficMatrix>,
    /// How it went over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
}

/// Latency of the packets of one message class, in cycles.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ClassLatency {
    /// Name of the class, such as `request`.
    pub class: String,
    /// Its packets.
    pub packets: u64,
    /// Mean packet latency.
    pub mean: f64,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Maximum.
    pub max: u64,
    /// Counts of packets by latency.
    pub histogram: CycleHistogram,
}

/// Counts by cycles. Both lists are of one length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CycleHistogram {
    /// The last cycle of each step, ascending.
    pub upto_cycles: Vec<u64>,
    /// How many are in it.
    pub count: Vec<u64>,
}

/// What the flits at the front of a router's input VCs did. Each such flit is counted once a cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StallCauses {
    /// Name of the router.
    pub router: String,
    /// It was forwarded.
    pub moved: u64,
    /// It was in a stage of the pipeline that takes its time.
    pub pipeline: u64,
    /// No output VC that its route allows was free, or another packet got it.
    pub vc_allocation: u64,
    /// Its output VC had no credit.
    pub credit: u64,
    /// Another flit got the switch, or the output was busy.
    pub switch_allocation: u64,
    /// Flit-cycles of flits that are not at the front, behind another packet's: blocked by order.
    pub behind: u64,
}

impl StallCauses {
    /// Flit-cycles in which a flit could have moved and did not.
    pub const fn stalled(&self) -> u64 {
        self.vc_allocation + self.credit + self.switch_allocation
    }
}

/// How full the buffer of an input VC was.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct VcOccupancy {
    /// Name of the router.
    pub router: String,
    /// Its input port.
    pub port: u32,
    /// VC of the port.
    pub vc: u32,
    /// Mean flits over the measured window.
    pub mean_flits: f64,
    /// Most flits at once.
    pub max_flits: u32,
    /// Depth of the buffer in flits.
    pub depth_flits: u32,
}

/// Flits delivered from each terminal to each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrafficMatrix {
    /// `[source][destination]`, square.
    pub flits: Vec<Vec<u64>>,
}

/// The measured window in equal slices.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Series {
    /// Cycles of a slice.
    pub period_cycles: u64,
    /// The slices, in order.
    pub slices: Vec<Slice>,
}

/// One slice of a [`Series`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Slice {
    /// Its first cycle.
    pub start_cycle: u64,
    /// Flits per terminal and cycle that entered the network.
    pub injected: f64,
    /// Flits per terminal and cycle that arrived.
    pub accepted: f64,
    /// Mean packet latency of what arrived, in cycles; not a number where nothing did.
    pub packet_latency: f64,
    /// Flits in the network at its end.
    pub in_flight_flits: u64,
    /// Packets in source queues at its end.
    pub queued_packets: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_or_had_to_take_its_time_was_not_stalled() {
        let router = "r(0,0)".to_owned();
        let causes = StallCauses {
            router,
            moved: 1,
            pipeline: 20,
            vc_allocation: 300,
            credit: 4000,
            switch_allocation: 50_000,
            behind: 600_000,
        };
        assert_eq!(causes.stalled(), 54_300);
    }
}
