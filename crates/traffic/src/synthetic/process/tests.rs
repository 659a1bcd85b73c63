//! Processes against closed forms, and against stepping cycle by cycle.

use base::NodeIdx;

use super::*;

/// All arrivals of a node before cycle `end`.
fn arrivals(spec: &str, rate: f64, flits: f64, node: u32, end: u64) -> Vec<u64> {
    let plan = spec.parse::<ProcessSpec>().unwrap().plan(rate, flits).unwrap();
    let mut process = plan.start(1, NodeIdx(node));
    core::iter::from_fn(|| Some(process.next_arrival(0)).filter(|at| *at < end)).collect()
}

fn mean_and_variance(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    (mean, values.map(|v| (v - mean) * (v - mean)).sum::<f64>() / count)
}

/// Gaps from arrival to arrival, the first from before cycle 0.
fn gaps(arrivals: &[u64]) -> Vec<u64> {
    let before = core::iter::once(0).chain(arrivals.iter().map(|at| at + 1));
    arrivals.iter().zip(before).map(|(at, before)| at + 1 - before).collect()
}

/// Packets in each window of `window` cycles.
fn counts(arrivals: &[u64], window: u64, windows: usize) -> Vec<f64> {
    let mut counts = vec![0.0; windows];
    for at in arrivals {
        if let Some(count) = counts.get_mut(usize::try_from(at / window).unwrap()) {
            *count += 1.0;
        }
    }
    counts
}

#[test]
fn bernoulli_gaps_are_geometric() {
    for p in [0.9, 0.5, 0.1, 0.01] {
        let gaps = gaps(&arrivals("bernoulli", p, 1.0, 3, 4_000_000));
        let count = gaps.len() as f64;
        let (mean, variance) = mean_and_variance(gaps.iter().map(|g| *g as f64));
        let spread = (1.0 - p) / (p * p);
        assert!((mean - 1.0 / p).abs() < 4.0 * (spread / count).sqrt(), "{p}: {mean}");
        // The fourth central moment of a geometric variable is (9 + p^2 / (1 - p)) spread^2.
        let error = ((8.0 + p * p / (1.0 - p)) / count).sqrt();
        assert!((variance / spread - 1.0).abs() < 4.0 * error, "{p}: {variance}");
        // Chi-square over the gaps whose expected count is at least 10.
        let (mut square, mut cells) = (0.0, 0.0);
        for gap in 1..2000_u64 {
            let expected = count * p * (1.0 - p).powi(i32::try_from(gap).unwrap() - 1);
            if expected < 10.0 {
                break;
            }
            let seen = gaps.iter().filter(|g| **g == gap).count() as f64;
            square += (seen - expected) * (seen - expected) / expected;
            cells += 1.0;
        }
        assert!(square < cells + 4.0 * (2.0_f64 * cells).sqrt(), "{p}: {square} of {cells}");
    }
}

#[test]
fn bernoulli_arrivals_are_independent_of_cycle_and_node() {
    // Cycle 0 is like any other, over nodes.
    let plan = ProcessSpec::Bernoulli.plan(0.3, 1.0).unwrap();
    let first = |n| plan.start(1, NodeIdx(n)).next_arrival(0);
    let at_once = (0..20_000).filter(|n| first(*n) == 0).count() as f64;
    assert!((at_once - 6000.0).abs() < 4.0 * 4200.0_f64.sqrt(), "{at_once}");
    // Two nodes send in the same cycle as often as chance has it: 0.09 of 100,000.
    let (a, b) = (arrivals("bernoulli", 0.3, 1.0, 0, 100_000), 1);
    let b = arrivals("bernoulli", 0.3, 1.0, b, 100_000);
    let both = a.iter().filter(|at| b.binary_search(at).is_ok()).count() as f64;
    assert!((both - 9000.0).abs() < 4.0 * (9000.0_f64 * 0.91).sqrt(), "{both}");
}

#[test]
fn certain_and_absent_arrivals_are_exact() {
    assert_eq!(arrivals("bernoulli", 1.0, 1.0, 0, 100), (0..100).collect::<Vec<_>>());
    assert_eq!(arrivals("periodic", 1.0, 1.0, 5, 100), (0..100).collect::<Vec<_>>());
    for spec in ["bernoulli", "periodic", "on_off(0.1,0.2)", "self_similar"] {
        assert_eq!(arrivals(spec, 0.0, 1.0, 0, NEVER), [], "{spec}");
    }
}

#[test]
fn bursts_have_the_rate_and_the_clumps_of_the_chain() {
    // Long bursts; states that are shorter than the gaps within them; states that alternate.
    for (alpha, beta, rate) in [(0.02, 0.08, 0.1), (0.5, 0.5, 0.05), (0.9, 0.8, 0.02)] {
        let peak: f64 = rate * (alpha + beta) / alpha;
        let cycles = 1_000_000;
        let all = arrivals(&format!("on_off({alpha},{beta})"), rate, 1.0, 2, cycles);
        // Of independent packets, and twice the covariances, which fall by 1 - a - b a cycle.
        let on: f64 = alpha / (alpha + beta);
        let spread = rate * (1.0 - rate)
            + 2.0 * peak * peak * on * (1.0 - on) * (1.0 - alpha - beta) / (alpha + beta);
        let n = all.len() as f64;
        let off = n - rate * cycles as f64;
        assert!(off.abs() < 4.0 * (spread * cycles as f64).sqrt(), "{alpha} {beta}: {n}");
        // A packet is followed by another in the next cycle if the chain stays on.
        let followed = gaps(&all).iter().skip(1).filter(|g| **g == 1).count() as f64;
        let chance = (1.0 - beta) * peak;
        let deviation = (n * chance * (1.0 - chance)).sqrt();
        assert!((followed - chance * n).abs() < 4.0 * deviation, "{alpha} {beta}: {followed}");
    }
}

#[test]
fn bursts_are_what_stepping_the_chain_cycle_by_cycle_makes() {
    // The same law from a chain that is stepped: the spread of counts over windows of 50 cycles.
    let (alpha, beta, peak) = (0.05, 0.15, 0.6);
    let mut draws = crate::synthetic::draws::Draws::new(9, 9, 9);
    let mut chance = |p| crate::synthetic::draws::Chance::of(p).hits(draws.next());
    let mut on = false;
    let mut stepped = Vec::new();
    for cycle in 0..1_000_000 {
        on = if on { !chance(beta) } else { chance(alpha) };
        if on && chance(peak) {
            stepped.push(cycle);
        }
    }
    let jumped = arrivals("on_off(alpha=0.05,peak=0.6)", 0.15, 1.0, 0, 1_000_000);
    let of = |all: &[u64]| mean_and_variance(counts(all, 50, 20_000).into_iter());
    let ((m1, v1), (m2, v2)) = (of(&stepped), of(&jumped));
    assert!((m1 / m2 - 1.0).abs() < 0.04 && (v1 / v2 - 1.0).abs() < 0.06, "{m1} {m2} {v1} {v2}");
    assert!(v2 > 3.0 * m2, "bursts, not single packets: {v2}");
}

#[test]
fn bursts_begin_in_the_long_run() {
    let plan = "on_off(0.01,0.03)".parse::<ProcessSpec>().unwrap().plan(0.25, 1.0).unwrap();
    // The peak is 1: a packet in cycle 0 for a node that is on, 1 of 4.
    let on = (0..20_000).filter(|n| plan.start(1, NodeIdx(*n)).next_arrival(0) == 0).count() as f64;
    assert!((on - 5000.0).abs() < 4.0 * 3750.0_f64.sqrt(), "{on}");
}

#[test]
fn two_parameters_of_a_burst_give_the_third() {
    // In eighths, so that floats are exact and all three are one process.
    let all = arrivals("on_off(0.25,0.5)", 0.125, 1.0, 0, 10_000);
    assert!(all.len() > 1000);
    for same in [
        "on_off(beta=0.5,peak=0.375)",
        "on_off(alpha=0.25,peak=0.375)",
        "on_off(beta=0.5,alpha=0.25)",
    ] {
        assert_eq!(arrivals(same, 0.125, 1.0, 0, 10_000), all, "{same}");
    }
}

#[test]
fn periodic_arrivals_keep_the_rate_exactly_and_nodes_are_out_of_phase() {
    for rate in [0.5, 0.3, 0.013] {
        let all = arrivals("periodic", rate, 1.0, 1, 1_000_000);
        assert!((all.len() as f64 - rate * 1e6).abs() <= 1.0, "{}", all.len());
        let whole = |gap: &u64| (*gap as f64 - 1.0 / rate).abs() < 1.0;
        assert!(gaps(&all).iter().skip(1).all(whole));
    }
    let firsts: std::collections::BTreeSet<u64> =
        (0..50).map(|n| arrivals("periodic", 0.01, 1.0, n, 100)[0]).collect();
    assert!(firsts.len() > 30, "{firsts:?}");
}

/// The slope of log variance over log window, of counts of the sum of `nodes` nodes.
fn slope(spec: &str, rate: f64) -> f64 {
    let (nodes, end) = (16, 1 << 19);
    let mut all: Vec<u64> =
        (0..nodes).flat_map(|node| arrivals(spec, rate, 1.0, node, end)).collect();
    all.sort_unstable();
    let spread = |window: u64| {
        let windows = usize::try_from(end / window).unwrap();
        let (mean, variance) = mean_and_variance(counts(&all, window, windows).into_iter());
        (variance / (mean * mean)).log2()
    };
    (spread(2048) - spread(32)) / 6.0
}

#[test]
fn trains_are_bursty_on_every_scale_and_single_packets_are_not() {
    // The variance of means over m cycles falls as m^(2H - 2).
    let bernoulli = slope("bernoulli", 0.1);
    assert!((bernoulli + 1.0).abs() < 0.12, "{bernoulli}");
    for hurst in [0.7, 0.9] {
        let slope = slope(&format!("self_similar({hurst})"), 0.1);
        assert!((slope - (2.0 * hurst - 2.0)).abs() < 0.15, "H {hurst}: {slope}");
    }
}

#[test]
fn trains_have_their_rate_from_the_start() {
    for (rate, flits) in [(0.1, 1.0), (0.4, 1.0), (0.05, 5.0)] {
        let nodes = 8000;
        for (from, to) in [(0, 100), (1000, 1100)] {
            let of = |n| {
                let all = arrivals("self_similar(0.75,4)", rate, flits, n, to);
                all.iter().filter(|at| **at >= from).count()
            };
            let seen: usize = (0..nodes).map(of).sum();
            let expected = rate * 100.0 * f64::from(nodes);
            // At most as if each of the trains that are on were on for all of the 100 cycles.
            let deviation = 1.0 / (rate * flits * f64::from(nodes)).sqrt();
            let error = seen as f64 / expected - 1.0;
            assert!(error.abs() < 3.0 * deviation, "{rate} from {from}: {seen} for {expected}");
        }
    }
}

#[test]
fn arrivals_before_the_asked_cycle_are_lost_and_none_is_told_twice() {
    for spec in ["bernoulli", "periodic", "on_off(0.1,0.2)", "self_similar(0.8,2)"] {
        let plan = spec.parse::<ProcessSpec>().unwrap().plan(0.2, 1.0).unwrap();
        let mut process = plan.start(3, NodeIdx(1));
        let (mut last, mut told) = (0, 0);
        for from in (0..200_000).step_by(10) {
            let at = process.next_arrival(from);
            assert!(at >= from && at >= last, "{spec}: {at} from {from}");
            assert!(told == 0 || at > last || spec.starts_with("self"), "{spec}: {at} twice");
            (last, told) = (at, told + 1);
        }
        let far = process.next_arrival(10_000_000);
        assert!((10_000_000..10_200_000).contains(&far), "{spec}: {far}");
    }
}

#[test]
fn processes_that_cannot_be_are_errors_with_a_mend() {
    let plan = |text: &str, rate| text.parse::<ProcessSpec>()?.plan(rate, 1.0);
    for (text, rate, key, part) in [
        ("bernoulli", 1.01, "rate", "1.0100 packets each cycle"),
        ("bernoulli", -0.1, "rate", "no rate"),
        ("bernoulli", f64::NAN, "rate", "no rate"),
        ("periodic", 1e-9, "rate", "too few"),
        ("on_off(0.1,0.9)", 0.2, "process", "2.0000 packets a cycle for 0.2000"),
        ("on_off(alpha=0.1,peak=0.1)", 0.2, "process", "0.1000 packets"),
        ("on_off(alpha=0,beta=0.1)", 0.2, "process", "packets a cycle"),
        ("on_off(alpha=1.5,beta=0.1)", 0.2, "process", "alpha would be 1.5"),
        ("on_off(beta=0.1,peak=0.2)", 0.2, "process", "alpha would be inf"),
        ("on_off(0.1,NaN)", 0.2, "process", "NaN"),
        ("on_off(0.1)", 0.2, "process", "two of its parameters"),
        ("on_off", 0.2, "process", "two of its parameters"),
        ("on_off(0.1,0.2,0.3)", 0.2, "process", "two of its parameters"),
        ("on_off(0.1,alpha=0.2)", 0.2, "process", "given twice"),
        ("on_off(gamma=0.2)", 0.2, "process", "none of its parameters"),
        ("self_similar(0.5)", 0.2, "process", "0.5 is no Hurst"),
        ("self_similar(0.8,0)", 0.2, "process", "0 trains"),
        ("self_similar(0.8,65)", 0.2, "process", "65 trains"),
        ("self_similar(0.8,1.5)", 0.2, "process", "`1.5` is no number of sources"),
        ("self_similar(0.8,1)", 0.99, "process", "cannot carry"),
        ("bernouli", 0.2, "process", "`bernouli` is not known"),
    ] {
        let error = plan(text, rate).unwrap_err();
        assert!(error.key() == key && error.message().contains(part), "{text}: {error}");
        assert!(!error.mend().is_empty());
    }
    assert!(plan("bernouli", 0.1).unwrap_err().mend().contains("`bernoulli`"));
}

#[test]
fn every_process_of_the_help_is_known_and_prints_as_text_that_makes_it() {
    for form in PROCESSES {
        let text = if form.name == "on_off" { "on_off(0.1,0.2)" } else { form.name };
        let spec: ProcessSpec = text.parse().unwrap();
        assert_eq!(spec.to_string().parse(), Ok(spec));
    }
}
