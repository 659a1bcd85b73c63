//! From an elaborated machine to the banks of its network.

use base::arch::VcReuse;
use base::{LinkIdx, NodeIdx, PacketIdx, RouterArch, RouterIdx, RoutingFunction};
use clock::{Crossing, Domain, Schedule};
use phy::{LinkParams, Links, Timing};
use router::{Division, Interface, InterfaceParams, MAX_PORTS, Pipeline, RouterBank, RouterParams};
use topology::spec::{End, LinkTiming, MachineSpec, RouterSpec};

use super::framing;
use super::local::Local;
use super::mail::Mail;
use super::packets::Packets;
use super::reroute::Plan;
use super::wiring::{Abroad, Component, Slot, Socket, Terminal, Unit, Wiring};
use super::{FlitCounts, Network, Slots, Units};
use crate::BuildError;
use crate::partition::layout::{Layout, LinkEnds, Share};

pub(super) fn network<R: RoutingFunction, P: Clone>(
    spec: &MachineSpec,
    routing: R,
    seed: u64,
    (layout, me): (&Layout, usize),
    domains: &[Domain],
) -> Result<Network<R, P>, BuildError> {
    let share = &layout.shares[me];
    let (components, slots) = components(spec, share);
    let vcs = vcs(spec)?;
    check_ports(spec, vcs)?;
    if routing.groups().is_some() {
        return Err(BuildError::new("its interfaces know no groups; a `CycleNetwork` does"));
    }
    let fabric = &spec.fabric;
    let cut = layout.shares.len() > 1;
    let interfaces = share.nodes.iter().map(|n| {
        let out = &fabric.node_ports[n.at()];
        InterfaceParams {
            clock: domains[spec.accelerator.clock.at()].clone(),
            output_depth: out.iter().map(|l| depth(spec, *l)).collect(),
            divisions: out.iter().map(|l| division(spec, *l, vcs)).collect(),
            vcs,
            vc_reuse: spec.router.arch.vc_reuse,
            switching: spec.router.arch.switching,
        }
    });
    let interfaces: Vec<InterfaceParams> = interfaces.collect();
    let routers = || share.routers.iter().map(|r| &fabric.routers[r.at()]);
    let params: Vec<RouterParams> = routers()
        .map(|r| RouterParams {
            input_depth: r.ports.iter().map(|l| depth(spec, l.reverse())).collect(),
            output_depth: r.ports.iter().map(|l| depth(spec, *l)).collect(),
            divisions: r.ports.iter().map(|l| division(spec, *l, vcs)).collect(),
        })
        .collect();
    let pipeline = pipeline(&spec.router, vcs)?;
    Ok(Network {
        interfaces: interfaces.iter().map(Interface::new).collect(),
        routers: RouterBank::new(&params, pipeline, Local::new(routing, &share.routers)),
        plan: Plan::new(params, interfaces, pipeline, &share.routers),
        wiring: wiring(spec, domains, (&components, &slots), (layout, me), seed)?,
        packets: Packets::default(),
        mail: vec![Mail::default(); if cut { layout.shares.len() } else { 0 }],
        arriving: vec![PacketIdx(0); if cut { share.links.len() * usize::from(vcs) } else { 0 }],
        clocks: routers().map(|r| domains[r.clock.at()].clone()).collect(),
        components,
        slots,
        flits: FlitCounts::default(),
        packets_delivered: 0,
        spoilt: [0; 2],
        units: Units::default(),
    })
}

/// The routers' pipeline, with `vcs` VCs a port.
pub(crate) fn pipeline(r: &RouterSpec, vcs: u8) -> Result<Pipeline, BuildError> {
    if r.va_cycles == 0 || r.sa_cycles == 0 || r.st_cycles == 0 {
        return Err(BuildError::new("VA, SA and ST need at least one cycle each"));
    }
    let RouterSpec { rc_cycles: rc, va_cycles: va, sa_cycles: sa, st_cycles: st, arch, .. } = *r;
    Ok(Pipeline { vcs, rc, va, sa, st, arch })
}

fn vcs(spec: &MachineSpec) -> Result<u8, BuildError> {
    match spec.router.vcs_per_class.checked_mul(5) {
        Some(vcs @ 1..=64) => Ok(vcs),
        _ => Err(BuildError::new("a port can have 64 VCs at most: 12 for each message class")),
    }
}

/// The most lanes (ports times VCs, each rounded up to a power of two of VCs) that a router may have
/// whose allocators see whole matrices of requests.
const GENERAL_LANES_MAX: usize = 4_096;

/// What must hold of every router's ports.
pub(crate) fn check_ports(spec: &MachineSpec, vcs: u8) -> Result<(), BuildError> {
    let routers = spec.fabric.routers.iter().map(|r| (r.name.as_str(), r.ports.len()));
    let nodes = spec.fabric.node_ports.iter().map(|p| ("a node", p.len()));
    let plain = RouterArch { vc_reuse: VcReuse::TailSent, ..spec.router.arch };
    let lanes = |ports: usize| ports * usize::from(vcs).next_power_of_two();
    let largest = spec.fabric.routers.iter().max_by_key(|r| r.ports.len());
    if let Some(r) = largest.filter(|r| lanes(r.ports.len()) > GENERAL_LANES_MAX)
        && plain != RouterArch::default()
    {
        return Err(BuildError::new(format!(
            "{} has {} ports of {vcs} VCs; with other than the plain router's choices, ports times VCs \
             may be {GENERAL_LANES_MAX}",
            r.name,
            r.ports.len()
        )));
    }
    match routers.chain(nodes).find(|(_, ports)| *ports > MAX_PORTS) {
        Some((name, ports)) => Err(BuildError::new(format!(
            "{name} has {ports} ports; up to {MAX_PORTS} are modelled"
        ))),
        None => Ok(()),
    }
}

/// Flits of buffer a VC at the receiving end of a link.
fn depth(spec: &MachineSpec, link: LinkIdx) -> u32 {
    let class = spec.fabric.links[link.at()].class;
    spec.fabric.classes[class].buffer_flits
}

/// Whose the buffers at the receiving end of a link are, where a port has `vcs` VCs.
pub(crate) fn division(spec: &MachineSpec, link: LinkIdx, vcs: u8) -> Division {
    let class = spec.fabric.links[link.at()].class;
    spec.pool(&spec.fabric.classes[class], vcs).map_or(Division::PRIVATE, |pool| Division {
        reserved_flits: pool.reserved_flits,
        vcs: pool.vcs,
    })
}

/// Numbers every component of a partition in its domain: nodes, then routers, then memories.
fn components(spec: &MachineSpec, share: &Share) -> (Vec<Vec<Component>>, Slots) {
    let mut components = vec![Vec::new(); spec.domains.len()];
    let mut place = |domain: base::DomainIdx, component| {
        let list: &mut Vec<Component> = &mut components[domain.at()];
        list.push(component);
        Slot { domain, component: u32::try_from(list.len() - 1).unwrap_or(u32::MAX) }
    };
    let nodes = || (0..share.nodes.len()).map(NodeIdx::new);
    let node_slots =
        nodes().map(|n| place(spec.accelerator.clock, Component::Node(n))).collect::<Vec<_>>();
    let clocks = share.routers.iter().map(|r| spec.fabric.routers[r.at()].clock);
    let routers = clocks.enumerate();
    let routers =
        routers.map(|(r, clock)| place(clock, Component::Router(RouterIdx::new(r)))).collect();
    let memories = nodes().map(|n| place(spec.memory.clock, Component::Memory(n))).collect();
    (components, Slots { nodes: node_slots, routers, memories })
}

fn wiring(
    spec: &MachineSpec,
    domains: &[Domain],
    (components, slots): (&[Vec<Component>], &Slots),
    (layout, me): (&Layout, usize),
    seed: u64,
) -> Result<Wiring, BuildError> {
    let (fabric, share) = (&spec.fabric, &layout.shares[me]);
    let nodes = share.nodes.len();
    let terminal = |end: End| {
        let (place, unit, port) = match end {
            End::Node(n, port) => (layout.nodes[n.at()], 0, port),
            End::Router(r, port) => (layout.routers[r.at()], nodes, port),
        };
        let here = Terminal { unit: unit + place.at, port: port.at() };
        if place.part == me { here } else { Terminal::ABROAD }
    };
    let params = share.links.iter().map(|l| link(spec, domains, *l));
    let params = params.collect::<Result<Vec<_>, _>>()?;
    let lanes: Vec<_> = domains.iter().zip(components).map(|(d, c)| (d.clone(), c.len())).collect();
    let node_ports = share.nodes.iter().map(|n| &fabric.node_ports[n.at()]);
    let ports = node_ports.chain(share.routers.iter().map(|r| &fabric.routers[r.at()].ports));
    let slots = slots.nodes.iter().chain(&slots.routers);
    let mut units = Vec::new();
    let mut sockets = Vec::new();
    let mut abroad = Vec::new();
    for (ports, slot) in ports.zip(slots) {
        units.push(Unit::new(*slot, sockets.len()));
        sockets.extend(ports.iter().map(|out| {
            let LinkEnds { sender, receiver } = layout.links[out.at()];
            let own = LinkIdx::new(sender.at);
            if receiver.part == me {
                return Socket::new(own, terminal(fabric.links[out.at()].to));
            }
            abroad.push(Abroad { part: receiver.part, link: LinkIdx::new(receiver.at) });
            Socket::abroad(own, abroad.len() - 1)
        }));
    }
    let receivers = share.links.iter().map(|l| terminal(fabric.links[l.at()].to)).collect();
    let schedule = Schedule::new(&lanes);
    let links = Links::framed(params, &framing::pairs(spec, &share.links)?, seed);
    let names = share.links.clone();
    let (spoiled, tokens, token_counts) = (Vec::new(), Vec::new(), [0; 2]);
    Ok(Wiring {
        links,
        names,
        schedule,
        receivers,
        abroad,
        units,
        sockets,
        spoiled,
        tokens,
        token_counts,
    })
}

/// The least latency of one direction: see [`LinkParams::latency_min`].
pub(crate) fn latency_min(
    spec: &MachineSpec,
    domains: &[Domain],
    at: LinkIdx,
) -> Result<base::Fs, BuildError> {
    link(spec, domains, at).map(|params| params.latency_min())
}

/// The parameters of one direction, with its wires' latency checked to be at least one edge.
pub(crate) fn link(
    spec: &MachineSpec,
    domains: &[Domain],
    at: LinkIdx,
) -> Result<LinkParams, BuildError> {
    let link = &spec.fabric.links[at.at()];
    let class = &spec.fabric.classes[link.class];
    let clock = |end: End| match end {
        End::Node(..) => spec.accelerator.clock,
        End::Router(r, _) => spec.fabric.routers[r.at()].clock,
    };
    let (from, to) = (clock(link.from), clock(link.to));
    let crossing = |into: base::DomainIdx| Crossing {
        to: domains[into.at()].clone(),
        synchronizer_edges: spec.crossing(from, to).edges(),
    };
    let fail = |why: &str| BuildError::new(format!("link class `{}`: {why}", class.name));
    let timing = match class.timing {
        LinkTiming::OnDie { latency_cycles, interval_cycles } => {
            if from != to {
                return Err(fail("an on-die wire cannot cross clock domains; use a serial link"));
            }
            if latency_cycles == 0 || interval_cycles == 0 {
                return Err(fail("a wire needs a latency and an interval of at least one cycle"));
            }
            Timing::OnDie { latency_cycles, interval_cycles }
        }
        LinkTiming::Serial { lanes, lane_bits_per_s, efficiency, serdes, fec, flight_per_m } => {
            let raw = u64::from(lanes).checked_mul(lane_bits_per_s);
            let payload = raw.and_then(|r| r.checked_mul(efficiency.0));
            let payload = payload.ok_or_else(|| fail("its payload rate does not fit 64 bits"))?;
            let flight = u128::from(flight_per_m.0) * u128::from(link.length_um) / 1_000_000;
            let flight = u64::try_from(flight).map_err(|_| fail("its flight time is too long"))?;
            let flit_bits =
                spec.flit_bytes.checked_mul(8).ok_or_else(|| fail("the flit is too long"))?;
            let rate = (payload, efficiency.1);
            let flight = base::Fs(flight);
            match class.phy {
                Some(_) => Timing::Framed { at: 0, serdes, fec, flight },
                None => Timing::serial(flit_bits, rate, serdes, fec, flight)
                    .ok_or_else(|| fail("it has no payload rate"))?,
            }
        }
    };
    let credit_cycles = match link.from {
        End::Node(..) => 0,
        End::Router(..) => spec.router.credit_cycles,
    };
    Ok(LinkParams {
        timing,
        sender: domains[from.at()].clone(),
        receiver: crossing(to),
        credit: crossing(from),
        credit_cycles,
        fifo_depth: spec.crossing(from, to).fifo_depth(),
    })
}
