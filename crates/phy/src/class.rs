//! The parameters of a framed link: plain data, as a class table or a topology gives them.

use base::Fs;
use base::math::gcd;

use crate::{Code, Elastic, Noise, Shape};

/// What one direction of a framed link is made of.
#[derive(Clone, PartialEq, Debug)]
pub struct FrameClass {
    /// How flits lie in frames.
    pub layout: Layout,
    /// Lanes in each direction.
    pub lanes: u32,
    /// Raw bits a second of one lane.
    pub lane_bits_per_s: u64,
    /// The code over a frame; [`Code::none`] if nothing is corrected.
    pub code: Code,
    /// What disturbs the lanes.
    pub noise: Noise,
    /// How errors that remain are found and repaired.
    pub replay: Replay,
    /// What lanes there are to fall back on.
    pub spares: Spares,
    /// Skips for clocks that differ.
    pub skip: Option<Skip>,
    /// Bits of a lane that the elastic buffers at the receivers hold; 0 where there are none.
    pub elastic_bits: u32,
    /// By how many parts in a million the clocks of the ends are fast: of the one that sends in direction 0,
    /// and of the one that sends in direction 1. Ends that are alike have one reference.
    pub ppm: [i32; 2],
    /// Energy.
    pub energy: Energy,
}

/// How flits lie in frames.
///
/// Frames follow each other without a gap, so a frame's place in time is its number; what does not
/// carry flits is idle fill. A frame has `slots` slots for flits, evenly spread over its time: a flit
/// takes the next free slot that has not begun when it is handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// Bits of a frame on the wire: payload, header, CRC, FEC, sync.
    pub frame_bits: u32,
    /// Slots of a frame.
    pub slots: u32,
    /// Slots that a flit takes.
    pub flit_slots: u32,
    /// Whether a flit may begin in one frame and end in a later one.
    pub straddle: bool,
    /// VCs at most of which the header of a frame returns credits, each by its running count; at least 1.
    pub credits: u32,
    /// Blocks of packets; where there are none, each flit lies by itself.
    pub block: Option<Block>,
}

/// How flits of a packet lie in blocks, where slots are not flits' alone.
///
/// A block is a header, flits of one packet without a gap, a check, and fill up to a whole number of units. It
/// ends with its packet, with its greatest length, or where the next flit does not follow at once or is of
/// another packet: so short packets, and packets with gaps, cost more of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Slots of a unit; frames are whole numbers of units.
    pub unit_slots: u32,
    /// Slots of a block at most.
    pub slots: u32,
    /// Slots of the header of a packet's first block, and of its others.
    pub header_slots: [u32; 2],
    /// Slots of the check.
    pub check_slots: u32,
}

/// How frames that are lost are found and sent again: go-back-N.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replay {
    /// Bits of the CRC: it misses a lost frame with chance `2^-bits`.
    pub crc_bits: u32,
    /// What a frame that the CRC misses does to its flits.
    pub undetected: Undetected,
    /// Frames with flits that the sender keeps until they are acknowledged, at least 1.
    pub buffer_frames: u32,
    /// Frames after which the receiver acknowledges at the latest, at least 1, at most
    /// `buffer_frames`.
    pub ack_every: u32,
    /// How long an acknowledgement waits for more frames at most.
    pub ack_delay: Fs,
    /// Successive frames that carry a nak.
    pub nak_copies: u32,
    /// From the end of a frame until the sender replays it without having heard of it.
    pub timeout: Fs,
    /// Replays of a frame in a row before the link is retrained.
    pub retries: u32,
    /// How long training takes: nothing passes.
    pub retrain: Fs,
}

/// What an error that nobody noticed does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Undetected {
    /// The packet's own check notices it at the destination: its data are poison.
    Poison,
    /// Nobody does: data are wrong.
    Silent,
}

/// What lanes there are to fall back on.
#[derive(Clone, PartialEq, Debug)]
pub struct Spares {
    /// Spare lanes of each direction.
    pub lanes: u32,
    /// Widths that a link may fall back to, widest first, without the full one.
    pub widths: Vec<u32>,
    /// Failures of a lane a second.
    pub failures_per_s: f64,
}

/// Skips: what is inserted so that clocks may differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Skip {
    /// Bits of a skip on the wire, all lanes together.
    pub bits: u32,
    /// Frames between skips, at least 1.
    pub every_frames: u32,
}

/// Energy of a direction.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Energy {
    /// Femtojoules a bit of a frame with flits, or of a replay.
    pub active_fj_per_bit: u64,
    /// Femtojoules a bit of idle fill.
    pub idle_fj_per_bit: u64,
}

impl FrameClass {
    /// What errors see of a frame.
    pub const fn shape(&self) -> Shape {
        Shape { bits: self.layout.frame_bits, lanes: self.lanes, code: self.code }
    }

    /// The elastic buffers of a direction; none where both ends have one reference.
    pub fn elastic(&self, way: u8) -> Option<Elastic> {
        let [own, other] = [self.ppm[usize::from(way & 1)], self.ppm[usize::from(way & 1 ^ 1)]];
        let skip = self.skip.filter(|_| own != other && self.elastic_bits > 0)?;
        let lanes = u64::from(self.lanes.max(1));
        let bits = u64::from(self.layout.frame_bits) * u64::from(skip.every_frames);
        Some(Elastic {
            depth_bits: self.elastic_bits,
            skip_bits: skip.bits / self.lanes.max(1),
            span_bits: (bits + u64::from(skip.bits)) / lanes,
            bits_per_s: self.lane_bits_per_s,
            ppm: (own, other),
        })
    }

    /// As [`slot_rate`](Self::slot_rate), by the clock of the end that sends in a direction.
    pub fn slot_rate_of(&self, way: u8, lanes: u32) -> Option<(u64, u64)> {
        let (slots, seconds) = self.slot_rate(lanes)?;
        let ppm = self.ppm[usize::from(way & 1)];
        if ppm == 0 {
            return Some((slots, seconds));
        }
        let parts = u128::try_from(1_000_000 + i128::from(ppm)).ok()?;
        let (slots, seconds) = (u128::from(slots) * parts, u128::from(seconds) * 1_000_000);
        let shared = gcd(slots, seconds).max(1);
        Some((u64::try_from(slots / shared).ok()?, u64::try_from(seconds / shared).ok()?))
    }

    /// Slots a second with `lanes` lanes, as a fraction: a frame's slots in the time of its bits, and
    /// of its share of a skip.
    pub fn slot_rate(&self, lanes: u32) -> Option<(u64, u64)> {
        let (every, skip) = self.skip.map_or((1, 0), |s| (s.every_frames, s.bits));
        let bits = u128::from(self.layout.frame_bits) * u128::from(every) + u128::from(skip);
        let rate = u128::from(lanes) * u128::from(self.lane_bits_per_s);
        let slots = rate * u128::from(self.layout.slots) * u128::from(every);
        let shared = gcd(slots, bits).max(1);
        Some((u64::try_from(slots / shared).ok()?, u64::try_from(bits / shared).ok()?))
    }
}

impl Layout {
    /// The number of flits that frames carry when they are full, as flits and frames.
    pub fn full(&self) -> (u32, u32) {
        if self.straddle {
            let shared = gcd(self.slots.into(), self.flit_slots.into());
            let part = |n: u32| u32::try_from(u128::from(n) / shared).unwrap_or(n);
            (part(self.slots), part(self.flit_slots))
        } else {
            (self.slots / self.flit_slots, 1)
        }
    }

    /// Slots that a packet of `flits` flits takes from a frame's beginning, the gaps between them included.
    pub fn slots_of(&self, flits: u32) -> u64 {
        let (flits, n) = (u64::from(flits), u64::from(self.flit_slots));
        if let Some(b) = &self.block {
            let [first, other] = b.header_slots.map(u64::from);
            let (check, unit) = (u64::from(b.check_slots), u64::from(b.unit_slots));
            let room = |header: u64| (u64::from(b.slots) - header - check) / n;
            let slots =
                |header: u64, flits: u64| (header + flits * n + check).next_multiple_of(unit);
            let in_first = flits.min(room(first));
            let rest = flits - in_first;
            let (whole, last) = (rest / room(other), rest % room(other));
            let last = if last > 0 { slots(other, last) } else { 0 };
            return slots(first, in_first) + whole * slots(other, room(other)) + last;
        }
        if self.straddle || flits == 0 {
            return flits * n;
        }
        let (whole, _) = self.full();
        let before = (flits - 1) / u64::from(whole) * u64::from(self.slots);
        before + ((flits - 1) % u64::from(whole) + 1) * n
    }
}
