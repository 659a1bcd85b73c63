//! Routers on wires: the step of a router whose wires are asked for what has arrived.

use base::arch::{Arbitration, Priority};
use base::{Part, RoutingFunction, VcIdx};
use clock::{Domain, Edge};

use crate::bank::Kernel;
use crate::egress::{Departure, Egress};
use crate::state::{Block, Lane};
use crate::store::{Slot, Store};
use crate::{PortSet, Wires};

/// Wires as a router's world.
struct Wired<'a, W> {
    wires: &'a mut W,
    clock: &'a Domain,
    /// The router's first lane.
    first: u32,
    shift: u32,
}

impl<W: Wires> Wired<'_, W> {
    #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
    const fn vc(&self, lane: Lane) -> VcIdx {
        VcIdx((lane.0 & ((1 << self.shift) - 1)) as u8)
    }

    const fn port(&self, lane: Lane) -> usize {
        ((lane.0 - self.first) >> self.shift) as usize
    }

    /// Takes a flit that leaves out of the store and sends it.
    #[inline]
    fn launch(&mut self, d: &Departure, store: &mut Store) -> u64 {
        let flit = store.flit(d.slot, self.vc(d.to));
        store.remove(d.slot);
        self.wires.send(self.port(d.to), flit, Edge(d.depart)).0
    }
}

impl<W: Wires> Egress for Wired<'_, W> {
    #[inline]
    fn send(&mut self, d: &Departure, store: &mut Store) -> u64 {
        if d.head {
            let passage =
                [(Part::SwitchAllocation, Edge(d.now).plus(1)), (Part::Router, Edge(d.depart))];
            self.wires.charge(store.packet(d.slot), self.clock, &passage);
        }
        self.launch(d, store)
    }

    #[inline]
    fn credit(&mut self, from: Lane, depart: u64) {
        self.wires.send_credit(self.port(from), self.vc(from), Edge(depart));
    }

    #[inline]
    fn at_front(&mut self, _: Lane, slot: Slot, s: &Store, now: u64, routed: u64) {
        let passage = [(Part::BufferQueue, Edge(now)), (Part::Router, Edge(routed))];
        self.wires.charge(s.packet(slot), self.clock, &passage);
    }

    #[inline]
    fn vc_granted(&mut self, _: Lane, _: Lane, slot: Slot, s: &Store, ready: u64) {
        self.wires.charge(s.packet(slot), self.clock, &[(Part::VcAllocation, Edge(ready))]);
    }
}

/// As [`Wired`], for a packet that got its output VC at the edge before the present one.
struct Passing<'a, 'b, W>(&'b mut Wired<'a, W>);

impl<W: Wires> Egress for Passing<'_, '_, W> {
    #[inline]
    fn send(&mut self, d: &Departure, store: &mut Store) -> u64 {
        let Wired { wires, clock, .. } = &mut *self.0;
        let passage = [
            (Part::VcAllocation, Edge(d.now)),
            (Part::SwitchAllocation, Edge(d.now).plus(1)),
            (Part::Router, Edge(d.depart)),
        ];
        wires.charge(store.packet(d.slot), clock, &passage);
        self.0.launch(d, store)
    }

    #[inline]
    fn credit(&mut self, from: Lane, depart: u64) {
        self.0.credit(from, depart);
    }
}

impl<R: RoutingFunction, const L: usize, const W: usize> Kernel<'_, R, L, W> {
    /// See [`RouterBank::step_wired`](crate::RouterBank::step_wired).
    pub(crate) fn step_wired<X: Wires>(
        &mut self,
        i: usize,
        edge: Edge,
        clock: &Domain,
        wires: &mut X,
    ) -> Edge {
        let (first, shift) = (Block::<L, W>::lane(i, 0).0, self.c.shift);
        let mut wired = Wired { wires, clock, first, shift };
        let Some(mut at) = wired.wires.start(edge) else { return Edge::NEVER };
        loop {
            let next = self.step_at(i, at, &mut wired);
            if at == edge {
                return next;
            }
            let two_left = next == at.plus(1) && edge == at.plus(2);
            if two_left && let Some(way) = self.lone(i, edge, &*wired.wires) {
                return self.pass(i, way, edge, &mut wired);
            }
            let Some(turn) = wired.wires.turn(edge, next) else { return next };
            at = turn;
        }
    }

    /// Steps router `i` through an edge. Gives the next at which it must be stepped if nothing arrives before.
    #[inline]
    fn step_at<X: Wires>(&mut self, i: usize, edge: Edge, wired: &mut Wired<'_, X>) -> Edge {
        let mut changed = false;
        if let Some(ports) = wired.wires.credit_ports(edge) {
            self.take_credits(i, edge, &ports, wired.wires);
            changed = true;
        }
        if let Some(ports) = wired.wires.flit_ports(edge) {
            changed |= self.take_in(i, edge, &ports, wired);
        }
        if self.acts(i) {
            self.step(i, edge.0, wired);
            changed = true;
        }
        if !self.c.deferred.is_empty() {
            self.put_deferred(edge.0, wired);
        }
        if changed {
            let block = &self.blocks[i];
            if block.is_starved(self.c.keeps_vcs) || wired.wires.awaits_credits() {
                wired.wires.await_credits(&block.starved(self.c.keeps_vcs, self.c.shift));
            }
        }
        Edge(if self.c.is_awake(i) { edge.0 + 1 } else { self.c.next_timer(i) })
    }

    /// The way of the only packet in router `i` that wants something, two edges before the present one: its input VC,
    /// and the output VC that is free for it. None where anything else may happen in these edges: something comes,
    /// somebody waits for a credit, or there are flits behind it.
    #[inline]
    fn lone<X: Wires>(&self, i: usize, edge: Edge, wires: &X) -> Option<(usize, usize)> {
        let block = &self.blocks[i];
        if !wires.is_quiet(edge) || self.c.special || self.c.keeps_vcs || block.timed {
            return None;
        }
        let at = block.lone_asker()?;
        let out = block.wish(at)?;
        let goes = block.inputs[at % L].len == 1 && block.is_open(out);
        (goes && !wires.awaits_credits()).then_some((at, out))
    }

    /// Does both edges of the [lone](Self::lone) packet of router `i` at once: VA at the edge before the present one,
    /// SA at this. Nothing is left to do then but what a link that is busy asks for.
    #[inline(never)]
    fn pass<X: Wires>(
        &mut self,
        i: usize,
        (at, out): (usize, usize),
        edge: Edge,
        wired: &mut Wired<'_, X>,
    ) -> Edge {
        wired.wires.catch_up(edge, 2);
        self.c.rest(i);
        let block = &mut self.blocks[i];
        let mut passing = Passing(wired);
        self.c.grant_vc(block, i, (at, out), edge.0 - 1, &mut passing);
        self.c.traverse(block, i, at, edge.0, &mut passing);
        Edge(if block.timed { self.c.next_timer(i) } else { u64::MAX })
    }

    /// Whether a step of router `i` may do anything.
    #[inline]
    fn acts(&self, i: usize) -> bool {
        self.c.is_awake(i) || self.blocks[i].timed || self.c.special
    }

    fn lane_of(&self, i: usize, port: usize, vc: VcIdx) -> Lane {
        Block::<L, W>::lane(i, port << self.c.shift | vc.at())
    }

    /// Takes in the credits that count at `ports`.
    fn take_credits<X: Wires>(&mut self, i: usize, edge: Edge, ports: &PortSet, wires: &mut X) {
        for port in ports {
            while let Some(vc) = wires.receive_credit(port, edge) {
                self.credit_all(&[self.lane_of(i, port, vc)], edge.0);
            }
        }
    }

    /// Delivers the flits that are visible at `ports`; from a port's first head on they are for later,
    /// unless RC takes no cycle. Tells whether any was delivered.
    fn take_in<X: Wires>(
        &mut self,
        i: usize,
        edge: Edge,
        ports: &PortSet,
        wired: &mut Wired<'_, X>,
    ) -> bool {
        let arch = &self.c.pipeline.arch;
        let ages = arch.arbiter == Arbitration::Age || arch.priority == Priority::Age;
        let mut any = false;
        for port in ports {
            let mut defer = false;
            while let Some(flit) = wired.wires.receive(port, edge) {
                let lane = self.lane_of(i, port, flit.vc);
                let born = if ages { wired.wires.born(flit.packet, wired.clock) } else { 0 };
                let slot = self.c.store.insert(&flit, born);
                defer |= flit.head && self.c.pipeline.rc > 0;
                if defer {
                    self.c.deferred.push((lane, slot));
                } else {
                    self.put((lane, slot), edge.0, wired);
                    any = true;
                }
            }
        }
        any
    }

    /// Puts the flits that were for later into their input VCs.
    fn put_deferred<X: Wires>(&mut self, now: u64, wired: &mut Wired<'_, X>) {
        for n in 0..self.c.deferred.len() {
            let flit = self.c.deferred[n];
            self.put(flit, now, wired);
        }
        self.c.deferred.clear();
    }

    /// Puts a flit into its input VC.
    fn put<X: Wires>(&mut self, flit: (Lane, Slot), now: u64, wired: &mut Wired<'_, X>) {
        if self.c.store.is_head(flit.1) {
            self.deliver_heads(&[flit], now, wired);
        } else {
            self.deliver_bodies(&[flit], wired);
        }
    }
}
