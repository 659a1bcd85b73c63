//! Router visits a second: a flit that one router forwards is one visit.

mod support;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use support::Load;

/// Visits an iteration: some tens of cycles of the small mesh at the higher load.
const VISITS: u64 = 10_000;

fn uniform(c: &mut Criterion) {
    let mut group = c.benchmark_group("network/uniform");
    group.throughput(Throughput::Elements(VISITS));
    for side in [8, 16] {
        for permille in [50, 200] {
            let mut load = Load::mesh(side, permille);
            // Past the empty start.
            load.run(20 * VISITS);
            let id = BenchmarkId::new(format!("mesh{side}x{side}"), format!("0.{permille:03}"));
            group.bench_function(id, |b| b.iter(|| load.run(VISITS)));
        }
    }
    group.finish();
}

criterion_group!(benches, uniform);
criterion_main!(benches);
