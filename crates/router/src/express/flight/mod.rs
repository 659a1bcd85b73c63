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
//! has every link on its way for itself until its credit is back ([`Link`]), which is enough: all that routers
//! remember of a packet they remember by the links on which it came and went. So they are told when it
//! [sets out](Express::set_out). If somebody else comes to one of the links too early, they are told to forget the
//! legs that are not over, and the flit is put where it is at that moment ([`ground`](Express::ground)) and goes on
//! like any other. So flights change no cycle of anything.
//!
//! They take hold while there are few flits in the network: then each link counts who is about to use it.

mod land;
mod plan;

use zerocopy::FromZeros;

use super::layout::Layout;
use super::state::{LaneNo, NODE, PackedFlit, Sent, When, after, lane_no, later};
use super::table::{ROOM, zeroed};
use super::{Fixed, PortLink};

/// Legs of the longest flight.
const LEGS: usize = 32;
/// Cycles from the setting out to the end, less than these.
const HORIZON: usize = 256;
/// Places for flights; the first is nobody's.
const FLIGHTS: usize = 1 << FlightNo::BITS;
/// The bit of a link's number that says that it comes from a node: it has that of its port at the router. Others
/// have that of the port that they leave.
const ENTRY: LaneNo = 1 << 15;

/// Cycles between the end of flights and their next beginning, at least: counting who uses which link takes time. And
/// where they hardly came to anything.
const PAUSE: u32 = 1 << 10;
const LONG_PAUSE: u32 = 1 << 15;
/// Hops of others after which it is looked at what flights come to, and the legs that they are to make for each: a hop
/// takes longer where there are flights, which is made up for by some dozen legs.
const HOPS: u32 = 256;
const LEGS_A_HOP: u32 = 12;

/// Flits in the network with which there may be flights: few enough for those who use a link to be counted in 16 bits.
const FLITS_MAX: usize = 1 << 13;

/// Stands for all legs of a flight.
const ALL: u8 = u8::MAX;

/// More cycles than any flight lasts, and than lie between two that must be told apart.
const FOR_NOW: u32 = 1 << 20;

/// The number of a flight; 0 stands for none.
type FlightNo = u8;

/// A link in one direction, by what keeps flights off it, in one word: the last cycle in which a flight has it, which
/// flight that is, the last one if several have it one after the other, and who uses it otherwise. Those are the heads at
/// the front of input VCs that want it, the packets that hold an output VC of it, and the flits in the input VCs at its
/// far end, those under way included.
///
/// ```text
///   63    48 47    32 31      0
///   │ had   │ users  │ until  │
/// ```
#[derive(Clone, Copy, Debug, FromZeros)]
#[repr(transparent)]
struct Link(u64);

#[expect(clippy::cast_possible_truncation, reason = "parts of a word")]
impl Link {
    const USER: u64 = 1 << 32;
    const USERS: u64 = 0xffff << 32;
    const HAD: u32 = 48;

    /// One that nobody else uses.
    const fn new(until: When, had: Had) -> Self {
        Self((had.0 as u64) << Self::HAD | until as u64)
    }

    const fn until(self) -> When {
        self.0 as u32
    }

    const fn had(self) -> Had {
        Had((self.0 >> Self::HAD) as u16)
    }

    /// Whether anybody uses it.
    const fn is_used(self) -> bool {
        self.0 & Self::USERS != 0
    }

    const fn add_users(&mut self, users: u16) {
        self.0 += users as u64 * Self::USER;
    }

    const fn lose_user(&mut self) {
        self.0 -= Self::USER;
    }

    /// Has it be had as another is.
    const fn be_had_as(&mut self, other: Self) {
        self.0 = self.0 & Self::USERS | other.0 & !Self::USERS;
    }

    /// Has the flight that has it have it until another cycle.
    const fn be_had_until(&mut self, until: When) {
        self.be_had_as(Self::new(until, self.had()));
    }
}

/// What has a link: a flight, which goes on from its far end with a leg.
#[derive(Clone, Copy, Debug, FromZeros)]
#[repr(transparent)]
struct Had(u16);

impl Had {
    const NONE: Self = Self::by(0, 0);
    const LEG: u16 = 1 << FlightNo::BITS;

    const fn by(flight: FlightNo, leg: u8) -> Self {
        Self(u16::from_le_bytes([flight, leg]))
    }

    /// The same flight's next leg.
    const fn next(self) -> Self {
        Self(self.0 + Self::LEG)
    }

    const fn flight(self) -> FlightNo {
        self.0.to_le_bytes()[0]
    }

    const fn leg(self) -> u8 {
        self.0.to_le_bytes()[1]
    }
}

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
    /// The next one that ends in the same cycle.
    next: FlightNo,
    /// The last cycle in which some link may be had by its number.
    until: When,
    /// The cycle in which it ends.
    ends: When,
    /// How many of its legs it keeps, where it is about to lose some: none if it is put down. Or [`ALL`].
    kept: u8,
    room: [u8; 3],
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

    /// The first leg that is not over in cycle `now`, with how many are.
    fn leg(&self, now: When) -> Option<(u8, &Leg)> {
        let legs = self.legs().iter().zip(0..);
        legs.map(|(leg, at)| (at, leg)).find(|(_, leg)| after(leg.departs, now))
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

/// Whether flights come to anything: legs of them, and hops of others while there are any.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Tally {
    legs: u32,
    pub(super) hops: u32,
}

/// How long a flight has a link from when its flit leaves the buffer at the far end.
///
/// Another may come by the link so much later that its flit is in the buffer after that. So where links are alike, the
/// flits of two of them leave a router by the same link `rc + 2` cycles apart, at least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    /// Cycles until its credit counts, and those from another's asking for the link until it is in the buffer: then the
    /// other has that credit.
    credit: u32,
    /// With more credits than that the other need not have it, and the credit counts at once as in
    /// [`Hot::give_back`](super::hot::Hot::give_back).
    // With C the cycles until a credit counts: say that somebody else comes to the link, k flights have sent their flits by
    // it that are yet to leave the buffer, and others before them are without their credits. He sends a flit a cycle, so
    // he has sent d when d cycles have passed, and at most C - d of those others are still without. So with k + C + 1
    // credits there is one for him at any time, and likewise for a flight.
    few: i16,
}

impl Spacing {
    /// That of a network with these links.
    pub(super) fn new(fixed: &Fixed, links: &[Vec<PortLink>]) -> Self {
        let most = |of: fn(&PortLink) -> u32| links.iter().flatten().map(of).max().unwrap_or(0);
        let latency = most(|l| l.latency).saturating_add(fixed.traversal);
        let back = most(|l| l.credit_latency).saturating_add(1);
        let sent = latency.saturating_add(fixed.rc) / (fixed.rc + 2) + 1;
        let few = i16::try_from(sent.saturating_add(back)).unwrap_or(i16::MAX);
        Self { credit: latency.saturating_add(back).saturating_add(1), few }
    }

    /// The last cycle in which a flight has a link whose flit leaves the buffer in a cycle; its output VC has so many
    /// credits, those that flights are without counted.
    #[inline]
    const fn until(self, leaves: When, credits: u16) -> When {
        let few = credits.cast_signed() <= self.few;
        if few { leaves.wrapping_add(self.credit) } else { leaves }
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
    /// Whether flits are handed over [in order](crate::Border::ordered): then they are when they leave the last router, and
    /// that is the end.
    ordered: bool,
    /// Flits in the network, those of flights that end at nodes not counted.
    pub(super) flits: usize,
    /// How many set out, and how many of them were put down early.
    pub(super) counts: (u64, u64),
    /// What came of them since it was last looked at.
    pub(super) tally: Tally,
    /// When they were last given up, and for how long at least.
    since: When,
    pause: u32,
    /// VCs of a port, and how many there are.
    all: u64,
    vcs: u16,
    spacing: Spacing,
    links: Box<[Link; ROOM]>,
    places: Box<[Flight; FLIGHTS]>,
    /// The number to be tried next, and the first that never was anybody's.
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
}

impl Clone for Flights {
    fn clone(&self) -> Self {
        let mut this = Self::new((self.rule, self.limit), self.all, self.spacing);
        if self.on {
            this.links.copy_from_slice(&self.links[..]);
            let used = usize::from(self.unused);
            this.places[..used].copy_from_slice(&self.places[..used]);
        }
        Self {
            on: self.on,
            ordered: self.ordered,
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
            ordered: false,
            flits: 0,
            counts: (0, 0),
            tally: Tally::default(),
            since: 0,
            pause: PAUSE,
            all,
            vcs: u16::try_from(all.count_ones()).unwrap_or(0),
            spacing,
            links: zeroed(),
            places: zeroed(),
            next: 1,
            unused: 1,
            landings: [0; HORIZON],
            ends: [0; HORIZON],
            touched: Vec::new(),
            doomed: Vec::new(),
            fresh: Vec::new(),
        }
    }

    /// Whether they hardly come to anything: then they are not to begin again for long.
    #[cold]
    fn are_futile(&mut self) -> bool {
        let Tally { legs, hops } = core::mem::take(&mut self.tally);
        let futile = legs < LEGS_A_HOP * hops && self.rule == Rule::Useful;
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
        let number = self.next;
        self.next = if number + 1 == FlightNo::MAX { 1 } else { number + 1 };
        let place = &mut self.places[usize::from(number)];
        if number == self.unused {
            self.unused += 1;
        } else if after(place.until, now) {
            return None;
        }
        place.len = 0;
        place.until = now.wrapping_add(FOR_NOW);
        Some(number)
    }

    /// Gives back the number of a flight that ends in cycle `now`.
    #[inline]
    fn close(&mut self, number: FlightNo, now: When) {
        self.places[usize::from(number)].until = now.wrapping_add(self.spacing.credit);
    }

    /// Has a flight end in a cycle, and be at its node then or not.
    #[inline]
    fn schedule(&mut self, number: FlightNo, ends: When, lands: bool) {
        let all = if lands { &mut self.landings } else { &mut self.ends };
        let first = &mut all[Self::place(ends)];
        let place = &mut self.places[usize::from(number)];
        place.ends = ends;
        place.next = core::mem::replace(first, number);
    }

    /// Takes back that a flight ends when it [does](Self::schedule).
    fn unschedule(&mut self, number: FlightNo, lands: bool) {
        let Flight { ends, next, .. } = self.places[usize::from(number)];
        let all = if lands { &mut self.landings } else { &mut self.ends };
        let first = &mut all[Self::place(ends)];
        if *first == number {
            *first = next;
            return;
        }
        let mut before = *first;
        while before != 0 && self.places[usize::from(before)].next != number {
            before = self.places[usize::from(before)].next;
        }
        self.places[usize::from(before)].next = next;
    }

    /// The first flight that ends in cycle `now`, but for those at their nodes; the others follow.
    #[inline]
    fn take_due(&mut self, now: When) -> FlightNo {
        core::mem::replace(&mut self.ends[Self::place(now)], 0)
    }

    /// Ends a flight that is at its node in cycle `now`, if there is any: its flit.
    #[inline]
    pub(super) fn land(&mut self, now: When) -> Option<PackedFlit> {
        let first = &mut self.landings[Self::place(now)];
        while *first != 0 {
            let number = *first;
            let Flight { flit, len, next, aloft, until, .. } =
                &mut self.places[usize::from(number)];
            *first = *next;
            *until = now.wrapping_add(self.spacing.credit);
            if core::mem::take(aloft) {
                return Some(flit.routed_by((*len).into()));
            }
        }
        None
    }

    /// In cycle `now` a head at the front of an input VC wants a link, until its tail has left by it, or a flit is sent to an input VC at its far end.
    #[inline]
    pub(super) fn want(&mut self, link: LaneNo, now: When) {
        let there = &mut self.links[usize::from(link)];
        there.add_users(1);
        if after(there.until(), now) {
            self.touched.push(link);
        }
    }

    /// The packet's tail leaves by the output VC that it got, or the flit leaves the input VC.
    #[inline]
    pub(super) const fn have(&mut self, link: LaneNo) {
        self.links[link as usize].lose_user();
    }

    /// Cycles are kept by their low bits: moves those long past up to the present.
    pub(super) fn refresh(&mut self, past: When) {
        if self.on {
            for link in &mut self.links[..] {
                link.be_had_until(later(link.until(), past));
            }
        }
        for flight in &mut self.places[..usize::from(self.unused)] {
            flight.until = later(flight.until, past);
        }
        self.since = later(self.since, past);
    }

    /// Flights under way.
    fn all(&self) -> impl Iterator<Item = &Flight> {
        let used = if self.on { usize::from(self.unused) } else { 0 };
        self.places[..used].iter().filter(|f| f.aloft)
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
