//! Routers on wires: the step of a router whose wires are asked for what has arrived.

use base::arch::{Arbitration, Priority};
use base::{Part, RouterIdx, RoutingFunction, VcIdx};
use clock::{Domain, Edge};

use crate::Wires;
use crate::bank::RouterBank;
use crate::egress::{Departure, Egress};
use crate::state::Lane;
use crate::store::{Slot, Store};

/// Wires as a router's world.
struct Wired<'a, W> {
    wires: &'a mut W,
    clock: &'a Domain,
    /// The router's first lane.
    first: u32,
    shift: u32,
}

impl<W> Wired<'_, W> {
    #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
    const fn vc(&self, lane: Lane) -> VcIdx {
        VcIdx((lane.0 & ((1 << self.shift) - 1)) as u8)
    }

    const fn port(&self, lane: Lane) -> usize {
        ((lane.0 - self.first) >> self.shift) as usize
    }
}

impl<W: Wires> Egress for Wired<'_, W> {
    #[inline]
    fn send(&mut self, d: &Departure, store: &mut Store) -> u64 {
        let flit = store.flit(d.slot, self.vc(d.to));
        store.remove(d.slot);
        if d.head {
            let passage =
                [(Part::SwitchAllocation, Edge(d.now).plus(1)), (Part::Router, Edge(d.depart))];
            self.wires.charge(flit.packet, self.clock, &passage);
        }
        self.wires.send(self.port(d.to), flit, Edge(d.depart)).0
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

impl<R: RoutingFunction> RouterBank<R> {
    /// Steps router `i` at an edge of its clock: takes in what is visible on its wires, decides and
    /// sends. Gives the next edge at which it must be stepped if nothing arrives before,
    /// [`Edge::NEVER`] if none.
    pub fn step_wired<W: Wires>(
        &mut self,
        i: RouterIdx,
        edge: Edge,
        clock: &Domain,
        wires: &mut W,
    ) -> Edge {
        for port in &wires.credit_ports(edge) {
            while let Some(vc) = wires.receive_credit(port, edge) {
                self.credit(&[self.lane(i, port, vc.0)], edge.0);
            }
        }
        let first = self.lane(i, 0, 0).0;
        let shift = self.lane(i, 1, 0).0.wrapping_sub(first).trailing_zeros();
        let mut wired = Wired { wires, clock, first, shift };
        let heads = self.take_in(i, edge, &mut wired);
        self.step(i, edge.0, &mut wired);
        for flit in &heads {
            self.put(*flit, edge.0, &mut wired);
        }
        *self.deferred() = heads;
        self.deferred().clear();
        wires.await_credits(&self.starved(i));
        Edge(if self.take_wake(i) { edge.0 + 1 } else { self.next_timer(i) })
    }

    /// Puts a flit into its input VC.
    fn put<W: Wires>(&mut self, flit: (Lane, Slot), now: u64, wired: &mut Wired<'_, W>) {
        if self.store().is_head(flit.1) {
            self.deliver_heads(&[flit], now, wired);
        } else {
            self.deliver_bodies(&[flit], wired);
        }
    }

    /// Delivers the flits that are visible; from a port's first head on they are for later, unless
    /// RC takes no cycle.
    fn take_in<W: Wires>(
        &mut self,
        i: RouterIdx,
        edge: Edge,
        wired: &mut Wired<'_, W>,
    ) -> Vec<(Lane, Slot)> {
        let arch = &self.pipeline().arch;
        let ages = arch.arbiter == Arbitration::Age || arch.priority == Priority::Age;
        let mut later = core::mem::take(self.deferred());
        for port in &wired.wires.flit_ports(edge) {
            let mut defer = false;
            while let Some(flit) = wired.wires.receive(port, edge) {
                let lane = self.lane(i, port, flit.vc.0);
                let born = if ages { wired.wires.born(flit.packet, wired.clock) } else { 0 };
                let slot = self.admit(&flit, born);
                defer |= flit.head && self.pipeline().rc > 0;
                if defer {
                    later.push((lane, slot));
                } else {
                    self.put((lane, slot), edge.0, wired);
                }
            }
        }
        later
    }
}
