//! The permutations, as arithmetic on one number.

use base::NodeIdx;
use base::rng::shuffle;

/// The component of the draws that make a permutation.
const PERMUTATION: u64 = u64::from_be_bytes(*b"randperm");

/// The upper half of `bits` bits exchanged with the lower.
pub(super) fn transpose(n: u32, bits: u32) -> u32 {
    rotate(n, bits, bits / 2)
}

/// The lowest `bits` bits in the opposite order.
pub(super) fn reverse(n: u32, bits: u32) -> u32 {
    if bits == 0 { n } else { n.reverse_bits() >> (32 - bits) }
}

/// The lowest `bits` bits rotated left.
pub(super) fn rotate(n: u32, bits: u32, by: u32) -> u32 {
    if bits == 0 { n } else { (n << by | n >> (bits - by)) & ((1 << bits) - 1) }
}

/// Every node once, in a drawn order.
pub(super) fn random_permutation(nodes: u32, seed: u64) -> Box<[NodeIdx]> {
    let mut all: Box<[NodeIdx]> = (0..nodes).map(NodeIdx).collect();
    shuffle(&mut all, seed, PERMUTATION);
    all
}

/// The digits of a node's number: first its place at its router, then the router's coordinates,
/// first dimension first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digits<'a> {
    pub(super) dims: &'a [u32],
    pub(super) local: u32,
}

impl Digits<'_> {
    /// The destinations when each coordinate goes on by `hop` of its dimension's size, around; the
    /// place at the router stays.
    pub(super) fn table(&self, nodes: u32, hop: impl Fn(u32) -> u32) -> Box<[NodeIdx]> {
        let moved = |n: u32| {
            let (mut rest, mut place) = (n / self.local, self.local);
            let mut moved = n % self.local;
            for k in self.dims {
                moved += (rest % k + hop(*k)) % k * place;
                rest /= k;
                place *= k;
            }
            NodeIdx(moved)
        };
        (0..nodes).map(moved).collect()
    }
}
