//! Shared helpers of the tests that cross crates.
//!
//! - [`golden`] compares what a test produced with a file under `tests/golden/`. Golden tests live
//!   in `tests/tests/golden*.rs`; `cargo xtask golden --bless` rewrites their files.
//! - [`shared`] finds reference data that a checkout may have beside it, and [`skip`] says aloud
//!   that a test did nothing without it.
//! - [`deep`] tells a test that it may take its time; [`laws`] tries a property on the same cases in every run.
//! - [`drive`] sends packets through a network without nodes, [`pencil`] says when they must arrive;
//!   [`crowd`] sends many at once.
//! - [`fabric`] draws networks of any kind and holds them to the laws of all.
//! - [`machines`] makes tight machines; [`programs`] random programs, and what must come of them.

pub mod crowd;
mod diff;
pub mod drive;
pub mod fabric;
mod golden;
pub mod machines;
pub mod parts;
pub mod pencil;
pub mod programs;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::panic::Location;
use std::path::{Path, PathBuf};

pub use golden::golden;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// The checkout's top directory.
pub fn workspace_root() -> PathBuf {
    // Invariant: this package lies one folder below the top.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// The folder of reference data beside the checkout, `../shared`, if it is there.
///
/// Where it is not, [`skip`] is told so with the place of the call, and the test returns.
///
/// ```no_run
/// let Some(shared) = tests::shared() else { return };
/// assert!(shared.is_dir());
/// ```
#[track_caller]
pub fn shared() -> Option<PathBuf> {
    let folder = beside(&workspace_root());
    if folder.is_none() {
        skip("there is no reference data beside the checkout");
    }
    folder
}

fn beside(root: &Path) -> Option<PathBuf> {
    root.join("../shared").canonicalize().ok().filter(|folder| folder.is_dir())
}

/// A runner of cases that are the same in every run: the first number of them, or the second where tests are
/// [`deep`].
pub fn laws([few, many]: [u32; 2], seed: u64) -> TestRunner {
    TestRunner::new(Config {
        cases: if deep() { many } else { few },
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    })
}

/// Says that a test does nothing, and why.
///
/// The reason goes to standard error, and to the file named by `LOCKSTEP_SKIP_LOG` if that is set:
/// test runners hide what a passing test prints, and `cargo xtask ci` repeats the file instead.
///
/// # Panics
/// If the file cannot be written: a skip must not pass unseen.
#[track_caller]
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
pub fn skip(reason: &str) {
    let place = Location::caller();
    let line = format!("{}:{}: {reason}", place.file(), place.line());
    eprintln!("SKIPPED {line}");
    if let Some(log) = std::env::var_os("LOCKSTEP_SKIP_LOG") {
        let told = append(Path::new(&log), &line);
        assert!(told.is_ok(), "cannot write {}: {told:?}", Path::new(&log).display());
    }
}

/// Appends a line by a single write, as tests of many processes share the file.
fn append(file: &Path, line: &str) -> std::io::Result<()> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)?
        .write_all(format!("{line}\n").as_bytes())
}

/// Whether the tests may take minutes: `LOCKSTEP_DEEP` is `1`, as under `cargo xtask ci --deep`.
pub fn deep() -> bool {
    std::env::var_os("LOCKSTEP_DEEP").is_some_and(|v| v == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace_manifest() {
        let manifest = std::fs::read_to_string(workspace_root().join("Cargo.toml"));
        assert!(manifest.expect("the manifest is there").contains("[workspace]"));
    }

    #[test]
    fn reference_data_is_found_beside_a_checkout_or_not_at_all() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let (root, data) = (place.path().join("checkout"), place.path().join("shared"));
        std::fs::create_dir(&root).expect("the folder can be made");
        assert_eq!(beside(&root), None);
        std::fs::create_dir(&data).expect("the folder can be made");
        assert_eq!(beside(&root), data.canonicalize().ok());
    }

    #[test]
    fn each_skip_adds_a_line_to_the_log() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("skips");
        append(&log, "a").expect("the log can be made");
        append(&log, "b").expect("the log can grow");
        assert_eq!(std::fs::read_to_string(log).expect("the log is there"), "a\nb\n");
    }
}
