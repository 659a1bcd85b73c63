//! A litmus test where memory is kept valid by scopes, exhaustively: the machine's own
//! [`ScopedNode`]s, every order in which threads begin and messages arrive.
//!
//! Threads keep the order of the machine's agents: what an operation of the test becomes, and what it waits
//! for, are theirs (`machine`, `node/agent/scopes.rs`). All scopes are the supernode, as in a replay of the
//! test. There is no time. What differs from start to start is where threads and homes are:
//!
//! - where a package is one node: which threads share a node, in every way; where homes are, no message
//!   tells there;
//! - otherwise each thread has a node of its own: which threads share a package, in every way that fits; and
//!   all homes apart, or each in the package of its first user.
//!
//! **Reduction.** An acquire or release that finds nothing in a slice, and the slices' answers, are taken
//! at once: whatever could come between is still to be had, since threads may begin as late as they like.

use std::collections::BTreeSet;
use std::hash::Hash;

use ::litmus::{Cursor, Instr, Model, Next, Outcome, Reg, Test};
use base::rng::mix;
use base::{Line, Map, NodeIdx, Order, Scope};
use coherence::Sound;
use coherence::scoped::{
    Ask, Asked, Parts, ScopedConfig, ScopedEffect, ScopedKind, ScopedMessage, ScopedNode,
    ScopedOutbox, ScopedRequest, ScopedState, Sync, Unit,
};

use super::state::{Cell, Twin, Write};
use super::steps::{Change, Step, Steps, refill};
use super::{STATES_MAX, SearchError, Searched};

impl Parts for Cell {
    const ALL: u64 = 1;

    fn with(&self, mask: u64, from: &Self) -> Self {
        if mask & 1 == 1 { *from } else { *self }
    }

    fn of(_: &Write) -> u64 {
        1
    }

    fn same(&self, mask: u64, as_in: &Self) -> u64 {
        mask & u64::from(self == as_in)
    }
}

type Node = ScopedNode<Cell, (), Sound>;
type Outbox = ScopedOutbox<Cell, ()>;

/// What a thread waits for before it goes on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Waits {
    Nothing,
    /// Its release; then it stores.
    Release {
        loc: usize,
        value: Cell,
    },
    /// The load that it acquires by.
    Load,
    /// Its acquire, or its fence.
    Sync,
}

/// An access under way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Flight {
    token: u32,
    to: Option<Reg>,
    /// Of an exclusive store: what it expects to find.
    expected: Option<u64>,
    reads: bool,
    writes: bool,
}

#[derive(Clone, Hash, Debug)]
struct Thread {
    cursor: Cursor,
    /// Those of the instruction that it has come to.
    steps: Steps,
    waits: Waits,
    flights: Vec<Flight>,
    issued: u32,
}

/// Where threads and homes are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Places {
    nodes: u32,
    /// `[thread]`
    threads: Vec<u32>,
    /// `[location]`
    homes: Vec<u32>,
}

#[derive(Clone)]
struct State {
    threads: Vec<Thread>,
    nodes: Vec<Node>,
    net: Vec<(Line, ScopedMessage<Cell>)>,
}

struct Setup<'a> {
    test: &'a Test,
    places: Places,
}

/// Every outcome of `test` on scoped memory in packages of `package_nodes`, each load an acquire and each
/// store a release of the supernode.
///
/// # Errors
/// If the test is too large, or the protocol gets stuck.
pub fn search_scoped(test: &Test, package_nodes: u32) -> Result<Searched, SearchError> {
    let mut all = Searched { outcomes: BTreeSet::new(), states: 0, starts: 0 };
    for places in placements(test, package_nodes) {
        all.starts += 1;
        Setup { test, places }.search(package_nodes, &mut all)?;
    }
    Ok(all)
}

/// Each way to put threads into groups of at most `most`, by the group of each; a group is numbered when it
/// is first used.
fn groupings(threads: usize, most: usize) -> Vec<Vec<u32>> {
    let mut all: Vec<Vec<u32>> = vec![Vec::new()];
    for _ in 0..threads {
        let longer = |groups: &Vec<u32>| {
            let next = groups.iter().max().map_or(0, |g| g + 1);
            let fits = |g: &u32| groups.iter().filter(|have| *have == g).count() < most;
            let with = |g: u32| groups.iter().copied().chain([g]).collect::<Vec<_>>();
            (0..=next).filter(fits).map(with).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

fn placements(test: &Test, package_nodes: u32) -> BTreeSet<Places> {
    let (threads, locations) = (test.threads.len(), test.locations.len());
    let flat = package_nodes == 1;
    let most = if flat { threads } else { package_nodes as usize };
    let mut all = BTreeSet::new();
    for groups in groupings(threads, most) {
        let used = groups.iter().max().map_or(0, |g| g + 1);
        if flat {
            let homes = vec![0; locations];
            all.insert(Places { nodes: used, threads: groups, homes });
            continue;
        }
        // In a package, threads are at its nodes in order.
        let place = |thread: usize| {
            let before = groups[..thread].iter().filter(|g| **g == groups[thread]).count();
            groups[thread] * package_nodes + u32::try_from(before).unwrap_or(0)
        };
        let threads: Vec<u32> = (0..threads).map(place).collect();
        let first = |loc: usize| {
            let user = test.threads.iter().position(|t| t.code.iter().any(|i| uses(i, loc)));
            groups[user.unwrap_or(0)] * package_nodes
        };
        let apart = vec![used * package_nodes; locations];
        let near: Vec<u32> = (0..locations).map(first).collect();
        for (homes, packages) in [(apart, used + 1), (near, used)] {
            let nodes = packages * package_nodes;
            all.insert(Places { nodes, threads: threads.clone(), homes });
        }
    }
    all
}

fn uses(instr: &Instr, loc: usize) -> bool {
    match instr {
        Instr::Load { at, .. } | Instr::Store { at, .. } | Instr::Rmw { at, .. } => at.loc == loc,
        _ => false,
    }
}

fn line(loc: usize) -> Line {
    Line(loc as u64)
}

fn untouched(_: Line) -> Cell {
    Cell::default()
}

impl Setup<'_> {
    fn search(&self, package_nodes: u32, all: &mut Searched) -> Result<(), SearchError> {
        let name = || self.test.name.clone();
        let mut known: Map<(u64, u64), ()> = Map::default();
        let mut start = self.start(package_nodes);
        self.settle(&mut start);
        known.insert(start.fingerprint(), ());
        let (mut open, mut next) = (vec![start], Vec::new());
        while let Some(state) = open.pop() {
            self.choices(&state, &mut next);
            if next.is_empty() {
                let outcome =
                    self.outcome(&state).map_err(|why| SearchError::Stuck(name(), why))?;
                all.outcomes.insert(outcome);
            }
            for state in next.drain(..) {
                if known.insert(state.fingerprint(), ()).is_none() {
                    open.push(state);
                }
            }
            if all.states + known.len() > STATES_MAX {
                return Err(SearchError::TooLarge(name()));
            }
        }
        all.states += known.len();
        Ok(())
    }

    fn home(&self, at: Line) -> NodeIdx {
        NodeIdx(usize::try_from(at.0).ok().and_then(|l| self.places.homes.get(l)).map_or(0, |n| *n))
    }

    /// Nothing cached, and memory as the test has it.
    fn start(&self, package_nodes: u32) -> State {
        let cfg = ScopedConfig::new(package_nodes);
        let node = |n| Node::new(cfg, NodeIdx(n), None, untouched);
        let mut nodes: Vec<Node> = (0..self.places.nodes).map(node).collect();
        for (loc, value) in self.test.initial.iter().enumerate() {
            let home = self.home(line(loc));
            let mut out = Outbox::default();
            nodes[home.at()].receive((line(loc), home), &set(home, Cell(*value)), (), &mut out);
        }
        let thread = |t| Thread {
            cursor: Cursor::new(t),
            steps: Steps::new(),
            waits: Waits::Nothing,
            flights: Vec::new(),
            issued: 0,
        };
        State { threads: self.test.threads.iter().map(thread).collect(), nodes, net: Vec::new() }
    }

    /// Takes every step that nothing can come between.
    fn settle(&self, state: &mut State) {
        loop {
            for (thread, of) in state.threads.iter_mut().zip(&self.test.threads) {
                refill(&mut thread.steps, &mut thread.cursor, of, Model::Ra);
            }
            let Some(at) = state.net.iter().position(|(_, msg)| state.is_alone(msg)) else {
                return;
            };
            self.deliver(state, at);
        }
    }

    fn choices(&self, state: &State, next: &mut Vec<State>) {
        for at in 0..state.net.len() {
            let mut to = state.clone();
            self.deliver(&mut to, at);
            self.settle(&mut to);
            next.push(to);
        }
        for thread in 0..state.threads.len() {
            if let Some(step) = state.threads[thread].able() {
                let mut to = state.clone();
                self.begin(&mut to, thread, step);
                self.settle(&mut to);
                next.push(to);
            }
        }
    }

    fn deliver(&self, state: &mut State, at: usize) {
        let (line, msg) = state.net.swap_remove(at);
        let mut out = Outbox::default();
        state.nodes[msg.dst.at()].receive((line, self.home(line)), &msg, (), &mut out);
        self.follow(state, msg.dst, out);
    }

    fn begin(&self, state: &mut State, thread: usize, step: Step) {
        let mut out = Outbox::default();
        let sync = |release, acquire| Sync { release, acquire, scope: Scope::Supernode };
        let of = &mut state.threads[thread];
        of.steps.pop_front();
        match step {
            Step::Load { loc, to } | Step::Acquire { loc, to, .. } => {
                of.waits = Waits::Load;
                let ask = Ask::Acquire { mask: 1, scope: Scope::Supernode };
                self.access(state, thread, (loc, ask), (Some(to), None), &mut out);
            }
            Step::Store { loc, value } | Step::Release { loc, value } => {
                of.waits = Waits::Release { loc, value };
                self.sync(state, thread, sync(true, false), &mut out);
            }
            Step::Atomic { loc, to, does: Change { write, expected } } => {
                let ask = Ask::Atomic { write, scope: Scope::Supernode };
                self.access(state, thread, (loc, ask), (to, expected), &mut out);
            }
            Step::Fence | Step::Order(_) => {
                of.waits = Waits::Sync;
                let is = |order| step == Step::Order(order);
                let sync = sync(!is(Order::Loads), !is(Order::Stores));
                self.sync(state, thread, sync, &mut out);
            }
        }
        self.follow(state, NodeIdx(self.places.threads[thread]), out);
    }

    fn sync(&self, state: &mut State, thread: usize, sync: Sync, out: &mut Outbox) {
        let node = self.places.threads[thread] as usize;
        state.nodes[node].sync(number(thread), sync, (), out);
    }

    fn access(
        &self,
        state: &mut State,
        thread: usize,
        (loc, ask): (usize, Ask<Cell>),
        (to, expected): (Option<Reg>, Option<u64>),
        out: &mut Outbox,
    ) {
        let of = &mut state.threads[thread];
        of.issued += 1;
        let token = number(thread) * TOKENS + of.issued;
        let reads = !matches!(ask, Ask::Release { .. });
        let writes = !matches!(ask, Ask::Acquire { .. });
        of.flights.push(Flight { token, to, expected, reads, writes });
        let (line, node) = (line(loc), self.places.threads[thread] as usize);
        let request = ScopedRequest { line, home: self.home(line), ask, token, tag: () };
        if let Asked::Done(effect) = state.nodes[node].access(&request, out) {
            self.done(state, token, &effect, out);
        }
    }

    /// An access is done.
    fn done(&self, state: &mut State, token: u32, effect: &ScopedEffect<Cell>, out: &mut Outbox) {
        let thread = (token / TOKENS) as usize;
        let of = &mut state.threads[thread];
        let Some(at) = of.flights.iter().position(|f| f.token == token) else { return };
        let flight = of.flights.remove(at);
        if let (Some(reg), Some(Cell(value))) = (flight.to, effect.read()) {
            of.cursor.found(reg, value, flight.expected);
        }
        if of.waits == Waits::Load && flight.reads && !flight.writes {
            of.waits = Waits::Sync;
            let sync = Sync { release: false, acquire: true, scope: Scope::Supernode };
            self.sync(state, thread, sync, out);
        }
    }

    /// An acquire or a release is done.
    fn synced(&self, state: &mut State, thread: usize, out: &mut Outbox) {
        let waits = core::mem::replace(&mut state.threads[thread].waits, Waits::Nothing);
        if let Waits::Release { loc, value } = waits {
            let ask = Ask::Release { write: Write::Set(value), scope: Scope::Supernode };
            self.access(state, thread, (loc, ask), (None, None), out);
        }
    }

    /// Takes in what a node put out, until nothing more comes of it at once.
    fn follow(&self, state: &mut State, node: NodeIdx, mut out: Outbox) {
        loop {
            let mut next = Outbox::default();
            state.net.extend(out.messages.iter().map(|sent| (sent.line, sent.msg)));
            for done in &out.completions {
                self.done(state, done.token, &done.effect, &mut next);
            }
            for number in &out.synced {
                self.synced(state, *number as usize, &mut next);
            }
            state.nodes[node.at()].pump(usize::MAX, (), &mut next);
            let quiet = next.messages.is_empty() && next.completions.is_empty();
            if quiet && next.synced.is_empty() {
                return;
            }
            out = next;
        }
    }

    /// What a state with nothing left to do comes to.
    fn outcome(&self, state: &State) -> Result<Outcome, String> {
        let ended = |(t, of): (&Thread, _)| t.clone().cursor.next(of) == Next::End && t.is_done();
        let ended = state.threads.iter().zip(&self.test.threads).all(ended);
        let broken = state.nodes.iter().find_map(Node::broken);
        if !ended || broken.is_some() || !state.nodes.iter().all(Node::is_idle) {
            return Err(format!("{broken:?} {:?} {:?}", state.threads, state.net));
        }
        let held = |loc: usize| state.nodes[self.home(line(loc)).at()].memory(line(loc)).0;
        Ok(self.test.outcome(|thread, reg| state.threads[thread].cursor.register(reg), held))
    }
}

/// Tokens of a thread: more than it can have accesses.
const TOKENS: u32 = 1 << 16;

fn number(thread: usize) -> u32 {
    u32::try_from(thread).unwrap_or(u32::MAX)
}

/// What puts a value into memory.
const fn set(home: NodeIdx, value: Cell) -> ScopedMessage<Cell> {
    ScopedMessage {
        kind: ScopedKind::Through,
        src: home,
        from: Unit::Cache,
        dst: home,
        to: Unit::Home,
        scope: Scope::Supernode,
        mask: 1,
        data: Some(value),
        write: None,
        requester: home,
        number: 0,
    }
}

impl Thread {
    /// Its next step, if its turn has come.
    fn able(&self) -> Option<Step> {
        let step = *self.steps.front()?;
        let reads = self.flights.iter().any(|f| f.reads);
        let writes = self.flights.iter().any(|f| f.writes);
        let ready = match step {
            Step::Load { .. } | Step::Acquire { .. } | Step::Atomic { .. } => true,
            Step::Store { .. } | Step::Release { .. } | Step::Fence => !reads && !writes,
            Step::Order(Order::Loads) => !reads,
            Step::Order(Order::Stores) => !writes,
        };
        (ready && self.waits == Waits::Nothing).then_some(step)
    }

    fn is_done(&self) -> bool {
        self.steps.is_empty() && self.flights.is_empty() && self.waits == Waits::Nothing
    }
}

impl State {
    /// Whether a message may be taken at once: a slice's answer, or what finds nothing there.
    fn is_alone(&self, msg: &ScopedMessage<Cell>) -> bool {
        let slice = &self.nodes[msg.dst.at()].slice;
        match msg.kind {
            ScopedKind::Done => true,
            ScopedKind::Release => slice.written().next().is_none(),
            ScopedKind::Acquire => slice.lines().all(|(_, line, _)| {
                line.valid == 0 && line.flight == 0 && line.state != ScopedState::Iv
            }),
            _ => false,
        }
    }

    /// A hash of 128 bits; the bag of messages counts whatever its order.
    fn fingerprint(&self) -> (u64, u64) {
        let mut twin = Twin::default();
        (&self.threads, &self.nodes).hash(&mut twin);
        let mut bag = (0_u64, 0_u64);
        for message in &self.net {
            let mut one = Twin::of(1);
            message.hash(&mut one);
            let (low, high) = one.words();
            bag = (bag.0.wrapping_add(mix(low)), bag.1.wrapping_add(mix(high)));
        }
        let (low, high) = twin.words();
        (mix(low ^ mix(bag.0)), mix(high ^ mix(bag.1 ^ 1)))
    }
}

#[cfg(test)]
mod tests;
