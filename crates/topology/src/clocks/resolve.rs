//! From names of parents to clocks with everything that they inherit.

use base::period::{higher, reduced};
use base::{DomainIdx, Fs};

use super::form::Clock;
use super::{DriftSpec, SpreadSpec};
use crate::error::{ErrorKind, Problem};
use crate::limits;
use crate::names::{Named, suggest};
use crate::spec::ClockSpec;
use crate::validate::range;

/// The clocks, in the order of the file.
pub(crate) fn clocks(forms: &Named<Clock>) -> Result<Vec<ClockSpec>, Problem> {
    if forms.0.len() > limits::DOMAINS_MAX {
        let message = format!("{} clock domains are too many", forms.0.len());
        let mend = format!("use at most {}", limits::DOMAINS_MAX);
        return Err(Problem::new(ErrorKind::Limit, "clocks", message, mend));
    }
    let mut made: Vec<Option<ClockSpec>> = vec![None; forms.0.len()];
    for at in 0..forms.0.len() {
        // From the clock up to the first ancestor that is made, or a reference; then down again.
        let mut line = vec![at];
        while let Some(parent) = parent(forms, line[line.len() - 1])?
            && made[parent].is_none()
        {
            if line.contains(&parent) {
                let name = &forms.0[at].0;
                return Err(Problem::new(
                    ErrorKind::Structure,
                    format!("clocks.\"{name}\".parent"),
                    format!("`{name}` is made from itself"),
                    "give one of these clocks a frequency of its own",
                ));
            }
            line.push(parent);
        }
        while let Some(next) = line.pop() {
            if made[next].is_none() {
                let above = parent(forms, next)?.map(|p| (p, made[p].clone()));
                made[next] = Some(one(forms, next, above)?);
            }
        }
    }
    Ok(made.into_iter().flatten().collect())
}

fn parent(forms: &Named<Clock>, at: usize) -> Result<Option<usize>, Problem> {
    let (name, clock) = &forms.0[at];
    let Some(parent) = &clock.parent else { return Ok(None) };
    let found = forms.position(parent).ok_or_else(|| {
        let shown: String = parent.chars().take(40).collect();
        let message = format!("there is no clock called `{shown}`");
        let key = format!("clocks.\"{name}\".parent");
        Problem::new(
            ErrorKind::Name,
            key,
            message,
            suggest(parent, forms.0.iter().map(|(n, _)| n.as_str())),
        )
    });
    found.map(Some)
}

/// One clock, whose parent is made.
fn one(
    forms: &Named<Clock>,
    at: usize,
    above: Option<(usize, Option<ClockSpec>)>,
) -> Result<ClockSpec, Problem> {
    let (name, form) = &forms.0[at];
    let above = above.and_then(|(p, made)| Some((p, made?)));
    kind(name, form, above.as_ref().map(|(_, made)| made))?;
    let drift = form.drift.map(|d| DriftSpec { ppb: d.ppb, every: d.every.0 });
    let spread = match form.spread {
        Some(s) => Some(SpreadSpec {
            of: DomainIdx::new(at),
            direction: s.direction,
            ppm: s.ppm,
            every: period(name, s.rate.0)?,
        }),
        None => above.as_ref().and_then(|(_, made)| made.spread),
    };
    let own = ClockSpec {
        name: name.clone(),
        hertz: form.frequency.map_or((0, 1), |f| off(f.0, form.ppm)),
        phase: form.phase.0 + form.skew.0,
        ppm: form.ppm,
        reference: DomainIdx::new(at),
        parent: None,
        ratio: form.ratio,
        skew: form.skew.0,
        drift,
        spread,
        jitter_rms: form.jitter.0,
        changes: form.changes.iter().map(|c| (c.at.0, off(c.frequency.0, form.ppm))).collect(),
        tunable: form.tunable,
    };
    let Some((parent, up)) = above else { return Ok(own) };
    let hertz = times(up.hertz, form.ratio).ok_or_else(|| {
        let key = format!("clocks.\"{name}\".ratio");
        let message = "the ratios down to here are too fine a fraction";
        Problem::new(ErrorKind::Value, key, message, "use smaller numbers")
    })?;
    Ok(ClockSpec {
        hertz,
        phase: up.phase + own.phase,
        ppm: up.ppm,
        reference: up.reference,
        parent: Some(DomainIdx::new(parent)),
        drift: up.drift,
        changes: form.changes.iter().map(|c| (c.at.0, off(c.frequency.0, up.ppm))).collect(),
        ..own
    })
}

/// Whether the form is that of a reference, or of a clock that is made from another.
fn kind(name: &str, form: &Clock, parent: Option<&ClockSpec>) -> Result<(), Problem> {
    let wrong = |field: &str, message: &str, mend: &str| {
        let key = format!("clocks.\"{name}\".{field}");
        Err(Problem::new(ErrorKind::Structure, key, message, mend))
    };
    let Some(parent) = parent else {
        return match form.frequency {
            None => wrong(
                "frequency",
                "the clock has neither a frequency nor a parent",
                "give `frequency: \"1 GHz\"`, or `parent` and `ratio`",
            ),
            Some(_) if form.ratio != (1, 1) => {
                wrong("ratio", "a ratio is to a parent, and there is none", "name the `parent`")
            }
            Some(_) => Ok(()),
        };
    };
    if form.frequency.is_some() {
        return wrong(
            "frequency",
            "the clock has a parent, which gives its frequency by the ratio",
            "remove the frequency or the parent",
        );
    }
    if form.ppm != 0 {
        return wrong(
            "ppm",
            "only a reference is off; the ratio is exact",
            "move it to the reference",
        );
    }
    if form.drift.is_some() {
        return wrong("drift", "only a reference drifts", "move it to the reference");
    }
    if form.spread.is_some() && parent.spread.is_some() {
        return wrong("spread", "its parent is spread already", "spread one of the two");
    }
    if !parent.changes.is_empty() || parent.tunable {
        return wrong(
            "parent",
            "the parent's frequency changes, and what is made from it would",
            "make both from a clock that does not change, and change both",
        );
    }
    let (mul, div) = form.ratio;
    range(&format!("clocks.\"{name}\".ratio"), u64::from(mul.min(div)), 1, 1 << 20)?;
    range(&format!("clocks.\"{name}\".ratio"), u64::from(mul.max(div)), 1, 1 << 20)
}

/// The period of a modulation, a whole and even number of femtoseconds.
fn period(name: &str, (num, den): (u64, u64)) -> Result<Fs, Problem> {
    let key = format!("clocks.\"{name}\".spread.rate");
    range(&key, num / den, 1, 1_000_000)?;
    let half = u128::from(Fs::PER_SECOND) * u128::from(den) / (2 * u128::from(num));
    Ok(Fs(2 * u64::try_from(half).unwrap_or(u64::MAX / 4)))
}

/// A frequency that is `ppm` parts in a million higher; as described where it is not off.
fn off(hertz: (u64, u64), ppm: i32) -> (u64, u64) {
    if ppm == 0 { hertz } else { higher(hertz, i64::from(ppm) * 1_000) }
}

fn times((num, den): (u64, u64), (mul, div): (u32, u32)) -> Option<(u64, u64)> {
    let (num, den) = (u128::from(num) * u128::from(mul), u128::from(den) * u128::from(div));
    reduced(num, den)
}
