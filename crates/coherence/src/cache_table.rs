//! The cache's half of the protocol: one row a (state, event).
//!
//! Core events on a transient line stall. Every `Inv` is acknowledged, whatever the state, because
//! home may list a cache whose copy is gone. Every completion sends `CompAck`.
//!
//! A far atomic on a shared copy drops the copy as it is sent; on an exclusive, modified or owned one
//! the line is first put back like any victim, and the atomic is sent from I once that is acknowledged.
//! So nothing is lost, and a home never sees a far atomic from the line's owner.
//!
//! With [`Protocol::owned`](crate::Protocol::owned) the rows of O, `OmAd` and `OiA` are those of the
//! Primer's MOSI directory protocol (2nd ed., section 8.4: O, `OM^AC`, `OI^A`), with the data-less
//! upgrade from S that is here, too: the owner may find itself invalidated by a sharer that has the data.
//! With [`Protocol::direct`](crate::Protocol::direct) a sharer may be asked to serve a reader. The owner or
//! sharer always answers home, with `Wb` or with what state it is left in, as in CHI.

use base::NodeIdx;

use crate::cache_faults as faults;
use crate::config::{Config, Protocol};
use crate::message::{Gather, Message, MsgKind};
use crate::mutant::{Faults, Mutant};
use crate::state::CacheState::{
    E, EiA, I, IaD, IiA, ImA, ImAd, IsD, M, MiA, O, OiA, OmAd, S, SiA, SmAd,
};
use crate::state::{CacheLine, CacheState, Effect, Sends, Step};
use crate::value::Value;

/// What can happen to a line in a cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheEvent<'a, V: Value> {
    /// The core reads.
    Load,
    /// The core writes, or performs a near atomic.
    Store(V::Write),
    /// The core asks for a far atomic.
    Far(V::Write),
    /// The cache needs the room and tells home.
    Evict,
    /// The cache needs the room and drops a shared copy without telling.
    Drop,
    /// A message arrives.
    Message(&'a Message<V>),
}

/// The row of the cache table for `line` and `event` in the cache of node `me`.
///
/// Pure. Evictions of lines that are not there, and messages that nobody can have sent, are
/// [`Step::Illegal`].
pub fn cache_step<V: Value, F: Faults>(
    cfg: Config<F>,
    me: NodeIdx,
    line: &CacheLine<V>,
    event: CacheEvent<'_, V>,
) -> Step<CacheLine<V>, V> {
    let row = Row { me, line: *line, sends: Sends::new(), effect: Effect::None };
    match event {
        CacheEvent::Message(m) => match m.kind {
            MsgKind::Inv | MsgKind::FwdGetS | MsgKind::FwdGetM | MsgKind::FwdInv => {
                snoop_rows(cfg, row, m)
            }
            _ => response_rows(cfg, row, m),
        },
        _ => core_rows(cfg, row, event),
    }
}

fn core_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: Row<V>,
    event: CacheEvent<'_, V>,
) -> Step<CacheLine<V>, V> {
    use CacheEvent::{Drop, Evict, Far, Load, Store};
    if let Some(step) = faults::core_rows(cfg, &row, event) {
        return step;
    }
    let gone = if cfg.has(Mutant::NoPutAckWait) { [I; 4] } else { [SiA, EiA, MiA, OiA] };
    match (row.line.state, event) {
        (I, Load) => row.to(IsD).tell(MsgKind::GetS),
        (I, Store(w)) => row.to(ImAd).wants(w).tell(MsgKind::GetM),
        (S, Store(w)) => row.to(SmAd).wants(w).tell(MsgKind::Upg),
        (O, Store(w)) => row.to(OmAd).wants(w).tell(MsgKind::Upg),
        (M, Far(w)) if cfg.has(Mutant::FarDropsDirty) => row.to(IaD).wants(w).tell(MsgKind::Far),
        (I | S, Far(w)) => row.to(IaD).wants(w).tell(MsgKind::Far),

        (S | E | M | O, Load) => row.load(),
        (E | M, Store(w)) => row.to(M).wants(w).store(),

        (S, Evict) => row.tell(MsgKind::PutS).to(gone[0]),
        (E, Evict | Far(_)) => row.tell(MsgKind::PutE).to(gone[1]),
        (M, Evict | Far(_)) => row.tell(MsgKind::PutM).to(gone[2]),
        (O, Evict | Far(_)) => row.tell(MsgKind::PutO).to(gone[3]),
        (S, Drop) => row.to(I),

        (I, Evict | Drop) | (E | M | O, Drop) => return Step::Illegal,
        _ => return Step::Stall,
    }
    .done()
}

fn snoop_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: Row<V>,
    m: &Message<V>,
) -> Step<CacheLine<V>, V> {
    use MsgKind::{FwdAckI, FwdAckO, FwdAckS, FwdGetM, FwdGetS, FwdInv, Inv};
    let Protocol { owned, direct } = cfg.protocol;
    if let Some(step) = faults::snoop_rows(cfg, &row, m) {
        return step;
    }
    match (row.line.state, m.kind) {
        (I | IiA, Inv) if cfg.has(Mutant::StaleInvNotAcked) => row,
        (IsD, Inv) if cfg.has(Mutant::InvDropsIsD) => row.ack(m).to(I),
        (SmAd, Inv) if cfg.has(Mutant::SmAdKeepsData) => row.ack(m),
        (MiA, FwdGetS) if cfg.has(Mutant::FwdGetSIgnoredInMiA) => row,

        (I | IsD | ImAd | IiA | IaD, Inv) => row.ack(m),
        // By a list that names caches without a copy: home has had the Put, its answer is on the way.
        (EiA | MiA, Inv) if !cfg.directory.is_exact() => row.ack(m),
        (S | O, Inv) => row.ack(m).to(I),
        (SmAd | OmAd, Inv) => row.ack(m).to(ImAd),
        (SiA | OiA, Inv) => row.ack(m).to(IiA),

        // The dirty owner stays the owner.
        (M | O, FwdGetS) if owned => row.hand_over(m).answer(FwdAckO, m).to(O),
        (OmAd, FwdGetS) if owned => row.hand_over(m).answer(FwdAckO, m),
        (MiA | OiA, FwdGetS) if owned => row.hand_over(m).answer(FwdAckO, m).to(OiA),
        // A clean copy is handed on, and memory left alone.
        (E | S, FwdGetS) if direct => row.hand_over(m).answer(FwdAckS, m).to(S),
        (EiA, FwdGetS) if direct => row.hand_over(m).answer(FwdAckS, m).to(IiA),
        (SmAd, FwdGetS) if direct => row.hand_over(m).answer(FwdAckS, m),
        (I | IsD | ImAd | SiA | IaD, FwdGetS) if direct => row.answer(FwdAckI, m),

        (E | M, FwdGetS) => row.hand_over(m).write_back(m).to(S),
        (EiA | MiA, FwdGetS) => row.hand_over(m).write_back(m).to(IiA),

        (E | M | O, FwdGetM) => row.hand_over(m).to(I),
        (OmAd, FwdGetM) => row.hand_over(m).to(ImAd),
        (EiA | MiA | OiA, FwdGetM) => row.hand_over(m).to(IiA),

        (E | M | O, FwdInv) => row.write_back(m).to(I),
        (OmAd, FwdInv) => row.write_back(m).to(ImAd),
        (EiA | MiA | OiA, FwdInv) => row.write_back(m).to(IiA),

        _ => return Step::Illegal,
    }
    .done()
}

fn response_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: Row<V>,
    m: &Message<V>,
) -> Step<CacheLine<V>, V> {
    use MsgKind::{AckCount, Data, DataE, FarResp, InvAck, PutAck};
    let n = if cfg.has(Mutant::CompletesBeforeAcks) { 0 } else { i32::from(m.acks) };
    match (row.line.state, m.kind) {
        (ImAd, InvAck) if cfg.has(Mutant::EarlyInvAckLost) => row,
        (SmAd, Data) if cfg.has(Mutant::SmAdKeepsData) => row.expect(n).complete_if_gathered(),
        (S | E | M | I, InvAck) if cfg.has(Mutant::CompletesBeforeAcks) => row,

        (IsD, Data) => row.to(S).take(m).load().comp_ack(),
        (IsD, DataE) => row.to(E).take(m).load().comp_ack(),
        (ImAd, Data) => row.take(m).expect(n).complete_if_gathered(),
        // Home does not know whether the copy is still there, and sends data to be safe.
        (SmAd, Data) if !cfg.directory.is_exact() => row.take(m).expect(n).complete_if_gathered(),
        (SmAd | OmAd, AckCount) => row.expect(n).complete_if_gathered(),
        (ImAd | SmAd | OmAd, InvAck) => row.expect(-1),
        (ImA, InvAck) => row.expect(-1).complete_if_gathered(),

        (MiA | EiA | SiA | OiA | IiA, PutAck) => row.to(I),
        (I, PutAck) if cfg.has(Mutant::NoPutAckWait) => row,
        (IaD, FarResp) => row.take(m).store().to(I).comp_ack(),

        _ => return Step::Illegal,
    }
    .done()
}

/// A row being filled in.
#[derive(Clone)]
pub(crate) struct Row<V: Value> {
    me: NodeIdx,
    pub(crate) line: CacheLine<V>,
    sends: Sends<V>,
    effect: Effect<V>,
}

impl<V: Value> Row<V> {
    /// Enters `state` and lets go of what it does not keep.
    pub(crate) fn to(mut self, state: CacheState) -> Self {
        self.line.state = state;
        if !state.holds_value() {
            self.line.value = None;
        }
        if state.is_stable() {
            self.line.acks = 0;
        }
        self
    }

    /// Remembers what to do at completion.
    pub(crate) fn wants(mut self, write: V::Write) -> Self {
        self.line.write = Some(write);
        self
    }

    /// Takes the value that `m` carries.
    fn take(mut self, m: &Message<V>) -> Self {
        self.line.value = m.data;
        self
    }

    /// Counts `n` more acknowledgements to come.
    fn expect(mut self, n: i32) -> Self {
        self.line.acks += n;
        self
    }

    fn load(mut self) -> Self {
        if let Some(v) = self.line.value {
            self.effect = Effect::Load(v);
        }
        self
    }

    pub(crate) fn store(mut self) -> Self {
        if let (Some(old), Some(write)) = (self.line.value, self.line.write.take()) {
            let new = old.written(&write);
            self.line.value = Some(new);
            self.effect = Effect::Store { old, new };
        }
        self
    }

    /// A writer that has the data: done if no acknowledgement is missing.
    fn complete_if_gathered(self) -> Self {
        if self.line.acks == 0 { self.to(M).store().comp_ack() } else { self.to(ImA) }
    }

    /// Sends a request to home; `PutM` and `PutO` with the value, `Far` with what to do.
    pub(crate) fn tell(mut self, kind: MsgKind) -> Self {
        let mut m = Message::new(kind, self.me, self.line.home, self.me);
        m.data = self.line.value.filter(|_| kind.carries_data());
        m.write = self.line.write.filter(|_| kind == MsgKind::Far);
        self.sends.push(m);
        self
    }

    fn comp_ack(mut self) -> Self {
        self.sends.push(Message::new(MsgKind::CompAck, self.me, self.line.home, self.me));
        self
    }

    /// Acknowledges an invalidation to whoever gathers.
    pub(crate) fn ack(mut self, inv: &Message<V>) -> Self {
        let to = if inv.gather == Gather::Home { inv.src } else { inv.requester };
        let mut m = Message::new(MsgKind::InvAck, self.me, to, inv.requester);
        m.gather = inv.gather;
        self.sends.push(m);
        self
    }

    /// Sends this cache's data to the requester, with the count that home gave.
    pub(crate) fn hand_over(mut self, fwd: &Message<V>) -> Self {
        let mut m = Message::new(MsgKind::Data, self.me, fwd.requester, fwd.requester);
        (m.data, m.acks) = (self.line.value, fwd.acks);
        self.sends.push(m);
        self
    }

    /// Sends the owner's data to home.
    pub(crate) fn write_back(mut self, fwd: &Message<V>) -> Self {
        let mut m = Message::new(MsgKind::Wb, self.me, fwd.src, fwd.requester);
        m.data = self.line.value;
        self.sends.push(m);
        self
    }

    /// Tells home what became of a `FwdGetS`.
    pub(crate) fn answer(mut self, kind: MsgKind, fwd: &Message<V>) -> Self {
        self.sends.push(Message::new(kind, self.me, fwd.src, fwd.requester));
        self
    }

    pub(crate) fn done(self) -> Step<CacheLine<V>, V> {
        let row_lost_its_value = self.line.state.holds_value() && self.line.value.is_none();
        let carried_nothing = self.sends.iter().any(|m| m.kind.carries_data() && m.data.is_none());
        if row_lost_its_value || carried_nothing {
            return Step::Illegal;
        }
        Step::Next(self.line, self.sends, self.effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::ByteWrite::Set;

    const ME: NodeIdx = NodeIdx(1);
    const HOME: NodeIdx = NodeIdx(9);
    const OTHER: NodeIdx = NodeIdx(2);

    fn step(line: &CacheLine<u8>, event: CacheEvent<'_, u8>) -> (CacheLine<u8>, Vec<MsgKind>) {
        match cache_step(Config::default(), ME, line, event) {
            Step::Next(line, sends, _) => (line, sends.iter().map(|m| m.kind).collect()),
            other => panic!("{:?} {event:?}: {other:?}", line.state),
        }
    }

    fn msg(kind: MsgKind) -> Message<u8> {
        Message::new(kind, HOME, ME, OTHER)
    }

    #[test]
    fn acks_that_overtake_the_data_are_counted() {
        let (line, _) = step(&CacheLine::invalid(HOME), CacheEvent::Store(Set(7)));
        let (line, _) = step(&line, CacheEvent::Message(&msg(MsgKind::InvAck)));
        let mut data = msg(MsgKind::Data);
        (data.data, data.acks) = (Some(3), 2);
        let (line, sent) = step(&line, CacheEvent::Message(&data));
        assert_eq!((line.state, line.acks), (ImA, 1));
        assert!(sent.is_empty());
        let (line, sent) = step(&line, CacheEvent::Message(&msg(MsgKind::InvAck)));
        assert_eq!((line.state, line.value, line.write), (M, Some(7), None));
        assert_eq!(sent, [MsgKind::CompAck]);
    }

    #[test]
    fn a_snoop_finds_the_data_of_a_line_on_its_way_out() {
        let modified = CacheLine::stable(M, HOME, Some(4));
        let (leaving, sent) = step(&modified, CacheEvent::Evict);
        assert_eq!((leaving.state, sent), (MiA, vec![MsgKind::PutM]));
        let (line, sent) = step(&leaving, CacheEvent::Message(&msg(MsgKind::FwdGetS)));
        assert_eq!((line.state, line.value), (IiA, None));
        assert_eq!(sent, [MsgKind::Data, MsgKind::Wb]);
    }

    #[test]
    fn a_far_atomic_on_a_modified_line_writes_back_first() {
        let modified = CacheLine::stable(M, HOME, Some(4));
        let (line, sent) = step(&modified, CacheEvent::Far(Set(1)));
        assert_eq!((line.state, sent), (MiA, vec![MsgKind::PutM]));
    }

    #[test]
    fn an_invalidated_upgrade_no_longer_counts_on_its_copy() {
        let shared = CacheLine::stable(S, HOME, Some(4));
        let (line, _) = step(&shared, CacheEvent::Store(Set(1)));
        let (line, sent) = step(&line, CacheEvent::Message(&msg(MsgKind::Inv)));
        assert_eq!((line.state, line.value), (ImAd, None));
        assert_eq!(sent, [MsgKind::InvAck]);
        let count = msg(MsgKind::AckCount);
        let answer = cache_step(Config::default(), ME, &line, CacheEvent::Message(&count));
        assert_eq!(answer, Step::Illegal);
    }
}
