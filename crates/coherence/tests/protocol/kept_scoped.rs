//! Counter-examples of scoped caches, kept as files: for each seeded fault one of the shortest ways to it.
//! They lead to it still, and without the fault they do no harm, on the lines of the search and on the
//! machine's.
//!
//! With `LOCKSTEP_KEEP` set they are searched and written anew.

use std::path::{Path, PathBuf};

use coherence::scoped::ScopedMutant;
use coherence::scoped::model::{Model, ScopedSchedule, arenas, hunt};

fn path(mutant: ScopedMutant) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedules/scoped");
    folder.join(format!("{mutant:?}.schedule"))
}

/// The schedule of the shortest way that the search finds.
fn found(mutant: ScopedMutant) -> (ScopedSchedule, String) {
    let kill = hunt(mutant, &|_| {}, &|_| {}).expect("it is found");
    let arena = arenas().into_iter().find(|a| a.name == kill.arena).expect("it is known");
    let model = Model { mutant: Some(mutant), ..arena.model };
    (ScopedSchedule::of(&model, &kill.counter_example), kill.counter_example.told())
}

#[test]
fn kept_counter_examples_of_scoped_caches_show_their_faults_and_do_no_harm_without() {
    for mutant in ScopedMutant::ALL {
        let path = path(mutant);
        if std::env::var_os("LOCKSTEP_KEEP").is_some() {
            let (schedule, told) = found(mutant);
            std::fs::write(&path, format!("{schedule}# {told}\n")).expect("written");
        }
        let path_told = path.display();
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path_told}: {e}"));
        let schedule: ScopedSchedule = text.parse().unwrap_or_else(|e| panic!("{path_told}:{e}"));
        assert_eq!(schedule.mutant, Some(mutant), "{path_told}");
        let text = schedule.to_string();
        assert_eq!(text.parse().as_ref(), Ok(&schedule), "{path_told}: {text}");
        let (search, machine) = (schedule.replay(), schedule.replay_in_machine());
        assert!(search.fault.is_some() && machine.fault.is_some(), "{path_told}: {search:?}");
        assert_eq!((search.skipped, machine.skipped), (0, 0), "{path_told}");
        assert_eq!(search.moves.len(), machine.moves.len(), "{path_told}");
        let sound = ScopedSchedule { mutant: None, ..schedule };
        assert_eq!(sound.replay().fault, None, "{path_told}");
        assert_eq!(sound.replay_in_machine().fault, None, "{path_told} in the machine");
    }
}

#[test]
fn a_replay_on_either_kind_of_line_reads_and_sends_the_same() {
    for mutant in ScopedMutant::ALL {
        let (schedule, told) = found(mutant);
        let (search, machine) = (schedule.replay(), schedule.replay_in_machine());
        assert_eq!(search.moves, machine.moves, "{mutant:?}");
        assert_eq!(search.fault, Some(told), "{mutant:?}");
    }
}

/// What is wrong with a text is told with its place and the mend.
#[test]
fn a_text_that_is_no_scoped_schedule_is_told_where_it_is_wrong() {
    let begin = "lockstep-scoped-schedule 1\nnodes 2\n";
    for (rest, place, what) in [
        ("node 3\n", "3:1", "no key is called `node`"),
        ("nodes 9\n", "3:7", "`9` will not do here"),
        ("threads 0 2\nbegin\n", "4:1", "there is no node 2 among 2"),
        ("mutant Nobody\n", "3:8", "no mutant is called `Nobody`"),
        ("begin\nt2 load x\n", "4:1", "no act is called `t2`"),
        ("begin\nt0 load q\n", "4:9", "no word of a line is called `q`"),
        ("begin\nt0 load.package x\n", "4:4", "no operation is called `load.package`"),
        ("begin\nevict n0 attic x\n", "4:10", "a node has no `attic`"),
        ("begin\ndeliver x Reed n0 cache\n", "4:11", "no message is called `Reed`"),
        ("begin\nt0 load x y\n", "4:11", "`y` is too much"),
        ("begin\nt0 load x\n", "4:1", "the schedule does not end"),
    ] {
        let error = format!("{begin}{rest}").parse::<ScopedSchedule>().expect_err(rest);
        let told = error.to_string();
        assert!(told.starts_with(&format!("{place}: {what}")), "{rest}: {told}");
        assert!(told.contains("\n  mend: "), "{told}");
    }
    let told = "lockstep-schedule 1".parse::<ScopedSchedule>().expect_err("another kind");
    assert!(told.to_string().starts_with("1:1: this is no schedule of scoped caches"));
}
