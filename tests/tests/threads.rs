//! Threads, cuts and the order of stepping change nothing that a run tells.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lockstep::base::{Fs, Op, Record, ThreadIdx};
use lockstep::coherence::{Listing, Mutant, Protocol};
use lockstep::machine::{Cut, Machine, Options};
use lockstep::topology::Description;
use lockstep::topology::spec::MachineSpec;
use lockstep::traffic::Trace;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tests::machines::machines;
use tests::parts::{same, told};
use tests::programs::programs;

fn shipped(topology: &str, trace: &str) -> (MachineSpec, Trace) {
    let spec = Description::shipped(topology).expect("it is shipped").elaborate();
    let trace = lockstep::shipped::trace(trace).expect("it is shipped");
    (spec.expect("a sound machine"), trace.expect("it is sound"))
}

#[test]
fn any_cut_any_threads_and_any_order_give_the_same_run() {
    let config = Config {
        cases: if tests::deep() { 1500 } else { 60 },
        rng_seed: RngSeed::Fixed(23),
        failure_persistence: None,
        ..Config::default()
    };
    let cuts = prop_oneof![
        (2_usize..9).prop_map(Cut::Parts),
        (2_usize..9, any::<u64>()).prop_map(|(parts, seed)| Cut::Drawn { parts, seed }),
    ];
    let inputs = (machines(), programs(), cuts, 1_usize..5, any::<u64>(), any::<u64>());
    let cut = std::cell::Cell::new(0);
    let result =
        TestRunner::new(config).run(&inputs, |(tight, program, how, threads, seed, order)| {
            let Some(trace) = program.trace() else { return Ok(()) };
            let shuffle = (order % 3 != 0).then_some(order);
            let options = Options { seed, threads, shuffle, cut: how, check: order % 4 != 0 };
            let parts = same(&tight.spec(), &trace, options).map_err(TestCaseError::fail)?;
            cut.set(cut.get() + u32::from(parts > 1));
            Ok(())
        });
    if let Err(told) = result {
        panic!("{told}");
    }
    assert!(cut.get() > 20, "{} machines were cut", cut.get());
}

#[test]
fn shipped_machines_run_the_same_in_parts() {
    let runs = [("nvl8", "histogram8"), ("nvl8-framed", "bfs8"), ("packages64", "bfs8")];
    for ((topology, trace), (parts, threads)) in runs.into_iter().zip([(2, 2), (5, 3), (8, 2)]) {
        let (spec, trace) = shipped(topology, trace);
        let cut = Cut::Parts(parts);
        let options = Options { threads, cut, shuffle: Some(7), ..Options::default() };
        let found = same(&spec, &trace, options);
        assert!(found.unwrap_or_else(|e| panic!("{topology}: {e}")) > 1, "{topology} is not cut");
    }
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
    ];
    for records in traces {
        let trace = Trace::from_records(records).unwrap();
        let cut = Cut::Parts(4);
        let options = Options { threads: 2, cut, ..Options::default() };
        assert_eq!(same(&spec, &trace, options), Ok(4));
    }
}

/// Stops between epochs, and goes on.
#[test]
fn a_run_that_is_stopped_goes_on_as_if_it_were_not() {
    let (spec, trace) = shipped("nvl8", "histogram8");
    let whole = Options { ..Options::default() };
    let mut machine = Machine::new(&spec, &trace, whole).unwrap();
    machine.run().unwrap();
    let expected = told(&machine.summary());
    for options in [whole, Options { threads: 2, cut: Cut::Parts(3), ..whole }] {
        let mut machine = Machine::new(&spec, &trace, options).unwrap();
        let mut at = Fs::ZERO;
        while machine.run_until(at).unwrap() {
            assert!(machine.now() < at || at == Fs::ZERO, "{} {at}", machine.now());
            assert_eq!(machine.lost_credits(), (0, vec![]), "at {at}");
            at += Fs::from_ns(7_300);
        }
        assert_eq!(told(&machine.summary()), expected);
    }
}

#[test]
fn threads_that_are_given_for_a_machine_that_cannot_be_cut_are_not_used_and_it_says_so() {
    let (spec, trace) = shipped("mesh8x8", "histogram8");
    let options = Options { threads: 2, cut: Cut::Parts(2), ..Options::default() };
    let machine = Machine::new(&spec, &trace, options).unwrap();
    let engine = machine.engine();
    assert_eq!((engine.partitions, engine.epoch), (1, Fs::ZERO));
    assert!(engine.why.is_some_and(|why| why.contains("8 edges")), "{engine:?}");
}

/// The text with which `act` panics, if it does.
fn panics(act: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(act)).err()?;
    Some(panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

/// A thread that panics takes the others along.
#[test]
fn an_epoch_that_is_too_long_is_noticed() {
    let (spec, trace) = shipped("nvl8", "histogram8");
    for threads in [1, 2] {
        let options = Options { threads, cut: Cut::Parts(2), ..Options::default() };
        let mut machine = Machine::new(&spec, &trace, options).unwrap();
        machine.stretch_epochs(3);
        let text = panics(|| drop(machine.run()));
        assert!(text.as_ref().is_some_and(|t| t.contains("is opened at")), "{text:?}");
    }
}

#[test]
fn faults_of_the_protocol_are_caught_on_threads() {
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(11), ..Config::default() });
    let mut draw = || {
        let tight = machines().new_tree(&mut runner).expect("a machine").current();
        let program = programs().new_tree(&mut runner).expect("a program").current();
        Some((tight.spec(), program.trace()?))
    };
    let cases: Vec<_> = std::iter::repeat_with(&mut draw).flatten().take(60).collect();
    let caught = |spec: &MachineSpec, trace: &Trace, mutant: Mutant, seed: u64| {
        let cut = Cut::Drawn { parts: 3, seed };
        let options = Options { threads: 2, cut, ..Options::default() };
        let mut machine = Machine::with_mutant(spec, trace, options, mutant).expect("a machine");
        let mut found = false;
        let ended = panics(|| found = machine.run().is_err() || !machine.summary().checks.clean());
        machine.engine().partitions > 1 && (found || ended.is_some())
    };
    let plain = |m: &Mutant| {
        let extended = m.protocol() != Protocol::default();
        m.listing() == Listing::FullMap && !m.needs_packages() && !extended
    };
    for mutant in Mutant::ALL.into_iter().filter(plain).take(6) {
        let mut numbered = cases.iter().zip(0..);
        let found = numbered.any(|((spec, trace), seed)| caught(spec, trace, mutant, seed));
        assert!(found, "{mutant:?} survives {} programs", cases.len());
    }
}
