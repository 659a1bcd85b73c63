//! A litmus test on the emulated machine, over many timings.
//!
//! Each seed is a run of its own: it places the threads on nodes (where nodes form packages, every other
//! time on those of two packages), chooses between near and far
//! atomics, gives the cables of every third machine lengths of their own, and draws the order in which components step. Within a run the test is repeated on
//! fresh lines; each repetition draws the homes of its locations, which threads hold copies
//! beforehand, how long each thread thinks before it begins, and how much it has to write first. A
//! few bystanders on nodes of their own read the locations meanwhile, so that homes are busy.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ::litmus::{Model, Outcome, Test};
use base::rng::{draw, shuffle};
use base::{Addr, Op};
use machine::{Iter, Machine, OpSource, Options, RunError};
use memory::FixedLatency;
use topology::spec::{Atomics, MachineSpec, Protocol};

use super::source::{Ends, Round, ThreadSource};

/// Machines to run tests on.
#[derive(Clone, Debug)]
pub struct Machines(pub Vec<(String, MachineSpec)>);

/// How often a test is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Repetitions in a run.
    pub rounds: u32,
    /// Runs on each machine.
    pub runs: u32,
    /// Seed of everything that is drawn.
    pub seed: u64,
}

impl Default for Plan {
    /// 1,024 timings a machine.
    fn default() -> Self {
        Self { rounds: 128, runs: 8, seed: 1 }
    }
}

/// Nodes that read the locations beside the threads, where there are as many.
const BYSTANDERS: usize = 3;

/// Doublings of a cable's length at most, in runs where they differ.
const STRETCH: u32 = 9;

/// Think times are below this many cycles, or a fraction of it: a few misses on any fabric.
const THINK_CYCLES_MAX: u64 = 4096;

/// Runs a test on every machine that has a node for each of its threads.
///
/// # Errors
/// If a machine cannot be built, or gets stuck.
///
/// # Panics
/// If the machine's own checks find something: a broken invariant.
pub fn replay(
    test: &Test,
    model: Model,
    machines: &Machines,
    plan: &Plan,
) -> Result<BTreeMap<Outcome, u64>, RunError> {
    let mut seen = BTreeMap::new();
    for (number, (_, spec)) in machines.0.iter().enumerate() {
        if !super::fits(spec, test) {
            continue;
        }
        for run in 0..plan.runs {
            let seed = draw(plan.seed, number as u64, u64::from(run), 0);
            for outcome in one_run(test, model, spec, plan.rounds, seed)? {
                *seen.entry(outcome).or_insert(0) += 1;
            }
        }
    }
    Ok(seen)
}

/// The outcomes of the rounds of one run.
fn one_run(
    test: &Test,
    model: Model,
    spec: &MachineSpec,
    rounds: u32,
    seed: u64,
) -> Result<Vec<Outcome>, RunError> {
    let mut spec = spec.clone();
    spec.accelerator.consistency = super::consistency(model);
    spec.accelerator.atomics = if seed & 1 == 0 { Atomics::Near } else { Atomics::Far };
    // One run in four has packages of up to 4, the sides of a test in one or in several. They speak MESI.
    let plain = spec.accelerator.protocol == Protocol::default();
    if (seed / 2).is_multiple_of(4) && plain && spec.package_nodes.is_none() {
        spec = spec.with_packages(4, None);
    }
    // One run in three has cables of many lengths.
    if (seed / 8).is_multiple_of(3) {
        spec = spec.stretched(seed, STRETCH);
    }
    let mut drawn = Draw::new(&spec, test, seed);
    let plan: Vec<Vec<Round>> = (0..u64::from(rounds)).map(|n| drawn.round(test, n)).collect();
    let ends: Ends = Arc::new(Mutex::new(vec![Vec::new(); test.threads.len()]));
    let shared = Arc::new(test.clone());
    let nodes = spec.fabric.node_ports.len();
    let source = |node: usize| -> Box<dyn OpSource> {
        match drawn.nodes.iter().position(|n| *n == node) {
            Some(bystander) if bystander >= test.threads.len() => {
                let rounds = plan.iter().enumerate();
                let ops =
                    rounds.flat_map(|(n, round)| drawn.bystand(test, n, bystander, &round[0]));
                Box::new(Iter(ops.map(Ok).collect::<Vec<_>>().into_iter()))
            }
            Some(thread) => {
                let own = plan.iter().map(|round| round[thread].clone()).collect();
                Box::new(ThreadSource::new(&shared, thread, model, own, &ends))
            }
            None => Box::new(Iter(std::iter::once(Ok(Op::Fence)))),
        }
    };
    let sources = (0..nodes).map(source).collect();
    let options = Options { seed, shuffle: Some(seed), ..Options::default() };
    let routing = spec.fabric.routing.clone();
    let mut machine = Machine::build(&spec, sources, options, routing, FixedLatency::new)?;
    machine.run()?;
    let checks = machine.summary().checks;
    assert!(checks.clean(), "{} under {model}, seed {seed}: {checks:?}", test.name);
    let ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
    let outcome = |(n, round): (usize, &Vec<Round>)| {
        let value = |at: Addr| machine.value(at.line()).word(at.offset(), 8);
        test.outcome(|thread, reg| ends[thread][n][reg], |loc| value(round[0].places[loc]))
    };
    Ok(plan.iter().enumerate().map(outcome).collect())
}

/// Puts the nodes of two packages before all others: that of the first, and another.
fn gather(nodes: &mut [usize], package: usize) {
    let first = nodes.first().map_or(0, |n| n / package);
    let other = nodes.iter().map(|n| n / package).find(|p| *p != first).unwrap_or(first);
    nodes.sort_by_key(|n| ![first, other].contains(&(n / package)));
}

/// What a run draws.
struct Draw {
    seed: u64,
    interleave_bytes: u64,
    /// `[thread]`, then those of bystanders.
    nodes: Vec<usize>,
    threads: usize,
    /// `[node]`: lines given out so far that have it as home.
    lines: Vec<u64>,
}

impl Draw {
    fn new(spec: &MachineSpec, test: &Test, seed: u64) -> Self {
        let count = spec.fabric.node_ports.len();
        let mut nodes: Vec<usize> = (0..count).collect();
        shuffle(&mut nodes, seed, 0);
        if let Some(package) = spec.package_nodes.filter(|p| *p > 1 && seed & 2 == 0) {
            gather(&mut nodes, package as usize);
        }
        let threads = test.threads.len();
        nodes.truncate(threads + BYSTANDERS);
        let interleave_bytes = spec.accelerator.home.interleave_bytes;
        Self { seed, interleave_bytes, nodes, threads, lines: vec![0; count] }
    }

    fn below(&self, round: u64, stream: usize, below: u64) -> u64 {
        draw(self.seed, round, stream as u64, 1) % below.max(1)
    }

    /// A line at home on a node that nobody has used.
    fn line(&mut self, home: usize) -> Addr {
        let (at, nodes) = (self.lines[home], self.lines.len() as u64);
        self.lines[home] += 1;
        let page = at * 64 / self.interleave_bytes * nodes + home as u64;
        Addr(page * self.interleave_bytes + at * 64 % self.interleave_bytes)
    }

    /// The rounds of all threads. Locations live at one of the threads, or anywhere.
    fn round(&mut self, test: &Test, round: u64) -> Vec<Round> {
        let (threads, nodes) = (self.threads as u64, self.lines.len() as u64);
        let homes: Vec<usize> = (0..test.locations.len())
            .map(|loc| {
                let anywhere = self.below(round, loc, 4) == 0;
                let at = if anywhere { nodes } else { threads };
                let at = self.below(round, 10 + loc, at);
                let at = usize::try_from(at).unwrap_or(0);
                if anywhere { at } else { self.nodes[at] }
            })
            .collect();
        let places: Vec<Addr> = homes.into_iter().map(|home| self.line(home)).collect();
        let busy = self.below(round, 42, 3) == 0;
        let own: Vec<Vec<Addr>> = (0..self.threads)
            .map(|thread| {
                let count = if busy { self.below(round, 60 + thread, 4) } else { 0 };
                (0..count).map(|n| self.line(self.far(round, thread, n))).collect()
            })
            .collect();
        let members = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let of_thread = |thread: usize| Round {
            busy: own[thread].clone(),
            members,
            places: places.clone(),
            cached: (0..places.len())
                .filter(|loc| self.below(round, 100 + 16 * thread + loc, 2) == 0)
                .collect(),
            set: test.initial.iter().copied().enumerate().filter(|_| thread == 0).collect(),
            think: self.think(round, thread),
        };
        (0..self.threads).map(of_thread).collect()
    }

    /// Some node.
    fn far(&self, round: u64, thread: usize, n: u64) -> usize {
        let stream = 200 + 16 * thread + usize::try_from(n).unwrap_or(0);
        let at = self.below(round, stream, self.lines.len() as u64);
        usize::try_from(at).unwrap_or(0)
    }

    /// What a bystander does in a round: reads locations while the threads run.
    fn bystand(&self, test: &Test, n: usize, who: usize, round: &Round) -> Vec<Op> {
        let number = n as u64;
        let (id, members) = (0, round.members);
        let mut ops = vec![Op::Barrier { id, members }];
        if test.initial.iter().any(|v| *v != 0) {
            ops.push(Op::Barrier { id, members });
        }
        ops.push(Op::Think { cycles: self.think(number, who) });
        // Not always: what they read is no longer one thread's alone.
        let reads =
            if self.below(number, 43, 2) == 1 { self.below(number, 70 + who, 5) } else { 0 };
        for read in 0..reads {
            let stream = 300 + 16 * who + usize::try_from(read).unwrap_or(0);
            let at = self.below(number, stream, round.places.len() as u64);
            let addr = round.places[usize::try_from(at).unwrap_or(0)];
            ops.push(Op::Load { addr, size: 8 });
        }
        ops
    }

    /// Cycles before a thread begins; every fourth time all begin at once.
    fn think(&self, round: u64, thread: usize) -> u32 {
        if self.below(round, 40, 4) == 0 {
            return 0;
        }
        let most = THINK_CYCLES_MAX >> self.below(round, 41, 7);
        u32::try_from(self.below(round, 50 + thread, most)).unwrap_or(0)
    }
}
