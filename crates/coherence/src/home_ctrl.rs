//! A home slice: the directory, the memory values, and the requests that wait.
//!
//! ```text
//!   messages (receive) ->  +----------+  ----> messages (to caches)
//!   recall ------------->  | HomeCtrl |  ----> lines written to memory
//!                          +----------+
//! ```
//!
//! No time passes inside. A request to a blocked line waits in that line's FIFO and is taken up
//! when the line is stable again; nothing is ever refused. With a bounded directory a request that
//! needs a new entry while none is free waits in order of arrival, and the least recently used
//! stable line is recalled for it.

use std::collections::VecDeque;

use base::{Class, Line, Map, NodeIdx};

use crate::config::Config;
use crate::describe::BlockedLine;
use crate::dir_table::{DirEvent, dir_step};
use crate::home_room::{Room, Waiting};
use crate::message::{EACH_SHARER, Message, MsgKind};
use crate::mutant::{Faults, Sound};
use crate::outbox::{Cause, Outbox, Outgoing};
use crate::state::{DirLine, DirState, Sends, Step};
use crate::value::Value;

const NONE: u32 = u32::MAX;

/// A line that was ever touched.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
struct Slot<V: Value> {
    line: Line,
    dir: DirLine<V>,
    /// Its transaction entry, if it is blocked.
    entry: u32,
}

/// What belongs to a blocked line.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound(serialize = "T: serde::Serialize", deserialize = "T: serde::de::DeserializeOwned"))]
struct Entry<V: Value, T> {
    /// The tag of the request that is served.
    tag: T,
    /// Whether it is a recall to make room.
    for_room: bool,
    /// Requests that wait for the line.
    queue: VecDeque<(Message<V>, T)>,
}

/// What a directory did besides answering, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct HomeCounts {
    /// The most lines that it tracked at once.
    pub lines_max: u32,
    /// Lines recalled to make room for another.
    pub capacity_recalls: u64,
    /// Sharers that lost their copy because their pointer was needed (`Dir_iNB`).
    pub pointer_recalls: u64,
    /// Lines that owners wrote to memory: as answers to snoops, and as evictions.
    pub write_backs: u64,
    /// Readers that a dirty owner served, and memory did not see.
    pub kept_dirty: u64,
    /// Readers that a clean owner or a sharer served, and memory did not see.
    pub kept_clean: u64,
    /// Readers of a shared line that were sent to the cache that read it last.
    pub forwards: u64,
    /// Those that found no copy there and were served from memory after all.
    pub forward_misses: u64,
}

impl HomeCounts {
    /// Readers of a shared line for whom memory was not read. Exact once everything has come to rest.
    pub const fn reads_saved(&self) -> u64 {
        self.forwards - self.forward_misses
    }

    /// Readers of an owned line for whom memory was not written. Exact once everything has come to rest.
    pub const fn write_backs_saved(&self) -> u64 {
        (self.kept_dirty + self.kept_clean).saturating_sub(self.reads_saved())
    }
}

impl HomeCounts {
    /// Counts what became of a reader.
    fn note_reads<V: Value>(&mut self, before: DirState, event: DirEvent<'_, V>, sends: &Sends<V>) {
        let DirEvent::Message(m) = event else { return };
        let count = match m.kind {
            MsgKind::GetS if before == DirState::S => {
                self.forwards += u64::from(sends.iter().any(|m| m.kind == MsgKind::FwdGetS));
                return;
            }
            MsgKind::FwdAckO => &mut self.kept_dirty,
            MsgKind::FwdAckS => &mut self.kept_clean,
            MsgKind::FwdAckI => &mut self.forward_misses,
            _ => return,
        };
        *count += 1;
    }
}

/// Whether an event at a line is its owner's Put, with data for memory.
fn has_put_data<V: Value>(dir: &DirLine<V>, event: DirEvent<'_, V>) -> bool {
    let DirEvent::Message(m) = event else { return false };
    matches!(m.kind, MsgKind::PutM | MsgKind::PutO)
        && matches!(dir.state, DirState::EM | DirState::O)
        && dir.owner == Some(m.src)
}

/// One node's home slice.
#[derive(Clone, Debug)]
pub struct HomeCtrl<V: Value, T, F: Faults = Sound> {
    cfg: Config<F>,
    me: NodeIdx,
    initial: fn(Line) -> V,
    index: Map<Line, u32>,
    slots: Vec<Slot<V>>,
    entries: Vec<Entry<V, T>>,
    free_entries: Vec<u32>,
    room: Room<V, T>,
    /// Lines that became stable while requests were queued for them.
    ready: Vec<u32>,
    counts: HomeCounts,
}

base::state!([V: Value, T: serde::Serialize + serde::de::DeserializeOwned, F: Faults] HomeCtrl<V, T, F> {
    keeps index, slots, entries, free_entries, room, ready, counts;
    each;
    fixed cfg, me, initial
});

impl<V: Value, T: Copy, F: Faults> HomeCtrl<V, T, F> {
    /// A home at node `me` whose memory starts as `initial` says and whose directory tracks at
    /// most `directory_lines` lines at once (`None`: any number).
    ///
    /// # Panics
    /// If `directory_lines` is zero.
    pub fn new(
        cfg: Config<F>,
        me: NodeIdx,
        directory_lines: Option<u32>,
        initial: fn(Line) -> V,
    ) -> Self {
        Self {
            cfg,
            me,
            initial,
            index: Map::default(),
            slots: Vec::new(),
            entries: Vec::new(),
            free_entries: Vec::new(),
            room: Room::new(directory_lines),
            ready: Vec::new(),
            counts: HomeCounts::default(),
        }
    }

    /// Bytes of the emulator's memory that a line takes which was ever asked for, its value in memory among them.
    pub const LINE_BYTES: usize =
        size_of::<Slot<V>>() + size_of::<(Line, u32)>() + size_of::<(u32, u32)>();

    /// The node it belongs to.
    pub const fn node(&self) -> NodeIdx {
        self.me
    }

    /// Takes a message about `line`.
    ///
    /// # Panics
    /// If the protocol does not foresee the message: a broken invariant, not an input error.
    pub fn receive(&mut self, line: Line, msg: &Message<V>, tag: T, out: &mut Outbox<V, T>) {
        let slot = self.slot(line);
        if msg.kind.class() == Class::Req {
            let room = self.room.is_free() && self.room.waiting.is_empty();
            self.request(slot, msg, (tag, Cause::Direct), room, out);
        } else {
            let event = DirEvent::Message(msg);
            match dir_step(self.cfg, &self.slots[slot as usize].dir, event) {
                Step::Next(next, sends, _) => {
                    self.commit(slot, event, (&next, &sends), (tag, Cause::Direct), out);
                }
                Step::Stall | Step::Illegal => self.broken(slot, event),
            }
        }
        self.go_on(tag, out);
    }

    /// Takes back every copy of `line`; false if no cache has it or home has it blocked.
    pub fn recall(&mut self, line: Line, tag: T, out: &mut Outbox<V, T>) -> bool {
        let Some(&slot) = self.index.get(line) else { return false };
        let recalled = self.start_recall(slot, tag, out);
        self.go_on(tag, out);
        recalled
    }

    /// Performs an access to a line that no cache may hold; gives what was there before.
    ///
    /// # Panics
    /// If the line is in a cache: a broken invariant, not an input error.
    pub fn perform(&mut self, line: Line, write: Option<&V::Write>) -> V {
        let slot = self.slot(line);
        let dir = &mut self.slots[slot as usize].dir;
        assert!(dir.state == DirState::I, "{}: {line} is cached in {:?}", self.me, dir.state);
        let old = dir.memory;
        if let Some(write) = write {
            dir.memory = old.written(write);
        }
        old
    }

    /// What memory holds of `line`; stale while a cache owns it.
    pub fn memory(&self, line: Line) -> V {
        let slot = self.index.get(line);
        slot.map_or_else(|| (self.initial)(line), |s| self.slots[*s as usize].dir.memory)
    }

    /// The directory's view of `line`, if it was ever touched.
    pub fn look_up(&self, line: Line) -> Option<&DirLine<V>> {
        self.index.get(line).map(|s| &self.slots[*s as usize].dir)
    }

    /// Every line ever touched, in the order of first touch.
    pub fn lines(&self) -> impl Iterator<Item = (Line, &DirLine<V>)> {
        self.slots.iter().map(|s| (s.line, &s.dir))
    }

    /// Lines that the directory tracks now.
    pub const fn tracked(&self) -> u32 {
        self.room.tracked()
    }

    /// What it did besides answering.
    pub const fn counts(&self) -> HomeCounts {
        self.counts
    }

    /// Whether no line is blocked and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.free_entries.len() == self.entries.len() && self.room.waiting.is_empty()
    }

    /// Who waits for what here: blocked lines, then requests that wait for room.
    pub fn blocked(&self) -> impl Iterator<Item = BlockedLine> {
        let lines = self.slots.iter().filter(|s| s.entry != NONE).map(|s| {
            let queue = &self.entries[s.entry as usize].queue;
            self.describe(s.line, &s.dir, queue.iter().map(|(m, _)| (m.src, m.kind)).collect())
        });
        let waiting = self.room.waiting.iter().map(|w| BlockedLine {
            awaits_room: true,
            ..self.describe(
                w.line,
                &DirLine::untouched(self.memory(w.line)),
                vec![(w.msg.src, w.msg.kind)],
            )
        });
        lines.chain(waiting)
    }

    fn describe(
        &self,
        line: Line,
        dir: &DirLine<V>,
        queued: Vec<(NodeIdx, MsgKind)>,
    ) -> BlockedLine {
        let gathers = matches!(dir.state, DirState::BRecall | DirState::BAtomic);
        BlockedLine {
            home: self.me,
            line,
            state: dir.state,
            requester: dir.requester,
            awaits_wb: dir.awaits_wb,
            awaits_comp: dir.awaits_comp,
            awaits_acks: if gathers { dir.sharers } else { dir.victim.into_iter().collect() },
            awaits_room: false,
            queued,
        }
    }

    fn slot(&mut self, line: Line) -> u32 {
        let (slots, initial) = (&mut self.slots, self.initial);
        *self.index.or_insert_with(line, || {
            slots.push(Slot { line, dir: DirLine::untouched(initial(line)), entry: NONE });
            u32::try_from(slots.len() - 1).expect("fewer than 2^32 lines at a home")
        })
    }

    /// Serves a request, or lets it wait for the line or, unless there is `room`, for an entry.
    fn request(
        &mut self,
        slot: u32,
        msg: &Message<V>,
        (tag, cause): (T, Cause),
        room: bool,
        out: &mut Outbox<V, T>,
    ) {
        let Slot { line, ref dir, entry } = self.slots[slot as usize];
        let takes_entry = dir.state == DirState::I && !msg.kind.is_put();
        if takes_entry && !room {
            self.room.waiting.push_back(Waiting { line, msg: *msg, tag });
            return;
        }
        let event = DirEvent::Message(msg);
        match dir_step(self.cfg, dir, event) {
            Step::Next(next, sends, _) => {
                self.commit(slot, event, (&next, &sends), (tag, cause), out);
            }
            Step::Stall => {
                out.coverage.dir(dir.state, event.kind());
                self.entries[entry as usize].queue.push_back((*msg, tag));
            }
            Step::Illegal => self.broken(slot, event),
        }
    }

    fn start_recall(&mut self, slot: u32, tag: T, out: &mut Outbox<V, T>) -> bool {
        let event = DirEvent::Recall { home: self.me };
        match dir_step(self.cfg, &self.slots[slot as usize].dir, event) {
            Step::Next(next, sends, _) => {
                self.commit(slot, event, (&next, &sends), (tag, Cause::Direct), out);
                true
            }
            Step::Stall | Step::Illegal => false,
        }
    }

    /// Makes a step of the table happen.
    fn commit(
        &mut self,
        slot: u32,
        event: DirEvent<'_, V>,
        (next, sends): (&DirLine<V>, &Sends<V>),
        (tag, cause): (T, Cause),
        out: &mut Outbox<V, T>,
    ) {
        let at = slot as usize;
        let Slot { line, ref dir, entry } = self.slots[at];
        let (before, had_wb) =
            (dir.state, matches!(event, DirEvent::Message(m) if m.kind == MsgKind::Wb));
        let performed = sends.iter().any(|m| m.kind == MsgKind::FarResp);
        let written = had_wb || has_put_data(dir, event);
        self.counts.pointer_recalls += u64::from(dir.victim.is_none() && next.victim.is_some());
        self.counts.write_backs += u64::from(written);
        self.counts.note_reads(before, event, sends);
        out.coverage.dir(before, event.kind());
        if written || performed {
            out.memory_writes.push(line);
        }
        // Home gathered: what goes out now belongs to the request that it gathered for.
        let (tag, cause) = if before.is_stable() || sends.is_empty() {
            (tag, cause)
        } else {
            (self.entries[entry as usize].tag, Cause::Gathered)
        };
        let mut push = |msg: Message<V>| {
            let from_memory = match msg.kind {
                MsgKind::Data | MsgKind::DataE => true,
                MsgKind::FarResp => !had_wb,
                _ => false,
            };
            out.messages.push(Outgoing { line, msg, tag, cause, from_memory });
        };
        for msg in sends {
            if msg.dst == EACH_SHARER {
                next.sharers.iter().for_each(|sharer| push(msg.to(sharer)));
            } else {
                push(*msg);
            }
        }
        self.slots[at].dir = *next;
        self.note_room(slot, before, next.state);
        match (before.is_stable(), next.state.is_stable()) {
            (true, false) => self.block(slot, tag),
            (false, true) => self.unblock(slot),
            _ => {}
        }
    }

    fn note_room(&mut self, slot: u32, before: DirState, after: DirState) {
        match (before == DirState::I, after == DirState::I) {
            (true, false) => {
                self.room.enter(slot);
                self.counts.lines_max = self.counts.lines_max.max(self.room.tracked());
            }
            (false, true) => self.room.leave(slot),
            (false, false) if before.is_stable() => self.room.touch(slot),
            _ => {}
        }
    }

    fn block(&mut self, slot: u32, tag: T) {
        let entry = self.slots[slot as usize].entry;
        if entry != NONE {
            // Stable for a moment between two requests.
            self.entries[entry as usize].tag = tag;
            return;
        }
        let entry = self.free_entries.pop().unwrap_or_else(|| {
            self.entries.push(Entry { tag, for_room: false, queue: VecDeque::new() });
            u32::try_from(self.entries.len() - 1).expect("no more entries than lines")
        });
        self.entries[entry as usize].tag = tag;
        self.slots[slot as usize].entry = entry;
    }

    fn unblock(&mut self, slot: u32) {
        let entry = &mut self.entries[self.slots[slot as usize].entry as usize];
        if core::mem::take(&mut entry.for_room) {
            self.room.recalls -= 1;
        }
        self.ready.push(slot);
    }

    /// Takes up what waits and can go on, then makes room for what still waits for it.
    fn go_on(&mut self, tag: T, out: &mut Outbox<V, T>) {
        loop {
            if self.room.is_free()
                && let Some(next) = self.room.waiting.pop_front()
            {
                let slot = self.slot(next.line);
                self.request(slot, &next.msg, (next.tag, Cause::Unstalled), true, out);
            } else if let Some(slot) = self.ready.pop() {
                self.take_up(slot, out);
            } else {
                break;
            }
        }
        while self.room.recalls < self.room.waiting.len() {
            let slots = &self.slots;
            let stable = |slot: u32| slots[slot as usize].dir.state.is_stable();
            let Some(slot) = self.room.oldest(stable) else { break };
            let wanted_by = self.room.waiting.get(self.room.recalls).map_or(tag, |w| w.tag);
            self.start_recall(slot, wanted_by, out);
            self.entries[self.slots[slot as usize].entry as usize].for_room = true;
            self.room.recalls += 1;
            self.counts.capacity_recalls += 1;
        }
    }

    /// Serves the requests queued for a line until it is blocked again or none is left.
    fn take_up(&mut self, slot: u32, out: &mut Outbox<V, T>) {
        while self.slots[slot as usize].dir.state.is_stable() {
            let entry = self.slots[slot as usize].entry;
            let Some((msg, tag)) = self.entries[entry as usize].queue.pop_front() else {
                self.slots[slot as usize].entry = NONE;
                self.free_entries.push(entry);
                return;
            };
            let room = self.room.is_free() && self.room.waiting.is_empty();
            self.request(slot, &msg, (tag, Cause::Unstalled), room, out);
        }
    }

    #[cold]
    fn broken(&self, slot: u32, event: DirEvent<'_, V>) -> ! {
        let Slot { line, dir, .. } = &self.slots[slot as usize];
        panic!("protocol broken: home {}: {line} in {:?} got {event:?}", self.me, dir.state);
    }
}
