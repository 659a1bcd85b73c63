//! Router visits a second: a flit that one router forwards is one visit.

mod support;
#[path = "support/sweep.rs"]
mod sweep;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use support::Load;
use sweep::{CASES, Sweep};

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

/// The same machine with serial links and with framed ones.
fn links(c: &mut Criterion) {
    let mut group = c.benchmark_group("network/links");
    group.throughput(Throughput::Elements(VISITS));
    for (name, framed) in [("serial", false), ("framed", true)] {
        let mut load = Load::planes(framed, 800);
        load.run(2 * VISITS);
        group.bench_function(name, |b| b.iter(|| load.run(VISITS)));
    }
    group.finish();
}

fn cycle(c: &mut Criterion) {
    let mut group = c.benchmark_group("network/cycle");
    group.throughput(Throughput::Elements(VISITS));
    for case in &CASES {
        let mut sweep = Sweep::new(case);
        // Past the empty start.
        sweep.run(2 * VISITS);
        // It runs to a multiple of 16 cycles: what it runs too far is run less the next time.
        let mut ahead = 0;
        group.bench_function(BenchmarkId::from_parameter(case.name), |b| {
            b.iter(|| {
                let goal = VISITS.saturating_sub(ahead);
                ahead = if goal > 0 { sweep.run(goal) - goal } else { ahead - VISITS };
            });
        });
    }
    group.finish();
}

criterion_group!(benches, uniform, links, cycle);
criterion_main!(benches);
