//! A state of the search, and the moves from it.
//!
//! Threads keep the order of the machine's agents under release consistency: plain accesses overlap; an
//! acquire holds up what is behind it until its load is done and what is stale is dropped; a release
//! waits for what is before it, releases, and posts its store.

use core::hash::{Hash, Hasher};
use std::sync::Arc;

use base::rng::mix;
use base::{Line, NodeIdx, Scope};

use super::cells::ModelLine;
use super::flight::ScopedFlight;
use super::{Client, Model, Op, Place};
use crate::scoped::{
    Ask, Asked, ScopedConfig, ScopedEffect, ScopedFault, ScopedMessage, ScopedMutant, ScopedNode,
    ScopedOutbox, ScopedRequest, ScopedRows, Sync, Trail, Unit, Witness,
};

/// The most operations of a thread.
pub(super) const OPS_MAX: usize = 8;

type Node<V> = ScopedNode<V, (), Option<ScopedMutant>>;
type Outbox<V> = ScopedOutbox<V, ()>;

/// What a thread waits for before it goes on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Waits {
    Nothing,
    /// Its release, before the access.
    Release(Op),
    /// The access that it acquires by.
    Access(Scope),
    /// Its acquire; with a fence, the release before it too.
    Acquire(Scope, bool),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Thread {
    /// Operations begun.
    begun: u8,
    waits: Waits,
    /// Accesses under way.
    flying: u8,
}

/// Something that can happen next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// A thread begins its next operation.
    Begin {
        /// Which thread.
        thread: usize,
        /// What.
        op: Op,
    },
    /// A message arrives.
    Deliver(ScopedFlight),
    /// A cache or slice evicts a line.
    Evict {
        /// The node.
        node: NodeIdx,
        /// Cache or slice.
        unit: Unit,
        /// The line.
        line: Line,
    },
}

/// An act, with what it sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    /// What happened.
    pub act: Act,
    /// Messages that it sent.
    pub sent: Vec<ScopedFlight>,
    /// Reads that were performed: node, line, bits of the parts, `[part]` value.
    pub reads: Vec<(NodeIdx, Line, u8, [u8; 2])>,
    /// The value that the operation writes, if it does.
    pub value: Option<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct State<V: ModelLine> {
    threads: Vec<Thread>,
    nodes: Vec<Kept<Node<V>>>,
    net: Vec<(Line, ScopedMessage<V>)>,
    witness: Kept<Witness<V>>,
}

/// A part of a state that most moves leave as it is: shared between states, with its hash.
#[derive(Clone, Debug)]
struct Kept<T> {
    part: Arc<T>,
    hash: Option<(u64, u64)>,
}

impl<T: Clone + Hash> Kept<T> {
    fn new(part: T) -> Self {
        Self { part: Arc::new(part), hash: None }
    }

    fn change(&mut self) -> &mut T {
        self.hash = None;
        Arc::make_mut(&mut self.part)
    }

    fn hash(&mut self) -> (u64, u64) {
        *self.hash.get_or_insert_with(|| {
            let mut twin = Twin::default();
            self.part.hash(&mut twin);
            (twin.0, twin.1)
        })
    }
}

/// Two words of hash at once.
#[derive(Default)]
struct Twin(u64, u64);

impl Hasher for Twin {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            self.write_u64(chunk.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)));
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

fn untouched<V: ModelLine>(_: Line) -> V {
    V::default()
}

impl<V: ModelLine> State<V> {
    pub(super) fn start(model: &Model) -> Self {
        let cfg = ScopedConfig { package_nodes: model.package_nodes, mutant: model.mutant };
        let node = |n| Kept::new(ScopedNode::new(cfg, NodeIdx(n), None, untouched));
        let threads = model.places.len();
        Self {
            threads: vec![Thread { begun: 0, waits: Waits::Nothing, flying: 0 }; threads],
            nodes: (0..model.nodes).map(node).collect(),
            net: Vec::new(),
            witness: Kept::new(Witness::new(model.package_nodes, threads, true, untouched)),
        }
    }

    /// A hash of 128 bits; the bag of messages counts whatever its order.
    pub(super) fn fingerprint(&mut self) -> (u64, u64) {
        let mut twin = Twin::default();
        self.threads.hash(&mut twin);
        self.nodes.iter_mut().for_each(|node| node.hash().hash(&mut twin));
        self.witness.hash().hash(&mut twin);
        let mut bag = (0_u64, 0_u64);
        for message in &self.net {
            let mut one = Twin(1, 1);
            message.hash(&mut one);
            bag = (bag.0.wrapping_add(mix(one.0)), bag.1.wrapping_add(mix(one.1)));
        }
        (mix(twin.0 ^ mix(bag.0)), mix(twin.1 ^ mix(bag.1 ^ 1)))
    }

    /// Everything that can happen next.
    pub(super) fn acts(&self, model: &Model) -> Vec<Act> {
        let mut acts = Vec::new();
        for (at, (line, msg)) in self.net.iter().enumerate() {
            if !self.net[..at].contains(&(*line, *msg)) {
                acts.push(Act::Deliver(ScopedFlight::of(*line, msg)));
            }
        }
        for (thread, state) in self.threads.iter().enumerate() {
            let at = usize::from(state.begun);
            match &model.client {
                Client::Any { length, ops } if state.begun < *length => {
                    let able = ops.iter().filter(|op| state.may_begin(**op));
                    acts.extend(able.map(|op| Act::Begin { thread, op: *op }));
                }
                Client::Programs(programs) => {
                    let next = programs[thread].get(at).filter(|op| state.may_begin(**op));
                    acts.extend(next.map(|op| Act::Begin { thread, op: *op }));
                }
                Client::Any { .. } => {}
            }
        }
        acts.extend(self.evictions(model));
        acts
    }

    /// Where a message is among those under way.
    fn flight(&self, flight: &ScopedFlight) -> Option<usize> {
        self.net.iter().position(|(line, msg)| ScopedFlight::of(*line, msg) == *flight)
    }

    /// Whether it can happen now, whatever the client would do.
    pub(super) fn is_able(&self, model: &Model, act: &Act) -> bool {
        match act {
            Act::Begin { thread, op } => {
                let state = self.threads.get(*thread);
                state.is_some_and(|s| usize::from(s.begun) < OPS_MAX && s.may_begin(*op))
            }
            Act::Deliver(flight) => self.flight(flight).is_some(),
            Act::Evict { .. } => self.evictions(model).any(|able| able == *act),
        }
    }

    /// Lines that can be evicted.
    fn evictions(&self, model: &Model) -> impl Iterator<Item = Act> + use<'_, V> {
        let on = model.evictions;
        let nodes = self.nodes.iter().filter(move |_| on).map(|n| &*n.part);
        let units = nodes
            .flat_map(|n| [(n.node(), Unit::Cache, &n.cache), (n.node(), Unit::Slice, &n.slice)]);
        units.flat_map(|(node, unit, level)| {
            let able = level.lines().filter(|(_, line, waiting)| {
                *waiting == 0 && line.state.is_stable() && line.valid != 0
            });
            able.map(move |(line, ..)| Act::Evict { node, unit, line })
        })
    }

    /// A delivery that can happen next.
    pub(super) fn delivery(&self) -> Option<Act> {
        self.net.first().map(|(line, msg)| Act::Deliver(ScopedFlight::of(*line, msg)))
    }

    /// Makes something happen; tells what it sent and read.
    pub(super) fn make(&mut self, model: &Model, act: &Act) -> Move {
        let mut made = Move { act: *act, sent: Vec::new(), reads: Vec::new(), value: None };
        let mut out = Outbox::default();
        let node = match *act {
            Act::Begin { thread, op } => {
                made.value = self.begin(model, thread, op, &mut out);
                NodeIdx(model.places[thread])
            }
            Act::Deliver(flight) => {
                let at = self.flight(&flight).expect("it is under way");
                let (line, msg) = self.net.swap_remove(at);
                let to = self.nodes[msg.dst.at()].change();
                to.receive((line, home(model, line)), &msg, (), &mut out);
                msg.dst
            }
            Act::Evict { node, unit, line } => {
                let of = self.nodes[node.at()].change();
                let level = if unit == Unit::Cache { &mut of.cache } else { &mut of.slice };
                level.evict(line, (), &mut out);
                node
            }
        };
        self.follow(model, node, out, &mut made);
        made
    }

    /// Rows of the table that were taken on the way here.
    pub(super) fn rows(&self) -> ScopedRows {
        let of = |rows: ScopedRows, n: &Kept<Node<V>>| {
            rows.with(n.part.cache.rows()).with(n.part.slice.rows())
        };
        self.nodes.iter().fold(ScopedRows::default(), of)
    }

    /// What is wrong, if anything is.
    pub(super) fn fault(&self) -> Option<(Option<ScopedFault>, String)> {
        if let Some(violation) = self.witness.part.violations().first() {
            return Some((Some(violation.fault), violation.detail.clone()));
        }
        let broken = self.nodes.iter().find_map(|n| n.part.broken());
        broken.map(|what| (None, format!("the protocol does not foresee it: {what}")))
    }

    /// Whether nothing is left to do, as it should be where nothing can happen.
    pub(super) fn is_done(&self) -> bool {
        self.net.is_empty()
            && self.nodes.iter().all(|n| n.part.is_idle())
            && self.threads.iter().all(|t| t.waits == Waits::Nothing && t.flying == 0)
    }

    fn begin(&mut self, model: &Model, thread: usize, op: Op, out: &mut Outbox<V>) -> Option<u8> {
        let state = &mut self.threads[thread];
        state.begun += 1;
        let node = model.places[thread] as usize;
        let number = number(thread);
        let sync = |release, acquire, scope| Sync { release, acquire, scope };
        match op {
            Op::Load(at) => {
                self.access(model, thread, at, Ask::Load { mask: V::bits(at.part) }, out);
            }
            Op::Store(at) => {
                let write = V::store(at.part, value(thread, self.threads[thread].begun));
                self.access(model, thread, at, Ask::Store(write), out);
            }
            Op::Acquire(at, scope) => {
                state.waits = Waits::Access(scope);
                self.access(model, thread, at, Ask::Acquire { mask: V::bits(at.part), scope }, out);
            }
            Op::Release(_, scope) | Op::Swap(_, scope) => {
                state.waits = Waits::Release(op);
                self.nodes[node].change().sync(number, sync(true, false, scope), (), out);
            }
            Op::Fence(scope) => {
                state.waits = Waits::Acquire(scope, true);
                self.nodes[node].change().sync(number, sync(true, true, scope), (), out);
            }
        }
        let writes = matches!(op, Op::Store(_) | Op::Release(..) | Op::Swap(..));
        writes.then(|| value(thread, self.threads[thread].begun))
    }

    /// Has a thread make an access.
    fn access(
        &mut self,
        model: &Model,
        thread: usize,
        at: Place,
        ask: Ask<V>,
        out: &mut Outbox<V>,
    ) {
        let (node, line) = (NodeIdx(model.places[thread]), Line(u64::from(at.line)));
        let token = number(thread) * 16 + u32::from(self.threads[thread].begun);
        let scope = match ask {
            Ask::Acquire { scope, .. } | Ask::Release { scope, .. } | Ask::Atomic { scope, .. } => {
                scope
            }
            _ => Scope::Package,
        };
        let home = home(model, line);
        let who = (node, token, number(thread));
        self.witness.change().issue(who, (line, home), scope);
        self.threads[thread].flying += 1;
        let request = ScopedRequest { line, home, ask, token, tag: () };
        if let Asked::Done(_) = self.nodes[node.at()].change().access(&request, out) {
            self.threads[thread].flying -= 1;
            self.accessed(model, thread, out);
        }
    }

    /// An access of a thread is done.
    fn accessed(&mut self, model: &Model, thread: usize, out: &mut Outbox<V>) {
        // Its own load is the last that was begun; loads before it may end later, and it waits for them.
        let state = &self.threads[thread];
        if let (Waits::Access(scope), 0) = (state.waits, state.flying) {
            self.threads[thread].waits = Waits::Acquire(scope, false);
            let sync = Sync { release: false, acquire: true, scope };
            let node = model.places[thread] as usize;
            self.nodes[node].change().sync(number(thread), sync, (), out);
        }
    }

    /// A release or acquire of a thread is done.
    fn synced(&mut self, model: &Model, thread: usize, out: &mut Outbox<V>) {
        let number = number(thread);
        match self.threads[thread].waits {
            Waits::Release(op) => {
                let value = value(thread, self.threads[thread].begun);
                let (at, ask, scope, waits) = match op {
                    Op::Swap(at, scope) => {
                        let write = V::swap(at.part, value);
                        (at, Ask::Atomic { write, scope }, scope, Waits::Access(scope))
                    }
                    Op::Release(at, scope) => {
                        let write = V::store(at.part, value);
                        (at, Ask::Release { write, scope }, scope, Waits::Nothing)
                    }
                    _ => return,
                };
                self.witness.change().release(number, scope);
                self.threads[thread].waits = waits;
                self.access(model, thread, at, ask, out);
            }
            Waits::Acquire(scope, releases) => {
                if releases {
                    self.witness.change().release(number, scope);
                }
                self.witness.change().acquire(number, scope);
                self.threads[thread].waits = Waits::Nothing;
            }
            Waits::Nothing | Waits::Access(_) => {}
        }
    }

    /// Takes in what a node put out, until nothing more comes of it at once.
    fn follow(&mut self, model: &Model, node: NodeIdx, mut out: Outbox<V>, made: &mut Move) {
        loop {
            let mut next = Outbox::default();
            for step in &out.trail {
                self.witness.change().follow(step);
                if let Trail::Performed { node, line, mask, effect, .. } = step
                    && let ScopedEffect::Load(v) | ScopedEffect::Atomic { old: v, .. } = effect
                {
                    let parts = (0..2).filter(|part| mask & V::bits(*part) != 0);
                    let parts = parts.fold(0, |all, part| all | 1 << part);
                    made.reads.push((*node, *line, parts, [v.part(0), v.part(1)]));
                }
            }
            for sent in &out.messages {
                self.net.push((sent.line, sent.msg));
                made.sent.push(ScopedFlight::of(sent.line, &sent.msg));
            }
            for done in &out.completions {
                let thread = (done.token / 16) as usize;
                self.threads[thread].flying -= 1;
                self.accessed(model, thread, &mut next);
            }
            for number in &out.synced {
                self.synced(model, *number as usize, &mut next);
            }
            if self.nodes[node.at()].part.has_to_pump() {
                self.nodes[node.at()].change().pump(usize::MAX, (), &mut next);
            }
            let nothing = next.trail.is_empty()
                && next.messages.is_empty()
                && next.completions.is_empty()
                && next.synced.is_empty();
            if nothing {
                return;
            }
            out = next;
        }
    }
}

impl Thread {
    fn may_begin(&self, op: Op) -> bool {
        let free = self.waits == Waits::Nothing;
        match op {
            Op::Load(_) | Op::Store(_) | Op::Acquire(..) => free,
            Op::Release(..) | Op::Swap(..) | Op::Fence(_) => free && self.flying == 0,
        }
    }
}

/// The value that an operation of a thread writes: nobody else's.
fn value(thread: usize, number: u8) -> u8 {
    u8::try_from(thread * OPS_MAX).unwrap_or(0) + number
}

fn number(thread: usize) -> u32 {
    u32::try_from(thread).unwrap_or(u32::MAX)
}

fn home(model: &Model, line: Line) -> NodeIdx {
    let at = usize::try_from(line.0).unwrap_or(0);
    NodeIdx(model.homes.get(at).copied().unwrap_or(0))
}
