//! What `check` says of clocks and of the crossings between them.

use core::fmt;

use base::DomainIdx;
use serde::Serialize;
use topology::spec::{ClockSpec, MachineSpec, SpreadDirection, Via};

/// A clock domain.
#[derive(Serialize)]
struct Clock {
    name: String,
    /// Nominal, offset included and spread not.
    hertz: f64,
    /// What it is made from, and by which ratio; `null` for a reference.
    parent: Option<(String, (u32, u32))>,
    /// Instant of its first edge.
    phase_fs: u64,
    /// What its tree adds to its parent's edges.
    skew_fs: u64,
    /// By how much its reference is off.
    ppm: i32,
    /// How far its reference wanders.
    drift_ppb: u32,
    /// How far it is spread, and to which side.
    spread_ppm: u32,
    spread: Option<&'static str>,
    /// Standard deviation of its edges.
    jitter_rms_fs: u64,
    /// When it changes, and to how many hertz.
    changes: Vec<(u64, f64)>,
    tunable: bool,
}

/// A pair of domains that is not joined by the machine's synchronizer.
#[derive(Serialize)]
struct Crossing {
    between: [String; 2],
    via: Via,
    /// Mean wait of what arrives at any phase, in periods of the receiving clock.
    mean_periods: f64,
}

/// The clocks of a machine.
#[derive(Serialize)]
pub(crate) struct Clocks {
    clocks: Vec<Clock>,
    crossings: Vec<Crossing>,
}

fn hertz((num, den): (u64, u64)) -> f64 {
    num as f64 / den as f64
}

impl Clocks {
    /// Those of `spec`.
    pub(crate) fn of(spec: &MachineSpec) -> Self {
        let name = |d: DomainIdx| spec.domains[d.at()].name.clone();
        let clock = |c: &ClockSpec| Clock {
            name: c.name.clone(),
            hertz: hertz(c.hertz),
            parent: c.parent.map(|p| (name(p), c.ratio)),
            phase_fs: c.phase.0,
            skew_fs: c.skew.0,
            ppm: c.ppm,
            drift_ppb: c.drift.map_or(0, |d| d.ppb),
            spread_ppm: c.spread.map_or(0, |s| s.ppm),
            spread: c.spread.map(|s| match s.direction {
                SpreadDirection::Down => "down",
                SpreadDirection::Centre => "centre",
            }),
            jitter_rms_fs: c.jitter_rms.0,
            changes: c.changes.iter().map(|(at, to)| (at.0, hertz(*to))).collect(),
            tunable: c.tunable,
        };
        let crossing = |c: &topology::spec::CrossingSpec| Crossing {
            between: c.between.map(name),
            via: c.via,
            mean_periods: f64::from(c.via.edges()) + 0.5,
        };
        Self {
            clocks: spec.domains.iter().map(clock).collect(),
            crossings: spec.crossings.iter().map(crossing).collect(),
        }
    }
}

impl Clock {
    /// Whether there is more to say than a frequency.
    fn deviates(&self) -> bool {
        let moves = self.spread.is_some() || !self.changes.is_empty() || self.tunable;
        let off = self.ppm != 0 || self.drift_ppb != 0 || self.jitter_rms_fs != 0;
        self.parent.is_some() || self.phase_fs != 0 || moves || off
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  clock            {}: {:.6} MHz", self.name, self.hertz / 1e6)?;
        if let Some((parent, (mul, div))) = &self.parent {
            write!(f, ", {mul}/{div} of {parent}")?;
        }
        let ps = |fs: u64| fs as f64 / 1e3;
        if self.phase_fs != 0 {
            write!(f, ", first edge at {} ps", ps(self.phase_fs))?;
        }
        if self.skew_fs != 0 {
            write!(f, ", skew {} ps", ps(self.skew_fs))?;
        }
        if self.ppm != 0 {
            write!(f, ", {:+} ppm", self.ppm)?;
        }
        if self.drift_ppb != 0 {
            write!(f, ", drifts within {} ppb", self.drift_ppb)?;
        }
        if let Some(side) = self.spread {
            write!(f, ", spread {} ppm {side}", self.spread_ppm)?;
        }
        if self.jitter_rms_fs != 0 {
            write!(f, ", jitter {} ps", ps(self.jitter_rms_fs))?;
        }
        for (at, to) in &self.changes {
            write!(f, ", {:.6} MHz from {} ns", to / 1e6, *at as f64 / 1e6)?;
        }
        if self.tunable {
            f.write_str(", tunable")?;
        }
        Ok(())
    }
}

/// Says nothing of clocks that are only a frequency, and of crossings that are the machine's own.
impl fmt::Display for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.clocks.iter().any(Clock::deviates) {
            self.clocks.iter().try_for_each(|clock| writeln!(f, "{clock}"))?;
        }
        for Crossing { between: [a, b], via, mean_periods } in &self.crossings {
            let what = match via {
                Via::Synchronizer { edges } => format!("a synchronizer of {edges} edges"),
                Via::Fifo { depth, stages } => {
                    format!("FIFOs of {depth} places, synchronizers of {stages} edges")
                }
                Via::Mesochronous { edges } => format!("mesochronous, {edges} edges"),
                Via::Elastic { depth, skip_edges } => {
                    format!("elastic buffers of {depth} places, skips every {skip_edges} edges")
                }
            };
            writeln!(
                f,
                "  crossing         {a} and {b}: {what}; {mean_periods:.1} periods on average"
            )?;
        }
        Ok(())
    }
}
