//! Losses against closed forms, and against bits drawn one by one.

use base::math::unit;
use base::rng::draw;

use super::{Burst, Corrupted, Gap, NEVER, Noise, Shape};
use crate::Code;

/// Lost frames below `frames`.
fn losses(shape: &Shape, noise: &Noise, frames: u64, seed: u64) -> Vec<u64> {
    let mut source = Corrupted::new(seed, 3, shape, noise);
    core::iter::from_fn(|| Some(source.next())).take_while(|f| *f < frames).collect()
}

/// Whether a count of so many trials with a chance `p` is within four standard deviations.
fn likely(count: usize, trials: u64, p: f64) -> bool {
    let (mean, sigma) = (trials as f64 * p, (trials as f64 * p * (1.0 - p)).sqrt());
    (count as f64 - mean).abs() < 4.0 * sigma + 1.0
}

#[test]
fn independent_losses_have_the_chance_of_the_closed_form() {
    let kp4 = Code { symbols: 544, symbol_bits: 10, strength: 15, codewords: 1, interleave: 1 };
    for (code, bits, ber, frames) in [
        (kp4, 5440, 1e-3, 40_000_000_u64),
        (kp4, 5440, 3e-3, 20_000),
        (Code::none(2048), 2048, 1e-9, 2_000_000_000),
        (Code::none(2048), 2048, 1e-15, 2_000_000_000_000_000),
    ] {
        let shape = Shape { bits, lanes: 2, code };
        let p = code.frame_loss(ber);
        let lost = losses(&shape, &Noise { ber, burst: None }, frames, 5);
        assert!(likely(lost.len(), frames, p), "{} of {frames} at {p}", lost.len());
        assert!(lost.is_sorted_by(|a, b| a < b));
    }
}

#[test]
fn nothing_is_lost_without_errors() {
    let shape = Shape { bits: 2048, lanes: 2, code: Code::none(2048) };
    assert_eq!(Corrupted::new(1, 1, &shape, &Noise::default()).next(), NEVER);
    assert_eq!(Gap::new(1e-30).before(1), NEVER);
    assert_eq!(Gap::new(1.0).before(77), 0);
}

/// 2 lanes, frames of 2 codewords of 16 symbols of 4 bits, one of each mended.
fn small(interleave: u32) -> Shape {
    let code = Code { symbols: 16, symbol_bits: 4, strength: 1, codewords: 2, interleave };
    Shape { bits: 128, lanes: 2, code }
}

/// The same frames with every bit drawn: which are lost.
fn bit_by_bit(shape: &Shape, noise: &Noise, frames: u64) -> Vec<u64> {
    let lanes = u64::from(shape.lanes);
    let bits = u64::from(shape.code.symbol_bits);
    let all = u64::from(shape.code.symbols * shape.code.codewords);
    let burst = noise.burst.unwrap_or(Burst { rate: 0.0, mean_bits: 1.0, error: 0.0 });
    let mut wrong =
        vec![vec![false; usize::try_from(all).unwrap()]; usize::try_from(frames).unwrap()];
    for lane in 0..lanes {
        let mut bad = unit(draw(9, lane, 7, 0)) < burst.bad_share();
        for bit in 0..frames * all * bits / lanes {
            let at = |stream| unit(draw(9, lane, stream, bit));
            bad &= bit == 0 || at(0) > 1.0 / burst.mean_bits;
            let begins = !bad && at(3) <= burst.rate;
            bad |= begins;
            let hit = begins || bad && at(1) <= burst.error || at(2) <= noise.ber;
            if hit {
                let symbol = bit / bits * lanes + lane;
                let (frame, within) = (symbol / all, symbol % all);
                wrong[usize::try_from(frame).unwrap()][usize::try_from(within).unwrap()] = true;
            }
        }
    }
    let lost = |symbols: &Vec<bool>| {
        let interleave = shape.code.interleave;
        (0..shape.code.codewords).any(|word| {
            let group = shape.code.symbols * interleave;
            let of = |s: &u32| s / group * interleave + s % interleave == word;
            let wrong = (0..u32::try_from(all).unwrap()).filter(of);
            wrong.filter(|s| symbols[*s as usize]).count() > shape.code.strength as usize
        })
    };
    (0..).zip(&wrong).filter(|(_, w)| lost(w)).map(|(f, _)| f).collect()
}

#[test]
fn jumps_lose_as_many_frames_as_bits_drawn_one_by_one() {
    let burst = Some(Burst { rate: 2e-4, mean_bits: 6.0, error: 0.5 });
    // Stays that would overlap, and stays of many frames.
    let dense = Some(Burst { rate: 0.05, mean_bits: 300.0, error: 0.01 });
    let long = Some(Burst { rate: 1e-4, mean_bits: 5_000.0, error: 0.005 });
    let mut counts = Vec::new();
    for interleave in [1, 2] {
        for (ber, burst) in
            [(3e-3, None), (0.0, burst), (1e-3, burst), (0.0, dense), (1e-3, dense), (0.0, long)]
        {
            let (shape, noise) = (small(interleave), Noise { ber, burst });
            let frames = 30_000;
            let jumped = losses(&shape, &noise, frames, 5).len();
            let drawn = bit_by_bit(&shape, &noise, frames).len();
            let apart = (jumped as f64 - drawn as f64).abs();
            let sigma = ((jumped + drawn) as f64).sqrt();
            // Losses of one long stay come together, some ten of them.
            let together = if burst == long { 4.0 } else { 1.0 };
            assert!(
                apart < 4.0 * together * sigma,
                "{interleave} {noise:?}: {jumped} against {drawn}"
            );
            assert!(drawn > 50, "{drawn} are too few to tell");
            counts.push(jumped);
        }
    }
    // Interleaving spreads what is on one lane only where the lanes do not step in time with it.
    assert!(counts[0].abs_diff(counts[6]) < counts[0] / 2, "{counts:?}");
}

#[test]
fn interleaving_spreads_a_burst_over_codewords() {
    let burst = Some(Burst { rate: 1e-5, mean_bits: 8.0, error: 0.5 });
    let lost = |interleave| {
        let code = Code { symbols: 86, symbol_bits: 8, strength: 1, codewords: 3, interleave };
        let shape = Shape { bits: 2048, lanes: 16, code };
        losses(&shape, &Noise { ber: 0.0, burst }, 200_000, 5).len()
    };
    let (together, spread) = (lost(1), lost(3));
    assert!(spread * 5 < together, "{spread} against {together}");
}

#[test]
fn a_draw_of_rare_events_has_their_mean() {
    for mean in [0.01, 3.0, 400.0] {
        let sum: u64 = (0..4_000).map(|n| super::poisson(mean, 1, n, 7)).sum();
        let got = sum as f64 / 4_000.0;
        assert!((got - mean).abs() < 4.0 * (mean / 4_000.0).sqrt() + 1e-3, "{got} for {mean}");
    }
}

#[test]
fn bursts_that_a_code_mends_are_not_looked_through_for_a_loss() {
    // A burst in twenty frames, of up to a few of fifteen symbols: the next loss is beyond any run.
    let kp4 = Code { symbols: 544, symbol_bits: 10, strength: 15, codewords: 1, interleave: 1 };
    let shape = Shape { bits: 5440, lanes: 2, code: kp4 };
    let burst = Some(Burst { rate: 1e-5, mean_bits: 10.0, error: 0.3 });
    let mut source = Corrupted::new(3, 3, &shape, &Noise { ber: 1e-5, burst });
    let mut mended = Vec::new();
    while mended.len() < 1000 {
        let (frame, lost) = source.look();
        assert!(!lost, "{frame}");
        mended.push(source.mended_in_bursts(frame + 1));
    }
    assert!(mended.is_sorted() && mended[999] > 64_000, "{:?}", mended.last());
    let (share, drawn) = super::frame_loss(&shape, &Noise { ber: 1e-5, burst }, 3, 100_000);
    assert!(share < f64::MIN_POSITIVE && drawn == 100_032, "{share} of {drawn}");
}

#[test]
fn lanes_that_are_bad_all_the_time_cost_their_symbols_once() {
    let kp4 = Code { symbols: 544, symbol_bits: 10, strength: 15, codewords: 1, interleave: 1 };
    for lanes in [1, 2, 64, 1024] {
        let shape = Shape { bits: 5440, lanes, code: kp4 };
        let burst = Some(Burst { rate: 0.1, mean_bits: 1e6, error: 0.5 });
        let mut source = Corrupted::new(1, 1, &shape, &Noise { ber: 0.0, burst });
        let lost: Vec<u64> = (0..1_000).map(|_| source.next()).collect();
        assert!(lost.is_sorted_by(|a, b| a < b) && lost[999] < 1_100, "{lanes}: {}", lost[999]);
        // Two a begin that comes to nothing, one a symbol, and what is begun ahead on many lanes.
        let draws = source.draws();
        assert!(draws < (1_100 + 20) * (2 * 544 + 544), "{lanes}: {draws}");
    }
}

#[test]
fn bits_of_bursts_are_wrong_as_often_as_told() {
    // Symbols of one bit, and a code that mends all: what is mended is what is wrong.
    let code = Code { symbols: 1000, symbol_bits: 1, strength: 999, codewords: 1, interleave: 1 };
    let shape = Shape { bits: 1000, lanes: 4, code };
    for (rate, mean_bits, error, within) in [
        (1e-4, 1.0, 1.0, 0.05),
        (0.1, 1.0, 0.0, 0.02),
        (0.1, 50.0, 0.3, 0.02),
        (1e-3, 4e3, 0.1, 0.2),
    ] {
        let burst = Burst { rate, mean_bits, error };
        let mut source = Corrupted::new(7, 1, &shape, &Noise { ber: 0.0, burst: Some(burst) });
        let frames = 20_000;
        while source.look().0 < frames {}
        let wrong = source.mended_in_bursts(frames) as f64 / (frames * 1000) as f64;
        let told = burst.mean_ber();
        assert!((wrong / told - 1.0).abs() < within, "{burst:?}: {wrong:e} against {told:e}");
    }
}

#[test]
fn losses_are_told_over_links_in_all_states() {
    // One lane that is bad half of the time, for a thousand frames and more: no link shows that soon.
    let shape = Shape { bits: 1000, lanes: 1, code: Code::none(1000) };
    let burst = Some(Burst { rate: 1e-6, mean_bits: 1e6, error: 0.5 });
    let (share, drawn) = super::frame_loss(&shape, &Noise { ber: 0.0, burst }, 1, 6_400);
    assert!((0.3..0.7).contains(&share), "{share}");
    assert_eq!(drawn, 6_400);
    // And of 256 lanes, one is always bad.
    let shape = Shape { lanes: 256, ..shape };
    let (share, _) = super::frame_loss(&shape, &Noise { ber: 0.0, burst }, 1, 6_400);
    assert!(share > 0.999, "{share}");
}
