//! Heavy random traffic in small buffers: it ends with the rule, and not without it.

use base::rng::draw;
use base::{GroupIdx, NodeIdx};
use proptest::prelude::*;
use topology::collective::{Group, GroupRules};
use topology::describe::Description;

use crate::support::{Script, assert_clean, mesh, network, torus};

const NODES: u32 = 16;

/// A draw below `n`.
fn below(seed: u64, stream: u64, count: u32, n: u32) -> u32 {
    let drawn = draw(seed, 1, stream, u64::from(count)) % u64::from(n.max(1));
    u32::try_from(drawn).unwrap_or(0)
}

/// A group of random members at each node.
fn groups(seed: u64) -> Vec<Group> {
    let group = |n: u32| {
        let drawn = |m: &NodeIdx| below(seed, 2, n * NODES + m.0, 2) == 0;
        let mut members: Vec<NodeIdx> = (0..NODES).map(NodeIdx).filter(drawn).collect();
        members.push(NodeIdx(n));
        members.sort_unstable();
        members.dedup();
        Group::Multicast { source: NodeIdx(n), members }
    };
    (0..NODES).map(group).collect()
}

/// Runs 20 packets from each node, every second to its group; whether that ends.
fn ends(seed: u64, machine: &Description, rules: GroupRules) -> bool {
    let groups = groups(seed);
    let mut net = network(machine, &groups, rules);
    let mut script = Script::default();
    let mut expected = 0;
    for tag in 0..20 * NODES {
        let node = tag % NODES;
        let flits = 1 + below(seed, 3, tag, rules.packet_flits_max);
        if below(seed, 4, tag, 2) == 0 {
            let Group::Multicast { members, .. } = &groups[node as usize] else { continue };
            expected += members.len();
            script.send(node, GroupIdx(node).address(), flits, 0, tag);
        } else {
            expected += 1;
            script.send(node, NodeIdx(below(seed, 5, tag, NODES)), flits, 0, tag);
        }
    }
    let ended = script.run(&mut net);
    if ended {
        assert_eq!(script.delivered.len(), expected);
        assert_clean(&mut net);
    }
    ended
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn branches_with_room_for_the_packet_never_deadlock(
        seed in any::<u64>(), vcs in 1_u8..4, depth in 1_u32..6, rings in any::<bool>(),
    ) {
        let rules = GroupRules { packet_flits_max: depth, ..GroupRules::default() };
        let machine = if rings { torus } else { mesh }(&[4, 4], vcs, depth);
        prop_assert!(ends(seed, &machine, rules));
    }
}

#[test]
fn branches_without_room_for_the_packet_deadlock() {
    let rules = GroupRules { packet_flits_max: 6, ..GroupRules::default() };
    let wormhole = GroupRules { whole_packets: false, ..rules };
    let stuck = (0..10).filter(|seed| !ends(*seed, &mesh(&[4, 4], 1, 2), wormhole)).count();
    assert!(stuck > 0, "wormhole replication in buffers of 2 flits was lucky ten times");
    assert!(
        (0..10).all(|seed| ends(seed, &mesh(&[4, 4], 1, 6), rules)),
        "the same traffic with the rule"
    );
}
