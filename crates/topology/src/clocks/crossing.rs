//! What joins two clock domains.

use base::DomainIdx;
use serde::{Deserialize, Serialize};

use super::CrossingSpec;
use crate::error::{ErrorKind, Problem};
use crate::spec::ClockSpec;
use crate::validate::range;

/// What joins two clock domains, as described.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossingForm {
    /// The two clocks.
    pub between: (String, String),
    /// By what.
    pub via: Via,
}

/// What joins two clock domains.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub enum Via {
    /// A synchronizer, with room for whatever comes: seen so many edges after the first edge at or
    /// after arrival; 0 to 64.
    Synchronizer {
        /// Edges of the receiving clock.
        edges: u32,
    },
    /// A FIFO whose pointers are synchronized: read at one flit an edge, `stages` edges after the first
    /// at or after the write; a place is free again `stages` edges of the writing clock after the
    /// first at or after the read. What finds it full waits.
    Fifo {
        /// Places, 2 to 1024.
        depth: u32,
        /// Edges of each synchronizer, 1 to 64.
        #[serde(default = "two")]
        stages: u32,
    },
    /// Two clocks of one frequency and unknown phase: no synchronizer, a fixed number of edges that
    /// keep reads away from writes; 0 to 64.
    Mesochronous {
        /// Edges of the receiving clock.
        edges: u32,
    },
    /// Two clocks of almost one frequency: a buffer that is kept half full by skips.
    Elastic {
        /// Places, 2 to 1024.
        depth: u32,
        /// Edges between two skips, at which it is centred again; 1 to 1,000,000.
        skip_edges: u32,
    },
}

const fn two() -> u32 {
    2
}

impl Via {
    /// Edges of the receiving clock from the first edge at or after arrival to visibility.
    pub const fn edges(&self) -> u32 {
        match *self {
            Self::Synchronizer { edges } | Self::Mesochronous { edges } => edges,
            Self::Fifo { stages, .. } => stages,
            Self::Elastic { depth, .. } => depth / 2,
        }
    }

    /// Places, where they are bounded and a flit can find them taken.
    pub const fn fifo_depth(&self) -> Option<u32> {
        match *self {
            Self::Fifo { depth, .. } => Some(depth),
            _ => None,
        }
    }
}

/// Resolves and checks the crossings.
pub(crate) fn crossings(
    forms: &[CrossingForm],
    clocks: &[ClockSpec],
    find: impl Fn(&str, &str) -> Result<DomainIdx, Problem>,
) -> Result<Vec<CrossingSpec>, Problem> {
    let mut all: Vec<CrossingSpec> = Vec::new();
    for (at, form) in forms.iter().enumerate() {
        let key = |field: &str| format!("crossings[{at}].{field}");
        let [a, b] = [&form.between.0, &form.between.1].map(|name| find(&key("between"), name));
        let between = [a?, b?];
        let wrong = |field: &str, what: String, mend: &str| {
            Err(Problem::new(ErrorKind::Structure, key(field), what, mend))
        };
        if between[0] == between[1] {
            let what = "a clock needs no crossing to itself".to_owned();
            return wrong("between", what, "name two clocks");
        }
        let turned = [between[1], between[0]];
        if all.iter().any(|c| c.between == between || c.between == turned) {
            let what = format!("`{}` and `{}` are joined twice", form.between.0, form.between.1);
            return wrong("between", what, "remove one of them");
        }
        values(&key("via"), &form.via)?;
        let ends = between.map(|d| &clocks[d.at()]);
        fits(&key("via"), &form.via, ends)?;
        all.push(CrossingSpec { between, via: form.via });
    }
    Ok(all)
}

fn values(key: &str, via: &Via) -> Result<(), Problem> {
    let of = |field: &str, value: u32, least, most| {
        range(&format!("{key}.{field}"), u64::from(value), least, most)
    };
    match *via {
        Via::Synchronizer { edges } | Via::Mesochronous { edges } => of("edges", edges, 0, 64),
        Via::Fifo { depth, stages } => {
            of("depth", depth, 2, 1024)?;
            of("stages", stages, 1, 64)
        }
        Via::Elastic { depth, skip_edges } => {
            of("depth", depth, 2, 1024)?;
            of("skip_edges", skip_edges, 1, 1_000_000)
        }
    }
}

/// Whether the two clocks are such that the crossing holds.
fn fits(key: &str, via: &Via, [a, b]: [&ClockSpec; 2]) -> Result<(), Problem> {
    let wrong =
        |message: String, mend: String| Err(Problem::new(ErrorKind::Structure, key, message, mend));
    match *via {
        Via::Mesochronous { .. } if !super::related(a, b) || a.hertz != b.hertz => wrong(
            format!("`{}` and `{}` are not of one frequency from one reference", a.name, b.name),
            "use Fifo, or make both from one parent by one ratio".to_owned(),
        ),
        Via::Elastic { .. } if [a, b].iter().any(|c| c.tunable || !c.changes.is_empty()) => wrong(
            format!("`{}` or `{}` changes its frequency", a.name, b.name),
            "use Fifo, which holds whatever clocks do".to_owned(),
        ),
        Via::Elastic { depth, skip_edges } => {
            let apart = super::wander_ppm(a, b) + nominal_ppm(a, b);
            // Half of it for either way, and a place for the edge at which a word is written.
            let slip = (apart * u64::from(skip_edges)).div_ceil(1_000_000);
            let needed = 2 * (slip + 1);
            if u64::from(depth) >= needed {
                return Ok(());
            }
            let message = format!(
                "`{}` and `{}` are up to {apart} ppm apart: in {skip_edges} edges they slip {slip}, \
                 which needs a depth of {needed}, not {depth}",
                a.name, b.name
            );
            wrong(message, "use a greater depth, skips more often, or Fifo".to_owned())
        }
        _ => Ok(()),
    }
}

/// By how many parts in a million one clock's frequency, offset included, is above the other's.
fn nominal_ppm(a: &ClockSpec, b: &ClockSpec) -> u64 {
    let of = |x: &ClockSpec, y: &ClockSpec| u128::from(x.hertz.0) * u128::from(y.hertz.1);
    let (a, b) = (of(a, b), of(b, a));
    let shift = (128 - a.max(b).leading_zeros()).saturating_sub(100);
    let (apart, least) = (a.abs_diff(b) >> shift, (a.min(b) >> shift).max(1));
    u64::try_from((apart * 1_000_000).div_ceil(least)).unwrap_or(u64::MAX / (1 << 21)).min(1 << 40)
}
