//! Ways around links that are down: other tables for the same fabric.
//!
//! A machine whose links change is reconfigured as Autonet is (Schroeder et al., IEEE J. Sel. Areas
//! Commun. 9(8), 1991): the network is emptied, so that packets under way by the old tables and by the
//! new never wait for each other, and any function will do that is free of deadlock by itself. Shortest-path
//! tables stay shortest-path tables where that can be proved; whatever else there was becomes up*/down*
//! under the router with most links left, which is free of deadlock on any graph.

use base::{LinkIdx, NodeIdx, PortIdx, RouterIdx};

use super::{Routing, Table, UpDown, Way};
use crate::checks;
use crate::elaborate::node;
use crate::spec::{End, Link, MachineSpec};

impl Routing {
    /// A routing function for `spec` that uses none of the links of the pairs that are `down`, proved free of
    /// deadlock.
    ///
    /// # Errors
    /// If there is none: which node cannot reach which any more, in words.
    pub fn around(spec: &MachineSpec, down: &[LinkIdx]) -> Result<Self, String> {
        let fabric = &spec.fabric;
        let mut links = fabric.links.clone();
        for link in down.iter().flat_map(|l| [*l, l.reverse()]) {
            // To no node that there is.
            links[link.at()].to = End::Node(NodeIdx(u32::MAX), PortIdx(0));
        }
        let mut why = String::new();
        if let Way::Table(_) = fabric.routing.way() {
            match Table::new(&fabric.node_ports, &fabric.routers, &links, node) {
                Ok(table) => match proved(spec, Way::Table(table)) {
                    Ok(routing) => return Ok(routing),
                    Err(problem) => why = problem,
                },
                // What no path at all leads to, no other function leads to either.
                Err(problem) => return Err(problem.message),
            }
        }
        let root = root(spec, &links);
        UpDown::new(root, &fabric.node_ports, &fabric.routers, &links, node)
            .map_err(|problem| problem.message)
            .and_then(|way| proved(spec, Way::UpDown(way)))
            .map_err(|problem| if why.is_empty() { problem } else { format!("{why}; {problem}") })
    }
}

/// The function, if it is free of deadlock.
fn proved(spec: &MachineSpec, way: Way) -> Result<Routing, String> {
    let mut spec = spec.clone();
    spec.fabric.routing = Routing::new(way, spec.router.vcs_per_class);
    checks::prove(&spec).map_err(|problem| problem.message)?;
    Ok(spec.fabric.routing)
}

/// The router with most links to others; the first of several.
fn root(spec: &MachineSpec, links: &[Link]) -> RouterIdx {
    let routers = &spec.fabric.routers;
    let leads = |l: &&LinkIdx| matches!(links[l.at()].to, End::Router(..));
    let degree = |r: &usize| routers[*r].ports.iter().filter(leads).count();
    let most = (0..routers.len()).max_by_key(|r| (degree(r), core::cmp::Reverse(*r)));
    RouterIdx::new(most.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Description;

    fn links_between(spec: &MachineSpec, count: usize) -> Vec<LinkIdx> {
        let between = |l: &usize| {
            let link = &spec.fabric.links[*l];
            matches!((link.from, link.to), (End::Router(..), End::Router(..)))
        };
        (0..spec.fabric.links.len()).filter(between).take(count).map(LinkIdx::new).collect()
    }

    #[test]
    fn any_fabric_that_stays_connected_has_a_way_around() {
        for name in ["mesh8x8", "torus4x4x4", "fullmesh8", "graph_updown", "nvl8-framed"] {
            let spec = Description::shipped(name).expect("shipped").elaborate().expect("sound");
            let mut down = links_between(&spec, 1);
            if down.is_empty() {
                down.push(LinkIdx(0));
            }
            let routing = Routing::around(&spec, &down).expect(name);
            let dead = [down[0], down[0].reverse()];
            let mut around = spec.clone();
            around.fabric.routing = routing;
            for node in 0..spec.fabric.node_ports.len() {
                let goal = crate::routing::Goal::node(NodeIdx::new(node));
                for (r, router) in spec.fabric.routers.iter().enumerate() {
                    for (p, _) in router.ports.iter().enumerate() {
                        let visit = |step: crate::routing::Step| {
                            let link = router.ports[step.port.at()];
                            assert!(!dead.contains(&link), "{name}: router {r} sends over {link}");
                        };
                        let (at, port) = (RouterIdx::new(r), PortIdx::new(p));
                        around.fabric.routing.route_all(at, port, 0, goal, visit);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_cut_off_is_named() {
        let spec = Description::shipped("mesh8x8").expect("shipped").elaborate().expect("sound");
        let own: Vec<LinkIdx> = spec.fabric.node_ports[5].clone();
        let error = Routing::around(&spec, &own).expect_err("node5 has no link left");
        assert!(error.contains("node5") && error.contains("cannot reach"), "{error}");
        // The first of all, too: it reaches itself.
        let own: Vec<LinkIdx> = spec.fabric.node_ports[0].clone();
        let error = Routing::around(&spec, &own).expect_err("node0 has no link left");
        assert!(!error.contains("node0 cannot reach node0"), "{error}");
        let spec =
            Description::shipped("nvl8-framed").expect("shipped").elaborate().expect("sound");
        let error = Routing::around(&spec, &spec.fabric.node_ports[0]).expect_err("likewise");
        assert!(error.contains("node1 cannot reach node0"), "{error}");
    }
}
