//! Reductions on the way: exact values, exact counts, and when they arrive.

use base::{GroupIdx, NodeIdx};
use proptest::prelude::*;
use topology::collective::{Group, GroupRules, Grouped};
use topology::describe::Description;

use crate::support::{Net, Script, assert_clean, links, mesh, network, nodes, packets_of, torus};

const SUM: NodeIdx = GroupIdx(0).address();

fn to_root(root: u32, count: u32) -> [Group; 1] {
    [Group::Reduction { root: NodeIdx(root), members: nodes(count) }]
}

/// Every node contributes `rounds` times, as fast as it can; the sums are held to those by hand.
fn reduce_all(net: &mut Net, count: u32, rounds: u32, flits: u32) -> Script {
    let mut script = Script::default();
    for round in 0..rounds {
        (0..count).for_each(|n| script.send(n, SUM, flits, 0, round * count + n));
    }
    assert!(script.run(net), "it comes to an end");
    let whole: Vec<_> = script.reduced.iter().filter(|r| r.whole).collect();
    assert_eq!(whole.len(), rounds as usize);
    for reduced in whole {
        let value = |n| Script::value(n, reduced.group, reduced.sequence);
        let sum = nodes(count).into_iter().map(value).fold(0, u64::wrapping_add);
        assert_eq!((reduced.value, reduced.count), (sum, count), "{reduced:?}");
    }
    assert_clean(net);
    script
}

/// One switch with a wire to each of 9 nodes.
fn star() -> Description {
    let mut star = mesh(&[1], 2, 8);
    if let topology::describe::FabricForm::Mesh(grid) = &mut star.fabric {
        grid.nodes_per_router = 9;
    }
    star
}

#[test]
fn every_node_to_one_gives_the_exact_sum_on_mesh_torus_and_star() {
    let torus = Description::shipped("torus8x8").expect("shipped");
    for (machine, count) in [(mesh(&[8, 8], 2, 8), 64), (torus, 64), (star(), 9)] {
        for root in [0, count / 2 + 3] {
            let mut net = network(&machine, &to_root(root, count), packets_of(4));
            let script = reduce_all(&mut net, count, 10, 4);
            assert!(script.delivered.iter().all(|d| d.1 == NodeIdx(root)));
        }
    }
}

#[test]
fn a_reduction_takes_each_tree_link_once_and_single_packets_the_sum_of_distances() {
    let mut net = network(&mesh(&[8, 8], 2, 8), &to_root(0, 64), packets_of(2));
    let script = reduce_all(&mut net, 64, 1, 2);
    assert_eq!(script.delivered.len(), 1, "one packet for all");
    // A link out of each router: 63 to other routers and one to the root; without combining it would
    // be 512 packets' hops, and 64 packets on the last link.
    assert_eq!(links(&net).len(), 64);
    assert!(links(&net).values().all(|flits| *flits == 2));
    assert_eq!(net.collective_flits().1, 63 * 2, "all packets but one are absorbed");
}

#[test]
fn a_reduction_takes_the_time_of_the_farthest_contribution() {
    // What comes from nearer is absorbed before: 2 + 5 H, H routers from corner to corner.
    for (machine, count, routers) in [(mesh(&[8, 8], 2, 8), 64, 15), (mesh(&[6, 2], 1, 4), 12, 7)] {
        for flits in [1, 3] {
            let mut net = network(&machine, &to_root(0, count), packets_of(4));
            let script = reduce_all(&mut net, count, 1, flits);
            assert_eq!(script.delivered[0].2, 2 + 5 * routers + u64::from(flits) - 1);
        }
    }
}

#[test]
fn contributions_that_come_at_once_cost_one_cycle_more() {
    // The last of them waits until the others are absorbed: P flits from the cycle after VA on.
    for flits in [1, 2, 5] {
        let mut net = network(&star(), &to_root(0, 9), packets_of(8));
        let script = reduce_all(&mut net, 9, 1, flits);
        assert_eq!(script.delivered[0].2, 2 + 5 + u64::from(flits) + u64::from(flits) - 1);
    }
}

#[test]
fn a_table_that_is_too_small_is_refused_with_the_size_it_needs() {
    let spec = mesh(&[3, 3], 1, 4).elaborate().expect("a machine");
    let groups: Vec<Group> = (0..3).flat_map(|_| to_root(4, 9)).collect();
    let build = |table_entries| {
        let rules = GroupRules { table_entries, window: 5, ..GroupRules::default() };
        Grouped::new(&spec.fabric, spec.fabric.routing.clone(), &groups, rules).map(|_| ())
    };
    assert_eq!(build(15), Ok(()));
    let error = build(14).expect_err("three windows of 5 in 14").to_string();
    assert!(error.contains("table_entries") && error.contains("tables of 15"), "{error}");
}

#[test]
fn groups_that_make_no_sense_are_refused_with_the_reason() {
    let spec = mesh(&[3, 3], 1, 4).elaborate().expect("a machine");
    let build = |members: &[u32]| {
        let members = members.iter().copied().map(NodeIdx).collect();
        let groups = [Group::Reduction { root: NodeIdx(0), members }];
        let routing = spec.fabric.routing.clone();
        let built = Grouped::new(&spec.fabric, routing, &groups, GroupRules::default());
        built.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(build(&[1, 8]), Ok(()));
    for (members, why) in [(&[][..], "no members"), (&[1, 1], "node1 twice"), (&[9], "of 9 nodes")]
    {
        assert!(build(members).expect_err("refused").contains(why), "{why}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn overlapping_reductions_among_other_traffic_are_exact(
        roots in prop::collection::vec(0_u32..16, 1..5), window in 1_u32..4, depth in 1_u32..5,
        vcs in 1_u8..3, rings in any::<bool>(), rounds in 1_u32..8, delays in prop::collection::vec(0_u64..200, 16),
    ) {
        let groups: Vec<Group> = roots.iter().flat_map(|root| to_root(*root, 16)).collect();
        let rules = GroupRules { packet_flits_max: depth, window, ..GroupRules::default() };
        let machine = if rings { torus } else { mesh }(&[4, 4], vcs, depth);
        let mut net = network(&machine, &groups, rules);
        let mut script = Script::default();
        for round in 0..rounds {
            for node in 0..16 {
                let at = delays[node as usize] * u64::from(round);
                for g in 0..u32::try_from(groups.len()).unwrap_or(0) {
                    script.send(node, GroupIdx(g).address(), 1 + round % depth, at, (g * 8 + round) * 32 + node);
                }
                script.send(node, NodeIdx((node * 5 + round) % 16), 1 + node % 6, at, (70 + round) * 32 + node);
            }
        }
        prop_assert!(script.run(&mut net));
        let whole: Vec<_> = script.reduced.iter().filter(|r| r.whole).collect();
        prop_assert_eq!(whole.len(), groups.len() * rounds as usize);
        for reduced in whole {
            let value = |n| Script::value(n, reduced.group, reduced.sequence);
            let sum = nodes(16).into_iter().map(value).fold(0, u64::wrapping_add);
            prop_assert_eq!(reduced.value, sum);
        }
        assert_clean(&mut net);
    }
}
