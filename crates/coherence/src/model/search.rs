//! Breadth-first search of every world that a system can come to.
//!
//! ```text
//!   level ──▶ pieces ──▶ expand (threads) ──▶ candidates by shard ──▶ insert (threads) ──▶ next level
//! ```
//!
//! Worlds of a level are expanded in pieces of fixed size, candidates are taken in by shard in the
//! order of the pieces: neither depends on the number of threads, so nothing that is found does.
//! The first fault in this order is one of the shortest.

use super::code;
use super::drain;
use super::fault::{Fault, FaultKind};
use super::memo::Performed;
use super::schedule::Schedule;
use super::symmetry::{Namer, Symmetry};
use super::system::{Act, Homes, Move, Shape, System, core_move};
use super::table::{SHARDS, Shard, id, shard_of, split};
use super::world::World;
use crate::config::{Config, Faults, Mutant};
use crate::coverage::Coverage;
use crate::state::{CacheState, DirState};

/// Worlds expanded as one piece of work.
const PIECE: usize = 512;
/// Pieces between two rounds of taking in.
const PIECES: usize = 16;

/// What caches give up of their own accord.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Evictions {
    /// Nothing.
    None,
    /// Any copy, and home is told.
    #[default]
    Notify,
    /// Any copy; shared ones without telling.
    Silent,
    /// Any copy; shared ones with or without telling.
    Either,
}

/// What cores, caches and homes do of their own accord. Cores always load and store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Workload {
    /// Stores add one, modulo the values; otherwise they set each of the values.
    pub increments: bool,
    /// Cores ask for far atomics, which add one.
    pub far: bool,
    /// What caches give up of their own accord.
    pub evictions: Evictions,
    /// Homes recall lines.
    pub recalls: bool,
}

impl Default for Workload {
    /// Sets, evictions and recalls.
    fn default() -> Self {
        Self { increments: false, far: false, evictions: Evictions::Notify, recalls: true }
    }
}

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub struct Model<F: Faults> {
    /// The protocol's options.
    pub cfg: Config<F>,
    /// The system's size.
    pub shape: Shape,
    /// What is done to it.
    pub workload: Workload,
    /// Which worlds count as one.
    pub symmetry: Symmetry,
}

impl<F: Faults> Model<F> {
    /// Two values, evictions and recalls, all symmetries.
    pub fn new(cfg: Config<F>, caches: u32, lines: u32) -> Self {
        let shape = Shape { caches, lines, ..Shape::default() };
        Self { cfg, shape, workload: Workload::default(), symmetry: Symmetry::ALL }
    }

    /// Every move of cores and homes, as far as it makes sense in any world.
    pub(crate) fn core_moves(&self) -> Vec<Move> {
        let w = self.workload;
        let mut moves = Vec::new();
        for line in 0..self.shape.lines {
            for cache in 0..self.shape.caches {
                let mut add = |kind, write| moves.push(core_move(kind, cache, line, write));
                add(LOAD, 0);
                if w.increments {
                    add(STORE, code::INCREMENT);
                } else {
                    (1..=u32::from(self.shape.values)).for_each(|v| add(STORE, v));
                }
                let evict = w.evictions != Evictions::None;
                let drop = matches!(w.evictions, Evictions::Silent | Evictions::Either);
                let others = [(w.far, FAR, code::INCREMENT), (evict, EVICT, 0), (drop, DROP, 0)];
                others
                    .iter()
                    .filter(|(on, ..)| *on)
                    .for_each(|(_, kind, write)| add(*kind, *write));
            }
            if w.recalls {
                moves.push(core_move(RECALL, 0, line, 0));
            }
        }
        moves
    }

    pub(crate) fn namer(&self) -> Namer {
        let rotate = self.workload.increments || self.workload.far;
        // Nodes with a home are not like others, and FIFOs have an order that renaming would change.
        let alike = self.shape.homes == Homes::Apart && self.shape.networks.is_none();
        let Symmetry { caches, lines, values } = self.symmetry;
        let values = values && self.shape.networks.is_none();
        let symmetry = Symmetry { caches: caches && alike, lines: lines && alike, values };
        Namer::new(self.shape, symmetry, rotate)
    }
}

const LOAD: u32 = 0;
const STORE: u32 = 1;
const FAR: u32 = 2;
const EVICT: u32 = 3;
const DROP: u32 = 4;
const RECALL: u32 = 5;

/// How a search is run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Worlds after which it is given up.
    pub states: u64,
    /// Threads; results do not depend on them.
    pub threads: usize,
    /// Whether to measure the longest drain; takes memory for every delivery.
    pub drain: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { states: u64::MAX, threads: 1, drain: false }
    }
}

/// How far a search is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Worlds found.
    pub states: u64,
    /// Moves from the start.
    pub depth: u32,
    /// Worlds found that are still to be expanded.
    pub waiting: u64,
}

/// A broken promise and how to get there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CounterExample {
    /// The promise.
    pub fault: Fault,
    /// The acts that lead to it from the start; none shorter do.
    pub acts: Vec<Act>,
}

impl CounterExample {
    /// The acts as a schedule of the model that they were found in.
    pub fn schedule(&self, model: &Model<Option<Mutant>>) -> Schedule {
        let (shape, mutant) = (model.shape, model.cfg.mutant);
        Schedule { shape, mutant, acts: self.acts.clone() }
    }
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Worlds, up to symmetry.
    pub states: u64,
    /// Moves tried that could be made.
    pub transitions: u64,
    /// Moves to the world that is farthest from the start.
    pub depth: u32,
    /// Whether every world was found.
    pub complete: bool,
    /// Rows of the tables taken.
    pub coverage: Coverage,
    /// The most messages that are delivered from any world until nothing is under way, if asked for
    /// and complete.
    pub longest_drain: Option<u32>,
    /// The first broken promise.
    pub counter_example: Option<CounterExample>,
    /// Bytes of the search's tables at their largest.
    pub memory_bytes: u64,
}

/// Searches until no world is left, a promise is broken, or the limit is reached. Tells `progress`
/// now and then.
pub fn search<F: Faults + Send + Sync>(
    model: &Model<F>,
    limits: &Limits,
    progress: &dyn Fn(Progress),
) -> Report {
    let mut search = Search::new(model, limits);
    search.run(progress);
    search.report()
}

/// Worlds to be expanded, with their numbers.
#[derive(Clone, Debug, Default)]
struct Level {
    /// Where each world's words end.
    ends: Vec<usize>,
    ids: Vec<u32>,
    words: Vec<u32>,
}

impl Level {
    fn push(&mut self, id: u32, words: &[u32]) {
        self.words.extend_from_slice(words);
        self.ends.push(self.words.len());
        self.ids.push(id);
    }

    fn append(&mut self, other: &mut Self) {
        let base = self.words.len();
        self.words.append(&mut other.words);
        self.ids.append(&mut other.ids);
        self.ends.extend(other.ends.drain(..).map(|e| e + base));
    }

    fn world(&self, at: usize) -> World {
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        World::from_words(&self.words[from..self.ends[at]])
    }

    fn bytes(&self) -> usize {
        self.words.capacity() * 4 + self.ids.capacity() * 4 + self.ends.capacity() * 8
    }
}

/// A world that a piece came to and that was not seen before the round.
#[derive(Clone, Debug, Default)]
struct Candidates {
    /// Fingerprint, parent, move and number of words of each.
    heads: Vec<(u64, u32, u16, u8)>,
    words: Vec<u32>,
}

/// A fault where it was found.
#[derive(Clone, Debug)]
struct Found {
    fault: Fault,
    /// The world.
    id: u32,
    /// The move out of it that breaks the promise; none if the world itself does.
    by: Option<u16>,
}

/// What came of a piece.
#[derive(Clone, Debug, Default)]
struct Piece {
    shards: [Candidates; SHARDS],
    transitions: u64,
    found: Option<Found>,
    /// From, and the fingerprint of to: deliveries, if the drain is measured.
    edges: Vec<(u32, u64)>,
}

/// One thread's tools.
#[derive(Debug)]
struct Worker<F: Faults> {
    system: System<F>,
    namer: Namer,
    moves: Vec<Move>,
    drain: bool,
    /// Whether shared copies are given up without telling, always.
    silent: bool,
    /// Where a move leads; reused.
    next: World,
    /// Where the moves out of one world lead, and whether that was seen; reused.
    reached: Candidates,
    seen: Vec<bool>,
}

struct Search<'a, F: Faults> {
    model: &'a Model<F>,
    limits: Limits,
    workers: Vec<Worker<F>>,
    shards: Vec<Shard>,
    pieces: Vec<Piece>,
    level: Level,
    next: Vec<Level>,
    states: u64,
    transitions: u64,
    depth: u32,
    complete: bool,
    found: Option<Found>,
    edges: Vec<(u32, u64)>,
    longest_drain: Option<u32>,
    peak_bytes: usize,
}

impl<'a, F: Faults + Send + Sync> Search<'a, F> {
    fn new(model: &'a Model<F>, limits: &Limits) -> Self {
        let worker = || Worker {
            system: System::new(model.cfg, model.shape),
            namer: model.namer(),
            moves: model.core_moves(),
            drain: limits.drain,
            silent: model.workload.evictions == Evictions::Silent,
            next: World::from_words(&[]),
            reached: Candidates::default(),
            seen: Vec::new(),
        };
        let mut workers: Vec<_> =
            std::iter::repeat_with(worker).take(limits.threads.max(1)).collect();
        let mut shards: Vec<_> = (0..SHARDS).map(|_| Shard::new(limits.drain)).collect();
        let start = workers[0].system.start();
        let fingerprint = workers[0].namer.fingerprint(&start);
        let mut level = Level::default();
        let shard = shard_of(fingerprint);
        if let Some(number) = shards[shard].insert(fingerprint, (u32::MAX, 0)) {
            level.push(id(number, shard), start.words());
        }
        Self {
            model,
            limits: *limits,
            workers,
            shards,
            pieces: vec![Piece::default(); PIECES],
            level,
            next: vec![Level::default(); SHARDS],
            states: 1,
            transitions: 0,
            depth: 0,
            complete: false,
            found: None,
            edges: Vec::new(),
            longest_drain: None,
            peak_bytes: 0,
        }
    }

    fn run(&mut self, progress: &dyn Fn(Progress)) {
        loop {
            let (mut at, count) = (0, self.level.ids.len());
            while at < count {
                let until = count.min(at + PIECE * PIECES);
                self.expand(at, until);
                self.take_in();
                at = until;
                let waiting =
                    (count - at + self.next.iter().map(|l| l.ids.len()).sum::<usize>()) as u64;
                progress(Progress { states: self.states, depth: self.depth, waiting });
                // A world that breaks a promise is nearer than a move that does.
                if self.found.as_ref().is_some_and(|f| f.by.is_none())
                    || self.states > self.limits.states
                {
                    return;
                }
            }
            self.note_memory();
            if self.found.is_some() {
                return;
            }
            self.level = Level::default();
            for next in &mut self.next {
                self.level.append(next);
            }
            if self.level.ids.is_empty() {
                break;
            }
            self.depth += 1;
        }
        self.complete = true;
        if self.limits.drain {
            self.measure_drain();
        }
    }

    /// Expands the worlds `from..until` of the level, a piece at a time.
    fn expand(&mut self, from: usize, until: usize) {
        let (level, shards, threads) = (&self.level, &self.shards, self.workers.len());
        let mut shares: Vec<Vec<(usize, &mut Piece)>> = (0..threads).map(|_| Vec::new()).collect();
        for (n, piece) in self.pieces.iter_mut().enumerate() {
            shares[n % threads].push((n, piece));
        }
        let work = |worker: &mut Worker<F>, share: Vec<(usize, &mut Piece)>| {
            for (n, piece) in share {
                let from = until.min(from + n * PIECE);
                worker.expand(level, from..until.min(from + PIECE), shards, piece);
            }
        };
        spread(self.workers.iter_mut().zip(shares), |(worker, share)| work(worker, share));
    }

    /// Takes in what the pieces found.
    fn take_in(&mut self) {
        let limit = self.found.is_some();
        for piece in &mut self.pieces {
            self.transitions += core::mem::take(&mut piece.transitions);
            self.edges.append(&mut piece.edges);
            let found = piece.found.take();
            // The first of the nearest.
            let nearer = |f: &Found| match &self.found {
                None => true,
                Some(kept) => kept.by.is_some() && f.by.is_none(),
            };
            if let Some(found) = found.filter(nearer) {
                self.found = Some(found);
            }
        }
        if !limit {
            let pieces = &self.pieces;
            let shards = self.shards.iter_mut().zip(&mut self.next).enumerate();
            let threads = self.workers.len();
            let mut shares: Vec<Vec<_>> = (0..threads).map(|_| Vec::new()).collect();
            shards.for_each(|(n, shard)| shares[n % threads].push((n, shard)));
            spread(shares.into_iter(), |share| {
                for (n, (shard, next)) in share {
                    pieces.iter().for_each(|p| take_in(n, shard, next, &p.shards[n]));
                }
            });
            self.states = self.shards.iter().map(|s| s.parents.len() as u64).sum();
        }
        for candidates in self.pieces.iter_mut().flat_map(|p| &mut p.shards) {
            candidates.heads.clear();
            candidates.words.clear();
        }
    }

    fn note_memory(&mut self) {
        let tables: usize = self.shards.iter().map(Shard::bytes).sum();
        let levels: usize = self.next.iter().map(Level::bytes).sum();
        let edges = self.edges.capacity() * 16;
        self.peak_bytes = self.peak_bytes.max(tables + levels + self.level.bytes() + edges);
    }

    fn measure_drain(&mut self) {
        match drain::longest(&self.shards, &self.edges) {
            Ok(longest) => self.longest_drain = Some(longest),
            Err(id) => {
                let detail = "messages can be delivered for ever, without anyone asking for more";
                let fault = Fault::new(FaultKind::Livelock, detail);
                self.found = Some(Found { fault, id, by: None });
            }
        }
    }

    fn report(self) -> Report {
        let mut coverage = Coverage::default();
        self.workers.iter().for_each(|w| coverage.merge(&w.system.coverage()));
        let counter_example = self
            .found
            .as_ref()
            .map(|found| CounterExample { fault: found.fault.clone(), acts: self.acts(found) });
        Report {
            states: self.states,
            transitions: self.transitions,
            depth: self.depth,
            complete: self.complete && counter_example.is_none(),
            coverage,
            longest_drain: self.longest_drain,
            counter_example,
            memory_bytes: self.peak_bytes as u64,
        }
    }

    /// The acts from the start to a fault.
    fn acts(&self, found: &Found) -> Vec<Act> {
        let mut moves: Vec<u16> = found.by.into_iter().collect();
        let mut id = found.id;
        loop {
            let (shard, number) = split(id);
            let (parent, by) = self.shards[shard].parents[number];
            if parent == u32::MAX {
                break;
            }
            moves.push(by);
            id = parent;
        }
        let mut system = System::new(self.model.cfg, self.model.shape);
        let core_moves = self.model.core_moves();
        let mut world = system.start();
        let mut acts = Vec::new();
        for by in moves.into_iter().rev() {
            let go = named_move(by, &core_moves);
            acts.push(system.act(&world, go));
            let before = world;
            if !matches!(system.go(&before, go, &mut world), Ok(Some(_))) {
                break;
            }
        }
        acts
    }
}

/// Does `work` on every share, each in a thread of its own if there are several.
fn spread<T: Send>(shares: impl Iterator<Item = T>, work: impl Fn(T) + Sync) {
    let mut shares: Vec<T> = shares.collect();
    let Some(own) = shares.pop() else { return };
    std::thread::scope(|scope| {
        let work = &work;
        for share in shares {
            scope.spawn(move || work(share));
        }
        work(own);
    });
}

/// Moves of cores count from here on; below are places of messages.
const CORE: u16 = 256;

fn named_move(by: u16, core_moves: &[Move]) -> Move {
    match by.checked_sub(CORE) {
        None => Move::Deliver(usize::from(by)),
        Some(n) => core_moves[usize::from(n)],
    }
}

fn take_in(n: usize, shard: &mut Shard, next: &mut Level, from: &Candidates) {
    let mut at = 0;
    for (fingerprint, parent, by, len) in &from.heads {
        let words = &from.words[at..at + usize::from(*len)];
        at += words.len();
        if let Some(number) = shard.insert(*fingerprint, (*parent, *by)) {
            next.push(id(number, n), words);
        }
    }
}

impl<F: Faults> Worker<F> {
    fn expand(
        &mut self,
        level: &Level,
        range: core::ops::Range<usize>,
        shards: &[Shard],
        piece: &mut Piece,
    ) {
        for at in range {
            let (world, id) = (level.world(at), level.ids[at]);
            let expanded = self.expand_world(&world, id, piece);
            self.sift(shards, piece);
            if let Err(fault) = expanded {
                let nearer =
                    piece.found.as_ref().is_none_or(|f| f.by.is_some() && fault.by.is_none());
                if nearer {
                    piece.found = Some(fault);
                }
                if piece.found.as_ref().is_some_and(|f| f.by.is_none()) {
                    return;
                }
            }
        }
    }

    #[inline]
    fn expand_world(&mut self, world: &World, id: u32, piece: &mut Piece) -> Result<(), Found> {
        let here = |fault| Found { fault, id, by: None };
        self.system.check(world).map_err(here)?;
        let mut moved = false;
        let mut before = None;
        let fixed = self.model_fixed();
        for at in fixed..world.words().len() {
            let word = world.words()[at];
            if before == Some(word) {
                continue;
            }
            before = Some(word);
            let by = u16::try_from(at).unwrap_or(0);
            moved |= self.follow(world, (id, by), Move::Deliver(at), piece)?;
        }
        if !moved && !self.system.is_quiescent(world) {
            return Err(here(Fault::new(
                FaultKind::Deadlock,
                "something is under way and nothing can move",
            )));
        }
        for n in 0..self.moves.len() {
            let go = self.moves[n];
            if self.makes_sense(world, go) {
                let by = CORE + u16::try_from(n).unwrap_or(0);
                self.follow(world, (id, by), go, piece)?;
            }
        }
        Ok(())
    }

    /// Passes on what one world led to and was not seen before. All at once: the look-ups wait for
    /// memory, and independent ones wait together.
    #[inline]
    fn sift(&mut self, shards: &[Shard], piece: &mut Piece) {
        let Candidates { heads, words } = &mut self.reached;
        let mut at = 0;
        self.seen.clear();
        self.seen.extend(heads.iter().map(|head| shards[shard_of(head.0)].has(head.0)));
        for (head, seen) in heads.iter().zip(&self.seen) {
            let from = at;
            at += usize::from(head.3);
            if self.drain && head.2 < CORE {
                piece.edges.push((head.1, head.0));
            }
            if !seen {
                let to = &mut piece.shards[shard_of(head.0)];
                to.heads.push(*head);
                to.words.extend_from_slice(&words[from..at]);
            }
        }
        heads.clear();
        words.clear();
    }

    fn model_fixed(&self) -> usize {
        self.system.shape().fixed()
    }

    /// Whether a core's move is one: nobody evicts what is not there.
    #[inline]
    fn makes_sense(&self, world: &World, go: Move) -> bool {
        let Move::Core(event) = go else { return true };
        let shape = self.system.shape();
        let (kind, line) = (event >> 16 & 7, event >> 4 & 3);
        match kind {
            RECALL => {
                let home = world.words()[shape.cells() + line as usize];
                code::dir_state(home) != DirState::I
            }
            EVICT | DROP => {
                let held = world.words()[shape.cell_at(event & 7, line)];
                match code::cell_state(held) {
                    CacheState::I => false,
                    CacheState::S => kind == DROP || !self.silent,
                    _ => kind == EVICT,
                }
            }
            _ => true,
        }
    }

    /// Makes a move, if it can be made, and notes the world it leads to unless that was seen.
    #[inline]
    fn follow(
        &mut self,
        world: &World,
        (id, by): (u32, u16),
        go: Move,
        piece: &mut Piece,
    ) -> Result<bool, Found> {
        let there = |fault| Found { fault, id, by: Some(by) };
        let next = &mut self.next;
        let Some(performed) = self.system.go(world, go, next).map_err(there)? else {
            return Ok(false);
        };
        piece.transitions += 1;
        // A load that hits changes nothing.
        if matches!(performed, Performed::Load(_)) && by >= CORE {
            return Ok(true);
        }
        let fingerprint = self.namer.fingerprint(next);
        let words = next.words();
        self.reached.heads.push((fingerprint, id, by, u8::try_from(words.len()).unwrap_or(0)));
        self.reached.words.extend_from_slice(words);
        Ok(true)
    }
}
