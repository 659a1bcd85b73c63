//! The laws of every network, over random topologies, routings, routers and traffic.

use lockstep::topology::spec::MachineSpec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use tests::fabric::{Case, Run, cases, laws};

fn config(cases: u32) -> Config {
    let seed = if tests::deep() { RngSeed::Random } else { RngSeed::Fixed(11) };
    let cases = if tests::deep() { cases * 50 } else { cases };
    let max_shrink_iters = 200;
    Config {
        cases,
        rng_seed: seed,
        failure_persistence: None,
        max_shrink_iters,
        ..Config::default()
    }
}

fn check(count: u32, plain: bool, law: impl Fn(&Case, &MachineSpec, &Run) -> Result<(), String>) {
    let result = TestRunner::new(config(count)).run(&cases(plain), |case| {
        let (spec, run) = (case.spec(), case.run());
        law(&case, &spec, &run).map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, case)) => panic!("{why}\n{case:?}"),
        Err(abort) => panic!("{abort}"),
    }
}

#[test]
fn every_network_of_plain_routers_keeps_the_laws() {
    check(60, true, laws::all);
}

#[test]
fn every_network_of_general_routers_keeps_the_laws() {
    check(200, false, laws::all);
}
