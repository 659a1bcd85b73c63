//! Home's half of the protocol: one row a (state, event).
//!
//! Any blocked state stalls all requests. A Put from a cache that is not the owner is acknowledged
//! and its data never written. A read that another cache serves waits for both that one's answer and
//! `CompAck`, in any order. An upgrade by a cache that is no longer a sharer is served as a `GetM`.
//!
//! What becomes of a read of an owned line, the owner's answer says: `Wb` writes memory, the line is
//! shared; `FwdAckS`, memory has the data, the line is shared; `FwdAckO`, the owner keeps the line, which
//! is in O. There it is the owner who serves the next reader or writer, and sharers are invalidated as
//! in S (the Primer's MOSI directory, 2nd ed., section 8.4). A sharer that upgrades has the data, so the
//! owner is invalidated like a sharer, and its data with it.
//!
//! With [`Protocol::direct`](crate::Protocol::direct) home keeps in mind who read a shared line last, and
//! has that cache serve the next reader. If it has lost its copy it says so, `FwdAckI`, and home reads
//! memory.

use base::{Class, NodeIdx};

use crate::config::Config;
use crate::dir_faults as faults;
use crate::dir_row::Row;
use crate::message::{Message, MsgKind};
use crate::mutant::{Faults, Mutant};
use crate::state::DirState::{BAtomic, BGetM, BGetMInv, BGetS, BRecall, EM, I, O, S};
use crate::state::{DirLine, Step};
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
/// Pure. A message to many sharers comes out once, addressed to [`EACH_SHARER`](crate::EACH_SHARER): the
/// resulting line's `sharers`. Messages that nobody can have sent are [`Step::Illegal`]; so is the recall of
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
                kind if kind.class() != Class::Req => response_rows(cfg, row, m),
                _ if !line.state.is_stable() => blocked_rows(cfg, row, m),
                kind if kind.is_put() => put_rows(cfg, row, m),
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
    use MsgKind::{AckCount, Data, DataE, Far, FwdGetS, FwdInv, GetM, GetS, Upg};
    let r = m.src;
    let mine = row.line.owner == Some(r);
    let sure = !row.line.coarse || cfg.has(Mutant::UpgradeByCoarseList);
    let shared = row.line.sharers.contains(r) && sure || cfg.has(Mutant::UpgradeAfterLoss);
    let directory = &cfg.directory;
    if let Some(step) = faults::request_rows(cfg, &row, m) {
        return step;
    }
    match (row.line.state, m.kind) {
        (EM, Far) if mine && cfg.has(Mutant::FarDropsDirty) => row.block(BAtomic, r).perform(m),
        (EM, _) | (O, GetS | GetM | Far) if mine => return Step::Illegal,

        (I, GetS) => row.block(BGetS, r).grant(DataE, 0).own(r),
        (S, GetS) if row.line.owner.is_some() => row.forward_read(cfg, r),
        (S, GetS) => row.block(BGetS, r).grant(Data, 0).share(directory, r),
        (EM | O, GetS) => row.block(BGetS, r).snoop(FwdGetS, 0).await_wb().share(directory, r),

        (I, GetM | Upg) => row.block(BGetM, r).grant(Data, 0).own(r),
        (S, Upg) if shared => row.invalidate_for(r, AckCount),
        (S, GetM | Upg) => row.invalidate_for(r, Data),
        (O, Upg) if mine => row.invalidate_for(r, AckCount),
        (O, Upg) if shared => row.list_owner().invalidate_for(r, AckCount),
        (EM | O, GetM | Upg) => row.hand_over_to(r),

        (I, Far) => row.block(BAtomic, r).perform(m),
        (EM, Far) if cfg.has(Mutant::FarBeforeGather) => {
            row.block(BAtomic, r).snoop(FwdInv, 0).perform(m)
        }
        (S, Far) => row.block(BAtomic, r).unlist(r).disown().invalidate().perform_if_gathered(m),
        (EM | O, Far) => row.block(BAtomic, r).unlist(r).take_back().perform_if_gathered(m),

        _ => return Step::Illegal,
    }
    .awaits_no_comp_if(cfg.has(Mutant::NoCompAckWait))
    .settle(cfg)
    .done()
}

fn put_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: Row<V>,
    m: &Message<V>,
) -> Step<DirLine<V>, V> {
    use MsgKind::{PutE, PutM, PutO, PutS};
    let mine = row.line.owner == Some(m.src);
    if let Some(step) = faults::put_rows(cfg, &row, m) {
        return step;
    }
    match (row.line.state, m.kind) {
        (EM, PutS | PutO) | (O, PutS | PutE) if mine => return Step::Illegal,
        (EM, PutE) if mine => row.unown(),
        // PutM: the owner gave the line up before it served a reader.
        (EM, PutM) | (O, PutM | PutO) if mine => row.write(m).unown(),
        (_, PutM | PutO) if cfg.has(Mutant::StalePutWrites) => row.write(m).unshare(m.src),
        (S | O, _) if row.line.coarse && cfg.has(Mutant::CoarseListForgets) => {
            row.forget(&cfg.directory, m.src)
        }
        (S | O, _) if row.line.coarse => row.unforward(m.src),
        (S | O, _) => row.unshare(m.src),
        _ => row,
    }
    .reply(MsgKind::PutAck, m.src)
    .done()
}

fn recall_rows<V: Value, F: Faults>(cfg: Config<F>, row: Row<V>) -> Step<DirLine<V>, V> {
    if let Some(step) = faults::recall_rows(cfg, &row) {
        return step;
    }
    match row.line.state {
        I => return Step::Illegal,
        S if cfg.has(Mutant::RecallForgetsInvs) => row.forget_all(),
        S => row.to(BRecall).disown().invalidate(),
        EM | O => row.to(BRecall).take_back(),
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
    let absorbed = row.line.awaits_wb && matches!(m.kind, MsgKind::PutM | MsgKind::PutO);
    if absorbed && cfg.has(Mutant::PutAbsorbedAsWb) {
        return row
            .write(m)
            .got_answer(&cfg.directory)
            .perform_if_gathered(m)
            .reply(MsgKind::PutAck, m.src)
            .settle(cfg)
            .done();
    }
    Step::Stall
}

fn response_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: Row<V>,
    m: &Message<V>,
) -> Step<DirLine<V>, V> {
    use MsgKind::{CompAck, Data, FwdAckI, FwdAckO, FwdAckS, InvAck, Wb};
    let (line, directory) = (&row.line, &cfg.directory);
    let answered = line.awaits_wb && line.owner == Some(m.src);
    let wb = answered && m.data.is_some();
    let acked = line.sharers.contains(m.src);
    let comp = line.awaits_comp && line.requester == Some(m.src) && line.write.is_none();
    if let Some(step) = faults::response_rows(cfg, &row, m) {
        return step;
    }
    match (line.state, m.kind) {
        (_, Wb) if cfg.has(Mutant::NoWbWait) && m.data.is_some() => {
            row.write(m).got_answer(directory)
        }
        (_, CompAck) if cfg.has(Mutant::NoCompAckWait) => row,
        (_, Wb) if cfg.has(Mutant::FarBeforeGather) && !wb => row,

        (BGetS | BRecall, Wb) if wb => row.write(m).got_answer(directory),
        (BAtomic, Wb) if wb => row.write(m).got_answer(directory).perform_if_gathered(m),
        (BGetS, FwdAckO) if answered => row.owner_stays(),
        (BGetS, FwdAckS) if answered => row.got_answer(directory),
        (BGetS, FwdAckI) if answered => row.owner_is_gone().grant(Data, 0),
        (BGetS, InvAck) if line.victim == Some(m.src) => row.got_victim(),
        (BRecall, InvAck) if acked => row.unlist(m.src),
        (BAtomic, InvAck) if acked => row.unlist(m.src).perform_if_gathered(m),

        (BGetS | BGetM | BGetMInv | BAtomic, CompAck) if comp => row.got_comp(cfg),

        _ => return Step::Illegal,
    }
    .settle(cfg)
    .done()
}
