//! What one router does at which edge.

use base::{Flit, Part, VcIdx};
use clock::Edge;

use super::lone::Lone;
use super::{flit, packet};

/// VC 0 alone, as a flow of the test's routing.
const ONLY_VC0: u32 = 1;

#[test]
fn head_received_at_r_leaves_at_r_plus_4() {
    let mut lone = Lone::new(2, 8, [1; 4]);
    lone.arrive(0, flit(0, 1, 0), 10);
    lone.run(11);
    assert_eq!(lone.next, Edge(12), "SA is not before r + 2");
    assert!(lone.pins.sent.is_empty());
    lone.run(12);
    assert_eq!(lone.left(), [(1, 14)]);
    assert!(lone.sleeps(), "nothing is left to do after SA");
}

#[test]
fn every_stage_adds_exactly_its_cycles() {
    for stage in 0..4 {
        for cycles in 1..=30 {
            let mut stages = [1; 4];
            stages[stage] = cycles;
            let mut lone = Lone::new(2, 8, stages);
            lone.arrive(0, flit(0, 1, 0), 10);
            lone.run(100);
            assert_eq!(lone.left(), [(1, 13 + u64::from(cycles))], "{stages:?}");
        }
    }
}

#[test]
fn a_packets_time_is_charged_to_its_stages_to_the_edge() {
    let mut lone = Lone::new(2, 8, [2, 3, 4, 5]);
    lone.arrive(0, flit(7, 1, 0), 10);
    lone.run(100);
    let charged: Vec<_> = lone.pins.charged.iter().map(|(p, part, e)| (p.0, *part, e.0)).collect();
    let expect = [
        (7, Part::BufferQueue, 10),
        (7, Part::Router, 12),
        (7, Part::VcAllocation, 15),
        (7, Part::SwitchAllocation, 19),
        (7, Part::Router, 24),
    ];
    assert_eq!(charged, expect);
}

#[test]
fn waiting_behind_a_packet_of_ones_vc_is_not_the_routers_pipeline() {
    let mut lone = Lone::new(2, 8, [1; 4]);
    lone.arrive(0, flit(0, 1, 0), 10);
    lone.arrive(0, flit(1, 1, 0), 10);
    lone.run(100);
    let second = lone.pins.charged.iter().filter(|(p, ..)| p.0 == 1);
    let charged: Vec<_> = second.map(|(_, part, e)| (*part, e.0)).collect();
    // SA of the first at 12: the second comes to the front at 13.
    let expect = [
        (Part::BufferQueue, 13),
        (Part::Router, 14),
        (Part::VcAllocation, 15),
        (Part::SwitchAllocation, 16),
        (Part::Router, 17),
    ];
    assert_eq!(charged, expect);
}

#[test]
fn body_flits_do_only_switch_allocation() {
    let mut lone = Lone::new(2, 8, [1; 4]);
    let flits = packet(0, 1, 0, 4);
    lone.arrive_all(0, &flits[..3], 10);
    // The packet's output VC waits for its last flit as long as it takes.
    lone.arrive(0, flits[3], 30);
    lone.run(100);
    assert_eq!(lone.left(), [(1, 14), (1, 15), (1, 16), (1, 32)]);
}

#[test]
fn the_packet_behind_is_routed_the_cycle_after_a_tails_sa() {
    let mut lone = Lone::new(2, 8, [1; 4]);
    lone.arrive(0, flit(0, 1, 0), 10);
    lone.arrive(0, flit(1, 1, 0), 11);
    lone.run(100);
    // SA of the first at 12; RC, VA and SA of the second at 13, 14 and 15.
    assert_eq!(lone.packets(), [(0, 14), (1, 17)]);
}

#[test]
fn credit_leaves_one_cycle_after_sa() {
    let mut lone = Lone::new(2, 8, [1; 4]);
    lone.arrive(0, flit(0, 1, 3), 10);
    lone.run(100);
    assert_eq!(lone.pins.returned, [(0, VcIdx(3), Edge(13))]);
}

#[test]
fn a_link_gets_a_flit_at_the_edge_it_is_ready_and_not_one_before() {
    for interval in 1..10 {
        let mut lone = Lone::new(2, 8, [1; 4]);
        lone.pins.interval = interval;
        lone.arrive_all(0, &packet(0, 1, 0, 5), 10);
        lone.run(1000);
        let gaps: Vec<_> = lone.left().windows(2).map(|w| w[1].1 - w[0].1).collect();
        assert_eq!(gaps, [u64::from(interval); 4]);
    }
}

#[test]
fn a_router_short_of_credit_sleeps_until_one_counts() {
    let mut lone = Lone::new(2, 1, [1; 4]);
    let one = |n| Flit { flow: ONLY_VC0, ..flit(n, 1, 0) };
    lone.arrive(0, one(0), 10);
    lone.arrive(0, one(1), 13);
    lone.run(1000);
    // The second has its VC and no credit.
    assert_eq!(lone.left(), [(1, 14)]);
    assert_eq!(lone.next, Edge::NEVER);
    assert!(lone.sleeps() && lone.pins.awaited.contains(1));
    lone.credit(1, 0, 2000);
    lone.run(1999);
    assert_eq!(lone.left().len(), 1);
    lone.run(2000);
    assert_eq!(lone.left()[1], (1, 2002));
    assert!(lone.sleeps() && lone.pins.awaited.is_empty());
}

#[test]
fn credits_that_nobody_waits_for_wake_nobody_and_are_not_lost() {
    let mut lone = Lone::new(2, 2, [1; 4]);
    lone.arrive(0, flit(0, 1, 0), 10);
    lone.run(100);
    lone.credit(1, 0, 50);
    assert!(lone.sleeps());
    // VC 1 comes first by its pointer; then VC 0 has both its credits again.
    for (n, at) in (1..=4).zip([200, 210, 220, 230]) {
        lone.arrive(0, flit(n, 1, 0), at);
    }
    lone.run(1000);
    assert_eq!(lone.left().len(), 5);
}

#[test]
#[should_panic(expected = "a credit too many")]
fn a_credit_that_was_never_spent_is_refused() {
    let mut lone = Lone::new(2, 2, [1; 4]);
    lone.credit(1, 0, 5);
    lone.arrive(0, flit(0, 1, 0), 10);
    lone.run(100);
}

#[test]
#[should_panic(expected = "overflows its 2 flits")]
fn a_flit_sent_without_credit_is_refused() {
    let mut lone = Lone::new(2, 2, [1, 9, 1, 1]);
    lone.arrive_all(0, &packet(0, 1, 0, 3), 10);
    lone.run(100);
}

#[test]
fn a_full_downstream_blocks_only_its_own_vc() {
    let mut lone = Lone::new(3, 1, [1; 4]);
    let on = |n, vc: u8| Flit { flow: 1 << vc, ..flit(n, 1, vc) };
    lone.arrive(0, on(0, 0), 10);
    // No credit is left on output VC 0: packet 1 stays, packet 2 passes it.
    lone.arrive(0, on(1, 0), 20);
    lone.arrive(0, on(2, 1), 30);
    lone.run(1000);
    assert_eq!(lone.packets(), [(0, 14), (2, 34)]);
}

#[test]
fn a_tail_frees_its_output_vc_for_va_at_the_next_edge() {
    let mut lone = Lone::new(3, 8, [1; 4]);
    let one = |n| Flit { flow: ONLY_VC0, ..flit(n, 2, 0) };
    lone.arrive(0, one(0), 10);
    lone.arrive(1, one(1), 10);
    lone.run(100);
    // VA at 11, SA at 12; the other's VA at 13, SA at 14.
    assert_eq!(lone.packets(), [(0, 14), (1, 16)]);
}

#[test]
fn packets_never_interleave_within_a_vc() {
    let mut lone = Lone::new(3, 8, [1; 4]);
    for port in [0, 1] {
        let flits = packet(u32::try_from(port).unwrap(), 2, 0, 4);
        for (n, f) in flits.iter().enumerate() {
            // Both trickle in, so each has gaps that the other would fit in.
            lone.arrive(port, Flit { flow: ONLY_VC0, ..*f }, 10 + 3 * n as u64);
        }
    }
    lone.run(1000);
    let order: Vec<_> = lone.packets().iter().map(|(p, _)| *p).collect();
    assert_eq!(order, [0, 0, 0, 0, 1, 1, 1, 1]);
    assert!(lone.pins.sent.iter().all(|(_, f, _)| f.vc == VcIdx(0)));
}

#[test]
fn vc_allocation_takes_turns_among_inputs() {
    let mut lone = Lone::new(4, 8, [1; 4]);
    for port in 0..3 {
        for n in 0..4 {
            let number = u32::try_from(port).unwrap();
            lone.arrive(port, Flit { flow: ONLY_VC0, ..flit(number, 3, 0) }, 10 + n);
        }
    }
    // Credits enough for all twelve.
    for n in 0..12 {
        lone.credit(3, 0, 15 + 2 * n);
    }
    lone.run(1000);
    let order: Vec<_> = lone.packets().iter().map(|(p, _)| *p).collect();
    assert_eq!(order, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

#[test]
fn switch_allocation_takes_turns_among_inputs_and_starves_none() {
    let mut lone = Lone::new(4, 64, [1; 4]);
    // A VC each, so that only the switch is shared.
    for port in 0..3_u8 {
        let flits = packet(u32::from(port), 3, 0, 20);
        let own = |f: &Flit| Flit { flow: 1 << port, ..*f };
        let flits: Vec<_> = flits.iter().map(own).collect();
        lone.arrive_all(usize::from(port), &flits, 10);
    }
    lone.run(1000);
    let order: Vec<_> = lone.packets().iter().map(|(p, _)| *p).collect();
    assert_eq!(order, [0, 1, 2].repeat(20));
    let edges: Vec<_> = lone.packets().iter().map(|(_, e)| *e).collect();
    assert_eq!(edges, (14..74).collect::<Vec<_>>(), "the output is never idle");
}

#[test]
fn an_input_ports_vcs_take_turns() {
    // Three VCs of one input port, to three outputs: the port lets out one flit an edge. VA is so
    // slow that all flits are there before the first leaves.
    let mut lone = Lone::new(4, 64, [1, 40, 1, 1]);
    for n in 0..5 {
        for vc in 0..3_u8 {
            let flits = packet(u32::from(vc), 1 + u32::from(vc), vc, 5);
            lone.arrive(0, flits[usize::from(n)], u64::from(10 + 3 * n + vc));
        }
    }
    lone.run(1000);
    let order: Vec<_> = lone.packets().iter().map(|(p, _)| *p).collect();
    assert_eq!(order, [0, 1, 2].repeat(5));
}

#[test]
fn a_pointer_moves_only_past_a_granted_requester() {
    let mut lone = Lone::new(4, 2, [1; 4]);
    let one = |n, vc: u8| Flit { flow: 1 << vc, ..flit(n, 3, vc) };
    // Port 0 spends both credits of output VC 0, at SA; the pointer is at port 1 now.
    lone.arrive(0, one(10, 0), 10);
    lone.arrive(0, one(11, 0), 11);
    lone.run(90);
    // Port 1 holds VC 0 and asks in vain: the pointer must stay at port 1.
    lone.arrive(1, one(1, 0), 100);
    lone.run(150);
    // Then both want out at one edge, port 0 by VC 1: port 1 is first.
    lone.arrive(0, one(0, 1), 198);
    lone.credit(3, 0, 200);
    lone.run(1000);
    assert_eq!(lone.packets()[2..], [(1, 202), (0, 203)]);
}

#[test]
fn routers_of_128_and_256_ports_switch_all_ports_at_one_edge() {
    for ports in [128, 256] {
        let mut lone = Lone::new(ports, 8, [1; 4]);
        for port in 0..ports {
            let dst = u32::try_from((port + 1) % ports).unwrap();
            lone.arrive(port, flit(dst, dst, 9), 10);
        }
        lone.run(100);
        let mut left = lone.left();
        left.sort_unstable();
        assert_eq!(left, (0..ports).map(|p| (p, 14)).collect::<Vec<_>>());
    }
}
