//! The counter by which threads keep time.

use clock::Edge;

/// The first edge of a node's clock at which its counter has come to `count`. The counter starts with the
/// machine and counts the node's own edges. A count beyond all edges is that of the last: it is to come, and
/// no run lives to see it.
pub(super) const fn edge_of_count(count: u64) -> Edge {
    if count < Edge::NEVER.0 { Edge(count) } else { Edge(Edge::NEVER.0 - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_beyond_all_edges_is_to_come_and_not_never() {
        assert_eq!(edge_of_count(7), Edge(7));
        for count in [u64::MAX, u64::MAX - 1] {
            assert_eq!(edge_of_count(count), Edge(u64::MAX - 1));
        }
    }
}
