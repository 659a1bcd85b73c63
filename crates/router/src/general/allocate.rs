//! Requests, allocations, and what comes of the grants.

use base::RoutingFunction;

use crate::alloc::{Allocator, Key};
use crate::bank::Common;
use crate::egress::Egress;
use crate::flow::short;
use crate::state::{Block, NOBODY, Stage};

use super::rules::lanes;
use super::{General, Time, UNKNOWN};

impl General {
    /// Both allocations, once: in pass `at.1` of cycle `at.0`.
    pub(super) fn pass<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        i: usize,
        (now, turn): (u64, usize),
        egress: &mut E,
    ) {
        let time = Time::new(now, turn, self.rules.internal_speedup);
        self.collectively(|_, groups| groups.begin(c, block, i, now, egress));
        self.ask_for_vcs(c, block, i, time);
        self.collectively(|this, groups| groups.ask_for_vcs(this, c, block, (i, now)));
        let vcs = &self.parts[i].vc_allocator;
        vcs.allocate(&self.vc_requests, &mut self.vc_matching);
        self.switch_requests.clear();
        if self.rules.hold_switch {
            self.go_on(c, block, i, time, egress);
        }
        self.collectively(|this, groups| groups.ask_for_switch(this, c, block, (i, now)));
        self.ask_for_switch(c, block, i, time);
        let switch = &self.parts[i].switch_allocator;
        switch.allocate(&self.switch_requests, &mut self.switch_matching);
        self.parts[i].vc_allocator.commit(&self.vc_matching);
        self.parts[i].switch_allocator.commit(&self.switch_matching);
        self.give_vcs(c, block, i, time, egress);
        self.give_switch(c, block, i, time, egress);
        for sets in &mut block.sets {
            sets.ready |= core::mem::take(&mut sets.fresh);
        }
        self.route_in_passes(c, block, i, time, egress);
    }

    /// What came of this pass's VC allocation is under way, and what is over is given.
    fn give_vcs<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        i: usize,
        time: Time,
        egress: &mut E,
    ) {
        let lanes = usize::from(block.ports) << c.shift;
        let granted: Vec<(usize, usize)> = self.vc_matching.pairs().collect();
        for (at, out) in granted {
            assert!(
                self.vc_requests.contains(at, out),
                "router {i} at {}: {at} did not ask for {out}",
                time.now
            );
            if at >= lanes {
                self.collectively(|_, groups| groups.grant(c, block, (i, out), time.now, egress));
                continue;
            }
            self.parts[i].vc_flights.launch((at, out), at, time.pass);
        }
        while let Some(flight) = self.parts[i].vc_flights.land(time.pass) {
            let (at, out) = (usize::from(flight.input), usize::from(flight.output));
            // Somebody who asked before may have got it meanwhile.
            if block.sets[out / 64].free >> (out % 64) & 1 == 1 {
                self.grant(c, block, (i, at, out), time, egress);
            }
        }
    }

    /// The same for switch allocation.
    fn give_switch<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        i: usize,
        time: Time,
        egress: &mut E,
    ) {
        let granted: Vec<(usize, usize)> = self.switch_matching.pairs().collect();
        let speedup = self.rules.input_speedup;
        let inputs = usize::from(block.ports) * speedup;
        let vcs = usize::from(c.pipeline.vcs);
        for (input, output) in granted {
            if input >= inputs {
                let to = (i, input - inputs, time.now);
                self.collectively(|this, groups| groups.use_switch(this, c, block, to, egress));
                continue;
            }
            let vc = self.switch_requests.label(input, output).unwrap_or(0);
            let behind = (usize::from(vc) + speedup) % vcs;
            let parts = &mut self.parts[i];
            parts.turn[input] = u8::try_from(behind).unwrap_or(0);
            let at = (input / speedup) << c.shift | usize::from(vc);
            parts.switch_flights.launch((input, output), at, time.pass);
        }
        while let Some(flight) = self.parts[i].switch_flights.land(time.pass) {
            let (input, output) = (usize::from(flight.input), usize::from(flight.output));
            let late = c.pipeline.sa > 1;
            let parts = &self.parts[i];
            // A packet may have taken and kept either since.
            if late && (parts.held[input].at != NOBODY || parts.taken[output]) {
                continue;
            }
            let to = (i, usize::from(flight.at), output / self.rules.output_speedup);
            self.use_switch(c, block, to, time, egress);
        }
    }

    /// VC allocation's requests: every waiting packet for every free VC that it may take and that
    /// has room.
    fn ask_for_vcs<R: RoutingFunction, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        i: usize,
        time: Time,
    ) {
        self.vc_requests.clear();
        let words = usize::from(block.words);
        let waiting: Vec<usize> = lanes(block.sets.iter().take(words).map(|s| s.waiting)).collect();
        for at in waiting {
            let input = block.inputs[at];
            if self.collective.as_ref().is_some_and(|groups| groups.holds(i, at)) {
                continue;
            }
            if !self.is_routed(i, at, time) || !self.parts[i].vc_flights.may_ask(at, time.pass) {
                continue;
            }
            self.parts[i].vc_flights.asks(at, time.pass);
            let word = usize::from(input.out) / 64;
            let key = self.key(c, &input, time.now);
            let mut free = input.request & block.sets[word].free;
            let mut any = false;
            while free != 0 {
                let out = word * 64 + free.trailing_zeros() as usize;
                free &= free - 1;
                let room = self.room(c.shift, block, i, out);
                if !self.rules.cut_through || room >= c.store.length(input.first) {
                    any = true;
                    self.vc_requests.add(at, out, key, 0);
                }
            }
            if !any && c.adaptive {
                c.route(block, i, at, time.now);
            }
        }
    }

    /// Switch allocation's requests: an input port's VCs in turn from the one behind the last that
    /// was granted, so that of equals for the same output the first is kept.
    fn ask_for_switch<R: RoutingFunction, const L: usize, const W: usize>(
        &mut self,
        c: &Common<R>,
        block: &Block<L, W>,
        i: usize,
        time: Time,
    ) {
        let vcs = usize::from(c.pipeline.vcs);
        let speedup = self.rules.input_speedup;
        for input in 0..usize::from(block.ports) * speedup {
            let port = input / speedup;
            if self.collective.as_ref().is_some_and(|groups| groups.reads(i, port)) {
                continue;
            }
            if self.parts[i].held[input].at != NOBODY {
                continue;
            }
            let first = usize::from(self.parts[i].turn[input]);
            let own =
                (0..vcs).map(|n| (first + n) % vcs).filter(|vc| vc % speedup == input % speedup);
            for vc in own {
                let at = port << c.shift | vc;
                let (sets, bit) = (&block.sets[at / 64], 1_u64 << (at % 64));
                let flights = &mut self.parts[i].switch_flights;
                if sets.ready & bit != 0 {
                    if flights.may_ask(at, time.pass) {
                        flights.asks(at, time.pass);
                        let key = self.key(c, &block.inputs[at], time.now).firm();
                        self.ask(c, block, (i, at), key, time);
                    }
                } else if self.rules.speculative
                    && sets.waiting & bit != 0
                    && self.is_routed(i, at, time)
                    && self.parts[i].switch_flights.may_ask(at, time.pass)
                {
                    self.parts[i].switch_flights.asks(at, time.pass);
                    let key = self.key(c, &block.inputs[at], time.now);
                    self.ask(c, block, (i, at), key, time);
                }
            }
        }
    }

    /// One request for the switch, if the flit could go.
    fn ask<R: RoutingFunction, const L: usize, const W: usize>(
        &mut self,
        c: &Common<R>,
        block: &Block<L, W>,
        (i, at): (usize, usize),
        key: Key,
        time: Time,
    ) {
        let out = usize::from(block.inputs[at].out);
        let (in_port, port) = (at >> c.shift, out >> c.shift);
        let funded = if block.inputs[at].stage == Stage::Active {
            self.room(c.shift, block, i, out) > 0
        } else {
            // Speculation: some VC that it asks for, or is about to get, has a credit.
            let awaited = self.parts[i].vc_flights.awaited(at);
            let mut asked = self.vc_requests.outputs_of(at).chain(awaited);
            asked.any(|o| self.room(c.shift, block, i, o) > 0)
        };
        let input = self.crossbar_input(c.shift, at);
        let output = port * self.rules.output_speedup + in_port % self.rules.output_speedup;
        let taken = self.rules.hold_switch && self.parts[i].taken[output];
        let open = !taken && self.port_open(block, i, (port, c.shift), self.through(time));
        if funded && open {
            let vc = at & c.vc_mask as usize;
            self.switch_requests.add(input, output, key, u8::try_from(vc).unwrap_or(0));
        }
    }

    /// Gives output VC `out` to the packet of input VC `at`.
    fn grant<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &Common<R>,
        block: &mut Block<L, W>,
        (i, at, out): (usize, usize, usize),
        time: Time,
        egress: &mut E,
    ) {
        if !self.promise(c, block, (i, at, out)) {
            return;
        }
        block.outputs[out].owner = short(at);
        block.outputs[out].held = true;
        block.sets[out / 64].free &= !(1 << (out % 64));
        let bit = 1_u64 << (at % 64);
        block.sets[at / 64].waiting &= !bit;
        let input = &mut block.inputs[at];
        input.out = short(out);
        input.stage = Stage::Active;
        let (from, to) = (Block::<L, W>::lane(i, at), Block::<L, W>::lane(i, out));
        egress.vc_granted(from, to, input.first, &c.store, time.now + 1);
        let parts = &mut self.parts[i];
        parts.vc_flights.begins(at, None);
        if !self.rules.speculative {
            parts.switch_flights.begins(at, Some(time.pass + 1));
        }
        if let Some(routed) = parts.routed.get_mut(at) {
            *routed = UNKNOWN;
        }
        if block.outputs[out].credits == 0 {
            block.sets[at / 64].starved |= bit;
        } else if !block.outputs[out >> c.shift << c.shift].busy {
            block.sets[at / 64].fresh |= bit;
        }
    }
}
