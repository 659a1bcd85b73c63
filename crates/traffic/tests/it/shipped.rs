//! The traces that come with the project.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::{Op, Record, ThreadIdx};
use traffic::barriers::check_barriers;
use traffic::{Description, Trace};

use crate::records;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../traces")
}

const CAPTURED: [&str; 3] = ["jacobi8.lkst", "histogram8.lkst", "bfs8.lkst"];

#[test]
fn every_shipped_trace_is_whole_and_replays_to_its_end() {
    let mut bytes = 0;
    for name in CAPTURED {
        let trace = Trace::open(folder().join(name)).expect(name);
        check_barriers(&trace).expect(name);
        let told = Description::of(&trace).expect(name);
        assert_eq!(told.total.records(), trace.info().records);
        assert_eq!(trace.threads(), 8, "{name}");
        assert!((200_000..=500_000).contains(&trace.info().records), "{name}");
        assert!(told.shared_written_lines > 100, "{name} shares too little");
        let order = told.interleaving.expect("captures know their order");
        assert!(order.switches > 100, "{name} did not run in parallel");
        assert!(order.communicated > 100, "{name} communicates too little");
        assert!(!order.capped);
        for counts in &told.threads {
            assert!(counts.records() > trace.info().records / 20, "{name} is not balanced");
        }
        bytes += trace.info().file_bytes;
    }
    assert!(bytes < 6 << 20);
}

#[test]
fn the_readme_states_the_records_of_each_trace() {
    let readme = std::fs::read_to_string(folder().join("README.md")).expect("README.md");
    for name in CAPTURED.into_iter().chain(["example.trace"]) {
        let info = Trace::open(folder().join(name)).expect(name).info().clone();
        let row = readme.lines().find(|l| l.starts_with(&format!("| `{name}`"))).expect(name);
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[2], info.threads.to_string(), "threads of {name}");
        assert_eq!(cells[3], info.records.to_string(), "records of {name}");
        if name == "example.trace" {
            continue;
        }
        assert_eq!(cells[4], info.file_bytes.to_string(), "bytes of {name}");
        let trace = Trace::open(folder().join(name)).expect(name);
        let told = Description::of(&trace).expect(name).interleaving.expect("known");
        let row = readme.lines().rfind(|l| l.starts_with(&format!("| `{name}`"))).expect(name);
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let numbers = [told.switches, told.others(), told.communicated, told.false_shared];
        assert_eq!(cells[2..6], numbers.map(|n| n.to_string()), "interleaving of {name}");
    }
}

#[test]
fn the_example_is_described_as_it_was_written() {
    let trace = Trace::open(folder().join("example.trace")).expect("example");
    check_barriers(&trace).expect("ends");
    assert_eq!(records(&trace).expect("read")[1][0], Op::Think { cycles: 100 });
    assert!(trace.stream(ThreadIdx(2)).is_err());
    insta::assert_snapshot!(Description::of(&trace).expect("read"));
}

#[test]
fn the_interleaving_of_each_capture_keeps_its_barriers() {
    for name in CAPTURED {
        let trace = Trace::open(folder().join(name)).expect(name);
        let mut waiting = [None; 8];
        let mut arrived: BTreeMap<u32, u32> = BTreeMap::new();
        let mut releases = 0;
        for record in trace.interleaved().expect(name) {
            let Record { thread, op } = record.expect(name);
            assert_eq!(waiting[thread.at()], None, "{thread} of {name} goes on before its barrier");
            let Op::Barrier { id, members } = op else { continue };
            waiting[thread.at()] = Some(id);
            let here = arrived.entry(id).or_default();
            *here += 1;
            if *here == members {
                *here = 0;
                releases += 1;
                waiting.iter_mut().filter(|w| **w == Some(id)).for_each(|w| *w = None);
            }
        }
        assert!(releases > 10, "{name} has {releases} releases");
        assert!(waiting.iter().all(Option::is_none), "{name}");
    }
}
