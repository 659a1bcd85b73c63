//! Flights: packets of one flit that meet nobody, whose whole way through the network is worked out in one go.
//!
//! ```text
//!              leg 0            leg 1             leg 2
//!   ──(entry)──▶ input VC ─link─▶ input VC ──link──▶ input VC ──(exit)──▶ node
//!               departs 5         departs 10         departs 15
//! ```
//!
//! Under a light load most packets find every router on their way at rest. Then all that they do is known when they
//! set out: which output VCs they get, and in which cycle they leave each router. A flight is that list of legs. It
//! has every link on its way ([`Link`]) from when it asks for it until its flit has left the buffer at the far end, and
//! others come behind it ([`Spacing`]). That is enough: all that routers remember of a packet they remember by the links
//! on which it came and went, and what several flights leave there is written in the order in which they come by. So
//! routers are told when a flight [sets out](Express::set_out).
//!
//! If somebody else comes to a link of its too early, a flight ends before it ([`cut`](Express::cut)), or is put down if
//! it is there already ([`ground`](Express::ground)): routers forget the legs that are not over, and its flit goes on from
//! where it is like any other. With it go all flights that came behind it on those links ([`doom`](Express::doom)), the
//! last to set out first, so that what routers remember is taken back in turn. So flights change no cycle of anything.
//!
//! They take hold while there are few flits in the network: then each link counts who is about to use it.

mod begin;
mod credits;
mod land;
mod legs;
mod links;
mod plan;
#[cfg(test)]
mod tests;

use core::ops::{Index, IndexMut};

use zerocopy::FromZeros;

use super::layout::Layout;
use super::state::{LaneNo, NODE, PackedFlit, Sent, When, after, lane_no, later};
use super::table::zeroed;
use links::Had;
pub(super) use links::{Link, Spacing};

/// Legs of the longest flight.
const LEGS: usize = 32;
/// Cycles from the setting out to the end, less than these.
const HORIZON: usize = 1024;
/// Places for flights; the first is nobody's.
const FLIGHTS: usize = 1 << NUMBER_BITS;
/// Bits of a flight's number.
const NUMBER_BITS: u32 = 10;
/// The bit of a link's number that says that it comes from a node: it has that of its port at the router. Others
/// have that of the port that they leave.
pub(super) const ENTRY: LaneNo = 1 << 15;

/// Cycles between the end of flights and their next beginning, at least: counting who uses which link takes time. And
/// where they hardly came to anything.
const PAUSE: u32 = 1 << 10;
const LONG_PAUSE: u32 = 1 << 15;
/// Hops of others after which it is looked at what flights come to, and the legs that they are to make for each: a hop
/// takes longer where there are flights, which is made up for by some dozen legs. Where there is less than a hop a cycle
/// it takes most of what a cycle does, which a leg saves: then fewer are enough, and so many where there is one a cycle.
const HOPS: u32 = 256;
const LEGS_A_HOP: u64 = 12;
const LEGS_ALONE: u64 = 8;

/// Flits in the network with which there may be flights: few enough for those who use a link to be counted in 16 bits.
pub(super) const FLITS_MAX: usize = 1 << 13;

/// Stands for all legs of a flight.
const ALL: u8 = u8::MAX;

/// More cycles than any flight lasts, and than lie between two that must be told apart.
const FOR_NOW: u32 = 1 << 20;

/// The number of a flight; 0 stands for none.
type FlightNo = u16;

/// A flight's way through a router.
#[derive(Clone, Copy, Debug, FromZeros)]
#[repr(C)]
struct Leg {
    /// From which input VC to which output VC.
    hop: Sent,
    /// The cycle in which it has the switch.
    departs: When,
    /// What the router remembered before: of the input VC, the output VC, the output port and the input port.
    before: Before,
    /// How the link was had before.
    link: Link,
}

/// Where arbiters went on behind.
#[derive(Clone, Copy, Debug, FromZeros)]
#[repr(C)]
struct Before {
    sent: Sent,
    out: LaneNo,
    owner: LaneNo,
    taken_from: LaneNo,
}

/// What else there is to a leg where hops are not known beforehand, or links are slow.
#[derive(Clone, Copy, Debug, FromZeros)]
#[repr(C)]
struct Extra {
    /// VCs that it might have taken.
    vcs: u64,
    /// When its link took another flit [before](crate::rate::Rate::free).
    free: u64,
    /// The same as the port had it.
    open_at: When,
    /// What its head notes after being routed there.
    state: u32,
}

/// A packet of one flit on its way.
#[derive(Clone, Copy, Debug, FromZeros)]
#[repr(C)]
struct Flight {
    /// As no router on the way has routed it yet.
    flit: PackedFlit,
    len: u8,
    /// Whether its last leg ends at a node.
    exits: bool,
    /// Whether it has neither ended nor been put down early.
    aloft: bool,
    /// How many of its legs it keeps, where it is about to lose some: none if it is put down. Or [`ALL`].
    kept: u8,
    /// The next one that ends in the same cycle.
    next: FlightNo,
    room: [u8; 2],
    /// The last cycle in which some link may be had by its number.
    until: When,
    /// The cycle in which it ends.
    ends: When,
    /// How many set out before.
    age: u64,
    /// How the link was had before by which it sets out.
    entry: Link,
    legs: [Leg; LEGS],
    /// Of each leg.
    extras: [Extra; LEGS],
}

impl Flight {
    /// The legs.
    fn legs(&self) -> &[Leg] {
        &self.legs[..usize::from(self.len)]
    }

    /// The output VC by which it leaves in the end.
    const fn leaves(&self) -> LaneNo {
        self.legs[(self.len - 1) as usize % LEGS].hop.out()
    }

    /// The first leg that is not over in cycle `now`, with how many are.
    fn leg(&self, now: When) -> Option<(u8, &Leg)> {
        let legs = self.legs().iter().zip(0..);
        legs.map(|(leg, at)| (at, leg)).find(|(_, leg)| after(leg.departs, now))
    }
}

/// The places of all flights.
#[derive(Debug)]
struct Places(Box<[Flight; FLIGHTS]>);

impl Index<FlightNo> for Places {
    type Output = Flight;

    #[inline]
    fn index(&self, number: FlightNo) -> &Flight {
        &self.0[usize::from(number) % FLIGHTS]
    }
}

impl IndexMut<FlightNo> for Places {
    #[inline]
    fn index_mut(&mut self, number: FlightNo) -> &mut Flight {
        &mut self.0[usize::from(number) % FLIGHTS]
    }
}

/// When there are flights in a network that is lightly loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// Never: ways depend on what goes on.
    Never,
    /// While they come to anything.
    Useful,
    Always,
}

/// Where flights end that lead to nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Exits {
    /// At their nodes.
    Landing,
    /// There, and the flits that arrive in one cycle are handed over [in order](crate::Border::ordered): that of the output
    /// VCs by which they left, all in the same cycle, since links to nodes take equally long.
    Sorted,
    /// Where they leave their last router: the order counts and depends on when they do, or nodes may be short of buffers.
    Leaving,
}

impl Exits {
    /// Whether that is at their nodes.
    const fn land(self) -> bool {
        !matches!(self, Self::Leaving)
    }
}

/// Whether flights come to anything: legs of them, and hops of others while there are any.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Tally {
    legs: u32,
    pub(super) hops: u32,
    /// From which cycle on.
    from: When,
}

impl Tally {
    const fn new(from: When) -> Self {
        Self { legs: 0, hops: 0, from }
    }

    /// Whether that is too few legs for so many hops, until cycle `now`.
    fn is_poor(self, now: When) -> bool {
        let (legs, hops) = (u64::from(self.legs), u64::from(self.hops));
        let cycles = u64::from(now.wrapping_sub(self.from));
        // The legs that there are to be for each, times the cycles.
        let enough = (LEGS_A_HOP * cycles).min(LEGS_ALONE * (legs + hops));
        legs * cycles < enough * hops
    }
}

/// All flights, and what keeps others from setting out.
#[derive(Debug)]
pub(super) struct Flights {
    /// Whether there may be any now: then links are counted.
    pub(super) on: bool,
    /// When there are any, and the flits in the network up to which there are.
    rule: Rule,
    limit: usize,
    /// Where those end that lead to nodes.
    exits: Exits,
    /// Flits in the network, those of flights that end at nodes not counted.
    pub(super) flits: usize,
    /// How many set out, and how many of them were put down early.
    pub(super) counts: (u64, u64),
    /// What came of them since it was last looked at.
    pub(super) tally: Tally,
    /// When they last began or were given up, and for how long they are at least.
    since: When,
    pause: u32,
    /// VCs of a port, and how many there are.
    all: u64,
    vcs: u16,
    pub(super) spacing: Spacing,
    places: Places,
    /// The number to be tried next, which go around, and the first that never was anybody's: as many are used as it takes.
    next: FlightNo,
    unused: FlightNo,
    /// `[cycle]`, by its low bits: the first of those that are at their nodes in it, which take them from there, and of all
    /// others that end in it.
    landings: [FlightNo; HORIZON],
    ends: [FlightNo; HORIZON],
    /// Links that somebody else is about to use.
    touched: Vec<LaneNo>,
    /// Flights that are about to lose legs.
    doomed: Vec<FlightNo>,
    /// Flits on their way into an input VC which may set out from there, each with the cycle of its arrival.
    pub(super) fresh: Vec<(LaneNo, PackedFlit, When)>,
    /// Input VCs whose heads were routed in this cycle and not ahead of time: they may set out from there, too.
    pub(super) decided: Vec<LaneNo>,
}

impl Clone for Flights {
    fn clone(&self) -> Self {
        let mut this = Self::new((self.rule, self.limit), self.all, self.spacing);
        if self.on {
            let used = usize::from(self.unused);
            this.places.0[..used].copy_from_slice(&self.places.0[..used]);
        }
        Self {
            on: self.on,
            exits: self.exits,
            flits: self.flits,
            counts: self.counts,
            tally: self.tally,
            since: self.since,
            pause: self.pause,
            next: self.next,
            unused: self.unused,
            landings: self.landings,
            ends: self.ends,
            ..this
        }
    }
}

impl Flights {
    /// None yet, and by this rule while there are so many flits in the network; `all` are the output VCs of a port.
    pub(super) fn new((rule, limit): (Rule, usize), all: u64, spacing: Spacing) -> Self {
        Self {
            on: false,
            rule,
            limit,
            exits: Exits::Landing,
            flits: 0,
            counts: (0, 0),
            tally: Tally::default(),
            since: 0,
            pause: PAUSE,
            all,
            vcs: u16::try_from(all.count_ones()).unwrap_or(0),
            spacing,
            places: Places(zeroed()),
            next: 1,
            unused: 1,
            landings: [0; HORIZON],
            ends: [0; HORIZON],
            touched: Vec::new(),
            doomed: Vec::new(),
            fresh: Vec::new(),
            decided: Vec::new(),
        }
    }

    /// Whether they hardly come to anything in cycle `now`: then they are not to begin again for long. That is asked when
    /// those have gone that were on their way before.
    #[cold]
    fn are_futile(&mut self, now: When) -> bool {
        let tally = core::mem::replace(&mut self.tally, Tally::new(now));
        let settled = now.wrapping_sub(self.since) as usize > 2 * HORIZON;
        let futile = settled && tally.is_poor(now) && self.rule == Rule::Useful;
        if futile {
            self.pause = LONG_PAUSE;
        }
        futile
    }

    const fn place(cycle: When) -> usize {
        cycle as usize % HORIZON
    }

    /// Whether any ends in cycle `now` but for those that are at their nodes.
    #[inline]
    pub(super) const fn are_due(&self, now: When) -> bool {
        self.ends[Self::place(now)] != 0
    }

    /// A number for a flight in cycle `now`. Until that has legs, it is done with no link: a way may come by one twice.
    #[inline]
    fn open(&mut self, now: When) -> Option<FlightNo> {
        let mut number = self.next;
        if number < self.unused && !after(self.places[number].until, now) {
            self.next = if number + 1 == self.unused { 1 } else { number + 1 };
        } else if usize::from(self.unused) < FLIGHTS {
            number = self.unused;
            self.unused += 1;
        } else {
            return None;
        }
        let place = &mut self.places[number];
        place.len = 0;
        place.until = now.wrapping_add(FOR_NOW);
        Some(number)
    }

    /// Gives back the number of a flight that ends in cycle `now`.
    #[inline]
    fn close(&mut self, number: FlightNo, now: When) {
        self.places[number].until = now.wrapping_add(self.spacing.kept);
    }

    /// Has a flight end in a cycle, and be at its node then or not.
    #[inline]
    fn schedule(&mut self, number: FlightNo, ends: When, lands: bool) {
        let all = if lands { &mut self.landings } else { &mut self.ends };
        let first = &mut all[Self::place(ends)];
        let place = &mut self.places[number];
        place.ends = ends;
        place.next = core::mem::replace(first, number);
        if lands && place.next != 0 && self.exits == Exits::Sorted {
            self.sort(ends);
        }
    }

    /// Puts the first of those that land in a cycle where it belongs among the others.
    #[cold]
    fn sort(&mut self, ends: When) {
        let places = &mut self.places;
        let first = self.landings[Self::place(ends)];
        let leaves = places[first].leaves();
        let (mut before, mut behind) = (0, places[first].next);
        while behind != 0 && places[behind].leaves() < leaves {
            (before, behind) = (behind, places[behind].next);
        }
        if before != 0 {
            self.landings[Self::place(ends)] = places[first].next;
            places[first].next = behind;
            places[before].next = first;
        }
    }

    /// Takes back that a flight ends when it [does](Self::schedule).
    fn unschedule(&mut self, number: FlightNo, lands: bool) {
        let Flight { ends, next, .. } = self.places[number];
        let all = if lands { &mut self.landings } else { &mut self.ends };
        let first = &mut all[Self::place(ends)];
        if *first == number {
            *first = next;
            return;
        }
        let mut before = *first;
        while before != 0 && self.places[before].next != number {
            before = self.places[before].next;
        }
        self.places[before].next = next;
    }

    /// The first flight that ends in cycle `now`, but for those at their nodes; the others follow.
    #[inline]
    fn take_due(&mut self, now: When) -> FlightNo {
        core::mem::replace(&mut self.ends[Self::place(now)], 0)
    }

    /// Ends a flight that is at its node in cycle `now`, if there is any: its flit.
    #[inline]
    pub(super) fn land(&mut self, now: When) -> Option<PackedFlit> {
        while let number @ 1.. = self.landings[Self::place(now)] {
            let place = &mut self.places[number];
            self.landings[Self::place(now)] = place.next;
            let landed =
                core::mem::take(&mut place.aloft).then(|| place.flit.routed_by(place.len.into()));
            self.close(number, now);
            if landed.is_some() {
                return landed;
            }
        }
        None
    }

    /// In cycle `now` a head at the front of an input VC wants a link, until its tail has left by it, or a flit is sent to an
    /// input VC at its far end, until it leaves that: `there` is how the link is had.
    #[inline]
    pub(super) fn want(&mut self, there: &mut Link, link: LaneNo, now: When) {
        there.add_users(1);
        if after(there.until(), now) {
            self.touched.push(link);
        }
    }

    /// Cycles are kept by their low bits: moves those long past up to the present.
    pub(super) fn refresh(&mut self, past: When) {
        for flight in &mut self.places.0[..usize::from(self.unused)] {
            flight.until = later(flight.until, past);
        }
        self.since = later(self.since, past);
    }

    /// Flights under way.
    fn all(&self) -> impl Iterator<Item = &Flight> {
        let used = if self.on { usize::from(self.unused) } else { 0 };
        self.places.0[..used].iter().filter(|f| f.aloft)
    }

    /// What leg of which flight begins at an input VC, if it is there in cycle `now`: its flit as it is there, where it is
    /// going, and whether it has got that.
    pub(super) fn at(
        &self,
        lane: LaneNo,
        rc: u32,
        now: When,
    ) -> Option<(PackedFlit, LaneNo, bool)> {
        self.all().find_map(|f| {
            let (over, leg) = f.leg(now)?;
            let asks = leg.departs.wrapping_sub(1);
            let there = leg.hop.lane() == lane && !after(asks.wrapping_sub(rc), now);
            there.then(|| (f.flit.routed_by(u16::from(over) + 1), leg.hop.out(), !after(asks, now)))
        })
    }

    /// The input VCs where they are, or to which they are on their way.
    pub(super) fn lanes(&self, now: When) -> impl Iterator<Item = LaneNo> {
        self.all().filter_map(move |f| f.leg(now)).map(|(_, leg)| leg.hop.lane())
    }

    /// The output VCs by which they are yet to leave, though that is counted.
    pub(super) fn to_come(&self, now: When) -> impl Iterator<Item = LaneNo> {
        let all = self.all().flat_map(Flight::legs);
        all.filter(move |leg| after(leg.departs, now)).map(|leg| leg.hop.out())
    }
}

/// The link by which flits come to an input VC, whose output VC of the same number leads to `far`.
#[inline]
pub(super) fn link<L: Layout>(layout: L, far: u32, lane: LaneNo) -> LaneNo {
    if far & NODE != 0 { layout.port(lane) | ENTRY } else { layout.port(lane_no(far)) }
}
