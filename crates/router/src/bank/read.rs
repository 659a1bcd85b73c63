//! What may be read off a bank of routers between cycles.

use base::{RouterIdx, RoutingFunction, VcIdx};

use super::{Blocks, Pipeline, RouterBank};
use crate::PortSet;
use crate::express::Engine;
use crate::state::{Block, Blocked, Lane, Stage};
use crate::store::Store;

/// Does something with the blocks, whatever their size.
macro_rules! read {
    ($bank:expr, $blocks:ident => $answer:expr) => {
        match &$bank.blocks {
            Blocks::Lanes64($blocks) => $answer,
            Blocks::Lanes512($blocks) => $answer,
            Blocks::Lanes2048($blocks) => $answer,
            Blocks::Lanes16384($blocks) => $answer,
        }
    };
}

impl<R: RoutingFunction> RouterBank<R> {
    /// The flits of the network.
    pub const fn store(&self) -> &Store {
        &self.common.store
    }

    /// The flits of the network.
    pub const fn store_mut(&mut self) -> &mut Store {
        &mut self.common.store
    }

    /// The routing function.
    pub const fn routing(&self) -> &R {
        &self.common.routing
    }

    /// What all routers have in common.
    pub const fn pipeline(&self) -> &Pipeline {
        &self.common.pipeline
    }

    /// How many routers there are.
    pub fn len(&self) -> usize {
        match &self.express {
            Some(x) => x.len(),
            None => read!(self, b => b.len()),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// VCs a port.
    pub fn vcs(&self) -> usize {
        usize::from(self.common.pipeline.vcs)
    }

    /// Ports of router `i`.
    pub fn ports(&self, i: RouterIdx) -> usize {
        match &self.express {
            Some(x) => x.ports(i),
            None => usize::from(read!(self, b => b[i.at()].ports)),
        }
    }

    /// How many lanes there are in the bank's numbering, some of which are not there.
    pub fn lane_count(&self) -> usize {
        self.len() << self.log
    }

    /// The lane of a VC of a port of router `i`.
    #[inline]
    pub fn lane(&self, i: RouterIdx, port: usize, vc: u8) -> Lane {
        let local = port << self.common.shift | usize::from(vc);
        Lane(i.0 << self.log | u32::try_from(local).unwrap_or(u32::MAX))
    }

    /// Router, port and VC of a lane.
    #[expect(clippy::cast_possible_truncation, reason = "a port has at most 64 VCs")]
    #[inline]
    pub const fn place(&self, lane: Lane) -> (RouterIdx, usize, VcIdx) {
        let local = lane.0 & ((1 << self.log) - 1);
        let vc = VcIdx((local & self.common.vc_mask) as u8);
        (RouterIdx(lane.0 >> self.log), (local >> self.common.shift) as usize, vc)
    }

    const fn local(&self, lane: Lane) -> usize {
        (lane.0 & ((1 << self.log) - 1)) as usize
    }

    /// For how many edges a head that has become visible may wait for its router to be stepped, if that then
    /// makes up for the edges in between, one after the other: up to then nothing leaves the router for it, not
    /// even a credit. None where that is not known: where routers look at each other, or are not plain ones.
    pub fn patience(&self) -> u32 {
        let c = &self.common;
        let plain = !c.special && !c.keeps_vcs && !c.routing.global();
        // RC is in the edge at which it is seen, VA in the next at the earliest.
        if plain { 2 } else { 0 }
    }

    /// Flits that left router `i` so far.
    pub fn forwarded(&self, i: RouterIdx) -> u64 {
        match &self.express {
            Some(x) => x.forwarded(i),
            None => read!(self, b => b[i.at()].forwarded),
        }
    }

    /// How often a packet set out to cross an express bank [in one go](Self::set_flights), and how often somebody else came
    /// in its way.
    pub fn flights(&self) -> (u64, u64) {
        self.express.as_deref().map_or((0, 0), Engine::flights)
    }

    /// Flits that left all routers so far.
    pub fn forwarded_by_all(&self) -> u64 {
        match &self.express {
            Some(x) => x.forwarded_by_all(),
            None => read!(self, b => b.iter().map(|b| b.forwarded).sum()),
        }
    }

    /// Flits that routers copied for packets to groups, and flits that they absorbed, so far.
    pub fn collective_flits(&self) -> (u64, u64) {
        let collective = self.common.general.as_ref().and_then(|g| g.collective.as_ref());
        collective.map_or((0, 0), |c| c.flits())
    }

    /// Flits in all routers, those in output buffers among them. Not of an express network.
    pub fn present(&self) -> usize {
        self.store().present()
    }

    /// Flits buffered at router `i`, input `port`, `vc`.
    pub fn buffered(&self, i: RouterIdx, port: usize, vc: VcIdx) -> usize {
        let lane = self.lane(i, port, vc.0);
        if let Some(x) = &self.express {
            return x.buffered(lane.0);
        }
        let at = self.local(lane);
        usize::from(read!(self, b => b[i.at()].inputs[at].len))
    }

    /// Credits that router `i` holds for `vc` of the link out of `port`, and how many there are in
    /// all. What waits in an output buffer has spent its credit.
    pub fn credits(&self, i: RouterIdx, port: usize, vc: VcIdx) -> (u32, u32) {
        let lane = self.lane(i, port, vc.0);
        if let Some(x) = &self.express {
            return x.credits(lane.0);
        }
        let at = self.local(lane);
        let output = read!(self, b => b[i.at()].outputs[at]);
        (u32::from(output.credits), u32::from(output.depth))
    }

    /// Every packet at the front of an input VC of router `i`, with what it waits for.
    pub fn blocked(&self, i: RouterIdx) -> Vec<Blocked> {
        let lanes = self.ports(i) << self.common.shift;
        let first = self.lane(i, 0, 0).0;
        if let Some(x) = &self.express {
            let lanes = first..first + (1 << self.log);
            return lanes.filter_map(|lane| x.blocked(lane)).collect();
        }
        let mut all = Vec::new();
        for at in 0..lanes {
            let input = read!(self, b => b[i.at()].inputs[at]);
            if input.len == 0 {
                continue;
            }
            let place = |local: u32| self.place(Lane(first | local));
            let (_, out_port, out_vc) = place(u32::from(input.out));
            let (_, port, vc) = place(u32::try_from(at).unwrap_or(0));
            let flit = self.common.store.flit(input.first, out_vc);
            all.push(Blocked {
                packet: flit.packet,
                dst: flit.dst,
                at: (port, vc),
                out_port,
                out_vc: (input.stage == Stage::Active).then_some(out_vc),
            });
        }
        all
    }

    /// Output ports of router `i` on which someone could go on but for a credit: send, or take a VC
    /// where VCs are free again by their credits.
    pub fn starved(&self, i: RouterIdx) -> PortSet {
        read!(self, b => b[i.at()].starved(self.common.keeps_vcs, self.common.shift))
    }
}

impl<const L: usize, const W: usize> Block<L, W> {
    /// Whether any port is [starved](RouterBank::starved).
    #[inline]
    pub(crate) fn is_starved(&self, keeps_vcs: bool) -> bool {
        let waiting = if keeps_vcs { u64::MAX } else { 0 };
        let sets = self.sets.iter().take(self.used_words());
        sets.fold(0, |any, sets| any | sets.starved | sets.waiting & waiting) != 0
    }

    /// See [`RouterBank::starved`].
    pub(crate) fn starved(&self, keeps_vcs: bool, shift: u32) -> PortSet {
        let mut ports = PortSet::EMPTY;
        for (w, sets) in self.sets.iter().enumerate().take(self.used_words()) {
            let mut starved = sets.starved | if keeps_vcs { sets.waiting } else { 0 };
            while starved != 0 {
                let at = w * 64 + starved.trailing_zeros() as usize;
                starved &= starved - 1;
                ports.insert(usize::from(self.inputs[at].out) >> shift);
            }
        }
        ports
    }
}
