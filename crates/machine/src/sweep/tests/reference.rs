//! Closed forms, and figures of BookSim 2.0 (git 28f43299).

use traffic::synthetic::estimate::{Outcome, SaturationSearch};

use super::{mesh, run, uniform};
use crate::sweep::{SweepError, alone};

#[test]
fn lone_packets_meet_the_closed_form_on_every_pair_of_an_8x8_mesh() {
    let spec = mesh(8);
    let pairs: Vec<(u32, u32)> = (0..64).flat_map(|a| (0..64).map(move |b| (a, b))).collect();
    for flits in [1, 5] {
        let all = alone(&spec, flits, &pairs).unwrap();
        for ((a, b), lone) in pairs.iter().zip(all) {
            let hops = 1 + (a % 8).abs_diff(b % 8) + (a / 8).abs_diff(b / 8);
            let cycles = u64::from(2 + 5 * hops + flits - 1);
            assert_eq!((lone.hops, lone.latency_cycles), (hops, cycles), "{a} to {b}");
        }
    }
}

#[test]
fn a_node_that_is_not_there_is_an_error() {
    let error = alone(&mesh(2), 1, &[(0, 3), (4, 0)]).unwrap_err();
    assert!(matches!(error, SweepError::Build(_)) && error.to_string().contains("no node 4"));
}

/// mesh8_uni_v4_p1: 4 VCs of 8 flits, one-flit packets, uniform.
#[test]
fn loads_up_to_80_percent_of_saturation_are_within_1_percent_of_the_reference() {
    let spec = mesh(8);
    for (rate, cycles, latency, hops) in [
        (0.05, 30_000, 33.4628, 6.242),
        (0.1, 15_000, 33.9272, 6.260),
        (0.2, 10_000, 35.1359, 6.248),
        (0.3, 10_000, 38.0504, 6.251),
        (0.35, 15_000, 41.7281, 6.252),
    ] {
        let m = run(&spec, &uniform(rate, 2000, cycles));
        let error = (m.packet_latency - latency) / latency;
        assert!(error.abs() < 0.01, "{rate}: {} {error}", m.packet_latency);
        assert!((m.hops / hops - 1.0).abs() < 0.01, "{rate}: {}", m.hops);
        assert!((m.accepted / rate - 1.0).abs() < 0.02 && m.drained && m.saturated.is_none());
        // Sources are never blocked for long below saturation: a flit a packet, so all are alike.
        assert!((m.flit_latency - m.network_latency).abs() < 1e-9);
        assert!(m.packet_latency_min == 7 && m.packet_latency >= m.network_latency);
    }
}

/// The reference carries 0.42 and not 0.43.
#[test]
fn an_8x8_mesh_saturates_where_the_reference_does() {
    let spec = mesh(8);
    let search = SaturationSearch::new(0.34, 0.5, 0.02).unwrap();
    let found = search.run(|rate| {
        let m = run(&spec, &uniform(rate, 3000, 6000));
        Ok::<_, SweepError>(Outcome { saturated: m.saturated.is_some(), accepted: m.accepted })
    });
    let found = found.unwrap();
    let (low, high) = (found.stable.unwrap().rate, found.saturated.unwrap());
    assert!(low <= 0.44 && high.rate >= 0.41, "{low} {high:?}");
    let accepted = high.outcome.accepted;
    assert!((accepted / 0.42 - 1.0).abs() < 0.02, "{accepted}");
}

#[test]
fn beyond_saturation_what_is_accepted_is_steady_and_the_run_is_not_drained() {
    let m = run(&mesh(8), &uniform(0.99, 3000, 3000));
    assert!(m.saturated.is_some() && !m.drained && m.flit_latency.is_nan());
    // The reference: 0.3983.
    assert!((m.accepted / 0.3983 - 1.0).abs() < 0.02, "{}", m.accepted);
    assert_eq!(m.cycles, 6000, "no drain");
}
