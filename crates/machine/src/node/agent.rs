//! Agents: each replays one thread's operations against its node's cache.
//!
//! An agent takes its operations in program order and offers them to the cache one line at a time;
//! an operation that crosses lines is several pieces. It stops at
//! - the window: that many pieces outstanding (one where memory is sequentially consistent),
//! - what its memory model makes it wait for ([`order`]),
//! - a fence, until nothing is outstanding; an acquire, until it is done,
//! - a barrier, until nothing is outstanding and the barrier has released it,
//! - think time, for as many cycles from the operation before,
//! - a bulk copy, until it is done; its own pieces use the whole window.
//!
//! Order between pieces to one line is kept by the cache; the rest may complete out of order. Under
//! total store order, stores go on from a [`store_buffer`], of as many entries as the window, while
//! the thread goes on.

mod order;
mod pieces;
mod place;
mod scopes;
mod store_buffer;
mod stuck;
mod time;

use std::collections::VecDeque;

use base::{Addr, Fs, Line, LineData, Op, Order, Part, Scope, Share, ThreadIdx, Timeline};
use clock::Edge;
use coherence::Access;
use coherence::scoped::Sync;
use serde::{Deserialize, Serialize};
use topology::spec::Consistency;
use traffic::TraceError;

use crate::align::NodeCounter;
use crate::source::OpSource;
use order::{Ledger, Rule};
use store_buffer::StoreBuffer;

/// Bytes of a line, as offsets count them.
const LINE: u32 = 64;

/// What an operation counts as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// A load, or the reading half of a copy's piece.
    Load,
    /// A store, or the writing half of a copy's piece.
    Store,
    /// An atomic.
    Atomic,
}

/// One line's worth of an operation, ready for the cache.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) line: Line,
    pub(crate) access: Access<LineData>,
    /// Bytes of the line that it concerns.
    pub(crate) bytes: u32,
    /// Of a load: which.
    pub(crate) mask: u64,
    /// How far its operation reaches.
    pub(crate) scope: Scope,
    /// Whether it is an acquire's load or a release's store.
    pub(crate) ordered: bool,
    /// Its operation's entry.
    pub(crate) token: u32,
}

/// What an agent wants at an edge.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Wish {
    /// To make this access; tell [`Agent::issued`] when it was taken.
    Access(Piece),
    /// To have this piece of a load answered with these bytes, which the thread wrote itself; tell
    /// [`Agent::forwarded`].
    Forward(Piece, LineData),
    /// To acquire or release; tell [`Agent::syncing`], and [`Agent::synced`] when it is done.
    Sync(Sync),
    /// To arrive at a barrier; tell [`Agent::arrived`] when that is on its way.
    Arrive { id: u32, members: u32, share: Share },
    /// Nothing before this edge, or before something completes.
    Sleep(Edge),
    /// Nothing ever again.
    Done,
}

/// An operation with pieces to be issued or outstanding.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Entry {
    kind: Kind,
    /// When its first piece was first offered to the cache.
    started: Option<Fs>,
    /// Number of the operation in its thread.
    number: u64,
    pieces: u32,
    rule: Rule,
    scope: Scope,
    /// When the release that its store waits for was done.
    released: Option<Fs>,
    /// Offset and bytes of a load or atomic that is a word of one line.
    word: Option<(u32, u32)>,
    copy: Option<Chunk>,
}

/// A piece of a bulk copy: where its bytes come from and go to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Chunk {
    from: Addr,
    to: Addr,
    bytes: u32,
}

/// What is left of the operation that the agent is at.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Current {
    None,
    /// Bytes still to be issued of a load or store: `pattern` is the stored value.
    Span {
        addr: Addr,
        left: u32,
        done: u32,
        pattern: Option<u64>,
        rule: Rule,
        token: u32,
    },
    /// Waits for the acquire of this entry.
    Acquired {
        token: u32,
    },
    Order(Order),
    Atomic {
        piece: Piece,
    },
    Fence(Scope),
    Barrier {
        id: u32,
        members: u32,
        share: Share,
        arrived: bool,
    },
    /// `token`: the entry of the piece being offered, if one is.
    Copy {
        rest: Chunk,
        token: Option<u32>,
    },
}

/// What a finished operation reports.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Finished {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
}

/// Where the piece comes from that was wished for last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Offered {
    /// The operation at hand.
    Program,
    /// The stores of a bulk copy.
    CopyStore,
    /// The store buffer.
    Buffer,
}

/// What the operation at hand comes to.
enum Next {
    Wish(Wish),
    /// It is over, or another has been taken up.
    Again,
    /// It has to wait for a completion.
    Blocked,
}

/// One thread of the trace on its node.
pub(crate) struct Agent {
    thread: ThreadIdx,
    /// Its node's counter, where the machine aligns counters.
    counter: Option<NodeCounter>,
    seed: u64,
    window: u32,
    ledger: Ledger,
    buffer: StoreBuffer,
    scopes: scopes::Scopes,
    offered: Offered,
    /// Whether the source wants to know what its loads read.
    observes: bool,
    source: Box<dyn OpSource>,
    batch: Vec<Op>,
    at: usize,
    ended: bool,
    current: Current,
    /// Second halves of copy pieces, ready to be stored.
    stores: VecDeque<Piece>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// Pieces with the cache.
    outstanding: u32,
    /// Copy pieces begun and not finished.
    copying: u32,
    think_until: Edge,
    /// The cache refused the access at hand when it had received so many messages.
    pub(crate) refused: Option<u64>,
    /// Told the machine that it is done.
    retired: bool,
    /// Operations taken from the source.
    pub(crate) taken: u64,
}

impl Agent {
    pub(crate) fn new(
        thread: ThreadIdx,
        seed: u64,
        window: u32,
        model: Consistency,
        source: Box<dyn OpSource>,
    ) -> Self {
        Self {
            ledger: Ledger::new(model),
            buffer: StoreBuffer::default(),
            scopes: scopes::Scopes::default(),
            offered: Offered::Program,
            observes: source.observes(),
            thread,
            counter: None,
            seed,
            window: window.max(1),
            source,
            batch: Vec::new(),
            at: 0,
            ended: false,
            current: Current::None,
            stores: VecDeque::new(),
            entries: Vec::new(),
            free: Vec::new(),
            outstanding: 0,
            copying: 0,
            think_until: Edge(0),
            refused: None,
            retired: false,
            taken: 0,
        }
    }

    /// Keeps time by an aligned counter.
    pub(crate) fn keep_time(&mut self, counter: NodeCounter) {
        self.counter = Some(counter);
    }

    pub(crate) const fn thread(&self) -> ThreadIdx {
        self.thread
    }

    /// What the agent wants at `edge`, whose instant is `now`.
    pub(crate) fn wish(&mut self, edge: Edge, now: Fs) -> Result<Wish, TraceError> {
        loop {
            if self.outstanding < self.window
                && let Some(store) = self.stores.front()
            {
                let store = *store;
                self.offered = Offered::CopyStore;
                return Ok(Wish::Access(self.offer(store, now)));
            }
            let thinks = self.think_until > edge;
            if !thinks {
                match self.next(edge, now)? {
                    Next::Wish(wish) => return Ok(wish),
                    Next::Again => continue,
                    Next::Blocked => {}
                }
            }
            if let Some(store) = self.buffer.next()
                && self.ledger.admits(Kind::Store, Rule::Plain, true)
            {
                self.offered = Offered::Buffer;
                return Ok(Wish::Access(store));
            }
            return Ok(Wish::Sleep(if thinks { self.think_until } else { Edge::NEVER }));
        }
    }

    /// The edge until which the thread thinks, if it does.
    pub(crate) fn thinks_until(&self, edge: Edge) -> Option<Edge> {
        (self.think_until > edge).then_some(self.think_until)
    }

    /// What the operation at hand comes to.
    fn next(&mut self, edge: Edge, now: Fs) -> Result<Next, TraceError> {
        if let Some(next) = self.scopes.pending() {
            return Ok(next);
        }
        let full = self.outstanding >= self.window;
        let quiet = self.outstanding == 0 && self.buffer.is_empty();
        match self.current {
            Current::None => {
                if self.take(edge, now)? {
                    return Ok(Next::Again);
                }
                if !quiet || self.copying > 0 {
                    return Ok(Next::Blocked);
                }
                return Ok(self.scopes.end().unwrap_or(Next::Wish(Wish::Done)));
            }
            Current::Fence(_) | Current::Order(_) | Current::Barrier { arrived: false, .. } => {
                return Ok(self.pass(quiet));
            }
            Current::Copy { rest, .. } if rest.bytes == 0 => {
                if self.copying > 0 {
                    return Ok(Next::Blocked);
                }
                self.current = Current::None;
            }
            // A copy's pieces hold their place in the window from load to store.
            Current::Copy { rest, token }
                if self.copying < self.window && !full && self.buffer.is_empty() =>
            {
                let piece = self.copy_piece(rest, token);
                self.offered = Offered::Program;
                return Ok(Next::Wish(Wish::Access(self.offer(piece, now))));
            }
            Current::Span { .. } | Current::Atomic { .. } => {
                return Ok(self.offer_piece(full, now));
            }
            _ => return Ok(Next::Blocked),
        }
        Ok(Next::Again)
    }

    /// Notes when an operation was first offered.
    fn offer(&mut self, piece: Piece, now: Fs) -> Piece {
        self.entries[piece.token as usize].started.get_or_insert(now);
        piece
    }

    /// The cache has taken the piece last wished for.
    pub(crate) fn issued(&mut self) {
        self.refused = None;
        let piece = match self.offered {
            Offered::CopyStore => self.stores.pop_front(),
            Offered::Buffer => {
                let store = self.buffer.next();
                self.buffer.issued();
                store
            }
            Offered::Program => None,
        };
        if let Some(piece) = piece {
            return self.count(piece.token);
        }
        self.forwarded();
    }

    /// The piece of the operation at hand is with the cache, or answered.
    pub(crate) fn forwarded(&mut self) {
        let token = match self.current {
            Current::Span { token, .. } => Some(token),
            Current::Atomic { piece } => Some(piece.token),
            Current::Copy { token, .. } => token,
            _ => None,
        };
        if let Some(token) = token {
            self.count(token);
        }
        self.advance();
    }

    /// A piece of this entry is under way.
    fn count(&mut self, token: u32) {
        self.outstanding += 1;
        let Entry { kind, rule, .. } = self.entries[token as usize];
        self.ledger.issued(kind, rule);
    }

    /// Goes on behind the piece at hand.
    fn advance(&mut self) {
        let tso = self.ledger.is_tso();
        self.scopes.used();
        match &mut self.current {
            Current::Atomic { piece } if tso => {
                self.current = Current::Acquired { token: piece.token };
            }
            Current::Atomic { .. } => self.current = Current::None,
            Current::Span { addr, left, done, rule, token, pattern } => {
                let bytes = (*left).min(LINE - addr.offset());
                *left -= bytes;
                *done += bytes;
                *addr = Addr(addr.0.wrapping_add(u64::from(bytes)));
                if *left == 0 {
                    let acquires =
                        matches!(rule, Rule::Acquire | Rule::AcquireSc) || tso && pattern.is_none();
                    let token = *token;
                    self.current =
                        if acquires { Current::Acquired { token } } else { Current::None };
                }
            }
            Current::Copy { rest, token } => {
                let chunk = token.take().and_then(|t| self.entries[t as usize].copy);
                let bytes = chunk.map_or(0, |c| c.bytes);
                rest.from.0 += u64::from(bytes);
                rest.to.0 += u64::from(bytes);
                rest.bytes -= bytes;
                self.copying += 1;
            }
            _ => unreachable!("a piece of nothing was issued"),
        }
    }

    /// The arrival at the barrier is on its way.
    pub(crate) fn arrived(&mut self) {
        if let Current::Barrier { arrived, .. } = &mut self.current {
            *arrived = true;
        }
    }

    /// The barrier lets the agent go, and tells what came of what the members brought.
    pub(crate) fn released(&mut self, share: Share) {
        debug_assert!(matches!(self.current, Current::Barrier { arrived: true, .. }));
        self.current = Current::None;
        if self.observes
            && let Some((_, word)) = share
        {
            self.source.observe(self.taken, word);
        }
        self.scopes.acquire(Scope::Supernode);
    }

    /// A piece is done; gives its operation if that is done too. `value` is what a load read.
    pub(crate) fn complete(&mut self, token: u32, value: Option<LineData>) -> Option<Finished> {
        self.outstanding -= 1;
        let entry = &mut self.entries[token as usize];
        entry.pieces -= 1;
        let done = *entry;
        self.ledger.completed(done.kind, done.rule);
        if done.kind == Kind::Store && done.copy.is_none() {
            self.buffer.performed();
        }
        if done.pieces > 0 {
            return None;
        }
        self.free.push(token);
        if matches!(self.current, Current::Acquired { token: awaited } if awaited == token) {
            self.current = Current::None;
            if matches!(done.rule, Rule::Acquire | Rule::AcquireSc) {
                self.scopes.acquire(done.scope);
            }
        }
        if self.observes
            && let (Some((offset, size)), Some(line)) = (done.word, value)
        {
            self.source.observe(done.number, line.word(offset, size));
        }
        match (done.copy, done.kind) {
            (Some(chunk), Kind::Load) => {
                self.store_half(chunk, value.unwrap_or_default(), done.number);
            }
            (Some(_), _) => self.copying -= 1,
            (None, _) => {}
        }
        Some(Finished { kind: done.kind, number: done.number })
    }

    /// Marks the agent as done. `true` the first time.
    pub(crate) fn retire(&mut self) -> bool {
        !core::mem::replace(&mut self.retired, true)
    }

    /// A stopwatch for the piece of `token`, started with its operation.
    pub(crate) fn timeline(&self, token: u32) -> Timeline {
        let entry = &self.entries[token as usize];
        let mut timeline = Timeline::start(entry.started.unwrap_or(Fs::ZERO));
        if let Some(released) = entry.released {
            timeline.charge(Part::ReleaseWait, released);
        }
        timeline
    }
}

#[cfg(test)]
mod tests;
