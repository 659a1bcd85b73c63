//! Laws of framed links: order, exactly once, rate, repair.

use base::{Fs, VcIdx};
use clock::Edge;
use proptest::prelude::*;

use super::flit;
use super::support::{BACK, THERE, all, class, credits, mhz, pair};
use crate::{Burst, Code, LaneFault, LinkEvent};

#[test]
fn a_flit_leaves_with_its_frame() {
    let mut links = pair(class(), Fs::from_ns(5), mhz(1000), &[], 1);
    // Handed over at 1 ns: the slot that begins at 1.6 ns, of frame 0, which ends at 6.4 ns.
    let t = links.send(THERE, flit(1), Edge(1));
    assert_eq!((t.serialized, t.fec, t.replay, t.flight).0, Fs(6_400_000));
    assert_eq!((t.serdes, t.fec), (Fs(11_400_000), Fs(21_400_000)));
    assert_eq!((t.replay, t.flight), (Fs(21_400_000), Fs(26_400_000)));
    assert_eq!((t.visible, t.ready), (Edge(29), Edge(2)));
    // Four more come in time for the frame, the next takes the next.
    let ends: Vec<_> =
        (2..12).map(|n| links.send(THERE, flit(n), Edge(n.into())).serialized.0).collect();
    assert_eq!(ends[..4], [6_400_000; 4]);
    assert_eq!(ends[4], 12_800_000);
}

/// A header has room for one VC's count, and a count tells all of its credits.
#[test]
fn vcs_take_turns_in_headers_and_credits_do_not_queue() {
    let mut class = class();
    class.layout.credits = 1;
    let mut links = pair(class, Fs::ZERO, mhz(1000), &[], 1);
    let told: Vec<Edge> =
        (0..40).map(|n| links.send_credit(THERE, VcIdx(n % 4), Edge(1))).collect();
    let frame = |n: u64| Edge((6_400_000 * (n + 2) + 15_000_000_u64).div_ceil(1_000_000) + 3);
    for (n, at) in told.iter().enumerate() {
        assert_eq!(*at, frame(n as u64 % 4), "credit {n}");
    }
    // They are taken in the order of time, all of a frame together.
    for n in 0..4 {
        let taken = core::iter::from_fn(|| links.receive_credit(THERE, frame(n)));
        assert_eq!(taken.collect::<Vec<_>>(), [VcIdx(u8::try_from(n).unwrap()); 10]);
    }
}

#[test]
fn a_credit_rides_in_the_next_frame_back() {
    let mut links = pair(class(), Fs::from_ns(5), mhz(1000), &[], 1);
    // Leaves at 1 ns: the frame from 6.4 to 12.8 ns carries it, 20 ns more, two edges, one to process.
    assert_eq!(links.send_credit(THERE, VcIdx(3), Edge(1)), Edge(33 + 2 + 1));
}

#[test]
fn clocks_that_differ_are_crossed_by_an_elastic_buffer() {
    let mut class = class();
    // 50 bits of a lane a skip, every 100 frames of 640 bits; 800 ns, of half of 80 bits: 0.4 ns.
    class.skip = Some(crate::Skip { bits: 200, every_frames: 100 });
    class.elastic_bits = 80;
    let common =
        pair(class.clone(), Fs::from_ns(5), mhz(1000), &[], 1).send(THERE, flit(1), Edge(1));
    class.ppm = [300, -300];
    assert!(
        class.elastic(0).is_some_and(|e| e.holds()) && class.elastic(1).is_some_and(|e| e.holds())
    );
    let mut links = pair(class.clone(), Fs::from_ns(5), mhz(1000), &[], 1);
    let own = links.send(THERE, flit(1), Edge(1));
    // The frame is sent 300 ppm faster and waits 0.4 ns more.
    assert_eq!(own.serialized.0, common.serialized.0 * 1_000_000 / 1_000_300);
    assert_eq!((common.visible, own.visible), (Edge(29), Edge(29)));
    // It is as much faster, whatever the receiver's clock.
    let mut links = pair(class, Fs::from_ns(5), mhz(2000), &[], 1);
    let last = stream(&mut links, 80_000);
    let rate = (last.0 - 20_000_000) as f64 / (10_000.0 * 6_400_000.0 * (1.0 + 50.0 / 64_000.0));
    assert!((rate - 1.0 / 1.0003).abs() < 2e-4, "{rate}");
    assert_eq!(all(&mut links, THERE), (0..80_000).collect::<Vec<_>>());
}

/// The sender's half of a cut link has an empty ring: what it tells must not depend on it.
#[test]
fn a_sender_tells_the_same_whether_or_not_it_holds_the_ring() {
    let mut class = class();
    // Frames of 160 bits of a lane, 1.6 ns. 256 bits of a lane a skip, every 1,200 frames, in which 230 bits
    // of drift add up: 2.3 ns that the frame behind a skip waits less than the one before it.
    (class.layout.frame_bits, class.layout.slots, class.code) = (640, 2, Code::none(640));
    class.skip = Some(crate::Skip { bits: 1024, every_frames: 1200 });
    class.elastic_bits = 512;
    class.ppm = [600, -600];
    assert!(class.elastic(0).is_some_and(|e| e.holds()));
    let whole = &mut pair(class.clone(), Fs::from_ns(5), mhz(2500), &[], 1);
    let cut = &mut pair(class, Fs::from_ns(5), mhz(2500), &[], 1);
    let (mut edge, mut last, mut held_up) = (Edge(0), (Edge(0), Fs::ZERO), 0);
    for n in 0..40_000 {
        let there = whole.send(THERE, flit(n), edge);
        assert_eq!(there, cut.launch(THERE, &flit(n), edge), "flit {n}");
        assert!(there.visible >= last.0, "flit {n}");
        // Of a later frame, and seen at the same edge.
        held_up += u32::from(there.visible == last.0 && there.flight > last.1);
        last = (there.visible, there.flight);
        edge = there.ready.max(edge.plus(1));
    }
    assert!(held_up > 5, "{held_up} flits were held up by the one before");
}

/// Sends `flits` one after the other as fast as the link takes them; gives the last edge.
fn stream(links: &mut crate::Links, flits: u32) -> Fs {
    let mut last = Fs::ZERO;
    for n in 0..flits {
        let at = links.ready(THERE);
        if at == Edge::NEVER {
            break;
        }
        last = links.send(THERE, flit(n), at).flight;
    }
    last
}

#[test]
fn a_clean_link_runs_at_its_rate() {
    let mut links = pair(class(), Fs::from_ns(5), mhz(2000), &[], 1);
    let last = stream(&mut links, 80_000);
    // 10,000 frames of 6.4 ns, and 20 ns behind the last.
    assert_eq!(last, Fs(10_000 * 6_400_000 + 20_000_000));
    let account = links.account(THERE, Fs(10_000 * 6_400_000)).unwrap();
    assert_eq!((account.frames, account.idle, account.replays), (10_000, 0, 0));
    assert_eq!(account.energy_fj, 10_000 * 2560 * 500);
    let back = links.account(BACK, Fs(10_000 * 6_400_000)).unwrap();
    assert_eq!((back.frames, back.idle, back.energy_fj), (0, 10_000, 10_000 * 2560 * 100));
}

#[test]
fn a_lane_that_fails_halves_the_rate_after_training() {
    let lane = LinkEvent::Lane(LaneFault { way: 1, lane: 2 });
    let events = [(Fs::from_ns(10_000), lane)];
    let mut links = pair(class(), Fs::from_ns(5), mhz(2000), &events, 1);
    let last = stream(&mut links, 40_000);
    let account = links.account(THERE, last).unwrap();
    assert_eq!((account.lanes, account.lanes_failed, account.retrains), (2, 1, 1));
    assert_eq!(account.down, Fs::from_ns(1000));
    assert!(account.replays > 0 && account.replays < 10, "{account:?}");
    // 1,562 frames before, what was under way again, the rest at 12.8 ns from 11 us on.
    let again = account.replays;
    let rest = (5_000 - 1_562 + again) as f64 * 12.8 + 11_000.0 + 20.0;
    assert!((last.as_ns() - rest).abs() < 3.0 * 12.8, "{last:?} {rest}");
    assert_eq!(all(&mut links, THERE), (0..40_000).collect::<Vec<_>>());
}

/// Frames of 6.4 ns with four lanes, 12.8 ns with two: none while it trains for 1 us, and none once it is down.
#[test]
fn frames_are_counted_while_there_are_any_at_the_width_there_is() {
    let events = [
        (Fs::from_ns(6_400), LinkEvent::Lane(LaneFault { way: 0, lane: 1 })),
        (Fs::from_ns(7_400 + 12_800), LinkEvent::Down),
    ];
    let links = pair(class(), Fs::from_ns(5), mhz(2000), &events, 1);
    let frames = |ns| links.account(THERE, Fs::from_ns(ns)).expect("framed").frames_all;
    assert_eq!([640, 6_400].map(frames), [100, 1_000]);
    // It trains, on two lanes it goes on, it is down for good.
    assert_eq!([7_000, 7_400].map(frames), [1_000, 1_000]);
    let [half, all, later, late] = [7_400 + 6_400, 7_400 + 12_800, 50_000, 9_000_000].map(frames);
    assert!(half.abs_diff(1_500) <= 1 && all.abs_diff(2_000) <= 1, "{half} {all}");
    assert_eq!((later, late), (all, all));
    let account = links.account(THERE, Fs::from_ns(50_000)).expect("framed");
    assert_eq!((account.idle, account.lanes), (account.frames_all, 2));
}

#[test]
fn a_link_that_is_down_for_good_says_so() {
    let events = [(Fs::from_ns(10_000), LinkEvent::Down)];
    let mut links = pair(class(), Fs::from_ns(5), mhz(2000), &events, 1);
    stream(&mut links, 40_000);
    assert_eq!(links.ready(THERE), Edge::NEVER);
    let account = links.account(THERE, Fs::from_ns(20_000)).unwrap();
    assert!(account.dead.is_some() && account.flits < 40_000, "{account:?}");
    let arrived = all(&mut links, THERE);
    assert!(!arrived.is_empty() && arrived.iter().copied().zip(0..).all(|(a, n)| a == n));
    assert_eq!(links.send_credit(THERE, VcIdx(3), Edge(30_000)), Edge::NEVER);
}

/// Blocks of 8 flits at most, of a slot each, behind one of header and before one of check, in frames of 8 slots.
#[test]
fn a_packet_arrives_with_the_check_of_its_block_and_short_ones_cost_more() {
    let mut class = class();
    class.layout.straddle = true;
    let of = crate::Block { unit_slots: 2, slots: 10, header_slots: [1, 1], check_slots: 1 };
    class.layout.block = Some(of);
    let piece = |n: u32, length: u32| base::Flit {
        head: n.is_multiple_of(length),
        tail: (n + 1).is_multiple_of(length),
        flits: u16::try_from(length).expect("short"),
        ..flit(n)
    };
    let mut links = pair(class.clone(), Fs::from_ns(5), mhz(2000), &[], 1);
    // 8 flits take 10 slots: their check is in the second frame, and so are all of them.
    for n in 0..8 {
        let at = links.ready(THERE);
        assert_eq!(
            links.send(THERE, piece(n, 8), at).replay,
            Fs(12_800_000 + 15_000_000),
            "flit {n}"
        );
    }
    // Flits a slot, of packets of 1, 2, 8 and 20: 1 of 4, 2 of 4, 8 of 10, 20 of 10 + 10 + 6.
    for (length, slots) in [(1_u32, 4_u64), (2, 4), (8, 10), (20, 26)] {
        let mut links = pair(class.clone(), Fs::from_ns(5), mhz(2000), &[], 1);
        let mut last = Fs::ZERO;
        for n in 0..length * 2_000 {
            let at = links.ready(THERE);
            last = links.send(THERE, piece(n, length), at).replay;
        }
        let wire = 2_000 * slots * 800_000 + 15_000_000;
        assert!(last.0.abs_diff(wire) <= 6_400_000, "{length}: {last} {wire}");
        let account = links.account(THERE, last).expect("framed");
        assert_eq!((account.slots, account.flits), (2_000 * slots, u64::from(length) * 2_000));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn everything_arrives_once_in_order_whatever_the_errors(
        seed in any::<u64>(), log_ber in 3.0_f64..7.0, burst in proptest::option::of(5.0_f64..8.0),
        buffer in 1_u32..80, ack_every in 1_u32..80, nak_copies in 1_u32..4, retries in 1_u32..5,
        flight in 0_u64..200, pauses in proptest::collection::vec(0_u32..60, 1..40), straddle: bool,
        flit_slots in 1_u32..9, strength in 0_u32..3,
        down in proptest::option::of((0_u64..3_000, 0_u64..3_000)), lane in proptest::option::of((0_u64..3_000, 0_u8..2)),
        block in proptest::option::of((0_u32..3, 0_u32..3, 0_u32..3, 1_u16..9)),
    ) {
        let straddle = straddle || block.is_some();
        let mut class = class();
        class.noise.ber = 10_f64.powf(-log_ber);
        class.noise.burst = burst.map(|b| Burst { rate: 10_f64.powf(-b), mean_bits: 12.0, error: 0.5 });
        class.code = Code { symbols: 80, symbol_bits: 8, strength, codewords: 4, interleave: 2 };
        class.layout.straddle = straddle;
        class.layout.flit_slots = flit_slots;
        class.layout.block = block.map(|(log, header, check, _)| crate::Block {
            unit_slots: 1 << log,
            slots: 24,
            header_slots: [header, header / 2],
            check_slots: check,
        });
        let least = if straddle { 2 } else { 1 };
        class.replay.buffer_frames = buffer.max(if block.is_some() { 4 } else { least });
        let length = block.map_or(1, |b| b.3);
        let piece = |n: u32| {
            let at = u16::try_from(n % u32::from(length)).unwrap_or(0);
            base::Flit { head: at == 0, tail: at + 1 == length, flits: length, ..flit(n) }
        };
        class.replay.ack_every = ack_every.min(class.replay.buffer_frames);
        class.replay.nak_copies = nak_copies;
        class.replay.retries = retries;
        class.replay.timeout = Fs::from_ns(2 * flight + 200);
        let mut events = Vec::new();
        if let Some((at, span)) = down {
            events.push((Fs::from_ns(at), LinkEvent::Down));
            events.push((Fs::from_ns(at + span), LinkEvent::Up));
        }
        if let Some((at, way)) = lane {
            events.push((Fs::from_ns(at), LinkEvent::Lane(LaneFault { way, lane: 1 })));
        }
        let mut links = pair(class, Fs::from_ns(flight), mhz(1500), &events, seed);
        let flits = 500;
        let (mut seen, mut told) = (Edge(0), Edge(0));
        let (mut sent, mut given) = (0, 0);
        let (mut there, mut back) = (Edge(0), Edge(0));
        while sent < flits || given < flits {
            // Whatever is earlier: time does not go back.
            if sent < flits && (there <= back || given == flits) {
                let t = links.send(THERE, piece(sent), there);
                prop_assert!(t.visible >= seen && t.ready > there, "{:?} at {:?} after {:?}", t, there, seen);
                prop_assert!(t.serialized <= t.serdes && t.fec <= t.replay && t.flight <= t.crossed);
                seen = t.visible;
                sent += 1;
                there = there.plus(pauses[sent as usize % pauses.len()] % 7).max(links.ready(THERE));
            } else {
                let counts = links.send_credit(THERE, VcIdx(3), back);
                prop_assert!(counts >= told && counts > back, "{:?} at {:?}", counts, back);
                told = counts;
                given += 1;
                back = back.plus(pauses[given as usize % pauses.len()]);
            }
        }
        prop_assert_eq!(all(&mut links, THERE), (0..flits).collect::<Vec<_>>());
        prop_assert_eq!(credits(&mut links, THERE), flits as usize);
    }
}

mod against_steps {
    use std::collections::BTreeSet;

    use super::super::stepped::{Fault, Given, Out, Rules, run};
    use super::*;
    use crate::errors::Corrupted;

    /// A case: what both machines are built from.
    #[derive(Clone, Debug)]
    struct Case {
        seed: u64,
        ber: f64,
        buffer: u32,
        ack_every: u32,
        ack_delay_ns: u64,
        nak_copies: u32,
        flight_ns: u64,
        pauses: Vec<u32>,
        /// VCs of a header at most; pauses between credits that are returned, and their VCs.
        credits: u32,
        returns: Vec<(u32, u8)>,
    }

    /// Flits, and credits.
    const ITEMS: u32 = 200;

    /// What the links know at once of the flits and credits of a case; and when they were handed over.
    fn at_once(case: &Case, class: crate::FrameClass) -> (Out, Vec<u64>, Vec<(u64, u8)>) {
        let mut links = pair(class, Fs::from_ns(case.flight_ns), mhz(1000), &[], case.seed);
        let mut out = Out::default();
        let (mut handed, mut returned) = (Vec::new(), Vec::new());
        let (mut there, mut back) = (Edge(0), Edge(0));
        // A credit's frame by its edge: 20 ns and the flight behind it, two edges more.
        let behind = 15_000_000 + case.flight_ns * 1_000_000;
        let number = |n: usize| u32::try_from(n).expect("few");
        while handed.len() < ITEMS as usize || returned.len() < ITEMS as usize {
            let flit_next =
                returned.len() == ITEMS as usize || handed.len() < ITEMS as usize && there <= back;
            if flit_next {
                handed.push(there.0 * 1_000_000);
                let n = number(handed.len() - 1);
                let end = links.send(THERE, flit(n), there).replay.0 - 15_000_000;
                out.flits.push((n, end / 6_400_000 - 1));
                there = there
                    .plus(case.pauses[handed.len() % case.pauses.len()])
                    .max(links.ready(THERE));
            } else {
                let (pause, vc) = case.returns[returned.len() % case.returns.len()];
                returned.push((back.0 * 1_000_000, vc));
                let seen = links.send_credit(THERE, VcIdx(vc), back).0 - 3;
                // The edge at or after the end of a frame; frames are longer than a cycle.
                let frame = (seen * 1_000_000 - behind) / 6_400_000 - 1;
                out.credits.push((number(returned.len() - 1), frame));
                back = back.plus(pause);
            }
        }
        (out, handed, returned)
    }

    /// Frames in which flits and credits are accepted, as the links know at once and as is stepped.
    fn both(case: &Case, bits: u32, fault: Fault) -> (Out, Out) {
        let mut class = class();
        class.layout.credits = case.credits;
        class.noise.ber = case.ber;
        class.replay.buffer_frames = case.buffer;
        class.replay.ack_every = case.ack_every.min(case.buffer);
        class.replay.ack_delay = Fs::from_ns(case.ack_delay_ns);
        class.replay.nak_copies = case.nak_copies;
        class.replay.retries = 1 << 16;
        class.replay.timeout = Fs::from_ns(2 * case.flight_ns + 200);
        let shape = class.shape();
        let lost = [0, 1].map(|way| {
            let mut source = Corrupted::new(case.seed, way, &shape, &class.noise);
            let frames = core::iter::from_fn(|| Some(source.next()));
            frames.take_while(|f| *f < 40_000).collect::<BTreeSet<u64>>()
        });
        let rules = Rules {
            frame: 6_400_000,
            latency: 15_000_000 + case.flight_ns * 1_000_000,
            slots: 8,
            bits,
            buffer: case.buffer as usize,
            ack_every: class.replay.ack_every.into(),
            ack_delay: class.replay.ack_delay.0,
            nak_copies: case.nak_copies.into(),
            timeout: class.replay.timeout.0,
            credits: case.credits.into(),
            fault,
        };
        let (ours, flits, credits) = at_once(case, class);
        let given = Given { flits: &flits, credits: &credits };
        let steps = run(&rules, given, [&lost[0], &lost[1]], 40_000);
        (ours, steps)
    }

    fn cases() -> impl Strategy<Value = Case> {
        (
            (any::<u64>(), 4.0_f64..7.0, 2_u32..40, 1_u32..8),
            (0_u64..60, 1_u32..4, 0_u64..100, proptest::collection::vec(0_u32..40, 1..20)),
            (1_u32..6, proptest::collection::vec((0_u32..20, 0_u8..8), 1..20)),
        )
            .prop_map(
                |(
                    (seed, log, buffer, ack_every),
                    (ack_delay_ns, nak_copies, flight_ns, pauses),
                    (credits, returns),
                )| {
                    let ber = 10_f64.powf(-log);
                    Case {
                        seed,
                        ber,
                        buffer,
                        ack_every,
                        ack_delay_ns,
                        nak_copies,
                        flight_ns,
                        pauses,
                        credits,
                        returns,
                    }
                },
            )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn what_is_known_at_once_is_what_two_state_machines_come_to(case in cases()) {
            let (ours, steps) = both(&case, 12, Fault::Sound);
            prop_assert_eq!(ours, steps);
        }
    }

    /// A case with many losses both ways, of frames, replays and naks.
    fn noisy(seed: u64) -> Case {
        let pauses = vec![0, 3, 1, 9, 0, 0, 25];
        Case {
            seed,
            ber: 4e-5,
            buffer: 12,
            ack_every: 3,
            ack_delay_ns: 30,
            nak_copies: 1,
            flight_ns: 40,
            pauses,
            credits: 2,
            returns: vec![(2, 0), (0, 1), (7, 2), (1, 0), (0, 3)],
        }
    }

    #[test]
    fn a_machine_with_a_fault_comes_to_something_else() {
        for fault in [
            Fault::NakDropped,
            Fault::SequenceWrap,
            Fault::NoSequenceCheck,
            Fault::GoesBackShort,
            Fault::AckTooFar,
            Fault::CreditLostOnReplay,
        ] {
            let differs = |seed| {
                let (ours, steps) = both(&noisy(seed), 12, fault);
                ours != steps
            };
            assert!((0..20).any(differs), "{fault:?} was not noticed");
        }
        // Credits that are told once and not kept as counts never come back.
        let missing = |seed| {
            let (_, steps) = both(&noisy(seed), 12, Fault::CreditLostOnReplay);
            steps.credits.len() < ITEMS as usize
        };
        assert!((0..20).all(missing), "no credit was lost on a replay");
        for seed in 0..20 {
            let (ours, steps) = both(&noisy(seed), 12, Fault::Sound);
            let first = ours.flits.iter().zip(&steps.flits).position(|(a, b)| a != b);
            assert_eq!(ours, steps, "seed {seed}: {first:?}");
        }
    }
}
