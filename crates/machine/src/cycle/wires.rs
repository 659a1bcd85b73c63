//! The links of a network on one clock, as its routers see them.

use router::{Departure, Egress, Lane, Slot, Stall, Store};

use super::calendar::{Calendar, FlitEvent, SourceCredit};
use super::watch::Watch;

/// Parts of a cycle in which intervals between flits are counted: 2^20.
pub(super) const FRACTION: u32 = 20;

/// What is at the far end of a port's link.
#[derive(Clone, Debug)]
pub(super) struct Far {
    /// The far port's first lane; where that is a node's, the number of its source.
    pub(super) lane: u32,
    /// Whether the far end is a node.
    pub(super) node: bool,
    /// Cycles from leaving this end to being received at the other; the same both ways.
    pub(super) latency: u32,
    /// Cycles on top of that until a credit counts at the other end.
    pub(super) credit_cycles: u32,
    /// Cycles between flits, in parts of 2^-20.
    pub(super) interval: u64,
    /// When the link takes another flit, in the same parts.
    pub(super) free: u64,
}

impl Far {
    /// Occupies the link with a flit from cycle `depart` on; the first cycle for another.
    #[inline]
    pub(super) fn occupy(&mut self, depart: u64) -> u64 {
        if self.interval <= 1 << FRACTION {
            return depart + 1;
        }
        self.occupy_slow(depart)
    }

    #[cold]
    fn occupy_slow(&mut self, depart: u64) -> u64 {
        self.free = self.free.max(depart << FRACTION) + self.interval;
        // A flit may start within a cycle in which the one before ends.
        (self.free >> FRACTION).max(depart + 1)
    }
}

/// All links, and what is on them.
#[derive(Clone, Debug)]
pub(super) struct Wires<W> {
    pub(super) calendar: Calendar,
    /// `[port of the bank]`
    pub(super) far: Vec<Far>,
    /// `[source]`
    pub(super) near: Vec<Far>,
    /// The bits of a lane that are its VC.
    pub(super) vc_mask: u32,
    /// Cycles that a router takes to process a credit.
    pub(super) credit_cycles: u32,
    pub(super) watch: W,
}

impl<W: Watch> Egress for Wires<W> {
    const WATCHES: bool = W::ON;

    #[inline]
    fn send(&mut self, d: &Departure, _: &mut Store) -> u64 {
        let far = &mut self.far[d.link];
        let arrival = d.depart + u64::from(far.latency);
        if W::ON {
            self.watch.sent(d);
        }
        let free = far.occupy(d.depart);
        if far.node {
            // A node takes a flit at once; its credit leaves in the next cycle.
            let back = arrival + 1 + u64::from(far.latency) + u64::from(self.credit_cycles);
            self.calendar.at(arrival).ejects.push(d.slot);
            self.calendar.at(back).credits.push(d.to);
            return free;
        }
        let lane = Lane(far.lane | d.to.0 & self.vc_mask);
        let event = FlitEvent { lane, slot: d.slot };
        let bucket = self.calendar.at(arrival);
        if d.head {
            bucket.heads.push(event)
        } else {
            bucket.bodies.push(event)
        }
        free
    }

    #[inline]
    fn credit(&mut self, from: Lane, link: usize, depart: u64) {
        let far = &self.far[link];
        let bucket = self.calendar.at(depart + u64::from(far.latency + far.credit_cycles));
        let vc = from.0 & self.vc_mask;
        if far.node {
            #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
            bucket.source_credits.push(SourceCredit { source: far.lane, vc: vc as u8 });
        } else {
            bucket.credits.push(Lane(far.lane | vc));
        }
    }

    #[inline]
    fn at_front(&mut self, at: Lane, slot: Slot, s: &Store, now: u64, routed: u64) {
        if W::ON {
            self.watch.at_front(at, s.packet(slot), now, routed);
        }
    }

    #[inline]
    fn vc_granted(&mut self, from: Lane, to: Lane, slot: Slot, s: &Store, ready: u64) {
        if W::ON {
            self.watch.vc_granted((from, to), s.packet(slot), ready);
        }
    }

    #[inline]
    fn stalled(&mut self, from: Lane, why: Stall) {
        if W::ON {
            self.watch.stalled(from, why);
        }
    }
}
