//! Directories of two levels, searched: packages of caches behind homes of their own.

use coherence::model::{
    Evictions, FaultKind, Limits, Model, Networks, Packages, Report, Symmetry, search, walk,
};
use coherence::{Config, Directory, Faults, Listing};

/// `packages` of `caches` each, one line.
fn model<F: Faults>(cfg: Config<F>, packages: u32, caches: u32, listings: [&str; 2]) -> Model<F> {
    let [inner, listing] = listings.map(|l| l.parse::<Listing>().expect("a listing"));
    let cfg = Config { directory: Directory { listing, nodes: packages }, ..cfg };
    let mut model = Model::new(cfg, packages * caches, 1);
    model.shape.packages = Some(Packages { count: packages, inner });
    model.shape.check().expect("a system");
    model
}

const FULL: [&str; 2] = ["full-map", "full-map"];

fn clean<F: Faults + Send + Sync>(model: &Model<F>, drain: bool) -> Report {
    let report = search(model, &Limits { drain, ..Limits::default() }, &|_| {});
    let found = report.counter_example.as_ref();
    assert!(report.complete, "{:?}: {:?}", model.shape, found.map(|c| &c.fault));
    report
}

/// One package of one cache, one of two, two of one: everything that can happen, and it comes to rest in so
/// many deliveries.
#[test]
fn small_systems_of_packages_are_clean() {
    let mut counts = Vec::new();
    for (packages, caches) in [(1, 1), (1, 2), (2, 1)] {
        let mut model = model(Config::default(), packages, caches, FULL);
        model.workload.far = true;
        model.workload.evictions = Evictions::Either;
        let report = clean(&model, true);
        counts.push((report.states, report.longest_drain));
    }
    assert_eq!(counts, [(884, Some(10)), (30_667, Some(19)), (228_965, Some(26))]);
}

/// Two packages of two: whatever the fabric demands of them, but nobody evicts.
#[test]
fn two_packages_of_two_are_clean() {
    let mut model = model(Config::default(), 2, 2, FULL);
    (model.workload.evictions, model.workload.package_evictions) = (Evictions::None, false);
    model.workload.recalls = false;
    assert_eq!(clean(&model, false).states, 237_954);
}

#[test]
#[ignore = "deep: millions of states of two packages of two"]
fn two_packages_of_two_with_far_atomics_or_evictions_are_clean() {
    let mut model = model(Config::default(), 2, 2, FULL);
    (model.workload.evictions, model.workload.package_evictions) = (Evictions::None, false);
    (model.workload.recalls, model.workload.far) = (false, true);
    assert_eq!(clean(&model, false).states, 2_857_847);
    (model.workload.far, model.workload.package_evictions) = (false, true);
    assert_eq!(clean(&model, false).states, 1_352_976);
    // Everything that caches, packages and homes do of their own accord.
    (model.workload.evictions, model.workload.recalls) = (Evictions::Notify, true);
    model.shape.values = 1;
    assert_eq!(clean(&model, false).states, 5_098_673);
}

/// Two packages of two whose caches evict; one value, so that only states are followed.
#[test]
#[ignore = "deep: some seconds, as much as the rest of these tests"]
fn two_packages_of_two_whose_caches_evict_are_clean() {
    let mut model = model(Config::default(), 2, 2, FULL);
    (model.workload.package_evictions, model.workload.recalls) = (false, false);
    model.shape.values = 1;
    assert_eq!(clean(&model, false).states, 362_391);
}

/// Lists that name too many, or make a sharer lose its place, inside and in the fabric.
#[test]
fn every_listing_is_clean_at_either_level() {
    for (packages, caches, levels) in [
        (1, 2, ["limited:1:broadcast", "full-map"]),
        (1, 2, ["coarse:2", "full-map"]),
        (1, 3, ["limited:2:recall", "full-map"]),
        (2, 1, ["full-map", "coarse:2"]),
        (2, 1, ["full-map", "limited:1:broadcast"]),
    ] {
        let mut model = model(Config::default(), packages, caches, levels);
        model.workload.evictions = if caches < 3 { Evictions::Either } else { Evictions::None };
        clean(&model, false);
    }
}

/// Random schedules on two packages of two with two lines, in the tables and in the machine's controllers.
#[test]
fn random_schedules_do_no_harm_in_tables_and_controllers() {
    for (seed, levels) in (0..240).zip(
        [FULL, ["coarse:2", "limited:1:broadcast"], ["limited:1:broadcast", "coarse:2"]]
            .into_iter()
            .cycle(),
    ) {
        let mut model = model(Config::default().seeded(None), 2, 2, levels);
        model.shape.lines = 2;
        let silent = seed % 2 == 0;
        model.workload.evictions = if silent { Evictions::Silent } else { Evictions::Notify };
        let schedule = walk(&model, seed, 240);
        let replay = schedule.replay();
        assert_eq!((replay.fault, replay.skipped), (None, 0), "seed {seed}:\n{schedule}");
        assert_eq!(schedule.replay_in_controllers().fault, None, "seed {seed}:\n{schedule}");
        let read = schedule.to_string().parse();
        assert_eq!(read, Ok(schedule), "seed {seed}");
    }
}

/// Renaming packages and caches changes no verdict, and leaves about a half of the worlds of two packages.
#[test]
fn packages_are_alike() {
    let named = model(Config::default(), 2, 1, FULL);
    let mut raw = named;
    (raw.symmetry.caches, raw.symmetry.lines) = (false, false);
    let [named, raw] = [&named, &raw].map(|m| clean(m, false).states);
    assert!(named * 2 >= raw && raw * 10 > named * 19, "{named} of {raw}");
    let mut all = model(Config::default(), 1, 2, FULL);
    all.symmetry = Symmetry::NONE;
    assert!(clean(&all, false).states > 2 * 24_786);
}

/// With FIFOs, levels that share their networks deadlock, in any mapping of the classes: an acknowledgement
/// inside waits behind one of the fabric, there and here. With networks for each level they do not.
#[test]
fn levels_that_share_networks_deadlock_and_levels_apart_do_not() {
    let with = |text: &str, apart: bool| {
        let networks: Networks = text.parse().expect("networks");
        let mut model = model(Config::default(), 2, 1, FULL);
        (model.shape.lines, model.shape.values) = (2, 1);
        model.shape.networks = Some(if apart { networks.with_levels_apart() } else { networks });
        (model.workload.evictions, model.workload.package_evictions) = (Evictions::None, false);
        model.workload.recalls = false;
        search(&model, &Limits::default(), &|_| {})
    };
    for mapping in ["rest", "Req|rest", "Req,Fwd|Rsp", "Req|Fwd|RspUp|RspDown|Ack"] {
        let found = with(mapping, false).counter_example.expect("it deadlocks");
        assert_eq!(found.fault.kind, FaultKind::Deadlock, "{mapping}");
    }
    let apart = with("Req|Fwd|RspUp|RspDown|Ack", true);
    assert!(apart.complete, "{:?}", apart.counter_example);
    assert!(apart.states > 100_000, "{}", apart.states);
}
