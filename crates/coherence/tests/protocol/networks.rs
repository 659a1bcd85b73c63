//! Which mappings of message classes to virtual networks deadlock.

use coherence::model::{FaultKind, Homes, Limits, Model, Networks, search};
use coherence::{Config, Protocol, Sound};

fn model(mapping: &str, depth: u32, lines: u32) -> Model<Sound> {
    let mut model = Model::new(Config::default(), 2, lines);
    let networks: Networks = mapping.parse().expect("a mapping");
    model.shape.networks = Some(networks.with_depth(depth));
    model.shape.homes = Homes::Interleaved;
    model.shape.values = 1;
    model.workload.far = true;
    model
}

/// Acts of the shortest way into a deadlock.
fn deadlock(mapping: &str, depth: u32, lines: u32) -> Option<usize> {
    let report = search(&model(mapping, depth, lines), &Limits::default(), &|_| {});
    let found = report.counter_example?;
    assert_eq!(found.fault.kind, FaultKind::Deadlock, "{}", found.fault);
    Some(found.acts.len())
}

#[test]
fn one_network_deadlocks_with_one_line() {
    assert!(deadlock("rest", 2, 1).is_some());
    assert!(deadlock("rest", 3, 1).is_some());
}

#[test]
fn requests_apart_from_the_rest_deadlock_with_two_lines() {
    assert_eq!(deadlock("Req|rest", 2, 1), None);
    assert!(deadlock("Req|rest", 2, 2).is_some());
}

/// However deep: a request that waits for one line stands before the snoop that another waits for.
#[test]
fn requests_with_snoops_deadlock_but_only_with_two_lines() {
    for depth in [2, 3, 8] {
        assert_eq!(deadlock("Req,Fwd|Rsp", depth, 1), None);
        assert!(deadlock("Req,Fwd|Rsp", depth, 2).is_some());
    }
}

#[test]
fn the_shipped_mapping_is_free_of_deadlock_with_one_line_and_the_least_of_buffers() {
    assert_eq!(deadlock("Req|Fwd|RspUp|RspDown|Ack", 1, 1), None);
}

#[test]
fn the_shipped_mapping_is_free_of_deadlock_with_every_option() {
    for protocol in Protocol::ALL {
        let mut model = model("Req|Fwd|RspUp|RspDown|Ack", 1, 1);
        model.cfg.protocol = protocol;
        model.workload.evictions = coherence::model::Evictions::Either;
        let report = search(&model, &Limits::default(), &|_| {});
        assert!(report.complete, "{protocol}: {:?}", report.counter_example);
    }
}

/// Every state: what the machine has, with the least of buffers.
#[test]
#[ignore = "deep: 3.0 million states"]
fn the_shipped_mapping_is_free_of_deadlock_with_two_lines() {
    assert_eq!(deadlock("Req|Fwd|RspUp|RspDown|Ack", 1, 2), None);
}

/// Two lines without what makes the search long: no evictions, no far atomics.
#[test]
fn the_shipped_mapping_is_free_of_deadlock_with_two_lines_that_are_not_evicted() {
    let mut model = model("Req|Fwd|RspUp|RspDown|Ack", 1, 2);
    (model.workload.far, model.workload.recalls) = (false, false);
    model.workload.evictions = coherence::model::Evictions::None;
    let report = search(&model, &Limits::default(), &|_| {});
    assert!(report.complete, "{:?}", report.counter_example);
    assert!(report.states > 5_000, "{} states", report.states);
}
