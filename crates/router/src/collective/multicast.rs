//! Replication: allocations of branches, and copies through the crossbar.
//!
//! To the allocators, an output port's branches are one more input each: a row of their own behind
//! the lanes, and behind the crossbar's inputs. Of several branches to one port the one whose turn it
//! is asks, and the allocators do not grant an output to it and to a unicast.

use base::RoutingFunction;

use super::{Bid, Collective, Phase, Way};
use crate::bank::Common;
use crate::egress::{Departure, Egress};
use crate::flow::short;
use crate::general::General;
use crate::state::{Block, NOBODY};
use crate::store::Slot;

impl Collective {
    /// VC allocation's requests: at each output port, one branch for the free VCs that it may take.
    pub(crate) fn ask_for_vcs<R: RoutingFunction, const L: usize, const W: usize>(
        &mut self,
        general: &mut General,
        c: &Common<R>,
        block: &Block<L, W>,
        (i, now): (usize, u64),
    ) {
        self.vc_bids.fill(None);
        let part = &self.parts[i];
        let lanes = part.fronts.len();
        for (at, front) in part.fronts.iter().enumerate() {
            let copies = front.phase == Phase::Copy;
            for (n, way) in front.branches.iter().enumerate().filter(|_| copies) {
                if way.out != NOBODY {
                    continue;
                }
                if self.outs(general, c, block, (i, way, front.length)).next().is_none() {
                    continue;
                }
                let port = way.branch.hop.port.at();
                let turn = usize::from(part.vc_turn[port]);
                let ahead = |at: u16| (usize::from(at) + lanes - turn) % lanes;
                let bid = Bid { at: short(at), branch: short(n) };
                if self.vc_bids[port].is_none_or(|held| ahead(bid.at) < ahead(held.at)) {
                    self.vc_bids[port] = Some(bid);
                }
            }
        }
        for (port, bid) in self.vc_bids.iter().enumerate() {
            let Some(bid) = bid else { continue };
            let front = &part.fronts[usize::from(bid.at)];
            let way = &front.branches[usize::from(bid.branch)];
            let key = general.key(c, &block.inputs[usize::from(bid.at)], now);
            let outs: Vec<usize> = self.outs(general, c, block, (i, way, front.length)).collect();
            for out in outs {
                general.vc_requests.add(lanes + port, out, key, 0);
            }
        }
    }

    /// The free output VCs that a branch of a packet of `length` may take.
    fn outs<R, const L: usize, const W: usize>(
        &self,
        general: &General,
        c: &Common<R>,
        block: &Block<L, W>,
        (i, way, length): (usize, &Way, u32),
    ) -> impl Iterator<Item = usize> {
        let port = way.branch.hop.port.at();
        let first = port << c.shift;
        let free = way.branch.hop.vcs & block.sets[first / 64].free >> (first % 64);
        (0..64)
            .filter(move |vc| free >> vc & 1 == 1 && (vc & c.vc_mask as usize) == *vc)
            .filter_map(move |vc| {
                let room = general.room(c.shift, block, i, first | vc);
                (!self.groups.whole_packets || room >= length).then_some(first | vc)
            })
    }

    /// Gives output VC `out` to the branch that asked for one at its port.
    pub(crate) fn grant<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        c: &Common<R>,
        block: &mut Block<L, W>,
        (i, out): (usize, usize),
        now: u64,
        egress: &mut E,
    ) {
        let port = out >> c.shift;
        let Some(Bid { at, branch }) = self.vc_bids[port].take() else { return };
        let part = &mut self.parts[i];
        part.vc_turn[port] = at + 1;
        let lane = usize::from(at);
        let way = &mut part.fronts[lane].branches[usize::from(branch)];
        let va = u64::from(c.pipeline.va);
        way.out = short(out);
        // Whoever is granted asks for the switch in the next pass, and that is the next cycle's
        // unless there are several passes a cycle.
        way.ready = if va > 1 { now + va } else { now };
        block.outputs[out].owner = at;
        block.outputs[out].held = true;
        block.sets[out / 64].free &= !(1 << (out % 64));
        block.inputs[lane].out = short(out);
        let (from, to) = (Block::<L, W>::lane(i, lane), Block::<L, W>::lane(i, out));
        egress.vc_granted(from, to, block.inputs[lane].first, &c.store, now + va);
    }

    /// Switch allocation's requests: each input port reads a flit of at most one multicast, and all
    /// branches that are at this flit ask for their outputs.
    pub(crate) fn ask_for_switch<R: RoutingFunction, const L: usize, const W: usize>(
        &mut self,
        general: &mut General,
        c: &Common<R>,
        block: &Block<L, W>,
        (i, now): (usize, u64),
    ) {
        self.switch_bids.fill(None);
        let vcs = usize::from(c.pipeline.vcs);
        let ports = usize::from(block.ports);
        for port in 0..ports {
            let first = port << c.shift;
            let input = self.parts[i].inputs[port];
            let turn = usize::from(input.read_turn);
            let able = (0..vcs).find_map(|n| {
                let at = first | ((turn + n) % vcs);
                self.readable(general, c, block, (i, at), now).map(|flit| (at, flit))
            });
            let unicast = block.sets[first / 64].ready >> (first % 64) & c.lanes != 0;
            let reads = able.is_some() && !(unicast && input.yields);
            let input = &mut self.parts[i].inputs[port];
            input.reads = reads;
            if able.is_some() && unicast {
                input.yields = reads;
            }
            if let Some((at, flit)) = able.filter(|_| reads) {
                self.bid(general, c, block, (i, at, flit), now);
            }
        }
        for (port, bid) in self.switch_bids.iter().enumerate() {
            let Some(bid) = bid else { continue };
            let key = general.key(c, &block.inputs[usize::from(bid.at)], now).firm();
            let speedup = general.rules.output_speedup;
            let output = port * speedup + (usize::from(bid.at) >> c.shift) % speedup;
            let row = ports * general.rules.input_speedup + port;
            general.switch_requests.add(row, output, key, 0);
        }
    }

    /// The flit of the multicast at the front of input VC `at` that some branch could send, the
    /// first if there are several.
    fn readable<R, const L: usize, const W: usize>(
        &self,
        general: &mut General,
        c: &Common<R>,
        block: &Block<L, W>,
        (i, at): (usize, usize),
        now: u64,
    ) -> Option<u32> {
        let front = &self.parts[i].fronts[at];
        if front.phase != Phase::Copy {
            return None;
        }
        let arrived = front.arrived(block.inputs[at].len);
        let ways = front.branches.iter().filter(|way| way.sent < arrived);
        ways.filter(|way| able(general, c, block, (i, way), now)).map(|way| way.sent).min()
    }

    /// Has every branch that is at flit `flit` ask for its output.
    fn bid<R, const L: usize, const W: usize>(
        &mut self,
        general: &mut General,
        c: &Common<R>,
        block: &Block<L, W>,
        (i, at, flit): (usize, usize, u32),
        now: u64,
    ) {
        let part = &self.parts[i];
        let ports = usize::from(block.ports);
        for (n, way) in part.fronts[at].branches.iter().enumerate() {
            if way.sent != flit || !able(general, c, block, (i, way), now) {
                continue;
            }
            let port = way.branch.hop.port.at();
            let turn = usize::from(part.switch_turn[port]);
            let ahead = |at: u16| ((usize::from(at) >> c.shift) + ports - turn) % ports;
            let bid = Bid { at: short(at), branch: short(n) };
            if self.switch_bids[port].is_none_or(|held| ahead(bid.at) < ahead(held.at)) {
                self.switch_bids[port] = Some(bid);
            }
        }
    }

    /// Sends a flit of the branch that asked for output `port`.
    pub(crate) fn use_switch<R: RoutingFunction, E: Egress, const L: usize, const W: usize>(
        &mut self,
        general: &mut General,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        (i, port, now): (usize, usize, u64),
        egress: &mut E,
    ) {
        let Some(Bid { at, branch }) = self.switch_bids[port].take() else { return };
        let (at, branch) = (usize::from(at), usize::from(branch));
        let part = &mut self.parts[i];
        let ports = usize::from(block.ports);
        if !able(general, c, block, (i, &part.fronts[at].branches[branch]), now) {
            return;
        }
        part.switch_turn[port] = short(((at >> c.shift) + 1) % ports);
        part.inputs[at >> c.shift].read_turn = short((at & c.vc_mask as usize) + 1);
        let (slot, copied) = self.take_flit(c, block, (i, at, branch));
        let way = &mut self.parts[i].fronts[at].branches[branch];
        way.sent += 1;
        let out = usize::from(way.out);
        let (head, tail) = (c.store.is_head(slot), c.store.is_tail(slot));
        c.spend(block, (i, out), tail, now);
        let from = Block::<L, W>::lane(i, at);
        let depart = general.depart(i, port, through(c, now));
        let to = Block::<L, W>::lane(i, out);
        let d = Departure { from, to, slot, head, tail, now, depart };
        general.launch(c, block, (i, port), &d, egress);
        if copied {
            self.copied += 1;
            return;
        }
        egress.credit(from, now + 1);
        let front = &self.parts[i].fronts[at];
        if front.gone == front.length {
            self.leave(block, (i, at), now);
        }
    }

    /// The flit that a branch sends next: the flit itself if all other branches have had it, else a
    /// copy.
    fn take_flit<R, const L: usize, const W: usize>(
        &mut self,
        c: &mut Common<R>,
        block: &mut Block<L, W>,
        (i, at, branch): (usize, usize, usize),
    ) -> (Slot, bool) {
        let front = &mut self.parts[i].fronts[at];
        let Way { branch: way, sent, .. } = front.branches[branch];
        let others = front.branches.iter().enumerate().filter(|(n, _)| *n != branch);
        let last = others.map(|(_, other)| other.sent).min().is_none_or(|other| other > sent);
        let input = &mut block.inputs[at];
        let mut slot = input.first;
        for _ in front.gone..sent {
            slot = c.store.next(slot).0;
        }
        if last {
            input.first = c.store.next(slot).0;
            input.len -= 1;
            front.gone += 1;
        } else {
            slot = c.store.copy(slot);
        }
        c.store.readdress(slot, way.state, way.node);
        (slot, !last)
    }
}

/// The cycle in which a flit that gets the switch in this one is through it: of several cycles of
/// allocation a copy waits for all but the first behind the switch.
fn through<R>(c: &Common<R>, now: u64) -> u64 {
    now + u64::from(c.pipeline.sa) + u64::from(c.pipeline.st)
}

/// Whether a branch that has a flit could send it.
fn able<R, const L: usize, const W: usize>(
    general: &mut General,
    c: &Common<R>,
    block: &Block<L, W>,
    (i, way): (usize, &Way),
    now: u64,
) -> bool {
    let out = usize::from(way.out);
    let port = way.branch.hop.port.at();
    way.out != NOBODY
        && now >= way.ready
        && general.room(c.shift, block, i, out) > 0
        && general.port_open(block, i, (port, c.shift), through(c, now))
}

impl<R> Common<R> {
    /// A flit takes output VC `out`, by which it is done with it if it is a tail.
    fn spend<const L: usize, const W: usize>(
        &mut self,
        block: &mut Block<L, W>,
        (i, out): (usize, usize),
        tail: bool,
        now: u64,
    ) {
        block.forwarded += 1;
        let output = &mut block.outputs[out];
        output.credits -= 1;
        if output.credits == 0 {
            block.sets[out / 64].shut |= 1 << (out % 64);
        }
        if !self.loads.is_empty() {
            let used = output.depth - output.credits;
            self.loads[Block::<L, W>::lane(i, out).0 as usize].set(used, now);
        }
        if tail {
            output.held = false;
            if !self.keeps_vcs {
                block.sets[out / 64].free |= 1 << (out % 64);
            }
        }
    }
}
