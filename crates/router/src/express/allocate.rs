//! Both allocations, over all routers at once: separable input-first, round-robin, as in the plain
//! step.

use base::RoutingFunction;

use super::Express;
use super::ahead::Ahead;
use super::engine::Engine;
use super::hot::Hot;
use super::layout::Layout;
use super::state::{LaneNo, NOBODY, after, when};
use super::table::{List, Places};

/// Whether `candidate` comes before `best` in a round-robin that goes on behind `last`. All are lanes, or
/// ports, of one router. [`NOBODY`], and the port that it would have, lie beyond all of them, as lanes have 15
/// bits: behind these the first comes first.
#[inline]
const fn sooner(candidate: LaneNo, best: LaneNo, last: LaneNo) -> bool {
    let from = last.wrapping_add(1);
    candidate.wrapping_sub(from) < best.wrapping_sub(from)
}

impl Engine {
    /// VC allocation: everyone on the list asks for one free VC, every VC that is asked for takes one of
    /// them. Those who lose ask again.
    pub(super) fn allocate_vcs<R: RoutingFunction, L: Layout>(&mut self, layout: L, routing: &R) {
        if let &[lane] = self.asks.all() {
            self.allocate_vc(layout, routing, lane);
            return;
        }
        let mut hot = self.x.hot(layout);
        self.asks.replace(|lane| hot.ask(lane));
        if !self.x.scratch.stuck.is_empty() {
            self.route_the_stuck(layout, routing);
        }
        let mut hot = self.x.hot(layout);
        for &out in self.asks.all() {
            hot.grant(out);
        }
        self.asks.clear();
    }

    /// VC allocation where only one input VC asks.
    #[inline(never)]
    fn allocate_vc<R: RoutingFunction, L: Layout>(&mut self, layout: L, routing: &R, lane: LaneNo) {
        let mut hot = self.x.hot(layout);
        if let Some(out) = hot.ask(lane) {
            hot.grant(out);
        }
        self.asks.clear();
        if !self.x.scratch.stuck.is_empty() {
            self.route_the_stuck(layout, routing);
        }
    }

    /// Packets that found no VC may find one at another port: of those that were free when the cycle began.
    #[inline(never)]
    fn route_the_stuck<R: RoutingFunction, L: Layout>(&mut self, layout: L, routing: &R) {
        while let Some(lane) = self.x.scratch.stuck.pop() {
            self.route(layout, routing, lane);
            self.x.ahead.next_asks.push(lane);
        }
    }
}

#[expect(clippy::inline_always, reason = "a part of every hop, which must not leave the loop")]
impl<L: Layout> Hot<'_, L> {
    /// An input VC asks for a free VC of the port that it wants. Gives the output VC if nobody asked for it
    /// before; of those who ask for the same, the one who comes first is kept there.
    #[inline(always)]
    fn ask(&mut self, lane: LaneNo) -> Option<LaneNo> {
        let layout = self.layout;
        let input = &self.cells[lane].input;
        let (at, last, vcs) = (input.want, input.out, input.vcs);
        let able = vcs & self.cells.port(at).free;
        if able == 0 {
            self.park(lane, at);
            return None;
        }
        let out = layout.lane(at, layout.behind(last, at, able));
        let output = &mut self.cells[out].output;
        let rival = output.asker;
        if rival == NOBODY {
            output.asker = lane;
            return Some(out);
        }
        let mut lost = lane;
        if sooner(lane, rival, output.owner) {
            output.asker = lane;
            lost = rival;
        }
        self.ahead.next_asks.push(lost);
        None
    }

    /// An input VC finds no free VC at a port: it waits there for one, or looks for another port.
    #[inline(always)]
    fn park(&mut self, lane: LaneNo, port: LaneNo) {
        if self.fixed.adaptive {
            self.scratch.stuck.push(lane);
        } else {
            let behind = core::mem::replace(&mut self.cells.port_mut(port).parked, lane);
            self.cells[lane].input.since = u32::from(behind);
        }
    }

    /// Gives an output VC to the input VC that asked for it.
    #[inline(always)]
    fn grant(&mut self, out: LaneNo) {
        let output = &mut self.cells[out].output;
        let lane = core::mem::replace(&mut output.asker, NOBODY);
        output.owner = lane;
        let bit = output.bit;
        let there = self.layout.port(out);
        let port = self.cells.port_mut(there);
        debug_assert!(port.free & bit != 0, "{out} is given twice");
        port.free ^= bit;
        self.cells[lane].input.out = out;
        let from = self.next;
        self.bid(lane, out, from);
    }
}

impl Express {
    /// Switch allocation: every input port picks one VC that could send, every output port claims one
    /// of them. Who is not taken bids again. `ports` has input ports that have chosen someone already, and
    /// then the output ports that claim someone; `bids` is empty then.
    pub(super) fn allocate_switch<L: Layout>(
        &mut self,
        layout: L,
        bids: &mut List,
        ports: &mut List,
    ) {
        if self.fixed.any_slow {
            bids.retain(|lane| !self.link_is_busy(lane));
        }
        let cells: &mut Places = &mut self.cells;
        // Nobody to choose between, as often under a light load.
        let alone = match (bids.all(), ports.all()) {
            (&[lane], []) => Some(lane),
            ([], &[at]) => Some(core::mem::replace(&mut cells.port_mut(at).chosen, NOBODY)),
            _ => None,
        };
        if let Some(lane) = alone {
            let to = cells[lane].input.want;
            cells.port_mut(to).claim = lane;
            bids.clear();
            ports.clear();
            ports.push(to);
            return;
        }
        let Ahead { next_bids, .. } = &mut self.ahead;
        for &lane in bids.all() {
            let at = layout.port(lane);
            let chosen = cells.port(at).chosen;
            if chosen == NOBODY {
                cells.port_mut(at).chosen = lane;
                ports.push(at);
            } else if better(cells, layout, at, lane) {
                cells.port_mut(at).chosen = lane;
                next_bids.push(chosen);
            } else {
                next_bids.push(lane);
            }
        }
        bids.clear();
        // In place of those that chose, the output ports that claim one of the chosen.
        ports.replace(|at| {
            let lane = core::mem::replace(&mut cells.port_mut(at).chosen, NOBODY);
            let to = cells[lane].input.want;
            let port = cells.port_mut(to);
            let claim = port.claim;
            if claim == NOBODY {
                port.claim = lane;
                return Some(to);
            }
            let (one, other, last) = (layout.port(lane), layout.port(claim), port.taken_from);
            if sooner(one, other, layout.port(last)) {
                port.claim = lane;
                next_bids.push(claim);
            } else {
                next_bids.push(lane);
            }
            None
        });
    }

    /// Whether the link that an input VC wants is busy: then it bids when it no longer is.
    #[cold]
    fn link_is_busy(&mut self, lane: LaneNo) -> bool {
        let now = when(self.now);
        let open_at = self.cells.port(self.cells[lane].input.want).open_at;
        let busy = after(open_at, now);
        if busy && open_at == now.wrapping_add(1) {
            self.ahead.next_bids.push(lane);
        } else if busy {
            self.ahead.bid(open_at, lane);
        }
        busy
    }
}

/// Whether an input port prefers an input VC to the one chosen so far: first among the output ports
/// that they want, then among the VCs that want this one, both round-robin.
#[inline]
fn better<L: Layout>(cells: &Places, layout: L, at: LaneNo, lane: LaneNo) -> bool {
    let port = cells.port(at);
    let wanted = |lane: LaneNo| cells[lane].input.want;
    let (one, other) = (wanted(lane), wanted(port.chosen));
    if one == other {
        sooner(lane, port.chosen, port.sent.lane())
    } else {
        sooner(one, other, layout.port(port.sent.out()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::express::LANES_MAX;

    /// The round-robin by its definition: how far behind `last` a candidate is, going around `all`.
    fn sooner_of(candidate: usize, best: usize, last: Option<usize>, all: usize) -> bool {
        let behind = |at: usize| (at + all - last.map_or(0, |last| last + 1)) % all;
        behind(candidate) < behind(best)
    }

    #[test]
    fn a_round_robin_goes_on_behind_the_last_one_for_any_lanes_and_ports() {
        for shift in 0..7 {
            let highest = (LANES_MAX >> shift) - 8;
            for first in [0, 8, highest] {
                let at = |n: usize| LaneNo::try_from(first + n).unwrap();
                for (candidate, best) in (0..64).map(|n| (n / 8, n % 8)).filter(|(a, b)| a != b) {
                    let (one, other) = (at(candidate), at(best));
                    let begin = sooner_of(candidate, best, None, 8);
                    assert_eq!(sooner(one, other, NOBODY >> shift), begin, "{shift} {first}");
                    for last in 0..8 {
                        let expected = sooner_of(candidate, best, Some(last), 8);
                        assert_eq!(sooner(one, other, at(last)), expected, "{shift} {first}");
                    }
                }
            }
        }
    }
}
