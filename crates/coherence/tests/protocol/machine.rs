//! Schedules as proptest's state machines make them: acts by content, drawn from what can be done, and
//! shrunk by leaving some out.
//!
//! ```text
//!   Reference: a plain world for each line ──▶ which acts make sense next
//!        │ the same act
//!        ▼
//!   Tables: the packed system of the search       Controllers: what the machine runs
//! ```
//!
//! An act names the message that it delivers, so a schedule keeps its sense when acts are left out; one
//! that cannot be done any more does nothing.

use base::{Class, NodeIdx};
use coherence::model::{Act, Flight, Homes, Schedule, Shape, System, Taken, World as Packed};
use coherence::{ByteWrite, CacheState, Coverage, DirState, Directory, Listing, Mutant, Protocol};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestError, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, Sequential, StateMachineTest};

use crate::world::{self, Seeded, World};

/// Values that lines have.
const VALUES: u8 = 5;
/// Deliveries after which a system is taken to go on for ever.
const DELIVERIES_MAX: usize = 1000;

/// A system as the plainest driver of the tables has it.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// What the schedule is for; no acts.
    pub(crate) setting: Schedule,
    /// Whether shared copies are dropped without telling home, told of, or either.
    pub(crate) evictions: (bool, bool),
    /// `[line]`.
    worlds: Vec<World>,
    /// A promise was broken.
    broken: bool,
}

impl Reference {
    pub(crate) fn new(setting: Schedule, evictions: (bool, bool)) -> Self {
        let Shape { caches, lines, .. } = setting.shape;
        let worlds =
            (0..lines).map(|line| World::new(caches, setting.shape.home_of(line))).collect();
        Self { setting, evictions, worlds, broken: false }
    }

    fn cfg(&self) -> Seeded {
        self.setting.system().config()
    }

    /// Acts of cores, caches and homes that make sense.
    fn own_acts(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        let (silent, told) = self.evictions;
        for (line, world) in (0..).zip(&self.worlds) {
            for (cache, held) in (0..).map(NodeIdx).zip(&world.caches) {
                let state = held.state;
                if !state.is_stable() {
                    continue;
                }
                acts.push(Act::Load { cache, line });
                let sets =
                    (0..VALUES).map(|v| Act::Store { cache, line, write: ByteWrite::Set(v) });
                acts.extend(sets);
                acts.push(Act::Far { cache, line, write: ByteWrite::Increment(VALUES) });
                match state {
                    CacheState::I => {}
                    CacheState::S => {
                        acts.extend(silent.then_some(Act::Drop { cache, line }));
                        acts.extend(told.then_some(Act::Evict { cache, line }));
                    }
                    _ => acts.push(Act::Evict { cache, line }),
                }
            }
            let recalled = world.dir.state.is_stable() && world.dir.state != DirState::I;
            acts.extend(recalled.then_some(Act::Recall { line }));
        }
        acts
    }

    /// Messages that can arrive.
    fn deliveries(&self) -> Vec<Act> {
        let lines = (0..).zip(&self.worlds);
        let arriving = lines.flat_map(|(line, world)| {
            let stalls = !world.dir.state.is_stable();
            let flights = world.net.iter().filter(move |m| !stalls || m.kind.class() != Class::Req);
            flights.map(move |m| Act::Deliver(Flight { line, msg: *m }))
        });
        arriving.collect()
    }
}

/// The line of an act, and the act as a world of one line has it.
fn plain(act: &Act) -> (u32, world::Act) {
    match *act {
        Act::Load { cache, line } => (line, world::Act::Load(cache)),
        Act::Store { cache, line, write } => (line, world::Act::Store(cache, write)),
        Act::Far { cache, line, write } => (line, world::Act::Far(cache, write)),
        Act::Evict { cache, line } => (line, world::Act::Evict(cache)),
        Act::Drop { cache, line } => (line, world::Act::Drop(cache)),
        Act::Recall { line } => (line, world::Act::Recall),
        Act::Deliver(flight) => (flight.line, world::Act::Deliver(flight.msg)),
        _ => unreachable!("no packages are drawn: {act:?}"),
    }
}

/// Any system of the protocol itself.
fn settings() -> impl Strategy<Value = Schedule> {
    let listings = ["full-map", "coarse:2", "limited:1:broadcast", "limited:2:recall"];
    let (caches, lines, home) = (2..5_u32, 1..3_u32, 0..6_u32);
    let protocol = (any::<bool>(), any::<bool>());
    let listing = prop::sample::select(listings.to_vec());
    (caches, lines, home, protocol, listing).prop_map(|(caches, lines, home, protocol, listing)| {
        let homes = match home {
            5 => Homes::Interleaved,
            at if at < caches => Homes::At(at),
            _ => Homes::Apart,
        };
        let (owned, direct) = protocol;
        setting(caches, lines, homes, listing, Protocol { owned, direct }, None)
    })
}

fn setting(
    caches: u32,
    lines: u32,
    homes: Homes,
    listing: &str,
    protocol: Protocol,
    mutant: Option<Mutant>,
) -> Schedule {
    let shape = Shape { caches, lines, homes, values: VALUES, mshrs: lines, ..Shape::default() };
    let listing: Listing = listing.parse().expect("a listing");
    Directory { listing, nodes: caches }.check().expect("it fits");
    Schedule { shape, listing, protocol, mutant, acts: Vec::new() }
}

impl ReferenceStateMachine for Reference {
    type State = Self;
    type Transition = Act;

    /// Shared copies are either dropped or told of, as a machine's are.
    fn init_state() -> BoxedStrategy<Self> {
        (settings(), any::<bool>())
            .prop_map(|(setting, silent)| Self::new(setting, (silent, !silent)))
            .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Act> {
        let (own, deliveries) = (state.own_acts(), state.deliveries());
        let pick = prop::sample::select::<Act>;
        match (own.is_empty(), deliveries.is_empty()) {
            (false, false) => prop_oneof![1 => pick(own), 3 => pick(deliveries)].boxed(),
            (false, true) => pick(own).boxed(),
            (true, false) => pick(deliveries).boxed(),
            // Stuck, which only a fault can lead to: nothing happens any more.
            (true, true) => Just(Act::Recall { line: 0 }).boxed(),
        }
    }

    fn apply(mut state: Self, act: &Act) -> Self {
        let (line, act) = plain(act);
        if !state.broken {
            let cfg = state.cfg();
            let done = state.worlds[line as usize].apply(cfg, &act, &mut Coverage::default());
            state.broken = done.is_err();
        }
        state
    }
}

/// The packed system of the search, in step with the reference.
pub(crate) struct Tables {
    system: System<Option<Mutant>>,
    world: Packed,
}

impl Tables {
    fn act(&mut self, act: Act) -> bool {
        match self.system.step(&self.world, act) {
            Ok(Taken::Waits) => false,
            Ok(Taken::Next(next, _)) => {
                self.world = next;
                self.system.check(&next).unwrap_or_else(|fault| panic!("{fault}"));
                true
            }
            Err(fault) => panic!("{fault}"),
        }
    }
}

impl StateMachineTest for Tables {
    type SystemUnderTest = Self;
    type Reference = Reference;

    fn init_test(reference: &Reference) -> Self {
        let system = reference.setting.system();
        Self { world: system.start(), system }
    }

    fn apply(mut tables: Self, _: &Reference, act: Act) -> Self {
        tables.act(act);
        tables
    }

    fn check_invariants(tables: &Self, reference: &Reference) {
        assert!(!reference.broken, "a promise is broken in the plain world only");
        let mut flights: Vec<_> = Vec::new();
        for (line, world) in (0..).zip(&reference.worlds) {
            let nodes = (0..reference.setting.shape.caches).map(NodeIdx);
            let held: Vec<_> = nodes.map(|n| tables.system.cache(&tables.world, n, line)).collect();
            assert_eq!(held, world.caches, "caches of line {line}");
            assert_eq!(tables.system.dir(&tables.world, line), world.dir, "home of line {line}");
            assert_eq!(tables.system.last_write(&tables.world, line), world.golden);
            flights.extend(world.net.iter().map(|msg| Flight { line, msg: *msg }.to_string()));
        }
        let mut packed: Vec<_> =
            tables.system.flights(&tables.world).map(|f| f.to_string()).collect();
        flights.sort_unstable();
        packed.sort_unstable();
        assert_eq!(packed, flights, "messages under way");
    }

    /// Everything arrives, and nothing is left waiting.
    fn teardown(mut tables: Self, _: Reference) {
        for _ in 0..DELIVERIES_MAX {
            let flights: Vec<_> = tables.system.flights(&tables.world).map(Act::Deliver).collect();
            if !flights.into_iter().any(|act| tables.act(act)) {
                break;
            }
        }
        assert!(tables.system.is_quiescent(&tables.world), "something is under way for ever");
    }
}

/// The machine's controllers; they are given the whole schedule once it is there.
pub(crate) struct Controllers;

impl StateMachineTest for Controllers {
    type SystemUnderTest = Schedule;
    type Reference = Reference;

    fn init_test(reference: &Reference) -> Schedule {
        reference.setting.clone()
    }

    fn apply(mut schedule: Schedule, _: &Reference, act: Act) -> Schedule {
        schedule.acts.push(act);
        schedule
    }

    fn teardown(schedule: Schedule, _: Reference) {
        if let Some(fault) = schedule.replay_in_controllers().fault {
            panic!("{fault}");
        }
    }
}

/// Runs `cases` schedules that begin as `init` says; gives the shrunk one of the first that fails, and
/// why.
pub(crate) fn run<T: StateMachineTest<Reference = Reference>>(
    init: impl Fn() -> BoxedStrategy<Reference> + Send + Sync + 'static,
    (cases, acts): (u32, core::ops::Range<usize>),
) -> Result<(), (Schedule, String)> {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        // Fixed: a failure stays one until it is mended.
        rng_seed: RngSeed::Fixed(11),
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    };
    let strategy = Sequential::new(
        acts.into(),
        init,
        Reference::preconditions,
        Reference::transitions,
        <Reference as ReferenceStateMachine>::apply,
    );
    let outcome = TestRunner::new(config.clone()).run(&strategy, |(reference, acts, seen)| {
        T::test_sequential(config.clone(), reference, acts, seen);
        Ok(())
    });
    match outcome {
        Ok(()) => Ok(()),
        Err(TestError::Fail(why, (reference, acts, _))) => {
            // Acts that were not left out, but cannot be done without those that were.
            let schedule = Schedule { acts, ..reference.setting };
            let replay = schedule.replay();
            let done = replay.played.len().min(schedule.acts.len() - replay.skipped);
            let acts = replay.played[..done].iter().map(|played| played.act).collect();
            Err((Schedule { acts, ..schedule }, why.to_string()))
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// A schedule, of any system.
pub(crate) fn drawn(seed: u64) -> Schedule {
    let config = ProptestConfig { rng_seed: RngSeed::Fixed(seed), ..ProptestConfig::default() };
    let tree = Reference::sequential_strategy(20..100).new_tree(&mut TestRunner::new(config));
    let (reference, acts, _) = tree.expect("a schedule").current();
    Schedule { acts, ..reference.setting }
}

/// A system with a fault seeded: the smallest that shows them all.
pub(crate) fn faulty(mutant: Mutant) -> Reference {
    let (listing, protocol) = (mutant.listing().to_string(), mutant.protocol());
    let setting = setting(3, 1, Homes::Apart, &listing, protocol, Some(mutant));
    Reference::new(setting, (true, true))
}
