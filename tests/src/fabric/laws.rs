//! What every network keeps, whatever it is made of. Each law gives what breaks it.

use std::collections::{BTreeMap, BTreeSet};

use lockstep::base::{LinkIdx, NodeIdx, PortIdx, RouterIdx, RoutingFunction, VcIdx};
use lockstep::machine::CycleNetwork;
use lockstep::router::Lane;
use lockstep::topology::routing::{Goal, Routing};
use lockstep::topology::spec::{End, LinkTiming, MachineSpec};

use super::{Case, Log, Run};

/// A law: its name and what it says of a run.
pub type Law = (&'static str, fn(&Case, &MachineSpec, &Run) -> Result<(), String>);

/// The laws.
pub const LAWS: [Law; 6] = [
    ("flits are conserved", conserved),
    ("credits return", credits_return),
    ("packets do not mix within a VC", unmixed),
    ("packets that take the same VCs stay in order", ordered),
    ("packets keep to their legal routes", legal),
    ("the network drains in bounded time", drained),
];

/// All laws at once.
///
/// # Errors
/// The first that is broken, with what breaks it.
pub fn all(case: &Case, spec: &MachineSpec, run: &Run) -> Result<(), String> {
    LAWS.iter().try_for_each(|(name, law)| law(case, spec, run).map_err(|e| format!("{name}: {e}")))
}

/// Buffers that are not empty or whose credits are not all back.
pub(super) fn debts<R: RoutingFunction>(
    spec: &MachineSpec,
    net: &CycleNetwork<R, Log>,
) -> Vec<String> {
    let mut debts = Vec::new();
    let vcs = || (0..net.vcs() as usize).map(VcIdx::new);
    let bank = net.routers();
    for (i, router) in spec.fabric.routers.iter().enumerate() {
        let i = RouterIdx::new(i);
        for (port, vc) in (0..router.ports.len()).flat_map(|p| vcs().map(move |vc| (p, vc))) {
            let ((held, depth), buffered) = (bank.credits(i, port, vc), bank.buffered(i, port, vc));
            if held != depth || buffered > 0 {
                debts.push(format!("{i} {port} {vc}: {held} of {depth}, {buffered} buffered"));
            }
        }
    }
    for (source, link) in spec.fabric.node_ports.iter().flatten().enumerate() {
        let depth = spec.fabric.classes[spec.fabric.links[link.at()].class].buffer_flits;
        for vc in vcs().filter(|vc| net.source_credits(source, *vc) != depth) {
            debts.push(format!("source {source} {vc}: not {depth}"));
        }
    }
    debts
}

fn conserved(case: &Case, _: &MachineSpec, run: &Run) -> Result<(), String> {
    for (at, (order, sent)) in case.orders.iter().zip(&run.sent).enumerate() {
        let whole = sent.flits == (order.flits, order.flits) && sent.untimely == 0;
        if !whole || sent.delivered.is_none() {
            return Err(format!("packet {at}, {order:?}: {sent:?}"));
        }
    }
    let flits: u64 = case.orders.iter().map(|o| u64::from(o.flits)).sum();
    if (run.flits.0, run.flits.1, run.in_flight) != (flits, flits, 0) {
        return Err(format!("{:?} of {flits} flits, {} in flight", run.flits, run.in_flight));
    }
    if run.log.switched != run.flits.2 || run.log.received.len() as u64 != run.flits.2 {
        return Err(format!("{} flits came, {} went", run.log.received.len(), run.log.switched));
    }
    Ok(())
}

fn credits_return(_: &Case, _: &MachineSpec, run: &Run) -> Result<(), String> {
    run.debts.first().map_or(Ok(()), |debt| Err(debt.clone()))
}

/// In each input VC a packet's flits come one after the other, all of them.
fn unmixed(case: &Case, _: &MachineSpec, run: &Run) -> Result<(), String> {
    let mut open: BTreeMap<Lane, (usize, u32)> = BTreeMap::new();
    for (now, lane, packet) in &run.log.received {
        let order = run.order(*packet, *now).ok_or("a flit of no packet")?;
        let flits = case.orders[order].flits;
        let (of, left) = open.remove(lane).unwrap_or((order, flits));
        if of != order {
            return Err(format!("{order} within {of} in {lane:?} at {now}, {left} flits to go"));
        }
        if left > 1 {
            open.insert(*lane, (order, left - 1));
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("torn: {open:?}")) }
}

/// The VCs that each packet took: `[order]`, output VCs, from the injection on.
fn ways(run: &Run) -> Vec<Vec<(u64, Lane, Lane)>> {
    let mut ways = vec![Vec::new(); run.sent.len()];
    for (now, from, to, packet) in &run.log.granted {
        if let Some(order) = run.order(*packet, *now) {
            ways[order].push((*now, *from, *to));
        }
    }
    ways
}

fn ordered(_: &Case, _: &MachineSpec, run: &Run) -> Result<(), String> {
    let mut alike: BTreeMap<Vec<(Lane, Lane)>, Vec<usize>> = BTreeMap::new();
    for (order, way) in ways(run).into_iter().enumerate() {
        let lanes = way.into_iter().map(|(_, from, to)| (from, to)).collect();
        alike.entry(lanes).or_default().push(order);
    }
    for mut group in alike.into_values() {
        group.sort_by_key(|order| run.sent[*order].injected);
        for pair in group.windows(2) {
            if run.sent[pair[0]].delivered >= run.sent[pair[1]].delivered {
                return Err(format!("{} was overtaken by {}", pair[0], pair[1]));
            }
        }
    }
    Ok(())
}

/// The steps that some packet on one of `goals` may take by `port` on a VC of group `group`.
fn follow(
    steps: impl Fn(Goal, &mut dyn FnMut(lockstep::topology::routing::Step)),
    goals: &BTreeSet<Goal>,
    (port, group): (usize, usize),
) -> BTreeSet<Goal> {
    let mut after = BTreeSet::new();
    for goal in goals {
        steps(*goal, &mut |step| {
            if step.port.at() == port && step.groups >> group & 1 == 1 {
                after.insert(step.goal);
            }
        });
    }
    after
}

fn legal(case: &Case, spec: &MachineSpec, run: &Run) -> Result<(), String> {
    for (at, way) in ways(run).into_iter().enumerate() {
        let order = &case.orders[at];
        let told = |what: &str| format!("{at}, {order:?}, {what}: {way:?}");
        legal_way(spec, run, order, &way).map_err(|what| told(&what))?;
    }
    Ok(())
}

fn legal_way(
    spec: &MachineSpec,
    run: &Run,
    order: &super::Order,
    way: &[(u64, Lane, Lane)],
) -> Result<(), String> {
    let (fabric, routing) = (&spec.fabric, &spec.fabric.routing);
    let group = |vc: u8| group_of(routing, order.class, vc).ok_or("a VC of another class");
    let src = NodeIdx(order.src);
    let (first, first_port, vc) = run.places[&way.first().ok_or("no way at all")?.1];
    let link = fabric.routers[first].ports[first_port].reverse();
    let port = fabric.node_ports[src.at()].iter().position(|l| *l == link);
    let port = port.ok_or("not injected by its own node")?;
    let mut first_goals = BTreeSet::new();
    routing.goals(|goal| {
        first_goals.insert(goal);
    });
    let inject = |goal, visit: &mut dyn FnMut(_)| routing.inject_all(src, goal, visit);
    let mut goals = follow(inject, &first_goals, (port, group(vc)?));
    let mut link: LinkIdx = link;
    for (now, from, to) in way {
        let (router, in_port, in_vc) = run.places[from];
        let (_, out_port, out_vc) = run.places[to];
        if fabric.links[link.at()].to != End::Router(RouterIdx::new(router), PortIdx::new(in_port))
        {
            return Err(format!("at {now} it is elsewhere"));
        }
        let in_group = group(in_vc)?;
        let (i, p) = (RouterIdx::new(router), PortIdx::new(in_port));
        let route = |goal, visit: &mut dyn FnMut(_)| routing.route_all(i, p, in_group, goal, visit);
        goals = follow(route, &goals, (out_port, group(out_vc)?));
        if goals.is_empty() {
            return Err(format!("no step of its function at {now}"));
        }
        link = fabric.routers[router].ports[out_port];
    }
    let arrived = matches!(fabric.links[link.at()].to, End::Node(n, _) if n.0 == order.dst);
    let meant = goals.iter().any(|goal| goal.target == order.dst);
    if arrived && meant { Ok(()) } else { Err("it ends elsewhere".to_owned()) }
}

/// The group of a VC among those of a class, if it is one of the class's.
fn group_of(routing: &Routing, class: u8, vc: u8) -> Option<usize> {
    let of_class = vc.checked_sub(class * routing.vcs_per_class())?;
    (0..routing.groups()).find(|g| routing.group_vcs(*g) >> of_class & 1 == 1)
}

/// Some flit moves on within the cycles that it needs for one hop and its credit for the way back, so
/// all hops take at most as many times that.
fn drained(case: &Case, spec: &MachineSpec, run: &Run) -> Result<(), String> {
    let last = case.orders.iter().map(|o| o.created).max().unwrap_or(0);
    let r = &spec.router;
    let stages = r.rc_cycles + r.va_cycles + r.sa_cycles + r.st_cycles + r.credit_cycles;
    let link = |class: &lockstep::topology::spec::LinkClass| match class.timing {
        LinkTiming::OnDie { latency_cycles, interval_cycles } => {
            2 * latency_cycles + interval_cycles
        }
        LinkTiming::Serial { .. } => 10_000,
    };
    let hop = u64::from(stages + spec.fabric.classes.iter().map(link).max().unwrap_or(0) + 4);
    let bound = last + hop * (run.flits.2 + run.flits.0);
    if run.end <= bound { Ok(()) } else { Err(format!("{} cycles of {bound}", run.end)) }
}
