//! Speculation, lookahead, allocators, speedups.

use base::arch::{Allocation, Arbitration};

use super::super::lone::Lone;
use super::{RouterArch, credits, edges, on_vc, router};

#[test]
fn speculation_saves_a_lone_head_the_cycle_of_va_and_no_more() {
    for (speculative, stages, edge) in [
        (false, [1, 1, 1, 1], 14),
        (true, [1, 1, 1, 1], 13),
        (true, [0, 1, 1, 1], 12),
        (false, [0, 1, 1, 1], 13),
        (true, [3, 1, 2, 2], 17),
        // Side by side, the longer of both counts.
        (true, [1, 2, 1, 1], 14),
        (true, [1, 2, 3, 1], 15),
        (false, [1, 2, 3, 1], 17),
    ] {
        let arch = RouterArch { speculative, ..RouterArch::default() };
        let mut lone = Lone::with(2, 8, stages, arch);
        lone.arrive_all(0, &on_vc(0, 1, 0, 1), 10);
        lone.run(100);
        assert_eq!(lone.left(), [(1, edge)], "{speculative} {stages:?}");
        assert!(lone.sleeps());
    }
}

#[test]
fn a_bid_yields_to_whoever_has_a_vc_and_then_takes_its_turn() {
    let mut lone = router(3, 8, |a| a.speculative = true);
    lone.arrive_all(0, &on_vc(0, 2, 0, 4), 10);
    lone.arrive_all(1, &on_vc(1, 2, 1, 1), 11);
    lone.run(100);
    // SA of the first flits at 11 (a bid) and 12; the other bids at 12 in vain and is next at 13.
    assert_eq!(edges(&lone, 0), [13, 14, 16, 17]);
    assert_eq!(edges(&lone, 1), [15]);
}

#[test]
fn a_bid_that_wins_the_switch_without_a_vc_is_lost_for_both() {
    let mut lone = router(3, 8, |a| a.speculative = true);
    // The switch's turn is now at port 1, VA's for VC 0 still at port 0.
    lone.arrive_all(0, &on_vc(9, 2, 5, 1), 10);
    lone.run(15);
    lone.arrive_all(0, &on_vc(0, 2, 0, 1), 20);
    lone.arrive_all(1, &on_vc(1, 2, 0, 1), 20);
    lone.run(100);
    // At 21 port 0 gets the VC and port 1 the switch; at 22 port 0 goes, at 23 port 1.
    assert_eq!((edges(&lone, 0), edges(&lone, 1)), (vec![24], vec![25]));
}

#[test]
fn a_bid_for_a_vc_without_credit_is_not_made() {
    let mut lone = router(3, 1, |a| a.speculative = true);
    lone.arrive_all(0, &on_vc(0, 2, 0, 1), 10);
    lone.run(15);
    lone.arrive_all(0, &on_vc(1, 2, 0, 1), 20);
    lone.arrive_all(1, &on_vc(2, 2, 1, 1), 20);
    lone.run(30);
    assert_eq!(edges(&lone, 2), [23], "the switch is free for it");
    lone.credit(2, 0, 40);
    lone.run(39);
    assert_eq!(edges(&lone, 1), []);
    lone.run(100);
    assert_eq!(edges(&lone, 1), [42]);
}

/// Flits that go in the first cycle of SA, when two inputs want either of two outputs.
fn first_matching(allocation: Allocation, arbiter: Arbitration) -> usize {
    let mut lone = router(4, 8, |a| {
        (a.vc_allocator, a.switch_allocator, a.arbiter) = (allocation, allocation, arbiter);
    });
    for (port, vc) in [(0, 0), (3, 2)] {
        lone.arrive_all(port, &on_vc(0, 1, vc, 1), 10);
        lone.arrive_all(port, &on_vc(0, 2, vc + 1, 1), 10);
    }
    lone.run(100);
    assert_eq!(lone.left().len(), 4);
    lone.left().iter().filter(|(_, edge)| *edge == 14).count()
}

#[test]
fn separable_allocators_miss_what_more_iterations_and_wavefront_find() {
    for arbiter in [Arbitration::RoundRobin, Arbitration::Matrix, Arbitration::Age] {
        let first = |allocation| first_matching(allocation, arbiter);
        assert_eq!(first(Allocation::InputFirst), 1, "both propose the same output");
        assert_eq!(first(Allocation::OutputFirst), 1, "both outputs choose the same input");
        assert_eq!(first(Allocation::Islip { iterations: 1 }), 1);
        assert_eq!(first(Allocation::Islip { iterations: 2 }), 2);
        assert_eq!(first(Allocation::Wavefront), 2);
    }
}

#[test]
fn every_allocator_moves_all_ports_at_once_and_a_contended_port_always() {
    use Allocation::{InputFirst, Islip, OutputFirst, Wavefront};
    for allocation in [InputFirst, OutputFirst, Islip { iterations: 2 }, Wavefront] {
        for arbiter in [Arbitration::RoundRobin, Arbitration::Matrix, Arbitration::Age] {
            let mut lone = router(4, 64, |a| {
                (a.vc_allocator, a.switch_allocator, a.arbiter) = (allocation, allocation, arbiter);
                a.output_buffer_flits = Some(1);
            });
            for port in 0..4_u8 {
                let dst = u32::from(port + 1) % 4;
                lone.arrive_all(port.into(), &on_vc(dst, dst, port, 1), 10);
                lone.arrive_all(port.into(), &on_vc(9, 0, port, 5), 11);
            }
            lone.run(1000);
            assert!((0..4).all(|n| edges(&lone, n) == [14]), "{allocation:?} {arbiter:?}");
            // RC, VA, SA of the next packets at 13, 14, 15; then never a pause.
            assert_eq!(edges(&lone, 9), (17..37).collect::<Vec<_>>(), "{allocation:?}");
        }
    }
}

#[test]
fn an_input_speedup_lets_two_vcs_of_a_port_go_if_they_have_crossbar_inputs_of_their_own() {
    for (speedup, vcs, expect) in
        [(1, [0, 1], [14, 15]), (2, [0, 1], [14, 14]), (2, [0, 2], [14, 15])]
    {
        let mut lone = router(3, 8, |a| a.input_speedup = speedup);
        lone.arrive_all(0, &on_vc(0, 1, vcs[0], 1), 10);
        lone.arrive_all(0, &on_vc(1, 2, vcs[1], 1), 10);
        lone.run(100);
        let left: Vec<u64> = lone.left().iter().map(|(_, edge)| *edge).collect();
        assert_eq!(left, expect, "{speedup} {vcs:?}");
    }
}

#[test]
fn an_output_speedup_lets_two_ports_go_to_one_and_the_link_takes_a_flit_a_cycle() {
    for (speedup, ports, expect) in
        [(1, [0, 1], [13, 14]), (2, [0, 1], [13, 13]), (2, [1, 3], [13, 14])]
    {
        let mut lone = router(5, 8, |a| {
            (a.output_speedup, a.output_buffer_flits) = (speedup, Some(4));
        });
        for (n, port) in (0..).zip(ports) {
            lone.arrive_all(port, &on_vc(n, 4, u8::try_from(n).unwrap(), 1), 10);
        }
        lone.run(100);
        let crossed: Vec<u64> = ports.iter().flat_map(|p| credits(&lone, *p)).collect();
        assert_eq!(crossed, expect, "{speedup} {ports:?}");
        assert_eq!(lone.left(), [(4, 14), (4, 15)]);
    }
}

#[test]
fn with_an_internal_speedup_of_n_stages_take_an_nth_of_a_cycle_and_n_flits_of_a_vc_cross_in_one() {
    // RC, VA, SA and ST are four passes: with two, SA is in cycle 11 and ST behind it; with three SA
    // is the last pass of cycle 10 and ST is in 11.
    let crossed = [
        (1, 14, vec![13, 14, 15, 16, 17, 18]),
        (2, 12, vec![12, 12, 13, 13, 14, 14]),
        (3, 12, vec![11, 12, 12, 12, 13, 13]),
        (4, 11, vec![11, 11, 12, 12, 12, 12]),
    ];
    for (speedup, first, expect) in crossed {
        let mut lone = router(2, 8, |a| {
            (a.internal_speedup, a.output_buffer_flits) = (speedup, Some(8));
        });
        for flit in on_vc(0, 1, 0, 6) {
            lone.arrive(0, flit, 10);
        }
        lone.run(100);
        assert_eq!(credits(&lone, 0), expect, "{speedup}");
        assert_eq!(edges(&lone, 0), (first..first + 6).collect::<Vec<_>>());
    }
}

#[test]
fn with_two_passes_a_cycle_the_packet_behind_is_routed_in_the_pass_behind_the_tail() {
    let mut lone = router(3, 8, |a| {
        (a.internal_speedup, a.output_buffer_flits) = (2, Some(8));
    });
    lone.arrive_all(0, &on_vc(0, 1, 0, 1), 10);
    lone.arrive_all(0, &on_vc(1, 2, 0, 1), 11);
    lone.run(100);
    // SA of the first in cycle 11's first pass; RC of the second in its second, VA in 12's first, SA
    // in its second, ST in 13.
    assert_eq!((edges(&lone, 0), edges(&lone, 1)), (vec![12], vec![14]));
}

#[test]
fn a_vc_sends_a_flit_in_as_many_cycles_as_switch_allocation_takes() {
    for cycles in 1..=4 {
        let mut lone = Lone::with(2, 8, [1, 1, cycles, 1], RouterArch::default());
        for flit in on_vc(0, 1, 0, 4) {
            lone.arrive(0, flit, 10);
        }
        lone.run(100);
        let first = 13 + u64::from(cycles);
        let expect: Vec<u64> = (0..4).map(|n| first + n * u64::from(cycles)).collect();
        assert_eq!(edges(&lone, 0), expect);
    }
}

#[test]
fn switch_allocations_of_several_vcs_overlap() {
    let mut lone = Lone::with(3, 8, [1, 1, 2, 1], RouterArch::default());
    for (port, vc) in [(0, 0), (0, 1), (0, 2)] {
        lone.arrive_all(port, &on_vc(vc.into(), 2, vc, 1), 10);
    }
    lone.run(100);
    // All ask at 12; one is granted and goes at 13. The others know at 13 and ask again at 14.
    let mut all: Vec<u64> = (0..3).flat_map(|n| edges(&lone, n)).collect();
    all.sort_unstable();
    assert_eq!(all, [15, 17, 19]);
}

#[test]
fn who_loses_an_allocation_of_several_cycles_asks_again_when_it_is_over() {
    let mut lone = Lone::with(4, 8, [1, 3, 1, 1], RouterArch::default());
    lone.arrive_all(0, &on_vc(0, 3, 0, 1), 10);
    lone.arrive_all(1, &on_vc(1, 3, 0, 1), 10);
    lone.arrive_all(2, &on_vc(2, 3, 0, 1), 11);
    lone.run(100);
    // Ports 0 and 1 ask at 11, port 2 at 12 while the VC is still free; port 0 takes it at 13 and
    // sends at 14, too late for port 2, which asks again at 15, takes it at 17 and sends at 18.
    // Port 1 asks in vain at 14, at 17 before it is taken, and takes it at 19, when it is free again.
    assert_eq!(edges(&lone, 0), [16]);
    assert_eq!(edges(&lone, 2), [20]);
    assert_eq!(edges(&lone, 1), [22]);
}
