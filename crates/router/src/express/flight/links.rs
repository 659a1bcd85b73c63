//! Links as flights have them: which flight has one until when, and how soon another may come behind it.

use zerocopy::FromZeros;

use super::{FlightNo, NUMBER_BITS};
use crate::express::state::{When, after};
use crate::express::{Fixed, PortLink};
use crate::rate::FRACTION;

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
pub(in crate::express) struct Link(u64);

#[expect(clippy::cast_possible_truncation, reason = "parts of a word")]
impl Link {
    const USER: u64 = 1 << 32;
    const USERS: u64 = 0xffff << 32;
    const HAD: u32 = 48;

    /// One that nobody else uses.
    pub(super) const fn new(until: When, had: Had) -> Self {
        Self((had.0 as u64) << Self::HAD | until as u64)
    }

    /// The link of the same flight's next leg.
    pub(super) const fn of_next_leg(self) -> Self {
        Self(self.0 + ((Had::LEG as u64) << Self::HAD))
    }

    /// As one that is had until cycle 0 and nobody else uses, until another cycle.
    pub(super) const fn until_then(self, until: When) -> Self {
        Self(self.0 | until as u64)
    }

    pub(in crate::express) const fn until(self) -> When {
        self.0 as u32
    }

    /// Whether flights that had it, if any did, may be without credits of it in cycle `now`: then it is known who they are.
    pub(super) const fn may_lack_credits(self, now: When, spacing: Spacing) -> bool {
        let had = self.had().flight() != Had::NONE.flight();
        had && after(self.until().wrapping_add(spacing.credit), now)
    }

    /// Has cycles that are long past lie at `past`: then nobody is known to have it.
    pub(in crate::express) fn refresh(&mut self, past: When, spacing: Spacing) {
        if !self.may_lack_credits(past, spacing) {
            self.be_had_as(Self::new(past, Had::NONE));
        }
    }

    pub(super) const fn had(self) -> Had {
        Had((self.0 >> Self::HAD) as u16)
    }

    /// Whether anybody uses it.
    pub(super) const fn is_used(self) -> bool {
        self.0 & Self::USERS != 0
    }

    pub(in crate::express) const fn add_users(&mut self, users: u16) {
        self.0 += users as u64 * Self::USER;
    }

    pub(in crate::express) const fn lose_user(&mut self) {
        self.0 -= Self::USER;
    }

    /// Has it be had as another is.
    pub(super) const fn be_had_as(&mut self, other: Self) {
        self.0 = self.0 & Self::USERS | other.0 & !Self::USERS;
    }

    /// Has the flight that has it have it until another cycle.
    pub(in crate::express) const fn be_had_until(&mut self, until: When) {
        self.be_had_as(Self::new(until, self.had()));
    }
}

/// What has a link: a flight, which goes on from its far end with a leg.
#[derive(Clone, Copy, Debug, FromZeros)]
#[repr(transparent)]
pub(super) struct Had(u16);

impl Had {
    pub(super) const NONE: Self = Self::by(0, 0);
    const LEG: u16 = 1 << NUMBER_BITS;

    pub(super) const fn by(flight: FlightNo, leg: u8) -> Self {
        Self(flight | (leg as u16) << NUMBER_BITS)
    }

    pub(super) const fn flight(self) -> FlightNo {
        self.0 & (Self::LEG - 1)
    }

    pub(super) const fn leg(self) -> u8 {
        (self.0 >> NUMBER_BITS) as u8
    }
}

/// How long a flight has a link from when its flit leaves the buffer at the far end.
///
/// Another may come by the link so much later that its flit is in the buffer after that. So where links are alike, the
/// flits of two of them leave a router by the same link `rc + 2` cycles apart, at least.
#[derive(Clone, Copy, Debug)]
pub(in crate::express) struct Spacing {
    /// Cycles until its credit counts, and those from another's asking for the link until it is in the buffer: then the
    /// other has that credit.
    pub(super) credit: u32,
    /// Cycles for which a flight is remembered when it has ended: as long as a link may be had by its number, and where
    /// routing functions look at ports until its credits are back after that.
    pub(super) kept: u32,
    /// With more credits than that the other need not have it, and the credit counts at once as in
    /// [`Hot::give_back`](crate::express::hot::Hot::give_back).
    // With C the cycles until a credit counts: say that somebody else comes to the link, k flights have sent their flits by
    // it that are yet to leave the buffer, and others before them are without their credits. He sends a flit a cycle, so
    // he has sent d when d cycles have passed, and at most C - d of those others are still without. So with k + C + 1
    // credits there is one for him at any time, and likewise for a flight. Over a slow link that takes a flit in I cycles
    // he has sent d / I + 1, and so far apart those others left the buffer, too: so k + C / I + 2 are enough.
    pub(super) few: i16,
}

impl Spacing {
    /// That of a network with these links.
    pub(in crate::express) fn new(fixed: &Fixed, links: &[Vec<PortLink>]) -> Self {
        let most =
            |of: &dyn Fn(&PortLink) -> u32| links.iter().flatten().map(of).max().unwrap_or(0);
        let latency = |l: &PortLink| l.latency.saturating_add(fixed.traversal);
        let back = |l: &PortLink| l.credit_latency.saturating_add(1);
        let few = |l: &PortLink| {
            let interval = u32::try_from(l.interval >> FRACTION).unwrap_or(u32::MAX).max(1);
            let apart = interval.max(fixed.rc + 2);
            let sent = latency(l).saturating_add(fixed.rc) / apart + 1;
            sent.saturating_add(back(l) / interval).saturating_add(u32::from(interval > 1))
        };
        let credit = most(&latency).saturating_add(most(&back)).saturating_add(1);
        let kept = if fixed.looks { 2 * credit } else { credit };
        Self { credit, kept, few: i16::try_from(most(&few)).unwrap_or(i16::MAX) }
    }

    /// The last cycle in which a flight has a link whose flit leaves the buffer in a cycle; its output VC has so many
    /// credits, those that flights are without counted.
    #[inline]
    pub(super) const fn until(self, leaves: When, credits: u16) -> When {
        let few = credits.cast_signed() <= self.few;
        if few { leaves.wrapping_add(self.credit) } else { leaves }
    }
}
