//! Simulated time a second of the host and instructions a simulated nanosecond, by number of nodes; one thread
//! against two; checkpoints.
//!
//! On each machine every node reads lines that its neighbours are home to, thinks between two of them, and meets
//! all others at the end; seconds are those that the program had a processor. For threads, nodes load, store and add
//! all over 64 MB without a pause. Their wall time depends on what else the computer does, so one thread and two are
//! run in pairs, one after the other, and a pair's ratio is told. Instructions do not: the program runs itself under callgrind at two lengths and takes the difference,
//! in one part, and in two that one thread steps, so that nobody waits. Without valgrind they are left out.

#[path = "support/callgrind.rs"]
mod callgrind;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use base::{Addr, Op, Record, Rmw, ThreadIdx, rng};
use machine::{Cut, Machine, Options};
use topology::Description;
use topology::spec::MachineSpec;
use traffic::Trace;

/// Machines, smallest first.
const MACHINES: [&str; 5] = ["nvl8", "nvl72", "cloudmatrix384", "pod1024", "torus16x16x16"];
/// Machines that two threads step, and operations of a node.
const LOADED: [(&str, u32); 6] = [
    ("nvl8", 5_000),
    ("nvl72", 2_500),
    ("mesh16x16", 700),
    ("cloudmatrix384", 250),
    ("pod1024", 100),
    ("torus16x16x16", 15),
];
/// Accesses of all nodes for time, and the fewest and the most of one.
const ACCESSES: u32 = 80_000;
const OF_A_NODE: [u32; 2] = [20, 2_000];
/// Accesses of a node for instructions.
const LENGTHS: [u32; 2] = [5, 10];
/// Pairs of runs on one thread and on two.
const PAIRS: usize = 5;

fn spec(name: &str) -> MachineSpec {
    let description = Description::shipped(name).expect("shipped");
    description.elaborate().expect("a machine")
}

fn nodes(spec: &MachineSpec) -> u32 {
    u32::try_from(spec.fabric.node_ports.len()).unwrap_or(0)
}

/// Each node reads what its neighbours are home to.
fn neighbours(nodes: u32, accesses: u32) -> Trace {
    let ops = |t: u32| {
        let line = move |n: u32| Addr(u64::from((t + 1 + n % 7) % nodes + n * nodes) * 4096);
        let access = move |n| [Op::Load { addr: line(n), size: 8 }, Op::Think { cycles: 100 }];
        let meet = Op::Barrier { id: 0, members: nodes };
        (0..accesses).flat_map(access).chain([meet]).collect::<Vec<_>>()
    };
    let of = |t| ops(t).into_iter().map(move |op| Record { thread: ThreadIdx(t), op });
    Trace::from_records((0..nodes).flat_map(of)).expect("a sound trace")
}

/// Each node loads, stores and adds all over 64 MB.
fn all_over(nodes: u32, operations: u32) -> Trace {
    let op = |t: u32, n: u32| {
        let drawn = rng::draw(7, u64::from(t), 1, u64::from(n));
        let (addr, size) = (Addr(drawn % (1 << 23) * 8), 8);
        match drawn >> 32 & 15 {
            0..10 => Op::Load { addr, size },
            10..15 => Op::Store { addr, size, value: None },
            _ => Op::Atomic { addr, size, rmw: Rmw::Add(1) },
        }
    };
    let of = |t| (0..operations).map(move |n| Record { thread: ThreadIdx(t), op: op(t, n) });
    Trace::from_records((0..nodes).flat_map(of)).expect("a sound trace")
}

#[expect(clippy::disallowed_methods, reason = "wall time of the emulator, not of the machine")]
fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let result = act();
    (result, began.elapsed())
}

/// As [`timed`], by the time that this thread had a processor, where the system tells it.
fn on_processor<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let told = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    let before = told();
    let (result, wall) = timed(act);
    let own = before.zip(told()).map(|(before, after)| after.saturating_sub(before));
    (result, own.unwrap_or(wall))
}

fn machine(spec: &MachineSpec, trace: &Trace, options: Options) -> Machine {
    Machine::new(spec, trace, options).expect("a machine")
}

#[expect(clippy::print_stdout, reason = "the program's report")]
fn sizes() {
    println!(
        "{:<16} {:>6} {:>12} {:>8} {:>12} {:>15} {:>9} {:>8}",
        "machine",
        "nodes",
        "elaborate s",
        "build s",
        "sim us / s",
        "checkpoint KiB",
        "write ms",
        "read ms"
    );
    for name in MACHINES {
        let (spec, elaborate) = on_processor(|| spec(name));
        let accesses = (ACCESSES / nodes(&spec)).clamp(OF_A_NODE[0], OF_A_NODE[1]);
        let trace = neighbours(nodes(&spec), accesses);
        let (mut run, build) = on_processor(|| machine(&spec, &trace, Options::default()));
        // Written half-way, and taken up by another.
        let half = run.run_until(base::Fs::from_ns(1_000)).map(|_| ());
        half.expect("a sound run");
        let mut file = Vec::new();
        let ((), write) = on_processor(|| run.checkpoint(&mut file).expect("written down"));
        let mut other = machine(&spec, &trace, Options::default());
        let ((), read) = on_processor(|| other.resume(&file[..]).expect("taken up"));
        let began = other.now().as_ns();
        let ((), took) = on_processor(|| other.run().expect("a sound run"));
        let rate = (other.now().as_ns() - began) / 1e3 / took.as_secs_f64();
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        println!(
            "{name:<16} {:>6} {:>12.2} {:>8.2} {rate:>12.2} {:>15} {:>9.1} {:>8.1}",
            nodes(&spec),
            elaborate.as_secs_f64(),
            build.as_secs_f64(),
            file.len() / 1024,
            ms(write),
            ms(read)
        );
    }
}

#[expect(clippy::print_stdout, reason = "the program's report")]
fn threads() {
    println!(
        "\n{:<16} {:>6} {:>6} {:>9} {:>10} {:>24}",
        "machine", "nodes", "parts", "epoch ns", "imbalance", "one thread / two: median"
    );
    for (name, operations) in LOADED {
        let spec = spec(name);
        let trace = all_over(nodes(&spec), operations);
        let run = |threads| {
            let mut run = machine(&spec, &trace, Options { threads, ..Options::default() });
            let ((), wall) = timed(|| run.run().expect("a sound run"));
            (wall.as_secs_f64(), run)
        };
        let mut ratios: Vec<f64> = (0..PAIRS).map(|_| run(1).0 / run(2).0).collect();
        ratios.sort_by(f64::total_cmp);
        let (_, cut) = run(2);
        let engine = cut.engine();
        println!(
            "{name:<16} {:>6} {:>6} {:>9.1} {:>10.3} {:>9.2} ({:.2} to {:.2})",
            nodes(&spec),
            engine.partitions,
            engine.epoch.as_ns(),
            engine.imbalance,
            ratios[PAIRS / 2],
            ratios[0],
            ratios[PAIRS - 1]
        );
    }
}

/// Runs a machine in so many parts on one thread; gives the simulated time in ps.
fn simulated(name: &str, parts: usize, accesses: u32) -> u64 {
    let spec = spec(name);
    let options = Options { cut: Cut::Parts(parts), ..Options::default() };
    let mut run = machine(&spec, &neighbours(nodes(&spec), accesses), options);
    run.run().expect("a sound run");
    run.now().0 / 1000
}

/// Instructions a simulated nanosecond.
fn instructions(name: &str, parts: usize) -> Result<f64, String> {
    let count = |accesses: u32| {
        callgrind::count(&["--count", name, &parts.to_string(), &accesses.to_string()])
    };
    let (short, long) = (count(LENGTHS[0])?, count(LENGTHS[1])?);
    Ok((long.0 - short.0) as f64 * 1e3 / (long.1 - short.1) as f64)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the program's report")]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, parts, accesses] = &args[..]
        && flag == "--count"
    {
        let (Ok(parts), Ok(accesses)) = (parts.parse(), accesses.parse()) else {
            return ExitCode::FAILURE;
        };
        println!("{}", simulated(name, parts, accesses));
        return ExitCode::SUCCESS;
    }
    sizes();
    threads();
    if !callgrind::is_there() {
        eprintln!("SKIPPED: instruction counts need valgrind, and there is none on the PATH");
        return ExitCode::SUCCESS;
    }
    println!("\n{:<16} {:>24} {:>14}", "machine", "instructions a ns: whole", "in two parts");
    for name in MACHINES {
        match (instructions(name, 1), instructions(name, 2)) {
            (Ok(whole), Ok(parts)) => println!("{name:<16} {whole:>24.0} {parts:>14.0}"),
            (Err(why), _) | (_, Err(why)) => {
                eprintln!("{name}: {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
