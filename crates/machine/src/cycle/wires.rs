//! The links of a network on one clock, as its routers see them.

use base::RouterIdx;
use router::{Absorption, Border, Departure, Egress, Lane, PackedFlit, Rate, Slot, Stall, Store};

use super::calendar::{Calendar, Kind};
use super::framed::Framed;
use super::groups::Ledger;
use super::source::Source;
use super::watch::Watch;

/// What is at the far end of the link of a lane: 16 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Far {
    /// The far lane; where the far end is a node, the number of its source and the VC.
    pub(super) lane: u32,
    /// Cycles from leaving this end to being received at the other.
    pub(super) latency: u32,
    /// Cycles from leaving this end until a credit counts at the other.
    pub(super) credit_latency: u32,
    /// Whether the far end is a node.
    pub(super) node: bool,
    /// Whether the link needs more than a cycle for a flit.
    pub(super) slow: bool,
}

/// All links, and what is on them.
#[derive(Clone, Debug)]
pub(super) struct Wires<W> {
    pub(super) calendar: Calendar,
    /// `[lane]`
    pub(super) far: Vec<Far>,
    /// `[lane of a port's first VC]`, where there are slow links at all.
    pub(super) rates: Vec<Rate>,
    /// The bits of a lane that are its VC.
    pub(super) vc_mask: u32,
    /// Whether any node has several ports.
    pub(super) shared_nodes: bool,
    /// Cycles that a router takes to process a credit.
    pub(super) credit_cycles: u32,
    /// The framed ones among them.
    pub(super) framed: Option<Box<Framed>>,
    pub(super) watch: W,
    /// Where packets may go to groups.
    pub(super) ledger: Option<Box<Ledger>>,
}

impl<W: Watch> Egress for Wires<W> {
    const WATCHES: bool = W::ON;

    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn send(&mut self, d: &Departure, store: &mut Store) -> u64 {
        let far = self.far[d.to.0 as usize];
        let arrival = d.depart + u64::from(far.latency);
        if W::ON {
            self.watch.sent(d);
        }
        if let Some(framed) = &mut self.framed
            && let Some(link) = framed.of(d.to)
        {
            return framed.send(link, store, d, (far.lane, far.node));
        }
        self.calendar.mark(arrival);
        if far.node {
            // A node takes a flit at once; its credit leaves in the next cycle.
            let back = arrival + 1 + u64::from(far.latency) + u64::from(self.credit_cycles);
            self.calendar.mark(back);
            self.calendar.ejects.push(arrival, d.slot);
            self.calendar.credits.push(back, d.to);
        } else if d.head {
            self.calendar.heads.push(arrival, (Lane(far.lane), d.slot));
        } else {
            self.calendar.bodies.push(arrival, (Lane(far.lane), d.slot));
        }
        if far.slow {
            return self.rates[(d.to.0 & !self.vc_mask) as usize].occupy(d.depart);
        }
        d.depart + 1
    }

    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn credit(&mut self, from: Lane, depart: u64) {
        let far = self.far[from.0 as usize];
        if let Some(framed) = &mut self.framed
            && let Some(out) = framed.of(from)
        {
            return framed.credit(out, from, depart, (far.lane, far.node));
        }
        let at = depart + u64::from(far.credit_latency);
        if far.node {
            self.calendar.marks.set(at, Kind::Credits);
            self.calendar.source_credits.push(at, Lane(far.lane));
        } else {
            self.calendar.mark(at);
            self.calendar.credits.push(at, Lane(far.lane));
        }
    }

    #[inline]
    fn wake(&mut self, router: RouterIdx, at: u64) {
        self.calendar.wake(router, at);
    }

    #[inline]
    fn absorb(&mut self, a: &Absorption, store: &mut Store) {
        if let Some(ledger) = &mut self.ledger {
            ledger.absorb(a, store);
        }
    }

    #[inline]
    fn combine(&mut self, entry: u32, slot: Slot, store: &Store) {
        if let Some(ledger) = &mut self.ledger {
            ledger.combine(entry, slot, store);
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

/// The edge of a network whose routers are stepped all at once.
pub(super) struct Edge<'a> {
    calendar: &'a mut Calendar,
    /// Whether any node has several ports.
    shared_nodes: bool,
    sources: &'a mut [Source],
    /// `[source * VCs + vc]`
    credits: &'a mut [u16],
    vcs: u32,
}

impl<'a> Edge<'a> {
    /// That of these links and sources, with so many VCs a port.
    #[inline]
    pub(super) const fn new<W>(
        wires: &'a mut Wires<W>,
        (sources, credits): (&'a mut [Source], &'a mut [u16]),
        vcs: u32,
    ) -> Self {
        let Wires { calendar, shared_nodes, .. } = wires;
        Self { calendar, shared_nodes: *shared_nodes, sources, credits, vcs }
    }

    /// A source and VC as buffers tell them.
    const fn of(source: Lane) -> (usize, usize) {
        ((source.0 / 64) as usize, (source.0 % 64) as usize)
    }
}

impl Border for Edge<'_> {
    #[inline]
    fn ordered(&self) -> bool {
        self.shared_nodes
    }

    #[inline]
    fn ejects(&mut self, arrival: u64) -> &mut Vec<PackedFlit> {
        // Flits are handed over that arrive in this very cycle before it comes to that.
        if arrival != self.calendar.now {
            self.calendar.marks.set(arrival, Kind::Flits);
        }
        self.calendar.landing.list(arrival)
    }

    #[inline]
    fn wake(&mut self, at: u64) {
        self.calendar.marks.set(at, Kind::Flits);
    }

    #[inline]
    fn credit_early(&mut self, source: Lane, cycles: u64) -> bool {
        let (s, vc) = Self::of(source);
        let credits = &mut self.credits[s * self.vcs as usize + vc];
        let plenty = match u64::from(self.sources[s].apart) {
            1 => u64::from(*credits) >= cycles,
            apart => u64::from(*credits) >= cycles / apart + 2,
        };
        *credits += u16::from(plenty);
        plenty
    }

    #[cold]
    fn take_credit(&mut self, source: Lane) {
        let (s, vc) = Self::of(source);
        let credits = &mut self.credits[s * self.vcs as usize + vc];
        *credits -= 1;
        if *credits == 0 {
            self.sources[s].funded &= !(1 << vc);
        }
    }

    #[inline]
    fn credits(&mut self, at: u64) -> &mut Vec<Lane> {
        self.calendar.marks.set(at, Kind::Credits);
        self.calendar.source_credits.list(at)
    }
}
