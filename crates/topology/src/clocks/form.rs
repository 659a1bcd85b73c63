//! A clock as described.

use core::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::units::{Frequency, Span};

/// A clock domain: a frequency, or a structure of these.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self", rename = "Clock")]
pub struct Clock {
    /// Its frequency, if it is a reference: an oscillator of its own.
    #[serde(default)]
    pub frequency: Option<Frequency>,
    /// The clock that it is made from, if it is no reference.
    #[serde(default)]
    pub parent: Option<String>,
    /// Its frequency over its parent's, exactly: (multiplier, divider), 1 to 2^20 each.
    #[serde(default = "same")]
    pub ratio: (u32, u32),
    /// The instant of its first edge, after its parent's.
    #[serde(default)]
    pub phase: Span,
    /// How much later than its parent's edges its own come: the insertion delay of its tree. Adds to
    /// `phase`.
    #[serde(default)]
    pub skew: Span,
    /// By how many parts in a million a reference is off, -100,000 to 100,000: its real frequency is that much
    /// higher.
    #[serde(default)]
    pub ppm: i32,
    /// How a reference wanders.
    #[serde(default)]
    pub drift: Option<DriftForm>,
    /// Spread spectrum; everything that is made from this clock has it too.
    #[serde(default)]
    pub spread: Option<SpreadForm>,
    /// Standard deviation of the jitter of its edges.
    #[serde(default)]
    pub jitter: Span,
    /// When it changes its frequency.
    #[serde(default)]
    pub changes: Vec<ChangeForm>,
    /// Whether its frequency may be changed while the machine runs, by what controls it.
    #[serde(default)]
    pub tunable: bool,
}

const fn same() -> (u32, u32) {
    (1, 1)
}

/// How an oscillator wanders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftForm {
    /// The furthest from its frequency, in parts in a thousand million; 1 to 1,000,000.
    pub ppb: u32,
    /// How long the frequency stays the same; 1 us to 1 s.
    pub every: Span,
}

/// Spread spectrum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpreadForm {
    /// Which way.
    pub direction: SpreadDirection,
    /// The whole width, in parts in a million; 1 to 50,000.
    pub ppm: u32,
    /// Frequency of the triangular modulation; 1 Hz to 1 MHz.
    pub rate: Frequency,
}

/// Which way a frequency is spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub enum SpreadDirection {
    /// From the nominal frequency down.
    Down,
    /// Half to each side.
    Centre,
}

/// A change of frequency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeForm {
    /// When: the first edge from then on is the last of the old period and the first of the new.
    pub at: Span,
    /// The new nominal frequency.
    pub frequency: Frequency,
}

impl Clock {
    /// An ideal reference.
    pub fn ideal(frequency: Frequency) -> Self {
        Self {
            frequency: Some(frequency),
            parent: None,
            ratio: same(),
            phase: Span::default(),
            skew: Span::default(),
            ppm: 0,
            drift: None,
            spread: None,
            jitter: Span::default(),
            changes: Vec::new(),
            tunable: false,
        }
    }
}

impl<'de> Deserialize<'de> for Clock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Clock;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a frequency such as \"1.755 GHz\", or (frequency: .., phase: ..)")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Clock, E> {
                Ok(Clock::ideal(text.parse().map_err(E::custom)?))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Clock, A::Error> {
                Clock::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
