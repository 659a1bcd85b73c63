//! Transfers on the emulated network: at their counts, or as soon as their sources are ready.

use std::collections::BTreeSet;

use base::{Class, Fs, Head, NodeIdx, RoutingFunction, Timeline};
use clock::Edge;
use topology::spec::MachineSpec;

use super::ride::flow;
use super::{Schedule, Static, Transfer};
use crate::BuildError;
use crate::network::{Component, Network, Packet};

/// `[transfer]`: the instant at which its destination had all of it.
pub type Arrivals = Vec<Fs>;

/// Runs a schedule: every transfer is released at its count, by its node's counter, which is `late[node]`
/// edges behind the true one.
///
/// # Errors
/// If the machine cannot be built.
pub fn run_static(
    spec: &MachineSpec,
    schedule: &Schedule,
    late: &[u64],
) -> Result<Arrivals, BuildError> {
    let behind = |src: NodeIdx| late.get(src.at()).copied().unwrap_or(0);
    let releases = schedule.transfers.iter().zip(&schedule.releases);
    let releases = releases.map(|(t, at)| Some(Edge(at + behind(t.src)))).collect();
    let routing = Static(spec.fabric.routing.clone());
    Driver::new(spec, routing, &schedule.transfers, releases)?.run()
}

/// Runs transfers with the machine's routing as it is, in order as fast as they go: those that depend on
/// none are released at their node's `start[node]`, the others an edge after that has arrived.
///
/// # Errors
/// If the machine cannot be built.
pub fn run_dynamic(
    spec: &MachineSpec,
    transfers: &[Transfer],
    start: &[u64],
) -> Result<Arrivals, BuildError> {
    let begin = |src: NodeIdx| Edge(start.get(src.at()).copied().unwrap_or(0));
    let release = |t: &Transfer| t.after.is_none().then(|| begin(t.src));
    let releases = transfers.iter().map(release).collect();
    Driver::new(spec, spec.fabric.routing.clone(), transfers, releases)?.run()
}

/// A network with what is to be sent over it.
struct Driver<'a, R> {
    net: Network<R, usize>,
    transfers: &'a [Transfer],
    /// `[node]`: what is released when, in order.
    due: Vec<BTreeSet<(Edge, usize)>>,
    /// `[transfer]`: those that wait for it.
    behind: Vec<Vec<usize>>,
    arrivals: Arrivals,
}

impl<'a, R: RoutingFunction> Driver<'a, R> {
    fn new(
        spec: &MachineSpec,
        routing: R,
        transfers: &'a [Transfer],
        releases: Vec<Option<Edge>>,
    ) -> Result<Self, BuildError> {
        let net = Network::new(spec, routing)?;
        let mut driver = Self {
            due: vec![BTreeSet::new(); spec.fabric.node_ports.len()],
            behind: vec![Vec::new(); transfers.len()],
            arrivals: vec![Fs::NEVER; transfers.len()],
            net,
            transfers,
        };
        for (number, (transfer, release)) in transfers.iter().zip(releases).enumerate() {
            match (release, transfer.after) {
                (Some(edge), _) => driver.release(number, edge),
                (None, Some(after)) => driver.behind[after].push(number),
                (None, None) => {}
            }
        }
        Ok(driver)
    }

    fn release(&mut self, number: usize, edge: Edge) {
        let src = self.transfers[number].src;
        self.due[src.at()].insert((edge, number));
        let slot = self.net.node_slot(src);
        self.net.wiring_mut().wake(slot, edge);
    }

    fn run(mut self) -> Result<Arrivals, BuildError> {
        let mut woken = Vec::new();
        while let Some(now) = self.net.advance(&mut woken) {
            for (domain, edge, component) in &woken {
                match self.net.component(*domain, *component) {
                    Component::Node(n) => self.step(n, *edge, now),
                    Component::Router(r) => self.net.step_router(r, *edge),
                    Component::Memory(_) => {}
                }
            }
        }
        match self.arrivals.iter().position(|at| *at == Fs::NEVER) {
            None => Ok(self.arrivals),
            Some(lost) => Err(BuildError::new(format!("transfer {lost} never arrives"))),
        }
    }

    fn step(&mut self, node: NodeIdx, edge: Edge, now: Fs) {
        let mut delivered = Vec::new();
        self.net.receive(node, edge, &mut delivered);
        for packet in delivered {
            let number = self.net.take(packet).payload;
            self.arrivals[number] = now;
            for next in core::mem::take(&mut self.behind[number]) {
                self.release(next, edge.plus(1));
            }
        }
        while let Some((_, number)) = self.due[node.at()].first().copied().filter(|d| d.0 <= edge) {
            self.due[node.at()].pop_first();
            let t = &self.transfers[number];
            let (src, dst, class) = (t.src, t.dst, Class::Req);
            let head = Head { src, dst, flow: flow(t), class, state: 0 };
            let packet = Packet { payload: number, timeline: Timeline::start(now) };
            self.net.offer(packet, head, t.flits);
        }
        let next = self.net.send(node, edge);
        if next != Edge::NEVER {
            let slot = self.net.node_slot(node);
            self.net.wiring_mut().wake(slot, next);
        }
    }
}
