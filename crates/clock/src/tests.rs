//! Laws of every kind of clock.

use base::Fs;
use base::period::Unfit;
use proptest::prelude::*;

use crate::{ClockError, ClockParams, Direction, Domain, Drift, Edge, Oscillator, Spread};

const MS: u64 = 1_000_000_000_000;

fn params(hertz: (u64, u64)) -> ClockParams {
    ClockParams::ideal(hertz, Fs::ZERO)
}

fn spread(ppm: u32, every_ns: u64, down: bool) -> Spread {
    let direction = if down { Direction::Down } else { Direction::Centre };
    Spread { direction, ppm, every: Fs::from_ns(every_ns) }
}

fn drift(ppb: u32, every: u64) -> Drift {
    Drift { ppb, every: Fs(every) }
}

/// Clocks with any of the deviations, and some changes of frequency.
fn clocks() -> impl Strategy<Value = Domain> {
    let spreads = prop::option::of((1_u32..50_000, 1_000_u64..1_000_000, any::<bool>()));
    let drifts = prop::option::of((1_u32..1_000_000, 1_000_000_000_u64..10 * MS));
    let changes = prop::collection::vec((1_u64..1_000_000, 200_u64..2_000), 0..4);
    let of = (200_u64..2_000, 1_u64..50, 0_u64..1_000_000, 0_u64..20_000, any::<u64>());
    (of, spreads, drifts, changes).prop_map(|(of, spreads, drifts, changes)| {
        let (mhz, part, phase, jitter, seed) = of;
        let clock = Domain::build(&ClockParams {
            phase: Fs(phase),
            spread: spreads.map(|(ppm, every, down)| spread(ppm, every, down)),
            reference: drifts.map(|(ppb, every)| Oscillator::new(drift(ppb, every), seed, 7)),
            jitter_rms: Fs(jitter),
            seed: (seed, 3),
            tunable: true,
            ..params((mhz * 1_000_000 * part + 1, part))
        });
        let clock = clock.expect("mild deviations");
        let mut at = Fs::ZERO;
        for (later, mhz) in changes {
            at += Fs(later * 1_000_000);
            clock.retune(at, (mhz * 1_000_000, 1)).expect("later than the one before");
        }
        clock
    })
}

proptest! {
    #[test]
    fn edges_follow_each_other_and_are_found_from_their_instants(
        clock in clocks(), near in 0_u64..10_000_000, far in 0_u64..1_000_000_000_000,
    ) {
        for k in [near, far, far + near] {
            let (before, at) = (clock.instant(Edge(k)), clock.instant(Edge(k + 1)));
            prop_assert!(before < at, "edges {k} and {} at {before:?} and {at:?}", k + 1);
            prop_assert_eq!(clock.edge_at_or_after(at), Edge(k + 1));
            prop_assert_eq!(clock.edge_at_or_after(before + Fs(1)), Edge(k + 1));
            prop_assert_eq!(clock.edge_after(before), Edge(k + 1));
        }
    }

    #[test]
    fn the_edge_after_an_instant_is_the_first_one(clock in clocks(), t in 0_u64..100 * MS) {
        let k = clock.edge_at_or_after(Fs(t));
        prop_assert!(clock.instant(k) >= Fs(t));
        prop_assert!(k.0 == 0 || clock.instant(Edge(k.0 - 1)) < Fs(t));
    }

    /// By rational arithmetic of its own: the mean period, and the integral of the triangle.
    #[test]
    fn a_spread_clock_is_exact_at_any_distance(
        mhz in 100_u64..4_000, ppm in 1_u32..50_000, half_ns in 500_u64..1_000_000,
        k in 0_u64..1_000_000_000_000,
    ) {
        let every = 2 * half_ns;
        let clock = ClockParams { spread: Some(spread(ppm, every, true)), ..params((mhz * 1_000_000, 1)) };
        let clock = Domain::build(&clock).unwrap();
        let mean = u128::from(Fs::PER_SECOND) * (2_000_000 + u128::from(ppm));
        let at = u128::from(k) * mean / (u128::from(mhz) * 1_000_000 * 2_000_000);
        prop_assume!(at < 10_000 * u128::from(Fs::PER_SECOND));
        let every = i128::from(every) * 1_000_000;
        let x = i128::try_from(at).unwrap() % every;
        // From -a at 0 to a at half time and back, summed up: quadratic, denominators cleared.
        let a = i128::from(ppm);
        let (numer, denom) = if 2 * x <= every {
            (-a * x * every + 2 * a * x * x, 2_000_000 * every)
        } else {
            let y = every - x;
            (a * y * every - 2 * a * y * y, 2_000_000 * every)
        };
        let exact = i128::try_from(at).unwrap() + numer.div_euclid(denom);
        prop_assert_eq!(i128::from(clock.instant(Edge(k)).0), exact);
    }

    #[test]
    fn a_change_of_frequency_loses_and_doubles_no_edge(
        from in 100_u64..3_000, to in 100_u64..3_000, at in 1_u64..10 * MS, n in 1_u64..1_000_000_000,
    ) {
        let fixed = Domain::new((from * 1_000_000, 1), Fs::ZERO).unwrap();
        let clock = ClockParams { tunable: true, ..params((from * 1_000_000, 1)) };
        let clock = Domain::build(&clock).unwrap();
        let last = clock.retune(Fs(at), (to * 1_000_000, 1)).unwrap();
        prop_assert_eq!(last, fixed.edge_at_or_after(Fs(at)));
        for k in [0, last.0 / 2, last.0.saturating_sub(1), last.0] {
            prop_assert_eq!(clock.instant(Edge(k)), fixed.instant(Edge(k)));
        }
        let since = u128::from(n) * u128::from(Fs::PER_SECOND) / (u128::from(to) * 1_000_000);
        let then = clock.instant(Edge(last.0 + n));
        prop_assert_eq!(u128::from(then.since(clock.instant(last)).0), since);
        // As many edges as both frequencies make in their times.
        prop_assert_eq!(clock.edge_at_or_after(then), Edge(last.0 + n));
    }

    #[test]
    fn ratios_of_a_tree_are_exact_whatever_its_reference_does(
        (mul, div) in (1_u64..400, 1_u64..50), ppb in 1_u32..1_000_000,
        k in 0_u64..10_000_000_000, down in any::<bool>(),
    ) {
        let reference = Some(Oscillator::new(drift(ppb, MS), 5, 1));
        let spread = Some(spread(5_000, 31_250, down));
        let base = ClockParams { spread, reference, ..params((100_000_000, 1)) };
        let made = ClockParams { hertz: (100_000_000 * mul, div), ..base.clone() };
        let (base, made) = (Domain::build(&base).unwrap(), Domain::build(&made).unwrap());
        prop_assert_eq!(base.instant(Edge(k * div)), made.instant(Edge(k * mul)));
    }
}

#[test]
fn a_clock_without_deviations_is_the_ideal_one() {
    let plain = Domain::build(&params((1_755_000_000, 1))).unwrap();
    assert!(plain.is_ideal());
    assert_eq!(Some(plain), Domain::new((1_755_000_000, 1), Fs::ZERO));
}

#[test]
fn jitter_has_its_deviation_and_its_bound_and_no_memory() {
    let rms = 2_000;
    let clock = ClockParams { jitter_rms: Fs(rms), seed: (9, 1), ..params((1_000_000_000, 1)) };
    let clock = Domain::build(&clock).unwrap();
    let off = |k: u64| clock.instant(Edge(k)).0 as f64 - k as f64 * 1e6;
    let n = 100_000;
    let offs: Vec<f64> = (1..=n).map(off).collect();
    let mean = offs.iter().sum::<f64>() / n as f64;
    let square = offs.iter().map(|o| o * o).sum::<f64>() / n as f64;
    let next = offs.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / n as f64;
    assert!(mean.abs() < 30.0, "mean {mean} fs");
    assert!((square.sqrt() / rms as f64 - 1.0).abs() < 0.01, "deviation {} fs", square.sqrt());
    assert!((next / square).abs() < 0.02, "correlation {}", next / square);
    assert!(offs.iter().all(|o| o.abs() <= rms as f64 * 12_f64.sqrt() + 1.0));
}

#[test]
fn drift_stays_within_its_limit_and_wanders_as_a_walk_does() {
    let (every, ppb) = (MS, 1_000);
    let clock = |seed| {
        let reference = Some(Oscillator::new(drift(ppb, every), seed, 1));
        Domain::build(&ClockParams { reference, ..params((100_000_000, 1)) }).unwrap()
    };
    // Changes of frequency over 8 and 32 intervals, from many clocks.
    let mut squares = [0.0; 2];
    let edges = every / 10_000_000;
    for seed in 0..4_000 {
        let clock = clock(seed);
        let frequency = |interval: u64| {
            let at = |n: u64| clock.instant(Edge(n * edges)).0;
            let off = (at(interval + 1) - at(interval)) as f64 / every as f64 - 1.0;
            assert!(off.abs() * 1e9 <= f64::from(ppb) + 0.1, "off by {off}");
            off
        };
        let start = 1_000 * seed + 3;
        for (square, span) in squares.iter_mut().zip([8, 32]) {
            *square += (frequency(start + span) - frequency(start)).powi(2);
        }
    }
    let ratio = squares[1] / squares[0];
    assert!((3.3..4.7).contains(&ratio), "four times the span has {ratio} times the variance");
}

#[test]
fn what_could_put_edges_out_of_order_is_refused() {
    let jittery = |rms| ClockParams { jitter_rms: Fs(rms), ..params((1_000_000_000, 1)) };
    assert!(Domain::build(&jittery(140_000)).is_ok());
    let bad = Domain::build(&jittery(150_000));
    assert!(matches!(bad, Err(ClockError::Unfit(Unfit::Disordered { .. }))), "{bad:?}");
    let tunable = Domain::build(&ClockParams { tunable: true, ..jittery(100_000) }).unwrap();
    let bad = tunable.retune(Fs::from_ns(10), (2_000_000_000, 1));
    assert!(matches!(bad, Err(ClockError::Unfit(Unfit::Disordered { .. }))), "{bad:?}");
    let none = tunable.retune(Fs(7), (0, 1));
    assert_eq!(none, Err(ClockError::Unfit(Unfit::NoFrequency)));
    let fine = Domain::build(&params((1_234_567_890 * 1_000_037, 1_000_000)));
    assert_eq!(fine, Err(ClockError::Unfit(Unfit::TooFine)));
}

#[test]
fn changes_come_in_order_and_only_to_tunable_clocks() {
    let fixed = Domain::new((1_000_000_000, 1), Fs::ZERO).unwrap();
    assert_eq!(fixed.retune(Fs(1), (1, 1)), Err(ClockError::Fixed));
    let clock = ClockParams { tunable: true, ..params((1_000_000_000, 1)) };
    let clock = Domain::build(&clock).unwrap();
    let handle = clock.clone();
    assert_eq!(clock.retune(Fs::from_ns(10), (2_000_000_000, 1)), Ok(Edge(10)));
    assert_eq!(handle.instant(Edge(12)), Fs::from_ns(11));
    let past = clock.retune(Fs::from_ns(10), (1_000_000_000, 1));
    assert_eq!(past, Err(ClockError::Past { at: Fs::from_ns(10) }));
    assert_eq!(clock.retune(Fs::from_ns(11), (1_000_000_000, 1)), Ok(Edge(12)));
    assert_eq!(handle.instant(Edge(13)), Fs::from_ns(12));
}

#[test]
fn of_changes_at_one_edge_the_last_counts_and_no_edge_is_lost() {
    let clock = ClockParams { tunable: true, ..params((500_000_000, 1)) };
    let clock = Domain::build(&clock).unwrap();
    // Edges every 2 ns: all three changes are made at the one at 12 ns.
    for (ps, mhz) in [(10_100, 100), (11_000, 3_000), (11_900, 1_000)] {
        assert_eq!(clock.retune(Fs::from_ps(ps), (mhz * 1_000_000, 1)), Ok(Edge(6)));
    }
    let at = [4, 5, 6, 7, 8].map(|k| clock.instant(Edge(k)));
    assert_eq!(at, [8, 10, 12, 13, 14].map(Fs::from_ns));
    for (k, at) in (4..).zip(at) {
        assert_eq!(clock.edge_at_or_after(at), Edge(k));
        assert_eq!(clock.edge_after(at), Edge(k + 1));
    }
    // Periods of 2 ns and of 1 ns: those in between, of 10 ns and of 0.3 ns, have no edges.
    assert_eq!(clock.period_ceil(), Fs(2_000_004));
    let earlier = clock.retune(Fs::from_ps(11_800), (1, 1));
    assert_eq!(earlier, Err(ClockError::Past { at: Fs::from_ps(11_800) }));
}

/// Each of very many changes is found from its own instants, by steps and by jumps.
#[test]
fn edges_are_found_among_thousands_of_changes() {
    let clock = ClockParams { tunable: true, ..params((1_000_000_000, 1)) };
    let clock = Domain::build(&clock).unwrap();
    let mut at = Fs::ZERO;
    let mut firsts = vec![(Edge(0), Fs::ZERO)];
    for n in 0..20_000_u64 {
        let (edge, start) = firsts[firsts.len() - 1];
        let period = if n % 2 == 0 { 1_000_000 } else { 2_000_000 };
        at += Fs(7 * period);
        let hertz = if n % 2 == 0 { 500_000_000 } else { 1_000_000_000 };
        assert_eq!(clock.retune(at, (hertz, 1)), Ok(Edge(edge.0 + 7)));
        firsts.push((Edge(edge.0 + 7), start + Fs(7 * period)));
    }
    for step in [1, 997, 12_345] {
        for (edge, instant) in firsts.iter().step_by(step) {
            assert_eq!(clock.instant(*edge), *instant);
            assert_eq!(clock.edge_at_or_after(*instant), *edge);
        }
    }
}
