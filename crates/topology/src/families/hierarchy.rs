//! Hierarchies: copies of one fabric, joined by another through gateways.
//!
//! ```text
//!   outer fabric         o ─ o ─ o ─ o         Its "nodes" are the gateways: router `gateways[g]` of
//!                        │   │   │   │         copy c is outer node c * gateways + g, and has that
//!   copies of the      ┌─g─┐ │  ┌┴──┐│         node's ports after its own.
//!   inner fabric       │ r ├─┘  │   ├┘
//!                      └───┘    └───┘
//! ```
//!
//! Nodes and routers are numbered copy by copy, each copy as the inner fabric; the routers of the
//! outer fabric come last. Routers are called `copy{c}/..` and `outer/..`. Either fabric may be a
//! hierarchy. See [`routing::Hierarchy`](crate::routing::Hierarchy) for the ways of packets.

use std::collections::BTreeSet;

use base::{DomainIdx, NodeIdx, PortIdx, RouterIdx};
use serde::Deserialize;

use crate::describe::FabricForm;
use crate::elaborate::{Names, way};
use crate::error::{ErrorKind, Problem};
use crate::generate;
use crate::limits;
use crate::routing::{Gateway, Hierarchy as Composed, Parts, Way, distances};
use crate::spec::End;
use crate::validate::range;
use crate::wiring::{Plug, Run, Wiring};

/// Hierarchies within each other at most.
const DEPTH_MAX: usize = 3;

/// Copies of an inner fabric, joined by an outer one.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hierarchy {
    /// The fabric of each copy.
    pub inner: Box<FabricForm>,
    /// How many copies, at least 2.
    pub copies: u32,
    /// Routers of the inner fabric, by number, that are linked to the outer one in every copy. Each
    /// needs a node that hangs on no other router.
    pub gateways: Vec<u32>,
    /// The fabric between the gateways; as many nodes as there are gateways in all copies. The links
    /// to its nodes are the uplinks.
    pub outer: Box<FabricForm>,
    /// By which gateways a packet leaves its copy and arrives in another; the nearest where not given.
    #[serde(default)]
    pub gateway_choice: GatewayChoice,
    /// Whether the way up to a gateway and the way down from one have VCs of their own, half each;
    /// true where not given. Where false, it is for the proof to show that none are needed.
    #[serde(default = "yes")]
    pub separate_vcs: bool,
}

/// By which gateways packets leave their copy and arrive in another.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
pub enum GatewayChoice {
    /// Those nearest to the packet's source and to its destination, by hash among equally near ones.
    #[default]
    Nearest,
    /// Any, by hash.
    Hash,
}

/// The cables of all copies and those of the outer fabric.
pub(crate) fn hierarchy<'a>(
    names: &Names<'a>,
    f: &Hierarchy,
    node_clock: DomainIdx,
) -> Result<Wiring<'a>, Problem> {
    if depth(f) > DEPTH_MAX {
        return Err(Problem::new(
            ErrorKind::Limit,
            "fabric",
            format!("hierarchies within hierarchies, more than {DEPTH_MAX} levels"),
            format!("use at most {DEPTH_MAX}"),
        ));
    }
    let copies = u64::from(f.copies);
    range("fabric.copies", copies, 2, limits::NODES_MAX)?;
    let (inner, outer) = parts(names, f, node_clock)?;
    let count = |of_inner: usize, outer: usize| {
        copies.saturating_mul(of_inner as u64).saturating_add(outer as u64)
    };
    let counts = (
        count(inner.node_ports.len(), 0),
        count(inner.routers.len(), outer.routers.len()),
        count(inner.links.len(), outer.links.len()),
    );
    let mut w = Wiring::new("fabric.copies", counts, names.classes, node_clock)?;
    for copy in 0..f.copies as usize {
        let (nodes, routers) = (copy * inner.node_ports.len(), w.routers.len());
        for router in &inner.routers {
            w.router(format!("copy{copy}/{}", router.name), router.clock);
        }
        replay(&mut w, &inner, |end| match end {
            End::Node(n, _) => Plug::Node(nodes + n.at()),
            End::Router(r, _) => Plug::Router(routers + r.at()),
        })?;
    }
    let first = w.routers.len();
    for router in &outer.routers {
        w.router(format!("outer/{}", router.name), router.clock);
    }
    let gateway = |n: NodeIdx| {
        let (copy, gateway) = (n.at() / f.gateways.len(), n.at() % f.gateways.len());
        copy * inner.routers.len() + f.gateways[gateway] as usize
    };
    replay(&mut w, &outer, |end| match end {
        End::Node(n, _) => Plug::Router(gateway(n)),
        End::Router(r, _) => Plug::Router(first + r.at()),
    })?;
    w.parts = Some(Box::new((inner, outer)));
    Ok(w)
}

/// The routing of a hierarchy whose cables could be made.
pub(crate) fn hierarchy_way(f: &Hierarchy, w: &Wiring<'_>, vcs: u8) -> Result<Way, Problem> {
    let (inner, outer) = &**w.parts.as_ref().expect("the generator of hierarchies keeps its parts");
    let share = if f.separate_vcs { (vcs / 2).max(1) } else { vcs };
    let halved = |mut p: Problem| {
        if f.separate_vcs && p.key == "router.vcs_per_class" {
            p.message += "; each way through the inner fabric of a hierarchy has half of the VCs";
            "set `vcs_per_class` to twice as many".clone_into(&mut p.mend);
        }
        within("inner", p)
    };
    let inner_way = way(&f.inner, inner, share).map_err(halved)?;
    let outer_way = way(&f.outer, outer, vcs).map_err(|p| within("outer", p))?;
    let gateways: Vec<Gateway> =
        f.gateways.iter().enumerate().map(|g| gateway(inner, g)).collect::<Result<_, _>>()?;
    let parts = Parts {
        copies: f.copies as usize,
        inner: inner_way,
        outer: outer_way,
        gateways_of: choices(inner, &gateways, f.gateway_choice),
        node_at: inner
            .routers
            .iter()
            .map(|r| r.ports.iter().map(|l| node(inner, *l)).collect())
            .collect(),
        gateways,
    };
    let groups = Composed::groups_of(&parts, f.separate_vcs);
    if groups > usize::from(vcs) || groups > 8 {
        let kind = if groups > 8 { ErrorKind::Limit } else { ErrorKind::Deadlock };
        let message =
            format!("the ways up, across and down a hierarchy need {groups} VCs in each class");
        let mend = match groups {
            9.. => "use routings with fewer VC groups, or fewer levels; 8 is the most".to_owned(),
            _ => format!("set `vcs_per_class: {groups}` or more, or `separate_vcs: false`"),
        };
        return Err(Problem::new(kind, "router.vcs_per_class", message, mend));
    }
    Ok(Way::Hierarchy(Composed::new(parts, f.separate_vcs)))
}

/// Both fabrics by themselves.
fn parts<'a>(
    names: &Names<'a>,
    f: &Hierarchy,
    node_clock: DomainIdx,
) -> Result<(Wiring<'a>, Wiring<'a>), Problem> {
    let inner = generate::fabric(names, &f.inner, node_clock).map_err(|p| within("inner", p))?;
    let mut seen = BTreeSet::new();
    for (g, router) in f.gateways.iter().enumerate() {
        let key = format!("fabric.gateways[{g}]");
        let routers = inner.routers.len() as u64;
        range(&key, u64::from(*router), 0, routers.saturating_sub(1))?;
        if !seen.insert(*router) {
            let message = format!("router {router} is listed twice");
            return Err(Problem::new(ErrorKind::Name, key, message, "list every gateway once"));
        }
    }
    let Some(first) = f.gateways.first() else {
        let mend = "list routers of the inner fabric, such as `gateways: [0]`";
        return Err(Problem::new(ErrorKind::Value, "fabric.gateways", "there are none", mend));
    };
    let clock = inner.routers[*first as usize].clock;
    let outer = generate::fabric(names, &f.outer, clock).map_err(|p| within("outer", p))?;
    let expected = u64::from(f.copies) * f.gateways.len() as u64;
    if outer.node_ports.len() as u64 != expected {
        return Err(Problem::new(
            ErrorKind::Structure,
            "fabric.outer",
            format!(
                "the outer fabric has {} nodes for {expected} gateways, {} in each of {} copies",
                outer.node_ports.len(),
                f.gateways.len(),
                f.copies
            ),
            format!("describe an outer fabric of {expected} nodes"),
        ));
    }
    Ok((inner, outer))
}

/// Makes the cables of a fabric again, in the same order, so that ports keep their numbers.
fn replay(w: &mut Wiring<'_>, of: &Wiring<'_>, plug: impl Fn(End) -> Plug) -> Result<(), Problem> {
    for link in of.links.iter().step_by(2) {
        let run = Run { class: link.class, length_um: link.length_um };
        w.connect("fabric", plug(link.from), plug(link.to), run)?;
    }
    Ok(())
}

fn node(of: &Wiring<'_>, link: base::LinkIdx) -> Option<NodeIdx> {
    match of.links[link.at()].to {
        End::Node(n, _) => Some(n),
        End::Router(..) => None,
    }
}

/// Gateway `g` at `router`, with the first node that hangs on it alone.
fn gateway(inner: &Wiring<'_>, (g, router): (usize, &u32)) -> Result<Gateway, Problem> {
    let router = RouterIdx(*router);
    let ports = &inner.routers[router.at()].ports;
    let alone = |n: NodeIdx| {
        let here =
            |l: &base::LinkIdx| matches!(inner.links[l.at()].to, End::Router(r, _) if r == router);
        inner.node_ports[n.at()].iter().all(here)
    };
    let proxy = ports.iter().enumerate().find_map(|(p, link)| {
        node(inner, *link).filter(|n| alone(*n)).map(|n| (n, PortIdx::new(p)))
    });
    let Some((proxy, proxy_port)) = proxy else {
        return Err(Problem::new(
            ErrorKind::Structure,
            format!("fabric.gateways[{g}]"),
            format!("no node hangs on `{}` alone", inner.routers[router.at()].name),
            "choose a router that has a node which is linked to no other router",
        ));
    };
    Ok(Gateway { router, uplink: PortIdx::new(ports.len()), proxy, proxy_port })
}

/// For every inner node, the gateways that its packets may use.
fn choices(inner: &Wiring<'_>, gateways: &[Gateway], choice: GatewayChoice) -> Vec<Vec<u16>> {
    let all = 0..u16::try_from(gateways.len()).expect("as many as routers at most");
    let far: Vec<Vec<u32>> = gateways
        .iter()
        .map(|g| distances(g.proxy, &inner.node_ports, &inner.routers, &inner.links))
        .collect();
    let of_node = |ports: &Vec<base::LinkIdx>| {
        let links = |g: u16| {
            let to = |l: &base::LinkIdx| match inner.links[l.at()].to {
                End::Router(r, _) => far[usize::from(g)][r.at()],
                End::Node(..) => u32::MAX,
            };
            ports.iter().map(to).min()
        };
        let nearest = all.clone().map(links).min();
        let keep = |g: &u16| choice == GatewayChoice::Hash || Some(links(*g)) == nearest;
        all.clone().filter(keep).collect()
    };
    inner.node_ports.iter().map(of_node).collect()
}

fn depth(f: &Hierarchy) -> usize {
    let of = |form: &FabricForm| match form {
        FabricForm::Hierarchy(h) => depth(h),
        _ => 0,
    };
    1 + of(&f.inner).max(of(&f.outer))
}

/// A problem of a part, with the key that it has in the whole.
fn within(part: &str, mut problem: Problem) -> Problem {
    if let Some(rest) = problem.key.strip_prefix("fabric") {
        problem.key = format!("fabric.{part}{rest}");
    }
    problem
}

const fn yes() -> bool {
    true
}
