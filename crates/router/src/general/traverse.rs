//! The way of a granted flit through the switch, and connections that are kept.

use base::RoutingFunction;

use crate::bank::Common;
use crate::egress::{Departure, Egress};
use crate::flow::short;
use crate::state::{Block, NOBODY, Stage, Timer};

use super::General;

impl General {
    /// Sends the flit at the front of input VC `at` to output port `port`, if it may go: one that
    /// speculated may have got no VC, or one without a credit.
    pub(super) fn use_switch<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        (i, at, port): (usize, usize, usize),
        now: u64,
        egress: &mut E,
    ) {
        let input = block.inputs[at];
        let out = usize::from(input.out);
        let holds = input.stage == Stage::Active && input.len > 0 && out >> c.shift == port;
        let goes = holds
            && self.room(i, &block.outputs[out], port) > 0
            && self.port_open(block, i, (port, c.shift), now + c.traversal);
        if goes {
            self.send(c, block, (i, at), now, egress);
        }
    }

    /// Connections that are kept from the cycle before send their next flits; those that have no
    /// flit or no credit are given up.
    pub(super) fn go_on<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        egress: &mut E,
    ) {
        for port in 0..usize::from(block.ports) {
            self.parts[i].ports[port].taken = false;
        }
        for port in 0..usize::from(block.ports) {
            let held = self.parts[i].ports[port].held;
            if held == NOBODY {
                continue;
            }
            let at = usize::from(held);
            let input = block.inputs[at];
            let out = usize::from(input.out);
            let to = out >> c.shift;
            let able = input.stage == Stage::Active
                && input.len > 0
                && self.room(i, &block.outputs[out], to) > 0
                && self.port_open(block, i, (to, c.shift), now + c.traversal);
            if able {
                self.parts[i].ports[to].taken = true;
                self.send(c, block, (i, at), now, egress);
                // For the rest of this cycle the input is taken, even if that was the tail.
                self.parts[i].ports[port].held = held;
            } else {
                self.parts[i].ports[port].held = NOBODY;
            }
        }
    }

    /// Sends the flit at the front of input VC `at`.
    fn send<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        (i, at): (usize, usize),
        now: u64,
        egress: &mut E,
    ) {
        let out = usize::from(block.inputs[at].out);
        let (in_port, port) = (at >> c.shift, out >> c.shift);
        let output = &block.outputs[out];
        let used = output.depth - output.credits;
        let parts = &mut self.parts[i].ports[port];
        if self.rules.reserved_flits > 0 && used >= self.rules.reserved_flits {
            parts.shared_used += 1;
        }
        let depart = self.depart(i, port, now + c.traversal);
        let d = c.pop(block, i, at, now, depart);
        self.launch(c, block, (i, port), &d, egress);
        egress.credit(d.from, now + 1);
        if self.rules.hold_switch {
            self.parts[i].ports[in_port].held = if d.tail { NOBODY } else { short(at) };
        }
    }

    /// When a flit that is through the switch at cycle `through` goes on the link out of `port`.
    pub(crate) fn depart(&self, i: usize, port: usize, through: u64) -> u64 {
        through.max(self.parts[i].ports[port].link_free)
    }

    /// Puts a flit on the link out of `port`, or into its output buffer.
    pub(crate) fn launch<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        (i, port): (usize, usize),
        d: &Departure,
        egress: &mut E,
    ) {
        let depart = d.depart;
        let free = egress.send(d, &mut c.store);
        let parts = &mut self.parts[i].ports[port];
        if self.rules.output_buffer_flits.is_some() {
            parts.link_free = free;
            parts.departures.push_back(depart);
        } else if free > depart + 1 {
            let first = port << c.shift;
            block.link_busy(first, c.vc_mask as usize);
            c.arm(block, i, free - c.traversal, Timer::Link(short(first)));
        } else {
            // A register: one flit a cycle, whatever the speedup.
            parts.link_free = depart + 1;
        }
    }
}
