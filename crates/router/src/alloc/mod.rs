//! Allocators and arbiters: which of many requests at one edge are granted.
//!
//! ```text
//!   router ──▶ Requests ──▶ allocate(&self) ──▶ Matching ──▶ router takes the grants
//!              (scratch)         │              (scratch)            │
//!                                └─────── commit(&mut self) ◀────────┘
//!                                 pointers move past what was granted
//! ```
//!
//! An allocator matches inputs with outputs: for virtual channels, input VCs with output VCs
//! (`port * vcs + vc`); for the switch, crossbar inputs with crossbar outputs. It is state of one
//! router; [`Requests`] and [`Matching`] are made once, for the largest of them, and serve all.
//! Deciding reads, committing writes: allocate twice and the answer is the same.
//!
//! | allocator | who picks first | maximal | fair to who keeps asking |
//! |---|---|---|---|
//! | [`InputFirst`] | inputs | no | in turns, if the others keep asking too; else no bound |
//! | [`OutputFirst`] | outputs | no | the same |
//! | [`Islip`] | outputs, repeated | with as many iterations as the smaller side | the same |
//! | [`Wavefront`] | nobody | yes | granted within as many edges as the longer side has |
//!
//! Whatever the allocator, requests with greater [`Key`]s go first, and arbiters choose among
//! equals: [`RoundRobin`], [`Matrix`], or one of your own (see [`Arbiter`] for one). The request
//! with the greatest key of all, if there is but one such, is always granted at once.
//!
//! No call allocates memory but [`Wavefront`]'s, whose queue of keyed requests grows to the most
//! there ever are. Semantics, reset states included, are those of BookSim 2 (Jiang et al., ISPASS
//! 2013).
//!
//! Not known here: packets, VCs, ports, credits and cycles; who may ask is the router's.
//!
//! ```
//! use base::arch::{Allocation, Arbitration};
//! use router::alloc::{Allocator, AnyAllocator, Key, Matching, Requests};
//!
//! let (mut requests, mut matching) = (Requests::new(4, 4), Matching::new(4, 4));
//! let mut switch = AnyAllocator::new(Allocation::Wavefront, Arbitration::RoundRobin, 4, 4);
//! for output in [0, 2] {
//!     requests.add(1, output, Key::EQUAL, 7);
//!     requests.add(3, output, Key::EQUAL, 5);
//! }
//! switch.allocate(&requests, &mut matching);
//! assert_eq!(matching.pairs().collect::<Vec<_>>(), [(1, 0), (3, 2)]);
//! assert_eq!(requests.label(1, 0), Some(7));
//! switch.commit(&matching);
//! ```

mod any;
mod arbiter;
mod key;
mod mask;
mod matching;
mod requests;
mod separable;
mod speculation;
#[cfg(test)]
mod tests;
mod wavefront;

pub use any::{AnyAllocator, Own};
pub use arbiter::{Arbiter, Matrix, RoundRobin};
pub use key::{Key, KeyRule};
pub use mask::{Ones, first_from, ones};
pub use matching::Matching;
pub use requests::Requests;
pub use separable::{InputFirst, Islip, OutputFirst};
pub use speculation::{SpeculationMask, mask_speculative};
pub use wavefront::Wavefront;

/// A matcher of inputs with outputs, fair over time by state of its own.
///
/// One of your own makes its grants by [`Matching::clear`] and [`Matching::grant`], and gets into
/// routers by [`AnyAllocator::own`] and
/// [`RouterBank::set_switch_allocators`](crate::RouterBank::set_switch_allocators).
pub trait Allocator {
    /// Makes `matching` the grants for `requests`: pairs that were requested, each input and each
    /// output in at most one. Changes nothing else.
    ///
    /// # Panics
    /// If a request is outside the allocator, or the matching is smaller than the matrix.
    fn allocate(&self, requests: &Requests, matching: &mut Matching);

    /// Moves priorities past the grants of `matching`, which [`Allocator::allocate`] of this
    /// allocator made; some may have been revoked since.
    fn commit(&mut self, matching: &Matching);
}

/// A broken invariant of the caller: scratch of different routers.
fn assert_fits(requests: &Requests, matching: &Matching) {
    let (room, size) = (matching.size(), requests.size());
    assert!(
        size.0 <= room.0 && size.1 <= room.1,
        "requests of {size:?} for a matching of {room:?}",
    );
}
