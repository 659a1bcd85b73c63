//! Each law of networks catches the faults that break it: on wires, in routing, in allocators.

use lockstep::base::{Head, Hop, PortIdx, RouterIdx, RoutingFunction, VcIdx, View};
use lockstep::machine::cycle::Fault;
use lockstep::topology::describe::LinkForm;
use lockstep::topology::routing::Routing;
use tests::fabric::{Case, Order, fabric, laws, uniform};

/// Crowded traffic of packets of one and of several flits on a fabric.
fn crowd(form: &str) -> Case {
    uniform(&fabric(form), 2, 400, 3)
}

/// The law that a run under a fault breaks.
fn broken_by(case: &Case, fault: Fault) -> String {
    let spec = case.spec();
    let mut left = 1;
    let run = case.run_with(&spec, spec.fabric.routing.clone(), |net| {
        if left > 0 && net.now() > 20 && net.spoil(fault) {
            left -= 1;
        }
    });
    assert_eq!(left, 0, "{fault:?} never happened");
    laws::all(case, &spec, &run).expect_err("it is a fault")
}

#[test]
fn every_fault_of_a_wire_breaks_a_law() {
    for form in ["Mesh(", "Torus(", "FullMesh(", "Dragonfly("] {
        let case = crowd(form);
        laws::all(&case, &case.spec(), &case.run()).expect("without a fault all is well");
        for (fault, law) in [
            (Fault::LostCredit, "credits return"),
            (Fault::LostSourceCredit, "credits return"),
            (Fault::LostFlit, "flits are conserved"),
            (Fault::CopiedFlit, "flits are conserved"),
            (Fault::EarlyTail, "flits are conserved"),
        ] {
            let told = broken_by(&case, fault);
            assert!(told.starts_with(law), "{form} {fault:?}: {told}");
        }
    }
}

#[test]
fn a_packet_that_overtakes_another_is_caught() {
    let mut case = uniform(&fabric("Mesh("), 1, 400, 1);
    case.orders.iter_mut().for_each(|order| (order.src, order.dst) = (0, 8));
    for (_, link) in &mut case.description.links.0 {
        if let LinkForm::OnDie { latency_cycles, .. } = link {
            *latency_cycles = 8;
        }
    }
    let told = broken_by(&case, Fault::Overtaking);
    assert!(told.starts_with("packets that take the same VCs stay in order"), "{told}");
}

/// A routing function that goes wrong now and then.
#[derive(Clone)]
struct Astray {
    proper: Routing,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum How {
    /// VCs of the other side of a dateline, too.
    AllVcs,
    /// Some packets take another link at their first router.
    OtherLink,
    /// Some packets of node 0 leave at a router that is not theirs.
    OtherNode,
}

impl RoutingFunction for Astray {
    fn inject<V: View>(&self, head: &mut Head, view: &V) -> Hop {
        self.proper.inject(head, view)
    }

    fn route<V: View>(
        &self,
        at: RouterIdx,
        port: PortIdx,
        vc: VcIdx,
        head: &mut Head,
        view: &V,
    ) -> Hop {
        let hop = self.proper.route(at, port, vc, head, view);
        let astray = head.flow.is_multiple_of(8) && port.0 == 0;
        match self.how {
            How::AllVcs => {
                let vcs = self.proper.vcs_per_class();
                Hop { vcs: lockstep::base::route::class_vcs(head.class, vcs), ..hop }
            }
            How::OtherLink if astray && hop.port.0 > 0 => {
                Hop { port: PortIdx(3 - hop.port.0), ..hop }
            }
            How::OtherNode if astray && hop.port.0 > 0 => Hop { port: PortIdx(0), ..hop },
            _ => hop,
        }
    }
}

#[test]
fn a_packet_off_its_legal_routes_is_caught_even_if_it_arrives() {
    // On a ring: port 0 to the node, 1 and 2 to the neighbours.
    for how in [How::AllVcs, How::OtherLink, How::OtherNode] {
        let case = uniform(&fabric("Ring("), 1, 60, 3);
        let spec = case.spec();
        let run = case.run_with(&spec, Astray { proper: spec.fabric.routing.clone(), how }, |_| {});
        let told = laws::all(&case, &spec, &run).expect_err("it is a fault");
        assert!(told.starts_with("packets keep to their legal routes"), "{how:?}: {told}");
    }
}

#[test]
fn a_network_that_stands_still_is_not_drained() {
    let mut case = crowd("Mesh(");
    let (spec, mut run) = (case.spec(), case.run());
    run.end += 100_000;
    let told = laws::all(&case, &spec, &run).expect_err("it is late");
    assert!(told.starts_with("the network drains"), "{told}");
    case.orders.push(Order { created: 0, src: 0, dst: 1, class: 0, flits: 1 });
    run.sent.push(tests::fabric::Sent::default());
    assert!(laws::all(&case, &spec, &run).is_err(), "a packet that never went");
}

#[test]
fn a_flit_within_another_packet_is_seen() {
    let case = crowd("Mesh(");
    let (spec, mut run) = (case.spec(), case.run());
    let received = &mut run.log.received;
    let of = |n: usize| received.iter().filter(|r| r.1 == received[n].1).count();
    let first = (0..received.len()).max_by_key(|n| of(*n)).expect("flits came");
    let lane = received[first].1;
    let of_lane: Vec<usize> = (0..received.len()).filter(|n| received[*n].1 == lane).collect();
    let (a, b) = of_lane
        .windows(2)
        .map(|w| (w[0], w[1]))
        .find(|(a, b)| received[*a].2 != received[*b].2)
        .expect("packets follow one another");
    let moved = received.remove(b);
    received.insert(a, moved);
    let told = laws::LAWS[2].1(&case, &spec, &run).expect_err("they are mixed");
    assert!(told.contains("within") || told.contains("torn"), "{told}");
}
