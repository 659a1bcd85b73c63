//! Directories of two levels, in machines: coherent to the end, whatever is listed how at each, and what
//! they cost and save is counted.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lockstep::coherence::Mutant;
use lockstep::prelude::*;
use lockstep::topology::describe::{
    Atomics, DirectoryForm, FabricForm, Listing, Overflow, SharedEviction,
};
use lockstep::topology::units::Size;

/// Inner and outer.
const LEVELS: [[Listing; 2]; 5] = [
    [Listing::FullMap, Listing::FullMap],
    [
        Listing::Limited { pointers: 1, overflow: Overflow::Broadcast },
        Listing::Limited { pointers: 1, overflow: Overflow::Coarse { region: 2 } },
    ],
    [
        Listing::Limited { pointers: 2, overflow: Overflow::Recall },
        Listing::Limited { pointers: 2, overflow: Overflow::Recall },
    ],
    [Listing::Coarse { region: 2 }, Listing::Coarse { region: 2 }],
    [Listing::FullMap, Listing::Limited { pointers: 1, overflow: Overflow::Broadcast }],
];

/// Room of packages' slices and of homes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    Any,
    Few,
}

/// A mesh of small caches, packages of which are rows or parts of rows.
fn mesh(dims: &[u32], package: u32, [inner, outer]: [Listing; 2], room: Room) -> Description {
    let mut d = Description::mesh8x8();
    if let FabricForm::Mesh(grid) = &mut d.fabric {
        grid.dims = dims.to_vec();
    }
    d.accelerator.cache.size = Size(4096);
    d.accelerator.cache.ways = 4;
    let few = (room == Room::Few).then_some(2);
    d.package_nodes = Some(package);
    d.accelerator.home.directory = DirectoryForm::TwoLevel { inner, outer, package_lines: few };
    d.accelerator.home.directory_lines = few;
    d.accelerator.home.interleave = Size(64);
    d.accelerator.atomics = if room == Room::Few { Atomics::Far } else { Atomics::Near };
    let silent = inner != Listing::FullMap;
    d.accelerator.cache.shared_eviction =
        if silent { SharedEviction::Silent } else { SharedEviction::Notify };
    d
}

/// Threads that read the same words, write some of them and count.
fn sharing(threads: u32, steps: u32) -> Trace {
    let op = |thread: u32, step: u32| {
        let draw = drawn(thread, step);
        let (home, turn) = (draw % 8, draw / 8 % 12);
        let addr = Addr(u64::from(turn * threads + home) * 64);
        match draw / 96 % 8 {
            0 => Op::Store { addr, size: 8, value: None },
            1 => Op::Atomic { addr, size: 8, rmw: Rmw::Add(1) },
            _ => Op::Load { addr, size: 8 },
        }
    };
    trace(threads, steps, op)
}

fn trace(threads: u32, steps: u32, op: impl Fn(u32, u32) -> Op) -> Trace {
    let op = &op;
    let records = (0..steps).flat_map(|step| {
        (0..threads).map(move |t| Record { thread: ThreadIdx(t), op: op(t, step) })
    });
    Trace::from_records(records).expect("a trace")
}

fn drawn(thread: u32, step: u32) -> u32 {
    let draw = lockstep::base::rng::draw(7, u64::from(thread), 0, u64::from(step));
    u32::try_from(draw >> 40).expect("24 bits")
}

fn replay(spec: &MachineSpec, trace: &Trace, shuffle: Option<u64>) -> Summary {
    let options = Options { shuffle, ..Options::default() };
    let mut machine = Machine::new(spec, trace, options).expect("a machine");
    machine.run().unwrap_or_else(|e| panic!("it comes to rest: {e}"));
    let summary = machine.summary();
    assert!(summary.checks.clean(), "{:?}: {:?}", summary.directory, summary.checks);
    summary
}

/// Every pair of levels, with room for all lines and with too little, is coherent to the end.
fn every_pair_of_levels_is_coherent(dims: &[u32], package: u32, steps: u32) {
    let nodes: u32 = dims.iter().product();
    let trace = sharing(nodes, steps);
    for (levels, room) in LEVELS.into_iter().flat_map(|l| [(l, Room::Any), (l, Room::Few)]) {
        let spec = mesh(dims, package, levels, room).elaborate().expect("a sound machine");
        let summary = replay(&spec, &trace, None);
        let d = &summary.directory;
        let p = d.packages.as_ref().expect("packages");
        assert!(p.answered_inside > 0 && p.answered_inside < p.requests, "{levels:?}: {p:?}");
        assert!(p.snoops > 0 && p.snoop_recalls > 0, "{levels:?}: {p:?}");
        assert!(d.crossings > Some(0), "{d:?}");
        assert_eq!(p.capacity_recalls > 0, room == Room::Few, "{levels:?}: {p:?}");
        if room == Room::Few {
            assert!(p.lines_max <= 2 && d.lines_max <= 2, "{levels:?}: {d:?}");
            assert!(d.capacity_recalls > 0, "{d:?}");
            let bits = u64::from(nodes) * 2 * u64::from(p.entry_bits);
            assert_eq!(p.storage_bits, bits, "{p:?}");
        }
        let parts: f64 = summary.breakdown_ns.iter().map(|(_, ns)| ns).sum();
        let mean = summary.latency.mean_ns();
        assert!((parts - mean).abs() < 1e-6 * mean, "{parts} is not {mean}");
    }
}

#[test]
fn every_pair_of_levels_is_coherent_with_8_nodes() {
    every_pair_of_levels_is_coherent(&[2, 4], 2, 200);
    every_pair_of_levels_is_coherent(&[2, 4], 4, 100);
}

#[test]
fn every_pair_of_levels_is_coherent_with_64_nodes() {
    every_pair_of_levels_is_coherent(&[8, 8], 8, 20);
}

#[test]
#[ignore = "deep: machines of 512 nodes"]
fn every_pair_of_levels_is_coherent_with_512_nodes() {
    every_pair_of_levels_is_coherent(&[16, 32], 16, 6);
}

#[test]
#[ignore = "deep: machines of 1024 nodes"]
fn every_pair_of_levels_is_coherent_with_1024_nodes() {
    every_pair_of_levels_is_coherent(&[32, 32], 32, 4);
}

#[test]
fn the_order_of_stepping_does_not_matter() {
    let spec = mesh(&[4, 4], 4, LEVELS[0], Room::Few).elaborate().expect("a sound machine");
    let trace = sharing(16, 60);
    let digest = replay(&spec, &trace, None).digest;
    for seed in 0..4 {
        assert_eq!(replay(&spec, &trace, Some(seed)).digest, digest, "shuffled by {seed}");
    }
}

/// Packages that share nothing with each other ask the fabric once for a line, whoever wants it inside.
#[test]
fn what_a_package_has_is_answered_inside() {
    let load = |thread: u32, step: u32| {
        // Each package of 4 has 8 lines of its own, and all of its nodes read each.
        let addr = Addr(u64::from(thread / 4 * 8 + (step + thread) % 8) * 64);
        Op::Load { addr, size: 8 }
    };
    let spec = mesh(&[4, 4], 4, LEVELS[0], Room::Any).elaborate().expect("a sound machine");
    let d = replay(&spec, &trace(16, 8, load), None).directory;
    let p = d.packages.expect("packages");
    assert_eq!((p.requests, p.answered_inside), (16 * 8, 16 * 8 - 4 * 8), "{p:?}");
    assert_eq!((p.snoops, p.invalidations), (0, 0), "{p:?}");
    assert_eq!((p.entry_bits, p.data_bits), (4 + 3 + 4, 512));
    assert_eq!(d.entry_bits, 4 + 3, "4 packages");
}

/// A package of all nodes, or packages of one: two levels that are one.
#[test]
fn packages_of_one_node_and_of_all_are_coherent() {
    for package in [1, 8] {
        let spec = mesh(&[2, 4], package, LEVELS[0], Room::Any).elaborate().expect("a machine");
        let d = replay(&spec, &sharing(8, 100), None).directory;
        assert_eq!(d.crossings == Some(0), package == 8, "{d:?}");
    }
}

/// Whether a machine with a fault shows it: by its checks, by getting stuck, or by coming to where the
/// protocol cannot be.
fn shows(spec: &MachineSpec, trace: &Trace, mutant: Option<Mutant>) -> bool {
    let run = || {
        let mut machine = match mutant {
            Some(m) => Machine::with_mutant(spec, trace, Options::default(), m),
            None => Machine::new(spec, trace, Options::default()),
        }
        .expect("a machine");
        machine.run().is_err() || !machine.summary().checks.clean()
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(true)
}

#[test]
fn seeded_faults_of_packages_are_caught_in_the_machine() {
    let rooms = [Room::Any, Room::Few];
    let specs = rooms.map(|room| mesh(&[2, 4], 4, LEVELS[0], room).elaborate().expect("a machine"));
    let trace = sharing(8, 100);
    assert!(specs.iter().all(|spec| !shows(spec, &trace, None)), "sound machines show nothing");
    for mutant in Mutant::ALL.into_iter().filter(|m| m.needs_packages()) {
        let caught = specs.iter().any(|spec| shows(spec, &trace, Some(mutant)));
        assert!(caught, "{mutant:?} survives");
    }
}

/// The shipped machine with its two levels, and with one full map of all nodes.
fn shipped() -> [MachineSpec; 2] {
    let two = Description::shipped("packages64").expect("it is shipped");
    let mut flat = two.clone();
    flat.accelerator.home.directory = DirectoryForm::FullMap;
    [two, flat].map(|d| d.elaborate().expect("a sound machine"))
}

/// 48 accesses of each thread to 32 lines of its package, an eighth of them stores, spread over all homes; one
/// access in `abroad` goes to lines that all packages share.
fn package_local(abroad: u32) -> Trace {
    trace(64, 48, |thread, step| {
        let draw = drawn(thread, step);
        let line = draw / 64 % 32;
        let group = if abroad > 0 && (draw / 4096).is_multiple_of(abroad) { 8 } else { thread / 8 };
        // Granules of 4 KiB go round the homes.
        let addr = Addr(u64::from((group * 32 + line) * 64 + 29 * line % 64) * 64);
        if draw.is_multiple_of(8) {
            Op::Store { addr, size: 8, value: None }
        } else {
            Op::Load { addr, size: 8 }
        }
    })
}

/// What two levels are for: sharing within packages stays within packages.
#[test]
fn sharing_within_packages_crosses_the_fabric_less() {
    let [two, flat] = shipped();
    // Crossings are at most this share of those with one level.
    for (abroad, share) in [(0, 6), (8, 3)] {
        let trace = package_local(abroad);
        let [two, flat] = [&two, &flat].map(|spec| replay(spec, &trace, None));
        let p = two.directory.packages.as_ref().expect("packages");
        let crossings = |s: &Summary| s.directory.crossings.expect("packages");
        let [less, more] = [&two, &flat].map(crossings);
        let [sooner, later] = [&two, &flat].map(|s| s.latency.mean_ns());
        let told = format!(
            "1 in {abroad}: {less} crossings, {sooner:.0} ns; one level {more}, {later:.0} ns; {} of {}",
            p.answered_inside, p.requests
        );
        assert!(less * share < more && sooner < 0.8 * later, "{told}");
        assert!(p.answered_inside * 3 > p.requests * 2, "{told}");
    }
}
