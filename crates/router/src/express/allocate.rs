//! Both allocations, over all routers at once: separable input-first, round-robin, as in the plain
//! step.

use base::RoutingFunction;

use super::state::{Input, NOBODY, Port, after, when};
use super::{Border, Express, Fixed, Train};

/// Whether `candidate` comes before `best` in a round-robin that goes on behind `last`, or from the
/// first on where `last` is [`NOBODY`]. All are lanes, or ports, of one router.
#[inline]
const fn sooner(candidate: u32, best: u32, last: u32) -> bool {
    let from = last.wrapping_add(1);
    candidate.wrapping_sub(from) < best.wrapping_sub(from)
}

/// The port of a lane, or [`NOBODY`].
#[inline]
const fn port_of(lane: u32, shift: u32) -> u32 {
    if lane == NOBODY { NOBODY } else { lane >> shift }
}

impl<R: RoutingFunction, B: Border> Train<'_, R, B> {
    /// VC allocation: everyone on the list asks for one VC that was free when the cycle began, every
    /// output VC takes one of them.
    pub(super) fn allocate_vcs(&mut self) {
        let now = self.x.now;
        let Some(asks) = self.x.asks.take(now) else { return };
        let mut claimed = core::mem::take(&mut self.x.scratch.claimed);
        self.x.claim_all(&asks, &mut claimed);
        self.x.asks.give_back(now, asks);
        if !self.x.scratch.stuck.is_empty() {
            self.wait_all();
        }
        let mut hot = self.x.hot(self.store);
        let ready = hot.next.wrapping_add(hot.fixed.va - 1);
        for &out in &claimed {
            let output = &mut hot.outputs[out as usize];
            let lane = core::mem::replace(&mut output.claim, NOBODY);
            output.owner = lane;
            let port = &mut hot.ports[(out >> hot.fixed.shift) as usize];
            port.free &= !(1 << (out & hot.fixed.low));
            let input = &mut hot.inputs[lane as usize];
            input.out = out;
            input.pointer = out;
            hot.bid(lane, out, ready);
        }
        hot.put_down();
        claimed.clear();
        self.x.scratch.claimed = claimed;
    }

    /// Packets that found no VC wait for one to be freed, unless another port may do.
    #[inline(never)]
    fn wait_all(&mut self) {
        let mut stuck = core::mem::take(&mut self.x.scratch.stuck);
        for &lane in &stuck {
            if self.x.fixed.adaptive {
                self.route(lane);
                self.x.asks.push(self.x.now + 1, lane);
            } else {
                let x = &mut *self.x;
                let port = x.inputs[lane as usize].out >> x.fixed.shift;
                let parked = &mut x.ports[port as usize].parked;
                x.aside[lane as usize] = core::mem::replace(parked, lane);
            }
        }
        stuck.clear();
        self.x.scratch.stuck = stuck;
    }
}

impl Express {
    /// Claims for everyone on the list the output VC that he asks for, if he is the first of those who
    /// do.
    fn claim_all(&mut self, asks: &[u32], claimed: &mut Vec<u32>) {
        let (fixed, next) = (self.fixed, self.now + 1);
        let (inputs, ports, outputs) = (&self.inputs[..], &self.ports[..], &mut self.outputs[..]);
        for &lane in asks {
            let Some(out) = wish(fixed, &inputs[lane as usize], ports) else {
                self.scratch.stuck.push(lane);
                continue;
            };
            let output = &mut outputs[out as usize];
            if output.claim == NOBODY {
                output.claim = lane;
                claimed.push(out);
                continue;
            }
            let mut lost = lane;
            if sooner(lane, output.claim, output.owner) {
                lost = core::mem::replace(&mut output.claim, lane);
            }
            self.asks.push(next, lost);
        }
    }

    /// Switch allocation: every input port picks one VC that could send, every output port one of
    /// them. Who is not picked bids again.
    pub(super) fn allocate_switch(&mut self) {
        let now = self.now;
        let spare = core::mem::take(&mut self.scratch.bids);
        let mut bids = core::mem::replace(&mut self.next_bids, spare);
        self.choose_all(&bids);
        bids.clear();
        self.scratch.bids = bids;
        if let Some(others) = self.bids.take(now) {
            self.choose_all(&others);
            self.bids.give_back(now, others);
        }
        let shift = self.fixed.shift;
        let mut winners = core::mem::take(&mut self.scratch.winners);
        let (inputs, ports) = (&self.inputs[..], &mut self.ports[..]);
        for &chooser in &self.scratch.choosers {
            let lane = core::mem::replace(&mut ports[chooser as usize].chosen, NOBODY);
            let out_port = inputs[lane as usize].out >> shift;
            let port = &mut ports[out_port as usize];
            if port.claim == NOBODY {
                port.claim = lane;
                winners.push(out_port);
                continue;
            }
            let mut lost = lane;
            if sooner(chooser, port.claim >> shift, port_of(port.taken_from, shift)) {
                lost = core::mem::replace(&mut port.claim, lane);
            }
            self.next_bids.push(lost);
        }
        self.scratch.choosers.clear();
        self.scratch.winners = winners;
    }

    /// Every input port chooses among its VCs that could send: first among the output ports that they
    /// want, then among the VCs that want this one, both round-robin.
    fn choose_all(&mut self, bids: &[u32]) {
        let (any_slow, shift) = (self.fixed.any_slow, self.fixed.shift);
        let mut choosers = core::mem::take(&mut self.scratch.choosers);
        for &lane in bids {
            if any_slow && self.link_is_busy(lane) {
                continue;
            }
            let (inputs, ports) = (&self.inputs[..], &mut self.ports[..]);
            let port = &mut ports[(lane >> shift) as usize];
            if port.chosen == NOBODY {
                port.chosen = lane;
                choosers.push(lane >> shift);
            } else {
                let wanted = |lane: u32| inputs[lane as usize].out >> shift;
                self.next_bids.push(choose(port, lane, wanted, shift));
            }
        }
        self.scratch.choosers = choosers;
    }

    /// Whether the link that an input VC wants is busy: then it bids when it no longer is.
    #[cold]
    fn link_is_busy(&mut self, lane: u32) -> bool {
        let now = when(self.now);
        let port = &self.ports[(self.inputs[lane as usize].out >> self.fixed.shift) as usize];
        let open_at = port.open_at;
        let busy = port.slow && after(open_at, now);
        if busy && open_at == now.wrapping_add(1) {
            self.next_bids.push(lane);
        } else if busy {
            self.bids.push(u64::from(open_at), lane);
        }
        busy
    }
}

/// The output VC that the packet at the front of an input VC asks for, if one is free that it may
/// take: one arbiter over all output VCs of the router.
#[expect(clippy::inline_always, reason = "a part of every hop")]
#[inline(always)]
fn wish(fixed: Fixed, input: &Input, ports: &[Port]) -> Option<u32> {
    let port = input.out >> fixed.shift;
    let able = input.vcs & ports[port as usize].free;
    if able == 0 {
        return None;
    }
    let last = input.pointer;
    let here = last >> fixed.shift == port;
    let passed = if here { (2_u64 << (last & fixed.low)).wrapping_sub(1) } else { 0 };
    let ahead = able & !passed;
    let vc = if ahead == 0 { able } else { ahead }.trailing_zeros();
    Some(port << fixed.shift | vc)
}

/// An input port chooses between the VC chosen so far and another one. Gives the one that it does not
/// choose.
#[inline]
fn choose(port: &mut Port, lane: u32, wanted: impl Fn(u32) -> u32, shift: u32) -> u32 {
    let (one, other) = (wanted(lane), wanted(port.chosen));
    let better = if one == other {
        sooner(lane, port.chosen, port.sent)
    } else {
        sooner(one, other, port_of(port.sent_to, shift))
    };
    if better { core::mem::replace(&mut port.chosen, lane) } else { lane }
}
