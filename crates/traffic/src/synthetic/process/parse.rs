//! Injection processes as text.

use core::fmt;
use core::str::FromStr;

use super::super::error::SyntheticError;
use super::super::text::{Call, Form, shown};
use super::ProcessSpec;

/// Every injection process that can be named.
pub const PROCESSES: &[Form] = &[
    Form { name: "bernoulli", usage: "bernoulli", help: "each cycle with the same chance" },
    Form {
        name: "on_off",
        usage: "on_off(alpha=A,beta=B) or two others of alpha, beta, peak",
        help: "bursts: on with chance A a cycle, off with chance B",
    },
    Form {
        name: "self_similar",
        usage: "self_similar[(HURST[,SOURCES])]",
        help: "bursts on every scale, from 8 trains a node if not said; HURST is 0.8 if not said",
    },
    Form { name: "periodic", usage: "periodic", help: "evenly spaced, nodes out of phase" },
];

const ALIASES: &[(&str, &str)] = &[
    ("onoff", "on_off"),
    ("burst", "on_off"),
    ("bursty", "on_off"),
    ("markov", "on_off"),
    ("pareto", "self_similar"),
    ("selfsimilar", "self_similar"),
    ("constant", "periodic"),
    ("cbr", "periodic"),
];

/// Trains and Hurst parameter where none are said.
const HURST: f64 = 0.8;
const TRAINS: u32 = 8;

impl FromStr for ProcessSpec {
    type Err = SyntheticError;

    /// # Errors
    /// A name that is no process, or arguments that it does not take; with what was meant.
    fn from_str(text: &str) -> Result<Self, SyntheticError> {
        let call = Call::parse("process", text, PROCESSES, ALIASES)?;
        match call.form.name {
            "on_off" => {
                let [alpha, beta, peak] = named(&call, ["alpha", "beta", "peak"])?;
                if [alpha, beta, peak].iter().flatten().count() != 2 {
                    return Err(call.wrong("two of its parameters are wanted"));
                }
                Ok(Self::OnOff { alpha, beta, peak })
            }
            "self_similar" => {
                let [hurst, sources] = named(&call, ["hurst", "sources"])?;
                let sources = match sources {
                    Some(text) => call.number("number of sources", &text.to_string())?,
                    None => TRAINS,
                };
                Ok(Self::SelfSimilar { hurst: hurst.unwrap_or(HURST), sources })
            }
            "periodic" => call.bare().map(|()| Self::Periodic),
            _ => call.bare().map(|()| Self::Bernoulli),
        }
    }
}

/// Numbers by place or, as `name=number`, by name.
fn named<const N: usize>(
    call: &Call<'_>,
    names: [&str; N],
) -> Result<[Option<f64>; N], SyntheticError> {
    let mut values = [None; N];
    let given = call.arguments.filter(|arguments| !arguments.is_empty());
    for (place, text) in given.iter().flat_map(|given| given.split(',')).enumerate() {
        let (at, text) = match text.split_once('=') {
            Some((name, text)) => (names.iter().position(|n| *n == name.trim()), text),
            None => (Some(place), text),
        };
        let Some(slot) = at.and_then(|at| values.get_mut(at)) else {
            return Err(call.wrong(format!("`{}` is none of its parameters", shown(text))));
        };
        if slot.replace(call.number::<f64>("number", text)?).is_some() {
            return Err(call.wrong("a parameter is given twice"));
        }
    }
    Ok(values)
}

impl fmt::Display for ProcessSpec {
    /// The text that parses to the same process.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bernoulli => f.write_str("bernoulli"),
            Self::Periodic => f.write_str("periodic"),
            Self::SelfSimilar { hurst, sources } => write!(f, "self_similar({hurst},{sources})"),
            Self::OnOff { alpha, beta, peak } => {
                let given = [("alpha", alpha), ("beta", beta), ("peak", peak)];
                let given: Vec<String> =
                    given.iter().filter_map(|(n, v)| v.map(|v| format!("{n}={v}"))).collect();
                write!(f, "on_off({})", given.join(","))
            }
        }
    }
}
