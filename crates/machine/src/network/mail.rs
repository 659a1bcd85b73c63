//! What partitions send each other: flits and credits on links across the cut.
//!
//! ```text
//!   sender's partition: launch ─▶ Mail [to] ── once an epoch ──▶ land :receiver's partition
//! ```
//!
//! A piece of mail carries the edge at which it is seen, so it only has to be there before that edge. A
//! packet goes with its head; its other flits find it by link and VC, on which the flits of a packet follow
//! each other.

use base::{Flit, Fs, LinkIdx, VcIdx};
use clock::Edge;
use phy::Undetected;

use super::packets::Packet;

/// A flit on its way. Links are numbered as where it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FarFlit {
    pub(crate) link: LinkIdx,
    pub(crate) flit: Flit,
    pub(crate) visible: Edge,
    /// How it, or a flit of its packet before it, was damaged unnoticed.
    pub(crate) wrong: Option<Undetected>,
}

/// A credit for a link, on its way back to the link's sender.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FarCredit {
    pub(crate) link: LinkIdx,
    pub(crate) vc: VcIdx,
    pub(crate) visible: Edge,
    /// The instant at which it was sent.
    pub(crate) sent: Fs,
}

/// The mail of one epoch from one partition to another.
#[derive(Clone, Debug)]
pub(crate) struct Mail<P> {
    pub(crate) flits: Vec<FarFlit>,
    /// The packets of the heads among `flits`, in their order.
    pub(crate) packets: Vec<Packet<P>>,
    pub(crate) credits: Vec<FarCredit>,
    /// The first instant at which any of it is seen.
    pub(crate) first: Fs,
}

impl<P> Default for Mail<P> {
    fn default() -> Self {
        let (flits, packets, credits) = (Vec::new(), Vec::new(), Vec::new());
        Self { flits, packets, credits, first: Fs::NEVER }
    }
}

impl<P> Mail<P> {
    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.flits.is_empty() && self.credits.is_empty()
    }
}
