//! Which rows of the tables were taken, and how often.

use core::fmt;

use crate::cache_table::CacheEvent;
use crate::dir_table::DirEvent;
use crate::message::MsgKind;
use crate::state::{CacheState, DirState};
use crate::value::Value;

macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident { $($(#[$kind_doc:meta])* $kind:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum $name { $($(#[$kind_doc])* $kind),* }

        impl $name {
            /// Every kind of event.
            pub const ALL: [Self; [$(Self::$kind),*].len()] = [$(Self::$kind),*];
        }
    };
}

kinds! {
    /// The columns of the cache table.
    CacheEventKind {
        /// A read by the core.
        Load,
        /// A write or near atomic by the core.
        Store,
        /// A far atomic by the core.
        Far,
        /// An eviction that home is told of.
        Evict,
        /// An eviction that home is not told of.
        Drop,
        /// [`MsgKind::Inv`].
        Inv,
        /// [`MsgKind::FwdGetS`].
        FwdGetS,
        /// [`MsgKind::FwdGetM`].
        FwdGetM,
        /// [`MsgKind::FwdInv`].
        FwdInv,
        /// [`MsgKind::InvAck`].
        InvAck,
        /// [`MsgKind::Data`].
        Data,
        /// [`MsgKind::DataE`].
        DataE,
        /// [`MsgKind::AckCount`].
        AckCount,
        /// [`MsgKind::PutAck`].
        PutAck,
        /// [`MsgKind::FarResp`].
        FarResp,
        /// A message that is not for a cache.
        Foreign,
    }
}

kinds! {
    /// The columns of the directory table.
    DirEventKind {
        /// [`MsgKind::GetS`].
        GetS,
        /// [`MsgKind::GetM`].
        GetM,
        /// [`MsgKind::Upg`].
        Upg,
        /// [`MsgKind::PutS`].
        PutS,
        /// [`MsgKind::PutE`].
        PutE,
        /// [`MsgKind::PutM`].
        PutM,
        /// [`MsgKind::PutO`].
        PutO,
        /// [`MsgKind::Far`].
        Far,
        /// Home wants every copy back.
        Recall,
        /// [`MsgKind::Wb`].
        Wb,
        /// [`MsgKind::FwdAckO`].
        FwdAckO,
        /// [`MsgKind::FwdAckS`].
        FwdAckS,
        /// [`MsgKind::FwdAckI`].
        FwdAckI,
        /// [`MsgKind::InvAck`].
        InvAck,
        /// [`MsgKind::CompAck`].
        CompAck,
        /// A message that is not for a home.
        Foreign,
    }
}

impl<V: Value> CacheEvent<'_, V> {
    /// The event's column.
    #[inline]
    pub fn kind(&self) -> CacheEventKind {
        use CacheEventKind as K;
        match self {
            Self::Load => K::Load,
            Self::Store(_) => K::Store,
            Self::Far(_) => K::Far,
            Self::Evict => K::Evict,
            Self::Drop => K::Drop,
            Self::Message(m) => match m.kind {
                MsgKind::Inv => K::Inv,
                MsgKind::FwdGetS => K::FwdGetS,
                MsgKind::FwdGetM => K::FwdGetM,
                MsgKind::FwdInv => K::FwdInv,
                MsgKind::InvAck => K::InvAck,
                MsgKind::Data => K::Data,
                MsgKind::DataE => K::DataE,
                MsgKind::AckCount => K::AckCount,
                MsgKind::PutAck => K::PutAck,
                MsgKind::FarResp => K::FarResp,
                _ => K::Foreign,
            },
        }
    }
}

impl<V: Value> DirEvent<'_, V> {
    /// The event's column.
    #[inline]
    pub fn kind(&self) -> DirEventKind {
        use DirEventKind as K;
        match self {
            Self::Recall { .. } => K::Recall,
            Self::Message(m) => match m.kind {
                MsgKind::GetS => K::GetS,
                MsgKind::GetM => K::GetM,
                MsgKind::Upg => K::Upg,
                MsgKind::PutS => K::PutS,
                MsgKind::PutE => K::PutE,
                MsgKind::PutM => K::PutM,
                MsgKind::PutO => K::PutO,
                MsgKind::Far => K::Far,
                MsgKind::Wb => K::Wb,
                MsgKind::FwdAckO => K::FwdAckO,
                MsgKind::FwdAckS => K::FwdAckS,
                MsgKind::FwdAckI => K::FwdAckI,
                MsgKind::InvAck => K::InvAck,
                MsgKind::CompAck => K::CompAck,
                _ => K::Foreign,
            },
        }
    }
}

/// How often each row of the tables was taken. Stalls are counted like any row when they are
/// first met; a stalled request counts again when it is taken up.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Coverage {
    /// `[state][event]`.
    cache: [[u64; CacheEventKind::ALL.len()]; CacheState::ALL.len()],
    /// `[state][event]`.
    dir: [[u64; DirEventKind::ALL.len()]; DirState::ALL.len()],
}

impl Default for Coverage {
    fn default() -> Self {
        Self {
            cache: [[0; CacheEventKind::ALL.len()]; CacheState::ALL.len()],
            dir: [[0; DirEventKind::ALL.len()]; DirState::ALL.len()],
        }
    }
}

impl Coverage {
    /// Counts a cache row.
    #[inline]
    pub fn cache(&mut self, state: CacheState, event: CacheEventKind) {
        self.cache[state as usize][event as usize] += 1;
    }

    /// Counts a directory row.
    #[inline]
    pub fn dir(&mut self, state: DirState, event: DirEventKind) {
        self.dir[state as usize][event as usize] += 1;
    }

    /// Counts a cache row that was taken `times`.
    pub(crate) fn cache_times(&mut self, state: CacheState, event: CacheEventKind, times: u64) {
        self.cache[state as usize][event as usize] += times;
    }

    /// Counts a directory row that was taken `times`.
    pub(crate) fn dir_times(&mut self, state: DirState, event: DirEventKind, times: u64) {
        self.dir[state as usize][event as usize] += times;
    }

    /// How often a cache row was taken.
    pub const fn cache_count(&self, state: CacheState, event: CacheEventKind) -> u64 {
        self.cache[state as usize][event as usize]
    }

    /// How often a directory row was taken.
    pub const fn dir_count(&self, state: DirState, event: DirEventKind) -> u64 {
        self.dir[state as usize][event as usize]
    }

    /// The cache rows that were taken, in the order of the states.
    pub fn cache_rows(&self) -> Vec<(CacheState, CacheEventKind)> {
        let all = CacheState::ALL
            .into_iter()
            .flat_map(|s| CacheEventKind::ALL.into_iter().map(move |e| (s, e)));
        all.filter(|(s, e)| self.cache_count(*s, *e) > 0).collect()
    }

    /// The directory rows that were taken, in the order of the states.
    pub fn dir_rows(&self) -> Vec<(DirState, DirEventKind)> {
        let all = DirState::ALL
            .into_iter()
            .flat_map(|s| DirEventKind::ALL.into_iter().map(move |e| (s, e)));
        all.filter(|(s, e)| self.dir_count(*s, *e) > 0).collect()
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (to, from) in self.cache.iter_mut().flatten().zip(other.cache.iter().flatten()) {
            *to += from;
        }
        for (to, from) in self.dir.iter_mut().flatten().zip(other.dir.iter().flatten()) {
            *to += from;
        }
    }
}

impl fmt::Debug for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (s, e) in self.cache_rows() {
            writeln!(f, "cache {s:?} {e:?}: {}", self.cache_count(s, e))?;
        }
        for (s, e) in self.dir_rows() {
            writeln!(f, "home {s:?} {e:?}: {}", self.dir_count(s, e))?;
        }
        Ok(())
    }
}
