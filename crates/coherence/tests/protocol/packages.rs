//! Directories of two levels, searched: packages of caches behind homes of their own.

use coherence::model::{Evictions, Limits, Model, Packages, Report, search};
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

fn clean<F: Faults + Send + Sync>(model: &Model<F>) -> Report {
    let report = search(model, &Limits { threads: 1, ..Limits::default() }, &|_| {});
    if let Some(found) = &report.counter_example {
        for a in &found.acts {
            println!("{a:?}");
        }
    }
    assert!(report.complete, "{:?}", report.counter_example.map(|c| c.fault));
    println!("{} states, depth {}", report.states, report.depth);
    report
}

#[test]
fn small_systems_of_packages_are_clean() {
    for (packages, caches) in [(1, 1), (1, 2), (2, 1)] {
        for far in [false, true] {
            let mut model = model(Config::default(), packages, caches, FULL);
            model.workload.far = far;
            model.workload.evictions = Evictions::Either;
            clean(&model);
        }
    }
}
/// Two packages of two: whatever the fabric demands of them, but nobody evicts.
#[test]
fn two_packages_of_two_are_clean() {
    let mut model = model(Config::default(), 2, 2, FULL);
    (model.workload.evictions, model.workload.package_evictions) = (Evictions::None, false);
    model.workload.recalls = false;
    clean(&model);
}
