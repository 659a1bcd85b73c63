//! What a row of the directory table is made of: what is sent, who is listed, what is awaited.

use base::NodeIdx;

use crate::config::Config;
use crate::directory::Directory;
use crate::message::{EACH_SHARER, Gather, Message, MsgKind};
use crate::mutant::{Faults, Mutant};
use crate::sharers::Sharers;
use crate::state::DirState::{BAtomic, BGetM, BGetMInv, BGetS, BRecall, EM, I, O, S};
use crate::state::{DirLine, DirState, Effect, Sends, Step};
use crate::value::Value;

/// A row being filled in.
#[derive(Clone)]
pub(crate) struct Row<V: Value> {
    home: NodeIdx,
    requester: NodeIdx,
    pub(crate) line: DirLine<V>,
    sends: Sends<V>,
}

impl<V: Value> Row<V> {
    pub(crate) fn new(home: NodeIdx, line: &DirLine<V>) -> Self {
        let requester = line.requester.unwrap_or(home);
        Self { home, requester, line: *line, sends: Sends::new() }
    }

    pub(crate) fn to(mut self, state: DirState) -> Self {
        self.line.state = state;
        self
    }

    /// Blocks the line for `r` until its `CompAck`.
    pub(crate) fn block(mut self, state: DirState, r: NodeIdx) -> Self {
        self.line.state = state;
        self.line.requester = Some(r);
        self.line.awaits_comp = true;
        self.requester = r;
        self
    }

    pub(crate) fn send(mut self, kind: MsgKind, dst: NodeIdx) -> Self {
        self.sends.push(Message::new(kind, self.home, dst, self.requester));
        self
    }

    pub(crate) fn reply(mut self, kind: MsgKind, dst: NodeIdx) -> Self {
        self.sends.push(Message::new(kind, self.home, dst, dst));
        self
    }

    /// Answers the requester: with memory's data unless it is an `AckCount`.
    pub(crate) fn grant(mut self, kind: MsgKind, acks: u16) -> Self {
        let mut m = Message::new(kind, self.home, self.requester, self.requester);
        m.acks = acks;
        m.data = kind.carries_data().then_some(self.line.memory);
        self.sends.push(m);
        self
    }

    /// Snoops the owner, or the sharer that forwards; `acks` is for the requester to gather.
    pub(crate) fn snoop(mut self, kind: MsgKind, acks: u16) -> Self {
        if let Some(owner) = self.line.owner {
            let mut snoop = Message::new(kind, self.home, owner, self.requester);
            snoop.acks = acks;
            self.sends.push(snoop);
        }
        self
    }

    /// Invalidates all sharers; home gathers.
    pub(crate) fn invalidate(mut self) -> Self {
        if !self.line.sharers.is_empty() {
            let mut inv = Message::new(MsgKind::Inv, self.home, EACH_SHARER, self.requester);
            inv.gather = Gather::Home;
            self.sends.push(inv);
        }
        self
    }

    /// Grants `r` the line with `kind` and invalidates the other sharers; `r` gathers.
    pub(crate) fn invalidate_for(self, r: NodeIdx, kind: MsgKind) -> Self {
        let row = self.block(BGetM, r).unlist(r);
        let n = row.line.sharers.len();
        if n == 0 {
            return row.grant(kind, 0).own(r);
        }
        let mut row = row.to(BGetMInv).grant(kind, n).send(MsgKind::Inv, EACH_SHARER);
        row.line.owner = Some(r);
        row
    }

    /// Has the owner hand the line over to `r` and invalidates the sharers; `r` gathers.
    pub(crate) fn hand_over_to(self, r: NodeIdx) -> Self {
        let row = self.block(BGetM, r).unlist(r).unlist_owner();
        let n = row.line.sharers.len();
        let row = row.snoop(MsgKind::FwdGetM, n);
        if n == 0 {
            return row.own(r);
        }
        let mut row = row.to(BGetMInv).send(MsgKind::Inv, EACH_SHARER);
        row.line.owner = Some(r);
        row
    }

    /// Takes an owned line back: from the owner with its data, and from the sharers; home gathers.
    pub(crate) fn take_back(self) -> Self {
        self.unlist_owner().snoop(MsgKind::FwdInv, 0).await_wb().invalidate()
    }

    /// Serves a reader of a shared line from the cache that read it last, unless that is `r` itself or
    /// loses its copy for `r`'s place on the list.
    pub(crate) fn forward_read<F: Faults>(self, cfg: Config<F>, r: NodeIdx) -> Self {
        let forwarder = self.line.owner.filter(|f| *f != r);
        let mut row = self.block(BGetS, r).share(&cfg.directory, r);
        let lost = row.line.victim.is_some() && row.line.victim == forwarder;
        row.line.owner = forwarder.filter(|_| !lost || cfg.has(Mutant::VictimForwards));
        match row.line.owner {
            Some(_) => row.snoop(MsgKind::FwdGetS, 0).await_wb(),
            None => row.grant(MsgKind::Data, 0),
        }
    }

    pub(crate) fn own(mut self, r: NodeIdx) -> Self {
        self.line.owner = Some(r);
        self.line.sharers = Sharers::default();
        self.line.coarse = false;
        self
    }

    /// The owner has given the line up; the sharers keep theirs.
    pub(crate) fn unown(mut self) -> Self {
        self.line.owner = None;
        if self.line.sharers.is_empty() { self.to(I) } else { self.to(S) }
    }

    /// Nobody owns the line, or forwards it.
    pub(crate) fn disown(mut self) -> Self {
        self.line.owner = None;
        self
    }

    /// Lists `r`; a sharer that loses its place on the list for it loses its copy, too.
    pub(crate) fn share(mut self, directory: &Directory, r: NodeIdx) -> Self {
        let DirLine { sharers, coarse, victim, .. } = &mut self.line;
        *victim = directory.list(sharers, coarse, r);
        let Some(victim) = *victim else { return self };
        let mut inv = Message::new(MsgKind::Inv, self.home, victim, self.requester);
        inv.gather = Gather::Home;
        self.sends.push(inv);
        self
    }

    pub(crate) fn got_victim(mut self) -> Self {
        self.line.victim = None;
        self
    }

    /// Takes `r` off the list of a line in S or O.
    pub(crate) fn unshare(self, r: NodeIdx) -> Self {
        let mut row = self.unforward(r);
        row.line.sharers.remove(r);
        let empty = row.line.state == S && row.line.sharers.is_empty();
        if empty { row.to(I) } else { row }
    }

    /// A shared line is forwarded by `r` no more.
    pub(crate) fn unforward(self, r: NodeIdx) -> Self {
        let forwards = self.line.state == S && self.line.owner == Some(r);
        if forwards { self.disown() } else { self }
    }

    /// The seeded fault of taking a sharer's bit off a coarse list.
    pub(crate) fn forget(mut self, directory: &Directory, r: NodeIdx) -> Self {
        directory.forget(&mut self.line.sharers, r);
        self.unshare(r)
    }

    /// The seeded fault of taking a shared line off the directory while its copies live on.
    pub(crate) fn forget_all(mut self) -> Self {
        self.line = DirLine::untouched(self.line.memory);
        self
    }

    pub(crate) fn unlist(mut self, r: NodeIdx) -> Self {
        self.line.sharers.remove(r);
        self
    }

    /// Takes the owner off a list that names too many.
    pub(crate) fn unlist_owner(self) -> Self {
        match self.line.owner {
            Some(owner) => self.unlist(owner),
            None => self,
        }
    }

    /// Puts the owner among those to be invalidated.
    pub(crate) fn list_owner(mut self) -> Self {
        if let Some(owner) = self.line.owner {
            self.line.sharers.insert(owner);
        }
        self
    }

    pub(crate) fn unlist_all(mut self) -> Self {
        self.line.sharers = Sharers::default();
        self
    }

    pub(crate) fn write(mut self, m: &Message<V>) -> Self {
        if let Some(v) = m.data {
            self.line.memory = v;
        }
        self
    }

    pub(crate) fn await_wb(mut self) -> Self {
        self.line.awaits_wb = true;
        self
    }

    /// The owner, or the sharer that forwarded, has answered and does not own the line any more; after
    /// a read it is a sharer.
    pub(crate) fn got_answer(mut self, directory: &Directory) -> Self {
        if !core::mem::take(&mut self.line.awaits_wb) {
            return self;
        }
        let owner = self.line.owner.take();
        if let Some(owner) = owner.filter(|_| self.line.state == BGetS) {
            // One of two on the list, or on it already: nobody can lose a place.
            directory.list(&mut self.line.sharers, &mut self.line.coarse, owner);
        }
        self
    }

    /// The owner has served the reader and stays the owner.
    pub(crate) fn owner_stays(mut self) -> Self {
        self.line.awaits_wb = false;
        self
    }

    /// The cache that was to forward has nothing.
    pub(crate) fn owner_is_gone(self) -> Self {
        self.owner_stays().disown()
    }

    pub(crate) fn got_comp<F: Faults>(mut self, cfg: Config<F>) -> Self {
        self.line.awaits_comp = false;
        if cfg.has(Mutant::NoWbWait) { self.got_answer(&cfg.directory) } else { self }
    }

    /// A far atomic: performs it if every copy is back, else remembers it.
    pub(crate) fn perform_if_gathered(mut self, m: &Message<V>) -> Self {
        self.line.write = self.line.write.or(m.write);
        if self.line.awaits_wb || !self.line.sharers.is_empty() { self } else { self.perform(m) }
    }

    /// Performs a far atomic on memory and answers with the old value.
    pub(crate) fn perform(mut self, m: &Message<V>) -> Self {
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
    pub(crate) fn settle<F: Faults>(mut self, cfg: Config<F>) -> Self {
        let line = &mut self.line;
        let gathers = matches!(line.state, BRecall | BAtomic) && !line.sharers.is_empty();
        let awaits = line.awaits_wb || line.awaits_comp || line.victim.is_some();
        if line.state.is_stable() || awaits || gathers {
            return self;
        }
        line.state = match line.state {
            BGetS if line.owner.is_none() => S,
            BGetS if !line.sharers.is_empty() => O,
            BGetS | BGetM | BGetMInv => EM,
            _ => I,
        };
        if !matches!(line.state, S | O) {
            line.sharers = Sharers::default();
            line.coarse = false;
        }
        if line.state == S && cfg.protocol.direct {
            line.owner = line.requester;
        }
        line.requester = None;
        self
    }

    /// The seeded fault of not waiting for `CompAck`.
    pub(crate) fn awaits_no_comp_if(mut self, faulty: bool) -> Self {
        self.line.awaits_comp &= !faulty;
        self
    }

    pub(crate) fn done(self) -> Step<DirLine<V>, V> {
        Step::Next(self.line, self.sends, Effect::None)
    }
}
