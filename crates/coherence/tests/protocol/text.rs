//! Schedules as text: what is written is read again, and what cannot be read is told where.

use coherence::Mutant;
use coherence::model::{Networks, Schedule, ScheduleError};

use crate::machine::drawn;

fn read(text: &str) -> Result<Schedule, ScheduleError> {
    text.parse()
}

#[test]
fn what_is_written_is_read_again() {
    for seed in 0..40 {
        let mut schedule = drawn(seed);
        schedule.mutant = (seed % 2 == 0).then_some(Mutant::NoWbWait);
        schedule.shape.networks = (seed % 3 == 0).then_some(Networks::shipped(3));
        schedule.shape.directory_lines = (seed % 5 == 0).then_some(1);
        assert!(schedule.acts.len() >= 20);
        assert_eq!(read(&schedule.to_string()), Ok(schedule));
    }
}

#[test]
fn what_cannot_be_read_is_told_with_its_place_and_mend() {
    let begun = "lockstep-schedule 1\ncaches 2\nbegin\n";
    let cases = [
        ("", "1:1: this is no schedule"),
        ("lockstep-schedule 2\n", "1:1: this is no schedule"),
        ("lockstep-schedule 1\ncashes 2\n", "2:1: no key is called `cashes`"),
        ("lockstep-schedule 1\ncaches 9\n", "2:8: `9` will not do here"),
        ("lockstep-schedule 1\ncaches\n", "2:7: the line ends too early"),
        ("lockstep-schedule 1\nhomes far\n", "2:7: homes cannot be `far`"),
        ("lockstep-schedule 1\nmutant Nobody\n", "2:8: no mutant is called `Nobody`"),
        (
            "lockstep-schedule 1\nprotocol owned dirct\n",
            "2:16: `dirct` is no option of the protocol",
        ),
        ("lockstep-schedule 1\nprotocol\n", "2:9: the line ends too early"),
        ("lockstep-schedule 1\nnetworks Req depth 1\n", "2:10: Fwd is in no network"),
        ("lockstep-schedule 1\ncaches 6\nlines 4\nbegin\nend\n", "4:1: 24 cells"),
        ("lockstep-schedule 1\n", "1:1: the acts are missing"),
        (&format!("{begun}lod n0 line 0\nend\n"), "4:1: no act is called `lod`"),
        (&format!("{begun}load n2 line 0\nend\n"), "4:6: `n2` is no node here"),
        (&format!("{begun}load n1 line 1\nend\n"), "4:14: `1` will not do here"),
        (&format!("{begun}load n1 line 0 now\nend\n"), "4:16: `now` is too much"),
        (&format!("{begun}store n1 line 0\nend\n"), "4:16: the line ends too early"),
        (&format!("{begun}deliver line 0 Get n1 -> home for n1\n"), "4:16: no message is called"),
        (&format!("{begun}deliver line 0 GetS n1 > home\n"), "4:24: `>` stands where `->` should"),
        (&format!("{begun}deliver line 0 GetS n1 -> home for n1 x\n"), "4:39: a message carries"),
        (&format!("{begun}load n1 line 0\n"), "4:1: the schedule does not end"),
    ];
    for (text, told) in cases {
        let error = read(text).expect_err(text).to_string();
        assert!(error.starts_with(told), "{text}\ngives {error}\nand not {told}");
        assert!(error.contains("\n  mend: "), "{error}");
    }
}

#[test]
fn acts_that_cannot_be_done_are_skipped_and_the_rest_is_delivered() {
    let text = "lockstep-schedule 1\nbegin\nload n0 line 0\nevict n1 line 0\nload n0 line 0\nend\n";
    let replay = read(text).expect("a schedule").replay();
    assert_eq!((replay.skipped, replay.fault), (2, None));
    assert_eq!(replay.played.len(), 4, "a load, GetS, DataE and CompAck");
}
