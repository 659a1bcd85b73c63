//! Replication on the way: where copies arrive, when, and over which links.

use base::arch::{Allocation, VcReuse};
use base::{GroupIdx, NodeIdx};
use topology::collective::{Group, GroupRules};
use topology::describe::Description;

use crate::support::{Net, Script, assert_clean, links, mesh, network, nodes, packets_of};

const TO_ALL: NodeIdx = GroupIdx(0).address();

fn broadcast(source: u32, count: u32) -> [Group; 1] {
    [Group::Multicast { source: NodeIdx(source), members: nodes(count) }]
}

/// Routers from `a` to `b` on a mesh of width 8.
fn hops(a: u32, b: u32) -> u64 {
    u64::from((a % 8).abs_diff(b % 8) + (a / 8).abs_diff(b / 8) + 1)
}

#[test]
fn a_broadcast_alone_reaches_every_member_at_the_closed_form_of_a_single_packet() {
    for (source, flits) in [(0, 1), (0, 5), (27, 1), (27, 8), (63, 3)] {
        let mut net = network(&mesh(&[8, 8], 2, 8), &broadcast(source, 64), packets_of(8));
        let mut script = Script::default();
        script.send(source, TO_ALL, flits, 10, 0);
        assert!(script.run(&mut net));
        for node in 0..64 {
            let expect = 2 + 5 * hops(source, node) + u64::from(flits) - 1;
            assert_eq!(script.latencies[&(0, NodeIdx(node))], expect, "{source} to {node}");
        }
        assert_clean(&mut net);
    }
}

#[test]
fn a_broadcast_takes_each_tree_link_once_and_unicasts_take_the_sum_of_distances() {
    let flits = 3;
    let mut net = network(&mesh(&[8, 8], 2, 8), &broadcast(0, 64), packets_of(flits));
    let mut script = Script::default();
    script.send(0, TO_ALL, flits, 0, 0);
    assert!(script.run(&mut net));
    let used = links(&net);
    let tree: Vec<_> = net.routers().routing().trees().links(GroupIdx(0)).collect();
    assert_eq!(tree.len(), 63 + 64, "the links between routers and those to nodes");
    assert_eq!(used.len(), tree.len());
    assert!(tree.iter().all(|(r, p)| used[&(*r, p.at())] == u64::from(flits)));
    assert_eq!(net.router_visits(), 127 * u64::from(flits));

    let mut net = network(&mesh(&[8, 8], 2, 8), &broadcast(0, 64), packets_of(flits));
    let mut script = Script::default();
    (0..64).for_each(|n| script.send(0, NodeIdx(n), flits, 0, n));
    assert!(script.run(&mut net));
    // Columns and rows are 3.5 away on average, and the last link is one more: 64 (3.5 + 3.5 + 1).
    assert_eq!(net.router_visits(), 512 * u64::from(flits));
}

#[test]
fn members_alone_get_the_packet_whoever_they_are() {
    let members = [3, 17, 18, 40, 63].map(NodeIdx);
    let groups = [Group::Multicast { source: NodeIdx(9), members: members.to_vec() }];
    let mut net = network(&mesh(&[8, 8], 1, 4), &groups, packets_of(4));
    let mut script = Script::default();
    for tag in 0..20 {
        script.send(9, TO_ALL, 1 + tag % 4, 0, tag);
    }
    assert!(script.run(&mut net));
    for member in members {
        let seen = script.delivered.iter().filter(|d| d.1 == member).map(|d| d.0);
        assert!(seen.eq(0..20), "{member}: once each and in the order of sending");
    }
    assert_eq!(script.delivered.len(), 20 * members.len());
    assert_clean(&mut net);
}

#[test]
fn a_branch_that_is_blocked_holds_up_no_other() {
    // Packets from 3 to 5 hold the way from 4 to the east, for nodes 2 and 8 crowd node 5's port.
    let groups = [Group::Multicast { source: NodeIdx(4), members: vec![NodeIdx(3), NodeIdx(5)] }];
    let mut net = network(&mesh(&[3, 3], 1, 4), &groups, packets_of(4));
    let mut script = Script::default();
    for tag in 1..30 {
        for n in [2, 3, 8] {
            script.send(n, NodeIdx(5), 20, 0, tag * 10 + n);
        }
    }
    script.send(4, TO_ALL, 4, 300, 0);
    assert!(script.run(&mut net));
    let alone = 2 + 5 * 2 + 3;
    assert_eq!(script.latencies[&(0, NodeIdx(3))], alone);
    assert!(script.latencies[&(0, NodeIdx(5))] > 2 * alone, "{:?}", script.latencies);
    assert_clean(&mut net);
}

/// All nodes broadcast and talk to each other at once.
fn storm(machine: &Description, count: u32, flits: u32) -> (Net, Script) {
    let groups: Vec<Group> = (0..count).flat_map(|n| broadcast(n, count)).collect();
    let mut net = network(machine, &groups, packets_of(flits));
    let mut script = Script::default();
    for round in 0..6 {
        for node in 0..count {
            let tag = round * count + node;
            let dst = if round % 2 == 0 {
                GroupIdx(node).address()
            } else {
                NodeIdx((node * 7 + round) % count)
            };
            script.send(node, dst, 1 + tag % flits, 0, tag);
        }
    }
    assert!(script.run(&mut net), "it comes to an end");
    assert_eq!(script.delivered.len(), (3 * count * count + 3 * count) as usize);
    assert_clean(&mut net);
    (net, script)
}

#[test]
fn every_router_that_can_be_described_replicates() {
    let plain = mesh(&[3, 3], 2, 4);
    let with = |change: &dyn Fn(&mut topology::describe::Router)| {
        let mut machine = plain.clone();
        change(&mut machine.router);
        machine
    };
    let machines = [
        with(&|_| ()),
        with(&|r| r.rc_cycles = 0),
        with(&|r| (r.rc_cycles, r.va_cycles, r.sa_cycles, r.st_cycles) = (2, 3, 2, 2)),
        with(&|r| r.speculative = true),
        with(&|r| r.vc_allocator = Allocation::Wavefront),
        with(&|r| r.switch_allocator = Allocation::Islip { iterations: 2 }),
        with(&|r| r.switch_allocator = Allocation::OutputFirst),
        with(&|r| (r.internal_speedup, r.output_buffer_flits) = (2, Some(4))),
        with(&|r| (r.output_speedup, r.output_buffer_flits) = (2, Some(4))),
        with(&|r| r.input_speedup = 2),
        with(&|r| r.vc_reuse = VcReuse::TailCredit),
    ];
    for machine in &machines {
        storm(machine, 9, 4);
    }
}

#[test]
fn the_same_storm_twice_is_the_same_storm() {
    let run = || storm(&mesh(&[4, 4], 2, 4), 16, 4).1.delivered;
    assert_eq!(run(), run());
}

#[test]
fn shipped_machines_with_fixed_routes_broadcast_and_reduce_and_others_say_why_not() {
    let mut served = Vec::new();
    for (name, _) in topology::SHIPPED {
        let spec = Description::shipped(name).expect("shipped").elaborate().expect("a machine");
        let count = u32::try_from(spec.fabric.node_ports.len()).expect("few nodes");
        if count > 128 {
            continue;
        }
        let [multicast] = broadcast(1, count);
        let groups = [multicast, Group::Reduction { root: NodeIdx(1), members: nodes(count) }];
        let routing = spec.fabric.routing.clone();
        let rules = GroupRules::default();
        match topology::collective::Grouped::new(&spec.fabric, routing, &groups, rules) {
            Err(error) => {
                assert!(error.to_string().contains("trees need routes"), "{name}: {error}");
            }
            Ok(routing) => {
                let watch = crate::support::Wormholes::default();
                let Ok(mut net) = machine::CycleNetwork::new(&spec, routing, 1, 7, watch) else {
                    continue; // Its routers have several clocks.
                };
                net.start();
                let mut script = Script::default();
                script.send(1, TO_ALL, 1, 0, 0);
                (0..count).for_each(|n| script.send(n, GroupIdx(1).address(), 1, 0, 1 + n));
                assert!(script.run(&mut net), "{name}");
                let copies = script.delivered.iter().filter(|d| d.0 == 0).count();
                assert_eq!(copies, count as usize, "{name}");
                let whole: Vec<_> = script.reduced.iter().filter(|r| r.whole).collect();
                assert!(whole.len() == 1 && whole[0].count == count, "{name}: {whole:?}");
                served.push(name);
            }
        }
    }
    for name in ["mesh8x8", "torus8x8", "torus4x4x4", "ring16", "nvl8", "fullmesh8"] {
        assert!(served.contains(&name), "{name} is not served, but {served:?}");
    }
}

#[test]
fn routers_that_could_deadlock_are_refused_with_the_mend() {
    let build = |machine: &Description, rules| {
        let spec = machine.elaborate().expect("a machine");
        let routing = spec.fabric.routing.clone();
        let routing =
            topology::collective::Grouped::new(&spec.fabric, routing, &broadcast(0, 9), rules);
        machine::CycleNetwork::new(&spec, routing.expect("trees"), 1, 7, ()).map(|_| ())
    };
    assert_eq!(build(&mesh(&[3, 3], 1, 4), packets_of(4)), Ok(()));
    let error = build(&mesh(&[3, 3], 1, 4), packets_of(5)).expect_err("packets of 5 in 4");
    assert!(error.to_string().contains("raise buffer_flits to 5"), "{error}");
    let mut machine = mesh(&[3, 3], 1, 4);
    machine.router.hold_switch = true;
    let error = build(&machine, packets_of(4)).expect_err("held switch");
    assert!(error.to_string().contains("hold_switch false"), "{error}");
}
