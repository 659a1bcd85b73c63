//! What caches that are kept valid by scopes did in a run, and their part of the audit.

use base::RoutingFunction;
use coherence::scoped::ScopedConfig;
use memory::MemoryModel;
use topology::spec::MachineSpec;

use crate::Machine;
use crate::audit::Checks;
use crate::node::scoped::{Counts, mean_ns};

/// What machines can have seeded into their scoped protocol: nothing, or with `mutants` a fault.
#[cfg(not(feature = "mutants"))]
pub(crate) type ScopedSeed = coherence::Sound;
#[cfg(feature = "mutants")]
pub(crate) type ScopedSeed = Option<coherence::scoped::ScopedMutant>;

/// The scoped protocol's options in a machine.
pub(crate) fn scoped(spec: &MachineSpec) -> ScopedConfig<ScopedSeed> {
    let package_nodes = spec.package_nodes.unwrap_or(1);
    #[cfg(not(feature = "mutants"))]
    let mutant = coherence::Sound;
    #[cfg(feature = "mutants")]
    let mutant = None;
    ScopedConfig { package_nodes, mutant }
}

#[cfg(feature = "mutants")]
impl Machine {
    /// As [`Machine::new`], with a fault seeded into the scoped protocol.
    ///
    /// # Errors
    /// If the machine cannot be built or the trace cannot be read.
    pub fn with_scoped_mutant(
        spec: &MachineSpec,
        trace: &traffic::Trace,
        options: crate::Options,
        mutant: coherence::scoped::ScopedMutant,
    ) -> Result<Self, crate::RunError> {
        let cfg =
            (crate::build::config(spec), ScopedConfig { mutant: Some(mutant), ..scoped(spec) });
        let routing = spec.fabric.routing.clone();
        Self::assemble(
            spec,
            crate::build::sources(trace)?,
            options,
            routing,
            memory::FixedLatency::new,
            cfg,
        )
    }
}

/// Scoped caches and slices of all nodes, after a run.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ScopeUse {
    /// Nodes of a package.
    pub package_nodes: u32,
    /// Acquires of all threads; a fence or a barrier is one.
    pub acquires: u64,
    /// Mean nanoseconds that an acquire by itself waited for the package's slices.
    pub acquire_wait_ns: f64,
    /// Releases; a fence, a barrier or the end of a thread is one.
    pub releases: u64,
    /// Mean nanoseconds from the start of a release to its last acknowledgement.
    pub release_wait_ns: f64,
    /// Lines of which acquires dropped clean bytes, in caches and slices.
    pub self_invalidations: u64,
    /// Lines fetched by caches and slices.
    pub fills: u64,
    /// Loads that caches performed at once.
    pub hits: u64,
    /// Write-throughs sent by caches and slices.
    pub write_throughs: u64,
    /// The bytes that they carried.
    pub write_through_bytes: u64,
    /// Clean lines evicted.
    pub evictions: u64,
}

impl<R: RoutingFunction, M: MemoryModel> Machine<R, M> {
    pub(crate) fn scope_use(&self) -> Option<ScopeUse> {
        let shared = self.shared().scoped.as_ref()?;
        let mut counts = Counts::default();
        self.shares().filter_map(|s| s.scoped.as_ref()).for_each(|s| counts.merge(&s.counts));
        let alone = counts.acquires_alone;
        let mut used = ScopeUse {
            package_nodes: shared.package_nodes,
            acquires: counts.acquires,
            acquire_wait_ns: mean_ns(counts.acquire_wait_fs, alone),
            releases: counts.releases,
            release_wait_ns: mean_ns(counts.release_wait_fs, counts.releases),
            ..ScopeUse::default()
        };
        for scoped in self.nodes().filter_map(|n| n.scoped.as_ref()) {
            for level in [&scoped.cache, &scoped.slice] {
                let c = level.counts();
                used.self_invalidations += c.self_invalidations;
                used.fills += c.fills;
                used.write_throughs += c.throughs;
                used.write_through_bytes += c.through_parts;
                used.evictions += c.evictions;
            }
            used.hits += scoped.cache.counts().hits;
        }
        Some(used)
    }

    /// At rest every byte has come to memory, and memory holds what was written.
    pub(crate) fn audit_scopes(&self, checks: &mut Checks) {
        let Some(shared) = self.shared().scoped.as_ref() else { return };
        let mut found = Vec::new();
        for scoped in self.nodes().filter_map(|n| n.scoped.as_ref()) {
            let node = scoped.node();
            for (name, level) in [("cache", &scoped.cache), ("slice", &scoped.slice)] {
                let written = level.written();
                found.extend(written.map(|line| format!("{node}: {line} is dirty in the {name}")));
            }
            if let Some(witness) = &shared.witness {
                let wrong = scoped.memory_lines().filter(|(line, v)| witness.golden(*line) != *v);
                found.extend(wrong.map(|(line, _)| format!("{node}: {line} is stale in memory")));
            }
        }
        checks.coherence_violations += found.len() as u64;
        checks.findings.extend(found.into_iter().take(8));
        if let Some(witness) = &shared.witness {
            checks.coherence_violations += witness.violation_count();
            checks.findings.extend(witness.violations().iter().map(ToString::to_string));
        }
    }
}
