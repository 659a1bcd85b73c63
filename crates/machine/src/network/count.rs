//! Where the flits of a network are: what was offered is delivered, present, or was dropped when tables
//! changed and is offered again.
//!
//! ```text
//!   offered + again == delivered + dropped + present
//!                                            └ at interfaces, in routers, on wires
//! ```
//!
//! Each of the five is counted where it happens and none is made from the others, so a flit that
//! disappears breaks the law.

use base::{LinkIdx, RoutingFunction};

use super::Network;

/// Flits of packets, counted. Tokens of barrier units are none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct FlitCounts {
    /// Given to interfaces by nodes.
    pub offered: u64,
    /// Given to interfaces again, since what was under way was dropped.
    pub again: u64,
    /// Taken in by interfaces.
    pub delivered: u64,
    /// Dropped when tables changed: on wires, in routers, and not yet sent.
    pub dropped: u64,
}

impl FlitCounts {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            offered: self.offered + other.offered,
            again: self.again + other.again,
            delivered: self.delivered + other.delivered,
            dropped: self.dropped + other.dropped,
        }
    }

    /// Flits that are neither delivered nor dropped nor among those `present`, or are so twice.
    pub const fn lost(&self, present: u64) -> u64 {
        (self.offered + self.again).abs_diff(self.delivered + self.dropped + present)
    }
}

impl<R: RoutingFunction, P: Clone> Network<R, P> {
    /// What went in and what came out so far.
    pub const fn flit_counts(&self) -> &FlitCounts {
        &self.flits
    }

    /// Flits that are here: at interfaces and not yet sent, in routers, and on wires that end here.
    pub fn flits_present(&self) -> u64 {
        let unsent: u64 = self.interfaces.iter().map(router::Interface::unsent).sum();
        let links = &self.wiring.links;
        let on_wires: usize =
            (0..links.len()).map(|link| links.flits_in_flight(LinkIdx::new(link))).sum();
        unsent + self.routers.present() as u64 + on_wires as u64
    }
}
