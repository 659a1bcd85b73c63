//! One edge of a node: in, through the controllers, to the agents, and out.

use base::{Digest, Fs, Head, Line, LineData, NodeIdx, PacketIdx, Part, RoutingFunction, Timeline};
use clock::{Domain, Edge};
use coherence::{Cause, Effect, Outbox, Outgoing};
use memory::{Access as MemoryAccess, AddressMap, Direction, MemoryModel};
use tracing::trace;

use super::{Done, ENTRY_BITS, Inbound, Node, Outbound};
use crate::RunError;
use crate::barriers::{Event, Teams};
use crate::ghost::Ghost;
use crate::memory_port::MemoryPort;
use crate::network::{Network, Packet};
use crate::payload::{Lengths, Level, Payload};
use crate::stats::Stats;

/// What all nodes of a machine share while they are stepped.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Domain,
    pub(crate) map: AddressMap,
    pub(crate) lengths: Lengths,
    pub(crate) cache_latency: u32,
    pub(crate) home_latency: u32,
    pub(crate) injection_packets: u32,
    pub(crate) nodes: u32,
    /// Nodes of a package, if there are packages.
    pub(crate) package_nodes: Option<u32>,
    /// Whether packages have homes of their own.
    pub(crate) two_level: bool,
    /// Packets that nodes gave to the network for a node of another package.
    pub(crate) crossings: u64,
    pub(crate) threads: u32,
    pub(crate) seed: u64,
    /// The last edge that a run may reach.
    pub(crate) last_edge: Edge,
    /// Operations that agents have taken up.
    pub(crate) taken: u64,
    /// Sees what caches do, in the order of time.
    pub(crate) ghost: Ghost,
    pub(crate) stats: Stats,
    pub(crate) digest: Digest,
    pub(crate) outbox: Outbox<LineData, Timeline>,
    /// What a package's home sends to the fabric.
    pub(crate) fabric: Vec<Outgoing<LineData, Timeline>>,
    pub(crate) delivered: Vec<PacketIdx>,
    /// Agents that may be served, while one is chosen.
    pub(crate) candidates: Vec<usize>,
    /// Lines that are never cached, in order.
    pub(crate) uncached: Vec<core::ops::Range<u64>>,
    /// Barriers whose members are known, and which of them are done by units.
    pub(crate) teams: Teams,
    /// `[slot]`: members still to be released of the round that is being released.
    pub(crate) leaving: Vec<usize>,
    /// Whether arrivals and releases are judged.
    pub(crate) judges: bool,
    /// Arrivals and releases since they were last judged.
    pub(crate) events: Vec<Event>,
    /// Lines that are kept valid by scopes, and what all nodes share of them; none where there are none.
    pub(crate) scoped: Option<Box<super::scoped::Shared>>,
}

base::state!([] Shared {
    keeps crossings, taken, ghost, stats, digest, outbox, leaving;
    each scoped;
    fixed clock, map, lengths, cache_latency, home_latency, injection_packets, nodes, package_nodes,
        two_level, threads, seed, last_edge, fabric, delivered, candidates, uncached, teams, judges,
        events
});

impl Shared {
    /// Whether accesses to `line` go to its home.
    pub(super) fn is_uncached(&self, line: Line) -> bool {
        let behind = self.uncached.partition_point(|r| r.start <= line.0);
        behind > 0 && line.0 < self.uncached[behind - 1].end
    }
}

/// A node at one of its edges, with everything it may touch.
pub(crate) struct Stepping<'a, R, M> {
    pub(super) node: &'a mut Node,
    pub(super) memory: &'a mut MemoryPort<M>,
    pub(super) net: &'a mut Network<R, Payload>,
    pub(super) shared: &'a mut Shared,
    /// The node's number in its partition.
    pub(super) at: NodeIdx,
    pub(super) edge: Edge,
    pub(super) now: Fs,
}

impl Node {
    /// Steps the node, whose number in its partition is `at`, at `edge`; its next wake is arranged.
    pub(crate) fn step<R: RoutingFunction, M: MemoryModel>(
        &mut self,
        (at, edge): (NodeIdx, Edge),
        memory: &mut MemoryPort<M>,
        net: &mut Network<R, Payload>,
        shared: &mut Shared,
    ) -> Result<(), RunError> {
        let now = shared.clock.instant(edge);
        Stepping { node: self, memory, net, shared, at, edge, now }.run()
    }
}

impl<R: RoutingFunction, M: MemoryModel> Stepping<'_, R, M> {
    fn run(&mut self) -> Result<(), RunError> {
        self.receive();
        self.unit_releases();
        self.memory_replies();
        self.outbound();
        self.cache_message();
        self.home_message()?;
        self.package_message();
        self.completions();
        self.scoped_pump();
        let agents = self.agents()?;
        let held = self.net.held(self.at, base::Class::Req);
        let tokens = self.net.send_tokens(self.at, self.edge);
        let sent = self.net.send(self.at, self.edge).min(tokens);
        let mut next = sent.min(agents).min(self.memory.next_reply().max(self.edge.plus(1)));
        next = next.min(self.node.next_due(self.edge));
        if held >= self.shared.injection_packets && self.net.held(self.at, base::Class::Req) < held
        {
            next = self.edge.plus(1);
        }
        if next != Edge::NEVER {
            let slot = self.net.node_slot(self.at);
            self.net.wiring_mut().wake(slot, next);
        }
        Ok(())
    }

    /// Takes whole packets from the interface.
    fn receive(&mut self) {
        let mut delivered = core::mem::take(&mut self.shared.delivered);
        self.net.receive(self.at, self.edge, &mut delivered);
        for packet in delivered.drain(..) {
            let spoiled = self.net.spoiled(packet);
            let Packet { mut payload, timeline } = self.net.take(packet);
            if spoiled == Some(phy::Undetected::Silent) {
                payload.spoil(self.now.0 ^ u64::from(self.node.id.0));
            }
            let [a, b, c, d] = payload.words();
            self.shared.digest.add(&[self.now.0, u64::from(self.node.id.0), a, b, c, d]);
            trace!(target: "node", at = %self.now, node = %self.node.id, "received {}", payload.name());
            self.accept(payload, timeline, self.edge);
        }
        self.shared.delivered = delivered;
    }

    /// Puts a message in the queue of the controller that it is for.
    fn accept(&mut self, payload: Payload, timeline: Timeline, ready: Edge) {
        let node = &mut *self.node;
        let queue = match &payload {
            Payload::Coherence { level, msg, .. } => {
                // A package is a home to its caches, and a cache to the fabric.
                let of_package =
                    node.package.is_some() && msg.to_home() == (*level == Level::Package);
                match msg.to_home() {
                    _ if of_package => &mut node.package_in,
                    true => &mut node.home_in,
                    false => &mut node.cache_in,
                }
            }
            Payload::Scoped { msg, .. } if msg.to == coherence::scoped::Unit::Cache => {
                &mut node.cache_in
            }
            Payload::Scoped { .. } | Payload::Arrive { .. } | Payload::Remote { .. } => {
                &mut node.home_in
            }
            Payload::Release { .. } | Payload::Answer { .. } => &mut node.cache_in,
        };
        queue.push_back(Inbound { ready, payload, timeline });
    }

    /// Sends what memory has answered.
    fn memory_replies(&mut self) {
        while let Some(reply) = self.memory.reply(self.edge) {
            let slot = &mut self.node.reads[reply.ticket as usize];
            let mut out = slot.take().expect("a reply belongs to a read");
            self.node.free_tickets.push(reply.ticket);
            out.timeline.charge(Part::MemoryQueue, reply.started);
            out.timeline.charge(Part::DramCore, reply.finished);
            out.timeline.charge(Part::ClockCrossing, self.now);
            self.emit(out);
        }
    }

    /// Sends what is due, by way of memory where it needs memory's data.
    fn outbound(&mut self) {
        while self.node.writes.front().is_some_and(|w| w.0 <= self.edge) {
            if let Some((_, line)) = self.node.writes.pop_front() {
                self.access_memory(0, Direction::Write, line);
            }
        }
        while let Some(out) = pop_due(&mut self.node.cache_out, self.edge) {
            self.emit(out);
        }
        while let Some(mut out) = pop_due(&mut self.node.home_out, self.edge) {
            let line = match &out.payload {
                Payload::Coherence { line, .. }
                | Payload::Answer { line, .. }
                | Payload::Scoped { line, .. }
                    if out.from_memory =>
                {
                    *line
                }
                _ => {
                    self.emit(out);
                    continue;
                }
            };
            out.timeline.charge(Part::Directory, self.now);
            let ticket = self.node.ticket(out);
            let seen = self.access_memory(ticket, Direction::Read, line);
            if let Some(out) = &mut self.node.reads[ticket as usize] {
                out.timeline.charge(Part::ClockCrossing, seen);
            }
        }
    }

    /// Hands an access to memory; gives the instant at which memory sees it.
    fn access_memory(&mut self, ticket: u32, direction: Direction, line: Line) -> Fs {
        let channel = self.shared.map.channel(line);
        let access = MemoryAccess { ticket, direction, line };
        let edge = self.memory.request(self.now, channel, access);
        let slot = self.net.memory_slot(self.at);
        let wiring = self.net.wiring_mut();
        wiring.wake(slot, edge);
        wiring.schedule.domain(slot.domain).instant(edge)
    }

    /// Gives a message to the network, or to this very node.
    pub(super) fn emit(&mut self, out: Outbound) {
        let Outbound { dst, payload, timeline, .. } = out;
        if dst == self.node.id {
            self.accept(payload, timeline, self.edge.plus(1));
            return;
        }
        let package = |node: NodeIdx| self.shared.package_nodes.map(|size| node.0 / size);
        self.shared.crossings += u64::from(package(dst) != package(self.node.id));
        let class = payload.class();
        let flits = self.shared.lengths.of(&payload);
        let [_, spread, ..] = payload.words();
        let flow = base::rng::draw(self.shared.seed, spread, 2, u64::from(dst.0));
        let flow = u32::try_from(flow >> 32).unwrap_or(0);
        let packet = Packet { payload, timeline };
        let head = Head { src: self.node.id, dst, flow, class, state: 0 };
        self.net.offer_at(self.at, packet, head, flits);
    }

    /// One message through the cache.
    fn cache_message(&mut self) {
        let Some(inbound) = pop_ready(&mut self.node.cache_in, self.edge) else { return };
        let Inbound { payload, mut timeline, .. } = inbound;
        match payload {
            Payload::Coherence { line, msg, .. } => {
                timeline.charge(Part::Cache, self.now);
                self.shared.outbox.clear();
                self.node.cache.receive(line, &msg, timeline, &mut self.shared.outbox);
                self.node.cache_messages += 1;
                self.cache_outputs();
            }
            Payload::Release { thread, share, id } => self.let_go(id, thread, share),
            Payload::Answer { value, token, .. } => self.remote_answer(token, value, timeline),
            Payload::Scoped { line, msg } => {
                timeline.charge(Part::Cache, self.now);
                self.node.cache_messages += 1;
                self.scoped_message(line, &msg, timeline);
            }
            Payload::Arrive { .. } | Payload::Remote { .. } => unreachable!("it is for home"),
        }
    }

    /// One message through the home slice.
    fn home_message(&mut self) -> Result<(), RunError> {
        let Some(inbound) = pop_ready(&mut self.node.home_in, self.edge) else { return Ok(()) };
        let Inbound { payload, mut timeline, .. } = inbound;
        match payload {
            Payload::Coherence { line, msg, .. } => {
                timeline.charge(Part::Directory, self.now);
                self.shared.outbox.clear();
                self.node.home.receive(line, &msg, timeline, &mut self.shared.outbox);
                self.home_outputs();
                Ok(())
            }
            Payload::Arrive { id, members, from, share } => {
                self.arrival(id, (members, share), from)
            }
            Payload::Scoped { line, msg } => {
                timeline.charge(Part::Directory, self.now);
                self.scoped_message(line, &msg, timeline);
                Ok(())
            }
            payload @ Payload::Remote { .. } => {
                timeline.charge(Part::Directory, self.now);
                self.remote_request(Inbound { ready: self.edge, payload, timeline });
                Ok(())
            }
            Payload::Release { .. } | Payload::Answer { .. } => unreachable!("it is for the node"),
        }
    }

    /// Takes what the cache's controller has put out.
    pub(super) fn cache_outputs(&mut self) {
        let level = self.shared.cache_level();
        let addresses = self.shared.addresses(self.node.id);
        let due = self.edge.plus(self.shared.cache_latency);
        let done = self.shared.clock.instant(due);
        let Shared { outbox, ghost, .. } = &mut *self.shared;
        let who = (self.now, self.node.id);
        outbox.changes.iter().for_each(|change| ghost.change(who, change));
        for out in outbox.messages.drain(..) {
            let mut timeline = out.tag;
            if out.cause == Cause::Unstalled {
                timeline.charge(Part::MshrWait, self.now);
            }
            timeline.charge(Part::Cache, done);
            self.node.cache_out.push_back(Outbound {
                due,
                dst: addresses.of(level, out.line, &out.msg),
                payload: Payload::Coherence { level, line: out.line, msg: out.msg },
                timeline,
                from_memory: false,
            });
        }
        for c in outbox.completions.drain(..) {
            ghost.effect(who, c.line, &c.effect);
            let mut timeline = match c.reply_tag {
                Some(mut reply) => {
                    if c.waited_for_acks {
                        reply.charge(Part::InvalidationWait, self.now);
                    }
                    reply
                }
                None => c.tag,
            };
            timeline.charge(Part::MshrWait, self.now);
            timeline.charge(Part::Cache, done);
            self.node.done.push_back(Done {
                due,
                token: c.token,
                timeline,
                value: read(&c.effect),
            });
        }
    }

    /// Takes what the home's controller has put out.
    fn home_outputs(&mut self) {
        let addresses = self.shared.addresses(self.node.id);
        let due = self.edge.plus(self.shared.home_latency);
        let done = self.shared.clock.instant(due);
        for out in self.shared.outbox.messages.drain(..) {
            self.node.home_out.push_back(Outbound {
                due,
                dst: addresses.of(Level::Fabric, out.line, &out.msg),
                payload: Payload::Coherence { level: Level::Fabric, line: out.line, msg: out.msg },
                timeline: at_home(&out, self.now, done),
                from_memory: out.from_memory,
            });
        }
        let writes = self.shared.outbox.memory_writes.drain(..);
        self.node.writes.extend(writes.map(|line| (due, line)));
    }

    /// Tells agents of the accesses that are done now.
    fn completions(&mut self) {
        while self.node.done.front().is_some_and(|d| d.due <= self.edge) {
            let Some(done) = self.node.done.pop_front() else { break };
            let at = (done.token >> ENTRY_BITS) as usize;
            self.node.roster.wake(at);
            let agent = &mut self.node.agents[at];
            let entry = done.token & ((1 << ENTRY_BITS) - 1);
            if let Some(finished) = agent.complete(entry, done.value) {
                let thread = u64::from(agent.thread().0);
                self.shared.digest.add(&[self.now.0, 1 << 40 | thread, finished.number]);
                self.shared.stats.finish(finished.kind, &done.timeline);
            }
        }
    }
}

/// The timeline of what a home sends: it waited, was gathered for, and takes home's latency.
pub(super) fn at_home(out: &Outgoing<LineData, Timeline>, now: Fs, done: Fs) -> Timeline {
    let mut timeline = out.tag;
    match out.cause {
        Cause::Direct | Cause::Unstalled => timeline.charge(Part::Directory, now),
        Cause::Gathered => timeline.charge(Part::InvalidationWait, now),
    }
    timeline.charge(Part::Directory, done);
    timeline
}

/// What a load read; what an atomic found.
pub(super) fn read(effect: &Effect<LineData>) -> Option<LineData> {
    match effect {
        Effect::None => None,
        Effect::Load(value) => Some(*value),
        Effect::Store { old, .. } => Some(*old),
    }
}

fn pop_due(queue: &mut std::collections::VecDeque<Outbound>, edge: Edge) -> Option<Outbound> {
    if queue.front()?.due <= edge { queue.pop_front() } else { None }
}

pub(super) fn pop_ready(
    queue: &mut std::collections::VecDeque<Inbound>,
    edge: Edge,
) -> Option<Inbound> {
    if queue.front()?.ready <= edge { queue.pop_front() } else { None }
}
