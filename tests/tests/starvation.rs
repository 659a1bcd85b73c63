//! Nobody waits for ever: bounds on waiting under round-robin and age, and an allocator that breaks
//! them.

use std::collections::VecDeque;

use lockstep::base::NodeIdx;
use lockstep::base::arch::{Allocation, Priority};
use lockstep::machine::CycleNetwork;
use lockstep::machine::cycle::{Next, Offer, Passage, Terminals};
use lockstep::router::alloc::{Allocator, AnyAllocator, Matching, Requests};
use lockstep::topology::Description;
use tests::fabric::{fabric, uniform};

/// Flits of each packet, and flits of each buffer.
const LENGTH: u32 = 2;
const DEPTH: u64 = 8;
/// Cycles that a packet may keep an output VC when it has room ahead: its flits, and what passes until
/// the next packet has the VC and its turn at the switch.
const SERVICE: u64 = 2 * LENGTH as u64 + 4;
const CYCLES: u64 = 10_000;

/// Everyone but node 0 sends to node 0 all the time.
#[derive(Default)]
struct Siege {
    /// Cycles between a node's packets, or 0 for a new one as soon as the one before has left.
    period: u64,
    /// `[node]`: packets made.
    made: Vec<u64>,
    /// `[node]`: cycles of deliveries.
    delivered: Vec<VecDeque<u64>>,
    /// The longest way through the network.
    longest: u64,
}

impl Terminals for Siege {
    fn next(&mut self, node: NodeIdx, _: u8, now: u64) -> Next {
        if node.0 == 0 {
            return Next::Wait;
        }
        let made = &mut self.made[node.at()];
        let created = if self.period > 0 { *made * self.period } else { now };
        if created > now {
            return Next::At(created);
        }
        *made += 1;
        Next::Packet(Offer { created, dst: NodeIdx(0), flits: LENGTH, tag: 0, next: 0 })
    }

    fn delivered(&mut self, passage: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        self.delivered[passage.src.at()].push_back(now);
        self.longest = self.longest.max(now - passage.injected);
        None
    }
}

impl Siege {
    /// The longest time without a delivery from some node, up to the end.
    fn longest_gap(&self) -> u64 {
        let gap = |times: &VecDeque<u64>| {
            let ends = times.iter().skip(1).copied().chain([CYCLES]);
            let gaps = times.iter().zip(ends).map(|(a, b)| b - a).max().unwrap_or(CYCLES);
            gaps.max(times.front().copied().unwrap_or(CYCLES))
        };
        self.delivered.iter().skip(1).map(gap).max().unwrap_or(0)
    }
}

/// A 3 by 3 mesh of routers with one VC under siege.
fn besiege(
    period: u64,
    change: impl FnOnce(&mut Description),
    own: Option<fn() -> AnyAllocator>,
) -> Siege {
    let mut description = uniform(&fabric("Mesh("), 1, 1, 1).description;
    change(&mut description);
    let spec = description.elaborate().expect("a sound mesh");
    assert!(spec.fabric.classes.iter().all(|c| u64::from(c.buffer_flits) == DEPTH));
    let net = CycleNetwork::new(&spec, spec.fabric.routing.clone(), 1, 1, ());
    let mut net = net.expect("a network that can be built");
    if let Some(own) = own {
        net.set_vc_allocators(|_, _, _| own());
        net.set_switch_allocators(|_, _, _| own());
    }
    let mut siege =
        Siege { period, made: vec![0; 9], delivered: vec![VecDeque::new(); 9], longest: 0 };
    net.start();
    (0..CYCLES).for_each(|_| net.cycle(&mut siege));
    siege
}

/// On the way from the far corner to node 0 five routers merge 1, 2, 2, 3 and 3 inputs. Each takes turns
/// by packets, so an input of the last is served once in 3 packets, one of the router before once in
/// 3 x 3, and so on.
const TURNS: u64 = 2 * 2 * 3 * 3;

#[test]
fn in_turns_everyone_is_served_once_in_the_product_of_the_inputs_on_its_way() {
    let allocators = [Allocation::InputFirst, Allocation::OutputFirst, Allocation::Wavefront];
    for allocator in allocators {
        let siege = besiege(
            0,
            |d| (d.router.vc_allocator, d.router.switch_allocator) = (allocator, allocator),
            None,
        );
        let gap = siege.longest_gap();
        assert!(gap <= TURNS * SERVICE, "{allocator:?}: {gap} cycles");
        // And it is that slow: the shares are those of the parking lot.
        assert!(gap >= TURNS * u64::from(LENGTH), "{allocator:?}: {gap} cycles");
    }
}

#[test]
fn with_ages_nobody_waits_for_more_than_what_is_in_the_network() {
    // All make as much, and more than node 0 can take. With RC of a cycle a packet right behind another
    // would come too late to keep its turn.
    let lookahead = |d: &mut Description| d.router.rc_cycles = 0;
    let by_age = |d: &mut Description| {
        lookahead(d);
        d.router.priority = Priority::Age;
    };
    let siege = besiege(16, by_age, None);
    // When a packet comes to a queue, those ahead of it are made, and those that go before these are
    // older still: no more packets than all buffers towards node 0 hold, 8 links between routers and 9
    // of nodes, and one at each source. It comes to 5 queues at most.
    let packets = (8 + 9) * DEPTH / u64::from(LENGTH) + 8;
    assert!(siege.longest <= 5 * packets * SERVICE, "{} cycles", siege.longest);
    // The far corner has as good a share as the others, other than in turns.
    let share = |siege: &Siege| {
        let counts = siege.delivered.iter().skip(1).map(|times| times.len() as f64);
        counts.clone().fold(f64::MAX, f64::min) / counts.fold(0.0, f64::max)
    };
    assert!(share(&siege) > 0.9, "{}", share(&siege));
    let in_turns = share(&besiege(16, lookahead, None));
    assert!(in_turns < 0.5, "{in_turns}");
}

/// Whoever has the lowest number goes first, always.
#[derive(Clone, Debug)]
struct Fixed;

impl Allocator for Fixed {
    fn allocate(&self, requests: &Requests, matching: &mut Matching) {
        matching.clear();
        for input in requests.inputs() {
            let free = requests.outputs_of(input).find(|o| matching.input_of(*o).is_none());
            if let Some(output) = free {
                matching.grant(input, output);
            }
        }
    }

    fn commit(&mut self, _: &Matching) {}
}

#[test]
fn an_allocator_without_turns_starves_somebody_and_is_caught() {
    let siege = besiege(0, |_| {}, Some(|| AnyAllocator::own(Fixed)));
    let gap = siege.longest_gap();
    assert!(gap > TURNS * SERVICE, "{gap} cycles");
}
