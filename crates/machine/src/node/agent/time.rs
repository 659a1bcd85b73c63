//! The counter by which threads keep time.

use base::Fs;
use clock::Edge;

use crate::align::NodeCounter;

/// The first edge of a node's clock at which its counter has come to `count`, from instant `now` on. Where
/// the machine aligns counters it is the node's own, whatever it is off by; elsewhere one that starts with
/// the machine and counts the node's own edges. A count beyond all edges is that of the last: it is to come,
/// and no run lives to see it.
pub(super) fn edge_of_count(counter: Option<&NodeCounter>, count: u64, now: Fs) -> Edge {
    match counter {
        Some(counter) => counter.edge_of(count, now),
        None if count < Edge::NEVER.0 => Edge(count),
        None => Edge(Edge::NEVER.0 - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_beyond_all_edges_is_to_come_and_not_never() {
        assert_eq!(edge_of_count(None, 7, Fs::ZERO), Edge(7));
        for count in [u64::MAX, u64::MAX - 1] {
            assert_eq!(edge_of_count(None, count, Fs::ZERO), Edge(u64::MAX - 1));
        }
    }
}
