//! A framed link with every field filled in.

use base::Fs;

use super::form::{Chance, Credits, Modulation, Undetected};

/// A framed link: see [`FramedForm`](super::FramedForm) for what each field is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PhySpec {
    /// The class behind it, if any.
    pub class: Option<String>,
    /// Lanes in each direction, 1 to 1024.
    pub lanes: u32,
    /// Raw bits a second of a lane.
    pub lane_bits_per_s: u64,
    /// Modulation.
    pub modulation: Modulation,
    /// Bits of a frame for flits.
    pub payload_bits: u32,
    /// Bits of a frame for its header.
    pub header_bits: u32,
    /// Bits of a frame for its CRC.
    pub crc_bits: u32,
    /// Bits of a frame for its parity.
    pub parity_bits: u32,
    /// Bits of a frame for line coding.
    pub sync_bits: u32,
    /// Bits of a slot.
    pub slot_bits: u32,
    /// Whether flits may lie across frames.
    pub straddle: bool,
    /// VCs at most of which a header returns credits.
    pub credits: u32,
    /// Whose the buffers at the receiver are; the router's choice where `None`.
    pub credit_pools: Option<Credits>,
    /// How flits lie in blocks of packets; `None` if each lies by itself.
    pub block: Option<Block>,
    /// The code; `None` if nothing is corrected.
    pub code: Option<Code>,
    /// Both SerDes.
    pub serdes: Fs,
    /// FEC beyond the frame's time, both ends.
    pub fec: Fs,
    /// Propagation a metre.
    pub flight_per_m: Fs,
    /// The greatest length in micrometres.
    pub reach_um: Option<u64>,
    /// Bit error rate before correction.
    pub ber: Chance,
    /// Bursts.
    pub burst: Option<Burst>,
    /// Replay.
    pub replay: Replay,
    /// Spare lanes.
    pub spare_lanes: u32,
    /// Widths to fall back to.
    pub widths: Vec<u32>,
    /// Failures of a lane an hour.
    pub lane_failures_per_hour: Chance,
    /// Bits of a skip, and frames between two.
    pub skip: Option<(u32, u32)>,
    /// Clock tolerance; `None` with a common clock.
    pub elastic: Option<Elastic>,
    /// Femtojoules a bit of frames with flits, and of idle fill.
    pub energy_fj_per_bit: (u64, u64),
}

/// Blocks: a header, flits of one packet, a check, and fill up to a whole number of units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Slots of a unit.
    pub unit_slots: u32,
    /// Slots of a block at most, a whole number of units.
    pub slots: u32,
    /// Slots of the header of a packet's first block.
    pub header_slots: u32,
    /// The same of its others.
    pub next_header_slots: u32,
    /// Slots of the check.
    pub check_slots: u32,
}

/// A block code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code {
    /// Symbols of a codeword.
    pub symbols: u32,
    /// Bits of a symbol.
    pub symbol_bits: u32,
    /// Wrong symbols mended, at least 1.
    pub strength: u32,
    /// Codewords of a frame.
    pub codewords: u32,
    /// Codewords that share a burst; divides `codewords`.
    pub interleave: u32,
}

/// Bursts on a lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Burst {
    /// Chance that one begins at a bit of the lane.
    pub rate: Chance,
    /// Mean bits, at least 1.
    pub mean_bits: Chance,
    /// Chance that a bit in it is wrong.
    pub error: Chance,
}

/// Go-back-N.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replay {
    /// Strength of the CRC in bits, at most 64.
    pub crc_bits: u32,
    /// What becomes of what it misses.
    pub undetected: Undetected,
    /// Bits of a sequence number, 2 to 32.
    pub sequence_bits: u32,
    /// Frames kept, below half of the sequence numbers.
    pub buffer_frames: u32,
    /// Frames after which the receiver acknowledges, at most `buffer_frames`.
    pub ack_every: u32,
    /// How long an ack waits at most.
    pub ack_delay: Fs,
    /// Frames that carry a nak, at least 1.
    pub nak_copies: u32,
    /// Until the sender replays unasked.
    pub timeout: Fs,
    /// Replays in a row before training, at least 1.
    pub retries: u32,
    /// How long training takes.
    pub retrain: Fs,
}

/// Clock tolerance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elastic {
    /// Parts in a million that each end may be off.
    pub ppm: u32,
    /// Bits of a lane that the elastic buffer holds.
    pub buffer_bits: u32,
}

impl PhySpec {
    /// Bits of a frame on the wire.
    pub const fn frame_bits(&self) -> u32 {
        self.payload_bits + self.header_bits + self.crc_bits + self.parity_bits + self.sync_bits
    }

    /// Slots of a frame.
    pub const fn slots(&self) -> u32 {
        self.payload_bits / self.slot_bits
    }

    /// Slots that a flit of `bytes` takes.
    pub const fn flit_slots(&self, bytes: u32) -> u32 {
        (bytes * 8).div_ceil(self.slot_bits)
    }

    /// Payload of full frames with flits of `bytes`, over the bits on the wire, skips included: an
    /// exact fraction.
    pub fn efficiency(&self, bytes: u32) -> (u64, u64) {
        let (slots, flit) = (u64::from(self.slots()), u64::from(self.flit_slots(bytes)));
        let (skip, every) = self.skip.unwrap_or((0, 1));
        let wire = u64::from(self.frame_bits()) * u64::from(every) + u64::from(skip);
        let bits = u64::from(bytes) * 8;
        if let Some(b) = self.block {
            // Of a long packet, all but whose first block are such.
            let around = u64::from(b.next_header_slots + b.check_slots);
            let flits = (u64::from(b.slots) - around) / flit;
            let taken = (around + flits * flit).next_multiple_of(b.unit_slots.into());
            return (flits * bits * slots * u64::from(every), wire * taken);
        }
        if self.straddle {
            (bits * slots * u64::from(every), wire * flit)
        } else {
            (slots / flit * bits * u64::from(every), wire)
        }
    }

    /// Parts in a million that the clocks of both ends together may be apart, by the skips and the
    /// elastic buffer: the drift between two skips must fit into half of the buffer, and a skip must
    /// make up for it. `None` if nothing bounds it.
    pub fn ppm_budget(&self) -> Option<u64> {
        let elastic = self.elastic?;
        let (skip, every) = self.skip?;
        let between = u64::from(self.frame_bits()) * u64::from(every) + u64::from(skip);
        let lane = u64::from(self.lanes);
        // A bit for rounding: skips are made longer and shorter by whole bits.
        let room = (u64::from(elastic.buffer_bits) / 2).saturating_sub(1) * lane;
        Some(u64::from(skip).min(room) * 1_000_000 / between)
    }
}
