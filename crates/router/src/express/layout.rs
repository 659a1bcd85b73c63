//! The shape of a network, as far as loops over hops depend on it: how the number of a lane is made of its
//! port and its VC, where its queue lies, and whether all links are alike.
//!
//! The usual shapes are compiled in, so that such a loop has neither shifts nor masks to keep at hand.

use super::state::{LaneNo, lane_no};

/// The shape of a network.
pub(super) trait Layout: Copy {
    /// Whether it is known at each step of a hop which list comes next: the network is even.
    const EVEN: bool;

    /// Whether there may be [flights](super::flight).
    const FLIES: bool = false;

    /// How many bits of a lane are its VC; its port is above them.
    fn shift(self) -> u32;

    /// The flits behind the front of an input VC have a ring of two to this power.
    fn queue_shift(self) -> u32;

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

    /// The VC that an input VC asks for of those that it may have of a port: one arbiter goes over all output VCs of
    /// its router, from the one behind the last that it had. That counts only if it was of this port.
    #[inline]
    fn behind(self, last: LaneNo, port: LaneNo, able: u64) -> u32 {
        let vc = u32::from(last.wrapping_sub(self.lane(port, 0)));
        let ahead = if vc >> self.shift() == 0 { able & u64::MAX << vc << 1 } else { 0 };
        if ahead == 0 { able } else { ahead }.trailing_zeros()
    }

    /// The lane of a VC of a port.
    #[inline]
    fn lane(self, port: LaneNo, vc: u32) -> LaneNo {
        lane_no(u32::from(port) << self.shift() | vc)
    }
}

/// A shape that is compiled in, of an even network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<const SHIFT: u32, const QUEUE: u32>;

impl<const SHIFT: u32, const QUEUE: u32> Layout for Known<SHIFT, QUEUE> {
    const EVEN: bool = true;

    #[inline]
    fn shift(self) -> u32 {
        SHIFT
    }

    #[inline]
    fn queue_shift(self) -> u32 {
        QUEUE
    }
}

/// Any shape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Any {
    pub(super) shift: u32,
    pub(super) queue_shift: u32,
}

impl Layout for Any {
    const EVEN: bool = false;

    #[inline]
    fn shift(self) -> u32 {
        self.shift
    }

    #[inline]
    fn queue_shift(self) -> u32 {
        self.queue_shift
    }
}

/// Any shape, of a network with flights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Light(pub(super) Any);

impl Layout for Light {
    const EVEN: bool = false;
    const FLIES: bool = true;

    #[inline]
    fn shift(self) -> u32 {
        self.0.shift
    }

    #[inline]
    fn queue_shift(self) -> u32 {
        self.0.queue_shift
    }
}

/// Does something for the shape of a network: `known!(fixed, layout => expression)`.
macro_rules! known {
    ($fixed:expr, $layout:ident => $done:expr) => {
        match ($fixed.even, $fixed.shift, $fixed.queue_shift) {
            (true, 1, 3) => known!(@ Known::<1, 3>, $layout => $done),
            (true, 1, 4) => known!(@ Known::<1, 4>, $layout => $done),
            (true, 2, 3) => known!(@ Known::<2, 3>, $layout => $done),
            (true, 2, 4) => known!(@ Known::<2, 4>, $layout => $done),
            (true, 3, 3) => known!(@ Known::<3, 3>, $layout => $done),
            (_, shift, queue_shift) => known!(@ Any { shift, queue_shift }, $layout => $done),
        }
    };
    (@ $shape:expr, $layout:ident => $done:expr) => {{
        let $layout = $shape;
        $done
    }};
}
pub(super) use known;
