//! The full-map sharer set: one bit a node.

use core::hash::{Hash, Hasher};

use base::NodeIdx;
use bitvec::array::BitArray;
use bitvec::order::Lsb0;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Nodes that a full map can name.
pub const NODES_MAX: u32 = 1024;

/// A set of nodes below [`NODES_MAX`].
#[derive(Clone, Copy, Default)]
pub struct Sharers(BitArray<[u64; 16], Lsb0>);

impl Sharers {
    /// Whether `node` is in the set.
    #[inline]
    pub fn contains(&self, node: NodeIdx) -> bool {
        self.0.get(node.at()).is_some_and(|bit| *bit)
    }

    /// Puts `node` into the set.
    ///
    /// # Panics
    /// If `node` is not below [`NODES_MAX`].
    #[inline]
    pub fn insert(&mut self, node: NodeIdx) {
        self.0.set(node.at(), true);
    }

    /// Takes `node` out and says whether it was in.
    #[inline]
    pub fn remove(&mut self, node: NodeIdx) -> bool {
        let was = self.contains(node);
        if was {
            self.0.set(node.at(), false);
        }
        was
    }

    /// The set without `node`.
    #[inline]
    #[must_use]
    pub fn without(mut self, node: NodeIdx) -> Self {
        self.remove(node);
        self
    }

    /// How many nodes are in the set, at most [`NODES_MAX`].
    #[inline]
    pub fn len(&self) -> u16 {
        let ones: u32 = self.0.data.iter().map(|w| w.count_ones()).sum();
        // 1024 at most.
        u16::try_from(ones).unwrap_or(u16::MAX)
    }

    /// Whether no node is in the set.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.data.iter().all(|w| *w == 0)
    }

    /// The nodes in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = NodeIdx> + '_ {
        self.0.iter_ones().map(NodeIdx::new)
    }
}

impl FromIterator<NodeIdx> for Sharers {
    fn from_iter<I: IntoIterator<Item = NodeIdx>>(nodes: I) -> Self {
        let mut set = Self::default();
        for node in nodes {
            set.insert(node);
        }
        set
    }
}

// By words: bit arrays compare and hash bit by bit.
impl PartialEq for Sharers {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0.data == other.0.data
    }
}

impl Eq for Sharers {}

impl Hash for Sharers {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.data.hash(state);
    }
}

// By words, too.
impl Serialize for Sharers {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.data.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Sharers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(from).map(|words| Self(BitArray::new(words)))
    }
}

impl core::fmt::Debug for Sharers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_up_to_the_last_node() {
        let nodes = [NodeIdx(0), NodeIdx(63), NodeIdx(64), NodeIdx(1023)];
        let mut set: Sharers = nodes.into_iter().collect();
        assert_eq!(set.len(), 4);
        assert_eq!(set.iter().collect::<Vec<_>>(), nodes);
        assert!(set.remove(NodeIdx(63)));
        assert!(!set.remove(NodeIdx(63)));
        assert!(!set.contains(NodeIdx(5000)));
        assert_eq!(set.without(NodeIdx(0)).len(), 2);
        assert!(!set.is_empty());
    }
}
