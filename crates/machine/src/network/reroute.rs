//! Links that go down and come up while a machine runs: other tables, and packets that are sent again.
//!
//! ```text
//!   link down ─▶ nothing new is routed ─▶ routers and wires are emptied ─▶ new tables ─▶ sources send
//!   or up        by the old tables        credits are whole                             again what had
//!                                                                                       not arrived
//! ```
//!
//! A link that is taken down, or has no lanes left for any width, is known to all routers at that
//! instant; so is one that is up and trained again. Training alone changes nothing: packets wait for it.
//! The network is then reconfigured as Autonet is (Schroeder et al., 1991): what is in it is dropped, each
//! source's interface has kept its packets until they arrived and sends them again in their order, and
//! tables are those of [`Routing::around`]. So no packet is lost and none arrives twice, and old and new
//! routes never wait for each other. What is dropped is counted where it lies, and what is offered again where
//! it is. ASSUMED: it takes no time beyond the next edge of each node.
//!
//! Tokens of barrier units stay on the wires: they go from one unit to the next by trees that do not change,
//! and the link layer sends again what it had under way. Trees keep off links that go down for good.
//!
//! When links go down depends on the events and the seed, not on the load: all changes are known when the
//! machine is built.

use std::collections::VecDeque;

use base::{Fs, LinkIdx, NodeIdx, PacketIdx, Part, RouterIdx, RoutingFunction};
use clock::Edge;
use router::{Interface, InterfaceParams, Outgoing, Pipeline, RouterBank, RouterParams};
use topology::routing::Routing;
use topology::spec::MachineSpec;

use super::local::Local;
use super::{Network, framing};
use crate::BuildError;

/// A change of the links: from then on packets go by another function.
#[derive(Clone, Debug)]
pub struct Change<R> {
    /// When.
    pub at: Fs,
    /// Links that are down from then on, one of each pair.
    pub down: Vec<LinkIdx>,
    /// The function; or why there is none, and the one before stays.
    pub routing: Result<R, String>,
}

/// What a network needs to be built anew, and what it has done.
#[derive(Clone, Debug)]
pub(super) struct Plan<R> {
    pub(super) params: Vec<RouterParams>,
    pub(super) interfaces: Vec<InterfaceParams>,
    pub(super) pipeline: Pipeline,
    pub(super) changes: VecDeque<Change<R>>,
    /// Changes that are over.
    done: u32,
    /// The routers' numbers in the machine.
    names: Box<[RouterIdx]>,
    /// Packets in flight by their index, with their number and their source's here: what sources keep.
    sent: Vec<Option<(u64, usize, Outgoing)>>,
    offered: u64,
    /// Whether sources keep anything: there are changes.
    keeps: bool,
    /// Flits that routers forwarded before the last change.
    pub(super) hops: u64,
    pub(super) reroutes: u64,
    pub(super) resent: u64,
    /// Why there is no way around links that are down.
    pub(super) stranded: Option<String>,
}

// Changes that are over are taken out before a run is gone on with.
base::state!([R] Plan<R> {
    keeps sent, offered, hops, reroutes, resent;
    each;
    fixed params, interfaces, pipeline, changes, names, keeps, done, stranded
});

impl<R> Plan<R> {
    pub(super) fn new(
        params: Vec<RouterParams>,
        interfaces: Vec<InterfaceParams>,
        pipeline: Pipeline,
        names: &[RouterIdx],
    ) -> Self {
        Self {
            params,
            interfaces,
            pipeline,
            changes: VecDeque::new(),
            done: 0,
            names: names.into(),
            sent: Vec::new(),
            offered: 0,
            keeps: false,
            hops: 0,
            reroutes: 0,
            resent: 0,
            stranded: None,
        }
    }

    /// The next changes, so many, are over. Gives the function that holds since the last that has one.
    fn pass(&mut self, over: usize) -> Option<R> {
        let mut latest = None;
        for change in self.changes.drain(..over.min(self.changes.len())) {
            self.done += 1;
            match change.routing {
                Ok(routing) => (latest, self.stranded) = (Some(routing), None),
                Err(why) => self.stranded = Some(why),
            }
        }
        latest
    }

    /// A source keeps a packet until it has arrived.
    #[inline]
    pub(super) fn keep(&mut self, source: usize, packet: Outgoing) {
        if self.keeps {
            let at = packet.packet.at();
            if self.sent.len() <= at {
                self.sent.resize(at + 1, None);
            }
            self.sent[at] = Some((self.offered, source, packet));
            self.offered += 1;
        }
    }

    /// A packet has arrived.
    #[inline]
    pub(super) fn arrived(&mut self, packet: PacketIdx) {
        if self.keeps
            && let Some(sent) = self.sent.get_mut(packet.at())
        {
            *sent = None;
        }
    }
}

/// When links are down, one of each pair: from, and to.
pub(crate) fn outages(spec: &MachineSpec, seed: u64) -> Result<Vec<(LinkIdx, Fs, Fs)>, BuildError> {
    let of = |pair: phy::FramedPair| {
        let link = LinkIdx::new(pair.link);
        pair.outages(seed).into_iter().map(move |(from, to)| (link, from, to))
    };
    let all: Vec<LinkIdx> = (0..spec.fabric.links.len()).map(LinkIdx::new).collect();
    Ok(framing::pairs(spec, &all)?.into_iter().flat_map(of).collect())
}

/// All changes of a machine's links under a seed, in the order of time.
///
/// # Errors
/// If a link class cannot be built.
pub fn changes(spec: &MachineSpec, seed: u64) -> Result<Vec<Change<Routing>>, BuildError> {
    let outages = outages(spec, seed)?;
    let mut instants: Vec<Fs> = outages.iter().flat_map(|(_, from, to)| [*from, *to]).collect();
    instants.sort_unstable();
    instants.dedup();
    let change = |at: Fs| {
        let lies = |(_, from, to): &&(LinkIdx, Fs, Fs)| *from <= at && at < *to;
        let down: Vec<LinkIdx> = outages.iter().filter(lies).map(|(link, ..)| *link).collect();
        let whole = || spec.fabric.routing.clone();
        let routing = if down.is_empty() { Ok(whole()) } else { Routing::around(spec, &down) };
        Change { at, down, routing }
    };
    Ok(instants.into_iter().filter(|at| *at < Fs::NEVER).map(change).collect())
}

impl<R: RoutingFunction, P: Clone> Network<R, P> {
    /// Gives the network the changes of its links, in the order of time, before it is used.
    pub fn plan(&mut self, changes: Vec<Change<R>>) {
        self.plan.keeps = !changes.is_empty();
        if self.plan.keeps {
            // A change finds every flit where it has come to by then.
            self.be_patient(0);
        }
        self.plan.changes = changes.into();
    }

    /// How often other tables were loaded, and how many packets were sent again for it.
    pub const fn rerouted(&self) -> (u64, u64) {
        (self.plan.reroutes, self.plan.resent)
    }

    /// Why there is no way around the links that are down, if there is none.
    pub fn stranded(&self) -> Option<&str> {
        self.plan.stranded.as_deref()
    }

    /// When the links change next.
    #[inline]
    pub(super) fn next_change(&self) -> Fs {
        self.plan.changes.front().map_or(Fs::NEVER, |change| change.at)
    }

    /// Everyone sleeps until after the next change while packets are under way: it may help them, so somebody
    /// has to be awake for it.
    pub(super) fn wake_for_change(&mut self) {
        let slot = self.slots.nodes[0];
        let clock = self.wiring.schedule.domain(slot.domain);
        let edge = clock.edge_after(self.next_change());
        let at = clock.instant(edge);
        if !self.packets.is_empty() && self.wiring.schedule.next_instant() > at {
            self.wiring.wake(slot, edge);
        }
    }

    /// The links have changed by `now`.
    #[cold]
    pub(super) fn change(&mut self, now: Fs) {
        let over = self.plan.changes.iter().take_while(|change| change.at <= now).count();
        if let Some(routing) = self.plan.pass(over) {
            self.reconfigure(now, routing);
        }
    }

    /// Changes of links that are over.
    pub(crate) const fn changes_over(&self) -> u32 {
        self.plan.done
    }

    /// Loads the tables that a network has after so many changes, before its state is taken up.
    pub(crate) fn pass_changes(&mut self, over: u32) {
        if let Some(routing) = self.plan.pass(over as usize) {
            let routing = Local::new(routing, &self.plan.names);
            self.routers = RouterBank::new(&self.plan.params, self.plan.pipeline, routing);
        }
    }

    fn reconfigure(&mut self, now: Fs, routing: R) {
        self.plan.reroutes += 1;
        self.plan.hops = self.flit_hops();
        self.flits.dropped += self.flits_present();
        self.wiring.clear(now);
        let routing = Local::new(routing, &self.plan.names);
        self.routers = RouterBank::new(&self.plan.params, self.plan.pipeline, routing);
        self.interfaces = self.plan.interfaces.iter().map(Interface::new).collect();
        self.hold_links();
        let mut again: Vec<_> = self.plan.sent.iter().flatten().copied().collect();
        again.sort_unstable_by_key(|(number, ..)| *number);
        self.plan.resent += again.len() as u64;
        for (_, source, packet) in again {
            self.flits.again += u64::from(packet.flits);
            if let Some(timeline) = self.packets.timeline(packet.packet) {
                timeline.rewind(now);
                timeline.charge(Part::Replay, now);
            }
            self.interfaces[source].offer(packet, self.routers.routing());
        }
        for node in 0..self.interfaces.len() {
            let slot = self.node_slot(NodeIdx::new(node));
            let edge = self.wiring.schedule.domain(slot.domain).edge_after(now);
            self.wiring.wake(slot, edge);
        }
    }

    /// Links that take no flit yet keep their ports from sending.
    fn hold_links(&mut self) {
        for link in (0..self.wiring.links.len()).map(LinkIdx::new) {
            let ready = self.wiring.links.ready(link);
            let from = self.wiring.receivers[link.reverse().at()];
            match from.unit.checked_sub(self.interfaces.len()) {
                None => self.interfaces[from.unit].hold(from.port, ready),
                Some(router) => {
                    let slot = self.slots.routers[router];
                    let clock = self.wiring.schedule.domain(slot.domain);
                    let next = clock.edge_after(self.wiring.schedule.now());
                    if ready > next {
                        self.routers.hold(RouterIdx::new(router), from.port, ready.0);
                        self.wiring.wake(slot, Edge(ready.0.min(u64::MAX - 1)));
                    }
                }
            }
        }
    }
}
