//! Packets that cross the network in one go: nobody can tell.

use base::{NodeIdx, RouterIdx, VcIdx};
use proptest::prelude::*;
use topology::Description;
use topology::describe::{FabricForm, GridRouting, LinkForm, PerDim, UpRouting};
use topology::routing::Routing;
use topology::spec::MachineSpec;
use traffic::synthetic::{Exchange, Traffic, TrafficSpec};

use crate::cycle::{CycleNetwork, Next, Passage, Terminals};
use crate::sweep::record::Record;
use crate::sweep::shape;
use crate::sweep::terminals::Synthetic;

/// A flit that left its source or arrived: the cycle, which of the two, the node, its packet, and the routers it came by.
type Event = (u64, bool, NodeIdx, u32, u16);

/// Terminals that keep what happens.
struct Log<'a> {
    inner: Synthetic<'a>,
    events: Vec<Event>,
    /// When sources dry up.
    until: u64,
}

impl Log<'_> {
    /// What happened since it was last asked: what happens at a node in one cycle in its order.
    fn take(&mut self) -> Vec<Event> {
        let mut events = core::mem::take(&mut self.events);
        events.sort_by_key(|(cycle, arrived, node, ..)| (*cycle, *arrived, *node));
        events
    }
}

impl Terminals for Log<'_> {
    fn next(&mut self, node: NodeIdx, class: u8, now: u64) -> Next {
        if now < self.until { self.inner.next(node, class, now) } else { Next::Wait }
    }

    fn flit_injected(&mut self, passage: &Passage, now: u64) {
        self.events.push((now, false, passage.src, passage.tag, 0));
    }

    fn flit_ejected(&mut self, passage: &Passage, now: u64) {
        self.events.push((now, true, passage.dst, passage.tag, passage.hops));
    }

    fn delivered(&mut self, passage: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        self.inner.delivered(passage, now)
    }
}

/// A network under traffic.
struct Loaded<'a> {
    net: CycleNetwork<Routing>,
    log: Log<'a>,
}

/// What can be read off every router between two cycles.
#[derive(PartialEq, Eq, Debug)]
struct Seen {
    /// By router, where there were any.
    forwarded: Vec<(usize, u64)>,
    /// By lane, where there are any.
    buffered: Vec<(usize, usize)>,
    /// Who waits where and for what, but for the number of its packet.
    waiting: Vec<String>,
    flits: (u64, u64),
}

impl Loaded<'_> {
    fn seen(&self) -> Seen {
        let net = &self.net;
        let routers = || (0..net.routers().len()).map(RouterIdx::new);
        let ports = routers().flat_map(|r| (0..net.routers().ports(r)).map(move |p| (r, p)));
        let vcs = 0..u8::try_from(net.vcs()).unwrap();
        let lanes = ports.flat_map(|(r, p)| vcs.clone().map(move |vc| (r, p, VcIdx(vc))));
        Seen {
            forwarded: routers()
                .map(|r| (r.at(), net.routers().forwarded(r)))
                .filter(|(_, flits)| *flits > 0)
                .collect(),
            buffered: lanes
                .map(|(r, p, vc)| net.routers().buffered(r, p, vc))
                .enumerate()
                .filter(|(_, flits)| *flits > 0)
                .collect(),
            waiting: routers()
                .flat_map(|r| net.routers().blocked(r))
                .map(|b| format!("{} {:?} {} {:?}", b.dst, b.at, b.out_port, b.out_vc))
                .collect(),
            flits: net.flits(),
        }
    }

    /// Whether every credit is back; asked of a network that holds nothing.
    fn has_all_credits(&self) -> bool {
        let net = &self.net;
        let all = |r: RouterIdx| {
            (0..net.routers().ports(r)).all(|port| {
                (0..u8::try_from(net.vcs()).unwrap()).all(|vc| {
                    let (there, of) = net.routers().credits(r, port, VcIdx(vc));
                    there == of
                })
            })
        };
        (0..net.routers().len()).all(|r| all(RouterIdx::new(r)))
    }
}

/// Networks of one kind and traffic.
#[derive(Clone, Debug)]
struct Case {
    topology: &'static str,
    vcs: u8,
    buffer: u32,
    latency: u32,
    /// Whether that is so of the links between a mesh's routers only, and others are as shipped: where links to nodes are
    /// shallow there are no flights.
    far: bool,
    /// Cycles between flits of a link.
    interval: u32,
    /// RC, ST and the processing of a credit.
    stages: [u32; 3],
    /// Thousandths of a flit a node a cycle.
    permille: u32,
    sizes: &'static str,
    seed: u64,
    /// Flits in the network up to which there are flights.
    limit: usize,
    /// Whether a tree's switches look at their ports, and on a mesh the first router of a packet does.
    looks: bool,
    /// Whether a mesh has ways of more routers than a flight has legs, and is asked for each.
    long: bool,
}

impl Case {
    fn spec(&self) -> MachineSpec {
        let mut this = Description::shipped(self.topology).expect("it is shipped");
        let far = LinkForm::OnDie {
            latency_cycles: self.latency,
            interval_cycles: self.interval,
            buffer_flits: self.buffer,
        };
        if let FabricForm::Mesh(grid) = &mut this.fabric {
            grid.dims = if self.long { vec![40, 2] } else { vec![4, 4] };
            if self.long {
                grid.routing = GridRouting::O1Turn;
            }
            if self.far {
                grid.link = PerDim::Same("far".to_owned());
            }
            if self.looks {
                grid.routing = GridRouting::AdaptiveXyYx;
            }
        }
        if let FabricForm::FatTree(tree) = &mut this.fabric
            && self.looks
        {
            tree.routing = UpRouting::Adaptive;
        }
        let router = &mut this.router;
        [router.rc_cycles, router.st_cycles, router.credit_cycles] = self.stages;
        // Meshes do with one, others may not.
        let mesh = if self.looks { 2 } else { 1 };
        let least = if self.topology == "mesh8x8" { mesh } else { router.vcs_per_class };
        router.vcs_per_class = least.max(self.vcs);
        for (_, link) in &mut this.links.0 {
            if matches!(link, LinkForm::OnDie { .. }) && !self.far {
                *link = far.clone();
            }
        }
        if self.far && matches!(this.fabric, FabricForm::Mesh(_)) {
            this.links.0.push(("far".to_owned(), far));
        }
        this.elaborate().expect("it is sound")
    }

    fn traffic(&self) -> TrafficSpec {
        let exchange = Exchange::OneWay(self.sizes.parse().unwrap());
        let rate = f64::from(self.permille) / 1000.0;
        TrafficSpec { rate, exchange, seed: self.seed, ..TrafficSpec::default() }
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let topology = prop::sample::select(vec![
        "mesh8x8",
        "mesh8x8",
        "mesh8x8",
        "torus8x8",
        "ring16",
        "fattree4x3",
        "fullmesh8",
        "hyperx4x4x4",
        "dragonfly72",
        "slimfly50",
        "flatbutterfly4x4c4",
        "ub-mesh-rack",
        "clos64",
        "nvl8",
        "mi300x-8",
    ]);
    let buffers = prop::sample::select(vec![1_u32, 2, 3, 4, 8, 16, 32]);
    let sizes = prop::sample::select(vec!["1", "1", "1:0.8,4:0.2"]);
    let permille = prop_oneof![1_u32..10, 10_u32..80, 80_u32..900];
    let limit = prop_oneof![Just(usize::MAX), 1_usize..40];
    let far = any::<bool>();
    let interval = prop::sample::select(vec![1_u32, 1, 1, 2, 5]);
    let stages = [0_u32..3, 1_u32..3, 0_u32..3];
    (
        topology,
        (1_u8..5, buffers, 1_u32..6),
        (stages, interval, far),
        permille,
        sizes,
        any::<u64>(),
        limit,
    )
        .prop_map(
            |(
                topology,
                (vcs, buffer, latency),
                (stages, interval, far),
                permille,
                sizes,
                seed,
                limit,
            )| Case {
                topology,
                vcs,
                buffer,
                latency,
                far,
                interval,
                stages,
                permille,
                sizes,
                seed,
                limit,
                looks: seed % 2 == 0,
                long: false,
            },
        )
}

/// Networks of a case: never with flights, and twice with them.
fn loaded<'a>(case: &Case, (spec, traffic): (&MachineSpec, &'a Traffic)) -> [Loaded<'a>; 3] {
    [0, case.limit, case.limit].map(|flights| {
        let mut net = CycleNetwork::new(spec, spec.fabric.routing.clone(), 1, 1, ()).unwrap();
        net.set_flights(flights);
        net.start();
        let nodes = spec.fabric.node_ports.len();
        let inner = Synthetic::new(traffic, nodes, Record::new(1, None, (false, false)));
        Loaded { net, log: Log { inner, events: Vec::new(), until: u64::MAX } }
    })
}

/// Runs a case with flights and without, cycle by cycle and passing over those in which nothing happens, and holds all
/// that can be seen against each other. Gives how many flights there were, and how many of them were put down.
fn same(case: &Case, cycles: u64) -> (u64, u64) {
    let spec = case.spec();
    let traffic = case.traffic().on(&shape(&spec)).unwrap();
    let [mut stepped, mut flown, mut jumped] = loaded(case, (&spec, &traffic));
    while stepped.net.now() < cycles {
        stepped.net.cycle(&mut stepped.log);
        flown.net.cycle(&mut flown.log);
        assert_eq!(stepped.seen(), flown.seen(), "cycle {}", stepped.net.now());
    }
    let events = stepped.log.take();
    assert_eq!(events, flown.log.take());
    jumped.net.advance(cycles, &mut jumped.log);
    assert_eq!(events, jumped.log.take());
    assert_eq!(stepped.seen(), jumped.seen());
    assert_eq!(stepped.net.routers().flights(), (0, 0));
    flown.net.routers().flights()
}

/// How many networks are drawn: many where tests may take minutes.
fn drawn() -> u32 {
    if std::env::var_os("LOCKSTEP_DEEP").is_some_and(|v| v == "1") { 2000 } else { 40 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(drawn()))]

    #[test]
    fn nobody_can_tell_who_flew(case in cases()) {
        same(&case, 600);
    }
}

const MESH: Case = Case {
    topology: "mesh8x8",
    vcs: 2,
    buffer: 8,
    latency: 1,
    far: false,
    interval: 1,
    stages: [1, 1, 1],
    permille: 4,
    sizes: "1",
    seed: 3,
    limit: usize::MAX,
    looks: false,
    long: false,
};

/// On every kind of network that has them flights set out and, with others about, are put down, or the test above
/// would show nothing.
#[test]
fn there_are_flights_and_some_are_put_down() {
    for (topology, interval) in [("mesh8x8", 1), ("mesh8x8", 3), ("torus8x8", 1), ("fattree4x3", 1)]
    {
        let light = Case { topology, interval, ..MESH };
        let (light, heavy) = (same(&light, 3000), same(&Case { permille: 60, ..light }, 600));
        assert!(light.0 > 100 && heavy.1 > 20, "{topology}: {light:?} {heavy:?}");
    }
    // Nodes of several ports take flits in order.
    assert!(same(&Case { topology: "mi300x-8", permille: 30, ..MESH }, 3000).0 > 100);
    // Functions that look at ports of the first router leave it to flights after that, others decide hop by hop.
    for topology in ["mesh8x8", "dragonfly72", "slimfly50", "flatbutterfly4x4c4"] {
        let (all, down) = same(&Case { topology, looks: true, permille: 20, ..MESH }, 1200);
        assert!(all > 100 && down > 0, "{topology}: {all} {down}");
    }
    let lookahead = Case { topology: "dragonfly72", stages: [0, 1, 1], ..MESH };
    assert_eq!(same(&lookahead, 500), (0, 0));
    assert_eq!(same(&Case { topology: "fattree4x3", looks: true, ..MESH }, 1000), (0, 0));
}

#[test]
fn a_way_of_more_routers_than_a_flight_has_legs_is_flown_in_parts() {
    for permille in [2, 12] {
        let (all, down) = same(&Case { permille, long: true, ..MESH }, 1500);
        assert!(all > 100 && down > 0, "{permille}: {all} {down}");
    }
}

/// Long ways get into each other's: left to itself, the network tries flights and soon gives them up for long.
#[test]
fn flights_that_hardly_come_to_anything_are_given_up() {
    let case = Case { latency: 8, buffer: 32, permille: 18, ..MESH };
    let spec = case.spec();
    let traffic = case.traffic().on(&shape(&spec)).unwrap();
    let [mut stepped, mut always, mut left] = loaded(&case, (&spec, &traffic));
    left.net = CycleNetwork::new(&spec, spec.fabric.routing.clone(), 1, 1, ()).unwrap();
    left.net.start();
    let [_, forced, by_itself] = [&mut stepped, &mut always, &mut left].map(|one| {
        one.net.advance(60_000, &mut one.log);
        one.net.routers().flights().0
    });
    let events = stepped.log.take();
    assert_eq!(events, always.log.take());
    assert_eq!(events, left.log.take());
    assert!(by_itself > 50 && forced > 4 * by_itself, "{by_itself} of {forced}");
}

#[test]
fn a_network_with_flights_that_drains_has_all_its_credits_back() {
    for buffer in [1, 2, 3, 8] {
        let case = Case { buffer, far: true, permille: 20, ..MESH };
        let spec = case.spec();
        let traffic = case.traffic().on(&shape(&spec)).unwrap();
        let [_, mut flown, _] = loaded(&case, (&spec, &traffic));
        flown.log.until = 2000;
        flown.net.advance(2500, &mut flown.log);
        assert!(flown.net.routers().flights().0 > 100);
        assert_eq!((flown.net.packets_in_flight(), flown.has_all_credits()), (0, true));
    }
}

/// Long links hold flits of several flights for one buffer, which are put down in the order in which they come to be there.
#[test]
fn flits_that_are_put_down_for_one_buffer_come_in_order() {
    let case = Case {
        topology: "fullmesh8",
        far: true,
        stages: [0, 1, 0],
        permille: 273,
        seed: 17_573_028_691_078_058_556,
        ..MESH
    };
    assert!(same(&case, 600).1 > 20);
}

/// Where buffers are as shallow as that, a credit that counts before it is there is seen by whoever comes next.
#[test]
fn whoever_takes_a_shallow_link_waits_for_the_credit_of_a_flight() {
    for (buffer, latency) in [(1, 5), (2, 5), (3, 5)] {
        for permille in [20, 60, 120] {
            same(&Case { vcs: 1, buffer, latency, far: true, permille, ..MESH }, 1500);
        }
    }
}

/// Likewise who sends by a slow link, which takes fewer buffers for nobody to tell.
#[test]
fn whoever_sends_by_a_slow_link_waits_for_the_credit_of_a_flight() {
    for (buffer, interval) in [(1, 2), (2, 2), (3, 2), (1, 4), (2, 4), (4, 4)] {
        for permille in [20, 60, 120] {
            let case = Case { vcs: 1, buffer, latency: 5, interval, permille, ..MESH };
            assert!(same(&case, 1500).0 > 0, "{case:?}");
        }
    }
}
