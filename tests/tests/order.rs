//! How many accesses a thread has under way: one at a time under sequential consistency, up to the
//! window without, none at a fence. Told by time alone.

use lockstep::base::{Addr, Op, Record, ThreadIdx};
use lockstep::machine::{Machine, Options};
use lockstep::topology::Description;
use lockstep::topology::spec::{Consistency, MachineSpec};
use lockstep::topology::units::Rate;
use lockstep::traffic::Trace;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tests::machines::machines;
use tests::pencil::{Accesses, Clock, Way, Wire, femtoseconds};
use tests::programs::{Program, programs};

/// A machine that has replayed these operations of thread 0.
fn alone(spec: &MachineSpec, ops: &[Op]) -> Machine {
    let records = ops.iter().map(|op| Record { thread: ThreadIdx(0), op: *op });
    let trace = Trace::from_records(records).expect("a sound trace");
    let mut machine = Machine::new(spec, &trace, Options::default()).expect("a sound machine");
    machine.run().expect("a sound run");
    machine
}

/// Femtoseconds until thread 0 is done with `ops`.
fn time(spec: &MachineSpec, ops: &[Op]) -> u128 {
    alone(spec, ops).summary().time.0.into()
}

/// Femtoseconds that a machine's accesses took, all added up.
fn latencies(machine: &Machine) -> u128 {
    let stats = machine.stats();
    let all = stats.all();
    femtoseconds(all.mean_ns() * all.count() as f64)
}

/// A load of line `line` of a home's first page.
fn load(spec: &MachineSpec, home: u64, line: u64) -> Op {
    let page = home * spec.accelerator.home.interleave_bytes;
    Op::Load { addr: Addr(page + line * 64), size: 8 }
}

#[test]
fn sequential_loads_go_one_after_the_other_and_relaxed_ones_together() {
    let idle = Description::nvl8().elaborate().expect("a sound machine");
    let mut spec = idle.clone();
    let clocks = (Clock::of(&spec, "accelerator"), Clock::of(&spec, "switch"));
    let link = Wire::of(&spec, "nvlink4", 500_000);
    let way = Way::new(&spec.router, clocks.0, vec![(link, clocks.1), (link, clocks.0)]);
    let pencil = Accesses::new(&idle, "accelerator");
    let far = |start| pencil.far(start, &way, &way);

    let (one, three) = (far(0), far(far(far(0))));
    assert!(
        three + 9 > 3 * one && three < 3 * one + 9,
        "but for the phases of clocks, three times"
    );
    let (one, three) = (pencil.span(0, one), pencil.span(0, three));
    // They may share a link, which a flit keeps for 1.28 ns.
    let about = |edge| pencil.span(0, edge)..pencil.span(0, edge + 20);

    let loads = [1, 2, 3].map(|home| load(&spec, home, 0));
    for window in [1, 2, 3, 32] {
        spec.accelerator.window = window;
        spec.accelerator.consistency = Consistency::Sequential;
        assert_eq!(time(&spec, &loads[..1]), one, "window {window}");
        assert_eq!(time(&spec, &loads), three, "sequential, window {window}");
        spec.accelerator.consistency = Consistency::Relaxed;
        let relaxed = time(&spec, &loads);
        let expected = match window {
            1 => three..three + 1,
            2 => about(far(far(0))),
            _ => about(far(2)),
        };
        assert!(expected.contains(&relaxed), "window {window}: {relaxed}, not in {expected:?}");
    }
}

/// The mesh with memories as regular as itself, so that an access takes as long whenever it begins,
/// and so fast that they hold nobody up.
fn regular() -> MachineSpec {
    let mut mesh = Description::mesh8x8();
    let clock = mesh.clocks.get_mut("memory").expect("the memory's clock");
    clock.frequency = "2 GHz".parse().expect("a frequency");
    mesh.memory.channels = 16;
    mesh.memory.channel_rate = "1024 GB/s".parse::<Rate>().expect("a rate");
    mesh.elaborate().expect("a sound machine")
}

#[test]
fn as_many_misses_are_under_way_as_the_window_says_and_no_more() {
    /// How many misses: a page's lines.
    const MISSES: u64 = 64;
    /// Cycles between answers out of one node: three flits of one cycle each, one cycle spare.
    const APART: u128 = 4;
    let idle = regular();
    let mut spec = idle.clone();
    let clock = Clock::of(&spec, "die");
    let way = Way::new(&spec.router, clock, vec![(Wire::of(&spec, "wire", 0), clock); 16]);
    let pencil = Accesses::new(&idle, "die");
    let latency = pencil.far(0, &way, &way);
    assert_eq!(pencil.far(1, &way, &way), latency + 1, "every access takes as long");
    let loads: Vec<Op> = (0..MISSES).map(|line| load(&spec, 63, line)).collect();
    for window in [1, 2, 4, 8] {
        spec.accelerator.window = window;
        let machine = alone(&spec, &loads);
        let took = u128::from(machine.summary().time.0) / 1_000_000;
        let window = u128::from(window);
        let rounds = u128::from(MISSES) / window;
        let (least, most) = (rounds * latency, rounds * (latency + (window - 1) * APART));
        assert!((least..=most).contains(&took), "window {window}: {took}, not {least} to {most}");
        let under_way = latencies(&machine) / 1_000_000;
        assert!(under_way <= window * took, "window {window}: on average {under_way} / {took}");
        // Once the first are back, the window is never less than full until the last are out.
        assert!(under_way >= window * (took - latency), "window {window}: {under_way} / {took}");
    }
}

fn config(cases: u32) -> Config {
    let seed = if tests::deep() { RngSeed::Random } else { RngSeed::Fixed(5) };
    let cases = if tests::deep() { cases * 20 } else { cases };
    Config { cases, rng_seed: seed, failure_persistence: None, ..Config::default() }
}

/// What each thread of a program does one after the other, but for meeting others and thinking.
fn restless(program: &Program) -> Vec<Op> {
    let ops = program.threads.iter().flatten().copied();
    ops.filter(|op| !matches!(op, Op::Barrier { .. } | Op::Think { .. })).collect()
}

/// Whoever has at most so many accesses under way at a time has them under way for at most so many
/// times the time that passes; and with one at a time, without a break, for exactly that time.
#[test]
fn a_threads_latencies_fill_its_time_once_if_sequential_and_the_window_at_most() {
    let cases = (machines(), programs());
    let result = TestRunner::new(config(60)).run(&cases, |(tight, program)| {
        let (mut spec, ops) = (tight.spec(), restless(&program));
        prop_assume!(!ops.is_empty());
        let machine = alone(&spec, &ops);
        let window = match spec.accelerator.consistency {
            Consistency::Sequential | Consistency::Tso => 1,
            Consistency::Relaxed => u128::from(spec.accelerator.window),
        };
        let most = u128::from(machine.summary().time.0) * window;
        prop_assert!(latencies(&machine) <= most, "{} of {}", latencies(&machine), most);
        spec.accelerator.consistency = Consistency::Sequential;
        let machine = alone(&spec, &ops);
        prop_assert_eq!(latencies(&machine), u128::from(machine.summary().time.0));
        Ok(())
    });
    if let Err(told) = result {
        panic!("{told}");
    }
}

/// Accesses that stay within a line: one piece each.
fn single(op: &Op) -> bool {
    match op {
        Op::Load { addr, size } | Op::Store { addr, size, .. } => {
            addr.offset() + u32::from(*size) <= 64
        }
        Op::Copy { .. } => false,
        _ => true,
    }
}

#[test]
fn with_a_fence_behind_every_access_relaxed_is_sequential_to_the_digest() {
    let cases = (machines(), programs());
    let result = TestRunner::new(config(60)).run(&cases, |(tight, mut program)| {
        for ops in &mut program.threads {
            let fenced = ops.iter().filter(|op| single(op)).flat_map(|op| [*op, Op::Fence]);
            *ops = fenced.collect();
        }
        let Some(trace) = program.trace() else { return Ok(()) };
        let mut spec = tight.spec();
        let mut digest = |consistency| {
            spec.accelerator.consistency = consistency;
            let machine = Machine::new(&spec, &trace, Options::default());
            let mut machine = machine.map_err(|e| TestCaseError::fail(e.to_string()))?;
            machine.run().map_err(|e| TestCaseError::fail(e.to_string()))?;
            Ok::<_, TestCaseError>(machine.summary().digest)
        };
        prop_assert_eq!(digest(Consistency::Relaxed)?, digest(Consistency::Sequential)?);
        Ok(())
    });
    if let Err(told) = result {
        panic!("{told}");
    }
}
