//! The course of a packet that nothing stands in the way of, and what it occupies.
//!
//! With `b` the cycle in which a flit is received by a router, `s` that in which it gets the switch:
//!
//! ```text
//!   head   asks for its VC at b + RC, for the switch VA later, has it SA - 1 after that
//!   body   asks for the switch when it is there, the flit before has gone, the link takes another, and
//!          the VC has a credit; a VC that has more flits asks every SA cycles
//!   flit   on the link at s + 1 + ST, received a latency later; its credit back a latency after s + 1
//! ```
//!
//! Body flits do no RC and no VA, so they close up behind their head: what a head waits for in a router
//! its body makes good there, and a packet keeps its length in time unless a link is slow, SA takes
//! several cycles, or credits are short.

use base::LinkIdx;
use base::arch::{Buffers, RouterArch, Switching, VcReuse};
use router::FRACTION;
use topology::spec::{End, MachineSpec};

use super::book::Kind;
use super::{Hop, Trouble};
use crate::cycle::Timings;

/// A link in cycles of the routers' clock.
#[derive(Clone, Copy, Debug)]
struct Wire {
    latency: u64,
    /// Between flits, in parts of 2^-20 of a cycle.
    interval: u64,
    /// From a flit's leaving the buffer at the far end to its credit's use at this one.
    credit: u64,
    /// Flits of buffer a VC at the far end.
    depth: usize,
    to_node: bool,
}

impl Wire {
    /// The most flits that go on the link in so many cycles.
    const fn flits_in(&self, cycles: u64) -> u64 {
        if self.interval <= 1 << FRACTION {
            return cycles;
        }
        // The first one, and one that starts within a cycle in which another ends.
        (cycles << FRACTION) / self.interval + 2
    }
}

/// The timing of a machine's routers and links.
#[derive(Debug)]
pub(super) struct Ground {
    wires: Vec<Wire>,
    rc: u64,
    va: u64,
    sa: u64,
    /// From getting the switch to the link.
    traversal: u64,
    /// Whether a VC is another packet's only when its credits are back.
    keeps_vcs: bool,
    cut_through: bool,
}

/// What the flits of a packet do in a channel, in cycles from its release.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    /// The head asks for its VC.
    asks: u64,
    /// `[flit]`: gets the switch; leaves the source, in the first channel.
    switched: Vec<u64>,
    /// `[flit]`: on the link, and the first cycle in which the link takes another flit whatever it is.
    departs: Vec<u64>,
    frees: Vec<u64>,
    /// `[flit]`: received at the far end.
    arrives: Vec<u64>,
    /// `[flit]`: its credit is back.
    credits: Vec<u64>,
    /// The state of the link's rate, and when it takes another flit of this packet.
    rate: u64,
    link_free: u64,
}

/// A packet's course.
#[derive(Clone, Debug)]
pub(super) struct Course {
    legs: Vec<Leg>,
    /// The tail's arrival, from its release on.
    pub(super) arrival: u64,
}

/// Something that is occupied for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) kind: Kind,
    pub(super) link: LinkIdx,
    /// First and last cycle, from the packet's release on.
    pub(super) from: i64,
    pub(super) to: i64,
    /// Those virtual channels of which one is occupied.
    pub(super) vcs: u64,
}

/// All that a packet occupies; the claims of VCs last, in the order of its way.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    pub(super) fixed: Vec<Claim>,
    pub(super) vcs: Vec<Claim>,
}

impl Ground {
    /// # Errors
    /// If routers do what this closed form does not cover.
    pub(super) fn new(spec: &MachineSpec) -> Result<Self, Trouble> {
        let timings = Timings::new(spec).map_err(|e| Trouble::Machine(e.to_string()))?;
        let r = &spec.router;
        covered(spec)?;
        let links = &spec.fabric.links;
        let latency = |l: usize| timings.cycles(LinkIdx::new(l)).0;
        let wire = |l: usize| {
            let link = &links[l];
            let to_node = matches!(link.to, End::Node(..));
            let back = latency(LinkIdx::new(l).reverse().at());
            let processed = match link.from {
                End::Router(..) => u64::from(r.credit_cycles),
                End::Node(..) => 0,
            };
            // A node takes a flit at once; its credit leaves in the next cycle.
            let credit = if to_node { 1 + latency(l) } else { 1 + back } + processed;
            let (latency, interval) = timings.cycles(LinkIdx::new(l));
            let depth = spec.fabric.classes[link.class].buffer_flits as usize;
            Wire { latency, interval, credit, depth, to_node }
        };
        Ok(Self {
            wires: (0..links.len()).map(wire).collect(),
            rc: u64::from(r.rc_cycles),
            va: u64::from(r.va_cycles),
            sa: u64::from(r.sa_cycles),
            traversal: 1 + u64::from(r.st_cycles),
            keeps_vcs: r.arch.vc_reuse != VcReuse::TailSent,
            cut_through: r.arch.switching == Switching::VirtualCutThrough,
        })
    }

    fn wire(&self, link: LinkIdx) -> &Wire {
        &self.wires[link.at()]
    }

    /// Cycles between flits of a link.
    pub(super) fn interval(&self, link: LinkIdx) -> f64 {
        self.wire(link).interval.max(1 << FRACTION) as f64 / f64::from(1 << FRACTION)
    }

    /// The course of a packet of so many flits.
    ///
    /// # Errors
    /// If it does not fit a buffer that it has to fit.
    pub(super) fn course(&self, hops: &[Hop], flits: u32) -> Result<Course, Trouble> {
        let least = hops.iter().map(|hop| self.wire(hop.link).depth).min().unwrap_or(0);
        if self.cut_through && flits as usize > least {
            return Err(Trouble::Buffer { flits, depth: least });
        }
        let mut legs: Vec<Leg> = hops.iter().map(|_| Leg::new(flits as usize)).collect();
        for flit in 0..flits as usize {
            for (n, hop) in hops.iter().enumerate() {
                let (done, rest) = legs.split_at_mut(n);
                let leg = &mut rest[0];
                let wire = self.wire(hop.link);
                let at = match done.last_mut() {
                    None => leg.leave_source(flit, wire),
                    Some(before) => {
                        let at = self.switch(leg, before.arrives[flit], flit, wire);
                        before.credits.push(at + self.wire(hops[n - 1].link).credit);
                        at
                    }
                };
                let traversal = if n == 0 { 1 } else { self.traversal };
                leg.launch(at, at + traversal, wire);
            }
        }
        let arrival = legs.last().and_then(|leg| leg.arrives.last().copied()).unwrap_or(0);
        Ok(Course { legs, arrival })
    }

    /// The cycle in which a flit that a router received at `there` gets the switch.
    fn switch(&self, leg: &mut Leg, there: u64, flit: usize, wire: &Wire) -> u64 {
        if flit == 0 {
            leg.asks = there + self.rc;
            return leg.asks + self.va + self.sa - 1;
        }
        let before = leg.switched[flit - 1];
        let link = leg.link_free.saturating_sub(self.traversal);
        let ready = there.max(before + 1).max(leg.credit(flit, wire.depth));
        // A link that takes a flit a cycle is never waited for.
        let slow = wire.interval > 1 << FRACTION;
        let ready = if slow { ready.max(link) } else { ready };
        let asks = if there <= before {
            // It was there when the one before it left: its VC asks every so many cycles.
            before + 1 + (ready - before - 1).next_multiple_of(self.sa)
        } else {
            ready
        };
        asks + self.sa - 1
    }

    /// What a packet on this course occupies, where nodes may release it `error` cycles early or late.
    pub(super) fn claims(&self, hops: &[Hop], course: &Course, error: u64) -> Claims {
        let error = signed(error);
        let mut all = Claims { fixed: Vec::new(), vcs: Vec::new() };
        for (n, (hop, leg)) in hops.iter().zip(&course.legs).enumerate() {
            let claim = |kind, from: i64, to: i64| Claim {
                kind,
                link: hop.link,
                from: from - error,
                to: to + error,
                vcs: hop.vcs,
            };
            // While it is asked for, a slow link must be idle.
            let slow = self.wire(hop.link).interval > 1 << FRACTION;
            let ahead = if slow { signed(self.sa) - 1 } else { 0 };
            let mut channel: Vec<Claim> = leg
                .departs
                .iter()
                .zip(&leg.frees)
                .map(|(from, to)| claim(Kind::Channel, signed(*from) - ahead, signed(*to) - 1))
                .collect();
            if n == 0
                && let (Some(first), Some(last)) = (channel.first(), channel.last())
            {
                // A source sends one packet at a time.
                channel = vec![Claim { to: last.to, ..*first }];
            }
            all.fixed.extend(joined(channel));
            if let Some(next) = course.legs.get(n + 1) {
                let input =
                    next.switched.iter().map(|s| claim(Kind::Input, signed(*s), signed(*s)));
                all.fixed.extend(joined(input.collect()));
            }
            let (from, to) = self.holds(hop, leg, course.legs.get(n + 1));
            all.vcs.push(claim(Kind::Vc, from, to));
        }
        all
    }

    /// From when to when a packet's virtual channel of a leg is its own, as others see it who ask for it
    /// in a cycle.
    fn holds(&self, hop: &Hop, leg: &Leg, next: Option<&Leg>) -> (i64, i64) {
        let wire = self.wire(hop.link);
        let last = |of: &[u64]| signed(of.last().copied().unwrap_or(0));
        let (asks, tail) = (signed(leg.asks), last(&leg.switched));
        let round_trips = leg.switched.iter().zip(&leg.credits).map(|(s, c)| c - s);
        let short = wire.flits_in(round_trips.max().unwrap_or(0)) > wire.depth as u64;
        // Where credits last for a round trip, flits of others on the way cost it nothing, nor its
        // own others. Where not, they are waited for.
        let drains = short || self.cut_through;
        let from = if drains { asks - signed(wire.depth as u64) } else { asks };
        let mut to = tail;
        if drains || self.keeps_vcs {
            to = to.max(last(&leg.credits) - 1);
        }
        if let Some(next) = next.filter(|_| !wire.to_node) {
            // A head must not come to a buffer that another packet is in.
            let lead = signed(leg.arrives.first().copied().unwrap_or(0)) - asks;
            to = to.max(last(&next.switched) - lead);
        }
        (from, to)
    }
}

impl Leg {
    fn new(flits: usize) -> Self {
        let room = || Vec::with_capacity(flits);
        let (switched, departs, frees) = (room(), room(), room());
        let (arrives, credits) = (room(), room());
        Self { asks: 0, switched, departs, frees, arrives, credits, rate: 0, link_free: 0 }
    }

    /// When a flit has a credit, of a VC of so many.
    fn credit(&self, flit: usize, depth: usize) -> u64 {
        flit.checked_sub(depth).map_or(0, |paid| self.credits[paid])
    }

    /// The cycle in which a source sends a flit.
    fn leave_source(&self, flit: usize, wire: &Wire) -> u64 {
        let Some(before) = self.switched.last() else { return 0 };
        (before + 1).max(self.link_free - 1).max(self.credit(flit, wire.depth))
    }

    /// A flit gets the switch at a cycle and goes on the link at another.
    fn launch(&mut self, at: u64, depart: u64, wire: &Wire) {
        self.switched.push(at);
        self.departs.push(depart);
        self.arrives.push(depart + wire.latency);
        if wire.interval > 1 << FRACTION {
            self.rate = self.rate.max(depart << FRACTION) + wire.interval;
            self.link_free = (self.rate >> FRACTION).max(depart + 1);
            // Whoever comes then finds nothing of the packet left in the rate.
            self.frees.push(self.rate.div_ceil(1 << FRACTION).max(depart + 1));
        } else {
            self.link_free = depart + 1;
            self.frees.push(depart + 1);
        }
        if wire.to_node {
            self.credits.push(depart + wire.latency + wire.credit);
        }
    }
}

/// Joins claims that follow each other without a gap.
fn joined(claims: Vec<Claim>) -> Vec<Claim> {
    let mut all: Vec<Claim> = Vec::new();
    for claim in claims {
        match all.last_mut() {
            Some(last) if claim.from <= last.to + 1 => last.to = last.to.max(claim.to),
            _ => all.push(claim),
        }
    }
    all
}

fn signed(cycle: u64) -> i64 {
    i64::try_from(cycle).unwrap_or(i64::MAX / 4)
}

/// Whether the routers are such that the closed form holds.
fn covered(spec: &MachineSpec) -> Result<(), Trouble> {
    let RouterArch {
        speculative,
        input_speedup,
        output_speedup,
        internal_speedup,
        output_buffer_flits,
        buffers,
        hold_switch,
        ..
    } = spec.router.arch;
    let shared = |link: &topology::spec::LinkClass| {
        let vcs = spec.router.vcs_per_class;
        spec.pool(link, vcs).is_some()
    };
    if let Some(framed) = spec.fabric.classes.iter().find(|class| class.phy.is_some()) {
        return Err(Trouble::Framed(framed.name.clone()));
    }
    let what = if speculative {
        "speculative switch allocation"
    } else if input_speedup > 1 || output_speedup > 1 || internal_speedup > 1 {
        "speedups"
    } else if output_buffer_flits.is_some() {
        "output buffers"
    } else if buffers != Buffers::Private || spec.fabric.classes.iter().any(shared) {
        "shared buffers"
    } else if hold_switch {
        "held connections"
    } else {
        return Ok(());
    };
    Err(Trouble::Routers(what))
}
