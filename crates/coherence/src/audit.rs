//! Looks at caches, homes and the checker's ghost together once the machine has come to rest.

use core::fmt;

use base::{Line, Map, NodeIdx};

use crate::cache_ctrl::CacheCtrl;
use crate::home_ctrl::HomeCtrl;
use crate::mutant::Faults;
use crate::state::{CacheState, DirLine, DirState};
use crate::value::Value;

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AuditFault {
    /// A cache has a transaction under way.
    CacheBusy,
    /// A home has a blocked line or a request that waits.
    HomeBusy,
    /// A cache holds a copy that the line's home does not list.
    UnknownCopy,
    /// The owner that home names does not own the line.
    OwnerWithoutCopy,
    /// A copy is not what the last write left.
    StaleCopy,
    /// Memory is not what the last write left, and no cache owns the line.
    StaleMemory,
}

/// A fault found by [`audit`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AuditError {
    /// The cache's or the home's node.
    pub node: NodeIdx,
    /// The line.
    pub line: Line,
    /// What is wrong.
    pub fault: AuditFault,
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.fault {
            AuditFault::CacheBusy => "has a transaction under way in the cache",
            AuditFault::HomeBusy => "is blocked, or waits, at home",
            AuditFault::UnknownCopy => "is held although home does not list the cache",
            AuditFault::OwnerWithoutCopy => "is owned by a cache that does not hold it",
            AuditFault::StaleCopy => "is held with a stale value",
            AuditFault::StaleMemory => "is stale in memory and no cache owns it",
        };
        write!(f, "{}: {} {what}", self.node, self.line)
    }
}

/// Everything that is not as it must be when nothing is under way: no transaction anywhere, home
/// lists every copy, memory and copies hold what the last write left, which `golden` tells of each line.
pub fn audit<V: Value, T: Copy, F: Faults>(
    caches: &[&CacheCtrl<V, T, F>],
    homes: &[&HomeCtrl<V, T, F>],
    golden: impl Fn(Line) -> V,
) -> Vec<AuditError> {
    join_shares([Audit::new(caches, homes, golden).share(0, 1)])
}

/// An [`audit`] in shares, which several threads may look at.
pub struct Audit<'a, V: Value, T, F: Faults, G> {
    caches: &'a [&'a CacheCtrl<V, T, F>],
    homes: &'a [&'a HomeCtrl<V, T, F>],
    cache_of: Map<u32, &'a CacheCtrl<V, T, F>>,
    home_of: Map<u32, &'a HomeCtrl<V, T, F>>,
    golden: G,
}

/// What a share of an [`Audit`] found: in caches transactions, at homes, and in caches copies.
pub type AuditShare = [Vec<AuditError>; 3];

impl<V: Value, T, F: Faults, G> fmt::Debug for Audit<'_, V, T, F, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}

/// What shares of an [`Audit`] found, in their order, as [`audit`] tells it.
pub fn join_shares(shares: impl IntoIterator<Item = AuditShare>) -> Vec<AuditError> {
    let mut all: AuditShare = Default::default();
    for share in shares {
        for (all, found) in all.iter_mut().zip(share) {
            all.extend(found);
        }
    }
    all.into_iter().flatten().collect()
}

impl<'a, V: Value, T: Copy, F: Faults, G: Fn(Line) -> V> Audit<'a, V, T, F, G> {
    /// Of all caches and homes, where `golden` tells what the last write left in a line.
    pub fn new(
        caches: &'a [&'a CacheCtrl<V, T, F>],
        homes: &'a [&'a HomeCtrl<V, T, F>],
        golden: G,
    ) -> Self {
        let (mut cache_of, mut home_of) = (Map::default(), Map::default());
        for cache in caches {
            cache_of.insert(cache.node().0, *cache);
        }
        for home in homes {
            home_of.insert(home.node().0, *home);
        }
        Self { caches, homes, cache_of, home_of, golden }
    }

    /// What the share `at`, of so many, finds.
    pub fn share(&self, at: usize, of: usize) -> AuditShare {
        let caches = &self.caches[part(self.caches.len(), at, of)];
        let homes = &self.homes[part(self.homes.len(), at, of)];
        [busy(caches), self.homes(homes), self.copies(caches)]
    }

    /// What is wrong at some of the homes: with what is under way, owners, and memory.
    fn homes(&self, homes: &[&HomeCtrl<V, T, F>]) -> Vec<AuditError> {
        let mut errors = Vec::new();
        let mut report = |node, line, fault| errors.push(AuditError { node, line, fault });
        for home in homes {
            home.blocked().for_each(|b| report(b.home, b.line, AuditFault::HomeBusy));
            for (line, dir) in home.lines() {
                let owner = dir.owner.filter(|_| matches!(dir.state, DirState::EM | DirState::O));
                let Some(owner) = owner else {
                    if dir.memory != (self.golden)(line) {
                        report(home.node(), line, AuditFault::StaleMemory);
                    }
                    continue;
                };
                let held = self.cache_of.get(owner.0).map(|c| c.look_up(line).0);
                let alone = dir.state == DirState::EM;
                if !held.is_some_and(|held| held.is_owner() && held.is_writable() == alone) {
                    report(owner, line, AuditFault::OwnerWithoutCopy);
                }
            }
        }
        errors
    }

    /// What is wrong with the copies in some of the caches.
    fn copies(&self, caches: &[&CacheCtrl<V, T, F>]) -> Vec<AuditError> {
        let mut errors = Vec::new();
        let mut report = |node, line, fault| errors.push(AuditError { node, line, fault });
        for cache in caches {
            for (line, home, state, value) in cache.copies() {
                let dir = self.home_of.get(home.0).and_then(|h| h.look_up(line));
                if !dir.is_some_and(|dir| lists(dir, cache.node(), state)) {
                    report(cache.node(), line, AuditFault::UnknownCopy);
                }
                if value != Some((self.golden)(line)) {
                    report(cache.node(), line, AuditFault::StaleCopy);
                }
            }
        }
        errors
    }
}

/// Transactions that are under way in caches.
fn busy<V: Value, T: Copy, F: Faults>(caches: &[&CacheCtrl<V, T, F>]) -> Vec<AuditError> {
    let pending = caches.iter().flat_map(|cache| cache.pending());
    let fault = AuditFault::CacheBusy;
    pending.map(|p| AuditError { node: p.node, line: p.line, fault }).collect()
}

/// The share `at` of `all`, dealt to so many.
fn part(all: usize, at: usize, of: usize) -> core::ops::Range<usize> {
    all * at / of..all * (at + 1) / of
}

/// Whether the directory allows `node` a copy in `state`.
pub(crate) fn lists<V: Value>(dir: &DirLine<V>, node: NodeIdx, state: CacheState) -> bool {
    match dir.state {
        DirState::EM => dir.owner == Some(node) && state.is_writable(),
        DirState::O if state == CacheState::O => dir.owner == Some(node),
        DirState::S | DirState::O => dir.sharers.contains(node) && state == CacheState::S,
        _ => false,
    }
}
