//! Quantities with units, such as `"1.755 GHz"`, read exactly: decimal digits become integers or
//! fractions, never floating point.
//!
//! A number is `digits`, `digits.digits`, or either of them divided by whole `digits`
//! (`"100/3 MHz"`). Decimal prefixes are powers of 1000, `Ki`, `Mi`, ... powers of 1024; `b` is a
//! bit and `B` a byte.

use core::fmt;

use base::Fs;
use base::math::gcd;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Units of one kind: name, and its worth in the kind's base unit as (numerator, denominator).
struct Kind {
    /// What it measures, with article.
    what: &'static str,
    /// One that is right.
    example: &'static str,
    /// The base unit, for messages.
    base: &'static str,
    units: &'static [(&'static str, u128, u128)],
    /// The least and the greatest accepted, in the base unit.
    range: (u64, u64),
}

const K: u128 = 1_000;
const M: u128 = 1_000_000;
const G: u128 = 1_000_000_000;
const T: u128 = 1_000_000_000_000;
const KI: u128 = 1 << 10;
const MI: u128 = 1 << 20;
const GI: u128 = 1 << 30;

static FREQUENCY: Kind = Kind {
    what: "a frequency",
    example: "1.755 GHz",
    base: "Hz",
    units: &[("Hz", 1, 1), ("kHz", K, 1), ("MHz", M, 1), ("GHz", G, 1)],
    range: (1, 1_000_000_000_000),
};
static SPAN: Kind = Kind {
    what: "a time",
    example: "120 ns",
    base: "fs",
    units: &[("fs", 1, 1), ("ps", K, 1), ("ns", M, 1), ("us", G, 1), ("ms", T, 1), ("s", K * T, 1)],
    range: (0, Fs::PER_SECOND),
};
static RATE: Kind = Kind {
    what: "a rate",
    example: "106.25 Gb/s",
    base: "b/s",
    units: &[
        ("b/s", 1, 1),
        ("kb/s", K, 1),
        ("Mb/s", M, 1),
        ("Gb/s", G, 1),
        ("Tb/s", T, 1),
        ("B/s", 8, 1),
        ("kB/s", 8 * K, 1),
        ("MB/s", 8 * M, 1),
        ("GB/s", 8 * G, 1),
        ("TB/s", 8 * T, 1),
        ("GiB/s", 8 * GI, 1),
    ],
    range: (1_000_000, 1_000_000_000_000_000),
};
static SIZE: Kind = Kind {
    what: "a size",
    example: "4 MiB",
    base: "B",
    units: &[
        ("B", 1, 1),
        ("kB", K, 1),
        ("MB", M, 1),
        ("GB", G, 1),
        ("KiB", KI, 1),
        ("MiB", MI, 1),
        ("GiB", GI, 1),
    ],
    range: (1, 1 << 48),
};
static ROOM: Kind = Kind { range: (0, 1 << 48), ..SIZE };
static LENGTH: Kind = Kind {
    what: "a length",
    example: "1.5 m",
    base: "um",
    units: &[("um", 1, 1), ("mm", K, 1), ("cm", 10 * K, 1), ("m", M, 1), ("km", G, 1)],
    range: (0, 100_000_000_000),
};
static DELAY: Kind = Kind {
    what: "a delay per length",
    example: "4.6 ns/m",
    base: "fs/m",
    units: &[("fs/m", 1, 1), ("ps/m", K, 1), ("ns/m", M, 1), ("us/m", G, 1), ("ps/mm", M, 1)],
    range: (0, 1_000_000_000),
};

static ENERGY: Kind = Kind {
    what: "an energy per bit",
    example: "0.5 pJ/bit",
    base: "fJ/bit",
    units: &[("fJ/bit", 1, 1), ("pJ/bit", K, 1), ("nJ/bit", M, 1)],
    range: (0, 1_000_000_000),
};

/// A frequency in hertz as a reduced fraction (numerator, denominator); 1 Hz to 1 THz.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frequency(pub (u64, u64));
/// A span of time, exact to the femtosecond; up to 1 s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Span(pub Fs);
/// A rate in whole bits a second; 1 Mb/s to 1000 Tb/s.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate(pub u64);
/// A size in whole bytes; 1 B to 2^48 B.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size(pub u64);
/// A size in whole bytes that may be none; up to 2^48 B.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Room(pub u64);
/// A length in whole micrometres; up to 100 km.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Length(pub u64);
/// Propagation delay in whole femtoseconds a metre; up to 1 us/m.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delay(pub u64);

/// Energy in whole femtojoules a bit; up to 1 uJ/bit.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct JoulesPerBit(pub u64);

/// Why a quantity was not understood. Prints the reason, then the mend on a line of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitError {
    reason: String,
    mend: String,
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.reason, self.mend)
    }
}

impl core::error::Error for UnitError {}

/// The value in the base unit as a reduced fraction, within the kind's range.
fn fraction(text: &str, kind: &Kind) -> Result<(u128, u128), UnitError> {
    let shown: String = text.chars().take(40).collect();
    let like = format!("write it like \"{}\"", kind.example);
    let bad = |why: String, mend: String| UnitError {
        reason: format!("{shown:?} is not {}: {why}", kind.what),
        mend,
    };
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_' || c == '/'))
        .unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].trim());
    let Some((num, den)) = number_of(number) else {
        return Err(bad("it must start with a plain decimal number".to_owned(), like));
    };
    let Some(&(_, worth, part)) = kind.units.iter().find(|(name, ..)| *name == unit) else {
        let units: Vec<&str> = kind.units.iter().map(|(name, ..)| *name).collect();
        let why = if unit.is_empty() {
            "the unit is missing".to_owned()
        } else {
            format!("unknown unit `{}`", unit.chars().take(16).collect::<String>())
        };
        return Err(bad(why, format!("{like}; units are {}", units.join(", "))));
    };
    let (num, den) = (num * worth, den * part);
    let shared = gcd(num, den).max(1);
    let (num, den) = (num / shared, den / shared);
    let (least, most) = (u128::from(kind.range.0), u128::from(kind.range.1));
    if num < least * den || num > most * den {
        return Err(bad(
            "it is out of range".to_owned(),
            format!("use a value from {least} {} to {most} {}", kind.base, kind.base),
        ));
    }
    Ok((num, den))
}

/// A decimal number, or two of them divided, as a fraction; at most 15 digits each.
fn number_of(text: &str) -> Option<(u128, u128)> {
    let (over, under) = text.split_once('/').unwrap_or((text, "1"));
    let (whole, part) = over.split_once('.').unwrap_or((over, ""));
    if over.ends_with('.') {
        return None;
    }
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let plain: String = whole.chars().filter(|c| *c != '_').collect();
    if plain.is_empty() || plain.len() + part.len() > 15 || under.len() > 15 {
        return None;
    }
    if !digits(&plain) || !digits(part) || !digits(under) {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(part.len()).ok()?);
    let num = format!("{plain}{part}").parse::<u128>().ok()?;
    let den = under.parse::<u128>().ok()?;
    (den != 0).then_some((num, scale * den))
}

/// The value as a whole number of base units.
fn whole(text: &str, kind: &Kind) -> Result<u64, UnitError> {
    let (num, den) = fraction(text, kind)?;
    match u64::try_from(num) {
        Ok(n) if den == 1 => Ok(n),
        _ => Err(UnitError {
            reason: format!("{text:?} is not a whole number of {}", kind.base),
            mend: format!("round it to a whole number of {}", kind.base),
        }),
    }
}

macro_rules! quantity {
    ($name:ident, $kind:ident, $text:ident => $make:expr) => {
        impl core::str::FromStr for $name {
            type Err = UnitError;
            fn from_str($text: &str) -> Result<Self, UnitError> {
                $make
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "{} such as \"{}\"", $kind.what, $kind.example)
                    }
                    fn visit_str<E: Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                d.deserialize_str(Text)
            }
        }
    };
}

quantity!(Frequency, FREQUENCY, text => {
    let (num, den) = fraction(text, &FREQUENCY)?;
    match (u64::try_from(num), u64::try_from(den)) {
        (Ok(num), Ok(den)) if num <= 1 << 60 && den <= 1 << 40 => Ok(Self((num, den))),
        _ => Err(UnitError {
            reason: format!("{text:?} is too fine a fraction"),
            mend: "use fewer digits".to_owned(),
        }),
    }
});
quantity!(Span, SPAN, text => whole(text, &SPAN).map(|n| Self(Fs(n))));
quantity!(Rate, RATE, text => whole(text, &RATE).map(Self));
quantity!(Size, SIZE, text => whole(text, &SIZE).map(Self));
quantity!(Room, ROOM, text => whole(text, &ROOM).map(Self));
quantity!(Length, LENGTH, text => whole(text, &LENGTH).map(Self));
quantity!(Delay, DELAY, text => whole(text, &DELAY).map(Self));
quantity!(JoulesPerBit, ENERGY, text => whole(text, &ENERGY).map(Self));

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantities_are_read_exactly() {
        assert_eq!("1.755 GHz".parse(), Ok(Frequency((1_755_000_000, 1))));
        assert_eq!("100/3 MHz".parse(), Ok(Frequency((100_000_000, 3))));
        assert_eq!("0.1 ns".parse(), Ok(Span(Fs(100_000))));
        assert_eq!("75.6 ns".parse(), Ok(Span(Fs(75_600_000))));
        assert_eq!("1 s".parse(), Ok(Span(Fs(Fs::PER_SECOND))));
        assert_eq!("0.25 s".parse(), "250 ms".parse::<Span>());
        assert_eq!("106.25 Gb/s".parse(), Ok(Rate(106_250_000_000)));
        assert_eq!("25GB/s".parse(), Ok(Rate(200_000_000_000)));
        assert_eq!("4 MiB".parse(), Ok(Size(4_194_304)));
        assert_eq!("1.5 m".parse(), Ok(Length(1_500_000)));
        assert_eq!("4.6 ns/m".parse(), Ok(Delay(4_600_000)));
        assert_eq!("150 ps/mm".parse(), Ok(Delay(150_000_000)));
        assert_eq!("16_384 B".parse(), Ok(Size(16_384)));
    }

    #[test]
    fn what_is_not_a_quantity_is_refused() {
        for bad in ["", "ns", "1", "1 S", "-1 ns", "1e3 ns", "1. ns", ".5 ns", "1/0 ns", "1 2 ns"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?}");
        }
        for bad in
            ["0.5 fs", "2000 ms", "2 s", "9999999999999999 fs", "1.00000000000000001 ns", "٣ ns"]
        {
            assert!(bad.parse::<Span>().is_err(), "{bad:?}");
        }
        assert!("0 GHz".parse::<Frequency>().is_err());
        assert!("1 B".parse::<Rate>().is_err(), "a size is not a rate");
        assert!("0.5 B".parse::<Size>().is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]
        #[test]
        fn decimals_keep_every_digit(whole in 0_u64..1_000, part in 0_u64..1_000_000) {
            let span: Span = format!("{whole}.{part:06} ns").parse().expect("valid");
            prop_assert_eq!(span.0.0, whole * 1_000_000 + part);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<Span>();
            let _ = text.parse::<Frequency>();
        }
    }
}
