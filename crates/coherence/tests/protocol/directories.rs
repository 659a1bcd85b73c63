//! Every way of listing sharers, searched: the protocol holds with lists that name too many.

use coherence::model::{Evictions, Limits, Model, Report, search};
use coherence::{CacheEventKind, CacheState, Config, Directory, Listing, Sound};

fn model(listing: &str, caches: u32) -> Model<Sound> {
    let listing: Listing = listing.parse().expect("a listing");
    let cfg = Config { directory: Directory { listing, nodes: caches }, ..Config::default() };
    let mut model = Model::new(cfg, caches, 1);
    model.workload.far = true;
    model.workload.evictions = Evictions::Either;
    model
}

fn clean(listing: &str, caches: u32) -> Report {
    let report =
        search(&model(listing, caches), &Limits { drain: true, ..Limits::default() }, &|_| {});
    assert!(report.complete, "{listing}: {:?}", report.counter_example);
    report
}

/// Rows that only lists which name too many can lead to.
const SPURIOUS: [(CacheState, CacheEventKind); 3] = [
    (CacheState::EiA, CacheEventKind::Inv),
    (CacheState::MiA, CacheEventKind::Inv),
    (CacheState::SmAd, CacheEventKind::Data),
];

#[test]
fn every_listing_is_clean_with_three_caches() {
    for listing in [
        "limited:1:broadcast",
        "limited:2:broadcast",
        "limited:2:recall",
        "limited:1:coarse:2",
        "coarse:2",
        "coarse:3",
    ] {
        let report = clean(listing, 3);
        let taken = SPURIOUS.map(|(state, event)| report.coverage.cache_count(state, event) > 0);
        // Two pointers of three overflow only once everyone is a sharer.
        let expected = match listing {
            "limited:2:recall" => [false; 3],
            "limited:2:broadcast" => [false, false, true],
            _ => [true; 3],
        };
        assert_eq!(taken, expected, "{listing}: rows of lists that name too many");
    }
}

/// A list with room for everyone is a full map, whatever happens when it overflows.
#[test]
fn lists_that_never_overflow_are_full_maps() {
    let full = clean("full-map", 3);
    for listing in ["limited:3:broadcast", "limited:3:coarse:2"] {
        let mut same = model(listing, 3);
        same.symmetry = coherence::model::Symmetry::NONE;
        let raw = search(&same, &Limits::default(), &|_| {});
        let mut map = model("full-map", 3);
        map.symmetry = coherence::model::Symmetry::NONE;
        assert_eq!(raw.states, search(&map, &Limits::default(), &|_| {}).states, "{listing}");
        assert!(raw.states > full.states);
    }
}

#[test]
#[ignore = "deep: millions of states of four caches"]
fn every_listing_is_clean_with_four_caches() {
    for listing in ["limited:2:broadcast", "limited:2:recall", "limited:1:coarse:2", "coarse:2"] {
        let mut model = model(listing, 4);
        (model.workload.far, model.workload.evictions) = (false, Evictions::Notify);
        let report = search(&model, &Limits::default(), &|_| {});
        assert!(report.complete, "{listing}: {:?}", report.counter_example);
    }
}
