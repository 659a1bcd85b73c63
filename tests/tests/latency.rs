//! Without load, latency is arithmetic: every pair of nodes, to the femtosecond.

use lockstep::base::{Addr, Class, Fs, Head, NodeIdx, Op, Record, ThreadIdx};
use lockstep::machine::{Kind, Machine, Options};
use lockstep::topology::Description;
use lockstep::topology::describe::{LinkForm, PerDim};
use lockstep::topology::spec::MachineSpec;
use lockstep::traffic::Trace;
use tests::drive::LonePackets;
use tests::pencil::{Accesses, Clock, Way, Wire, femtoseconds};

fn pairs(nodes: u32) -> impl Iterator<Item = (u32, u32)> {
    let all = (0..nodes).flat_map(move |src| (0..nodes).map(move |dst| (src, dst)));
    all.filter(|(src, dst)| src != dst)
}

fn head(src: u32, dst: u32, class: Class) -> Head {
    Head {
        src: NodeIdx(src),
        dst: NodeIdx(dst),
        flow: src.wrapping_mul(0x9e37_79b9) ^ dst,
        class,
        state: 0,
    }
}

fn elaborate(description: &Description) -> MachineSpec {
    description.elaborate().expect("a sound machine")
}

/// The mesh with links of `latency` cycles between routers.
fn mesh(latency: u32) -> MachineSpec {
    let mut mesh = Description::mesh8x8();
    mesh.router.vcs_per_class = 1;
    let wire = mesh.links.0[0].1.clone();
    mesh.links.0.push(("long".into(), wire));
    if let Some(LinkForm::OnDie { latency_cycles, .. }) = mesh.links.get_mut("long") {
        *latency_cycles = latency;
    }
    if let lockstep::topology::describe::FabricForm::Mesh(grid) = &mut mesh.fabric {
        grid.link = PerDim::Same("long".to_owned());
    }
    elaborate(&mesh)
}

/// `2 + (4 + 1) H + (L - 1) (H - 1) + (P - 1)` cycles: BookSim 2's routers, measured there.
#[test]
fn mesh_latency_is_the_closed_form_for_every_pair() {
    for latency in [1, 3] {
        let mut net = LonePackets::new(&mesh(latency));
        for (src, dst) in pairs(64) {
            let hops = u64::from((src % 8).abs_diff(dst % 8) + (src / 8).abs_diff(dst / 8)) + 1;
            for flits in [1, 3, 5, 8] {
                let start = net.start();
                let class = Class::ALL[(src as usize + flits as usize) % 5];
                let there = net.send(start, head(src, dst, class), flits);
                let body = u64::from(flits) - 1;
                let cycles = 2 + 5 * hops + u64::from(latency - 1) * (hops - 1) + body;
                assert_eq!(there.edge.0 - start.0, cycles, "{src} to {dst}, {flits} flits");
                let parts: u64 = there.timeline.parts().iter().sum();
                assert_eq!(Fs(parts), Fs::from_ns(cycles), "{src} to {dst}, {flits} flits");
            }
        }
    }
}

/// Sends lone packets between all pairs, `starts` times, and holds each against the pencil.
fn against_pencil(spec: &MachineSpec, starts: u32, way: impl Fn(u32, u32) -> Way) {
    let mut net = LonePackets::new(spec);
    let clock = spec.domains[spec.accelerator.clock.at()].name.clone();
    let clock = Clock::of(spec, &clock);
    let nodes = u32::try_from(spec.fabric.node_ports.len()).expect("few nodes");
    for round in 0..starts {
        for (src, dst) in pairs(nodes) {
            let way = way(src, dst);
            // Different distances between packets, so that clocks meet in different phases.
            let start = net.start().plus((src * 7 + dst * 3 + round * 11) % 17);
            let flits = 1 + (src + dst + round) % 5;
            let there = net.send(start, head(src, dst, Class::Req), flits);
            let edge = way.arrival(start.0.into(), flits.into());
            let told = format!("{src} to {dst}, {flits} flits at {start}");
            assert_eq!(u128::from(there.edge.0), edge, "{told}");
            assert_eq!(u128::from(there.instant.0), clock.instant(edge), "{told}");
            let parts: u64 = there.timeline.parts().iter().sum();
            let span = clock.instant(edge) - clock.instant(start.0.into());
            assert_eq!(u128::from(parts), span, "{told}");
        }
    }
}

fn torus_way(spec: &MachineSpec, src: u32, dst: u32) -> Way {
    let clock = Clock::of(spec, "accelerator");
    let (local, ici) = (Wire::of(spec, "wire", 0), Wire::of(spec, "ici", 1_000_000));
    let place = |n: u32| [n % 4, n / 4 % 4, n / 16];
    let steps = |(a, b): (u32, u32)| a.abs_diff(b).min(4 - a.abs_diff(b));
    let steps: u32 = place(src).into_iter().zip(place(dst)).map(steps).sum();
    let mut links = vec![(local, clock)];
    links.extend((0..steps).map(|_| (ici, clock)));
    links.push((local, clock));
    Way::new(&spec.router, clock, links)
}

fn full_mesh_way(spec: &MachineSpec) -> Way {
    let clock = Clock::of(spec, "accelerator");
    let (local, link) = (Wire::of(spec, "wire", 0), Wire::of(spec, "fabric-link", 500_000));
    Way::new(&spec.router, clock, vec![(local, clock), (link, clock), (local, clock)])
}

fn planes_way(spec: &MachineSpec, link: &str, length_um: u128) -> Way {
    let (node, switch) = (Clock::of(spec, "accelerator"), Clock::of(spec, "switch"));
    let link = Wire::of(spec, link, length_um);
    Way::new(&spec.router, node, vec![(link, switch), (link, node)])
}

fn mesh_way(spec: &MachineSpec, src: u32, dst: u32) -> Way {
    let clock = Clock::of(spec, "die");
    let hops = (src % 8).abs_diff(dst % 8) + (src / 8).abs_diff(dst / 8) + 1;
    let wire = Wire::of(spec, "wire", 0);
    Way::new(&spec.router, clock, vec![(wire, clock); hops as usize + 1])
}

#[test]
fn torus_latency_is_the_pencils_for_every_pair() {
    let spec = elaborate(&Description::torus4x4x4());
    against_pencil(&spec, 3, |src, dst| torus_way(&spec, src, dst));
}

#[test]
fn full_mesh_latency_is_the_pencils_for_every_pair() {
    let spec = elaborate(&Description::fullmesh8());
    against_pencil(&spec, 40, |_, _| full_mesh_way(&spec));
}

#[test]
fn switch_plane_latency_is_the_pencils_for_every_pair() {
    let spec = elaborate(&Description::nvl8());
    against_pencil(&spec, 40, |_, _| planes_way(&spec, "nvlink4", 500_000));
    let spec = elaborate(&Description::nvl72());
    against_pencil(&spec, 1, |_, _| planes_way(&spec, "nvlink5", 1_000_000));
}

/// Cycles of thinking between two loads: nothing is under way any more.
const PAUSE: u32 = 3_000;

/// Lets `node` load a line of every home, one after the other; then the last again. Gives the
/// latency of each in femtoseconds.
fn loads(spec: &MachineSpec, node: u32) -> Vec<u128> {
    let nodes = u32::try_from(spec.fabric.node_ports.len()).expect("few nodes");
    let thread = ThreadIdx(node);
    let load = |home: u32| {
        let addr = Addr(u64::from(home) * spec.accelerator.home.interleave_bytes);
        let ops = [Op::Load { addr, size: 8 }, Op::Fence, Op::Think { cycles: PAUSE }];
        ops.map(|op| Record { thread, op })
    };
    let trace = Trace::from_records((0..nodes).chain([nodes - 1]).flat_map(load));
    let trace = trace.expect("a sound trace");
    let mut machine = Machine::new(spec, &trace, Options::default()).expect("a sound machine");
    let (mut all, mut sum) = (Vec::new(), 0);
    while machine.step().expect("a sound run") {
        let stats = machine.stats();
        let done = stats.of(Kind::Load);
        if done.count() > all.len() as u64 {
            let now = femtoseconds(done.mean_ns() * done.count() as f64);
            all.push(now - sum);
            sum = now;
        }
    }
    assert!(machine.summary().checks.clean());
    all
}

/// Every load of `loads` against the parts added up by hand.
fn check_loads(spec: &MachineSpec, clock: &str, node: u32, way: impl Fn(u32, u32) -> Way) {
    let parts = Accesses::new(spec, clock);
    let told = loads(spec, node);
    let homes = u32::try_from(spec.fabric.node_ports.len()).expect("few nodes");
    assert_eq!(told.len(), homes as usize + 1);
    let mut start = 0;
    for (home, told) in (0..homes).zip(&told) {
        let done = if home == node {
            parts.near(start)
        } else {
            parts.far(start, &way(node, home), &way(home, node))
        };
        assert_eq!(*told, parts.span(start, done), "node {node} loads from home {home}");
        start = done + u128::from(PAUSE);
    }
    let hit = parts.span(start, start + parts.cache());
    assert_eq!(told.last(), Some(&hit), "node {node} loads what it has");
}

#[test]
fn a_loads_latency_is_the_sum_of_its_parts_from_everywhere_to_everywhere() {
    let spec = elaborate(&Description::nvl8());
    for node in 0..8 {
        check_loads(&spec, "accelerator", node, |_, _| planes_way(&spec, "nvlink4", 500_000));
    }
    let spec = elaborate(&Description::fullmesh8());
    for node in 0..8 {
        check_loads(&spec, "accelerator", node, |_, _| full_mesh_way(&spec));
    }
    let spec = elaborate(&Description::mesh8x8());
    for node in [0, 7, 27, 36, 63] {
        check_loads(&spec, "die", node, |src, dst| mesh_way(&spec, src, dst));
    }
    let spec = elaborate(&Description::torus4x4x4());
    for node in [0, 21, 63] {
        check_loads(&spec, "accelerator", node, |src, dst| torus_way(&spec, src, dst));
    }
}

/// The pencil itself, against figures worked out on paper.
#[test]
fn the_pencil_knows_what_paper_says() {
    let spec = elaborate(&Description::mesh8x8());
    assert_eq!(mesh_way(&spec, 0, 63).arrival(100, 1), 100 + 2 + 5 * 15);
    // 1.755 GHz and 1.7 GHz; a flit takes 1.28 ns, then 20 + 75.6 + 2.3 ns. Offered at edge 0, out
    // at edge 1 (0.5698 ns), at the switch at 99.7498 ns: its edge 170 (100 ns) and 2. 28 cycles
    // to edge 200 (117.647058 ns), out at 216.827058 ns: edge 381 (217.094 ns) and 2.
    let spec = elaborate(&Description::nvl8());
    assert_eq!(planes_way(&spec, "nvlink4", 500_000).arrival(0, 1), 383);
}
