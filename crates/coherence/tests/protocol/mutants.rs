//! Every seeded fault is found by a search that passes the protocol itself: the search of all
//! states of three caches, to its end.

use base::NodeIdx;
use coherence::{Config, Coverage, Mutant};

use crate::exhaustive::{Model, Report, search};
use crate::world::World;

fn hunt(caches: u32, mutant: Option<Mutant>) -> Report {
    let cfg = Config::default().seeded(mutant);
    search(&Model { cfg, ..Model::full(caches) }, 100_000)
}

#[test]
fn the_protocol_survives_the_search_that_finds_the_faults() {
    let report = hunt(3, None);
    assert!(report.fault.is_none(), "{:#?}", report.fault);
    assert!(report.complete);
    assert_eq!((report.states, report.longest_drain), (42_174, 21));
}

#[test]
fn every_fault_is_found_with_three_caches() {
    for mutant in Mutant::ALL {
        let report = hunt(3, Some(mutant));
        assert!(report.fault.is_some(), "{mutant:?} survives {} states", report.states);
    }
}

#[test]
fn the_upgrade_answered_after_the_loss_needs_a_third_cache() {
    let report = hunt(2, Some(Mutant::UpgradeAfterLoss));
    assert!(report.complete && report.fault.is_none(), "{:?}", report.fault);
    assert!(hunt(3, Some(Mutant::UpgradeAfterLoss)).fault.is_some());
}

/// A counter-example replays: the acts that led to the fault lead to it again.
#[test]
fn the_acts_of_a_fault_lead_to_it_again() {
    let cfg = Config::default().seeded(Some(Mutant::StalePutWrites));
    let (what, acts) = hunt(3, cfg.mutant).fault.expect("a fault");
    let mut world = World::new(3, NodeIdx(3));
    let mut coverage = Coverage::default();
    let again = acts.iter().find_map(|act| world.apply(cfg, act, &mut coverage).err());
    assert_eq!(again, Some(what));
}
