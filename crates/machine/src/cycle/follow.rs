//! Following packets through the routers, stage by stage.
//!
//! ```text
//!   received ─▶ RC ─▶ VA request ─▶ VA grant ─▶ SA grant ─▶ ST ─▶ sent ─▶ received ...
//! ```
//!
//! Body flits are received and do SA, ST and the link only. What a stage waited for is told in the
//! cycles in which the router looked; a router that waits for nothing but a credit, or for a VC that
//! nobody leaves, sleeps, and is told once.

use std::collections::BTreeMap;

use base::PacketIdx;
use router::{Departure, Lane, Stall};

use super::Watch;

/// Whoever follows some packets. It is told of a packet once its head has left its source.
#[derive(Clone, Default, Debug)]
pub struct Follow {
    /// Packets that are followed and in flight, by their number while they are.
    present: BTreeMap<PacketIdx, u64>,
    /// Followed packets at the front of input VCs: packet, and flits of it that left.
    fronts: BTreeMap<Lane, (u64, u32)>,
    /// Flits received, by packet and place.
    received: BTreeMap<(u64, Lane), u32>,
    now: u64,
    seen: Vec<Sighting>,
}

/// Something that a followed packet did.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sighting {
    /// The packet, by its follower's number.
    pub packet: u64,
    /// The cycle in which it happened.
    pub cycle: u64,
    /// What happened.
    pub stage: Stage,
    /// The flit, 0 for the head.
    pub flit: u32,
    /// The input VC that it is in.
    pub at: Lane,
    /// The output VC, where there is one.
    pub to: Option<Lane>,
}

/// What a packet does in a router, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// A flit is in the buffer of an input VC.
    Received,
    /// Route computation begins.
    RouteComputed,
    /// First asks for an output VC.
    VcRequested,
    /// Asked for an output VC and got none.
    VcRefused,
    /// Got an output VC.
    VcGranted,
    /// Had no credit.
    NoCredit,
    /// Asked for the switch and did not get it.
    SwitchRefused,
    /// A flit got the switch.
    SwitchGranted,
    /// A flit goes through the switch.
    Traversed,
    /// A flit is on the link.
    Sent,
}

impl Stage {
    /// What it is called where events are printed.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::RouteComputed => "RC",
            Self::VcRequested => "VA request",
            Self::VcRefused => "VA: no VC",
            Self::VcGranted => "VA grant",
            Self::NoCredit => "SA: no credit",
            Self::SwitchRefused => "SA: lost",
            Self::SwitchGranted => "SA grant",
            Self::Traversed => "ST",
            Self::Sent => "sent",
        }
    }
}

impl Follow {
    /// Follows a packet in flight under a number of the caller's own.
    pub fn follow(&mut self, packet: PacketIdx, number: u64) {
        self.present.insert(packet, number);
    }

    /// A packet has arrived: its number in flight may be another packet's from now on.
    pub fn arrived(&mut self, packet: PacketIdx) {
        if let Some(number) = self.present.remove(&packet) {
            self.received.retain(|(p, _), _| *p != number);
        }
    }

    /// Everything that was seen, in order of packet and cycle.
    pub fn seen(&self) -> Vec<Sighting> {
        let mut seen = self.seen.clone();
        seen.sort_unstable();
        seen
    }

    fn note(&mut self, cycle: u64, stage: Stage, (packet, flit): (u64, u32), ends: Ends) {
        let Ends { at, to } = ends;
        self.seen.push(Sighting { packet, cycle, stage, flit, at, to });
    }
}

/// Where something happens.
#[derive(Clone, Copy)]
struct Ends {
    at: Lane,
    to: Option<Lane>,
}

impl From<Lane> for Ends {
    fn from(at: Lane) -> Self {
        Self { at, to: None }
    }
}

impl Watch for Follow {
    fn cycle(&mut self, now: u64) {
        self.now = now;
    }

    fn received(&mut self, at: Lane, packet: PacketIdx, now: u64) {
        if let Some(&number) = self.present.get(&packet) {
            let count = self.received.entry((number, at)).or_default();
            let flit = *count;
            *count += 1;
            self.note(now, Stage::Received, (number, flit), at.into());
        }
    }

    fn at_front(&mut self, at: Lane, packet: PacketIdx, now: u64, routed: u64) {
        match self.present.get(&packet) {
            None => {
                self.fronts.remove(&at);
            }
            Some(&number) => {
                self.fronts.insert(at, (number, 0));
                self.note(now, Stage::RouteComputed, (number, 0), at.into());
                self.note(routed, Stage::VcRequested, (number, 0), at.into());
            }
        }
    }

    fn vc_granted(&mut self, (at, to): (Lane, Lane), packet: PacketIdx, _ready: u64) {
        if let Some(&number) = self.present.get(&packet) {
            let ends = Ends { at, to: Some(to) };
            self.note(self.now, Stage::VcGranted, (number, 0), ends);
        }
    }

    fn sent(&mut self, d: &Departure) {
        let Some((number, left)) = self.fronts.get_mut(&d.from) else { return };
        let flit = (*number, *left);
        *left += 1;
        if d.tail {
            self.fronts.remove(&d.from);
        }
        let ends = Ends { at: d.from, to: Some(d.to) };
        self.note(d.now, Stage::SwitchGranted, flit, ends);
        self.note(d.depart - 1, Stage::Traversed, flit, ends);
        self.note(d.depart, Stage::Sent, flit, ends);
    }

    fn stalled(&mut self, at: Lane, why: Stall) {
        let Some(&flit) = self.fronts.get(&at) else { return };
        let stage = match why {
            Stall::NoVc => Stage::VcRefused,
            Stall::NoCredit => Stage::NoCredit,
            Stall::LostSwitch => Stage::SwitchRefused,
            Stall::Behind => return,
        };
        self.note(self.now, stage, flit, at.into());
    }
}

#[cfg(test)]
mod tests;
