//! A cache: the array, its MSHRs, and the cache table between them.
//!
//! ```text
//!            access ---->  +-----------+  ----> messages (to homes, to other caches)
//!   (hit: at once)  <----  | CacheCtrl |  ----> completions
//!   messages (receive) ->  +-----------+  ----> state changes
//! ```
//!
//! No time passes inside. On a miss the way is chosen and its victim put out at once; the way stays
//! reserved until the transaction is over. Accesses to a line with a transaction under way queue
//! behind it in program order; when it completes they are performed in order, and where one needs
//! more than the line now offers (a store that finds only S) the line goes on with another request.
//! A far atomic on a line that is not here reserves no way, so only far atomics may queue behind it.

use base::{Line, NodeIdx};

use crate::array::{Array, CacheGeometry, Held};
use crate::cache_table::{CacheEvent, cache_step};
use crate::config::{Atomics, Config, SharedEviction};
use crate::describe::PendingLine;
use crate::message::{Message, MsgKind};
use crate::mshr::{Mshrs, TARGETS_MAX, Target};
use crate::mutant::{Faults, Sound};
use crate::outbox::{Cause, Completion, Outbox, Outgoing};
use crate::state::{CacheLine, CacheState, Effect, Sends, Step};
use crate::value::Value;

/// What an agent asks of its cache, on one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
pub enum Access<V: Value> {
    /// Reads.
    Load,
    /// Writes.
    Store(V::Write),
    /// Reads and writes at once, here or at home as [`Config::atomics`] says.
    Atomic(V::Write),
}

/// An access with what belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<V: Value, T> {
    /// The line.
    pub line: Line,
    /// The line's home.
    pub home: NodeIdx,
    /// What to do.
    pub access: Access<V>,
    /// Names the access in its completion.
    pub token: u32,
    /// The access's tag.
    pub tag: T,
}

/// What became of an access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome<V> {
    /// It was performed.
    Hit(Effect<V>),
    /// A completion with its token will follow.
    Pending,
    /// Nothing happened; ask again after the cache has received a message.
    Retry(RetryReason),
}

/// Why an access was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RetryReason {
    /// No MSHR is free, or not enough for the miss and its victim.
    MshrsBusy,
    /// Every way of the set waits for its line.
    SetBusy,
    /// Too many accesses wait for the line already.
    TargetsFull,
    /// The line is on its way out.
    Leaving,
    /// A far atomic on the line is under way and has no way to leave it in.
    FarPending,
}

/// What a cache was asked by others, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct CacheCounts {
    /// Invalidations that it was sent.
    pub invalidations: u64,
    /// Those that found no copy to take: home's list named too many, or the copy had been dropped
    /// silently or for a far atomic. A copy that is being put back counts as one.
    pub extra_invalidations: u64,
    /// Lines that it sent to another cache.
    pub transfers: u64,
}

/// One node's cache.
#[derive(Clone, Debug)]
pub struct CacheCtrl<V: Value, T, F: Faults = Sound> {
    cfg: Config<F>,
    me: NodeIdx,
    array: Array<V>,
    mshrs: Mshrs<V, T>,
    counts: CacheCounts,
}

base::state!([V: Value, T: serde::Serialize + serde::de::DeserializeOwned, F: Faults] CacheCtrl<V, T, F> {
    keeps array, mshrs, counts;
    each;
    fixed cfg, me
});

impl<V: Value, T: Copy, F: Faults> CacheCtrl<V, T, F> {
    /// An empty cache at node `me`.
    ///
    /// # Panics
    /// If the geometry is outside the bounds that [`CacheGeometry`] states, or `me` is not below
    /// [`NODES_MAX`](crate::NODES_MAX).
    pub fn new(cfg: Config<F>, me: NodeIdx, shape: &CacheGeometry) -> Self {
        assert!(me.0 < crate::NODES_MAX, "{me}: the full map has {} nodes", crate::NODES_MAX);
        let (array, mshrs) = (Array::new(shape), Mshrs::new(shape.mshrs));
        Self { cfg, me, array, mshrs, counts: CacheCounts::default() }
    }

    /// Bytes of the emulator's memory that a cache takes beside itself: while it is empty, and when it is full.
    pub const fn bytes(shape: &CacheGeometry) -> (usize, usize) {
        Array::<V>::bytes(shape.sets as usize, shape.ways as usize)
    }

    /// The node it belongs to.
    pub const fn node(&self) -> NodeIdx {
        self.me
    }

    /// Takes an access: performs it, starts or joins a transaction, or refuses it unchanged.
    pub fn access(&mut self, request: &Request<V, T>, out: &mut Outbox<V, T>) -> Outcome<V> {
        if let Some(at) = self.array.find(request.line) {
            return match self.array.way(at).held {
                Held::Pending(mshr) => self.join(mshr, request),
                Held::Stable(state) => self.access_present(at, state, request, out),
                Held::Nothing => Outcome::Retry(RetryReason::SetBusy),
            };
        }
        match self.mshrs.find(request.line) {
            Some(mshr) => self.join_wayless(mshr, request),
            None => self.miss(request, out),
        }
    }

    /// Takes a message about `line`.
    ///
    /// # Panics
    /// If the protocol does not foresee the message: a broken invariant, not an input error.
    pub fn receive(&mut self, line: Line, msg: &Message<V>, tag: T, out: &mut Outbox<V, T>) {
        let found = self.array.find(line).map(|at| (at, self.array.way(at).held));
        match found {
            Some((_, Held::Pending(mshr))) => self.receive_pending(mshr, msg, tag, out),
            Some((at, Held::Stable(state))) => {
                let (next, sends, _) = self.step(line, &self.array.line(at, state), msg, out);
                self.array.settle(at, line, &next);
                send(line, &sends, tag, Cause::Direct, out);
            }
            _ => {
                if let Some(mshr) = self.mshrs.find(line) {
                    return self.receive_pending(mshr, msg, tag, out);
                }
                let (_, sends, _) = self.step(line, &CacheLine::invalid(msg.src), msg, out);
                send(line, &sends, tag, Cause::Direct, out);
            }
        }
    }

    /// Whether it has neither a miss nor an eviction in flight.
    pub fn is_idle(&self) -> bool {
        self.mshrs.used() == 0
    }

    /// What it was asked by others.
    pub const fn counts(&self) -> CacheCounts {
        self.counts
    }

    /// MSHRs in use.
    pub fn mshrs_used(&self) -> usize {
        self.mshrs.used()
    }

    /// The state of `line` here, and its value if a stable copy is held.
    pub fn look_up(&self, line: Line) -> (CacheState, Option<V>) {
        let at = self.array.find(line);
        if let Some(Held::Stable(state)) = at.map(|at| self.array.way(at).held) {
            return (state, at.and_then(|at| self.array.way(at).value));
        }
        let pending = self.mshrs.find(line);
        (pending.map_or(CacheState::I, |m| self.mshrs.get(m).cache.state), None)
    }

    /// Every stable copy: line, home, state and value, in no particular order that matters.
    pub fn copies(&self) -> impl Iterator<Item = (Line, NodeIdx, CacheState, Option<V>)> {
        self.array.stable().map(|(way, state)| (way.line, way.home, state, way.value))
    }

    /// Who waits for what here.
    pub fn pending(&self) -> impl Iterator<Item = PendingLine> {
        self.mshrs.iter().map(|m| PendingLine {
            node: self.me,
            line: m.line,
            state: m.cache.state,
            home: m.cache.home,
            acks_missing: m.cache.acks,
            tokens: m.targets.iter().map(|t| t.token).collect(),
        })
    }

    fn event(&self, access: &Access<V>) -> CacheEvent<'static, V> {
        match *access {
            Access::Load => CacheEvent::Load,
            Access::Atomic(write) if self.cfg.atomics == Atomics::Far => CacheEvent::Far(write),
            Access::Store(write) | Access::Atomic(write) => CacheEvent::Store(write),
        }
    }

    /// Queues behind the transaction of an MSHR that has a way.
    fn join(&mut self, mshr: u16, request: &Request<V, T>) -> Outcome<V> {
        let targets = &mut self.mshrs.get_mut(mshr).targets;
        if targets.len() >= TARGETS_MAX {
            return Outcome::Retry(RetryReason::TargetsFull);
        }
        targets.push_back(target(request));
        Outcome::Pending
    }

    fn join_wayless(&mut self, mshr: u16, request: &Request<V, T>) -> Outcome<V> {
        let far = matches!(self.event(&request.access), CacheEvent::Far(_));
        match self.mshrs.get(mshr).cache.state {
            CacheState::IaD if far => self.join(mshr, request),
            CacheState::IaD => Outcome::Retry(RetryReason::FarPending),
            _ => Outcome::Retry(RetryReason::Leaving),
        }
    }

    /// An access to a stable line: a hit, or the start of an upgrade or of a far atomic.
    fn access_present(
        &mut self,
        at: usize,
        state: CacheState,
        request: &Request<V, T>,
        out: &mut Outbox<V, T>,
    ) -> Outcome<V> {
        let (line, event) = (request.line, self.event(&request.access));
        let before = self.array.line(at, state);
        let (next, sends, effect) = must(cache_step(self.cfg, self.me, &before, event), || {
            format!("{}: {line} in {state:?} got {event:?}", self.me)
        });
        if !next.state.is_stable() && self.mshrs.available() == 0 {
            return Outcome::Retry(RetryReason::MshrsBusy);
        }
        out.coverage.cache(state, event.kind());
        out.changed(line, state, next.state);
        self.array.touch(at);
        if next.state.is_stable() {
            if next.state != state || !matches!(effect, Effect::Load(_)) {
                self.array.settle(at, line, &next);
            }
            return Outcome::Hit(effect);
        }
        let mshr = self.mshrs.allocate(line, next, Some(at));
        self.array.reserve(at, line, mshr);
        self.mshrs.get_mut(mshr).targets.push_back(target(request));
        send(line, &sends, request.tag, Cause::Direct, out);
        Outcome::Pending
    }

    /// An access to a line that is not here: makes room for it unless it is a far atomic, and
    /// sends its request.
    fn miss(&mut self, request: &Request<V, T>, out: &mut Outbox<V, T>) -> Outcome<V> {
        if self.mshrs.available() == 0 {
            return Outcome::Retry(RetryReason::MshrsBusy);
        }
        let event = self.event(&request.access);
        let way = if matches!(event, CacheEvent::Far(_)) {
            None
        } else {
            match self.make_room(request, out) {
                Ok(at) => Some(at),
                Err(why) => return Outcome::Retry(why),
            }
        };
        let absent = CacheLine::invalid(request.home);
        let mshr = self.mshrs.allocate(request.line, absent, way);
        if let Some(at) = way {
            self.array.reserve(at, request.line, mshr);
            self.array.touch(at);
        }
        self.mshrs.get_mut(mshr).targets.push_back(target(request));
        self.issue(mshr, event, request.tag, Cause::Direct, out);
        Outcome::Pending
    }

    /// An empty way for the request's line; what was there is put out.
    fn make_room(
        &mut self,
        request: &Request<V, T>,
        out: &mut Outbox<V, T>,
    ) -> Result<usize, RetryReason> {
        let at = self.array.place_for(request.line).ok_or(RetryReason::SetBusy)?;
        let Held::Stable(state) = self.array.way(at).held else { return Ok(at) };
        let silent = state == CacheState::S && self.cfg.shared_eviction == SharedEviction::Silent;
        // The miss itself takes one.
        if !silent && self.mshrs.available() < 2 {
            return Err(RetryReason::MshrsBusy);
        }
        let event = if silent { CacheEvent::Drop } else { CacheEvent::Evict };
        let victim = self.array.way(at).line;
        let before = self.array.line(at, state);
        let (next, sends, _) = must(cache_step(self.cfg, self.me, &before, event), || {
            format!("{}: {victim} in {state:?} got {event:?}", self.me)
        });
        out.coverage.cache(state, event.kind());
        out.changed(victim, state, next.state);
        if !next.state.is_stable() {
            self.mshrs.allocate(victim, next, None);
        }
        send(victim, &sends, request.tag, Cause::Direct, out);
        Ok(at)
    }

    /// Does `event` to the stable line of an MSHR; returns its effect, none if the line went into
    /// another transaction.
    fn issue(
        &mut self,
        mshr: u16,
        event: CacheEvent<'_, V>,
        tag: T,
        cause: Cause,
        out: &mut Outbox<V, T>,
    ) -> Effect<V> {
        let (line, before) = (self.mshrs.get(mshr).line, self.mshrs.get(mshr).cache);
        let (next, sends, effect) = must(cache_step(self.cfg, self.me, &before, event), || {
            format!("{}: {line} in {:?} got {event:?}", self.me, before.state)
        });
        out.coverage.cache(before.state, event.kind());
        out.changed(line, before.state, next.state);
        self.mshrs.get_mut(mshr).cache = next;
        send(line, &sends, tag, cause, out);
        effect
    }

    /// The table's answer to `msg`, noted in the outbox.
    fn step(
        &mut self,
        line: Line,
        before: &CacheLine<V>,
        msg: &Message<V>,
        out: &mut Outbox<V, T>,
    ) -> (CacheLine<V>, Sends<V>, Effect<V>) {
        let event = CacheEvent::Message(msg);
        let taken = must(cache_step(self.cfg, self.me, before, event), || {
            format!("{}: {line} in {:?} got {msg}", self.me, before.state)
        });
        if msg.kind == MsgKind::Inv {
            self.counts.invalidations += 1;
            self.counts.extra_invalidations += u64::from(!before.state.may_be_sharer());
        }
        self.counts.transfers += u64::from(taken.1.iter().any(|m| m.kind == MsgKind::Data));
        out.coverage.cache(before.state, event.kind());
        out.changed(line, before.state, taken.0.state);
        taken
    }

    fn receive_pending(&mut self, mshr: u16, msg: &Message<V>, tag: T, out: &mut Outbox<V, T>) {
        let (line, before) = (self.mshrs.get(mshr).line, self.mshrs.get(mshr).cache);
        let (next, sends, effect) = self.step(line, &before, msg, out);
        let entry = self.mshrs.get_mut(mshr);
        entry.cache = next;
        if matches!(msg.kind, MsgKind::Data | MsgKind::DataE | MsgKind::AckCount | MsgKind::FarResp)
        {
            entry.reply_tag = Some(tag);
        }
        if !next.state.is_stable() {
            return send(line, &sends, tag, Cause::Direct, out);
        }
        let gathered = msg.kind == MsgKind::InvAck;
        match entry.reply_tag.filter(|_| gathered) {
            Some(reply) => send(line, &sends, reply, Cause::Gathered, out),
            None => send(line, &sends, tag, Cause::Direct, out),
        }
        let reply_tag = entry.reply_tag.take();
        if effect != Effect::None {
            let first = entry.targets.pop_front();
            out.completions.extend(first.map(|t| Completion {
                token: t.token,
                line,
                effect,
                tag: t.tag,
                reply_tag,
                waited_for_acks: gathered,
            }));
        }
        self.go_on(mshr, out);
    }

    /// After a transaction: performs the accesses that waited, until one needs another.
    fn go_on(&mut self, mshr: u16, out: &mut Outbox<V, T>) {
        while let Some(&next) = self.mshrs.get(mshr).targets.front() {
            let event = self.event(&next.access);
            let effect = self.issue(mshr, event, next.tag, Cause::Unstalled, out);
            let entry = self.mshrs.get_mut(mshr);
            if !entry.cache.state.is_stable() {
                return;
            }
            entry.targets.pop_front();
            out.completions.push(Completion {
                token: next.token,
                line: entry.line,
                effect,
                tag: next.tag,
                reply_tag: None,
                waited_for_acks: false,
            });
        }
        let entry = self.mshrs.get(mshr);
        if let Some(at) = entry.way {
            self.array.settle(at, entry.line, &entry.cache);
        }
        self.mshrs.release(mshr);
    }
}

fn target<V: Value, T: Copy>(request: &Request<V, T>) -> Target<V, T> {
    Target { token: request.token, access: request.access, tag: request.tag }
}

fn send<V: Value, T: Copy>(
    line: Line,
    sends: &[Message<V>],
    tag: T,
    cause: Cause,
    out: &mut Outbox<V, T>,
) {
    let outgoing = |msg: &Message<V>| Outgoing { line, msg: *msg, tag, cause, from_memory: false };
    out.messages.extend(sends.iter().map(outgoing));
}

/// The step of a line that can neither stall nor be illegal here.
fn must<L, V: Value>(step: Step<L, V>, what: impl FnOnce() -> String) -> (L, Sends<V>, Effect<V>) {
    match step {
        Step::Next(line, sends, effect) => (line, sends, effect),
        Step::Stall | Step::Illegal => panic!("protocol broken: {}", what()),
    }
}
