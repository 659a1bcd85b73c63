//! The proof against brute force: random adaptive functions, their extended dependencies listed by
//! definition.

use std::collections::{BTreeMap, BTreeSet};

use base::arch::VcReuse;
use base::rng::draw;

use super::*;

/// Whether a graph has a cycle, by taking away what has no successors.
pub(super) fn is_cyclic(after: &[Vec<usize>]) -> bool {
    let mut gone = vec![false; after.len()];
    loop {
        let free = |v: usize| !gone[v] && after[v].iter().all(|w| gone[*w]);
        let Some(v) = (0..after.len()).find(|v| free(*v)) else {
            return gone.iter().any(|g| !g);
        };
        gone[v] = true;
    }
}

/// A state: channel and leg.
type State = (usize, Goal);

/// A random function on a small mesh: dimension order on group 0 as the escape, and anything, also
/// away from the destination, on both groups. Some steps change to a second leg.
fn random(spec: &MachineSpec, seed: u64) -> MachineSpec {
    let map = Map::of(spec);
    let order = spec.fabric.routing.clone();
    let mock = map.mock(2, true, nodes(spec));
    let route = move |at: RouterIdx, port: PortIdx, group: usize, goal: Goal| {
        if at.0 == goal.target {
            return vec![step(PortIdx(0), 3, true, goal)];
        }
        let node = Goal::node(NodeIdx(goal.target));
        let escape = all(&order, at, port, 0, node).into_iter();
        let mut steps: Vec<Step> = escape.map(|s| step(s.port, 1, true, goal)).collect();
        let place = u64::from(at.0) << 32 | u64::from(goal.target) << 8 | u64::from(goal.phase);
        for p in 0..map.0.routers[at.at()].ports.len() {
            let p = PortIdx::new(p);
            let chance = draw(seed, place, p.at() as u64, group as u64) % 16;
            if map.beyond(at, p).is_some() && chance < draw(seed, 0, 0, 0) % 4 {
                let phase = if chance == 0 { 1 } else { goal.phase };
                let groups =
                    if draw(seed, 0, 1, 0).is_multiple_of(4) && chance == 1 { 3 } else { 2 };
                steps.push(step(p, groups, false, Goal { phase, ..goal }));
            }
        }
        steps
    };
    let mut spec = with(spec, Mock { route: Arc::new(route), ..mock });
    spec.router.arch.vc_reuse = VcReuse::Empty;
    spec
}

/// Every state that packets reach, with its steps.
fn states(f: &Fabric) -> BTreeMap<State, Vec<(bool, Vec<State>)>> {
    let groups = f.routing.groups();
    let to = |link: LinkIdx, s: Step| {
        let of = (0..groups).filter(|g| s.groups >> g & 1 == 1);
        of.map(|g| (link.at() * groups + g, s.goal)).collect::<Vec<_>>()
    };
    let mut open = Vec::new();
    f.routing.goals(|goal| {
        for (src, ports) in f.node_ports.iter().enumerate() {
            f.routing
                .inject_all(NodeIdx::new(src), goal, |s| open.extend(to(ports[s.port.at()], s)));
        }
    });
    let mut known = BTreeMap::new();
    while let Some((channel, goal)) = open.pop() {
        if known.contains_key(&(channel, goal)) {
            continue;
        }
        let mut steps = Vec::new();
        if let End::Router(at, port) = f.links[channel / groups].to {
            f.routing.route_all(at, port, channel % groups, goal, |s| {
                let next = to(f.routers[at.at()].ports[s.port.at()], s);
                open.extend(&next);
                steps.push((s.escape, next));
            });
        }
        known.insert((channel, goal), steps);
    }
    known
}

/// The extended dependencies, by definition: from each state whose channel is an escape somewhere, to
/// each escape offered there or after adaptive steps.
fn extended(f: &Fabric) -> BTreeSet<(usize, usize)> {
    let states = states(f);
    let mut escapes: BTreeSet<usize> = states
        .values()
        .flatten()
        .filter(|(escape, _)| *escape)
        .flat_map(|(_, next)| next.iter().map(|(c, _)| *c))
        .collect();
    let ports = f.node_ports.iter().flatten();
    escapes.extend(ports.flat_map(|l| (0..2).map(|g| l.at() * 2 + g)));
    let mut pairs = BTreeSet::new();
    for start in states.keys().filter(|(c, _)| escapes.contains(c)) {
        let mut seen = BTreeSet::from([*start]);
        let mut open = vec![*start];
        while let Some(state) = open.pop() {
            for (escape, next) in &states[&state] {
                for to in next {
                    if *escape {
                        pairs.insert((start.0, to.0));
                    } else if seen.insert(*to) {
                        open.push(*to);
                    }
                }
            }
        }
    }
    pairs
}

#[test]
fn random_adaptive_functions_are_judged_as_by_brute_force() {
    let (mut sound, mut broken) = (0, 0);
    for seed in 0..1_500 {
        let dims: &[u32] = [&[3, 2][..], &[4], &[2, 2]][usize::try_from(seed % 3).expect("few")];
        let spec = random(&mesh(dims, 2), seed);
        let pairs = extended(&spec.fabric);
        let mut after = vec![Vec::new(); spec.fabric.links.len() * 2];
        for (a, b) in &pairs {
            after[*a].push(*b);
        }
        let found = walk::walk(&spec.fabric).expect("arrives");
        if found.all.order().is_ok() {
            continue;
        }
        match prove(&spec) {
            Ok(proof) => {
                assert!(!is_cyclic(&after), "seed {seed}: a cycle was overlooked");
                // One VC a group, five classes.
                let count = proof.extended_dependencies.expect("few");
                assert_eq!(count, 5 * pairs.len() as u64, "seed {seed}");
                sound += 1;
            }
            Err(problem) => {
                assert!(problem.message.contains("in a circle"), "seed {seed}: {problem:?}");
                assert!(is_cyclic(&after), "seed {seed}: {}", problem.message);
                broken += 1;
            }
        }
    }
    assert!(sound > 20 && broken > 20, "{sound} sound and {broken} broken are not both tried");
}
