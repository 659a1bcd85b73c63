//! The largest shipped machines run: 1,024 accelerators behind two tiers of switches, 4,096 on a torus.

use lockstep::base::{Addr, Op, Record, Rmw, ThreadIdx};
use lockstep::machine::{Machine, Options};
use lockstep::topology::Description;
use lockstep::traffic::Trace;

/// Every accelerator writes a line of the next, reads what the one before wrote into its own, counts in one of 64
/// words, and meets all others in between and at the end.
fn ring(nodes: u32) -> Trace {
    let line = |node: u32| Addr(u64::from(node % nodes) * 4096);
    let ops = |t: u32| {
        let barrier = Op::Barrier { id: 5, members: nodes };
        let count = Addr(u64::from(t % 64) * 4096 + 1024);
        [
            Op::Store { addr: line(t + 1), size: 8, value: Some(u64::from(t)) },
            barrier,
            Op::Load { addr: line(t), size: 8 },
            Op::Atomic { addr: count, size: 8, rmw: Rmw::Add(1) },
            barrier,
        ]
    };
    let of = |t| ops(t).into_iter().map(move |op| Record { thread: ThreadIdx(t), op });
    Trace::from_records((0..nodes).flat_map(of)).expect("a sound trace")
}

#[test]
fn pods_of_1024_and_4096_accelerators_run_and_are_clean() {
    for (name, nodes) in [("pod1024", 1024), ("torus16x16x16", 4096)] {
        let spec = Description::shipped(name).expect("shipped").elaborate().expect("a machine");
        let mut machine = Machine::new(&spec, &ring(nodes), Options::default()).expect("a machine");
        machine.run().expect("a sound run");
        let s = machine.summary();
        assert!(s.checks.clean(), "{name}: {:?}", s.checks);
        let n = u64::from(nodes);
        assert_eq!((s.loads, s.stores, s.atomics, s.barriers), (n, n, n, 2), "{name}");
        let counted = machine.value(Addr(63 * 4096 + 1024).line()).word(0, 8);
        assert_eq!(counted, n / 64, "{name}");
    }
}
