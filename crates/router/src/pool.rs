//! Whose the buffers at the far end of a link are: each VC's own, or shared in pools.
//!
//! ```text
//!   each VC its own       [vc0 ....][vc1 ....][vc2 ....][vc3 ....]
//!   a pool for two VCs    [v][v][.. vc0, vc1 ..][v][v][.. vc2, vc3 ..]     v: reserved
//!   a pool for all        [v][v][v][v][........ any of the four ........]
//! ```
//!
//! A VC always has its reserved flits, so that no other can starve it; what lies beyond is taken from the
//! pool and given back with the credit. The sender counts: as many flits as it has credits for are in the
//! buffer or on their way.

/// How the buffers of a port are divided among its VCs.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Division {
    /// Flits that each VC has of its own, at least 1 where anything is shared.
    pub reserved_flits: u32,
    /// Successive VCs, from the port's first on, that share what lies beyond; with less than 2 none do.
    pub vcs: u8,
}

impl Division {
    /// Each VC has its own.
    pub const PRIVATE: Self = Self { reserved_flits: 0, vcs: 0 };

    /// Whether no VC shares anything.
    pub const fn is_private(self) -> bool {
        self.vcs < 2
    }

    /// Flits that a VC may use at most, where each VC's share of the port's buffers is `depth`.
    pub fn most(self, depth: u32) -> u32 {
        if self.is_private() {
            return depth;
        }
        (self.reserved_flits.min(depth) + self.shared(depth)).min(u16::MAX.into())
    }

    /// Flits of a pool.
    fn shared(self, depth: u32) -> u32 {
        u32::from(self.vcs) * depth.saturating_sub(self.reserved_flits)
    }
}

/// The shared buffers at the far end of a link, as its sender counts them.
// Invariant: used[p] is the sum, over the VCs of pool p, of what each claims beyond its reserve.
#[derive(Clone, Debug)]
pub(crate) struct Pools {
    reserved: u32,
    vcs: usize,
    size: u32,
    /// Of each pool; empty where nothing is shared.
    used: Vec<u32>,
}

base::state!([] Pools { keeps used; each; fixed reserved, vcs, size });

impl Pools {
    /// The pools of a port of `vcs` VCs, each of whose share is `depth`.
    pub(crate) fn new(division: Division, vcs: u8, depth: u32) -> Self {
        let pools = if division.is_private() { 0 } else { vcs.div_ceil(division.vcs) };
        Self {
            reserved: division.reserved_flits,
            vcs: usize::from(division.vcs.max(1)),
            size: division.shared(depth),
            used: vec![0; usize::from(pools)],
        }
    }

    /// Whether anything is shared.
    #[inline]
    pub(crate) const fn is_shared(&self) -> bool {
        !self.used.is_empty()
    }

    /// Buffers that a VC may still take which has `credits` and claims so many.
    pub(crate) fn room(&self, vc: usize, claimed: u32, credits: u32) -> u32 {
        match self.used.get(vc / self.vcs) {
            None => credits,
            Some(used) => credits.min(self.reserved.saturating_sub(claimed) + self.size - used),
        }
    }

    /// A VC that claims so many takes `flits` more.
    pub(crate) fn take(&mut self, vc: usize, claimed: u32, flits: u32) {
        if let Some(used) = self.used.get_mut(vc / self.vcs) {
            *used += (claimed + flits).saturating_sub(self.reserved.max(claimed));
        }
    }

    /// A VC has given one back and claims `left`.
    pub(crate) fn give(&mut self, vc: usize, left: u32) {
        if left >= self.reserved
            && let Some(used) = self.used.get_mut(vc / self.vcs)
        {
            *used -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pools_hold_what_their_vcs_would_hold_by_themselves() {
        let per_class = Division { reserved_flits: 2, vcs: 2 };
        assert_eq!((per_class.most(8), Division::PRIVATE.most(8)), (14, 8));
        let mut pools = Pools::new(per_class, 4, 8);
        // VC 0 takes its 2 and all 12 of the pool: VC 1 is left with its own, VC 2 has another pool.
        for claimed in 0..14 {
            assert!(pools.room(0, claimed, 99) > 0, "{claimed}");
            pools.take(0, claimed, 1);
        }
        assert_eq!([pools.room(0, 14, 99), pools.room(1, 0, 99), pools.room(2, 0, 99)], [0, 2, 14]);
        pools.give(0, 13);
        assert_eq!([pools.room(0, 13, 99), pools.room(1, 0, 99)], [1, 3]);
        let mut alone = Pools::new(Division::PRIVATE, 4, 8);
        alone.take(3, 0, 5);
        assert_eq!((alone.is_shared(), alone.room(3, 5, 3)), (false, 3));
    }

    proptest! {
        #[test]
        fn no_vc_starves_and_no_pool_overflows(
            reserved in 1_u32..5, vcs in 2_u8..5, depth in 5_u32..12,
            acts in proptest::collection::vec((0_usize..8, any::<bool>()), 1..400),
        ) {
            let division = Division { reserved_flits: reserved, vcs };
            let mut pools = Pools::new(division, 8, depth);
            let mut claimed = [0_u32; 8];
            for (vc, takes) in acts {
                if takes && pools.room(vc, claimed[vc], division.most(depth) - claimed[vc]) > 0 {
                    pools.take(vc, claimed[vc], 1);
                    claimed[vc] += 1;
                } else if !takes && claimed[vc] > 0 {
                    claimed[vc] -= 1;
                    pools.give(vc, claimed[vc]);
                }
                for of_pool in claimed.chunks(vcs.into()) {
                    let all: u32 = of_pool.iter().sum();
                    prop_assert!(all <= u32::from(vcs) * depth, "{:?}", claimed);
                }
                let own = (0..8).all(|v| claimed[v] >= reserved || pools.room(v, claimed[v], 99) > 0);
                prop_assert!(own, "{:?}", claimed);
            }
            for (vc, claimed) in claimed.iter_mut().enumerate() {
                while *claimed > 0 {
                    *claimed -= 1;
                    pools.give(vc, *claimed);
                }
            }
            prop_assert!(pools.used.iter().all(|u| *u == 0));
        }
    }
}
