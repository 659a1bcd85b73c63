//! A cable: both directions of a framed link as far as they do not depend on what they carry.
//!
//! ```text
//!   frame      0    1    2    3    4    5    6    7    8    9   10
//!   there    [ok] [ok] [LOST][ok] [ok] [ok] [ok] [ok] [2] [3]  ...        resume = 8
//!                         ╲     discarded: out of sequence  ╱
//!   back        ....  CRC fails ▶ [nak] ─────▶ go back to 2
//! ```
//!
//! Frames are sent without a gap, idle or not, and all are numbered, so a receiver cannot know whether
//! a frame that it lost had anything in it: it asks for it all the same. Therefore losses, naks, replays and
//! training follow from the draws of both directions and from the events given, not from the load; they
//! are an [`Outage`]: from the first frame that is not accepted to the first that is again. What a
//! sender hands over in between is sent twice; [`crate::replay`] says when it arrives.
//!
//! The rules of go-back-N:
//! - The receiver finds a lost frame at its end, after SerDes, FEC and flight. The next frame back carries a
//!   nak, and so do the ones after it, `nak_copies` in all; the first that arrives counts.
//! - The sender goes back with the next frame that begins after that. If all copies are lost it does so
//!   `timeout` after the end of the lost frame.
//! - Frames carry a mark that changes each time the sender goes back. A receiver that waits for a replay
//!   misses it when the next frame has the new mark; so a replay that is lost starts over. After
//!   `retries` in a row the link is retrained, which takes both directions down.
//! - Acks and naks are taken out of any frame whose CRC holds, discarded payload or not.
//!
//! Events are worked off in the order of time, and only as far as somebody asks, so an idle link costs
//! nothing.

mod lanes;
#[cfg(test)]
mod tests;
mod way;

use std::collections::VecDeque;
use std::sync::Arc;

use base::Fs;
use base::rng::draw;
use clock::Uniform;

use crate::FrameClass;
use crate::errors::{NEVER, stream};
pub use lanes::{LaneFault, LinkEvent, Trouble};
use lanes::{Lanes, Outcome};
pub(crate) use way::{DEAD, Way};

/// Something that happens to a cable at an instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
struct Pending {
    at: Fs,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
enum What {
    /// Someone asks for training.
    Retrain,
    /// The retries of a direction are used up.
    Spent,
    /// A lane of a direction fails for good.
    Lane(LaneFault),
    /// The link goes down, until then or for good.
    Down(Option<Fs>),
}

/// Both directions of a framed link.
#[derive(Clone, Debug)]
pub(crate) struct Cable {
    seed: u64,
    class: Arc<FrameClass>,
    ways: [Way; 2],
    lanes: Lanes,
    /// In the order of time.
    pending: VecDeque<Pending>,
    /// Until when the link is down, and for how long it was so far.
    up_at: Fs,
    down_time: Fs,
    /// When it was down lately.
    downs: VecDeque<(Fs, Fs)>,
    retrains: u64,
    /// Why it is down for good.
    dead: Option<Trouble>,
    /// Up to when all is worked off.
    horizon: Fs,
}

base::state!([] Cable {
    keeps lanes, pending, up_at, down_time, downs, retrains, dead, horizon;
    each ways;
    fixed seed, class
});

impl Cable {
    /// A cable whose directions are links `first` and `first + 1`, with the fixed latency of each
    /// behind the wire, and what happens to it.
    pub(crate) fn new(
        seed: u64,
        first: u64,
        class: &Arc<FrameClass>,
        latency: [Fs; 2],
        events: &[(Fs, LinkEvent)],
    ) -> Self {
        let way = |w: u8| Way::new(seed, first, w, class, latency[usize::from(w)]);
        let mut this = Self {
            seed,
            class: Arc::clone(class),
            ways: [way(0), way(1)],
            lanes: Lanes::new(class),
            pending: VecDeque::new(),
            up_at: Fs::ZERO,
            down_time: Fs::ZERO,
            downs: VecDeque::new(),
            retrains: 0,
            dead: None,
            horizon: Fs::ZERO,
        };
        for (at, event) in events {
            this.arrange(Pending { at: *at, what: what(*at, *event, events) });
        }
        for fault in lanes::random(seed, first, class) {
            this.arrange(Pending { at: fault.0, what: What::Lane(fault.1) });
        }
        this
    }

    fn arrange(&mut self, event: Pending) {
        let at = self.pending.partition_point(|p| p.at <= event.at);
        self.pending.insert(at, event);
    }

    /// When the link is down because it is taken down or out of lanes, training behind it included; training
    /// alone does not count. By what is arranged, without losses.
    pub(crate) fn outages(mut self) -> Vec<(Fs, Fs)> {
        let mut marks = Vec::new();
        while let Some(next) = self.pending.front() {
            let (at, taken) = (next.at, matches!(next.what, What::Down(_)));
            self.happen();
            if taken || self.up_at == Fs::NEVER {
                marks.push(at);
            }
            if self.up_at == Fs::NEVER {
                break;
            }
        }
        let taken = |(from, to): &(Fs, Fs)| marks.iter().any(|at| (*from..*to).contains(at));
        self.downs.into_iter().filter(taken).collect()
    }

    /// A direction.
    pub(crate) const fn way(&self, way: usize) -> &Way {
        &self.ways[way]
    }

    /// Works off all that happens up to an instant.
    pub(crate) fn advance(&mut self, until: Fs) {
        self.horizon = self.horizon.max(until);
        loop {
            let lost = [self.ways[0].next_loss(), self.ways[1].next_loss()];
            let starts = [0, 1].map(|w: usize| self.ways[w].start(lost[w].0));
            let loss = usize::from(starts[1] < starts[0]);
            let event = self.pending.front().map_or(Fs::NEVER, |p| p.at);
            if event <= starts[loss] {
                if event > until || event == Fs::NEVER {
                    return;
                }
                self.happen();
            } else {
                match lost[loss] {
                    (NEVER.., _) => return,
                    _ if starts[loss] > until => return,
                    (frame, true) => self.lose(loss, frame),
                    (_, false) => self.ways[loss].look(),
                }
            }
        }
    }

    /// As [`advance`](Self::advance), with a stop each millisecond, to forget what is over: so a link which
    /// nobody asked for long takes no memory for all that befell it.
    pub(crate) fn catch_up(&mut self, until: Fs, mut forget: impl FnMut(&mut Self, Fs)) {
        const STEP: Fs = Fs(Fs::PER_SECOND / 1000);
        let mut at = Fs(self.horizon.0.saturating_add(STEP.0));
        while at < until {
            self.advance(at);
            forget(self, at);
            at = Fs(at.0.saturating_add(STEP.0));
        }
        self.advance(until);
    }

    /// How many losses, outages and the like it remembers.
    #[cfg(test)]
    pub(crate) fn remembers(&self) -> usize {
        self.downs.len() + self.ways.iter().map(Way::remembers).sum::<usize>()
    }

    /// Up to when all that happens is worked off.
    pub(crate) const fn horizon(&self) -> Fs {
        self.horizon
    }

    /// Frame `lost` of a direction is beyond repair.
    fn lose(&mut self, way: usize, lost: u64) {
        let Self { seed, class, ways, .. } = self;
        let rules = class.replay;
        ways[way].take_loss();
        let dice = draw(*seed, ways[way].link(), stream::CRC, lost);
        if rules.crc_bits < 64 && dice >> (64 - rules.crc_bits.max(1)) == 0 || rules.crc_bits == 0 {
            ways[way].miss(lost);
            return;
        }
        let mut at = lost;
        for tries in 1.. {
            let known = self.heard(way, at, tries > 1);
            let replay = self.ways[way].frame_from(known);
            self.ways[way].outage(at, replay);
            if tries > rules.retries {
                self.arrange(Pending { at: known, what: What::Spent });
                return;
            }
            if !self.ways[way].is_lost(replay) {
                return;
            }
            at = replay;
        }
    }

    /// When the sender of a direction learns that its frame `lost`, a replay or not, was not received.
    fn heard(&mut self, way: usize, lost: u64, replay: bool) -> Fs {
        let rules = self.class.replay;
        let end = self.ways[way].end(lost);
        // Among what it discards, a receiver misses a replay only by the mark of the next.
        let mut told_by = lost + u64::from(replay);
        while replay && self.ways[way].is_lost(told_by) {
            told_by += 1;
        }
        let found = self.ways[way].end(told_by) + self.ways[way].latency();
        let back = &mut self.ways[1 - way];
        let first = back.frame_from(found);
        let copies = first..first.saturating_add(rules.nak_copies.into());
        let carried = copies.clone().find(|q| !back.is_lost(*q));
        let told = carried.map_or(Fs::NEVER, |q| back.end(q) + back.latency());
        let expires = end + rules.timeout;
        self.ways[way].heard(told <= expires);
        told.min(expires)
    }

    /// The next event of those arranged.
    fn happen(&mut self) {
        let Some(Pending { at, what }) = self.pending.pop_front() else { return };
        let trained = |at: Fs| at + self.class.replay.retrain;
        match what {
            What::Retrain | What::Spent => self.down(at, Some(trained(at))),
            What::Down(until) => {
                if until.is_none() {
                    self.dead.get_or_insert(Trouble::Down(at));
                }
                self.down(at, until.map(trained));
            }
            What::Lane(fault) => match self.lanes.fail(fault) {
                Outcome::Unused => {}
                Outcome::Spare | Outcome::Narrower => self.down(at, Some(trained(at))),
                Outcome::Dead => {
                    self.dead.get_or_insert(Trouble::NoLanes(at));
                    self.down(at, None);
                }
            },
        }
    }

    /// Nothing passes from `at` on until the link is up again; frames under way are lost.
    fn down(&mut self, at: Fs, up: Option<Fs>) {
        let still = at < self.up_at;
        let up = up.unwrap_or(Fs::NEVER).max(self.up_at);
        if up == self.up_at && up == Fs::NEVER {
            return;
        }
        // Retries start over after training.
        self.pending.retain(|p| p.what != What::Spent);
        self.down_time += up.since(at.max(self.up_at));
        self.up_at = up;
        self.retrains += u64::from(up != Fs::NEVER);
        if still && let Some(last) = self.downs.back_mut() {
            last.1 = up;
        } else {
            self.downs.push_back((at, up));
        }
        for (number, way) in (0..).zip(&mut self.ways) {
            let clock = slots(&self.class, number, self.lanes.width(), up);
            way.interrupt(at, clock, still);
        }
    }

    /// The first frame of a direction, from `frame` on, whose payload is accepted, and how often it
    /// is sent again until then.
    pub(crate) fn accepted(&mut self, way: usize, mut frame: u64) -> (u64, u64) {
        let mut replays = 0;
        loop {
            if frame >= DEAD {
                return (DEAD, replays);
            }
            self.advance(self.ways[way].end(frame));
            match self.ways[way].outage_at(frame) {
                Some(outage) => frame = outage.resume,
                None => return (frame, replays),
            }
            replays += 1;
        }
    }

    /// The first frame of a direction, from `frame` on, of which acknowledgements can be read.
    pub(crate) fn legible(&mut self, way: usize, mut frame: u64) -> u64 {
        loop {
            if frame >= DEAD {
                return DEAD;
            }
            let (start, end) = (self.ways[way].start(frame), self.ways[way].end(frame));
            self.advance(end);
            let down = self.downs.iter().find(|(from, to)| *from < end && start < *to);
            if let Some((_, up)) = down {
                let up = *up;
                let next = if up == Fs::NEVER { DEAD } else { self.ways[way].frame_from(up) };
                frame = next.max(frame + 1);
            } else if self.ways[way].is_lost(frame) {
                frame += 1;
            } else {
                return frame;
            }
        }
    }

    /// The first frame of a direction, from `from` on, that may not simply pass: before it there is
    /// no loss and no event in either direction.
    pub(crate) fn calm_until(&mut self, way: usize, from: u64) -> u64 {
        self.advance(self.ways[way].start(from));
        let own = self.ways[way].next_loss().0.min(self.ways[way].next_trouble(from));
        let (lost_back, _) = self.ways[1 - way].next_loss();
        let back = self.ways[1 - way].start(lost_back);
        let event = self.pending.front().map_or(Fs::NEVER, |p| p.at);
        let other = self.ways[way].frame_from(back.min(event)).saturating_sub(1);
        own.min(other)
    }

    /// Forgets what was over before frame `from` of a direction, and at that time in the other.
    pub(crate) fn forget(&mut self, way: usize, from: u64) {
        let instant = self.ways[way].start(from);
        self.ways[way].forget(from);
        let back = self.ways[1 - way].frame_from(instant);
        self.ways[1 - way].forget(back);
        while self.downs.front().is_some_and(|(_, up)| *up < instant) {
            self.downs.pop_front();
        }
    }

    /// Until when the link is down at an instant; nothing if it is up.
    pub(crate) fn down_at(&self, instant: Fs) -> Option<Fs> {
        let down = self.downs.iter().rev().find(|(from, _)| *from <= instant);
        down.filter(|(_, up)| instant < *up).map(|(_, up)| *up)
    }

    /// Time during which the link was down, up to an instant.
    pub(crate) fn down_time(&self, until: Fs) -> Fs {
        Fs(self.down_time.0.saturating_sub(self.up_at.since(until.max(self.last_down())).0))
    }

    fn last_down(&self) -> Fs {
        self.downs.back().map_or(Fs::ZERO, |(at, _)| *at)
    }

    /// How often it was trained anew.
    pub(crate) const fn retrains(&self) -> u64 {
        self.retrains
    }

    /// Lanes in use, and lanes that have failed, of both directions.
    pub(crate) fn width(&self) -> (u32, u32) {
        (self.lanes.width(), self.lanes.failed())
    }

    /// Why it is down for good at an instant. That is by what is arranged: losses only lead to training.
    pub(crate) fn dead(&self, at: Fs) -> Option<Trouble> {
        if self.dead.is_some() || self.pending.front().is_none_or(|p| p.at > at) {
            return self.dead.filter(|why| why.since() <= at);
        }
        let mut ahead = self.clone();
        while ahead.dead.is_none() && ahead.pending.front().is_some_and(|p| p.at <= at) {
            ahead.happen();
        }
        ahead.dead
    }
}

/// The clock of slots of a direction with `width` lanes that starts at an instant.
pub(crate) fn slots(class: &FrameClass, way: u8, width: u32, start: Fs) -> Uniform {
    let rate =
        class.slot_rate_of(way, width.max(1)).expect("rates are checked when a link is built");
    Uniform::new(rate, start).expect("rates are checked when a link is built")
}

/// An event, with a `Down` joined to the `Up` that ends it.
fn what(at: Fs, event: LinkEvent, all: &[(Fs, LinkEvent)]) -> What {
    match event {
        LinkEvent::Lane(fault) => What::Lane(fault),
        LinkEvent::Retrain => What::Retrain,
        LinkEvent::Down => {
            let ups = all.iter().filter(|(t, e)| *e == LinkEvent::Up && *t >= at);
            What::Down(ups.map(|(t, _)| *t).min())
        }
        // Its `Down` knows.
        LinkEvent::Up => What::Lane(LaneFault { way: 0, lane: u32::MAX }),
    }
}
