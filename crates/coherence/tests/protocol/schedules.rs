//! Random schedules: the protocol survives them, and each seeded fault is found by one of them, which
//! shrinks to a handful of acts.

use std::panic;

use base::Scope;
use coherence::model::{Evictions, Model, Packages, Schedule, walk};
use coherence::scoped::ScopedMutant;
use coherence::scoped::model::{
    Client, Model as ScopedModel, Op, Place, ScopedSchedule, walk as scoped_walk,
};
use coherence::{Config, Directory, Listing, Mutant};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use crate::kept;
use crate::machine::{Controllers, Reference, Tables, faulty, run};

/// A failure of the protocol itself is to be kept.
fn survived(outcome: Result<(), (Schedule, String)>) {
    if let Err((schedule, why)) = outcome {
        panic!("{why}\nkeep this in tests/schedules, and mend it:\n{schedule}");
    }
}

/// The home may be any node's, one that has a cache of its own among them; any way of listing sharers
/// and any of the protocol's options.
#[test]
fn any_schedule_is_coherent_and_comes_to_rest() {
    survived(run::<Tables>(Reference::init_state, (300, 1..150)));
}

/// What the tables survive, the machine's controllers survive, too.
#[test]
fn controllers_survive_the_same_schedules() {
    survived(run::<Controllers>(Reference::init_state, (300, 1..120)));
}

/// Cases for each fault, at most.
const CASES: u32 = 20_000;

/// The first schedule that fails, shrunk. Its failures are told by panics, which are not to be shown.
fn shrunk(mutant: Mutant) -> Schedule {
    let found = run::<Tables>(move || Just(faulty(mutant)).boxed(), (CASES, 20..100));
    found.err().unwrap_or_else(|| panic!("{mutant:?} survives")).0
}

#[test]
fn random_schedules_find_every_fault_and_shrink_to_a_handful_of_acts() {
    panic::set_hook(Box::new(|_| {}));
    let one_level: Vec<_> = Mutant::ALL.into_iter().filter(|m| !m.needs_packages()).collect();
    let found: Vec<_> = one_level.iter().map(|m| panic::catch_unwind(|| shrunk(*m))).collect();
    drop(panic::take_hook());
    for (mutant, schedule) in one_level.into_iter().zip(found) {
        let schedule = schedule.unwrap_or_else(|_| panic!("{mutant:?} survives"));
        assert!(schedule.replay().fault.is_some(), "{mutant:?}:\n{schedule}");
        assert!(schedule.acts.len() <= 50, "{mutant:?} needs {} acts", schedule.acts.len());
        let sound = Schedule { mutant: None, ..schedule.clone() };
        assert_eq!(sound.replay().fault, None, "{mutant:?}");
        kept::keep(mutant, &schedule);
    }
}

/// The first walks of two packages that end in a fault: the plain worlds know no packages.
fn failing(mutant: Mutant) -> impl Iterator<Item = Schedule> {
    let directory = Directory { nodes: 2, ..Directory::default() };
    let cfg = Config { directory, ..Config::default() };
    let mut model = Model::new(cfg.seeded(Some(mutant)), 2, 1);
    model.shape.packages = Some(Packages { count: 2, inner: Listing::FullMap });
    model.shape.values = 5;
    model.workload.far = true;
    model.workload.evictions = Evictions::Either;
    (0..20_000).map(move |seed| walk(&model, seed, 120)).filter(|s| s.replay().fault.is_some())
}

#[test]
fn random_walks_find_every_fault_of_packages() {
    for mutant in Mutant::ALL.into_iter().filter(|m| m.needs_packages()) {
        let shortest = failing(mutant).take(4).map(|s| s.shortened()).min_by_key(|s| s.acts.len());
        let short = shortest.unwrap_or_else(|| panic!("{mutant:?} survives"));
        assert!(short.replay().fault.is_some());
        assert!(short.acts.len() <= 40, "{mutant:?} needs {} acts:\n{short}", short.acts.len());
        let sound = Schedule { mutant: None, ..short };
        assert_eq!(sound.replay().fault, None, "{mutant:?}");
    }
}

/// Systems of scoped caches in which threads do anything to any word: three nodes with a thread each, two nodes with
/// two each, and two packages of two nodes. Only atomics of one word agree on their scope.
fn scoped_systems() -> [ScopedModel; 3] {
    let words = [(0, 0), (0, 1), (1, 0)].map(|(line, part)| Place { line, part });
    let scoped =
        |at| [Scope::Package, Scope::Supernode].map(|s| [Op::Acquire(at, s), Op::Release(at, s)]);
    let all = |at| {
        let plain = [Op::Load(at), Op::Store(at), Op::Swap(at, Scope::Supernode)];
        plain.into_iter().chain(scoped(at).into_iter().flatten())
    };
    let ops: Vec<Op> =
        words.into_iter().flat_map(all).chain([Op::Fence(Scope::Supernode)]).collect();
    let any = |base: ScopedModel, places: &[u32]| ScopedModel {
        places: places.to_vec(),
        client: Client::Any { length: 8, ops: ops.clone() },
        ..base
    };
    [
        any(ScopedModel::flat(3, 8), &[0, 1, 2]),
        any(ScopedModel::flat(2, 8), &[0, 1, 0, 1]),
        any(ScopedModel::packages(4, 8), &[0, 2, 1, 3]),
    ]
}

/// Random walks of each system by turns, so many.
fn scoped_walks(mutant: Option<ScopedMutant>, walks: u64) -> impl Iterator<Item = ScopedSchedule> {
    let systems = scoped_systems().map(|system| ScopedModel { mutant, ..system });
    (0..walks).flat_map(move |seed| systems.clone().map(|system| scoped_walk(&system, seed, 120)))
}

#[test]
fn any_schedule_of_scoped_caches_keeps_its_promises_and_comes_to_rest() {
    for schedule in scoped_walks(None, 700) {
        let (search, machine) = (schedule.replay(), schedule.replay_in_machine());
        assert_eq!((search.fault, machine.fault), (None, None), "{schedule}");
    }
}

#[test]
fn random_walks_find_every_fault_of_scoped_caches_and_shrink_to_a_handful_of_acts() {
    for mutant in ScopedMutant::ALL {
        let mut failing = scoped_walks(Some(mutant), 20_000).filter(|s| s.replay().fault.is_some());
        let short = failing.next().unwrap_or_else(|| panic!("{mutant:?} survives")).shortened();
        assert!(short.acts.len() <= 80, "{mutant:?} needs {} acts:\n{short}", short.acts.len());
        assert!(short.replay_in_machine().fault.is_some(), "{mutant:?} on the machine's lines");
        let sound = ScopedSchedule { mutant: None, ..short };
        assert_eq!(sound.replay().fault, None, "{mutant:?}");
    }
}
