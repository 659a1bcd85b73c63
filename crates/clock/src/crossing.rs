//! The way into a clock domain from outside it.

use base::Fs;

use crate::{Domain, Edge};

/// The way into a domain from outside it: a synchronizer.
///
/// What arrives at an instant is latched by the first edge at or after it and is visible to the
/// domain's components a fixed number of edges later.
#[derive(Clone, PartialEq, Debug)]
pub struct Crossing {
    /// The receiving domain.
    pub to: Domain,
    /// Edges from the latching edge to visibility.
    pub synchronizer_edges: u32,
}

impl Crossing {
    /// The edge at which an arrival becomes visible.
    #[inline]
    pub fn visible(&self, arrival: Fs) -> Edge {
        self.to.edge_at_or_after(arrival).plus(self.synchronizer_edges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ghz(g: u64) -> Domain {
        Domain::new((g * 1_000_000_000, 1), Fs::ZERO).unwrap()
    }

    #[test]
    fn a_crossing_shows_nothing_before_its_synchronizer() {
        let c = Crossing { to: ghz(1), synchronizer_edges: 2 };
        assert_eq!(c.visible(Fs::from_ns(10)), Edge(12));
        assert_eq!(c.visible(Fs(10_000_001)), Edge(13));
    }
}
