//! The tester: cases are what their seed says, pass, shrink, and come back from files.

use coherence::{Listing, Protocol};

use super::*;

#[test]
fn cases_of_a_few_seeds_pass_and_repeat() {
    let names = topologies();
    assert!(names.len() >= 10, "{names:?}");
    for seed in 0..6 {
        let case = Case::draw(seed, &names);
        assert_eq!(case, Case::draw(seed, &names));
        let first = judge(&case).unwrap_or_else(|f| panic!("seed {seed}: {f:?}"));
        assert_eq!(judge(&case), Ok(first), "seed {seed}");
    }
}

#[test]
fn a_saved_case_is_the_same_when_loaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("case.trace");
    for seed in 0..20 {
        let case = Case::draw(seed, &["nvl8", "ring16"]);
        std::fs::write(&path, save(&case).expect("a sound case")).expect("written");
        let loaded = load(&path).expect("a sound file");
        assert_eq!((&loaded.knobs, loaded.seed), (&case.knobs, case.seed));
        assert_eq!(judge(&loaded), judge(&case), "seed {seed}");
    }
    std::fs::write(&path, "# stress seed=1 wayz=2\n0 fence\n").expect("written");
    let said = load(&path).expect_err("no such knob").to_string();
    assert!(said.contains("case.trace:1:17: there is no knob `wayz`"), "{said}");
}

/// Fails where a store of 7 and a far load meet: what is left is those two.
#[test]
fn shrinking_leaves_what_the_failure_needs() {
    use base::{Op, Rmw};
    let case = Case::draw(3, &["mesh8x8"]);
    let culprit = |op: &Op| matches!(op, Op::Atomic { rmw: Rmw::Add(_), .. });
    let fails = |case: &Case| {
        let threads = (0..case.threads()).filter(|t| {
            case.phases.iter().any(|phase| phase.get(*t).is_some_and(|ops| ops.iter().any(culprit)))
        });
        (threads.count() >= 2).then_some(FailureKind::Counter)
    };
    assert_eq!(fails(&case), Some(FailureKind::Counter));
    let (small, tries) = shrink(&case, FailureKind::Counter, fails);
    assert_eq!((small.operations(), small.threads(), small.phases.len()), (2, 2, 1), "{tries}");
    assert_eq!(small.knobs, Knobs::roomy("nvl8"));
}

/// The numbers of rows that VALIDATION.md tells.
#[test]
fn there_are_so_many_rows_to_be_taken() {
    let mesi = coherent_rows(Protocol::MESI, Listing::FullMap, 1).put_by_controllers();
    let all = reachable(1);
    assert_eq!((mesi.len(), all.cache.len() + all.home.len(), all.len()), (115, 161, 192));
}
