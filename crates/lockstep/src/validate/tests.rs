//! Engines that answer from the reference itself, with and without faults.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::figures::booksim;

/// What is done to a point before it is handed over.
type Spoil = fn(&mut SweepPoint);
/// What is done to a lone packet.
type SpoilAlone = fn(&mut Alone);

/// Answers with the reference's own figures, but for what it is told to get wrong.
#[derive(Default)]
struct Mirror {
    /// What to do to a point of this configuration.
    fault: Option<(&'static str, Spoil)>,
    /// What to do to a lone packet between these nodes.
    lone: Option<(u32, u32, SpoilAlone)>,
    asked: AtomicUsize,
}

impl Engine for Mirror {
    fn measure(&self, load: &Load<'_>) -> Result<SweepPoint, EngineError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let same = |f: &&Figure| f.offered.to_bits() == load.offered.to_bits();
        let f = load.configuration.figures.iter().find(same).ok_or("no such load")?;
        assert_eq!(load.drain, f.carried());
        let mut point = SweepPoint {
            offered: load.offered,
            accepted: f.accepted,
            packet_latency: f.packet_latency,
            network_latency: f.network_latency,
            flit_latency: f.flit_latency,
            hops: f.hops.unwrap_or(f64::NAN),
            saturated: f.saturated,
            drained: !f.saturated,
            packet_latency_min: f.packet_latency_min,
            seed: load.seed,
            latency_ci95: 0.0,
            ..SweepPoint::default()
        };
        match self.fault {
            Some((name, fault)) if name == load.configuration.name => fault(&mut point),
            _ => {}
        }
        Ok(point)
    }

    fn alone(&self, c: &Configuration, pairs: &[(u32, u32)]) -> Result<Vec<Alone>, EngineError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if c.name == "torus8_uni_v4_p1_L1" && self.fault.is_some_and(|(n, _)| n == c.name) {
            return Err("no such fabric".into());
        }
        let answer = |(from, to): &(u32, u32)| {
            let hops = c.hops_min(*from, *to);
            let mut alone = Alone { latency_cycles: c.zero_load_cycles(hops), hops };
            match self.lone {
                Some((a, b, fault)) if (a, b) == (*from, *to) => fault(&mut alone),
                _ => {}
            }
            alone
        };
        Ok(pairs.iter().map(answer).collect())
    }
}

const BASE: &str = "mesh8_uni_v4_p1";
const OPTIONS: Options = Options { seeds: 3, threads: 2 };

fn run(engine: &Mirror, name: &str) -> Vec<Row> {
    let claims: Vec<Claim> =
        claims().into_iter().filter(|c| c.configuration.name == name).collect();
    validate(engine, &claims, &[], OPTIONS, &|| {})
}

fn misses(rows: &[Row]) -> Vec<Quantity> {
    let missed = rows.iter().filter(|r| r.verdict == Verdict::Missed);
    let mut quantities: Vec<Quantity> = missed.map(|r| r.quantity).collect();
    quantities.sort_unstable();
    quantities.dedup();
    quantities
}

#[test]
fn the_reference_meets_every_claim_about_itself() {
    let rows = validate(&Mirror::default(), &claims(), &[], OPTIONS, &|| {});
    assert_eq!(rows.len(), claims().len());
    assert!(passed(&rows), "{:?}", rows.iter().find(|r| r.verdict == Verdict::Missed));
    let held = |v| rows.iter().filter(|r| r.verdict == v).count();
    assert_eq!(held(Verdict::Meets) + held(Verdict::Shown), rows.len());
    assert!(held(Verdict::Meets) > 400, "{}", held(Verdict::Meets));
}

#[test]
fn each_question_is_asked_once_a_seed() {
    let engine = Mirror::default();
    let heard = AtomicUsize::new(0);
    validate(&engine, &claims(), &[], OPTIONS, &|| {
        heard.fetch_add(1, Ordering::Relaxed);
    });
    let loads = booksim().iter().flat_map(|c| &c.figures).filter(|f| f.measured()).count();
    assert_eq!(engine.asked.load(Ordering::Relaxed), 3 * loads + 16);
    assert_eq!(heard.load(Ordering::Relaxed), 3 * loads + 16);
    assert_eq!(answers(&claims(), OPTIONS), 3 * loads as u64 + 16);
}

#[test]
fn every_seeded_fault_is_caught_where_it_is() {
    let faults: &[(Spoil, &[Quantity])] = &[
        (|p| p.packet_latency *= 1.06, &[Quantity::PacketLatency]),
        (|p| p.packet_latency *= 0.94, &[Quantity::PacketLatency]),
        (|p| p.network_latency += 1.0, &[Quantity::NetworkLatency]),
        (|p| p.flit_latency -= 1.0, &[Quantity::FlitLatency]),
        (|p| p.hops *= 1.006, &[Quantity::Hops]),
        (|p| p.accepted *= 0.979, &[Quantity::SaturationThroughput, Quantity::Throughput]),
        (|p| p.packet_latency_min += 1, &[Quantity::LatencyMin]),
        (|p| p.packet_latency = f64::NAN, &[Quantity::PacketLatency]),
    ];
    for (fault, expected) in faults {
        let rows = run(&Mirror { fault: Some((BASE, *fault)), ..Mirror::default() }, BASE);
        assert_eq!(misses(&rows), *expected);
        assert!(!passed(&rows));
    }
}

#[test]
fn a_load_that_is_not_carried_is_a_miss_whatever_its_numbers() {
    let fault: Spoil = |p| p.saturated = true;
    let rows = run(&Mirror { fault: Some((BASE, fault)), ..Mirror::default() }, BASE);
    let light = rows.iter().find(|r| r.quantity == Quantity::PacketLatency).unwrap();
    assert_eq!(light.verdict, Verdict::Missed);
    assert!(
        light.note.as_ref().is_some_and(|n| n.contains("not carried with seed 1")),
        "{light:?}"
    );
}

#[test]
fn a_single_lone_packet_that_deviates_is_found_even_if_the_mean_is_right() {
    let faults: &[(SpoilAlone, &str)] = &[
        (|a| a.latency_cycles += 1, "3 to 5: 18 cycles, not 17"),
        (|a| a.hops += 2, "3 to 5: 5 hops, not 3"),
    ];
    for (fault, note) in faults {
        let rows = run(&Mirror { lone: Some((3, 5, *fault)), ..Mirror::default() }, BASE);
        assert_eq!(misses(&rows), [Quantity::ZeroLoad]);
        assert!(rows[0].note.as_ref().is_some_and(|n| n.contains(note)), "{:?}", rows[0]);
    }
    // Random detours may be longer, with the latency of their hops; never shorter.
    let longer: SpoilAlone = |a| {
        a.hops += 2;
        a.latency_cycles += 10;
    };
    let valiant = "mesh8_valiant_uniform_v4_p1";
    assert!(passed(&run(&Mirror { lone: Some((3, 5, longer)), ..Mirror::default() }, valiant)));
    let shorter: SpoilAlone = |a| a.hops -= 1;
    assert!(!passed(&run(&Mirror { lone: Some((3, 5, shorter)), ..Mirror::default() }, valiant)));
}

#[test]
fn an_engine_that_fails_misses_with_its_error() {
    let fault = Some(("torus8_uni_v4_p1_L1", (|_| {}) as Spoil));
    let rows = run(&Mirror { fault, ..Mirror::default() }, "torus8_uni_v4_p1_L1");
    assert_eq!(misses(&rows), [Quantity::ZeroLoad]);
    assert_eq!(rows[0].note.as_deref(), Some("no such fabric"));
    let json: serde_json::Value = serde_json::from_str(&to_json(&rows).unwrap()).unwrap();
    assert!(json[0]["emulated"].is_null() && json[1]["emulated"].is_number());
}

#[test]
fn seeds_that_differ_excuse_an_error_of_their_size() {
    // Half a cycle up or down around an error of 1.5 %.
    let fault: Spoil = |p| {
        let off = [0.0, -0.5, 0.5][usize::try_from(p.seed % 3).unwrap()];
        p.packet_latency = p.packet_latency * 1.015 + off;
    };
    let rows = run(&Mirror { fault: Some((BASE, fault)), ..Mirror::default() }, BASE);
    let light = rows.iter().find(|r| r.quantity == Quantity::PacketLatency).unwrap();
    assert_eq!(light.verdict, Verdict::WithinSpread);
    // t of 2 degrees times a deviation of 0.5 times sqrt(4 / 3), over 33.1879.
    assert!((light.spread.unwrap() - 4.303 * 0.5 * 1.154_700_5 / 33.1879).abs() < 1e-6);
}

#[test]
fn a_miss_that_is_understood_does_not_fail_and_says_why() {
    let explained = [Explained {
        configuration: BASE,
        quantity: Quantity::Hops,
        from: 0.1,
        to: 0.2,
        why: "packets take the scenic route",
    }];
    let claims: Vec<Claim> =
        claims().into_iter().filter(|c| c.configuration.name == BASE).collect();
    let fault: Spoil = |p| p.hops *= 1.02;
    let engine = Mirror { fault: Some((BASE, fault)), ..Mirror::default() };
    let rows = validate(&engine, &claims, &explained, OPTIONS, &|| {});
    let verdict = |load: f64| {
        let at = |r: &&Row| r.quantity == Quantity::Hops && r.offered == Some(load);
        rows.iter().find(at).map(|r| (r.verdict, r.note.as_deref()))
    };
    let why = Some("packets take the scenic route");
    assert_eq!(verdict(0.1), Some((Verdict::Explained, why)));
    assert_eq!(verdict(0.2), Some((Verdict::Explained, why)));
    assert_eq!(verdict(0.25), Some((Verdict::Missed, None)));
    let rows = validate(&Mirror::default(), &claims, &explained, OPTIONS, &|| {});
    assert!(
        rows.iter().any(|r| r.note.as_ref().is_some_and(|n| n.contains("drop the explanation")))
    );
}

#[test]
fn the_table_has_a_line_for_every_row_and_counts_the_verdicts() {
    let fault: Spoil = |p| p.hops *= 1.02;
    let rows = run(&Mirror { fault: Some((BASE, fault)), ..Mirror::default() }, BASE);
    let text = render(&rows);
    assert_eq!(text.lines().count(), rows.len() + 4, "{text}");
    assert!(text.starts_with("mesh8_uni_v4_p1\n  figure"), "{text}");
    assert!(
        text.contains("+2.00 %") && text.contains(" exact ") && text.contains("  shown\n"),
        "{text}"
    );
    assert!(text.ends_with(" 9 missed; 8 shown only\n"), "{text}");
}
