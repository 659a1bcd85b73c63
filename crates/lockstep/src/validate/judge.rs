//! From a claim and an engine's answer to a verdict.

use report::SweepPoint;

use super::{Alone, Answer, Claim, Explained, Quantity, Row, Verdict};
use crate::figures::{Configuration, Figure, RoutingName};

/// The greatest error that the seeds' spread can excuse, in tolerances: beyond that the figure would
/// say nothing.
pub const SPREAD_MAX: f64 = 3.0;

/// Rounding of the reference's own figures, which have six digits.
const DIGITS: f64 = 1e-9;

/// The emulator's side of a claim.
struct Found {
    emulated: f64,
    reference: f64,
    /// Absolute half-width of the prediction interval.
    spread: Option<f64>,
    seeds: u64,
    /// What makes it a miss whatever the numbers say.
    fault: Option<String>,
}

/// The row of a claim.
pub(super) fn row(claim: &Claim, answer: Option<&Answer>, explained: &[Explained]) -> Row {
    let found = match answer {
        Some(Answer::Points(points)) => loaded(claim, points),
        Some(Answer::Alone(all)) => lone(claim, all),
        Some(Answer::Failed(why)) => fault(claim, why.clone()),
        None => fault(claim, "nobody asked".to_owned()),
    };
    let error = (found.emulated - found.reference) / found.reference;
    let spread = found.spread.map(|s| s / found.reference.abs());
    let plain = verdict(claim.tolerance, error, spread, found.fault.is_some());
    let (verdict, note) = explain(claim, plain, found.fault, explained);
    Row {
        what: claim.what(),
        reference: found.reference,
        emulated: found.emulated,
        error,
        tolerance: claim.tolerance,
        source: claim.source.clone(),
        verdict,
        configuration: claim.configuration.name,
        quantity: claim.quantity,
        offered: claim.figure.map(|f| f.offered),
        spread,
        seeds: found.seeds,
        note,
    }
}

fn verdict(tolerance: Option<f64>, error: f64, spread: Option<f64>, fault: bool) -> Verdict {
    let Some(tolerance) = tolerance else { return Verdict::Shown };
    let excused = spread.unwrap_or(0.0).min(SPREAD_MAX * tolerance);
    match error.abs() {
        _ if fault => Verdict::Missed,
        error if error <= tolerance + DIGITS => Verdict::Meets,
        error if error <= excused => Verdict::WithinSpread,
        _ => Verdict::Missed, // what is no number too
    }
}

/// Looks a miss up among those that are understood.
fn explain(
    claim: &Claim,
    verdict: Verdict,
    fault: Option<String>,
    explained: &[Explained],
) -> (Verdict, Option<String>) {
    let load = claim.figure.map_or(0.0, |f| f.offered);
    let known = explained.iter().find(|e| {
        e.configuration == claim.configuration.name
            && e.quantity == claim.quantity
            && (e.from..=e.to).contains(&load)
    });
    match (known, verdict) {
        (Some(known), Verdict::Missed) => {
            let note = fault.map_or(known.why.to_owned(), |f| format!("{}; {f}", known.why));
            (Verdict::Explained, Some(note))
        }
        (Some(_), Verdict::Meets) => {
            (verdict, Some("meets, though a miss is explained: drop the explanation".to_owned()))
        }
        (_, verdict) => (verdict, fault),
    }
}

fn fault(claim: &Claim, why: String) -> Found {
    let reference = claim.reference;
    Found { emulated: f64::NAN, reference, spread: None, seeds: 0, fault: Some(why) }
}

/// A claim about a load, from one point a seed.
fn loaded(claim: &Claim, points: &[SweepPoint]) -> Found {
    let reference = claim.reference;
    let value = |p: &SweepPoint| match claim.quantity {
        Quantity::ZeroLoad
        | Quantity::Link
        | Quantity::Barrier
        | Quantity::Counter
        | Quantity::Schedule => f64::NAN,
        Quantity::LatencyMin => p.packet_latency_min as f64,
        Quantity::PacketLatency => p.packet_latency,
        Quantity::NetworkLatency => p.network_latency,
        Quantity::FlitLatency => p.flit_latency,
        Quantity::Hops => p.hops,
        Quantity::SaturationThroughput | Quantity::Throughput => p.accepted,
    };
    let values: Vec<f64> = points.iter().map(value).collect();
    let seeds = values.len() as u64;
    if claim.quantity == Quantity::LatencyMin {
        let emulated = values.iter().copied().fold(f64::INFINITY, f64::min);
        return Found { emulated, reference, spread: None, seeds, fault: None };
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let alone = points.first().filter(|_| claim.quantity == Quantity::PacketLatency);
    let spread = prediction(&values, mean, alone.map(|p| p.latency_ci95));
    let carried = claim.figure.is_some_and(Figure::carried);
    let stuck = points.iter().find(|p| carried && (p.saturated || !p.drained));
    let fault = stuck.map(|p| format!("not carried with seed {}", p.seed));
    Found { emulated: mean, reference, spread, seeds, fault }
}

/// Half the width of the interval in which, with 95 % confidence, a single further run lies, given
/// runs of several seeds; with one seed, two independent means with the same confidence interval.
fn prediction(values: &[f64], mean: f64, ci95: Option<f64>) -> Option<f64> {
    let n = values.len();
    let width = if n >= 2 {
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = (squares / (n - 1) as f64).sqrt();
        t_975(n - 1) * deviation * (1.0 + 1.0 / n as f64).sqrt()
    } else {
        ci95? * 2.0_f64.sqrt()
    };
    width.is_finite().then_some(width)
}

/// The 97.5 % quantile of Student's t with so many degrees of freedom, from standard tables; beyond
/// the table its last value, which is too wide by at most 4 %.
fn t_975(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    TABLE[freedom.clamp(1, TABLE.len()) - 1]
}

/// A claim about lone packets: every pair must be exact.
fn lone(claim: &Claim, all: &[Alone]) -> Found {
    let c = claim.configuration;
    let pairs = c.pairs();
    let mean = |sum: u64| sum as f64 / pairs.len().max(1) as f64;
    let sum = |latency: &dyn Fn(&Alone) -> u64| mean(all.iter().map(latency).sum());
    let reference = sum(&|a| c.zero_load_cycles(a.hops));
    let emulated = sum(&|a| a.latency_cycles);
    let fault = if pairs.len() == all.len() {
        pairs.iter().zip(all).find_map(|(pair, a)| deviation(c, *pair, *a))
    } else {
        Some(format!("{} answers for {} pairs", all.len(), pairs.len()))
    };
    Found { emulated, reference, spread: None, seeds: 1, fault }
}

/// What is wrong with a lone packet, if anything.
fn deviation(c: &Configuration, (from, to): (u32, u32), a: Alone) -> Option<String> {
    let least = c.hops_min(from, to);
    let detours = c.routing == RoutingName::Valiant;
    if a.hops < least || (!detours && a.hops > least) {
        return Some(format!("{from} to {to}: {} hops, not {least}", a.hops));
    }
    let cycles = c.zero_load_cycles(a.hops);
    let exact = a.latency_cycles == cycles;
    (!exact).then(|| format!("{from} to {to}: {} cycles, not {cycles}", a.latency_cycles))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_judged_from_both_sides_of_each_bound() {
        for (error, spread, verdict_expected) in [
            (0.01, None, Verdict::Meets),
            (-0.01, None, Verdict::Meets),
            (0.0101, None, Verdict::Missed),
            (-0.0101, Some(0.02), Verdict::WithinSpread),
            (0.0201, Some(0.02), Verdict::Missed),
            (0.0299, Some(9.0), Verdict::WithinSpread),
            (0.0301, Some(9.0), Verdict::Missed),
            (f64::NAN, Some(9.0), Verdict::Missed),
        ] {
            assert_eq!(verdict(Some(0.01), error, spread, false), verdict_expected, "{error}");
            assert_eq!(verdict(Some(0.01), error, spread, true), Verdict::Missed);
            assert_eq!(verdict(None, error, spread, true), Verdict::Shown);
        }
        assert_eq!(verdict(Some(0.0), 1e-6, Some(9.0), false), Verdict::Missed);
    }

    /// By hand: values 9, 10, 11 have deviation 1; t of 2 degrees is 4.303; sqrt(4 / 3) = 1.154701.
    #[test]
    fn a_prediction_interval_is_that_of_the_textbook() {
        let width = prediction(&[9.0, 10.0, 11.0], 10.0, None).unwrap();
        assert!((width - 4.303 * 1.154_700_538).abs() < 1e-6, "{width}");
        let one = prediction(&[10.0], 10.0, Some(0.5)).unwrap();
        assert!((one * one - 2.0 * 0.25).abs() < 1e-9, "{one}");
        assert_eq!(prediction(&[10.0], 10.0, None), None);
        assert_eq!(prediction(&[10.0, f64::NAN], f64::NAN, None), None);
    }
}
