//! The counter by which threads keep time.

use clock::Edge;

/// The first edge of a node's clock at which its counter has come to `count`. The counter is that of the
/// global time base, which starts with the machine: it counts the node's own edges.
pub(super) const fn edge_of_count(count: u64) -> Edge {
    Edge(count)
}
