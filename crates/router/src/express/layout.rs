//! How the number of a lane is made of its port and its VC.
//!
//! The usual numbers of VCs are compiled in, so that a loop over hops has neither a shift nor a mask to
//! keep at hand.

use super::state::{LaneNo, lane_no};

/// The bits of a lane that are its VC, and its port above them.
pub(super) trait Layout: Copy {
    /// How many bits are the VC.
    fn shift(self) -> u32;

    /// The port of a lane.
    #[inline]
    fn port(self, lane: LaneNo) -> LaneNo {
        lane >> self.shift()
    }

    /// The VC of a lane.
    #[inline]
    fn vc(self, lane: LaneNo) -> u32 {
        u32::from(lane) & ((1 << self.shift()) - 1)
    }

    /// The lane of a VC of a port.
    #[inline]
    fn lane(self, port: LaneNo, vc: u32) -> LaneNo {
        lane_no(u32::from(port) << self.shift() | vc)
    }
}

/// A number of bits that is compiled in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<const SHIFT: u32>;

impl<const SHIFT: u32> Layout for Known<SHIFT> {
    #[inline]
    fn shift(self) -> u32 {
        SHIFT
    }
}

/// Any number of bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Any(pub(super) u32);

impl Layout for Any {
    #[inline]
    fn shift(self) -> u32 {
        self.0
    }
}
