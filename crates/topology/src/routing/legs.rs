//! What functions with a random intermediate stop share: Valiant's algorithm routes a packet to a
//! random place first and on from there, so that any traffic is spread like random traffic (Valiant,
//! SIAM J. Computing 11(2), 1982); UGAL does so only where the queues say that it pays (Singh,
//! thesis, Stanford 2005).
//!
//! The decision falls at the packet's first router, once, and is kept in the packet's state.

use super::Goal;
use super::table::choose;
use crate::error::{ErrorKind, Problem};

/// Phase of the leg to the intermediate stop; the goal's target is the stop.
pub(super) const TO: u8 = 1;
/// Phase of the leg from the stop to the destination, where it has to be told from the direct way.
pub(super) const FROM: u8 = 2;

/// Places of hashes that must not go along with the choice of a port at the same router.
pub(super) const STOP: usize = 1 << 24;
/// As [`STOP`], for breaking ties.
pub(super) const TIE: usize = 1 << 25;

/// The leg that a packet is on: what its state says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leg {
    /// Nothing is decided.
    Offered,
    /// To the destination without a stop.
    Direct,
    /// To the intermediate stop, a router or group.
    To(u32),
    /// From the stop to the destination.
    From,
}

impl Leg {
    #[inline]
    pub(super) const fn of(state: u32) -> Self {
        match state & 3 {
            0 => Self::Offered,
            1 => Self::Direct,
            2 => Self::To(state >> 2),
            _ => Self::From,
        }
    }

    #[inline]
    pub(super) const fn state(self) -> u32 {
        match self {
            Self::Offered => 0,
            Self::Direct => 1,
            Self::To(stop) => stop << 2 | 2,
            Self::From => 3,
        }
    }
}

/// The goal of the leg to `stop`.
pub(super) const fn to(stop: u32) -> Goal {
    Goal { target: stop, phase: TO }
}

/// The first legs of packets that may go by any of so many stops, besides the direct ones.
///
/// The decision falls at the first router, but the packet leaves its source for the sake of what it
/// will decide: enumerating it from there on takes as many legs as there are stops, where at the first
/// router it would take as many for every destination.
pub(super) fn goals(stops: usize, visit: impl FnMut(Goal)) {
    (0..stops).map(|stop| to(u32::try_from(stop).unwrap_or(u32::MAX))).for_each(visit);
}

/// UGAL's rule: the direct way is taken unless its queue times its hops exceeds the other's by more
/// than the bias.
#[inline]
pub(super) fn direct_is_best(direct: (u32, u32), detour: (u32, u32), bias: u32) -> bool {
    let delay = |(queue, hops): (u32, u32)| u64::from(queue) * u64::from(hops);
    delay(direct) <= delay(detour) + u64::from(bias)
}

/// A uniform choice among `0..count` without `a` and `b`; nothing where none is left.
#[inline]
pub(super) fn stop(count: usize, a: usize, b: usize, place: usize, flow: u32) -> Option<usize> {
    let (low, high) = (a.min(b), a.max(b));
    let left = count.saturating_sub(1 + usize::from(low != high));
    if left == 0 {
        return None;
    }
    let mut at = choose(left, STOP | place, flow);
    at += usize::from(at >= low);
    at += usize::from(low != high && at >= high);
    Some(at)
}

/// Refuses a machine with less VCs than the function has groups.
pub(super) fn enough_vcs(what: &str, why: &str, groups: usize, vcs: u8) -> Result<(), Problem> {
    if usize::from(vcs) >= groups {
        return Ok(());
    }
    Err(Problem::new(
        ErrorKind::Deadlock,
        "router.vcs_per_class",
        format!("{what} needs {groups} VCs in each class, {why}"),
        format!("set `vcs_per_class: {groups}` or more"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_keeps_its_leg() {
        for leg in [Leg::Offered, Leg::Direct, Leg::To(0), Leg::To(16_383), Leg::From] {
            assert_eq!(Leg::of(leg.state()), leg);
        }
        assert_eq!(Leg::of(0), Leg::Offered);
    }

    #[test]
    fn stops_are_uniform_over_all_but_the_ends() {
        for (count, a, b) in [(5, 1, 3), (5, 3, 1), (5, 0, 4), (5, 2, 2), (3, 0, 1)] {
            let mut seen = vec![0_usize; count];
            for flow in 0..6_000 {
                seen[stop(count, a, b, 7, flow).expect("there is one")] += 1;
            }
            let left = count - if a == b { 1 } else { 2 };
            for (i, n) in seen.into_iter().enumerate() {
                let mean = if i == a || i == b { 0 } else { 6_000 / left };
                assert!(n.abs_diff(mean) <= mean / 10, "{count} {a} {b}: {n} at {i}");
            }
        }
        assert_eq!(stop(2, 0, 1, 7, 9), None);
        assert_eq!(stop(1, 0, 0, 7, 9), None);
    }

    #[test]
    fn ugal_compares_queue_times_hops() {
        assert!(direct_is_best((0, 3), (0, 5), 0), "ties are direct");
        assert!(direct_is_best((5, 3), (3, 5), 0), "15 flits either way");
        assert!(!direct_is_best((6, 3), (3, 5), 0));
        assert!(!direct_is_best((6, 3), (3, 5), 2));
        assert!(direct_is_best((6, 3), (3, 5), 3));
        assert!(direct_is_best((u32::MAX, 2), (u32::MAX, 4), u32::MAX), "no overflow");
    }
}
