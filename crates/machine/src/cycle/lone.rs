//! Packets of one flit that need no more than that flit: most of what a sweep sends.
//!
//! Where the routing function tells every hop by destination and class alone
//! ([`entry`](base::RoutingFunction::entry)), there is nothing to keep of such a packet while it waits
//! for its source: it has its VC for no longer than it takes to leave.

use base::{Class, NodeIdx, RoutingFunction};
use router::{Lane, PackedFlit};

use super::inject::low_bits;
use super::terminal::{Offer, Passage, Terminals};
use super::{CycleNetwork, Watch};

impl<R: RoutingFunction, W: Watch> CycleNetwork<R, W> {
    /// Sends a packet of one flit at cycle `now` by one of the VCs that are `able`. Gives the next cycle in
    /// which its source must be stepped if no credit comes before.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub(super) fn send_alone<T: Terminals>(
        &mut self,
        s: usize,
        able: u64,
        offer: &Offer,
        now: u64,
        t: &mut T,
    ) -> u64 {
        let Offer { created, dst, tag, next, .. } = *offer;
        let packet = self.new_packet();
        let source = &mut self.sources[s];
        let vc = source.pick(able, self.vcs);
        let credits = &mut self.credits[s * self.vcs as usize + usize::from(vc)];
        *credits -= 1;
        if *credits == 0 {
            source.funded &= !(1 << vc);
        }
        source.blocked = false;
        source.link_ready = if source.slow { self.near_rates[s].occupy(now + 1) } else { now + 2 };
        let (src, lane) = (NodeIdx(source.node), Lane(source.lane | u32::from(vc)));
        let at = now + 1 + u64::from(source.latency);
        let passage = &mut self.passages[packet.at()];
        *passage =
            Passage { packet, src, dst, class: 0, flits: 1, created, injected: now, tag, hops: 0 };
        t.flit_injected(passage, now);
        self.flits_injected += 1;
        let flit = PackedFlit::new(packet, dst, Class::ALL[0], (true, true));
        self.wires.calendar.entering.push((lane, flit, low_bits(at)));
        self.sendings[s].next = next;
        if next > now {
            return next;
        }
        let wake = self.refill(s, 0, now, t);
        if self.sendings[s].left > 0 { now + 1 } else { wake }
    }
}
