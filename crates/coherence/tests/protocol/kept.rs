//! Counter-examples kept as files: each seeded fault by acts that once led to it. They lead to it still,
//! and without the fault they do no harm, in the tables and in the machine's controllers.

use std::path::Path;

use coherence::Mutant;
use coherence::model::Schedule;

fn kept(mutant: Mutant) -> Schedule {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedules");
    let path = folder.join(format!("{mutant:?}.schedule"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("{}:{e}", path.display()))
}

#[test]
fn kept_counter_examples_show_their_faults_and_do_no_harm_without() {
    for mutant in Mutant::ALL {
        let schedule = kept(mutant);
        assert_eq!(schedule.mutant, Some(mutant));
        let replay = schedule.replay();
        assert!(replay.fault.is_some(), "{mutant:?} is not shown any more");
        assert_eq!(replay.skipped, 0, "{mutant:?}");
        let sound = Schedule { mutant: None, ..schedule };
        assert_eq!(sound.replay().fault, None, "{mutant:?} in the tables");
        assert_eq!(sound.replay_in_controllers().fault, None, "{mutant:?} in the controllers");
    }
}
