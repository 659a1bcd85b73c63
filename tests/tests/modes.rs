//! Regions that are never cached, beside coherent ones.

use lockstep::base::{Addr, Op, Record, Rmw, ThreadIdx};
use lockstep::machine::{Machine, Options, Summary};
use lockstep::topology::Description;
use lockstep::topology::describe::{Mode, Region};
use lockstep::topology::units::Size;
use lockstep::traffic::Trace;

/// The lines of the first megabyte are never cached.
const UNCACHED_BYTES: u64 = 1 << 20;

fn run(name: &str, records: Vec<Record>) -> Machine {
    let mut d = Description::shipped(name).expect("it is shipped");
    d.regions.push(Region { base: 0, size: Size(UNCACHED_BYTES), mode: Mode::Uncached });
    let spec = d.elaborate().expect("a sound machine");
    let trace = Trace::from_records(records).expect("a sound trace");
    let mut machine = Machine::new(&spec, &trace, Options::default()).expect("a sound machine");
    machine.run().expect("a sound run");
    assert!(machine.summary().checks.clean(), "{:?}", machine.summary().checks);
    machine
}

fn of(thread: u32, ops: impl IntoIterator<Item = Op>) -> Vec<Record> {
    ops.into_iter().map(|op| Record { thread: ThreadIdx(thread), op }).collect()
}

fn load(addr: u64) -> Op {
    Op::Load { addr: Addr(addr), size: 8 }
}

fn loads(addr: u64, count: usize) -> Summary {
    let ops = std::iter::repeat_n([load(addr), Op::Fence], count).flatten();
    run("nvl8", of(0, ops)).summary()
}

#[test]
fn an_uncached_line_is_asked_of_its_home_every_time_and_a_coherent_one_once() {
    let (uncached, coherent) = (loads(4096, 10), loads(UNCACHED_BYTES + 4096, 10));
    assert_eq!((uncached.hits, coherent.hits), (0, 9));
    assert_eq!((uncached.memory_reads, coherent.memory_reads), (10, 1));
    let once = loads(4096, 1);
    assert!(
        (uncached.latency.mean_ns() - once.latency.mean_ns()).abs() < 5.0,
        "each costs the same"
    );
    // A request, an answer, no acknowledgement: two packets an access.
    assert_eq!((uncached.packets, once.packets), (20, 2));
}

#[test]
fn atomics_of_all_nodes_are_performed_at_home() {
    let add = Op::Atomic { addr: Addr(64), size: 8, rmw: Rmw::Add(3) };
    for name in ["nvl8", "torus4x4x4"] {
        let records = (0..8).flat_map(|t| of(t, std::iter::repeat_n(add, 50))).collect();
        let machine = run(name, records);
        assert_eq!(machine.value(Addr(64).line()).word(0, 8), 8 * 50 * 3);
        assert_eq!(machine.summary().hits, 0);
    }
}

/// Writes and copies are posted: they overlap, and a release waits for all of them.
#[test]
fn a_release_waits_for_posted_writes_and_bulk_copies() {
    let writes = |fence: bool| {
        let store = |n: u64| Op::Store { addr: Addr(4096 + 64 * n), size: 8, value: Some(n) };
        let each = (0..8).flat_map(|n| {
            let fence = if fence { Some(Op::Fence) } else { None };
            std::iter::once(store(n)).chain(fence)
        });
        let copy = Op::Copy { from: Addr((2 << 20) + 16384), to: Addr(8192), bytes: 512 };
        let flag = Op::Release { addr: Addr(12288), size: 8, value: Some(1) };
        run("nvl8", of(0, each.chain([copy, flag]))).summary()
    };
    let (posted, fenced) = (writes(false), writes(true));
    assert_eq!(posted.stores, fenced.stores);
    // Seven round trips fewer, at some 500 ns each.
    assert!(fenced.time.0 - posted.time.0 > 2_000_000_000, "{} {}", fenced.time, posted.time);
    // The release is one round trip behind the copy, which is two behind the writes.
    assert!(posted.time.0 > 1_500_000_000, "{}", posted.time);
}
