//! The description of a framed link: every field optional, since a class may stand behind it.

use core::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::units::{Delay, JoulesPerBit, Length, Rate, Room, Size, Span};

/// A number from 0 to 1, or a rate a second: a float in a description, such as `1e-15`.
#[derive(Clone, Copy, Default, Debug)]
pub struct Chance(pub f64);

impl PartialEq for Chance {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Chance {}

impl<'de> Deserialize<'de> for Chance {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Chance;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number such as 1e-15")
            }
            fn visit_f64<E: Error>(self, x: f64) -> Result<Chance, E> {
                Ok(Chance(x))
            }
            fn visit_u64<E: Error>(self, x: u64) -> Result<Chance, E> {
                Ok(Chance(x as f64))
            }
        }
        d.deserialize_any(Number)
    }
}

/// A structure of optional fields, and how one is laid over another.
macro_rules! form {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, Debug, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name { $($(#[$of])* pub $field: Option<$kind>,)* }
        impl $name {
            /// Its own fields, and those of `below` where it has none.
            #[must_use]
            pub fn over(&self, below: &Self) -> Self {
                Self { $($field: self.$field.clone().or_else(|| below.$field.clone()),)* }
            }
        }
    };
}

/// How bits are put on a lane. What a lane rate in bits a second means does not depend on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Modulation {
    /// Two levels, a bit a symbol.
    Nrz,
    /// Four levels, two bits a symbol.
    Pam4,
}

/// See [`Replay::undetected`](super::Replay::undetected).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum Undetected {
    /// The packet's own check finds it: its data are poison.
    Poison,
    /// Nobody finds it: data are wrong.
    Silent,
}

/// What a credit of a link is good for: whose the buffers at its receiver are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Credits {
    /// Each VC has its own.
    PerVc,
    /// The VCs of a message class share theirs.
    PerClass {
        /// Flits that each VC has of its own, at least 1.
        reserved_flits: u32,
    },
    /// All VCs share theirs.
    Shared {
        /// Flits that each VC has of its own, at least 1.
        reserved_flits: u32,
    },
}

form! {
    /// What lies in a frame.
    FrameForm {
        /// Room for flits.
        payload: Size,
        /// Header: sequence number, ack, credits.
        header: Room,
        /// Room for the CRC, in bits.
        crc_bits: u32,
        /// Parity of the code, in bits.
        parity_bits: u32,
        /// Line coding and framing, in bits.
        sync_bits: u32,
        /// Flits lie on multiples of it; 4 B, or 1 B, where not given.
        slot: Size,
        /// Whether a flit may begin in one frame and end in the next.
        straddle: bool,
        /// VCs at most of which a header returns credits, each by its count.
        credits: u32,
    }
}

form! {
    /// Blocks: stretches of one packet's flits, each with a header and a check of its own, that end with the
    /// packet.
    BlockForm {
        /// Blocks begin and end on multiples of it.
        unit: Size,
        /// Units of a block at most.
        units: u32,
        /// Header of a packet's first block.
        header: Room,
        /// Header of its other blocks; as of the first where not given.
        next_header: Room,
        /// Check at the end of a block.
        check: Room,
    }
}

form! {
    /// A block code over a frame.
    CodeForm {
        /// Symbols of a codeword.
        symbols: u32,
        /// Bits of a symbol.
        symbol_bits: u32,
        /// Wrong symbols that are mended; 0 is no code.
        strength: u32,
        /// Codewords of a frame.
        codewords: u32,
        /// Codewords that share a burst.
        interleave: u32,
    }
}

form! {
    /// Bursts of errors on a lane.
    BurstForm {
        /// Chance that one begins at a bit of the lane.
        rate: Chance,
        /// Mean length in bits.
        mean_bits: Chance,
        /// Chance that a bit in it is wrong.
        error: Chance,
    }
}

form! {
    /// How lost frames are found and sent again.
    ReplayForm {
        /// Strength of the CRC in bits.
        crc_bits: u32,
        /// What becomes of what it misses.
        undetected: Undetected,
        /// Bits of a sequence number.
        sequence_bits: u32,
        /// Frames that the sender keeps.
        buffer_frames: u32,
        /// Frames after which the receiver acknowledges at the latest.
        ack_every: u32,
        /// How long an ack waits at most.
        ack_delay: Span,
        /// Successive frames that carry a nak.
        nak_copies: u32,
        /// Until the sender replays unasked.
        timeout: Span,
        /// Replays in a row before training.
        retries: u32,
        /// How long training takes.
        retrain: Span,
    }
}

form! {
    /// Skips between frames.
    SkipForm {
        /// Bits of a skip, all lanes together.
        bits: u32,
        /// Frames between skips.
        every_frames: u32,
    }
}

form! {
    /// What clocks at both ends may differ by.
    ElasticForm {
        /// Parts in a million that each end may be off.
        ppm: u32,
        /// Depth of the receiver's elastic buffer in bits of a lane; half of it either way.
        buffer_bits: u32,
    }
}

form! {
    /// Energy of a bit.
    EnergyForm {
        /// Of frames with flits.
        active: JoulesPerBit,
        /// Of idle fill.
        idle: JoulesPerBit,
    }
}

/// A framed link. Structures are laid over those of the class field by field.
#[derive(Clone, Default, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FramedForm {
    /// The class behind it; without one every field is needed that has no default.
    pub class: Option<String>,
    /// Lanes in each direction.
    pub lanes: Option<u32>,
    /// Raw rate of a lane.
    pub lane_rate: Option<Rate>,
    /// How bits are put on a lane.
    pub modulation: Option<Modulation>,
    /// What lies in a frame.
    pub frame: FrameForm,
    /// Blocks of packets in the frames; none where not given.
    pub block: BlockForm,
    /// The code over it; none where not given.
    pub code: CodeForm,
    /// SerDes at both ends together.
    pub serdes: Option<Span>,
    /// FEC beyond the frame's own time, both ends; none where not given.
    pub fec: Option<Span>,
    /// Propagation delay per length.
    pub flight: Option<Delay>,
    /// The greatest length; any where not given.
    pub reach: Option<Length>,
    /// Bit error rate before correction.
    pub ber: Option<Chance>,
    /// Bursts; none where not given.
    pub burst: BurstForm,
    /// Replay.
    pub replay: ReplayForm,
    /// Spare lanes; none where not given.
    pub spare_lanes: Option<u32>,
    /// Widths to fall back to; none where not given.
    pub widths: Option<Vec<u32>>,
    /// Failures of a lane an hour; none where not given.
    pub lane_failures_per_hour: Option<Chance>,
    /// Skips; none where not given.
    pub skip: SkipForm,
    /// Clock tolerance; a common clock where not given.
    pub elastic: ElasticForm,
    /// Energy; not counted where not given.
    pub energy: EnergyForm,
    /// Buffer of each VC at the receiver, in flits.
    pub buffer_flits: Option<u32>,
    /// Whose these buffers are; as `router: (buffers: ..)` says where not given.
    pub credits: Option<Credits>,
}
