//! Channels with a fixed access latency and a bandwidth limit.
//!
//! Each channel serves its accesses in order. Its data bus takes `line bytes / bandwidth` an access,
//! exactly: fractions of a femtosecond are carried on while the bus is busy. An access starts when
//! it is submitted or when the bus is free, whichever is later; its data are there a fixed latency
//! after the bus has moved them.

use std::collections::VecDeque;

use base::{Fs, LINE_BYTES};
use clock::{Domain, Edge};

use crate::{Access, MemoryModel, Served};

/// What fixed-latency channels are built from.
#[derive(Clone, PartialEq, Debug)]
pub struct FixedParams {
    /// The controllers' clock.
    pub clock: Domain,
    /// Channels, at least 1.
    pub channels: u32,
    /// From the start of an access to its data, the transfer itself not counted.
    pub latency: Fs,
    /// Bytes a second of each channel, at least 1.
    pub bytes_per_s: u64,
}

#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Channel {
    queue: VecDeque<(Fs, Access)>,
    free_at: Fs,
    carry: u64,
    accesses: u64,
}

/// The memory of one node, with fixed latency.
#[derive(Clone, Debug)]
pub struct FixedLatency {
    params: FixedParams,
    channels: Vec<Channel>,
    pending: usize,
}

base::state!([] FixedLatency { keeps channels, pending; each; fixed params });

impl FixedLatency {
    /// Builds the channels, all idle.
    ///
    /// # Panics
    /// If there are no channels or no bandwidth: machines are checked before they are built.
    pub fn new(params: FixedParams) -> Self {
        assert!(params.channels > 0 && params.bytes_per_s > 0, "{params:?}");
        let channels = vec![Channel::default(); params.channels as usize];
        Self { params, channels, pending: 0 }
    }

    /// Bytes of the emulator's memory that so many channels take. Accesses that wait are on top.
    pub const fn bytes(channels: u32) -> usize {
        channels as usize * size_of::<Channel>()
    }

    /// Accesses served so far by each channel.
    pub fn accesses(&self) -> impl Iterator<Item = u64> {
        self.channels.iter().map(|c| c.accesses)
    }
}

impl MemoryModel for FixedLatency {
    fn submit(&mut self, channel: u32, access: Access, edge: Edge) {
        let at = self.params.clock.instant(edge);
        self.channels[channel as usize].queue.push_back((at, access));
        self.pending += 1;
    }

    fn step(&mut self, edge: Edge, served: &mut Vec<Served>) -> Edge {
        let now = self.params.clock.instant(edge);
        let denom = u128::from(self.params.bytes_per_s);
        let line = u128::from(LINE_BYTES) * u128::from(Fs::PER_SECOND);
        let mut next = Edge::NEVER;
        for channel in &mut self.channels {
            while let Some((arrived, access)) = channel.queue.front().copied() {
                if channel.free_at > now {
                    next = next.min(self.params.clock.edge_at_or_after(channel.free_at));
                    break;
                }
                if arrived > channel.free_at {
                    (channel.free_at, channel.carry) = (arrived, 0);
                }
                channel.queue.pop_front();
                let started = channel.free_at;
                let total = line + u128::from(channel.carry);
                let whole = total / denom;
                channel.carry = u64::try_from(total % denom).unwrap_or(0);
                channel.free_at = started + Fs(u64::try_from(whole).unwrap_or(u64::MAX / 4));
                channel.accesses += 1;
                self.pending -= 1;
                let finished = (channel.free_at + self.params.latency).max(now);
                let Access { ticket, direction, .. } = access;
                served.push(Served { ticket, direction, started, finished });
            }
        }
        next
    }

    fn pending(&self) -> usize {
        self.pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Direction;
    use base::Line;

    fn channels(bytes_per_s: u64) -> FixedLatency {
        FixedLatency::new(FixedParams {
            clock: Domain::new((1_000_000_000, 1), Fs::ZERO).unwrap(),
            channels: 2,
            latency: Fs::from_ns(100),
            bytes_per_s,
        })
    }

    fn read(ticket: u32) -> Access {
        Access { ticket, direction: Direction::Read, line: Line(0) }
    }

    fn drain(memory: &mut FixedLatency, mut edge: Edge) -> Vec<Served> {
        let mut served = Vec::new();
        while edge != Edge::NEVER {
            edge = memory.step(edge, &mut served);
        }
        served
    }

    #[test]
    fn a_lone_access_takes_its_latency_and_its_transfer() {
        let mut m = channels(64_000_000_000);
        m.submit(0, read(7), Edge(10));
        let served = drain(&mut m, Edge(10));
        assert_eq!(served[0].started, Fs::from_ns(10));
        assert_eq!(served[0].finished, Fs::from_ns(111));
        assert_eq!(m.pending(), 0);
    }

    #[test]
    fn a_busy_channel_keeps_its_bandwidth_exactly_while_the_other_is_free() {
        // 30 GB/s: 2.1333... ns a line, not a whole number of anything.
        let mut m = channels(30_000_000_000);
        for n in 0..3001 {
            m.submit(0, read(n), Edge(5));
        }
        m.submit(1, read(9999), Edge(5));
        let served = drain(&mut m, Edge(5));
        let last = served.iter().find(|s| s.ticket == 3000).unwrap();
        assert_eq!(last.started, Fs::from_ns(5 + 6400));
        let other = served.iter().find(|s| s.ticket == 9999).unwrap();
        assert_eq!(other.started, Fs::from_ns(5));
    }

    #[test]
    fn accesses_of_a_channel_are_served_in_order() {
        let mut m = channels(10_000_000_000);
        for n in 0..50 {
            m.submit(0, read(n), Edge(u64::from(n) / 2));
        }
        let tickets: Vec<u32> = drain(&mut m, Edge(25)).iter().map(|s| s.ticket).collect();
        assert!(tickets.is_sorted());
    }
}
