//! What is counted of links, routers and VCs, against the same flits counted elsewhere.

use traffic::synthetic::Exchange;

use super::{mesh, run, uniform};
use crate::sweep::{Measured, NetworkLoad, Options};

/// A run from the beginning whose window holds every flit that moves.
fn counted(rate: f64, flits: &str) -> (Measured, NetworkLoad) {
    let mut options =
        Options { stats: true, matrix: true, series_cycles: Some(400), ..uniform(rate, 0, 3000) };
    options.traffic.exchange = Exchange::OneWay(flits.parse().unwrap());
    let m = run(&mesh(4), &options);
    let load = m.load.clone().unwrap();
    (m, load)
}

#[test]
fn every_flit_is_counted_once_wherever_it_is_counted() {
    for (rate, flits) in [(0.2, "1"), (0.5, "1:0.5,5:0.5"), (0.99, "3")] {
        let (m, load) = counted(rate, flits);
        let moved: u64 = load.routers.iter().map(|r| r.moved).sum();
        let out = |from_router: bool| {
            let links = load.links.iter().filter(|l| l.name.starts_with("r(") == from_router);
            links.map(|l| l.flits).sum::<u64>()
        };
        assert_eq!(out(true), moved, "{rate}");
        let room = 3000.0 * 16.0;
        // What left sources in the window and what routers received of it differ by one link.
        let entered = (m.injected * room).round();
        assert!((out(false) as f64 - entered).abs() <= 2.0 * 16.0, "{rate}");
        let arrived: u64 = m.matrix.iter().flatten().sum();
        assert!((arrived as f64 - m.accepted * room).abs() < 0.5, "{rate}");
        // A link carries a flit a cycle at the most.
        assert!(load.links.iter().all(|l| (0.0..=1.0).contains(&l.utilization)), "{rate}");
        let slices: f64 = m.series.iter().map(|s| s.accepted * slice(s.start_cycle)).sum();
        assert!((slices * 16.0 - arrived as f64).abs() < 0.5, "{rate}: {slices}");
    }
}

/// Cycles of the slice that begins at a cycle of the window: the last is what is left.
fn slice(start: u64) -> f64 {
    (3000 - start).min(400) as f64
}

#[test]
fn cycles_of_flits_at_the_front_are_charged_once() {
    for rate in [0.1, 0.5, 0.99] {
        let (_, load) = counted(rate, "1");
        let charged: u64 = load
            .routers
            .iter()
            .map(|r| r.moved + r.pipeline + r.no_vc + r.no_credit + r.lost_switch)
            .sum();
        let behind: u64 = load.routers.iter().map(|r| r.behind).sum();
        let buffered: f64 = load.vcs.iter().map(|v| v.mean_flits * 3000.0).sum();
        // A flit of a packet of one flit is at the front of its VC or behind another packet.
        let all = (charged + behind) as f64;
        assert!((buffered / all - 1.0).abs() < 1e-9, "{rate}: {buffered} {all}");
        assert!(load.vcs.iter().all(|v| v.max_flits <= v.depth_flits), "{rate}");
    }
}

/// Without contention a head spends RC, VA and SA in the buffer: two cycles of pipeline, then it moves.
#[test]
fn a_light_load_waits_for_nothing() {
    let (_, load) = counted(0.002, "1");
    let sum = |f: fn(&crate::sweep::RouterLoad) -> u64| load.routers.iter().map(f).sum::<u64>();
    let moved = sum(|r| r.moved);
    assert!(moved > 200, "{moved}");
    assert!(sum(|r| r.pipeline).abs_diff(2 * moved) <= 2, "{}", sum(|r| r.pipeline));
    assert_eq!((sum(|r| r.no_credit), sum(|r| r.behind)), (0, 0));
}

#[test]
fn a_saturated_mesh_waits_for_vcs_and_credits_and_its_vcs_are_full() {
    let (m, load) = counted(0.99, "1");
    let stalled: u64 = load.routers.iter().map(|r| r.no_vc + r.no_credit + r.lost_switch).sum();
    let moved: u64 = load.routers.iter().map(|r| r.moved).sum();
    assert!(stalled > moved && load.routers.iter().any(|r| r.behind > 0));
    assert!(load.vcs.iter().any(|v| v.max_flits == v.depth_flits));
    let last = m.series.last().unwrap();
    assert!(last.queued_packets > 9000 && last.in_flight_flits > 200, "{last:?}");
}

#[test]
fn followed_packets_are_told_in_order() {
    let options = Options { follow: vec![2, 3], ..uniform(0.1, 0, 300) };
    let m = run(&mesh(4), &options);
    let of = |packet: u32| {
        let start = format!("packet {packet} | ");
        m.follow.iter().filter(|l| l.starts_with(&start)).cloned().collect::<Vec<_>>()
    };
    let (second, third) = (of(2), of(3));
    assert_eq!(second.len() + third.len(), m.follow.len());
    for lines in [second, third] {
        assert!(lines[0].contains("created, 1 flits"), "{lines:?}");
        assert!(lines.last().unwrap().contains("delivered after"), "{lines:?}");
        let cycle = |l: &String| l.split(" | ").nth(1).and_then(|c| c.parse::<u64>().ok());
        assert!(lines.is_sorted_by_key(cycle), "{lines:?}");
        let stages = ["received", "RC", "VA grant", "SA grant", " ST ", "sent"];
        let count = |word: &str| lines.iter().filter(|l| l.contains(word)).count();
        assert!(stages.iter().all(|s| count(s) == count("received")), "{lines:?}");
    }
}
