//! The audit of a machine of packages at rest: as [`audit`](crate::audit), at both levels.

use base::{Line, Map, NodeIdx};

use crate::audit::{AuditError, AuditFault, lists};
use crate::cache_ctrl::CacheCtrl;
use crate::home_ctrl::HomeCtrl;
use crate::mutant::Faults;
use crate::package_ctrl::PackageCtrl;
use crate::package_table::PackageLine;
use crate::state::{CacheState, DirState};
use crate::value::Value;

/// The parts of a machine of packages.
pub struct Packaged<'a, V: Value, T, F: Faults> {
    /// In the order of their nodes.
    pub caches: Vec<&'a CacheCtrl<V, T, F>>,
    /// The slices of the packages' homes.
    pub slices: Vec<&'a PackageCtrl<V, T, F>>,
    /// The fabric's homes.
    pub homes: Vec<&'a HomeCtrl<V, T, F>>,
    /// Consecutive nodes of a package.
    pub size: u32,
    /// Which slice of a package has the lines of a home, named as in the fabric or in the package.
    pub slice_of: &'a dyn Fn(u32, NodeIdx) -> usize,
}

impl<V: Value, T, F: Faults> core::fmt::Debug for Packaged<'_, V, T, F> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Packaged").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Everything that is not as it must be when nothing is under way: no transaction anywhere, each home
/// lists every copy of its level, a cache has no more than its package, memory and copies hold what the
/// last write left, which `golden` tells of each line.
pub fn audit_packages<V: Value, T: Copy, F: Faults>(
    packaged: &Packaged<'_, V, T, F>,
    golden: impl Fn(Line) -> V,
) -> Vec<AuditError> {
    let mut audit = Audit { of: packaged, golden, errors: Vec::new() };
    let mut home_of = Map::default();
    for home in &packaged.homes {
        home_of.insert(home.node(), *home);
        audit.home(home);
    }
    for (node, slice) in packaged.slices.iter().enumerate() {
        let (node, package) = (NodeIdx::new(node), slice.names().package);
        if !slice.is_idle() {
            let busy = slice.lines().find(|(_, p)| !p.is_stable());
            audit.report(node, busy.map_or(Line(0), |b| b.0), AuditFault::HomeBusy);
        }
        for (line, held) in slice.lines() {
            let home = home_of.get(held.outer.home);
            let listed = home.and_then(|h| h.look_up(line));
            let state = held.outer.state;
            if state != CacheState::I && !listed.is_some_and(|dir| lists(dir, package, state)) {
                audit.report(node, line, AuditFault::UnknownCopy);
            }
            audit.package_line((node, package), line, held);
        }
    }
    for (node, cache) in packaged.caches.iter().enumerate() {
        let node = NodeIdx::new(node);
        cache.pending().for_each(|p| audit.report(node, p.line, AuditFault::CacheBusy));
        audit.copies(node, cache);
    }
    audit.errors
}

struct Audit<'a, V: Value, T, F: Faults, G> {
    of: &'a Packaged<'a, V, T, F>,
    /// What the last write left in a line.
    golden: G,
    errors: Vec<AuditError>,
}

impl<V: Value, T: Copy, F: Faults, G: Fn(Line) -> V> Audit<'_, V, T, F, G> {
    fn report(&mut self, node: NodeIdx, line: Line, fault: AuditFault) {
        self.errors.push(AuditError { node, line, fault });
    }

    /// The fabric's home: memory, blocked lines, owners.
    fn home(&mut self, home: &HomeCtrl<V, T, F>) {
        home.blocked().for_each(|b| self.report(b.home, b.line, AuditFault::HomeBusy));
        for (line, dir) in home.lines() {
            let Some(owner) = dir.owner.filter(|_| dir.state == DirState::EM) else {
                if dir.memory != (self.golden)(line) {
                    self.report(home.node(), line, AuditFault::StaleMemory);
                }
                continue;
            };
            let slice = (self.of.slice_of)(owner.0, home.node());
            let held = self.of.slices.get(slice).and_then(|s| s.look_up(line));
            if !held.is_some_and(|p| p.outer.state.is_writable()) {
                self.report(NodeIdx::new(slice), line, AuditFault::OwnerWithoutCopy);
            }
        }
    }

    /// A line at its package's home: the package's copy, and the owner inside.
    fn package_line(
        &mut self,
        (node, package): (NodeIdx, NodeIdx),
        line: Line,
        held: &PackageLine<V>,
    ) {
        if held.value().is_some_and(|value| value != (self.golden)(line)) {
            self.report(node, line, AuditFault::StaleCopy);
        }
        let Some(owner) = held.inner.owner.filter(|_| held.inner.state == DirState::EM) else {
            return;
        };
        let owner = NodeIdx(package.0 * self.of.size + owner.0);
        let state = self.of.caches.get(owner.at()).map(|c| c.look_up(line).0);
        let owned = state.is_some_and(CacheState::is_writable);
        if !owned || !held.outer.state.is_writable() {
            self.report(owner, line, AuditFault::OwnerWithoutCopy);
        }
    }

    /// A cache's copies: known to the package's home, and no more than the package has.
    fn copies(&mut self, node: NodeIdx, cache: &CacheCtrl<V, T, F>) {
        for (line, home, state, value) in cache.copies() {
            let slice = (self.of.slice_of)(node.0 / self.of.size, home);
            let held = self.of.slices.get(slice).and_then(|s| s.look_up(line));
            let known = held.is_some_and(|p| {
                let theirs = p.outer.state;
                let enough =
                    if state.is_writable() { theirs.is_writable() } else { theirs.is_readable() };
                enough && lists(&p.inner, cache.node(), state)
            });
            if !known {
                self.report(node, line, AuditFault::UnknownCopy);
            }
            if value != Some((self.golden)(line)) {
                self.report(node, line, AuditFault::StaleCopy);
            }
        }
    }
}
