//! What happens in which cycle: a ring of buckets, one for each cycle to come.
//!
//! Whoever sends puts the event into the bucket of the cycle in which it arrives, so an idle cycle
//! costs a look into an empty bucket and an idle component nothing.

use base::RouterIdx;
use router::{Lane, Slot};

/// All that happens in one cycle. Within a list the order does not matter.
#[derive(Clone, Default, Debug)]
pub(super) struct Bucket {
    /// Credits that arrive at output VCs of routers.
    pub(super) credits: Vec<Lane>,
    /// Credits that arrive at sources: source and VC as the wires number them.
    pub(super) source_credits: Vec<Lane>,
    /// Flits that arrive at input VCs of routers.
    pub(super) bodies: Vec<(Lane, Slot)>,
    pub(super) heads: Vec<(Lane, Slot)>,
    /// Flits that arrive at nodes.
    pub(super) ejects: Vec<Slot>,
    /// Routers, and sources, for which something runs out.
    pub(super) wakes: Vec<RouterIdx>,
    pub(super) source_wakes: Vec<u32>,
}

impl Bucket {
    pub(super) fn clear(&mut self) {
        self.credits.clear();
        self.source_credits.clear();
        self.bodies.clear();
        self.heads.clear();
        self.ejects.clear();
        self.wakes.clear();
        self.source_wakes.clear();
    }
}

/// The buckets of the cycles to come.
#[derive(Clone, Debug)]
pub(super) struct Calendar {
    ring: Vec<Bucket>,
    mask: usize,
    pub(super) now: u64,
}

impl Calendar {
    /// Room for events up to `span` cycles ahead.
    pub(super) fn new(span: u64) -> Self {
        let size = usize::try_from(span + 1).unwrap_or(usize::MAX).next_power_of_two();
        Self { ring: vec![Bucket::default(); size], mask: size - 1, now: 0 }
    }

    /// The bucket of cycle `at`, at most the span ahead.
    #[expect(clippy::cast_possible_truncation, reason = "the mask takes the low bits")]
    #[inline]
    pub(super) fn at(&mut self, at: u64) -> &mut Bucket {
        debug_assert!(at > self.now && at - self.now <= self.mask as u64, "{at} at {}", self.now);
        &mut self.ring[at as usize & self.mask]
    }

    /// The buckets from the present cycle's on.
    #[cfg(feature = "mutants")]
    #[expect(clippy::cast_possible_truncation, reason = "the mask takes the low bits")]
    pub(super) fn ahead(&mut self) -> impl Iterator<Item = &mut Bucket> {
        let (past, ahead) = self.ring.split_at_mut(self.now as usize & self.mask);
        ahead.iter_mut().chain(past)
    }

    /// How far ahead an event may lie.
    pub(super) const fn span(&self) -> u64 {
        self.mask as u64
    }

    /// Takes the present cycle's bucket; it is given back empty.
    #[expect(clippy::cast_possible_truncation, reason = "the mask takes the low bits")]
    #[inline]
    pub(super) fn take(&mut self) -> Bucket {
        core::mem::take(&mut self.ring[self.now as usize & self.mask])
    }

    /// Gives a bucket back for the room that it has.
    #[expect(clippy::cast_possible_truncation, reason = "the mask takes the low bits")]
    #[inline]
    pub(super) fn give_back(&mut self, mut bucket: Bucket) {
        bucket.clear();
        self.ring[self.now as usize & self.mask] = bucket;
    }
}
