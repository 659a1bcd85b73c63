//! Shipped traces on shipped topologies: what came out when somebody last looked.
//!
//! A golden that changes is either a mistake or a change of what is modelled; the commit says which.

use std::fmt::Write as _;

use lockstep::machine::{Machine, Options, Summary};
use lockstep::shipped;
use lockstep::topology::Description;
use lockstep::traffic::Trace;
use tests::golden;

fn replay(topology: &str, trace: &Trace, options: Options) -> Summary {
    let description = Description::shipped(topology).expect("it is shipped");
    let spec = description.elaborate().expect("a sound machine");
    let mut machine = Machine::new(&spec, trace, options).expect("a sound machine");
    machine.run().expect("a sound run");
    machine.summary()
}

fn shipped_trace(name: &str) -> Trace {
    shipped::trace(name).expect("it is shipped").expect("it is sound")
}

fn figures(s: &Summary) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{key:<15} {value}");
    };
    line("digest", &s.digest);
    line("time_fs", &s.time.0);
    line("transactions", &s.transactions);
    line("hits", &s.hits);
    line("barriers", &s.barriers);
    line("packets", &s.packets);
    line("flits_delivered", &s.flits_delivered);
    line("flit_hops", &s.flit_hops);
    line("memory_reads", &s.memory_reads);
    line("memory_writes", &s.memory_writes);
    line("latency_mean_ns", &format!("{:.6}", s.latency.mean_ns()));
    line("latency_max_ns", &format!("{:.6}", s.latency.max_ns()));
    for (part, ns) in &s.breakdown_ns {
        line(part.name(), &format!("{ns:.6}"));
    }
    text
}

#[test]
fn the_default_run() {
    let trace = shipped_trace(shipped::DEFAULT_TRACE);
    let summary = replay(shipped::DEFAULT_TOPOLOGY, &trace, Options::default());
    assert!(summary.checks.clean(), "{:#?}", summary.checks);
    golden("run-default", &figures(&summary));
}

/// Each topology with a trace, and the digest again without checks, in another order, with more
/// threads.
#[test]
fn every_topology_with_a_trace() {
    let runs = [
        ("nvl8", "histogram8"),
        ("nvl72", "jacobi8"),
        ("mesh8x8", "bfs8"),
        ("torus4x4x4", "histogram8"),
        ("fullmesh8", "bfs8"),
    ];
    for (topology, name) in runs {
        let trace = shipped_trace(name);
        let summary = replay(topology, &trace, Options::default());
        assert!(summary.checks.clean(), "{topology}: {:#?}", summary.checks);
        golden(&format!("run-{topology}-{name}"), &figures(&summary));
        let options = Options { check: false, shuffle: Some(5), threads: 3, ..Options::default() };
        assert_eq!(replay(topology, &trace, options).digest, summary.digest, "{topology}");
    }
}
