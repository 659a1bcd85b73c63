//! What links did in a run, from the machine's data to the report's.

use machine::{LinkUse, PhyUse};
use report::{BusyLink, OverTime, PhyAccount, PhyTotals};

/// A link; a flit has so many bytes.
pub(super) fn link(l: &LinkUse, flit_bytes: u32) -> BusyLink {
    BusyLink {
        link: l.name.clone(),
        class: l.class.clone(),
        flits: l.flits,
        utilization: l.utilization,
        credit_stall_ns: Some(l.credit_stall.as_ns()),
        phy: l.phy.as_ref().map(|a| account(l, a, flit_bytes)),
    }
}

fn account(l: &LinkUse, a: &phy::Account, flit_bytes: u32) -> PhyAccount {
    PhyAccount {
        frames: a.frames,
        payload_bytes: a.flits * u64::from(flit_bytes),
        idle_frames: a.idle,
        replays: a.replays,
        corrected_symbols: a.corrected_symbols,
        uncorrectable_frames: a.uncorrectable,
        undetected_frames: a.undetected,
        wrong_flits: a.wrong_flits,
        naks: a.naks,
        timeouts: a.timeouts,
        retrains: a.retrains,
        lanes: a.lanes,
        lanes_failed: a.lanes_failed,
        down_ns: a.down.as_ns(),
        buffer_stalls: a.buffer_stalls,
        energy_fj: a.energy_fj,
        utilization_over_time: over_time(l, a),
        dead: a.dead.map(|why| why.to_string()),
    }
}

/// Flits of each slice as shares: all of them are what the whole run's share is.
fn over_time(l: &LinkUse, a: &phy::Account) -> OverTime {
    let (slice, flits) = &a.series;
    let busy_ns = a.busy.as_ns();
    let each = if l.flits == 0 { 0.0 } else { busy_ns / l.flits as f64 };
    let used = flits.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1);
    let share = |n: &u32| f64::from(*n) * each / slice.as_ns();
    OverTime { slice_ns: slice.as_ns(), share: flits[..used].iter().map(share).collect() }
}

/// All framed links together.
pub(super) fn totals(u: &PhyUse) -> PhyTotals {
    PhyTotals {
        links: u.links,
        frames: u.frames,
        idle_frames: u.idle,
        replays: u.replays,
        corrected_symbols: u.corrected_symbols,
        uncorrectable_frames: u.uncorrectable,
        undetected_frames: u.undetected,
        retrains: u.retrains,
        reroutes: u.reroutes,
        resent_packets: u.resent_packets,
        dropped_flits: u.dropped_flits,
        poisoned_packets: u.poisoned_packets,
        corrupted_packets: u.corrupted_packets,
        energy_fj: u.energy_fj,
    }
}
