//! Who goes first, and who keeps the switch.

use base::arch::{Arbitration, Priority};
use base::{Class, Flit, PacketIdx};

use super::{RouterArch, edges, on_vc, router};

/// Three inputs with a packet of two flits each for one output, VCs of their own: the order of
/// their packets' first flits.
fn order(change: impl FnOnce(&mut RouterArch), same_vc: bool) -> Vec<u32> {
    let mut lone = router(4, 16, change);
    for port in 0..3_u8 {
        let class = [Class::Fwd, Class::Ack, Class::RspUp][usize::from(port)];
        lone.pins.born.insert(PacketIdx(port.into()), [7, 9, 3][usize::from(port)]);
        let vc = if same_vc { 0 } else { port };
        let flits = on_vc(port.into(), 3, vc, 2);
        let ranked: Vec<Flit> = flits.into_iter().map(|f| Flit { class, ..f }).collect();
        lone.arrive_all(port.into(), &ranked, 10);
    }
    lone.run(100);
    let mut first: Vec<(u64, u32)> = (0..3).map(|n| (edges(&lone, n)[0], n)).collect();
    first.sort_unstable();
    first.into_iter().map(|(_, n)| n).collect()
}

#[test]
fn later_classes_and_older_packets_go_first_at_the_switch_and_for_a_vc() {
    for same_vc in [false, true] {
        assert_eq!(order(|a| a.input_speedup = 2, same_vc), [0, 1, 2], "in turn");
        assert_eq!(order(|a| a.priority = Priority::Class, same_vc), [1, 2, 0]);
        assert_eq!(order(|a| a.priority = Priority::Age, same_vc), [2, 0, 1]);
        assert_eq!(order(|a| a.arbiter = Arbitration::Age, same_vc), [2, 0, 1]);
    }
}

#[test]
fn an_older_packet_that_comes_later_overtakes_at_the_switch_but_not_within_a_vc() {
    let mut lone = router(3, 16, |a| a.priority = Priority::Age);
    for (packet, born) in [(0, 5), (1, 2), (2, 1)] {
        lone.pins.born.insert(PacketIdx(packet), born);
    }
    lone.arrive_all(0, &on_vc(0, 2, 0, 6), 10);
    lone.arrive_all(0, &on_vc(2, 2, 0, 1), 16);
    lone.arrive_all(1, &on_vc(1, 2, 1, 2), 12);
    lone.run(100);
    assert_eq!(edges(&lone, 0), [14, 15, 18, 19, 20, 21]);
    assert_eq!(edges(&lone, 1), [16, 17]);
    assert_eq!(edges(&lone, 2), [24]);
}

#[test]
fn a_packet_that_holds_the_switch_is_not_interleaved() {
    for (hold, first, second) in
        [(false, [14, 16, 18, 20], [15, 17, 19, 21]), (true, [14, 15, 16, 17], [18, 19, 20, 21])]
    {
        let mut lone = router(3, 16, |a| a.hold_switch = hold);
        lone.arrive_all(0, &on_vc(0, 2, 0, 4), 10);
        lone.arrive_all(1, &on_vc(1, 2, 1, 4), 10);
        lone.run(100);
        assert_eq!((edges(&lone, 0), edges(&lone, 1)), (first.into(), second.into()), "{hold}");
    }
}

#[test]
fn without_a_flit_or_a_credit_the_switch_is_given_up() {
    // Port 0 lacks its third flit until 20: port 1 goes in its place, and keeps it.
    let mut lone = router(3, 16, |a| a.hold_switch = true);
    let flits = on_vc(0, 2, 0, 4);
    lone.arrive_all(0, &flits[..2], 10);
    lone.arrive_all(0, &flits[2..], 16);
    lone.arrive_all(1, &on_vc(1, 2, 1, 4), 10);
    lone.run(100);
    assert_eq!((edges(&lone, 0), edges(&lone, 1)), (vec![14, 15, 20, 21], vec![16, 17, 18, 19]));
    // The same for its third credit, which it finds missing in the cycle in which it would go.
    let mut lone = router(3, 2, |a| a.hold_switch = true);
    lone.arrive_all(0, &on_vc(0, 2, 0, 3)[..2], 10);
    lone.arrive(0, on_vc(0, 2, 0, 3)[2], 13);
    lone.arrive_all(1, &on_vc(1, 2, 1, 2), 10);
    lone.credit(2, 0, 40);
    lone.run(100);
    assert_eq!((edges(&lone, 0), edges(&lone, 1)), (vec![14, 15, 42], vec![17, 18]));
}

#[test]
fn a_connection_outlasts_a_busy_link_but_not_an_idle_cycle() {
    for (hold, first) in [(false, [14, 20, 26]), (true, [14, 17, 20])] {
        let mut lone = router(3, 16, |a| a.hold_switch = hold);
        lone.pins.interval = 3;
        lone.arrive_all(0, &on_vc(0, 2, 0, 3), 10);
        lone.arrive_all(1, &on_vc(1, 2, 1, 3), 10);
        lone.run(100);
        assert_eq!(edges(&lone, 0), first, "{hold}");
    }
    // The second flit is a cycle late: both ask anew, and it is port 1's turn.
    let mut lone = router(3, 16, |a| a.hold_switch = true);
    let flits = on_vc(0, 2, 0, 2);
    lone.arrive(0, flits[0], 10);
    lone.arrive(0, flits[1], 14);
    lone.arrive_all(1, &on_vc(1, 2, 1, 1), 12);
    lone.run(100);
    assert_eq!((edges(&lone, 0), edges(&lone, 1)), (vec![14, 17], vec![16]));
}

#[test]
fn with_an_input_speedup_each_crossbar_input_keeps_a_packet_of_its_own() {
    let mut lone = router(4, 16, |a| (a.hold_switch, a.input_speedup) = (true, 2));
    lone.arrive_all(0, &on_vc(0, 2, 0, 3), 10);
    lone.arrive_all(0, &on_vc(1, 3, 1, 3), 10);
    lone.arrive_all(1, &on_vc(2, 2, 2, 3), 10);
    lone.arrive_all(1, &on_vc(3, 3, 3, 3), 10);
    lone.run(100);
    let kept = |n| edges(&lone, n).windows(2).all(|w| w[1] == w[0] + 1);
    assert!((0..4).all(kept), "{:?}", lone.packets());
}
