//! Both allocations, over all routers at once: separable input-first, round-robin, as in the plain
//! step.

use base::RoutingFunction;

use super::state::{Both, GONE, NOBODY, Port, after, when};
use super::table::{List, Open};
use super::{Express, Fixed, Train};

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

impl<R: RoutingFunction, const L: usize, const P: usize> Train<'_, R, L, P> {
    /// VC allocation: everyone on the list asks for one VC that was free when the cycle began, every
    /// output VC takes one of them. Those who lose ask again.
    pub(super) fn allocate_vcs(&mut self) {
        if self.asks.is_empty() {
            return;
        }
        self.x.claim_vcs(self.asks.all_mut());
        if !self.x.scratch.stuck.is_empty() {
            self.wait_all();
        }
        let mut hot = self.x.hot();
        let ready = hot.next;
        for &lane in self.asks.all() {
            let out = hot.lanes[lane].input.out;
            let output = &mut hot.lanes[out].output;
            if output.claim != lane {
                if lane != GONE {
                    hot.next_asks.push(lane);
                }
                continue;
            }
            output.claim = NOBODY;
            output.owner = lane;
            hot.lanes[lane].input.pointer = out;
            let port = &mut hot.ports[out >> hot.fixed.shift];
            port.free &= !(1 << (out & hot.fixed.low));
            hot.bid(lane, out, ready);
        }
        let lengths = hot.put_down();
        self.x.note(&lengths);
        self.asks.clear();
    }

    /// Packets that found no VC wait for one to be freed, unless another port may do.
    #[inline(never)]
    fn wait_all(&mut self) {
        let mut stuck = core::mem::take(&mut self.x.scratch.stuck);
        for &lane in &stuck {
            if self.x.fixed.adaptive {
                self.route(lane);
                self.x.next_asks.push(lane);
            } else {
                let x = &mut *self.x;
                let port = x.lanes[lane].input.out >> x.fixed.shift;
                let parked = &mut x.ports[port].parked;
                x.lanes[lane].input.aside = core::mem::replace(parked, lane);
            }
        }
        stuck.clear();
        self.x.scratch.stuck = stuck;
    }
}

impl<const L: usize, const P: usize> Express<L, P> {
    /// Claims for everyone on the list the output VC that he asks for, if he is the first of those who
    /// do. Who finds none leaves a gap in the list.
    fn claim_vcs(&mut self, asks: &mut [u32]) {
        let Fixed { shift, low, .. } = self.fixed;
        let (mut lanes, ports) = (self.lanes.open(), self.ports.open());
        for place in asks {
            let lane = *place;
            let input = &mut lanes[lane].input;
            let port = input.out >> shift;
            let able = input.vcs & ports[port].free;
            if able == 0 {
                self.scratch.stuck.push(lane);
                *place = GONE;
                continue;
            }
            // One arbiter over all output VCs of the router.
            let last = input.pointer;
            let here = last >> shift == port;
            let passed = if here { (2_u64 << (last & low)).wrapping_sub(1) } else { 0 };
            let ahead = able & !passed;
            let vc = if ahead == 0 { able } else { ahead }.trailing_zeros();
            let out = port << shift | vc;
            input.out = out;
            let output = &mut lanes[out].output;
            if output.claim == NOBODY || sooner(lane, output.claim, output.owner) {
                output.claim = lane;
            }
        }
    }

    /// Switch allocation: every input port picks one VC that could send, every output port claims one
    /// of them.
    pub(super) fn allocate_switch(&mut self, bids: &mut List<L>) {
        if self.fixed.any_slow {
            bids.retain(|lane| !self.link_is_busy(lane));
        }
        let shift = self.fixed.shift;
        let (lanes, mut ports) = (self.lanes.open(), self.ports.open());
        for &lane in bids.all() {
            let port = &mut ports[lane >> shift];
            if port.chosen == NOBODY || better(port, lane, &lanes, shift) {
                port.chosen = lane;
            }
        }
        for &lane in bids.all() {
            let chosen = &mut ports[lane >> shift].chosen;
            if *chosen != lane {
                continue;
            }
            *chosen = NOBODY;
            let port = &mut ports[lanes[lane].input.out >> shift];
            let first = |last| sooner(lane >> shift, port.claim >> shift, port_of(last, shift));
            if port.claim == NOBODY || first(port.taken_from) {
                port.claim = lane;
            }
        }
    }

    /// Whether the link that an input VC wants is busy: then it bids when it no longer is.
    #[cold]
    fn link_is_busy(&mut self, lane: u32) -> bool {
        let now = when(self.now);
        let port = &self.ports[self.lanes[lane].input.out >> self.fixed.shift];
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

/// Whether an input port prefers an input VC to the one chosen so far: first among the output ports
/// that they want, then among the VCs that want this one, both round-robin.
#[inline]
fn better<const L: usize>(port: &Port, lane: u32, lanes: &Open<'_, Both, L>, shift: u32) -> bool {
    let wanted = |lane: u32| lanes[lane].input.out >> shift;
    let (one, other) = (wanted(lane), wanted(port.chosen));
    if one == other {
        sooner(lane, port.chosen, port.sent)
    } else {
        sooner(one, other, port_of(port.sent_to, shift))
    }
}
