//! What the routing functions have in common.

use base::route::Empty;
use base::{RoutingFunction, VcIdx};

use super::*;
use crate::Description;
use crate::describe::FabricForm;

fn mesh(dims: &[u32], nodes_per_router: u32, local_links: u32) -> Routing {
    let mut mesh = Description::mesh8x8();
    if let FabricForm::Mesh(grid) = &mut mesh.fabric {
        grid.dims = dims.to_vec();
        (grid.nodes_per_router, grid.local_links) = (nodes_per_router, local_links);
    }
    mesh.elaborate().expect("it is sound").fabric.routing
}

#[test]
fn what_is_fixed_is_what_is_routed() {
    for routing in [mesh(&[5, 3, 4], 1, 1), mesh(&[9], 3, 1), mesh(&[2, 1, 6], 2, 1)] {
        let (routers, nodes) = routing.size();
        for (at, dst) in (0..routers).flat_map(|at| (0..nodes).map(move |dst| (at, dst))) {
            let (at, dst) = (RouterIdx::new(at), NodeIdx::new(dst));
            for class in Class::ALL {
                let vc = VcIdx(class as u8 * routing.vcs_per_class());
                let mut head = Head { src: NodeIdx(0), dst, flow: 9, class, state: 0 };
                let hop = routing.route(at, PortIdx(0), vc, &mut head, &Empty);
                assert_eq!(routing.fixed(at, dst, class), Some(hop), "{at} {dst}");
            }
        }
    }
}

/// On every VC, whatever its class; and what a packet notes stays as it is.
#[test]
fn what_is_fixed_by_where_a_packet_came_from_is_what_is_routed() {
    for name in ["torus8x8", "torus4x4x4", "fattree4x3", "clos64", "mesh8x8"] {
        let spec = Description::shipped(name).expect("shipped").elaborate().expect("it is sound");
        let routing = &spec.fabric.routing;
        let (nodes, mut known) = (routing.size().1, 0);
        for (at, router) in spec.fabric.routers.iter().enumerate().step_by(5) {
            let ports = (0..router.ports.len()).map(PortIdx::new);
            for (port, dst) in ports.flat_map(|port| (0..nodes).map(move |dst| (port, dst))) {
                let (at, dst) = (RouterIdx::new(at), NodeIdx::new(dst));
                for (class, vc) in
                    Class::ALL.iter().flat_map(|c| (0..routing.vcs_per_class()).map(|v| (*c, v)))
                {
                    let vc = VcIdx(class as u8 * routing.vcs_per_class() + vc);
                    let Some(hop) = routing.fixed_from(at, (port, vc), dst, class) else {
                        continue;
                    };
                    known += 1;
                    for (src, flow) in [(0, 0), (3, 0x5555_aaaa), (7, u32::MAX)] {
                        let mut head = Head { src: NodeIdx(src), dst, flow, class, state: 0 };
                        let routed = routing.route(at, port, vc, &mut head, &Empty);
                        assert_eq!((hop, head.state), (routed, 0), "{name} {at} {port} {vc} {dst}");
                    }
                }
            }
        }
        assert!(known > 0, "{name}");
    }
}

#[test]
fn classes_beyond_the_vcs_of_a_port_have_no_fixed_hop() {
    let mut torus = Description::shipped("torus8x8").expect("shipped");
    torus.router.vcs_per_class = 16;
    let routing = torus.elaborate().expect("it is sound").fabric.routing;
    let told = |class| {
        let hop = routing.fixed_from(RouterIdx(0), (PortIdx(0), VcIdx(0)), NodeIdx(1), class);
        hop.map(|hop| hop.vcs)
    };
    assert!(told(Class::ALL[0]).is_some_and(|vcs| vcs != 0));
    assert_eq!(told(Class::ALL[4]), Some(0));
}

#[test]
fn every_packet_enters_by_the_vcs_that_are_told_beforehand() {
    for routing in [mesh(&[5, 3, 4], 1, 1), mesh(&[9], 3, 1), mesh(&[2, 1, 6], 2, 1)] {
        let nodes = routing.size().1;
        for (src, dst) in (0..nodes).flat_map(|src| (0..nodes).map(move |dst| (src, dst))) {
            for class in Class::ALL {
                let (src, dst) = (NodeIdx::new(src), NodeIdx::new(dst));
                let mut head = Head { src, dst, flow: dst.0 ^ 5, class, state: 0 };
                let hop = routing.inject(&mut head, &Empty);
                assert_eq!(routing.entry(class), Some(hop.vcs), "{src} {dst}");
            }
        }
    }
}

#[test]
fn nothing_is_fixed_where_more_than_the_destination_matters() {
    let torus = Description::shipped("torus8x8").expect("shipped");
    let torus = torus.elaborate().expect("it is sound").fabric.routing;
    for routing in [torus, mesh(&[4, 4], 1, 2)] {
        assert_eq!(routing.fixed(RouterIdx(0), NodeIdx(5), Class::Req), None);
        assert_eq!(routing.entry(Class::Req), None);
    }
}
