//! What a link can carry and how long it takes, as the elaborated figures say; credits needed.

use base::Fs;

use crate::spec::{End, Link, LinkTiming, MachineSpec};

/// The period of the clock at the sending end, as a fraction of femtoseconds.
fn period(spec: &MachineSpec, end: End) -> (u128, u128) {
    let (num, den) = spec.domains[clock(spec, end).at()].hertz;
    (u128::from(Fs::PER_SECOND) * u128::from(den), u128::from(num))
}

/// `cycles` of the clock at `end`, rounded up to femtoseconds.
fn cycles(spec: &MachineSpec, end: End, cycles: u32) -> u64 {
    let (num, den) = period(spec, end);
    narrow((u128::from(cycles) * num).div_ceil(den))
}

fn narrow(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}

/// Payload bits a second, rounded down.
pub(super) fn payload_bits_per_s(spec: &MachineSpec, link: &Link) -> u64 {
    match &spec.fabric.classes[link.class].timing {
        LinkTiming::OnDie { interval_cycles, .. } => {
            let (num, den) = period(spec, link.from);
            let bits = u128::from(spec.flit_bytes) * 8 * u128::from(Fs::PER_SECOND) * den;
            narrow(bits / (num * u128::from(*interval_cycles)))
        }
        LinkTiming::Serial { lanes, lane_bits_per_s, efficiency: (num, den), .. } => {
            let raw = u128::from(*lanes) * u128::from(*lane_bits_per_s);
            narrow(raw * u128::from(*num) / u128::from(*den))
        }
    }
}

/// One-way latency of a flit over a link, in femtoseconds each.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Split {
    pub(super) serialization: u64,
    pub(super) serdes: u64,
    pub(super) fec: u64,
    /// Of a wire on a die: all of it.
    pub(super) flight: u64,
}

impl Split {
    pub(super) const fn total(&self) -> u64 {
        self.serialization + self.serdes + self.fec + self.flight
    }
}

pub(super) fn split(spec: &MachineSpec, link: &Link) -> Split {
    match &spec.fabric.classes[link.class].timing {
        LinkTiming::OnDie { latency_cycles, .. } => {
            Split { flight: cycles(spec, link.from, *latency_cycles), ..Split::default() }
        }
        LinkTiming::Serial { lanes, lane_bits_per_s, efficiency, serdes, fec, flight_per_m } => {
            let (num, den) = *efficiency;
            let bits = u128::from(spec.flit_bytes) * 8 * u128::from(den);
            let rate = u128::from(*lanes) * u128::from(*lane_bits_per_s) * u128::from(num);
            let flight = u128::from(link.length_um) * u128::from(flight_per_m.0) / 1_000_000;
            let flit = narrow((bits * u128::from(Fs::PER_SECOND)).div_ceil(rate));
            Split {
                serialization: frame(spec, link).unwrap_or(flit),
                serdes: serdes.0,
                fec: fec.0,
                flight: narrow(flight),
            }
        }
    }
}

/// Femtoseconds of a frame, if the link has frames: a flit leaves with its frame.
fn frame(spec: &MachineSpec, link: &Link) -> Option<u64> {
    let s = spec.fabric.classes[link.class].phy.as_ref()?;
    let bits = u128::from(s.frame_bits()) * u128::from(Fs::PER_SECOND);
    let rate = u128::from(s.lanes) * u128::from(s.lane_bits_per_s);
    Some(narrow(bits.div_ceil(rate)))
}

/// Femtoseconds between flits at full rate.
fn interval(spec: &MachineSpec, link: &Link) -> u64 {
    match &spec.fabric.classes[link.class].timing {
        LinkTiming::OnDie { interval_cycles, .. } => cycles(spec, link.from, *interval_cycles),
        LinkTiming::Serial { lanes, lane_bits_per_s, efficiency: (num, den), .. } => {
            let bits = u128::from(spec.flit_bytes) * 8 * u128::from(*den);
            let rate = u128::from(*lanes) * u128::from(*lane_bits_per_s) * u128::from(*num);
            narrow((bits * u128::from(Fs::PER_SECOND)).div_ceil(rate))
        }
    }
    .max(1)
}

/// Flits of buffer that one VC needs to keep the link full by itself: the credit loop divided by the
/// time of a flit.
///
/// The loop: switch traversal at the sender, the flit's way over the link, the receiver's clock
/// crossing, its route computation and both allocations (the credit leaves one cycle after the
/// grant; a node takes a flit in one cycle), the credit's way back over the reverse link, the
/// crossing there, and the processing of the credit. Crossings count a full period of alignment on
/// top of the synchronizer. On a framed link a flit takes a frame, and a credit waits for the next
/// frame back, and takes that.
pub(super) fn flits_needed(spec: &MachineSpec, link: &Link) -> u64 {
    let r = &spec.router;
    let crossing = match spec.fabric.classes[link.class].timing {
        LinkTiming::OnDie { .. } => 0,
        LinkTiming::Serial { .. } => crossing_edges(spec, link),
    };
    let drain = match link.to {
        End::Router(..) => r.rc_cycles + r.va_cycles + r.sa_cycles + 1,
        End::Node(..) => 1,
    };
    let send = match link.from {
        End::Router(..) => r.st_cycles + r.credit_cycles,
        End::Node(..) => 1,
    };
    let there = split(spec, link).total() + cycles(spec, link.to, crossing + drain);
    let header = frame(spec, link).unwrap_or(0);
    let back = header + split(spec, link).total() + cycles(spec, link.from, crossing + send);
    (there + back).div_ceil(interval(spec, link))
}

/// The clock at the end of a link.
pub(super) fn clock(spec: &MachineSpec, end: End) -> base::DomainIdx {
    match end {
        End::Node(..) => spec.accelerator.clock,
        End::Router(r, _) => spec.fabric.routers[r.at()].clock,
    }
}

/// Edges of a crossing at most: a period until the first edge, and those of the synchronizer.
fn crossing_edges(spec: &MachineSpec, link: &Link) -> u32 {
    1 + spec.crossing(clock(spec, link.from), clock(spec, link.to)).edges()
}

/// Places of a crossing's FIFO that keep it from holding up the link: a place is taken from the write
/// to the edge of the writer that sees it read, while flits come as often as the link and both clocks
/// let them. `None` where the crossing is no FIFO.
pub(super) fn places_needed(spec: &MachineSpec, link: &Link) -> Option<(u32, u64)> {
    let (from, to) = (clock(spec, link.from), clock(spec, link.to));
    let depth = spec.crossing(from, to).fifo_depth()?;
    let turns = crossing_edges(spec, link);
    let taken = cycles(spec, link.to, turns) + cycles(spec, link.from, turns);
    let edge = cycles(spec, link.to, 1).max(cycles(spec, link.from, 1));
    Some((depth, taken.div_ceil(interval(spec, link).max(edge))))
}
