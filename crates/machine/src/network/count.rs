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

#[cfg(test)]
mod tests {
    use base::{Class, Fs, Head, LinkIdx, NodeIdx, Timeline};
    use clock::Edge;
    use topology::Description;
    use topology::routing::Routing;

    use super::*;
    use crate::network::{Component, Packet, changes};

    /// 300 packets of 4 flits from node 0, one of its links down while they are under way.
    fn network() -> Network<Routing, ()> {
        let text = topology::SHIPPED.iter().find(|(n, _)| *n == "nvl8-framed").expect("shipped").1;
        let event = "(link: (\"node0\", \"switch1\"), at: \"300 ns\", what: Down)";
        let text =
            text.replacen("accelerator: (", &format!("events: [{event}], accelerator: ("), 1);
        let spec = Description::from_ron("down.ron", &text).expect("a machine");
        let spec = spec.elaborate().expect("a sound machine");
        let mut net = Network::new(&spec, spec.fabric.routing.clone()).expect("it is modelled");
        net.plan(changes(&spec, 1).expect("they are known"));
        for n in 0..300 {
            let (src, dst) = (NodeIdx(0), NodeIdx(1 + n % 7));
            let head = Head { src, dst, flow: n, class: Class::Req, state: 0 };
            net.offer(Packet { payload: (), timeline: Timeline::start(Fs::ZERO) }, head, 4);
        }
        let slot = net.node_slot(NodeIdx(0));
        net.wiring_mut().wake(slot, Edge(0));
        net
    }

    /// Steps it to the end, with something done between two instants. Gives the counts, and the most flits that
    /// were missing.
    fn run(mut meddle: impl FnMut(&mut Network<Routing, ()>)) -> (FlitCounts, u64) {
        let mut net = network();
        let (mut woken, mut delivered, mut missing) = (Vec::new(), Vec::new(), 0);
        while net.advance(&mut woken).is_some_and(|now| now < Fs::from_ns(50_000)) {
            for (domain, edge, component) in woken.drain(..) {
                match net.component(domain, component) {
                    Component::Router(r) => {
                        net.step_router(r, edge);
                    }
                    Component::Node(n) => {
                        net.receive(n, edge, &mut delivered);
                        for packet in delivered.drain(..) {
                            net.take(packet);
                        }
                        let next = net.send(n, edge);
                        let slot = net.node_slot(n);
                        net.wiring_mut().wake(slot, next);
                    }
                    Component::Memory(_) => {}
                }
            }
            meddle(&mut net);
            missing = missing.max(net.flit_counts().lost(net.flits_present()));
        }
        assert!(net.packets().is_empty());
        (*net.flit_counts(), missing)
    }

    #[test]
    fn flits_are_delivered_present_or_dropped_and_offered_again() {
        let (flits, missing) = run(|_| {});
        assert_eq!((missing, flits.lost(0), flits.offered), (0, 0, 1200), "{flits:?}");
        assert!(flits.dropped > 0 && flits.again >= flits.dropped, "{flits:?}");
    }

    /// Its packet is sent again when tables change, so that every packet arrives all the same.
    #[test]
    fn a_flit_that_vanishes_is_missed_though_its_packet_arrives() {
        let mut stolen = false;
        let (flits, missing) = run(|net| {
            let late = net.wiring.schedule.now() > Fs::from_ns(250);
            let links = &mut net.wiring.links;
            let mut full =
                (0..links.len()).map(LinkIdx::new).filter(|l| links.flits_in_flight(*l) > 0);
            if let (false, true, Some(link)) = (stolen, late, full.next()) {
                drop(full);
                stolen = links.receive(link, Edge(u64::MAX - 1)).is_some();
            }
        });
        assert!(stolen && missing == 1 && flits.lost(0) == 1, "{flits:?}");
    }
}
