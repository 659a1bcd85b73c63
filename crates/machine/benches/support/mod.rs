//! Uniform random traffic on a bare network: what the network benches drive.
//!
//! Every node injects one-flit packets of one class, Bernoulli at a fixed load, to destinations
//! drawn uniformly among the other nodes. Nothing but the network is stepped, so what is measured
//! is routers, interfaces and links.

use base::rng::draw;
use base::{Class, DomainIdx, Fs, Head, NodeIdx, PacketIdx, Timeline};
use clock::Edge;
use machine::Network;
use machine::network::{Component, Packet};
use topology::Description;
use topology::describe::{FabricForm, LinkForm};
use topology::phy::Chance;
use topology::routing::Routing;

/// Gaps between injections are drawn from a table of this many.
const GAPS: usize = 4096;

/// A mesh under uniform random traffic.
#[derive(Clone)]
pub(crate) struct Load {
    net: Network<Routing, ()>,
    /// `[node]`: the edge of its next injection, and how many it has made.
    next: Vec<(Edge, u64)>,
    gaps: Vec<u32>,
    woken: Vec<(DomainIdx, Edge, u32)>,
    delivered: Vec<PacketIdx>,
    now: Fs,
    /// Of all routers: no more flits are forwarded in an instant.
    ports: u64,
    /// Instants between two looks at the sum of visits over all routers, at least.
    looks: u64,
}

impl Load {
    /// A mesh of `side` by `side` routers of the shipped mesh's timing, with four VCs in the one
    /// class that is used, at `permille` thousandths of a flit a node a cycle.
    pub(crate) fn mesh(side: u32, permille: u64) -> Self {
        let mut mesh = Description::mesh8x8();
        mesh.router.vcs_per_class = 4;
        if let FabricForm::Mesh(grid) = &mut mesh.fabric {
            grid.dims = vec![side, side];
        }
        Self::on(&mesh, permille)
    }

    /// The shipped machine of 8 nodes and 4 switches, whose links are serial ones without frames, or
    /// framed ones of the same lanes with a bit error rate of 1e-15.
    pub(crate) fn planes(framed: bool, permille: u64) -> Self {
        let mut planes = Description::shipped(if framed { "nvl8-framed" } else { "nvl8" });
        let machine = planes.as_mut().expect("it ships");
        if let Some(LinkForm::Framed(form)) = machine.links.get_mut("nvlink4") {
            form.ber = Some(Chance(1e-15));
        }
        Self::on(machine, permille)
    }

    fn on(machine: &Description, permille: u64) -> Self {
        let spec = machine.elaborate().expect("the machine is sound");
        let net = Network::new(&spec, spec.fabric.routing.clone()).expect("it is modelled");
        let nodes = spec.fabric.node_ports.len();
        let mut this = Self {
            net,
            next: vec![(Edge(0), 0); nodes],
            gaps: gaps(permille),
            woken: Vec::new(),
            delivered: Vec::new(),
            now: Fs::ZERO,
            looks: if permille < 10 { 1024 } else { 16 },
            ports: spec.fabric.routers.iter().map(|r| r.ports.len() as u64).sum(),
        };
        for node in 0..nodes {
            let first = Edge(0).plus(this.gap(node, 0));
            this.next[node] = (first, 1);
            let slot = this.net.node_slot(NodeIdx::new(node));
            this.net.wiring_mut().wake(slot, first);
        }
        this
    }

    /// Runs until routers have forwarded `visits` flits more, or some above that; tells how many.
    pub(crate) fn run(&mut self, visits: u64) -> u64 {
        let start = self.net.flit_hops();
        loop {
            let done = self.net.flit_hops() - start;
            if done >= visits {
                return done;
            }
            // The sum over all routers is not free, and under a light load little is done in an instant.
            let instants = (visits - done) / self.ports;
            for _ in 0..instants.max(self.looks) {
                self.step();
            }
        }
    }

    fn step(&mut self) {
        let mut woken = core::mem::take(&mut self.woken);
        self.now = self.net.advance(&mut woken).expect("injection never ends");
        for (domain, edge, component) in &woken {
            match self.net.component(*domain, *component) {
                Component::Router(r) => {
                    self.net.step_router(r, *edge);
                }
                Component::Node(n) => self.step_node(n, *edge),
                Component::Memory(_) => {}
            }
        }
        self.woken = woken;
    }

    fn step_node(&mut self, node: NodeIdx, edge: Edge) {
        self.net.receive(node, edge, &mut self.delivered);
        while let Some(packet) = self.delivered.pop() {
            self.net.take(packet);
        }
        let (mut at, count) = self.next[node.at()];
        if at <= edge {
            self.offer(node, count);
            at = edge.plus(self.gap(node.at(), count));
            self.next[node.at()] = (at, count + 1);
        }
        let sent = self.net.send(node, edge);
        let slot = self.net.node_slot(node);
        self.net.wiring_mut().wake(slot, sent.min(at));
    }

    fn offer(&mut self, src: NodeIdx, count: u64) {
        let nodes = self.next.len() as u64;
        let hash = draw(1, u64::from(src.0), 1, count);
        let ahead = 1 + hash % (nodes - 1);
        let dst = NodeIdx(u32::try_from((u64::from(src.0) + ahead) % nodes).unwrap_or(0));
        let flow = u32::try_from(hash >> 32).unwrap_or(0);
        let head = Head { src, dst, flow, class: Class::Req, state: 0 };
        let packet = Packet { payload: (), timeline: Timeline::start(self.now) };
        self.net.offer(packet, head, 1);
    }

    fn gap(&self, node: usize, count: u64) -> u32 {
        let at = draw(1, node as u64, 0, count) % GAPS as u64;
        self.gaps[usize::try_from(at).unwrap_or(0)]
    }
}

/// Cycles from one injection to the next, as Bernoulli trials give them.
fn gaps(permille: u64) -> Vec<u32> {
    let mut trials = 0;
    let mut gap = || {
        let mut gap = 1;
        while draw(2, 0, 0, trials) % 1000 >= permille {
            trials += 1;
            gap += 1;
        }
        trials += 1;
        gap
    };
    (0..GAPS).map(|_| gap()).collect()
}
