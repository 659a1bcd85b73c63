//! What a run came to.

use hdrhistogram::iterators::IterationValue;
use traffic::synthetic::estimate::Saturated;

use super::latencies::Latencies;
use super::load::NetworkLoad;
use super::run::Run;
use super::watching::Sight;

/// One offered load, measured. Rates are flits a node and cycle, latencies cycles; a mean of no
/// packets is not a number.
#[derive(Clone, PartialEq, Debug)]
pub struct Measured {
    /// What processes were told to inject.
    pub offered: f64,
    /// Flits that arrived in the window.
    pub accepted: f64,
    /// Flits that left their sources in the window.
    pub injected: f64,
    /// Mean from creation to the tail's arrival.
    pub packet_latency: f64,
    /// Half the width of its 95 % confidence interval, by batch means; not a number where the run is
    /// too short to tell.
    pub latency_ci95: f64,
    /// The least.
    pub packet_latency_min: u64,
    /// The greatest.
    pub packet_latency_max: u64,
    /// Median of the packet latency, to three significant digits, and so is the next.
    pub p50: u64,
    /// 99th percentile of the packet latency.
    pub p99: u64,
    /// Mean from the head's leaving the source to the tail's arrival.
    pub network_latency: f64,
    /// Mean of single flits from leaving the source to arrival; not a number unless all arrived.
    pub flit_latency: f64,
    /// Mean routers that heads visited.
    pub hops: f64,
    /// Packets of the window that arrived.
    pub packets: u64,
    /// Whether all of the window's packets arrived.
    pub drained: bool,
    /// Why the network does not keep up with the load; `None` if it does.
    pub saturated: Option<Saturated>,
    /// Cycles before the window.
    pub warmup_cycles: u64,
    /// Cycles of the window.
    pub measured_cycles: u64,
    /// Cycles of the whole run.
    pub cycles: u64,
    /// Flits that routers forwarded in the whole run.
    pub flit_hops: u64,
    /// Hash over who delivered what when, in the whole run.
    pub digest: String,
    /// Latency by class: all packets, or requests and replies.
    pub classes: Vec<ClassLatency>,
    /// What links, routers and VCs did in the window, where it was asked for.
    pub load: Option<NetworkLoad>,
    /// `[source][destination]`: flits that arrived in the window; empty where not asked for.
    pub matrix: Vec<Vec<u64>>,
    /// The window in slices; empty where not asked for.
    pub series: Vec<Slice>,
    /// What followed packets did, a line an event, in order of packet and cycle.
    pub follow: Vec<String>,
}

/// Latency of the window's packets of one class, in cycles.
#[derive(Clone, PartialEq, Debug)]
pub struct ClassLatency {
    /// `packet`, `request` or `reply`.
    pub class: &'static str,
    /// Those that arrived.
    pub packets: u64,
    /// Mean.
    pub mean: f64,
    /// Median, to three significant digits, and so is the next.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Maximum.
    pub max: u64,
    /// Steps that double: the last cycle of each, and the packets in it.
    pub histogram: Vec<(u64, u64)>,
}

/// A slice of the measured window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slice {
    /// Its first cycle.
    pub start_cycle: u64,
    /// Flits a node and cycle that left sources.
    pub injected: f64,
    /// Flits a node and cycle that arrived.
    pub accepted: f64,
    /// Mean latency of the packets that arrived in it; not a number where none did.
    pub packet_latency: f64,
    /// Flits in the network at its end.
    pub in_flight_flits: u64,
    /// Packets at its end whose heads have not left their sources.
    pub queued_packets: u64,
}

impl Measured {
    pub(super) fn of<W: Sight>(run: &Run<'_, W>, saturated: Option<Saturated>) -> Self {
        let (options, window) = (run.options, &run.window);
        let record = &run.terminals.record;
        let m = &record.measured;
        let nodes = run.spec.fabric.node_ports.len();
        let room = options.measured_cycles as f64 * nodes as f64;
        let packets = m.packets as f64;
        let latency = m.all();
        let all_arrived = m.packets == window.created.packets;
        let flits = if all_arrived { window.created.flits as f64 } else { f64::NAN };
        let (load, follow) = run.net.watch().told(run.spec, &run.net);
        let rows = if options.matrix { record.matrix.chunks(nodes.max(1)) } else { [].chunks(1) };
        Self {
            offered: options.traffic.rate,
            accepted: window.flits.1 as f64 / room,
            injected: window.flits.0 as f64 / room,
            packet_latency: latency.mean().unwrap_or(f64::NAN),
            latency_ci95: m.batches.interval().map_or(f64::NAN, |i| i.half_width),
            packet_latency_min: latency.min().unwrap_or(0),
            packet_latency_max: latency.max().unwrap_or(0),
            p50: m.quantile(0.5),
            p99: m.quantile(0.99),
            network_latency: m.network_cycles() as f64 / packets,
            flit_latency: m.flit_cycles() as f64 / flits,
            hops: m.hops as f64 / packets,
            packets: m.packets,
            drained: all_arrived,
            saturated,
            warmup_cycles: window.from,
            measured_cycles: options.measured_cycles,
            cycles: run.net.now(),
            flit_hops: run.net.router_visits(),
            digest: record.digest.to_string(),
            classes: run.classes(),
            load,
            matrix: rows.map(<[u64]>::to_vec).collect(),
            series: window.slices.clone(),
            follow,
        }
    }
}

impl<W: Sight> Run<'_, W> {
    fn classes(&self) -> Vec<ClassLatency> {
        let m = &self.terminals.record.measured;
        let names: &[&'static str] =
            if m.latency.len() == 1 { &["packet"] } else { &["request", "reply"] };
        let class = |(class, latencies): (&&'static str, &Latencies)| {
            let (tally, histogram) = (latencies.tally(), latencies.histogram());
            let quantile = |q| histogram.as_ref().map_or(0, |h| h.value_at_quantile(q));
            let steps = histogram.as_ref().map_or_else(Vec::new, |h| {
                let step = |s: IterationValue<u64>| {
                    (s.value_iterated_to(), s.count_since_last_iteration())
                };
                h.iter_log(1, 2.0).map(step).collect()
            });
            ClassLatency {
                class,
                packets: tally.count(),
                mean: tally.mean().unwrap_or(f64::NAN),
                p50: quantile(0.5),
                p99: quantile(0.99),
                max: tally.max().unwrap_or(0),
                histogram: steps,
            }
        };
        names.iter().zip(&m.latency).map(class).collect()
    }
}
