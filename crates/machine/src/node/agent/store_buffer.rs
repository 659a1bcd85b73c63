//! The store buffer of a thread under total store order.
//!
//! ```text
//!   thread ─ stores ─▶ │ youngest ... oldest │ ─ one at a time ─▶ cache
//!              ▲                 │
//!              └── loads ◀───────┘  bytes that a store here wrote
//! ```
//!
//! Stores leave in program order, the next when the one before has been performed. A load takes its
//! bytes from the youngest store here that writes any of them, if that writes all of them; else it
//! waits. Source: Sewell, Sarkar, Owens, Zappa Nardelli and Myreen, *x86-TSO*, CACM 53(7), 2010.

use std::collections::VecDeque;

use base::LineData;
use coherence::{Access, LineWrite};

use super::Piece;

/// What a buffer says to a load.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Answer {
    /// Nothing here concerns it.
    Nothing,
    /// It wants bytes that only the cache can put together, later.
    Wait,
    /// Its bytes, in their place in the line.
    Forward(LineData),
}

#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct StoreBuffer {
    /// Oldest first.
    waiting: VecDeque<Piece>,
    /// With the cache, not yet performed.
    leaving: Option<Piece>,
}

impl StoreBuffer {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.leaving.is_none()
    }

    /// Stores that wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn push(&mut self, piece: Piece) {
        self.waiting.push_back(piece);
    }

    /// The store whose turn at the cache it is.
    pub(super) fn next(&self) -> Option<Piece> {
        if self.leaving.is_some() { None } else { self.waiting.front().copied() }
    }

    /// The cache has taken that store.
    pub(super) fn issued(&mut self) {
        self.leaving = self.waiting.pop_front();
    }

    /// That store is performed.
    pub(super) fn performed(&mut self) {
        self.leaving = None;
    }

    /// What a load of the bytes `mask` finds here.
    pub(super) fn look_up(&self, load: &Piece, mask: u64) -> Answer {
        let youngest_first = self.waiting.iter().rev().chain(&self.leaving);
        for store in youngest_first.filter(|s| s.line == load.line) {
            let Access::Store(LineWrite::Bytes { mask: written, data }) = store.access else {
                continue;
            };
            match written & mask {
                0 => {}
                all if all == mask => return Answer::Forward(data),
                _ => return Answer::Wait,
            }
        }
        Answer::Nothing
    }
}
