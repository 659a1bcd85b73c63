//! Lone packets: zero-load latency, pair by pair.

use base::NodeIdx;
use topology::spec::MachineSpec;

use super::SweepError;
use crate::BuildError;
use crate::cycle::{CycleNetwork, Next, Offer, Passage, Terminals};

/// What a lone packet did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alone {
    /// Cycles from its creation to its tail's arrival.
    pub latency_cycles: u64,
    /// Routers that its head visited.
    pub hops: u32,
}

/// Cycles after which a lone packet is given up.
const GIVE_UP: u64 = 1 << 24;
/// Cycles between packets on top of the last one's latency: more than credits need to be processed.
const PAUSE: u64 = 64;

/// Sends a packet of `flits` flits from the first to the second node of each pair, each when the one
/// before has arrived and its credits are back. Results are in the order of the pairs.
///
/// # Errors
/// If the network cannot be built on one clock, a node does not exist, or a packet does not arrive.
pub fn alone(
    spec: &MachineSpec,
    flits: u32,
    pairs: &[(u32, u32)],
) -> Result<Vec<Alone>, SweepError> {
    let known = |n: u32| {
        super::node(spec, n).ok_or_else(|| BuildError::new(format!("there is no node {n}")))
    };
    let pairs: Vec<(NodeIdx, NodeIdx)> = pairs
        .iter()
        .map(|(from, to)| Ok((known(*from)?, known(*to)?)))
        .collect::<Result<_, BuildError>>()?;
    let mut net = CycleNetwork::new(spec, spec.fabric.routing.clone(), 1, 1, ())?;
    let pause = PAUSE + u64::from(spec.router.credit_cycles);
    let mut one =
        OneByOne { pairs: &pairs, flits: flits.max(1), due: 0, sent: 0, pause, done: vec![] };
    net.start();
    while one.done.len() < pairs.len() {
        net.cycle(&mut one);
        if net.now().saturating_sub(one.due) > GIVE_UP {
            let (from, to) = pairs[one.done.len()];
            return Err(SweepError::Lost { from, to, cycles: GIVE_UP });
        }
    }
    Ok(one.done)
}

/// Terminals that send one packet at a time.
#[derive(Debug)]
struct OneByOne<'a> {
    pairs: &'a [(NodeIdx, NodeIdx)],
    flits: u32,
    /// When the next packet is made.
    due: u64,
    sent: usize,
    pause: u64,
    done: Vec<Alone>,
}

impl Terminals for OneByOne<'_> {
    fn next(&mut self, node: NodeIdx, _: u8, now: u64) -> Next {
        match self.pairs.get(self.sent) {
            Some((from, dst)) if *from == node && self.sent == self.done.len() => {
                if now < self.due {
                    return Next::At(self.due);
                }
                self.sent += 1;
                Next::Packet(Offer { created: now, dst: *dst, flits: self.flits, tag: 0, next: 0 })
            }
            _ => Next::Wait,
        }
    }

    fn delivered(&mut self, passage: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        let latency_cycles = now - passage.created;
        self.done.push(Alone { latency_cycles, hops: u32::from(passage.hops) });
        self.due = now + latency_cycles + self.pause;
        self.pairs.get(self.sent).map(|(from, _)| (*from, 0))
    }
}
