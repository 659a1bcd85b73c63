//! Another model checker, `stateright`, on another driver of the tables, one without packing, memory of
//! steps or clever renaming: the same states, raw and up to the names of caches.

use base::NodeIdx;
use coherence::model::{Evictions, Limits, Symmetry, search};
use coherence::{ByteWrite, Config, Coverage, Mutant, Protocol};
use stateright::{Checker, Model, Property, Representative};

use crate::world::{Act, Done, Seeded, World};

/// The tables' world as stateright sees it; a broken promise stays in it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    world: World,
    broken: bool,
}

impl Representative for State {
    /// The least of all renamings.
    fn representative(&self) -> Self {
        let count = u32::try_from(self.world.caches.len()).expect("few caches");
        let mut least = None;
        permute(&mut (0..count).collect::<Vec<_>>(), 0, &mut |names| {
            let renamed = self.world.renamed(names);
            let key = format!("{renamed:?}");
            if least.as_ref().is_none_or(|(k, _)| key < *k) {
                least = Some((key, renamed));
            }
        });
        let world = least.expect("there is a renaming").1;
        Self { world, broken: self.broken }
    }
}

fn permute(items: &mut [u32], from: usize, f: &mut impl FnMut(&[u32])) {
    if from == items.len() {
        return f(items);
    }
    for at in from..items.len() {
        items.swap(from, at);
        permute(items, from + 1, f);
        items.swap(from, at);
    }
}

#[derive(Clone, Copy, Debug)]
struct Tables {
    cfg: Seeded,
    caches: u32,
    far: bool,
    drops: bool,
}

impl Model for Tables {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        vec![State { world: World::new(self.caches, NodeIdx(self.caches)), broken: false }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Act>) {
        if state.broken {
            return;
        }
        actions.extend(state.world.net.iter().copied().map(Act::Deliver));
        for n in (0..self.caches).map(NodeIdx) {
            actions.push(Act::Load(n));
            actions.extend([0, 1].map(|v| Act::Store(n, ByteWrite::Set(v))));
            actions.push(Act::Evict(n));
            actions.extend(self.far.then_some(Act::Far(n, ByteWrite::Increment(2))));
            actions.extend(self.drops.then_some(Act::Drop(n)));
        }
        actions.push(Act::Recall);
    }

    fn next_state(&self, state: &State, act: Act) -> Option<State> {
        let mut world = state.world.clone();
        match world.apply(self.cfg, &act, &mut Coverage::default()) {
            Ok(Done::Yes) => Some(State { world, broken: false }),
            Ok(Done::Disabled) => None,
            Err(_) => Some(State { world, broken: true }),
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("coherent", |_, state: &State| !state.broken)]
    }
}

/// Ours, with the same options.
fn ours(tables: &Tables, symmetry: Symmetry) -> u64 {
    let mut model = coherence::model::Model::new(tables.cfg, tables.caches, 1);
    model.symmetry = symmetry;
    model.workload.far = tables.far;
    model.workload.evictions = if tables.drops { Evictions::Either } else { Evictions::Notify };
    let report = search(&model, &Limits::default(), &|_| {});
    assert!(report.complete, "{:?}", report.counter_example);
    report.states
}

fn theirs(count: usize) -> u64 {
    u64::try_from(count).expect("it fits")
}

fn agree(tables: Tables) {
    let raw = tables.checker().spawn_bfs().join();
    raw.assert_properties();
    assert_eq!(ours(&tables, Symmetry::NONE), theirs(raw.unique_state_count()), "{tables:?}");
    let reduced = tables.checker().symmetry().spawn_dfs().join();
    reduced.assert_properties();
    assert_eq!(ours(&tables, Symmetry::CACHES), theirs(reduced.unique_state_count()), "{tables:?}");
}

#[test]
fn stateright_counts_the_same_states_of_two_caches_raw_and_reduced() {
    let cfg = Config::default().seeded(None);
    for (far, drops) in [(false, false), (true, false), (true, true)] {
        agree(Tables { cfg, caches: 2, far, drops });
    }
}

#[test]
fn stateright_counts_the_same_states_with_the_owned_state_and_direct_transfer() {
    for protocol in Protocol::ALL {
        let cfg = Config { protocol, ..Config::default() }.seeded(None);
        agree(Tables { cfg, caches: 2, far: true, drops: true });
    }
}

#[test]
#[ignore = "deep: 1.6 million states"]
fn stateright_counts_the_same_states_of_three_caches_raw_and_reduced() {
    for protocol in Protocol::ALL {
        let cfg = Config { protocol, ..Config::default() }.seeded(None);
        agree(Tables { cfg, caches: 3, far: false, drops: false });
    }
}

#[test]
fn stateright_finds_a_seeded_fault_too() {
    let cfg = Config::default().seeded(Some(Mutant::StalePutWrites));
    let tables = Tables { cfg, caches: 2, far: false, drops: false };
    let found = tables.checker().spawn_bfs().join();
    let discovery = found.discovery("coherent").expect("a broken promise");
    let arena = coherence::model::Arena::ALL[1];
    let ours = search(&arena.model(cfg.mutant), &Limits::default(), &|_| {});
    let ours = ours.counter_example.expect("a broken promise");
    assert_eq!(discovery.into_actions().len(), ours.acts.len(), "both are the shortest");
}
