//! What is planned is what happens; what meets is named.

use topology::Description;

use super::*;

fn machine(name: &str) -> MachineSpec {
    Description::shipped(name).expect("it ships").elaborate().expect("it is sound")
}

#[test]
fn planned_transfers_arrive_at_the_instant_planned() {
    for (name, flits) in
        [("mesh8x8", 1), ("mesh8x8", 5), ("nvl8", 4), ("torus4x4x4", 2), ("ring16", 3)]
    {
        let spec = machine(name);
        for pattern in Pattern::ALL {
            let nodes = spec.fabric.node_ports.len().min(24);
            let transfers = pattern.transfers(nodes, flits);
            let (schedule, arrivals) = plan(&spec, &transfers, (10, 0)).expect("it can be laid");
            assert_eq!(
                verify(&spec, &schedule).expect("it is free"),
                arrivals,
                "{name} {pattern:?}"
            );
            let ran = run_static(&spec, &schedule, &[]).expect("it runs");
            assert_eq!(ran, arrivals, "{name} {pattern:?} {flits}");
        }
    }
}

#[test]
fn transfers_that_meet_are_named_with_link_and_cycle() {
    let spec = machine("mesh8x8");
    let transfer =
        |src, dst| Transfer { src: NodeIdx(src), dst: NodeIdx(dst), flits: 4, after: None };
    let transfers = vec![transfer(0, 3), transfer(1, 3)];
    let (mut schedule, _) = plan(&spec, &transfers, (0, 0)).expect("it can be laid");
    assert!(verify(&spec, &schedule).is_ok());
    // The second reaches the router of node 1 a hop later, so it is released 5 cycles too late now.
    schedule.releases = vec![0, 5];
    let said = verify(&spec, &schedule).expect_err("they meet").to_string();
    assert!(
        said.contains("transfers 0 (node0 to node3) and 1 (node1 to node3) both hold"),
        "{said}"
    );
    assert!(said.contains("at cycle 10"), "{said}");
    schedule.releases = vec![0, 9];
    assert!(verify(&spec, &schedule).is_ok());
    schedule.releases = vec![0, 8];
    assert!(verify(&spec, &schedule).is_err());
}

#[test]
fn a_transfer_released_before_what_it_waits_for_is_named() {
    let spec = machine("mesh8x8");
    let transfers = Pattern::Ring.transfers(4, 1);
    let (mut schedule, _) = plan(&spec, &transfers, (0, 0)).expect("it can be laid");
    schedule.releases[4] = 1;
    let said = verify(&spec, &schedule).expect_err("it is early").to_string();
    assert!(said.contains("transfer 4 is released"), "{said}");
}

#[test]
fn dynamic_routing_delivers_the_same_transfers_and_waits_for_links() {
    let spec = machine("mesh8x8");
    let transfers = Pattern::AllToAll.transfers(64, 1);
    let arrivals = run_dynamic(&spec, &transfers, &[]).expect("it runs");
    assert!(arrivals.iter().all(|at| *at != Fs::NEVER));
    let ring = Pattern::Ring.transfers(8, 1);
    let arrivals = run_dynamic(&spec, &ring, &[]).expect("it runs");
    for (t, at) in ring.iter().zip(&arrivals) {
        assert!(t.after.is_none_or(|after| arrivals[after] < *at));
    }
}
