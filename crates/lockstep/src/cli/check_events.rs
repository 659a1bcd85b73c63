//! What `check` says of links that go down and come up: which ways packets take from then on.
//!
//! When links go down follows from events and, where lanes fail by chance, from the seed; here from that which
//! `run` takes unless told otherwise. Ways are those of packets that are followed through an empty network.

use core::fmt;

use base::rng::draw;
use base::route::Empty;
use base::{Class, Fs, Head, LinkIdx, NodeIdx, RoutingFunction, VcIdx};
use machine::{Options, changes};
use serde::Serialize;
use topology::routing::Routing;
use topology::spec::{End, MachineSpec};

/// Pairs of nodes whose packets are followed at most, and packets for each.
const PAIRS_MAX: u64 = 4_096;
const FLOWS: u32 = 4;

/// Changes that are told in words.
const CHANGES: usize = 12;

/// Names that are listed before the rest is only counted.
const SHOWN: usize = 6;

/// What one change of links does to ways.
#[derive(Serialize)]
pub(crate) struct Rerouted {
    at_ns: f64,
    #[serde(skip)]
    at: Fs,
    /// Links that are down from then on, in either direction.
    down: Vec<String>,
    /// The function from then on; none where no way is left for some, and the one before stays.
    routing: Option<&'static str>,
    /// Who cannot reach whom.
    stranded: Option<String>,
    /// Pairs of nodes whose packets were followed, those of them that go otherwise than before, and those that
    /// went over a link that is down now.
    pairs: u64,
    pairs_changed: u64,
    pairs_cut: u64,
    /// Routers on the way, before and after.
    routers: [f64; 2],
    /// Places that send some packets otherwise, and over which of their links before and after.
    places: Vec<Place>,
}

/// A node or router that sends otherwise.
#[derive(Serialize)]
struct Place {
    name: String,
    /// Links by their far ends, with the number of followed packets.
    before: Vec<(String, u64)>,
    after: Vec<(String, u64)>,
}

/// All changes of a machine's links, in the order of time.
pub(crate) fn of(spec: &MachineSpec) -> anyhow::Result<Vec<Rerouted>> {
    let mut routing = spec.fabric.routing.clone();
    let mut all = Vec::new();
    for change in changes(spec, Options::default().seed)? {
        let (next, stranded) = match change.routing {
            Ok(next) => (Some(next), None),
            Err(why) => (None, Some(why)),
        };
        let name = |link: &LinkIdx| {
            let link = &spec.fabric.links[link.at()];
            format!("{} - {}", end(spec, link.from), end(spec, link.to))
        };
        let mut told = Rerouted {
            at_ns: change.at.as_ns(),
            at: change.at,
            down: change.down.iter().map(name).collect(),
            routing: next.as_ref().map(|r| r.way().name()),
            stranded,
            pairs: 0,
            pairs_changed: 0,
            pairs_cut: 0,
            routers: [0.0; 2],
            places: Vec::new(),
        };
        if let Some(next) = next {
            told.compare(spec, [&routing, &next], &change.down);
            routing = next;
        }
        all.push(told);
    }
    Ok(all)
}

/// The first changes in words, and how many there are beside.
pub(crate) fn told(all: &[Rerouted]) -> String {
    let first: String = all.iter().take(CHANGES).map(ToString::to_string).collect();
    match all.len().saturating_sub(CHANGES) {
        0 => first,
        more => format!("{first}  links change {more} times more (see --json)\n"),
    }
}

impl Rerouted {
    fn compare(&mut self, spec: &MachineSpec, routings: [&Routing; 2], down: &[LinkIdx]) {
        let nodes = spec.fabric.node_ports.len() as u64;
        let all = nodes * nodes.saturating_sub(1);
        let every = all.div_ceil(PAIRS_MAX).max(1);
        // [link]: packets before and after.
        let mut used = vec![[0_u64; 2]; spec.fabric.links.len()];
        let mut visits = [0_u64; 2];
        for pair in (0..all).step_by(usize::try_from(every).unwrap_or(1)) {
            let (src, apart) = (pair / (nodes - 1), pair % (nodes - 1) + 1);
            let node = |n: u64| NodeIdx(u32::try_from(n % nodes).unwrap_or(0));
            let (src, dst) = (node(src), node(src + apart));
            let (mut changed, mut cut) = (false, false);
            for flow in 0..FLOWS {
                let flow = u32::try_from(draw(1, pair, 3, flow.into()) >> 32).unwrap_or(0);
                let ways = routings
                    .map(|r| follow(spec, r, Head { src, dst, flow, class: Class::Req, state: 0 }));
                for (which, way) in ways.iter().enumerate() {
                    visits[which] += way.len() as u64 - 1;
                    for link in way {
                        used[link.at()][which] += 1;
                    }
                }
                changed |= ways[0] != ways[1];
                cut |= ways[0].iter().any(|l| down.contains(l) || down.contains(&l.reverse()));
            }
            self.pairs += 1;
            self.pairs_changed += u64::from(changed);
            self.pairs_cut += u64::from(cut);
        }
        let packets = (self.pairs * u64::from(FLOWS)).max(1) as f64;
        self.routers = visits.map(|n| n as f64 / packets);
        let nodes = spec.fabric.node_ports.iter().enumerate();
        let nodes = nodes.map(|(n, ports)| (format!("node{n}"), ports));
        let routers = spec.fabric.routers.iter().map(|r| (r.name.clone(), &r.ports));
        let place = |(name, ports): (String, &Vec<LinkIdx>)| {
            let [before, after] =
                [0, 1].map(|which| by_far_end(spec, ports, |l| used[l.at()][which]));
            (before != after).then_some(Place { name, before, after })
        };
        self.places = nodes.chain(routers).filter_map(place).collect();
    }
}

/// Packets over links by their far ends, in the order of ports.
fn by_far_end(
    spec: &MachineSpec,
    ports: &[LinkIdx],
    of: impl Fn(LinkIdx) -> u64,
) -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = Vec::new();
    for link in ports {
        let name = end(spec, spec.fabric.links[link.at()].to);
        match all.iter_mut().find(|a| a.0 == name) {
            Some(known) => known.1 += of(*link),
            None => all.push((name, of(*link))),
        }
    }
    all
}

fn end(spec: &MachineSpec, end: End) -> String {
    match end {
        End::Node(n, _) => n.to_string(),
        End::Router(r, _) => spec.fabric.routers[r.at()].name.clone(),
    }
}

/// The links that a packet takes where nothing is in its way.
fn follow(spec: &MachineSpec, routing: &Routing, mut head: Head) -> Vec<LinkIdx> {
    let fabric = &spec.fabric;
    let hop = routing.inject(&mut head, &Empty);
    let mut links = vec![fabric.node_ports[head.src.at()][hop.port.at()]];
    let mut vc = hop.vcs.trailing_zeros();
    // Routes are proved before: this bound is never met.
    while links.len() <= 4 * fabric.routers.len() + 4 {
        let last = links[links.len() - 1];
        let End::Router(at, port) = fabric.links[last.at()].to else { break };
        let in_vc = VcIdx(u8::try_from(vc).unwrap_or(0));
        let hop = routing.route(at, port, in_vc, &mut head, &Empty);
        links.push(fabric.routers[at.at()].ports[hop.port.at()]);
        vc = hop.vcs.trailing_zeros();
    }
    links
}

impl fmt::Display for Rerouted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let down = match &self.down[..] {
            [] => "all links are up".to_owned(),
            down => format!("{} down: {}", down.len(), listed(down)),
        };
        writeln!(f, "  links at {}: {down}", self.at)?;
        if let Some(why) = &self.stranded {
            return writeln!(f, "    no way is left: {why}; tables stay");
        }
        writeln!(
            f,
            "    ways           {} of {} pairs of nodes change, {} led over them; routers {:.3}, then {:.3} by {}",
            self.pairs_changed,
            self.pairs,
            self.pairs_cut,
            self.routers[0],
            self.routers[1],
            self.routing.unwrap_or("none")
        )?;
        let packets = |ways: &[(String, u64)]| {
            let ways: Vec<_> = ways.iter().map(|(name, n)| format!("{name} {n}")).collect();
            listed(&ways)
        };
        for place in self.places.iter().take(SHOWN) {
            writeln!(
                f,
                "    {:<14} {}; then {}",
                place.name,
                packets(&place.before),
                packets(&place.after)
            )?;
        }
        if self.places.len() > SHOWN {
            writeln!(f, "    and {} more send otherwise", self.places.len() - SHOWN)?;
        }
        Ok(())
    }
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}
