//! The bank itself, without wires: routers stepped one by one in any order, or only those that say
//! that they have something to do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use base::rng::shuffle;
use base::{Flit, NodeIdx, RouterIdx};
use proptest::prelude::*;

use super::equal::any_shapes;
use super::grid::{BACK, PORTS, Shape, Xy};
use super::laws::{class, traffic};
use super::packet;
use crate::{Departure, Egress, Lane, RouterBank, RouterParams, Slot, Store};

/// What arrives in a cycle.
#[derive(Default)]
struct Bucket {
    credits: Vec<Lane>,
    /// Node and VC.
    source_credits: Vec<(usize, usize)>,
    heads: Vec<(Lane, Slot)>,
    bodies: Vec<(Lane, Slot)>,
    ejects: Vec<Slot>,
    wakes: Vec<RouterIdx>,
}

/// The wires of a mesh.
struct World {
    shape: Shape,
    /// The lane of `(router, port, vc)`, and back.
    lane: BTreeMap<(usize, usize, u8), Lane>,
    place: BTreeMap<Lane, (usize, usize, u8)>,
    calendar: BTreeMap<u64, Bucket>,
}

impl World {
    /// The port at the other end of a link between routers.
    fn far(&self, router: usize, port: usize) -> (usize, usize) {
        let there = match port {
            1 => router + 1,
            2 => router - 1,
            3 => router + self.shape.width,
            _ => router - self.shape.width,
        };
        (there, BACK[port])
    }

    fn at(&mut self, cycle: u64) -> &mut Bucket {
        self.calendar.entry(cycle).or_default()
    }
}

impl Egress for World {
    fn send(&mut self, d: &Departure, _: &mut Store) -> u64 {
        let (router, port, vc) = self.place[&d.to];
        let arrival = d.depart + u64::from(self.shape.latency);
        if port == 0 {
            self.at(arrival).ejects.push(d.slot);
            self.at(arrival + 2).credits.push(d.to);
        } else {
            let (there, back) = self.far(router, port);
            let lane = self.lane[&(there, back, vc)];
            let bucket = self.at(arrival);
            if d.head { &mut bucket.heads } else { &mut bucket.bodies }.push((lane, d.slot));
        }
        d.depart + 1
    }

    fn wake(&mut self, router: RouterIdx, at: u64) {
        self.at(at).wakes.push(router);
    }

    fn credit(&mut self, from: Lane, depart: u64) {
        let (router, port, vc) = self.place[&from];
        let counts = depart + u64::from(self.shape.latency + self.shape.credit_cycles);
        if port == 0 {
            self.at(counts).source_credits.push((router, usize::from(vc)));
        } else {
            let (there, back) = self.far(router, port);
            let lane = self.lane[&(there, back, vc)];
            self.at(counts).credits.push(lane);
        }
    }
}

/// Flits with the cycle from which they may be sent.
type Waiting = VecDeque<(u64, Flit)>;

struct Chip {
    bank: RouterBank<Xy>,
    world: World,
    /// `[node]`: flits to be sent, and credits by VC.
    sources: Vec<(Waiting, Vec<u32>)>,
    /// Cycle, packet, and whether it was the tail, of each flit that arrived.
    seen: BTreeSet<(u64, u32, bool)>,
}

impl Chip {
    fn new(shape: Shape, packets: &[(u32, u32, u8, u32, u64)]) -> Self {
        let nodes = shape.width * shape.height;
        let depths: Vec<u32> =
            (0..PORTS).map(|p| if p == 0 { shape.node_depth } else { shape.depth }).collect();
        let params = RouterParams {
            input_depth: depths.clone(),
            output_depth: depths,
            divisions: Vec::new(),
        };
        let bank = RouterBank::new(&vec![params; nodes], shape.pipeline(), Xy(shape));
        let vcs = 5 * shape.vcs_per_class;
        let all = (0..nodes).flat_map(|r| (0..PORTS).map(move |p| (r, p)));
        let all = all.flat_map(|(r, p)| (0..vcs).map(move |vc| (r, p, vc)));
        let lane: BTreeMap<_, _> =
            all.map(|at| (at, bank.lane(RouterIdx::new(at.0), at.1, at.2))).collect();
        let place = lane.iter().map(|(at, lane)| (*lane, *at)).collect();
        let source = (VecDeque::new(), vec![shape.node_depth; usize::from(vcs)]);
        let mut sources = vec![source; nodes];
        for (n, (src, dst, of, length, created)) in (0..).zip(packets) {
            let class = class(*of);
            let first = if shape.shared { 0 } else { class as u8 * shape.vcs_per_class };
            let own = |f: Flit| Flit {
                class,
                src: NodeIdx(*src),
                flits: u16::try_from(*length).unwrap(),
                ..f
            };
            let flits = packet(n, *dst, first, *length).into_iter().map(own);
            sources[*src as usize].0.extend(flits.map(|f| (*created, f)));
        }
        let world = World { shape, lane, place, calendar: BTreeMap::new() };
        Self { bank, world, sources, seen: BTreeSet::new() }
    }

    /// Runs until nothing moves any more. With a seed every router is stepped in every cycle, in an
    /// order of its own, and what arrives in a cycle arrives in such an order.
    fn run(mut self, order: Option<u64>) -> BTreeSet<(u64, u32, bool)> {
        let (mut now, mut idle) = (0, 0);
        while idle < 200 {
            assert!(now < 100_000, "still busy");
            let mut bucket = self.world.calendar.remove(&now).unwrap_or_default();
            if let Some(seed) = order {
                shuffle(&mut bucket.credits, seed, now);
                shuffle(&mut bucket.heads, seed, now);
                shuffle(&mut bucket.bodies, seed, now);
                shuffle(&mut bucket.ejects, seed, now);
            }
            let moved = self.cycle(&bucket, now, order);
            idle = if moved { 0 } else { idle + 1 };
            now += 1;
        }
        self.seen
    }

    fn cycle(&mut self, bucket: &Bucket, now: u64, order: Option<u64>) -> bool {
        let (bank, world) = (&mut self.bank, &mut self.world);
        bank.credit(&bucket.credits, now);
        bank.deliver_bodies(&bucket.bodies, world);
        let lookahead = bank.pipeline().rc == 0;
        if lookahead {
            bank.deliver_heads(&bucket.heads, now, world);
        }
        if let Some(seed) = order {
            let mut routers: Vec<usize> = (0..bank.len()).collect();
            shuffle(&mut routers, seed, now);
            for r in routers {
                bank.step(RouterIdx::new(r), now, world);
            }
        } else {
            bucket.wakes.iter().for_each(|r| bank.wake(*r));
            bank.step_all(now, world);
        }
        if !lookahead {
            bank.deliver_heads(&bucket.heads, now, world);
        }
        for slot in &bucket.ejects {
            let tail = bank.store().is_tail(*slot);
            let packet = bank.store_mut().remove(*slot);
            assert!(self.seen.insert((now, packet.0, tail)));
        }
        for (node, vc) in &bucket.source_credits {
            self.sources[*node].1[*vc] += 1;
        }
        let arrived = !bucket.ejects.is_empty();
        (0..self.sources.len()).fold(arrived, |moved, node| self.inject(node, now) || moved)
    }

    /// A source sends a flit, in order of its packets.
    fn inject(&mut self, node: usize, now: u64) -> bool {
        let (flits, credits) = &mut self.sources[node];
        let Some((created, flit)) = flits.front().copied() else { return false };
        let credit = &mut credits[flit.vc.at()];
        if created > now || *credit == 0 {
            // It waits for its time, or for others to move.
            return created > now;
        }
        *credit -= 1;
        flits.pop_front();
        let slot = self.bank.admit(&flit, u32::try_from(created).unwrap());
        let lane = self.world.lane[&(node, 0, flit.vc.0)];
        let bucket = self.world.at(now + 1 + u64::from(self.world.shape.latency));
        if flit.head { &mut bucket.heads } else { &mut bucket.bodies }.push((lane, slot));
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn routers_stepped_in_any_order_or_only_when_they_ask_do_the_same(
        shape in any_shapes(), packets in traffic(), seed in any::<u64>(),
    ) {
        let chip = || Chip::new(shape, &packets);
        let seen = chip().run(None);
        let flits: usize = packets.iter().map(|p| p.3 as usize).sum();
        prop_assert_eq!(seen.len(), flits);
        prop_assert_eq!(&seen, &chip().run(Some(seed)));
        prop_assert_eq!(&seen, &chip().run(Some(!seed)));
    }
}
