//! One router with its pins held by the test.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base::View;
use base::route::class_vcs;
use base::{Flit, Head, Hop, PacketIdx, Part, PortIdx, RouterArch, RouterIdx};
use base::{RoutingFunction, VcIdx};
use clock::{Domain, Edge};

use crate::{Pipeline, PortSet, RouterBank, RouterParams, Wires};

/// Node `n` hangs on port `n`; a flow other than 0 is itself the set of VCs allowed.
#[derive(Debug)]
struct Star;

impl RoutingFunction for Star {
    fn inject<V: View>(&self, _: &mut Head, _: &V) -> Hop {
        unreachable!("nothing is injected")
    }

    fn route<V: View>(&self, _: RouterIdx, _: PortIdx, _: VcIdx, head: &mut Head, _: &V) -> Hop {
        let vcs = if head.flow == 0 { class_vcs(head.class, 2) } else { u64::from(head.flow) };
        Hop { port: PortIdx::new(head.dst.at()), vcs }
    }
}

/// A router, and everything that was seen at its pins.
pub(super) struct Lone {
    bank: RouterBank<Star>,
    clock: Domain,
    pub(super) pins: Pins,
    wakes: BTreeSet<Edge>,
    /// What the last step said.
    pub(super) next: Edge,
}

pub(super) struct Pins {
    flits: Vec<VecDeque<(Edge, Flit)>>,
    credits: Vec<VecDeque<(Edge, VcIdx)>>,
    /// Edges that a link is busy with a flit.
    pub(super) interval: u32,
    pub(super) sent: Vec<(usize, Flit, Edge)>,
    pub(super) returned: Vec<(usize, VcIdx, Edge)>,
    pub(super) awaited: PortSet,
    pub(super) charged: Vec<(PacketIdx, Part, Edge)>,
    /// When packets were made, where that counts.
    pub(super) born: BTreeMap<PacketIdx, u32>,
    /// Edges that a head waits for the router, which makes up for them.
    patience: u32,
    /// `[port]`: the packet that came last, and the edge up to which it waits.
    coming: Vec<(PacketIdx, Edge)>,
    /// What the last step asked for.
    asked: Edge,
    /// How often the router made up for several edges at once.
    pub(super) passed: u64,
}

impl Lone {
    /// `ports` ports of 10 VCs, `depth` flits deep on both sides.
    pub(super) fn new(ports: usize, depth: u32, stages: [u32; 4]) -> Self {
        Self::with(ports, depth, stages, RouterArch::default())
    }

    /// The same, with choices of its own.
    pub(super) fn with(ports: usize, depth: u32, stages: [u32; 4], arch: RouterArch) -> Self {
        let clock = Domain::new((1_000_000_000, 1), base::Fs::ZERO).unwrap();
        let params = RouterParams {
            input_depth: vec![depth; ports],
            output_depth: vec![depth; ports],
            divisions: Vec::new(),
        };
        let [rc, va, sa, st] = stages;
        let pipeline = Pipeline { rc, va, sa, st, arch, ..Pipeline::new(10) };
        let pins = Pins {
            flits: vec![VecDeque::new(); ports],
            credits: vec![VecDeque::new(); ports],
            interval: 1,
            sent: Vec::new(),
            returned: Vec::new(),
            awaited: PortSet::EMPTY,
            charged: Vec::new(),
            born: BTreeMap::new(),
            patience: 0,
            coming: vec![(PacketIdx(u32::MAX), Edge(0)); ports],
            asked: Edge::NEVER,
            passed: 0,
        };
        Self {
            bank: RouterBank::new(&[params], pipeline, Star),
            clock,
            pins,
            wakes: BTreeSet::new(),
            next: Edge::NEVER,
        }
    }

    /// Has heads wait for as long as they may.
    pub(super) fn patient(mut self) -> Self {
        self.pins.patience = self.bank.patience();
        self
    }

    pub(super) fn arrive(&mut self, port: usize, flit: Flit, edge: u64) {
        self.pins.flits[port].push_back((Edge(edge), flit));
        let coming = &mut self.pins.coming[port];
        if flit.head {
            *coming = (flit.packet, Edge(edge).plus(self.pins.patience));
        }
        self.wakes.insert(coming.1.max(Edge(edge)));
    }

    /// Lets a packet's flits arrive one an edge from `edge` on.
    pub(super) fn arrive_all(&mut self, port: usize, flits: &[Flit], edge: u64) {
        for (n, flit) in flits.iter().enumerate() {
            self.arrive(port, *flit, edge + n as u64);
        }
    }

    /// A credit that counts at `edge`; it wakes the router as it would in a machine.
    pub(super) fn credit(&mut self, port: usize, vc: u8, edge: u64) {
        self.pins.credits[port].push_back((Edge(edge), VcIdx(vc)));
        if self.pins.awaited.contains(port) {
            self.wakes.insert(Edge(edge));
        }
    }

    /// Steps at every edge up to and with `until` at which something wakes the router.
    pub(super) fn run(&mut self, until: u64) {
        while let Some(edge) = self.wakes.first().copied().filter(|e| e.0 <= until) {
            self.wakes.pop_first();
            let i = RouterIdx(0);
            self.pins.asked = self.next;
            self.next = self.bank.step_wired(i, edge, &self.clock, &mut self.pins);
            assert!(self.next > edge, "a step at {edge} asks for {}", self.next);
            if self.next != Edge::NEVER {
                self.wakes.insert(self.next);
            }
            for port in &self.pins.awaited {
                self.wakes.extend(self.pins.credits[port].iter().map(|(e, _)| *e));
            }
        }
    }

    /// Whether nothing will wake it any more.
    pub(super) fn sleeps(&self) -> bool {
        self.wakes.is_empty()
    }

    /// Port and edge of each flit that left.
    pub(super) fn left(&self) -> Vec<(usize, u64)> {
        self.pins.sent.iter().map(|(port, _, edge)| (*port, edge.0)).collect()
    }

    /// Packet and edge of each flit that left.
    pub(super) fn packets(&self) -> Vec<(u32, u64)> {
        self.pins.sent.iter().map(|(_, flit, edge)| (flit.packet.0, edge.0)).collect()
    }
}

fn due<T>(rings: &[VecDeque<(Edge, T)>], edge: Edge) -> PortSet {
    let mut ports = PortSet::EMPTY;
    for (port, ring) in rings.iter().enumerate() {
        if ring.front().is_some_and(|(at, _)| *at <= edge) {
            ports.insert(port);
        }
    }
    ports
}

fn take<T>(ring: &mut VecDeque<(Edge, T)>, edge: Edge) -> Option<T> {
    if ring.front()?.0 <= edge { ring.pop_front().map(|(_, item)| item) } else { None }
}

impl Wires for Pins {
    fn start(&mut self, edge: Edge) -> Option<Edge> {
        self.turn(edge, self.asked)
    }

    fn turn(&mut self, edge: Edge, next: Edge) -> Option<Edge> {
        let first = self.flits.iter().filter_map(|ring| ring.front()).map(|(at, _)| *at).min();
        Some(first.unwrap_or(edge).min(next).min(edge))
    }

    fn catch_up(&mut self, _: Edge, _: u64) {
        self.passed += 1;
    }

    fn lone(&self, edge: Edge, until: Edge) -> Option<(usize, &Flit)> {
        let visible =
            |ring: &VecDeque<(Edge, Flit)>| ring.iter().filter(|(at, _)| *at <= until).count();
        if self.flits.iter().map(visible).sum::<usize>() > 1
            || !due(&self.credits, until).is_empty()
        {
            return None;
        }
        let port = due(&self.flits, edge).lone()?;
        self.flits[port].front().map(|(_, flit)| (port, flit))
    }

    fn flit_ports(&mut self, edge: Edge) -> Option<PortSet> {
        Some(due(&self.flits, edge))
    }

    fn credit_ports(&mut self, edge: Edge) -> Option<PortSet> {
        Some(due(&self.credits, edge))
    }

    fn receive(&mut self, port: usize, edge: Edge) -> Option<Flit> {
        take(&mut self.flits[port], edge)
    }

    fn receive_credit(&mut self, port: usize, edge: Edge) -> Option<VcIdx> {
        take(&mut self.credits[port], edge)
    }

    fn send(&mut self, port: usize, flit: Flit, edge: Edge) -> Edge {
        self.sent.push((port, flit, edge));
        edge.plus(self.interval)
    }

    fn send_credit(&mut self, port: usize, vc: VcIdx, edge: Edge) {
        self.returned.push((port, vc, edge));
    }

    fn await_credits(&mut self, ports: &PortSet) {
        self.awaited = *ports;
    }

    fn awaits_credits(&self) -> bool {
        !self.awaited.is_empty()
    }

    fn born(&self, packet: PacketIdx, _: &Domain) -> u32 {
        self.born.get(&packet).copied().unwrap_or(0)
    }

    fn charge(&mut self, packet: PacketIdx, _: &Domain, parts: &[(Part, Edge)]) {
        self.charged.extend(parts.iter().map(|(part, edge)| (packet, *part, *edge)));
    }
}
