//! One direction of a cable: where its frames lie in time, which are lost, what is not accepted.

use std::collections::VecDeque;

use base::Fs;
use clock::{Edge, Uniform};

use super::slots;
use crate::FrameClass;
use crate::errors::{Corrupted, NEVER};

/// The number of a frame that never comes.
pub(crate) const DEAD: u64 = u64::MAX / 2;

/// A stretch of frames whose payload is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Outage {
    /// The first frame that is not.
    pub(crate) from: u64,
    /// The first that is again, with which the sender goes back; [`DEAD`] if none is. If that is lost
    /// too, another outage begins with it.
    pub(crate) resume: u64,
}

/// Frames at one rate: since the link came up last.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Epoch {
    /// Number of the first frame.
    first: u64,
    /// The clock of its slots, which starts with that frame.
    clock: Uniform,
    start: Fs,
    /// Frames that were sent before.
    sent: u64,
}

/// What happened to the frames of a direction.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct WireCounts {
    /// Frames beyond repair, idle or not.
    pub(crate) uncorrectable: u64,
    /// Those that the CRC let pass.
    pub(crate) undetected: u64,
    /// Naks heard.
    pub(crate) naks: u64,
    /// Replays for want of a nak.
    pub(crate) timeouts: u64,
}

/// One direction.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    link: u64,
    slots: u64,
    latency: Fs,
    /// Never empty; the last may lie ahead.
    epochs: VecDeque<Epoch>,
    source: Corrupted,
    /// Lost frames, in order: those remembered, then from `fresh` on those not looked at. Each by how many were
    /// sent before it, for what a link that goes down has not sent it sends when it is up.
    lost: VecDeque<u64>,
    fresh: usize,
    /// Losses are known before this one, and whether it was found without one; likewise.
    known: u64,
    quiet: bool,
    outages: VecDeque<Outage>,
    /// Frames that are wrong and were accepted.
    missed: VecDeque<u64>,
    counts: WireCounts,
    /// Frames sent before the link went down last, the frame with which it did, and the first since. Numbers go on
    /// while it is down, at the rate that it had, but nothing is sent, so nothing is lost: errors fall on frames
    /// as they are sent.
    live: u64,
    down_from: u64,
    up_from: u64,
}

base::state!([] Way {
    keeps epochs, source, lost, fresh, known, quiet, outages, missed, counts, live, down_from, up_from;
    each;
    fixed link, slots, latency
});

impl Way {
    pub(super) fn new(seed: u64, first: u64, way: u8, class: &FrameClass, latency: Fs) -> Self {
        let (link, clock) = (first + u64::from(way), slots(class, way, class.lanes, Fs::ZERO));
        Self {
            link,
            slots: class.layout.slots.into(),
            latency,
            epochs: VecDeque::from([Epoch { first: 0, clock, start: Fs::ZERO, sent: 0 }]),
            source: Corrupted::new(seed, link, &class.shape(), &class.noise),
            lost: VecDeque::new(),
            fresh: 0,
            known: 0,
            quiet: false,
            outages: VecDeque::new(),
            missed: VecDeque::new(),
            counts: WireCounts::default(),
            live: 0,
            down_from: 0,
            up_from: 0,
        }
    }

    pub(crate) const fn link(&self) -> u64 {
        self.link
    }

    /// From a frame's end on the wire to the receiver's link layer.
    pub(crate) const fn latency(&self) -> Fs {
        self.latency
    }

    pub(crate) const fn counts(&self) -> &WireCounts {
        &self.counts
    }

    pub(crate) fn mended_in_bursts(&self, until: Fs) -> u64 {
        self.source.mended_in_bursts(self.frames_until(until))
    }

    fn epoch_of(&self, frame: u64) -> &Epoch {
        let of = self.epochs.iter().rev().find(|e| e.first <= frame);
        of.unwrap_or(&self.epochs[0])
    }

    fn epoch_at(&self, instant: Fs) -> &Epoch {
        let of = self.epochs.iter().rev().find(|e| e.start <= instant);
        of.unwrap_or(&self.epochs[0])
    }

    /// When a frame begins. Beyond the end of time: at its end.
    pub(crate) fn start(&self, frame: u64) -> Fs {
        if frame >= NEVER {
            return Fs::NEVER;
        }
        let e = self.epoch_of(frame);
        e.clock.instant(Edge(frame.saturating_sub(e.first).saturating_mul(self.slots)))
    }

    /// When a frame has left.
    pub(crate) fn end(&self, frame: u64) -> Fs {
        if frame >= NEVER {
            return Fs::NEVER;
        }
        let e = self.epoch_of(frame);
        e.clock.instant(Edge((frame + 1).saturating_sub(e.first).saturating_mul(self.slots)))
    }

    /// The first frame that begins at or after an instant.
    pub(crate) fn frame_from(&self, instant: Fs) -> u64 {
        self.slot_from(instant).div_ceil(self.slots)
    }

    /// The first slot that begins at or after an instant: the number of its frame times the slots of
    /// a frame, and its place there.
    pub(crate) fn slot_from(&self, instant: Fs) -> u64 {
        if instant >= Fs(u64::MAX - 1) {
            return DEAD;
        }
        let e = self.epoch_at(instant);
        let within = e.clock.edge_at_or_after(instant).0;
        e.first.saturating_mul(self.slots).saturating_add(within).min(DEAD)
    }

    /// The clock of the slots of a frame's epoch, and the epoch's first slot.
    pub(crate) fn clock_of(&self, frame: u64) -> (Uniform, u64) {
        let e = self.epoch_of(frame);
        (e.clock, e.first * self.slots)
    }

    /// How many frames were sent before one; nothing if it is not sent, for the link is down.
    fn sent_before(&self, frame: u64) -> Option<u64> {
        let of = self.epochs.iter().rposition(|e| e.first <= frame).unwrap_or(0);
        let sent = self.epochs[of].sent + frame.saturating_sub(self.epochs[of].first);
        let next = self.epochs.get(of + 1);
        next.is_none_or(|e| sent < e.sent).then_some(sent)
    }

    /// The frame before which so many were sent.
    fn frame_after(&self, sent: u64) -> u64 {
        if sent >= NEVER {
            return sent;
        }
        let of = self.epochs.iter().rev().find(|e| e.sent <= sent).unwrap_or(&self.epochs[0]);
        of.first + sent.saturating_sub(of.sent)
    }

    /// Whether a frame is beyond repair.
    pub(crate) fn is_lost(&mut self, frame: u64) -> bool {
        let Some(sent) = self.sent_before(frame) else { return false };
        while self.known <= sent.min(NEVER) {
            self.look();
        }
        self.lost.binary_search(&sent).is_ok()
    }

    /// Looks for the next lost frame; it may not be found yet.
    pub(super) fn look(&mut self) {
        let (sent, lost) = self.source.look();
        (self.known, self.quiet) = (sent + 1, !lost);
        if lost {
            self.lost.push_back(sent);
        }
    }

    /// The next lost frame that no outage covers, and that it is; or a frame before which there is none, and
    /// from which on [`look`](Self::look) finds more. [`NEVER`] if there is none.
    pub(super) fn next_loss(&mut self) -> (u64, bool) {
        if self.outages.back().is_some_and(|o| o.resume == DEAD) {
            return (NEVER, true);
        }
        loop {
            if self.fresh == self.lost.len() {
                if self.quiet {
                    return (self.frame_after(self.known), false);
                }
                self.look();
                continue;
            }
            let next = self.frame_after(self.lost[self.fresh]);
            let covered = self.outages.back().is_some_and(|o| next < o.resume);
            if next >= NEVER || !covered {
                return (next, true);
            }
            self.fresh += 1;
            self.counts.uncorrectable += 1;
        }
    }

    /// The next lost frame is being dealt with.
    pub(super) fn take_loss(&mut self) {
        self.fresh += 1;
        self.counts.uncorrectable += 1;
    }

    /// The CRC lets a frame pass that is wrong.
    pub(super) fn miss(&mut self, frame: u64) {
        self.counts.undetected += 1;
        self.missed.push_back(frame);
    }

    /// The sender has heard of a loss, by a nak or its timer.
    pub(super) fn heard(&mut self, nak: bool) {
        self.counts.naks += u64::from(nak);
        self.counts.timeouts += u64::from(!nak);
    }

    /// What is not accepted from `from` on is again at `resume`.
    pub(super) fn outage(&mut self, from: u64, resume: u64) {
        match self.outages.back_mut() {
            Some(last) if from < last.resume => last.resume = last.resume.max(resume),
            _ => self.outages.push_back(Outage { from, resume }),
        }
    }

    /// Frames under way at `at` are lost; the next accepted begins with the clock `next`, or never
    /// if that starts at the end of time. `again` if the link was still down.
    pub(super) fn interrupt(&mut self, at: Fs, next: Uniform, again: bool) {
        let after = self.frame_from(at);
        let from = if self.start(after) > at { after.saturating_sub(1) } else { after };
        if again {
            self.epochs.pop_back();
        } else {
            self.live += after.saturating_sub(self.up_from);
            self.down_from = after;
            // Replays that were yet to come do not.
            while self.outages.back().is_some_and(|o| o.from > from) {
                self.outages.pop_back();
            }
        }
        let up = next.instant(Edge(0));
        let resume = if up >= Fs(u64::MAX - 1) { DEAD } else { self.frame_from(up) };
        self.outage(from, resume);
        let first = self.outages.back().map_or(resume, |o| o.resume);
        self.epochs.push_back(Epoch { first, clock: next, start: up, sent: self.live });
        self.up_from = first;
        // What was looked ahead to and is not sent yet is to be dealt with when it is.
        let dealt_with = self.lost.partition_point(|l| *l < self.live).min(self.fresh);
        self.counts.uncorrectable -= (self.fresh - dealt_with) as u64;
        self.fresh = dealt_with;
    }

    /// Frames sent up to an instant, not before the link went down last but one.
    pub(crate) fn frames_until(&self, until: Fs) -> u64 {
        let frame = self.frame_from(until);
        if frame >= self.up_from {
            self.live + (frame - self.up_from)
        } else {
            self.live.saturating_sub(self.down_from.saturating_sub(frame))
        }
    }

    /// The outage that a frame lies in.
    pub(crate) fn outage_at(&self, frame: u64) -> Option<Outage> {
        let before = self.outages.iter().rev().find(|o| o.from <= frame);
        before.filter(|o| frame < o.resume).copied()
    }

    /// The frame with which the sender went back last, up to `frame`; 0 if it did not lately.
    pub(crate) fn went_back(&self, frame: u64) -> u64 {
        self.outages.iter().rev().map(|o| o.resume).find(|r| *r <= frame).unwrap_or(0)
    }

    /// The first frame, from `from` on, that lies in an outage or is wrong and accepted, of those
    /// known.
    pub(super) fn next_trouble(&self, from: u64) -> u64 {
        let outage = self.outages.iter().find(|o| o.resume > from).map_or(NEVER, |o| o.from);
        let missed = self.missed.iter().find(|m| **m >= from).copied().unwrap_or(NEVER);
        outage.min(missed)
    }

    /// Whether a frame that was accepted is wrong.
    pub(crate) fn is_wrong(&self, frame: u64) -> bool {
        self.missed.contains(&frame)
    }

    /// How much it remembers.
    #[cfg(test)]
    pub(super) fn remembers(&self) -> usize {
        self.lost.len() + self.outages.len() + self.missed.len() + self.epochs.len()
    }

    /// The losses known, by how many frames were sent before each.
    #[cfg(test)]
    pub(super) fn lost_of_sent(&self) -> Vec<u64> {
        self.lost.iter().copied().collect()
    }

    /// Forgets what was over before a frame.
    pub(super) fn forget(&mut self, from: u64) {
        // A frame that is not sent comes behind all that were.
        let sent = self.sent_before(from).unwrap_or(self.live);
        while self.fresh > 0 && self.lost.front().is_some_and(|l| *l < sent) {
            self.lost.pop_front();
            self.fresh -= 1;
        }
        // The last stays: it covers losses that are yet to be looked at.
        while self.outages.len() > 1 && self.outages[0].resume < from {
            self.outages.pop_front();
        }
        while self.missed.front().is_some_and(|m| *m < from) {
            self.missed.pop_front();
        }
        while self.epochs.len() > 1 && self.epochs[1].first <= from {
            self.epochs.pop_front();
        }
    }
}
