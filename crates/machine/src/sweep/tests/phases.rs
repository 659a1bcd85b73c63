//! Warm-up, window, drain.

use super::{mesh, run, uniform};
use crate::sweep::Options;

#[test]
fn a_light_load_settles_at_the_first_look_and_a_heavy_one_later() {
    let spec = mesh(4);
    let by_itself = |rate| Options { warmup_cycles: None, ..uniform(rate, 0, 2000) };
    let light = run(&spec, &by_itself(0.2));
    assert!((2048..=8192).contains(&light.warmup_cycles), "{}", light.warmup_cycles);
    let said = run(&spec, &uniform(0.2, light.warmup_cycles, 2000));
    assert_eq!(light.digest, said.digest, "as if the warm-up had been given");
}

#[test]
fn a_load_that_never_settles_ends_its_warm_up_by_the_latency_limit() {
    let options = Options { warmup_cycles: None, ..uniform(0.95, 0, 1000) };
    let m = run(&mesh(8), &options);
    assert!(m.saturated.is_some());
    assert!((2048..=16_384).contains(&m.warmup_cycles), "{}", m.warmup_cycles);
}

#[test]
fn a_drain_that_is_hopeless_ends_early() {
    // No slack, so the backlog says nothing; the ages of what is left do.
    let mut options = uniform(0.9, 2000, 4000);
    options.criteria.slack = 1.0;
    let m = run(&mesh(8), &options);
    assert!(m.saturated.is_some() && !m.drained);
    assert!(m.cycles < 9000, "{}", m.cycles);
}

#[test]
fn without_a_limit_a_saturated_window_drains_to_its_last_packet() {
    let mut options = uniform(0.9, 100, 300);
    options.criteria.slack = 1.0;
    options.criteria.latency_cycles_max = f64::INFINITY;
    let m = run(&mesh(8), &options);
    assert!(m.drained && m.saturated.is_none());
    assert!(m.cycles > 600, "queues are first in, first out: {}", m.cycles);
    let offered = m.packets as f64 / (300.0 * 64.0);
    assert!((offered / 0.9 - 1.0).abs() < 0.03, "{offered}");
}

#[test]
fn a_window_without_packets_says_nothing() {
    let m = run(&mesh(2), &uniform(0.0, 10, 100));
    assert!(m.packets == 0 && m.drained && m.saturated.is_none());
    assert!(m.packet_latency.is_nan() && m.flit_latency.is_nan() && m.hops.is_nan());
    assert_eq!((m.cycles, m.p50, m.flit_hops), (110, 0, 0));
}
