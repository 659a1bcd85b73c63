//! Threads, cuts and the order of stepping change nothing that a run tells.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lockstep::base::{Addr, Fs, Op, Record, Rmw, ThreadIdx};
use lockstep::coherence::{Listing, Mutant, Protocol};
use lockstep::machine::{Cut, Deal, Machine, Options};
use lockstep::topology::Description;
use lockstep::topology::describe::{FabricForm, PerSwitch};
use lockstep::topology::spec::MachineSpec;
use lockstep::traffic::Trace;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tests::machines::machines;
use tests::parts::{cuts, same, told};
use tests::programs::programs;

#[test]
fn any_cut_any_threads_and_any_order_give_the_same_run() {
    let inputs = (machines(), programs(), cuts(), 1_usize..5, any::<u64>(), any::<u64>());
    let cut = std::cell::Cell::new(0);
    let result =
        tests::laws([60, 1500], 23).run(&inputs, |(tight, program, how, threads, seed, order)| {
            let Some(trace) = program.trace() else { return Ok(()) };
            let shuffle = (order % 3 != 0).then_some(order);
            let check = order % 4 != 0;
            let deal = if order % 2 == 0 { Deal::Together } else { Deal::InTurn };
            let options = Options { seed, threads, shuffle, cut: how, check, deal };
            let parts = same(&tight.spec(), &trace, options).map_err(TestCaseError::fail)?;
            cut.set(cut.get() + u32::from(parts > 1));
            Ok(())
        });
    if let Err(told) = result {
        panic!("{told}");
    }
    assert!(cut.get() > 20, "{} machines were cut", cut.get());
}

/// Every node loads, stores and adds all over the pool, and all meet twice; or as long as is asked for.
fn all_over(nodes: u32) -> Trace {
    rounds(nodes, 16)
}

fn rounds(nodes: u32, operations: u32) -> Trace {
    let record = |n: u32| {
        let far = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44 << 3;
        let op = match n / nodes % 8 {
            0 => Op::Barrier { id: n / nodes, members: nodes },
            1..=4 => Op::Load { addr: Addr(far), size: 8 },
            5 | 6 => Op::Store { addr: Addr(far), size: 8, value: None },
            _ => Op::Atomic { addr: Addr(u64::from(n % 5) * 4096), size: 8, rmw: Rmw::Add(1) },
        };
        Record { thread: ThreadIdx(n % nodes), op }
    };
    Trace::from_records((0..nodes * operations).map(record)).expect("a sound trace")
}

#[test]
fn shipped_machines_run_the_same_in_parts() {
    let mut cut = 0;
    for (at, (name, _)) in lockstep::topology::SHIPPED.into_iter().enumerate() {
        let spec = Description::shipped(name).expect("it is shipped").elaborate().expect("sound");
        let nodes = u32::try_from(spec.fabric.node_ports.len()).expect("few");
        if nodes > if tests::deep() { 400 } else { 80 } && name != "mesh16x16" {
            continue;
        }
        let parts = [2, 3, 5, 8][at % 4];
        let deal = if at % 4 < 2 { Deal::Together } else { Deal::InTurn };
        let options =
            Options { threads: 1 + at % 3, cut: Cut::Parts(parts), deal, ..Options::default() };
        let options = Options { shuffle: Some(7), check: at % 2 == 0, ..options };
        let found = same(&spec, &all_over(nodes), options);
        cut += u32::from(found.unwrap_or_else(|e| panic!("{name}: {e}")) > 1);
    }
    assert!(cut >= 10, "{cut} machines are cut");
}

#[test]
fn errors_are_those_of_one_piece() {
    let spec = Description::nvl8().elaborate().unwrap();
    let barrier =
        |thread, id, members| Record { thread: ThreadIdx(thread), op: Op::Barrier { id, members } };
    let think = |thread, cycles| Record { thread: ThreadIdx(thread), op: Op::Think { cycles } };
    let traces = [
        // Two barriers that are too large, the later one in the first partition.
        vec![think(0, 3), barrier(0, 0, 99), barrier(7, 7, 98)],
        // Lacks a member.
        vec![barrier(0, 3, 4), barrier(5, 3, 4), barrier(7, 3, 4)],
        // All too large, at one instant.
        (0..8).map(|t| barrier(t, t, 90 + t)).collect(),
    ];
    for records in traces {
        let trace = Trace::from_records(records).unwrap();
        let cut = Cut::Parts(4);
        for shuffle in [None, Some(1), Some(2), Some(3)] {
            let options = Options { threads: 2, cut, shuffle, ..Options::default() };
            assert_eq!(same(&spec, &trace, options), Ok(4));
            let options = Options { shuffle, ..Options::default() };
            assert_eq!(same(&spec, &trace, options), Ok(1));
        }
    }
}

/// Stops between epochs, and goes on.
#[test]
fn a_run_that_is_stopped_goes_on_as_if_it_were_not() {
    let spec = Description::nvl8().elaborate().unwrap();
    let trace = all_over(8);
    let whole = Options::default();
    let mut machine = Machine::new(&spec, &trace, whole).unwrap();
    machine.run().unwrap();
    let expected = told(&machine.summary());
    let cut = Options { threads: 2, cut: Cut::Parts(3), ..whole };
    let dealt = [Deal::Measured, Deal::Together, Deal::InTurn].map(|deal| Options { deal, ..cut });
    for options in [whole].into_iter().chain(dealt) {
        let mut machine = Machine::new(&spec, &trace, options).unwrap();
        let mut at = Fs::ZERO;
        while machine.run_until(at).unwrap() {
            assert_eq!(machine.lost_credits(), (0, vec![]), "at {at}");
            at += Fs::from_ns(730);
        }
        assert_eq!(told(&machine.summary()), expected);
    }
}

/// When epochs begin, and so where they end, is the same, too.
#[test]
fn whoever_steps_the_parts_steps_the_same_epochs() {
    let spec = Description::nvl8().elaborate().unwrap();
    let trace = rounds(8, 400);
    let run = |threads, deal| {
        let options = Options { threads, cut: Cut::Parts(2), deal, ..Options::default() };
        let mut machine = Machine::new(&spec, &trace, options).unwrap();
        machine.run().unwrap();
        (machine.engine(), told(&machine.summary()))
    };
    let (alone, expected) = run(1, Deal::Measured);
    assert!(alone.epochs.0 > 100 && alone.epochs.1 == 0, "{alone:?}");
    let all = alone.epochs.0;
    for (deal, together) in
        [(Deal::Measured, None), (Deal::Together, Some(all)), (Deal::InTurn, Some(all.div_ceil(2)))]
    {
        let (engine, found) = run(2, deal);
        assert_eq!((engine.epochs.0, &engine.edges), (all, &alone.edges), "{deal:?}");
        assert!(together.is_none_or(|t| engine.epochs.1 == t), "{deal:?}: {engine:?}");
        assert!(found == expected, "{deal:?}");
    }
}

#[test]
fn threads_that_are_given_for_a_machine_that_cannot_be_cut_are_not_used_and_it_says_so() {
    let (spec, trace) = (Description::mesh8x8().elaborate().unwrap(), all_over(64));
    let options = Options { threads: 2, cut: Cut::Parts(2), ..Options::default() };
    let machine = Machine::new(&spec, &trace, options).unwrap();
    let engine = machine.engine();
    assert_eq!((engine.partitions, engine.epoch), (1, Fs::ZERO));
    assert!(engine.why.is_some_and(|why| why.contains("8 edges")), "{engine:?}");
}

/// Two nodes and a switch: now and then all three are drawn into one partition, and nothing is cut then.
#[test]
fn a_drawn_cut_that_cuts_nothing_leaves_the_machine_whole_and_says_so() {
    let mut d = Description::nvl8();
    if let FabricForm::SwitchPlanes(planes) = &mut d.fabric {
        (planes.accelerators, planes.switches) = (2, 1);
        planes.links_per_pair = PerSwitch::Same(1);
    }
    let (spec, trace) = (d.elaborate().unwrap(), all_over(2));
    let (mut whole, mut cut) = (0, 0);
    for seed in 0..16 {
        let options = Options {
            threads: 2,
            cut: Cut::Drawn { parts: 2, seed },
            deal: Deal::Together,
            ..Options::default()
        };
        let parts = same(&spec, &trace, options).unwrap_or_else(|e| panic!("{seed}: {e}"));
        let engine = Machine::new(&spec, &trace, options).unwrap().engine();
        if parts == 1 {
            whole += 1;
            assert!(engine.why.is_some_and(|why| why.contains("was drawn")), "{engine:?}");
        } else {
            cut += 1;
            assert!(engine.epoch < Fs::NEVER && engine.cut_links > 0, "{engine:?}");
        }
    }
    assert!(whole > 0 && cut > 0, "{whole} whole, {cut} cut");
}

#[test]
fn one_partition_that_was_asked_for_is_not_blamed_on_the_host() {
    let (spec, trace) = (Description::nvl8().elaborate().unwrap(), all_over(8));
    let options = Options { threads: 2, cut: Cut::Parts(1), ..Options::default() };
    let engine = Machine::new(&spec, &trace, options).unwrap().engine();
    assert_eq!(engine.why, Some("one partition was asked for"));
}

/// A machine of few nodes is cut where its first steps hold much, and only there: here all threads ask at once, or one
/// reads line by line while the others wait for it. Large machines, and those with counters, are cut untried.
#[test]
fn a_small_machine_is_cut_where_an_epoch_holds_much() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        tests::skip("this host has one core, so nothing is cut by itself");
        return;
    }
    let load = |thread, line: u32| {
        let addr = Addr(u64::from(line.wrapping_mul(0x9e37_79b9) >> 12) * 64);
        Record { thread: ThreadIdx(thread), op: Op::Load { addr, size: 8 } }
    };
    let meet = |thread, members| {
        let op = Op::Barrier { id: 0, members };
        Record { thread: ThreadIdx(thread), op }
    };
    let chase = |nodes: u32| {
        let fence = Record { thread: ThreadIdx(0), op: Op::Fence };
        let alone = (0..400).flat_map(|n| [load(0, n), fence]);
        Trace::from_records(alone.chain((0..nodes).map(|t| meet(t, nodes)))).unwrap()
    };
    let crowd = |nodes: u32| {
        let all = (0..400 * nodes).map(|n| load(n % nodes, n));
        Trace::from_records(all).unwrap()
    };
    let options = Options { threads: 2, ..Options::default() };
    for (name, nodes, trace, parts) in [
        ("nvl8", 8, chase(8), 1),
        ("nvl8", 8, crowd(8), 2),
        ("nvl72", 72, chase(72), 2),
        ("aligned8", 8, chase(8), 2),
    ] {
        let spec = Description::shipped(name).unwrap().elaborate().unwrap();
        let mut machine = Machine::new(&spec, &trace, options).unwrap();
        let engine = machine.engine();
        let why =
            (parts == 1).then_some("an epoch of it holds too little for more than one thread");
        assert_eq!((engine.partitions, engine.why), (parts, why), "{name} of {nodes}");
        // What was tried has left nothing behind.
        assert_eq!((machine.now(), machine.edges(), machine.operations_taken()), (Fs::ZERO, 0, 0));
        machine.run().unwrap();
        let mut whole = Machine::new(&spec, &trace, Options::default()).unwrap();
        whole.run().unwrap();
        assert_eq!(told(&machine.summary()), told(&whole.summary()), "{name}");
    }
}

/// The text with which `act` panics, if it does.
fn panics(act: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(act)).err()?;
    Some(panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

/// A thread that panics takes the others along.
#[test]
fn an_epoch_that_is_too_long_is_noticed() {
    let (spec, trace) = (Description::nvl8().elaborate().unwrap(), all_over(8));
    for threads in [1, 2] {
        let cut = Cut::Parts(2);
        let options = Options { threads, cut, deal: Deal::Together, ..Options::default() };
        let mut machine = Machine::new(&spec, &trace, options).unwrap();
        machine.stretch_epochs(3);
        let text = panics(|| drop(machine.run()));
        assert!(text.as_ref().is_some_and(|t| t.contains("is opened at")), "{text:?}");
    }
}

/// How a run with a fault ends.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Ending {
    /// The protocol came to where it cannot be.
    Impossible,
    /// It got stuck, and says so.
    Stuck(String),
    /// It goes on for much longer than it should.
    Long,
    /// It ended, and tells this, whether that is clean or not.
    Told(String, bool),
}

fn ending(spec: &MachineSpec, trace: &Trace, mutant: Mutant, options: Options) -> (Ending, usize) {
    let mut machine = Machine::with_mutant(spec, trace, options, mutant).expect("a machine");
    let parts = machine.engine().partitions;
    let mut end = Ending::Impossible;
    let panic = panics(|| {
        end = match machine.run_until(Fs::from_ns(2_000_000)) {
            Ok(true) => Ending::Long,
            Ok(false) => Ending::Told(told(&machine.summary()), machine.audit().clean()),
            Err(error) => Ending::Stuck(error.to_string()),
        }
    });
    (if panic.is_some() { Ending::Impossible } else { end }, parts)
}

/// Wrong runs are the same in parts, too: what is found, and how they end.
#[test]
fn faults_of_the_protocol_are_caught_on_threads() {
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(11), ..Config::default() });
    let mut draw = || {
        let tight = machines().new_tree(&mut runner).expect("a machine").current();
        let program = programs().new_tree(&mut runner).expect("a program").current();
        Some((tight.spec(), program.trace()?))
    };
    let cases: Vec<_> = std::iter::repeat_with(&mut draw).flatten().take(24).collect();
    let plain = |m: &Mutant| m.listing() == Listing::FullMap && !m.needs_packages();
    let plain = |m: &Mutant| plain(m) && m.protocol() == Protocol::default();
    let mut caught = 0;
    for (mutant, seed) in Mutant::ALL.into_iter().filter(plain).zip(0..8) {
        for (spec, trace) in &cases {
            let whole = Options::default();
            let cut = Cut::Drawn { parts: 3, seed };
            let (one, _) = ending(spec, trace, mutant, whole);
            let (other, parts) = ending(
                spec,
                trace,
                mutant,
                Options { threads: 2, cut, deal: Deal::Together, ..whole },
            );
            assert!(one == other, "{mutant:?}, {parts} partitions: {one:#?} {other:#?}");
            caught += u32::from(parts > 1 && !matches!(one, Ending::Told(_, true)));
        }
    }
    assert!(caught >= 8, "{caught} runs in parts went wrong");
}
