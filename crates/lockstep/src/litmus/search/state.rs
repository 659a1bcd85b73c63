//! A state of the search, and the steps from it.

use std::hash::{Hash, Hasher};

use ::litmus::{Cursor, Instr, LocIdx, Model, Operand, Outcome, Rmw, Test};
use base::rng::mix;
use base::{Class, NodeIdx};
use coherence::{
    Atomics, CacheEvent, CacheLine, CacheState, Config, DirEvent, DirLine, DirState, EACH_SHARER,
    Effect, Message, Protocol, Step, Value, cache_step, dir_step,
};

use super::core::{Core, Flight};

/// The value of a location.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize,
)]
pub(super) struct Cell(pub(super) u64);

/// What an access does to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub(super) enum Write {
    Set(Cell),
    Add(Cell),
    /// What is the first becomes the second.
    CompareSwap(Cell, Cell),
}

impl Write {
    /// What an atomic writes.
    pub(super) fn of(rmw: Rmw, operand: Operand, cursor: &Cursor) -> Self {
        let value = Cell(cursor.value(&operand));
        match rmw {
            Rmw::Add => Self::Add(value),
            Rmw::Swap => Self::Set(value),
            Rmw::CompareSwap { expected, .. } => {
                Self::CompareSwap(Cell(cursor.value(&expected)), value)
            }
            Rmw::Exclusive { loaded } => Self::CompareSwap(Cell(cursor.register(loaded)), value),
        }
    }
}

impl Value for Cell {
    type Write = Write;

    fn written(&self, write: &Write) -> Self {
        match *write {
            Write::Set(to) => to,
            Write::Add(by) => Self(self.0.wrapping_add(by.0)),
            Write::CompareSwap(expected, new) if *self == expected => new,
            Write::CompareSwap(..) => *self,
        }
    }

    fn kept(&self) -> Write {
        Write::Set(*self)
    }
}

/// Homes have nodes of their own, behind those of the threads.
const HOMES: usize = 8;

fn home(loc: LocIdx) -> NodeIdx {
    NodeIdx::new(HOMES + loc)
}

#[derive(Clone, Debug)]
pub(super) struct State {
    /// `[thread]`
    cores: Vec<Core>,
    /// `[thread * locations + location]`
    caches: Vec<CacheLine<Cell>>,
    /// `[location]`
    homes: Vec<DirLine<Cell>>,
    net: Vec<(LocIdx, Message<Cell>)>,
}

/// Two words of hash at once.
#[derive(Default)]
pub(super) struct Twin(u64, u64);

impl Twin {
    pub(super) const fn of(seed: u64) -> Self {
        Self(seed, seed)
    }

    pub(super) const fn words(&self) -> (u64, u64) {
        (self.0, self.1)
    }
}

impl Hasher for Twin {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
            self.write_u64(word);
        }
    }
    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }
    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
    fn write_isize(&mut self, word: isize) {
        self.write_u64(word.cast_unsigned() as u64);
    }
    fn write_u64(&mut self, word: u64) {
        self.0 = mix(self.0 ^ word);
        self.1 = (self.1.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

impl State {
    /// A hash of 128 bits; the bag of messages counts whatever its order.
    pub(super) fn fingerprint(&self) -> (u64, u64) {
        let mut twin = Twin::default();
        (&self.cores, &self.caches, &self.homes).hash(&mut twin);
        let mut bag = (0_u64, 0_u64);
        for message in &self.net {
            let mut one = Twin(1, 1);
            message.hash(&mut one);
            bag = (bag.0.wrapping_add(mix(one.0)), bag.1.wrapping_add(mix(one.1)));
        }
        (mix(twin.0 ^ mix(bag.0)), mix(twin.1 ^ mix(bag.1 ^ 1)))
    }
}

/// How a line is spread over caches.
struct Spread {
    holders: Vec<usize>,
    owner: Option<usize>,
}

pub(super) struct Setup<'a> {
    pub(super) test: &'a Test,
    model: Model,
    cfg: Config,
}

impl<'a> Setup<'a> {
    pub(super) fn new(test: &'a Test, model: Model, atomics: Atomics, protocol: Protocol) -> Self {
        Self { test, model, cfg: Config { atomics, protocol, ..Config::default() } }
    }

    const fn locations(&self) -> usize {
        self.test.locations.len()
    }

    /// Every way to spread the lines over the caches of the threads that use them: nowhere, in one
    /// exclusively, in some of them shared, with the owned state one of them the owner.
    pub(super) fn starts(&self) -> impl Iterator<Item = State> {
        let spreads: Vec<Vec<Spread>> = (0..self.locations()).map(|l| self.spreads(l)).collect();
        let mut at = vec![0; spreads.len()];
        let mut over = false;
        std::iter::from_fn(move || {
            if over {
                return None;
            }
            let mut state = self.empty();
            for (loc, (spreads, at)) in spreads.iter().zip(&at).enumerate() {
                self.hold(&mut state, loc, &spreads[*at]);
            }
            let more = (0..at.len()).find(|loc| at[*loc] + 1 < spreads[*loc].len());
            over = more.is_none();
            if let Some(loc) = more {
                at[..loc].fill(0);
                at[loc] += 1;
            }
            Some(state)
        })
    }

    /// Every way to spread one line.
    fn spreads(&self, loc: LocIdx) -> Vec<Spread> {
        let users = self.users(loc);
        let mut all = vec![Spread { holders: Vec::new(), owner: None }];
        for set in 1_u32..1 << users.len() {
            let of = |(at, t): (usize, &usize)| (set >> at & 1 == 1).then_some(*t);
            let holders: Vec<usize> = users.iter().enumerate().filter_map(of).collect();
            let owners =
                if holders.len() == 1 || self.cfg.protocol.owned { &holders[..] } else { &[] };
            let owners = [None].into_iter().chain(owners.iter().copied().map(Some));
            all.extend(owners.map(|owner| Spread { holders: holders.clone(), owner }));
        }
        all
    }

    fn users(&self, loc: LocIdx) -> Vec<usize> {
        let uses = |instr: &Instr| match instr {
            Instr::Load { at, .. } | Instr::Store { at, .. } | Instr::Rmw { at, .. } => {
                at.loc == loc
            }
            _ => false,
        };
        let threads = self.test.threads.iter().enumerate();
        threads.filter(|(_, t)| t.code.iter().any(uses)).map(|(n, _)| n).collect()
    }

    fn empty(&self) -> State {
        let threads = self.test.threads.len();
        let lines = (0..threads * self.locations()).map(|at| at % self.locations());
        State {
            cores: (0..threads).map(|t| Core::new(self.test, t)).collect(),
            caches: lines.map(|loc| CacheLine::invalid(home(loc))).collect(),
            homes: self.test.initial.iter().map(|v| DirLine::untouched(Cell(*v))).collect(),
            net: Vec::new(),
        }
    }

    /// Has a line spread over caches.
    fn hold(&self, state: &mut State, loc: LocIdx, Spread { holders, owner }: &Spread) {
        let Some(last) = holders.last() else { return };
        let value = Cell(self.test.initial[loc]);
        let alone = holders.len() == 1;
        let dir = &mut state.homes[loc];
        dir.state = match owner {
            None => DirState::S,
            Some(_) if alone => DirState::EM,
            Some(_) => DirState::O,
        };
        // With direct transfer, a shared line's last reader.
        let last = self.cfg.protocol.direct.then_some(*last);
        dir.owner = owner.or(last).map(NodeIdx::new);
        for holder in holders {
            let held = match owner {
                Some(owner) if owner != holder => CacheState::S,
                None => CacheState::S,
                Some(_) if alone => CacheState::E,
                Some(_) => CacheState::O,
            };
            if held == CacheState::S {
                dir.sharers.insert(NodeIdx::new(*holder));
            }
            state.caches[holder * self.test.locations.len() + loc] =
                CacheLine::stable(held, home(loc), Some(value));
        }
    }

    /// Takes every step that commutes with all others.
    pub(super) fn settle(&self, state: &mut State) {
        let answers = |m: &Message<Cell>| !matches!(m.kind.class(), Class::Req | Class::Fwd);
        while let Some(at) = state.net.iter().position(|(_, m)| answers(m)) {
            let delivered = self.deliver(state, at);
            assert!(delivered, "{:?} stalls", state.net[at]);
        }
        for thread in 0..state.cores.len() {
            let _ = state.cores[thread].advance(self.test, thread, self.model);
        }
    }

    /// The states behind every step that can be taken.
    pub(super) fn choices(&self, state: &State, next: &mut Vec<State>) {
        let mut push = |mut state: State| {
            self.settle(&mut state);
            next.push(state);
        };
        for at in 0..state.net.len() {
            let mut to = state.clone();
            if self.deliver(&mut to, at) {
                push(to);
            }
        }
        for thread in 0..state.cores.len() {
            if let Some(to) = self.issue(state, thread) {
                push(to);
            }
            if let Some(store) = state.cores[thread].drain() {
                let mut to = state.clone();
                to.cores[thread].drained();
                to.cores[thread].flights.push(store);
                let last = to.cores[thread].flights.len() - 1;
                self.start(&mut to, thread, last);
                push(to);
            }
            // Accesses that waited behind another to the same line.
            for flight in 0..state.cores[thread].flights.len() {
                let mut to = state.clone();
                if self.start(&mut to, thread, flight) {
                    push(to);
                }
            }
        }
    }

    /// The thread's next access goes to its cache, or is answered by the store buffer.
    fn issue(&self, state: &State, thread: usize) -> Option<State> {
        let mut to = state.clone();
        let core = &mut to.cores[thread];
        let flight = core.advance(self.test, thread, self.model)?;
        core.issued();
        if let Some(reg) = flight.to.filter(|_| !flight.atomic)
            && let Some(value) = core.forwarded(flight.loc)
        {
            core.cursor.fill(reg, value);
            return Some(to);
        }
        core.flights.push(flight);
        let last = core.flights.len() - 1;
        self.start(&mut to, thread, last);
        Some(to)
    }

    /// Has the cache begin with an access, if it is the first to its line. Says whether it did.
    fn start(&self, state: &mut State, thread: usize, flight: usize) -> bool {
        let flights = &state.cores[thread].flights;
        let Flight { loc, write, atomic, started, .. } = flights[flight].clone();
        if started || flights[..flight].iter().any(|f| f.loc == loc) {
            return false;
        }
        let event = match write {
            None => CacheEvent::Load,
            Some(write) if atomic && self.cfg.atomics == Atomics::Far => CacheEvent::Far(write),
            Some(write) => CacheEvent::Store(write),
        };
        let at = thread * self.locations() + loc;
        match cache_step(self.cfg, NodeIdx::new(thread), &state.caches[at], event) {
            Step::Next(line, sends, effect) => {
                state.caches[at] = line;
                state.net.extend(sends.into_iter().map(|m| (loc, m)));
                state.cores[thread].flights[flight].started = true;
                Self::perform(state, thread, flight, effect);
                true
            }
            Step::Stall => false,
            Step::Illegal => panic!("{}: {event:?} is illegal: {state:?}", self.test.name),
        }
    }

    fn perform(state: &mut State, thread: usize, flight: usize, effect: Effect<Cell>) {
        match effect {
            Effect::None => {}
            Effect::Load(value) => state.cores[thread].complete(flight, value.0),
            Effect::Store { old, .. } => state.cores[thread].complete(flight, old.0),
        }
    }

    /// Delivers a message. `false`: its receiver stalls it.
    fn deliver(&self, state: &mut State, at: usize) -> bool {
        let (loc, msg) = state.net[at];
        if msg.to_home() {
            let step = dir_step(self.cfg, &state.homes[loc], DirEvent::Message(&msg));
            let (line, sends) = match step {
                Step::Next(line, sends, _) => (line, sends),
                Step::Stall => return false,
                Step::Illegal => panic!("{}: {msg} is illegal: {state:?}", self.test.name),
            };
            state.net.swap_remove(at);
            for m in sends {
                if m.dst == EACH_SHARER {
                    state.net.extend(line.sharers.iter().map(|node| (loc, m.to(node))));
                } else {
                    state.net.push((loc, m));
                }
            }
            state.homes[loc] = line;
            return true;
        }
        let thread = msg.dst.at();
        let line = &mut state.caches[thread * self.test.locations.len() + loc];
        match cache_step(self.cfg, msg.dst, line, CacheEvent::Message(&msg)) {
            Step::Next(next, sends, effect) => {
                *line = next;
                let stable = next.state.is_stable();
                state.net.swap_remove(at);
                state.net.extend(sends.into_iter().map(|m| (loc, m)));
                let flights = &mut state.cores[thread].flights;
                if let Some(own) = flights.iter().position(|f| f.loc == loc && f.started)
                    && stable
                {
                    // Without an effect the line was only put back: the access begins anew.
                    flights[own].started = false;
                    Self::perform(state, thread, own, effect);
                }
                true
            }
            Step::Stall | Step::Illegal => panic!("{}: {msg} in {state:?}", self.test.name),
        }
    }

    /// What a state with nothing left to do comes to.
    pub(super) fn outcome(&self, state: &State) -> Result<Outcome, String> {
        let mut cores = state.cores.clone();
        let done = |(thread, core): (usize, &mut Core)| core.is_done(self.test, thread);
        if !state.net.is_empty() || !cores.iter_mut().enumerate().all(done) {
            return Err(format!("{state:?}"));
        }
        let held = |loc: usize| {
            let owns = matches!(state.homes[loc].state, DirState::EM | DirState::O);
            let owner = state.homes[loc].owner.filter(|_| owns);
            let line = owner.map(|node| state.caches[node.at() * self.locations() + loc]);
            line.and_then(|line| line.value).unwrap_or(state.homes[loc].memory).0
        };
        Ok(self.test.outcome(|thread, reg| state.cores[thread].cursor.register(reg), held))
    }
}
