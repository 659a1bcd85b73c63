//! From an elaborated machine to the banks of its network.

use base::arch::VcReuse;
use base::{LinkIdx, NodeIdx, RouterArch, RouterIdx, RoutingFunction};
use clock::{Crossing, Domain, Schedule};
use phy::{LinkParams, Links, Timing};
use router::{Interface, InterfaceParams, MAX_PORTS, Pipeline, RouterBank, RouterParams};
use topology::spec::{End, LinkTiming, MachineSpec, RouterSpec};

use super::framing;
use super::packets::Packets;
use super::wiring::{Component, Slot, Socket, Terminal, Unit, Wiring};
use super::{Network, Slots, Units};
use crate::BuildError;

pub(super) fn network<R: RoutingFunction, P>(
    spec: &MachineSpec,
    routing: R,
    seed: u64,
) -> Result<Network<R, P>, BuildError> {
    let domains = domains(spec)?;
    let (components, slots) = components(spec);
    let vcs = vcs(spec)?;
    check_ports(spec, vcs)?;
    if routing.groups().is_some() {
        return Err(BuildError::new("its interfaces know no groups; a `CycleNetwork` does"));
    }
    let fabric = &spec.fabric;
    let interfaces = fabric.node_ports.iter().map(|out| {
        Interface::new(&InterfaceParams {
            clock: domains[spec.accelerator.clock.at()],
            output_depth: out.iter().map(|l| depth(spec, *l)).collect(),
            vcs,
            vc_reuse: spec.router.arch.vc_reuse,
            switching: spec.router.arch.switching,
        })
    });
    let params: Vec<RouterParams> = fabric
        .routers
        .iter()
        .map(|r| RouterParams {
            input_depth: r.ports.iter().map(|l| depth(spec, l.reverse())).collect(),
            output_depth: r.ports.iter().map(|l| depth(spec, *l)).collect(),
        })
        .collect();
    Ok(Network {
        interfaces: interfaces.collect(),
        routers: RouterBank::new(&params, pipeline(&spec.router, vcs)?, routing),
        wiring: wiring(spec, &domains, (&components, &slots), seed)?,
        packets: Packets::default(),
        clocks: fabric.routers.iter().map(|r| domains[r.clock.at()]).collect(),
        components,
        slots,
        flits_injected: 0,
        flits_delivered: 0,
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

/// The clocks of a machine.
pub(crate) fn domains(spec: &MachineSpec) -> Result<Vec<Domain>, BuildError> {
    let clock = |d: &topology::spec::ClockSpec| {
        Domain::new(d.hertz, d.phase)
            .ok_or_else(|| BuildError::new(format!("clock `{}` is no clock", d.name)))
    };
    spec.domains.iter().map(clock).collect()
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

/// Numbers every component in its domain: nodes, then routers, then memories.
fn components(spec: &MachineSpec) -> (Vec<Vec<Component>>, Slots) {
    let mut components = vec![Vec::new(); spec.domains.len()];
    let mut place = |domain: base::DomainIdx, component| {
        let list: &mut Vec<Component> = &mut components[domain.at()];
        list.push(component);
        Slot { domain, component: u32::try_from(list.len() - 1).unwrap_or(u32::MAX) }
    };
    let count = spec.fabric.node_ports.len();
    let nodes = (0..count).map(NodeIdx::new);
    let nodes =
        nodes.map(|n| place(spec.accelerator.clock, Component::Node(n))).collect::<Vec<_>>();
    let routers = spec.fabric.routers.iter().enumerate();
    let routers =
        routers.map(|(r, node)| place(node.clock, Component::Router(RouterIdx::new(r)))).collect();
    let memories = (0..count).map(NodeIdx::new);
    let memories = memories.map(|n| place(spec.memory.clock, Component::Memory(n))).collect();
    (components, Slots { nodes, routers, memories })
}

fn wiring(
    spec: &MachineSpec,
    domains: &[Domain],
    (components, slots): (&[Vec<Component>], &Slots),
    seed: u64,
) -> Result<Wiring, BuildError> {
    let fabric = &spec.fabric;
    let nodes = fabric.node_ports.len();
    let terminal = |end: End| match end {
        End::Node(n, port) => Terminal { unit: n.at(), port: port.at() },
        End::Router(r, port) => Terminal { unit: nodes + r.at(), port: port.at() },
    };
    let params = (0..fabric.links.len()).map(|l| link(spec, domains, LinkIdx::new(l)));
    let params = params.collect::<Result<Vec<_>, _>>()?;
    let lanes: Vec<_> = domains.iter().zip(components).map(|(d, c)| (*d, c.len())).collect();
    let routers = fabric.routers.iter().map(|r| &r.ports);
    let ports = fabric.node_ports.iter().chain(routers);
    let slots = slots.nodes.iter().chain(&slots.routers);
    let mut units = Vec::new();
    let mut sockets = Vec::new();
    for (ports, slot) in ports.zip(slots) {
        units.push(Unit::new(*slot, sockets.len()));
        let far = |out: &LinkIdx| terminal(fabric.links[out.at()].to);
        sockets.extend(ports.iter().map(|out| Socket::new(*out, far(out))));
    }
    let receivers = fabric.links.iter().map(|l| terminal(l.to)).collect();
    let schedule = Schedule::new(&lanes);
    let links = Links::framed(params, &framing::pairs(spec)?, seed);
    let (spoiled, tokens, token_counts) = (Vec::new(), Vec::new(), [0; 2]);
    Ok(Wiring { links, schedule, receivers, units, sockets, spoiled, tokens, token_counts })
}

/// The parameters of one direction, with its wires' latency checked to be at least one edge.
fn link(spec: &MachineSpec, domains: &[Domain], at: LinkIdx) -> Result<LinkParams, BuildError> {
    let link = &spec.fabric.links[at.at()];
    let class = &spec.fabric.classes[link.class];
    let clock = |end: End| match end {
        End::Node(..) => spec.accelerator.clock,
        End::Router(r, _) => spec.fabric.routers[r.at()].clock,
    };
    let (from, to) = (clock(link.from), clock(link.to));
    let crossing = |into: base::DomainIdx| Crossing {
        to: domains[into.at()],
        synchronizer_edges: if from == to { 0 } else { spec.synchronizer_edges },
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
        sender: domains[from.at()],
        receiver: crossing(to),
        credit: crossing(from),
        credit_cycles,
    })
}
