//! Every seeded fault is found by a search that passes the protocol itself, and the acts that it gives
//! lead to the fault again.

use coherence::Mutant;
use coherence::model::{Arena, FaultKind, Kill, Limits, Schedule, chart, hunt, search};

fn kill(mutant: Mutant) -> Kill {
    hunt(mutant, 1, &|_| {}, &|_| {}).unwrap_or_else(|| panic!("{mutant:?} survives"))
}

#[test]
fn the_protocol_survives_where_the_faults_are_found() {
    let limits = Limits::default();
    for arena in Arena::ALL.iter().filter(|a| a.caches < 4) {
        let report = search(&arena.model(None), &limits, &|_| {});
        assert!(report.complete, "{arena:?}: {:?}", report.counter_example);
    }
}

#[test]
fn every_fault_is_found_and_its_acts_lead_to_it_again() {
    for mutant in Mutant::ALL {
        let kill = kill(mutant);
        let schedule = kill.counter_example.schedule(&kill.arena.model(Some(mutant)));
        let replay = schedule.replay();
        assert_eq!(replay.fault.as_ref(), Some(&kill.counter_example.fault), "{mutant:?}");
        assert_eq!(replay.skipped, 0, "{mutant:?}");
        let sound = Schedule { mutant: None, ..schedule.clone() }.replay();
        assert_eq!(sound.fault, None, "{mutant:?}: the protocol itself does not survive its acts");
        let drawn = chart(&schedule, &replay);
        assert!(drawn.lines().count() >= schedule.acts.len() + 2, "{drawn}");
    }
}

/// Whichever act of a shortest counter-example is left out, it takes as many to get there; deliveries
/// that are left out at the end, the replay makes by itself.
#[test]
fn counter_examples_cannot_be_shortened() {
    for mutant in [Mutant::StalePutWrites, Mutant::CompletesBeforeAcks, Mutant::PutMInOIsStale] {
        let kill = kill(mutant);
        let schedule = kill.counter_example.schedule(&kill.arena.model(Some(mutant)));
        for at in 0..schedule.acts.len() {
            let mut fewer = schedule.clone();
            fewer.acts.remove(at);
            let replay = fewer.replay();
            let shorter = replay.fault.is_some() && replay.played.len() < schedule.acts.len();
            assert!(!shorter, "{mutant:?} does not need act {at}");
        }
    }
}

#[test]
fn the_upgrade_answered_after_the_loss_needs_a_third_cache() {
    assert_eq!(kill(Mutant::UpgradeAfterLoss).arena.caches, 3);
}

/// The machine's own checks, on the machine's own controllers, find most of them by the same acts.
/// Those that the shortest acts leave without harm in the end are found by longer ones, as the tests of
/// the controllers show.
#[test]
fn controllers_that_do_the_same_acts_show_the_fault() {
    let shown = |mutant| {
        let kill = kill(mutant);
        let schedule = kill.counter_example.schedule(&kill.arena.model(Some(mutant)));
        let clean = Schedule { mutant: None, ..schedule.clone() }.replay_in_controllers();
        assert_eq!(clean.fault, None, "{mutant:?}: controllers without a fault are not clean");
        std::panic::catch_unwind(|| schedule.replay_in_controllers())
            .map_or(Some(FaultKind::Illegal), |replay| replay.fault.map(|f| f.kind))
    };
    assert_eq!(shown(Mutant::StalePutWrites), Some(FaultKind::StaleMemory));
    assert_eq!(shown(Mutant::StaleInvNotAcked), Some(FaultKind::Deadlock));
    assert_eq!(shown(Mutant::CompletesBeforeAcks), Some(FaultKind::WriterAndOthers));
    assert_eq!(shown(Mutant::FarBeforeGather), Some(FaultKind::StaleStore));
    assert_eq!(shown(Mutant::UpgradeAfterLoss), Some(FaultKind::Illegal));
}
