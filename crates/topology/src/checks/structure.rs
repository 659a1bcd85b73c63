//! Structure: indices in range, ports and links that agree with each other, one connected whole.

use base::{LinkIdx, NodeIdx, PortIdx, RouterIdx};

use crate::error::{ErrorKind, Problem};
use crate::limits;
use crate::routing::{Goal, Routing};
use crate::spec::{End, Fabric, LinkTiming, MachineSpec};

fn refuse(message: impl Into<String>, mend: &str) -> Problem {
    Problem::new(ErrorKind::Structure, "fabric", message, mend)
}

/// Everything that other checks take for granted.
pub(super) fn structure(spec: &MachineSpec) -> Result<(), Problem> {
    let f = &spec.fabric;
    counts(f)?;
    if f.routing.size() != (f.routers.len(), f.node_ports.len()) {
        let (routers, nodes) = f.routing.size();
        return Err(refuse(
            format!("the routing is for {routers} routers and {nodes} nodes, not for these"),
            "elaborate the description that it belongs to",
        ));
    }
    if spec.router.vcs_per_class != f.routing.vcs_per_class() {
        return Err(refuse(
            format!(
                "the routing counts on {} VCs a class, the routers have {}",
                f.routing.vcs_per_class(),
                spec.router.vcs_per_class
            ),
            "change vcs_per_class in the description and elaborate again",
        ));
    }
    if let Some(r) = f.routers.iter().find(|r| r.clock.at() >= spec.domains.len()) {
        return Err(refuse(format!("{} is on an unknown clock", r.name), "name a clock domain"));
    }
    for (l, link) in f.links.iter().enumerate() {
        let at = LinkIdx::new(l);
        let back = &f.links[at.reverse().at()];
        if (link.from, link.to) != (back.to, back.from) || link.class != back.class {
            return Err(refuse(
                format!("{at} and {} are not two directions of a cable", at.reverse()),
                "put the directions of a cable at 2k and 2k + 1",
            ));
        }
        if leaving(f, link.from) != Some(at) {
            return Err(refuse(
                format!("{at} leaves by a port that does not list it"),
                "list every link at the port of its sender",
            ));
        }
        wire(spec, at)?;
    }
    let ports = f.node_ports.iter().map(Vec::len).chain(f.routers.iter().map(|r| r.ports.len()));
    if ports.sum::<usize>() != f.links.len() {
        return Err(refuse("a port lists a link of another", "list every link at one port"));
    }
    Ok(())
}

fn counts(f: &Fabric) -> Result<(), Problem> {
    let radix = f.routers.iter().map(|r| r.ports.len()).max().unwrap_or(0);
    let ports = f.node_ports.iter().map(Vec::len).max().unwrap_or(0).max(radix);
    for (count, most, what) in [
        (f.node_ports.len(), limits::NODES_MAX, "nodes"),
        (f.routers.len(), limits::ROUTERS_MAX, "routers"),
        (f.links.len(), limits::LINKS_MAX, "links"),
        (ports, limits::PORTS_MAX, "ports of one router or node"),
    ] {
        if count as u64 > most {
            let message = format!("{count} {what} are too many");
            let mend = format!("use at most {most}");
            return Err(Problem::new(ErrorKind::Limit, "fabric", message, mend));
        }
    }
    if !f.links.len().is_multiple_of(2) {
        return Err(refuse("a link has no reverse", "links come in pairs 2k and 2k + 1"));
    }
    Ok(())
}

/// The link that leaves by the port at `end`.
fn leaving(f: &Fabric, end: End) -> Option<LinkIdx> {
    match end {
        End::Node(n, p) => f.node_ports.get(n.at())?.get(p.at()).copied(),
        End::Router(r, p) => f.routers.get(r.at())?.ports.get(p.at()).copied(),
    }
}

/// A link has a class, and an on-die one stays in its clock domain.
fn wire(spec: &MachineSpec, at: LinkIdx) -> Result<(), Problem> {
    let link = &spec.fabric.links[at.at()];
    let Some(class) = spec.fabric.classes.get(link.class) else {
        return Err(refuse(format!("{at} is of an unknown class"), "add the link class"));
    };
    if link.length_um > limits::LENGTH_UM_MAX {
        return Err(refuse(format!("{at} is {} um long", link.length_um), "use at most 100 km"));
    }
    let clock = |end| match end {
        End::Node(..) => spec.accelerator.clock,
        End::Router(r, _) => spec.fabric.routers[RouterIdx::at(r)].clock,
    };
    let on_die = matches!(class.timing, LinkTiming::OnDie { .. });
    if on_die && clock(link.from) != clock(link.to) {
        return Err(refuse(
            format!("the on-die class `{}` joins two clock domains at {at}", class.name),
            "give both ends the same clock, or use a Serial class",
        ));
    }
    Ok(())
}

/// Every node reaches every other through routers.
pub(super) fn connected(spec: &MachineSpec) -> Result<(), Problem> {
    let f = &spec.fabric;
    if f.node_ports.is_empty() {
        return Err(refuse("there are no nodes", "add at least 2"));
    }
    let mut seen = vec![false; f.routers.len()];
    let mut queue: Vec<RouterIdx> = Vec::new();
    let mut reach = |link: LinkIdx, queue: &mut Vec<RouterIdx>| {
        if let End::Router(r, _) = f.links[link.at()].to
            && !core::mem::replace(&mut seen[r.at()], true)
        {
            queue.push(r);
        }
    };
    f.node_ports[0].iter().for_each(|l| reach(*l, &mut queue));
    while let Some(r) = queue.pop() {
        f.routers[r.at()].ports.iter().for_each(|l| reach(*l, &mut queue));
    }
    for (n, ports) in f.node_ports.iter().enumerate() {
        let joined = |l: &LinkIdx| match f.links[l.at()].to {
            End::Router(r, _) => seen[r.at()],
            End::Node(..) => false,
        };
        if !ports.iter().any(joined) {
            return Err(crate::routing::unreachable(
                &NodeIdx(0).to_string(),
                &NodeIdx::new(n).to_string(),
            ));
        }
    }
    Ok(())
}

/// A route that leaves the machine or goes astray.
pub(super) fn astray(routing: &Routing, place: &str, port: PortIdx, goal: Goal) -> Problem {
    let kind = routing.way().name();
    let bound = match goal.phase {
        0 => format!("for {}", NodeIdx(goal.target)),
        phase => format!("on leg {phase} to {}", goal.target),
    };
    refuse(
        format!("{kind} routing at {place} sends packets {bound} to {port}, which is wrong"),
        "elaborate the routing again after changing the links",
    )
}
