//! Counting what routers do, from what they tell.
//!
//! Routers that cannot go on sleep and tell nothing, so cycles are charged to what an input VC was
//! last known to be doing, when it does something else:
//!
//! | from | to | charged to |
//! |---|---|---|
//! | a packet's first flit at the front | routed | pipeline |
//! | routed | the cycle of its grant | no VC |
//! | grant | may ask for the switch | pipeline |
//! | from then on, with a flit | | no credit, but for cycles in which it moved or lost the switch |

use std::collections::VecDeque;

use base::PacketIdx;
use router::{Departure, Lane, Stall};

use crate::cycle::Watch;

/// Counts of all lanes, over the measured window.
#[derive(Clone, Default, Debug)]
pub(in crate::sweep) struct Meter {
    /// `[lane]`
    pub(super) gauges: Vec<Gauge>,
    now: u64,
    from: u64,
    to: Option<u64>,
}

/// What a lane does: as an input VC, and flits sent to it as an output VC.
#[derive(Clone, Default, Debug)]
pub(super) struct Gauge {
    /// Packets with flits here, and how many of them are.
    queue: VecDeque<(PacketIdx, u32)>,
    flits: u32,
    /// The first cycle that is not yet charged.
    since: u64,
    phase: Phase,
    pub(super) max: u32,
    pub(super) flit_cycles: u64,
    pub(super) behind_cycles: u64,
    pub(super) received: u64,
    pub(super) moved: u64,
    pub(super) pipeline: u64,
    pub(super) no_vc: u64,
    pub(super) no_credit: u64,
    pub(super) lost_switch: u64,
    pub(super) out: u64,
}

/// What the packet at the front is waiting for.
#[derive(Clone, Copy, Default, Debug)]
enum Phase {
    /// Its turn.
    #[default]
    Pipeline,
    /// An output VC, from a cycle on.
    Vc { routed: u64 },
    /// The switch, from a cycle on.
    Switch { ready: u64 },
}

impl Gauge {
    /// Charges the cycles before `now`.
    fn charge(&mut self, now: u64) {
        if now <= self.since {
            return;
        }
        let (since, cycles) = (self.since, now - self.since);
        self.since = now;
        let Some((_, front)) = self.queue.front() else { return };
        let front = *front;
        self.flit_cycles += u64::from(self.flits) * cycles;
        self.behind_cycles += u64::from(self.flits - front) * cycles;
        if front == 0 {
            return;
        }
        let up_to = |cycle: u64| cycle.clamp(since, now) - since;
        match self.phase {
            Phase::Pipeline => self.pipeline += cycles,
            Phase::Vc { routed } => {
                self.pipeline += up_to(routed);
                self.no_vc += cycles - up_to(routed);
            }
            Phase::Switch { ready } => {
                self.pipeline += up_to(ready);
                self.no_credit += cycles - up_to(ready);
            }
        }
    }

    /// The present cycle is one in which the front flit did what is counted elsewhere.
    fn spend(&mut self, now: u64) {
        self.charge(now);
        if self.since == now {
            self.since = now + 1;
            let front = self.queue.front().map_or(0, |(_, flits)| *flits);
            self.flit_cycles += u64::from(self.flits);
            self.behind_cycles += u64::from(self.flits - front);
        }
    }

    /// Forgets what was counted.
    fn reset(&mut self, now: u64) {
        self.charge(now);
        let Self { queue, flits, phase, .. } = core::mem::take(self);
        *self = Self { queue, flits, phase, since: now, max: flits, ..Self::default() };
    }
}

impl Meter {
    pub(in crate::sweep) fn start(&mut self, lanes: usize) {
        self.gauges = vec![Gauge::default(); lanes];
    }

    pub(in crate::sweep) fn open(&mut self, now: u64) {
        self.from = now;
        self.gauges.iter_mut().for_each(|g| g.reset(now));
    }

    pub(in crate::sweep) fn close(&mut self, now: u64) {
        self.gauges.iter_mut().for_each(|g| g.charge(now));
        self.to = Some(now);
    }

    /// Cycles that were counted.
    pub(super) fn cycles(&self) -> u64 {
        self.to.unwrap_or(self.now).saturating_sub(self.from).max(1)
    }

    /// A lane's gauge, unless the window is over.
    fn at(&mut self, lane: Lane) -> Option<&mut Gauge> {
        if self.to.is_some() { None } else { self.gauges.get_mut(lane.0 as usize) }
    }
}

impl Watch for Meter {
    fn cycle(&mut self, now: u64) {
        self.now = now;
    }

    fn received(&mut self, at: Lane, packet: PacketIdx, now: u64) {
        let Some(gauge) = self.at(at) else { return };
        gauge.charge(now);
        match gauge.queue.back_mut() {
            Some((last, flits)) if *last == packet => *flits += 1,
            _ => gauge.queue.push_back((packet, 1)),
        }
        gauge.flits += 1;
        gauge.received += 1;
        gauge.max = gauge.max.max(gauge.flits);
    }

    fn at_front(&mut self, at: Lane, _: PacketIdx, now: u64, routed: u64) {
        let Some(gauge) = self.at(at) else { return };
        gauge.charge(now);
        gauge.phase = Phase::Vc { routed };
    }

    fn vc_granted(&mut self, (from, _): (Lane, Lane), _: PacketIdx, ready: u64) {
        let now = self.now;
        let Some(gauge) = self.at(from) else { return };
        gauge.charge(now);
        gauge.phase = Phase::Switch { ready };
    }

    fn sent(&mut self, d: &Departure) {
        if let Some(out) = self.at(d.to) {
            out.out += 1;
        }
        let Some(gauge) = self.at(d.from) else { return };
        gauge.spend(d.now);
        gauge.moved += 1;
        gauge.flits = gauge.flits.saturating_sub(1);
        if let Some((_, flits)) = gauge.queue.front_mut() {
            *flits = flits.saturating_sub(1);
        }
        if d.tail {
            gauge.queue.pop_front();
            gauge.phase = Phase::Pipeline;
        }
    }

    fn stalled(&mut self, at: Lane, why: Stall) {
        let now = self.now;
        if why == Stall::LostSwitch
            && let Some(gauge) = self.at(at)
        {
            gauge.spend(now);
            gauge.lost_switch += 1;
        }
    }
}
