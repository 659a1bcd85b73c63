//! Memory that is kept valid from acquire to release, on machines.

use std::sync::{Arc, Mutex};

use lockstep::base::rng::draw;
use lockstep::base::{Addr, Op, Part, Record, Rmw, ThreadIdx};
use lockstep::coherence::scoped::ScopedMutant;
use lockstep::machine::{Machine, OpSource, Options, Summary};
use lockstep::memory::FixedLatency;
use lockstep::topology::Description;
use lockstep::topology::describe::{Mode, Region};
use lockstep::topology::spec::MachineSpec;
use lockstep::topology::units::Size;
use lockstep::traffic::{Trace, TraceError};

/// The first megabyte is scoped.
const SCOPED_BYTES: u64 = 1 << 20;

fn machine(name: &str, package_nodes: u32, cache_bytes: u64) -> MachineSpec {
    let mut d = Description::shipped(name).expect("it is shipped");
    d.regions.push(Region { base: 0, size: Size(SCOPED_BYTES), mode: Mode::Scoped });
    d.package_nodes = Some(package_nodes);
    d.accelerator.home.interleave = Size(64);
    d.accelerator.cache.size = Size(cache_bytes);
    d.accelerator.cache.ways = 2;
    d.elaborate().expect("a sound machine")
}

fn trace(records: Vec<Record>) -> Trace {
    Trace::from_records(records).expect("a sound trace")
}

fn run(spec: &MachineSpec, records: Vec<Record>) -> Machine {
    let mut machine = Machine::new(spec, &trace(records), Options::default()).expect("it is sound");
    machine.run().expect("a sound run");
    let checks = machine.summary().checks;
    assert!(checks.clean(), "{:#?}", checks.findings);
    machine
}

fn of(thread: u32, ops: impl IntoIterator<Item = Op>) -> Vec<Record> {
    ops.into_iter().map(|op| Record { thread: ThreadIdx(thread), op }).collect()
}

fn load(addr: u64) -> Op {
    Op::Load { addr: Addr(addr), size: 8 }
}

fn store(addr: u64, value: u64) -> Op {
    Op::Store { addr: Addr(addr), size: 8, value: Some(value) }
}

const fn barrier(members: u32) -> Op {
    Op::Barrier { id: 0, members }
}

#[test]
fn copies_stay_valid_until_an_acquire_and_no_longer() {
    let spec = machine("nvl8", 1, 1 << 20);
    let loads = |between: Op| {
        let ops = [load(4160), between, load(4160), between, load(4160)];
        run(&spec, of(0, ops)).summary()
    };
    let think = loads(Op::Think { cycles: 5000 });
    let fence = loads(Op::Fence);
    assert_eq!((think.hits, fence.hits), (2, 0));
    let used = fence.scopes.expect("there is scoped memory");
    assert_eq!((used.fills, used.self_invalidations, used.acquires), (3, 2, 2));
}

#[test]
fn caches_that_write_to_one_line_lose_nothing() {
    for package_nodes in [1, 2, 4, 8] {
        let spec = machine("nvl8", package_nodes, 4096);
        let line = 64 * 77;
        let each = |t: u32| {
            let own = line + 8 * u64::from(t);
            of(t, [store(own, u64::from(t) + 1), barrier(8), load(line + 8 * u64::from(7 - t))])
        };
        let machine = run(&spec, (0..8).flat_map(each).collect());
        let value = machine.value(Addr(line).line());
        for t in 0..8 {
            assert_eq!(value.word(8 * t, 8), u64::from(t) + 1, "packages of {package_nodes}");
        }
    }
}

#[test]
fn atomics_of_all_nodes_are_performed_at_the_point_of_coherence_of_their_scope() {
    let wide = Op::Atomic { addr: Addr(64), size: 8, rmw: Rmw::Add(3) };
    let within = wide.within_package().expect("it has a scope");
    for (package_nodes, op) in [(1, wide), (4, wide), (8, within)] {
        let spec = machine("nvl8", package_nodes, 4096);
        let records = (0..8).flat_map(|t| of(t, std::iter::repeat_n(op, 50))).collect();
        let machine = run(&spec, records);
        assert_eq!(machine.value(Addr(64).line()).word(0, 8), 8 * 50 * 3);
    }
}

/// Stores are posted, and a release counts them and the pieces of bulk copies; the wait is a part of its
/// latency, and all parts sum to it.
#[test]
fn a_release_waits_for_posted_writes_and_bulk_copies_and_says_how_long() {
    let spec = machine("nvl8", 1, 1 << 20);
    let ops = |writes: u64| {
        let stores = (0..writes).map(|n| store(65536 + 64 * n, n));
        let copy = Op::Copy { from: Addr(2 << 20), to: Addr(8192), bytes: 512 };
        let flag = Op::Release { addr: Addr(12288), size: 8, value: Some(1) };
        of(0, stores.chain([copy, flag]))
    };
    let wait = |s: &Summary| s.breakdown_ns[Part::ReleaseWait as usize].1 * s.transactions as f64;
    let (few, many) = (run(&spec, ops(1)).summary(), run(&spec, ops(400)).summary());
    let round_trip = few.kinds[0].mean_ns();
    assert!(wait(&few) > 300.0 && round_trip > 300.0, "{} {round_trip}", wait(&few));
    // A line an edge of 1.755 GHz, behind the first.
    let more = wait(&many) - wait(&few);
    assert!((200.0..3000.0).contains(&more), "{more}");
    for s in [&few, &many] {
        let parts: f64 = s.breakdown_ns.iter().map(|(_, ns)| ns).sum();
        assert!((parts - s.latency.mean_ns()).abs() < 1e-6);
    }
    let used = many.scopes.expect("there is scoped memory");
    // The words, the copy's lines, the flag.
    assert_eq!((used.write_throughs, used.write_through_bytes), (400 + 8 + 1, 8 * 400 + 512 + 8));
}

/// What a package mate has written and handed on within the package goes with a release of the supernode.
#[test]
fn a_release_of_the_supernode_takes_along_what_was_handed_on_within_the_package() {
    let spec = machine("nvl8", 4, 1 << 20);
    // Homes in the other package.
    let (data, flag) = (64 * 12, 64 * 13);
    let within = |op: Op| op.within_package().expect("it has a scope");
    let release = Op::Release { addr: Addr(flag), size: 8, value: Some(1) };
    let far = run(
        &spec,
        [of(0, [store(data, 9), within(release)]), of(4, [Op::Think { cycles: 9000 }, load(data)])]
            .concat(),
    );
    let used = far.summary().scopes.expect("there is scoped memory");
    // To the slice; and at the end of the thread from there to memory: data and flag.
    assert_eq!(used.write_throughs, 4);
    assert_eq!(far.value(Addr(data).line()).word(0, 8), 9);
}

/// A thread of given operations that notes what it reads.
struct Reader(Vec<Op>, Arc<Mutex<Vec<u64>>>);

impl OpSource for Reader {
    fn refill(&mut self, batch: &mut Vec<Op>) -> Result<(), TraceError> {
        batch.append(&mut self.0);
        Ok(())
    }

    fn observes(&self) -> bool {
        true
    }

    fn observe(&mut self, _: u64, word: u64) {
        self.1.lock().expect("nobody panicked").push(word);
    }
}

/// IRIW: a store that is on its way to its home is seen at its own node before it is seen elsewhere, so
/// two readers see two stores in different orders, which release and acquire allow. In coherent memory a
/// store is seen by all at once.
#[test]
fn scoped_memory_is_not_multi_copy_atomic() {
    let disagree = |scoped: bool, think: u32| {
        let mut spec = machine("nvl8", 1, 4096);
        if !scoped {
            spec.regions.clear();
        }
        // Each at home where the other's writer is.
        let (x, y) = (64, 128 * 64);
        assert_eq!(spec.accelerator.home.interleave_bytes, 64);
        let release = |addr| Op::Release { addr: Addr(addr), size: 8, value: Some(1) };
        let acquire = |addr| Op::Acquire { addr: Addr(addr), size: 8, sc: false };
        let wait = Op::Think { cycles: think };
        let seen = [(), ()].map(|()| Arc::new(Mutex::new(Vec::new())));
        let idle = || Reader(Vec::new(), Arc::default());
        let mut threads = vec![
            Reader(vec![release(x)], Arc::default()),
            Reader(vec![release(y)], Arc::default()),
        ];
        threads.extend((0..6).map(|_| idle()));
        threads.push(Reader(vec![wait, acquire(x), acquire(y)], Arc::clone(&seen[0])));
        threads.push(Reader(vec![wait, acquire(y), acquire(x)], Arc::clone(&seen[1])));
        let sources = threads.into_iter().map(|t| Box::new(t) as Box<dyn OpSource>).collect();
        let routing = spec.fabric.routing.clone();
        let options = Options::default();
        let built = Machine::build(&spec, sources, options, routing, FixedLatency::new);
        let mut machine = built.expect("it is sound");
        machine.run().expect("a sound run");
        let checks = machine.summary().checks;
        assert!(checks.clean(), "{:?}", checks.findings);
        seen.iter().all(|s| *s.lock().expect("nobody panicked") == [1, 0])
    };
    let any = |scoped| (0..40).any(|n| disagree(scoped, 25 * n));
    assert!(any(true) && !any(false));
}

/// Any program: a few lines, all operations, both scopes, tiny caches.
fn random(seed: u64, threads: u32, length: u64) -> Vec<Record> {
    let mut records = Vec::new();
    for t in 0..threads {
        let dice = |n: u64, stream: u64, below: u64| draw(seed, u64::from(t), stream, n) % below;
        let lines = [24, 3][usize::from(seed & 1 == 1)];
        let word =
            |n: u64, stream: u64| Addr(64 * dice(n, stream, lines) + 8 * dice(n, stream + 1, 8));
        for n in 0..length {
            if n % 16 == 15 {
                records.extend(of(t, [barrier(threads)]));
                continue;
            }
            let (addr, size) = (word(n, 1), 8);
            let flag = Addr(64 * (40 + dice(n, 3, 3)));
            let op = match dice(n, 0, 16) {
                0..=4 => Op::Load { addr, size },
                5 | 6 => Op::Store { addr, size, value: None },
                7 => Op::Store { addr: Addr(addr.0 & !63), size: 64, value: None },
                // Beside the atomics.
                8 => Op::Store { addr: Addr(64 * 50 + 8 + addr.0 % 7 * 8), size, value: None },
                9 | 10 => Op::Acquire { addr: flag, size, sc: n % 2 == 0 },
                11 | 12 => Op::Release { addr: flag, size, value: None },
                13 => Op::Atomic { addr: Addr(64 * 50), size, rmw: Rmw::Add(1 << 20) },
                14 => Op::Fence,
                _ => Op::Copy { from: word(n, 5), to: Addr(64 * 100 + word(n, 7).0), bytes: 72 },
            };
            // Atomics of one word must agree on a point of coherence.
            let within = dice(n, 9, 3) == 0 && !matches!(op, Op::Atomic { .. });
            let op = if within { op.within_package().unwrap_or(op) } else { op };
            let cycles = dice(n, 10, if seed & 2 == 0 { 200 } else { 1500 });
            let think = Op::Think { cycles: u32::try_from(cycles).unwrap_or(0) };
            records.extend(of(t, [think, op]));
        }
    }
    records
}

#[test]
fn no_program_sees_what_happens_before_forbids() {
    let cases = [("nvl8", 1, 8), ("nvl8", 2, 16), ("nvl8", 8, 8), ("torus4x4x4", 4, 32)];
    for (seed, (name, package_nodes, threads)) in (0..).zip(cases) {
        let spec = machine(name, package_nodes, 1024);
        let machine = run(&spec, random(seed, threads, 96));
        let atomics = machine.summary().atomics;
        let sum = machine.value(Addr(64 * 50).line()).word(0, 8);
        assert_eq!(sum, atomics << 20, "{name}, packages of {package_nodes}");
    }
}

/// These few programs do not show these: an answer has to be held up while the write of another node, its release and
/// an acquire overtake it. The random tester aims at that, and finds them (`tests/stress.rs`).
const NOT_SEEN: [ScopedMutant; 2] =
    [ScopedMutant::AcquireForgetsFills, ScopedMutant::AcquireKeepsFlight];

/// Programs and machines, 28 of them. `ReleaseForgetsPosted` shows only where cables are of many lengths.
#[test]
fn faults_of_the_scoped_protocol_are_found_by_programs() {
    let even = (0..12).map(|seed: u64| {
        let (name, threads) = [("ring16", 32), ("nvl8", 16)][usize::from(seed < 6)];
        let packages = [1, 4, 2][usize::try_from(seed / 4 % 3).unwrap_or(0)];
        (machine(name, packages, 1024), trace(random(seed, threads, 96)))
    });
    let uneven = (12..28).map(|seed: u64| {
        let packages = [1, 2][usize::from(seed.is_multiple_of(4))];
        let spec = machine("fullmesh8", packages, 4096).stretched(seed, 10);
        (spec, trace(random(seed, 16, 96)))
    });
    let programs: Vec<_> = even.chain(uneven).collect();
    let survives = |mutant: &ScopedMutant| {
        !programs.iter().any(|(spec, trace)| {
            let machine = Machine::with_scoped_mutant(spec, trace, Options::default(), *mutant);
            let mut machine = machine.expect("it is sound");
            machine.run().is_err() || !machine.summary().checks.clean()
        })
    };
    let left: Vec<ScopedMutant> = ScopedMutant::ALL.into_iter().filter(survives).collect();
    assert!(left.iter().all(|m| NOT_SEEN.contains(m)), "{left:?} survive");
    for (spec, trace) in &programs {
        let mut machine = Machine::new(spec, trace, Options::default()).expect("it is sound");
        machine.run().expect("a sound run");
        assert!(machine.summary().checks.clean(), "{:?}", machine.summary().checks.findings);
    }
}
