//! Accesses a second through the whole machine: loads, stores and atomics completed.

#[path = "support/replay.rs"]
mod replay;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use replay::Replay;

const JACOBI: &[u8] = include_bytes!("../../../traces/jacobi8.lkst");
const BFS: &[u8] = include_bytes!("../../../traces/bfs8.lkst");

fn accesses(c: &mut Criterion) {
    let mut group = c.benchmark_group("replay");
    group.sample_size(10);
    let runs = [("nvl8", "jacobi8", JACOBI), ("nvl8", "bfs8", BFS), ("mesh8x8", "bfs8", BFS)];
    for (topology, name, bytes) in runs {
        let replay = Replay::new(topology, bytes);
        group.throughput(Throughput::Elements(replay.run(false, 1, u64::MAX)));
        for (kind, check) in [("unchecked", false), ("checked", true)] {
            let id = format!("{topology}/{name}/{kind}");
            group.bench_function(id, |b| b.iter(|| replay.run(check, 1, u64::MAX)));
        }
    }
    group.finish();
}

criterion_group!(benches, accesses);
criterion_main!(benches);
