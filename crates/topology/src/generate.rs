//! Generators: from a few numbers to the cables of a fabric.

use std::collections::BTreeMap;

use base::DomainIdx;

use crate::describe::{FabricForm, FullMesh, Graph, PerSwitch, SwitchPlanes};
use crate::elaborate::Names;
use crate::error::{ErrorKind, Problem};
use crate::families::grid::{self, Kind};
use crate::families::{dragonfly, hyperx, slimfly};
use crate::families::{hierarchy, tree};
use crate::limits;
use crate::names::suggest;
use crate::validate::range;
use crate::wiring::{Plug, Wiring};

/// All cables of a fabric.
pub(crate) fn fabric<'a>(
    names: &Names<'a>,
    form: &FabricForm,
    node_clock: DomainIdx,
) -> Result<Wiring<'a>, Problem> {
    match form {
        FabricForm::SwitchPlanes(f) => planes(names, f, node_clock),
        FabricForm::Mesh(f) => grid::generate(names, f, Kind::Mesh, node_clock),
        FabricForm::Torus(f) => grid::generate(names, f, Kind::Torus, node_clock),
        FabricForm::Ring(f) => grid::generate(names, &f.into(), Kind::Ring, node_clock),
        FabricForm::FullMesh(f) => full_mesh(names, f, node_clock),
        FabricForm::HyperX(f) => hyperx::wiring(names, f, node_clock),
        FabricForm::Dragonfly(f) => dragonfly::wiring(names, f, node_clock),
        FabricForm::SlimFly(f) => slimfly::wiring(names, f, node_clock),
        FabricForm::Graph(f) => graph(names, f, node_clock),
        FabricForm::FatTree(f) => tree::fat_tree(names, f, node_clock),
        FabricForm::Clos(f) => tree::clos(names, f, node_clock),
        FabricForm::Hierarchy(f) => hierarchy::hierarchy(names, f, node_clock),
    }
}

/// Every node to every switch. A switch's ports are in the order of the nodes.
fn planes<'a>(
    names: &Names<'a>,
    f: &SwitchPlanes,
    node_clock: DomainIdx,
) -> Result<Wiring<'a>, Problem> {
    range("fabric.switches", u64::from(f.switches), 1, limits::ROUTERS_MAX)?;
    let each = match &f.links_per_pair {
        PerSwitch::Same(n) => vec![*n; f.switches as usize],
        PerSwitch::Each(list) if list.len() == f.switches as usize => list.clone(),
        PerSwitch::Each(list) => {
            return Err(Problem::new(
                ErrorKind::Value,
                "fabric.links_per_pair",
                format!("{} numbers are given for {} switches", list.len(), f.switches),
                "give one number, or one for each switch",
            ));
        }
    };
    for n in &each {
        range("fabric.links_per_pair", u64::from(*n), 1, limits::PORTS_MAX)?;
    }
    let nodes = u64::from(f.accelerators);
    let per_node: u64 = each.iter().map(|n| u64::from(*n)).sum();
    let counts = (nodes, u64::from(f.switches), nodes * per_node * 2);
    let run = names.run("fabric", "link", &f.link, f.length)?;
    let clock = names.clock("fabric.clock", &f.clock)?;
    let mut w = Wiring::new("fabric.accelerators", counts, names.classes, node_clock)?;
    for s in 0..f.switches {
        w.router(format!("switch{s}"), clock);
    }
    for n in 0..f.accelerators as usize {
        for (s, count) in each.iter().enumerate() {
            for _ in 0..*count {
                w.connect("fabric.links_per_pair", Plug::Node(n), Plug::Router(s), run)?;
            }
        }
    }
    Ok(w)
}

/// A router at every node, a cable between any two routers.
fn full_mesh<'a>(
    names: &Names<'a>,
    f: &FullMesh,
    node_clock: DomainIdx,
) -> Result<Wiring<'a>, Problem> {
    let n = u64::from(f.accelerators);
    range("fabric.links_per_pair", u64::from(f.links_per_pair), 1, limits::PORTS_MAX)?;
    let pairs = n.saturating_mul(n.saturating_sub(1)) / 2;
    range("fabric.local_links", u64::from(f.local_links), 1, limits::PORTS_MAX)?;
    let locals = 2 * n * u64::from(f.local_links);
    let links = pairs.saturating_mul(2 * u64::from(f.links_per_pair)).saturating_add(locals);
    let local = names.run("fabric", "local", &f.local, None)?;
    let run = names.run("fabric", "link", &f.link, f.length)?;
    let clock = names.clock("fabric.clock", &f.clock)?;
    let counts = (n, n, links);
    let mut w = Wiring::new("fabric.accelerators", counts, names.classes, node_clock)?;
    let nodes = w.node_ports.len();
    for n in 0..nodes {
        w.router(format!("router{n}"), clock);
        for _ in 0..f.local_links {
            w.connect("fabric.local", Plug::Node(n), Plug::Router(n), local)?;
        }
    }
    for a in 0..nodes {
        for b in a + 1..nodes {
            for _ in 0..f.links_per_pair {
                w.connect("fabric.links_per_pair", Plug::Router(a), Plug::Router(b), run)?;
            }
        }
    }
    Ok(w)
}

/// The cables as they are listed.
fn graph<'a>(names: &Names<'a>, f: &Graph, node_clock: DomainIdx) -> Result<Wiring<'a>, Problem> {
    let links = f.links.iter().map(|c| 2 * u64::from(c.count)).sum();
    let counts = (f.nodes.len() as u64, f.routers.0.len() as u64, links);
    let mut w = Wiring::new("fabric", counts, names.classes, node_clock)?;
    let mut plugs = BTreeMap::new();
    for (n, name) in f.nodes.iter().enumerate() {
        if plugs.insert(name.as_str(), Plug::Node(n)).is_some() {
            return Err(twice(&format!("fabric.nodes[{n}]"), name));
        }
    }
    for (r, (name, clock)) in f.routers.0.iter().enumerate() {
        let key = format!("fabric.routers.\"{name}\"");
        if plugs.insert(name.as_str(), Plug::Router(r)).is_some() {
            return Err(twice(&key, name));
        }
        w.router(name.clone(), names.clock(&key, clock)?);
    }
    let find = |key: String, name: &str| {
        plugs.get(name).copied().ok_or_else(|| {
            let message = format!("there is no node or router called `{}`", clip(name));
            Problem::new(ErrorKind::Name, key, message, suggest(name, plugs.keys().copied()))
        })
    };
    for (i, cable) in f.links.iter().enumerate() {
        let key = format!("fabric.links[{i}]");
        let from = find(format!("{key}.from"), &cable.from)?;
        let to = find(format!("{key}.to"), &cable.to)?;
        let refuse = |message: String, mend: &str| {
            Err(Problem::new(ErrorKind::Structure, key.clone(), message, mend))
        };
        if from == to {
            return refuse(format!("`{}` is linked to itself", cable.from), "name the other end");
        }
        if let (Plug::Node(_), Plug::Node(_)) = (from, to) {
            let message = format!("`{}` and `{}` are both nodes", cable.from, cable.to);
            return refuse(message, "put a router between them");
        }
        range(&format!("{key}.count"), u64::from(cable.count), 1, limits::PORTS_MAX)?;
        let run = names.run(&key, "link", &cable.link, cable.length)?;
        for _ in 0..cable.count {
            w.connect(&key, from, to, run)?;
        }
    }
    Ok(w)
}

fn clip(name: &str) -> String {
    name.chars().take(40).collect()
}

fn twice(key: &str, name: &str) -> Problem {
    let message = format!("`{}` names two things", clip(name));
    Problem::new(ErrorKind::Name, key, message, "rename one of them")
}
