//! Where the time of whole machines goes under load: fixed shares are exact, and those who share a
//! cache's port wait for it in their own latencies.

use std::ops::RangeInclusive;

use lockstep::base::{Addr, Op, Part, Record, ThreadIdx};
use lockstep::machine::{Machine, Options};
use lockstep::topology::Description;
use lockstep::topology::spec::MachineSpec;
use lockstep::traffic::Trace;
use tests::pencil::femtoseconds;

fn replay(spec: &MachineSpec, records: impl IntoIterator<Item = Record>) -> Machine {
    let trace = Trace::from_records(records).expect("a sound trace");
    let mut machine = Machine::new(spec, &trace, Options::default()).expect("a sound machine");
    machine.run().expect("a sound run");
    assert!(machine.summary().checks.clean());
    machine
}

fn nvl8() -> MachineSpec {
    Description::nvl8().elaborate().expect("a sound machine")
}

/// Femtoseconds in a part, over all transactions.
fn share(machine: &Machine, part: Part) -> u128 {
    let stats = machine.stats();
    femtoseconds(stats.mean_part_ns(part) * stats.all().count() as f64)
}

/// `count` times a span that is a fraction of femtoseconds, each time cut at both ends.
const fn about(count: u128, (numer, denom): (u128, u128)) -> RangeInclusive<u128> {
    let exact = count * numer / denom;
    exact.saturating_sub(count)..=exact + count
}

/// Every node loads lines of all others, each line once: each load is a request and an answer, with
/// a switch each, and a memory access between them.
#[test]
fn every_load_spends_the_same_on_pipelines_wires_and_memory_however_many_there_are() {
    const LOADS: u64 = 150;
    let mut spec = nvl8();
    // Not enough for everybody.
    spec.memory.channels = 1;
    spec.memory.channel_bytes_per_s = 30_000_000_000;
    let all = (0..8).flat_map(|thread: u32| {
        (0..LOADS).map(move |n| {
            let home = (u64::from(thread) + 1 + n % 7) % 8;
            let line = n / 7 + 22 * u64::from(thread);
            let addr = Addr((line / 64 * 8 + home) * 4096 + line % 64 * 64);
            Record { thread: ThreadIdx(thread), op: Op::Load { addr, size: 8 } }
        })
    });
    let machine = replay(&spec, all);
    let loads = u128::from(8 * LOADS);
    assert_eq!((machine.summary().memory_reads, machine.stats().hits()), (8 * LOADS, 0));

    // By the figures of nvl8.ron: 26 of 28 cycles at 1.7 GHz in each of two switches.
    let router = share(&machine, Part::Router);
    let stages = about(2 * loads, (26 * 1_000_000_000, 1_700));
    assert!(stages.contains(&router), "{router}, not {stages:?}");
    // Four links: 20 ns of SerDes, 75.6 ns of FEC, half a metre at 4.6 ns/m.
    assert_eq!(share(&machine, Part::Serdes), loads * 4 * 20_000_000);
    assert_eq!(share(&machine, Part::Fec), loads * 4 * 75_600_000);
    assert_eq!(share(&machine, Part::Flight), loads * 4 * 2_300_000);
    assert_eq!(share(&machine, Part::Replay), 0);
    // 64 bytes at 30 GB/s, and 60 ns.
    let core = share(&machine, Part::DramCore);
    let access = about(loads, (3 * 60_000_000 + 6_400_000, 3));
    assert!(access.contains(&core), "{core}, not {access:?}");
    // The tag lookup and the fill at 40 cycles of 1.755 GHz, and the home at 20, at the least.
    let cache = *about(2 * loads, (40 * 1_000_000_000, 1_755)).start();
    assert!(share(&machine, Part::Cache) >= cache);
    let home = *about(loads, (20 * 1_000_000_000, 1_755)).start();
    assert!(share(&machine, Part::Directory) >= home);

    for part in [Part::SourceQueue, Part::MemoryQueue, Part::SwitchAllocation] {
        assert!(share(&machine, part) > loads * 1_000_000, "{part:?}: more than 1 ns a load");
    }
}

/// Threads of node 0 that load a line of their own over and over, one at a time. Gives the time of
/// the run and the latencies of all, in femtoseconds.
fn one_node(spec: &MachineSpec, threads: u32, loads: u32) -> (u128, u128) {
    let own = |thread: u32| Op::Load { addr: Addr(u64::from(thread) * 64), size: 8 };
    let others = (0..8 * threads).filter(|t| t % 8 != 0);
    let others = others.map(|t| Record { thread: ThreadIdx(t), op: Op::Fence });
    let busy = (0..loads).flat_map(|_| 0..threads).flat_map(|thread| {
        [own(thread), Op::Fence].map(|op| Record { thread: ThreadIdx(thread * 8), op })
    });
    let machine = replay(spec, busy.chain(others));
    let stats = machine.stats();
    let all = stats.all();
    assert_eq!(all.count(), u64::from(threads * loads));
    let latencies = femtoseconds(all.mean_ns() * all.count() as f64);
    (machine.summary().time.0.into(), latencies)
}

#[test]
fn threads_that_share_a_port_wait_for_it_in_their_own_latencies() {
    const LOADS: u32 = 100;
    let spec = nvl8();
    // A hit takes 40 cycles, and the port serves one a cycle.
    for threads in [1, 8, 64, 100] {
        let (time, latencies) = one_node(&spec, threads, LOADS);
        let (all, of_all) = (u128::from(threads), u128::from(threads) * time);
        assert!(latencies <= of_all, "{threads} threads: {latencies} in {of_all}");
        // The last to end are a few loads behind the first.
        assert!(100 * latencies >= 95 * of_all, "{threads} threads: {latencies} in {of_all}");
        let mean = latencies / (all * u128::from(LOADS));
        let apart = u128::from(threads.max(40)) * 1_000_000_000 / 1_755;
        // The misses at the start take longer than a turn.
        let (least, most) = (apart * 98 / 100, apart + 10 * 1_000_000_000 / 1_755);
        assert!((least..=most).contains(&mean), "{threads} threads: {mean} a load");
    }
}
