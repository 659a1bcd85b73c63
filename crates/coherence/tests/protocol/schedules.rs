//! Random schedules: the protocol survives them, and each seeded fault is found by one of them, which
//! shrinks to a handful of acts.

use coherence::model::{Evictions, Homes, Model, Packages, Schedule, walk};
use coherence::{Config, Directory, Listing, Mutant};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn model(mutant: Option<Mutant>, caches: u32, lines: u32) -> Model<Option<Mutant>> {
    let mut model = Model::new(Config::default().seeded(mutant), caches, lines);
    model.shape.values = 5;
    model.workload.far = true;
    model.workload.evictions = Evictions::Either;
    model
}

/// Fixed seeds: a failure stays one until it is mended.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(11),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(600))]

    /// The home may be any node's, one that has a cache of its own among them.
    #[test]
    fn any_schedule_is_coherent_and_comes_to_rest(
        caches in 2..5_u32,
        lines in 1..3_u32,
        mshrs in 1..3_u32,
        home in 0..6_u32,
        seed in any::<u64>(),
    ) {
        let mut model = model(None, caches, lines);
        model.shape.mshrs = mshrs;
        model.shape.homes = match home {
            5 => Homes::Interleaved,
            at if at < caches => Homes::At(at),
            _ => Homes::Apart,
        };
        let replay = walk(&model, seed, 300).replay();
        prop_assert_eq!(replay.fault, None);
        prop_assert_eq!(replay.skipped, 0);
    }

    /// What the tables survive, the machine's controllers survive, too.
    #[test]
    fn controllers_survive_the_same_schedules(caches in 2..5_u32, silent: bool, seed in any::<u64>()) {
        let mut model = model(None, caches, 2);
        model.workload.evictions = if silent { Evictions::Silent } else { Evictions::Notify };
        let schedule = walk(&model, seed, 200);
        prop_assert_eq!(schedule.replay_in_controllers().fault, None);
    }
}

/// The first walks that end in a fault.
fn failing(mutant: Mutant) -> impl Iterator<Item = Schedule> {
    let mut model = model(Some(mutant), 3, 1);
    if mutant.needs_coarse_lists() {
        model.cfg.directory = Directory { listing: Listing::Coarse { region: 2 }, nodes: 3 };
    }
    if mutant.needs_packages() {
        model.shape.caches = 2;
        model.shape.packages = Some(Packages { count: 2, inner: Listing::FullMap });
        model.cfg.directory.nodes = 2;
    }
    (0..20_000).map(move |seed| walk(&model, seed, 120)).filter(|s| s.replay().fault.is_some())
}

#[test]
fn random_schedules_find_every_fault_and_shrink_to_a_handful_of_acts() {
    for mutant in Mutant::ALL {
        let shortest = failing(mutant).take(4).map(|s| s.shortened()).min_by_key(|s| s.acts.len());
        let short = shortest.unwrap_or_else(|| panic!("{mutant:?} survives"));
        assert!(short.replay().fault.is_some());
        assert!(short.acts.len() <= 40, "{mutant:?} needs {} acts:\n{short}", short.acts.len());
        let sound = Schedule { mutant: None, ..short };
        assert_eq!(sound.replay().fault, None, "{mutant:?}");
    }
}
