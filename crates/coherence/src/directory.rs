//! How a directory entry lists the sharers of a line, and what that costs.
//!
//! | organisation | after | bits an entry, N nodes, 3 state bits |
//! |---|---|---|
//! | full map | Censier and Feautrier 1978 | `N + 3` |
//! | limited pointers | Agarwal et al. 1988, `Dir_iB` and `Dir_iNB`; Gupta et al. 1990, `Dir_iCV` | `i ceil(log2 N) + 3 + 1` |
//! | coarse vector | Gupta et al. 1990 | `ceil(N / K) + 3 + 1` |
//!
//! The owned state is a ninth state and so a fourth bit; it and direct transfer need the name of the
//! owner, or of the cache that forwards, beside the list: `ceil(log2 N)` more.
//!
//! A list that cannot name each sharer is a superset: home then invalidates caches that have no copy
//! (they acknowledge all the same), cannot take a sharer off when it evicts, and may not believe an
//! upgrade, as the cache may have lost its copy: it always sends data.

use core::fmt;
use core::str::FromStr;

use base::NodeIdx;

use crate::config::Protocol;
use crate::sharers::{NODES_MAX, Sharers};

/// Bits of an entry that hold the line's state in MESI.
const STATE_BITS: u32 = 3;

/// How entries list sharers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Listing {
    /// One bit a node.
    #[default]
    FullMap,
    /// A few node numbers.
    Limited {
        /// How many: at least 1; at least 2 with [`Overflow::Recall`].
        pointers: u16,
        /// What happens when there are more sharers.
        overflow: Overflow,
    },
    /// One bit for each region of this many nodes.
    Coarse {
        /// Nodes of a region, at least 1.
        region: u16,
    },
}

/// What happens when a limited entry has more sharers than pointers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Overflow {
    /// Everyone counts as a sharer from then on (`Dir_iB`).
    Broadcast,
    /// A sharer loses its copy, and its pointer is given on (`Dir_iNB`).
    Recall,
    /// The entry's bits become a coarse vector (`Dir_iCV_r`).
    Coarse {
        /// Nodes of a region, at least 1.
        region: u16,
    },
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FullMap => write!(f, "full-map"),
            Self::Coarse { region } => write!(f, "coarse:{region}"),
            Self::Limited { pointers, overflow: Overflow::Broadcast } => {
                write!(f, "limited:{pointers}:broadcast")
            }
            Self::Limited { pointers, overflow: Overflow::Recall } => {
                write!(f, "limited:{pointers}:recall")
            }
            Self::Limited { pointers, overflow: Overflow::Coarse { region } } => {
                write!(f, "limited:{pointers}:coarse:{region}")
            }
        }
    }
}

impl FromStr for Listing {
    type Err = String;

    /// `full-map`, `coarse:K`, `limited:I:broadcast`, `limited:I:recall` or `limited:I:coarse:K`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let number = text.parse().ok().filter(|n| *n > 0);
            number.ok_or_else(|| format!("`{text}` is no number of nodes or pointers"))
        };
        Ok(match *text.split(':').collect::<Vec<_>>() {
            ["full-map"] => Self::FullMap,
            ["coarse", region] => Self::Coarse { region: number(region)? },
            ["limited", pointers, ref rest @ ..] => {
                let overflow = match *rest {
                    ["broadcast"] => Overflow::Broadcast,
                    ["recall"] => Overflow::Recall,
                    ["coarse", region] => Overflow::Coarse { region: number(region)? },
                    _ => return Err(format!("`{text}` does not say what overflows into: {FORMS}")),
                };
                Self::Limited { pointers: number(pointers)?, overflow }
            }
            _ => return Err(format!("`{text}` is no directory: {FORMS}")),
        })
    }
}

/// What a listing can be written as.
const FORMS: &str =
    "full-map, coarse:K, limited:I:broadcast, limited:I:recall or limited:I:coarse:K";

/// A directory's organisation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Directory {
    /// How entries list sharers.
    pub listing: Listing,
    /// Nodes with caches, at most [`NODES_MAX`]; they are numbered from 0.
    pub nodes: u32,
}

impl Default for Directory {
    fn default() -> Self {
        Self { listing: Listing::FullMap, nodes: NODES_MAX }
    }
}

impl Directory {
    /// Whether every list names its sharers one by one.
    #[inline]
    pub const fn is_exact(&self) -> bool {
        matches!(
            self.listing,
            Listing::FullMap | Listing::Limited { overflow: Overflow::Recall, .. }
        )
    }

    /// Bits of an entry: state, list, and a bit that tells pointers from what they overflow into; with
    /// the protocol's options a pointer to the owner or to who forwards. Pointers that overflow into a
    /// coarse vector have at least its bits. The address tag of an entry in a directory of bounded size
    /// is not counted.
    pub fn entry_bits(&self, protocol: Protocol) -> u32 {
        let pointer_bits = self.nodes.max(2).next_power_of_two().trailing_zeros();
        let named = if protocol.owned || protocol.direct { pointer_bits } else { 0 };
        STATE_BITS
            + u32::from(protocol.owned)
            + named
            + match self.listing {
                Listing::FullMap => self.nodes,
                Listing::Limited { pointers, overflow } => {
                    let vector = match overflow {
                        Overflow::Coarse { region } => self.regions(region),
                        Overflow::Broadcast | Overflow::Recall => 0,
                    };
                    vector.max(u32::from(pointers) * pointer_bits) + 1
                }
                Listing::Coarse { region } => self.regions(region) + 1,
            }
    }

    fn regions(&self, region: u16) -> u32 {
        self.nodes.div_ceil(u32::from(region.max(1)))
    }

    /// Says what is out of bounds, if anything is.
    ///
    /// # Errors
    /// A sentence that names the bound.
    pub fn check(&self) -> Result<(), String> {
        let region = |region: u16| {
            let fits = region > 0 && u32::from(region) <= self.nodes;
            fits.then_some(())
                .ok_or(format!("regions of {region}: must be 1 to {} nodes", self.nodes))
        };
        match self.listing {
            Listing::FullMap => Ok(()),
            Listing::Coarse { region: nodes } => region(nodes),
            Listing::Limited { pointers, overflow } => {
                let least = if overflow == Overflow::Recall { 2 } else { 1 };
                if pointers < least {
                    return Err(format!("{pointers} pointers: must be at least {least}"));
                }
                if let Overflow::Coarse { region: nodes } = overflow {
                    region(nodes)
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Puts `node` on the list. Returns the sharer that has to lose its copy for it, if one has.
    #[inline]
    pub(crate) fn list(
        &self,
        sharers: &mut Sharers,
        coarse: &mut bool,
        node: NodeIdx,
    ) -> Option<NodeIdx> {
        match self.listing {
            Listing::FullMap => sharers.insert(node),
            Listing::Coarse { region } => {
                *coarse = true;
                self.insert_region(sharers, node, region);
            }
            Listing::Limited { pointers, overflow } => {
                let room = sharers.len() < pointers || sharers.contains(node);
                if room && !*coarse {
                    sharers.insert(node);
                } else {
                    return self.overflow(sharers, coarse, node, overflow);
                }
            }
        }
        None
    }

    fn overflow(
        &self,
        sharers: &mut Sharers,
        coarse: &mut bool,
        node: NodeIdx,
        overflow: Overflow,
    ) -> Option<NodeIdx> {
        match overflow {
            Overflow::Broadcast => {
                *coarse = true;
                (0..self.nodes).for_each(|n| sharers.insert(NodeIdx(n)));
                None
            }
            Overflow::Coarse { region } => {
                *coarse = true;
                let listed = *sharers;
                listed.iter().for_each(|n| self.insert_region(sharers, n, region));
                self.insert_region(sharers, node, region);
                None
            }
            Overflow::Recall => {
                let victim = sharers.iter().next();
                if let Some(victim) = victim {
                    sharers.remove(victim);
                }
                sharers.insert(node);
                victim
            }
        }
    }

    /// Clears the bit of a coarse list that stands for `node`, and for others.
    pub(crate) fn forget(&self, sharers: &mut Sharers, node: NodeIdx) {
        let size = match self.listing {
            Listing::Coarse { region }
            | Listing::Limited { overflow: Overflow::Coarse { region }, .. } => {
                u32::from(region.max(1))
            }
            Listing::FullMap | Listing::Limited { .. } => 1,
        };
        let first = node.0 / size * size;
        (first..first + size).for_each(|n| {
            sharers.remove(NodeIdx(n));
        });
    }

    fn insert_region(&self, sharers: &mut Sharers, node: NodeIdx, region: u16) {
        let size = u32::from(region.max(1));
        let first = node.0 / size * size;
        (first..self.nodes.min(first + size)).for_each(|n| sharers.insert(NodeIdx(n)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(listing: Listing, nodes: u32) -> Directory {
        Directory { listing, nodes }
    }

    fn limited(pointers: u16, overflow: Overflow) -> Listing {
        Listing::Limited { pointers, overflow }
    }

    fn listed(directory: &Directory, nodes: &[u32]) -> (Vec<u32>, bool, Vec<NodeIdx>) {
        let (mut sharers, mut coarse) = (Sharers::default(), false);
        let lost =
            nodes.iter().filter_map(|n| directory.list(&mut sharers, &mut coarse, NodeIdx(*n)));
        let lost = lost.collect();
        (sharers.iter().map(|n| n.0).collect(), coarse, lost)
    }

    #[test]
    fn entries_have_the_bits_of_the_formulas() {
        assert_eq!(of(Listing::FullMap, 64).entry_bits(Protocol::MESI), 67);
        assert_eq!(
            of(limited(4, Overflow::Broadcast), 1024).entry_bits(Protocol::MESI),
            4 * 10 + 4
        );
        assert_eq!(of(limited(3, Overflow::Recall), 1000).entry_bits(Protocol::MESI), 3 * 10 + 4);
        assert_eq!(of(Listing::Coarse { region: 16 }, 1024).entry_bits(Protocol::MESI), 64 + 4);
        assert_eq!(of(Listing::Coarse { region: 16 }, 1000).entry_bits(Protocol::MESI), 63 + 4);
        let coarse = |region| limited(2, Overflow::Coarse { region });
        assert_eq!(of(coarse(64), 1024).entry_bits(Protocol::MESI), 2 * 10 + 4);
        assert_eq!(of(coarse(16), 1024).entry_bits(Protocol::MESI), 64 + 4, "the vector is wider");
    }

    /// `(i ceil(log2 N) or N or N/K) + s + 1`, times the entries, with 3 state bits.
    #[test]
    fn directories_have_the_bits_of_the_formulas() {
        for nodes in [8_u32, 64, 512, 1024] {
            let (n, log2) = (u64::from(nodes), u64::from(nodes.ilog2()));
            let bits = |listing| u64::from(of(listing, nodes).entry_bits(Protocol::MESI)) * 4096;
            assert_eq!(bits(Listing::FullMap), (n + 3) * 4096);
            for overflow in [Overflow::Broadcast, Overflow::Recall, Overflow::Coarse { region: 8 }]
            {
                let wide = if matches!(overflow, Overflow::Coarse { .. }) { n / 8 } else { 0 };
                let list = wide.max(4 * log2);
                assert_eq!(bits(limited(4, overflow)), (list + 3 + 1) * 4096, "{nodes}");
            }
            assert_eq!(bits(Listing::Coarse { region: 8 }), (n / 8 + 3 + 1) * 4096);
        }
    }

    #[test]
    fn an_owner_beside_sharers_takes_a_state_bit_and_a_pointer() {
        for listing in [Listing::FullMap, limited(4, Overflow::Broadcast)] {
            let bits = |protocol| of(listing, 1000).entry_bits(protocol);
            let plain = bits(Protocol::MESI);
            assert_eq!(bits(Protocol::DIRECT), plain + 10);
            assert_eq!((bits(Protocol::OWNED), bits(Protocol::BOTH)), (plain + 11, plain + 11));
        }
    }

    #[test]
    fn lists_overflow_as_told() {
        let all = |overflow| of(limited(2, overflow), 6);
        let nodes = [1, 4, 1, 5];
        assert_eq!(
            listed(&all(Overflow::Broadcast), &nodes),
            (vec![0, 1, 2, 3, 4, 5], true, vec![])
        );
        let region = Overflow::Coarse { region: 2 };
        assert_eq!(listed(&all(region), &nodes), (vec![0, 1, 4, 5], true, vec![]));
        assert_eq!(listed(&all(Overflow::Recall), &nodes), (vec![4, 5], false, vec![NodeIdx(1)]));
        assert_eq!(listed(&all(Overflow::Broadcast), &[1, 4, 1]), (vec![1, 4], false, vec![]));
        let coarse = of(Listing::Coarse { region: 4 }, 6);
        assert_eq!(listed(&coarse, &[5]), (vec![4, 5], true, vec![]));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            "full-map",
            "coarse:4",
            "limited:3:broadcast",
            "limited:2:recall",
            "limited:1:coarse:2",
        ] {
            assert_eq!(text.parse::<Listing>().map(|l| l.to_string()).as_deref(), Ok(text));
        }
        for text in
            ["", "full", "coarse", "coarse:0", "limited:2", "limited:x:recall", "limited:1:evict"]
        {
            assert!(text.parse::<Listing>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_told() {
        assert!(of(limited(0, Overflow::Broadcast), 8).check().is_err());
        assert!(of(limited(1, Overflow::Recall), 8).check().is_err());
        assert!(of(limited(1, Overflow::Coarse { region: 9 }), 8).check().is_err());
        assert!(of(Listing::Coarse { region: 0 }, 8).check().is_err());
        assert!(of(limited(2, Overflow::Coarse { region: 4 }), 8).check().is_ok());
    }
}
