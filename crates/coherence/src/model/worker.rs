//! What a thread of the search does: expands worlds, and passes on where their moves lead.

use super::act::Shape;
use super::code;
use super::fault::{Fault, FaultKind};
use super::memo::Performed;
use super::symmetry::{Namer, hash};
use super::system::{Move, PACKAGE, System, core_move};
use super::table::{SHARDS, Shard, shard_of};
use super::workload::{DROP, EVICT, Evictions, FAR, LOAD, Limits, Model, RECALL, STORE};
use super::world::World;
use crate::coverage::{CacheEventKind, Coverage};
use crate::mutant::Faults;
use crate::state::{CacheState, DirState};

/// Moves of cores count from here on; below are places of messages.
pub(crate) const CORE: u16 = 256;

/// Worlds that a thread remembers by their words: a power of two, small enough for its cache.
const LATELY: usize = 1 << 14;

/// Worlds to be expanded, with their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Level {
    /// Where each world's words end.
    pub(crate) ends: Vec<usize>,
    pub(crate) ids: Vec<u32>,
    pub(crate) words: Vec<u32>,
}

impl Level {
    pub(crate) fn push(&mut self, id: u32, words: &[u32]) {
        self.words.extend_from_slice(words);
        self.ends.push(self.words.len());
        self.ids.push(id);
    }

    pub(crate) fn append(&mut self, other: &mut Self) {
        let base = self.words.len();
        self.words.append(&mut other.words);
        self.ids.append(&mut other.ids);
        self.ends.extend(other.ends.drain(..).map(|e| e + base));
    }

    pub(crate) fn world(&self, at: usize) -> World {
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        World::from_words(&self.words[from..self.ends[at]])
    }

    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * 4 + self.ids.capacity() * 4 + self.ends.capacity() * 8
    }
}

/// A world that a piece came to and that was not seen before the round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    /// Fingerprint, parent, move and number of words of each.
    pub(crate) heads: Vec<(u64, u32, u16, u8)>,
    pub(crate) words: Vec<u32>,
}

/// A fault where it was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) fault: Fault,
    /// The world.
    pub(crate) id: u32,
    /// The move out of it that breaks the promise; none if the world itself does.
    pub(crate) by: Option<u16>,
}

/// What came of a piece.
#[derive(Clone, Debug, Default)]
pub(crate) struct Piece {
    pub(crate) shards: [Candidates; SHARDS],
    pub(crate) transitions: u64,
    pub(crate) found: Option<Found>,
    /// From, and the fingerprint of to: deliveries, if the drain is measured.
    pub(crate) edges: Vec<(u32, u64)>,
}

/// One thread's tools.
#[derive(Debug)]
pub(crate) struct Worker<F: Faults> {
    pub(crate) system: System<F>,
    pub(crate) namer: Namer,
    moves: Vec<Move>,
    groups: Vec<Group>,
    /// `[cell]`: 0, or 1 and how often since every move on this cell was known to wait.
    waits: Vec<u64>,
    drain: bool,
    /// Whether shared copies are given up without telling, always.
    silent: bool,
    /// Whether homes recall lines only to make room.
    only_for_room: bool,
    /// Where a move leads; reused.
    next: World,
    /// Where the moves out of one world lead, and whether that was seen; reused.
    reached: Candidates,
    seen: Vec<bool>,
    /// `[hash modulo size]`: worlds that moves led to lately, by the hash of their words as they are, and
    /// their fingerprints. Acts that do not touch each other lead to the same world in either order.
    lately: Vec<(u64, u64)>,
}

/// Moves that stand together: those of one core on one line, with the place of its cell, or one of home.
#[derive(Clone, Copy, Debug)]
struct Group {
    cell: Option<usize>,
    from: usize,
    until: usize,
}

fn groups(moves: &[Move], shape: &Shape) -> Vec<Group> {
    let cell_of = |go: &Move| match go {
        Move::Core(event) if !matches!(event >> 16 & 7, RECALL | PACKAGE) => {
            Some(shape.cell_at(event & 7, event >> 4 & 3))
        }
        _ => None,
    };
    let mut groups: Vec<Group> = Vec::new();
    for (at, go) in moves.iter().enumerate() {
        let cell = cell_of(go);
        match groups.last_mut().filter(|g| cell.is_some() && g.cell == cell) {
            Some(group) => group.until = at + 1,
            None => groups.push(Group { cell, from: at, until: at + 1 }),
        }
    }
    groups
}

impl<F: Faults> Worker<F> {
    pub(crate) fn new(model: &Model<F>, limits: &Limits) -> Self {
        let moves = model.core_moves();
        Self {
            groups: groups(&moves, &model.shape),
            waits: vec![0; 1 << code::cell::BITS],
            system: System::new(model.cfg, model.shape),
            namer: model.namer(),
            moves,
            drain: limits.drain,
            only_for_room: !model.workload.recalls,
            silent: model.workload.evictions == Evictions::Silent,
            next: World::from_words(&[]),
            reached: Candidates::default(),
            seen: Vec::new(),
            lately: vec![(0, 0); LATELY],
        }
    }

    /// Expands the worlds `range` of a level, up to the first that breaks a promise.
    pub(crate) fn expand(
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
        if !moved && !self.system.is_quiescent(world) && !self.makes_room(world).map_err(here)? {
            return Err(here(Fault::new(
                FaultKind::Deadlock,
                "something is under way and nothing can move",
            )));
        }
        for n in 0..self.groups.len() {
            self.follow_group(world, id, n, piece)?;
        }
        Ok(())
    }

    /// Whether a request waits for an entry of a directory, and home can recall a line for it.
    fn makes_room(&mut self, world: &World) -> Result<bool, Fault> {
        let lines = self.system.shape().directory_lines.map_or(0, |_| self.system.shape().lines);
        for line in 0..lines {
            let recall = core_move(RECALL, 0, line, 0);
            if self.system.wanted_for_room(world, line)
                && self.system.go(world, recall, &mut self.next)?.is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes the moves of one core on one line, or of a home. Where the line's cell is known to let every
    /// move wait, they are only counted.
    #[inline]
    fn follow_group(
        &mut self,
        world: &World,
        id: u32,
        group: usize,
        piece: &mut Piece,
    ) -> Result<(), Found> {
        let Group { cell, from, until } = self.groups[group];
        let busy = |word: &u32| !code::cell_state(*word).is_stable();
        let busy = cell.map(|at| world.words()[at]).filter(busy).map(|word| word as usize);
        if let Some(word) = busy
            && self.waits[word] > 0
        {
            self.waits[word] += 1;
            return Ok(());
        }
        let mut moved = false;
        for n in from..until {
            let go = self.moves[n];
            if self.makes_sense(world, go) {
                let by = CORE + u16::try_from(n).unwrap_or(0);
                moved |= self.follow(world, (id, by), go, piece)?;
            }
        }
        if let Some(word) = busy.filter(|_| !moved && self.system.shape().networks.is_none()) {
            self.waits[word] = 1;
        }
        Ok(())
    }

    /// The rows taken, those of moves that were only counted included.
    pub(crate) fn coverage(&self) -> Coverage {
        let mut coverage = self.system.coverage();
        let Some(group) = self.groups.iter().find(|g| g.cell.is_some()) else { return coverage };
        for (word, times) in (0..).zip(&self.waits).filter(|(_, n)| **n > 1) {
            for go in &self.moves[group.from..group.until] {
                let Move::Core(event) = go else { continue };
                let kind = match event >> 16 & 7 {
                    LOAD => CacheEventKind::Load,
                    STORE => CacheEventKind::Store,
                    FAR => CacheEventKind::Far,
                    EVICT => CacheEventKind::Evict,
                    // Nobody drops a line that is busy.
                    _ => continue,
                };
                coverage.cache_times(code::cell_state(word), kind, times - 1);
            }
        }
        coverage
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
            RECALL if self.only_for_room => self.system.wanted_for_room(world, line),
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
            // A package's table lets wait what makes no sense.
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
        let words = next.words();
        let as_is = hash(words);
        #[expect(clippy::cast_possible_truncation, reason = "masked to the table's size")]
        let slot = &mut self.lately[as_is as usize & (LATELY - 1)];
        if slot.0 == as_is {
            // It is among the candidates of this piece or of one before it, or was taken in.
            if self.drain && by < CORE {
                piece.edges.push((id, slot.1));
            }
            return Ok(true);
        }
        let fingerprint = self.namer.fingerprint(next);
        *slot = (as_is, fingerprint);
        self.reached.heads.push((fingerprint, id, by, u8::try_from(words.len()).unwrap_or(0)));
        self.reached.words.extend_from_slice(words);
        Ok(true)
    }
}
