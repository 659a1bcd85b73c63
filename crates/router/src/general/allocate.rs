//! Requests, allocations, and what comes of the grants.

use base::RoutingFunction;

use crate::alloc::{Allocator, Key};
use crate::bank::Common;
use crate::egress::{Egress, Stall};
use crate::flow::short;
use crate::state::{Block, NOBODY, Stage, Timer};

use super::General;

/// The lanes of a set of words.
fn lanes(words: impl Iterator<Item = u64>) -> impl Iterator<Item = usize> {
    words.enumerate().flat_map(|(w, word)| {
        let mut rest = word;
        core::iter::from_fn(move || {
            let bit = rest.trailing_zeros() as usize;
            (rest != 0).then(|| {
                rest &= rest - 1;
                w * 64 + bit
            })
        })
    })
}

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
        self.ask_for_vcs(c, block, i, now, egress);
        self.collectively(|this, groups| groups.ask_for_vcs(this, c, block, (i, now), egress));
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
            if at >= lanes {
                self.collectively(|_, groups| groups.grant(c, block, (i, out), now, egress));
                continue;
            }
            grant(c, block, (i, at, out), now, egress);
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
        if E::WATCHES {
            self.tell_losers(block, i, egress);
        }
    }

    /// VC allocation's requests: every waiting packet for every free VC that it may take and that
    /// has room.
    fn ask_for_vcs<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        i: usize,
        now: u64,
        egress: &mut E,
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
                let room = self.room(i, &block.outputs[out], out >> c.shift);
                if !self.rules.cut_through || room >= c.store.length(input.first) {
                    any = true;
                    self.vc_requests.add(at, out, key, 0);
                }
            }
            if !any {
                if E::WATCHES {
                    egress.stalled(Block::<L, W>::lane(i, at), Stall::NoVc);
                }
                if c.adaptive {
                    c.route(block, i, at, now);
                }
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
            if self.rules.hold_switch && self.parts[i].ports[port].held != NOBODY {
                continue;
            }
            if self.collective.as_ref().is_some_and(|groups| groups.reads(i, port)) {
                continue;
            }
            let first = port << c.shift;
            let pointer = usize::from(block.outputs[first].vc_pointer) % vcs;
            for turn in 0..vcs {
                let vc = (pointer + turn) % vcs;
                let at = first | vc;
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
            self.room(i, &block.outputs[out], port) > 0
        } else {
            // Speculation: some VC that it asks for has a credit.
            self.vc_requests.outputs_of(at).any(|o| self.room(i, &block.outputs[o], port) > 0)
        };
        let taken = self.rules.hold_switch && self.parts[i].ports[port].taken;
        let open = !taken && self.port_open(block, i, (port, c.shift), now + c.traversal);
        if funded && open {
            let vc = at & c.vc_mask as usize;
            let input = in_port * self.rules.input_speedup + vc % self.rules.input_speedup;
            let output = port * self.rules.output_speedup + in_port % self.rules.output_speedup;
            self.switch_requests.add(input, output, key, u8::try_from(vc).unwrap_or(0));
        }
    }

    /// Tells of those who were ready and have not gone on.
    fn tell_losers<E: Egress, const L: usize, const W: usize>(
        &self,
        block: &Block<L, W>,
        i: usize,
        egress: &mut E,
    ) {
        let inputs = usize::from(block.ports) * self.rules.input_speedup;
        let unicasts = self.switch_requests.inputs().filter(|input| *input < inputs);
        for (input, output) in unicasts.flat_map(|input| {
            self.switch_requests.outputs_of(input).map(move |output| (input, output))
        }) {
            if self.switch_matching.output_of(input) != Some(output) {
                let vc = usize::from(self.switch_requests.label(input, output).unwrap_or(0));
                let lanes = L.min(block.inputs.len()) / usize::from(block.ports).max(1);
                let port = input / self.rules.input_speedup;
                let at = (port * lanes.next_power_of_two().min(64) + vc) % L;
                egress.stalled(Block::<L, W>::lane(i, at), Stall::LostSwitch);
            }
        }
    }
}

/// Gives output VC `out` to the packet of input VC `at`.
fn grant<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
    c: &mut Common<R>,
    block: &mut Block<L, W>,
    (i, at, out): (usize, usize, usize),
    now: u64,
    egress: &mut E,
) {
    block.outputs[out].owner = short(at);
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
        c.arm(block, i, ready, Timer::Granted(short(at)));
    } else {
        input.stage = Stage::Active;
        block.sets[at / 64].fresh |= bit;
    }
}
