//! How a level serves: an ask and its line, the table, what goes up and who is told.

use base::{Line, NodeIdx, Scope};

use super::{Ask, Entry, Level, SyncId, Waiting, Who};
use crate::outbox::Cause;
use crate::scoped::ScopedFaults;
use crate::scoped::line::{Parts, ScopedLine, ScopedState};
use crate::scoped::message::{ScopedKind, ScopedMessage, Unit};
use crate::scoped::outbox::{ScopedDone, ScopedOut, ScopedOutbox, Trail};
use crate::scoped::table::{ScopedEffect, ScopedEvent, ScopedStep, Upward, scoped_step};

impl<V: Parts, T: Copy, F: ScopedFaults> Level<V, T, F> {
    /// Whether serving `ask` would start a request of the line.
    pub(super) fn starts(&self, line: &ScopedLine<V>, ask: &Ask<V>) -> bool {
        if !line.state.is_stable() {
            return false;
        }
        match *ask {
            Ask::Load { mask } => mask & !line.valid != 0,
            // It may have to put out another.
            Ask::Store(_) => self.places.is_some() && !line.takes_place(),
            Ask::Through { scope, .. } | Ask::Release { scope, .. } => {
                !self.cfg.is_point(self.unit, scope)
            }
            Ask::Acquire { .. } | Ask::Atomic { .. } => true,
        }
    }

    /// Serves an ask if the line allows: gives what it did. `None`: it waits.
    pub(super) fn serve(
        &mut self,
        line: Line,
        waiting: &mut Waiting<V, T>,
        cause: Cause,
        out: &mut ScopedOutbox<V, T>,
    ) -> Option<ScopedEffect<V>> {
        let state = self.lines[&line].line;
        let point = |scope| self.cfg.is_point(self.unit, scope);
        let event = match waiting.ask {
            Ask::Load { mask } => ScopedEvent::Load { mask },
            Ask::Acquire { mask, scope } if point(scope) => ScopedEvent::Load { mask },
            Ask::Acquire { mask, .. } => ScopedEvent::At { mask },
            Ask::Atomic { write, scope } if point(scope) => ScopedEvent::Atomic(write),
            Ask::Atomic { .. } => ScopedEvent::Far,
            Ask::Store(write) | Ask::Release { write, .. } => stored(&state.value, &write),
            Ask::Through { mask, value, .. } => ScopedEvent::Store { mask, value },
        };
        let through = match waiting.ask {
            Ask::Release { scope, .. } | Ask::Through { scope, .. } if !point(scope) => Some(scope),
            _ => None,
        };
        if through.is_some() && !state.state.is_stable() {
            return None;
        }
        let (up, effect) = self.step(line, &event)?;
        if effect != ScopedEffect::None {
            self.performed(line, waiting, &effect, out);
        }
        match up {
            Upward::Nothing => {}
            Upward::Through(mask) => {
                self.send_through(line, mask, (Scope::Package, waiting.tag, cause), out);
            }
            Upward::Read | Upward::Ask => self.send_up(line, up, waiting, cause, out),
        }
        if let Some(scope) = through {
            if let Some((Upward::Through(mask), _)) = self.step(line, &ScopedEvent::Flush) {
                self.send_through(line, mask, (scope, waiting.tag, cause), out);
            }
            waiting.sent = true;
            return None;
        }
        (effect != ScopedEffect::None).then_some(effect)
    }

    /// Serves what waits for a line until something has to wait again.
    pub(super) fn go_on(&mut self, line: Line, out: &mut ScopedOutbox<V, T>) {
        loop {
            let Some(entry) = self.lines.get_mut(&line) else { return };
            let Some(mut head) = entry.queue.front().copied().filter(|h| !h.sent) else { return };
            let served = self.serve(line, &mut head, Cause::Unstalled, out);
            let Some(entry) = self.lines.get_mut(&line) else { return };
            let Some(effect) = served else {
                entry.queue[0] = head;
                return;
            };
            entry.queue.pop_front();
            tell(line, &head, &effect, (None, Cause::Unstalled), out);
        }
    }

    /// Notes what was done to values here. A copy that goes down is no access yet.
    pub(super) fn performed(
        &self,
        line: Line,
        waiting: &Waiting<V, T>,
        effect: &ScopedEffect<V>,
        out: &mut ScopedOutbox<V, T>,
    ) {
        let (after, at) = (self.lines[&line].line.value, (self.unit, self.me));
        let mask = match waiting.ask {
            Ask::Load { mask } | Ask::Acquire { mask, .. } | Ask::Through { mask, .. } => mask,
            Ask::Store(w) | Ask::Release { write: w, .. } | Ask::Atomic { write: w, .. } => {
                V::of(&w)
            }
        };
        let (node, token) = match &waiting.who {
            Who::Token(token) => (self.me, *token),
            Who::Cache(msg) if msg.kind == ScopedKind::Through => {
                let from = (msg.from, msg.src);
                return out.trail.push(Trail::Merged { from, at, line, after });
            }
            Who::Cache(_) if !matches!(effect, ScopedEffect::Atomic { .. }) => return,
            Who::Cache(msg) => (msg.requester, msg.number),
        };
        out.trail.push(Trail::Performed { node, token, line, at, mask, effect: *effect, after });
    }

    /// Has the table make a step; `None` if the line stalls.
    pub(super) fn step(
        &mut self,
        line: Line,
        event: &ScopedEvent<V>,
    ) -> Option<(Upward, ScopedEffect<V>)> {
        let entry = self.lines.get_mut(&line)?;
        let before = entry.line;
        self.rows.insert(before.state, event.kind());
        match scoped_step(self.cfg, &before, event) {
            ScopedStep::Next(next, up, effect) => {
                entry.line = next;
                let (was, is) = (!before.state.is_stable(), !next.state.is_stable());
                self.busy = self.busy + u32::from(is) - u32::from(was);
                let written = next.dirty != 0 || next.state.writes();
                if written != (before.dirty != 0 || before.state.writes()) {
                    if written {
                        self.written.insert(line)
                    } else {
                        self.written.remove(&line)
                    };
                }
                if let Some(places) = &mut self.places {
                    match (before.takes_place(), next.takes_place()) {
                        (false, true) => drop(places.touch(line)),
                        (true, false) => places.leave(line),
                        _ => {}
                    }
                }
                self.counts.fills += u64::from(up == Upward::Read);
                Some((up, effect))
            }
            ScopedStep::Stall => None,
            ScopedStep::Illegal => {
                let (me, unit) = (self.me, self.unit);
                let what = format!("{me} {unit:?}: {line} in {before:?} got {event:?}");
                self.broken.get_or_insert(what);
                None
            }
        }
    }

    pub(super) fn flush(&mut self, line: Line, scope: Scope, tag: T, out: &mut ScopedOutbox<V, T>) {
        if let Some((Upward::Through(mask), _)) = self.step(line, &ScopedEvent::Flush) {
            self.send_through(line, mask, (scope, tag, Cause::Direct), out);
        }
    }

    pub(super) fn send_through(
        &mut self,
        line: Line,
        mask: u64,
        (scope, tag, cause): (Scope, T, Cause),
        out: &mut ScopedOutbox<V, T>,
    ) {
        let entry = &self.lines[&line];
        let above = self.above(line, entry.home);
        let mut msg = ScopedMessage::new(ScopedKind::Through, (self.me, self.unit), above);
        (msg.scope, msg.mask, msg.data) = (scope, mask, Some(entry.line.value));
        self.counts.throughs += 1;
        self.counts.through_parts += u64::from(mask.count_ones());
        out.trail.push(Trail::Sent { from: (self.unit, self.me), line });
        out.messages.push(ScopedOut { line, msg, tag, cause, from_memory: false });
    }

    fn send_up(
        &mut self,
        line: Line,
        up: Upward,
        waiting: &Waiting<V, T>,
        cause: Cause,
        out: &mut ScopedOutbox<V, T>,
    ) {
        let above = self.above(line, self.lines[&line].home);
        let kind = match (up, waiting.ask) {
            (Upward::Read, _) => ScopedKind::Read,
            (_, Ask::Atomic { .. }) => ScopedKind::Far,
            _ => ScopedKind::ReadAt,
        };
        let mut msg = ScopedMessage::new(kind, (self.me, self.unit), above);
        match waiting.ask {
            Ask::Acquire { mask, scope } => (msg.mask, msg.scope) = (mask, scope),
            Ask::Atomic { write, scope } => {
                (msg.mask, msg.scope) = (V::of(&write), scope);
                msg.write = Some(write).filter(|_| kind == ScopedKind::Far);
            }
            _ => {}
        }
        (msg.requester, msg.number) = match &waiting.who {
            Who::Token(token) => (self.me, *token),
            Who::Cache(below) => (below.requester, below.number),
        };
        let tag = waiting.tag;
        out.messages.push(ScopedOut { line, msg, tag, cause, from_memory: false });
    }

    fn above(&self, line: Line, home: NodeIdx) -> (NodeIdx, Unit) {
        if self.unit == Unit::Slice {
            (home, Unit::Home)
        } else {
            self.cfg.above(self.me, line, home)
        }
    }

    /// Counts an acknowledgement for the releases that wait for it.
    pub(super) fn acknowledged(&mut self, line: Line) {
        for left in self.syncs.values_mut() {
            if let Some(acks) = left.get_mut(&line) {
                *acks -= 1;
                if *acks == 0 {
                    left.remove(&line);
                }
            }
        }
    }

    /// Takes out a release that has nothing left to wait for.
    pub fn released(&mut self) -> Option<SyncId> {
        let done = self.syncs.iter().find(|(_, left)| left.is_empty()).map(|(id, _)| *id)?;
        self.syncs.remove(&done);
        Some(done)
    }

    /// Makes room in an over-full set, from the line used longest ago on.
    pub(super) fn make_room(&mut self, line: Line, tag: T, out: &mut ScopedOutbox<V, T>) {
        let Some(places) = &mut self.places else { return };
        let taken = self.lines.get(&line).is_some_and(|e| e.line.takes_place());
        if !taken || !places.touch(line) {
            return;
        }
        let candidates = places.by_age(line).to_vec();
        for victim in candidates {
            if victim != line && self.evict(victim, tag, out) {
                return;
            }
        }
    }

    /// Forgets a line of which nothing is left.
    pub(super) fn settle(&mut self, line: Line) {
        let gone = |e: &Entry<V, T>| e.line.state == ScopedState::I && e.queue.is_empty();
        if self.lines.get(&line).is_some_and(gone) {
            self.lines.remove(&line);
        }
    }
}

/// Tells who asked.
pub(super) fn tell<V: Parts, T: Copy>(
    line: Line,
    head: &Waiting<V, T>,
    effect: &ScopedEffect<V>,
    (reply_tag, cause): (Option<T>, Cause),
    out: &mut ScopedOutbox<V, T>,
) {
    match &head.who {
        Who::Token(token) => out.completions.push(ScopedDone {
            token: *token,
            line,
            effect: *effect,
            tag: head.tag,
            reply_tag,
        }),
        Who::Cache(msg) => {
            let tag = reply_tag.unwrap_or(head.tag);
            out.messages.push(ScopedOut {
                line,
                msg: answer(msg, effect),
                tag,
                cause,
                from_memory: false,
            });
        }
    }
}

/// A store as the parts that it writes.
fn stored<V: Parts>(old: &V, write: &V::Write) -> ScopedEvent<V> {
    ScopedEvent::Store { mask: V::of(write), value: old.written(write) }
}

/// The answer to a cache below.
pub(in crate::scoped) fn answer<V: Parts>(
    msg: &ScopedMessage<V>,
    effect: &ScopedEffect<V>,
) -> ScopedMessage<V> {
    let kind = match msg.kind {
        ScopedKind::Read => ScopedKind::Data,
        ScopedKind::Through => ScopedKind::Ack,
        _ => ScopedKind::Resp,
    };
    let mut answer = msg.answer(kind);
    answer.data = match effect {
        ScopedEffect::Load(value) | ScopedEffect::Atomic { old: value, .. } => Some(*value),
        ScopedEffect::None | ScopedEffect::Stored => None,
    };
    answer
}
