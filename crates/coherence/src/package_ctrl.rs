//! A package's home slice: the package table, its lines with their bytes, and the requests that wait.
//!
//! ```text
//!   package's caches ──▶ ┌─────────────┐ ──▶ messages to the package's caches (out)
//!   fabric ────────────▶ │ PackageCtrl │ ──▶ messages to the fabric (fabric)
//!                        └─────────────┘
//! ```
//!
//! No time passes inside. A request that has to wait does so in its line's FIFO; nothing is ever refused.
//! With room for few lines, a request for a line that the package does not have waits in order of arrival
//! while the least recently used line is given up: its caches' copies are recalled, then it is put back.

use core::fmt::Write as _;
use std::collections::VecDeque;

use base::{Class, Line, Map, NodeIdx};

use crate::cache_table::CacheEvent;
use crate::config::SharedEviction;
use crate::coverage::Coverage;
use crate::dir_table::DirEvent;
use crate::home_room::{Room, Waiting};
use crate::message::{EACH_SHARER, Message, MsgKind};
use crate::mutant::{Faults, Sound};
use crate::outbox::{Cause, Outbox, Outgoing};
use crate::package_counts::PackageCounts;
use crate::package_table::{
    Levels, PackageEvent, PackageHome, PackageLine, PackageStep, package_step,
};
use crate::sharers::Sharers;
use crate::state::{CacheState, Sends};
use crate::value::Value;

const NONE: u32 = u32::MAX;

/// A line that the package ever asked for.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
struct Slot<V: Value> {
    line: Line,
    package: PackageLine<V>,
    /// Its transaction entry, if anything is under way or waits.
    entry: u32,
}

/// What belongs to a line on which something is under way.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound(serialize = "T: serde::Serialize", deserialize = "T: serde::de::DeserializeOwned"))]
struct Entry<V: Value, T> {
    /// The tag of the request that is served inside.
    tag: T,
    /// That of the snoop that is kept.
    snoop: T,
    /// That of the fabric's answer, while acknowledgements are missing.
    reply: Option<T>,
    /// Whether the line is given up to make room.
    for_room: bool,
    /// Messages that wait for the line.
    queue: VecDeque<(Message<V>, T)>,
}

/// One node's slice of its package's home.
#[derive(Clone, Debug)]
pub struct PackageCtrl<V: Value, T, F: Faults = Sound> {
    levels: Levels<F>,
    me: PackageHome,
    index: Map<Line, u32>,
    slots: Vec<Slot<V>>,
    entries: Vec<Entry<V, T>>,
    free_entries: Vec<u32>,
    room: Room<V, T>,
    /// Lines that moved on, while something waits for them.
    ready: Vec<u32>,
    counts: PackageCounts,
    initial: fn(Line) -> V,
}

base::state!([V: Value, T: serde::Serialize + serde::de::DeserializeOwned, F: Faults] PackageCtrl<V, T, F> {
    keeps index, slots, entries, free_entries, room, ready, counts;
    each;
    fixed levels, me, initial
});

/// Where a package's home puts what it sends.
#[derive(Debug)]
struct Out<'a, V: Value, T> {
    inner: &'a mut Outbox<V, T>,
    outer: &'a mut Vec<Outgoing<V, T>>,
}

impl<V: Value, T: Copy, F: Faults> PackageCtrl<V, T, F> {
    /// A package's home that keeps at most `lines` lines (`None`: any number).
    ///
    /// # Panics
    /// If `lines` is zero.
    pub fn new(
        levels: Levels<F>,
        me: PackageHome,
        lines: Option<u32>,
        initial: fn(Line) -> V,
    ) -> Self {
        Self {
            levels,
            me,
            index: Map::default(),
            slots: Vec::new(),
            entries: Vec::new(),
            free_entries: Vec::new(),
            room: Room::new(lines),
            ready: Vec::new(),
            counts: PackageCounts::default(),
            initial,
        }
    }

    /// Its names.
    pub const fn names(&self) -> PackageHome {
        self.me
    }

    /// Takes a message of the package's caches about `line`, whose home in the fabric is `home`.
    ///
    /// # Panics
    /// If the protocol does not foresee the message: a broken invariant, not an input error.
    pub fn receive_inner(
        &mut self,
        (line, home): (Line, NodeIdx),
        msg: &Message<V>,
        tag: T,
        out: &mut Outbox<V, T>,
        fabric: &mut Vec<Outgoing<V, T>>,
    ) {
        let mut out = Out { inner: out, outer: fabric };
        let slot = self.slot(line, home);
        if msg.kind.class() == Class::Req {
            let room = self.room.is_free() && self.room.waiting.is_empty();
            self.counts.requests += u64::from(!is_put(msg.kind));
            self.request(slot, msg, (tag, Cause::Direct), room, &mut out);
        } else if !self.step(slot, &PackageEvent::Inner(msg), (tag, Cause::Direct), &mut out) {
            self.broken(slot, &PackageEvent::Inner(msg));
        }
        self.go_on(tag, &mut out);
    }

    /// Takes a message of the fabric about `line`, whose home is `home`.
    ///
    /// # Panics
    /// If the protocol does not foresee the message: a broken invariant, not an input error.
    pub fn receive_outer(
        &mut self,
        (line, home): (Line, NodeIdx),
        msg: &Message<V>,
        tag: T,
        out: &mut Outbox<V, T>,
        fabric: &mut Vec<Outgoing<V, T>>,
    ) {
        let mut out = Out { inner: out, outer: fabric };
        let slot = self.slot(line, home);
        if !self.step(slot, &PackageEvent::Outer(msg), (tag, Cause::Direct), &mut out) {
            self.broken(slot, &PackageEvent::Outer(msg));
        }
        self.go_on(tag, &mut out);
    }

    /// Gives up `line`: takes its caches' copies back and puts it back; false if the package does not have
    /// it or something is under way.
    pub fn give_up(
        &mut self,
        line: Line,
        tag: T,
        out: &mut Outbox<V, T>,
        fabric: &mut Vec<Outgoing<V, T>>,
    ) -> bool {
        let mut out = Out { inner: out, outer: fabric };
        let Some(&slot) = self.index.get(line) else { return false };
        let begun = self.start_giving_up(slot, tag, &mut out);
        self.go_on(tag, &mut out);
        begun
    }

    /// The package's view of `line`, if it was ever asked for.
    pub fn look_up(&self, line: Line) -> Option<&PackageLine<V>> {
        self.index.get(line).map(|s| &self.slots[*s as usize].package)
    }

    /// Every line ever asked for, in the order of first touch.
    pub fn lines(&self) -> impl Iterator<Item = (Line, &PackageLine<V>)> {
        self.slots.iter().map(|s| (s.line, &s.package))
    }

    /// What it did.
    pub const fn counts(&self) -> PackageCounts {
        self.counts
    }

    /// Whether nothing is under way and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.free_entries.len() == self.entries.len() && self.room.waiting.is_empty()
    }

    /// Who waits for what here, in words: lines on which something is under way, then requests that wait for
    /// room.
    pub fn blocked(&self) -> impl Iterator<Item = String> {
        let lines = self.slots.iter().filter(|s| s.entry != NONE).map(|s| {
            let p = &s.package;
            let mut text = format!("{} in {:?} under {:?}", s.line, p.inner.state, p.outer.state);
            let kept = [("snoop", p.snoop), ("request", p.request)];
            for (what, m) in kept.iter().filter_map(|(what, m)| m.map(|m| (what, m))) {
                let _ = write!(text, ", keeps the {what} {m}");
            }
            for (m, _) in &self.entries[s.entry as usize].queue {
                let _ = write!(text, "; {}'s {:?} is queued", m.src, m.kind);
            }
            text
        });
        let waiting = self.room.waiting.iter();
        lines.chain(waiting.map(|w| format!("{}: {} waits for room", w.line, w.msg)))
    }

    fn slot(&mut self, line: Line, home: NodeIdx) -> u32 {
        let (slots, initial) = (&mut self.slots, self.initial);
        *self.index.or_insert_with(line, || {
            let package = PackageLine::untouched(home, initial(line));
            slots.push(Slot { line, package, entry: NONE });
            u32::try_from(slots.len() - 1).expect("fewer than 2^32 lines at a home")
        })
    }

    /// Takes a request or a Put up, or lets it wait for the line or, unless there is `room`, for room.
    fn request(
        &mut self,
        slot: u32,
        msg: &Message<V>,
        (tag, cause): (T, Cause),
        room: bool,
        out: &mut Out<'_, V, T>,
    ) {
        let Slot { line, ref package, entry } = self.slots[slot as usize];
        let takes_room = package.outer.state == CacheState::I && !is_put(msg.kind);
        if takes_room && !room {
            self.room.waiting.push_back(Waiting { line, msg: *msg, tag });
            return;
        }
        let behind = entry != NONE && !self.entries[entry as usize].queue.is_empty();
        let first = !behind || is_put(msg.kind) || cause == Cause::Unstalled;
        if first && self.step(slot, &PackageEvent::Inner(msg), (tag, cause), out) {
            return;
        }
        let entry = self.entry(slot, tag);
        self.entries[entry as usize].queue.push_back((*msg, tag));
    }

    fn start_giving_up(&mut self, slot: u32, tag: T, out: &mut Out<'_, V, T>) -> bool {
        let package = &self.slots[slot as usize].package;
        if !package.is_stable() || package.outer.state == CacheState::I {
            return false;
        }
        let entry = self.entry(slot, tag);
        self.entries[entry as usize].for_room = true;
        self.put_back(slot, tag, out)
            || self.step(slot, &PackageEvent::Recall, (tag, Cause::Direct), out)
    }

    /// Puts a line back; false if a cache inside has it.
    fn put_back(&mut self, slot: u32, tag: T, out: &mut Out<'_, V, T>) -> bool {
        let shared = self.slots[slot as usize].package.outer.state == CacheState::S;
        let silent = self.levels.outer.shared_eviction == SharedEviction::Silent;
        let event = if shared && silent { PackageEvent::Drop } else { PackageEvent::Evict };
        self.step(slot, &event, (tag, Cause::Direct), out)
    }

    /// Makes a step of the table happen; false if it stalls.
    fn step(
        &mut self,
        slot: u32,
        event: &PackageEvent<'_, V>,
        told: (T, Cause),
        out: &mut Out<'_, V, T>,
    ) -> bool {
        let before = self.slots[slot as usize].package;
        let (next, inner, outer) = match package_step(&self.levels, self.me, &before, *event) {
            PackageStep::Next { line, inner, outer } => (line, inner, outer),
            PackageStep::Stall => return false,
            PackageStep::Illegal => self.broken(slot, event),
        };
        cover(&before, event, &mut out.inner.coverage);
        self.counts.note(&before, &next, event);
        self.slots[slot as usize].package = next;
        let entry = self.slots[slot as usize].entry;
        let (to_inner, to_outer) = if entry == NONE {
            (told, told)
        } else {
            tags(&mut self.entries[entry as usize], &next, event, told, &inner)
        };
        if !next.is_stable() {
            let entry = self.entry(slot, told.0) as usize;
            let entry = &mut self.entries[entry];
            if before.inner.state.is_stable() && !next.inner.state.is_stable() {
                entry.tag = to_inner.0;
            }
            if before.snoop.is_none() && next.snoop.is_some() {
                entry.snoop = told.0;
            }
        }
        let line = self.slots[slot as usize].line;
        send(line, &inner, to_inner, &next.inner.sharers, &mut out.inner.messages);
        send(line, &outer, to_outer, &Sharers::default(), out.outer);
        self.note_room(slot, &before, &next);
        if self.slots[slot as usize].entry != NONE {
            self.ready.push(slot);
        }
        true
    }

    fn note_room(&mut self, slot: u32, before: &PackageLine<V>, after: &PackageLine<V>) {
        let held = |p: &PackageLine<V>| p.outer.state != CacheState::I;
        match (held(before), held(after)) {
            (false, true) => {
                self.room.enter(slot);
                self.counts.lines_max = self.counts.lines_max.max(self.room.tracked());
            }
            (true, false) => {
                self.room.leave(slot);
                let entry = self.slots[slot as usize].entry;
                if entry != NONE && core::mem::take(&mut self.entries[entry as usize].for_room) {
                    self.room.recalls = self.room.recalls.saturating_sub(1);
                }
            }
            (true, true) if before.is_stable() => self.room.touch(slot),
            _ => {}
        }
    }

    /// The entry of a line, made if it has none.
    fn entry(&mut self, slot: u32, tag: T) -> u32 {
        let entry = self.slots[slot as usize].entry;
        if entry != NONE {
            return entry;
        }
        let entry = self.free_entries.pop().unwrap_or_else(|| {
            let queue = VecDeque::new();
            let entry = Entry { tag, snoop: tag, reply: None, for_room: false, queue };
            self.entries.push(entry);
            u32::try_from(self.entries.len() - 1).expect("no more entries than lines")
        });
        self.slots[slot as usize].entry = entry;
        entry
    }

    /// Takes up what waits and can go on, and makes room for what waits for it.
    fn go_on(&mut self, tag: T, out: &mut Out<'_, V, T>) {
        loop {
            if self.room.is_free()
                && let Some(next) = self.room.waiting.pop_front()
            {
                let slot = *self.index.get(next.line).expect("it has been asked for");
                self.request(slot, &next.msg, (next.tag, Cause::Unstalled), true, out);
            } else if let Some(slot) = self.ready.pop() {
                self.take_up(slot, out);
            } else if self.room.recalls >= self.room.waiting.len() || !self.make_room(tag, out) {
                break;
            }
        }
    }

    /// Begins to give up the line used longest ago; false if something is under way on every line.
    fn make_room(&mut self, tag: T, out: &mut Out<'_, V, T>) -> bool {
        let slots = &self.slots;
        let at_rest = |slot: u32| {
            let slot = &slots[slot as usize];
            slot.package.is_stable() && slot.entry == NONE
        };
        let Some(slot) = self.room.oldest(at_rest) else { return false };
        let wanted_by = self.room.waiting.get(self.room.recalls).map_or(tag, |w| w.tag);
        self.room.recalls += 1;
        self.counts.capacity_recalls += 1;
        self.start_giving_up(slot, wanted_by, out)
    }

    /// Goes on with a line that has moved on: puts it back if that is what it moved for, then takes up what is
    /// queued until it has to wait again.
    fn take_up(&mut self, slot: u32, out: &mut Out<'_, V, T>) {
        loop {
            let Slot { ref package, entry, .. } = self.slots[slot as usize];
            if entry == NONE {
                return;
            }
            let at = entry as usize;
            if self.entries[at].for_room && package.is_stable() {
                let tag = self.entries[at].tag;
                self.put_back(slot, tag, out);
                continue;
            }
            let Some((msg, waited)) = self.entries[at].queue.front().copied() else {
                if package.is_stable() {
                    self.entries[at].reply = None;
                    self.slots[slot as usize].entry = NONE;
                    self.free_entries.push(entry);
                }
                return;
            };
            let takes_room = package.outer.state == CacheState::I && !is_put(msg.kind);
            if takes_room && !(self.room.is_free() && self.room.waiting.is_empty()) {
                let line = self.slots[slot as usize].line;
                self.room.waiting.push_back(Waiting { line, msg, tag: waited });
            } else if !self.step(slot, &PackageEvent::Inner(&msg), (waited, Cause::Unstalled), out)
            {
                return;
            }
            self.entries[at].queue.pop_front();
        }
    }

    #[cold]
    fn broken(&self, slot: u32, event: &PackageEvent<'_, V>) -> ! {
        let Slot { line, package, .. } = &self.slots[slot as usize];
        panic!("protocol broken: home of {:?}: {line} in {package:?} got {event:?}", self.me);
    }
}

/// Notes the row of the directory or the cache table that a message meets.
fn cover<V: Value>(before: &PackageLine<V>, event: &PackageEvent<'_, V>, coverage: &mut Coverage) {
    match event {
        PackageEvent::Inner(m) => coverage.dir(before.inner.state, DirEvent::Message(m).kind()),
        PackageEvent::Outer(m) => coverage.cache(before.outer.state, CacheEvent::Message(m).kind()),
        PackageEvent::Recall | PackageEvent::Evict | PackageEvent::Drop => {}
    }
}

const fn is_put(kind: MsgKind) -> bool {
    matches!(kind, MsgKind::PutS | MsgKind::PutE | MsgKind::PutM)
}

/// Whose tags go with what is sent to the package's caches and to the fabric.
fn tags<V: Value, T: Copy>(
    entry: &mut Entry<V, T>,
    next: &PackageLine<V>,
    event: &PackageEvent<'_, V>,
    told: (T, Cause),
    inner: &Sends<V>,
) -> ((T, Cause), (T, Cause)) {
    match event {
        PackageEvent::Inner(m) if m.kind.class() != Class::Req => {
            // What was gathered belongs to the far atomic or the snoop that it was gathered for.
            let performed = inner.iter().any(|m| m.kind == MsgKind::FarResp);
            let own = if performed {
                (entry.tag, Cause::Gathered)
            } else {
                (entry.snoop, Cause::Unstalled)
            };
            (own, (entry.snoop, Cause::Gathered))
        }
        PackageEvent::Outer(m) if m.kind.class() != Class::Fwd => {
            if matches!(m.kind, MsgKind::Data | MsgKind::DataE | MsgKind::AckCount) {
                entry.reply = Some(told.0);
            }
            if !next.outer.state.is_stable() {
                return (told, told);
            }
            let reply = entry.reply.take().filter(|_| m.kind == MsgKind::InvAck);
            let told = reply.map_or(told, |reply| (reply, Cause::Gathered));
            (told, told)
        }
        _ => (told, told),
    }
}

fn send<V: Value, T: Copy>(
    line: Line,
    sends: &Sends<V>,
    (tag, cause): (T, Cause),
    sharers: &Sharers,
    to: &mut Vec<Outgoing<V, T>>,
) {
    let mut push = |msg| to.push(Outgoing { line, msg, tag, cause, from_memory: false });
    for msg in sends {
        if msg.dst == EACH_SHARER {
            sharers.iter().for_each(|sharer| push(msg.to(sharer)));
        } else {
            push(*msg);
        }
    }
}
