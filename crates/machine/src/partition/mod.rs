//! A part of a machine that is stepped by itself: nodes, memories, and their part of the network.
//!
//! ```text
//!   Schedule ─▶ instant ─▶ nodes, routers, memories of the partition ─▶ Network::mail ─▶ others
//! ```
//!
//! A partition knows nothing of time in others. What comes from them is in its wires before it is seen:
//! see [`layout`] for who is where, and the network's mail for what crosses.

pub(crate) mod exchange;
pub(crate) mod layout;
pub(crate) mod plan;
pub(crate) mod scout;

use base::{DomainIdx, Fs, NodeIdx, RoutingFunction};
use clock::Edge;
use memory::MemoryModel;

use crate::RunError;
use crate::engine::Letter;
use crate::machine::TIME_MAX;
use crate::memory_port::MemoryPort;
use crate::network::{Component, Network};
use crate::node::{Node, Shared};
use crate::payload::Payload;
use exchange::Exchange;

/// A part of a machine, or all of it. Nodes, routers and links have numbers of its own.
#[derive(Debug)]
pub(crate) struct Partition<R, M> {
    pub(crate) net: Network<R, Payload>,
    /// `[node]`
    pub(crate) nodes: Vec<Node>,
    /// `[node]`
    pub(crate) memories: Vec<MemoryPort<M>>,
    pub(crate) shared: Shared,
    woken: Vec<(DomainIdx, Edge, u32)>,
    /// Component edges stepped.
    pub(crate) edges: u64,
    /// Instants stepped.
    pub(crate) instants: u64,
    shuffle: Option<u64>,
    /// The error that it met.
    pub(crate) failure: Option<Failure>,
}

// Between two epochs there is no mail.
base::state!([R, M: base::State] Partition<R, M> {
    keeps net, shared, edges, instants;
    each nodes, memories;
    fixed woken, shuffle, failure
});

/// An error, when it was met and by which node; by none where it is the partition's.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) at: Fs,
    pub(crate) node: NodeIdx,
    pub(crate) error: RunError,
}

impl<R: RoutingFunction, M: MemoryModel> Partition<R, M> {
    /// A partition with all its nodes awake at their first edge.
    pub(crate) fn new(
        net: Network<R, Payload>,
        nodes: Vec<Node>,
        memories: Vec<MemoryPort<M>>,
        shared: Shared,
        shuffle: Option<u64>,
    ) -> Self {
        let mut this = Self {
            net,
            nodes,
            memories,
            shared,
            woken: Vec::new(),
            edges: 0,
            instants: 0,
            shuffle,
            failure: None,
        };
        for node in (0..this.nodes.len()).map(NodeIdx::new) {
            let slot = this.net.node_slot(node);
            this.net.wiring_mut().wake(slot, Edge(0));
        }
        this
    }

    /// Steps every component that wakes at the next instant, and gives the instant; `None` when all sleep
    /// for good.
    ///
    /// # Errors
    /// If the trace is damaged or asks for the impossible.
    pub(crate) fn step(&mut self) -> Result<Option<Fs>, RunError> {
        self.step_before(Fs::NEVER).map_err(|failure| failure.error)
    }

    /// As [`step`](Self::step), if the next instant is before `end`.
    fn step_before(&mut self, end: Fs) -> Result<Option<Fs>, Failure> {
        let mut woken = core::mem::take(&mut self.woken);
        let now = self.net.advance_before(end, &mut woken);
        let stepped = now.map_or(Ok(()), |now| self.step_woken(now, &mut woken));
        self.woken = woken;
        stepped.map(|()| now)
    }

    /// Steps those who wake at an instant.
    #[inline]
    fn step_woken(&mut self, now: Fs, woken: &mut [(DomainIdx, Edge, u32)]) -> Result<(), Failure> {
        self.instants += 1;
        if let Some(seed) = self.shuffle {
            base::rng::shuffle(woken, seed, now.0);
        }
        let mut left = woken.iter();
        let mut step = |(domain, edge, component): &(DomainIdx, Edge, u32)| {
            let component = self.net.component(*domain, *component);
            self.step_component(component, *edge)
        };
        if let Err(first) = left.try_for_each(&mut step) {
            // Of several errors that of the first node counts, in whatever order they are stepped.
            let others = left.filter_map(|woken| step(woken).err());
            let (node, error) = others.fold(first, |a, b| if b.0 < a.0 { b } else { a });
            return Err(Failure { at: now, node, error });
        }
        if now > TIME_MAX {
            let error = RunError::TooLong { at: now };
            return Err(Failure { at: now, node: NodeIdx(u32::MAX), error });
        }
        Ok(())
    }

    fn step_component(
        &mut self,
        component: Component,
        edge: Edge,
    ) -> Result<(), (NodeIdx, RunError)> {
        match component {
            Component::Node(n) => {
                self.edges += 1;
                let (node, memory) = (&mut self.nodes[n.at()], &mut self.memories[n.at()]);
                let stepped = node.step((n, edge), memory, &mut self.net, &mut self.shared);
                stepped.map_err(|error| (node.id, error))
            }
            Component::Router(r) => {
                self.edges += self.net.step_router(r, edge);
                Ok(())
            }
            Component::Memory(n) => {
                self.edges += 1;
                let (next, reply) = self.memories[n.at()].step(edge);
                if next != Edge::NEVER {
                    let slot = self.net.memory_slot(n);
                    self.net.wiring_mut().wake(slot, next);
                }
                if reply != Edge::NEVER {
                    let slot = self.net.node_slot(n);
                    self.net.wiring_mut().wake(slot, reply);
                }
                Ok(())
            }
        }
    }

    /// Steps all instants before `end`, up to an error.
    pub(crate) fn run_before(&mut self, end: Fs) {
        let mut woken = core::mem::take(&mut self.woken);
        while let Some(now) = self.net.advance_before(end, &mut woken) {
            if let Err(failure) = self.step_woken(now, &mut woken) {
                self.failure = Some(failure);
                break;
            }
        }
        self.woken = woken;
    }

    /// Whether it met an error.
    pub(crate) const fn failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Sends off what goes to other partitions from this one, `me`. Gives the next instant at which anything
    /// happens here, and likewise here or by what was sent.
    pub(crate) fn post(&mut self, me: usize, x: &mut impl Exchange<Letter>) -> (Fs, Fs) {
        let own = self.next();
        let mut next = own;
        let ghost = &mut self.shared.ghost;
        for (to, (mail, log)) in self.net.mail.iter_mut().zip(&mut ghost.logs).enumerate() {
            if to == me {
                // What is at home here needs no letter.
                core::mem::swap(&mut ghost.heard[me], log);
            } else if !(mail.is_empty() && log.is_empty()) {
                next = next.min(mail.first);
                x.post(me, to, |letter| {
                    core::mem::swap(&mut letter.mail, mail);
                    core::mem::swap(&mut letter.seen, log);
                });
            }
        }
        (own, next)
    }

    /// Takes in what partition `from` has sent, now that the epoch that ends at `end` is over. Gives whether
    /// anything may happen here by it.
    #[inline]
    pub(crate) fn open(&mut self, from: usize, letter: &mut Letter, end: Fs) -> bool {
        let woken = !letter.mail.is_empty();
        if woken {
            self.net.import(&mut letter.mail, end);
        }
        if !letter.seen.is_empty() {
            core::mem::swap(&mut letter.seen, &mut self.shared.ghost.heard[from]);
        }
        woken
    }

    /// The next instant at which anything happens here.
    pub(crate) fn next(&mut self) -> Fs {
        self.net.next_instant()
    }

    /// The instant stepped last.
    pub(crate) const fn now(&self) -> Fs {
        self.net.wiring().schedule.now()
    }

    /// Operations that have completed or been taken up: they grow while there is progress.
    pub(crate) const fn done(&self) -> u64 {
        self.shared.stats.all().count() + self.shared.taken
    }
}
