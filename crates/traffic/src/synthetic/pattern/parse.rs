//! Patterns as text: what is written, what it means, and what was meant.

use core::fmt;
use core::str::FromStr;

use base::NodeIdx;

use super::super::error::SyntheticError;
use super::super::text::{Call, Form, shown};
use super::PatternSpec;

/// Every pattern that can be named.
pub const PATTERNS: &[Form] = &[
    form("uniform", "uniform", "any node, the source included"),
    form("uniform_others", "uniform_others", "any node but the source"),
    form("transpose", "transpose", "upper and lower half of the number's bits exchanged"),
    form("bitcomp", "bitcomp", "every bit of the number inverted"),
    form("bitrev", "bitrev", "the number's bits in the opposite order"),
    form("shuffle", "shuffle", "the number's bits rotated left by one"),
    form("bitrot", "bitrot", "the number's bits rotated right by one"),
    form("tornado", "tornado[(8x8)]", "ceil(k/2)-1 routers on in every dimension, around"),
    form("neighbor", "neighbor[(8x8)]", "one router on in every dimension, around"),
    form("randperm", "randperm[(SEED)]", "a permutation drawn once"),
    form(
        "hotspot",
        "hotspot(NODE[:WEIGHT],..[@SHARE])",
        "a share of the packets (all, if not said) to a few nodes by weight, the rest to any node",
    ),
    form("bad_dragon", "bad_dragon[(GROUP NODES)]", "any node of the next group"),
    form("asymmetric", "asymmetric", "the source's place in either half of the nodes"),
    form("diagonal", "diagonal", "the next node for a third of the packets, else the source"),
];

/// Other names, among them BookSim's for the same.
const ALIASES: &[(&str, &str)] = &[
    ("random", "uniform"),
    ("uniform_random", "uniform"),
    ("others", "uniform_others"),
    ("bit_complement", "bitcomp"),
    ("complement", "bitcomp"),
    ("bit_reverse", "bitrev"),
    ("bit_reversal", "bitrev"),
    ("bit_rotation", "bitrot"),
    ("rotation", "bitrot"),
    ("neighbour", "neighbor"),
    ("permutation", "randperm"),
    ("random_permutation", "randperm"),
    ("hotspots", "hotspot"),
    ("hot_spot", "hotspot"),
    ("hot_spots", "hotspot"),
    ("badperm_dfly", "bad_dragon"),
    ("bad_dragonfly", "bad_dragon"),
];

const fn form(name: &'static str, usage: &'static str, help: &'static str) -> Form {
    Form { name, usage, help }
}

impl FromStr for PatternSpec {
    type Err = SyntheticError;

    /// # Errors
    /// A name that is no pattern, or arguments that it does not take; with what was meant.
    fn from_str(text: &str) -> Result<Self, SyntheticError> {
        let call = Call::parse("traffic", text, PATTERNS, ALIASES)?;
        let given = call.arguments.filter(|arguments| !arguments.is_empty());
        let spec = match call.form.name {
            "tornado" => return Ok(Self::Tornado { dims: dims(&call, given)? }),
            "neighbor" => return Ok(Self::Neighbor { dims: dims(&call, given)? }),
            "randperm" => {
                let seed = given.map(|text| call.number("seed", text)).transpose()?;
                return Ok(Self::RandomPermutation { seed });
            }
            "hotspot" => return hot_spots(&call, given),
            "bad_dragon" => {
                let nodes = given.map(|text| call.number("number of nodes", text)).transpose()?;
                return Ok(Self::BadDragonfly { group_nodes: nodes });
            }
            "uniform_others" => Self::UniformOthers,
            "transpose" => Self::Transpose,
            "bitcomp" => Self::BitComplement,
            "bitrev" => Self::BitReverse,
            "shuffle" => Self::Shuffle,
            "bitrot" => Self::BitRotation,
            "asymmetric" => Self::Asymmetric,
            "diagonal" => Self::Diagonal,
            _ => Self::Uniform,
        };
        call.bare()?;
        Ok(spec)
    }
}

fn dims(call: &Call<'_>, given: Option<&str>) -> Result<Option<Vec<u32>>, SyntheticError> {
    let sizes = |text: &str| {
        let size = |k| match call.number("size of a dimension", k)? {
            0 => Err(call.wrong("a dimension of size 0 holds no router")),
            size => Ok(size),
        };
        text.split(['x', 'X']).map(size).collect()
    };
    given.map(sizes).transpose()
}

fn hot_spots(call: &Call<'_>, given: Option<&str>) -> Result<PatternSpec, SyntheticError> {
    let given = given.ok_or_else(|| call.wrong("no hot spot is named"))?;
    let (list, share) = match given.split_once('@') {
        Some((list, share)) => (list, call.number("share", share)?),
        None => (given, 1.0),
    };
    if !(0.0..=1.0).contains(&share) {
        return Err(call.wrong(format!("{share} is no share: it is from 0 to 1")));
    }
    let spot = |text: &str| {
        let (node, weight) = match text.split_once(':') {
            Some((node, weight)) => (node, call.number::<f64>("weight", weight)?),
            None => (text, 1.0),
        };
        if !weight.is_finite() || weight < 0.0 {
            return Err(call.wrong(format!("`{}` has a weight that is no weight", shown(text))));
        }
        Ok((NodeIdx(call.number("node", node)?), weight))
    };
    let spots = list.split(',').map(spot).collect::<Result<_, _>>()?;
    Ok(PatternSpec::HotSpots { spots, share })
}

impl fmt::Display for PatternSpec {
    /// The text that parses to the same pattern.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::UniformOthers => f.write_str("uniform_others"),
            Self::Transpose => f.write_str("transpose"),
            Self::BitComplement => f.write_str("bitcomp"),
            Self::BitReverse => f.write_str("bitrev"),
            Self::Shuffle => f.write_str("shuffle"),
            Self::BitRotation => f.write_str("bitrot"),
            Self::Asymmetric => f.write_str("asymmetric"),
            Self::Diagonal => f.write_str("diagonal"),
            Self::Tornado { dims } => grid(f, "tornado", dims.as_ref()),
            Self::Neighbor { dims } => grid(f, "neighbor", dims.as_ref()),
            Self::RandomPermutation { seed: None } => f.write_str("randperm"),
            Self::RandomPermutation { seed: Some(seed) } => write!(f, "randperm({seed})"),
            Self::BadDragonfly { group_nodes: None } => f.write_str("bad_dragon"),
            Self::BadDragonfly { group_nodes: Some(nodes) } => write!(f, "bad_dragon({nodes})"),
            Self::HotSpots { spots, share } => {
                let spots: Vec<String> =
                    spots.iter().map(|(node, weight)| format!("{}:{weight}", node.0)).collect();
                write!(f, "hotspot({}@{share})", spots.join(","))
            }
        }
    }
}

fn grid(f: &mut fmt::Formatter<'_>, name: &str, dims: Option<&Vec<u32>>) -> fmt::Result {
    let Some(dims) = dims else { return f.write_str(name) };
    let sizes: Vec<String> = dims.iter().map(u32::to_string).collect();
    write!(f, "{name}({})", sizes.join("x"))
}
