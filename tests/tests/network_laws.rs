//! The laws of every network, over random topologies, routings, routers and traffic.

use std::collections::BTreeSet;

use lockstep::base::arch::{Allocation, Priority};
use lockstep::router::Lane;
use lockstep::topology::describe::LinkForm;
use lockstep::topology::spec::MachineSpec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use tests::fabric::{Case, Run, cases, fabric, laws, uniform};

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

/// The same case with another router.
fn with(case: &Case, change: impl FnOnce(&mut Case)) -> Case {
    let mut other = case.clone();
    change(&mut other);
    other
}

/// Who got which VC when.
fn grants(run: &Run) -> BTreeSet<(u64, Lane, Lane, Option<usize>)> {
    let granted = run.log.granted.iter();
    granted.map(|(now, from, to, packet)| (*now, *from, *to, run.order(*packet, *now))).collect()
}

fn set_interval(case: &mut Case, cycles: u32) {
    for (_, link) in &mut case.description.links.0 {
        if let LinkForm::OnDie { interval_cycles, .. } = link {
            *interval_cycles = cycles;
        }
    }
}

#[test]
fn general_routers_with_the_plain_routers_choices_are_plain_routers_and_stall_alike() {
    check(80, true, |case, _, _| {
        // A priority that all share; and output buffers, where links take a flit a cycle.
        let one_class = with(case, |c| c.orders.iter_mut().for_each(|o| o.class = 0));
        let ranked = with(&one_class, |c| c.description.router.priority = Priority::Class);
        let fast = with(case, |c| set_interval(c, 1));
        let buffered = with(&fast, |c| c.description.router.output_buffer_flits = Some(4));
        for (plain, general) in [(one_class, ranked), (fast, buffered)] {
            let (plain, general) = (plain.run(), general.run());
            if plain.digest() != general.digest() || grants(&plain) != grants(&general) {
                return Err("they differ".to_owned());
            }
            if let Some(stall) = plain.log.stalled.symmetric_difference(&general.log.stalled).next()
            {
                return Err(format!("they stall differently: {stall:?}"));
            }
        }
        Ok(())
    });
}

#[test]
fn a_run_is_the_same_again_and_another_with_another_seed_or_router() {
    let mut seen = BTreeSet::new();
    let base = uniform(&fabric("Mesh(dims: [3, 3], .., routing: ROMM"), 2, 400, 3);
    for case in [
        base.clone(),
        with(&base, |c| c.seed += 1),
        with(&base, |c| c.description.router.sa_cycles = 2),
        with(&base, |c| c.description.router.speculative = true),
        with(&base, |c| c.description.router.switch_allocator = Allocation::Wavefront),
        with(&base, |c| c.description.router.priority = Priority::Age),
        with(&base, |c| c.description.router.hold_switch = true),
    ] {
        let digest = case.run().digest().to_string();
        assert_eq!(case.run().digest().to_string(), digest);
        seen.insert(digest);
    }
    assert_eq!(seen.len(), 7);
}

/// On one VC a class and one route a pair, packets of a class arrive in the order in which they left.
#[test]
fn with_one_route_and_one_vc_packets_of_a_pair_stay_in_order() {
    for form in ["Mesh(", "Mesh(dims: [2", "FullMesh(", "HyperX("] {
        let case = uniform(&fabric(form), 2, 600, 3);
        let run = case.run();
        let mut all: Vec<_> = case.orders.iter().zip(&run.sent).collect();
        all.sort_by_key(|(o, sent)| (o.src, o.dst, o.class, sent.injected));
        for pair in all.windows(2) {
            let [(a, before), (b, after)] = pair else { unreachable!("windows of two") };
            if (a.src, a.dst, a.class) == (b.src, b.dst, b.class) {
                assert!(
                    before.delivered < after.delivered,
                    "{form}: {a:?} {b:?} {before:?} {after:?}"
                );
            }
        }
    }
}
