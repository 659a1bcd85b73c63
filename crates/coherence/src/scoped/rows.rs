//! Which rows of the scoped table were taken.

use core::fmt;

use super::line::{Parts, ScopedState};
use super::table::ScopedEvent;

/// The columns of the scoped table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum ScopedEventKind {
    /// [`ScopedEvent::Load`].
    Load,
    /// [`ScopedEvent::Store`].
    Store,
    /// [`ScopedEvent::At`].
    At,
    /// [`ScopedEvent::Far`].
    Far,
    /// [`ScopedEvent::Atomic`].
    Atomic,
    /// [`ScopedEvent::Flush`].
    Flush,
    /// [`ScopedEvent::Evict`].
    Evict,
    /// [`ScopedEvent::Drop`].
    Drop,
    /// [`ScopedEvent::Data`].
    Data,
    /// [`ScopedEvent::Ack`].
    Ack,
    /// [`ScopedEvent::Resp`].
    Resp,
}

impl ScopedEventKind {
    /// Every kind of event.
    pub const ALL: [Self; 11] = [
        Self::Load,
        Self::Store,
        Self::At,
        Self::Far,
        Self::Atomic,
        Self::Flush,
        Self::Evict,
        Self::Drop,
        Self::Data,
        Self::Ack,
        Self::Resp,
    ];
}

impl<V: Parts> ScopedEvent<V> {
    /// The event's column.
    #[inline]
    pub const fn kind(&self) -> ScopedEventKind {
        use ScopedEventKind as K;
        match self {
            Self::Load { .. } => K::Load,
            Self::Store { .. } => K::Store,
            Self::At { .. } => K::At,
            Self::Far => K::Far,
            Self::Atomic(_) => K::Atomic,
            Self::Flush => K::Flush,
            Self::Evict => K::Evict,
            Self::Drop => K::Drop,
            Self::Data { .. } => K::Data,
            Self::Ack => K::Ack,
            Self::Resp { .. } => K::Resp,
        }
    }
}

/// A set of rows, stalls among them.
#[derive(Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct ScopedRows(u128);

const EVENTS: usize = ScopedEventKind::ALL.len();
const _: () = assert!(EVENTS * ScopedState::ALL.len() <= 128, "a bit a row");

impl ScopedRows {
    /// Adds a row.
    #[inline]
    pub const fn insert(&mut self, state: ScopedState, event: ScopedEventKind) {
        self.0 |= 1 << (state as usize * EVENTS + event as usize);
    }

    /// The rows of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The rows, in the order of the states.
    pub fn iter(self) -> impl Iterator<Item = (ScopedState, ScopedEventKind)> {
        let events = |s| ScopedEventKind::ALL.into_iter().map(move |e| (s, e));
        let all = ScopedState::ALL.into_iter().flat_map(events);
        all.zip(0..).filter(move |(_, bit)| self.0 >> bit & 1 == 1).map(|(row, _)| row)
    }
}

impl fmt::Debug for ScopedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_in_once_it_was_taken() {
        use ScopedEventKind::{Load, Resp};
        let mut rows = ScopedRows::default();
        rows.insert(ScopedState::A, Resp);
        let mut more = ScopedRows::default();
        more.insert(ScopedState::I, Load);
        let all: Vec<_> = rows.with(more).iter().collect();
        assert_eq!(all, [(ScopedState::I, Load), (ScopedState::A, Resp)]);
    }
}
