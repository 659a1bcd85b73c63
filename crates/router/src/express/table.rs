//! Tables and lists with a place for each number of 16 bits: an index is a lane or a port, so none is
//! ever out of bounds, and none is compared with anything.

use core::ops::{Index, IndexMut};
use std::collections::VecDeque;

use super::state::LaneNo;

/// Places of a table.
const ROOM: usize = 1 << LaneNo::BITS;

/// A place for each lane, or each port.
#[derive(Clone, Debug)]
pub(super) struct Table<T>(Box<[T; ROOM]>);

impl<T: Clone> Table<T> {
    /// A table with the same in every place.
    pub(super) fn new(filled: T) -> Self {
        let entries = vec![filled; ROOM].into_boxed_slice();
        Self(entries.try_into().unwrap_or_else(|_| unreachable!("there are as many")))
    }

    /// The entries in hand.
    pub(super) const fn open(&mut self) -> Open<'_, T> {
        Open(&mut self.0)
    }

    /// All entries.
    pub(super) fn all(&self) -> &[T] {
        &self.0[..]
    }

    /// All entries.
    pub(super) fn all_mut(&mut self) -> &mut [T] {
        &mut self.0[..]
    }
}

impl<T> Index<LaneNo> for Table<T> {
    type Output = T;

    #[inline]
    fn index(&self, at: LaneNo) -> &T {
        &self.0[usize::from(at)]
    }
}

impl<T> IndexMut<LaneNo> for Table<T> {
    #[inline]
    fn index_mut(&mut self, at: LaneNo) -> &mut T {
        &mut self.0[usize::from(at)]
    }
}

/// The entries of a table in hand, for a loop.
#[derive(Debug)]
pub(super) struct Open<'a, T>(&'a mut [T; ROOM]);

impl<T> Index<LaneNo> for Open<'_, T> {
    type Output = T;

    #[inline]
    fn index(&self, at: LaneNo) -> &T {
        &self.0[usize::from(at)]
    }
}

impl<T> IndexMut<LaneNo> for Open<'_, T> {
    #[inline]
    fn index_mut(&mut self, at: LaneNo) -> &mut T {
        &mut self.0[usize::from(at)]
    }
}

/// A list of lanes; a lane is at most once in it.
#[derive(Clone, Debug)]
pub(super) struct List {
    lanes: Box<[LaneNo; ROOM]>,
    len: LaneNo,
}

impl List {
    /// An empty one.
    pub(super) fn new() -> Self {
        // Memory that is never written is never there.
        let lanes = vec![0; ROOM].into_boxed_slice();
        Self {
            lanes: lanes.try_into().unwrap_or_else(|_| unreachable!("there are as many")),
            len: 0,
        }
    }

    /// The list in hand, to put more at its end; it is to be [closed](Self::close).
    #[inline]
    pub(super) const fn open(&mut self) -> Pen<'_> {
        Pen { len: self.len, lanes: &mut self.lanes }
    }

    /// Takes note of how long the list is by now.
    #[inline]
    pub(super) const fn close(&mut self, len: LaneNo) {
        self.len = len;
    }

    /// Puts a lane at the end.
    #[inline]
    pub(super) const fn push(&mut self, lane: LaneNo) {
        let mut pen = self.open();
        pen.push(lane);
        self.len = pen.len;
    }

    /// Puts a lane in place of another.
    pub(super) const fn put(&mut self, place: LaneNo, lane: LaneNo) {
        debug_assert!(place < self.len, "nobody has this place");
        self.lanes[place as usize] = lane;
    }

    /// Puts lanes at the end.
    pub(super) fn extend(&mut self, lanes: &[LaneNo]) {
        for lane in lanes {
            self.push(*lane);
        }
    }

    /// All that are in it.
    #[inline]
    pub(super) fn all(&self) -> &[LaneNo] {
        &self.lanes[..usize::from(self.len)]
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) const fn clear(&mut self) {
        self.len = 0;
    }

    /// Takes the lane at the end.
    pub(super) fn pop(&mut self) -> Option<LaneNo> {
        let last = self.all().last().copied();
        self.len -= LaneNo::from(last.is_some());
        last
    }

    /// Keeps the lanes that are wanted.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(LaneNo) -> bool) {
        let mut kept = 0;
        for at in 0..usize::from(self.len) {
            let lane = self.lanes[at];
            self.lanes[usize::from(kept)] = lane;
            kept += LaneNo::from(wanted(lane));
        }
        self.len = kept;
    }
}

/// A list in hand, for a loop.
#[derive(Debug)]
pub(super) struct Pen<'a> {
    lanes: &'a mut [LaneNo; ROOM],
    pub(super) len: LaneNo,
}

impl Pen<'_> {
    /// Puts a lane at the end.
    #[inline]
    pub(super) const fn push(&mut self, lane: LaneNo) {
        self.lanes[self.len as usize] = lane;
        self.len += 1;
    }
}

/// Lists for the cycles to come: one for each of the next ones, of which the furthest is filled.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) last: List,
    between: VecDeque<List>,
}

impl Line {
    /// Lists for up to so many cycles ahead.
    pub(super) fn new(cycles: u32) -> Self {
        Self { last: List::new(), between: (1..cycles).map(|_| List::new()).collect() }
    }

    /// Goes on by a cycle: takes the list that is due, and gives an empty one to be filled.
    pub(super) fn turn(&mut self, empty: &mut List) {
        core::mem::swap(empty, &mut self.last);
        if let Some(due) = self.between.pop_front() {
            self.between.push_back(core::mem::replace(empty, due));
        }
    }

    /// All lists, that which is due first at the front.
    pub(super) fn ahead(&mut self) -> impl Iterator<Item = &mut List> {
        self.between.iter_mut().chain([&mut self.last])
    }
}
