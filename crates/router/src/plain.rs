//! The plain router's step: separable input-first allocation with round-robin arbiters, for VCs and
//! for the switch, as BookSim 2's defaults.
//!
//! VC allocation comes first and sees the output VCs that were free when the cycle began; who gets
//! one asks for the switch from the next cycle on. Switch allocation frees output VCs for the next
//! cycle. Pointers move only past a granted requester.

use base::{RouterIdx, RoutingFunction};

use crate::bank::RouterBank;
use crate::egress::{Departure, Egress, Stall};
use crate::ports::{pick, sooner};
use crate::state::{Lane, NOBODY, Stage, Timer};

impl<R: RoutingFunction> RouterBank<R> {
    /// VC allocation: every waiting input VC picks one free output VC, every output VC one of them.
    #[inline]
    pub(crate) fn allocate_vcs<E: Egress>(&mut self, i: RouterIdx, now: u64, egress: &mut E) {
        let block = &self.blocks[i.at()];
        let (first, port0) = (block.lane as usize, block.port as usize);
        let (word0, words) = (block.word as usize, usize::from(block.words));
        let mut claimed = core::mem::take(&mut self.claimed);
        for w in 0..words {
            let mut waiting = self.words[word0 + w].waiting;
            while waiting != 0 {
                let at = w * 64 + waiting.trailing_zeros() as usize;
                waiting &= waiting - 1;
                let input = &self.inputs[first + at];
                let port = input.out.at() >> self.shift;
                let free = input.allowed & self.ports[port0 + port].free;
                if free == 0 {
                    self.no_vc(i, Lane::new(at), now, egress);
                    continue;
                }
                // One arbiter over all output VCs of the router: its pointer counts at its port only.
                let pointer = usize::from(input.pointer);
                let here = pointer >> self.shift == port;
                let from = if here { pointer & ((1 << self.shift) - 1) } else { 0 };
                let out = port << self.shift | pick(free, from);
                let output = &mut self.outputs[first + out];
                if output.claim == NOBODY {
                    output.claim = Lane::new(at).0;
                    claimed.push(Lane::new(out));
                } else {
                    let (held, from) = (usize::from(output.claim), usize::from(output.pointer));
                    let lost = if sooner(at, held, from) {
                        output.claim = Lane::new(at).0;
                        held
                    } else {
                        at
                    };
                    if E::WATCHES {
                        egress.stalled(i, Lane::new(lost), Stall::NoVc);
                    }
                }
            }
        }
        self.stirred = !claimed.is_empty();
        for out in claimed.drain(..) {
            self.grant_vc(i, out, now, egress);
        }
        self.claimed = claimed;
    }

    /// A packet found no output VC. Others may be free elsewhere next time.
    #[inline]
    fn no_vc<E: Egress>(&mut self, i: RouterIdx, at: Lane, now: u64, egress: &mut E) {
        if E::WATCHES {
            egress.stalled(i, at, Stall::NoVc);
        }
        if self.adaptive {
            let slot = self.inputs[self.blocks[i.at()].lane as usize + at.at()].first;
            self.route(i, at, slot, now);
        }
    }

    /// Gives output VC `out` to the input VC that claims it.
    #[inline]
    fn grant_vc<E: Egress>(&mut self, i: RouterIdx, out: Lane, now: u64, egress: &mut E) {
        let block = &self.blocks[i.at()];
        let first = block.lane as usize;
        let output = &mut self.outputs[first + out.at()];
        let at = output.claim;
        output.claim = NOBODY;
        output.owner = at;
        output.pointer = at + 1;
        let input = &mut self.inputs[first + usize::from(at)];
        input.out = out;
        input.pointer = out.0 + 1;
        let port = &mut self.ports[block.port as usize + (out.at() >> self.shift)];
        port.free &= !(1 << (out.at() & ((1 << self.shift) - 1)));
        let word = &mut self.words[block.word as usize + usize::from(at) / 64];
        let bit = 1 << (at % 64);
        word.waiting &= !bit;
        let ready = now + u64::from(self.pipeline.va);
        egress.vc_granted(i, (Lane(at), out), input.first, &self.store, ready);
        if self.pipeline.va > 1 {
            input.stage = Stage::Granted;
            self.arm(i, ready, Timer::Granted(Lane(at)));
            return;
        }
        input.stage = Stage::Active;
        if output.credits == 0 {
            word.starved |= bit;
        } else if !port.busy {
            word.fresh |= bit;
        }
    }

    /// Switch allocation: every input port picks one VC that could send, every output port one of
    /// them; those send a flit each.
    #[inline]
    pub(crate) fn allocate_switch<E: Egress>(&mut self, i: RouterIdx, now: u64, egress: &mut E) {
        let block = &self.blocks[i.at()];
        let (first, port0) = (block.lane as usize, block.port as usize);
        let (word0, words) = (block.word as usize, usize::from(block.words));
        let low = (1_u32 << self.shift) - 1;
        let lanes = u64::MAX >> (63 - low);
        let mut taken = [0_u64; crate::MAX_PORTS / 64];
        for w in 0..words {
            if E::WATCHES {
                self.tell_starved(i, w, egress);
            }
            let mut ready = self.words[word0 + w].ready;
            while ready != 0 {
                let bit = ready.trailing_zeros();
                let base = bit & !low;
                let able = ready >> base & lanes;
                ready &= !(lanes << base);
                let at = if able & (able - 1) == 0 {
                    w * 64 + bit as usize
                } else {
                    self.choose(i, w * 64 + base as usize, able)
                };
                if E::WATCHES && able & (able - 1) != 0 {
                    self.tell_losers(i, w * 64 + base as usize, able, at, egress);
                }
                let out_port = self.inputs[first + at].out.at() >> self.shift;
                let (set, one) = (&mut taken[out_port / 64], 1 << (out_port % 64));
                if *set & one == 0 {
                    *set |= one;
                    self.promised[out_port] = Lane::new(at);
                } else {
                    let held = self.promised[out_port];
                    let from = usize::from(self.ports[port0 + out_port].output_pointer);
                    let better = sooner(at >> self.shift, held.at() >> self.shift, from);
                    if better {
                        self.promised[out_port] = Lane::new(at);
                    }
                    if E::WATCHES {
                        let lost = if better { held } else { Lane::new(at) };
                        egress.stalled(i, lost, Stall::LostSwitch);
                    }
                }
            }
        }
        for (w, set) in taken.into_iter().enumerate() {
            let mut set = set;
            while set != 0 {
                let out_port = w * 64 + set.trailing_zeros() as usize;
                set &= set - 1;
                self.traverse(i, self.promised[out_port], now, egress);
            }
        }
    }

    /// The choice of an input port among its VCs that could send (`able`, from lane `base` on):
    /// first among the output ports that they want, then among the VCs that want this one, both
    /// round-robin.
    fn choose(&self, i: RouterIdx, base: usize, able: u64) -> usize {
        let block = &self.blocks[i.at()];
        let first = block.lane as usize + base;
        let port = &self.ports[block.port as usize + (base >> self.shift)];
        let wanted = |vc: usize| self.inputs[first + vc].out.at() >> self.shift;
        let start = pick(able, usize::from(port.input_pointer));
        let mut best = (start, wanted(start));
        let from = usize::from(port.choice_pointer);
        let mut rest = able & !(1 << start);
        while rest != 0 {
            // In the order of the VCs' own turn, so that the first of equals is kept.
            let vc = pick(rest, start);
            rest &= !(1 << vc);
            let out_port = wanted(vc);
            if out_port != best.1 && sooner(out_port, best.1, from) {
                best = (vc, out_port);
            }
        }
        base + best.0
    }

    /// Sends the flit at the front of input VC `at` through the switch.
    #[inline]
    pub(crate) fn traverse<E: Egress>(&mut self, i: RouterIdx, at: Lane, now: u64, egress: &mut E) {
        let block = &mut self.blocks[i.at()];
        block.forwarded += 1;
        let (first, port0) = (block.lane as usize, block.port as usize);
        let word = &mut self.words[block.word as usize + at.at() / 64];
        let bit = 1 << (at.0 % 64);
        let input = &mut self.inputs[first + at.at()];
        let (slot, out) = (input.first, input.out);
        let (next, head, tail) = self.store.next(slot);
        input.first = next;
        input.len -= 1;
        let output = &mut self.outputs[first + out.at()];
        output.credits -= 1;
        let (in_port, out_port) = (at.at() >> self.shift, out.at() >> self.shift);
        let port = &mut self.ports[port0 + out_port];
        port.output_pointer = u16::try_from(in_port + 1).unwrap_or(0);
        if tail {
            self.stirred = true;
            word.ready &= !bit;
            output.owner = NOBODY;
            port.free |= 1 << (out.at() & ((1 << self.shift) - 1));
            if input.len == 0 {
                input.stage = Stage::Idle;
                input.left = now as u32;
            } else {
                input.stage = Stage::Routing;
                word.routing |= bit;
            }
        } else if input.len == 0 {
            word.ready &= !bit;
        } else if output.credits == 0 {
            word.ready &= !bit;
            word.starved |= bit;
        }
        if !self.loads.is_empty() {
            self.loads[first + out.at()].set(output.depth - output.credits, now);
        }
        let from = &mut self.ports[port0 + in_port];
        from.input_pointer = ((at.at() & ((1 << self.shift) - 1)) + 1) as u8;
        from.choice_pointer = u16::try_from(out_port + 1).unwrap_or(0);
        let depart = now + self.traversal;
        let link = port0 + out_port;
        let d = Departure {
            at: i,
            from: at,
            to: out,
            port: out_port,
            link,
            slot,
            head,
            tail,
            now,
            depart,
        };
        let free = egress.send(&d, &mut self.store);
        egress.credit(i, at, port0 + in_port, now + 1);
        if free > depart + 1 {
            self.link_busy(i, out_port, free);
        }
    }
}
