//! Lanes, events and outages.

use base::Fs;

use super::lanes::{Lanes, Outcome};
use super::{Cable, DEAD, LaneFault, LinkEvent, Pending, Trouble, What};
use crate::Code;
use crate::replay::Sender;
use crate::tests::class;
use std::sync::Arc;

fn fault(way: u8, lane: u32) -> LaneFault {
    LaneFault { way, lane }
}

#[test]
fn spares_stand_in_before_the_link_gets_narrower() {
    let mut class = class();
    class.spares.lanes = 1;
    let mut lanes = Lanes::new(&class);
    assert_eq!(lanes.fail(fault(0, 4)), Outcome::Unused, "the spare is not in use");
    let mut lanes = Lanes::new(&class);
    assert_eq!(lanes.fail(fault(0, 1)), Outcome::Spare);
    assert_eq!(lanes.fail(fault(0, 1)), Outcome::Unused, "it has failed already");
    assert_eq!((lanes.fail(fault(0, 2)), lanes.width()), (Outcome::Narrower, 2));
    assert_eq!(lanes.fail(fault(1, 3)), Outcome::Unused, "of 4, 2 are used");
    assert_eq!((lanes.fail(fault(0, 0)), lanes.width()), (Outcome::Spare, 2));
    assert_eq!((lanes.fail(fault(0, 3)), lanes.width()), (Outcome::Narrower, 1));
    assert_eq!((lanes.fail(fault(0, 4)), lanes.width()), (Outcome::Dead, 0));
    assert_eq!(lanes.failed(), 6);
}

fn cable(events: &[(Fs, LinkEvent)]) -> Cable {
    Cable::new(1, 0, &Arc::new(class()), [Fs::from_ns(20); 2], events)
}

#[test]
fn training_takes_both_directions_down_and_frames_under_way_with_it() {
    let mut c = cable(&[(Fs::from_ns(100), LinkEvent::Retrain)]);
    for way in [0, 1] {
        // Frame 15 ends at 102.4 ns.
        assert_eq!(c.accepted(way, 14), (14, 0));
        let (resume, replays) = c.accepted(way, 15);
        assert_eq!((c.way(way).start(resume), replays), (Fs::from_ns(1100), 1));
        assert_eq!(c.accepted(way, resume), (resume, 0));
        assert_eq!(c.legible(way, 15), resume);
    }
    assert_eq!((c.down_at(Fs::from_ns(99)), c.retrains()), (None, 1));
    assert_eq!(c.down_at(Fs::from_ns(100)), Some(Fs::from_ns(1100)));
    assert_eq!(c.down_at(Fs::from_ns(1100)), None);
    assert_eq!(c.down_time(Fs::from_ns(600)), Fs::from_ns(500));
}

#[test]
fn a_link_comes_up_again_when_it_is_told_to_and_trained() {
    let ns = Fs::from_ns;
    let mut c = cable(&[(ns(100), LinkEvent::Down), (ns(5_000), LinkEvent::Up)]);
    let (resume, _) = c.accepted(0, 20);
    assert_eq!(c.way(0).start(resume), ns(6_000));
    assert_eq!(c.dead(ns(90_000)), None);
    let mut c = cable(&[(ns(100), LinkEvent::Down)]);
    assert_eq!((c.accepted(1, 20), c.dead(ns(100))), ((DEAD, 1), Some(Trouble::Down(ns(100)))));
    assert_eq!(c.dead(ns(99)), None, "it was only looked ahead to");
}

#[test]
fn trouble_during_training_makes_it_longer() {
    let ns = Fs::from_ns;
    let mut c = cable(&[
        (ns(100), LinkEvent::Retrain),
        (ns(600), LinkEvent::Lane(fault(0, 0))),
        (ns(700), LinkEvent::Lane(fault(1, 3))),
    ]);
    let (resume, _) = c.accepted(0, 16);
    assert_eq!(c.way(0).start(resume), ns(1_600));
    // Two lanes: frames of 12.8 ns.
    assert_eq!(c.way(0).end(resume), Fs(1_612_800_000));
    assert_eq!((c.width(), c.down_time(ns(9_000))), ((2, 2), ns(1_500)));
    c.advance(ns(9_000));
    assert_eq!(c.calm_until(0, resume), crate::errors::NEVER.min(c.calm_until(0, resume)));
}

#[test]
fn a_frame_that_is_lost_is_repaired_after_a_round_trip() {
    let mut class = class();
    class.noise.ber = 1e-6;
    let mut c = Cable::new(1, 0, &Arc::new(class), [Fs::from_ns(20); 2], &[]);
    let lost = c.ways[0].next_loss().0;
    let (resume, replays) = c.accepted(0, lost);
    assert_eq!(replays, 1);
    // Found 20 ns after its end; the next frame back ends two frames after that at most, and its
    // nak takes 20 ns; the frame on the wire ends within one more.
    let span = c.way(0).start(resume).since(c.way(0).end(lost));
    let frame = Fs(6_400_000);
    assert!(span >= Fs::from_ns(40) + frame && span <= Fs(40_000_000 + 3 * frame.0), "{span:?}");
}

/// Idle frames are lost like any other, and are told apart from those that still matter.
#[test]
fn a_link_that_loses_most_frames_and_is_asked_now_and_then_remembers_little() {
    let mut class = class();
    class.noise.ber = 1e-3;
    class.code = Code::none(class.layout.frame_bits);
    class.replay.retries = 1;
    let loss = class.code.frame_loss(class.noise.ber);
    assert!((0.6..0.95).contains(&loss), "{loss}");
    let latency = [Fs::from_ns(20); 2];
    let mut cable = Cable::new(1, 0, &Arc::new(class.clone()), latency, &[]);
    let mut sender = Sender::new(&class, 0, latency);
    let (mut at, mut idle) = (Fs::ZERO, 0);
    for _ in 0..8 {
        let placed = sender.place(&mut cable, &crate::tests::flit(0), at);
        assert!(placed.accepted < Fs::NEVER);
        assert!(cable.remembers() < 600_000, "{} at {at}", cable.remembers());
        idle = cable.way(0).frame_from(placed.accepted);
        at = placed.accepted + Fs(3 * Fs::PER_SECOND / 1000);
    }
    assert!(idle > 3_000_000, "{idle} frames");
}

/// Nothing is sent, so nothing is lost, however long it takes.
#[test]
fn errors_fall_on_the_frames_that_are_sent() {
    let mut class = class();
    class.noise.ber = 2e-5;
    class.replay.retries = 1_000;
    let losses = |down: Fs| {
        let events = [(Fs::from_ns(50_000), LinkEvent::Down), (down, LinkEvent::Up)];
        let mut c = Cable::new(1, 0, &Arc::new(class.clone()), [Fs::from_ns(20); 2], &events);
        c.advance(down + class.replay.retrain + Fs::from_ns(60_000));
        let way = &c.ways[0];
        (way.lost_of_sent(), way.counts().uncorrectable, way.frames_until(c.horizon()))
    };
    let (few, dealt_with, frames) = losses(Fs::from_ns(51_000));
    let (many, _, _) = losses(Fs(10 * Fs::PER_SECOND));
    assert!(few.len() > 20 && dealt_with > 20, "{few:?}");
    assert_eq!(few[..20], many[..20]);
    let before = few.iter().filter(|f| **f < frames).count() as u64;
    assert_eq!(dealt_with, before);
}

/// Training lets retries start over: those that were under way ask for none of their own.
#[test]
fn a_link_that_was_trained_is_not_trained_again_for_what_was_before() {
    let ns = Fs::from_ns;
    let mut class = class();
    class.noise.ber = 1e-6;
    class.replay.nak_copies = 1;
    class.replay.timeout = ns(80_000);
    class.replay.retries = 1;
    let first = |class: &crate::FrameClass, events: &[(Fs, LinkEvent)]| {
        let mut c = Cable::new(1, 0, &Arc::new(class.clone()), [ns(20); 2], events);
        let lost = c.ways[0].next_loss().0;
        (c, lost)
    };
    let (mut quiet, lost) = first(&class, &[]);
    let at = quiet.ways[0].end(lost) + ns(1_000);
    let arranged = Pending { at: at + ns(100_000), what: What::Spent };
    let (mut c, _) = first(&class, &[(at, LinkEvent::Retrain)]);
    c.arrange(arranged);
    c.advance(at + class.replay.retrain + ns(1));
    assert_eq!((c.retrains(), c.pending.len()), (1, 0));
    quiet.arrange(arranged);
    quiet.advance(arranged.at);
    assert_eq!(quiet.retrains(), 1, "nothing came before");
}
