//! A machine that gets stuck says who waits for whom; it never hangs.

use lockstep::base::route::class_vcs;
use lockstep::prelude::*;
use lockstep::topology::describe::FabricForm;
use lockstep::topology::spec::End;

/// A ring of routers on which every packet goes the same way round, in one VC a class: without a
/// dateline, as the checks before a run would never allow.
#[derive(Clone)]
struct OneWay {
    proper: Routing,
    /// `[router]`: the port to the next router of the ring.
    onward: Vec<PortIdx>,
}

impl RoutingFunction for OneWay {
    fn inject<V: View>(&self, head: &mut Head, view: &V) -> Hop {
        Hop { vcs: first_vc(head.class), ..self.proper.inject(head, view) }
    }

    fn route<V: View>(
        &self,
        at: RouterIdx,
        port: PortIdx,
        vc: VcIdx,
        head: &mut Head,
        view: &V,
    ) -> Hop {
        let vcs = first_vc(head.class);
        if at.0 == head.dst.0 {
            return Hop { vcs, ..self.proper.route(at, port, vc, head, view) };
        }
        Hop { port: self.onward[at.at()], vcs }
    }
}

fn first_vc(class: Class) -> u64 {
    let both = class_vcs(class, 2);
    1 << both.trailing_zeros()
}

/// A ring of `nodes` with shallow buffers.
fn ring(nodes: u32) -> MachineSpec {
    let mut description = Description::torus4x4x4();
    description.accelerator.window = 64;
    let FabricForm::Torus(grid) = &mut description.fabric else { panic!("a torus") };
    grid.dims = vec![nodes];
    grid.local_links = 1;
    for (_, link) in &mut description.links.0 {
        link.set_buffer_flits(2);
    }
    description.elaborate().unwrap()
}

fn one_way(spec: &MachineSpec) -> OneWay {
    let nodes = spec.fabric.routers.len();
    let port_to_next = |r: usize| {
        let leads_on = |l: &lockstep::base::LinkIdx| {
            let to = spec.fabric.links[l.at()].to;
            matches!(to, End::Router(next, _) if next.at() == (r + 1) % nodes)
        };
        PortIdx::new(spec.fabric.routers[r].ports.iter().position(leads_on).unwrap())
    };
    OneWay { proper: spec.fabric.routing.clone(), onward: (0..nodes).map(port_to_next).collect() }
}

/// Everyone reads lines whose homes are half the ring away.
fn half_way_round(nodes: u32) -> Trace {
    let records = (0..400_u64).flat_map(|n| {
        (0..nodes).map(move |t| {
            let home = u64::from((t + nodes / 2) % nodes);
            let page = n * u64::from(nodes) + home;
            let addr = Addr(page * 4096 + u64::from(t) * 64);
            Record { thread: ThreadIdx(t), op: Op::Load { addr, size: 8 } }
        })
    });
    Trace::from_records(records).unwrap()
}

#[test]
fn a_ring_without_a_dateline_deadlocks_and_names_the_cycle() {
    let spec = ring(6);
    let trace = half_way_round(6);
    let mut broken =
        Machine::with_routing(&spec, &trace, Options::default(), one_way(&spec)).unwrap();
    let error = broken.run().unwrap_err();
    let RunError::Deadlock { explanation, .. } = &error else { panic!("{error}") };
    for word in ["threads: ", "caches: ", "routers: ", "credit of", "cycle: "] {
        assert!(explanation.contains(word), "no `{word}` in\n{explanation}");
    }
}

#[test]
fn the_same_ring_with_its_dateline_runs_to_the_end() {
    let spec = ring(6);
    let trace = half_way_round(6);
    let mut sound = Machine::new(&spec, &trace, Options::default()).unwrap();
    sound.run().unwrap();
    let summary = sound.summary();
    assert_eq!(summary.loads, 2400);
    assert!(summary.checks.clean(), "{:?}", summary.checks.findings);
}

#[test]
fn a_barrier_that_lacks_a_member_is_named() {
    let spec = Description::nvl8().elaborate().unwrap();
    let barrier =
        |thread, members| Record { thread: ThreadIdx(thread), op: Op::Barrier { id: 7, members } };
    let run = |records: Vec<Record>| {
        let trace = Trace::from_records(records).unwrap();
        let mut machine = Machine::new(&spec, &trace, Options::default()).unwrap();
        machine.run().unwrap_err().to_string()
    };
    let idle = Record { thread: ThreadIdx(2), op: Op::Fence };
    let missing = run(vec![barrier(0, 3), barrier(1, 3), idle]);
    assert!(missing.contains("barrier 7 has 2 of 3: thread0, thread1"), "{missing}");
    let disagree = run(vec![barrier(0, 2), barrier(1, 3), idle]);
    assert!(disagree.contains("barrier 7"), "{disagree}");
    let too_many = run(vec![barrier(0, 4), idle]);
    assert!(too_many.contains("has 3 threads"), "{too_many}");
}
