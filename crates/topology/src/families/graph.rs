//! The routings of graphs: of links that a file lists one by one.

use std::collections::BTreeMap;

use base::{LinkIdx, NodeIdx, PortIdx, RouterIdx};
use serde::Deserialize;

use crate::describe::Graph;
use crate::error::{ErrorKind, Problem};
use crate::names::suggest;
use crate::routing::{Leave, NONE, SourceRouted, Table, UpDown, Way};
use crate::spec::End;
use crate::wiring::Wiring;

/// How packets go through a graph.
#[derive(Clone, Default, PartialEq, Eq, Debug, Deserialize)]
pub enum GraphRouting {
    /// Any shortest path, by hash. Refused where it can deadlock.
    #[default]
    ShortestPath,
    /// Shortest ones of the paths that go up the tree under a root and then down; free of deadlock on
    /// any graph.
    UpDown {
        /// Name of the root: a router.
        root: String,
    },
    /// Listed paths, and for pairs that are not listed the first of the shortest. Refused where they
    /// can deadlock.
    Source {
        /// The paths, each for one direction between two nodes.
        paths: Vec<SourcePath>,
    },
}

/// The path of all packets from one node to another.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcePath {
    /// The node where it starts.
    pub from: String,
    /// The node where it ends.
    pub to: String,
    /// The routers in between, in order; none twice.
    pub via: Vec<String>,
}

/// The routing of a graph whose cables could be made.
pub(crate) fn graph_way(g: &Graph, w: &Wiring<'_>) -> Result<Way, Problem> {
    let name = |n: usize| format!("`{}`", g.nodes[n]);
    let table = || Table::new(&w.node_ports, &w.routers, &w.links, name);
    match &g.routing {
        GraphRouting::ShortestPath => Ok(Way::Table(table()?)),
        GraphRouting::UpDown { root } => {
            let root = router(g, "fabric.routing.root", root)?;
            let up_down = UpDown::new(root, &w.node_ports, &w.routers, &w.links, name)?;
            Ok(Way::UpDown(up_down))
        }
        GraphRouting::Source { paths } => {
            let listed = listed(g, paths)?;
            let table = table()?;
            let source = SourceRouted::new(w.routers.len(), w.node_ports.len(), |src, dst| {
                match listed.get(&(src, dst)) {
                    Some((key, via)) => follow(g, w, (src, dst), key, via),
                    None => Ok(shortest(w, &table, src, dst)),
                }
            })?;
            Ok(Way::SourceRouted(source))
        }
    }
}

/// The key and the routers of every listed path, by its ends.
type Listed = BTreeMap<(NodeIdx, NodeIdx), (String, Vec<RouterIdx>)>;

fn listed(g: &Graph, paths: &[SourcePath]) -> Result<Listed, Problem> {
    let nodes: BTreeMap<&str, usize> =
        g.nodes.iter().enumerate().map(|(n, name)| (name.as_str(), n)).collect();
    let node = |key: String, name: &str| {
        let known = nodes.keys().copied();
        nodes.get(name).map(|n| NodeIdx::new(*n)).ok_or_else(|| unknown("node", key, name, known))
    };
    let mut all = BTreeMap::new();
    for (i, path) in paths.iter().enumerate() {
        let key = format!("fabric.routing.paths[{i}]");
        let from = node(format!("{key}.from"), &path.from)?;
        let to = node(format!("{key}.to"), &path.to)?;
        let mut via = Vec::new();
        for (v, name) in path.via.iter().enumerate() {
            let key = format!("{key}.via[{v}]");
            let next = router(g, &key, name)?;
            if via.contains(&next) {
                let message = format!("the path passes `{name}` twice");
                let mend = "list every router of a path once";
                return Err(Problem::new(ErrorKind::Structure, key, message, mend));
            }
            via.push(next);
        }
        if all.insert((from, to), (key.clone(), via)).is_some() {
            let message = format!("there are two paths from `{}` to `{}`", path.from, path.to);
            return Err(Problem::new(ErrorKind::Structure, key, message, "remove one of them"));
        }
    }
    Ok(all)
}

/// The hops of a listed path.
fn follow(
    g: &Graph,
    w: &Wiring<'_>,
    (src, dst): (NodeIdx, NodeIdx),
    key: &str,
    via: &[RouterIdx],
) -> Result<Vec<Leave>, Problem> {
    let mut hops = Vec::new();
    let (mut at, mut ports) = (NONE, &w.node_ports[src.at()]);
    let mut here = g.nodes[src.at()].as_str();
    for next in via.iter().map(|r| Some(*r)).chain([None]) {
        let leave = leaving(w, ports, |end| match (end, next) {
            (End::Router(r, _), Some(next)) => r == next,
            (End::Node(n, _), None) => n == dst,
            _ => false,
        });
        let there = next.map_or(g.nodes[dst.at()].as_str(), |r| w.routers[r.at()].name.as_str());
        if leave.is_empty() {
            return Err(Problem::new(
                ErrorKind::Structure,
                format!("{key}.via"),
                format!("`{here}` has no link to `{there}`"),
                "name every router of the path, from one that the source is linked to",
            ));
        }
        hops.push((at, leave));
        if let Some(next) = next {
            (at, ports, here) = (next, &w.routers[next.at()].ports, there);
        }
    }
    Ok(hops)
}

/// The hops of the first shortest path: at each place by the lowest port, and those parallel to it.
fn shortest(w: &Wiring<'_>, table: &Table, src: NodeIdx, dst: NodeIdx) -> Vec<Leave> {
    let mut hops = Vec::new();
    let (mut at, mut ports) = (NONE, &w.node_ports[src.at()]);
    let mut first = table.inject_ports(src, dst).first();
    // The table leads on from every router that a packet to `dst` can reach.
    while let Some(port) = first {
        let next = w.links[ports[port.at()].at()].to;
        let parallel = |end| match (end, next) {
            (End::Router(a, _), End::Router(b, _)) => a == b,
            (End::Node(a, _), End::Node(b, _)) => a == b,
            _ => false,
        };
        hops.push((at, leaving(w, ports, parallel)));
        let End::Router(r, _) = next else { break };
        (at, ports) = (r, &w.routers[r.at()].ports);
        first = table.router_ports(r, dst).first();
    }
    hops
}

fn leaving(w: &Wiring<'_>, ports: &[LinkIdx], keep: impl Fn(End) -> bool) -> Vec<PortIdx> {
    let kept = ports.iter().enumerate().filter(|(_, l)| keep(w.links[l.at()].to));
    kept.map(|(p, _)| PortIdx::new(p)).collect()
}

fn router(g: &Graph, key: &str, name: &str) -> Result<RouterIdx, Problem> {
    let found = g.routers.position(name).map(RouterIdx::new);
    let known = g.routers.0.iter().map(|(n, _)| n.as_str());
    found.ok_or_else(|| unknown("router", key.to_owned(), name, known))
}

fn unknown<'a>(
    what: &str,
    key: String,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Problem {
    let shown: String = name.chars().take(40).collect();
    let message = format!("there is no {what} called `{shown}`");
    Problem::new(ErrorKind::Name, key, message, suggest(name, known))
}
