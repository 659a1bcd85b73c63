//! Barriers of a running machine: judged at every instant, and given up when their time is over.

use std::fmt::Write as _;

use base::{Fs, NodeIdx, RoutingFunction, ThreadIdx};
use clock::Edge;
use memory::MemoryModel;
use topology::spec::NodeHappening;

use super::meetings::Overdue;
use super::{BarrierUse, Checked};
use crate::network::Network;
use crate::node::Node;
use crate::partition::Partition;
use crate::partition::layout::Place;
use crate::{Machine, RunError};

/// Missing members that are named one by one.
const SHOWN: usize = 16;

impl<R: RoutingFunction, M: MemoryModel> Machine<R, M> {
    /// Arranges what is still to happen to nodes, by their clock as it is now.
    pub(crate) fn set_halts(&mut self) {
        let begun = self.shared().clock.edge_at_or_after(self.now());
        for p in &mut self.partitions {
            let to_come = |n: &&mut Node| n.halts > begun;
            p.nodes.iter_mut().filter(to_come).for_each(|n| n.halts = Edge::NEVER);
        }
        for event in self.spec().node_events.clone() {
            match event.what {
                NodeHappening::Halts => {
                    let edge = self.shared().clock.edge_at_or_after(event.at);
                    let Place { part, at } = self.layout().nodes[event.node.at()];
                    let Partition { nodes, net, .. } = &mut self.partitions[part];
                    if edge < nodes[at].halts {
                        nodes[at].halts = edge;
                        let slot = net.node_slot(NodeIdx::new(at));
                        net.wiring_mut().wake(slot, edge);
                    }
                }
            }
        }
    }

    /// Judges what happened at barriers since it was last looked, in the order of time; of what happened at one
    /// instant, in that of barriers and threads.
    #[inline]
    pub(crate) fn judge_barriers(&mut self) -> Result<(), RunError> {
        let told =
            |p: &Partition<R, M>| !p.shared.events.is_empty() || p.net.units().fault().is_some();
        if self.partitions.iter().any(told) { self.judge_events(Fs::NEVER) } else { Ok(()) }
    }

    /// Judges what happened at barriers before an instant. Of an instant at which a unit got what it must not
    /// get, the rest is judged first.
    pub(crate) fn judge_events(&mut self, before: Fs) -> Result<(), RunError> {
        let faults = self.partitions.iter().filter_map(|p| p.net.units().fault());
        let fault = faults.filter(|f| f.at < before).min();
        let before = fault.map_or(before, |f| Fs(f.at.0 + 1));
        let mut events = core::mem::take(&mut self.partitions[0].shared.events);
        for p in &mut self.partitions[1..] {
            events.append(&mut p.shared.events);
        }
        events.sort_by_key(|e| (e.at, e.id, e.thread));
        let due = events.iter().filter(|e| e.at < before);
        due.into_iter().try_for_each(|e| self.meetings.take(e))?;
        events.clear();
        self.partitions[0].shared.events = events;
        fault.map_or(Ok(()), |f| {
            let id = self.shared().teams.id(f.slot);
            Err(RunError::BarrierFault { id, fault: f.fault })
        })
    }

    /// The end of the first instant at which, as far as is known at `next`, a member of a barrier may have waited
    /// too long: none behind it may be stepped before it was looked.
    pub(crate) fn barrier_horizon(&self, next: Fs) -> Fs {
        let Some(timeout) = self.spec().barriers.timeout else { return Fs::NEVER };
        let later = Fs(next.0.saturating_add(timeout.0));
        Fs(self.meetings.deadline.min(later).0.saturating_add(1))
    }

    /// Ends the run if the time of a barrier is over before anything else happens.
    #[inline]
    pub(crate) fn look_at_deadline(&mut self) -> Result<(), RunError> {
        if self.meetings.deadline == Fs::NEVER {
            return Ok(());
        }
        let next = self.partitions.iter_mut().map(Partition::next).min().unwrap_or(Fs::NEVER);
        if self.meetings.deadline < next { self.look_for_overdue(next) } else { Ok(()) }
    }

    /// Ends the run if members of a barrier waited too long before `now`.
    fn look_for_overdue(&mut self, now: Fs) -> Result<(), RunError> {
        match self.meetings.overdue(now) {
            None => Ok(()),
            Some(overdue) => Err(self.timed_out(&overdue)),
        }
    }

    fn timed_out(&self, overdue: &Overdue) -> RunError {
        let Overdue { id, members, ref arrived, since, at } = *overdue;
        let team = self.shared().teams.of(id);
        let all = members == self.shared().threads;
        let everyone: Vec<ThreadIdx> = (0..members).map(ThreadIdx).collect();
        let team = if team.is_empty() && all { &everyone } else { team };
        let mut explanation = String::new();
        if team.is_empty() {
            let who: Vec<String> = arrived.iter().map(ToString::to_string).collect();
            let _ = writeln!(explanation, "  arrived are {}", who.join(", "));
        }
        let missing = || team.iter().filter(|t| !arrived.contains(t));
        for thread in missing().take(SHOWN) {
            let _ = writeln!(explanation, "  {}", self.what_keeps(*thread, at));
        }
        if missing().count() > SHOWN {
            let _ = writeln!(explanation, "  and {} more", missing().count() - SHOWN);
        }
        let missing = members as usize - arrived.len();
        RunError::BarrierTimeout { id, at, since, members, missing, explanation }
    }

    /// A missing member, where it is, and what keeps it at an instant.
    fn what_keeps(&self, thread: ThreadIdx, now: Fs) -> String {
        let of = |n: &Node| n.agents.iter().position(|a| a.thread() == thread);
        let Some((node, at)) = self.nodes().find_map(|n| of(n).map(|at| (n, at))) else {
            return format!("{thread}: there is no such thread");
        };
        let id = node.id;
        if let Some(halted) = self.halted(id, now) {
            return format!("{thread} on {id}: its node halted at {halted}");
        }
        let clock = &self.shared().clock;
        match node.agents[at].stuck(clock.edge_at_or_after(now), clock) {
            None => format!("{thread} on {id}: it has ended"),
            Some(why) => format!("{why} on {id}"),
        }
    }

    /// Since when a node is halted, if it is.
    pub(crate) fn halted(&self, node: NodeIdx, now: Fs) -> Option<Fs> {
        let events = self.spec().node_events.iter().filter(|e| e.node == node);
        events.map(|e| e.at).min().filter(|at| *at <= now)
    }

    /// What barriers did.
    pub(crate) fn barrier_use(&self) -> BarrierUse {
        let units = self.spec().barriers.units.map(|_| self.shared().teams.counts());
        BarrierUse {
            latency: self.meetings.latency.clone(),
            gathering: self.meetings.gathering.clone(),
            units,
            tokens: self.networks().map(|net| net.tokens().0).sum(),
        }
    }

    /// What is wrong with barriers at the end: releases that should not have been, tokens lost, units at
    /// work.
    pub(crate) fn audit_barriers(&self) -> Checked {
        let sum = |a: (u64, u64), b: (u64, u64)| (a.0 + b.0, a.1 + b.1);
        let (sent, received) = self.networks().map(Network::tokens).fold((0, 0), sum);
        Checked {
            violations: self.meetings.violations,
            lost: sent.abs_diff(received),
            idle: self.networks().all(|net| net.units().is_idle()),
            findings: self.meetings.findings.clone(),
        }
    }
}
