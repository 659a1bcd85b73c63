//! The parameters of one direction of a link.

use base::Fs;
use base::math::gcd;
use clock::{Crossing, Domain, Edge};

/// How a link moves a flit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timing {
    /// A wire within one clock domain.
    OnDie {
        /// Edges from sending to visibility, at least 1.
        latency_cycles: u32,
        /// Edges between flits, at least 1.
        interval_cycles: u32,
    },
    /// A serial link.
    Serial {
        /// Femtoseconds to put one flit on the wire, as an exact fraction.
        flit_time: (u64, u64),
        /// Both SerDes.
        serdes: Fs,
        /// Forward error correction, both ends.
        fec: Fs,
        /// Propagation.
        flight: Fs,
    },
    /// A framed link: see [`FrameClass`](crate::FrameClass).
    Framed {
        /// Its number among the framed directions; set by [`Links`](crate::Links).
        at: u32,
        /// Both SerDes.
        serdes: Fs,
        /// Forward error correction, both ends, beyond the time of the frame itself.
        fec: Fs,
        /// Propagation.
        flight: Fs,
    },
}

impl Timing {
    /// A serial link by its rate: `lanes * lane_bits_per_s * efficiency` bits of payload a second.
    ///
    /// `None` if the rate is zero or the numbers leave 64 bits.
    pub fn serial(
        flit_bits: u32,
        payload_bits_per_s: (u64, u64),
        serdes: Fs,
        fec: Fs,
        flight: Fs,
    ) -> Option<Self> {
        let (rate, per) = payload_bits_per_s;
        let numer = u128::from(flit_bits) * u128::from(Fs::PER_SECOND) * u128::from(per);
        if rate == 0 || numer == 0 {
            return None;
        }
        let shared = gcd(numer, u128::from(rate));
        let flit_time =
            (u64::try_from(numer / shared).ok()?, u64::try_from(u128::from(rate) / shared).ok()?);
        Some(Self::Serial { flit_time, serdes, fec, flight })
    }
}

/// One direction of a link, with the clocks at its ends.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkParams {
    /// How it moves a flit.
    pub timing: Timing,
    /// The sender's clock.
    pub sender: Domain,
    /// The receiver's clock and synchronizer. Within one domain the synchronizer has no edges.
    pub receiver: Crossing,
    /// The way of a credit back into the sender's clock.
    pub credit: Crossing,
    /// Edges that the sender needs to process a credit before it counts.
    pub credit_cycles: u32,
    /// Places of the FIFO into the receiver's clock, whose pointers take the receiver's and the credits'
    /// synchronizers; `None`: whatever comes has room. Not of on-die wires.
    pub fifo_depth: Option<u32>,
}

impl LinkParams {
    /// The least time from the instant at which a flit, or a credit, is handed over to that at which it is
    /// seen at the other end: what a crossing and a frame add is left out.
    pub fn latency_min(&self) -> Fs {
        match self.timing {
            Timing::Serial { serdes, fec, flight, .. }
            | Timing::Framed { serdes, fec, flight, .. } => serdes + fec + flight,
            Timing::OnDie { .. } => Fs::ZERO,
        }
    }

    /// The edge of the sender's clock at which a credit counts that leaves at `at` of the
    /// receiver's clock. On a framed link it is told by the frame that `told` gives the end of for
    /// the instant at which it leaves.
    #[inline]
    pub(crate) fn credit_visible(&self, at: Edge, told: impl FnOnce(u32, Fs) -> Fs) -> Edge {
        let arrival = match self.timing {
            Timing::Framed { at: number, serdes, fec, flight } => {
                let end = told(number, self.receiver.to.instant(at));
                if end == Fs::NEVER {
                    return Edge::NEVER;
                }
                self.credit.visible(end + serdes + fec + flight)
            }
            Timing::OnDie { latency_cycles, .. } => at.plus(latency_cycles),
            Timing::Serial { serdes, fec, flight, .. } => {
                self.credit.visible(self.receiver.to.instant(at) + serdes + fec + flight)
            }
        };
        arrival.plus(self.credit_cycles)
    }
}
