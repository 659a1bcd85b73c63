//! Laws of small networks, whatever is sent and in whatever order components are stepped.

use base::route::class_vcs;
use base::{Class, Flit, PacketIdx, RouterArch, VcIdx};
use proptest::prelude::*;
use std::collections::BTreeMap;

use super::grid::{Grid, Shape, outgoing};

/// Two routers and their nodes, with one VC a class between them.
pub(super) fn pair(depth: u32, latency: u32) -> Shape {
    Shape {
        width: 2,
        height: 1,
        vcs_per_class: 1,
        depth,
        node_depth: 64,
        latency,
        shared: false,
        credit_cycles: 1,
        shuffle: 1,
        interval: 1,
        stages: [1; 4],
        arch: RouterArch::default(),
    }
}

/// Edges at which flits left router 0 for router 1.
fn departures(grid: &Grid) -> Vec<u64> {
    grid.eastward(0).log.iter().map(|(edge, _)| edge.0).collect()
}

#[test]
fn a_packet_alone_takes_the_closed_form_of_zero_load() {
    for (width, latency, flits) in [(2, 1, 1), (8, 1, 1), (8, 1, 5), (5, 3, 4)] {
        let shape = Shape { width, ..pair(64, latency) };
        let mut grid = Grid::new(shape);
        let dst = u32::try_from(width - 1).unwrap();
        grid.offer(outgoing(0, 0, dst, Class::Req, flits), 100);
        grid.run();
        // One edge into the injection wire, 4 + L a router, L to the first, and the tail's lag.
        let (hops, l) = (u64::from(dst) + 1, u64::from(latency));
        let expect = 100 + 1 + l + (4 + l) * hops + u64::from(flits) - 1;
        assert_eq!(grid.delivered[0].2.0, expect);
    }
}

#[test]
fn a_buffer_slot_is_used_again_by_body_flits_after_6_cycles() {
    // SA, credit out, wire back, credit counts and SA, ST, wire: at L = 1 six cycles, so six flits
    // of buffer keep a link busy and five give 5/6.
    for (depth, latency, flits, cycles) in
        [(6, 1, 6, 6), (5, 1, 5, 6), (3, 1, 3, 6), (7, 2, 7, 8), (8, 2, 8, 8), (9, 2, 9, 9)]
    {
        let mut grid = Grid::new(pair(depth, latency));
        grid.offer(outgoing(0, 0, 1, Class::Req, 600), 0);
        grid.run();
        let at = departures(&grid);
        for n in 100..500 {
            assert_eq!(at[n + flits] - at[n], cycles, "{depth} flits deep, wire of {latency}");
        }
    }
}

#[test]
fn a_buffer_slot_is_used_again_by_heads_after_8_cycles() {
    // A head also waits for RC and VA downstream before its flit leaves the slot.
    let mut grid = Grid::new(pair(1, 1));
    for n in 0..50 {
        grid.offer(outgoing(n, 0, 1, Class::Req, 1), 0);
    }
    grid.run();
    let at = departures(&grid);
    assert!(at.windows(2).all(|w| w[1] - w[0] == 8), "{at:?}");
}

#[test]
fn an_interface_takes_a_flit_at_once_and_its_credit_leaves_at_the_next_edge() {
    let mut grid = Grid::new(Shape { node_depth: 1, ..pair(64, 1) });
    for n in 0..50 {
        grid.offer(outgoing(n, 0, 1, Class::Req, 1), 0);
    }
    grid.run();
    // From the router's SA: ST and the wire 3, credit out 1, the wire back 1, credit counts 1.
    let at: Vec<_> = grid.delivered.iter().map(|(_, _, edge)| edge.0).collect();
    assert!(at[10..].windows(2).all(|w| w[1] - w[0] == 6), "{at:?}");
}

#[test]
fn vcs_of_one_slot_share_a_link_by_their_number() {
    for vcs_per_class in 1..=4 {
        let mut grid = Grid::new(Shape { vcs_per_class, ..pair(1, 1) });
        for n in 0..2000 {
            grid.offer(outgoing(n, 0, 1, Class::Req, 1), 0);
        }
        grid.run();
        // A head every eight cycles on each.
        let at = departures(&grid);
        let vcs = usize::from(vcs_per_class);
        assert_eq!(at[500 + 200 * vcs] - at[500], 1600, "{vcs} VCs");
    }
}

#[test]
fn classes_share_a_link_and_stay_on_their_vcs() {
    let shape = Shape { width: 3, height: 1, vcs_per_class: 2, ..pair(4, 1) };
    let mut grid = Grid::new(shape);
    for (n, class) in (0..100).zip(Class::ALL.into_iter().cycle()) {
        grid.offer(outgoing(n, 0, 2, class, 1 + n % 4), 0);
    }
    grid.run();
    let mut seen = 0;
    for (_, wire) in grid.wires() {
        for (_, flit) in &wire.log {
            assert!(class_vcs(flit.class, 2) >> flit.vc.0 & 1 == 1, "{flit:?}");
            seen |= 1_u64 << flit.vc.0;
        }
    }
    assert_eq!(seen, (1 << 10) - 1, "all VCs of all classes are used");
}

/// On each VC of a wire packets follow one another, head to tail.
pub(super) fn is_wormhole(log: &[(clock::Edge, Flit)]) -> Result<(), TestCaseError> {
    let mut open: BTreeMap<VcIdx, PacketIdx> = BTreeMap::new();
    for (edge, flit) in log {
        match open.get(&flit.vc) {
            None => prop_assert!(flit.head, "{flit:?} at {edge}"),
            Some(packet) => {
                prop_assert!(!flit.head && *packet == flit.packet, "{flit:?} at {edge}");
            }
        }
        if flit.tail {
            open.remove(&flit.vc);
        } else {
            open.insert(flit.vc, flit.packet);
        }
    }
    prop_assert!(open.is_empty());
    Ok(())
}

pub(super) fn class(of: u8) -> Class {
    Class::ALL[usize::from(of) % Class::ALL.len()]
}

/// Packets: source, destination, class, flits, and the edge at which they are offered.
pub(super) fn traffic() -> impl Strategy<Value = Vec<(u32, u32, u8, u32, u64)>> {
    let packet = (0_u32..9, 0_u32..9, 0_u8..5, 1_u32..7, 0_u64..60);
    prop::collection::vec(packet, 1..150)
}

pub(super) fn offered(shape: Shape, packets: &[(u32, u32, u8, u32, u64)]) -> Grid {
    let mut grid = Grid::new(shape);
    for (n, (src, dst, of, flits, at)) in (0..).zip(packets) {
        grid.offer(outgoing(n, *src, *dst, class(*of), *flits), *at);
    }
    grid
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn everything_arrives_once_and_all_credits_come_home(
        packets in traffic(), vcs_per_class in 1_u8..4, depth in 1_u32..10, node_depth in 1_u32..10, latency in 1_u32..4,
        credit_cycles in 0_u32..4, shared in any::<bool>(), shuffle in any::<u64>(),
    ) {
        let shape = Shape {
            width: 3, height: 3, vcs_per_class, depth, node_depth, latency, shared, credit_cycles, shuffle, ..pair(1, 1)
        };
        let mut grid = offered(shape, &packets);
        grid.run();
        let mut seen = vec![0; packets.len()];
        for (node, packet, _) in &grid.delivered {
            seen[packet.at()] += 1;
            prop_assert_eq!(node.0, packets[packet.at()].1);
        }
        prop_assert!(seen.iter().all(|n| *n == 1), "{:?}", seen);
        let flits: u64 = packets.iter().map(|p| u64::from(p.3)).sum();
        prop_assert_eq!(grid.flits_delivered, flits);
        prop_assert_eq!(grid.debts(), Vec::<String>::new());
        for (_, wire) in grid.wires() {
            is_wormhole(&wire.log)?;
        }
    }

    #[test]
    fn the_order_of_stepping_within_an_edge_does_not_matter(
        packets in traffic(), depth in 1_u32..5, shuffle in any::<u64>(),
    ) {
        let run = |shuffle| {
            let shape = Shape {
                width: 3, height: 3, vcs_per_class: 2, depth, node_depth: 64, latency: 1, shared: false, credit_cycles: 1, shuffle, ..pair(1, 1)
            };
            let mut grid = offered(shape, &packets);
            grid.run();
            let mut delivered = grid.delivered.clone();
            delivered.sort_unstable();
            let logs: Vec<_> = grid.wires().map(|(_, wire)| wire.log.clone()).collect();
            (delivered, logs)
        };
        prop_assert_eq!(run(shuffle), run(!shuffle));
    }

    #[test]
    fn order_is_kept_from_source_to_destination_within_a_vc(
        packets in traffic(), depth in 1_u32..6, shuffle in any::<u64>(),
    ) {
        // One VC a class: what goes from one node to another in a class stays in order.
        let shape = Shape {
            width: 3, height: 3, vcs_per_class: 1, depth, node_depth: 64, latency: 1, shared: false, credit_cycles: 1, shuffle, ..pair(1, 1)
        };
        let mut grid = offered(shape, &packets);
        grid.run();
        let mut last = BTreeMap::new();
        for (_, packet, _) in &grid.delivered {
            let (src, dst, of, _, at) = packets[packet.at()];
            let place = (at, packet.0);
            if let Some(before) = last.insert((src, dst, of), place) {
                prop_assert!(before < place, "{:?} came before {:?}", before, place);
            }
        }
    }
}
