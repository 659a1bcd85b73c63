//! What the owned state and direct transfer do for a program in which one writes and all others read:
//! what memory sees, and what the readers wait for. The figures are in VALIDATION.md.

use lockstep::prelude::*;
use lockstep::topology::spec::Protocol;

/// Lines that are handed round.
const LINES: u64 = 64;
const ROUNDS: u32 = 16;

/// By turns a thread writes a word of each line; then all the others read it.
fn producer_and_consumers(threads: u32) -> Trace {
    let mut records = Vec::new();
    for round in 0..ROUNDS {
        let producer = round % threads;
        let word = |line: u64| Addr(line * 4096);
        let op = |thread, op| Record { thread: ThreadIdx(thread), op };
        let store = |line| Op::Store { addr: word(line), size: 8, value: Some(line) };
        let load = |line| Op::Load { addr: word(line), size: 8 };
        records.extend((0..LINES).map(|line| op(producer, store(line))));
        let meet = |id| (0..threads).map(move |t| op(t, Op::Barrier { id, members: threads }));
        records.extend(meet(2 * round));
        for consumer in (0..threads).filter(|t| *t != producer) {
            records.extend((0..LINES).map(|line| op(consumer, load(line))));
        }
        records.extend(meet(2 * round + 1));
    }
    Trace::from_records(records).expect("a trace")
}

fn run(topology: &str, (owned, direct): (bool, bool)) -> Summary {
    let mut spec =
        Description::shipped(topology).and_then(|d| d.elaborate().ok()).expect("shipped");
    spec.accelerator.protocol = Protocol { owned, direct };
    let mut machine =
        Machine::new(&spec, &producer_and_consumers(8), Options::default()).expect("a machine");
    machine.run().expect("it comes to rest");
    let summary = machine.summary();
    assert!(summary.checks.clean(), "{topology}: {:?}", summary.checks);
    summary
}

/// Each line is written anew in each round, and its first reader finds it modified.
const HANDED: u64 = LINES * ROUNDS as u64;

#[test]
fn the_owned_state_writes_nothing_to_memory_and_direct_transfer_reads_nothing() {
    for topology in ["nvl8", "mesh8x8"] {
        let [plain, owned, direct, both] =
            [(false, false), (true, false), (false, true), (true, true)].map(|p| run(topology, p));
        // MESI: the first reader's line is written back, the other six read memory.
        assert_eq!(plain.memory_writes, HANDED, "{topology}");
        assert_eq!(plain.transfers.cache_to_cache, HANDED, "{topology}");
        assert_eq!(plain.memory_reads, LINES + HANDED * 6, "{topology}");
        // MOESI: the owner serves all seven.
        assert_eq!((owned.memory_writes, owned.memory_reads), (0, LINES), "{topology}");
        assert_eq!(owned.transfers.write_backs_saved, HANDED * 7, "{topology}");
        assert_eq!(owned.transfers.cache_to_cache, HANDED * 7, "{topology}");
        // Direct transfer: written back once, then handed on from reader to reader.
        assert_eq!((direct.memory_writes, direct.memory_reads), (HANDED, LINES), "{topology}");
        assert_eq!(direct.transfers.reads_saved, HANDED * 6, "{topology}");
        assert_eq!((both.memory_writes, both.memory_reads), (0, LINES), "{topology}");
    }
}
