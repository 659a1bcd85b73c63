//! Tables and lists of a size that is a power of two and known when the code is compiled. An index
//! is cut to its low bits, so that none is ever out of bounds and none is compared with anything; builds
//! with debug assertions, as tests are, look whether one would have been.

use core::ops::{Index, IndexMut};
use std::collections::VecDeque;

use super::state::GONE;

/// The place of an index in a table of `N` entries. Who has [`GONE`] may look anywhere.
#[inline]
const fn low<const N: usize>(at: u32) -> usize {
    debug_assert!((at as usize) < N || at == GONE, "an index beyond its table");
    at as usize & (N - 1)
}

/// `N` entries, a power of two.
#[derive(Clone, Debug)]
pub(super) struct Table<T, const N: usize>(Box<[T; N]>);

impl<T: Clone, const N: usize> Table<T, N> {
    /// A table with the same in every place.
    pub(super) fn new(filled: T) -> Self {
        const { assert!(N.is_power_of_two()) }
        let entries = vec![filled; N].into_boxed_slice();
        Self(entries.try_into().unwrap_or_else(|_| unreachable!("there are as many")))
    }

    /// The entries in hand.
    pub(super) const fn open(&mut self) -> Open<'_, T, N> {
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

impl<T, const N: usize> Index<u32> for Table<T, N> {
    type Output = T;

    #[inline]
    fn index(&self, at: u32) -> &T {
        &self.0[low::<N>(at)]
    }
}

impl<T, const N: usize> IndexMut<u32> for Table<T, N> {
    #[inline]
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.0[low::<N>(at)]
    }
}

/// The entries of a table in hand, for a loop.
#[derive(Debug)]
pub(super) struct Open<'a, T, const N: usize>(&'a mut [T; N]);

impl<T, const N: usize> Index<u32> for Open<'_, T, N> {
    type Output = T;

    #[inline]
    fn index(&self, at: u32) -> &T {
        &self.0[low::<N>(at)]
    }
}

impl<T, const N: usize> IndexMut<u32> for Open<'_, T, N> {
    #[inline]
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.0[low::<N>(at)]
    }
}

/// A list of lanes with room for each of `N`; a lane is at most once in it.
#[derive(Clone, Debug)]
pub(super) struct List<const N: usize> {
    lanes: Box<[u32; N]>,
    len: u32,
}

impl<const N: usize> List<N> {
    /// An empty one.
    pub(super) fn new() -> Self {
        // Memory that is never written is never there.
        let lanes = vec![0; N].into_boxed_slice();
        Self {
            lanes: lanes.try_into().unwrap_or_else(|_| unreachable!("there are as many")),
            len: 0,
        }
    }

    /// The list in hand, to put more at its end; it is to be [closed](Self::close).
    #[inline]
    pub(super) const fn open(&mut self) -> Pen<'_, N> {
        Pen { len: self.len, lanes: &mut self.lanes }
    }

    /// Takes note of how long the list is by now.
    #[inline]
    pub(super) const fn close(&mut self, len: u32) {
        self.len = len;
    }

    /// Puts a lane at the end.
    #[inline]
    pub(super) const fn push(&mut self, lane: u32) {
        let mut pen = self.open();
        pen.push(lane);
        self.len = pen.len;
    }

    /// Puts lanes at the end.
    pub(super) fn extend(&mut self, lanes: &[u32]) {
        for lane in lanes {
            self.push(*lane);
        }
    }

    /// All that are in it.
    #[inline]
    pub(super) fn all(&self) -> &[u32] {
        &self.lanes[..(self.len as usize).min(N)]
    }

    /// All that are in it.
    #[inline]
    pub(super) fn all_mut(&mut self) -> &mut [u32] {
        &mut self.lanes[..(self.len as usize).min(N)]
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) const fn clear(&mut self) {
        self.len = 0;
    }

    /// Takes the lane at the end.
    pub(super) fn pop(&mut self) -> Option<u32> {
        let last = self.all().last().copied();
        self.len -= u32::from(last.is_some());
        last
    }

    /// Keeps the lanes that are wanted.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(u32) -> bool) {
        let mut kept = 0;
        for at in 0..self.len as usize {
            let lane = self.lanes[at];
            self.lanes[kept] = lane;
            kept += usize::from(wanted(lane));
        }
        self.len = u32::try_from(kept).unwrap_or(0);
    }
}

/// A list in hand, for a loop.
#[derive(Debug)]
pub(super) struct Pen<'a, const N: usize> {
    lanes: &'a mut [u32; N],
    pub(super) len: u32,
}

impl<const N: usize> Pen<'_, N> {
    /// Puts a lane at the end.
    #[inline]
    pub(super) const fn push(&mut self, lane: u32) {
        debug_assert!((self.len as usize) < N, "a lane is in a list twice");
        self.lanes[self.len as usize & (N - 1)] = lane;
        self.len += 1;
    }
}

/// Lists for the cycles to come: one for each of the next ones, of which the furthest is filled.
#[derive(Clone, Debug)]
pub(super) struct Line<const N: usize> {
    pub(super) last: List<N>,
    between: VecDeque<List<N>>,
}

impl<const N: usize> Line<N> {
    /// Lists for up to so many cycles ahead.
    pub(super) fn new(cycles: u32) -> Self {
        Self { last: List::new(), between: (1..cycles).map(|_| List::new()).collect() }
    }

    /// Goes on by a cycle: takes the list that is due, and gives an empty one to be filled.
    pub(super) fn turn(&mut self, empty: &mut List<N>) {
        core::mem::swap(empty, &mut self.last);
        if let Some(due) = self.between.pop_front() {
            self.between.push_back(core::mem::replace(empty, due));
        }
    }

    /// All lists, that which is due first at the front.
    pub(super) fn ahead(&mut self) -> impl Iterator<Item = &mut List<N>> {
        self.between.iter_mut().chain([&mut self.last])
    }
}
