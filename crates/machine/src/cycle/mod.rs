//! The network of a machine on one clock, stepped cycle by cycle: what a sweep of synthetic traffic
//! runs on.
//!
//! ```text
//!   Terminals ─▶ source ─▶ link ─▶ Router ─▶ link ─▶ ... ─▶ Terminals
//!                  ▲───── credits ─────│◀──── credits ───
//! ```
//!
//! The routers are those of [`Network`](crate::Network), with all that they can do; the links are
//! simpler: an integer number of cycles each way. A packet created at cycle `t` enters the link of an
//! idle source at `t + 1`; a node takes flits at once. So a lone packet of `P` flits over `H` routers
//! and links of latency `L` (1 from and to nodes) takes `2 + (4 + 1) H + (L - 1) (H - 1) + (P - 1)`
//! cycles with all stages at one cycle, as in BookSim 2.
//!
//! In a cycle, in this order:
//!
//! 1. credits and flits that are no heads arrive,
//! 2. routers with something to do are stepped,
//! 3. heads arrive and are routed (before 2 where RC takes no cycle),
//! 4. flits arrive at nodes,
//! 5. sources send.

mod audit;
mod build;
mod calendar;
mod follow;
mod framed;
mod groups;
mod inject;
mod land;
mod lone;
#[cfg(feature = "mutants")]
mod mutants;
mod open;
mod passages;
mod source;
mod terminal;
#[cfg(test)]
mod tests;
mod wakes;
mod watch;
mod wires;

use std::collections::VecDeque;

use base::{NodeIdx, RoutingFunction};
use router::{Lane, PackedFlit, Rate, RouterBank, Slot};

pub(crate) use build::Timings;
use calendar::Kind;
pub use follow::{Follow, Sighting, Stage};
pub use groups::{Fold, Reduced};
#[cfg(feature = "mutants")]
pub use mutants::Fault;
pub use open::Open;
use passages::Passages;
use source::{Sending, Source};
pub use terminal::{Next, Offer, Passage, Terminals};
use wakes::SourceSet;
pub use watch::Watch;
use wires::{Edge, Wires};

/// A network on one clock.
#[derive(Clone, Debug)]
pub struct CycleNetwork<R, W = ()> {
    bank: RouterBank<R>,
    wires: Wires<W>,
    sources: Vec<Source>,
    /// `[source]`: the link out.
    near_rates: Vec<Rate>,
    /// `[source * classes + class]`
    sendings: Vec<Sending>,
    /// `[source * VCs + vc]`
    credits: Vec<u16>,
    /// `[node]`: its first source; one more at the end.
    first_source: Vec<u32>,
    classes: usize,
    /// VCs a port.
    vcs: u32,
    /// VCs by which packets of one flit leave that are sent [alone](lone); 0 where none are.
    entry: u64,
    /// A VC is free only when all its credits are back.
    keeps_vcs: bool,
    /// A packet takes a VC only where all of it has room.
    cut_through: bool,
    /// `[source * classes + class]`: packets dealt out and not yet taken up, where a node has several
    /// sources.
    dealt: Vec<VecDeque<Sending>>,
    /// `[node]`: how many of them.
    deals_open: Vec<u32>,
    seed: u64,
    /// Sources that have something to do in this cycle.
    active_sources: SourceSet,
    /// Flits of this cycle that sources send to routers which are stepped all at once, each with the
    /// low bits of the cycle of its arrival.
    entering: Vec<(Lane, PackedFlit, u32)>,
    passages: Passages,
    /// Nodes whose sources are to ask again, and for which class; empty between cycles.
    woken: Vec<(NodeIdx, u8)>,
    flits_injected: u64,
    flits_ejected: u64,
    packets_delivered: u64,
}

impl<R: RoutingFunction, W: Watch> CycleNetwork<R, W> {
    /// The present cycle: the next to be stepped.
    pub const fn now(&self) -> u64 {
        self.wires.calendar.now
    }

    /// The routers.
    pub const fn routers(&self) -> &RouterBank<R> {
        &self.bank
    }

    /// Whoever watches.
    pub const fn watch(&self) -> &W {
        &self.wires.watch
    }

    /// Whoever watches, to be told something.
    pub const fn watch_mut(&mut self) -> &mut W {
        &mut self.wires.watch
    }

    /// Flits that left sources and flits that arrived at nodes so far.
    pub const fn flits(&self) -> (u64, u64) {
        (self.flits_injected, self.flits_ejected)
    }

    /// Packets delivered so far.
    pub const fn packets_delivered(&self) -> u64 {
        self.packets_delivered
    }

    /// Packets that are being sent, are in flight or wait for their source's VC.
    pub fn packets_in_flight(&self) -> usize {
        self.passages.len()
    }

    /// Flits that routers have forwarded so far: router visits.
    pub fn router_visits(&self) -> u64 {
        self.bank.forwarded_by_all()
    }

    /// How many sources there are.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Whether no packet, flit or credit is anywhere, so that all that follows would be the same in any later
    /// cycle. Never of framed links, whose frames go on by themselves, nor of routers that are stepped all at once:
    /// they keep their credits to themselves.
    pub fn at_rest(&self) -> bool {
        let plain = self.wires.framed.is_none() && !self.bank.is_express();
        plain && self.packets_in_flight() == 0 && self.wires.calendar.is_quiet()
    }

    /// Lets every source ask for its next packet at the present cycle: at the beginning, and when answers may
    /// have changed.
    pub fn start(&mut self) {
        for s in 0..self.sources.len() {
            self.active_sources.insert(s);
        }
    }

    /// Steps one cycle.
    pub fn cycle<T: Terminals>(&mut self, terminals: &mut T) {
        let now = self.wires.calendar.now;
        if W::ON {
            self.wires.watch.cycle(now);
        }
        if let Wires { framed: Some(framed), calendar, .. } = &mut self.wires {
            framed.arrive(now, calendar);
        }
        let kinds = self.wires.calendar.marks.take(now);
        if kinds.has(Kind::Credits) {
            self.take_source_credits(now);
        }
        if kinds.has(Kind::Wakes) {
            self.wires.calendar.take_source_wakes(now, &mut self.active_sources);
        }
        if self.bank.is_express() {
            if !self.bank.rest(now) {
                let (bank, mut edge) = self.edge();
                bank.cycle(now, &mut edge);
            }
            if kinds.has(Kind::Flits) {
                self.land_all(now, terminals);
            }
            if !self.active_sources.is_empty() {
                self.inject(now, terminals);
            }
        } else {
            self.wires.calendar.unmark();
            self.take_credits(now);
            self.take_wakes(now);
            self.step_routers(now);
            self.eject(now, terminals);
            self.inject(now, terminals);
        }
        self.wires.calendar.now = now + 1;
    }

    /// Steps up to cycle `until`. What nothing happens in is passed over.
    #[inline]
    pub fn advance<T: Terminals>(&mut self, until: u64, terminals: &mut T) {
        while self.now() < until {
            self.cycle(terminals);
            self.skip(until);
        }
    }

    /// Passes over the cycles in which nothing happens, up to cycle `until` at most.
    #[inline]
    pub fn skip(&mut self, until: u64) {
        if W::ON || !self.active_sources.is_empty() {
            return;
        }
        let Some(quiet) = self.bank.quiet_until() else { return self.skip_between(until) };
        let calendar = &mut self.wires.calendar;
        let next = quiet.min(until).min(calendar.marks.first());
        if next > calendar.now {
            calendar.now = next;
            self.bank.pass(next);
        }
    }

    /// As [`skip`](Self::skip) where routers are stepped one by one.
    fn skip_between(&mut self, until: u64) {
        let now = self.wires.calendar.now;
        if now < until && self.bank.is_quiet() {
            let framed = self.wires.framed.as_ref().map_or(until, |f| f.next(until));
            self.wires.calendar.now = self.wires.calendar.next(framed.max(now));
        }
    }

    /// Has packets of one flit that meet nobody cross the network in one go while there are no more than `flits` flits
    /// in it, 0 for never, as in [`RouterBank::set_flights`].
    pub fn set_flights(&mut self, flits: usize) {
        let (bank, mut edge) = self.edge();
        bank.set_flights(flits, &mut edge);
    }

    /// The routers, and what is around them where they are stepped all at once.
    #[inline]
    fn edge(&mut self) -> (&mut RouterBank<R>, Edge<'_>) {
        let sources = (&mut self.sources[..], &mut self.credits[..]);
        let edge = Edge::new(&mut self.wires, sources, self.vcs);
        (&mut self.bank, edge)
    }

    /// Flits and credits arrive at routers, and those with something to do are stepped.
    fn step_routers(&mut self, now: u64) {
        if let Some(bodies) = self.wires.calendar.bodies.take(now) {
            self.tell_received(&bodies, now);
            self.bank.deliver_bodies(&bodies, &mut self.wires);
            self.wires.calendar.bodies.give_back(now, bodies);
        }
        let lookahead = self.bank.pipeline().rc == 0;
        if lookahead {
            self.take_heads(now);
        }
        self.bank.step_all(now, &mut self.wires);
        if self.wires.ledger.is_some() {
            self.free_absorbed();
        }
        if !lookahead {
            self.take_heads(now);
        }
    }

    #[inline]
    fn take_credits(&mut self, now: u64) {
        if let Some(credits) = self.wires.calendar.credits.take(now) {
            self.bank.credit(&credits, now);
            self.wires.calendar.credits.give_back(now, credits);
        }
    }

    #[inline]
    fn take_source_credits(&mut self, now: u64) {
        let Self { wires, credits, sources, active_sources, vcs, .. } = self;
        let arriving = wires.calendar.source_credits.list(now);
        for credit in &*arriving {
            let (s, vc) = ((credit.0 / 64) as usize, (credit.0 % 64) as usize);
            credits[s * *vcs as usize + vc] += 1;
            let source = &mut sources[s];
            source.funded |= 1 << vc;
            if source.blocked {
                active_sources.insert(s);
            }
        }
        if self.keeps_vcs {
            self.release_all(now);
        } else {
            arriving.clear();
        }
    }

    /// Frees the VCs of sources whose credits came, where it is by their credits that they are free.
    #[cold]
    fn release_all(&mut self, now: u64) {
        if let Some(credits) = self.wires.calendar.source_credits.take(now) {
            for credit in &credits {
                self.release((credit.0 / 64) as usize, (credit.0 % 64) as usize);
            }
            self.wires.calendar.source_credits.give_back(now, credits);
        }
    }

    /// Frees a source's VC if all its credits are back and no packet holds it.
    fn release(&mut self, source: usize, vc: usize) {
        let sendings = &self.sendings[source * self.classes..][..self.classes];
        let held = sendings.iter().any(|p| p.left > 0 && p.allowed == 0 && p.vc.at() == vc);
        let credits = self.credits[source * self.vcs as usize + vc];
        if !held && credits == self.sources[source].depth {
            self.sources[source].free |= 1 << vc;
        }
    }

    #[inline]
    fn take_wakes(&mut self, now: u64) {
        if let Some(wakes) = self.wires.calendar.wakes.take(now) {
            for router in &wakes {
                self.bank.wake(*router);
            }
            self.wires.calendar.wakes.give_back(now, wakes);
        }
        while let Some(router) = self.wires.calendar.late_wake(now) {
            self.bank.wake(router);
        }
    }

    #[inline]
    fn take_heads(&mut self, now: u64) {
        if let Some(heads) = self.wires.calendar.heads.take(now) {
            self.tell_received(&heads, now);
            self.bank.deliver_heads(&heads, now, &mut self.wires);
            self.wires.calendar.heads.give_back(now, heads);
        }
        if self.wires.framed.is_some() {
            self.take_framed(now);
        }
    }

    /// Heads that came by framed links, and what came behind them in the same frame.
    #[cold]
    fn take_framed(&mut self, now: u64) {
        let Some(framed) = &mut self.wires.framed else { return };
        for (lane, slot, head) in framed.take_behind() {
            let flit = [(lane, slot)];
            self.tell_received(&flit, now);
            if head {
                self.bank.deliver_heads(&flit, now, &mut self.wires);
            } else {
                self.bank.deliver_bodies(&flit, &mut self.wires);
            }
        }
    }

    /// Tells a watcher of flits that routers receive.
    #[inline]
    fn tell_received(&mut self, flits: &[(Lane, Slot)], now: u64) {
        if W::ON {
            for (lane, slot) in flits {
                let packet = self.bank.store().packet(*slot);
                self.wires.watch.received(*lane, packet, now);
            }
        }
    }

    /// Wakes all sources of a node: whichever of them sends next. They ask for packets of the class.
    #[cold]
    fn wake_node(&mut self, node: NodeIdx, class: u8) {
        let first = self.first_source[node.at()] as usize;
        for s in first..self.first_source[node.at() + 1] as usize {
            self.sendings[s * self.classes + usize::from(class)].next = 0;
            self.active_sources.insert(s);
        }
    }

    #[inline]
    fn inject<T: Terminals>(&mut self, now: u64, terminals: &mut T) {
        // No source has a later one act in the same cycle.
        let blocks = self.active_sources.take_blocks();
        if self.active_sources.is_small() {
            self.inject_from(0, now, terminals);
        } else {
            for block in blocks {
                for word in self.active_sources.words(block) {
                    self.inject_from(word, now, terminals);
                }
            }
        }
        if !self.entering.is_empty() {
            self.enter();
        }
    }

    /// Puts the flits that sources sent in this cycle on their way into routers.
    #[inline(never)]
    fn enter(&mut self) {
        let sources = (&mut self.sources[..], &mut self.credits[..]);
        let mut edge = Edge::new(&mut self.wires, sources, self.vcs);
        self.bank.enter(&self.entering, &mut edge);
        self.entering.clear();
    }

    /// Steps the sources of a word of the set.
    #[inline(never)]
    fn inject_from<T: Terminals>(&mut self, word: usize, now: u64, terminals: &mut T) {
        let mut set = self.active_sources.take(word);
        let mut again = 0;
        while set != 0 {
            let bit = set & set.wrapping_neg();
            let source = word * 64 + set.trailing_zeros() as usize;
            set ^= bit;
            let next = self.step_source(source, now, terminals);
            if next == now + 1 {
                again |= bit;
            } else if next != u64::MAX {
                self.wires.calendar.wake_source(source, next);
            }
        }
        if again != 0 {
            self.active_sources.add(word, again);
        }
    }
}
