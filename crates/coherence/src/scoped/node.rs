//! The scoped cache, the slice and the home of a node, and the acquires and releases of its threads.
//!
//! | | release | acquire |
//! |---|---|---|
//! | package scope | the cache writes through and waits | the cache drops what is clean |
//! | supernode scope | then each slice of the package does | each slice of the package does, then the cache |
//!
//! Where a package is one node there are no slices, and at package scope nothing is to be done: the
//! node's cache is its point of coherence.

use std::collections::BTreeMap;

use base::{Line, NodeIdx, Scope};

use super::level::{Ask, Asked, Level, SyncId, Who};
use super::line::Parts;
use super::message::{ScopedKind, ScopedMessage, Unit};
use super::outbox::{ScopedOut, ScopedOutbox, Trail};
use super::places::Geometry;
use super::table::ScopedEffect;
use super::{ScopedConfig, ScopedFaults, ScopedMutant};
use crate::outbox::Cause;

/// What a thread asks of its node's cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScopedRequest<V: Parts, T> {
    /// The line.
    pub line: Line,
    /// The line's home.
    pub home: NodeIdx,
    /// What to do.
    pub ask: Ask<V>,
    /// Names the access in its completion.
    pub token: u32,
    /// The access's tag.
    pub tag: T,
}

/// An acquire, a release, or a release and then an acquire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Sync {
    /// Everything written before goes to the point of coherence.
    pub release: bool,
    /// What is read behind it is no older than what the point of coherence has.
    pub acquire: bool,
    /// How far.
    pub scope: Scope,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
enum Stage {
    ReleaseCache,
    ReleaseSlices,
    AcquireSlices,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
struct Op<T> {
    sync: Sync,
    stage: Stage,
    /// Slices that have not answered.
    left: u32,
    tag: T,
}

/// One node's part in scoped memory.
#[derive(Clone, Debug)]
pub struct ScopedNode<V: Parts, T, F: ScopedFaults> {
    cfg: ScopedConfig<F>,
    me: NodeIdx,
    /// The node's cache.
    pub cache: Level<V, T, F>,
    /// Its slice of the package's cache.
    pub slice: Level<V, T, F>,
    memory: BTreeMap<Line, V>,
    initial: fn(Line) -> V,
    ops: BTreeMap<u32, Op<T>>,
}

base::state!([V: Parts, T: serde::Serialize + serde::de::DeserializeOwned, F: ScopedFaults] ScopedNode<V, T, F> {
    keeps cache, slice, memory, ops;
    each;
    fixed cfg, me, initial
});

impl<V: Parts, T: Copy, F: ScopedFaults> ScopedNode<V, T, F> {
    /// A node with nothing cached; memory starts as `initial` says. Cache and slice have the same
    /// geometry; without one nothing bounds them.
    ///
    /// # Panics
    /// If packages have no node, or the geometry is outside its bounds.
    pub fn new(
        cfg: ScopedConfig<F>,
        me: NodeIdx,
        shape: Option<Geometry>,
        initial: fn(Line) -> V,
    ) -> Self {
        assert!(cfg.package_nodes > 0, "a package has a node at least");
        let level = |unit| Level::new(cfg, me, unit, shape);
        let (cache, slice) = (level(Unit::Cache), level(Unit::Slice));
        Self { cfg, me, cache, slice, memory: BTreeMap::new(), initial, ops: BTreeMap::new() }
    }

    /// The node's number.
    pub const fn node(&self) -> NodeIdx {
        self.me
    }

    /// Takes an access of a thread.
    pub fn access(
        &mut self,
        request: &ScopedRequest<V, T>,
        out: &mut ScopedOutbox<V, T>,
    ) -> Asked<V> {
        let who = Who::Token(request.token);
        let asked =
            self.cache.ask((request.line, request.home), (request.ask, who), request.tag, out);
        self.poll(request.tag, out);
        asked
    }

    /// Begins an acquire or a release of a thread; `number` will be among
    /// [`synced`](ScopedOutbox::synced) when it is done, perhaps at once.
    ///
    /// # Panics
    /// If one of this number is under way.
    pub fn sync(&mut self, number: u32, sync: Sync, tag: T, out: &mut ScopedOutbox<V, T>) {
        let op = Op { sync, stage: Stage::ReleaseCache, left: 0, tag };
        let known = self.ops.insert(number, op);
        assert!(known.is_none(), "{}: scope operation {number} is under way already", self.me);
        let here = sync.scope == Scope::Package && !self.cfg.has_slices();
        if here || !sync.release || self.cache.release(SyncId(self.me, number)) {
            self.release_slices(number, out);
        }
        self.poll(tag, out);
    }

    /// Takes a message. `home` is that of its line.
    pub fn receive(
        &mut self,
        (line, home): (Line, NodeIdx),
        msg: &ScopedMessage<V>,
        tag: T,
        out: &mut ScopedOutbox<V, T>,
    ) {
        match (msg.to, msg.kind) {
            (Unit::Cache, ScopedKind::Done) => self.slice_done(msg.number, out),
            (Unit::Cache, _) => self.cache.receive(line, msg, tag, out),
            (Unit::Slice, ScopedKind::Release) => {
                if self.slice.release(SyncId(msg.src, msg.number)) {
                    self.tell_done(msg.src, msg.number, tag, out);
                }
            }
            (Unit::Slice, ScopedKind::Acquire) => {
                self.slice.acquire();
                self.tell_done(msg.src, msg.number, tag, out);
            }
            (Unit::Slice, kind) if kind.answers() => self.slice.receive(line, msg, tag, out),
            (Unit::Slice, _) => self.below((line, home), msg, tag, out),
            (Unit::Home, _) => self.at_home(line, msg, tag, out),
        }
        self.poll(tag, out);
    }

    /// Sends up to `most` write-throughs that releases wait for, of the cache and of the slice each.
    /// `true` if more could go.
    pub fn pump(&mut self, most: usize, tag: T, out: &mut ScopedOutbox<V, T>) -> bool {
        let cache = self.cache.pump(most, tag, out);
        self.slice.pump(most, tag, out) || cache
    }

    /// Whether [`pump`](Self::pump) would send something.
    pub fn has_to_pump(&self) -> bool {
        self.cache.has_to_pump() || self.slice.has_to_pump()
    }

    /// Whether nothing is under way here.
    pub fn is_idle(&self) -> bool {
        self.cache.is_idle() && self.slice.is_idle() && self.ops.is_empty()
    }

    /// What waits in cache and slice, and acquires and releases that wait for slices: in words.
    pub fn waits(&self) -> Vec<String> {
        let mut told = self.cache.waits();
        told.extend(self.slice.waits());
        for (number, op) in self.ops.iter().filter(|(_, op)| op.left > 0) {
            let what = match op.stage {
                Stage::ReleaseCache | Stage::ReleaseSlices => "release",
                Stage::AcquireSlices => "acquire",
            };
            let (me, left) = (self.me, op.left);
            told.push(format!("{me}: {what} {number} waits for {left} slices of its package"));
        }
        told
    }

    /// What the protocol does not foresee and happened all the same: a broken invariant.
    pub fn broken(&self) -> Option<&str> {
        self.cache.broken().or_else(|| self.slice.broken())
    }

    /// What memory holds of a line whose home this is.
    pub fn memory(&self, line: Line) -> V {
        self.memory.get(&line).copied().unwrap_or_else(|| (self.initial)(line))
    }

    /// Lines whose home this is and that were written.
    pub fn memory_lines(&self) -> impl Iterator<Item = (Line, V)> + '_ {
        self.memory.iter().map(|(line, value)| (*line, *value))
    }

    /// A request of a cache below at the slice.
    fn below(
        &mut self,
        at: (Line, NodeIdx),
        msg: &ScopedMessage<V>,
        tag: T,
        out: &mut ScopedOutbox<V, T>,
    ) {
        let ask = match (msg.kind, msg.write, msg.data) {
            (ScopedKind::Far, Some(write), _) => Ask::Atomic { write, scope: msg.scope },
            (ScopedKind::ReadAt, ..) => Ask::Acquire { mask: msg.mask, scope: msg.scope },
            (ScopedKind::Through, _, Some(value)) => {
                Ask::Through { mask: msg.mask, value, scope: msg.scope }
            }
            _ => Ask::Load { mask: V::ALL },
        };
        if let Asked::Done(effect) = self.slice.ask(at, (ask, Who::Cache(*msg)), tag, out) {
            let (line, cause) = (at.0, Cause::Direct);
            let msg = super::level::answer(msg, &effect);
            out.messages.push(ScopedOut { line, msg, tag, cause, from_memory: false });
        }
    }

    /// A request at home: performed on memory.
    fn at_home(
        &mut self,
        line: Line,
        msg: &ScopedMessage<V>,
        tag: T,
        out: &mut ScopedOutbox<V, T>,
    ) {
        let (old, at) = (self.memory(line), (Unit::Home, self.me));
        let mut effect = ScopedEffect::Load(old);
        if let (ScopedKind::Through, Some(value)) = (msg.kind, &msg.data) {
            let after = old.with(msg.mask, value);
            effect = ScopedEffect::Stored;
            self.memory.insert(line, after);
            out.trail.push(Trail::Merged { from: (msg.from, msg.src), at, line, after });
        } else if let Some(write) = &msg.write {
            let new = old.written(write);
            effect = ScopedEffect::Atomic { old, new };
            self.memory.insert(line, new);
            let (node, token, mask) = (msg.requester, msg.number, V::of(write));
            out.trail.push(Trail::Performed { node, token, line, at, mask, effect, after: new });
        }
        if effect != ScopedEffect::Load(old) {
            out.memory_writes.push(line);
        }
        let from_memory = effect != ScopedEffect::Stored;
        let msg = super::level::answer(msg, &effect);
        out.messages.push(ScopedOut { line, msg, tag, cause: Cause::Direct, from_memory });
    }

    /// The cache has released: the slices' turn, if they have one.
    fn release_slices(&mut self, number: u32, out: &mut ScopedOutbox<V, T>) {
        let Some(op) = self.ops.get(&number) else { return };
        let sync = op.sync;
        let skips = self.cfg.has(ScopedMutant::ReleaseSkipsSlices);
        if sync.release && sync.scope == Scope::Supernode && self.cfg.has_slices() && !skips {
            self.ask_slices(number, Stage::ReleaseSlices, out);
        } else {
            self.acquire_slices(number, out);
        }
    }

    fn acquire_slices(&mut self, number: u32, out: &mut ScopedOutbox<V, T>) {
        let Some(op) = self.ops.get(&number) else { return };
        let sync = op.sync;
        let skips = self.cfg.has(ScopedMutant::AcquireSkipsSlices);
        if sync.acquire && sync.scope == Scope::Supernode && self.cfg.has_slices() && !skips {
            self.ask_slices(number, Stage::AcquireSlices, out);
        } else {
            self.finish(number, out);
        }
    }

    fn finish(&mut self, number: u32, out: &mut ScopedOutbox<V, T>) {
        let Some(op) = self.ops.remove(&number) else { return };
        let here = op.sync.scope == Scope::Package && !self.cfg.has_slices();
        if op.sync.acquire && !here && !self.cfg.has(ScopedMutant::AcquireKeepsCopies) {
            self.cache.acquire();
        }
        out.synced.push(number);
    }

    fn ask_slices(&mut self, number: u32, stage: Stage, out: &mut ScopedOutbox<V, T>) {
        let Some(op) = self.ops.get_mut(&number) else { return };
        (op.stage, op.left) = (stage, self.cfg.package_nodes);
        let kind = match stage {
            Stage::AcquireSlices => ScopedKind::Acquire,
            _ => ScopedKind::Release,
        };
        for mate in self.cfg.mates(self.me) {
            let mut msg = ScopedMessage::new(kind, (self.me, Unit::Cache), (mate, Unit::Slice));
            msg.number = number;
            let (line, tag, cause) = (Line(0), op.tag, Cause::Direct);
            out.messages.push(ScopedOut { line, msg, tag, cause, from_memory: false });
        }
    }

    fn slice_done(&mut self, number: u32, out: &mut ScopedOutbox<V, T>) {
        let Some(op) = self.ops.get_mut(&number) else { return };
        op.left -= 1;
        match (op.left, op.stage) {
            (0, Stage::ReleaseSlices) => self.acquire_slices(number, out),
            (0, _) => self.finish(number, out),
            _ => {}
        }
    }

    fn tell_done(&self, to: NodeIdx, number: u32, tag: T, out: &mut ScopedOutbox<V, T>) {
        let mut msg =
            ScopedMessage::new(ScopedKind::Done, (self.me, Unit::Slice), (to, Unit::Cache));
        msg.number = number;
        let (line, cause) = (Line(0), Cause::Direct);
        out.messages.push(ScopedOut { line, msg, tag, cause, from_memory: false });
    }

    /// Takes up releases that have nothing left to wait for.
    fn poll(&mut self, tag: T, out: &mut ScopedOutbox<V, T>) {
        while let Some(SyncId(_, number)) = self.cache.released() {
            self.release_slices(number, out);
        }
        while let Some(SyncId(to, number)) = self.slice.released() {
            self.tell_done(to, number, tag, out);
        }
    }
}

impl<V: Parts, T: core::hash::Hash, F: ScopedFaults> core::hash::Hash for ScopedNode<V, T, F> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (&self.cache, &self.slice, &self.memory, &self.ops).hash(state);
    }
}
