//! What comes to a router: credits, flits, and the cycles at which something runs out.

use base::{Flit, PortIdx, RouterIdx, RoutingFunction};

use crate::bank::RouterBank;
use crate::egress::Egress;
use crate::state::{Lane, NOBODY, Stage, Timer};
use crate::store::Slot;
use crate::view::Outputs;

impl<R: RoutingFunction> RouterBank<R> {
    /// Takes a flit into the store: its slot, to be delivered.
    #[inline]
    pub fn admit(&mut self, flit: &Flit, born: u32) -> Slot {
        self.store.insert(flit, born)
    }

    /// Gives output VC `to` a credit that counts from cycle `now` on, in which its router has not yet
    /// been stepped.
    ///
    /// # Panics
    /// If the credit was never spent.
    #[inline]
    pub fn credit(&mut self, to: Lane, now: u64) {
        let output = &mut self.outputs[to.at()];
        output.credits += 1;
        assert!(output.credits <= output.depth, "{to:?}: a credit too many");
        if !self.loads.is_empty() {
            self.loads[to.at()].set(output.depth - output.credits, now);
        }
        if output.credits == 1 && output.owner != NOBODY {
            let owner = output.owner;
            self.funded(owner, to);
        }
        if self.general.is_some() {
            self.credit_general(to);
        }
    }

    /// The packet of input VC `owner` has a credit again.
    #[inline]
    fn funded(&mut self, owner: Lane, to: Lane) {
        let word = &mut self.words[owner.word()];
        if word.starved & owner.bit() == 0 {
            return;
        }
        word.starved &= !owner.bit();
        if !self.ports[to.at() >> self.shift].busy {
            word.ready |= owner.bit();
            self.activate(owner);
        }
    }

    /// The router of `lane` has something to do in its next step.
    #[inline]
    pub(crate) fn activate(&mut self, lane: Lane) {
        let router = if self.small { lane.word() } else { self.router_of[lane.word()] as usize };
        self.active[router / 64] |= 1 << (router % 64);
    }

    /// Puts a flit into input VC `at`.
    ///
    /// Flits that are no heads go in before the router is stepped in their cycle. Heads go in after
    /// it, or before it where RC takes no cycle.
    ///
    /// # Panics
    /// If the buffer is full: the sender spent a credit it did not have.
    #[inline]
    pub fn deliver<E: Egress>(&mut self, at: Lane, slot: Slot, now: u64, egress: &mut E) {
        let input = &mut self.inputs[at.at()];
        assert!(input.len < input.depth, "{at:?} overflows its {} flits", input.depth);
        input.len += 1;
        if input.len > 1 {
            self.store.link(input.last, slot);
            input.last = slot;
            return;
        }
        input.first = slot;
        input.last = slot;
        match input.stage {
            #[expect(clippy::cast_possible_truncation, reason = "the low bits are compared")]
            Stage::Idle if input.left == now as u32 && self.pipeline.rc > 0 => {
                // The tail before it left in this very cycle: RC is in the next.
                input.stage = Stage::Routing;
                self.words[at.word()].turned |= at.bit();
                self.activate(at);
            }
            Stage::Idle => self.start(at, now, egress),
            Stage::Active => self.resume(at),
            Stage::Routing | Stage::Waiting | Stage::Granted => {}
        }
    }

    /// A flit came to the empty queue of a packet that holds an output VC.
    #[inline]
    fn resume(&mut self, at: Lane) {
        let out = self.inputs[at.at()].out;
        let word = &mut self.words[at.word()];
        if self.general.is_none() {
            if self.outputs[out.at()].credits == 0 {
                word.starved |= at.bit();
                return;
            }
            if self.ports[out.at() >> self.shift].busy {
                return;
            }
        }
        word.ready |= at.bit();
        self.activate(at);
    }

    /// RC of the packet at the front of an input VC.
    #[inline]
    pub(crate) fn start<E: Egress>(&mut self, at: Lane, now: u64, egress: &mut E) {
        let rc = self.pipeline.rc;
        let slot = self.inputs[at.at()].first;
        egress.at_front(at, slot, &self.store, now, now + u64::from(rc));
        self.store.count_hop(slot);
        self.route(at, slot, now);
        self.inputs[at.at()].stage = Stage::Waiting;
        if rc > 1 {
            self.arm(at, now + u64::from(rc), Timer::Routed(at));
        } else {
            self.words[at.word()].waiting |= at.bit();
        }
        self.activate(at);
    }

    /// Asks the routing function for the hop of the packet at the front of an input VC.
    #[inline]
    pub(crate) fn route(&mut self, at: Lane, slot: Slot, now: u64) {
        let i = if self.small { at.0 >> 6 } else { self.router_of[at.word()] };
        let i = RouterIdx(i);
        let (port, vc) = if self.small {
            ((at.at() & 63) >> self.shift, self.vc_of(at))
        } else {
            (self.port_of(i, at), self.vc_of(at))
        };
        let mut head = self.store.head(slot);
        let state = head.state;
        let view = Outputs { bank: &*self, at: i, now };
        #[expect(clippy::cast_possible_truncation, reason = "a router has at most 256 ports")]
        let hop = self.routing.route(i, PortIdx(port as u16), vc, &mut head, &view);
        assert!(hop.vcs != 0, "{i}: the routing function gave {hop:?} for {head:?}");
        if head.state != state {
            self.store.set_state(slot, head.state);
        }
        let out = if self.small {
            Lane(at.0 & !63 | (u32::from(hop.port.0) << self.shift))
        } else {
            self.lane(i, hop.port.at(), 0)
        };
        let input = &mut self.inputs[at.at()];
        input.out = out;
        input.allowed = hop.vcs;
    }

    /// Lets `timer` of the router of `lane` go off at cycle `when`, which is later than now.
    #[cold]
    pub(crate) fn arm(&mut self, lane: Lane, when: u64, timer: Timer) {
        let router = self.router_of[lane.word()] as usize;
        self.timers[router].push((when, timer));
        self.blocks[router].timed = true;
    }

    /// The first cycle at which something of router `i` runs out.
    #[cold]
    pub(crate) fn next_timer(&self, i: RouterIdx) -> u64 {
        self.timers[i.at()].iter().map(|(when, _)| *when).min().unwrap_or(u64::MAX)
    }

    /// What runs out at cycle `now`.
    #[cold]
    pub(crate) fn expire(&mut self, i: RouterIdx, now: u64) {
        let mut at = 0;
        while let Some(&(when, timer)) = self.timers[i.at()].get(at) {
            if when > now {
                at += 1;
                continue;
            }
            self.timers[i.at()].swap_remove(at);
            match timer {
                Timer::Routed(lane) => self.words[lane.word()].waiting |= lane.bit(),
                Timer::Granted(lane) => {
                    self.inputs[lane.at()].stage = Stage::Active;
                    self.resume(lane);
                }
                Timer::Link(port) => self.link_free(port as usize),
            }
        }
        self.blocks[i.at()].timed = !self.timers[i.at()].is_empty();
    }

    /// The link out of a port takes another flit: whoever waited for that is ready.
    fn link_free(&mut self, port: usize) {
        self.ports[port].busy = false;
        for lane in port << self.shift..(port + 1) << self.shift {
            let output = &self.outputs[lane];
            if output.owner == NOBODY || output.credits == 0 {
                continue;
            }
            let input = &self.inputs[output.owner.at()];
            if input.stage == Stage::Active && input.len > 0 {
                self.words[output.owner.word()].ready |= output.owner.bit();
            }
        }
    }

    /// The link out of a port is taken until `free`: nobody who wants it is ready before.
    #[cold]
    pub(crate) fn link_busy(&mut self, port: usize, free: u64) {
        self.ports[port].busy = true;
        for lane in port << self.shift..(port + 1) << self.shift {
            let owner = self.outputs[lane].owner;
            if owner != NOBODY {
                let word = &mut self.words[owner.word()];
                word.ready &= !owner.bit();
                word.fresh &= !owner.bit();
            }
        }
        let timer = Timer::Link(u32::try_from(port).unwrap_or(0));
        self.arm(Lane::new(port << self.shift), free - self.traversal, timer);
    }
}
