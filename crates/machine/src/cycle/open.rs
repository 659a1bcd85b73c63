//! Open-loop terminals for whoever drives a network by hand: synthetic traffic to anyone's
//! destinations, and the mean latency. The phases and criteria of a measurement are those of
//! [`sweep`](crate::sweep).

use base::NodeIdx;
use traffic::synthetic::{Arrival, Destinations, NEVER, Source, Traffic};

use super::terminal::{Next, Offer, Passage, Terminals};

/// Packets made when their process says so, whether or not the network takes them.
#[derive(Clone, Debug)]
pub struct Open<D> {
    to: D,
    sources: Vec<(Source, Option<Arrival>)>,
    packets: u64,
    latency_cycles: u64,
}

impl<D: Destinations> Open<D> {
    /// The terminals of `nodes` nodes: lengths and times of `traffic`, destinations of `to`.
    pub fn new(traffic: &Traffic, nodes: usize, to: D) -> Self {
        let source = |n| {
            let mut source = traffic.source(NodeIdx::new(n));
            let first = source.next(&to);
            (source, first)
        };
        Self { sources: (0..nodes).map(source).collect(), packets: 0, latency_cycles: 0, to }
    }

    /// Packets delivered so far.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Mean cycles from a packet's creation to its tail's arrival, of those delivered so far; 0 where
    /// there are none.
    pub fn mean_latency(&self) -> f64 {
        self.latency_cycles as f64 / self.packets.max(1) as f64
    }
}

impl<D: Destinations> Terminals for Open<D> {
    fn next(&mut self, node: NodeIdx, _: u8, now: u64) -> Next {
        let (source, next) = &mut self.sources[node.at()];
        let Some(Arrival { cycle, dst, flits, .. }) = *next else { return Next::Wait };
        if cycle > now {
            return Next::At(cycle);
        }
        *next = source.next(&self.to);
        let next = next.map_or(NEVER, |next| next.cycle);
        Next::Packet(Offer { created: cycle, dst, flits, tag: 0, next })
    }

    fn delivered(&mut self, passage: &Passage, now: u64) -> Option<(NodeIdx, u8)> {
        self.packets += 1;
        self.latency_cycles += now - passage.created;
        None
    }
}
