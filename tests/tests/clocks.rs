//! Machines whose clocks are as real ones are: whatever edges do, nothing is lost, nothing depends on the
//! order of stepping, and a change of frequency is the same whoever asks for it.

use lockstep::base::{DomainIdx, Fs};
use lockstep::machine::{Machine, Options, RetuneError, Summary};
use lockstep::topology::Description;
use lockstep::topology::describe::{
    ChangeForm, CrossingForm, DriftForm, SpreadDirection, SpreadForm, Via,
};
use lockstep::topology::spec::MachineSpec;
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

/// `nvl8` with odd clocks, and any crossing between accelerators and switches.
fn spec(odds: &[Odd; 3], via: Via) -> MachineSpec {
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
    d.elaborate().expect("a sound machine")
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
        via in prop_oneof![
            (0_u32..5).prop_map(|edges| Via::Synchronizer { edges }),
            (2_u32..9, 1_u32..4).prop_map(|(depth, stages)| Via::Fifo { depth, stages }),
        ],
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
        program in programs(),
    ) {
        let Some(trace) = program.trace() else { return Ok(()) };
        let calm = Odd { phase: 0, ppm: 0, drift: None, spread: None, jitter: 0, changes: vec![] };
        let mut tunable = spec(&[calm.clone(), calm.clone(), calm], Via::Synchronizer { edges: 2 });
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
}
