//! Routers on wires: the step of a router whose wires are asked for what has arrived.

use base::{Part, RouterIdx, RoutingFunction, VcIdx};
use clock::{Domain, Edge};

use crate::bank::RouterBank;
use crate::egress::{Departure, Egress};
use crate::state::Lane;
use crate::store::{Slot, Store};
use crate::{PortSet, Wires};

/// Wires as a router's world.
struct Wired<'a, W> {
    wires: &'a mut W,
    clock: &'a Domain,
    shift: u32,
    /// Cycles of switch allocation.
    sa: u32,
}

impl<W> Wired<'_, W> {
    #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
    const fn vc(&self, lane: Lane) -> VcIdx {
        VcIdx((lane.at() & ((1 << self.shift) - 1)) as u8)
    }
}

impl<W: Wires> Egress for Wired<'_, W> {
    #[inline]
    fn send(&mut self, d: &Departure, store: &mut Store) -> u64 {
        let flit = store.flit(d.slot, self.vc(d.to));
        store.remove(d.slot);
        if d.head {
            let passage = [
                (Part::SwitchAllocation, Edge(d.now).plus(self.sa)),
                (Part::Router, Edge(d.depart)),
            ];
            self.wires.charge(flit.packet, self.clock, &passage);
        }
        self.wires.send(d.port, flit, Edge(d.depart)).0
    }

    #[inline]
    fn credit(&mut self, _: RouterIdx, from: Lane, _: usize, depart: u64) {
        self.wires.send_credit(from.at() >> self.shift, self.vc(from), Edge(depart));
    }

    #[inline]
    fn at_front(&mut self, _: RouterIdx, _: Lane, slot: Slot, s: &Store, now: u64, routed: u64) {
        let passage = [(Part::BufferQueue, Edge(now)), (Part::Router, Edge(routed))];
        self.wires.charge(s.packet(slot), self.clock, &passage);
    }

    #[inline]
    fn vc_granted(&mut self, _: RouterIdx, _: (Lane, Lane), slot: Slot, s: &Store, ready: u64) {
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
                self.credit(i, self.lane(port, vc.0), edge.0);
            }
        }
        let mut wired = Wired { wires, clock, shift: self.shift, sa: self.pipeline.sa };
        let heads = self.take_in(i, edge, &mut wired);
        let next = self.step(i, edge.0, &mut wired);
        let mut again = false;
        for (lane, slot) in &heads {
            again |= self.deliver(i, *lane, *slot, edge.0, &mut wired);
        }
        self.deferred = heads;
        self.deferred.clear();
        wires.await_credits(&self.starved(i));
        if again { edge.plus(1).min(Edge(next)) } else { Edge(next) }
    }

    /// Delivers the flits that are visible; from a port's first head on they are for later, unless
    /// RC takes no cycle.
    fn take_in<W: Wires>(
        &mut self,
        i: RouterIdx,
        edge: Edge,
        wired: &mut Wired<'_, W>,
    ) -> Vec<(Lane, Slot)> {
        let mut later = core::mem::take(&mut self.deferred);
        for port in &wired.wires.flit_ports(edge) {
            let mut defer = false;
            while let Some(flit) = wired.wires.receive(port, edge) {
                let lane = self.lane(port, flit.vc.0);
                let slot = self.admit(&flit, 0);
                defer |= flit.head && self.pipeline.rc > 0;
                if defer {
                    later.push((lane, slot));
                } else {
                    self.deliver(i, lane, slot, edge.0, wired);
                }
            }
        }
        later
    }

    /// Output ports on which someone could send but for a credit.
    pub fn starved(&self, i: RouterIdx) -> PortSet {
        let block = &self.blocks[i.at()];
        let mut ports = PortSet::EMPTY;
        for w in 0..usize::from(block.words) {
            let mut starved = self.words[block.word as usize + w].starved;
            while starved != 0 {
                let at = w * 64 + starved.trailing_zeros() as usize;
                starved &= starved - 1;
                let out = self.inputs[block.lane as usize + at].out;
                ports.insert(out.at() >> self.shift);
            }
        }
        ports
    }
}
