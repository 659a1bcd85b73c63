//! Latency under load against a reference simulator.
//!
//! Source of the figures: BookSim 2.0, git 28f43299, `iq_router` with separable input-first
//! allocators, round-robin arbiters, all delays 1, 8-flit buffers, one-flit packets, uniform
//! Bernoulli traffic (a node may send to itself), measured with its own convergence test. Each is a
//! mean of packet latency in cycles, source queue included.

use lockstep::base::rng::draw;
use lockstep::base::{Class, DomainIdx, Fs, Head, NodeIdx, PacketIdx, Timeline};
use lockstep::clock::Edge;
use lockstep::machine::Network;
use lockstep::machine::network::{Component, Packet};
use lockstep::machine::sweep::{Options, measure};
use lockstep::topology::Description;
use lockstep::topology::describe::{Datelines, FabricForm, Grid, GridRouting, LinkForm, PerDim};
use lockstep::topology::routing::Routing;
use lockstep::traffic::synthetic::TrafficSpec;

/// Cycles before packets count, and cycles in which they do.
const WARMUP: u64 = 3_000;
const MEASURED: u64 = 12_000;

struct Uniform {
    net: Network<Routing, u64>,
    permille: u64,
    seed: u64,
    latency: u64,
    packets: u64,
    visits: u64,
}

impl Uniform {
    fn new(grid: &Description, permille: u64, seed: u64) -> Self {
        let spec = grid.elaborate().expect("a sound grid");
        let routing = spec.fabric.routing.clone();
        let net = Network::new(&spec, routing).expect("a grid that is modelled");
        Self { net, permille, seed, latency: 0, packets: 0, visits: 0 }
    }

    /// Runs until every packet created in the measured cycles has arrived: mean latency in cycles
    /// and mean number of routers visited.
    fn run(mut self) -> (f64, f64) {
        for node in 0..64 {
            let slot = self.net.node_slot(NodeIdx(node));
            self.net.wiring_mut().wake(slot, Edge(0));
        }
        let mut woken: Vec<(DomainIdx, Edge, u32)> = Vec::new();
        let mut delivered = Vec::new();
        while let Some(now) = self.net.advance(&mut woken) {
            for (domain, edge, component) in &woken {
                match self.net.component(*domain, *component) {
                    Component::Router(r) => {
                        self.net.step_router(r, *edge);
                    }
                    Component::Node(n) => self.node(n, *edge, now, &mut delivered),
                    Component::Memory(_) => {}
                }
            }
        }
        let per_packet = |sum: u64| sum as f64 / self.packets as f64;
        (per_packet(self.latency), per_packet(self.visits))
    }

    fn node(&mut self, node: NodeIdx, edge: Edge, now: Fs, delivered: &mut Vec<PacketIdx>) {
        self.net.receive(node, edge, delivered);
        for packet in delivered.drain(..) {
            let created = self.net.take(packet).payload;
            if created >= WARMUP {
                self.latency += edge.0 - created;
                self.packets += 1;
            }
        }
        let last = WARMUP + MEASURED;
        let trial = draw(self.seed, u64::from(node.0), 0, edge.0);
        if edge.0 < last && trial % 1000 < self.permille {
            let hash = draw(self.seed, u64::from(node.0), 1, edge.0);
            let dst = NodeIdx(u32::try_from(hash % 64).expect("below 64"));
            let flow = u32::try_from(hash >> 32).expect("32 bits");
            let head = Head { src: node, dst, flow, class: Class::Req, state: 0 };
            let apart = |a: u32, b: u32| u64::from(a.abs_diff(b));
            if edge.0 >= WARMUP {
                self.visits += 1 + apart(node.0 % 8, dst.0 % 8) + apart(node.0 / 8, dst.0 / 8);
            }
            self.net.offer(Packet { payload: edge.0, timeline: Timeline::start(now) }, head, 1);
        }
        let sent = self.net.send(node, edge);
        let next = if edge.0 < last { edge.plus(1) } else { sent };
        if next != Edge::NEVER {
            let slot = self.net.node_slot(node);
            self.net.wiring_mut().wake(slot, next);
        }
    }
}

/// The shipped mesh with these VCs, its grid changed.
fn grid(vcs: u8, change: impl Fn(&mut Grid)) -> Description {
    let mut mesh = Description::mesh8x8();
    mesh.router.vcs_per_class = vcs;
    if let FabricForm::Mesh(grid) = &mut mesh.fabric {
        change(grid);
    }
    mesh
}

/// The same as a torus with BookSim's datelines.
fn torus(dims: &[u32], latency_cycles: u32) -> Description {
    let mut torus = grid(4, |grid| {
        grid.dims = dims.to_vec();
        grid.datelines = Datelines::Strict;
        grid.link = PerDim::Same("ring".to_owned());
    });
    let ring = LinkForm::OnDie { latency_cycles, interval_cycles: 1, buffer_flits: 8 };
    torus.links.0.push(("ring".to_owned(), ring));
    if let FabricForm::Mesh(grid) = torus.fabric {
        torus.fabric = FabricForm::Torus(grid);
    }
    torus
}

/// VCs, load in thousandths, BookSim's latency, tolerance.
const POINTS: [(u8, u64, f64, f64); 8] = [
    (4, 50, 33.4632, 0.01),
    (4, 200, 35.1360, 0.01),
    (4, 300, 38.0501, 0.01),
    (4, 350, 41.7282, 0.01),
    (4, 400, 54.7479, 0.05),
    (2, 100, 34.2535, 0.01),
    (2, 200, 37.0237, 0.01),
    (2, 250, 41.3283, 0.01),
];

/// Mean latency in cycles and mean number of routers visited, of a network on one clock.
fn measured(grid: &Description, pattern: &str, permille: u64) -> (f64, f64) {
    let traffic = TrafficSpec {
        pattern: pattern.parse().expect("a pattern"),
        rate: permille as f64 / 1000.0,
        ..TrafficSpec::default()
    };
    let (warmup_cycles, measured_cycles) = (Some(WARMUP), MEASURED);
    let options = Options { traffic, warmup_cycles, measured_cycles, ..Options::default() };
    let spec = grid.elaborate().expect("a sound grid");
    let measured = measure(&spec, &options).expect("a grid that is modelled");
    (measured.packet_latency, measured.hops)
}

/// Compares a latency with the reference's, within a share.
fn compare(what: &str, latency: f64, reference: f64, tolerance: f64) {
    let error = latency / reference - 1.0;
    assert!(
        error.abs() <= tolerance,
        "{what}: {latency:.4} cycles, BookSim {reference}, {:+.2} %",
        100.0 * error
    );
}

#[test]
fn mesh_latency_under_load_is_booksims() {
    for (vcs, permille, reference, tolerance) in POINTS {
        let (latency, hops) = measured(&grid(vcs, |_| {}), "uniform", permille);
        assert!((hops / 6.25 - 1.0).abs() < 0.005, "{hops} hops");
        compare(&format!("{vcs} VCs at 0.{permille:03}"), latency, reference, tolerance);
    }
}

/// The same by a network of interfaces, wires and clocks of their own.
#[test]
fn mesh_latency_under_load_on_wires_is_booksims() {
    for (vcs, permille, reference, tolerance) in [POINTS[2], POINTS[6]] {
        let (latency, hops) = Uniform::new(&grid(vcs, |_| {}), permille, 1).run();
        assert!((hops / 6.25 - 1.0).abs() < 0.005, "{hops} hops");
        compare(&format!("{vcs} VCs at 0.{permille:03}"), latency, reference, tolerance);
    }
}

/// Runs loads and compares.
fn near(what: &str, grid: &Description, pattern: &str, points: &[(u64, f64)]) {
    for (permille, reference) in points {
        let (latency, _) = measured(grid, pattern, *permille);
        compare(&format!("{what} at 0.{permille:03}"), latency, *reference, 0.01);
    }
}

#[test]
fn tori_with_strict_datelines_are_booksims() {
    let points = [(160, 27.7539), (400, 31.5264)];
    near("8x8", &torus(&[8, 8], 1), "uniform", &points);
    near("8x8 folded", &torus(&[8, 8], 2), "uniform", &[(400, 35.5684)]);
    let points = [(400, 26.2333), (600, 27.9793)];
    near("4x4x4 folded", &torus(&[4, 4, 4], 2), "uniform", &points);
}

#[test]
fn valiant_without_early_exit_is_booksims() {
    let mesh = grid(4, |grid| {
        (grid.routing, grid.early_exit) = (GridRouting::Valiant, false);
    });
    near("Valiant", &mesh, "uniform", &[(50, 60.6236), (100, 62.92)]);
}

#[test]
fn adaptive_xy_yx_is_booksims() {
    let mesh = grid(4, |grid| grid.routing = GridRouting::AdaptiveXyYx);
    near("XY-YX", &mesh, "transpose", &[(80, 33.7613), (160, 34.6778), (240, 37.533)]);
}
