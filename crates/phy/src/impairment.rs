//! The seam for what goes wrong on a link.

use base::{Fs, LinkIdx};

/// Decides what happens to a flit on a link beyond the clean delay. Static dispatch: a lossless
/// machine pays nothing for the seam.
pub trait Impairment {
    /// Extra time that `link` needs to deliver its `count`-th flit, which starts at `start`:
    /// retransmissions, retraining. Charged to `Part::Replay`; later flits queue behind it.
    fn replay(&mut self, link: LinkIdx, count: u64, start: Fs) -> Fs;
}

/// Every flit arrives at the first try.
#[derive(Clone, Copy, Default, Debug, serde::Serialize, serde::Deserialize)]
pub struct Lossless;

impl Impairment for Lossless {
    #[inline]
    fn replay(&mut self, _link: LinkIdx, _count: u64, _start: Fs) -> Fs {
        Fs::ZERO
    }
}
