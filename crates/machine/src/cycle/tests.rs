//! The network on one clock, under load.

use base::route::View;
use base::{Class, Head, Hop, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx};
use router::alloc::{Allocator, AnyAllocator, Matching, Requests};
use topology::Description;
use topology::describe::{FabricForm, LinkForm};
use topology::routing::Routing;

use super::{CycleNetwork, Next, Offer, Passage, Terminals};

/// Packets given ahead, in the order of their cycles: cycle, source, destination, flits.
struct Script {
    packets: Vec<(u64, u32, u32, u32)>,
    /// Latency and hops of those that arrived, by their place in the script.
    arrived: Vec<Option<(u64, u16)>>,
}

impl Script {
    fn new(packets: &[(u64, u32, u32, u32)]) -> Self {
        Self { packets: packets.to_vec(), arrived: vec![None; packets.len()] }
    }
}

impl Terminals for Script {
    fn next(&mut self, node: NodeIdx, _: u8, now: u64) -> Next {
        let mine = |p: &(u64, u32, u32, u32)| p.1 == node.0 && p.3 > 0;
        let Some(place) = self.packets.iter().position(mine) else { return Next::Wait };
        let (created, _, dst, flits) = self.packets[place];
        if created > now {
            return Next::At(created);
        }
        self.packets[place].3 = 0;
        let tag = u32::try_from(place).expect("few packets");
        Next::Packet(Offer { created, dst: NodeIdx(dst), flits, tag, next: 0 })
    }

    fn delivered(&mut self, p: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        self.arrived[p.tag as usize] = Some((now - p.created, p.hops));
        None
    }
}

/// A row of 4 routers with these VCs and buffers, and wires of this latency between them.
fn row(vcs: u8, buffer: u32, latency: u32) -> CycleNetwork<Routing> {
    row_by(vcs, buffer, latency, |routing| routing)
}

/// As [`row`], by a routing function made of the row's.
fn row_by<R: RoutingFunction>(
    vcs: u8,
    buffer: u32,
    latency: u32,
    by: impl FnOnce(Routing) -> R,
) -> CycleNetwork<R> {
    let mut row = Description::mesh8x8();
    row.router.vcs_per_class = vcs;
    let far = LinkForm::OnDie { latency_cycles: latency, interval_cycles: 1, buffer_flits: buffer };
    if let Some(LinkForm::OnDie { buffer_flits, .. }) = row.links.get_mut("wire") {
        *buffer_flits = buffer;
    }
    row.links.0.push(("far".to_owned(), far));
    if let FabricForm::Mesh(grid) = &mut row.fabric {
        grid.dims = vec![4];
        grid.link = topology::describe::PerDim::Same("far".to_owned());
    }
    let spec = row.elaborate().expect("it is sound");
    let mut net =
        CycleNetwork::new(&spec, by(spec.fabric.routing.clone()), 1, 7, ()).expect("modelled");
    net.start();
    net
}

fn run<R: RoutingFunction>(net: &mut CycleNetwork<R>, script: &mut Script, cycles: u64) {
    while net.now() < cycles {
        net.cycle(script);
    }
}

#[test]
fn a_lone_packet_takes_its_stages_and_its_links() {
    for (latency, dst, flits) in [(1, 3, 1), (1, 0, 1), (2, 2, 5), (7, 3, 3)] {
        let mut net = row(2, 8, latency);
        let mut script = Script::new(&[(100, 0, dst, flits)]);
        run(&mut net, &mut script, 300);
        let hops = u64::from(dst) + 1;
        let body = u64::from(flits) - 1;
        let expected = 2 + 5 * hops + (u64::from(latency) - 1) * (hops - 1) + body;
        let hops = u16::try_from(hops).expect("few hops");
        assert_eq!(script.arrived, [Some((expected, hops))], "{latency} {dst} {flits}");
    }
}

#[test]
fn a_lone_packet_takes_as_long_by_any_port_of_its_node() {
    let spec = Description::shipped("nvl8").expect("shipped").elaborate().expect("it is sound");
    let mut net =
        CycleNetwork::new(&spec, spec.fabric.routing.clone(), 1, 7, ()).expect("modelled");
    net.start();
    let packets: Vec<_> = (0..40).map(|n| (1 + 1000 * u64::from(n), 0, 1 + n % 7, 1)).collect();
    let mut script = Script::new(&packets);
    net.advance(41_000, &mut script);
    let routers = net.routers();
    let used = (0..routers.len()).filter(|r| routers.forwarded(RouterIdx::new(*r)) > 0);
    assert!(used.count() > 2, "by a few ports only");
    assert!(script.arrived[0].is_some());
    assert_eq!(script.arrived, vec![script.arrived[0]; packets.len()]);
}

/// Takes the first that asks.
#[derive(Clone, Debug)]
struct First;

impl Allocator for First {
    fn allocate(&self, requests: &Requests, matching: &mut Matching) {
        matching.clear();
        let Some(input) = requests.inputs().next() else { return };
        requests.outputs_of(input).take(1).for_each(|output| matching.grant(input, output));
    }

    fn commit(&mut self, _: &Matching) {}
}

/// A function that tells how packets enter and not how they go on.
struct Half(Routing);

impl RoutingFunction for Half {
    fn inject<V: View>(&self, head: &mut Head, view: &V) -> Hop {
        self.0.inject(head, view)
    }

    fn route<V: View>(
        &self,
        at: RouterIdx,
        in_port: PortIdx,
        in_vc: VcIdx,
        head: &mut Head,
        view: &V,
    ) -> Hop {
        self.0.route(at, in_port, in_vc, head, view)
    }

    fn entry(&self, class: Class) -> Option<u64> {
        self.0.entry(class)
    }

    fn oblivious(&self) -> bool {
        true
    }
}

#[test]
fn packets_of_one_flit_go_alone_only_where_all_is_told() {
    fn alone<R: RoutingFunction>(net: &mut CycleNetwork<R>) -> bool {
        let mut script = Script::new(&[(100, 0, 3, 1), (100, 3, 0, 1), (101, 0, 3, 1)]);
        run(net, &mut script, 300);
        assert_eq!(script.arrived, [Some((22, 4)); 3]);
        net.entry != 0
    }
    assert!(alone(&mut row(2, 8, 1)));
    assert!(!alone(&mut row_by(2, 8, 1, Half)));
    let mut own = row(2, 8, 1);
    own.set_switch_allocators(|_, _, _| AnyAllocator::own(First));
    assert!(!alone(&mut own));
}

#[test]
fn a_source_sleeps_for_longer_than_its_ring_of_wakes_is() {
    let mut net = row(2, 8, 1);
    let mut script = Script::new(&[(0, 1, 2, 1), (20_001, 1, 2, 1)]);
    run(&mut net, &mut script, 20_100);
    assert_eq!(script.arrived, [Some((12, 2)); 2]);
}

/// What a source sends at `t` is received at `t + 2`, after RC and VA has the switch at `t + 4`, and
/// its credit, which leaves at `t + 5`, is back at `t + 6`: with one VC of one flit it sends every 6
/// cycles. So does the router, whose credits take `ST + 1 + 1 + 1 + 1` cycles after SA. The source has
/// nothing to do in between, and only credits wake it.
#[test]
fn a_source_without_credits_is_woken_by_them() {
    let mut net = row(1, 1, 1);
    let mut script = Script::new(&[(0, 0, 0, 1); 30]);
    run(&mut net, &mut script, 200);
    let expected = (0..30).map(|sent| Some((7 + 6 * sent, 1)));
    assert_eq!(script.arrived, expected.collect::<Vec<_>>());
}
