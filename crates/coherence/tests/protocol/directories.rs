//! Every way of listing sharers, searched: the protocol holds with lists that name too many.

use coherence::model::{Evictions, FaultKind, Limits, Model, Report, search};
use coherence::{
    CacheEventKind, CacheState, Config, DirEventKind, DirState, Directory, Listing, Mutant,
    Protocol, Sound,
};

fn model(listing: &str, caches: u32) -> Model<Sound> {
    with(Protocol::MESI, listing, caches)
}

fn with(protocol: Protocol, listing: &str, caches: u32) -> Model<Sound> {
    let listing: Listing = listing.parse().expect("a listing");
    let directory = Directory { listing, nodes: caches };
    let cfg = Config { directory, protocol, ..Config::default() };
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

/// Told evictions and near atomics only: these lists cannot be renamed, and searches are long.
#[test]
fn every_listing_is_clean_with_the_owned_state_and_direct_transfer() {
    for listing in ["limited:1:broadcast", "limited:2:recall", "limited:1:coarse:2"] {
        let mut model = with(Protocol::BOTH, listing, 3);
        (model.workload.far, model.workload.evictions) = (false, Evictions::Notify);
        let report = search(&model, &Limits::default(), &|_| {});
        assert!(report.complete, "{listing}: {:?}", report.counter_example);
    }
}

#[test]
#[ignore = "deep: 2 million states of three caches"]
fn every_listing_is_clean_with_every_option_and_every_act() {
    for protocol in Protocol::ALL {
        for listing in ["limited:1:broadcast", "limited:2:recall", "limited:1:coarse:2", "coarse:2"]
        {
            let report = search(&with(protocol, listing, 3), &Limits::default(), &|_| {});
            assert!(report.complete, "{protocol}, {listing}: {:?}", report.counter_example);
        }
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

/// Lists that name each sharer, told of each eviction, never have a cache invalidated that holds no
/// copy, in any order of events: an upgrade or eviction that crosses the invalidation has one.
#[test]
fn exact_lists_invalidate_copies_only() {
    for (listing, extra) in [("full-map", false), ("limited:2:recall", false), ("coarse:2", true)] {
        let mut model = model(listing, 3);
        (model.workload.far, model.workload.evictions) = (false, Evictions::Notify);
        let report = search(&model, &Limits::default(), &|_| {});
        assert!(report.complete, "{listing}");
        let got = |s: &CacheState| report.coverage.cache_count(*s, CacheEventKind::Inv) > 0;
        let (listed, others): (Vec<_>, Vec<_>) =
            CacheState::ALL.into_iter().filter(got).partition(|s| s.may_be_sharer());
        assert!(listed.contains(&CacheState::S), "{listing}");
        assert_eq!(!others.is_empty(), extra, "{listing}: {others:?}");
    }
}

/// Two caches, two lines, one home that has room for `entries` of them, and recalls for room only.
fn sparse<F: coherence::Faults>(cfg: Config<F>, entries: Option<u32>) -> Model<F> {
    let mut model = Model::new(cfg, 2, 2);
    (model.shape.values, model.shape.directory_lines) = (1, entries);
    (model.workload.recalls, model.workload.far) = (false, true);
    model
}

#[test]
fn a_directory_with_one_entry_for_two_lines_is_clean_and_recalls() {
    let sound = |entries| {
        let report = search(&sparse(Config::default(), entries), &Limits::default(), &|_| {});
        assert!(report.complete, "{entries:?}: {:?}", report.counter_example);
        let recalls = [DirState::S, DirState::EM]
            .map(|state| report.coverage.dir_count(state, DirEventKind::Recall));
        (report.states, recalls.map(|n| n > 0))
    };
    let (small, recalled) = sound(Some(1));
    assert_eq!(recalled, [true, true], "shared lines and owned ones");
    let roomy = sound(Some(2));
    assert_eq!(roomy, sound(None), "room for both lines is room for any number");
    assert_eq!(roomy.1, [false, false]);
    assert!(small != roomy.0, "{small}");
}

#[test]
fn a_directory_with_one_entry_for_two_lines_is_clean_with_every_option() {
    for protocol in Protocol::ALL {
        let cfg = Config { protocol, ..Config::default() };
        let mut model = sparse(cfg, Some(1));
        model.workload.far = false;
        let report = search(&model, &Limits::default(), &|_| {});
        assert!(report.complete, "{protocol}: {:?}", report.counter_example);
        let recalls = report.coverage.dir_count(DirState::O, DirEventKind::Recall);
        assert_eq!(recalls > 0, protocol.owned, "{protocol}: recalls of owned lines");
    }
}

#[test]
fn a_recall_for_room_that_forgets_its_invalidations_is_found() {
    let cfg = Config::default().seeded(Some(Mutant::RecallForgetsInvs));
    let model = sparse(cfg, Some(1));
    let found = search(&model, &Limits::default(), &|_| {}).counter_example.expect("found");
    assert_eq!(found.fault.kind, FaultKind::UnknownCopy);
    let schedule = found.schedule(&model);
    let read = schedule.to_string().parse();
    assert_eq!(read, Ok(schedule.clone()));
    assert_eq!(schedule.replay().fault, Some(found.fault));
    // Nobody recalls what there is room for.
    let roomy = search(&sparse(cfg, Some(2)), &Limits::default(), &|_| {});
    assert!(roomy.complete, "{:?}", roomy.counter_example);
}
