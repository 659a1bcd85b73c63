//! Runs that are written down at any instant and gone on with by another machine are the runs that were not
//! interrupted: to the digest, and to every figure of the summary.

use std::fmt::Write as _;

use lockstep::base::arch::{Buffers, RouterArch};
use lockstep::base::{Addr, Fs, Op, PackageOp, Record, Rmw, ThreadIdx};
use lockstep::machine::checkpoint::Header;
use lockstep::machine::{CheckpointError, Cut, Deal, Latency, Machine, Options, Summary};
use lockstep::stress::{Case, topologies};
use lockstep::topology::describe::{
    BarrierForm, CrossingForm, EventForm, Happening, LinkForm, NodeEventForm, NodeHappening, Via,
};
use lockstep::topology::phy::Chance;
use lockstep::topology::spec::MachineSpec;
use lockstep::topology::units::Span;
use lockstep::topology::{Description, SHIPPED};
use lockstep::traffic::Trace;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tests::fabric::choose;

/// All that a summary says, in words.
fn told(s: &Summary) -> String {
    let mut text = format!(
        "{:?}",
        (&s.digest, s.time, s.edges, s.operations, s.transactions, s.loads, s.stores, s.atomics)
    );
    let counts = (s.barriers, s.line_accesses, s.hits, s.packets, s.flits_delivered, s.flit_hops);
    let memory = (s.memory_reads, s.memory_writes);
    let _ = write!(text, "{:?}", (counts, memory, &s.breakdown_ns, &s.directory, &s.transfers));
    let _ = write!(text, "{:?}", (&s.scopes, &s.busiest, &s.sickest, &s.phy, &s.checks));
    let latency = |l: &Latency| {
        let quantiles: Vec<f64> = (0..=100).map(|q| l.quantile_ns(f64::from(q) / 100.0)).collect();
        (l.count(), l.mean_ns(), l.max_ns(), quantiles, l.doublings())
    };
    for l in std::iter::once(&s.latency).chain(&s.kinds) {
        let _ = write!(text, "{:?}", latency(l));
    }
    text
}

fn machine(spec: &MachineSpec, trace: &Trace, options: Options) -> Machine {
    Machine::new(spec, trace, options).expect("a sound machine")
}

/// The number of steps of a whole run, and what it tells.
fn whole(spec: &MachineSpec, trace: &Trace, options: Options) -> (u64, String) {
    let mut m = machine(spec, trace, options);
    let mut steps = 0;
    while m.step().expect("a sound run") {
        steps += 1;
    }
    (steps, told(&m.summary()))
}

/// The checkpoint of a run after so many steps.
fn at(spec: &MachineSpec, trace: &Trace, options: Options, steps: u64) -> Vec<u8> {
    let mut m = machine(spec, trace, options);
    for _ in 0..steps {
        m.step().expect("a sound run");
    }
    let mut checkpoint = Vec::new();
    m.checkpoint(&mut checkpoint).expect("memory takes it");
    checkpoint
}

/// Resumes at each of `shares` of a run, in thousandths of its steps, one after the other.
fn check(spec: &MachineSpec, trace: &Trace, options: Options, shares: &[u64]) {
    let (steps, expected) = whole(spec, trace, options);
    for share in shares {
        let checkpoint = at(spec, trace, options, steps * share / 1000);
        // In another order, with another number of threads: neither may reach a result.
        let cut = if options.cut == Cut::Auto { Cut::Parts(1) } else { options.cut };
        let (shuffle, threads) = (Some(*share), 1 + usize::from(*share % 2 == 0));
        let others = Options { shuffle, threads, cut, ..options };
        let mut resumed = machine(spec, trace, others);
        resumed.resume(&checkpoint[..]).expect("a checkpoint");
        // What is loaded is what was saved.
        let mut again = Vec::new();
        resumed.checkpoint(&mut again).expect("memory takes it");
        assert!(again == checkpoint, "{}: at {share} thousandths", spec.name);
        resumed.run().expect("a sound run");
        assert_eq!(told(&resumed.summary()), expected, "{}: at {share} thousandths", spec.name);
    }
}

fn records(threads: u32, ops: impl Fn(u32) -> Vec<Op>) -> Trace {
    let all = (0..threads)
        .flat_map(|t| ops(t).into_iter().map(move |op| Record { thread: ThreadIdx(t), op }));
    Trace::from_records(all).expect("a sound trace")
}

/// Threads that share some lines, add to a counter, copy, think and meet.
fn mixed(threads: u32) -> Trace {
    records(threads, |t| {
        let line = |n: u64| Addr(n * 4096 + u64::from(t % 3) * 8);
        let mut ops = Vec::new();
        for n in 0..6 {
            ops.push(Op::Load { addr: line(n), size: 8 });
            ops.push(Op::Store { addr: line(n + 1), size: 8, value: None });
            ops.push(Op::Atomic { addr: Addr(64), size: 8, rmw: Rmw::Add(1) });
            ops.push(Op::Think { cycles: 40 * (t + 1) });
            ops.push(Op::Copy { from: line(n), to: Addr(1 << 20 | u64::from(t) << 9), bytes: 200 });
            ops.push(Op::Release { addr: line(9), size: 8, value: None });
            ops.push(Op::Acquire { addr: line(9), size: 8, sc: true });
            ops.push(Op::Package(PackageOp::Fence));
            ops.push(Op::Barrier { id: 1, members: threads });
        }
        ops
    })
}

#[test]
fn every_shipped_machine_of_up_to_128_nodes_goes_on_where_it_was() {
    for (name, _) in SHIPPED {
        if name == "pod1024" || name == "torus16x16x16" || name == "cloudmatrix384" {
            continue;
        }
        let spec = Description::shipped(name).expect("shipped").elaborate().expect("a machine");
        check(&spec, &mixed(8), Options::default(), &[0, 137, 500, 871, 1000]);
    }
}

#[test]
fn machines_that_are_cut_go_on_from_the_end_of_any_epoch() {
    for name in ["nvl8", "nvl72", "torus4x4x4", "packages64", "nvl8-framed"] {
        let spec = Description::shipped(name).expect("shipped").elaborate().expect("a machine");
        for cut in [Cut::Parts(2), Cut::Drawn { parts: 3, seed: 8 }] {
            let options = Options { cut, threads: 2, deal: Deal::Together, ..Options::default() };
            check(&spec, &mixed(8), options, &[100, 611]);
        }
    }
    // Another cut is another run's.
    let spec = Description::nvl8().elaborate().expect("a machine");
    let whole = Options::default();
    let checkpoint = at(&spec, &mixed(8), Options { cut: Cut::Parts(2), ..whole }, 9);
    let error = refused(&spec, &mixed(8), whole, &checkpoint).to_string();
    assert!(error.contains("another cut: 2 partitions ("), "{error}");
    // As many partitions, of other things: told apart by a hash.
    let drawn = |seed| Options { cut: Cut::Drawn { parts: 3, seed }, ..whole };
    let checkpoint = at(&spec, &mixed(8), drawn(8), 9);
    let error = refused(&spec, &mixed(8), drawn(9), &checkpoint).to_string();
    let hashes: Vec<&str> = error.split("3 partitions (").skip(1).map(|t| &t[..16]).collect();
    assert!(hashes.len() == 2 && hashes[0] != hashes[1], "{error}");
}

#[test]
fn links_with_errors_and_events_go_on_where_they_were() {
    let text = SHIPPED.iter().find(|(n, _)| *n == "nvl8-framed").expect("it is shipped").1;
    for (ber, sick) in [("1e-5", false), ("4e-4", true)] {
        let weak = "code: (strength: 5), replay: (retries: 3)";
        let noisy = format!("Framed(class: \"nvlink4\", ber: {ber}, {weak})");
        let event = "events: [(link: (\"node0\", \"switch1\"), at: \"2 us\", what: Retrain)],\n    accelerator: (";
        let text =
            text.replace("Framed(class: \"nvlink4\")", &noisy).replace("accelerator: (", event);
        let spec = lockstep::topology::parse("noisy", &text).expect("a machine");
        let mut run = machine(&spec, &mixed(16), Options::default());
        run.run().expect("a sound run");
        let phy = run.summary().phy.expect("it is framed");
        assert!(
            phy.retrains >= 1 && (phy.replays > 9 && phy.uncorrectable > 99) == sick,
            "{phy:?}"
        );
        check(&spec, &mixed(16), Options::default(), &[3, 250, 333, 500, 750, 930]);
    }
}

/// A machine whose routers, buffers, crossings and links are drawn; all shared or lossy where it says so.
fn odd(seed: u64, (other, pools, fifo, noise): (bool, bool, bool, bool)) -> MachineSpec {
    let mut d = Description::shipped(if noise { "nvl8-framed" } else { "nvl8" }).expect("shipped");
    if other {
        choose(&mut d, false, 6, seed);
    }
    if pools {
        d.router.buffers = Buffers::Shared { reserved_flits: 6 };
    }
    if fifo {
        let between = ("accelerator".to_owned(), "switch".to_owned());
        d.crossings = vec![CrossingForm { between, via: Via::Fifo { depth: 3, stages: 2 } }];
    }
    if let (true, Some(LinkForm::Framed(form))) = (noise, d.links.get_mut("nvlink4")) {
        (form.ber, form.code.strength) = (Some(Chance(4e-4)), Some(5));
    }
    for (_, class) in &mut d.links.0 {
        class.set_buffer_flits(8);
    }
    d.elaborate().expect("a sound machine")
}

/// Each of what a machine can be made of is there often enough, in the middle of a run.
#[test]
fn machines_of_any_routers_pools_crossings_and_noise_go_on_from_any_instant() {
    let cases = if tests::deep() { 300 } else { 16 };
    let config = Config { cases, rng_seed: RngSeed::Fixed(29), ..Config::default() };
    let kinds = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let runs = (any::<u64>(), 100_u64..900, kinds, any::<bool>());
    let seen = std::cell::Cell::new([0_u32; 5]);
    let law = |(seed, share, kind, cut): (u64, u64, (bool, bool, bool, bool), bool)| {
        let (spec, trace) = (odd(seed, kind), mixed(8));
        let cut = if cut { Cut::Parts(2) } else { Cut::Auto };
        let options = Options { seed, cut, ..Options::default() };
        let (steps, _) = whole(&spec, &trace, options);
        let mut halfway = machine(&spec, &trace, options);
        for _ in 0..steps * share / 1000 {
            halfway.step().expect("a sound run");
        }
        // Errors before the checkpoint, and after it.
        let sick = |m: &Machine| m.summary_so_far().phy.map_or(0, |p| p.replays);
        let before = sick(&halfway);
        let under_way = halfway.packets_in_flight();
        halfway.run().expect("a sound run");
        let noisy = before > 0 && sick(&halfway) > before;
        check(&spec, &trace, options, &[share]);
        let fifo = spec.crossings.iter().any(|c| c.via.fifo_depth().is_some());
        let pooled = spec.router.arch.buffers != Buffers::Private;
        let plain = RouterArch { buffers: spec.router.arch.buffers, ..RouterArch::default() };
        let parts = halfway.engine().partitions > 1;
        let other = spec.router.arch != plain;
        let now = [other, pooled, fifo, noisy, parts].map(|has| u32::from(has && under_way));
        seen.set(std::array::from_fn(|at| seen.get()[at] + now[at]));
        Ok(())
    };
    TestRunner::new(config).run(&runs, law).expect("every run goes on");
    assert!(seen.get().iter().all(|n| *n >= cases / 6), "{:?}", seen.get());
}

/// Threads that meet over and over, all of them and some, with little in between.
fn meeting(threads: u32) -> Trace {
    records(threads, |t| {
        let mut ops = Vec::new();
        for n in 0..12_u32 {
            ops.push(Op::Think { cycles: 30 * ((t * 7 + n) % 5) });
            ops.push(Op::Store { addr: Addr(u64::from(n * 8 + t) * 4096), size: 8, value: None });
            ops.push(Op::Barrier { id: n % 2, members: threads });
            if t % 2 == 0 {
                ops.push(Op::Barrier { id: 5, members: threads.div_ceil(2) });
            }
        }
        ops
    })
}

#[test]
fn barriers_by_units_and_timed_ones_go_on_where_they_were() {
    let span = |us: u64| Some(Span(Fs::from_ns(us * 1_000)));
    let units =
        BarrierForm::Hardware { table: 2, unit_cycles: None, node_cycles: 1, timeout: span(50) };
    for (name, barriers) in [
        ("nvl8", units),
        ("mesh8x8", units),
        ("nvl8-framed", units),
        ("nvl8", BarrierForm::Packets { timeout: span(50) }),
    ] {
        let mut d = Description::shipped(name).expect("shipped");
        d.barriers = barriers;
        let spec = d.elaborate().expect("a machine");
        let mut run = machine(&spec, &meeting(8), Options::default());
        run.run().expect("a sound run");
        let used = run.summary().barrier_use;
        let by_units = barriers == units;
        assert!(used.latency.count() == 24 && (used.tokens > 100) == by_units, "{used:?}");
        check(&spec, &meeting(8), Options::default(), &[0, 91, 250, 333, 417, 500, 613, 777, 930]);
    }
    // A member that never comes is missed at the same instant.
    let mut d = Description::nvl8();
    d.barriers = units;
    d.node_events = vec![NodeEventForm {
        node: "node3".to_owned(),
        at: Span(Fs::from_ns(4_000)),
        what: NodeHappening::Halts,
    }];
    let spec = d.elaborate().expect("a machine");
    let ends = |m: &mut Machine| {
        let mut steps = 0;
        loop {
            match m.step() {
                Ok(true) => steps += 1,
                Ok(false) => panic!("node 3 halts"),
                Err(error) => return (steps, error.to_string()),
            }
        }
    };
    let (steps, expected) = ends(&mut machine(&spec, &meeting(8), Options::default()));
    assert!(expected.contains("halted at") && steps > 100, "{steps} {expected}");
    for share in [2, 5, 9] {
        let checkpoint = at(&spec, &meeting(8), Options::default(), steps * share / 10);
        let mut resumed = machine(&spec, &meeting(8), Options::default());
        resumed.resume(&checkpoint[..]).expect("a checkpoint");
        assert_eq!(ends(&mut resumed), (steps - steps * share / 10, expected.clone()));
    }
}

/// Before, while and after links are down, with packets under way and kept by their sources.
#[test]
fn links_that_go_down_and_come_up_go_on_where_they_were() {
    let mut d = Description::shipped("nvl8-framed").expect("shipped");
    if let Some(LinkForm::Framed(form)) = d.links.get_mut("nvlink4") {
        form.replay.retrain = Some(Span(Fs::from_ns(500)));
    }
    let event = |switch: u32, nth, ns, what| EventForm {
        link: ("node0".to_owned(), format!("switch{switch}")),
        nth,
        at: Span(Fs::from_ns(ns)),
        what,
    };
    for nth in 0..4 {
        d.events.push(event(1, nth, 3_000, Happening::Down));
        d.events.push(event(1, nth, 6_000, Happening::Up));
        d.events.push(event(2, nth, 4_000, Happening::Down));
    }
    let spec = d.elaborate().expect("a machine");
    let (trace, options) = (mixed(16), Options::default());
    let mut run = machine(&spec, &trace, options);
    run.run().expect("there is a way around");
    let phy = run.summary().phy.expect("it is framed");
    assert!(phy.reroutes == 3 && phy.resent_packets > 0 && phy.dropped_flits > 0, "{phy:?}");
    let shares: Vec<u64> = (1..40).map(|n| n * 25).collect();
    check(&spec, &trace, options, &shares);
}

#[test]
fn any_run_of_a_tight_machine_goes_on_from_any_instant() {
    let names = topologies();
    let cases = if tests::deep() { 400 } else { 40 };
    let config = Config { cases, rng_seed: RngSeed::Fixed(11), ..Config::default() };
    let runs = (any::<u64>(), 0_u64..=1000, any::<bool>());
    let law = |(seed, share, check_all): (u64, u64, bool)| {
        let case = Case::draw(seed, &names);
        let (spec, trace) = (case.knobs.spec().expect("a machine"), case.trace().expect("a trace"));
        let options = Options { seed, check: check_all, ..Options::default() };
        check(&spec, &trace, options, &[share]);
        Ok(())
    };
    TestRunner::new(config).run(&runs, law).expect("every run goes on");
}

fn nvl8() -> (MachineSpec, Trace, Vec<u8>) {
    let spec = Description::nvl8().elaborate().expect("a machine");
    let trace = mixed(4);
    let checkpoint = at(&spec, &trace, Options::default(), 500);
    (spec, trace, checkpoint)
}

fn refused(spec: &MachineSpec, trace: &Trace, options: Options, bytes: &[u8]) -> CheckpointError {
    machine(spec, trace, options).resume(bytes).expect_err("it does not fit")
}

#[test]
fn a_checkpoint_with_any_byte_changed_or_cut_short_anywhere_is_refused() {
    let (spec, trace, checkpoint) = nvl8();
    let config = Config { cases: 300, rng_seed: RngSeed::Fixed(5), ..Config::default() };
    let damage = (0..checkpoint.len(), 1_u8..=255, any::<bool>());
    let law = |(at, by, cut): (usize, u8, bool)| {
        let mut bytes = checkpoint.clone();
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= by;
        }
        let error = refused(&spec, &trace, Options::default(), &bytes);
        let named = matches!(
            error,
            CheckpointError::Damaged | CheckpointError::Truncated | CheckpointError::NotOne
        );
        prop_assert!(named, "{error}");
        prop_assert!(Header::read(&bytes[..]).is_err());
        Ok(())
    };
    TestRunner::new(config).run(&damage, law).expect("all are refused");
}

#[test]
fn a_checkpoint_of_another_run_is_refused_and_says_of_which() {
    let (spec, trace, checkpoint) = nvl8();
    let own = Options::default();
    let told = |spec: &MachineSpec, trace: &Trace, options| {
        refused(spec, trace, options, &checkpoint).to_string()
    };
    let mut slower = spec.clone();
    slower.accelerator.cache.latency_cycles += 1;
    assert!(told(&slower, &trace, own).contains("another topology"));
    assert!(told(&spec, &mixed(5), own).contains("another trace"));
    assert!(told(&spec, &trace, Options { seed: 2, ..own }).contains("mend: add `--seed 1`"));
    assert!(
        told(&spec, &trace, Options { check: false, ..own }).contains("leave `--no-check` out")
    );
    let header = Header::read(&checkpoint[..]).expect("a checkpoint");
    assert_eq!((header.topology.as_str(), header.seed, header.trace_threads), ("nvl8", 1, 4));
}

/// Makes the checksum right again.
fn sum_up(checkpoint: &mut [u8]) {
    let crc = checkpoint.len() - 4;
    let sum = crc32fast::hash(&checkpoint[..crc]);
    checkpoint[crc..].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn a_checkpoint_of_a_build_that_keeps_other_state_is_refused_by_name() {
    let (spec, trace, mut checkpoint) = nvl8();
    // A mark of 8 bytes, the version, the header's length; last in the header is the hash over what is kept.
    let length: [u8; 4] = checkpoint[12..16].try_into().expect("four");
    checkpoint[16 + u32::from_le_bytes(length) as usize - 2] ^= 1;
    sum_up(&mut checkpoint);
    let error = refused(&spec, &trace, Options::default(), &checkpoint);
    assert!(matches!(error, CheckpointError::Unfit), "{error}");
    assert!(error.to_string().contains("mend: "), "{error}");
    assert_eq!(Header::read(&checkpoint[..]).expect("the rest is as it was").topology, "nvl8");
}

#[test]
fn a_checkpoint_of_another_version_is_refused_by_name() {
    let (spec, trace, mut checkpoint) = nvl8();
    checkpoint[8] = 99;
    sum_up(&mut checkpoint);
    let error = refused(&spec, &trace, Options::default(), &checkpoint);
    assert!(matches!(error, CheckpointError::Version { found: 99, .. }), "{error}");
}
