//! What clocks must be for their edges to follow each other.

use base::Fs;

use super::SpreadDirection;
use crate::error::{ErrorKind, Problem};
use crate::spec::ClockSpec;
use crate::validate::range;

/// Whether two clocks never slip: one reference, and the same spread.
pub(crate) fn related(a: &ClockSpec, b: &ClockSpec) -> bool {
    let fixed = |c: &ClockSpec| c.changes.is_empty() && !c.tunable;
    a.reference == b.reference
        && a.spread.map(|s| s.of) == b.spread.map(|s| s.of)
        && fixed(a)
        && fixed(b)
}

/// Parts in a million that two clocks can be apart, beyond their nominal frequencies' ratio: offset,
/// drift and spread together.
pub(crate) fn apart_ppm(a: &ClockSpec, b: &ClockSpec) -> u32 {
    let drift = |c: &ClockSpec| c.drift.map_or(0, |d| d.ppb.div_ceil(1_000));
    let spread = |c: &ClockSpec| c.spread.map_or(0, |s| s.ppm);
    let mut apart = a.ppm.abs_diff(b.ppm);
    if a.reference != b.reference {
        apart += drift(a) + drift(b);
    }
    if a.spread.map(|s| s.of) != b.spread.map(|s| s.of) {
        apart += spread(a) + spread(b);
    }
    apart
}

/// What holds of each clock by itself.
pub(crate) fn clock(clock: &ClockSpec) -> Result<(), Problem> {
    let key = |field: &str| format!("clocks.\"{}\".{field}", clock.name);
    if let Some(d) = clock.drift {
        range(&key("drift.ppb"), u64::from(d.ppb), 1, 1_000_000)?;
        range(&key("drift.every"), d.every.0, 1_000_000_000, Fs::PER_SECOND)?;
    }
    if let Some(s) = clock.spread {
        range(&key("spread.ppm"), u64::from(s.ppm), 1, 50_000)?;
    }
    range(&key("jitter"), clock.jitter_rms.0, 0, Fs::PER_SECOND / 1_000)?;
    let mut before = None;
    ordered(
        clock,
        clock.hertz,
        &key(if clock.jitter_rms > Fs::ZERO { "jitter" } else { "spread" }),
    )?;
    for (at, change) in clock.changes.iter().enumerate() {
        let key = |field: &str| key(&format!("changes[{at}].{field}"));
        if before.is_some_and(|b| change.0 <= b) {
            let message = format!("the change at {} is not later than the one before", change.0);
            return Err(Problem::new(ErrorKind::Value, key("at"), message, "put them in order"));
        }
        before = Some(change.0);
        ordered(clock, change.1, &key("frequency"))?;
    }
    Ok(())
}

/// Whether edges follow each other at a frequency, and its period can be kept.
fn ordered(clock: &ClockSpec, hertz: (u64, u64), key: &str) -> Result<(), Problem> {
    let (num, den) = (u128::from(hertz.0), u128::from(hertz.1));
    let mean: (u128, u128) = match clock.spread {
        Some(s) if s.direction == SpreadDirection::Down => {
            (2_000_000 + u128::from(s.ppm), 2_000_000)
        }
        _ => (1, 1),
    };
    let period = (u128::from(Fs::PER_SECOND) * den * mean.0, num * mean.1);
    let shared = gcd(period.0, period.1).max(1);
    if u64::try_from(period.0 / shared).is_err() || u64::try_from(period.1 / shared).is_err() {
        let message = "the period, spread, is too fine a fraction";
        return Err(Problem::new(ErrorKind::Value, key, message, "round the frequency"));
    }
    let slopes = u128::from(clock.spread.map_or(0, |s| s.ppm * 500))
        + u128::from(clock.drift.map_or(0, |d| d.ppb + 40));
    // An edge is off by sqrt(12) deviations at most; roundings take a few femtoseconds.
    let shortest = period.0 / period.1 * (1_000_000_000 - slopes) / 1_000_000_000;
    let jitter = 2 * (u128::from(clock.jitter_rms.0) * 34_642 / 10_000 + 2);
    let taken = if clock.jitter_rms > Fs::ZERO { jitter + 5 } else { 5 };
    let deviates = clock.jitter_rms > Fs::ZERO || clock.spread.is_some() || clock.drift.is_some();
    if deviates && shortest <= taken {
        let message = format!(
            "edges could change places: a period is {} fs or more, and jitter moves an edge by up to {} fs",
            shortest,
            jitter / 2
        );
        return Err(Problem::new(ErrorKind::Value, key, message, "use less jitter"));
    }
    Ok(())
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}
