//! The random tester against seeded faults, and the shipped seeds against the rows that can be taken.

use lockstep::coherence::scoped::ScopedMutant;
use lockstep::coherence::{Listing, Mutant};
use lockstep::machine::Machine;
use lockstep::stress::{self, Case, FailureKind, Knobs, Rows, SeedList};

/// Topologies of the hunts: small, and with several ways between nodes.
const NAMES: [&str; 3] = ["nvl8", "fullmesh8", "ring16"];

fn judge(case: &Case, mutant: Mutant) -> Option<FailureKind> {
    let build = |spec: &_, trace: &_, options| Machine::with_mutant(spec, trace, options, mutant);
    stress::judge_with(case, build).err().map(|f| f.kind)
}

/// Cases of the hunt for one fault: those of the first seeds in which it can show.
const CASES: usize = 200;

#[test]
fn random_cases_catch_every_seeded_fault() {
    // Machines have full maps: faults of other lists are for the model checker.
    let listed = |m: &Mutant| m.listing() == Listing::FullMap;
    for mutant in Mutant::ALL.into_iter().filter(listed) {
        let shows = |case: &Case| {
            let Knobs { scope_nodes, protocol, package_nodes, .. } = &case.knobs;
            let packages = *package_nodes > 0;
            *scope_nodes == 0
                && protocol.includes(mutant.protocol())
                && packages == mutant.needs_packages()
        };
        let mut cases = (0..).map(|seed| Case::draw(seed, &NAMES)).filter(shows).take(CASES);
        assert!(cases.any(|c| judge(&c, mutant).is_some()), "{mutant:?} survives");
    }
}

/// Cases of the hunt for one fault of scoped caches.
const SCOPED_CASES: usize = 100;
/// Topologies of them: small, with several ways of different lengths between two nodes.
const SCOPED_NAMES: [&str; 2] = ["nvl8", "fullmesh8"];

#[test]
fn random_cases_catch_every_seeded_fault_of_scoped_caches() {
    let judge = |case: &Case, mutant: ScopedMutant| {
        let build = |spec: &_, trace: &_, options| {
            Machine::with_scoped_mutant(spec, trace, options, mutant)
        };
        stress::judge_with(case, build).is_err()
    };
    let mut found = Vec::new();
    for mutant in ScopedMutant::ALL {
        let drawn = (0..).map(|seed| Case::draw(seed, &SCOPED_NAMES));
        let mut cases = drawn.filter(|c| c.knobs.scope_nodes > 0).take(SCOPED_CASES);
        found.push((mutant, cases.position(|c| judge(&c, mutant))));
    }
    let left: Vec<_> = found.iter().filter(|(_, at)| at.is_none()).collect();
    assert!(left.is_empty(), "{left:?} survive");
}

#[test]
fn a_case_that_catches_a_fault_shrinks_to_a_few_operations() {
    let mutant = Mutant::CompletesBeforeAcks;
    let mut cases = (0..400).map(|seed| Case::draw(seed, &NAMES));
    let case = cases.find(|c| judge(c, mutant).is_some()).expect("it is caught");
    let kind = judge(&case, mutant).expect("it is caught again");
    let (small, _) = stress::shrink(&case, kind, |case| judge(case, mutant));
    assert_eq!(judge(&small, mutant), Some(kind));
    assert!(small.operations() < case.operations() / 4, "{} left", small.operations());
    assert_eq!(stress::judge(&small).err(), None, "it passes without the fault");
}

fn nightly_path() -> std::path::PathBuf {
    tests::workspace_root().join("tests/stress/nightly.txt")
}

/// The seeds of `tests/stress/nightly.txt`.
fn nightly() -> SeedList {
    let text = std::fs::read_to_string(nightly_path()).expect("the seeds are there");
    SeedList::parse(&text).unwrap_or_else(|error| panic!("nightly.txt:{error}"))
}

/// What a seed stands for must not depend on what ships: a file says what its seeds are drawn from.
#[test]
fn the_nightly_seeds_name_their_topologies() {
    let list = nightly();
    assert!(list.len() > 40, "{list:?}");
    let text = std::fs::read_to_string(nightly_path()).expect("the seeds are there");
    let first = text.lines().find(|line| !line.starts_with('#'));
    assert!(first.is_some_and(|line| line.starts_with("on ")), "{first:?}");
    let everywhere = stress::topologies();
    for (case, at_large) in list.cases(&[]).zip(list.cases(&everywhere[..1])) {
        assert_eq!(case.seed, at_large.seed);
        assert_eq!(at_large.knobs.topology, everywhere[0], "others instead");
    }
    let own = SeedList::parse("3 # two\n4\non ring16\n  7 8").expect("it is sound");
    let names: Vec<_> = own.cases(&[]).map(|c| (c.seed, c.knobs.topology)).collect();
    assert_eq!(own.len(), 4);
    assert!(names[2..].iter().all(|(_, name)| name == "ring16"), "{names:?}");
}

#[test]
fn seeds_that_are_none_are_named_with_their_place() {
    let told = |text: &str| SeedList::parse(text).map(|_| ()).expect_err(text).to_string();
    assert!(told("1 2\n3 x4").starts_with("2:3: `x4` is no seed"), "{}", told("1 2\n3 x4"));
    assert!(told("on nvl8 n").starts_with("1:9: `n` is no shipped"), "{}", told("on nvl8 n"));
    assert!(told("12 1 12x 2x").starts_with("1:6: `12x`"), "{}", told("12 1 12x 2x"));
    assert!(told("on nowhere").starts_with("1:4: `nowhere` is no shipped topology"));
    assert!(told(" on # nvl8").starts_with("1:2: `on` names no topology"));
}

#[test]
fn the_nightly_seeds_take_every_row_that_can_be_taken() {
    if !tests::deep() {
        return;
    }
    let mut taken = Rows::default();
    for case in nightly().cases(&[]) {
        let rows = stress::judge(&case).unwrap_or_else(|f| panic!("seed {}: {f:?}", case.seed));
        taken.add(&rows);
    }
    let missing = stress::reachable(2).without(&taken);
    assert!(missing.is_empty(), "{missing}");
}

/// What once failed, and was mended.
#[test]
fn kept_cases_pass() {
    let folder = tests::workspace_root().join("tests/stress");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "trace") {
            let case = stress::load(&path).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(stress::judge(&case).err(), None, "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 0, "there are kept cases");
}
