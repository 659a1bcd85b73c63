//! Breadth-first search of every world that a system can come to.
//!
//! ```text
//!   level ──▶ pieces ──▶ expand (threads) ──▶ candidates by shard ──▶ insert (threads) ──▶ next level
//! ```
//!
//! Worlds of a level are expanded in pieces of fixed size, candidates are taken in by shard in the
//! order of the pieces: neither depends on the number of threads, so nothing that is found does.
//! The first fault in this order is one of the shortest.

use super::act::Act;
use super::drain;
use super::fault::{Fault, FaultKind};
use super::system::{Move, System};
use super::table::{SHARDS, Shard, id, shard_of, split};
use super::worker::{CORE, Candidates, Found, Level, Piece, Worker};
use super::workload::{CounterExample, Limits, Model, Progress, Report};
use crate::coverage::Coverage;
use crate::mutant::Faults;

/// Worlds expanded as one piece of work.
const PIECE: usize = 512;
/// Pieces between two rounds of taking in.
const PIECES: usize = 16;

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
        let worker = || Worker::new(model, limits);
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
                self.note_memory();
                if self.found.as_ref().is_some_and(|f| f.by.is_none())
                    || self.states > self.limits.states
                    || self.peak_bytes as u64 > self.limits.memory_bytes
                {
                    return;
                }
            }
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
                    for piece in pieces {
                        take_in(n, shard, next, &piece.shards[n]);
                    }
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
        self.workers.iter().for_each(|w| coverage.merge(&w.coverage()));
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
