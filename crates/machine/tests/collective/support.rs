//! Networks with scripted nodes, and what is seen on their wires.

use std::collections::{BTreeMap, VecDeque};

use base::{GroupIdx, NodeIdx, PacketIdx, RouterIdx};
use machine::CycleNetwork;
use machine::cycle::{Next, Offer, Passage, Reduced, Terminals, Watch};
use router::{Departure, Lane};
use topology::collective::{Group, GroupRules, Grouped};
use topology::describe::{Description, FabricForm};
use topology::routing::Routing;

/// A network whose wires are watched.
pub(crate) type Net = CycleNetwork<Grouped<Routing>, Wormholes>;

/// A mesh with `depth` flits a buffer.
pub(crate) fn mesh(dims: &[u32], vcs: u8, depth: u32) -> Description {
    let ron = include_str!("../../../../topologies/mesh8x8.ron")
        .replace("buffer_flits: 8", &format!("buffer_flits: {depth}"));
    let mut mesh = Description::from_ron("mesh8x8", &ron).expect("a machine");
    mesh.router.vcs_per_class = vcs;
    if let FabricForm::Mesh(grid) = &mut mesh.fabric {
        grid.dims = dims.to_vec();
    }
    mesh
}

/// The same as a torus; at least two VCs.
pub(crate) fn torus(dims: &[u32], vcs: u8, depth: u32) -> Description {
    let mut torus = mesh(dims, vcs.max(2), depth);
    if let FabricForm::Mesh(grid) = torus.fabric {
        torus.fabric = FabricForm::Torus(grid);
    }
    torus
}

/// The network of a machine with groups.
pub(crate) fn network(machine: &Description, groups: &[Group], rules: GroupRules) -> Net {
    let spec = machine.elaborate().expect("it can be elaborated");
    let routing = Grouped::new(&spec.fabric, spec.fabric.routing.clone(), groups, rules)
        .expect("groups fit the routing");
    let mut net = CycleNetwork::new(&spec, routing, 1, 7, Wormholes::default())
        .expect("the network can be built");
    net.start();
    net
}

/// Nodes `0..count`.
pub(crate) fn nodes(count: u32) -> Vec<NodeIdx> {
    (0..count).map(NodeIdx).collect()
}

/// Rules for packets of up to `flits`.
pub(crate) fn packets_of(flits: u32) -> GroupRules {
    GroupRules { packet_flits_max: flits, ..GroupRules::default() }
}

/// Nodes that send what they are told to, in order.
#[derive(Default)]
pub(crate) struct Script {
    queues: BTreeMap<NodeIdx, VecDeque<Offer>>,
    /// `(tag, where) -> flits`.
    flits: BTreeMap<(u32, NodeIdx), u32>,
    /// Tag, where and when, as packets were delivered.
    pub(crate) delivered: Vec<(u32, NodeIdx, u64)>,
    /// Latencies of packets, by tag and where.
    pub(crate) latencies: BTreeMap<(u32, NodeIdx), u64>,
    pub(crate) reduced: Vec<Reduced>,
}

impl Script {
    /// Lets `src` send a packet of `flits` flits, made at cycle `at`.
    pub(crate) fn send(&mut self, src: u32, dst: NodeIdx, flits: u32, at: u64, tag: u32) {
        let offer = Offer { created: at, dst, flits, tag, next: 0 };
        self.queues.entry(NodeIdx(src)).or_default().push_back(offer);
    }

    /// What `node` contributes under `sequence`.
    pub(crate) fn value(node: NodeIdx, group: GroupIdx, sequence: u32) -> u64 {
        base::rng::draw(5, u64::from(node.0), u64::from(group.0), u64::from(sequence)) >> 8
    }

    /// Runs until everything has arrived. False if nothing moves any more before.
    pub(crate) fn run(&mut self, net: &mut Net) -> bool {
        let mut still = 0;
        let mut last = (0, 0);
        while still < 400 {
            if self.queues.values().all(VecDeque::is_empty) && net.packets_in_flight() == 0 {
                return true;
            }
            net.cycle(self);
            let state = (net.router_visits(), net.flits().1);
            still = if state == last { still + 1 } else { 0 };
            last = state;
        }
        false
    }
}

impl Terminals for Script {
    fn next(&mut self, node: NodeIdx, _: u8, now: u64) -> Next {
        let Some(queue) = self.queues.get_mut(&node) else { return Next::Wait };
        match queue.front() {
            None => Next::Wait,
            Some(offer) if offer.created > now => Next::At(offer.created),
            Some(_) => queue.pop_front().map_or(Next::Wait, Next::Packet),
        }
    }

    fn flit_ejected(&mut self, p: &Passage, _: u64) {
        *self.flits.entry((p.tag, p.dst)).or_insert(0) += 1;
    }

    fn contribution(&mut self, node: NodeIdx, group: GroupIdx, sequence: u32) -> u64 {
        Self::value(node, group, sequence)
    }

    fn reduced(&mut self, reduced: &Reduced, _: u64) {
        self.reduced.push(*reduced);
    }

    fn delivered(&mut self, p: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        let flits = self.flits.remove(&(p.tag, p.dst));
        assert_eq!(flits, Some(p.flits), "flits of packet {} at {}", p.tag, p.dst);
        self.delivered.push((p.tag, p.dst, now));
        self.latencies.insert((p.tag, p.dst), now - p.created);
        None
    }
}

/// Counts the flits of each output VC, and holds them to the order of a wormhole network: on a VC a
/// packet's flits follow one another from head to tail.
#[derive(Default)]
pub(crate) struct Wormholes {
    open: BTreeMap<Lane, Option<PacketIdx>>,
    sent: BTreeMap<Lane, u64>,
    granted: BTreeMap<Lane, PacketIdx>,
}

impl Watch for Wormholes {
    fn vc_granted(&mut self, (_, to): (Lane, Lane), packet: PacketIdx, _: u64) {
        self.granted.insert(to, packet);
    }

    fn sent(&mut self, d: &Departure) {
        *self.sent.entry(d.to).or_insert(0) += 1;
        let open = self.open.entry(d.to).or_insert(None);
        let packet = self.granted.get(&d.to).copied();
        assert_eq!(open.is_none(), d.head, "{:?}: a head within a packet, or none before it", d.to);
        assert!(d.head || *open == packet, "{:?}: a flit of another packet", d.to);
        *open = if d.tail { None } else { packet };
    }
}

/// Flits on each link out of a router: `(router, port)`.
pub(crate) fn links(net: &Net) -> BTreeMap<(RouterIdx, usize), u64> {
    let mut links = BTreeMap::new();
    for (lane, flits) in &net.watch().sent {
        let (router, port, _) = net.routers().place(*lane);
        *links.entry((router, port)).or_insert(0) += flits;
    }
    links
}

/// Flits are conserved, and all buffers and credits are as they were at first.
pub(crate) fn assert_clean(net: &mut Net) {
    let ((injected, ejected), (copied, absorbed)) = (net.flits(), net.collective_flits());
    assert_eq!(injected + copied, ejected + absorbed, "flits are conserved");
    // The last credits are still on their way.
    let mut idle = Script::default();
    for _ in 0..100 {
        net.cycle(&mut idle);
    }
    let bank = net.routers();
    for r in (0..bank.len()).map(RouterIdx::new) {
        assert_eq!(bank.blocked(r), [], "{r}");
        for port in 0..bank.ports(r) {
            for vc in 0..bank.vcs() {
                let vc = base::VcIdx::new(vc);
                let (held, depth) = bank.credits(r, port, vc);
                assert_eq!((held, bank.buffered(r, port, vc)), (depth, 0), "{r} {port} {vc}");
            }
        }
    }
}
