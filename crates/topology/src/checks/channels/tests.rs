//! Sound routings have no cycle; broken ones have theirs named.

use super::*;
use crate::describe::{Description, FabricForm};
use crate::routing::{DimensionOrder, Routing};

fn torus(dims: &[u32]) -> (MachineSpec, DimensionOrder) {
    let mut d = Description::torus4x4x4();
    if let FabricForm::Torus(grid) = &mut d.fabric {
        grid.dims = dims.to_vec();
        grid.local_links = 1;
    }
    let spec = d.elaborate().expect("right");
    let Way::DimensionOrder(order) = spec.fabric.routing.way().clone() else {
        panic!("a torus is routed by dimension order")
    };
    (spec, order)
}

#[test]
fn a_torus_without_dateline_is_refused_with_a_ring_named() {
    let (mut spec, order) = torus(&[4, 4]);
    assert!(acyclic(&spec).is_ok());
    spec.fabric.routing = Routing::new(Way::DimensionOrder(order.without_dateline()), 2);
    let problem = acyclic(&spec).expect_err("rings can deadlock");
    assert_eq!(problem.kind, ErrorKind::Deadlock);
    assert!(problem.message.contains("4 channels wait"), "{}", problem.message);
    for hop in ["r(0,0) port 1 -> r(1,0) (VCs 0 to 1", "r(3,0) port 2 -> r(0,0)"] {
        assert!(problem.message.contains(hop), "{hop} in {}", problem.message);
    }
}

#[test]
fn a_ring_of_three_needs_no_dateline_and_one_of_five_does() {
    // On a ring of 3 every shortest way is one link: nothing is held while waiting on the ring.
    for (extent, free) in [(3, true), (5, false)] {
        let (mut spec, order) = torus(&[extent]);
        spec.fabric.routing = Routing::new(Way::DimensionOrder(order.without_dateline()), 2);
        assert_eq!(acyclic(&spec).is_ok(), free, "ring of {extent}");
    }
}

#[test]
fn dependencies_of_two_nodes_on_a_switch_are_counted_by_hand() {
    let mut d = Description::nvl8();
    if let FabricForm::SwitchPlanes(planes) = &mut d.fabric {
        planes.accelerators = 2;
        planes.switches = 1;
        planes.links_per_pair = crate::describe::PerSwitch::Same(1);
    }
    let found = acyclic(&d.elaborate().expect("right")).expect("free");
    // 4 links of 2 VCs; each of the 2 links in leads to both links out, VC by VC; 5 classes.
    assert_eq!((found.channels, found.dependencies), (4 * 2 * 5, 2 * 2 * 2 * 2 * 5));
}
