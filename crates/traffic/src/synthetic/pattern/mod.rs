//! Patterns: which node a packet goes to, given where it comes from.
//!
//! A [`PatternSpec`] is what a user says; on a [`Shape`] it becomes a [`Pattern`], which maps a
//! source and a draw to a destination in a few instructions: permutations are tables, and the
//! others multiply and shift. The definitions are those of BookSim 2 (`src/traffic.cpp`; Jiang et
//! al., ISPASS 2013), the names those of Dally and Towles (2004), table 3.1. As there, a node may
//! be its own destination; [`PatternSpec::UniformOthers`] is the one that never is.
//!
//! Whoever has a pattern that is not here implements [`Destinations`]:
//!
//! ```
//! use base::NodeIdx;
//! use traffic::synthetic::{Destinations, Shape, TrafficSpec};
//!
//! /// Even nodes talk to any node of the lower half, odd ones to themselves.
//! struct Lower {
//!     half: u32,
//! }
//!
//! impl Destinations for Lower {
//!     fn destination(&self, src: NodeIdx, draw: u64) -> NodeIdx {
//!         if src.0 % 2 == 1 {
//!             return src;
//!         }
//!         // The upper half of the product: a number below `half`, without a division.
//!         let wide = u128::from(draw) * u128::from(self.half);
//!         NodeIdx((wide >> 64) as u32)
//!     }
//! }
//!
//! let traffic = TrafficSpec { rate: 0.2, ..TrafficSpec::default() }.on(&Shape::flat(16))?;
//! let mut source = traffic.source(NodeIdx(4));
//! let lower = Lower { half: 8 };
//! for _ in 0..100 {
//!     assert!(source.next(&lower).is_some_and(|packet| packet.dst.0 < 8));
//! }
//! # Ok::<(), traffic::synthetic::SyntheticError>(())
//! ```

mod bind;
mod parse;
mod tables;

use base::NodeIdx;
use base::rng::mix;

use super::draws::{Chance, scale};
use super::weighted::Weighted;

pub use bind::Shape;
pub use parse::PATTERNS;

/// Where packets go. Implemented by [`Pattern`], and by whoever has one of their own.
pub trait Destinations {
    /// The destination of a packet from `src`.
    ///
    /// `draw` is uniform over all 64-bit words and new for each packet. The same arguments must
    /// give the same destination, or runs do not repeat; it must be a node of the machine.
    fn destination(&self, src: NodeIdx, draw: u64) -> NodeIdx;
}

/// A pattern as it is asked for; what it means on a machine is found by [`PatternSpec::on`].
///
/// It parses from text and prints as that text; [`PATTERNS`] lists the names.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum PatternSpec {
    /// Any node, the source included.
    Uniform,
    /// Any node but the source.
    UniformOthers,
    /// The upper and the lower half of the number's bits, exchanged. An even power of two of nodes.
    Transpose,
    /// Every bit of the number inverted. A power of two of nodes, as for all that move bits.
    BitComplement,
    /// The bits of the number in the opposite order.
    BitReverse,
    /// The bits of the number rotated left by one.
    Shuffle,
    /// The bits of the number rotated right by one.
    BitRotation,
    /// In each dimension of a grid, `ceil(k / 2) - 1` routers on, around.
    Tornado {
        /// The grid's sizes, first dimension first; `None`: those of the machine.
        dims: Option<Vec<u32>>,
    },
    /// In each dimension of a grid, one router on, around.
    Neighbor {
        /// As for [`PatternSpec::Tornado`].
        dims: Option<Vec<u32>>,
    },
    /// One destination a source, drawn once, each node being the destination of one.
    RandomPermutation {
        /// `None`: the seed of the traffic.
        seed: Option<u64>,
    },
    /// A share of the packets goes to a few nodes, by weight; the rest to any node.
    HotSpots {
        /// Nodes and their weights.
        spots: Vec<(NodeIdx, f64)>,
        /// From 0 to 1; 1 is BookSim's `hotspot`.
        share: f64,
    },
    /// Any node of the next group: the worst case of minimal routing on a dragonfly.
    BadDragonfly {
        /// Nodes of a group; `None`: those of the machine. In BookSim `2 k^2`.
        group_nodes: Option<u32>,
    },
    /// The node with the source's place in either half of the nodes.
    Asymmetric,
    /// The next node for a third of the packets, the source itself for the others.
    Diagonal,
}

/// A pattern on a machine.
#[derive(Clone, Debug)]
pub struct Pattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Uniform {
        nodes: u32,
    },
    Others {
        others: u32,
    },
    /// Destination by source.
    Fixed(Box<[NodeIdx]>),
    HotSpots {
        spots: Weighted<NodeIdx>,
        share: Chance,
        nodes: u32,
    },
    /// First node of the destination's range by source, and the nodes of the range.
    Range {
        first: Box<[NodeIdx]>,
        nodes: u32,
    },
    /// Two destinations by source, and the chance of the first.
    Either {
        first: Box<[[NodeIdx; 2]]>,
        chance: Chance,
    },
}

impl Pattern {
    /// The only destination of `src`, of a pattern that draws nothing.
    pub fn fixed(&self, src: NodeIdx) -> Option<NodeIdx> {
        match &self.0 {
            Kind::Fixed(table) => table.get(src.at()).copied(),
            _ => None,
        }
    }
}

impl Destinations for Pattern {
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    fn destination(&self, src: NodeIdx, draw: u64) -> NodeIdx {
        match &self.0 {
            Kind::Uniform { nodes } => NodeIdx(scale(draw, *nodes).0),
            _ => self.pick(src, draw),
        }
    }
}

impl Pattern {
    /// The destination, whatever the pattern.
    #[inline(never)]
    fn pick(&self, src: NodeIdx, draw: u64) -> NodeIdx {
        match &self.0 {
            Kind::Uniform { nodes } => NodeIdx(scale(draw, *nodes).0),
            Kind::Others { others } => {
                let other = scale(draw, *others).0;
                NodeIdx(other + u32::from(other >= src.0))
            }
            Kind::Fixed(table) => table[src.at()],
            Kind::HotSpots { spots, share, nodes } => {
                // The first draw is spent on the share, so what follows takes a hash of it.
                let again = mix(draw);
                if share.hits(draw) { spots.pick(again) } else { NodeIdx(scale(again, *nodes).0) }
            }
            Kind::Range { first, nodes } => NodeIdx(first[src.at()].0 + scale(draw, *nodes).0),
            Kind::Either { first, chance } => first[src.at()][usize::from(!chance.hits(draw))],
        }
    }
}

#[cfg(test)]
mod tests;
