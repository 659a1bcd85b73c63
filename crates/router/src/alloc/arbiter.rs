//! Arbiters: who is preferred among equals.
//!
//! ```text
//!   requesters ──▶ pick(&self) ──▶ one of them          (decide: nothing moves)
//!                  granted(&mut self, requester)         (commit: only if it was granted)
//! ```
//!
//! An arbiter sees only requesters of the same, greatest [`Key`](super::Key), so priorities and
//! ages hold whatever the arbiter. Source: Dally and Towles 2004, chapter 18; the states at reset
//! are those of BookSim 2.

use core::fmt::Debug;

use super::mask::{first_from, ones};

/// A choice of one among many, fair over time in a way of its own.
///
/// ```
/// use router::alloc::{Allocator, Arbiter, InputFirst, Key, Matching, Requests, first_from};
///
/// /// Keeps to the one that was granted last for as long as it asks; then the lowest.
/// #[derive(Clone, Debug)]
/// struct Loyal(usize);
///
/// impl Arbiter for Loyal {
///     fn new(_size: usize) -> Self {
///         Self(0)
///     }
///     fn pick(&self, requesters: &[u64]) -> Option<usize> {
///         let asks = requesters.get(self.0 / 64)? >> (self.0 % 64) & 1 == 1;
///         first_from(requesters, if asks { self.0 } else { 0 })
///     }
///     fn granted(&mut self, requester: usize) {
///         self.0 = requester;
///     }
/// }
///
/// let (mut requests, mut matching) = (Requests::new(2, 2), Matching::new(2, 2));
/// let mut allocator = InputFirst::<Loyal>::new(2, 2);
/// requests.add(1, 0, Key::EQUAL, 0);
/// allocator.allocate(&requests, &mut matching);
/// allocator.commit(&matching);
/// requests.add(0, 0, Key::EQUAL, 0);
/// allocator.allocate(&requests, &mut matching);
/// assert_eq!(matching.input_of(0), Some(1));
/// ```
pub trait Arbiter: Clone + Debug {
    /// The state at reset of an arbiter of `size` requesters.
    fn new(size: usize) -> Self;

    /// One of `requesters`, a mask of which [`ones`] gives the bits; `None` grants nobody, as must
    /// be if there is none.
    fn pick(&self, requesters: &[u64]) -> Option<usize>;

    /// `requester` was picked and got what it asked for.
    fn granted(&mut self, requester: usize);
}

/// The first at or behind the pointer; it moves behind whoever is granted. Starts at 0.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct RoundRobin {
    /// May be one beyond the last, which is as good as 0.
    pointer: u32,
}

impl Arbiter for RoundRobin {
    fn new(_size: usize) -> Self {
        Self::default()
    }

    #[inline]
    fn pick(&self, requesters: &[u64]) -> Option<usize> {
        first_from(requesters, self.pointer as usize)
    }

    #[inline]
    fn granted(&mut self, requester: usize) {
        self.pointer = u32::try_from(requester + 1).unwrap_or(0);
    }
}

/// The one that was granted longest ago. At reset the highest goes first.
///
/// In hardware a triangle of bits, `[i][j]` telling that `i` goes before `j`. A grant puts one
/// behind all others, so the bits are always those of an order, and the order is what is kept: 2
/// bytes a requester instead of a bit a pair of them.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Matrix {
    /// `[requester]`: its place in the order, 0 first. Invariant: a permutation.
    place: Vec<u16>,
}

impl Arbiter for Matrix {
    /// # Panics
    /// If `size` is over 65,536.
    fn new(size: usize) -> Self {
        let place = |requester: usize| {
            let behind = u16::try_from(size - 1 - requester);
            behind.unwrap_or_else(|_| panic!("a matrix arbiter of {size} requesters"))
        };
        Self { place: (0..size).map(place).collect() }
    }

    #[inline]
    fn pick(&self, requesters: &[u64]) -> Option<usize> {
        ones(requesters).min_by_key(|requester| self.place[*requester])
    }

    #[inline]
    fn granted(&mut self, requester: usize) {
        let from = self.place[requester];
        let mut last = 0;
        for place in &mut self.place {
            last = last.max(*place);
            *place -= u16::from(*place > from);
        }
        self.place[requester] = last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_robin_goes_on_behind_the_granted_and_not_behind_the_picked() {
        let mut arbiter = RoundRobin::new(4);
        assert_eq!(arbiter.pick(&[0b1110]), Some(1));
        assert_eq!(arbiter.pick(&[0b1110]), Some(1));
        arbiter.granted(1);
        assert_eq!(arbiter.pick(&[0b1110]), Some(2));
        arbiter.granted(3);
        assert_eq!((arbiter.pick(&[0b1110]), arbiter.pick(&[0b1])), (Some(1), Some(0)));
        assert_eq!(arbiter.pick(&[0]), None);
    }

    #[test]
    fn matrix_prefers_the_one_granted_longest_ago() {
        let mut arbiter = Matrix::new(4);
        let mut order = Vec::new();
        for _ in 0..4 {
            let picked = arbiter.pick(&[0b1111]).unwrap();
            arbiter.granted(picked);
            order.push(picked);
        }
        assert_eq!(order, [3, 2, 1, 0]);
        arbiter.granted(3);
        arbiter.granted(1);
        assert_eq!(arbiter.pick(&[0b1010]), Some(3));
        assert_eq!(arbiter.pick(&[0b1011]), Some(0));
        assert_eq!(arbiter.pick(&[0]), None);
    }
}
