//! What may be read off the routers between cycles, and what routing functions see of them.

use base::route::View;
use base::{Class, Head, NodeIdx, PacketIdx, PortIdx, RouterIdx, VcIdx};

use super::Express;
use super::ahead::Kind;
use super::layout::Layout;
use super::state::{LaneNo, Output, PackedFlit, Port, STARVED, after, lane_no, when};
use crate::bank::RouterParams;
use crate::state::Blocked;
use crate::view::bits;

/// One router's outputs as a routing function sees them.
pub(super) struct Looking<'a> {
    pub(super) x: &'a Express,
    pub(super) router: RouterIdx,
}

impl Looking<'_> {
    fn lane(&self, port: PortIdx, vc: usize) -> LaneNo {
        let port = self.router.0 << self.x.fixed.log | u32::from(port.0) << self.x.fixed.shift;
        // A port has at most 64 VCs.
        lane_no(port | u32::try_from(vc).unwrap_or(0))
    }

    /// As [`used`](View::used), of credits that flights spent until the present cycle.
    fn aloft(&self, port: PortIdx, vcs: u64) -> u32 {
        let Express { cells, fixed, now, .. } = self.x;
        let spent = self.x.credits_aloft(self.lane(port, 0) >> fixed.shift, when(*now));
        let of_vcs = spent.filter(|(out, _)| cells[*out].output.bit & vcs != 0);
        u32::try_from(of_vcs.count()).unwrap_or(u32::MAX)
    }
}

impl View for Looking<'_> {
    fn used(&self, port: PortIdx, vcs: u64) -> u32 {
        let used: u32 = bits(vcs).map(|vc| self.x.used(self.lane(port, vc))).sum();
        if self.x.flights.on { used + self.aloft(port, vcs) } else { used }
    }

    fn free(&self, port: PortIdx, vcs: u64) -> u64 {
        let there = self.x.cells.port(self.lane(port, 0) >> self.x.fixed.shift);
        let free = there.free & vcs;
        let funded = |vc: &usize| self.x.at_hand(self.lane(port, *vc)) > 0;
        bits(free).filter(funded).fold(0, |set, vc| set | 1 << vc)
    }

    fn used_at(&self, _: RouterIdx, _: PortIdx, _: u64) -> u32 {
        0
    }
}

impl Express {
    /// Notes a packet that is going to enter.
    #[inline]
    pub(super) fn take_up(&mut self, packet: PacketIdx, head: Head) {
        match self.heads.get_mut(packet.at()) {
            Some(place) => *place = head,
            None => self.add_head(packet, head),
        }
    }

    #[cold]
    fn add_head(&mut self, packet: PacketIdx, head: Head) {
        assert!(packet.at() < PackedFlit::PACKETS_MAX, "{packet}: too many packets at once");
        let none = Head { src: NodeIdx(0), dst: NodeIdx(0), flow: 0, class: Class::Req, state: 0 };
        self.heads.resize(packet.at() + 1, none);
        self.heads[packet.at()] = head;
    }

    /// Flits that left router `i` so far.
    pub(super) fn forwarded(&self, i: RouterIdx) -> u64 {
        let here = |out: &LaneNo| usize::from(*out) >> self.fixed.log == i.at();
        let to_come = self.flights.to_come(when(self.now)).filter(here).count();
        self.of_router(i).map(|p| p.forwarded).sum::<u64>() - to_come as u64
    }

    /// Flits that left all routers so far.
    pub(super) fn forwarded_by_all(&self) -> u64 {
        let to_come = self.flights.to_come(when(self.now)).count();
        self.cells.ports().iter().map(|p| p.forwarded).sum::<u64>() - to_come as u64
    }

    fn of_router(&self, i: RouterIdx) -> impl Iterator<Item = &Port> {
        let log = self.fixed.log_ports();
        self.cells.ports()[i.at() << log..][..1 << log].iter()
    }

    /// Ports of router `i` that have a link.
    pub(super) fn ports(&self, i: RouterIdx) -> usize {
        self.of_router(i).filter(|p| p.latency > 0).count()
    }

    /// What router `i` is built from.
    pub(super) fn params(&self, i: RouterIdx) -> RouterParams {
        let lane = |port: usize| i.at() << self.fixed.log | port << self.fixed.shift;
        let ports = 0..self.ports(i);
        RouterParams {
            input_depth: ports.clone().map(|p| u32::from(self.input_depths[lane(p)])).collect(),
            output_depth: ports
                .map(|p| u32::from(self.cells.cells()[lane(p)].output.depth))
                .collect(),
            divisions: Vec::new(),
        }
    }

    /// Credits of output VC `out` that count in the present cycle, [some](super::hot::Hot::give_back) before they are there.
    pub(super) fn credits(&self, out: LaneNo) -> u32 {
        let aloft = if self.fixed.looks {
            let there = self.cells[out].output.port;
            let spent = self.credits_aloft(there, when(self.now).wrapping_add(1));
            spent.filter(|(of, _)| *of == out).count()
        } else {
            let spent = |lane: &LaneNo| self.cells[*lane].output.far == u32::from(out);
            self.flights.lanes(when(self.now)).filter(spent).count()
        };
        let aloft = u32::try_from(aloft).unwrap_or(0);
        self.at_hand(out) - aloft
    }

    /// As [`credits`](Self::credits) where there are no flights.
    fn at_hand(&self, out: LaneNo) -> u32 {
        u32::from(self.cells[out].output.credits & !STARVED)
    }

    /// Credits of output VC `out` that were spent and do not count again.
    fn used(&self, out: LaneNo) -> u32 {
        self.depth(out) - self.at_hand(out)
    }

    /// Flits of buffer at the far end of output VC `out`.
    pub(super) fn depth(&self, out: LaneNo) -> u32 {
        u32::from(self.cells[out].output.depth)
    }

    /// Flits that are in the buffer of an input VC, those on their way not counted.
    pub(super) fn buffered(&self, lane: LaneNo) -> usize {
        let input = &self.cells[lane].input;
        let aloft = self.flights.at(lane, self.fixed.rc, when(self.now)).is_some();
        if aloft {
            return 1;
        }
        let mut arrival = input.arrival;
        for n in 0..input.len {
            if after(arrival, when(self.now)) {
                return usize::from(n);
            }
            arrival = self.queues.arrival(lane, input.second.wrapping_add(n));
        }
        usize::from(input.len)
    }

    /// The packet at the front of an input VC, with what it waits for.
    pub(super) fn blocked(&self, lane: LaneNo) -> Option<Blocked> {
        let ports = 1 << self.fixed.log_ports();
        let layout = self.fixed.layout();
        let vc = |lane: LaneNo| VcIdx::new(layout.vc(lane) as usize);
        let port = |port: LaneNo| usize::from(port) % ports;
        let at = (port(layout.port(lane)), vc(lane));
        if let Some((flit, out, given)) = self.flights.at(lane, self.fixed.rc, when(self.now)) {
            return Some(Blocked {
                packet: flit.packet(),
                dst: flit.dst(),
                at,
                out_port: port(layout.port(out)),
                out_vc: given.then(|| vc(out)),
            });
        }
        let input = &self.cells[lane].input;
        if input.len == 0 || after(input.arrival, when(self.now)) {
            return None;
        }
        let Output { bit, owner, .. } = self.cells[input.out].output;
        // A VC that was held last may be free, or another's.
        let given = bit != 0 && self.cells.port(layout.port(input.out)).free & bit == 0;
        Some(Blocked {
            packet: input.front.packet(),
            dst: input.front.dst(),
            at,
            out_port: port(input.want),
            out_vc: (given && owner == lane).then(|| vc(input.out)),
        })
    }

    /// Takes back a credit that was issued and does not count yet. Tells whether there was one.
    pub(super) fn lose_credit(&mut self) -> bool {
        let mut lists = self.ahead.all(Kind::Credits).any(|list| list.pop().is_some());
        lists = lists || self.ahead.all(Kind::NodeCredits).any(|list| list.pop().is_some());
        lists || self.ahead.strays.lose_credit(self.now)
    }
}
