//! Threads at barriers: how they arrive, by packets or at the node's unit, and how they are let go.

use base::{NodeIdx, RoutingFunction, Share, ThreadIdx, Timeline};
use memory::MemoryModel;
use tracing::debug;

use super::Outbound;
use super::step::Stepping;
use crate::RunError;
use crate::barriers::{Event, What};
use crate::payload::Payload;

/// Tells releases by units from all else in the digest.
const RELEASED: u64 = 2 << 40;

impl<R: RoutingFunction, M: MemoryModel> Stepping<'_, R, M> {
    /// A thread arrives, with what it brings.
    pub(super) fn arrive(&mut self, at: usize, id: u32, (members, share): (u32, Share)) {
        let agent = &mut self.node.agents[at];
        agent.arrived();
        let from = (self.node.id, agent.thread());
        debug!(target: "barrier", at = %self.now, "{} arrives at barrier {id}", from.1);
        let what = What::Arrives { members, share };
        if self.shared.judges {
            self.shared.events.push(Event { at: self.now, id, thread: from.1, what });
        }
        if let Some(slot) = self.shared.teams.slot(id) {
            return self.net.arrive(self.at, (slot, at), share, self.edge);
        }
        self.emit(Outbound {
            due: self.edge,
            dst: NodeIdx(id % self.shared.nodes),
            payload: Payload::Arrive { id, members, from, share },
            timeline: Timeline::start(self.now),
            from_memory: false,
        });
    }

    /// An arrival reaches the home of its barrier.
    pub(super) fn arrival(
        &mut self,
        id: u32,
        (members, share): (u32, Share),
        from: (NodeIdx, ThreadIdx),
    ) -> Result<(), RunError> {
        if members > self.shared.threads {
            let threads = self.shared.threads;
            return Err(RunError::BarrierTooLarge { id, members, threads });
        }
        let due = self.edge.plus(self.shared.home_latency);
        let (released, share) = self.node.barriers.arrive(id, (members, share), from)?;
        self.scoped_meeting(&released);
        for (dst, thread) in released {
            let payload = Payload::Release { thread, share, id };
            let timeline = Timeline::start(self.now);
            let out = Outbound { due, dst, payload, timeline, from_memory: false };
            self.node.home_out.push_back(out);
        }
        Ok(())
    }

    /// Lets the threads go that the node's unit releases now.
    #[inline]
    pub(super) fn unit_releases(&mut self) {
        while let Some(released) = self.net.released(self.at, self.edge) {
            let id = self.shared.teams.id(released.slot);
            self.witness_leaving(id, (released.slot, released.members.count_ones()));
            for at in released.members.iter_ones() {
                let thread = self.node.agents[at].thread();
                let (who, told) = (RELEASED | u64::from(thread.0), released.share);
                let word = told.map_or(0, |(_, word)| word);
                self.shared.digest.add(&[self.now.0, who, u64::from(id), word]);
                self.let_go(id, thread, told);
            }
        }
    }

    /// Tells a witness of scoped memory, when the first of its members leave a barrier, that all have met. Where
    /// there is one, the machine is not cut.
    fn witness_leaving(&mut self, id: u32, (slot, count): (u16, usize)) {
        if self.shared.scoped.as_ref().is_none_or(|s| s.witness.is_none()) {
            return;
        }
        let left = &mut self.shared.leaving[usize::from(slot)];
        if *left == 0 {
            let team = self.shared.teams.of(id).to_vec();
            *left = team.len();
            let nodes = self.shared.nodes;
            let node = |t: &ThreadIdx| (NodeIdx(t.0 % nodes), *t);
            self.scoped_meeting(&team.iter().map(node).collect::<Vec<_>>());
        }
        self.shared.leaving[usize::from(slot)] -= count;
    }

    /// A thread goes on behind its barrier.
    pub(super) fn let_go(&mut self, id: u32, thread: ThreadIdx, share: Share) {
        debug!(target: "barrier", at = %self.now, "{thread} released");
        let what = What::Goes(share);
        if self.shared.judges {
            self.shared.events.push(Event { at: self.now, id, thread, what });
        }
        self.node.release(thread, share);
    }
}
