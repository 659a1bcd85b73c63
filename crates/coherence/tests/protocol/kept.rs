//! Counter-examples kept as files: each seeded fault by acts that once led to it, the shortest ones of the
//! search and those that random schedules shrank to. They lead to it still, and without the fault they do
//! no harm, in the tables and in the machine's controllers. A schedule without a fault once showed one of
//! the protocol's own.
//!
//! With `LOCKSTEP_KEEP` set, the test that shrinks random schedules writes its files anew.

use std::path::{Path, PathBuf};

use coherence::Mutant;
use coherence::model::Schedule;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedules")
}

/// Keeps what a random schedule shrank to, if that is asked for.
pub(crate) fn keep(mutant: Mutant, schedule: &Schedule) {
    if std::env::var_os("LOCKSTEP_KEEP").is_some() {
        let path = folder().join(format!("random/{mutant:?}.schedule"));
        let fault = schedule.replay().fault.expect("it shows the fault");
        std::fs::write(path, format!("{schedule}# {fault}\n")).expect("written");
    }
}

fn read(path: &Path) -> Schedule {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("{}:{e}", path.display()))
}

/// The files of a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|e| e == "schedule")).collect()
}

#[test]
fn kept_counter_examples_show_their_faults_and_do_no_harm_without() {
    for folder in [folder(), folder().join("random")] {
        let mut shown = Vec::new();
        for path in files(&folder) {
            let (schedule, path) = (read(&path), path.display());
            let replay = schedule.replay();
            assert_eq!(
                replay.fault.is_some(),
                schedule.mutant.is_some(),
                "{path}: {:?}",
                replay.fault
            );
            shown.extend(schedule.mutant);
            let sound = Schedule { mutant: None, ..schedule };
            assert_eq!(sound.replay().fault, None, "{path} in the tables");
            assert_eq!(sound.replay_in_controllers().fault, None, "{path} in the controllers");
        }
        shown.sort_unstable();
        // Random schedules are of one level.
        let random = folder.ends_with("random");
        let all = Mutant::ALL.into_iter().filter(|m| !random || !m.needs_packages());
        assert_eq!(shown, all.collect::<Vec<_>>(), "{}", folder.display());
    }
}
