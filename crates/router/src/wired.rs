//! Routers on wires: the step of a router whose wires are asked for what has arrived.

use base::arch::{Arbitration, Priority};
use base::{Flit, Head, Part, RoutingFunction, VcIdx};
use clock::{Domain, Edge};

use crate::bank::{Common, Kernel};
use crate::egress::{Departure, Egress};
use crate::flow::short;
use crate::state::{Block, Lane, Stage};
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
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
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
            let credited = self.take_due_credits(i, at, wired.wires);
            let two_left = edge == at.plus(2);
            if two_left
                && self.rests(i, &*wired.wires)
                && let Some(next) = self.pass(i, at, &mut wired)
            {
                return next;
            }
            let next = self.step_at(i, at, credited, &mut wired);
            if at == edge {
                return next;
            }
            let Some(turn) = wired.wires.turn(edge, next) else { return next };
            at = turn;
        }
    }

    /// Steps router `i` through an edge, at which it has been given credits or not. Gives the next at which it must
    /// be stepped if nothing arrives before.
    #[inline]
    fn step_at<X: Wires>(
        &mut self,
        i: usize,
        edge: Edge,
        credited: bool,
        wired: &mut Wired<'_, X>,
    ) -> Edge {
        let mut changed = credited;
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

    /// Whether plain router `i` does nothing until something comes, and RC takes it a cycle.
    #[inline]
    fn rests<X: Wires>(&self, i: usize, wires: &X) -> bool {
        let block = &self.blocks[i];
        !self.acts(i)
            && block.is_at_rest()
            && !wires.awaits_credits()
            && self.c.pipeline.rc == 1
            && !self.c.keeps_vcs
    }

    /// Lets the head that comes alone to router `i` at `at` pass it in one go, two edges later, while the router
    /// [rests](Self::rests): RC is at the first of these edges, VA at the next, SA at the last. It is put into no
    /// buffer. None where anything else may happen in these edges: something else comes, or the output VC whose
    /// turn it is can send nothing, or none is free.
    #[inline(never)]
    fn pass<X: Wires>(&mut self, i: usize, at: Edge, wired: &mut Wired<'_, X>) -> Option<Edge> {
        let edge = at.plus(2);
        let (port, flit) = wired.wires.lone(at, edge)?;
        let (lane, block) = (port << self.c.shift | flit.vc.at(), &self.blocks[i]);
        let input = &block.inputs[lane % L];
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are compared")]
        let is_first = input.stage == Stage::Idle && input.left != at.0 as u32;
        if !flit.head || !is_first {
            return None;
        }
        let Flit { src, dst, flow, class, state, .. } = *flit;
        let mut head = Head { src, dst, flow, class, state };
        let fixed = self.c.routing.fixed(Block::<L, W>::router(i), dst, class);
        let hop = fixed.unwrap_or_else(|| self.c.ask(block, (i, lane), &mut head, at.0));
        let wanted = usize::from(hop.port.0) << self.c.shift;
        let request = (wanted / 64, hop.vcs << (wanted % 64));
        let out = block.choose_vc(request, usize::from(input.pointer))?;
        if !block.is_open(out) {
            return None;
        }
        let (vc, tail) = (flit.vc, flit.tail);
        #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
        let on = VcIdx((out & self.c.vc_mask as usize) as u8);
        let flit = Flit { vc: on, state: head.state, ..*flit };
        wired.wires.take_lone(port, at);
        wired.wires.catch_up(edge, 2);
        let block = &mut self.blocks[i];
        self.c.pass_on(block, (i, lane, out), tail, edge.0);
        let depart = Edge(edge.0 + self.c.traversal);
        let passage = [
            (Part::BufferQueue, at),
            (Part::Router, at.plus(1)),
            (Part::VcAllocation, edge),
            (Part::SwitchAllocation, edge.plus(1)),
            (Part::Router, depart),
        ];
        wired.wires.charge(flit.packet, wired.clock, &passage);
        let free = wired.wires.send(out >> self.c.shift, flit, depart);
        wired.wires.send_credit(port, vc, edge.plus(1));
        if free > depart.plus(1) {
            self.c.linger(block, (i, out), free.0, wired);
            return Some(Edge(self.c.next_timer(i)));
        }
        Some(Edge::NEVER)
    }

    /// Whether a step of router `i` may do anything.
    #[inline]
    fn acts(&self, i: usize) -> bool {
        self.c.is_awake(i) || self.blocks[i].timed || self.c.special
    }

    fn lane_of(&self, i: usize, port: usize, vc: VcIdx) -> Lane {
        Block::<L, W>::lane(i, port << self.c.shift | vc.at())
    }

    /// Takes in the credits that count at an edge. Tells whether there may have been any.
    #[inline]
    fn take_due_credits<X: Wires>(&mut self, i: usize, edge: Edge, wires: &mut X) -> bool {
        let Some(ports) = wires.credit_ports(edge) else { return false };
        self.take_credits(i, edge, &ports, wires);
        true
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

impl<R: RoutingFunction> Common<R> {
    /// What the router keeps of a flit that comes to the empty input VC `at`, is its packet's first, gets output VC
    /// `out` and leaves by it at `now`, as VA and [`pop`](Self::pop) do it one after the other.
    #[expect(clippy::inline_always, reason = "most hops under a light load")]
    #[inline(always)]
    fn pass_on<const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        (i, at, out): (usize, usize, usize),
        tail: bool,
        now: u64,
    ) {
        block.forwarded += 1;
        let (at, out) = (at % L, out % L);
        let one = 1_u64 << (out % 64);
        let output = &mut block.outputs[out];
        output.owner = short(at);
        output.held = true;
        output.credits -= 1;
        let used = output.depth - output.credits;
        let given = &mut block.sets[out / 64];
        if output.credits == 0 {
            given.shut |= one;
        }
        let input = &mut block.inputs[at];
        input.out = short(out);
        input.pointer = short(out + 1);
        if tail {
            #[expect(clippy::cast_possible_truncation, reason = "the low bits are compared")]
            let left = now as u32;
            input.left = left;
        } else {
            input.stage = Stage::Active;
            given.free &= !one;
        }
        if self.notes {
            self.note_departure(block, (i, out), (used, tail), now);
        }
        block.take_turns(at, out, self.vc_mask as usize);
    }
}
