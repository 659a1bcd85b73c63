//! Changes of a clock's frequency while a machine runs.
//!
//! Links and memories know at which edge of a clock something will be seen as soon as it is sent. So a
//! change may not lie before an edge that is promised already; the first instant at which it may is told.
//! Ahead of that nothing is recomputed: what is counted in cycles stays so, and what is counted in time has
//! not been looked at.

use base::{DomainIdx, Fs, LinkIdx, RoutingFunction};
use clock::{ClockError, Domain, Edge};
use memory::MemoryModel;
use topology::spec::{End, LinkTiming};

use crate::Machine;
use crate::machine::TIME_MAX;
use crate::partition::layout::Place;

/// A clock that does not change as it is asked to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RetuneError {
    /// There is no such domain.
    #[error("there is no {0}")]
    Unknown(DomainIdx),
    /// Something is promised for edges at or after the change.
    #[error("the change is too soon: ask for {from} or later")]
    TooSoon {
        /// The first instant at which it may be.
        from: Fs,
    },
    /// The clock cannot do it.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

impl<R: RoutingFunction, M: MemoryModel> Machine<R, M> {
    /// Changes the frequency of a clock that is `tunable`, to `hertz` as a fraction, at its first edge at
    /// or after `at`: the last of the old period and the first of the new. Gives that edge. The run is
    /// the same as with a change at this instant in the machine's description.
    ///
    /// # Errors
    /// If the clock is not tunable or cannot have that frequency, or the instant lies too soon: then
    /// [`RetuneError::TooSoon`] says from when on it may be.
    pub fn retune(
        &mut self,
        domain: DomainIdx,
        at: Fs,
        hertz: (u64, u64),
    ) -> Result<Edge, RetuneError> {
        if domain.at() >= self.spec().domains.len() {
            return Err(RetuneError::Unknown(domain));
        }
        let clock = self.clock(domain);
        let first = self.promised(domain);
        if clock.edge_at_or_after(at) < first {
            return Err(RetuneError::TooSoon { from: clock.instant(first) });
        }
        let edge = clock.retune(at, hertz)?;
        self.refresh_clocks();
        self.set_halts();
        for partition in &mut self.partitions {
            let shared = &mut partition.shared;
            shared.last_edge = shared.clock.edge_at_or_after(TIME_MAX);
        }
        Ok(edge)
    }

    /// A handle of a clock, which all parts share.
    fn clock(&self, domain: DomainIdx) -> Domain {
        let net = self.networks().next().expect("a machine has parts");
        net.clock(domain)
    }

    /// The first edge of a domain for which nothing is promised.
    fn promised(&self, domain: DomainIdx) -> Edge {
        let spec = self.spec();
        let clock = self.clock(domain);
        let of = |end: End| match end {
            End::Node(..) => spec.accelerator.clock,
            End::Router(r, _) => spec.fabric.routers[r.at()].clock,
        };
        // Pipelines charge time for the cycles that they take.
        let (a, r) = (&spec.accelerator, &spec.router);
        let on_die = spec.fabric.classes.iter().map(|class| match class.timing {
            LinkTiming::OnDie { latency_cycles, .. } => latency_cycles,
            LinkTiming::Serial { .. } => 0,
        });
        let cycles = [a.cache.latency_cycles, a.home.latency_cycles, r.head_cycles()];
        let cycles = cycles.into_iter().chain(on_die).max().unwrap_or(0);
        let mut first = clock.edge_after(self.now()).plus(cycles + 1);
        let promised =
            |place: Place| self.net(place).wiring().links().promised(LinkIdx::new(place.at));
        for (link, ends) in spec.fabric.links.iter().zip(&self.layout().links) {
            let [_, credit, ready, place] = promised(ends.sender);
            let [flit, ..] = promised(ends.receiver);
            if of(link.to) == domain {
                first = first.max(flit);
            }
            if of(link.from) == domain {
                first = first.max(credit).max(ready).max(place);
            }
        }
        for memory in self.memories() {
            let [request, reply] = memory.promised();
            if spec.memory.clock == domain {
                first = first.max(request);
            }
            if spec.accelerator.clock == domain {
                first = first.max(reply);
            }
        }
        first
    }
}
