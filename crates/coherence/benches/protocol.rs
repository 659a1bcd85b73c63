//! Protocol messages a second through caches and homes, with the accesses that cause them.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::Protocol;

/// Messages an iteration.
const MESSAGES: u64 = 10_000;

fn messages(c: &mut Criterion) {
    let mut group = c.benchmark_group("protocol/messages");
    group.throughput(Throughput::Elements(MESSAGES));
    for (name, check) in [("unchecked", false), ("checked", true)] {
        let mut protocol = Protocol::new(check);
        protocol.run(10 * MESSAGES);
        group.bench_function(name, |b| b.iter(|| protocol.run(MESSAGES)));
    }
    group.finish();
}

criterion_group!(benches, messages);
criterion_main!(benches);
