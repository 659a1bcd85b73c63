//! Packets of one flit that need no more than that flit: most of what a sweep sends.
//!
//! Where the routing function tells every hop by destination and class alone
//! ([`entry`](base::RoutingFunction::entry)), there is nothing to keep of such a packet while it waits
//! for its source: it has its VC for no longer than it takes to leave.

use base::{Class, NodeIdx, RoutingFunction, VcIdx};
use router::PackedFlit;

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
        let vcs = self.vcs;
        let (mut link, source, sending) = self.link(s, 0);
        let vc = VcIdx(source.pick(able, vcs));
        source.blocked = false;
        sending.next = next;
        let (src, (lane, at)) = (NodeIdx(source.node), link.take(source, vc, now));
        let passage = &mut self.passages[packet.at()];
        *passage =
            Passage { packet, src, dst, class: 0, flits: 1, created, injected: now, tag, hops: 0 };
        t.flit_injected(passage, now);
        self.flits_injected += 1;
        let flit = PackedFlit::new(packet, dst, Class::ALL[0], (true, true));
        self.wires.calendar.entering.push((lane, flit, low_bits(at)));
        if next > now {
            return next;
        }
        let wake = self.refill(s, 0, now, t);
        if self.sendings[s].left > 0 { now + 1 } else { wake }
    }
}
