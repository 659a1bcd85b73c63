//! Rows of the protocol's tables: which were taken, and which can be.

use std::collections::BTreeSet;
use std::fmt;

use coherence::model::{Evictions, Limits, Model, Workload, search};
use coherence::scoped::model::reachable_rows;
use coherence::scoped::{ScopedEventKind, ScopedRows, ScopedState};
use coherence::{
    CacheEventKind, CacheState, Config, Coverage, DirEventKind, DirState, Directory, Listing,
    Protocol, SharedEviction,
};

/// Caches of the searches: races between two and a third are among them.
const CACHES: u32 = 3;

/// A set of rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rows {
    /// Of the cache table.
    pub cache: BTreeSet<(CacheState, CacheEventKind)>,
    /// Of the directory table.
    pub home: BTreeSet<(DirState, DirEventKind)>,
    /// Of the table of scoped caches.
    pub scoped: BTreeSet<(ScopedState, ScopedEventKind)>,
}

impl Rows {
    /// The rows that were taken.
    pub fn of(coverage: &Coverage, scoped: ScopedRows) -> Self {
        Self {
            cache: coverage.cache_rows().into_iter().collect(),
            home: coverage.dir_rows().into_iter().collect(),
            scoped: scoped.iter().collect(),
        }
    }

    /// Adds the rows of `other`; says how many are new.
    pub fn add(&mut self, other: &Self) -> usize {
        let before = self.len();
        self.cache.extend(&other.cache);
        self.home.extend(&other.home);
        self.scoped.extend(&other.scoped);
        self.len() - before
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.cache.len() + self.home.len() + self.scoped.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those that controllers put to the tables: they keep a core's wish, and a recall, until the line can take it.
    #[must_use]
    pub fn put_by_controllers(mut self) -> Self {
        let core = |event: &CacheEventKind| {
            use CacheEventKind::{Drop, Evict, Far, Load, Store};
            matches!(event, Load | Store | Far | Evict | Drop)
        };
        self.cache.retain(|(state, event)| state.is_stable() || !core(event));
        self.home.retain(|(state, event)| state.is_stable() || *event != DirEventKind::Recall);
        self
    }

    /// The rows that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self {
            cache: self.cache.difference(&other.cache).copied().collect(),
            home: self.home.difference(&other.home).copied().collect(),
            scoped: self.scoped.difference(&other.scoped).copied().collect(),
        }
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cache = self.cache.iter().map(|(s, e)| format!("cache {s:?} {e:?}"));
        let home = self.home.iter().map(|(s, e)| format!("home {s:?} {e:?}"));
        let scoped = self.scoped.iter().map(|(s, e)| format!("scoped {s:?} {e:?}"));
        f.write_str(&cache.chain(home).chain(scoped).collect::<Vec<_>>().join(", "))
    }
}

/// Every row that the exhaustive search of the protocol takes and that controllers put to the tables,
/// with three caches and a line, near and far atomics, told and silent evictions, with and without the
/// protocol's options; and that of the scoped caches. `threads` do not change the result.
///
/// # Panics
/// If the search finds the protocol broken.
pub fn reachable(threads: usize) -> Rows {
    let mut rows = Rows::of(&Coverage::default(), reachable_rows());
    for protocol in Protocol::ALL {
        rows.add(&coherent_rows(protocol, Listing::FullMap, threads));
    }
    rows.put_by_controllers()
}

/// Every row of the directory protocol that the exhaustive search takes with three caches and a line, near and far
/// atomics, told and silent evictions.
///
/// # Panics
/// If the search finds the protocol broken.
pub fn coherent_rows(protocol: Protocol, listing: Listing, threads: usize) -> Rows {
    let mut rows = Rows::default();
    for silent in [false, true] {
        let shared_eviction = if silent { SharedEviction::Silent } else { SharedEviction::Notify };
        let evictions = if silent { Evictions::Either } else { Evictions::Notify };
        let directory = Directory { listing, nodes: CACHES };
        let cfg = Config { shared_eviction, protocol, directory, ..Config::default() };
        let mut model = Model::new(cfg, CACHES, 1);
        model.workload = Workload { far: true, evictions, ..Workload::default() };
        let limits = Limits { threads, ..Limits::default() };
        let report = search(&model, &limits, &|_| {});
        let found = report.counter_example.as_ref();
        assert!(found.is_none() && report.complete, "{found:?}");
        rows.add(&Rows::of(&report.coverage, ScopedRows::default()));
    }
    rows
}
