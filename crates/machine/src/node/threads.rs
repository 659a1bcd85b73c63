//! A node's threads: which of them is asked, and what becomes of what it wants.

use base::{Line, LineData, Part, RoutingFunction, Timeline};
use clock::Edge;
use coherence::{Effect, Outcome, Request};
use memory::MemoryModel;
use tracing::debug;

use super::agent::{Piece, Wish};
use super::step::{Stepping, read};
use super::{Done, ENTRY_BITS};
use crate::RunError;

impl<R: RoutingFunction, M: MemoryModel> Stepping<'_, R, M> {
    /// Asks agents what they want, and lets one of them at the cache. Gives the next edge at which
    /// an agent may act if nothing happens before.
    pub(super) fn agents(&mut self) -> Result<Edge, RunError> {
        if self.edge >= self.node.halts {
            self.node.running = 0;
            return Ok(Edge::NEVER);
        }
        self.node.roster.ring(self.edge);
        let mut from = 0;
        while let Some(at) = self.node.roster.ask(from) {
            from = at + 1;
            let agent = &mut self.node.agents[at];
            let before = agent.taken;
            let mut wish = agent.wish(self.edge, self.now)?;
            while let Wish::Forward(piece, value) = wish {
                agent.forwarded();
                let mut timeline = agent.timeline(piece.token);
                timeline.charge(Part::SourceQueue, self.now);
                let due = self.edge.plus(self.shared.cache_latency);
                timeline.charge(Part::Cache, self.shared.clock.instant(due));
                let token = u32::try_from(at).unwrap_or(0) << ENTRY_BITS | piece.token;
                self.node.done.push_back(Done { due, token, timeline, value: Some(value) });
                wish = agent.wish(self.edge, self.now)?;
            }
            self.shared.taken += agent.taken - before;
            match wish {
                Wish::Sync(sync) => self.scoped_sync(at, sync),
                Wish::Access(_) | Wish::Forward(..) => {
                    let thinks = self.node.agents[at].thinks_until(self.edge);
                    self.node.roster.wants(at);
                    // The thread goes on when it has thought, whatever its store buffer waits for.
                    if let Some(until) = thinks.filter(|until| *until <= self.shared.last_edge) {
                        self.node.roster.sleep(at, until);
                    }
                }
                Wish::Arrive { id, members, share } => self.arrive(at, id, (members, share)),
                Wish::Sleep(until) if until > self.shared.last_edge && until != Edge::NEVER => {
                    return Err(RunError::TooLong { at: self.now });
                }
                Wish::Sleep(until) => self.node.roster.sleep(at, until),
                Wish::Done => self.retire(at),
            }
        }
        let left = self.serve()?;
        let next = self.node.roster.next(self.edge);
        Ok(if left { self.edge.plus(1) } else { next })
    }

    /// Lets one agent at the cache, in turn. Tells whether others are left that might be served at
    /// the next edge.
    fn serve(&mut self) -> Result<bool, RunError> {
        if self.node.roster.wanting() == 0
            || self.net.held(self.at, base::Class::Req) >= self.shared.injection_packets
        {
            return Ok(false);
        }
        let refused = Some(self.node.cache_messages);
        let mut candidates = core::mem::take(&mut self.shared.candidates);
        let able = self.node.roster.candidates();
        candidates.extend(able.filter(|at| self.node.agents[*at].refused != refused));
        let mut left = false;
        for (tried, &at) in candidates.iter().enumerate() {
            let Wish::Access(piece) = self.node.agents[at].wish(self.edge, self.now)? else {
                // Its thread has come to something else while a store of its buffer waited.
                self.node.roster.wake(at);
                continue;
            };
            if self.access(at, piece) {
                self.node.roster.served(at);
                left = tried + 1 < candidates.len();
                break;
            }
        }
        candidates.clear();
        self.shared.candidates = candidates;
        Ok(left)
    }

    /// An agent whose thread has ended is told to the machine once.
    fn retire(&mut self, at: usize) {
        if self.node.agents[at].retire() {
            self.node.running -= 1;
            self.node.finished = self.now;
            let thread = self.node.agents[at].thread();
            debug!(target: "agent", at = %self.now, node = %self.node.id, "{thread} done");
        }
    }

    /// Offers an access to the cache. `false`: it was refused, and is to be offered again once
    /// something has changed.
    fn access(&mut self, at: usize, piece: Piece) -> bool {
        let mut tag = self.node.agents[at].timeline(piece.token);
        tag.charge(Part::SourceQueue, self.now);
        let token = u32::try_from(at).unwrap_or(0) << ENTRY_BITS | piece.token;
        if self.shared.is_scoped(piece.line) {
            return self.scoped_access(at, &piece, token, tag);
        }
        if self.shared.is_uncached(piece.line) {
            self.remote(&piece, token, tag);
            self.shared.stats.line_accesses += 1;
            self.node.agents[at].issued();
            return true;
        }
        let home = self.shared.cache_home(piece.line);
        self.shared.outbox.clear();
        let Piece { line, access, .. } = piece;
        let request = Request { line, home, access, token, tag };
        let outcome = self.node.cache.access(&request, &mut self.shared.outbox);
        match outcome {
            Outcome::Retry(_) => {
                self.node.agents[at].refused = Some(self.node.cache_messages);
                return false;
            }
            Outcome::Pending => {}
            Outcome::Hit(effect) => self.hit(line, token, tag, &effect),
        }
        self.shared.stats.line_accesses += 1;
        self.node.agents[at].issued();
        self.cache_outputs();
        true
    }

    fn hit(&mut self, line: Line, token: u32, mut timeline: Timeline, effect: &Effect<LineData>) {
        let due = self.edge.plus(self.shared.cache_latency);
        timeline.charge(Part::Cache, self.shared.clock.instant(due));
        self.shared.stats.hits += 1;
        self.shared.ghost.effect((self.now, self.node.id), line, effect);
        self.node.done.push_back(Done { due, token, timeline, value: read(effect) });
    }
}
