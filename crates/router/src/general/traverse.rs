//! The way of a granted flit through the switch, and connections that are kept.

use base::RoutingFunction;

use crate::bank::Common;
use crate::egress::{Departure, Egress};
use crate::flow::short;
use crate::state::{Block, NOBODY, Output, Stage, Timer};

use super::rules::lanes;
use super::{General, Held, Time};

impl General {
    /// Sends the flit at the front of input VC `at` to output port `port`, if it may go: one that
    /// speculated may have got no VC, or one without a credit.
    pub(super) fn use_switch<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        (i, at, port): (usize, usize, usize),
        time: Time,
        egress: &mut E,
    ) {
        let input = block.inputs[at];
        let out = usize::from(input.out);
        let holds = input.stage == Stage::Active && input.len > 0 && out >> c.shift == port;
        let goes = holds
            && self.room(c.shift, block, i, out) > 0
            && self.port_open(block, i, (port, c.shift), self.through(time));
        if goes {
            self.send(c, block, (i, at), time, egress);
        }
    }

    /// Connections that are kept from the pass before send their next flits; those that have no
    /// credit or no room in the output buffer end. While the link is busy they wait.
    pub(super) fn go_on<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        i: usize,
        time: Time,
        egress: &mut E,
    ) {
        let now = time.now;
        self.parts[i].taken.fill(false);
        for kept in 0..self.parts[i].held.len() {
            let Held { at, until, ended } = self.parts[i].held[kept];
            if at == NOBODY || ended || until < now {
                self.parts[i].held[kept] = Held::NONE;
                continue;
            }
            let input = block.inputs[usize::from(at)];
            let (out, port) = (usize::from(input.out), usize::from(input.out) >> c.shift);
            let output = port * self.rules.output_speedup
                + (usize::from(at) >> c.shift) % self.rules.output_speedup;
            let waits = self.rules.output_buffer_flits.is_none() && now < until;
            let able = input.stage == Stage::Active
                && input.len > 0
                && self.room(c.shift, block, i, out) > 0
                && self.port_open(block, i, (port, c.shift), self.through(time));
            // Even if it ends here, neither end is anyone else's before the next pass.
            self.parts[i].taken[output] = true;
            if able && !waits {
                self.send(c, block, (i, usize::from(at)), time, egress);
            }
            let goes_on = waits || able && self.parts[i].held[kept].at != NOBODY;
            if !goes_on {
                self.parts[i].held[kept] = Held { at, until: 0, ended: true };
            }
        }
    }

    /// Sends the flit at the front of input VC `at`.
    fn send<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        (i, at): (usize, usize),
        time: Time,
        egress: &mut E,
    ) {
        let now = time.now;
        let out = usize::from(block.inputs[at].out);
        let port = out >> c.shift;
        self.use_room(i, (out, c.vc_mask as usize), port, &block.outputs[out]);
        if E::WATCHES {
            self.watched[2][at / 64] |= 1 << (at % 64);
        }
        let depart = self.depart(i, port, self.through(time));
        let (d, again) = c.pop(block, i, at, now, depart);
        if d.tail || !again {
            block.sets[at / 64].fresh &= !(1 << (at % 64));
        }
        let until = self.launch(c, block, (i, port), &d, egress);
        egress.credit(d.from, now + 1);
        if block.inputs[at].len == 0 {
            self.parts[i].switch_flights.begins(at, None);
        }
        if self.rules.hold_switch {
            let kept = self.crossbar_input(c.shift, at);
            // Without another flit there is nothing to keep it for, unless the link is busy anyway.
            let keeps = !d.tail && (block.inputs[at].len > 0 || until > now + 1);
            let held = Held { at: short(at), until, ended: false };
            self.parts[i].held[kept] = if keeps { held } else { Held::NONE };
        }
    }

    /// RC of the packets that came to the front in this pass, where RC counts in passes: in the next,
    /// which may be the next cycle's.
    pub(super) fn route_in_passes<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        i: usize,
        time: Time,
        egress: &mut E,
    ) {
        if self.rules.rc_in_passes.is_none() {
            return;
        }
        let begins = Time { now: time.now + u64::from(time.last), pass: time.pass + 1, ..time };
        let first = self.routed_from(begins);
        let words = usize::from(block.words);
        let turned: Vec<usize> = lanes(block.sets.iter().take(words).map(|s| s.turned)).collect();
        for at in turned {
            self.parts[i].routed[at] = first;
            if !time.last {
                block.sets[at / 64].turned &= !(1 << (at % 64));
                c.start(block, i, at, time.now, egress);
            }
        }
    }

    /// When a flit that is through the switch at cycle `through` goes on the link out of `port`.
    pub(crate) fn depart(&self, i: usize, port: usize, through: u64) -> u64 {
        through.max(self.parts[i].ports[port].link_free)
    }

    /// Puts a flit on the link out of `port`, or into its output buffer. Gives the cycle in which
    /// another may get the switch.
    pub(crate) fn launch<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        (i, port): (usize, usize),
        d: &Departure,
        egress: &mut E,
    ) -> u64 {
        let depart = d.depart;
        let free = egress.send(d, &mut c.store);
        let parts = &mut self.parts[i].ports[port];
        let mut until = d.now + 1;
        if self.rules.output_buffer_flits.is_some() {
            parts.link_free = free;
            parts.departures.push_back(depart);
        } else if free > depart + 1 {
            let first = port << c.shift;
            until = free - c.traversal;
            block.link_busy(first, c.vc_mask as usize);
            c.arm(block, i, until, Timer::Link(short(first)), egress);
        } else {
            // A register: one flit a cycle, whatever the speedup.
            parts.link_free = depart + 1;
        }
        until
    }

    /// A flit takes a buffer downstream: a promised one, one of its VC's own, or a shared one.
    fn use_room(&mut self, i: usize, (out, vc_mask): (usize, usize), port: usize, output: &Output) {
        let parts = &mut self.parts[i];
        if parts.owed(out) > 0 {
            parts.owed[out] -= 1;
        } else {
            let claimed = parts.claimed(out, output);
            parts.ports[port].pools.take(out & vc_mask, claimed, 1);
        }
    }
}
