//! Both allocations, over all routers at once: separable input-first, round-robin, as in the plain
//! step.

use base::RoutingFunction;

use super::state::{NOBODY, STARVED, after, later, when};
use super::{Border, Express, Train};

/// Whether `candidate` comes before `best` in a round-robin that goes on behind `last`, or from the
/// first on where `last` is [`NOBODY`]. All are lanes, or ports, of one router.
#[inline]
const fn sooner(candidate: u32, best: u32, last: u32) -> bool {
    let from = last.wrapping_add(1);
    candidate.wrapping_sub(from) < best.wrapping_sub(from)
}

impl<R: RoutingFunction, B: Border> Train<'_, R, B> {
    /// VC allocation: everyone on the list asks for one VC that was free when the cycle began, every
    /// output VC takes one of them.
    pub(super) fn allocate_vcs(&mut self) {
        let now = self.x.now;
        let Some(asks) = self.x.asks.take(now) else { return };
        let mut claimed = core::mem::take(&mut self.x.claimed);
        for &lane in &asks {
            let x = &mut *self.x;
            let Some(out) = x.wish(lane) else {
                self.no_vc(lane);
                continue;
            };
            let output = &mut x.outputs[out as usize];
            let mut lost = lane;
            if output.claim == NOBODY {
                output.claim = lane;
                claimed.push(out);
                continue;
            }
            if sooner(lane, output.claim, output.owner) {
                lost = core::mem::replace(&mut output.claim, lane);
            }
            x.asks.push(now + 1, lost);
        }
        self.x.asks.give_back(now, asks);
        self.x.grant_all(&claimed);
        claimed.clear();
        self.x.claimed = claimed;
    }

    /// A packet finds no VC: it waits for one to be freed, unless another port may do.
    #[inline(never)]
    fn no_vc(&mut self, lane: u32) {
        if self.x.adaptive {
            self.route(lane);
            self.x.asks.push(self.x.now + 1, lane);
        } else {
            let x = &mut *self.x;
            let port = x.inputs[lane as usize].out >> x.shift;
            let parked = &mut x.ports[port as usize].parked;
            x.aside[lane as usize] = core::mem::replace(parked, lane);
        }
    }

    /// Switch allocation: every input port picks one VC that could send, every output port one of
    /// them. Who is not picked bids again.
    pub(super) fn allocate_switch(&mut self) {
        let x = &mut *self.x;
        let now = x.now;
        let mut choosers = core::mem::take(&mut x.choosers);
        let spare = core::mem::take(&mut x.spare_bids);
        let mut bids = core::mem::replace(&mut x.next_bids, spare);
        x.choose_all(&bids, &mut choosers);
        bids.clear();
        x.spare_bids = bids;
        if let Some(others) = x.bids.take(now) {
            x.choose_all(&others, &mut choosers);
            x.bids.give_back(now, others);
        }
        let mut winners = core::mem::take(&mut x.winners);
        for &chooser in &choosers {
            let lane = core::mem::replace(&mut x.ports[chooser as usize].chosen, NOBODY);
            let out_port = x.inputs[lane as usize].out >> x.shift;
            let port = &mut x.ports[out_port as usize];
            if port.claim == NOBODY {
                port.claim = lane;
                winners.push(out_port);
                continue;
            }
            let of_port = |lane: u32| lane >> x.shift;
            let mut lost = lane;
            if sooner(chooser, of_port(port.claim), port_of(port.taken_from, x.shift)) {
                lost = core::mem::replace(&mut port.claim, lane);
            }
            x.next_bids.push(lost);
        }
        choosers.clear();
        x.choosers = choosers;
        x.winners = winners;
    }
}

/// The port of a lane, or [`NOBODY`].
#[inline]
const fn port_of(lane: u32, shift: u32) -> u32 {
    if lane == NOBODY { NOBODY } else { lane >> shift }
}

impl Express {
    /// The output VC that the packet at the front of an input VC asks for, if one is free that it may
    /// take: one arbiter over all output VCs of the router.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    fn wish(&self, lane: u32) -> Option<u32> {
        let input = &self.inputs[lane as usize];
        let port = input.out >> self.shift;
        let able = input.vcs & self.ports[port as usize].free;
        if able == 0 {
            return None;
        }
        let last = input.pointer;
        let here = last >> self.shift == port;
        let passed = if here { (2_u64 << (last & self.low)).wrapping_sub(1) } else { 0 };
        let ahead = able & !passed;
        let vc = if ahead == 0 { able } else { ahead }.trailing_zeros();
        Some(port << self.shift | vc)
    }

    /// Gives output VCs to those who claim them.
    fn grant_all(&mut self, claimed: &[u32]) {
        let ready = when(self.now).wrapping_add(self.va);
        for &out in claimed {
            let output = &mut self.outputs[out as usize];
            let lane = core::mem::replace(&mut output.claim, NOBODY);
            output.owner = lane;
            self.ports[(out >> self.shift) as usize].free &= !(1 << (out & self.low));
            let input = &mut self.inputs[lane as usize];
            input.out = out;
            input.pointer = out;
            self.bid(lane, out, ready);
        }
    }

    /// Has an input VC bid for the switch, with the flit at its front, which could go from cycle
    /// `from` on but for a credit on `out`.
    #[expect(clippy::inline_always, reason = "a part of every hop")]
    #[inline(always)]
    pub(super) fn bid(&mut self, lane: u32, out: u32, from: u32) {
        let output = &mut self.outputs[out as usize];
        let sent = output.sent;
        if output.issued == sent {
            output.claim = STARVED;
            self.aside[lane as usize] = from;
            return;
        }
        let mut at = from;
        if after(output.newest, from) {
            let numbers = (1_u32 << self.credit_shift) - 1;
            let credit = out << self.credit_shift | u32::from(sent) & numbers;
            at = later(from, self.counts_at[credit as usize]);
        }
        self.bid_at(lane, at);
    }

    /// Has an input VC bid in cycle `at`, which is to come.
    #[inline]
    pub(super) fn bid_at(&mut self, lane: u32, at: u32) {
        if at == when(self.now).wrapping_add(1) {
            self.next_bids.push(lane);
        } else {
            self.bids.push(u64::from(at), lane);
        }
    }

    /// Every input port chooses among its VCs that could send: first among the output ports that they
    /// want, then among the VCs that want this one, both round-robin.
    #[inline]
    fn choose_all(&mut self, bids: &[u32], choosers: &mut Vec<u32>) {
        for &lane in bids {
            if self.any_slow && self.link_is_busy(lane) {
                continue;
            }
            let port = lane >> self.shift;
            let chosen = &mut self.ports[port as usize].chosen;
            if *chosen == NOBODY {
                *chosen = lane;
                choosers.push(port);
            } else {
                self.choose(port, lane);
            }
        }
    }

    /// Chooses between the VC chosen so far and another one.
    #[inline(never)]
    fn choose(&mut self, port: u32, lane: u32) {
        let place = &mut self.ports[port as usize];
        let held = place.chosen;
        let wanted = |lane: u32| self.inputs[lane as usize].out >> self.shift;
        let better = if wanted(lane) == wanted(held) {
            sooner(lane, held, place.sent)
        } else {
            sooner(wanted(lane), wanted(held), port_of(place.sent_to, self.shift))
        };
        let lost = if better { core::mem::replace(&mut place.chosen, lane) } else { lane };
        self.next_bids.push(lost);
    }

    /// Whether the link that an input VC wants is busy: then it bids when it no longer is.
    #[cold]
    fn link_is_busy(&mut self, lane: u32) -> bool {
        let port = &self.ports[(self.inputs[lane as usize].out >> self.shift) as usize];
        let open_at = port.open_at;
        let busy = port.slow && after(open_at, when(self.now));
        if busy {
            self.bid_at(lane, open_at);
        }
        busy
    }
}
