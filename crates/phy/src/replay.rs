//! The sender of one direction: flits into frames, frames into the replay buffer, and when each
//! arrives.
//!
//! ```text
//!   flit ─▶ slot of a frame ─▶ frame p on the wire ──────────────▶ accepted: d = p
//!                  │               └─ in an outage: sent again ──▶ accepted: d > p, in order
//!                  └─▶ replay buffer, until its ack is back
//! ```
//!
//! When a flit is handed over, everything that its arrival depends on lies before it in the sequence or
//! in the [`Cable`], so its frame and the frame in which it is accepted are known at once, and nothing has
//! to be stepped. [`Sender::place`] does it in two compares while nothing is wrong, and goes the long way
//! through the cable's outages otherwise:
//!
//! - A frame that is first sent while the receiver discards is sent again as it is, not repacked: frames are
//!   accepted in the order of their numbers, from the end of the outage on.
//! - While replays are on the wire, new flits wait behind them; while the link is down, for it.
//! - A frame needs a place in the replay buffer: the frame `buffer_frames` before it has to be
//!   acknowledged. Receivers acknowledge every `ack_every` frames, and `ack_delay` after a frame at the
//!   latest, by the next frame back that can be read.
//! - Where the class has blocks of packets, a flit is accepted when the end of its block is ([`crate::block`]).
//!
//! Credits ride in the headers of this direction's frames as running counts, each of a VC, and a header has
//! room for the counts of so many VCs; VCs that have something to tell take turns, and the count tells all credits of
//! its VC up to then. What a frame that is lost would have told, the next that is accepted tells.

use base::{Flit, Fs, VcIdx};
use clock::{Edge, Uniform};

use crate::FrameClass;
use crate::block::{Blocks, Lie};
use crate::cable::{Cable, DEAD, slots};

/// New frames of a flit that are kept at once.
const FEW: u64 = 8;

/// No frame in a place of the replay buffer.
const FREE: u64 = u64::MAX;

/// Where a flit goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Placed {
    /// When the frame ends in which it would be sent at once.
    pub(crate) sent: Fs,
    /// When the frame ends in which it is accepted; the end of time if it never is.
    pub(crate) accepted: Fs,
    /// When the next flit may begin.
    pub(crate) next: Fs,
    /// Whether it arrives wrong.
    pub(crate) wrong: bool,
}

/// What a sender has done.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sent {
    pub(crate) flits: u64,
    pub(crate) frames: u64,
    pub(crate) replays: u64,
    pub(crate) wrong: u64,
    /// Frames that waited for a place in the replay buffer.
    pub(crate) buffer_stalls: u64,
}

/// A place of the replay buffer: in which frame it was sent first, and in which it is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
struct Kept {
    first: u64,
    accepted: u64,
}

/// The sending end of one direction of a framed link.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// The slots' clock, which starts at slot `base`.
    clock: Uniform,
    base: u64,
    /// Slots of a frame, and of a flit.
    slots: u64,
    flit_slots: u64,
    straddle: bool,
    /// Blocks of packets, where the class has them.
    blocks: Option<Box<Blocks>>,
    way: u8,
    /// The first slot that is free.
    next: u64,
    /// The first frame that has no flits yet, and the first that the next frame with flits can be
    /// accepted in.
    fresh: u64,
    accept: u64,
    /// Frames of which nothing need be asked: neither direction has any trouble.
    calm_from: u64,
    calm_until: u64,
    /// Frames after which an acknowledgement is back, in calm.
    bound: u64,
    /// The last frames with flits, in a ring.
    kept: Box<[Kept]>,
    at: usize,
    /// Frames with flits so far, and how many of these are known to be acknowledged.
    count: u64,
    acked: u64,
    /// The last frame whose header has counts to tell, of how many VCs, and of how many it has room for.
    credit_frame: u64,
    counts: u32,
    counts_max: u32,
    /// `[vc]`: one more than the last frame that tells its count; 0 if none did.
    told: Vec<u64>,
    ack_every: u64,
    ack_delay: Fs,
    sent: Sent,
}

base::state!([] Sender {
    keeps clock, base, next, fresh, accept, calm_from, calm_until, bound, kept, at, count, acked,
        credit_frame, counts, told, sent;
    each blocks;
    fixed slots, flit_slots, straddle, way, counts_max, ack_every, ack_delay
});

impl Sender {
    /// A sender of direction `way`, whose frames and those of the reverse take `latency` each.
    pub(crate) fn new(class: &FrameClass, way: u8, latency: [Fs; 2]) -> Self {
        let clock = slots(class, way, class.lanes, Fs::ZERO);
        let frame = clock.instant(Edge(class.layout.slots.into())).0.max(1);
        let rules = class.replay;
        let round = latency[0] + latency[1] + rules.ack_delay;
        Self {
            clock,
            base: 0,
            slots: class.layout.slots.into(),
            flit_slots: class.layout.flit_slots.into(),
            straddle: class.layout.straddle,
            blocks: class.layout.block.map(|b| Box::new(Blocks::new(b, class.layout.flit_slots))),
            way,
            next: 0,
            fresh: 0,
            accept: 0,
            calm_from: 0,
            calm_until: 0,
            bound: round.0.div_ceil(frame).saturating_add(5),
            kept: vec![Kept { first: 0, accepted: FREE }; rules.buffer_frames as usize].into(),
            at: 0,
            count: 0,
            acked: 0,
            credit_frame: 0,
            counts: 0,
            counts_max: class.layout.credits,
            told: Vec::new(),
            ack_every: rules.ack_every.into(),
            ack_delay: rules.ack_delay,
            sent: Sent::default(),
        }
    }

    pub(crate) const fn sent(&self) -> &Sent {
        &self.sent
    }

    /// Slots that flits have taken, with what stands around them in blocks.
    pub(crate) fn slots_used(&self) -> u64 {
        let around = self.blocks.as_ref().map_or(0, |b| b.around());
        self.sent.flits * self.flit_slots + around
    }

    /// The first slot at or after `slot` at which a flit may begin.
    #[inline]
    fn aligned(&self, slot: u64) -> u64 {
        let left = self.slots - slot % self.slots;
        if left < self.flit_slots && !self.straddle { slot + left } else { slot }
    }

    /// Where a flit lies that is handed over in time for `slot`.
    #[inline]
    fn lie(&self, flit: &Flit, slot: u64) -> Lie {
        if let Some(blocks) = &self.blocks {
            return blocks.lie(flit, slot, self.next);
        }
        let begins = self.aligned(slot.max(self.next));
        let next = begins + self.flit_slots;
        Lie { begins, next, whole: next, opens: true }
    }

    /// Puts a flit that is handed over at `handed` into a frame.
    #[inline]
    pub(crate) fn place(&mut self, cable: &mut Cable, flit: &Flit, handed: Fs) -> Placed {
        let slot = self.base + self.clock.edge_at_or_after(handed).0;
        let lie = self.lie(flit, slot);
        // What is kept already ends no earlier: frames are accepted in order.
        let frame = ((lie.whole - 1) / self.slots).max(self.fresh.saturating_sub(1));
        if frame >= self.calm_until || frame >= self.fresh && !self.keep_calmly(lie.begins, frame) {
            return self.place_in_trouble(cable, flit, handed);
        }
        self.put(flit, lie);
        let end = self.clock.instant(Edge((frame + 1) * self.slots - self.base));
        let next = self.clock.instant(Edge(lie.next - self.base));
        Placed { sent: end, accepted: end, next, wrong: false }
    }

    #[inline]
    fn put(&mut self, flit: &Flit, lie: Lie) {
        if let Some(blocks) = &mut self.blocks {
            blocks.put(flit, lie, self.next);
        }
        self.next = lie.next;
        self.sent.flits += 1;
    }

    /// Keeps the new frames of a flit for replay, if it is plain that there is room.
    #[inline]
    fn keep_calmly(&mut self, begins: u64, frame: u64) -> bool {
        let first = self.fresh.max(begins / self.slots);
        let acked = |(at, frame): (usize, u64)| {
            let old = self.kept[at % self.kept.len()].accepted;
            old == FREE || old >= self.calm_from && frame >= old + self.bound
        };
        // A flit, or the block that it is in, over many new frames is rare enough to go the long way.
        let few = frame - first < FEW.min(self.kept.len() as u64);
        if few && first >= self.accept && (self.at..).zip(first..=frame).all(acked) {
            (first..=frame).for_each(|frame| self.keep(frame, frame));
            return true;
        }
        false
    }

    /// Frame `frame` is the next with flits, and is accepted as `accepted`.
    #[inline]
    fn keep(&mut self, frame: u64, accepted: u64) {
        self.kept[self.at] = Kept { first: frame, accepted };
        self.at = if self.at + 1 == self.kept.len() { 0 } else { self.at + 1 };
        self.count += 1;
        self.sent.frames += 1;
        self.fresh = frame + 1;
        self.accept = (accepted + 1).min(DEAD);
    }

    #[cold]
    #[inline(never)]
    fn place_in_trouble(&mut self, cable: &mut Cable, flit: &Flit, handed: Fs) -> Placed {
        let way = usize::from(self.way);
        cable.catch_up(handed, |cable, at| self.forget(cable, cable.way(way).frame_from(at)));
        let slot = cable.way(way).slot_from(handed);
        if self.accept >= DEAD || slot >= DEAD {
            return self.never(cable, self.fresh);
        }
        let mut lie = self.lie(flit, slot);
        let ends =
            |lie: Lie, fresh: u64| ((lie.whole - 1) / self.slots).max(fresh.saturating_sub(1));
        let at_once = ends(lie, self.fresh);
        let mut stalled = false;
        let (first, last) = loop {
            let (first, last) = (lie.begins / self.slots, ends(lie, self.fresh));
            match self.later(cable, first, last) {
                Some((DEAD.., _)) => return self.never(cable, at_once),
                Some((frame, for_room)) => {
                    assert!(frame > first, "{frame} is no later than {first}");
                    stalled |= for_room;
                    lie = self.lie(flit, frame * self.slots);
                }
                None => break (first, last),
            }
        };
        self.sent.buffer_stalls += u64::from(stalled);
        let mut wrong = false;
        for frame in first.max(self.fresh)..=last {
            let (accepted, replays) = cable.accepted(way, frame.max(self.accept));
            self.sent.replays += replays.max(u64::from(accepted != frame));
            self.keep(frame, accepted);
        }
        let accepted = self.accept - 1;
        if accepted + 1 >= DEAD {
            return self.never(cable, at_once);
        }
        for frame in accepted.saturating_sub(last - first)..=accepted {
            wrong |= cable.way(way).is_wrong(frame);
        }
        self.put(flit, lie);
        self.sent.wrong += u64::from(wrong);
        self.look(cable, last.min(cable.way(way).frame_from(handed)), last);
        let w = cable.way(way);
        let (clock, base) = w.clock_of(self.next / self.slots);
        let next = clock.instant(Edge(self.next.saturating_sub(base)));
        Placed { sent: w.end(at_once.min(last)), accepted: w.end(accepted), next, wrong }
    }

    /// Why frames `first` to `last` cannot be sent as they are: the frame to try instead, and whether
    /// that is for want of room in the replay buffer.
    fn later(&self, cable: &mut Cable, first: u64, last: u64) -> Option<(u64, bool)> {
        let way = usize::from(self.way);
        let start = cable.way(way).start(first);
        cable.advance(start);
        if let Some(up) = cable.down_at(start) {
            let frame = if up == Fs::NEVER { DEAD } else { cable.way(way).frame_from(up) };
            return Some((frame.max(first + 1), false));
        }
        // Replays are on the wire: those of the last time the sender went back.
        let back = cable.way(way).went_back(first);
        let due = |k: &&Kept| k.accepted != FREE && k.accepted >= back && k.first < back;
        let again = back + self.kept.iter().filter(due).count() as u64;
        if first >= self.fresh && first < again {
            return Some((again, false));
        }
        let new = (last + 1).saturating_sub(first.max(self.fresh));
        let size = self.kept.len() as u64;
        let oldest = (self.count + new).checked_sub(size + 1)?;
        if new == 0 {
            return None;
        }
        let free = self.ack_of(cable, oldest);
        (free > first).then_some((free, true))
    }

    /// The frame of this direction that begins when the acknowledgement of the `nth` frame with flits
    /// is back.
    fn ack_of(&self, cable: &mut Cable, nth: u64) -> u64 {
        let (way, size) = (usize::from(self.way), self.kept.len() as u64);
        let kept = |n: u64| self.nth(n).accepted;
        assert!(
            nth < self.count && self.count - nth <= size,
            "{nth} of {} is forgotten",
            self.count
        );
        let w = cable.way(way);
        let there = |frame: u64| w.end(frame) + w.latency();
        let group = nth / self.ack_every * self.ack_every + self.ack_every - 1;
        let whole = if group < self.count { there(kept(group)) } else { Fs::NEVER };
        let said = whole.min(there(kept(nth)) + self.ack_delay);
        let back = 1 - way;
        let frame = cable.way(back).frame_from(said);
        let frame = cable.legible(back, frame);
        let heard = cable.way(back).end(frame) + cable.way(back).latency();
        cable.way(way).frame_from(heard)
    }

    /// The flit is never accepted.
    fn never(&mut self, cable: &Cable, at_once: u64) -> Placed {
        self.accept = DEAD;
        self.sent.flits += 1;
        let sent = cable.way(self.way.into()).end(at_once.min(DEAD));
        self.calm_until = 0;
        Placed { sent, accepted: Fs::NEVER, next: Fs::NEVER, wrong: false }
    }

    /// Looks how long it is calm from frame `now` on, and forgets what is long over; `frame` is the
    /// last that was placed.
    fn look(&mut self, cable: &mut Cable, now: u64, frame: u64) {
        let way = usize::from(self.way);
        if now >= self.calm_until {
            self.calm_from = now;
        }
        self.calm_until = cable.calm_until(way, now);
        (self.clock, self.base) = cable.way(way).clock_of(frame.max(now));
        // A frame that is accepted late takes its later flits along.
        if frame.max(now) >= self.calm_until || self.accept > self.fresh {
            self.calm_until = 0;
        }
        self.forget(cable, now);
    }

    /// Forgets what befell the cable before frame `now` and before the first frame that is not known to be
    /// acknowledged by then.
    fn forget(&mut self, cable: &mut Cable, now: u64) {
        if now >= DEAD || self.accept >= DEAD {
            return;
        }
        self.acked = self.acked.max(self.count.saturating_sub(self.kept.len() as u64));
        while self.acked < self.count && self.ack_of(cable, self.acked) <= now {
            self.acked += 1;
        }
        let waits = (self.acked < self.count).then(|| self.nth(self.acked).first);
        let oldest = waits.unwrap_or(now).min(now);
        cable.forget(self.way.into(), oldest.saturating_sub(self.bound * 4 + 64));
    }

    /// The `nth` frame with flits, one of the last that the replay buffer has room for.
    fn nth(&self, nth: u64) -> Kept {
        let size = self.kept.len();
        #[expect(clippy::cast_possible_truncation, reason = "below the ring's length")]
        let back = (self.count - nth) as usize;
        self.kept[(self.at + size - back % size) % size]
    }

    /// When a credit is told that is given at `handed`: the end of the frame whose header carries it.
    #[inline]
    pub(crate) fn credit(&mut self, cable: &mut Cable, vc: VcIdx, handed: Fs) -> Fs {
        let slot = self.base + self.clock.edge_at_or_after(handed).0;
        let frame = self.tells(slot.div_ceil(self.slots), vc);
        if frame >= self.calm_until {
            return self.credit_in_trouble(cable, vc, handed);
        }
        self.count_credit(frame, vc);
        self.clock.instant(Edge((frame + 1) * self.slots - self.base))
    }

    /// The frame whose header tells the count of a VC next, from the frame `first` on.
    #[inline]
    fn tells(&self, first: u64, vc: VcIdx) -> u64 {
        let told = self.told.get(usize::from(vc.0)).copied().unwrap_or(0);
        if told > first {
            return told - 1;
        }
        let frame = first.max(self.credit_frame);
        frame + u64::from(frame == self.credit_frame && self.counts >= self.counts_max)
    }

    #[inline]
    fn count_credit(&mut self, frame: u64, vc: VcIdx) {
        let at = usize::from(vc.0);
        if at >= self.told.len() {
            self.told.resize(at + 1, 0);
        }
        if self.told[at] == frame + 1 {
            return;
        }
        self.told[at] = frame + 1;
        self.counts = if frame == self.credit_frame { self.counts + 1 } else { 1 };
        self.credit_frame = frame;
    }

    #[cold]
    #[inline(never)]
    fn credit_in_trouble(&mut self, cable: &mut Cable, vc: VcIdx, handed: Fs) -> Fs {
        let way = usize::from(self.way);
        cable.advance(handed);
        let now = cable.way(way).frame_from(handed);
        let frame = self.tells(now, vc);
        if frame >= DEAD {
            return Fs::NEVER;
        }
        self.count_credit(frame, vc);
        let (accepted, _) = cable.accepted(way, frame);
        self.look(cable, now, frame);
        cable.way(way).end(accepted)
    }
}
