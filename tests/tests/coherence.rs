//! The laws of shared memory, on machines that are tight everywhere, under programs that fight.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lockstep::coherence::{Listing, Mutant, Protocol};
use lockstep::machine::{Machine, Options, Summary};
use lockstep::topology::spec::MachineSpec;
use lockstep::topology::spec::Protocol as SpecProtocol;
use lockstep::traffic::Trace;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tests::machines::{Tight, machines};
use tests::programs::{Program, programs};

/// Instants in which every program of these tests has ended many times over.
const INSTANTS_MAX: u32 = 3_000_000;

fn end(machine: &mut Machine) -> Result<(), String> {
    for _ in 0..INSTANTS_MAX {
        match machine.step() {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
    }
    Err(format!("not at rest after {INSTANTS_MAX} instants"))
}

fn run(spec: &MachineSpec, trace: &Trace, options: Options) -> Result<Machine, TestCaseError> {
    let mut machine = Machine::new(spec, trace, options)
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    end(&mut machine).map_err(TestCaseError::fail)?;
    Ok(machine)
}

/// Everything that a run says but the emulator's threads.
fn told(summary: &Summary) -> String {
    format!("{:#?}", Summary { threads: 1, ..summary.clone() })
}

fn config(cases: u32) -> Config {
    let seed = if tests::deep() { RngSeed::Random } else { RngSeed::Fixed(7) };
    Config { cases, rng_seed: seed, failure_persistence: None, ..Config::default() }
}

fn laws_hold(tight: &Tight, program: &Program, seed: u64) -> Result<(), TestCaseError> {
    let Some(trace) = program.trace() else { return Ok(()) };
    let spec = tight.spec();
    let options = Options { seed, ..Options::default() };
    let machine = run(&spec, &trace, options)?;
    let summary = machine.summary();
    prop_assert!(summary.checks.clean(), "{:#?}", summary.checks);
    prop_assert!(summary.checks.per_access);
    let e = program.expected();
    let counts = (summary.operations, summary.loads, summary.stores, summary.atomics);
    prop_assert_eq!(counts, (e.operations, e.loads, e.stores, e.atomics));
    prop_assert_eq!(summary.transactions, e.loads + e.stores + e.atomics);
    prop_assert_eq!(summary.barriers, e.barriers);
    for (addr, sum) in e.sums {
        prop_assert_eq!(machine.value(addr.line()).word(addr.offset(), 8), sum, "at {}", addr);
    }
    let first = told(&summary);
    let shuffled = Options { shuffle: Some(seed ^ 1), ..options };
    let threads = 2 + usize::try_from(seed % 3).unwrap_or(0);
    for other in [shuffled, Options { threads, ..shuffled }, Options { threads, ..options }] {
        let again = run(&spec, &trace, other)?.summary();
        prop_assert!(first == told(&again), "{other:?} differs: {first} and {}", told(&again));
    }
    Ok(())
}

#[test]
fn programs_end_and_say_the_same_in_any_order_and_with_any_threads() {
    let mut runner = TestRunner::new(config(if tests::deep() { 1_000 } else { 160 }));
    let cases = (machines(), programs(), any::<u64>());
    let result = runner.run(&cases, |(tight, program, seed)| laws_hold(&tight, &program, seed));
    if let Err(told) = result {
        panic!("{told}");
    }
}

/// What a machine with a fault shows of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Symptom {
    /// A check found it.
    Finding,
    /// The machine got stuck, or went on for ever.
    Stuck,
    /// The protocol came to where it cannot be.
    Impossible,
}

fn symptom(spec: &MachineSpec, trace: &Trace, mutant: Mutant) -> Option<Symptom> {
    let replay = || {
        let mut machine = Machine::with_mutant(spec, trace, Options::default(), mutant);
        let machine = machine.as_mut().expect("a sound machine");
        match end(machine) {
            Ok(()) => (!machine.summary().checks.clean()).then_some(Symptom::Finding),
            Err(_) => Some(Symptom::Stuck),
        }
    };
    catch_unwind(AssertUnwindSafe(replay)).unwrap_or(Some(Symptom::Impossible))
}

/// Tight machines with programs, the same every time; small ones, as the hunts are many.
fn quarry(count: usize) -> Vec<(MachineSpec, Trace)> {
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(11), ..config(1) });
    let mut draw = || {
        let tight = machines().new_tree(&mut runner).expect("a machine").current();
        let program = programs().new_tree(&mut runner).expect("a program").current();
        (tight, program)
    };
    let cases = std::iter::repeat_with(&mut draw);
    let cases = cases.filter_map(|(tight, program)| Some((tight.spec(), program.trace()?)));
    cases.filter(|(spec, _)| spec.fabric.node_ports.len() < 20).take(count).collect()
}

/// All that full maps can show but one: an invalidation that finds a reader waiting must have been overtaken, on the same
/// way, by an acknowledgement that left much later. The exhaustive search of the protocol finds
/// that one; networks that keep their messages moving do not get there.
#[test]
fn seeded_faults_of_the_protocol_are_caught_in_the_machine() {
    let cases = quarry(240);
    let plain = |m: &Mutant| m.listing() == Listing::FullMap && !m.needs_packages();
    let hunted = |m: &Mutant| *m != Mutant::InvDropsIsD && plain(m);
    for mutant in Mutant::ALL.into_iter().filter(hunted) {
        let Protocol { owned, direct } = mutant.protocol();
        let found = cases.iter().find_map(|(spec, trace)| {
            let mut spec = spec.clone();
            spec.accelerator.protocol = SpecProtocol { owned, direct };
            symptom(&spec, trace, mutant)
        });
        assert!(found.is_some(), "{mutant:?} survives {} programs", cases.len());
    }
}
