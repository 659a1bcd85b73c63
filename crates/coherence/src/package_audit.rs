//! The audit of a machine of packages at rest: as [`audit`](crate::audit), at both levels.

use base::{Line, Map, NodeIdx};

use crate::audit::{AuditError, AuditFault, lists};
use crate::cache_ctrl::CacheCtrl;
use crate::checker::Checker;
use crate::config::Faults;
use crate::home_ctrl::HomeCtrl;
use crate::package_ctrl::PackageCtrl;
use crate::package_table::PackageLine;
use crate::state::{CacheState, DirState};
use crate::value::Value;

/// Everything that is not as it must be when nothing is under way: no transaction anywhere, each home
/// lists every copy of its level, a cache has no more than its package, memory and copies hold what the
/// last write left.
///
/// `nodes` are in order, with the cache and the slice of the package's home of each; packages are of `size`
/// consecutive nodes. A line's home in its package is at the number that its home in the fabric has in its
/// own: `home % size`.
pub fn audit_packages<V: Value, T: Copy, F: Faults>(
    nodes: &[(&CacheCtrl<V, T, F>, &PackageCtrl<V, T, F>)],
    homes: &[&HomeCtrl<V, T, F>],
    size: u32,
    checker: &Checker<V>,
) -> Vec<AuditError> {
    let mut audit = Audit { nodes, size, checker, errors: Vec::new() };
    let mut home_of = Map::default();
    for home in homes {
        home_of.insert(home.node(), *home);
        audit.home(home);
    }
    for (node, (cache, package)) in (0..).zip(nodes) {
        let node = NodeIdx(node);
        cache.pending().for_each(|p| audit.report(node, p.line, AuditFault::CacheBusy));
        if !package.is_idle() {
            let busy = package.lines().find(|(_, p)| !p.is_stable());
            audit.report(node, busy.map_or(Line(0), |b| b.0), AuditFault::HomeBusy);
        }
        for (line, held) in package.lines() {
            let home = home_of.get(held.outer.home);
            let listed = home.and_then(|h| h.look_up(line));
            let state = held.outer.state;
            let package = NodeIdx(node.0 / size);
            if state != CacheState::I && !listed.is_some_and(|dir| lists(dir, package, state)) {
                audit.report(node, line, AuditFault::UnknownCopy);
            }
            audit.package_line(node, line, held);
        }
        audit.copies(node, cache);
    }
    audit.errors
}

struct Audit<'a, V: Value, T, F: Faults> {
    nodes: &'a [(&'a CacheCtrl<V, T, F>, &'a PackageCtrl<V, T, F>)],
    size: u32,
    checker: &'a Checker<V>,
    errors: Vec<AuditError>,
}

impl<V: Value, T: Copy, F: Faults> Audit<'_, V, T, F> {
    fn report(&mut self, node: NodeIdx, line: Line, fault: AuditFault) {
        self.errors.push(AuditError { node, line, fault });
    }

    /// The fabric's home: memory, blocked lines, owners.
    fn home(&mut self, home: &HomeCtrl<V, T, F>) {
        home.blocked().for_each(|b| self.report(b.home, b.line, AuditFault::HomeBusy));
        for (line, dir) in home.lines() {
            let Some(owner) = dir.owner.filter(|_| dir.state == DirState::EM) else {
                if dir.memory != self.checker.golden(line) {
                    self.report(home.node(), line, AuditFault::StaleMemory);
                }
                continue;
            };
            let slice = NodeIdx(owner.0 * self.size + home.node().0 % self.size);
            let held = self.nodes.get(slice.at()).and_then(|n| n.1.look_up(line));
            if !held.is_some_and(|p| p.outer.state.is_writable()) {
                self.report(slice, line, AuditFault::OwnerWithoutCopy);
            }
        }
    }

    /// A line at its package's home: the package's copy, and the owner inside.
    fn package_line(&mut self, node: NodeIdx, line: Line, held: &PackageLine<V>) {
        if held.value().is_some_and(|value| value != self.checker.golden(line)) {
            self.report(node, line, AuditFault::StaleCopy);
        }
        let Some(owner) = held.inner.owner.filter(|_| held.inner.state == DirState::EM) else {
            return;
        };
        let owner = NodeIdx(node.0 / self.size * self.size + owner.0);
        let state = self.nodes.get(owner.at()).map(|n| n.0.look_up(line).0);
        let owned = state.is_some_and(CacheState::is_writable);
        if !owned || !held.outer.state.is_writable() {
            self.report(owner, line, AuditFault::OwnerWithoutCopy);
        }
    }

    /// A cache's copies: known to the package's home, and no more than the package has.
    fn copies(&mut self, node: NodeIdx, cache: &CacheCtrl<V, T, F>) {
        for (line, home, state, value) in cache.copies() {
            let first = node.0 / self.size * self.size;
            let slice = self.nodes.get((first + home.0) as usize);
            let held = slice.and_then(|n| n.1.look_up(line));
            let known = held.is_some_and(|p| {
                let theirs = p.outer.state;
                let enough =
                    if state.is_writable() { theirs.is_writable() } else { theirs.is_readable() };
                enough && lists(&p.inner, cache.node(), state)
            });
            if !known {
                self.report(node, line, AuditFault::UnknownCopy);
            }
            if value != Some(self.checker.golden(line)) {
                self.report(node, line, AuditFault::StaleCopy);
            }
        }
    }
}
