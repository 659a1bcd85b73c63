//! Room in a directory of bounded size: which lines are tracked, in order of use, and the requests
//! that wait for an entry.

use std::collections::VecDeque;

use base::Line;

use crate::message::Message;
use crate::value::Value;

const NONE: u32 = u32::MAX;

/// A request that waits for a directory entry.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound(serialize = "T: serde::Serialize", deserialize = "T: serde::de::DeserializeOwned"))]
pub(crate) struct Waiting<V: Value, T> {
    pub(crate) line: Line,
    pub(crate) msg: Message<V>,
    pub(crate) tag: T,
}

#[derive(Clone, Debug)]
pub(crate) struct Room<V: Value, T> {
    limit: Option<u32>,
    tracked: u32,
    /// `[slot]`: neighbours in the list of tracked lines, older first; kept only with a limit.
    links: Vec<(u32, u32)>,
    oldest: u32,
    newest: u32,
    /// Requests in order of arrival.
    pub(crate) waiting: VecDeque<Waiting<V, T>>,
    /// Recalls under way that were started to make room.
    pub(crate) recalls: usize,
}

base::state!([V: Value, T: serde::Serialize + serde::de::DeserializeOwned] Room<V, T> {
    keeps tracked, links, oldest, newest, waiting, recalls;
    each;
    fixed limit
});

impl<V: Value, T> Room<V, T> {
    pub(crate) fn new(limit: Option<u32>) -> Self {
        assert!(limit != Some(0), "a directory needs room for a line");
        Self {
            limit,
            tracked: 0,
            links: Vec::new(),
            oldest: NONE,
            newest: NONE,
            waiting: VecDeque::new(),
            recalls: 0,
        }
    }

    /// Whether another line can be tracked.
    pub(crate) fn is_free(&self) -> bool {
        self.limit.is_none_or(|limit| self.tracked < limit)
    }

    /// Lines tracked.
    pub(crate) const fn tracked(&self) -> u32 {
        self.tracked
    }

    /// Begins to track `slot`.
    pub(crate) fn enter(&mut self, slot: u32) {
        self.tracked += 1;
        if self.limit.is_some() {
            self.append(slot);
        }
    }

    /// Stops tracking `slot`.
    pub(crate) fn leave(&mut self, slot: u32) {
        self.tracked -= 1;
        if self.limit.is_some() {
            self.unlink(slot);
        }
    }

    /// Makes `slot`, which is tracked, the most recently used.
    pub(crate) fn touch(&mut self, slot: u32) {
        if self.limit.is_some() && self.newest != slot {
            self.unlink(slot);
            self.append(slot);
        }
    }

    /// The least recently used tracked slot that `suits`.
    pub(crate) fn oldest(&self, suits: impl Fn(u32) -> bool) -> Option<u32> {
        let mut slot = self.oldest;
        while slot != NONE && !suits(slot) {
            slot = self.links[slot as usize].1;
        }
        (slot != NONE).then_some(slot)
    }

    fn append(&mut self, slot: u32) {
        if self.links.len() <= slot as usize {
            self.links.resize(slot as usize + 1, (NONE, NONE));
        }
        self.links[slot as usize] = (self.newest, NONE);
        match self.newest {
            NONE => self.oldest = slot,
            before => self.links[before as usize].1 = slot,
        }
        self.newest = slot;
    }

    fn unlink(&mut self, slot: u32) {
        let (older, newer) = self.links[slot as usize];
        match older {
            NONE => self.oldest = newer,
            before => self.links[before as usize].1 = newer,
        }
        match newer {
            NONE => self.newest = older,
            after => self.links[after as usize].0 = older,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_the_one_used_longest_ago() {
        let mut room = Room::<u8, ()>::new(Some(3));
        for slot in 0..3 {
            room.enter(slot);
        }
        assert!(!room.is_free());
        room.touch(0);
        assert_eq!(room.oldest(|_| true), Some(1));
        assert_eq!(room.oldest(|s| s != 1), Some(2));
        room.leave(1);
        room.leave(2);
        assert_eq!(room.oldest(|_| true), Some(0));
        room.leave(0);
        assert_eq!((room.oldest(|_| true), room.tracked()), (None, 0));
        assert!(room.is_free());
    }
}
