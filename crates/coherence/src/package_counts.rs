//! What a package's home counts.

use base::Class;

use crate::cache_ctrl::CacheCounts;
use crate::message::MsgKind;
use crate::package_table::{PackageEvent, PackageLine};
use crate::state::DirState;
use crate::value::Value;

/// What a package's home did, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct PackageCounts {
    /// The most lines that it kept at once.
    pub lines_max: u32,
    /// Requests of the package's caches for a line.
    pub requests: u64,
    /// Those for which the fabric had to be asked; the others were answered inside.
    pub asked: u64,
    /// Snoops of the fabric.
    pub snoops: u64,
    /// Lines whose copies were recalled from the package's caches for a snoop.
    pub snoop_recalls: u64,
    /// Lines given up to make room for another.
    pub capacity_recalls: u64,
    /// Caches that lost their copy because their pointer was needed.
    pub pointer_recalls: u64,
    /// Invalidations that the fabric sent, and those that found no copy to take.
    pub outer: CacheCounts,
}

impl PackageCounts {
    /// Takes note of a step.
    pub(crate) fn note<V: Value>(
        &mut self,
        before: &PackageLine<V>,
        next: &PackageLine<V>,
        event: &PackageEvent<'_, V>,
    ) {
        self.asked += u64::from(before.request.is_none() && next.request.is_some());
        let recalls = before.inner.state.is_stable() && next.inner.state == DirState::BRecall;
        self.snoop_recalls += u64::from(recalls && next.snoop.is_some());
        let lost = before.inner.victim.is_none() && next.inner.victim.is_some();
        self.pointer_recalls += u64::from(lost);
        if let PackageEvent::Outer(m) = event {
            self.snoops += u64::from(m.kind.class() == Class::Fwd);
            if m.kind == MsgKind::Inv {
                self.outer.invalidations += 1;
                let extra = !before.outer.state.may_be_sharer();
                self.outer.extra_invalidations += u64::from(extra);
            }
        }
    }
}
