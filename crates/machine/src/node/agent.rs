//! Agents: each replays one thread's operations against its node's cache.
//!
//! An agent takes its operations in program order and offers them to the cache one line at a time;
//! an operation that crosses lines is several pieces. It stops at
//! - the window: that many pieces outstanding (one where memory is sequentially consistent),
//! - a fence, until nothing is outstanding,
//! - a barrier, until nothing is outstanding and the barrier has released it,
//! - think time, for as many cycles from the operation before,
//! - a bulk copy, until it is done; its own pieces use the whole window.
//!
//! Order between pieces to one line is kept by the cache; the rest may complete out of order.

use std::collections::VecDeque;

use base::addr::byte_mask;
use base::{Addr, Fs, Line, LineData, Op, ThreadIdx, Timeline};
use clock::Edge;
use coherence::{Access, LineWrite};
use traffic::TraceError;

use crate::source::OpSource;

/// Bytes of a line, as offsets count them.
const LINE: u32 = 64;

/// What an operation counts as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A load, or the reading half of a copy's piece.
    Load,
    /// A store, or the writing half of a copy's piece.
    Store,
    /// An atomic.
    Atomic,
}

/// One line's worth of an operation, ready for the cache.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Piece {
    pub(crate) line: Line,
    pub(crate) access: Access<LineData>,
    /// Its operation's entry.
    pub(crate) token: u32,
}

/// What an agent wants at an edge.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Wish {
    /// To make this access; tell [`Agent::issued`] when it was taken.
    Access(Piece),
    /// To arrive at a barrier; tell [`Agent::arrived`] when that is on its way.
    Arrive { id: u32, members: u32 },
    /// Nothing before this edge, or before something completes.
    Sleep(Edge),
    /// Nothing ever again.
    Done,
}

/// An operation with pieces to be issued or outstanding.
#[derive(Clone, Copy, Debug)]
struct Entry {
    kind: Kind,
    /// When its first piece was first offered to the cache.
    started: Option<Fs>,
    /// Number of the operation in its thread.
    number: u64,
    pieces: u32,
    copy: Option<Chunk>,
}

/// A piece of a bulk copy: where its bytes come from and go to.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    from: Addr,
    to: Addr,
    bytes: u32,
}

/// What is left of the operation that the agent is at.
#[derive(Clone, Copy, Debug)]
enum Current {
    None,
    /// Bytes still to be issued of a load or store: `pattern` is the stored value.
    Span {
        addr: Addr,
        left: u32,
        done: u32,
        pattern: Option<u64>,
        token: u32,
    },
    Atomic {
        piece: Piece,
    },
    Fence,
    Barrier {
        id: u32,
        members: u32,
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

/// One thread of the trace on its node.
pub(crate) struct Agent {
    thread: ThreadIdx,
    seed: u64,
    window: u32,
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
        source: Box<dyn OpSource>,
    ) -> Self {
        Self {
            thread,
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
                return Ok(Wish::Access(self.offered(store, now)));
            }
            if self.think_until > edge {
                return Ok(Wish::Sleep(self.think_until));
            }
            let full = self.outstanding >= self.window;
            match self.current {
                Current::None => {
                    if !self.take(edge)? {
                        let idle = self.outstanding == 0 && self.copying == 0;
                        return Ok(if idle { Wish::Done } else { Wish::Sleep(Edge::NEVER) });
                    }
                }
                Current::Fence if self.outstanding == 0 => self.current = Current::None,
                Current::Barrier { id, members, arrived: false } if self.outstanding == 0 => {
                    return Ok(Wish::Arrive { id, members });
                }
                Current::Copy { rest, .. } if rest.bytes == 0 => {
                    if self.copying > 0 {
                        return Ok(Wish::Sleep(Edge::NEVER));
                    }
                    self.current = Current::None;
                }
                // A copy's pieces hold their place in the window from load to store.
                Current::Copy { rest, token } if self.copying < self.window && !full => {
                    let piece = self.copy_piece(rest, token);
                    return Ok(Wish::Access(self.offered(piece, now)));
                }
                Current::Span { .. } | Current::Atomic { .. } if !full => {
                    let piece = self.piece();
                    return Ok(Wish::Access(self.offered(piece, now)));
                }
                _ => return Ok(Wish::Sleep(Edge::NEVER)),
            }
        }
    }

    /// Takes up the next operation. `false` at the end of the thread.
    fn take(&mut self, edge: Edge) -> Result<bool, TraceError> {
        if self.at == self.batch.len() {
            if !self.ended {
                self.batch.clear();
                self.at = 0;
                self.source.refill(&mut self.batch)?;
            }
            if self.batch.is_empty() {
                self.ended = true;
                return Ok(false);
            }
        }
        let op = self.batch[self.at];
        self.at += 1;
        self.taken += 1;
        self.current = match op {
            Op::Load { addr, size } => {
                let token = self.entry(Kind::Load, addr, size);
                Current::Span { addr, left: u32::from(size), done: 0, pattern: None, token }
            }
            Op::Store { addr, size, value } => {
                let token = self.entry(Kind::Store, addr, size);
                let value = value.unwrap_or_else(|| self.own_value());
                let pattern = Some(value);
                Current::Span { addr, left: u32::from(size), done: 0, pattern, token }
            }
            Op::Atomic { addr, size, rmw } => {
                let token = self.entry(Kind::Atomic, addr, size);
                let (offset, size) = (addr.offset(), u32::from(size));
                let access = Access::Atomic(LineWrite::Rmw { offset, size, rmw });
                Current::Atomic { piece: Piece { line: addr.line(), access, token } }
            }
            Op::Fence => Current::Fence,
            Op::Barrier { id, members } => Current::Barrier { id, members, arrived: false },
            Op::Think { cycles } => {
                self.think_until = edge.plus(cycles);
                Current::None
            }
            Op::Copy { from, to, bytes } => {
                Current::Copy { rest: Chunk { from, to, bytes }, token: None }
            }
        };
        Ok(true)
    }

    /// A value that no other store of the run writes, as far as 64 bits can tell.
    fn own_value(&self) -> u64 {
        base::rng::draw(self.seed, u64::from(self.thread.0), 1, self.taken)
    }

    /// Makes an entry for an operation of as many pieces as it touches lines.
    fn entry(&mut self, kind: Kind, addr: Addr, size: u8) -> u32 {
        let last = Addr(addr.0.saturating_add(u64::from(size).max(1) - 1));
        let pieces = u32::from(last.line() != addr.line()) + 1;
        self.insert(Entry { kind, started: None, number: self.taken, pieces, copy: None })
    }

    fn insert(&mut self, entry: Entry) -> u32 {
        if let Some(token) = self.free.pop() {
            self.entries[token as usize] = entry;
            token
        } else {
            self.entries.push(entry);
            u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
        }
    }

    /// The next piece of the load, store or atomic at hand.
    fn piece(&self) -> Piece {
        match self.current {
            Current::Atomic { piece } => piece,
            Current::Span { addr, left, done, pattern, token } => {
                let bytes = left.min(LINE - addr.offset());
                let access = pattern.map_or(Access::Load, |value| {
                    // Byte i of the operation is byte i % 8 of the value, wherever it lands.
                    let turn = (addr.offset() + 64 - done) % 8;
                    let data = LineData([value.rotate_left(8 * turn); 8]);
                    Access::Store(LineWrite::Bytes { mask: byte_mask(addr.offset(), bytes), data })
                });
                Piece { line: addr.line(), access, token }
            }
            _ => unreachable!("asked for a piece of nothing"),
        }
    }

    /// The loading half of the next piece of a copy.
    fn copy_piece(&mut self, rest: Chunk, token: Option<u32>) -> Piece {
        let room = (LINE - rest.from.offset()).min(LINE - rest.to.offset());
        let chunk = Chunk { bytes: rest.bytes.min(room), ..rest };
        let token = token.unwrap_or_else(|| self.copy_entry(Kind::Load, chunk, self.taken));
        self.current = Current::Copy { rest, token: Some(token) };
        Piece { line: chunk.from.line(), access: Access::Load, token }
    }

    fn copy_entry(&mut self, kind: Kind, chunk: Chunk, number: u64) -> u32 {
        self.insert(Entry { kind, started: None, number, pieces: 1, copy: Some(chunk) })
    }

    /// Notes when an operation was first offered.
    fn offered(&mut self, piece: Piece, now: Fs) -> Piece {
        self.entries[piece.token as usize].started.get_or_insert(now);
        piece
    }

    /// The cache has taken the piece last wished for.
    pub(crate) fn issued(&mut self) {
        self.refused = None;
        self.outstanding += 1;
        if self.stores.pop_front().is_some() {
            return;
        }
        match &mut self.current {
            Current::Atomic { .. } => self.current = Current::None,
            Current::Span { addr, left, done, .. } => {
                let bytes = (*left).min(LINE - addr.offset());
                *left -= bytes;
                *done += bytes;
                *addr = Addr(addr.0.wrapping_add(u64::from(bytes)));
                if *left == 0 {
                    self.current = Current::None;
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

    /// The barrier lets the agent go.
    pub(crate) fn released(&mut self) {
        debug_assert!(matches!(self.current, Current::Barrier { arrived: true, .. }));
        self.current = Current::None;
    }

    /// A piece is done; gives its operation if that is done too. `value` is what a load read.
    pub(crate) fn complete(&mut self, token: u32, value: Option<LineData>) -> Option<Finished> {
        self.outstanding -= 1;
        let entry = &mut self.entries[token as usize];
        entry.pieces -= 1;
        if entry.pieces > 0 {
            return None;
        }
        let done = *entry;
        self.free.push(token);
        match (done.copy, done.kind) {
            (Some(chunk), Kind::Load) => {
                self.store_half(chunk, value.unwrap_or_default(), done.number);
            }
            (Some(_), _) => self.copying -= 1,
            (None, _) => {}
        }
        Some(Finished { kind: done.kind, number: done.number })
    }

    /// Queues the storing half of a copy's piece.
    fn store_half(&mut self, chunk: Chunk, read: LineData, number: u64) {
        let token = self.copy_entry(Kind::Store, chunk, number);
        let mut data = LineData::default();
        for i in 0..chunk.bytes {
            let byte = read.word(chunk.from.offset() + i, 1);
            let at = chunk.to.offset() + i;
            data = data.merged(byte_mask(at, 1), &LineData::holding(at, byte));
        }
        let mask = byte_mask(chunk.to.offset(), chunk.bytes);
        let access = Access::Store(LineWrite::Bytes { mask, data });
        self.stores.push_back(Piece { line: chunk.to.line(), access, token });
    }

    /// Marks the agent as done. `true` the first time.
    pub(crate) fn retire(&mut self) -> bool {
        !core::mem::replace(&mut self.retired, true)
    }

    /// A stopwatch for the piece of `token`, started with its operation.
    pub(crate) fn timeline(&self, token: u32) -> Timeline {
        Timeline::start(self.entries[token as usize].started.unwrap_or(Fs::ZERO))
    }

    /// What keeps the agent, in words; `None` if it is done.
    pub(crate) fn stuck(&self) -> Option<String> {
        let what = match self.current {
            Current::None if self.ended && self.outstanding == 0 && self.copying == 0 => {
                return None;
            }
            Current::Barrier { id, members, arrived: true } => {
                format!("waits at barrier {id} for {members} members")
            }
            Current::Barrier { id, .. } => {
                format!("drains {} accesses before barrier {id}", self.outstanding)
            }
            Current::Fence => format!("drains {} accesses at a fence", self.outstanding),
            _ => format!("has {} accesses outstanding", self.outstanding),
        };
        Some(format!("{} {what} (operation {})", self.thread, self.taken))
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Agent")
            .field("thread", &self.thread)
            .field("current", &self.current)
            .field("outstanding", &self.outstanding)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
