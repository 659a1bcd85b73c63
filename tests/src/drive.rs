//! A network without nodes: one packet at a time, to be compared with what a pencil says.

use lockstep::base::{Fs, Head, PacketIdx, Timeline};
use lockstep::clock::Edge;
use lockstep::machine::network::{Component, Network, Packet};
use lockstep::topology::routing::Routing;
use lockstep::topology::spec::MachineSpec;

/// What became of a lone packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The edge of the nodes' clock at which its tail was received.
    pub edge: Edge,
    /// The instant of that edge.
    pub instant: Fs,
    /// Its latency in parts.
    pub timeline: Timeline,
}

/// A network that carries one packet at a time.
#[derive(Debug)]
pub struct LonePackets {
    net: Network<Routing, ()>,
    start: Edge,
}

impl LonePackets {
    /// The network of `spec`, idle.
    ///
    /// # Panics
    /// If it cannot be built.
    pub fn new(spec: &MachineSpec) -> Self {
        let net = Network::new(spec, spec.fabric.routing.clone()).expect("a sound machine");
        Self { net, start: Edge(0) }
    }

    /// The first edge of the nodes' clock at which the next packet may be offered.
    pub const fn start(&self) -> Edge {
        self.start
    }

    /// Offers a packet at `start` and steps the network until it is idle again.
    ///
    /// # Panics
    /// If it never arrives, or arrives somewhere else, or leaves something behind.
    pub fn send(&mut self, start: Edge, head: Head, flits: u32) -> Arrival {
        assert!(start >= self.start, "{start} is past, the next is {}", self.start);
        let slot = self.net.node_slot(head.src);
        self.net.wiring_mut().wake(slot, start);
        let mut packet = None;
        let mut arrival = None;
        let mut woken = Vec::new();
        while let Some(now) = self.net.advance(&mut woken) {
            for (domain, edge, component) in &woken {
                match self.net.component(*domain, *component) {
                    Component::Node(n) => {
                        if n == head.src && packet.is_none() {
                            let timeline = Timeline::start(now);
                            packet =
                                Some(self.net.offer(Packet { payload: (), timeline }, head, flits));
                        }
                        for p in self.step_node(n, *edge) {
                            assert_eq!((n, Some(p), arrival), (head.dst, packet, None));
                            let timeline = self.net.take(p).timeline;
                            arrival = Some(Arrival { edge: *edge, instant: now, timeline });
                        }
                    }
                    Component::Router(r) => {
                        self.net.step_router(r, *edge);
                    }
                    Component::Memory(_) => {}
                }
            }
        }
        assert_eq!(self.net.lost_credits(), (0, vec![]));
        let clock = self.net.wiring().schedule.domain(slot.domain);
        self.start = clock.edge_after(self.net.wiring().schedule.now());
        arrival.expect("a lone packet arrives")
    }

    fn step_node(&mut self, n: lockstep::base::NodeIdx, edge: Edge) -> Vec<PacketIdx> {
        let mut delivered = Vec::new();
        self.net.receive(n, edge, &mut delivered);
        let next = self.net.send(n, edge);
        if next != Edge::NEVER {
            let slot = self.net.node_slot(n);
            self.net.wiring_mut().wake(slot, next);
        }
        delivered
    }
}
