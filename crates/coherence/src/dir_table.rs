//! Home's half of the protocol: one row a (state, event).
//!
//! Any blocked state stalls all requests. A Put from a cache that is not the owner is acknowledged
//! and its data never written. A read of an owned line waits for both `Wb` and `CompAck`, in any
//! order. An upgrade by a cache that is no longer a sharer is served as a `GetM`.

use base::NodeIdx;

use crate::config::{Config, Faults, Mutant};
use crate::directory::Directory;
use crate::message::{EACH_SHARER, Gather, Message, MsgKind};
use crate::sharers::Sharers;
use crate::state::DirState::{BAtomic, BGetM, BGetMInv, BGetS, BRecall, EM, I, S};
use crate::state::{DirLine, DirState, Effect, Sends, Step};
use crate::value::Value;

/// What can happen to a line at its home.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirEvent<'a, V: Value> {
    /// Home itself wants every copy back.
    Recall {
        /// The home's node.
        home: NodeIdx,
    },
    /// A message arrives.
    Message(&'a Message<V>),
}

/// The row of the directory table for `line` and `event`.
///
/// Pure. A message to many sharers comes out once, addressed to [`EACH_SHARER`]: the resulting
/// line's `sharers`. Messages that nobody can have sent are [`Step::Illegal`]; so is the recall of
/// a line that no cache has.
pub fn dir_step<V: Value, F: Faults>(
    cfg: Config<F>,
    line: &DirLine<V>,
    event: DirEvent<'_, V>,
) -> Step<DirLine<V>, V> {
    match event {
        DirEvent::Recall { home } => recall_rows(cfg, Row::new(home, line)),
        DirEvent::Message(m) => {
            let row = Row::new(m.dst, line);
            match m.kind {
                MsgKind::Wb | MsgKind::InvAck | MsgKind::CompAck => response_rows(cfg, row, m),
                _ if !line.state.is_stable() => blocked_rows(cfg, row, m),
                MsgKind::PutS | MsgKind::PutE | MsgKind::PutM => put_rows(cfg, row, m),
                _ => request_rows(cfg, row, m),
            }
        }
    }
}

fn request_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: Row<V>,
    m: &Message<V>,
) -> Step<DirLine<V>, V> {
    use MsgKind::{AckCount, Data, DataE, Far, FwdGetM, FwdGetS, FwdInv, GetM, GetS, Upg};
    let r = m.src;
    let mine = row.line.owner == Some(r);
    let sure = !row.line.coarse || cfg.has(Mutant::UpgradeByCoarseList);
    let shared = row.line.sharers.contains(r) && sure || cfg.has(Mutant::UpgradeAfterLoss);
    let directory = &cfg.directory;
    match (row.line.state, m.kind) {
        (EM, Far) if mine && cfg.has(Mutant::FarDropsDirty) => row.block(BAtomic, r).perform(m),
        (EM, _) if mine => return Step::Illegal,

        (I, GetS) => row.block(BGetS, r).grant(DataE, 0).own(r),
        (S, GetS) => row.block(BGetS, r).grant(Data, 0).share(directory, r),
        (EM, GetS) => row.block(BGetS, r).snoop(FwdGetS).await_wb().share_with_owner(directory, r),

        (I, GetM | Upg) => row.block(BGetM, r).grant(Data, 0).own(r),
        (S, Upg) if shared => row.invalidate_for(r, AckCount),
        (S, GetM | Upg) => row.invalidate_for(r, Data),
        (EM, GetM | Upg) => row.block(BGetM, r).snoop(FwdGetM).own(r),

        (I, Far) => row.block(BAtomic, r).perform(m),
        (EM, Far) if cfg.has(Mutant::FarBeforeGather) => {
            row.block(BAtomic, r).snoop(FwdInv).perform(m)
        }
        (S, Far) => row.block(BAtomic, r).unlist(r).invalidate().perform_if_gathered(m),
        (EM, Far) => row.block(BAtomic, r).snoop(FwdInv).await_wb().perform_if_gathered(m),

        _ => return Step::Illegal,
    }
    .awaits_no_comp_if(cfg.has(Mutant::NoCompAckWait))
    .settle()
    .done()
}

fn put_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: Row<V>,
    m: &Message<V>,
) -> Step<DirLine<V>, V> {
    use MsgKind::{PutE, PutM, PutS};
    let mine = row.line.owner == Some(m.src);
    match (row.line.state, m.kind) {
        (EM, PutS) if mine => return Step::Illegal,
        (EM, PutE) if mine => row.unown(),
        (EM, PutM) if mine => row.write(m).unown(),
        (_, PutM) if cfg.has(Mutant::StalePutWrites) => row.write(m).unshare(m.src),
        (S, _) if row.line.coarse && cfg.has(Mutant::CoarseListForgets) => {
            row.forget(&cfg.directory, m.src)
        }
        (S, _) if row.line.coarse => row,
        (S, _) => row.unshare(m.src),
        _ => row,
    }
    .reply(MsgKind::PutAck, m.src)
    .done()
}

fn recall_rows<V: Value, F: Faults>(cfg: Config<F>, mut row: Row<V>) -> Step<DirLine<V>, V> {
    row.requester = row.home;
    match row.line.state {
        I => return Step::Illegal,
        S if cfg.has(Mutant::RecallForgetsInvs) => row.forget_all(),
        S => row.to(BRecall).invalidate(),
        EM => row.to(BRecall).snoop(MsgKind::FwdInv).await_wb(),
        _ => return Step::Stall,
    }
    .done()
}

/// Requests to a blocked line.
fn blocked_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: Row<V>,
    m: &Message<V>,
) -> Step<DirLine<V>, V> {
    let absorbed = row.line.awaits_wb && m.kind == MsgKind::PutM;
    if absorbed && cfg.has(Mutant::PutAbsorbedAsWb) {
        return row
            .write(m)
            .got_wb()
            .perform_if_gathered(m)
            .reply(MsgKind::PutAck, m.src)
            .settle()
            .done();
    }
    Step::Stall
}

fn response_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: Row<V>,
    m: &Message<V>,
) -> Step<DirLine<V>, V> {
    use MsgKind::{CompAck, InvAck, Wb};
    let line = &row.line;
    let wb = line.awaits_wb && m.data.is_some();
    let acked = line.sharers.contains(m.src);
    let comp = line.awaits_comp && line.requester == Some(m.src) && line.write.is_none();
    match (line.state, m.kind) {
        (_, Wb) if cfg.has(Mutant::NoWbWait) && m.data.is_some() => row.write(m).got_wb(),
        (_, CompAck) if cfg.has(Mutant::NoCompAckWait) => row,
        (_, Wb) if cfg.has(Mutant::FarBeforeGather) && !wb => row,

        (BGetS | BRecall, Wb) if wb => row.write(m).got_wb(),
        (BAtomic, Wb) if wb => row.write(m).got_wb().perform_if_gathered(m),
        (BGetS, InvAck) if line.victim == Some(m.src) => row.got_victim(),
        (BRecall, InvAck) if acked => row.unlist(m.src),
        (BAtomic, InvAck) if acked => row.unlist(m.src).perform_if_gathered(m),

        (BGetS | BGetM | BGetMInv | BAtomic, CompAck) if comp => row.got_comp(cfg),

        _ => return Step::Illegal,
    }
    .settle()
    .done()
}

/// A row being filled in.
struct Row<V: Value> {
    home: NodeIdx,
    requester: NodeIdx,
    line: DirLine<V>,
    sends: Sends<V>,
}

impl<V: Value> Row<V> {
    fn new(home: NodeIdx, line: &DirLine<V>) -> Self {
        let requester = line.requester.unwrap_or(home);
        Self { home, requester, line: *line, sends: Sends::new() }
    }

    fn to(mut self, state: DirState) -> Self {
        self.line.state = state;
        self
    }

    /// Blocks the line for `r` until its `CompAck`.
    fn block(mut self, state: DirState, r: NodeIdx) -> Self {
        self.line.state = state;
        self.line.requester = Some(r);
        self.line.awaits_comp = true;
        self.requester = r;
        self
    }

    fn send(mut self, kind: MsgKind, dst: NodeIdx) -> Self {
        self.sends.push(Message::new(kind, self.home, dst, self.requester));
        self
    }

    fn reply(mut self, kind: MsgKind, dst: NodeIdx) -> Self {
        self.sends.push(Message::new(kind, self.home, dst, dst));
        self
    }

    /// Answers the requester: with memory's data unless it is an `AckCount`.
    fn grant(mut self, kind: MsgKind, acks: u16) -> Self {
        let mut m = Message::new(kind, self.home, self.requester, self.requester);
        m.acks = acks;
        m.data = kind.carries_data().then_some(self.line.memory);
        self.sends.push(m);
        self
    }

    /// Snoops the owner.
    fn snoop(self, kind: MsgKind) -> Self {
        match self.line.owner {
            Some(owner) => self.send(kind, owner),
            None => self,
        }
    }

    /// Invalidates all sharers; home gathers.
    fn invalidate(mut self) -> Self {
        if !self.line.sharers.is_empty() {
            let mut inv = Message::new(MsgKind::Inv, self.home, EACH_SHARER, self.requester);
            inv.gather = Gather::Home;
            self.sends.push(inv);
        }
        self
    }

    /// Grants `r` the line with `kind` and invalidates the other sharers; `r` gathers.
    fn invalidate_for(self, r: NodeIdx, kind: MsgKind) -> Self {
        let row = self.block(BGetM, r).unlist(r);
        let n = row.line.sharers.len();
        if n == 0 {
            return row.grant(kind, 0).own(r);
        }
        let mut row = row.to(BGetMInv).grant(kind, n).send(MsgKind::Inv, EACH_SHARER);
        row.line.owner = Some(r);
        row
    }

    fn own(mut self, r: NodeIdx) -> Self {
        self.line.owner = Some(r);
        self.line.sharers = Sharers::default();
        self.line.coarse = false;
        self
    }

    fn unown(mut self) -> Self {
        self.line.owner = None;
        self.to(I)
    }

    /// Lists `r`; a sharer that loses its place on the list for it loses its copy, too.
    fn share(mut self, directory: &Directory, r: NodeIdx) -> Self {
        let DirLine { sharers, coarse, victim, .. } = &mut self.line;
        *victim = directory.list(sharers, coarse, r);
        let Some(victim) = *victim else { return self };
        let mut inv = Message::new(MsgKind::Inv, self.home, victim, self.requester);
        inv.gather = Gather::Home;
        self.sends.push(inv);
        self
    }

    fn got_victim(mut self) -> Self {
        self.line.victim = None;
        self
    }

    fn share_with_owner(mut self, directory: &Directory, r: NodeIdx) -> Self {
        if let Some(owner) = self.line.owner.take() {
            // The first on the list: nobody can lose a place.
            directory.list(&mut self.line.sharers, &mut self.line.coarse, owner);
        }
        self.share(directory, r)
    }

    /// Takes `r` off the list of a line in S.
    fn unshare(mut self, r: NodeIdx) -> Self {
        self.line.sharers.remove(r);
        let empty = self.line.state == S && self.line.sharers.is_empty();
        if empty { self.to(I) } else { self }
    }

    /// The seeded fault of taking a sharer's bit off a coarse list.
    fn forget(mut self, directory: &Directory, r: NodeIdx) -> Self {
        directory.forget(&mut self.line.sharers, r);
        self.unshare(r)
    }

    /// The seeded fault of taking a shared line off the directory while its copies live on.
    fn forget_all(mut self) -> Self {
        self.line = DirLine::untouched(self.line.memory);
        self
    }

    fn unlist(mut self, r: NodeIdx) -> Self {
        self.line.sharers.remove(r);
        self
    }

    fn write(mut self, m: &Message<V>) -> Self {
        if let Some(v) = m.data {
            self.line.memory = v;
        }
        self
    }

    fn await_wb(mut self) -> Self {
        self.line.awaits_wb = true;
        self
    }

    fn got_wb(mut self) -> Self {
        self.line.awaits_wb = false;
        if matches!(self.line.state, BRecall | BAtomic) {
            self.line.owner = None;
        }
        self
    }

    fn got_comp<F: Faults>(mut self, cfg: Config<F>) -> Self {
        self.line.awaits_comp = false;
        if cfg.has(Mutant::NoWbWait) {
            self.line.awaits_wb = false;
        }
        self
    }

    /// A far atomic: performs it if every copy is back, else remembers it.
    fn perform_if_gathered(mut self, m: &Message<V>) -> Self {
        self.line.write = self.line.write.or(m.write);
        if self.line.awaits_wb || !self.line.sharers.is_empty() { self } else { self.perform(m) }
    }

    /// Performs a far atomic on memory and answers with the old value.
    fn perform(mut self, m: &Message<V>) -> Self {
        if let Some(write) = self.line.write.take().or(m.write) {
            let old = self.line.memory;
            self.line.memory = old.written(&write);
            self.line.owner = None;
            self.line.sharers = Sharers::default();
            let mut resp =
                Message::new(MsgKind::FarResp, self.home, self.requester, self.requester);
            resp.data = Some(old);
            self.sends.push(resp);
        }
        self
    }

    /// Unblocks the line once nothing is awaited any more.
    fn settle(mut self) -> Self {
        let line = &mut self.line;
        let gathers = matches!(line.state, BRecall | BAtomic) && !line.sharers.is_empty();
        let awaits = line.awaits_wb || line.awaits_comp || line.victim.is_some();
        if line.state.is_stable() || awaits || gathers {
            return self;
        }
        line.state = match line.state {
            BGetS if line.owner.is_none() => S,
            BGetS | BGetM | BGetMInv => EM,
            _ => I,
        };
        if line.state != S {
            line.sharers = Sharers::default();
            line.coarse = false;
        }
        line.requester = None;
        self
    }

    /// The seeded fault of not waiting for `CompAck`.
    fn awaits_no_comp_if(mut self, faulty: bool) -> Self {
        self.line.awaits_comp &= !faulty;
        self
    }

    fn done(self) -> Step<DirLine<V>, V> {
        Step::Next(self.line, self.sends, Effect::None)
    }
}
