//! The rate of a link that needs more than a cycle for a flit.

/// Parts of a cycle in which intervals between flits are counted: 2^20.
pub const FRACTION: u32 = 20;

/// The rate of a link, and when it takes the next flit.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Cycles between flits, in parts of 2^-20.
    pub interval: u64,
    /// When the link takes another flit, in the same parts.
    pub free: u64,
}

impl Rate {
    /// Occupies the link with a flit from cycle `depart` on; the first cycle for another.
    #[cold]
    pub fn occupy(&mut self, depart: u64) -> u64 {
        self.free = self.free.max(depart << FRACTION) + self.interval;
        // A flit may start within a cycle in which the one before ends.
        (self.free >> FRACTION).max(depart + 1)
    }
}
