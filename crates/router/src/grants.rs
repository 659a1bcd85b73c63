//! What a router decides at an edge, before anything changes.

use clock::Edge;

use crate::PortSet;

/// A VC allocated: the input VC, and the output VC it got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct VcGrant {
    /// `port * vcs + vc` of the input VC.
    pub(crate) at: usize,
    /// `out_port * vcs + out_vc`.
    pub(crate) output: usize,
    pub(crate) port: usize,
    pub(crate) out_port: usize,
    pub(crate) vc: u8,
    pub(crate) out_vc: u8,
}

/// A crossbar passage: one flit of this input VC leaves for this output port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SwitchGrant {
    pub(crate) port: usize,
    pub(crate) vc: u8,
    pub(crate) out_port: usize,
}

/// The grants of one router at one edge.
#[derive(Clone, Debug)]
pub struct Grants {
    pub(crate) vcs: Vec<VcGrant>,
    pub(crate) switch: Vec<SwitchGrant>,
    /// Someone asked and lost, so the next edge is worth a look.
    pub(crate) losers: bool,
    /// The first later edge at which a timer of this router runs out.
    pub(crate) timer: Edge,
    /// Output ports on which someone could send but for a credit.
    pub(crate) starved: PortSet,
    /// Scratch: `[output VC]` and `[output port]`, the stamp of the router's step in which a
    /// request was first made there, and the place of the best one in `vcs` or `switch`.
    pub(crate) best_vc: Vec<(u64, usize)>,
    pub(crate) best_port: Vec<(u64, usize)>,
    pub(crate) stamp: u64,
}

impl Grants {
    /// Room for the grants of any router with up to `ports` ports of `vcs` VCs.
    pub fn new(ports: usize, vcs: usize) -> Self {
        Self {
            vcs: Vec::with_capacity(ports * vcs),
            switch: Vec::with_capacity(ports),
            losers: false,
            timer: Edge::NEVER,
            starved: PortSet::EMPTY,
            best_vc: vec![(0, 0); ports * vcs],
            best_port: vec![(0, 0); ports],
            stamp: 0,
        }
    }

    /// Empties it for the next router.
    pub(crate) fn clear(&mut self) {
        self.vcs.clear();
        self.switch.clear();
        self.losers = false;
        self.timer = Edge::NEVER;
        self.starved = PortSet::EMPTY;
        self.stamp += 1;
    }

    /// Whether nothing was granted.
    pub fn is_empty(&self) -> bool {
        self.vcs.is_empty() && self.switch.is_empty()
    }
}
