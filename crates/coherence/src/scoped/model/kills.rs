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
        arena("any 2 x 2", Model::flat(2, 2)),
        arena("any 2 x 3", Model::flat(2, 3)),
        arena("packages, any 2 x 2", Model::packages(2, 2)),
    ]
}

/// States of an arena whose rows count as reachable: the largest is left out.
const ROWS_MAX: u64 = 400_000;

/// Every row of the table that the sound protocol takes in the arenas that are searched to their end.
///
/// # Panics
/// If the search finds the protocol broken.
pub fn reachable_rows() -> ScopedRows {
    arenas().into_iter().fold(ScopedRows::default(), |rows, arena| {
        let report = search(&arena.model, ROWS_MAX, &|_| {});
        assert!(report.counter_example.is_none(), "{}: {:?}", arena.name, report.counter_example);
        rows.with(report.rows)
    })
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
