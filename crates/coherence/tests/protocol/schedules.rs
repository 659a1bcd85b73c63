//! Random schedules over the network without order, given by content: an act names the core's
//! operation, or the kind and the cache of the message to deliver. Acts that cannot be done are
//! skipped; at the end everything that is under way is delivered.

use base::NodeIdx;
use coherence::{ByteWrite, Config, Coverage, Message, MsgKind, Mutant};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestError, TestRunner};

use crate::world::Seeded;
use crate::world::{Act, World};

#[derive(Clone, Copy, Debug)]
enum Named {
    Core(Act),
    /// Delivers a message of this kind from or to this cache.
    Message(MsgKind, NodeIdx),
}

fn node(caches: u32) -> impl Strategy<Value = NodeIdx> {
    (0..caches).prop_map(NodeIdx)
}

fn acts(caches: u32) -> impl Strategy<Value = Vec<Named>> {
    let count = ByteWrite::Increment(251);
    let core = prop_oneof![
        node(caches).prop_map(Act::Load),
        node(caches).prop_map(move |n| Act::Store(n, count)),
        node(caches).prop_map(move |n| Act::Far(n, count)),
        node(caches).prop_map(Act::Evict),
        node(caches).prop_map(Act::Drop),
        Just(Act::Recall),
    ];
    let message = (prop::sample::select(&MsgKind::ALL[..]), node(caches));
    let act = prop_oneof![
        1 => core.prop_map(Named::Core),
        4 => message.prop_map(|(kind, n)| Named::Message(kind, n)),
    ];
    prop::collection::vec(act, 1..400)
}

fn find(world: &World, kind: MsgKind, cache: NodeIdx) -> Option<Act> {
    let theirs = |m: &&Message<u8>| {
        m.kind == kind && if m.to_home() { m.src == cache } else { m.dst == cache }
    };
    world.net.iter().find(theirs).copied().map(Act::Deliver)
}

/// Runs a schedule; says what broke.
fn run(cfg: Seeded, caches: u32, home: NodeIdx, acts: &[Named]) -> Result<(), String> {
    let mut world = World::new(caches, home);
    let mut coverage = Coverage::default();
    for act in acts {
        let act = match *act {
            Named::Core(act) => Some(act),
            Named::Message(kind, cache) => find(&world, kind, cache),
        };
        if let Some(act) = act {
            world.apply(cfg, &act, &mut coverage)?;
        }
    }
    world.drain(cfg, &mut coverage).map(|_| ())
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
    #![proptest_config(config(1000))]

    /// The home may be any node's, one that has a cache of its own among them.
    #[test]
    fn any_schedule_is_coherent_and_comes_to_rest(
        (caches, acts) in (2..5_u32).prop_flat_map(|n| (Just(n), acts(n))),
        home in 0..5_u32,
    ) {
        prop_assert_eq!(run(Config::default().seeded(None), caches, NodeIdx(home), &acts), Ok(()));
    }
}

#[test]
fn schedules_find_faults_and_shrink_to_a_handful_of_acts() {
    use Mutant::{FarDropsDirty, FwdGetSIgnoredInMiA, NoWbWait, StalePutWrites};
    for mutant in [FarDropsDirty, FwdGetSIgnoredInMiA, NoWbWait, StalePutWrites] {
        let cfg = Config::default().seeded(Some(mutant));
        let outcome = TestRunner::new(config(1000))
            .run(&acts(3), |acts| run(cfg, 3, NodeIdx(0), &acts).map_err(TestCaseError::fail));
        let Err(TestError::Fail(_, acts)) = outcome else { panic!("{mutant:?}: {outcome:?}") };
        assert!(acts.len() <= 16, "{mutant:?} needs {} acts: {acts:?}", acts.len());
    }
}
