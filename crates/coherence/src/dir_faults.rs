//! Faults seeded into home's rows of the protocol's options. Where none is seeded, nothing of this is
//! left in the compiled tables.

use crate::config::Config;
use crate::dir_row::Row;
use crate::message::{Message, MsgKind};
use crate::mutant::{Faults, Mutant};
use crate::state::DirState::{BAtomic, BGetM, BGetS, BRecall, O};
use crate::state::{DirLine, Step};
use crate::value::Value;

/// The faulty row for a request, if it is one.
#[inline]
pub(crate) fn request_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: &Row<V>,
    m: &Message<V>,
) -> Option<Step<DirLine<V>, V>> {
    use MsgKind::{AckCount, Data, Far, FwdGetM, FwdInv, GetM, GetS, Upg};
    if row.line.state != O {
        return None;
    }
    let r = m.src;
    let (mine, listed) = (row.line.owner == Some(r), row.line.sharers.contains(r));
    let row = || row.clone();
    let has = |mutant| cfg.has(mutant);
    let faulty = match m.kind {
        GetS if has(Mutant::OwnedReadFromMemory) => {
            row().block(BGetS, r).grant(Data, 0).share(&cfg.directory, r)
        }
        GetM if has(Mutant::OwnedWriteForgetsSharers) => {
            row().block(BGetM, r).snoop(FwdGetM, 0).own(r)
        }
        Upg if mine && has(Mutant::OwnerUpgradeForgetsSharers) => {
            row().block(BGetM, r).grant(AckCount, 0).own(r)
        }
        Upg if !mine && listed && has(Mutant::UpgradeForgetsOwner) => {
            row().invalidate_for(r, AckCount)
        }
        Far if has(Mutant::OwnedFarForgetsSharers) => {
            let row = row().block(BAtomic, r).unlist_all().snoop(FwdInv, 0).await_wb();
            row.perform_if_gathered(m)
        }
        Far if has(Mutant::OwnedFarForgetsOwner) => {
            row().block(BAtomic, r).unlist(r).disown().invalidate().perform_if_gathered(m)
        }
        _ => return None,
    };
    Some(faulty.settle(cfg).done())
}

/// The faulty row for a Put, if it is one.
#[inline]
pub(crate) fn put_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: &Row<V>,
    m: &Message<V>,
) -> Option<Step<DirLine<V>, V>> {
    let has = |mutant| cfg.has(mutant);
    if row.line.state != O || row.line.owner != Some(m.src) {
        return None;
    }
    let row = || row.clone();
    let faulty = match m.kind {
        MsgKind::PutO if has(Mutant::PutOForgetsSharers) => row().write(m).unlist_all().unown(),
        MsgKind::PutO if has(Mutant::PutOForgetsData) => row().unown(),
        MsgKind::PutM if has(Mutant::PutMInOIsStale) => row(),
        _ => return None,
    };
    Some(faulty.reply(MsgKind::PutAck, m.src).done())
}

/// The faulty row for a recall, if it is one.
#[inline]
pub(crate) fn recall_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: &Row<V>,
) -> Option<Step<DirLine<V>, V>> {
    if row.line.state != O {
        return None;
    }
    let row = || row.clone();
    let faulty = if cfg.has(Mutant::OwnedRecallForgetsOwner) {
        row().to(BRecall).disown().invalidate()
    } else if cfg.has(Mutant::OwnedRecallForgetsSharers) {
        row().to(BRecall).unlist_all().snoop(MsgKind::FwdInv, 0).await_wb()
    } else {
        return None;
    };
    Some(faulty.settle(cfg).done())
}

/// The faulty row for an answer, if it is one.
#[inline]
pub(crate) fn response_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: &Row<V>,
    m: &Message<V>,
) -> Option<Step<DirLine<V>, V>> {
    let faulty = match m.kind {
        MsgKind::FwdAckO if cfg.has(Mutant::FwdAckOTakenForClean) => {
            row.clone().got_answer(&cfg.directory)
        }
        MsgKind::FwdAckI if cfg.has(Mutant::MissNotServed) => row.clone().owner_is_gone(),
        _ => return None,
    };
    Some(faulty.settle(cfg).done())
}
