//! Packets of one flit that need no more than that flit: most of what a sweep sends.
//!
//! Where the routing function tells every hop by destination and class alone
//! ([`entry`](base::RoutingFunction::entry)), there is nothing to keep of such a packet while it waits
//! for its source: it has its VC for no longer than it takes to leave.

use base::{Class, NodeIdx, VcIdx};
use router::{Lane, PackedFlit};

use super::inject::{Link, low_bits};
use super::passages::Passages;
use super::source::Source;
use super::terminal::{Offer, Passage, Terminals};

/// By what a source sends a packet of one flit.
pub(super) struct Gate<'a> {
    pub(super) link: Link<'a>,
    pub(super) passages: &'a mut Passages,
    pub(super) entering: &'a mut Vec<(Lane, PackedFlit, u32)>,
}

impl Gate<'_> {
    /// Sends one at cycle `now` by one of the VCs that are `able`.
    #[expect(clippy::inline_always, reason = "a part of every packet")]
    #[inline(always)]
    pub(super) fn send<T: Terminals>(
        &mut self,
        source: &mut Source,
        able: u64,
        offer: &Offer,
        now: u64,
        t: &mut T,
    ) {
        let Offer { created, dst, tag, .. } = *offer;
        let packet = self.passages.begin();
        let vc = VcIdx(source.pick(able));
        source.blocked = false;
        let (src, (lane, at)) = (NodeIdx(source.node), self.link.take(source, vc, now));
        let passage = &mut self.passages[packet];
        *passage =
            Passage { packet, src, dst, class: 0, flits: 1, created, injected: now, tag, hops: 0 };
        t.flit_injected(passage, now);
        let flit = PackedFlit::new(packet, dst, Class::ALL[0], (true, true));
        self.entering.push((lane, flit, low_bits(at)));
    }
}
