//! Every way that a thread can go, given the values that its loads might see.

use std::collections::BTreeSet;

use super::relation::bits;
use crate::error::OracleError;
use crate::program::{Alu, Thread};
use crate::program::{Branch, Fence, Instr, LoadOrder, LocIdx, Operand, Place, Reg, Rmw, Test};

/// Events that a relation, and a set of events, has room for.
pub(super) const EVENTS_MAX: usize = 64;
/// Events and registers of all runs of a thread; some 200 MB.
const KEPT_MAX: usize = 2_000_000;

/// What an event is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EventKind {
    Read { acquire: bool, sc: bool },
    Write { release: bool },
    Fence(Fence),
}

/// An access or a fence of one run. Sets of events are by their places in the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Event {
    pub(super) thread: usize,
    pub(super) kind: EventKind,
    /// Of accesses.
    pub(super) loc: LocIdx,
    /// Of accesses: what is read or written.
    pub(super) value: u64,
    /// The second half of an atomic whose first half is just before.
    pub(super) rmw: bool,
    /// Of an exclusive store: the load of its pair.
    pub(super) pair: Option<usize>,
    /// Whether it belongs to an atomic that locks the machine.
    pub(super) locked: bool,
    /// Reads that its address, its value, and its being there depend on.
    pub(super) addr: u64,
    pub(super) data: u64,
    pub(super) ctrl: u64,
}

/// One way that a thread can go.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) events: Vec<Event>,
    pub(super) registers: Vec<u64>,
}

/// `[location]`: values that it might hold.
type Domain = Vec<BTreeSet<u64>>;

/// `[thread][way]`
///
/// # Errors
/// If a run is too long, or there are too many.
pub(super) fn runs(test: &Test) -> Result<Vec<Vec<Run>>, OracleError> {
    let mut domain: Domain = test.initial.iter().map(|v| BTreeSet::from([*v])).collect();
    // In an execution, a value passes through each of its stores at most once.
    let stores = test.threads.iter().flat_map(|t| &t.code);
    let rounds = stores.filter(|i| matches!(i, Instr::Store { .. } | Instr::Rmw { .. })).count();
    for _ in 0..=rounds {
        let runs = all(test, &domain)?;
        let before = domain.clone();
        for event in runs.iter().flatten().flat_map(|run| &run.events) {
            if matches!(event.kind, EventKind::Write { .. }) {
                domain[event.loc].insert(event.value);
            }
        }
        if domain == before {
            return Ok(runs);
        }
    }
    all(test, &domain)
}

fn all(test: &Test, domain: &Domain) -> Result<Vec<Vec<Run>>, OracleError> {
    let of_thread = |(number, thread): (usize, &Thread)| {
        let mut list = List { test, runs: Vec::new(), kept: 0 };
        let registers = thread.initial.iter().map(|v| (*v, 0)).collect();
        let walk = Walk { thread, number, domain, at: 0, registers, ctrl: 0, events: Vec::new() };
        walk.go(&mut list)?;
        Ok(list.runs)
    };
    test.threads.iter().enumerate().map(of_thread).collect()
}

/// The runs of a thread that are known.
struct List<'a> {
    test: &'a Test,
    runs: Vec<Run>,
    /// Events and registers of them.
    kept: usize,
}

impl List<'_> {
    fn push(&mut self, run: Run) -> Result<(), OracleError> {
        self.kept += 1 + run.events.len() + run.registers.len();
        if self.kept > KEPT_MAX {
            return Err(OracleError::TooManyRuns { name: self.test.name.clone() });
        }
        self.runs.push(run);
        Ok(())
    }
}

/// A thread on its way.
#[derive(Clone)]
struct Walk<'a> {
    thread: &'a Thread,
    number: usize,
    domain: &'a Domain,
    at: usize,
    /// `[register]`: its value, and the reads that it comes from.
    registers: Vec<(u64, u64)>,
    ctrl: u64,
    events: Vec<Event>,
}

impl Walk<'_> {
    fn go(mut self, list: &mut List<'_>) -> Result<(), OracleError> {
        while let Some(instr) = self.thread.code.get(self.at) {
            self.at += 1;
            let full = self.events.len() >= EVENTS_MAX;
            match instr {
                Instr::Compute { to, alu, a, b } => self.compute(*to, *alu, *a, *b),
                Instr::Branch { when, to } => self.branch(*when, *to),
                _ if full => {
                    let (name, events) = (list.test.name.clone(), EVENTS_MAX + 1);
                    return Err(OracleError::TooManyEvents { name, events });
                }
                Instr::Fence(fence) => self.event(EventKind::Fence(*fence), None, (0, 0)),
                Instr::Store { value, at, release } => {
                    let written = self.operand(*value);
                    self.event(EventKind::Write { release: *release }, Some(at), written);
                }
                Instr::Load { to, at, order } => {
                    let acquire = *order != LoadOrder::Plain;
                    let kind = EventKind::Read { acquire, sc: *order == LoadOrder::AcquireSc };
                    for value in &self.domain[at.loc] {
                        let mut next = self.clone();
                        next.event(kind, Some(at), (*value, 0));
                        next.registers[*to] = (*value, 1 << (next.events.len() - 1));
                        next.go(list)?;
                    }
                    return Ok(());
                }
                Instr::Rmw { rmw: Rmw::Exclusive { loaded }, to, at, operand, release, .. } => {
                    let (written, load) = (self.operand(*operand), self.registers[*loaded].1);
                    let mut failed = self.clone();
                    if let Some(to) = to {
                        failed.registers[*to] = (1, 0);
                        self.registers[*to] = (0, 0);
                    }
                    failed.go(list)?;
                    self.event(EventKind::Write { release: *release }, Some(at), written);
                    if let Some(store) = self.events.last_mut() {
                        // The reader has it run only behind a load of its pair, which fills the register.
                        store.pair = bits(load).next();
                    }
                }
                Instr::Rmw { at, .. } => {
                    for value in &self.domain[at.loc] {
                        let mut next = self.clone();
                        next.atomic(instr, *value);
                        next.go(list)?;
                    }
                    return Ok(());
                }
            }
        }
        let registers = self.registers.iter().map(|(value, _)| *value).collect();
        list.push(Run { events: self.events, registers })
    }

    fn operand(&self, operand: Operand) -> (u64, u64) {
        match operand {
            Operand::Const(value) => (value, 0),
            Operand::Reg(reg) => self.registers[reg],
        }
    }

    fn compute(&mut self, to: Reg, alu: Alu, a: Operand, b: Operand) {
        let (a, b) = (self.operand(a), self.operand(b));
        self.registers[to] = (alu.of(a.0, b.0), a.1 | b.1);
    }

    fn branch(&mut self, when: Branch, to: usize) {
        let (taken, from) = match when {
            Branch::Always => (true, 0),
            Branch::Zero(o) => (self.operand(o).0 == 0, self.operand(o).1),
            Branch::NotZero(o) => (self.operand(o).0 != 0, self.operand(o).1),
        };
        self.ctrl |= from;
        if taken {
            self.at = to;
        }
    }

    fn event(&mut self, kind: EventKind, at: Option<&Place>, (value, data): (u64, u64)) {
        let depends = at.map_or(&[][..], |at| &at.depends);
        self.events.push(Event {
            thread: self.number,
            kind,
            loc: at.map_or(0, |at| at.loc),
            value,
            rmw: false,
            pair: None,
            locked: false,
            addr: depends.iter().fold(0, |all, reg| all | self.registers[*reg].1),
            data,
            ctrl: self.ctrl,
        });
    }

    /// A read of `value` and the write that belongs to it.
    fn atomic(&mut self, instr: &Instr, value: u64) {
        let Instr::Rmw { to, at, rmw, operand, acquire, release, full } = instr else { return };
        let (with, data) = self.operand(*operand);
        let (fails, orders) = match rmw {
            Rmw::CompareSwap { expected, orders_failed } => {
                let fails = self.operand(*expected).0 != value;
                (fails, !fails || *orders_failed)
            }
            _ => (false, true),
        };
        let (acquire, locked) = (*acquire && orders, *full && orders);
        self.event(EventKind::Read { acquire, sc: false }, Some(at), (value, 0));
        let read = 1 << (self.events.len() - 1);
        let first = self.events.len() - 1;
        if !fails {
            let add = *rmw == Rmw::Add;
            let new = if add { value.wrapping_add(with) } else { with };
            let from = if add { data | read } else { data };
            self.event(EventKind::Write { release: *release }, Some(at), (new, from));
            self.events[first + 1].rmw = true;
        }
        for half in &mut self.events[first..] {
            half.locked = locked;
        }
        if let Some(to) = to {
            self.registers[*to] = (value, read);
        }
    }
}
