//! Machines whose clocks are as real ones are: whatever edges do, nothing is lost, nothing depends on the
//! order of stepping, and a change of frequency is the same whoever asks for it.

use lockstep::base::{Addr, DomainIdx, Fs, NodeIdx, Op, Record, ThreadIdx};
use lockstep::clock::{ClockParams, Domain, Edge};
use lockstep::machine::{Machine, Options, RetuneError, Summary};
use lockstep::topology::Description;
use lockstep::topology::describe::{
    ChangeForm, CrossingForm, DriftForm, SpreadDirection, SpreadForm, Via,
};
use lockstep::topology::spec::{MachineSpec, NodeEventSpec, NodeHappening};
use lockstep::topology::units::{Frequency, Span};
use lockstep::traffic::Trace;
use proptest::prelude::*;
use tests::programs::programs;

fn frequency(hertz: u64) -> Frequency {
    Frequency((hertz, 1))
}

/// Deviations of one clock.
#[derive(Clone, Debug)]
struct Odd {
    phase: u64,
    ppm: i32,
    drift: Option<u32>,
    spread: Option<(u32, bool)>,
    jitter: u64,
    changes: Vec<(u64, u64)>,
}

fn odd() -> impl Strategy<Value = Odd> {
    let changes = prop::collection::vec((1_u64..400, 500_u64..2_500), 0..4);
    let spread = prop::option::of((100_u32..20_000, any::<bool>()));
    let drift = prop::option::of(1_u32..1_000_000);
    (0_u64..3_000_000, -500_i32..500, drift, spread, 0_u64..20_000, changes).prop_map(
        |(phase, ppm, drift, spread, jitter, changes)| Odd {
            phase,
            ppm,
            drift,
            spread,
            jitter,
            changes,
        },
    )
}

/// A clock without any.
fn calm() -> Odd {
    Odd { phase: 0, ppm: 0, drift: None, spread: None, jitter: 0, changes: vec![] }
}

fn vias() -> impl Strategy<Value = Via> {
    prop_oneof![
        (0_u32..5).prop_map(|edges| Via::Synchronizer { edges }),
        (2_u32..9, 1_u32..4).prop_map(|(depth, stages)| Via::Fifo { depth, stages }),
    ]
}

/// `nvl8` with odd clocks, and any crossing between accelerators and switches.
fn spec(odds: &[Odd; 3], via: Via) -> MachineSpec {
    description(odds, via).elaborate().expect("a sound machine")
}

fn description(odds: &[Odd; 3], via: Via) -> Description {
    let mut d = Description::nvl8();
    for (odd, name) in odds.iter().zip(["accelerator", "switch", "memory"]) {
        let clock = d.clocks.get_mut(name).expect("nvl8 has it");
        clock.phase = Span(Fs(odd.phase));
        clock.ppm = odd.ppm;
        clock.drift = odd.drift.map(|ppb| DriftForm { ppb, every: Span(Fs::from_ns(1_000)) });
        clock.spread = odd.spread.map(|(ppm, down)| SpreadForm {
            direction: if down { SpreadDirection::Down } else { SpreadDirection::Centre },
            ppm,
            rate: frequency(1_000_000),
        });
        clock.jitter = Span(Fs(odd.jitter));
        let mut at = 0;
        for (later, mhz) in &odd.changes {
            at += later;
            let frequency = frequency(mhz * 1_000_000);
            clock.changes.push(ChangeForm { at: Span(Fs::from_ns(at)), frequency });
        }
    }
    let between = ("accelerator".to_owned(), "switch".to_owned());
    d.crossings = vec![CrossingForm { between, via }];
    d
}

fn run(spec: &MachineSpec, trace: &Trace, shuffle: Option<u64>) -> Summary {
    let mut machine = Machine::new(spec, trace, Options { shuffle, ..Options::default() })
        .expect("a sound machine");
    machine.run().expect("a sound run");
    machine.summary()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..Default::default() })]
    #[test]
    fn odd_clocks_lose_nothing_and_leave_the_order_of_stepping_free(
        odds in [odd(), odd(), odd()],
        via in vias(),
        program in programs(),
        shuffle in any::<u64>(),
    ) {
        let Some(trace) = program.trace() else { return Ok(()) };
        let spec = spec(&odds, via);
        let (a, b) = (run(&spec, &trace, None), run(&spec, &trace, Some(shuffle)));
        prop_assert!(a.checks.clean(), "{:?}", a.checks);
        prop_assert_eq!(a.digest, b.digest);
        prop_assert_eq!(a.time, b.time);
    }

    /// A change while the machine runs is the change that its description could have had.
    #[test]
    fn a_change_while_running_is_the_same_as_one_that_was_planned(
        steps in 0_u32..2_000, later in 0_u64..200_000_000, mhz in 300_u64..3_000, domain in 0_usize..3,
        via in vias(), program in programs(),
    ) {
        let Some(trace) = program.trace() else { return Ok(()) };
        let mut tunable = spec(&[calm(), calm(), calm()], via);
        tunable.domains[domain].tunable = true;
        let mut machine = Machine::new(&tunable, &trace, Options::default()).expect("sound");
        for _ in 0..steps {
            if !machine.step().expect("a sound run") {
                break;
            }
        }
        let of = DomainIdx::new(domain);
        let hertz = (mhz * 1_000_000, 1);
        let mut at = machine.now() + Fs(later);
        if let Err(RetuneError::TooSoon { from }) = machine.retune(of, at, hertz) {
            prop_assert!(from > at);
            at = from;
            prop_assert!(machine.retune(of, at, hertz).is_ok());
        }
        machine.run().expect("a sound run");
        let run_time = machine.summary();
        prop_assert!(run_time.checks.clean(), "{:?}", run_time.checks);
        tunable.domains[domain].changes.push((at, hertz));
        let planned = run(&tunable, &trace, None);
        prop_assert_eq!(run_time.digest, planned.digest);
        prop_assert!((run_time.latency.mean_ns() - planned.latency.mean_ns()).abs() < 1e-9);
    }
    /// What a check lets pass, a run can build; what it refuses is refused with a mend. Deviations reach to
    /// where edges would change places, changes to within one edge of each other.
    #[test]
    fn what_a_check_lets_pass_a_run_can_build(
        odd in odd(), jitter in 0_u64..400_000, ppm in -120_000_i32..120_000,
        hertz in prop_oneof![1_u64..100_000_000_000, Just(1_234_567_890)], parts in 1_u64..1_000,
        changes in prop::collection::vec((1_u64..3_000, 300_u64..20_000), 0..5), seed in any::<u64>(),
    ) {
        let mut d = description(&[calm(), Odd { ppm, jitter, ..odd }, calm()], Via::Synchronizer { edges: 2 });
        let clock = d.clocks.get_mut("switch").expect("nvl8 has it");
        clock.frequency = Some(Frequency((hertz + 1_000_000, parts)));
        let mut at = 0;
        clock.changes.clear();
        for (ps, mhz) in changes {
            at += ps;
            let frequency = frequency(mhz * 1_000_000);
            clock.changes.push(ChangeForm { at: Span(Fs::from_ps(at)), frequency });
        }
        match d.elaborate() {
            Ok(spec) => {
                let options = Options { seed, ..Options::default() };
                let op = Op::Think { cycles: 1 };
                let trace = Trace::from_records([Record { thread: ThreadIdx(0), op }]).expect("sound");
                let built = Machine::new(&spec, &trace, options);
                prop_assert!(built.is_ok(), "{:?}", built.err());
            }
            Err(error) => prop_assert!(error.to_string().contains("switch"), "{error}"),
        }
    }
}

/// Places of a FIFO are free at edges of the writer: a change of its clock moves them, and the shallowest
/// FIFO feels it at once.
#[test]
fn a_writer_that_slows_down_frees_the_places_of_a_fifo_later() {
    let ops = (0..8_u32).flat_map(|t| {
        let base = u64::from(t) << 24;
        let copy = Op::Copy { from: Addr(base), to: Addr(base + (5 << 20)), bytes: 1 << 14 };
        [Record { thread: ThreadIdx(t), op: copy }]
    });
    let trace = Trace::from_records(ops).expect("sound records");
    let mut tunable = spec(&[calm(), calm(), calm()], Via::Fifo { depth: 2, stages: 3 });
    for domain in [0, 1] {
        tunable.domains[domain].tunable = true;
    }
    for (domain, steps) in [(0, 300), (0, 900), (1, 300), (1, 900)] {
        let mut machine = Machine::new(&tunable, &trace, Options::default()).expect("sound");
        for _ in 0..steps {
            assert!(machine.step().expect("a sound run"), "it lasts longer");
        }
        let (of, hertz) = (DomainIdx::new(domain), (200_000_000, 1));
        let Err(RetuneError::TooSoon { from }) = machine.retune(of, Fs::ZERO, hertz) else {
            panic!("the past does not change")
        };
        machine.retune(of, from, hertz).expect("it may be from then on");
        machine.run().expect("a sound run");
        let mut planned = tunable.clone();
        planned.domains[domain].changes.push((from, hertz));
        assert_eq!(machine.summary().digest, run(&planned, &trace, None).digest, "{from}");
    }
}

/// A node halts at an instant, whatever its clock does until then.
#[test]
fn a_node_halts_when_it_is_to_though_its_clock_changes_before() {
    let load = |k: u64| Op::Load { addr: Addr((1 << 20) + 64 * k), size: 8 };
    let ops = (0..4_000).map(|k| Record { thread: ThreadIdx(0), op: load(k) });
    let trace = Trace::from_records(ops).expect("sound records");
    let mut tunable = spec(&[calm(), calm(), calm()], Via::Synchronizer { edges: 2 });
    let (halts, accelerator) = (Fs::from_ns(20_000), tunable.accelerator.clock);
    tunable.domains[accelerator.at()].tunable = true;
    tunable.node_events =
        vec![NodeEventSpec { node: NodeIdx(0), at: halts, what: NodeHappening::Halts }];
    let loads = |spec: &MachineSpec, change: Option<(Fs, (u64, u64))>| {
        let mut machine = Machine::new(spec, &trace, Options::default()).expect("sound");
        if let Some((at, hertz)) = change {
            machine.retune(accelerator, at, hertz).expect("early enough");
        }
        machine.run().expect("a sound run");
        (machine.operations_taken(), machine.summary().digest)
    };
    let change = (Fs::from_ns(2_000), (300_000_000, 1));
    let (unchanged, slower) = (loads(&tunable, None), loads(&tunable, Some(change)));
    let mut planned = tunable.clone();
    planned.domains[accelerator.at()].changes.push(change);
    assert_eq!(slower, loads(&planned, None));
    assert!(slower.0 < unchanged.0 && unchanged.0 < 4_000, "{} of {}", slower.0, unchanged.0);
}

/// `at` counts edges of the node's clock, whatever that does, and not time.
#[test]
fn a_thread_goes_on_at_the_edge_of_its_count() {
    let slows = Odd { changes: vec![(1_000, 900)], ..calm() };
    let spec = spec(&[slows, calm(), calm()], Via::Synchronizer { edges: 2 });
    let end = |counts: &[u64]| {
        let record = |count: &u64| Record { thread: ThreadIdx(5), op: Op::At { count: *count } };
        let trace = Trace::from_records(counts.iter().map(record)).expect("sound records");
        run(&spec, &trace, None).time
    };
    let clock = Domain::build(&ClockParams {
        tunable: true,
        ..ClockParams::ideal((1_755_000_000, 1), Fs::ZERO)
    });
    let clock = clock.expect("a sound clock");
    clock.retune(Fs::from_ns(1_000), (900_000_000, 1)).expect("it is tunable");
    for count in [1, 1_755, 1_756, 5_000, 1_000_000] {
        assert_eq!(end(&[count]), clock.instant(Edge(count)), "{count}");
        // A count that has passed holds nobody up.
        assert_eq!(end(&[count, count / 2, count]), clock.instant(Edge(count)), "{count}");
    }
}
