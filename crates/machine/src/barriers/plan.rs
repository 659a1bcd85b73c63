//! Which barriers are done by units, and by which trees.
//!
//! The tree of a barrier is the union of the shortest ways (by latency) from a root to its members; no way
//! leads through a node. The root is the router from which the farthest member is nearest. Sweeps from members
//! bound from below how far that is; a handful settles it, and after 32 the best root that was tried is taken.
//! Where ways are equally short, each barrier prefers other routers, so that several at once spread over planes.
//! Links that go down for good at any time have no part in trees.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use base::{Fs, LinkIdx, Map, NodeIdx, ThreadIdx};
use bitvec::vec::BitVec;
use clock::sync::Place;
use clock::{Domain, Edge};
use phy::Timing;
use topology::spec::{End, Happening, MachineSpec, UnitSpec};

use crate::BuildError;
use crate::network::{Latency, Units, link};
use crate::partition::layout::{Layout, Share};

/// Members that may prove far while a root is looked for: beyond, the best root so far is taken.
const FAR_MAX: usize = 32;

/// The threads of each barrier, as far as they are known before a run.
#[derive(Clone, Default, Debug)]
pub(crate) struct Teams {
    /// By id: its members, in order.
    teams: Vec<(u32, Vec<ThreadIdx>)>,
    slots: Map<u32, u16>,
}

impl Teams {
    /// From what each thread says that it will arrive at, barriers and their numbers of members: a barrier is
    /// known if these agree with each other and with the number of those who name it, or of all threads.
    pub(crate) fn new(said: &[Vec<(u32, u32)>]) -> Self {
        let mut all: Vec<(u32, u32, ThreadIdx)> = Vec::new();
        for (thread, barriers) in said.iter().enumerate() {
            all.extend(
                barriers.iter().map(|(id, members)| (*id, *members, ThreadIdx::new(thread))),
            );
        }
        all.sort_unstable();
        all.dedup();
        let team = |of: &[(u32, u32, ThreadIdx)]| {
            let all_say = |count: usize| of.iter().all(|b| b.1 as usize == count);
            if all_say(said.len()) {
                Some((of[0].0, (0..said.len()).map(ThreadIdx::new).collect()))
            } else {
                all_say(of.len()).then(|| (of[0].0, of.iter().map(|b| b.2).collect()))
            }
        };
        let teams = all.chunk_by(|a, b| a.0 == b.0).filter_map(team).collect();
        Self { teams, slots: Map::default() }
    }

    /// The members of a barrier; none if they are not known.
    pub(crate) fn of(&self, id: u32) -> &[ThreadIdx] {
        let at = self.teams.binary_search_by_key(&id, |t| t.0);
        at.map_or(&[], |at| &self.teams[at].1)
    }

    /// The entry of a barrier in the units' tables; `None` if it goes by packets.
    #[inline]
    pub(crate) fn slot(&self, id: u32) -> Option<u16> {
        self.slots.get(id).copied()
    }

    /// The barrier of an entry.
    pub(crate) fn id(&self, slot: u16) -> u32 {
        self.teams.get(usize::from(slot)).map_or(u32::MAX, |t| t.0)
    }

    /// Barriers that units do, and barriers known in all.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.slots.len(), self.teams.len())
    }
}

/// Sets up the units of a machine for the barriers of `teams`, the first of them by id as far as the table goes:
/// `[partition]`.
///
/// # Errors
/// If members of a barrier cannot reach each other by links that stay up.
pub(crate) fn units(
    (spec, seed): (&MachineSpec, u64),
    table: &UnitSpec,
    teams: &mut Teams,
    domains: &[Domain],
    layout: &Layout,
) -> Result<Vec<Units>, BuildError> {
    let latency = Latency {
        node: table.node_cycles,
        router: table.unit_cycles,
        traversal: 1 + spec.router.st_cycles,
    };
    let count = |share: &Share| share.nodes.len() + share.routers.len();
    let mut units: Vec<Units> =
        layout.shares.iter().map(|share| Units::new(count(share), latency)).collect();
    let fabric = Fabric::new((spec, seed), table, domains)?;
    for (slot, (id, threads)) in teams.teams.iter().enumerate().take(table.table as usize) {
        let slot = u16::try_from(slot).unwrap_or(u16::MAX);
        for (unit, place) in fabric.tree(*id, usize::from(slot), threads)? {
            let (part, at) = layout.unit(unit);
            units[part].join(at, slot, place);
        }
        teams.slots.insert(*id, slot);
    }
    Ok(units)
}

/// The fabric as trees see it: units, and what each of their ports leads to.
pub(super) struct Fabric<'a> {
    spec: &'a MachineSpec,
    pub(super) nodes: usize,
    /// `[unit][port]`: the unit at the other end, its port there, and the femtoseconds from there to what
    /// follows here; `None` where the cable is, or goes, down for good.
    pub(super) ports: Vec<Vec<Option<(usize, u16, u64)>>>,
}

/// Shortest ways to one unit: `[unit]`, how far, and by which port of the next unit it is reached.
struct Ways {
    far: Vec<u64>,
    /// The next unit on the way, the port there, and the unit's own port.
    next: Vec<Option<(usize, usize, u16)>>,
}

impl<'a> Fabric<'a> {
    pub(super) fn new(
        (spec, seed): (&'a MachineSpec, u64),
        table: &UnitSpec,
        domains: &[Domain],
    ) -> Result<Self, BuildError> {
        let nodes = spec.fabric.node_ports.len();
        let down = dead(spec, seed)?;
        let place = |end: End| match end {
            End::Node(n, port) => (n.at(), port.0),
            End::Router(r, port) => (nodes + r.at(), port.0),
        };
        let port = |out: &LinkIdx| {
            if down.contains(&(out.at() & !1)) {
                return Ok(None);
            }
            let (unit, port) = place(spec.fabric.links[out.at()].to);
            let params = link(spec, domains, out.reverse())?;
            let cycles = match spec.fabric.links[out.at()].from {
                End::Node(..) => table.node_cycles,
                End::Router(..) => table.unit_cycles,
            };
            let clock = &params.receiver.to;
            let inside = clock.instant(Edge(u64::from(cycles))).since(clock.instant(Edge(0)));
            let on_link = match params.timing {
                Timing::OnDie { latency_cycles, .. } => {
                    clock.instant(Edge(u64::from(latency_cycles))).since(clock.instant(Edge(0)))
                }
                Timing::Serial { flit_time: (numer, denom), serdes, fec, flight } => {
                    Fs(numer / denom) + serdes + fec + flight
                }
                Timing::Framed { serdes, fec, flight, .. } => serdes + fec + flight,
            };
            Ok(Some((unit, port, (inside + on_link).0.max(1))))
        };
        let routers = spec.fabric.routers.iter().map(|r| &r.ports);
        let ports = spec.fabric.node_ports.iter().chain(routers);
        let ports = ports.map(|links| links.iter().map(port).collect());
        Ok(Self { spec, nodes, ports: ports.collect::<Result<_, BuildError>>()? })
    }

    /// The shortest ways of all units to `root`; among equal ones by routers that come first, counted from
    /// the `turn`th.
    fn ways(&self, root: usize, turn: usize) -> Ways {
        let count = self.ports.len();
        let rank = |unit: usize| self.rank(unit, turn);
        let mut ways = Ways { far: vec![u64::MAX; count], next: vec![None; count] };
        ways.far[root] = 0;
        let mut rest = BinaryHeap::from([Reverse((0, rank(root), root))]);
        while let Some(Reverse((far, _, unit))) = rest.pop() {
            if far > ways.far[unit] || unit < self.nodes && unit != root {
                continue;
            }
            for (port, there) in self.ports[unit].iter().enumerate() {
                let Some((other, back, cost)) = *there else { continue };
                if far + cost < ways.far[other] {
                    ways.far[other] = far + cost;
                    ways.next[other] = Some((unit, port, back));
                    rest.push(Reverse((far + cost, rank(other), other)));
                }
            }
        }
        ways
    }

    /// The place of each unit in the tree of a barrier.
    pub(super) fn tree(
        &self,
        id: u32,
        turn: usize,
        threads: &[ThreadIdx],
    ) -> Result<Vec<(usize, Place)>, BuildError> {
        let mut local: Map<u32, BitVec> = Map::default();
        for thread in threads {
            let (node, input) = (thread.at() % self.nodes, thread.at() / self.nodes);
            let members = local.or_insert_with(NodeIdx::new(node).0, BitVec::new);
            if members.len() <= input {
                members.resize(input + 1, false);
            }
            members.set(input, true);
        }
        let local = local.sorted();
        let members: Vec<usize> = local.iter().map(|(node, _)| *node as usize).collect();
        let mut places: Vec<(usize, Place)> = local
            .iter()
            .map(|(n, members)| (*n as usize, Place { members: (*members).clone(), parent: None }))
            .collect();
        if members.len() < 2 {
            return Ok(places);
        }
        let root = self.root(id, turn, &members)?;
        let ways = self.ways(root, turn);
        let mut inner: Map<u32, (BitVec, Option<u16>)> = Map::default();
        for (at, member) in members.iter().enumerate() {
            let mut below = *member;
            while let Some((unit, port, own)) = ways.next[below] {
                if below == *member {
                    places[at].1.parent = Some(own);
                }
                let key = u32::try_from(unit).unwrap_or(u32::MAX);
                let bits = || BitVec::repeat(false, self.ports[unit].len());
                let parent = ways.next[unit].map(|(_, _, own)| own);
                inner.or_insert_with(key, || (bits(), parent)).0.set(port, true);
                below = unit;
            }
        }
        let inner = inner.sorted().into_iter();
        places.extend(inner.map(|(unit, (members, parent))| {
            (unit as usize, Place { members: members.clone(), parent: *parent })
        }));
        Ok(places)
    }

    /// The router from which the farthest of `members` is nearest. Ways from members that proved far bound
    /// from below how far the farthest is; the router with the least bound is tried, until its farthest
    /// member is one of those already.
    fn root(&self, id: u32, turn: usize, members: &[usize]) -> Result<usize, BuildError> {
        let farthest = |ways: &Ways| {
            let key = |m: &usize| (ways.far[*m], Reverse(*m));
            members.iter().copied().max_by_key(key).unwrap_or(0)
        };
        let mut bound = vec![0; self.ports.len()];
        let mut far = vec![farthest(&self.ways(members[0], turn))];
        let mut best = None;
        while let Some(&member) = far.last() {
            let ways = self.ways(member, turn);
            let lost = farthest(&ways);
            if ways.far[lost] == u64::MAX {
                let (a, b) = (NodeIdx::new(member), NodeIdx::new(lost));
                let why = format!(
                    "barrier {id} has members on {a} and {b}, between which no link stays up for units' \
                     tokens\n  mend: bring links up again by `what: Up`, or have barriers go by `Packets()`"
                );
                return Err(BuildError::new(format!("{}: {why}", self.spec.name)));
            }
            for (bound, far) in bound.iter_mut().zip(&ways.far) {
                *bound = (*bound).max(*far);
            }
            let routers = self.nodes..self.ports.len();
            let least = routers.clone().map(|u| bound[u]).min();
            let nearest: Vec<usize> = routers.filter(|u| Some(bound[*u]) == least).collect();
            let tried = *nearest.get(turn % nearest.len().max(1)).ok_or_else(|| {
                BuildError::new(format!("barrier {id}: there is no router between its members"))
            })?;
            let ways = self.ways(tried, turn);
            let next = farthest(&ways);
            let radius = ways.far[next];
            if best.is_none_or(|(least, _)| radius < least) {
                best = Some((radius, tried));
            }
            if far.contains(&next) || far.len() >= FAR_MAX {
                break;
            }
            far.push(next);
        }
        Ok(best.map_or(self.nodes, |(_, root)| root))
    }

    /// The place of a router in the order of the `turn`th barrier.
    fn rank(&self, unit: usize, turn: usize) -> usize {
        let routers = (self.ports.len() - self.nodes).max(1);
        unit.checked_sub(self.nodes).map_or(0, |r| (r + routers - turn % routers) % routers)
    }
}

/// Cables that are down from the start and stay so, or go down for good later, by their even links. Trees are
/// laid before the run, and a token that is on its way to a unit cannot go around.
fn dead(spec: &MachineSpec, seed: u64) -> Result<Vec<usize>, BuildError> {
    let of = |link: LinkIdx| link.at() & !1;
    let up =
        |e: LinkIdx| spec.events.iter().any(|f| f.what == Happening::Up && of(f.link) == of(e));
    let down = spec.events.iter().filter(|e| e.what == Happening::Down && e.at == Fs::ZERO);
    let down = down.filter(|e| !up(e.link)).map(|e| of(e.link));
    let later = crate::network::outages(spec, seed)?.into_iter();
    let later = later.filter(|(_, _, until)| *until == Fs::NEVER).map(|(link, ..)| of(link));
    Ok(down.chain(later).collect())
}
