//! Output buffers, when a VC may be taken again, cut-through, shared buffers.

use base::arch::{Buffers, Switching, VcReuse};

use super::super::lone::Lone;
use super::{credits, edges, on_vc, router};

#[test]
fn an_output_buffer_takes_flits_until_it_is_full_and_again_when_the_link_took_one() {
    let mut lone = router(3, 16, |a| a.output_buffer_flits = Some(2));
    lone.pins.interval = 5;
    for flit in on_vc(0, 1, 0, 6) {
        lone.arrive(0, flit, 10);
    }
    lone.arrive_all(2, &on_vc(1, 0, 0, 1), 12);
    lone.run(1000);
    assert_eq!(edges(&lone, 0), [14, 19, 24, 29, 34, 39]);
    // The first goes straight through, two wait behind it; the fourth comes when the second goes.
    assert_eq!(credits(&lone, 0), [13, 14, 15, 18, 23, 28]);
    assert_eq!(edges(&lone, 1), [16], "another output is not concerned");
}

#[test]
fn without_an_output_buffer_a_flit_waits_for_the_link_where_it_is() {
    let mut lone = router(2, 16, |a| a.input_speedup = 2);
    lone.pins.interval = 5;
    for flit in on_vc(0, 1, 0, 4) {
        lone.arrive(0, flit, 10);
    }
    lone.run(1000);
    assert_eq!(edges(&lone, 0), [14, 19, 24, 29]);
    assert_eq!(credits(&lone, 0), [13, 18, 23, 28]);
}

/// A router with the plain router's choices but for `reuse`, general or not.
fn reusing(reuse: VcReuse, general: bool) -> Lone {
    router(3, 4, |a| {
        a.vc_reuse = reuse;
        a.output_buffer_flits = general.then_some(4);
    })
}

#[test]
fn a_vc_is_taken_again_in_the_cycle_in_which_its_tails_credit_counts() {
    for general in [false, true] {
        for reuse in [VcReuse::TailCredit, VcReuse::Empty] {
            let mut lone = reusing(reuse, general);
            lone.arrive_all(0, &on_vc(0, 2, 0, 2), 10);
            lone.arrive_all(1, &on_vc(1, 2, 0, 1), 11);
            lone.credit(2, 0, 30);
            lone.run(39);
            assert_eq!(edges(&lone, 1), [], "the head's credit is not the tail's");
            // VA at 40, SA at 41.
            lone.credit(2, 0, 40);
            lone.run(40);
            assert_eq!(edges(&lone, 1), []);
            lone.run(100);
            assert_eq!(edges(&lone, 1), [43], "{reuse:?}, general: {general}");
            assert!(lone.sleeps());
        }
        let mut lone = reusing(VcReuse::TailSent, general);
        lone.arrive_all(0, &on_vc(0, 2, 0, 2), 10);
        lone.arrive_all(1, &on_vc(1, 2, 0, 1), 11);
        lone.run(100);
        // The tail's SA at 13, VA at 14.
        assert_eq!(edges(&lone, 1), [17], "general: {general}");
    }
}

#[test]
fn cut_through_takes_a_vc_when_there_is_room_for_the_whole_packet_and_not_before() {
    for (switching, expect) in [
        (Switching::Wormhole, [24, 25, 42]),
        // VA at 40, SA at 41.
        (Switching::VirtualCutThrough, [43, 44, 45]),
    ] {
        let mut lone = router(3, 4, |a| a.switching = switching);
        // Two of four buffers are used.
        lone.arrive_all(0, &on_vc(0, 2, 0, 2), 10);
        lone.run(19);
        lone.arrive_all(1, &on_vc(1, 2, 0, 3), 20);
        lone.credit(2, 0, 40);
        lone.run(100);
        assert_eq!(edges(&lone, 1), expect, "{switching:?}");
    }
}

/// Ports of 10 VCs with 4 flits each, of which one is the VC's own: 30 are shared.
fn pooled(switching: Switching, reserved_flits: u32) -> Lone {
    router(3, 4, |a| {
        (a.buffers, a.switching) = (Buffers::Shared { reserved_flits }, switching);
    })
}

#[test]
fn a_vc_may_use_its_reserve_and_the_pool_and_every_other_still_has_its_reserve() {
    let mut lone = pooled(Switching::Wormhole, 1);
    lone.arrive_all(0, &on_vc(0, 2, 0, 60), 10);
    lone.run(100);
    assert_eq!(edges(&lone, 0).len(), 31);
    for vc in 1..10 {
        lone.arrive_all(1, &on_vc(vc.into(), 2, vc, 2), 100 + 10 * u64::from(vc));
    }
    lone.run(300);
    assert!((1..10).all(|vc| edges(&lone, vc).len() == 1));
    assert_eq!(lone.left().len(), 4 * 10, "no more than there are");
    // A credit of a reserve is its VC's; one of the pool is anyone's.
    lone.credit(2, 5, 400);
    lone.run(410);
    assert_eq!((edges(&lone, 5), lone.left().len()), (vec![154, 402], 41));
    lone.credit(2, 0, 420);
    lone.run(500);
    assert_eq!(lone.left().len(), 42);
    assert_eq!(edges(&lone, 0).len() + (1..10).map(|vc| edges(&lone, vc).len()).sum::<usize>(), 42);
}

#[test]
fn in_a_pool_a_packet_that_cuts_through_is_never_overtaken() {
    let mut lone = pooled(Switching::VirtualCutThrough, 1);
    // 27 of 30: two packets of 4 need 3 beyond their reserve each, and only one may have them.
    lone.arrive_all(0, &on_vc(0, 2, 0, 28), 10);
    lone.run(100);
    for (port, vc) in [(0, 1), (1, 2)] {
        lone.arrive_all(port, &on_vc(vc.into(), 2, vc, 4), 110);
    }
    lone.run(200);
    assert_eq!((edges(&lone, 1).len(), edges(&lone, 2).len()), (4, 0));
    for n in 0..3 {
        assert_eq!(edges(&lone, 2), []);
        lone.credit(2, 0, 200 + 10 * n);
        lone.run(209 + 10 * n);
    }
    assert_eq!(edges(&lone, 2), [223, 224, 225, 226]);
}

#[test]
#[should_panic(expected = "overflows its 31 flits")]
fn a_flit_beyond_reserve_and_pool_is_refused() {
    let mut lone = pooled(Switching::Wormhole, 1);
    for flit in on_vc(0, 2, 0, 32) {
        lone.arrive(0, flit, 10);
    }
    lone.run(100);
}
