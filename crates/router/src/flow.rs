//! What comes to a router: credits, flits, and the cycles at which something runs out.

use base::{Flit, PortIdx, RouterIdx, RoutingFunction};

use crate::bank::RouterBank;
use crate::egress::Egress;
use crate::state::{Lane, NOBODY, Stage, Timer};
use crate::store::Slot;
use crate::view::Outputs;

impl<R: RoutingFunction> RouterBank<R> {
    /// Gives router `i` a credit for output VC `to`. Tells whether the router must be stepped now.
    ///
    /// # Panics
    /// If the credit was never spent.
    #[inline]
    pub fn credit(&mut self, i: RouterIdx, to: Lane, now: u64) -> bool {
        let block = &self.blocks[i.at()];
        let first = block.lane as usize;
        let output = &mut self.outputs[first + to.at()];
        output.credits += 1;
        assert!(output.credits <= output.depth, "{i} {to:?}: a credit too many");
        if !self.loads.is_empty() {
            self.loads[first + to.at()].set(output.depth - output.credits, now);
        }
        if self.general.is_some() {
            return self.credit_general(i, to);
        }
        let owner = output.owner;
        if output.credits > 1 || owner == NOBODY {
            return false;
        }
        let word = &mut self.words[block.word as usize + usize::from(owner) / 64];
        let bit = 1 << (owner % 64);
        if word.starved & bit == 0 {
            return false;
        }
        word.starved &= !bit;
        let busy = self.ports[block.port as usize + (to.at() >> self.shift)].busy;
        if !busy {
            word.ready |= bit;
        }
        !busy
    }

    /// Puts a flit into input VC `at` of router `i`. Tells whether the router must be stepped: in the
    /// next cycle, or in this one where RC takes none or the flit is no head.
    ///
    /// Flits that are no heads go in before the router is stepped in their cycle. Heads go in after
    /// it, or before it where RC takes no cycle.
    ///
    /// # Panics
    /// If the buffer is full: the sender spent a credit it did not have.
    #[inline]
    pub fn deliver<E: Egress>(
        &mut self,
        i: RouterIdx,
        at: Lane,
        slot: Slot,
        now: u64,
        egress: &mut E,
    ) -> bool {
        let first = self.blocks[i.at()].lane as usize;
        let input = &mut self.inputs[first + at.at()];
        assert!(input.len < input.depth, "{i} {at:?} overflows its {} flits", input.depth);
        input.len += 1;
        if input.len > 1 {
            self.store.link(input.last, slot);
            input.last = slot;
            return false;
        }
        input.first = slot;
        input.last = slot;
        match input.stage {
            Stage::Idle if self.pipeline.rc > 0 && u64::from(input.left) == now & 0xffff_ffff => {
                // The tail before it left in this very cycle: RC is in the next.
                input.stage = Stage::Routing;
                let word = &mut self.words[self.blocks[i.at()].word as usize + at.at() / 64];
                word.turned |= 1 << (at.0 % 64);
                true
            }
            Stage::Idle => self.start(i, at, now, egress),
            Stage::Active => self.resume(i, at),
            Stage::Routing | Stage::Waiting | Stage::Granted => false,
        }
    }

    /// A flit came to the empty queue of a packet that holds an output VC.
    #[inline]
    fn resume(&mut self, i: RouterIdx, at: Lane) -> bool {
        let block = &self.blocks[i.at()];
        let out = self.inputs[block.lane as usize + at.at()].out;
        let word = &mut self.words[block.word as usize + at.at() / 64];
        let bit = 1 << (at.0 % 64);
        if self.general.is_some() {
            word.ready |= bit;
            return true;
        }
        if self.outputs[block.lane as usize + out.at()].credits == 0 {
            word.starved |= bit;
            return false;
        }
        if self.ports[block.port as usize + (out.at() >> self.shift)].busy {
            return false;
        }
        word.ready |= bit;
        true
    }

    /// RC of the packet at the front of an input VC. Tells whether the router must be stepped.
    #[inline]
    pub(crate) fn start<E: Egress>(
        &mut self,
        i: RouterIdx,
        at: Lane,
        now: u64,
        egress: &mut E,
    ) -> bool {
        let rc = self.pipeline.rc;
        let routed = now + u64::from(rc);
        let slot = self.inputs[self.blocks[i.at()].lane as usize + at.at()].first;
        egress.at_front(i, at, slot, &self.store, now, routed);
        self.route(i, at, slot, now);
        self.store.count_hop(slot);
        let block = &self.blocks[i.at()];
        let input = &mut self.inputs[block.lane as usize + at.at()];
        input.stage = Stage::Waiting;
        if rc > 1 {
            self.arm(i, routed, Timer::Routed(at));
            return true;
        }
        self.words[block.word as usize + at.at() / 64].waiting |= 1 << (at.0 % 64);
        true
    }

    /// Asks the routing function for the hop of the packet at the front of an input VC.
    #[inline]
    pub(crate) fn route(&mut self, i: RouterIdx, at: Lane, slot: Slot, now: u64) {
        let block = &self.blocks[i.at()];
        let (port, vc) = self.port_vc(at);
        let mut head = self.store.head(slot);
        let view = Outputs {
            outputs: &self.outputs,
            ports: &self.ports,
            blocks: &self.blocks,
            loads: &self.loads,
            block,
            shift: self.shift,
            now,
        };
        let hop = self.routing.route(i, PortIdx::new(port), vc, &mut head, &view);
        assert!(
            hop.port.0 < block.ports && hop.vcs != 0 && self.store.is_head(slot),
            "{i}: the routing function gave {hop:?} for {head:?}"
        );
        self.store.set_state(slot, head.state);
        let input = &mut self.inputs[block.lane as usize + at.at()];
        input.out = Lane::new(hop.port.at() << self.shift);
        input.allowed = hop.vcs;
    }

    /// Lets `timer` go off at cycle `when`, which is later than now.
    #[cold]
    pub(crate) fn arm(&mut self, i: RouterIdx, when: u64, timer: Timer) {
        self.timers[i.at()].push((when, timer));
        self.blocks[i.at()].timed = true;
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
            let block = &self.blocks[i.at()];
            let (first, word0) = (block.lane as usize, block.word as usize);
            match timer {
                Timer::Routed(lane) => {
                    self.words[word0 + lane.at() / 64].waiting |= 1 << (lane.0 % 64);
                }
                Timer::Granted(lane) => {
                    self.inputs[first + lane.at()].stage = Stage::Active;
                    self.resume(i, lane);
                }
                Timer::Link(port) => self.link_free(i, usize::from(port)),
            }
        }
        self.blocks[i.at()].timed = !self.timers[i.at()].is_empty();
    }

    /// The link out of a port takes another flit: whoever waited for that is ready.
    fn link_free(&mut self, i: RouterIdx, port: usize) {
        let block = &self.blocks[i.at()];
        let first = block.lane as usize;
        self.ports[block.port as usize + port].busy = false;
        for lane in port << self.shift..(port + 1) << self.shift {
            let output = &self.outputs[first + lane];
            if output.owner == NOBODY || output.credits == 0 {
                continue;
            }
            let input = &self.inputs[first + usize::from(output.owner)];
            if input.stage == Stage::Active && input.len > 0 {
                let word = &mut self.words[block.word as usize + usize::from(output.owner) / 64];
                word.ready |= 1 << (output.owner % 64);
            }
        }
    }

    /// The link out of a port is taken until `free`: nobody who wants it is ready before.
    #[cold]
    pub(crate) fn link_busy(&mut self, i: RouterIdx, port: usize, free: u64) {
        let block = &self.blocks[i.at()];
        let first = block.lane as usize;
        self.ports[block.port as usize + port].busy = true;
        for lane in port << self.shift..(port + 1) << self.shift {
            let owner = self.outputs[first + lane].owner;
            if owner != NOBODY {
                let word = &mut self.words[block.word as usize + usize::from(owner) / 64];
                word.ready &= !(1 << (owner % 64));
                word.fresh &= !(1 << (owner % 64));
            }
        }
        self.arm(i, free - self.traversal, Timer::Link(u16::try_from(port).unwrap_or(0)));
    }

    /// Takes a flit into the store: its slot, to be delivered.
    #[inline]
    pub fn admit(&mut self, flit: &Flit, born: u32) -> Slot {
        self.store.insert(flit, born)
    }
}
