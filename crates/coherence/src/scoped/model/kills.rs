//! Where each seeded fault is found.

use base::Scope::{Package, Supernode};

use super::search::{CounterExample, Progress, search};
use super::{Client, Model, Op, Place};
use crate::scoped::{ScopedMutant, ScopedRows};

/// A system in which faults are hunted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arena {
    /// What it is called.
    pub name: &'static str,
    /// The system, without a fault.
    pub model: Model,
}

/// A fault that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScopedKill {
    /// Where.
    pub arena: &'static str,
    /// States until then.
    pub states: u64,
    /// How.
    pub counter_example: CounterExample,
}

const X: Place = Place { line: 0, part: 0 };
const Y: Place = Place { line: 0, part: 1 };
const F: Place = Place { line: 1, part: 0 };
const G: Place = Place { line: 2, part: 0 };

fn programs(
    (nodes, package_nodes): (u32, u32),
    places: &[u32],
    homes: &[u32],
    programs: &[&[Op]],
) -> Model {
    Model {
        nodes,
        package_nodes,
        places: places.to_vec(),
        homes: homes.to_vec(),
        client: Client::Programs(programs.iter().map(|p| p.to_vec()).collect()),
        evictions: true,
        mutant: None,
    }
}

/// States of an arena after which a hunt goes on to the next.
const HUNT_MAX: u64 = 3_000_000;

/// Systems, smallest first. The sound protocol is clean in each.
pub fn arenas() -> Vec<Arena> {
    use Op::{Acquire, Load, Release, Store, Swap};
    let message: &[&[Op]] =
        &[&[Store(X), Release(F, Supernode)], &[Load(X), Acquire(F, Supernode), Load(X)]];
    let same_line: &[&[Op]] =
        &[&[Store(X), Load(Y), Load(X)], &[Store(Y), Release(F, Supernode), Load(X)]];
    let swaps: &[&[Op]] = &[&[Swap(F, Supernode)], &[Swap(F, Supernode)]];
    let mates: &[&[Op]] = &[&[Store(F), Store(F), Load(F)], &[Swap(F, Supernode)]];
    // A write that another overwrites, which happens before the read of a third.
    let overwritten: &[&[Op]] = &[
        &[Store(X), Release(F, Supernode)],
        &[Store(X), Release(G, Supernode)],
        &[Acquire(G, Supernode), Load(X)],
    ];
    let near: &[&[Op]] = &[
        &[Store(X), Release(F, Package)],
        &[Acquire(F, Package), Release(G, Supernode)],
        &[Acquire(G, Supernode), Load(X)],
    ];
    let far: &[&[Op]] = &[
        &[Store(X), Release(F, Supernode)],
        &[Load(X), Load(X)],
        &[Acquire(F, Supernode), Load(X)],
    ];
    // An acquire of what the thread's own node has written, and not released.
    let own: &[&[Op]] =
        &[&[Store(F), Acquire(F, Supernode), Load(F)], &[Acquire(F, Supernode), Store(F)]];
    // The receiver has written beside what it waits for.
    let beside: &[&[Op]] =
        &[&[Store(X), Release(F, Supernode)], &[Load(X), Store(Y), Acquire(F, Supernode), Load(X)]];
    // The second word is written while the first is on its way.
    let two_words: &[&[Op]] =
        &[&[Store(X), Store(Y), Release(F, Supernode)], &[Acquire(F, Supernode), Load(Y)]];
    let arena = |name, model| Arena { name, model };
    let calm = |model| Model { evictions: false, ..model };
    vec![
        arena("one line", programs((2, 1), &[0, 1], &[0, 0], same_line)),
        arena("swaps", programs((2, 1), &[0, 1], &[0, 0], swaps)),
        arena("message", programs((2, 1), &[0, 1], &[0, 0], message)),
        arena("mates", programs((2, 1), &[0, 0], &[1, 1], mates)),
        arena("overwritten", programs((2, 1), &[0, 1, 0], &[1, 1, 1], overwritten)),
        arena("out of a package", calm(programs((4, 2), &[0, 1, 2], &[3, 3, 3], near))),
        arena("into a package", calm(programs((4, 2), &[2, 0, 1], &[3, 3], far))),
        arena("own flag", programs((2, 1), &[0, 1], &[1, 1], own)),
        arena("beside dirty", programs((2, 1), &[0, 1], &[1, 1], beside)),
        arena("two words", programs((2, 1), &[0, 1], &[1, 1], two_words)),
        arena("any 2 x 2", Model::flat(2, 2)),
        arena("any 2 x 3", Model::flat(2, 3)),
        arena("packages, any 2 x 2", Model::packages(2, 2)),
    ]
}

/// Arenas that are too large to be searched to their end for their rows.
const LARGE: [&str; 2] = ["any 2 x 3", "packages, any 2 x 2"];

/// Every row of the table that the sound protocol takes in the arenas but the largest two, each searched to its end.
///
/// # Panics
/// If a search finds the protocol broken, or does not come to its end.
pub fn reachable_rows() -> ScopedRows {
    let small = arenas().into_iter().filter(|arena| !LARGE.contains(&arena.name));
    small.fold(ScopedRows::default(), |rows, arena| rows.with(rows_of(&arena, HUNT_MAX)))
}

fn rows_of(arena: &Arena, most: u64) -> ScopedRows {
    let Arena { name, model } = arena;
    let report = search(model, most, &|_| {});
    assert!(report.counter_example.is_none(), "{name}: {:?}", report.counter_example);
    assert!(report.complete, "{name} is not searched to its end within {most} states");
    report.rows
}

/// The first arena in which a fault is found; none if it survives all.
pub fn hunt(
    mutant: ScopedMutant,
    begun: &dyn Fn(&Arena),
    progress: &dyn Fn(Progress),
) -> Option<ScopedKill> {
    arenas().into_iter().find_map(|arena| {
        begun(&arena);
        let model = Model { mutant: Some(mutant), ..arena.model.clone() };
        let report = search(&model, HUNT_MAX, progress);
        let (arena, states) = (arena.name, report.states);
        report.counter_example.map(|counter_example| ScopedKill { arena, states, counter_example })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arenas_that_are_too_large_for_it_take_no_row_that_others_do_not() {
        let reachable = reachable_rows();
        for arena in arenas().into_iter().filter(|a| LARGE.contains(&a.name)) {
            let rows = search(&arena.model, 100_000, &|_| {}).rows;
            assert_eq!(reachable.with(rows), reachable, "{}", arena.name);
        }
    }

    #[test]
    #[should_panic(expected = "one line is not searched to its end within 1000 states")]
    fn rows_of_a_search_that_is_given_up_count_for_nothing() {
        let _ = rows_of(&arenas()[0], 1000);
    }

    #[test]
    fn every_fault_is_found_and_the_sound_protocol_is_clean_where_it_is() {
        let known = arenas();
        let found = ScopedMutant::ALL.map(|mutant| {
            let kill = hunt(mutant, &|_| {}, &|_| {});
            kill.unwrap_or_else(|| panic!("{mutant:?} survives")).arena
        });
        let needed = known.into_iter().filter(|arena| found.contains(&arena.name));
        for Arena { name, model } in needed {
            let report = search(&model, u64::from(u32::MAX), &|_| {});
            assert!(report.complete && report.counter_example.is_none(), "{name}");
        }
    }
}
