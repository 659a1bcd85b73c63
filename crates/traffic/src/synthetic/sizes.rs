//! How long packets are.

use core::fmt;
use core::str::FromStr;

use super::draws::Draws;
use super::error::SyntheticError;
use super::text::shown;
use super::weighted::Weighted;

/// Flits of a packet.
const FLITS_MAX: u32 = 65535;

/// Packet lengths in flits, drawn in proportion to their weights.
///
/// As text: `5`, or `1:0.5,5:0.5`; weights need not add up to 1, and are 1 if not said.
#[derive(Clone, Debug)]
pub struct PacketSizes {
    /// As they were said.
    given: Vec<(u32, f64)>,
    mean_flits: f64,
    /// The only length, or all of them.
    choice: Choice,
}

#[derive(Clone, Debug)]
enum Choice {
    One(u32),
    Many(Weighted<u32>),
}

impl PacketSizes {
    /// Packets of one length, from 1 to 65535 flits.
    ///
    /// # Errors
    /// A length out of range.
    pub fn one(flits: u32) -> Result<Self, SyntheticError> {
        Self::mixed(&[(flits, 1.0)])
    }

    /// Packets of several lengths in flits, with their weights.
    ///
    /// # Errors
    /// A length out of range, no length, or weights that are none.
    pub fn mixed(given: &[(u32, f64)]) -> Result<Self, SyntheticError> {
        if let Some((flits, _)) = given.iter().find(|(flits, _)| !(1..=FLITS_MAX).contains(flits)) {
            let message = format!("a packet of {flits} flits is none");
            return Err(wrong(message));
        }
        let all = Weighted::new("packet_flits", given)?;
        let weight: f64 = given.iter().map(|(_, weight)| weight).sum();
        let mean = given.iter().map(|(flits, w)| f64::from(*flits) * w).sum::<f64>() / weight;
        let choice = match given {
            [(flits, _)] => Choice::One(*flits),
            _ => Choice::Many(all),
        };
        Ok(Self { given: given.to_vec(), mean_flits: mean, choice })
    }

    /// Flits of a packet in the mean.
    pub fn mean_flits(&self) -> f64 {
        self.mean_flits
    }

    /// The longest packet, in flits.
    pub fn flits_max(&self) -> u32 {
        self.given.iter().map(|(flits, _)| *flits).max().unwrap_or(0)
    }

    /// The lengths of one node's packets, drawn from a stream of its own.
    pub(super) fn start(&self, draws: Draws) -> Lengths {
        match &self.choice {
            Choice::One(flits) => Lengths::One(*flits),
            Choice::Many(all) => Lengths::Many(Box::new((draws, all.clone()))),
        }
    }
}

/// The lengths of one node's packets, in flits: nothing is drawn where there is only one.
#[derive(Clone, Debug)]
pub(super) enum Lengths {
    One(u32),
    Many(Box<(Draws, Weighted<u32>)>),
}

impl Lengths {
    /// The next length.
    #[inline]
    pub(super) fn next(&mut self) -> u32 {
        match self {
            Self::One(flits) => *flits,
            Self::Many(all) => all.1.pick(all.0.next()),
        }
    }
}

impl Default for PacketSizes {
    /// Packets of one flit.
    fn default() -> Self {
        Self { given: vec![(1, 1.0)], mean_flits: 1.0, choice: Choice::One(1) }
    }
}

impl PartialEq for PacketSizes {
    fn eq(&self, other: &Self) -> bool {
        self.given == other.given
    }
}

impl FromStr for PacketSizes {
    type Err = SyntheticError;

    /// # Errors
    /// What is no number, or out of range.
    fn from_str(text: &str) -> Result<Self, SyntheticError> {
        let one = |text: &str| {
            let (flits, weight) = text.split_once(':').unwrap_or((text, "1"));
            let bad = |_| wrong(format!("`{}` is no packet length", shown(text)));
            let flits = flits.trim().parse().map_err(bad)?;
            let bad = |_| wrong(format!("`{}` is no weight", shown(weight)));
            Ok((flits, weight.trim().parse().map_err(bad)?))
        };
        let given: Vec<(u32, f64)> = text.split(',').map(one).collect::<Result<_, _>>()?;
        Self::mixed(&given)
    }
}

impl fmt::Display for PacketSizes {
    /// The text that parses to the same lengths.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Choice::One(flits) = self.choice {
            return write!(f, "{flits}");
        }
        let given: Vec<String> = self.given.iter().map(|(l, w)| format!("{l}:{w}")).collect();
        f.write_str(&given.join(","))
    }
}

fn wrong(message: String) -> SyntheticError {
    let mend = "write flits from 1 to 65535, as in `5` or `1:0.5,5:0.5`";
    SyntheticError::new("packet_flits", message, mend)
}
