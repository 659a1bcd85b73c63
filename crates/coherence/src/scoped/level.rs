//! A level of scoped caching: a node's cache, or its slice of the package's.
//!
//! ```text
//!   asks ──▶ +-------+ ──▶ messages (to the unit above), answers (to caches below)
//!            | Level | ──▶ completions (of threads)
//!   answers▶ +-------+ ◀── releases, acquires
//! ```
//!
//! No time passes inside. What cannot be served waits at its line, in order; what started a request is
//! the first to be served by its answer. A release names the lines that are dirty or being written
//! through when it comes, and is done when what was dirty then is acknowledged, whatever is written
//! after. Write-throughs of releases go out by [`pump`](Level::pump), so that the driver gives the pace.

mod serve;
mod waits;

use core::hash::{Hash, Hasher};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base::{Line, NodeIdx, Scope};

use super::line::{Parts, ScopedLine, ScopedState};
use super::message::{ScopedKind, ScopedMessage, Unit};
use super::outbox::ScopedOutbox;
use super::places::{Geometry, Places};
use super::rows::ScopedRows;
use super::table::{ScopedEffect, ScopedEvent, Upward};
use super::{ScopedConfig, ScopedFaults, ScopedMutant};
use crate::outbox::Cause;
use serve::tell;

pub(super) use serve::answer;

/// What is asked of a level, on one line.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
pub enum Ask<V: Parts> {
    /// Reads parts.
    Load {
        /// Which.
        mask: u64,
    },
    /// Writes parts.
    Store(V::Write),
    /// Reads parts at the point of coherence of a scope.
    Acquire {
        /// Which.
        mask: u64,
        /// The scope.
        scope: Scope,
    },
    /// Writes parts, up to the point of coherence of a scope.
    Release {
        /// What.
        write: V::Write,
        /// The scope.
        scope: Scope,
    },
    /// Reads and writes a word at the point of coherence of a scope.
    Atomic {
        /// What.
        write: V::Write,
        /// The scope.
        scope: Scope,
    },
    /// Takes in the dirty parts of a cache below, up to the point of coherence of a scope.
    Through {
        /// Which.
        mask: u64,
        /// What they are.
        value: V,
        /// The scope.
        scope: Scope,
    },
}

/// Who asks, and is told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
pub enum Who<V: Parts> {
    /// A thread of this node, by its access.
    Token(u32),
    /// A cache below, by its message.
    Cache(ScopedMessage<V>),
}

/// What became of an ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked<V> {
    /// It was done at once.
    Done(ScopedEffect<V>),
    /// Who asked will be told.
    Pending,
    /// Nothing happened: too many requests are under way. Ask again when an answer has come.
    Retry,
}

/// A release under way at a level: its node, and its number there.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct SyncId(pub NodeIdx, pub u32);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound(serialize = "T: serde::Serialize", deserialize = "T: serde::de::DeserializeOwned"))]
struct Waiting<V: Parts, T> {
    ask: Ask<V>,
    who: Who<V>,
    tag: T,
    /// Its write-through is under way.
    sent: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound(serialize = "T: serde::Serialize", deserialize = "T: serde::de::DeserializeOwned"))]
struct Entry<V: Parts, T> {
    line: ScopedLine<V>,
    home: NodeIdx,
    queue: VecDeque<Waiting<V, T>>,
}

/// What a level did since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct LevelCounts {
    /// Loads served at once.
    pub hits: u64,
    /// Lines fetched.
    pub fills: u64,
    /// Clean lines that acquires dropped, or of which they dropped the clean parts.
    pub self_invalidations: u64,
    /// Write-throughs sent.
    pub throughs: u64,
    /// Parts that they carried.
    pub through_parts: u64,
    /// Clean lines evicted for want of room.
    pub evictions: u64,
}

/// A cache or slice. Two hash alike if they will do the same: counts and rows are left out.
#[derive(Clone, Debug)]
pub struct Level<V: Parts, T, F: ScopedFaults> {
    cfg: ScopedConfig<F>,
    me: NodeIdx,
    unit: Unit,
    lines: BTreeMap<Line, Entry<V, T>>,
    /// Lines with dirty parts, or with a write-through under way.
    written: BTreeSet<Line>,
    /// Lines with a request under way.
    busy: u32,
    mshrs: u32,
    places: Option<Places>,
    /// Lines that a release wants written through as soon as they can be.
    wanted: BTreeSet<Line>,
    /// Releases, and how many acknowledgements each still awaits of which line.
    syncs: BTreeMap<SyncId, BTreeMap<Line, u8>>,
    counts: LevelCounts,
    rows: ScopedRows,
    broken: Option<String>,
}

base::state!([V: Parts, T: serde::Serialize + serde::de::DeserializeOwned, F: ScopedFaults] Level<V, T, F> {
    keeps lines, written, busy, wanted, syncs, counts, rows, broken;
    each places;
    fixed cfg, me, unit, mshrs
});

impl<V: Parts, T: Copy, F: ScopedFaults> Level<V, T, F> {
    /// An empty level of node `me`. Without a geometry nothing bounds it, and nothing is evicted but by
    /// [`evict`](Self::evict).
    pub fn new(cfg: ScopedConfig<F>, me: NodeIdx, unit: Unit, shape: Option<Geometry>) -> Self {
        Self {
            cfg,
            me,
            unit,
            lines: BTreeMap::new(),
            written: BTreeSet::new(),
            busy: 0,
            mshrs: shape.filter(|_| unit == Unit::Cache).map_or(u32::MAX, |s| s.mshrs),
            places: shape.map(Places::new),
            wanted: BTreeSet::new(),
            syncs: BTreeMap::new(),
            counts: LevelCounts::default(),
            rows: ScopedRows::default(),
            broken: None,
        }
    }

    /// What it did.
    pub const fn counts(&self) -> LevelCounts {
        self.counts
    }

    /// The rows of the table that it took.
    pub const fn rows(&self) -> ScopedRows {
        self.rows
    }

    /// What the protocol does not foresee and happened all the same: a broken invariant.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Whether no request, release or ask is under way.
    pub fn is_idle(&self) -> bool {
        self.busy == 0 && self.syncs.is_empty() && self.lines.values().all(|e| e.queue.is_empty())
    }

    /// Lines whose bytes are not all where they have to go.
    pub fn written(&self) -> impl Iterator<Item = Line> + '_ {
        self.written.iter().copied()
    }

    /// The line here, if it is known.
    pub fn look_up(&self, line: Line) -> Option<&ScopedLine<V>> {
        self.lines.get(&line).map(|e| &e.line)
    }

    /// Every line that is known here, with the number of asks that wait for it.
    pub fn lines(&self) -> impl Iterator<Item = (Line, &ScopedLine<V>, usize)> {
        self.lines.iter().map(|(line, e)| (*line, &e.line, e.queue.len()))
    }

    /// Takes an ask.
    pub fn ask(
        &mut self,
        (line, home): (Line, NodeIdx),
        (ask, who): (Ask<V>, Who<V>),
        tag: T,
        out: &mut ScopedOutbox<V, T>,
    ) -> Asked<V> {
        let empty = || Entry { line: ScopedLine::default(), home, queue: VecDeque::new() };
        let entry = self.lines.entry(line).or_insert_with(empty);
        // A store on its way up is performed here: what comes behind it need not wait for the answer.
        let first = entry.queue.iter().all(|w| w.sent);
        let mut waiting = Waiting { ask, who, tag, sent: false };
        let mut served = None;
        if first {
            let before = entry.line;
            if self.busy >= self.mshrs && self.starts(&before, &ask) {
                self.settle(line);
                return Asked::Retry;
            }
            served = self.serve(line, &mut waiting, Cause::Direct, out);
        }
        let asked = served.map_or(Asked::Pending, Asked::Done);
        if let Asked::Done(effect) = &asked {
            self.counts.hits += u64::from(matches!(effect, ScopedEffect::Load(_)));
        } else if let Some(entry) = self.lines.get_mut(&line) {
            entry.queue.push_back(waiting);
        }
        self.make_room(line, tag, out);
        self.settle(line);
        asked
    }

    /// Takes an answer of the unit above.
    pub fn receive(
        &mut self,
        line: Line,
        msg: &ScopedMessage<V>,
        tag: T,
        out: &mut ScopedOutbox<V, T>,
    ) {
        if self.cfg.has(ScopedMutant::ReadPassesWrite) && !self.lines.contains_key(&line) {
            return self.acknowledged(line);
        }
        let value = msg.data.unwrap_or_default();
        let head = self.lines.get(&line).and_then(|e| e.queue.front().copied());
        let event = match (msg.kind, head.map(|h| h.ask)) {
            (ScopedKind::Data, Some(Ask::Atomic { write, .. })) => {
                ScopedEvent::Data { value, atomic: Some(write) }
            }
            (ScopedKind::Data, _) => ScopedEvent::Data { value, atomic: None },
            (ScopedKind::Ack, _) => ScopedEvent::Ack,
            _ => ScopedEvent::Resp { value },
        };
        let Some((_, effect)) = self.step(line, &event) else {
            let what = format!("{msg} finds nothing of {line} waiting");
            self.broken.get_or_insert(what);
            return;
        };
        if msg.kind == ScopedKind::Ack {
            self.acknowledged(line);
        }
        let served = msg.kind != ScopedKind::Ack || head.is_some_and(|h| h.sent);
        if let (Some(head), true) = (head, served) {
            let effect = match (effect, head.ask) {
                (ScopedEffect::Load(old), Ask::Atomic { write, .. }) => {
                    ScopedEffect::Atomic { old, new: old.written(&write) }
                }
                (ScopedEffect::None, _) => ScopedEffect::Stored,
                (effect, _) => effect,
            };
            if let Some(entry) = self.lines.get_mut(&line) {
                entry.queue.pop_front();
            }
            let elsewhere =
                msg.kind == ScopedKind::Resp && matches!(effect, ScopedEffect::Atomic { .. });
            if !head.sent && !elsewhere {
                self.performed(line, &head, &effect, out);
            }
            tell(line, &head, &effect, (Some(tag), Cause::Direct), out);
        }
        self.go_on(line, out);
        self.make_room(line, tag, out);
        self.settle(line);
    }

    /// Begins a release: `true` if there was nothing to wait for.
    pub fn release(&mut self, id: SyncId) -> bool {
        let mut left = BTreeMap::new();
        for line in &self.written {
            let Some(entry) = self.lines.get(line) else { continue };
            let (flies, dirty) = (entry.line.state.writes(), entry.line.dirty != 0);
            if dirty {
                self.wanted.insert(*line);
            }
            let forgets = self.cfg.has(ScopedMutant::ReleaseForgetsPosted);
            let one = self.cfg.has(ScopedMutant::ReleaseCountsOneAck);
            let flies = flies && !forgets && !(one && dirty);
            let acks = u8::from(flies) + u8::from(dirty);
            if acks > 0 {
                left.insert(*line, acks);
            }
        }
        if left.is_empty() || self.cfg.has(ScopedMutant::ReleaseDoesNotWait) {
            return true;
        }
        self.syncs.insert(id, left);
        false
    }

    /// Drops what is clean.
    pub fn acquire(&mut self) {
        let lines: Vec<Line> = self.lines.keys().copied().collect();
        for line in lines {
            let before = self.lines[&line].line;
            if before.valid & !before.dirty != 0 {
                self.counts.self_invalidations += 1;
            }
            self.step(line, &ScopedEvent::Drop);
            self.settle(line);
        }
    }

    /// Sends up to `most` write-throughs that releases want. `true` if more can go at once.
    pub fn pump(&mut self, most: usize, tag: T, out: &mut ScopedOutbox<V, T>) -> bool {
        let mut sent = 0;
        let wanted: Vec<Line> = self.wanted.iter().copied().collect();
        for line in wanted {
            let state = self.lines.get(&line).map_or(ScopedState::I, |e| e.line.state);
            match state {
                ScopedState::D if sent == most || self.busy >= self.mshrs => {
                    return self.busy < self.mshrs;
                }
                ScopedState::D => {
                    self.flush(line, Scope::Package, tag, out);
                    sent += 1;
                }
                ScopedState::I | ScopedState::V => {}
                _ => continue,
            }
            self.wanted.remove(&line);
        }
        false
    }

    /// Whether [`pump`](Self::pump) would send something.
    pub fn has_to_pump(&self) -> bool {
        let dirty =
            |line: &Line| self.lines.get(line).is_some_and(|e| e.line.state == ScopedState::D);
        self.busy < self.mshrs && self.wanted.iter().any(dirty)
    }

    /// Evicts a line, if it can be.
    pub fn evict(&mut self, line: Line, tag: T, out: &mut ScopedOutbox<V, T>) -> bool {
        let Some(entry) = self.lines.get(&line) else { return false };
        if !entry.queue.is_empty() || !entry.line.state.is_stable() || entry.line.valid == 0 {
            return false;
        }
        let clean = entry.line.dirty == 0;
        self.counts.evictions += u64::from(clean);
        if let Some((Upward::Through(mask), _)) = self.step(line, &ScopedEvent::Evict) {
            self.send_through(line, mask, (Scope::Package, tag, Cause::Direct), out);
        }
        if self.cfg.has(ScopedMutant::EvictionDropsDirty) {
            // The release has nothing to wait for.
            for left in self.syncs.values_mut() {
                left.remove(&line);
            }
        }
        self.settle(line);
        true
    }
}

impl<V: Parts, T: Hash, F: ScopedFaults> Hash for Level<V, T, F> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.lines, &self.wanted, &self.syncs, &self.places).hash(state);
    }
}
