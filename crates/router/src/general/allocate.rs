//! Requests, allocations, and what comes of the grants.

use base::RoutingFunction;

use crate::alloc::{Allocator, Key};
use crate::bank::Common;
use crate::egress::Egress;
use crate::flow::short;
use crate::state::{Block, NOBODY, Stage, Timer};

use super::General;
use super::rules::lanes;

impl General {
    /// Both allocations, once.
    pub(super) fn pass<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        egress: &mut E,
    ) {
        self.collectively(|_, groups| groups.begin(c, block, i, now, egress));
        self.ask_for_vcs(c, block, i, now);
        self.collectively(|this, groups| groups.ask_for_vcs(this, c, block, (i, now)));
        let vcs = &self.parts[i].vc_allocator;
        vcs.allocate(&self.vc_requests, &mut self.vc_matching);
        self.switch_requests.clear();
        if self.rules.hold_switch {
            self.go_on(c, block, i, now, egress);
        }
        self.collectively(|this, groups| groups.ask_for_switch(this, c, block, (i, now)));
        self.ask_for_switch(c, block, i, now);
        let switch = &self.parts[i].switch_allocator;
        switch.allocate(&self.switch_requests, &mut self.switch_matching);
        self.parts[i].vc_allocator.commit(&self.vc_matching);
        self.parts[i].switch_allocator.commit(&self.switch_matching);
        let lanes = usize::from(block.ports) << c.shift;
        let granted: Vec<(usize, usize)> = self.vc_matching.pairs().collect();
        for (at, out) in granted {
            assert!(
                self.vc_requests.contains(at, out),
                "router {i} at {now}: {at} did not ask for {out}"
            );
            if at >= lanes {
                self.collectively(|_, groups| groups.grant(c, block, (i, out), now, egress));
                continue;
            }
            self.grant(c, block, (i, at, out), now, egress);
        }
        let granted: Vec<(usize, usize)> = self.switch_matching.pairs().collect();
        let inputs = usize::from(block.ports) * self.rules.input_speedup;
        for (input, output) in granted {
            if input >= inputs {
                let to = (i, input - inputs, now);
                self.collectively(|this, groups| groups.use_switch(this, c, block, to, egress));
                continue;
            }
            let vc = usize::from(self.switch_requests.label(input, output).unwrap_or(0));
            let at = (input / self.rules.input_speedup) << c.shift | vc;
            self.use_switch(c, block, (i, at, output / self.rules.output_speedup), now, egress);
        }
        for sets in &mut block.sets {
            sets.ready |= core::mem::take(&mut sets.fresh);
        }
    }

    /// VC allocation's requests: every waiting packet for every free VC that it may take and that
    /// has room.
    fn ask_for_vcs<R: RoutingFunction, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
    ) {
        self.vc_requests.clear();
        let words = usize::from(block.words);
        let waiting: Vec<usize> = lanes(block.sets.iter().take(words).map(|s| s.waiting)).collect();
        for at in waiting {
            let input = block.inputs[at];
            if self.collective.as_ref().is_some_and(|groups| groups.holds(i, at)) {
                continue;
            }
            let word = usize::from(input.out) / 64;
            let key = self.key(c, &input, now);
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
                c.route(block, i, at, now);
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
        now: u64,
    ) {
        let vcs = usize::from(c.pipeline.vcs);
        for port in 0..usize::from(block.ports) {
            if self.collective.as_ref().is_some_and(|groups| groups.reads(i, port)) {
                continue;
            }
            let first = port << c.shift;
            let sent = usize::from(block.outputs[first].sent & short(c.vc_mask as usize));
            let pointer = (sent + 1) % vcs;
            for turn in 0..vcs {
                let vc = (pointer + turn) % vcs;
                let at = first | vc;
                if self.parts[i].held[self.crossbar_input(c.shift, at)].at != NOBODY {
                    continue;
                }
                let (sets, bit) = (&block.sets[at / 64], 1_u64 << (at % 64));
                if sets.ready & bit != 0 {
                    let key = self.key(c, &block.inputs[at], now).firm();
                    self.ask(c, block, (i, at), key, now);
                } else if self.rules.speculative && sets.waiting & bit != 0 {
                    let key = self.key(c, &block.inputs[at], now);
                    self.ask(c, block, (i, at), key, now);
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
        now: u64,
    ) {
        let out = usize::from(block.inputs[at].out);
        let (in_port, port) = (at >> c.shift, out >> c.shift);
        let funded = if block.inputs[at].stage == Stage::Active {
            self.room(c.shift, block, i, out) > 0
        } else {
            // Speculation: some VC that it asks for has a credit.
            self.vc_requests.outputs_of(at).any(|o| self.room(c.shift, block, i, o) > 0)
        };
        let input = self.crossbar_input(c.shift, at);
        let output = port * self.rules.output_speedup + in_port % self.rules.output_speedup;
        let taken = self.rules.hold_switch && self.parts[i].taken[output];
        let open = !taken && self.port_open(block, i, (port, c.shift), now + c.traversal);
        if funded && open {
            let vc = at & c.vc_mask as usize;
            self.switch_requests.add(input, output, key, u8::try_from(vc).unwrap_or(0));
        }
    }

    /// Gives output VC `out` to the packet of input VC `at`.
    fn grant<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        (i, at, out): (usize, usize, usize),
        now: u64,
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
        let (from, to) = (Block::<L, W>::lane(i, at), Block::<L, W>::lane(i, out));
        let ready = now + u64::from(c.pipeline.va);
        egress.vc_granted(from, to, input.first, &c.store, ready);
        if c.pipeline.va > 1 {
            input.stage = Stage::Granted;
            c.arm(block, i, ready, Timer::Granted(short(at)), egress);
        } else {
            input.stage = Stage::Active;
            if block.outputs[out].credits == 0 {
                block.sets[at / 64].starved |= bit;
            } else if !block.outputs[out >> c.shift << c.shift].busy {
                block.sets[at / 64].fresh |= bit;
            }
        }
    }
}
