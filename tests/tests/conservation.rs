//! What goes in comes out: flits, credits, packets and time, looked at while a machine runs.

use lockstep::base::{Addr, Op, Part, Record, Rmw, ThreadIdx};
use lockstep::machine::{Kind, Latency, Machine, Options};
use lockstep::topology::Description;
use lockstep::topology::describe::LinkForm;
use lockstep::topology::units::{Delay, Size};
use lockstep::traffic::Trace;
use proptest::prelude::*;
use tests::machines::machines;
use tests::pencil::femtoseconds;
use tests::programs::programs;

/// Steps a machine to its end and looks for losses at every `every`-th instant.
fn watch(machine: &mut Machine, every: u64) -> Result<(), TestCaseError> {
    let mut instants = 0;
    let mut before = (0, 0);
    while machine.step().map_err(|e| TestCaseError::fail(e.to_string()))? {
        instants += 1;
        if instants % every != 0 {
            continue;
        }
        let (lost, losses) = machine.lost_credits();
        prop_assert_eq!(lost, 0, "{:?} at {}", losses, machine.now());
        let flits = machine.flits();
        prop_assert_eq!(flits.lost(machine.flits_present()), 0, "{:?} at {}", flits, machine.now());
        let (offered, delivered) = (flits.offered, flits.delivered);
        prop_assert!(offered >= before.0 && delivered >= before.1 && delivered <= offered);
        let packets: usize = machine.networks().map(|net| net.packets().len()).sum();
        prop_assert_eq!(offered == delivered, packets == 0);
        // A packet in flight has at least one flit in flight.
        prop_assert!(packets as u64 <= offered - delivered);
        before = (offered, delivered);
    }
    let flits = machine.flits();
    prop_assert_eq!((flits.offered, flits.again + flits.dropped), (flits.delivered, 0));
    Ok(())
}

#[test]
fn no_credit_or_flit_is_lost_at_any_instant() {
    let small = machines().prop_filter("small", |m| m.spec().fabric.links.len() <= 64);
    let result = tests::laws([25, 500], 3).run(&(small, programs()), |(tight, program)| {
        let Some(trace) = program.trace() else { return Ok(()) };
        let mut machine = Machine::new(&tight.spec(), &trace, Options::default())
            .map_err(|e| TestCaseError::fail(e.to_string()))?;
        watch(&mut machine, 1)?;
        prop_assert!(machine.summary().checks.clean());
        Ok(())
    });
    if let Err(told) = result {
        panic!("{told}");
    }
}

/// Every thread loads, stores, adds and copies all over the pool, a few lines of it shared.
fn busy(threads: u32, operations: u64) -> Vec<Record> {
    let mut all = Vec::new();
    for n in 0..operations {
        for thread in 0..threads {
            let far = u64::from(thread) * 8192 + n * 4160;
            let op = match (n + u64::from(thread)) % 7 {
                0 | 1 => Op::Load { addr: Addr(far % (1 << 18)), size: 64 },
                2 => Op::Store { addr: Addr(far % (1 << 18)), size: 8, value: None },
                3 => Op::Atomic { addr: Addr(n % 5 * 4096), size: 8, rmw: Rmw::Add(1) },
                4 => Op::Store { addr: Addr(n % 3 * 64 + 60), size: 8, value: Some(n) },
                5 => Op::Load { addr: Addr(n % 11 * 4096), size: 4 },
                _ => {
                    Op::Copy { from: Addr(far % (1 << 18)), to: Addr((1 << 20) + far), bytes: 200 }
                }
            };
            all.push(Record { thread: ThreadIdx(thread), op });
        }
    }
    all
}

fn replay(description: &Description, records: &[Record], seed: u64) -> Machine {
    let spec = description.elaborate().expect("a sound machine");
    let trace = Trace::from_records(records.iter().copied()).expect("a sound trace");
    let options = Options { seed, ..Options::default() };
    let mut machine = Machine::new(&spec, &trace, options).expect("a sound machine");
    machine.run().expect("a sound run");
    machine
}

fn sum(latency: &Latency) -> u128 {
    femtoseconds(latency.mean_ns() * latency.count() as f64)
}

#[test]
fn parts_and_kinds_sum_to_all_latency_to_the_femtosecond() {
    for name in ["nvl8", "fullmesh8", "mesh8x8", "torus4x4x4"] {
        let description = Description::shipped(name).expect("it is shipped");
        let machine = replay(&description, &busy(12, 60), 1);
        let stats = machine.stats();
        let count = stats.all().count() as f64;
        let parts = Part::ALL.map(|p| femtoseconds(stats.mean_part_ns(p) * count));
        assert_eq!(parts.iter().sum::<u128>(), sum(stats.all()), "{name}");
        let kinds = [Kind::Load, Kind::Store, Kind::Atomic].map(|k| stats.of(k));
        assert_eq!(kinds.iter().map(|l| sum(l)).sum::<u128>(), sum(stats.all()), "{name}");
        assert_eq!(kinds.iter().map(|l| l.count()).sum::<u64>(), stats.all().count(), "{name}");
        // What every loaded machine spends time on.
        for part in [Part::Cache, Part::Router, Part::Flight, Part::Directory, Part::DramCore] {
            assert!(stats.mean_part_ns(part) > 0.0, "{name}: no {part:?}");
        }
    }
}

#[test]
fn no_link_is_busier_than_always_and_every_hop_is_a_flit_on_a_link() {
    for name in ["nvl8", "fullmesh8", "mesh8x8", "torus4x4x4"] {
        let description = Description::shipped(name).expect("it is shipped");
        let machine = replay(&description, &busy(16, 40), 1);
        let summary = machine.summary();
        assert!(summary.checks.clean(), "{name}: {:?}", summary.checks);
        assert!(!summary.busiest.is_empty(), "{name}");
        for link in &summary.busiest {
            assert!(link.utilization > 0.0 && link.utilization <= 1.0, "{name}: {link:?}");
        }
        // Each flit crosses one link more than routers.
        let ids = (0..machine.spec().fabric.links.len()).map(lockstep::base::LinkIdx::new);
        let carried: u64 = ids.map(|l| machine.flits_sent(l)).sum();
        assert_eq!(carried, summary.flit_hops + summary.flits_delivered, "{name}");
    }
}

#[test]
fn the_digest_tells_one_operation_one_latency_and_the_seed() {
    let base = Description::nvl8();
    let records = busy(8, 20);
    let digest = |d: &Description, r: &[Record], seed| replay(d, r, seed).summary().digest;
    let mut seen = vec![digest(&base, &records, 1)];
    assert_eq!(digest(&base, &records, 1), seen[0]);
    seen.push(digest(&base, &records, 2));

    let mut other = records.clone();
    let at = other.iter().position(|r| matches!(r.op, Op::Load { .. })).expect("there are loads");
    if let Op::Load { addr, .. } = &mut other[at].op {
        addr.0 += 64;
    }
    seen.push(digest(&base, &other, 1));
    other.clone_from(&records);
    let value = other.iter_mut().find_map(|r| match &mut r.op {
        Op::Store { value: Some(value), .. } => Some(value),
        _ => None,
    });
    *value.expect("there are stores") += 1;
    seen.push(digest(&base, &other, 1));
    other.clone_from(&records);
    other.pop();
    seen.push(digest(&base, &other, 1));

    let mut slower = base.clone();
    slower.accelerator.cache.latency_cycles += 1;
    seen.push(digest(&slower, &records, 1));
    slower.clone_from(&base);
    slower.router.st_cycles += 1;
    seen.push(digest(&slower, &records, 1));
    slower.clone_from(&base);
    if let Some(LinkForm::Serial { flight, .. }) = slower.links.get_mut("nvlink4") {
        *flight = Delay(flight.0 + 1_000_000);
    }
    seen.push(digest(&slower, &records, 1));
    slower.clone_from(&base);
    slower.header = Size(48);
    seen.push(digest(&slower, &records, 1));

    let different: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!(different.len(), seen.len(), "{seen:#?}");
}
