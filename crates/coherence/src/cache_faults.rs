//! Faults seeded into the cache's rows of the protocol's options. Where none is seeded, nothing of
//! this is left in the compiled tables.

use crate::cache_table::{CacheEvent, Row};
use crate::config::Config;
use crate::message::{Message, MsgKind};
use crate::mutant::{Faults, Mutant};
use crate::state::CacheState::{I, IaD, ImAd, IsD, M, O, OiA, OmAd, S, SiA, SmAd};
use crate::state::{CacheLine, Step};
use crate::value::Value;

/// The faulty row for an event of the core, if it is one.
#[inline]
pub(crate) fn core_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: &Row<V>,
    event: CacheEvent<'_, V>,
) -> Option<Step<CacheLine<V>, V>> {
    use CacheEvent::{Evict, Store};
    let state = row.line.state;
    let row = || row.clone();
    let faulty = match (state, event) {
        (O, Store(w)) if cfg.has(Mutant::OwnerWritesInPlace) => row().to(M).wants(w).store(),
        (O, Evict) if cfg.has(Mutant::OwnedPutAsShared) => row().tell(MsgKind::PutS).to(SiA),
        _ => return None,
    };
    Some(faulty.done())
}

/// The faulty row for a snoop, if it is one.
#[inline]
pub(crate) fn snoop_rows<V: Value, F: Faults>(
    cfg: Config<F>,
    row: &Row<V>,
    m: &Message<V>,
) -> Option<Step<CacheLine<V>, V>> {
    use MsgKind::{FwdAckO, FwdAckS, FwdGetM, FwdGetS, FwdInv, Inv};
    let state = row.line.state;
    let row = || row.clone();
    let has = |mutant| cfg.has(mutant);
    let faulty = match (state, m.kind) {
        (M | O, FwdGetS) if has(Mutant::OwnerTurnsSharer) => {
            row().hand_over(m).answer(FwdAckO, m).to(S)
        }
        (OmAd, FwdGetS) if has(Mutant::FwdGetSIgnoredInOmAd) => row(),
        (OiA, FwdGetS) if has(Mutant::FwdGetSIgnoredInOiA) => row(),

        (O, FwdGetM) if has(Mutant::OwnerDropsAckCount) => {
            row().hand_over(&Message { acks: 0, ..*m }).to(I)
        }
        (O, FwdGetM) if has(Mutant::OwnerOutlivesFwdGetM) => row().hand_over(m).to(S),
        (OmAd, FwdGetM) if has(Mutant::OmAdOutlivesFwdGetM) => row().hand_over(m),
        (OiA, FwdGetM) if has(Mutant::FwdGetMIgnoredInOiA) => row(),

        (O, FwdInv) if has(Mutant::OwnerOutlivesFwdInv) => row().write_back(m).to(S),
        (OmAd, FwdInv) if has(Mutant::OmAdOutlivesFwdInv) => row().write_back(m),
        (OiA, FwdInv) if has(Mutant::FwdInvIgnoredInOiA) => row(),

        (O, Inv) if has(Mutant::OwnerOutlivesInv) => row().ack(m),
        (OmAd, Inv) if has(Mutant::OmAdOutlivesInv) => row().ack(m),
        (OiA, Inv) if has(Mutant::InvNotAckedInOiA) => row(),

        (M, FwdGetS) if has(Mutant::DirtyForwardedAsClean) => {
            row().hand_over(m).answer(FwdAckS, m).to(S)
        }
        (SmAd, FwdGetS) if has(Mutant::ForwardDropsUpgrade) => {
            row().hand_over(m).answer(FwdAckS, m).to(S)
        }
        (I | IsD | ImAd | SiA | IaD, FwdGetS) if has(Mutant::MissNotAnswered) => row(),
        _ => return None,
    };
    Some(faulty.done())
}
