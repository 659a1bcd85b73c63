//! Framed links in machines: exact without errors, in order with them, loud where they end.

use lockstep::base::{Addr, Class, Fs, Head, LinkIdx, NodeIdx, Op, Record, Rmw, ThreadIdx};
use lockstep::machine::{Cut, Machine, Network, Options, RunError, Summary, changes, losing_class};
use lockstep::topology::Description;
use lockstep::topology::describe::{FramedForm, LinkForm};
use lockstep::topology::phy::{BurstForm, Chance, EventForm, Happening, Undetected};
use lockstep::topology::units::Span;
use lockstep::traffic::Trace;
use proptest::prelude::*;
use tests::drive::LonePackets;
use tests::parts::same;

/// Every thread loads, stores and adds all over the pool, a few lines of it shared.
fn program() -> Vec<Record> {
    let record = |n: u64| {
        let thread = ThreadIdx(u32::try_from(n % 8).expect("eight"));
        let far = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44 << 3;
        let op = match n / 8 % 4 {
            0 | 1 => Op::Load { addr: Addr(far), size: 8 },
            2 => Op::Store { addr: Addr(far), size: 8, value: None },
            _ => Op::Atomic { addr: Addr(n % 5 * 4096), size: 8, rmw: Rmw::Add(1) },
        };
        Record { thread, op }
    };
    (0..8 * 250).map(record).collect()
}

/// The framed machine of 8 nodes, its link class changed.
fn machine(change: impl FnOnce(&mut FramedForm)) -> Description {
    let mut d = Description::shipped("nvl8-framed").expect("it ships");
    if let Some(LinkForm::Framed(form)) = d.links.get_mut("nvlink4") {
        change(form);
    }
    d
}

fn noisy(form: &mut FramedForm) {
    form.ber = Some(Chance(4e-4));
    form.code.strength = Some(5);
}

/// Runs the program, in one piece and in parts.
fn replay(d: &Description, shuffle: u64) -> Result<Summary, RunError> {
    let spec = d.elaborate().expect("a sound machine");
    let trace = Trace::from_records(program()).expect("a sound trace");
    let options = Options { shuffle: Some(shuffle), ..Options::default() };
    let parts = Options { threads: 2, cut: Cut::Drawn { parts: 4, seed: shuffle }, ..options };
    // Where tables change the machine stays whole.
    let whole = !changes(&spec, options.seed).expect("they can be told").is_empty();
    match same(&spec, &trace, parts) {
        Ok(parts) => assert!((parts == 1) == whole && parts <= 4, "{parts} partitions"),
        Err(difference) => panic!("{difference}"),
    }
    let mut machine = Machine::new(&spec, &trace, options)?;
    machine.run()?;
    Ok(machine.summary())
}

/// Slot by slot with a pencil: 2 lanes of 106.25 Gb/s, frames of 5,440 bits (25.6 ns) with 160 slots of
/// 4 B, of which a flit of 32 B takes 8; a node hands over a cycle after the offer.
#[test]
fn a_lone_packets_latency_is_the_pencils() {
    let d = machine(|form| form.ber = Some(Chance(0.0)));
    let spec = d.elaborate().expect("a sound machine");
    let mut net = LonePackets::new(&spec);
    // Femtoseconds of an edge of the nodes' clock, and of the switches'.
    let node = |k: u128| k * 1_000_000_000_000 / 1_755_000;
    let switch = |k: u128| k * 1_000_000_000_000 / 1_700_000;
    let edge = |t: u128, mhz: u128| (t * mhz).div_ceil(1_000_000_000);
    // A frame's end after the slot that begins at or after an instant, and the flits' ways behind it.
    let frame_end = |t: u128| (t.div_ceil(160_000) + 7) / 160 * 25_600_000 + 25_600_000;
    let behind = 20_000_000 + 50_000_000 + 2_300_000;
    for src in 0..8 {
        for dst in (0..8).filter(|d| *d != src) {
            let start = net.start().plus((src * 5 + dst) % 13);
            let head = Head {
                src: NodeIdx(src),
                dst: NodeIdx(dst),
                flow: src,
                class: Class::Req,
                state: 0,
            };
            let there = net.send(start, head, 1);
            let out = frame_end(node(u128::from(start.0) + 1)) + behind;
            let at_switch = edge(out, 1_700) + 2;
            // RC 2, VA 1, SA 1, ST 24.
            let back = frame_end(switch(at_switch + 28)) + behind;
            let arrival = edge(back, 1_755) + 2;
            assert_eq!(u128::from(there.edge.0), arrival, "{src} to {dst} at {start}");
            let parts: u64 = there.timeline.parts().iter().sum();
            let span = node(arrival) - node(start.0.into());
            assert_eq!(u128::from(parts), span, "{src} to {dst}");
        }
    }
}

#[test]
fn errors_change_when_and_never_what_whatever_the_order_of_stepping() {
    let clean = replay(&machine(|_| {}), 1).expect("it runs");
    let one = replay(&machine(noisy), 1).expect("it runs");
    let other = replay(&machine(noisy), 99).expect("it runs");
    assert!(one.checks.clean() && clean.checks.clean(), "{:?}", one.checks);
    assert_eq!(one.digest, other.digest);
    assert_ne!(one.digest, clean.digest);
    let phy = one.phy.expect("it is framed");
    assert!(phy.replays > 20 && phy.uncorrectable > phy.replays, "{phy:?}");
    assert!(!one.sickest.is_empty());
    assert_eq!(clean.phy.map(|p| (p.replays, p.uncorrectable)), Some((0, 0)));
    assert!(one.time > clean.time);
}

/// Lanes that are bad most of the time, stays of a million bits, acks that take a hundred times what the buffer covers.
#[test]
fn links_that_hardly_pass_anything_get_it_through_soon() {
    type Change = fn(&mut FramedForm);
    let burst = |rate, mean_bits, error| BurstForm {
        rate: Some(Chance(rate)),
        mean_bits: Some(Chance(mean_bits)),
        error: Some(Chance(error)),
    };
    let cases: [(&str, Change); 3] = [
        ("nvlink5", |f| f.code.strength = Some(5)),
        ("pcie6_cxl", |f| f.replay.retrain = "40 ms".parse().ok()),
        ("ucie_standard", |f| f.serdes = "20 us".parse().ok()),
    ];
    let bursts = [burst(0.001, 40.0, 0.002), burst(1e-7, 1e6, 0.01), burst(1e-6, 500.0, 0.5)];
    for ((class, change), burst) in cases.into_iter().zip(bursts) {
        let d = machine(|form| {
            *form = FramedForm {
                class: Some(class.to_owned()),
                burst: burst.clone(),
                ..Default::default()
            };
            form.reach = "1 m".parse().ok();
            change(form);
        });
        let spec = d.elaborate().expect("a sound machine");
        let few = Trace::from_records(program().into_iter().take(8 * 12)).expect("sound");
        let mut machine =
            Machine::new(&spec, &few, Options::default()).expect("it passes something");
        machine.run().unwrap_or_else(|e| panic!("{class}: {e}"));
        let run = machine.summary();
        assert!(run.checks.clean(), "{class}");
        assert!(run.phy.as_ref().is_some_and(|p| p.uncorrectable > 100), "{class}: {:?}", run.phy);
    }
}

#[test]
fn links_that_pass_nearly_nothing_are_refused_by_their_key() {
    let lost = |change: fn(&mut FramedForm)| {
        let spec = machine(change).elaborate().expect("a sound description");
        losing_class(&spec).map(|l| l.key)
    };
    assert_eq!(lost(|_| ()), None);
    let ber = lost(|form| form.ber = Some(Chance(0.01)));
    assert_eq!(ber.as_deref(), Some("links.\"nvlink4\".ber"));
    let burst = lost(|form| {
        form.burst = BurstForm {
            rate: Some(Chance(0.1)),
            mean_bits: Some(Chance(1e6)),
            error: Some(Chance(0.5)),
        };
    });
    assert_eq!(burst.as_deref(), Some("links.\"nvlink4\".burst"));
}

#[test]
fn bursts_on_lanes_are_survived() {
    let d = machine(|form| {
        form.burst = BurstForm {
            rate: Some(Chance(2e-6)),
            mean_bits: Some(Chance(300.0)),
            error: Some(Chance(0.5)),
        };
    });
    let run = replay(&d, 3).expect("it runs");
    assert!(run.checks.clean() && run.phy.is_some_and(|p| p.uncorrectable > 100), "{:?}", run.phy);
}

#[test]
fn what_nobody_notices_is_noticed_by_the_checker_or_poisoned() {
    let with = |undetected| {
        machine(|form| {
            noisy(form);
            form.replay.crc_bits = Some(1);
            form.replay.undetected = Some(undetected);
        })
    };
    let silent = replay(&with(Undetected::Silent), 1).expect("it runs");
    let poison = replay(&with(Undetected::Poison), 1).expect("it runs");
    let counts = |s: &Summary| s.phy.map(|p| (p.poisoned_packets, p.corrupted_packets));
    assert!(counts(&silent).is_some_and(|(p, c)| p == 0 && c > 0), "{:?}", silent.phy);
    assert!(silent.checks.coherence_violations > 0, "wrong data went unseen");
    assert!(counts(&poison).is_some_and(|(p, c)| p > 0 && c == 0), "{:?}", poison.phy);
    assert_eq!(poison.checks.coherence_violations, 0);
}

fn event(from: &str, to: &str, at_us: u64, what: Happening) -> EventForm {
    let at = Span(Fs::from_ns(at_us * 1_000));
    EventForm { link: (from.to_owned(), to.to_owned()), nth: 0, at, what }
}

#[test]
fn lanes_fail_and_links_come_back_and_nothing_is_lost() {
    let mut d = machine(|form| form.widths = Some(vec![1]));
    d.events = vec![
        event("node0", "switch1", 5, Happening::LaneFails(1)),
        event("switch2", "node3", 5, Happening::Retrain),
        event("node4", "switch0", 5, Happening::Down),
        event("node4", "switch0", 30, Happening::Up),
    ];
    let run = replay(&d, 5).expect("it runs");
    assert!(run.checks.clean(), "{:?}", run.checks);
    assert_eq!(run.phy.map(|p| p.retrains), Some(3));
    let lanes = run.sickest.iter().filter_map(|l| l.phy.as_ref()).map(|p| p.lanes).min();
    assert_eq!(lanes, Some(1));
}

#[test]
fn a_link_that_stays_down_is_named() {
    let mut d = machine(|_| {});
    d.events = cut_off("node0", 5);
    match replay(&d, 5) {
        Err(RunError::LinkDown { link, why, explanation, .. }) => {
            assert_eq!(link, "node0 -> switch0");
            assert!(
                why.contains("5.000 us") && explanation.contains("cannot reach"),
                "{explanation}"
            );
        }
        other => panic!("it is stuck, and not {other:?}"),
    }
}

/// All links of a node go down.
fn cut_off(node: &str, at_us: u64) -> Vec<EventForm> {
    let links = [5, 4, 4, 5].into_iter().enumerate();
    let all = links.flat_map(|(switch, count)| (0..count).map(move |nth| (switch, nth)));
    all.map(|(switch, nth)| EventForm {
        nth,
        ..event(node, &format!("switch{switch}"), at_us, Happening::Down)
    })
    .collect()
}

/// All links from node 0 to switch 1 go down in the middle, and come up, or do not.
#[test]
fn packets_go_around_links_that_go_down_in_a_run() {
    let clean = replay(&machine(|_| {}), 1).expect("it runs");
    for comes_back in [false, true] {
        let mut d = machine(|form| form.replay.retrain = Some(Span(Fs::from_ns(1_000))));
        for nth in 0..4 {
            let at = |at_us, what| EventForm { nth, ..event("node0", "switch1", at_us, what) };
            d.events.push(at(5, Happening::Down));
            if comes_back {
                d.events.push(at(9, Happening::Up));
            }
        }
        let run = replay(&d, 5).expect("there is a way around");
        let other = replay(&d, 77).expect("there is a way around");
        assert!(run.checks.clean(), "{:?}", run.checks);
        assert_eq!(run.digest, other.digest, "whatever the order of stepping");
        let phy = run.phy.expect("framed");
        assert_eq!(phy.reroutes, if comes_back { 2 } else { 1 });
        assert!(phy.resent_packets > 0, "{phy:?}");
        assert_eq!(run.transactions, clean.transactions);
        let sum: f64 = run.breakdown_ns.iter().map(|(_, ns)| ns).sum();
        assert!((sum - run.latency.mean_ns()).abs() < 1e-6, "{sum} {}", run.latency.mean_ns());
    }
}

/// A link that goes down while a single packet is on it, and comes up when everyone has long been waiting.
#[test]
fn a_cut_off_node_is_reached_again_when_a_link_comes_up() {
    let mut d = machine(|form| form.replay.retrain = Some(Span(Fs::from_ns(1_000))));
    d.events = cut_off("node0", 5);
    d.events.push(event("node0", "switch2", 400, Happening::Up));
    let run = replay(&d, 5).expect("it comes back");
    assert!(run.checks.clean() && run.time > Fs::from_ns(400_000), "{:?} {}", run.checks, run.time);
    assert!(run.phy.is_some_and(|p| p.reroutes == 1 && p.resent_packets > 0), "{:?}", run.phy);
}

#[test]
fn a_short_replay_buffer_costs_throughput_and_nothing_else() {
    let spec = |frames| {
        machine(|form| {
            form.replay.buffer_frames = Some(frames);
            form.replay.ack_every = Some(1);
        })
    };
    let (deep, shallow) =
        (replay(&spec(128), 1).expect("it runs"), replay(&spec(2), 1).expect("it runs"));
    assert!(shallow.checks.clean() && shallow.time > deep.time, "{} {}", shallow.time, deep.time);
    let stalls = |s: &Summary| {
        s.busiest.iter().filter_map(|l| l.phy.as_ref()).map(|p| p.buffer_stalls).sum::<u64>()
    };
    assert!(stalls(&deep) == 0 && stalls(&shallow) > 0);
}

#[test]
fn an_idle_link_is_accounted_for_and_costs_energy() {
    let spec = machine(|_| {}).elaborate().expect("a sound machine");
    let net = Network::<_, ()>::new(&spec, spec.fabric.routing.clone());
    let net = net.expect("it is modelled");
    let account = net.wiring().links().account(LinkIdx(0), Fs::from_ns(256_000)).expect("framed");
    assert_eq!((account.frames, account.idle), (0, 10_000));
    assert_eq!(account.energy_fj, 10_000 * 5440 * 5600);
}

#[test]
fn a_table_leads_around_links_that_are_down_from_the_start() {
    let mut d = machine(|_| {});
    let down = |nth| EventForm { nth, ..event("node0", "switch1", 0, Happening::Down) };
    d.events = (0..4).map(down).collect();
    let run = replay(&d, 5).expect("there is a way around");
    assert!(run.checks.clean());
    let used = run.busiest.iter().any(|l| l.name == "node0 -> switch1");
    assert!(!used, "{:?}", run.busiest);
}

/// What goes wrong in a machine of 8 nodes.
#[derive(Clone, Debug)]
struct Trouble {
    seed: u64,
    ber_log: f64,
    burst: bool,
    buffer_frames: u32,
    /// Link from a node to a switch, what, and when in nanoseconds.
    events: Vec<(u8, u8, u8, u64)>,
    spare: u32,
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let events = proptest::collection::vec((0_u8..8, 0_u8..4, 0_u8..4, 0_u64..12_000), 0..6);
    (any::<u64>(), 3.3_f64..5.0, any::<bool>(), 2_u32..40, events, 0_u32..2).prop_map(
        |(seed, ber_log, burst, buffer_frames, events, spare)| Trouble {
            seed,
            ber_log,
            burst,
            buffer_frames,
            events,
            spare,
        },
    )
}

fn troubled(t: &Trouble) -> Description {
    let mut d = machine(|form| {
        form.ber = Some(Chance(10_f64.powf(-t.ber_log)));
        form.code.strength = Some(5);
        form.widths = Some(vec![1]);
        form.spare_lanes = Some(t.spare);
        form.replay.buffer_frames = Some(t.buffer_frames);
        form.replay.ack_every = Some(1);
        form.replay.retrain = Some(Span(Fs::from_ns(2_000)));
        form.burst = BurstForm {
            rate: Some(Chance(if t.burst { 1e-6 } else { 0.0 })),
            mean_bits: Some(Chance(80.0)),
            error: Some(Chance(0.5)),
        };
    });
    for (node, switch, what, at) in &t.events {
        let event = |at_ns: u64, what| {
            let link = (format!("node{node}"), format!("switch{switch}"));
            EventForm { link, nth: 0, at: Span(Fs::from_ns(at_ns)), what }
        };
        d.events.push(match what {
            0 => event(*at, Happening::LaneFails(0)),
            1 => event(*at, Happening::Retrain),
            2 => event(*at, Happening::LaneFails(1)),
            _ => event(*at, Happening::Down),
        });
        if *what == 3 {
            d.events.push(event(at + 3_000, Happening::Up));
        }
    }
    d
}

/// Credits held, returning, on the wire and buffered sum to the buffer's depth at every instant, through
/// losses, replays, training, outages and narrower links, and nothing is lost at the end.
#[test]
fn credits_are_conserved_through_every_error_retrain_and_degradation() {
    let (retrained, dropped) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let result = tests::laws([12, 300], 8).run(&trouble(), |t| {
        // A lane that fails twice over on both of two lanes leaves no width: that link is down for good.
        let spec = troubled(&t).elaborate().map_err(|e| TestCaseError::fail(e.to_string()))?;
        let trace = Trace::from_records(program().into_iter().take(8 * 60))
            .map_err(|e| TestCaseError::fail(e.to_string()))?;
        let options = Options { seed: t.seed, shuffle: Some(t.seed), ..Options::default() };
        let mut machine =
            Machine::new(&spec, &trace, options).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let mut instants = 0_u64;
        let law = |machine: &Machine| {
            let flits = machine.flits();
            prop_assert_eq!(
                flits.lost(machine.flits_present()),
                0,
                "{:?} at {}",
                flits,
                machine.now()
            );
            Ok(())
        };
        loop {
            match machine.step() {
                Ok(true) => {}
                Ok(false) => break,
                Err(RunError::LinkDown { .. }) => return Ok(()),
                Err(e) => return Err(TestCaseError::fail(e.to_string())),
            }
            instants += 1;
            if instants.is_multiple_of(7) {
                let (lost, losses) = machine.lost_credits();
                prop_assert_eq!(lost, 0, "{:?} at {}", losses, machine.now());
                law(&machine)?;
            }
        }
        law(&machine)?;
        let flits = machine.flits();
        dropped.set(dropped.get() + flits.dropped);
        // What was dropped was offered again, with the flits of its packets that had arrived already.
        prop_assert!(flits.again >= flits.dropped && machine.flits_present() == 0, "{:?}", flits);
        let summary = machine.summary();
        retrained.set(retrained.get() + summary.phy.map_or(0, |p| p.retrains));
        prop_assert!(summary.checks.clean(), "{:?}", summary.checks);
        Ok(())
    });
    if let Err(told) = result {
        panic!("{told}");
    }
    assert!(retrained.get() > 10, "{} trainings are too few", retrained.get());
    assert!(dropped.get() > 20, "{} flits dropped are too few", dropped.get());
}
