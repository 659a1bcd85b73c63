//! In which dimension a packet goes on, and how far.
//!
//! Without twists that follows from the coordinates of where it is and where it goes. A twisted torus
//! looks the same from every router, so its shortest vectors are tabulated by the difference of the
//! coordinates, for each choice. A choice prefers vectors by the value of a linear function of theirs
//! (a dimension first, with a sign); what remains of a preferred vector after any of its steps is
//! again the preferred one, so a packet keeps to its vector without carrying it along.

use core::num::NonZero;

use super::{Dim, Lattice, NONE};
use crate::error::{ErrorKind, Problem};

/// Steps that remain in one dimension, negative down, never 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Leg {
    pub(crate) d: usize,
    pub(crate) steps: i32,
}

impl Leg {
    /// The way of its steps.
    #[inline]
    pub(crate) const fn way(self) -> usize {
        2 * self.d + (self.steps < 0) as usize
    }
}

/// Where a packet may go next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Onward {
    /// It is there.
    Here,
    /// One way.
    One(Leg),
    /// Both ways around a ring are equally short.
    Either([Leg; 2]),
}

/// Dimensions in the order in which they are corrected.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    sequence: Vec<usize>,
    /// `[router]`: its coordinates, those that are corrected first in the lowest bits, so that the
    /// lowest bit in which two routers differ tells in which dimension to go on.
    packed: Vec<u64>,
    /// `[bit of a packed word]`: place of its dimension in the sequence.
    place_of: [u8; 64],
    /// `[place in the sequence]`
    fields: [Field; PLACES],
    /// `[choice][difference]`, of twisted tori.
    twisted: Vec<Entry>,
}

/// Places in a sequence, rounded up to a power of two so that they are masked and not checked.
const PLACES: usize = crate::limits::DIMS_MAX.next_power_of_two();

/// A dimension's bits of a packed word.
#[derive(Clone, Copy, Default, Debug)]
struct Field {
    shift: u8,
    d: u8,
    ring: u16,
    mask: u16,
}

/// What is left of a vector.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The first dimension to be corrected, and the steps in it; 0 if there are none.
    d: u8,
    steps: i16,
    /// Bit `w` set: there are steps of way `w`.
    ways: u16,
}

type Vector = [i16; crate::limits::DIMS_MAX];

impl Order {
    pub(crate) fn new(lattice: &Lattice, sequence: &[usize]) -> Self {
        let mut this = Self {
            sequence: sequence.to_vec(),
            packed: vec![0; lattice.routers()],
            place_of: [0; 64],
            fields: [Field::default(); PLACES],
            twisted: Vec::new(),
        };
        this.pack(lattice);
        let choices = if lattice.twisted { lattice.choices() } else { 0 };
        let vectors = (0..choices).flat_map(|choice| vectors(lattice, choice));
        this.twisted = vectors.map(|v| this.entry(&v)).collect();
        this
    }

    /// Packs the coordinates. There are as many bits as all extents need, each rounded up: fewer than
    /// a word has, since routers and dimensions are bounded.
    fn pack(&mut self, lattice: &Lattice) {
        let mut shift = 0;
        for (place, &d) in self.sequence.iter().enumerate() {
            let Dim { extent, ring, .. } = lattice.dims[d];
            let bits = (u32::from(extent) - 1).checked_ilog2().map_or(0, |log| log + 1);
            for bit in shift..shift + bits {
                self.place_of[bit as usize] = u8::try_from(place).expect("few dimensions");
            }
            self.fields[place] = Field {
                shift: u8::try_from(shift).expect("the bits of a word"),
                d: u8::try_from(d).expect("few dimensions"),
                ring,
                mask: u16::try_from((1_u32 << bits) - 1).expect("extents have 16 bits"),
            };
            for (router, packed) in self.packed.iter_mut().enumerate() {
                *packed |= u64::from(lattice.coordinate(router, d)) << shift;
            }
            shift += bits;
        }
    }

    fn entry(&self, v: &Vector) -> Entry {
        let first = self.sequence.iter().find(|d| v[**d] != 0).copied().unwrap_or(0);
        let steps = |d: &usize| 1_u16 << (2 * d + usize::from(v[*d] < 0));
        let some = self.sequence.iter().filter(|d| v[**d] != 0);
        Entry {
            d: u8::try_from(first).expect("few dimensions"),
            steps: v[first],
            ways: some.map(steps).fold(0, |a, b| a | b),
        }
    }

    /// How a packet at router `at` goes on towards `to`.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(crate) fn next(&self, lattice: &Lattice, at: usize, to: usize, choice: usize) -> Onward {
        if lattice.twisted {
            let Entry { d, steps, .. } = self.entry_of(lattice, at, to, choice);
            let leg = Leg { d: usize::from(d), steps: i32::from(steps) };
            return if steps == 0 { Onward::Here } else { Onward::One(leg) };
        }
        let (here, there) = (self.packed[at], self.packed[to]);
        let Some(apart) = NonZero::new(here ^ there) else { return Onward::Here };
        let place = self.place_of[apart.trailing_zeros() as usize % 64];
        let Field { shift, d, ring, mask } = self.fields[usize::from(place) % PLACES];
        #[expect(clippy::cast_possible_truncation, reason = "the mask takes the low bits")]
        let of = |packed: u64| i32::from((packed >> shift) as u16 & mask);
        let (d, steps) = (usize::from(d), of(there) - of(here));
        if ring == 0 {
            return Onward::One(Leg { d, steps });
        }
        around(d, steps, i32::from(ring))
    }

    /// The ways that bring a packet closer to `to`, a bit each; on twisted tori those along the
    /// vector of its choice.
    #[inline]
    pub(crate) fn productive(&self, lattice: &Lattice, at: usize, to: usize, choice: usize) -> u16 {
        if lattice.twisted {
            return self.entry_of(lattice, at, to, choice).ways;
        }
        let mut ways = 0;
        for (d, dim) in lattice.dims.iter().enumerate() {
            let here = i32::from(lattice.coordinate(at, d));
            let there = i32::from(lattice.coordinate(to, d));
            let ring = i32::from(dim.ring);
            let (up, down) = match (there - here, ring) {
                (0, _) => (false, false),
                (apart, 0) => (apart > 0, apart < 0),
                (apart, _) => {
                    let up = if apart > 0 { apart } else { apart + ring };
                    (2 * up <= ring, 2 * up >= ring)
                }
            };
            ways |= (u16::from(up) | u16::from(down) << 1) << (2 * d);
        }
        ways
    }

    /// Whether [`Lattice::escape`] is safe among adaptive channels: no packet goes over the end of a
    /// twisted dimension twice, nor over one after it was routed in a dimension that is shifted.
    ///
    /// # Errors
    /// What is not so.
    pub(crate) fn escapes(&self, lattice: &Lattice) -> Result<(), Problem> {
        let place = |d| self.sequence.iter().position(|e| *e == d);
        for (d, dim) in lattice.dims.iter().enumerate() {
            let Some((s, _)) = dim.shift else { continue };
            if place(d) > place(s) {
                return Err(Problem::new(
                    ErrorKind::Deadlock,
                    "fabric.order",
                    format!("dimension {s} is routed before {d}, whose wrap-around shifts it"),
                    format!("give an order with {d} before {s}"),
                ));
            }
            let along = self.twisted.iter().filter(|e| usize::from(e.d) == d);
            let most = along.map(|e| e.steps.unsigned_abs()).max().unwrap_or(0);
            if most > dim.extent {
                return Err(Problem::new(
                    ErrorKind::Deadlock,
                    "fabric.routing",
                    format!("packets would go over the end of dimension {d} twice"),
                    "use DimensionOrder, or a twist by half of the shifted dimension",
                ));
            }
        }
        Ok(())
    }

    #[inline]
    fn entry_of(&self, lattice: &Lattice, at: usize, to: usize, choice: usize) -> Entry {
        self.twisted[choice * lattice.routers() + difference(lattice, at, to)]
    }
}

/// The shorter way around a ring to where `steps` upwards lead, which are not 0.
#[inline]
fn around(d: usize, steps: i32, ring: i32) -> Onward {
    let up = if steps > 0 { steps } else { steps + ring };
    let [upward, downward] = [up, up - ring].map(|steps| Leg { d, steps });
    match (2 * up).cmp(&ring) {
        core::cmp::Ordering::Equal => Onward::Either([upward, downward]),
        core::cmp::Ordering::Less => Onward::One(upward),
        core::cmp::Ordering::Greater => Onward::One(downward),
    }
}

/// The router that is from router 0 as `to` is from `at`.
#[inline]
fn difference(lattice: &Lattice, at: usize, to: usize) -> usize {
    let mut apart = [0_i32; crate::limits::DIMS_MAX];
    for (d, apart) in apart.iter_mut().enumerate().take(lattice.dims.len()) {
        *apart = i32::from(lattice.coordinate(to, d)) - i32::from(lattice.coordinate(at, d));
    }
    for (d, dim) in lattice.dims.iter().enumerate() {
        if let (Some((s, by)), true) = (dim.shift, apart[d] < 0) {
            apart[d] += i32::from(dim.extent);
            apart[s] -= i32::from(by);
        }
    }
    let mut index = 0;
    for (d, dim) in lattice.dims.iter().enumerate().rev() {
        let extent = i32::from(dim.extent);
        let within = apart[d].rem_euclid(extent);
        index = index * usize::from(dim.extent) + usize::try_from(within).unwrap_or(0);
    }
    index
}

/// The preferred shortest vector from router 0 to every router.
///
/// Every shortest vector is a shortest vector to a neighbour and one step; the preferred one is so
/// with the neighbour's preferred one, since preference is linear.
fn vectors(lattice: &Lattice, choice: usize) -> Vec<Vector> {
    let (dims, routers) = (lattice.dims.len(), lattice.routers());
    let sign = if choice.is_multiple_of(2) { 1 } else { -1 };
    let key = |v: &Vector| -> Vector {
        core::array::from_fn(|i| if i < dims { sign * v[(choice / 2 + i) % dims] } else { 0 })
    };
    let mut distance = vec![u32::MAX; routers];
    let mut best = vec![[0; crate::limits::DIMS_MAX]; routers];
    let mut queue = vec![0];
    distance[0] = 0;
    let mut next = 0;
    while let Some(&at) = queue.get(next) {
        next += 1;
        for way in (0..2 * dims).filter(|way| lattice.port(at, *way).0 != NONE) {
            let to = lattice.neighbour(at, way);
            let mut v: Vector = best[at];
            v[way / 2] += if way % 2 == 0 { 1 } else { -1 };
            if distance[to] == u32::MAX {
                distance[to] = distance[at] + 1;
                queue.push(to);
                best[to] = v;
            } else if distance[to] == distance[at] + 1 && key(&v) > key(&best[to]) {
                best[to] = v;
            }
        }
    }
    best
}
