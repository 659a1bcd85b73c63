//! Simulated time a second of the host, by number of nodes.
//!
//! On each machine every node reads lines that its neighbours are home to, thinks between two of them, and meets
//! all others at the end. Wall time depends on what else the computer does: the figures are for comparing machines
//! in one run of the program.

use std::time::Instant;

use base::{Addr, Op, Record, ThreadIdx};
use machine::{Machine, Options};
use topology::Description;
use traffic::Trace;

/// Machines, smallest first.
const MACHINES: [&str; 5] = ["nvl8", "nvl72", "cloudmatrix384", "pod1024", "torus16x16x16"];
/// Accesses of a node.
const ACCESSES: u32 = 20;

fn trace(nodes: u32) -> Trace {
    let ops = |t: u32| {
        let line = move |n: u32| Addr(u64::from((t + 1 + n % 7) % nodes + n * nodes) * 4096);
        let access = move |n| [Op::Load { addr: line(n), size: 8 }, Op::Think { cycles: 100 }];
        let meet = Op::Barrier { id: 0, members: nodes };
        (0..ACCESSES).flat_map(access).chain([meet]).collect::<Vec<_>>()
    };
    let of = |t| ops(t).into_iter().map(move |op| Record { thread: ThreadIdx(t), op });
    Trace::from_records((0..nodes).flat_map(of)).expect("a sound trace")
}

#[expect(clippy::disallowed_methods, reason = "wall time of the emulator, not of the machine")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::print_stdout, reason = "the program's report")]
fn main() {
    println!(
        "{:<16} {:>6} {:>12} {:>10} {:>14}",
        "machine", "nodes", "elaborate s", "build s", "sim us / s"
    );
    for name in MACHINES {
        let began = now();
        let spec = Description::shipped(name).expect("shipped").elaborate().expect("a machine");
        let elaborated = now();
        let nodes = u32::try_from(spec.fabric.node_ports.len()).unwrap_or(0);
        let trace = trace(nodes);
        let ready = now();
        let mut machine = Machine::new(&spec, &trace, Options::default()).expect("a machine");
        let built = now();
        machine.run().expect("a sound run");
        let wall = now().duration_since(built).as_secs_f64();
        let rate = machine.now().as_ns() / 1e3 / wall;
        let elaborate = elaborated.duration_since(began).as_secs_f64();
        let build = built.duration_since(ready).as_secs_f64();
        println!("{name:<16} {nodes:>6} {elaborate:>12.2} {build:>10.2} {rate:>14.2}");
    }
}
