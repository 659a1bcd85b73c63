//! The plain router's step: separable input-first allocation with round-robin arbiters, for VCs and
//! for the switch, as BookSim 2's defaults.
//!
//! VC allocation comes first and sees the output VCs that were free when the cycle began; who gets
//! one asks for the switch from the next cycle on. Switch allocation frees output VCs for the next
//! cycle. Pointers move only past a granted requester.

use base::RoutingFunction;

use crate::MAX_PORTS;
use crate::bank::RouterBank;
use crate::egress::{Departure, Egress, Stall};
use crate::ports::{pick, sooner};
use crate::state::{Lane, NOBODY, Stage, Timer};

impl<R: RoutingFunction> RouterBank<R> {
    /// VC allocation: every waiting input VC picks one free output VC, every output VC one of them.
    #[inline]
    pub(crate) fn allocate_vcs<E: Egress>(
        &mut self,
        words: core::ops::Range<usize>,
        now: u64,
        egress: &mut E,
    ) {
        for w in words.clone() {
            let mut waiting = self.words[w].waiting;
            while waiting != 0 {
                let at = Lane::new(w << 6 | waiting.trailing_zeros() as usize);
                waiting &= waiting - 1;
                let input = &self.inputs[at.at()];
                let (asked, allowed) = (input.out, input.allowed);
                let free = allowed & self.ports[asked.at() >> self.shift].free;
                if free == 0 {
                    self.no_vc(at, now, egress);
                    continue;
                }
                // One arbiter over all output VCs of the router: its pointer counts at its port only.
                let pointer = input.pointer;
                let here = (pointer ^ asked.low()) >> self.shift == 0;
                let from = if here { u32::from(pointer) & self.vc_mask } else { 0 };
                let out = Lane(asked.0 | pick(free, from));
                let output = &mut self.outputs[out.at()];
                if output.claim == NOBODY {
                    output.claim = at;
                    self.words[out.word()].claimed |= out.bit();
                } else {
                    let held = output.claim;
                    let better = sooner(at.low(), held.low(), output.pointer);
                    if better {
                        output.claim = at;
                    }
                    if E::WATCHES {
                        egress.stalled(if better { held } else { at }, Stall::NoVc);
                    }
                }
            }
        }
        for w in words {
            let mut claimed = core::mem::take(&mut self.words[w].claimed);
            self.stirred |= claimed != 0;
            while claimed != 0 {
                let out = Lane::new(w << 6 | claimed.trailing_zeros() as usize);
                claimed &= claimed - 1;
                self.grant_vc(out, now, egress);
            }
        }
    }

    /// A packet found no output VC. Others may be free elsewhere next time.
    #[inline]
    fn no_vc<E: Egress>(&mut self, at: Lane, now: u64, egress: &mut E) {
        if E::WATCHES {
            egress.stalled(at, Stall::NoVc);
        }
        if self.adaptive {
            self.route(at, self.inputs[at.at()].first, now);
        }
    }

    /// Gives output VC `out` to the input VC that claims it.
    #[inline]
    fn grant_vc<E: Egress>(&mut self, out: Lane, now: u64, egress: &mut E) {
        let output = &mut self.outputs[out.at()];
        let at = core::mem::replace(&mut output.claim, NOBODY);
        output.owner = at;
        output.pointer = at.low().wrapping_add(1);
        let funded = output.credits > 0;
        let input = &mut self.inputs[at.at()];
        input.out = out;
        input.pointer = out.low().wrapping_add(1);
        let port = &mut self.ports[out.at() >> self.shift];
        port.free &= !(1 << (out.0 & self.vc_mask));
        let word = &mut self.words[at.word()];
        word.waiting &= !at.bit();
        let ready = now + u64::from(self.pipeline.va);
        egress.vc_granted(at, out, input.first, &self.store, ready);
        if self.pipeline.va > 1 {
            input.stage = Stage::Granted;
            self.arm(at, ready, Timer::Granted(at));
            return;
        }
        input.stage = Stage::Active;
        if !funded {
            word.starved |= at.bit();
        } else if !port.busy {
            word.fresh |= at.bit();
        }
    }

    /// Switch allocation: every input port picks one VC that could send, every output port one of
    /// them; those send a flit each. `first` is the router's first port in the bank.
    #[inline]
    pub(crate) fn allocate_switch<const PORT_WORDS: usize, E: Egress>(
        &mut self,
        words: core::ops::Range<usize>,
        now: u64,
        egress: &mut E,
    ) -> u64 {
        let first = words.start << 6 >> self.shift;
        let low = self.vc_mask;
        let mut taken = [0_u64; PORT_WORDS];
        for w in words {
            if E::WATCHES {
                self.tell_starved(w, egress);
            }
            let mut ready = self.words[w].ready;
            while ready != 0 {
                let bit = ready.trailing_zeros();
                let base = bit & !low;
                let able = ready >> base & self.lanes;
                ready &= !(self.lanes << base);
                let lane = Lane::new(w << 6 | bit as usize);
                let at = if able & (able - 1) == 0 {
                    lane
                } else {
                    self.choose(Lane(lane.0 & !low), able, egress)
                };
                let out_port = self.inputs[at.at()].out.at() >> self.shift;
                let local = (out_port - first) % MAX_PORTS;
                let set = &mut taken[local / 64 % PORT_WORDS];
                let one = 1 << (local % 64);
                if *set & one == 0 {
                    *set |= one;
                    self.promised[local] = at;
                } else {
                    self.contend(out_port, local, at, egress);
                }
            }
        }
        let mut sent = 0;
        for (w, mut set) in taken.into_iter().enumerate() {
            while set != 0 {
                let local = (w * 64 + set.trailing_zeros() as usize) % MAX_PORTS;
                set &= set - 1;
                sent += 1;
                self.traverse(self.promised[local], now, egress);
            }
        }
        sent
    }

    /// Another input port wants an output port that was promised.
    #[inline]
    fn contend<E: Egress>(&mut self, out_port: usize, local: usize, at: Lane, egress: &mut E) {
        let held = self.promised[local];
        let port = |lane: Lane| Lane(lane.0 >> self.shift).low();
        let better = sooner(port(at), port(held), self.ports[out_port].output_pointer);
        if better {
            self.promised[local] = at;
        }
        if E::WATCHES {
            egress.stalled(if better { held } else { at }, Stall::LostSwitch);
        }
    }

    /// The choice of an input port among its VCs that could send (`able`, from lane `base` on):
    /// first among the output ports that they want, then among the VCs that want this one, both
    /// round-robin.
    fn choose<E: Egress>(&self, base: Lane, able: u64, egress: &mut E) -> Lane {
        let port = &self.ports[base.at() >> self.shift];
        let wanted = |vc: u32| self.inputs[base.at() + vc as usize].out.0 >> self.shift;
        let start = pick(able, u32::from(port.input_pointer));
        let mut best = (start, wanted(start));
        let mut rest = able & !(1 << start);
        while rest != 0 {
            // In the order of the VCs' own turn, so that the first of equals is kept.
            let vc = pick(rest, start);
            rest &= !(1 << vc);
            let out_port = wanted(vc);
            let sooner = sooner(Lane(out_port).low(), Lane(best.1).low(), port.choice_pointer);
            if out_port != best.1 && sooner {
                best = (vc, out_port);
            }
        }
        let chosen = Lane(base.0 + best.0);
        if E::WATCHES {
            self.tell_losers(base, able, chosen, egress);
        }
        chosen
    }

    /// Sends the flit at the front of input VC `at` through the switch.
    #[inline]
    pub(crate) fn traverse<E: Egress>(&mut self, at: Lane, now: u64, egress: &mut E) {
        let word = &mut self.words[at.word()];
        let input = &mut self.inputs[at.at()];
        let (slot, to) = (input.first, input.out);
        let (next, head, tail) = self.store.next(slot);
        input.first = next;
        input.len -= 1;
        let output = &mut self.outputs[to.at()];
        output.credits -= 1;
        if !self.loads.is_empty() {
            self.loads[to.at()].set(output.depth - output.credits, now);
        }
        let (from_link, link) = (at.at() >> self.shift, to.at() >> self.shift);
        let port = &mut self.ports[link];
        port.output_pointer = Lane::new(from_link).low().wrapping_add(1);
        if tail {
            self.stirred = true;
            word.ready &= !at.bit();
            output.owner = NOBODY;
            port.free |= 1 << (to.0 & self.vc_mask);
            if input.len == 0 {
                input.stage = Stage::Idle;
                #[expect(clippy::cast_possible_truncation, reason = "the low bits are compared")]
                let low = now as u32;
                input.left = low;
            } else {
                input.stage = Stage::Routing;
                word.routing |= at.bit();
            }
        } else if input.len == 0 {
            word.ready &= !at.bit();
        } else if output.credits == 0 {
            word.ready &= !at.bit();
            word.starved |= at.bit();
        }
        let from = &mut self.ports[from_link];
        #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
        let behind = ((at.0 & self.vc_mask) + 1) as u8;
        from.input_pointer = behind;
        from.choice_pointer = Lane::new(link).low().wrapping_add(1);
        let depart = now + self.traversal;
        let d = Departure { from: at, to, link, slot, head, tail, now, depart };
        let free = egress.send(&d, &mut self.store);
        egress.credit(at, from_link, now + 1);
        if free > depart + 1 {
            self.link_busy(link, free);
        }
    }
}
