//! What clocks must be for their edges to follow each other.

use base::Fs;
use base::period::{Deviation, Unfit, Width};

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
pub(crate) fn apart_ppm(a: &ClockSpec, b: &ClockSpec) -> u64 {
    u64::from(a.ppm.abs_diff(b.ppm)) + wander_ppm(a, b)
}

/// The part of [`apart_ppm`] that changes: drift and spread.
pub(crate) fn wander_ppm(a: &ClockSpec, b: &ClockSpec) -> u64 {
    let drift = |c: &ClockSpec| c.drift.map_or(0, |d| u64::from(d.ppb.div_ceil(1_000)));
    let spread = |c: &ClockSpec| c.spread.map_or(0, |s| u64::from(s.ppm));
    let mut apart = 0;
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
    range(&key("ppm"), u64::from(clock.ppm.unsigned_abs()), 0, PPM_MAX)?;
    if let Some(d) = clock.drift {
        range(&key("drift.ppb"), u64::from(d.ppb), 1, 1_000_000)?;
        range(&key("drift.every"), d.every.0, 1_000_000_000, Fs::PER_SECOND)?;
    }
    if let Some(s) = clock.spread {
        range(&key("spread.ppm"), u64::from(s.ppm), 1, 50_000)?;
    }
    range(&key("jitter"), clock.jitter_rms.0, 0, Fs::PER_SECOND / 1_000)?;
    let mut before = None;
    let field = if clock.jitter_rms > Fs::ZERO { "jitter" } else { "spread" };
    ordered(clock, clock.hertz, &key(field))?;
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

/// The furthest that a reference is off: a tenth.
const PPM_MAX: u64 = 100_000;

/// Whether edges follow each other at a frequency, and its period can be kept.
fn ordered(clock: &ClockSpec, hertz: (u64, u64), key: &str) -> Result<(), Problem> {
    let down = |d: SpreadDirection| d == SpreadDirection::Down;
    let deviation = Deviation {
        spread: clock.spread.map(|s| Width { ppm: s.ppm, down: down(s.direction) }),
        drift_ppb: clock.drift.map(|d| d.ppb),
        jitter_rms: clock.jitter_rms,
    };
    let Err(unfit) = deviation.period(hertz) else { return Ok(()) };
    let mend = match unfit {
        Unfit::NoFrequency => "use 1 Hz to 1000 GHz",
        Unfit::TooFine => "round the frequency",
        Unfit::Disordered { .. } => "use less jitter",
    };
    Err(Problem::new(ErrorKind::Value, key, unfit.to_string(), mend))
}
