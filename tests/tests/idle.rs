//! Time in which nothing happens costs nothing: told by the instants and component edges that are stepped,
//! which is what the emulator's work is made of.

use lockstep::base::{Addr, Op, Record, ThreadIdx};
use lockstep::machine::{Machine, Options};
use lockstep::topology::Description;
use lockstep::traffic::Trace;

const THREADS: u32 = 8;

fn run(ops: impl Fn(u32) -> Vec<Op>) -> Machine {
    let spec = Description::nvl8().elaborate().expect("a machine");
    let of = |t| ops(t).into_iter().map(move |op| Record { thread: ThreadIdx(t), op });
    let trace = Trace::from_records((0..THREADS).flat_map(of)).expect("a sound trace");
    let mut machine = Machine::new(&spec, &trace, Options::default()).expect("a sound machine");
    machine.run().expect("a sound run");
    machine
}

/// Edges stepped by a run of barriers with so many cycles of think time between.
fn barriers(cycles: u32) -> Machine {
    run(|_| {
        let barrier = Op::Barrier { id: 0, members: THREADS };
        vec![barrier, Op::Think { cycles }, barrier]
    })
}

#[test]
fn a_second_between_two_barriers_costs_no_more_than_a_microsecond() {
    // A cycle is 1/1.755 ns.
    let (short, long) = (barriers(1_755), barriers(1_755_000_000));
    assert!(long.now().0 > 1_000_000_000_000_000, "{}", long.now());
    // The phases of the clocks differ, so that a synchronizer may be woken an edge more or less.
    assert!(long.edges().abs_diff(short.edges()) <= 64, "{}, {}", long.edges(), short.edges());
    assert!(long.edges() < 3_000, "{} edges", long.edges());
}

#[test]
fn edges_follow_the_traffic_whatever_the_time_between() {
    // A load from another home now and then: one in a thousand cycles, and one in a million.
    let edges = |cycles: u32| {
        let machine = run(|t| {
            let far = |n: u64| Addr(((u64::from(t) + 1) % 8 + 8 * n) * 4096);
            let one = |n| [Op::Load { addr: far(n), size: 8 }, Op::Think { cycles }];
            (0..50).flat_map(one).collect()
        });
        machine.edges()
    };
    let (often, seldom) = (edges(1_000), edges(1_000_000));
    assert!(seldom * 100 <= often * 102, "{seldom} edges, {often} at a thousand times the load");
}
