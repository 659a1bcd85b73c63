//! Clocks and crossings as elaborated.

use base::{DomainIdx, Fs};

use super::{SpreadDirection, Via};
use crate::spec::MachineSpec;

/// How a clock's reference wanders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DriftSpec {
    /// The furthest from its frequency, in parts in a thousand million.
    pub ppb: u32,
    /// How long the frequency stays the same.
    pub every: Fs,
}

/// Spread spectrum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpreadSpec {
    /// The clock that is spread: this one, or one that it is made from.
    pub of: DomainIdx,
    /// Which way.
    pub direction: SpreadDirection,
    /// The whole width, in parts in a million.
    pub ppm: u32,
    /// A period of the modulation.
    pub every: Fs,
}

/// How two clock domains are joined, both ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CrossingSpec {
    /// The two domains.
    pub between: [DomainIdx; 2],
    /// By what.
    pub via: Via,
}

impl MachineSpec {
    /// What joins two clock domains: what was said of the pair, or a synchronizer; nothing within one.
    pub fn crossing(&self, from: DomainIdx, to: DomainIdx) -> Via {
        if from == to {
            return Via::Synchronizer { edges: 0 };
        }
        let joins = |c: &&CrossingSpec| c.between == [from, to] || c.between == [to, from];
        let said = self.crossings.iter().find(joins).map(|c| c.via);
        said.unwrap_or(Via::Synchronizer { edges: self.synchronizer_edges })
    }
}
