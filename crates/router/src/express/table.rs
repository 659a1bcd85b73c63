//! Tables and lists with a place for each number of 16 bits: an index is a lane or a port, so none is
//! ever out of bounds, and none is compared with anything.

use core::fmt;
use core::ops::{Deref, DerefMut, Index, IndexMut};

use zerocopy::FromZeros;

use super::flight::{ENTRY, Link};
use super::state::{Cell, LaneNo, PackedFlit, Port, Queued, When};

/// Places of a table.
pub(super) const ROOM: usize = 1 << LaneNo::BITS;

/// Places that are all zero. Memory that is never written is never there, so those without a lane cost
/// nothing.
#[expect(clippy::unnecessary_box_returns, reason = "too large for a stack")]
pub(super) fn zeroed<T: FromZeros>() -> Box<T> {
    T::new_box_zeroed().expect("memory for the tables")
}

/// A place for each lane, one for each port, and one for each link as flights have it, in one piece of memory: so a
/// loop over hops has one address to keep at hand.
#[derive(FromZeros)]
#[repr(C)]
pub(super) struct Places {
    cells: [Cell; ROOM],
    ports: [Port; ROOM],
    links: [Link; ROOM],
}

impl Places {
    /// A port.
    #[inline]
    pub(super) const fn port(&self, port: LaneNo) -> &Port {
        &self.ports[port as usize]
    }

    /// A port, to be changed.
    #[inline]
    pub(super) const fn port_mut(&mut self, port: LaneNo) -> &mut Port {
        &mut self.ports[port as usize]
    }

    /// A [link](super::flight::link).
    #[inline]
    pub(super) const fn link(&self, link: LaneNo) -> Link {
        self.links[link as usize]
    }

    /// A [link](super::flight::link), to be changed.
    #[inline]
    pub(super) const fn link_mut(&mut self, link: LaneNo) -> &mut Link {
        &mut self.links[link as usize]
    }
}

impl Index<LaneNo> for Places {
    type Output = Cell;

    #[inline]
    fn index(&self, lane: LaneNo) -> &Cell {
        &self.cells[usize::from(lane)]
    }
}

impl IndexMut<LaneNo> for Places {
    #[inline]
    fn index_mut(&mut self, lane: LaneNo) -> &mut Cell {
        &mut self.cells[usize::from(lane)]
    }
}

/// The state of so many lanes and ports.
#[derive(Debug)]
pub(super) struct Table {
    places: Box<Places>,
    lanes: usize,
    ports: usize,
}

// Copies what is used, so that the copy too has no memory for the rest.
impl Clone for Table {
    fn clone(&self) -> Self {
        let mut this = Self { places: zeroed(), ..*self };
        this.cells_mut().copy_from_slice(self.cells());
        this.ports_mut().copy_from_slice(self.ports());
        for (to, from) in this.links_mut().into_iter().zip(self.links()) {
            to.copy_from_slice(from);
        }
        this
    }
}

impl Table {
    /// A table of lanes and ports that have nothing.
    pub(super) fn new(lanes: usize, ports: usize) -> Self {
        let mut this = Self { places: zeroed(), lanes, ports };
        this.cells_mut().fill(Cell::NONE);
        this.ports_mut().fill(Port::UNLINKED);
        this
    }

    /// All lanes that there are.
    pub(super) fn cells(&self) -> &[Cell] {
        &self.places.cells[..self.lanes]
    }

    /// All lanes that there are, to be changed.
    pub(super) fn cells_mut(&mut self) -> &mut [Cell] {
        &mut self.places.cells[..self.lanes]
    }

    /// All ports that there are.
    pub(super) fn ports(&self) -> &[Port] {
        &self.places.ports[..self.ports]
    }

    /// All ports that there are, to be changed.
    pub(super) fn ports_mut(&mut self) -> &mut [Port] {
        &mut self.places.ports[..self.ports]
    }

    /// The links behind all ports that there are, and those before them.
    fn links(&self) -> [&[Link]; 2] {
        let (behind, before) = self.places.links.split_at(ENTRY.into());
        [&behind[..self.ports], &before[..self.ports]]
    }

    /// The links behind all ports that there are, and those before them, to be changed.
    pub(super) fn links_mut(&mut self) -> [&mut [Link]; 2] {
        let (behind, before) = self.places.links.split_at_mut(ENTRY.into());
        [&mut behind[..self.ports], &mut before[..self.ports]]
    }
}

impl Deref for Table {
    type Target = Places;

    #[inline]
    fn deref(&self) -> &Places {
        &self.places
    }
}

impl DerefMut for Table {
    #[inline]
    fn deref_mut(&mut self) -> &mut Places {
        &mut self.places
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").finish_non_exhaustive()
    }
}

/// Flits of the largest ring for which there is a place for each lane: two to this power.
pub(super) const SMALL: u32 = 4;

/// The flits behind the fronts of input VCs: a ring of two to the same power for each.
#[derive(Debug)]
pub(super) struct Queues {
    /// Of rings of up to two to the power of [`SMALL`].
    small: Box<[Queued; ROOM << SMALL]>,
    /// Of larger ones.
    large: Vec<Queued>,
    lanes: usize,
    shift: u32,
}

impl Clone for Queues {
    fn clone(&self) -> Self {
        let mut this = Self::new(self.lanes, self.shift);
        let used = if self.shift > SMALL { 0 } else { self.lanes << self.shift };
        this.small[..used].copy_from_slice(&self.small[..used]);
        this.large.copy_from_slice(&self.large);
        this
    }
}

impl Queues {
    /// Rings of two to the power of `shift` for so many lanes.
    pub(super) fn new(lanes: usize, shift: u32) -> Self {
        let large = if shift > SMALL { lanes << shift } else { 0 };
        Self { small: zeroed(), large: vec![Queued::new_zeroed(); large], lanes, shift }
    }

    /// What is counted as `place` in the ring of an input VC. `shift` is that of all rings.
    #[inline]
    pub(super) fn at(&mut self, shift: u32, lane: LaneNo, place: u16) -> &mut Queued {
        let at = Self::index(shift, lane, place);
        if shift > SMALL { &mut self.large[at] } else { &mut self.small[at] }
    }

    /// When the flit arrives or arrived that is counted as `place`.
    pub(super) fn arrival(&self, lane: LaneNo, place: u16) -> When {
        let at = Self::index(self.shift, lane, place);
        if self.shift > SMALL { self.large[at].arrival } else { self.small[at].arrival }
    }

    #[inline]
    const fn index(shift: u32, lane: LaneNo, place: u16) -> usize {
        (lane as usize) << shift | place as usize & ((1 << shift) - 1)
    }
}

/// Fewer lanes than that are copied one by one.
const FEW: usize = 8;

/// A number of places.
#[expect(clippy::cast_possible_truncation, reason = "a lane is at most once in a list")]
const fn narrow(places: usize) -> LaneNo {
    debug_assert!(places < ROOM, "more than there is room for");
    places as LaneNo
}

/// A list of lanes; a lane is at most once in it.
#[derive(Debug)]
pub(super) struct List {
    lanes: Box<[LaneNo; ROOM]>,
    len: LaneNo,
}

impl Clone for List {
    fn clone(&self) -> Self {
        let mut list = Self::new();
        list.extend(self.all());
        list
    }
}

impl List {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self { lanes: zeroed(), len: 0 }
    }

    /// Puts a lane at the end.
    #[inline]
    pub(super) const fn push(&mut self, lane: LaneNo) {
        self.lanes[self.len as usize] = lane;
        self.len += 1;
    }

    /// Puts lanes at the end.
    #[inline]
    pub(super) fn extend(&mut self, lanes: &[LaneNo]) {
        if lanes.len() < FEW {
            for lane in lanes {
                self.push(*lane);
            }
            return;
        }
        let len = usize::from(self.len);
        self.lanes[len..len + lanes.len()].copy_from_slice(lanes);
        self.len += narrow(lanes.len());
    }

    /// Moves all to the end of another list.
    #[inline]
    pub(super) fn move_onto(&mut self, onto: &mut Self) {
        if self.len > 0 {
            onto.extend(self.all());
            self.len = 0;
        }
    }

    /// Takes all, four at a time: for what is done to each in a few instructions.
    #[inline]
    pub(super) fn take_all(&mut self, mut with: impl FnMut(LaneNo)) {
        let (fours, others) = self.all().as_chunks::<4>();
        for four in fours {
            for lane in four {
                with(*lane);
            }
        }
        for lane in others {
            with(*lane);
        }
        self.len = 0;
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

    /// Puts something else in place of each lane, or nothing.
    #[inline]
    pub(super) fn replace(&mut self, mut with: impl FnMut(LaneNo) -> Option<LaneNo>) {
        let mut kept: LaneNo = 0;
        for at in 0..usize::from(self.len) {
            if let Some(other) = with(self.lanes[at]) {
                self.lanes[usize::from(kept)] = other;
                kept += 1;
            }
        }
        self.len = kept;
    }

    /// Keeps the lanes that are wanted.
    pub(super) fn retain(&mut self, mut wanted: impl FnMut(LaneNo) -> bool) {
        self.replace(|lane| wanted(lane).then_some(lane));
    }
}

/// Flits, each with a lane; a lane is at most once among them.
#[derive(Debug)]
pub(super) struct Moves {
    flits: Box<[PackedFlit; ROOM]>,
    lanes: Box<[LaneNo; ROOM]>,
}

// Between cycles there are none.
impl Clone for Moves {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl Moves {
    /// None.
    pub(super) fn new() -> Self {
        Self { flits: zeroed(), lanes: zeroed() }
    }

    /// In hand, to be filled from the beginning.
    #[inline]
    pub(super) const fn open(&mut self) -> Loading<'_> {
        Loading { flits: &mut self.flits, lanes: &mut self.lanes, len: 0 }
    }

    /// Puts so many of them into the order of their lanes.
    pub(super) fn sort(&mut self, moved: LaneNo, scratch: &mut Vec<(LaneNo, PackedFlit)>) {
        scratch.clear();
        scratch.extend(self.first(moved));
        scratch.sort_unstable_by_key(|(lane, _)| *lane);
        for (at, (lane, flit)) in scratch.iter().enumerate() {
            self.lanes[at] = *lane;
            self.flits[at] = *flit;
        }
    }

    /// So many of them.
    #[inline]
    pub(super) fn first(&self, moved: LaneNo) -> impl Iterator<Item = (LaneNo, PackedFlit)> {
        let moved = usize::from(moved);
        self.lanes[..moved].iter().copied().zip(self.flits[..moved].iter().copied())
    }
}

/// Flits that are put down, in hand, for a loop.
#[derive(Debug)]
pub(super) struct Loading<'a> {
    flits: &'a mut [PackedFlit; ROOM],
    lanes: &'a mut [LaneNo; ROOM],
    pub(super) len: LaneNo,
}

impl Loading<'_> {
    /// Puts down the next flit.
    #[inline]
    pub(super) const fn push(&mut self, (lane, flit): (LaneNo, PackedFlit)) {
        let at = self.len as usize;
        self.lanes[at] = lane;
        self.flits[at] = flit;
        self.len += 1;
    }
}
