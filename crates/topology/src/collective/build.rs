//! Making trees of routes.

use std::collections::BTreeMap;

use base::{Class, Head, NodeIdx, PortIdx, RouterIdx, RoutingFunction};

use super::walk::{At, Far, Step, Walk, lost, varies};
use super::{Arrival, Group, GroupRules, Place, Planted, TreeBranch, Trees};
use crate::error::{ErrorKind, Problem};
use crate::spec::Fabric;

/// The trees of `groups`.
pub(super) fn trees<R: RoutingFunction>(
    fabric: &Fabric,
    routing: &R,
    groups: &[Group],
    rules: GroupRules,
) -> Result<Trees, Problem> {
    if routing.adaptive() {
        return Err(varies("the routing function is adaptive"));
    }
    for (key, value) in [("window", rules.window), ("packet_flits_max", rules.packet_flits_max)] {
        if value == 0 {
            let message = format!("{key} is 0");
            return Err(Problem::new(ErrorKind::Value, key, message, "give at least 1"));
        }
    }
    let trees =
        Trees { rules, groups: Vec::new(), places: Vec::new(), arrivals: Vec::new(), combining: 0 };
    let mut builder = Builder { walk: Walk { fabric, routing }, trees };
    for (number, group) in (0..).zip(groups) {
        builder.plant(number, group)?;
    }
    builder.number_places()?;
    Ok(builder.trees)
}

/// A step that routes share, those of them whose own steps differ, and all of them.
type Shared = (Step, Vec<NodeIdx>, Vec<NodeIdx>);

struct Builder<'a, R> {
    walk: Walk<'a, R>,
    trees: Trees,
}

impl<R: RoutingFunction> Builder<'_, R> {
    fn plant(&mut self, number: u64, group: &Group) -> Result<(), Problem> {
        let (reduces, end, members) = match group {
            Group::Multicast { source, members } => (false, *source, members),
            Group::Reduction { root, members } => (true, *root, members),
        };
        let members = self.checked(number, end, members)?;
        #[expect(clippy::cast_possible_truncation, reason = "the low half of a hash")]
        let flow = base::rng::mix(number) as u32;
        let from = self.trees.places.len();
        let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let entries = if reduces {
            self.reduction(end, &members, flow)?
        } else {
            vec![(end, self.multicast(end, members, flow)?)]
        };
        let places = (from, self.trees.places.len());
        self.trees.groups.push(Planted { reduces, end, members: count, flow, entries, places });
        Ok(())
    }

    /// The members in order, if they are all there and different.
    fn checked(
        &self,
        number: u64,
        end: NodeIdx,
        members: &[NodeIdx],
    ) -> Result<Vec<NodeIdx>, Problem> {
        let wrong = |message: String, mend: &str| {
            let message = format!("group {number} {message}");
            Err(Problem::new(ErrorKind::Value, "members", message, mend))
        };
        let nodes = self.walk.fabric.node_ports.len();
        let mut members = members.to_vec();
        members.sort_unstable();
        if members.is_empty() {
            return wrong("has no members".into(), "give it at least one, or leave it out");
        }
        if let Some([twice, _]) = members.windows(2).find(|pair| pair[0] == pair[1]) {
            return wrong(format!("has {twice} twice"), "list each member once");
        }
        if let Some(far) = members.iter().chain([&end]).find(|n| n.at() >= nodes) {
            return wrong(format!("has {far} of {nodes} nodes"), "number nodes from 0");
        }
        Ok(members)
    }

    /// The places of a multicast; its source's arrival.
    fn multicast(
        &mut self,
        src: NodeIdx,
        members: Vec<NodeIdx>,
        flow: u32,
    ) -> Result<u32, Problem> {
        let head = |dst| Head { src, dst, flow, class: Class::Req, state: 0 };
        let mut first: Option<(PortIdx, At)> = None;
        for member in &members {
            let place = self.walk.inject(&head(*member))?;
            if *first.get_or_insert(place) != place {
                return Err(varies(&format!("{src} reaches its members by different ports")));
            }
        }
        let at = first.map(|(_, at)| at).ok_or_else(|| lost(&head(src)))?;
        let root = self.arrive(at.router, src);
        // Arrivals whose places have no branches yet, and how far from the source they are.
        let mut open = vec![(root, at, members, 0)];
        while let Some((arrival, at, members, hops)) = open.pop() {
            if hops > self.walk.hops_max() {
                return Err(lost(&head(members[0])));
            }
            for (step, toward, beyond) in self.ways(at, &members, &head)? {
                let far = self.walk.beyond(at, &step);
                let branch = TreeBranch { port: step.port, node: None, toward, next: 0 };
                let branch = match far {
                    Some(Far::Node(node)) if beyond == [node] => {
                        TreeBranch { node: Some(node), ..branch }
                    }
                    Some(Far::Router(at)) => {
                        let next = self.arrive(at.router, src);
                        open.push((next, at, beyond, hops + 1));
                        TreeBranch { next, ..branch }
                    }
                    _ => return Err(lost(&head(beyond[0]))),
                };
                self.place(arrival).branches.push(branch);
            }
        }
        Ok(root)
    }

    /// The ways from `at` to `members`.
    ///
    /// Members whose routes go by one port share a branch if there is a VC that all allow.
    fn ways(
        &self,
        at: At,
        members: &[NodeIdx],
        head: &impl Fn(NodeIdx) -> Head,
    ) -> Result<Vec<Shared>, Problem> {
        let mut ways: Vec<Shared> = Vec::new();
        for &member in members {
            let step = self.walk.step(at, &head(member))?;
            let shared = ways.iter_mut().find_map(|way| way.0.both(&step).map(|both| (way, both)));
            match shared {
                None => ways.push((step, vec![member], vec![member])),
                Some((way, both)) => {
                    if both != way.0 {
                        way.1.push(member);
                    }
                    way.0 = both;
                    way.2.push(member);
                }
            }
        }
        Ok(ways)
    }

    /// The places of a reduction; its members' arrivals.
    ///
    /// What leaves a place goes on by the route of the member that came there first. So the routes
    /// of two members that met stay together even where their own would part again.
    fn reduction(
        &mut self,
        root: NodeIdx,
        members: &[NodeIdx],
        flow: u32,
    ) -> Result<Vec<(NodeIdx, u32)>, Problem> {
        let mut met: BTreeMap<(RouterIdx, PortIdx), u32> = BTreeMap::new();
        // `[place]`: VCs by which something may leave it; places of this group only.
        let mut leaving: BTreeMap<u32, u64> = BTreeMap::new();
        let mut entries = Vec::with_capacity(members.len());
        for &src in members {
            let head = Head { src, dst: root, flow, class: Class::Req, state: 0 };
            let (_, mut at) = self.walk.inject(&head)?;
            // The place that the route has come from.
            let mut before: Option<u32> = None;
            let own = self.trees.places.len();
            loop {
                let step = self.walk.step(at, &head)?;
                let known = met.get(&(at.router, step.port)).copied();
                if known.is_some_and(|place| place as usize >= own) {
                    return Err(lost(&head)); // It goes in circles.
                }
                let arrival = match known {
                    Some(place) => self.join(place, src),
                    None => self.arrive(at.router, src),
                };
                match before {
                    None => entries.push((src, arrival)),
                    Some(before) => self.trees.places[before as usize].branches[0].next = arrival,
                }
                let far = self.walk.beyond(at, &step).ok_or_else(|| lost(&head))?;
                if let Some(place) = known {
                    self.widen(place, (at, step), &head, &mut leaving)?;
                    break;
                }
                let place = self.trees.arrivals[arrival as usize].place;
                met.insert((at.router, step.port), place);
                leaving.insert(place, step.all());
                let node = if let Far::Node(node) = far { Some(node) } else { None };
                let branch = TreeBranch { port: step.port, node, toward: vec![root], next: 0 };
                self.place(arrival).branches.push(branch);
                before = Some(place);
                match far {
                    Far::Router(next) => at = next,
                    Far::Node(node) if node == root => break,
                    Far::Node(_) => return Err(lost(&head)),
                }
            }
        }
        Ok(entries)
    }

    /// What joins a place may leave it by other VCs than what came before: sees to it that they lead
    /// to the root by the same places, and that whoever comes by them may go on as both routes do.
    fn widen(
        &self,
        mut place: u32,
        (mut at, mut step): (At, Step),
        head: &Head,
        leaving: &mut BTreeMap<u32, u64>,
    ) -> Result<(), Problem> {
        loop {
            let branch = &self.trees.places[place as usize].branches[0];
            if step.port != branch.port {
                return Err(varies("the way of a packet depends on the VC in which it arrives"));
            }
            let known = leaving.entry(place).or_insert(0);
            let new = step.all() & !*known;
            *known |= new;
            match self.walk.beyond(at, &step) {
                Some(Far::Router(next)) if new != 0 => {
                    let Arrival { place: next_place, src } =
                        self.trees.arrivals[branch.next as usize];
                    at = At { vcs: new, ..next };
                    step = self.walk.step(at, &Head { src, ..*head })?;
                    if step != self.walk.step(at, head)? {
                        return Err(varies("the way of a packet depends on where it comes from"));
                    }
                    place = next_place;
                }
                _ => return Ok(()),
            }
        }
    }

    /// A new place at `router`, and the arrival there of `src`'s route.
    fn arrive(&mut self, router: RouterIdx, src: NodeIdx) -> u32 {
        let place = u32::try_from(self.trees.places.len()).unwrap_or(u32::MAX);
        self.trees.places.push(Place { router, awaited: 0, branches: Vec::new(), combining: 0 });
        self.join(place, src)
    }

    /// One more arrival at a place.
    fn join(&mut self, place: u32, src: NodeIdx) -> u32 {
        self.trees.places[place as usize].awaited += 1;
        self.trees.arrivals.push(Arrival { place, src });
        u32::try_from(self.trees.arrivals.len() - 1).unwrap_or(u32::MAX)
    }

    fn place(&mut self, arrival: u32) -> &mut Place {
        let place = self.trees.arrivals[arrival as usize].place;
        &mut self.trees.places[place as usize]
    }

    /// Numbers the places that combine, and counts them against each router's table.
    fn number_places(&mut self) -> Result<(), Problem> {
        let GroupRules { window, table_entries, .. } = self.trees.rules;
        let mut used = vec![0_u64; self.walk.fabric.routers.len()];
        for place in self.trees.places.iter_mut().filter(|p| p.awaited > 1) {
            place.combining = self.trees.combining;
            self.trees.combining += 1;
            used[place.router.at()] += u64::from(window);
        }
        let most = used.iter().zip(&self.walk.fabric.routers).max_by_key(|(used, _)| **used);
        match most {
            Some((used, router)) if *used > u64::from(table_entries) => Err(Problem::new(
                ErrorKind::Limit,
                "table_entries",
                format!(
                    "{} combines {} reductions of a window of {window}, for which a table of \
                     {table_entries} is too small",
                    router.name,
                    used / u64::from(window)
                ),
                format!("give tables of {used} entries, a smaller window, or fewer groups"),
            )),
            _ => Ok(()),
        }
    }
}
