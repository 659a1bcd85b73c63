//! What the parts of a network did, from the machine's data to the report's.

use machine::sweep::{Measured, NetworkLoad};
use report::BusyLink;
use report::network::{
    ClassLatency, CycleHistogram, NetworkStats, Series, Slice, StallCauses, TrafficMatrix,
    VcOccupancy,
};
use topology::spec::MachineSpec;

use super::sweep::Plan;

/// The sections that a plan asks for.
pub(super) fn network_stats(spec: &MachineSpec, plan: &Plan, m: Measured) -> NetworkStats {
    let Measured { classes, load, matrix, series, .. } = m;
    let class = |c: machine::sweep::ClassLatency| {
        let (upto_cycles, count) = c.histogram.into_iter().unzip();
        ClassLatency {
            class: c.class.to_owned(),
            packets: c.packets,
            mean: c.mean,
            p50: c.p50,
            p99: c.p99,
            max: c.max,
            histogram: CycleHistogram { upto_cycles, count },
        }
    };
    let slice = |s: machine::sweep::Slice| Slice {
        start_cycle: s.start_cycle,
        injected: s.injected,
        accepted: s.accepted,
        packet_latency: s.packet_latency,
        in_flight_flits: s.in_flight_flits,
        queued_packets: s.queued_packets,
    };
    let series = |period_cycles| Series {
        period_cycles,
        slices: series.iter().copied().map(slice).collect(),
    };
    let classes = if plan.stats { classes } else { Vec::new() };
    NetworkStats {
        classes: classes.into_iter().map(class).collect(),
        matrix: plan.matrix.then_some(TrafficMatrix { flits: matrix }),
        series: plan.series_cycles.map(series),
        ..parts(spec, load.unwrap_or_default())
    }
}

/// Links, routers and VCs.
fn parts(spec: &MachineSpec, load: NetworkLoad) -> NetworkStats {
    let link = |l: machine::sweep::LinkLoad| BusyLink {
        link: l.name,
        class: l.class,
        flits: l.flits,
        utilization: l.utilization,
        credit_stall_ns: None,
        phy: None,
    };
    let router = |r: machine::sweep::RouterLoad| StallCauses {
        router: r.name,
        moved: r.moved,
        pipeline: r.pipeline,
        vc_allocation: r.no_vc,
        credit: r.no_credit,
        switch_allocation: r.lost_switch,
        behind: r.behind,
    };
    let vc = |v: machine::sweep::VcLoad| VcOccupancy {
        router: spec.fabric.routers[v.router.at()].name.clone(),
        port: u32::try_from(v.port).unwrap_or(u32::MAX),
        vc: u32::from(v.vc.0),
        mean_flits: v.mean_flits,
        max_flits: v.max_flits,
        depth_flits: v.depth_flits,
    };
    NetworkStats {
        links: load.links.into_iter().map(link).collect(),
        routers: load.routers.into_iter().map(router).collect(),
        occupancy: load.vcs.into_iter().map(vc).collect(),
        ..NetworkStats::default()
    }
}
