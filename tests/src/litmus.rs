//! Small programs that tell memory orders apart, as of Alglave, Maranget and Tautschnig ("Herding
//! cats", TOPLAS 2014), repeated over many starting times.
//!
//! Nothing tells a test what a load saw. A copy does: it leaves what it read in memory, in a slot
//! that nobody else writes. An outcome is what every read saw, then what every variable holds at
//! the end.

use std::collections::BTreeSet;

use lockstep::base::{Addr, Op, Record, ThreadIdx};
use lockstep::machine::{Machine, Options};
use lockstep::topology::spec::MachineSpec;
use lockstep::traffic::Trace;

/// What a slot holds before it is read into.
const UNREAD: u64 = u64::MAX;

/// What a thread of a shape does. Variables are numbered from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Writes this value to this variable.
    Write(usize, u64),
    /// Reads this variable. Reads are numbered thread by thread.
    Read(usize),
    /// Waits for everything before it; only where a run has fences.
    Fence,
}

/// A shape: a few threads, and what sequential consistency forbids of their outcomes.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Its name in the literature.
    pub name: &'static str,
    /// `[thread]`
    pub threads: &'static [&'static [Act]],
    /// Whether sequential consistency forbids an outcome.
    pub forbidden: fn(&[u64]) -> bool,
}

/// How a shape is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Whether fences stand.
    pub fenced: bool,
    /// Longest time that a thread thinks before it begins, in cycles.
    pub think_max: u64,
    /// Repetitions, each with other starting times, on variables of its own.
    pub rounds: u64,
    /// Seed of times and places, and of the order of steps.
    pub seed: u64,
}

impl Shape {
    fn variables(&self) -> usize {
        let acts = self.threads.iter().copied().flatten();
        let named = acts.filter_map(|act| match act {
            Act::Write(v, _) | Act::Read(v) => Some(v + 1),
            Act::Fence => None,
        });
        named.max().unwrap_or(0)
    }

    /// All outcomes of a machine.
    ///
    /// # Panics
    /// If the machine does not run cleanly to its end.
    pub fn outcomes(&self, spec: &MachineSpec, setting: &Setting) -> BTreeSet<Vec<u64>> {
        let mut script = Script::new(spec, self.threads.len(), setting);
        let told: Vec<Vec<Addr>> = (0..setting.rounds).map(|n| script.round(self, n)).collect();
        let trace = Trace::from_records(script.records()).expect("a sound trace");
        let options = Options { shuffle: Some(setting.seed), ..Options::default() };
        let mut machine = Machine::new(spec, &trace, options).expect("a sound machine");
        machine.run().expect("a sound run");
        assert!(machine.summary().checks.clean(), "{}: {setting:?}", self.name);
        let value = |addr: &Addr| machine.value(addr.line()).word(addr.offset(), 8);
        let outcome = |round: &Vec<Addr>| round.iter().map(value).collect::<Vec<u64>>();
        let outcomes: BTreeSet<Vec<u64>> = told.iter().map(outcome).collect();
        assert!(!outcomes.iter().flatten().any(|value| *value == UNREAD), "every read is done");
        outcomes
    }
}

/// Repetitions of a shape, put into one trace.
struct Script<'a> {
    setting: &'a Setting,
    interleave: u64,
    /// `[thread]`: its node.
    places: Vec<u32>,
    /// `[thread]`
    ops: Vec<Vec<Op>>,
    /// `[node]`: lines given out so far that have it as home.
    lines: Vec<u64>,
}

impl<'a> Script<'a> {
    fn new(spec: &MachineSpec, threads: usize, setting: &'a Setting) -> Self {
        let nodes = spec.fabric.node_ports.len();
        assert!(threads <= nodes, "a node for each thread");
        let mut places: Vec<u32> = (0..u32::try_from(nodes).expect("few nodes")).collect();
        lockstep::base::rng::shuffle(&mut places, setting.seed, 0);
        places.truncate(threads);
        let interleave = spec.accelerator.home.interleave_bytes;
        Self { setting, interleave, places, ops: vec![vec![]; threads], lines: vec![0; nodes] }
    }

    fn draw(&self, round: u64, stream: usize, below: u64) -> u64 {
        lockstep::base::rng::draw(self.setting.seed, round, stream as u64, 1) % below
    }

    /// A line at home on a node that nobody has used.
    fn line(&mut self, home: usize) -> Addr {
        let (at, nodes) = (self.lines[home], self.lines.len() as u64);
        self.lines[home] += 1;
        let page = at * 64 / self.interleave * nodes + home as u64;
        Addr(page * self.interleave + at * 64 % self.interleave)
    }

    /// Variables live at the home of one of the threads, or anywhere. Some threads have some of
    /// them in their caches. Everybody meets, thinks, and acts. Gives the places of the outcome.
    fn round(&mut self, shape: &Shape, round: u64) -> Vec<Addr> {
        let (count, nodes) = (shape.threads.len(), self.lines.len() as u64);
        let home = |v: usize| match self.draw(round, v, 4) {
            0 => usize::try_from(self.draw(round, 10 + v, nodes)).expect("few nodes"),
            shift => self.places[(v + usize::try_from(shift).expect("small")) % count] as usize,
        };
        let homes: Vec<usize> = (0..shape.variables()).map(home).collect();
        let variables: Vec<Addr> = homes.into_iter().map(|home| self.line(home)).collect();
        let members = u32::try_from(count).expect("few threads");
        let mut slots = Vec::new();
        for (thread, acts) in shape.threads.iter().enumerate() {
            let first = slots.len();
            for _ in acts.iter().filter(|act| matches!(act, Act::Read(_))) {
                slots.push(self.line(self.places[thread] as usize));
            }
            let cached = self.draw(round, 20 + thread, 1 << variables.len());
            let cached = variables.iter().enumerate().filter(|(v, _)| cached >> v & 1 == 1);
            let loads = cached.map(|(_, addr)| Op::Load { addr: *addr, size: 8 });
            let empty = |slot: &Addr| Op::Store { addr: *slot, size: 8, value: Some(UNREAD) };
            let emptied = slots[first..].iter().map(empty);
            let mut ops: Vec<Op> = loads.chain(emptied).collect();
            ops.push(Op::Barrier { id: 0, members });
            ops.push(Op::Think { cycles: self.think(round, thread) });
            let mut slot = slots[first..].iter();
            let acts = acts.iter().filter(|act| **act != Act::Fence || self.setting.fenced);
            ops.extend(acts.map(|act| match *act {
                Act::Write(v, value) => {
                    Op::Store { addr: variables[v], size: 8, value: Some(value) }
                }
                Act::Read(v) => {
                    let to = *slot.next().expect("a slot for each read");
                    Op::Copy { from: variables[v], to, bytes: 8 }
                }
                Act::Fence => Op::Fence,
            }));
            self.ops[thread].extend(ops);
        }
        slots.into_iter().chain(variables).collect()
    }

    /// Cycles before a thread begins; every fourth time all begin at once.
    fn think(&self, round: u64, thread: usize) -> u32 {
        if round.is_multiple_of(4) {
            return 0;
        }
        let most = self.setting.think_max >> self.draw(round, 40, 3);
        u32::try_from(self.draw(round, 30 + thread, most)).expect("not long")
    }

    /// Every node gets a thread; those without a part do nothing.
    fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for node in 0..u32::try_from(self.lines.len()).expect("few nodes") {
            let thread = ThreadIdx(node);
            let part = self.places.iter().position(|place| *place == node);
            let ops = part.map_or(&[Op::Fence][..], |at| &self.ops[at]);
            records.extend(ops.iter().map(|op| Record { thread, op: *op }));
        }
        records
    }
}
