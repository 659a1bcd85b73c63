//! The view of a part of a hierarchy: its own ports, routers and VC groups, seen in the whole.

use core::ops::Range;

use base::{PortIdx, RouterIdx, View};

use super::super::OfClass;

/// Which VC groups of the whole a part's groups are.
#[derive(Clone, Debug)]
pub(super) struct Vcs {
    /// `[set of the part's groups]`: the set of the whole's.
    wide: Vec<u8>,
    /// `[group of the whole]`: the part's group.
    narrow: [u8; 8],
}

impl Vcs {
    /// The part's `groups` share the groups `of` the whole evenly, of which there are as many at
    /// least.
    pub(super) fn new(groups: usize, of: Range<usize>) -> Self {
        let mut narrow = [0; 8];
        for group in of.clone() {
            let share = (group - of.start) * groups / of.len();
            narrow[group] = u8::try_from(share).expect("at most 8 groups");
        }
        let wide = (0..1_usize << groups).map(|set| {
            of.clone().filter(|g| set >> narrow[*g] & 1 == 1).fold(0, |mask, g| mask | 1 << g)
        });
        Self { wide: wide.collect(), narrow }
    }

    #[inline]
    pub(super) fn wide(&self, groups: u8) -> u8 {
        self.wide[usize::from(groups)]
    }

    #[inline]
    pub(super) fn narrow(&self, group: usize) -> usize {
        usize::from(self.narrow[group])
    }
}

/// What the whole sees, whatever its view is: functions of functions would have no end of types.
pub(super) trait Seen {
    fn used(&self, port: PortIdx, groups: u8) -> u32;
    fn free(&self, port: PortIdx, groups: u8) -> u32;
    fn used_at(&self, router: RouterIdx, port: PortIdx, groups: u8) -> u32;
}

impl<V: View> Seen for OfClass<'_, V> {
    fn used(&self, port: PortIdx, groups: u8) -> u32 {
        self.used(port, groups)
    }
    fn free(&self, port: PortIdx, groups: u8) -> u32 {
        self.free(port, groups)
    }
    fn used_at(&self, router: RouterIdx, port: PortIdx, groups: u8) -> u32 {
        self.used_at(router, port, groups)
    }
}

/// Nothing waits anywhere.
pub(super) struct Unseen;

impl Seen for Unseen {
    fn used(&self, _: PortIdx, _: u8) -> u32 {
        0
    }
    fn free(&self, _: PortIdx, groups: u8) -> u32 {
        groups.count_ones()
    }
    fn used_at(&self, _: RouterIdx, _: PortIdx, _: u8) -> u32 {
        0
    }
}

/// A part's view, in which a VC is one of its groups.
#[derive(Clone, Copy)]
pub(super) struct Within<'a> {
    pub(super) whole: &'a dyn Seen,
    pub(super) vcs: &'a Vcs,
    /// The part's port 0 at this place.
    pub(super) port: PortIdx,
    /// The part's router 0.
    pub(super) router: usize,
}

impl<'a> Within<'a> {
    /// The view as the part's function takes it.
    pub(super) fn of_class(&'a self) -> OfClass<'a, Self> {
        OfClass { vcs_of: &SAME, view: self, shift: 0 }
    }

    fn groups(&self, vcs: u64) -> u8 {
        self.vcs.wide(u8::try_from(vcs).expect("groups of a part"))
    }
}

impl View for Within<'_> {
    fn used(&self, port: PortIdx, vcs: u64) -> u32 {
        self.whole.used(PortIdx(self.port.0 + port.0), self.groups(vcs))
    }

    /// As many bits as VCs are free: nobody asks which.
    fn free(&self, port: PortIdx, vcs: u64) -> u64 {
        let free = self.whole.free(PortIdx(self.port.0 + port.0), self.groups(vcs));
        u64::MAX.checked_shr(64 - free.min(64)).unwrap_or(0)
    }

    fn used_at(&self, router: RouterIdx, port: PortIdx, vcs: u64) -> u32 {
        self.whole.used_at(RouterIdx::new(self.router + router.at()), port, self.groups(vcs))
    }
}

/// Sets of groups as they are.
const SAME: [u64; 256] = {
    let mut same = [0; 256];
    let mut set = 0;
    while set < 256 {
        same[set] = set as u64;
        set += 1;
    }
    same
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_share_groups_evenly_and_both_ways_agree() {
        let down = Vcs::new(2, 2..6);
        assert_eq!([1, 2, 3].map(|set| down.wide(set)), [0b0000_1100, 0b0011_0000, 0b0011_1100]);
        assert_eq!([2, 3, 4, 5].map(|group| down.narrow(group)), [0, 0, 1, 1]);
        let outer = Vcs::new(3, 0..4);
        assert_eq!(outer.wide(0b111), 0b1111);
        assert!((0..4).all(|g| outer.wide(1 << outer.narrow(g)) >> g & 1 == 1));
    }
}
