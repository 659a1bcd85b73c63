//! The clocks of a machine, from their description.

use base::DomainIdx;
use clock::{ClockParams, Direction, Domain, Drift, Oscillator, Spread};
use topology::spec::{ClockSpec, MachineSpec, SpreadDirection};

use crate::BuildError;

/// The clocks of a machine whose drift and jitter are drawn by `seed`. Clocks of one reference share its
/// drift.
pub(crate) fn domains(spec: &MachineSpec, seed: u64) -> Result<Vec<Domain>, BuildError> {
    let oscillator = |(at, c): (usize, &ClockSpec)| {
        let is_reference = c.reference == DomainIdx::new(at);
        let drift = c.drift.filter(|_| is_reference)?;
        Some(Oscillator::new(Drift { ppb: drift.ppb, every: drift.every }, seed, at as u64))
    };
    let oscillators: Vec<_> = spec.domains.iter().enumerate().map(oscillator).collect();
    let clock = |(at, c): (usize, &ClockSpec)| {
        let fail = |why: &dyn core::fmt::Display| {
            BuildError::new(format!("the clock `{}` cannot be: {why}", c.name))
        };
        let params = ClockParams {
            hertz: c.hertz,
            phase: c.phase,
            spread: c.spread.map(|s| Spread {
                direction: match s.direction {
                    SpreadDirection::Down => Direction::Down,
                    SpreadDirection::Centre => Direction::Centre,
                },
                ppm: s.ppm,
                every: s.every,
            }),
            reference: oscillators.get(c.reference.at()).cloned().flatten(),
            jitter_rms: c.jitter_rms,
            seed: (seed, JITTER | at as u64),
            tunable: c.tunable || !c.changes.is_empty(),
        };
        let clock = Domain::build(&params).map_err(|e| fail(&e))?;
        for (at, hertz) in &c.changes {
            clock.retune(*at, *hertz).map_err(|e| fail(&e))?;
        }
        Ok(clock)
    };
    spec.domains.iter().enumerate().map(clock).collect()
}

/// Marks the streams of jitter among those of oscillators.
const JITTER: u64 = 1 << 32;
