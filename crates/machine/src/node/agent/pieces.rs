//! How operations become pieces: a line's worth each, ready for the cache.

use base::addr::byte_mask;
use base::{Addr, Fs, LineData, Op, Scope};
use clock::Edge;
use coherence::{Access, LineWrite};
use traffic::TraceError;

use super::order::Rule;
use super::store_buffer::Answer;
use super::time;
use super::{Agent, Chunk, Current, Entry, Kind, LINE, Next, Offered, Piece, Wish};

impl Agent {
    /// The next piece of the load, store or atomic at hand: to the cache, to the store buffer, or
    /// answered from there.
    pub(super) fn offer_piece(&mut self, full: bool, now: Fs) -> Next {
        let piece = self.piece();
        let Entry { kind, rule, .. } = self.entries[piece.token as usize];
        let first = !matches!(self.current, Current::Span { done: 1.., .. });
        if self.ledger.is_tso() {
            if kind == Kind::Store {
                if self.buffer.len() >= self.window as usize {
                    return Next::Blocked;
                }
                let piece = self.offer(piece, now);
                self.buffer.push(piece);
                self.advance();
                return Next::Again;
            }
            let drained = self.buffer.is_empty();
            if !drained && (kind == Kind::Atomic || rule == Rule::AcquireSc) {
                return Next::Blocked;
            }
        } else if full {
            return Next::Blocked;
        }
        if !self.ledger.admits(kind, rule, first) {
            return Next::Blocked;
        }
        if rule == Rule::Release && first {
            let scope = piece.scope;
            if let Some(next) = self.scopes.release(scope) {
                self.offer(piece, now);
                return next;
            }
        }
        self.offered = Offered::Program;
        match self.buffer.look_up(&piece, self.mask()) {
            Answer::Wait => Next::Blocked,
            Answer::Nothing => Next::Wish(Wish::Access(self.offer(piece, now))),
            Answer::Forward(data) => Next::Wish(Wish::Forward(self.offer(piece, now), data)),
        }
    }

    /// Takes up the next operation. `false` at the end of the thread.
    pub(super) fn take(&mut self, edge: Edge, now: Fs) -> Result<bool, TraceError> {
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
        let (op, scope) = self.batch[self.at].split();
        self.at += 1;
        self.taken += 1;
        self.current = match op {
            Op::Load { addr, size } => self.span((addr, size), None, (Rule::Plain, scope)),
            Op::Acquire { addr, size, sc } => {
                let rule = if sc { Rule::AcquireSc } else { Rule::Acquire };
                self.span((addr, size), None, (rule, scope))
            }
            Op::Store { addr, size, value } | Op::Release { addr, size, value } => {
                let release = matches!(op, Op::Release { .. });
                let value = value.unwrap_or_else(|| self.own_value());
                let rule = if release { Rule::Release } else { Rule::Plain };
                self.span((addr, size), Some(value), (rule, scope))
            }
            Op::Atomic { addr, size, rmw } => {
                let token = self.entry(Kind::Atomic, (Rule::Plain, scope), addr, size);
                let (offset, size) = (addr.offset(), u32::from(size));
                let access = Access::Atomic(LineWrite::Rmw { offset, size, rmw });
                let line = addr.line();
                let (mask, ordered) = (0, false);
                let piece = Piece { line, access, bytes: size, mask, scope, ordered, token };
                Current::Atomic { piece }
            }
            Op::Fence | Op::Package(_) => Current::Fence(scope),
            Op::Order(order) => Current::Order(order),
            Op::Barrier { id, members } => {
                Current::Barrier { id, members, share: None, arrived: false }
            }
            Op::Reduce { id, members, how, value } => {
                Current::Barrier { id, members, share: Some((how, value)), arrived: false }
            }
            Op::At { count } => {
                let due = time::edge_of_count(self.counter.as_ref(), count, now);
                self.think_until = self.think_until.max(due).max(edge);
                Current::None
            }
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
    pub(super) fn own_value(&self) -> u64 {
        base::rng::draw(self.seed, u64::from(self.thread.0), 1, self.taken)
    }

    /// A load or, with a value, a store.
    pub(super) fn span(
        &mut self,
        (addr, size): (Addr, u8),
        pattern: Option<u64>,
        (rule, scope): (Rule, Scope),
    ) -> Current {
        let kind = if pattern.is_some() { Kind::Store } else { Kind::Load };
        let token = self.entry(kind, (rule, scope), addr, size);
        Current::Span { addr, left: u32::from(size), done: 0, pattern, rule, token }
    }

    /// Makes an entry for an operation of as many pieces as it touches lines.
    pub(super) fn entry(
        &mut self,
        kind: Kind,
        (rule, scope): (Rule, Scope),
        addr: Addr,
        size: u8,
    ) -> u32 {
        let last = Addr(addr.0.saturating_add(u64::from(size).max(1) - 1));
        let pieces = u32::from(last.line() != addr.line()) + 1;
        let is_word = pieces == 1 && matches!(size, 1 | 2 | 4 | 8) && kind != Kind::Store;
        let word = is_word.then_some((addr.offset(), u32::from(size)));
        let number = self.taken;
        let (started, released, copy) = (None, None, None);
        self.insert(Entry { kind, started, number, pieces, rule, scope, released, word, copy })
    }

    pub(super) fn insert(&mut self, entry: Entry) -> u32 {
        if let Some(token) = self.free.pop() {
            self.entries[token as usize] = entry;
            token
        } else {
            self.entries.push(entry);
            u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
        }
    }

    /// The next piece of the load, store or atomic at hand.
    pub(super) fn piece(&self) -> Piece {
        match self.current {
            Current::Atomic { piece } => piece,
            Current::Span { addr, left, done, pattern, token, .. } => {
                let bytes = left.min(LINE - addr.offset());
                let access = pattern.map_or(Access::Load, |value| {
                    // Byte i of the operation is byte i % 8 of the value, wherever it lands.
                    let turn = (addr.offset() + 64 - done) % 8;
                    let data = LineData([value.rotate_left(8 * turn); 8]);
                    Access::Store(LineWrite::Bytes { mask: byte_mask(addr.offset(), bytes), data })
                });
                let Entry { scope, rule, .. } = self.entries[token as usize];
                let (line, mask) = (addr.line(), byte_mask(addr.offset(), bytes));
                Piece { line, access, bytes, mask, scope, ordered: rule != Rule::Plain, token }
            }
            _ => unreachable!("asked for a piece of nothing"),
        }
    }

    /// The loading half of the next piece of a copy.
    pub(super) fn copy_piece(&mut self, rest: Chunk, token: Option<u32>) -> Piece {
        let room = (LINE - rest.from.offset()).min(LINE - rest.to.offset());
        let chunk = Chunk { bytes: rest.bytes.min(room), ..rest };
        let token = token.unwrap_or_else(|| self.copy_entry(Kind::Load, chunk, self.taken));
        self.current = Current::Copy { rest, token: Some(token) };
        let (bytes, line) = (chunk.bytes, chunk.from.line());
        let (mask, scope) = (byte_mask(chunk.from.offset(), bytes), Scope::Supernode);
        Piece { line, access: Access::Load, bytes, mask, scope, ordered: false, token }
    }

    pub(super) fn copy_entry(&mut self, kind: Kind, chunk: Chunk, number: u64) -> u32 {
        let (rule, scope, word, copy) = (Rule::Plain, Scope::Supernode, None, Some(chunk));
        let (started, released, pieces) = (None, None, 1);
        self.insert(Entry { kind, started, number, pieces, rule, scope, released, word, copy })
    }

    /// The bytes of the piece at hand of a load; of others it does not matter.
    pub(super) fn mask(&self) -> u64 {
        match self.current {
            Current::Span { addr, left, .. } => {
                byte_mask(addr.offset(), left.min(LINE - addr.offset()))
            }
            _ => 0,
        }
    }

    /// Queues the storing half of a copy's piece.
    pub(super) fn store_half(&mut self, chunk: Chunk, read: LineData, number: u64) {
        let token = self.copy_entry(Kind::Store, chunk, number);
        let mut data = LineData::default();
        for i in 0..chunk.bytes {
            let byte = read.word(chunk.from.offset() + i, 1);
            let at = chunk.to.offset() + i;
            data = data.merged(byte_mask(at, 1), &LineData::holding(at, byte));
        }
        let mask = byte_mask(chunk.to.offset(), chunk.bytes);
        let access = Access::Store(LineWrite::Bytes { mask, data });
        let (bytes, line, scope) = (chunk.bytes, chunk.to.line(), Scope::Supernode);
        self.stores.push_back(Piece { line, access, bytes, mask, scope, ordered: false, token });
    }
}
