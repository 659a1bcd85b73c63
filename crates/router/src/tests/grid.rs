//! A mesh of routers and interfaces, joined by on-die wires with latency and credit delay.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base::View;
use base::arch::{Buffers, Switching, VcReuse};
use base::route::class_vcs;
use base::{
    Class, Flit, Fs, Head, Hop, NodeIdx, PacketIdx, Part, PortIdx, RouterArch, RouterIdx,
    RoutingFunction, VcIdx,
};
use clock::{Domain, Edge};

use crate::{
    Interface, InterfaceParams, Outgoing, Pipeline, PortSet, RouterBank, RouterParams, Wires,
};

/// Ports of a router: its node, then up and down in x, up and down in y.
pub(super) const PORTS: usize = 5;
pub(super) const BACK: [usize; PORTS] = [0, 2, 1, 4, 3];

/// What a grid is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) vcs_per_class: u8,
    /// Flits of buffer a VC between routers, and between a router and its node.
    pub(super) depth: u32,
    pub(super) node_depth: u32,
    pub(super) latency: u32,
    /// Whether routing allows the first VC alone to every class, so that they must share it.
    pub(super) shared: bool,
    /// Edges that a router needs to process a credit.
    pub(super) credit_cycles: u32,
    /// Seed of the order in which components are stepped at an edge.
    pub(super) shuffle: u64,
    /// Edges that a link between routers is busy with a flit.
    pub(super) interval: u32,
    /// RC, VA, SA and ST, in edges.
    pub(super) stages: [u32; 4],
    pub(super) arch: RouterArch,
}

impl Shape {
    pub(super) fn pipeline(&self) -> Pipeline {
        let [rc, va, sa, st] = self.stages;
        Pipeline { rc, va, sa, st, arch: self.arch, ..Pipeline::new(5 * self.vcs_per_class) }
    }
}

/// Dimension order, x first.
#[derive(Clone, Debug)]
pub(super) struct Xy(pub(super) Shape);

impl Xy {
    fn vcs(&self, class: Class) -> u64 {
        if self.0.shared { 1 } else { class_vcs(class, self.0.vcs_per_class) }
    }
}

impl RoutingFunction for Xy {
    fn inject<V: View>(&self, head: &mut Head, _: &V) -> Hop {
        Hop { port: PortIdx(0), vcs: self.vcs(head.class) }
    }

    fn route<V: View>(&self, at: RouterIdx, _: PortIdx, _: VcIdx, head: &mut Head, _: &V) -> Hop {
        let (x, y) = (at.at() % self.0.width, at.at() / self.0.width);
        let (to_x, to_y) = (head.dst.at() % self.0.width, head.dst.at() / self.0.width);
        let port = match (to_x.cmp(&x), to_y.cmp(&y)) {
            (core::cmp::Ordering::Greater, _) => 1,
            (core::cmp::Ordering::Less, _) => 2,
            (_, core::cmp::Ordering::Greater) => 3,
            (_, core::cmp::Ordering::Less) => 4,
            _ => 0,
        };
        Hop { port: PortIdx(port), vcs: self.vcs(head.class) }
    }
}

/// One direction of a wire, by its sending end.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    to: (usize, usize),
    depth: u32,
    credit_cycles: u32,
    interval: u32,
    flits: VecDeque<(Edge, Flit)>,
    credits: VecDeque<(Edge, VcIdx)>,
    /// Every flit that was sent, with the edge at which it left.
    pub(super) log: Vec<(Edge, Flit)>,
}

/// All wires, by unit and port: nodes are units `0..n`, routers `n..2 n`.
struct Fabric {
    wires: BTreeMap<(usize, usize), Wire>,
    latency: u32,
    wakes: BTreeSet<(Edge, usize)>,
    awaited: Vec<PortSet>,
    /// The unit that is being stepped.
    unit: usize,
}

pub(super) struct Grid {
    pub(super) shape: Shape,
    bank: RouterBank<Xy>,
    interfaces: Vec<Interface>,
    clock: Domain,
    fabric: Fabric,
    /// Packets to offer, by edge.
    offers: BTreeMap<Edge, Vec<Outgoing>>,
    /// Where and when each packet was delivered.
    pub(super) delivered: Vec<(NodeIdx, PacketIdx, Edge)>,
    pub(super) flits_delivered: u64,
}

/// A packet to offer.
pub(super) fn outgoing(packet: u32, src: u32, dst: u32, class: Class, flits: u32) -> Outgoing {
    let (packet, src, dst) = (PacketIdx(packet), NodeIdx(src), NodeIdx(dst));
    Outgoing { packet, src, dst, flow: 0, class, flits }
}

impl Grid {
    pub(super) fn new(shape: Shape) -> Self {
        let nodes = shape.width * shape.height;
        let clock = Domain::new((1_000_000_000, 1), Fs::ZERO).unwrap();
        let vcs = 5 * shape.vcs_per_class;
        let depths: Vec<u32> =
            (0..PORTS).map(|p| if p == 0 { shape.node_depth } else { shape.depth }).collect();
        let router = RouterParams {
            input_depth: depths.clone(),
            output_depth: depths.clone(),
            divisions: Vec::new(),
        };
        let interface = InterfaceParams {
            clock: clock.clone(),
            output_depth: vec![shape.node_depth],
            divisions: Vec::new(),
            vcs,
            vc_reuse: VcReuse::TailSent,
            switching: Switching::Wormhole,
        };
        let mut wires = BTreeMap::new();
        let wire = |to: (usize, usize), depth, credit_cycles| Wire {
            to,
            depth,
            credit_cycles,
            interval: if to.1 == 0 { 1 } else { shape.interval },
            flits: VecDeque::new(),
            credits: VecDeque::new(),
            log: Vec::new(),
        };
        for n in 0..nodes {
            let router = nodes + n;
            wires.insert((n, 0), wire((router, 0), shape.node_depth, 0));
            wires.insert((router, 0), wire((n, 0), shape.node_depth, shape.credit_cycles));
            let (x, y) = (n % shape.width, n / shape.width);
            let near = [
                (1, x + 1 < shape.width, router + 1),
                (2, x > 0, router.wrapping_sub(1)),
                (3, y + 1 < shape.height, router + shape.width),
                (4, y > 0, router.wrapping_sub(shape.width)),
            ];
            for (port, _, far) in near.into_iter().filter(|(_, there, _)| *there) {
                let to = (far, BACK[port]);
                wires.insert((router, port), wire(to, shape.depth, shape.credit_cycles));
            }
        }
        Self {
            shape,
            bank: RouterBank::new(&vec![router; nodes], shape.pipeline(), Xy(shape)),
            interfaces: vec![Interface::new(&interface); nodes],
            clock,
            fabric: Fabric {
                wires,
                latency: shape.latency,
                wakes: BTreeSet::new(),
                awaited: vec![PortSet::EMPTY; 2 * nodes],
                unit: 0,
            },
            offers: BTreeMap::new(),
            delivered: Vec::new(),
            flits_delivered: 0,
        }
    }

    /// Offers a packet to its source at edge `at`.
    pub(super) fn offer(&mut self, packet: Outgoing, at: u64) {
        self.offers.entry(Edge(at)).or_default().push(packet);
        self.fabric.wakes.insert((Edge(at), packet.src.at()));
    }

    /// Steps until nothing wakes any more; gives the last edge.
    ///
    /// # Panics
    /// If that takes more than a million edges.
    pub(super) fn run(&mut self) -> Edge {
        let mut last = Edge(0);
        while let Some((edge, _)) = self.fabric.wakes.first().copied() {
            assert!(edge.0 < 1_000_000, "still busy at {edge}");
            let mut units = Vec::new();
            while let Some((_, unit)) = self.fabric.wakes.first().filter(|w| w.0 == edge).copied() {
                self.fabric.wakes.pop_first();
                units.push(unit);
            }
            base::rng::shuffle(&mut units, self.shape.shuffle, edge.0);
            for unit in units {
                self.step(unit, edge);
            }
            last = edge;
        }
        last
    }

    fn step(&mut self, unit: usize, edge: Edge) {
        let nodes = self.interfaces.len();
        self.fabric.unit = unit;
        let next = if unit >= nodes {
            let i = RouterIdx::new(unit - nodes);
            self.bank.step_wired(i, edge, &self.clock, &mut self.fabric)
        } else {
            let mut packets = Vec::new();
            let interface = &mut self.interfaces[unit];
            self.flits_delivered += interface.receive(edge, &mut self.fabric, &mut packets);
            self.delivered.extend(packets.into_iter().map(|p| (NodeIdx::new(unit), p, edge)));
            if let Some(offers) = self.offers.get(&edge) {
                for offer in offers.iter().filter(|o| o.src.at() == unit) {
                    interface.offer(*offer, self.bank.routing());
                }
            }
            interface.send(edge, &mut self.fabric)
        };
        if next != Edge::NEVER {
            assert!(next > edge);
            self.fabric.wakes.insert((next, unit));
        }
    }

    /// Every wire, with its sending unit and port.
    pub(super) fn wires(&self) -> impl Iterator<Item = (&(usize, usize), &Wire)> {
        self.fabric.wires.iter()
    }

    /// The wire from router `from` to its upper neighbour in x.
    pub(super) fn eastward(&self, from: usize) -> &Wire {
        &self.fabric.wires[&(self.interfaces.len() + from, 1)]
    }

    /// VCs of wires that do not have all their credits, counting those on the way back, and VCs
    /// that hold flits.
    pub(super) fn debts(&self) -> Vec<String> {
        let nodes = self.interfaces.len();
        let mut debts = Vec::new();
        for (&(unit, port), wire) in &self.fabric.wires {
            for vc in 0..5 * usize::from(self.shape.vcs_per_class) {
                let vc = VcIdx::new(vc);
                let (held, depth) = match unit.checked_sub(nodes) {
                    None => self.interfaces[unit].credits(port, vc),
                    Some(router) => self.bank.credits(RouterIdx::new(router), port, vc),
                };
                let back = wire.credits.iter().filter(|(_, v)| *v == vc).count();
                let buffered = match wire.to.0.checked_sub(nodes) {
                    None => 0,
                    Some(router) => self.bank.buffered(RouterIdx::new(router), wire.to.1, vc),
                };
                // Shared buffers are more than a VC's own.
                let owns = depth == wire.depth || self.shape.arch.buffers != Buffers::Private;
                if held as usize + back != depth as usize || !owns || buffered > 0 {
                    debts.push(format!("{unit}.{port} {vc}: {held} + {back}, {buffered} buffered"));
                }
            }
        }
        debts
    }
}

impl Fabric {
    fn sender_of(&self, port: usize) -> (usize, usize) {
        self.wires[&(self.unit, port)].to
    }

    fn ports(&self, has: impl Fn(usize) -> bool) -> PortSet {
        let mut ports = PortSet::EMPTY;
        for port in (0..PORTS).filter(|p| self.wires.contains_key(&(self.unit, *p)) && has(*p)) {
            ports.insert(port);
        }
        ports
    }
}

fn take<T>(ring: &mut VecDeque<(Edge, T)>, edge: Edge) -> Option<T> {
    if ring.front()?.0 <= edge { ring.pop_front().map(|(_, item)| item) } else { None }
}

impl Wires for Fabric {
    fn flit_ports(&mut self, edge: Edge) -> Option<PortSet> {
        let front = |port| self.wires[&self.sender_of(port)].flits.front();
        Some(self.ports(|port| front(port).is_some_and(|(at, _)| *at <= edge)))
    }

    fn credit_ports(&mut self, edge: Edge) -> Option<PortSet> {
        let front = |port| self.wires[&(self.unit, port)].credits.front();
        Some(self.ports(|port| front(port).is_some_and(|(at, _)| *at <= edge)))
    }

    fn receive(&mut self, port: usize, edge: Edge) -> Option<Flit> {
        let from = self.sender_of(port);
        take(&mut self.wires.get_mut(&from)?.flits, edge)
    }

    fn receive_credit(&mut self, port: usize, edge: Edge) -> Option<VcIdx> {
        take(&mut self.wires.get_mut(&(self.unit, port))?.credits, edge)
    }

    fn send(&mut self, port: usize, flit: Flit, edge: Edge) -> Edge {
        let visible = edge.plus(self.latency);
        let wire = self.wires.get_mut(&(self.unit, port)).expect("a wire");
        assert!(wire.log.last().is_none_or(|(at, _)| *at < edge), "two flits at {edge}");
        wire.log.push((edge, flit));
        wire.flits.push_back((visible, flit));
        self.wakes.insert((visible, wire.to.0));
        edge.plus(wire.interval)
    }

    fn send_credit(&mut self, port: usize, vc: VcIdx, edge: Edge) {
        let (unit, far) = self.sender_of(port);
        let wire = self.wires.get_mut(&(unit, far)).expect("a wire");
        let counts = edge.plus(self.latency + wire.credit_cycles);
        wire.credits.push_back((counts, vc));
        if self.awaited[unit].contains(far) {
            self.wakes.insert((counts, unit));
        }
    }

    fn await_credits(&mut self, ports: &PortSet) {
        self.awaited[self.unit] = *ports;
        for port in ports {
            let credits = &self.wires[&(self.unit, port)].credits;
            self.wakes.extend(credits.iter().map(|(edge, _)| (*edge, self.unit)));
        }
    }

    fn awaits_credits(&self) -> bool {
        !self.awaited[self.unit].is_empty()
    }

    fn charge(&mut self, _: PacketIdx, _: &Domain, _: &[(Part, Edge)]) {}
}
